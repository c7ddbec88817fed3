"""TOML text: what is written means the same, and every value is found on its line."""

from __future__ import annotations

import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.documents import DocumentForm
from network.errors import FormatError
from network.toml_text import TomlFile, read_toml, toml_key, toml_value

FORM = DocumentForm("test.note", "note", 1, FormatError)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    words
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.dates()
    | st.times().map(lambda at: at.replace(microsecond=0, fold=0))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(document=st.dictionaries(words, values, max_size=5))
def test_what_is_written_means_the_same(document: dict[str, Any]) -> None:
    text = "\n".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in document.items())
    assert tomllib.loads(text) == document


@settings(max_examples=80, deadline=None)
@given(document=st.dictionaries(words, values, max_size=5), gap=st.integers(1, 3))
def test_every_value_is_found_on_its_line(document: dict[str, Any], gap: int) -> None:
    lines: list[str] = []
    at = {}
    for key, item in document.items():
        lines += ["# = [ { \" '''"] * (gap - 1)
        lines.append(f"{toml_key(key)} = {toml_value(item)}")
        at[key] = len(lines)
    file = TomlFile(Path("note.toml"), "\n".join(lines), document)
    for key, item in document.items():
        assert file.where(key) == f"note.toml, line {at[key]}"
        if isinstance(item, list) and item:
            assert file.where(key, len(item) - 1) == f"note.toml, line {at[key]}"


TEXT = '''# a note
a = 1
b."c d".'e' = [ # one
    "x # = [", 2,
    { k = """
]]""", l = 5 },

    [ '3', 4 ],
]
[t.u]
v = \'\'\'
[w]
\'\'\'
w = 2026-01-01 00:00:00
[[list]]
x = 1
[[list]]
x = 2
[[list.inner]]
y = 3
[list.inner.deep]
z = 4
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("a",), 2),
        (("b",), 3),
        (("b", "c d", "e"), 3),
        (("b", "c d", "e", 0), 4),
        (("b", "c d", "e", 1), 4),
        (("b", "c d", "e", 2, "k"), 5),
        (("b", "c d", "e", 2, "l"), 6),
        (("b", "c d", "e", 3, 1), 8),
        (("t",), 10),
        (("t", "u", "v"), 11),
        (("t", "u", "w"), 14),
        (("list", 0, "x"), 16),
        (("list", 1), 17),
        (("list", 1, "x"), 18),
        (("list", 1, "inner", 0, "y"), 20),
        (("list", 1, "inner", 0, "deep", "z"), 22),
        (("list", 1, "missing"), 17),
    ],
)
def test_values_in_tables_lists_and_long_texts_are_found(
    keys: tuple[str | int, ...], line: int
) -> None:
    file = TomlFile(Path("note.toml"), TEXT, tomllib.loads(TEXT))
    assert file.where(*keys) == f"note.toml, line {line}"


def test_what_is_nowhere_is_in_the_file() -> None:
    assert TomlFile(Path("note.toml"), TEXT, {}).where("missing") == "note.toml"


def test_dates_and_times_are_written_as_toml_has_them() -> None:
    written = toml_value({"at": time(6, 30), "on": [date(2026, 12, 25)], "x y": True, "none": {}})
    assert written == '{ at = 06:30:00, on = [2026-12-25], "x y" = true, none = {} }'


def test_a_text_of_too_many_values_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "note.toml").write_text("a = [" + "1," * 200_000 + "]")
    with pytest.raises(FormatError, match="too large for a note"):
        read_toml(tmp_path / "note.toml", FORM)
