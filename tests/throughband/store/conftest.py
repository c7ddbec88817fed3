"""The store over SQLite and over a real PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.throughband.store import postgres
from throughband.store import Store, open_store

BEGIN_UTC = datetime(2031, 5, 6, 8, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = BEGIN_UTC

    def __call__(self) -> datetime:
        return self.now

    def on(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@dataclass
class Desk:
    """A store in the making: where its database and its journal are."""

    url: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    opened: list[Store] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def open(self, wait_s: float = 5.0) -> Store:
        store = open_store(
            self.url,
            backups=self.folder / "backups",
            journal=self.journal,
            clock=self.clock,
            wait_s=wait_s,
        )
        self.opened.append(store)
        return store


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    # A socket's path may not be long, so pytest's own folders will not do.
    folder = Path(tempfile.mkdtemp(prefix="tb-pg-"))
    try:
        with postgres.server(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'console.sqlite'}"
    server_url: str = request.getfixturevalue("postgres_url")
    name = f"desk{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    return server_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def desk(fresh_url: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(fresh_url, tmp_path)
    yield found
    for store in found.opened:
        store.close()


@pytest.fixture
def store(desk: Desk) -> Store:
    return desk.open()


@pytest.fixture
def clock() -> Clock:
    return Clock()
