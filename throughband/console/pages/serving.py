"""How pages are served: what was posted, what every page carries, and what goes wrong told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.datastructures import UploadFile
from starlette.staticfiles import StaticFiles

from network.errors import RightError, ThroughbandError
from throughband.console.desk import CSRF_FIELD, Desk, desk_of, maybe_person_of, recognize
from throughband.console.pages.rendering import STATIC, THEME_COOKIE, render
from throughband.console.pages.works import Works
from throughband.console.problems import Problem, id_of, still_made
from throughband.console.shelf import Shelf
from throughband.people.door import Person, same

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is fetched from elsewhere, nothing inline is run; MapLibre's worker may be a blob."""

FILE_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""A run's own report: it brings its styles, and can do nothing."""

GATE_COOKIE: Final = "throughband_gate"
"""Token of the sign-in form, before there is a session."""

MOST_FIELDS: Final = 2000
TITLES: Final[Mapping[int, str]] = {
    403: "Not allowed",
    404: "Not found",
    409: "Not as things stand",
    405: "Not found",
    413: "Too large",
    500: "Something went wrong here",
    503: "Not possible at the moment",
}
LASTING: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Posted:
    """A form as posted; texts are stripped, missing ones empty."""

    texts: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    files: Mapping[str, tuple[str, bytes]]

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return self.lists.get(name, ())

    def file(self, name: str) -> tuple[str, bytes] | None:
        """Return name and content of an uploaded file, or None where none was chosen."""
        return self.files.get(name)


async def posted(request: Request) -> Posted:
    """Read a form. Its session's token was checked before, by the application's guard.

    Raises
    ------
    ThroughbandError
        A text holds what cannot be kept.
    """
    texts: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = (value.filename, await value.read())
            continue
        text = value.strip()
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ThroughbandError(f"{name}: holds a character that cannot be kept")
        texts[name] = text
        lists[name] = (*lists.get(name, ()), text)
    return Posted(texts, lists, files)


Form = Annotated[Posted, Depends(posted)]


def works_of(request: Request) -> Works:
    """Return what the application does for its pages."""
    return Works(desk_of(request))


def shelf_of(request: Request) -> Shelf:
    """Return what pages look at again and again."""
    return desk_of(request).shelf


def page(request: Request, template: str, status: int = 200, /, **context: Any) -> HTMLResponse:
    """Return a page as a response."""
    desk: Desk = desk_of(request)
    person: Person | None = maybe_person_of(request)
    gate = context.pop("gate", "")
    settings = request.app.state.pages
    html = render(
        template,
        path=request.url.path,
        query=request.url.query,
        person=(person.user.full_name or person.name) if person else None,
        rights=person.rights if person else (),
        csrf=person.csrf_token if person else gate,
        theme=request.cookies.get(THEME_COOKIE, "system"),
        site=settings.site,
        zone=settings.zone,
        now_utc=desk.clock(),
        done=request.query_params.get("done", ""),
        **context,
    )
    return HTMLResponse(html, status, headers={"Content-Security-Policy": POLICY})


def fault_page(request: Request, status: int, problem: Problem) -> Response:
    """Return a problem as a page; who is unknown is sent to sign in."""
    if status == 401:
        after = request.url.path if request.method == "GET" else "/"
        address = f"/login?next={quote(after)}"
        if request.headers.get("hx-request"):
            return Response(status_code=200, headers={"HX-Redirect": address})
        return RedirectResponse(address, 303)
    recognize(request)
    person = maybe_person_of(request)
    template = "fault.html" if person else "fault_outside.html"
    return page(
        request, template, status, title=_title(status, problem),
        message=problem.message, changes=problem.changes, correlation=problem.request_id,
    )  # fmt: skip


def _title(status: int, problem: Problem) -> str:
    if problem.error == "Stale":
        return "Changed meanwhile"
    return TITLES.get(status, "That does not work")


def wait_page(request: Request, error: Exception) -> Response:
    """Say that something is being worked out; the page asks again by itself."""
    if request.url.path.startswith("/api/"):
        return still_made(request, error)
    if request.url.path.endswith(".json"):
        problem = Problem(error="StillMade", message=str(error), request_id=id_of(request))
        answer: Response = JSONResponse(problem.model_dump(), 503)
    elif request.method != "GET":
        # What was sent is not kept, and its address shows nothing.
        said = f"{error}; go back and send it again in a moment"
        answer = fault_page(
            request, 503, Problem(error="StillMade", message=said, request_id=id_of(request))
        )
    else:
        answer = page(request, "wait.html", 202)
    answer.headers["Retry-After"] = "1"
    return answer


def require_gate(request: Request, form: Posted) -> None:
    """Refuse a sign-in form that our own page did not make.

    Raises
    ------
    RightError
        Its token is not that of the cookie.
    """
    known = request.cookies.get(GATE_COOKIE, "")
    if not known or not same(known, form[CSRF_FIELD]):
        raise RightError("this sign-in form is too old; open the page again, with cookies allowed")


def to(address: str, done: str = "") -> RedirectResponse:
    """Send the browser to a page of ours after something was done."""
    if done:
        address += f"{'&' if '?' in address else '?'}done={done}"
    return RedirectResponse(address, 303)


def own_address(address: str) -> str:
    """Return an address if it is a path of ours, else the overview."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() else "/"


def new_gate() -> str:
    """Draw the token of a sign-in form."""
    return secrets.token_urlsafe(24)


class LastingFiles(StaticFiles):
    """Files of ours; their addresses change with their content, so browsers may keep them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a file."""
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = LASTING
        return answer


def mount_static(app: FastAPI) -> None:
    """Serve styles and scripts."""
    app.mount("/static", LastingFiles(directory=STATIC), name="static")
