from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ntcip.pace import Pace


class Clock:
    """Time that passes only in sleep, and as told."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.naps_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.naps_s.append(seconds)
        self.now_s += seconds


def starts(requests_per_s: float, pauses_s: list[float]) -> tuple[list[float], Clock]:
    """Start a request after every pause, and return when each started."""
    clock = Clock()
    pace = Pace(requests_per_s, clock, clock.sleep)

    async def scenario() -> list[float]:
        found = []
        for pause_s in pauses_s:
            clock.now_s += pause_s
            await pace.admit()
            pace.count()
            found.append(clock.now_s)
        return found

    return asyncio.run(scenario()), clock


@given(
    st.floats(0.05, 200.0),
    st.lists(st.floats(0.0, 3.0) | st.just(0.0), min_size=1, max_size=60),
)
def test_no_window_holds_more_requests_than_allowed(rate: float, pauses_s: list[float]) -> None:
    found, _ = starts(rate, pauses_s)
    most = max(1, int(rate))
    # The rate itself over a second, or one request over its share of time.
    window_s = most / rate
    for first, after in zip(found, found[most:], strict=False):
        assert after - first >= window_s - 1e-9


@given(st.floats(1.0, 200.0), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60))
def test_who_keeps_the_pace_does_not_wait(rate: float, extra_s: list[float]) -> None:
    _, clock = starts(rate, [1.0 / int(rate) + extra + 1e-6 for extra in extra_s])
    assert clock.naps_s == []


def test_waiting_is_one_sleep_for_as_long_as_it_takes() -> None:
    found, clock = starts(4.0, [0.0, 0.1, 0.0, 0.0, 0.2])
    assert clock.naps_s == [pytest.approx(0.7)]
    assert found[-1] == pytest.approx(1001.0)


def test_below_one_request_a_second_the_window_grows() -> None:
    found, _ = starts(0.1, [0.0, 0.0, 0.0])
    assert found == pytest.approx([1000.0, 1010.0, 1020.0])
