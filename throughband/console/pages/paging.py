"""Long lists, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request

from throughband.store.repository import PAGE


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of how many, and the addresses of its neighbors; empty for none."""

    number: int
    count: int
    before: str
    after: str

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * PAGE


def paging(request: Request, rows: int, name: str = "page") -> Paging:
    """Return the page that a request asks for; one out of range is the nearest there is."""
    text = request.query_params.get(name, "1")
    count = max(1, -(-rows // PAGE))
    number = min(max(int(text), 1), count) if text.isdecimal() and len(text) < 9 else 1

    def address(other: int) -> str:
        if not 1 <= other <= count:
            return ""
        query = {k: v for k, v in request.query_params.items() if k != "done"} | {name: str(other)}
        return f"{request.url.path}?{urlencode(query)}"

    return Paging(number, count, address(number - 1), address(number + 1))
