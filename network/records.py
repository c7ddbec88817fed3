"""Frozen dataclasses as objects of a document, by their annotations.

Fields that hold their default are left out of the document, so that a class may gain optional
fields without any older document becoming invalid. Mappings keyed by words or whole numbers are
objects; those keyed by several words are lists of key and value.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from network.errors import ThroughbandError
from network.fields import Fields, place_in, shown

MOST_WHOLE = 10**9
MOST_NUMBER = 1e12
"""Limits against slips of the pen; NTCIP and surveyors stay far below them."""

MOST_CHARACTERS = 10_000

Record = TypeVar("Record")

_UNIONS = (Union, types.UnionType)
_REFUSED = object()
_LAYOUTS: dict[Any, dict[str, tuple[Any, Any]]] = {}


def record_document(record: object) -> dict[str, object]:
    """Return a dataclass as a document holds it.

    Parameters
    ----------
    record
        A dataclass of texts, numbers, flags, `StrEnum` members, tuples, mappings, further
        dataclasses, and None.
    """
    return {
        name: _plain(getattr(record, name))
        for name, (_, default) in _layout(type(record)).items()
        if default is MISSING or getattr(record, name) != default
    }


def read_record(
    cls: type[Record], item: object, where: str, error: type[ThroughbandError]
) -> Record:
    """Take a dataclass from a document.

    Parameters
    ----------
    cls
        What to make.
    item
        As `record_document` makes it.
    where
        What to name in a message.
    error
        What to raise.

    Raises
    ------
    ThroughbandError
        Of the given kind, if a value is not as its annotation says, is missing or unknown; and
        whatever the class itself refuses.
    """
    layout = _layout(cls)
    required = [name for name, (_, default) in layout.items() if default is MISSING]
    optional = [name for name in layout if name not in required]
    found = Fields.of(item, place_in(where), error, required, optional)
    return cls(
        **{
            name: _value(layout[name][0], value, f"{where}, {name}", error)
            for name, value in found.values.items()
        }
    )


def record_schemas(cls: type) -> dict[str, dict[str, object]]:
    """Return the JSON Schema of a dataclass, and of each that it holds, by name of the class."""
    found: dict[str, dict[str, object]] = {}
    waiting: list[Any] = [cls]
    while waiting:
        hint = waiting.pop()
        if not is_dataclass(hint):
            waiting.extend(get_args(hint))
        elif isinstance(hint, type) and hint.__name__ not in found:
            found[hint.__name__] = _record_schema(hint)
            waiting.extend(annotation for annotation, _ in _layout(hint).values())
    return dict(sorted(found.items()))


def _record_schema(cls: type) -> dict[str, object]:
    layout = _layout(cls)
    return {
        "type": "object",
        "properties": {name: _schema(hint) for name, (hint, _) in layout.items()},
        "required": [name for name, (_, default) in layout.items() if default is MISSING],
        "additionalProperties": False,
    }


def _layout(cls: Any) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of every field."""
    if cls not in _LAYOUTS:
        _LAYOUTS[cls] = _layout_of(cls)
    return _LAYOUTS[cls]


def _layout_of(cls: Any) -> dict[str, tuple[Any, Any]]:
    assert is_dataclass(cls)
    hints = get_type_hints(cls)
    return {item.name: (hints[item.name], _default(item)) for item in fields(cls)}


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _plain(value: object) -> object:
    if is_dataclass(value):
        return record_document(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        if any(isinstance(key, tuple) for key in value):
            return [[_plain(key), _plain(part)] for key, part in value.items()]
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, StrEnum):
        return str(value)
    return float(value) if isinstance(value, float) else value


def _value(hint: Any, item: Any, where: str, error: type[ThroughbandError]) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        if item is None:
            return None
        (hint,) = (part for part in parts if part is not types.NoneType)
        return _value(hint, item, where, error)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return read_record(hint, item, where, error)
    if origin is tuple:
        return _tuple(parts, item, where, error)
    if issubclass(origin or hint, Mapping):
        return _mapping(parts, item, where, error)
    value = _scalar(hint, item)
    if value is _REFUSED:
        raise error(f"{where}: found {shown(item)}; allowed is {_allowed(hint)}")
    return value


def _tuple(
    parts: tuple[Any, ...], item: Any, where: str, error: type[ThroughbandError]
) -> tuple[Any, ...]:
    endless = parts[-1] is Ellipsis
    if type(item) is not list or not (endless or len(item) == len(parts)):
        length = "" if endless else f" of {len(parts)} values"
        raise error(f"{where}: found {shown(item)}; allowed is a list{length}")
    hints = parts[:1] * len(item) if endless else parts
    return tuple(
        _value(hint, part, f"{where} {at}", error)
        for at, (hint, part) in enumerate(zip(hints, item, strict=True), start=1)
    )


def _mapping(
    parts: tuple[Any, ...], item: Any, where: str, error: type[ThroughbandError]
) -> dict[Any, Any]:
    key_hint, hint = parts
    if get_origin(key_hint) is tuple:
        pair = types.GenericAlias(tuple, (key_hint, hint))
        pairs = _tuple((pair, ...), item, where, error)
        found = dict(pairs)
        if len(found) != len(pairs):
            raise error(f"{where}: a key appears twice")
        return found
    if not isinstance(item, dict):
        raise error(f"{where}: found {shown(item)}; allowed is an object")
    keys = {key: _key(key_hint, key) for key in item}
    for key, value in keys.items():
        if value is _REFUSED:
            raise error(f"{where}: found the key {shown(key)}; allowed is {_allowed(key_hint)}")
    return {
        keys[key]: _value(hint, part, f"{where} {shown(key)}", error) for key, part in item.items()
    }


def _key(hint: Any, key: str) -> Any:
    if hint is int:
        # As written by us: one way of writing a number, so that no number is there twice.
        short = len(key) <= len(str(-MOST_WHOLE)) and key.isascii()
        number = int(key) if short and key.removeprefix("-").isdigit() else None
        return _REFUSED if number is None or str(number) != key else _scalar(int, number)
    return _scalar(hint, key)


def _scalar(hint: Any, item: Any) -> Any:
    """Return a value without parts; `_REFUSED` if it is not what the annotation says."""
    if hint is float:
        fits = type(item) in (int, float) and -MOST_NUMBER <= item <= MOST_NUMBER
        return float(item) if fits else _REFUSED
    if issubclass(hint, StrEnum):
        return hint(item) if type(item) is str and item in list(hint) else _REFUSED
    if type(item) is not hint:
        return _REFUSED
    if hint is int:
        return item if -MOST_WHOLE <= item <= MOST_WHOLE else _REFUSED
    if hint is str:
        return item if len(item) <= MOST_CHARACTERS else _REFUSED
    assert hint is bool
    return item


def _allowed(hint: Any) -> str:
    if issubclass(hint, StrEnum):
        return f"one of {', '.join(hint)}"
    return {
        int: f"a whole number up to {MOST_WHOLE}",
        float: f"a number up to {MOST_NUMBER:g}",
        str: f"text of up to {MOST_CHARACTERS} characters",
        bool: "true or false",
    }[hint]


def _schema(hint: Any) -> dict[str, object]:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        (hint,) = (part for part in parts if part is not types.NoneType)
        return {"anyOf": [_schema(hint), {"type": "null"}]}
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin is tuple:
        if parts[-1] is Ellipsis:
            return {"type": "array", "items": _schema(parts[0])}
        return {
            "type": "array",
            "prefixItems": [_schema(part) for part in parts],
            "items": False,
            "minItems": len(parts),
        }
    if issubclass(origin or hint, Mapping):
        if get_origin(parts[0]) is tuple:
            return {"type": "array", "items": _schema(types.GenericAlias(tuple, parts))}
        whole = {"propertyNames": {"pattern": "^(0|-?[1-9][0-9]*)$"}} if parts[0] is int else {}
        return {"type": "object", **whole, "additionalProperties": _schema(parts[1])}
    if issubclass(hint, StrEnum):
        return {"enum": [str(word) for word in hint]}
    plain: dict[type, dict[str, object]] = {
        int: {"type": "integer", "minimum": -MOST_WHOLE, "maximum": MOST_WHOLE},
        float: {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
        str: {"type": "string", "maxLength": MOST_CHARACTERS},
        bool: {"type": "boolean"},
    }
    return plain[hint]
