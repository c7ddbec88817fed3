"""How contracts ask for a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from network.errors import ThroughbandError


@contextmanager
def refused(kind: type[ThroughbandError], what: str) -> Iterator[None]:
    """Fail unless the body raises an error of a kind, with a text of one line."""
    try:
        yield
    except kind as error:
        assert str(error), f"{what}: the error says nothing"
        assert "\n" not in str(error), f"{what}: the error has several lines"
    else:
        raise AssertionError(f"{what}: not refused")
