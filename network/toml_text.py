"""TOML that a person edits: read with the line of every value at hand, written plainly.

`tomllib` does not say where a value stands. The text is walked a second time to find out, and
only when a message needs it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

from network.documents import Document, DocumentForm, read_text
from network.fields import named

MOST_BYTES = 2 * 2**20
MOST_MARKS = 160_000
"""Commas, points, brackets and equal signs: `tomllib` reads some 300,000 values in a second."""

MOST_POINTS = 64
"""On a line: `tomllib` takes seconds for keys of thousands of parts."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BETWEEN = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BLANKS = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'", re.DOTALL
)

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML document and its text.

    Attributes
    ----------
    path
        Its file.
    text
        What stands there.
    document
        What it means.
    """

    path: Path
    text: str
    document: Document

    def where(self, *keys: str | int) -> str:
        """Return file and line of a value, or of the nearest one that holds it."""
        lines = _lines(self.text)
        while keys and keys not in lines:
            keys = keys[:-1]
        return f"{self.path}, line {lines[keys]}" if keys else str(self.path)

    def place(self, *keys: str | int) -> Callable[[str], str]:
        """Return how to name the place of a key in the object found under some keys."""
        return lambda key: f"{self.where(*keys, key)}, {named(key)}" if key else self.where(*keys)


def read_toml(path: Path, form: DocumentForm) -> TomlFile:
    """Read a TOML document of the present version or an older one, upgraded.

    Raises
    ------
    ThroughbandError
        Of the form's kind, if the file is missing, too long, not TOML or of another form or a
        newer version; with the line where there is one.
    """
    text = read_text(path, form).replace("\r\n", "\n")
    marks = sum(text.count(mark) for mark in ",.[=")
    if marks > MOST_MARKS:
        raise form.error(f"{path}: too large for a {form.noun}; found {marks} values and names")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_POINTS and not line.lstrip().startswith("#"):
            raise form.error(
                f"{path}, line {number}: found more than {MOST_POINTS} points on one line; "
                "allowed are fewer"
            )
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise form.error(f"{path}: not a {form.noun} in TOML ({error})") from error
    return TomlFile(path, text, form.upgraded(document, str(path)))


def toml_value(value: object) -> str:
    """Return a value as TOML writes it on one line.

    Parameters
    ----------
    value
        Text, a flag, a number, a date, a time of day, or a list or mapping of these.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    return _quoted(str(value))


def toml_key(key: str) -> str:
    """Return a key as TOML writes it, quoted where it must be."""
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _lines(text: str) -> dict[Keys, int]:
    """Return the line of every value of a valid TOML text, by the keys that lead to it."""
    walk = _Walk(text)
    walk.document()
    return walk.lines


class _Walk:
    """One walk over a valid TOML text; it asks only for structure, never for meaning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Keys, int] = {}
        self.counts: dict[Keys, int] = {}

    def document(self) -> None:
        base: Keys = ()
        while self._skip(_BETWEEN) < len(self.text):
            if self._take("[["):
                base = self._resolved(self._key())
                number = self.counts.get(base, 0)
                self.counts[base] = number + 1
                base = (*base, number)
                self._note(base)
                self._take("]]")
            elif self._take("["):
                base = self._resolved(self._key())
                self._note(base)
                self._take("]")
            else:
                self._pair(base)

    def _pair(self, base: Keys) -> None:
        keys = (*base, *self._key())
        self._note(keys)
        self._take("=")
        self._value(keys)

    def _value(self, keys: Keys) -> None:
        self._skip(_BLANKS)
        if self._take("["):
            number = 0
            self._skip(_BETWEEN)
            while not self._take("]"):
                self._note((*keys, number))
                self._value((*keys, number))
                number += 1
                self._skip(_BETWEEN)
                self._take(",")
                self._skip(_BETWEEN)
        elif self._take("{"):
            self._skip(_BETWEEN)
            while not self._take("}"):
                self._pair(keys)
                self._skip(_BETWEEN)
                self._take(",")
                self._skip(_BETWEEN)
        elif not self._string():
            self._skip(_SCALAR)

    def _key(self) -> Keys:
        parts: list[str] = []
        while True:
            self._skip(_BLANKS)
            quoted = self._string()
            if quoted is not None:
                parts.append(next(iter(tomllib.loads(f"{quoted} = 0"))))
            else:
                begin = self.at
                self._skip(_BARE_KEY)
                parts.append(self.text[begin : self.at])
            self._skip(_BLANKS)
            if not self._take("."):
                return tuple(parts)

    def _resolved(self, keys: Keys) -> Keys:
        """Put in the number of the latest element wherever a header passes through a list."""
        found: Keys = ()
        for depth, key in enumerate(keys, start=1):
            found = (*found, key)
            if depth < len(keys) and found in self.counts:
                found = (*found, self.counts[found] - 1)
        return found

    def _string(self) -> str | None:
        match = _STRING.match(self.text, self.at)
        if match is None:
            return None
        self._advance(match.end())
        return match.group()

    def _note(self, keys: Keys) -> None:
        for depth in range(1, len(keys) + 1):
            self.lines.setdefault(keys[:depth], self.line)

    def _take(self, token: str) -> bool:
        self._skip(_BLANKS)
        if not self.text.startswith(token, self.at):
            return False
        self._advance(self.at + len(token))
        return True

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self._advance(match.end())
        return self.at

    def _advance(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end
