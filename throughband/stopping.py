"""Being stopped from outside: cleaned up on the way, and never in the middle of a push."""

from __future__ import annotations

import math
import signal as signals
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

STOPPING: Final = tuple(
    signals.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signals.Signals.__members__
)


class Stopped(SystemExit):
    """A signal asked for the end.

    An exception, so that SUMO processes and open files are cleaned up on the way; this kind,
    because event loops and command-line parsers let it through.

    Parameters
    ----------
    number
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signals.Signals(self.number).name}"


def listen() -> None:
    """Raise `Stopped` in the main thread when the first signal arrives.

    What a parent chose to ignore, as nohup does, stays ignored.
    """
    for number in STOPPING:
        if signals.getsignal(number) is not signals.SIG_IGN:
            signals.signal(number, _stop)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep signals back until the block is left, for work that helps nobody when half done.

    Only for work that ends by itself within seconds.
    """
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    before = {
        number: signals.signal(number, hold)
        for number in STOPPING
        if signals.getsignal(number) is not signals.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signals.signal(number, handler)
        for first in held[:1]:
            signals.raise_signal(first)


class Halt:
    """Whether work that has something to show already should come to its end.

    Parameters
    ----------
    time_limit_s
        Seconds after which it should; None for no limit.
    clock
        Seconds that never go back.

    Attributes
    ----------
    pressed
        Whether somebody pressed Ctrl-C.
    """

    def __init__(self, time_limit_s: float | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until_s = math.inf if time_limit_s is None else clock() + time_limit_s
        self.pressed = False

    def called(self) -> bool:
        """Tell whether time is up or Ctrl-C was pressed."""
        return self.pressed or self._clock() >= self._until_s

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Take the first Ctrl-C as a call to halt; the second one stops as ever."""
        before = signals.getsignal(signals.SIGINT)

        def press(number: int, frame: FrameType | None) -> None:
            self.pressed = True
            signals.signal(signals.SIGINT, before)

        if before is signals.SIG_IGN:
            yield
            return
        signals.signal(signals.SIGINT, press)
        try:
            yield
        finally:
            signals.signal(signals.SIGINT, before)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    for each in STOPPING:
        # Once is enough; a second one must not cut the cleaning up short.
        signals.signal(each, signals.SIG_IGN)
    raise Stopped(number)
