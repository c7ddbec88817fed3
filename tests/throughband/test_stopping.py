"""Signals: the first one ends the program, a push is carried to its end before."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Iterator

import pytest

from throughband.stopping import STOPPING, Halt, Stopped, listen, undisturbed


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    before = {number: signals.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        signals.signal(number, signals.SIG_DFL)
    listen()
    yield
    for number, handler in before.items():
        signals.signal(number, handler)


def raised_in_a_push(done: list[str]) -> None:
    with undisturbed():
        signals.raise_signal(signals.SIGTERM)
        signals.raise_signal(signals.SIGINT)
        done.append("pushed")


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_becomes_an_exception_that_names_it(number: signals.Signals) -> None:
    with pytest.raises(Stopped, match=f"stopped by {number.name}") as caught:
        signals.raise_signal(number)
    assert caught.value.code == 128 + number


def test_it_ends_an_event_loop() -> None:
    async def work() -> None:
        signals.raise_signal(signals.SIGINT)
        await asyncio.sleep(60)

    with pytest.raises(Stopped):
        asyncio.run(work())


def test_a_second_signal_does_not_disturb_the_cleaning_up() -> None:
    with pytest.raises(Stopped):
        signals.raise_signal(signals.SIGTERM)
    signals.raise_signal(signals.SIGINT)


def test_a_signal_is_kept_back_until_the_push_is_done() -> None:
    done: list[str] = []
    with pytest.raises(Stopped, match="SIGTERM"):
        raised_in_a_push(done)
    assert done == ["pushed"]


def test_an_undisturbed_push_leaves_the_handlers_as_they_were() -> None:
    before = [signals.getsignal(number) for number in STOPPING]
    with undisturbed():
        assert [signals.getsignal(number) for number in STOPPING] != before
    assert [signals.getsignal(number) for number in STOPPING] == before


def test_what_a_parent_ignores_stays_ignored() -> None:
    signals.signal(signals.SIGHUP, signals.SIG_IGN)
    listen()
    with undisturbed():
        signals.raise_signal(signals.SIGHUP)
    signals.raise_signal(signals.SIGHUP)


def test_the_first_ctrl_c_calls_a_halt_and_the_second_stops() -> None:
    halt = Halt(None, lambda: 0.0)
    before = signals.getsignal(signals.SIGINT)
    signals.signal(signals.SIGINT, signals.default_int_handler)
    try:
        with halt.on_interrupt():
            assert not halt.called()
            signals.raise_signal(signals.SIGINT)
            assert halt.called()
            with pytest.raises(KeyboardInterrupt):
                signals.raise_signal(signals.SIGINT)
    finally:
        signals.signal(signals.SIGINT, before)


def test_a_halt_is_called_when_time_is_up() -> None:
    now = [5.0]
    halt = Halt(2.0, lambda: now[0])
    assert not halt.called()
    now[0] = 7.0
    assert halt.called()
    assert not halt.pressed
