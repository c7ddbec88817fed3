"""The console's pages: server-rendered HTML that works without scripts, and better with them."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from throughband.console.kept import StillMadeError
from throughband.console.pages import (
    account,
    diagram,
    journal_pages,
    live,
    moves,
    networks,
    overview,
    plans,
    runs,
    users,
    warning_list,
)
from throughband.console.pages.serving import fault_page, mount_static, wait_page
from throughband.console.pages.settings import PageSettings


def page_routers() -> tuple[APIRouter, ...]:
    """Return the routers of the pages, for `throughband.console.app.create_app`."""
    return (
        account.router, overview.router, networks.router, runs.router, diagram.router,
        moves.router, plans.router, live.router, warning_list.router, journal_pages.router,
        users.router,
    )  # fmt: skip


def furnish(app: FastAPI, settings: PageSettings | None = None) -> None:
    """Give an application with our routers what pages need.

    Parameters
    ----------
    app
        Made by `throughband.console.app.create_app` with `page_routers`.
    settings
        What pages say of the installation.
    """
    app.state.pages = settings or PageSettings()
    app.state.error_page = fault_page
    app.add_exception_handler(StillMadeError, wait_page)
    mount_static(app)
