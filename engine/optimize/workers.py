"""Who does work that falls apart into pieces: this process, or several beside it.

A piece is a picklable value, and what is done with it is a function without state, so results do
not depend on who did it. Another place to work, a cluster say, needs only `Workers.map`.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Protocol, Self, TypeVar

from network.errors import EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")

Halted = Callable[[], bool]
"""Tells whether work should come to its end with what it has."""

Done = Callable[[int], None]
"""Told how many items are done."""

LOOK_S = 0.1
"""How often a call to halt is passed on, s."""

PIECES_EACH = 4
"""Pieces for each worker, so that all end at about the same time."""


class Workers(Protocol):
    """Does pieces of work."""

    @property
    def count(self) -> int:
        """How many pieces are worked on at a time."""
        ...

    def map(
        self,
        work: Callable[[Item, Halted], Result],
        items: Sequence[Item],
        halted: Halted,
        done: Done,
    ) -> list[Result]:
        """Do some work with every item; return the results in the order of the items.

        Parameters
        ----------
        work
            A function of a module; it is given an item, and what to ask whether to halt.
        items
            Picklable values.
        halted
            Asked now and then; once it says yes, all work under way is told.
        done
            Told now and then how many items are done.
        """
        ...


class Alone:
    """This process does one piece after the other."""

    count = 1

    def map(
        self,
        work: Callable[[Item, Halted], Result],
        items: Sequence[Item],
        halted: Halted,
        done: Done,
    ) -> list[Result]:
        """See `Workers`."""
        results: list[Result] = []
        for item in items:
            results.append(work(item, halted))
            done(len(results))
        return results


class Processes:
    """Processes of this machine, from the first `map` to the end of a ``with``.

    Parameters
    ----------
    count
        How many.

    Raises
    ------
    EngineError
        If the number is not positive; from `map`, if a process is killed.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise EngineError(f"{count} worker processes; allowed are 1 and more")
        self.count = count
        # A process copied from this one would have locks that threads hold here.
        self._context = multiprocessing.get_context("spawn")
        self._halt: Event = self._context.Event()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            # Whoever is still at work is told to end; what nobody began is not begun.
            self._halt.set()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def map(
        self,
        work: Callable[[Item, Halted], Result],
        items: Sequence[Item],
        halted: Halted,
        done: Done,
    ) -> list[Result]:
        """See `Workers`."""
        if self.count == 1 or len(items) < 2:
            return Alone().map(work, items, halted, done)
        if self._pool is None:
            self._halt.clear()
            self._pool = ProcessPoolExecutor(
                self.count, mp_context=self._context, initializer=_begin, initargs=(self._halt,)
            )
        try:
            ordered = [self._pool.submit(_work, work, item) for item in items]
            waiting = set(ordered)
            while waiting:
                waiting = wait(waiting, LOOK_S, FIRST_COMPLETED).not_done
                done(len(ordered) - len(waiting))
                if halted():
                    self._halt.set()
            return [future.result() for future in ordered]
        except BrokenProcessPool as error:
            raise EngineError("a worker process was killed; try again with fewer jobs") from error


def spread(weights: Sequence[float], workers: Workers) -> list[list[int]]:
    """Share numbered items out to pieces of about equal weight, the heaviest first.

    Parameters
    ----------
    weights
        Of the items.
    workers
        Who will do the pieces; there are as many as `PIECES_EACH` for each, or one per item.

    Returns
    -------
    list of list of int
        Numbers of the items of each piece, ascending.
    """
    pieces: list[list[int]] = [[] for _ in range(min(len(weights), PIECES_EACH * workers.count))]
    loads = [0.0] * len(pieces)
    for number in sorted(range(len(weights)), key=lambda item: (-weights[item], item)):
        lightest = loads.index(min(loads))
        pieces[lightest].append(number)
        loads[lightest] += weights[number]
    return [sorted(piece) for piece in pieces]


_halt: Event | None = None


def _begin(halt: Event) -> None:
    """Make a worker ready: Ctrl-C reaches all processes, and is for the first one to pass on."""
    global _halt
    _halt = halt
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(work: Callable[[Item, Halted], Result], item: Item) -> Result:
    assert _halt is not None, "a worker is made ready before it works"
    return work(item, _halt.is_set)
