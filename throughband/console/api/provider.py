"""Signing in with a provider: to it, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from network.errors import MissingError, SignInError
from throughband.console.api.sessions import set_cookie
from throughband.console.config import ConsoleConfig
from throughband.console.desk import TheDesk
from throughband.console.problems import documented
from throughband.people.agency import Pending

if TYPE_CHECKING:
    from throughband.people.oidc import Provider

router = APIRouter(tags=["people"])

PENDING: Final = "throughband-oidc"
PENDING_S: Final = 600
BACK: Final = "/login/oidc/back"

_REDIRECT: Final[dict[int | str, dict[str, Any]]] = {
    303: {"description": "To the provider, or back to the console."}
}


@router.get(
    "/login/oidc",
    status_code=303,
    response_class=RedirectResponse,
    responses={**documented(404), **_REDIRECT},
)
def begin(
    request: Request,
    desk: TheDesk,
    after: Annotated[str, Query(alias="next", max_length=500)] = "/",
) -> RedirectResponse:
    """Begin to sign in with the provider."""
    url, pending = _provider(request).begin(_back(request, desk.config), _own(after))
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        PENDING, pending.to_text(), PENDING_S, path=BACK, httponly=True, samesite="lax",
        secure=desk.config.https,
    )  # fmt: skip
    return answer


@router.get(
    BACK,
    status_code=303,
    response_class=RedirectResponse,
    responses={**documented(404), **_REDIRECT},
)
def finish(
    request: Request,
    desk: TheDesk,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
) -> RedirectResponse:
    """Come back from the provider; opens a session."""
    provider = _provider(request)
    kept = request.cookies.get(PENDING, "")
    if error or not kept or not code:
        raise SignInError("the sign-in was not finished at the provider; begin again")
    pending = Pending.of_text(kept)
    user = provider.finish(pending, state, code, _back(request, desk.config))
    token, _ = desk.door.open_session(user, request.headers.get("user-agent", ""))
    answer = RedirectResponse(_own(pending.after), 303)
    set_cookie(answer, desk.config, token)
    answer.delete_cookie(PENDING, path=BACK)
    return answer


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise MissingError("this console has accounts of its own only")
    return found


def _own(address: str) -> str:
    """Return an address of ours, or the first page for anybody else's."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_ours and address.isprintable() else "/"


def _back(request: Request, config: ConsoleConfig) -> str:
    """Return where the provider is to send the browser back to: as registered there."""
    if config.public_url is not None:
        return f"{config.public_url}{BACK}"
    # The proxy that speaks HTTPS may not be one whose headers count.
    scheme = "https" if config.https else request.url.scheme
    return str(request.url.replace(scheme=scheme, path=BACK, query="", fragment=""))
