"""Which right each route of the console asks for: the one table, checked at every call.

A route that is not here is refused at the start, so none is forgotten. Pages are listed beside
the API's routes; docs/console.md shows the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from throughband.people.rights import Right

API: Final = "/api/v1"
PUBLIC: Final = None
"""Stands for: nobody has to be signed in."""

_V, _E, _A, _O, _M = Right.VIEW, Right.ENGINEER, Right.APPROVE, Right.OPERATE, Right.ADMINISTER

ROUTES: Final[Mapping[str, Right | None]] = MappingProxyType(
    {
        "GET /healthz": PUBLIC,
        "GET /readyz": PUBLIC,
        "GET /metrics": PUBLIC,
        f"POST {API}/session": PUBLIC,
        f"GET {API}/session": _V,
        f"DELETE {API}/session": _V,
    }
)


def told_table(routes: Mapping[str, Right | None] = ROUTES) -> str:
    """Return the table as Markdown."""
    lines = ["| Route | Right |", "|---|---|"]
    for route, right in routes.items():
        lines.append(f"| `{route}` | {right.value if right else 'none'} |")
    return "\n".join(lines)
