"""Which right each page of the console asks for: part of the table in `throughband.people.routes`.

The moves of plans ask for the right of the move besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from throughband.people.rights import Right

PUBLIC: Final = None
_V, _E, _O, _M = Right.VIEW, Right.ENGINEER, Right.OPERATE, Right.ADMINISTER

PAGES: Final[Mapping[str, Right | None]] = MappingProxyType(
    {
        "GET /login": PUBLIC,
        "POST /login": PUBLIC,
        "POST /logout": _V,
        "POST /logout/everywhere": _V,
        "POST /appearance": _V,
        "GET /account": _V,
        "POST /account/password": _V,
        "POST /account/tokens": _V,
        "POST /account/tokens/{token_id}/revoke": _V,
        "GET /": _V,
        "GET /networks": _V,
        "GET /networks/import": _E,
        "POST /networks/import": _E,
        "POST /networks/catalog": _E,
        "GET /networks/{network_id}": _V,
        "GET /networks/{network_id}/map.json": _V,
        "GET /networks/{network_id}/signals/{signal_id:path}": _V,
        "GET /runs": _V,
        "GET /runs/new": _E,
        "POST /runs/new": _E,
        "GET /runs/{run_id}": _V,
        "GET /runs/{run_id}/now": _V,
        "POST /runs/{run_id}/cancel": _E,
        "POST /runs/{run_id}/plan": _E,
        "GET /runs/{run_id}/files/{name}": _V,
        "GET /plans": _V,
        "GET /plans/upload": _E,
        "POST /plans/upload": _E,
        "GET /plans/{plan_id}": _V,
        "GET /plans/{plan_id}/history": _V,
        "GET /plans/{plan_id}/plan.json": _V,
        "GET /plans/{plan_id}/signals/{signal_id:path}": _V,
        "GET /plans/{plan_id}/diagram": _V,
        "GET /plans/{plan_id}/trial": _V,
        "POST /plans/{plan_id}/tuned": _E,
        "POST /plans/{plan_id}/comments": _E,
        "GET /plans/{plan_id}/moves/{move}": _E,
        "POST /plans/{plan_id}/moves/{move}": _E,
        "GET /live": _V,
        "GET /live/now": _V,
        "GET /live/release": _O,
        "POST /live/release": _O,
        "GET /warnings": _V,
        "POST /warnings/{warning_id}/take": _E,
        "GET /journal": _V,
        "GET /journal/export": _V,
        "GET /users": _M,
        "GET /users/new": _M,
        "POST /users/new": _M,
        "GET /users/{user_id}": _M,
        "POST /users/{user_id}": _M,
        "POST /users/{user_id}/tokens/{token_id}/end": _M,
        "POST /users/{user_id}/sessions/end": _M,
        "POST /users/{user_id}/sessions/{session_id}/end": _M,
    }
)
