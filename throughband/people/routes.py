"""Which right each route of the console asks for: the one table, checked at every call.

A route that is not here is refused at the start, so none is forgotten. Pages are listed beside
the API's routes; docs/console.md shows the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from throughband.people.page_routes import PAGES
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
        "GET /login/oidc": PUBLIC,
        "GET /login/oidc/back": PUBLIC,
        f"POST {API}/session": PUBLIC,
        f"GET {API}/session": _V,
        f"DELETE {API}/session": _V,
        f"POST {API}/me/password": _V,
        f"GET {API}/tokens": _V,
        f"POST {API}/tokens": _V,
        f"DELETE {API}/tokens/{{token_id}}": _V,
        f"GET {API}/users": _M,
        f"POST {API}/users": _M,
        f"PATCH {API}/users/{{user_id}}": _M,
        f"POST {API}/users/{{user_id}}/password": _M,
        f"GET {API}/users/{{user_id}}/tokens": _M,
        f"DELETE {API}/users/{{user_id}}/tokens/{{token_id}}": _M,
        f"GET {API}/users/{{user_id}}/sessions": _M,
        f"DELETE {API}/users/{{user_id}}/sessions": _M,
        f"DELETE {API}/users/{{user_id}}/sessions/{{session_id}}": _M,
        f"GET {API}/cities": _V,
        f"GET {API}/networks": _V,
        f"GET {API}/networks/{{network_id}}": _V,
        f"POST {API}/networks/catalog": _E,
        f"POST {API}/networks/import": _E,
        f"DELETE {API}/networks/{{network_id}}": _E,
        f"POST {API}/uploads": _E,
        f"GET {API}/runs": _V,
        f"GET {API}/runs/{{run_id}}": _V,
        f"GET {API}/runs/{{run_id}}/output": _V,
        f"GET {API}/runs/{{run_id}}/files": _V,
        f"GET {API}/runs/{{run_id}}/files/{{name}}": _V,
        f"POST {API}/runs/{{run_id}}/cancel": _E,
        f"POST {API}/runs/optimize": _E,
        f"POST {API}/runs/run": _E,
        f"POST {API}/runs/validate": _E,
        f"POST {API}/runs/forecast": _E,
        f"POST {API}/runs/evaluate": _E,
        f"GET {API}/plans": _V,
        f"GET {API}/plans/{{plan_id}}": _V,
        f"GET {API}/plans/{{plan_id}}/content": _V,
        f"GET {API}/plans/{{plan_id}}/report": _V,
        f"GET {API}/plans/{{plan_id}}/difference": _V,
        f"GET {API}/plans/{{plan_id}}/moves": _V,
        f"GET {API}/plans/{{plan_id}}/comments": _V,
        f"POST {API}/plans/{{plan_id}}/comments": _E,
        f"POST {API}/plans/upload": _E,
        f"POST {API}/plans/from-run": _E,
        f"POST {API}/plans/{{plan_id}}/trial": _V,
        f"POST {API}/plans/{{plan_id}}/tuned": _E,
        f"POST {API}/plans/{{plan_id}}/check": _E,
        f"POST {API}/plans/{{plan_id}}/approve": _A,
        f"POST {API}/plans/{{plan_id}}/reject": _A,
        f"POST {API}/plans/{{plan_id}}/arm": _O,
        f"POST {API}/plans/{{plan_id}}/disarm": _O,
        f"POST {API}/plans/{{plan_id}}/roll-back": _O,
        f"GET {API}/corridor": _V,
        f"GET {API}/corridor/devices": _V,
        f"POST {API}/corridor/release": _O,
        f"POST {API}/corridor/recover": _O,
        f"GET {API}/journal": _V,
        f"GET {API}/journal/verification": _V,
        f"GET {API}/journal/export": _V,
        f"GET {API}/warnings": _V,
        f"POST {API}/warnings/{{warning_id}}/take": _E,
        f"GET {API}/notices": _V,
        **PAGES,
    }
)


def told_table(routes: Mapping[str, Right | None] = ROUTES) -> str:
    """Return the table as Markdown."""
    lines = ["| Route | Right |", "|---|---|"]
    for route, right in routes.items():
        lines.append(f"| `{route}` | {right.value if right else 'none'} |")
    return "\n".join(lines)
