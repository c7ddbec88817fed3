"""Fields of requests, bounded in length and free of characters a database cannot keep."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

MOST_ROWS: Final = 200


class Asked(BaseModel):
    """What a request brings; nothing that is not known."""

    model_config = ConfigDict(extra="forbid")


def _keepable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that cannot be kept (NUL or half a surrogate pair)")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a character that cannot be printed")
    return text


_KEPT = AfterValidator(_keepable)
_LINE = AfterValidator(_one_line)

Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    _KEPT,
    _LINE,
]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z._@-]+$"), _KEPT
]
Why = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True), _KEPT]
Prose = Annotated[
    str, StringConstraints(min_length=1, max_length=10000, strip_whitespace=True), _KEPT
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200), _KEPT]
RowId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="Id: 12 hexadecimal digits.")]
BodyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Query(ge=0, le=10**6)]
