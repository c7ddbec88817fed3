"""The API, version 1: everything the pages do."""

from __future__ import annotations

from fastapi import APIRouter

from throughband.console.api import (
    networks,
    people,
    plans,
    provider,
    records,
    runs,
    sessions,
    street,
    trials,
    watching,
)


def routers() -> tuple[APIRouter, ...]:
    """Return the routers of the API."""
    modules = (watching, sessions, provider, people, networks, runs, plans, trials, street, records)
    return tuple(module.router for module in modules)
