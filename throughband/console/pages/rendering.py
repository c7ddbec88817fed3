"""From values to HTML: the templates, their filters, and what every page carries."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from throughband.console.outcomes import pathless
from throughband.people.rights import Right, told_rights
from throughband.reports.comparison import number
from throughband.reports.style import short

STATIC: Final = Path(__file__).parent.parent / "static"

PLACES: Final = (
    ("Overview", "/", Right.VIEW),
    ("Networks", "/networks", Right.VIEW),
    ("Runs", "/runs", Right.VIEW),
    ("Plans", "/plans", Right.VIEW),
    ("Live corridor", "/live", Right.VIEW),
    ("Warnings", "/warnings", Right.VIEW),
    ("Journal", "/journal", Right.VIEW),
    ("Users", "/users", Right.ADMINISTER),
)
"""Where one can go, each with the right it needs."""

NAME_LENGTH: Final = 28
"""Names of junctions of OpenStreetMap can be hundreds of characters long."""

THEMES: Final = ("system", "light", "dark")
THEME_COOKIE: Final = "theme"

DONE: Final[Mapping[str, str]] = {
    "signed-out": "You are signed out.",
    "imported": "The network was imported.",
    "added": "It was added.",
    "kept": "The change was kept.",
    "commented": "Your comment was added.",
    "taken": "You look after this warning now.",
    "password": "Your password was changed.",
    "revoked": "The token is ended.",
    "session-ended": "The session is ended.",
    "sessions-ended": "Every session of this account is ended.",
    "moved": "Done; it stands in the journal.",
    "ordered": "It is being done; this page follows it.",
    "drafted": "A new draft was made of these offsets.",
    "released": "All controllers are being given back to their own schedule.",
    "stopped": "The run is being stopped.",
}
"""What a page says after something was done, by the word in its address."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates; every value in them is escaped."""
    found = Environment(
        loader=PackageLoader("throughband.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["number"] = number
    found.filters["signed"] = lambda value, digits: number(value, digits, signed=True)
    found.filters["rights"] = told_rights
    found.filters["short"] = lambda name: short(str(name), NAME_LENGTH)
    found.filters["utc"] = lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    found.filters["iso"] = lambda moment: moment.astimezone(UTC).isoformat(timespec="seconds")
    found.filters["local"] = _local
    found.filters["took"] = _took
    found.filters["pathless"] = pathless
    found.globals["static"] = static_address
    return found


@lru_cache(maxsize=256)
def static_address(name: str) -> str:
    """Return the address of a file of ours; it changes with the content, so it may be cached."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def render(
    template: str,
    *,
    path: str,
    query: str,
    person: str | None,
    rights: Collection[Right],
    csrf: str,
    theme: str,
    site: str,
    zone: tzinfo,
    now_utc: datetime,
    done: str = "",
    **context: Any,
) -> str:
    """Return a page.

    Parameters
    ----------
    template
        Name of the template.
    path, query
        Of the page's own address.
    person, rights
        Who looks, None before signing in, and what they may do.
    csrf
        Token of the session; every form carries it.
    theme, site
        Chosen appearance, and what this installation is called.
    zone, now_utc
        Times are told in the zone of the city, each with its date and the zone's name.
    done
        Key of `DONE`: what was just done.
    context
        What the template tells.
    """
    section = next(
        (href for _, href, _ in PLACES[1:] if path == href or path.startswith(href + "/")),
        "/" if path == "/" else "",
    )
    return (
        environment()
        .get_template(template)
        .render(
            {
                "me": {"name": person} if person is not None else None,
                "can": lambda right: Right(right) in rights,
                "csrf": csrf,
                "theme": theme if theme in THEMES else "system",
                "site": site,
                "zone": str(zone),
                "_zone": zone,
                "_now": now_utc,
                "done": DONE.get(done, ""),
                "here": path + (f"?{query}" if query else ""),
                "here_path": path,
                "section": section,
                "places": [
                    {"name": name, "href": href, "apart": right == Right.ADMINISTER}
                    for name, href, right in PLACES
                    if right in rights
                ],
                **context,
            }
        )
    )


@pass_context
def _local(context: Context, moment: datetime) -> str:
    """Return day, time and zone: a clock time alone is read wrongly past midnight or far away."""
    local = moment.astimezone(context["_zone"])
    name = local.tzname() or ""
    if not name[:1].isalpha():
        # Many zones have no abbreviation but their distance, such as -03.
        name = f"UTC{name}"
    return f"{local:%Y-%m-%d %H:%M:%S} {name}"


@pass_context
def _took(context: Context, run: Any) -> str:
    if run.begun_utc is None:
        return "–"
    seconds = int(((run.ended_utc or context["_now"]) - run.begun_utc).total_seconds())
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
