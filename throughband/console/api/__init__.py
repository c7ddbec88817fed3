"""The API, version 1: everything the pages do."""

from __future__ import annotations

from fastapi import APIRouter

from throughband.console.api import sessions, watching


def routers() -> tuple[APIRouter, ...]:
    """Return the routers of the API."""
    return (watching.router, sessions.router)
