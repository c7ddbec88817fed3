"""A console that really listens, and people at it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI

from tests.throughband.store.conftest import Clock
from throughband.console.config import ConsoleConfig
from throughband.console.desk import Desk
from throughband.people.passwords import Passwords
from throughband.people.rights import ROLES

QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PASSWORD = "correct horse battery"


def config_in(folder: Path, **values: Any) -> ConsoleConfig:
    """Return a configuration whose files are in a folder."""
    settings: dict[str, Any] = {
        "database": f"sqlite:///{folder / 'console.sqlite'}",
        "bridge": None,
        "journal": folder / "journal.sqlite",
    }
    return ConsoleConfig(
        path=folder / "console.toml",
        runs=folder / "runs",
        networks=folder / "networks",
        uploads=folder / "uploads",
        backups=folder / "backups",
        **(settings | values),
    )


@contextmanager
def listening(app: FastAPI, **options: Any) -> Iterator[str]:
    """Serve an application on a free port of the loopback; yield its URL."""
    options = {"log_level": "warning", "ws": "none"} | options
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="on", **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server ended before it began"
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{own.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@dataclass
class Console:
    """A served console."""

    app: FastAPI
    url: str
    folder: Path
    clock: Clock
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    def add(self, name: str, role: str) -> None:
        """Add an account."""
        self.desk.door.add_user(name, name.title(), ROLES[role], PASSWORD)

    def anybody(self) -> httpx.Client:
        """Return a client of nobody in particular."""
        client = httpx.Client(base_url=self.url, timeout=30)
        self.clients.append(client)
        return client

    def signed_in(self, name: str) -> httpx.Client:
        """Return a client by which somebody is signed in, its form token in its headers."""
        client = self.anybody()
        answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        return client

    def as_role(self, role: str) -> httpx.Client:
        """Return a client of somebody new with one role."""
        name = f"{role}{len(self.clients)}"
        self.add(name, role)
        return self.signed_in(name)
