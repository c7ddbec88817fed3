"""A console that listens on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from throughband.console.app import create_app


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    clock = Clock()
    app = create_app(config_in(tmp_path), clock=clock, passwords=QUICK)
    with listening(app) as url:
        found = Console(app, url, tmp_path, clock)
        yield found
        for client in found.clients:
            client.close()
    found.desk.store.close()
