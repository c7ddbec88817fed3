"""Measuring a clock that shows whole seconds over a wire that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ntcip.clock import PAUSE_S, clock_error_s
from controllers.ntcip.objects import Oid
from controllers.ntcip.profiles import vendor_profile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import Reading
from network.errors import RejectedValueError

BEGIN_S = 1_777_852_800.0


class Wire:
    """A device's clock behind answers that take time; our own clock goes along."""

    def __init__(self, error_s: float, delays_s: Sequence[float], frozen: bool = False) -> None:
        self.now_s = BEGIN_S + 0.37
        self._error_s = error_s
        self._delays_s = list(delays_s)
        self._frozen = frozen

    async def get(self, oids: Sequence[Oid]) -> tuple[Reading, ...]:
        self.now_s += self._delays_s.pop()
        shown = BEGIN_S if self._frozen else self.now_s
        reading = int(shown + self._error_s)
        self.now_s += self._delays_s.pop()
        return (reading,) * len(oids)

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


def measured(wire: Wire) -> tuple[float, float]:
    reader = Reader(wire, vendor_profile("standard"), "here")  # type: ignore[arg-type]
    return asyncio.run(clock_error_s(reader, wire.clock, wire.sleep))


@given(st.floats(-300, 300), st.lists(st.floats(0, 1.5), min_size=8, max_size=8))
def test_the_true_error_is_always_within_the_bounds(error_s: float, delays_s: list[float]) -> None:
    least_s, most_s = measured(Wire(error_s, delays_s))
    assert least_s - 1e-5 <= error_s <= most_s + 1e-5


@given(st.floats(-300, 300))
def test_quick_answers_bound_the_error_to_little_more_than_the_pause(error_s: float) -> None:
    least_s, most_s = measured(Wire(error_s, [0.01] * 8))
    assert most_s - least_s <= PAUSE_S + 0.05


def test_a_clock_that_stands_still_is_noticed() -> None:
    with pytest.raises(RejectedValueError, match="runs unevenly"):
        measured(Wire(0.0, [0.2] * 8, frozen=True))
