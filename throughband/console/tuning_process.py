"""A process that keeps one plan ready for trials: ``python -m throughband.console.tuning_process``.

The console starts it with one end of a pipe. It is told what to open, says when that is ready, and
then answers trials until the pipe ends, nobody asked for long, or it has grown too much.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from network.errors import ThroughbandError
from network.timing import PlanSet
from throughband.console.flows import flows_of
from throughband.planning.tuning import Trial, Tuning, open_tuning
from throughband.planning.tuning_moves import Move
from throughband.setting import ANY_WINDOW_S, open_setting

NICER: Final = 5
"""So much the opening steps back behind pages on the same processors; people wait for trials."""

MOST_GROWTH_BYTES: Final = 512 * 1024**2
"""Every split that was tried keeps its tables; a process that has grown by this ends."""

IDLE_S: Final = 1800.0
"""A process that nobody asked for so long ends, and gives its memory back."""

READY: Final = "ready"
DONE: Final = "done"
REFUSED: Final = "refused"
BROKEN: Final = "broken"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a process keeps ready.

    Attributes
    ----------
    source
        What the command line takes as SCENARIO.
    folder
        The run's folder whose flows it is tried under; None for the counts imported with it.
    plan_set
        The plans in preparation.
    """

    source: str
    folder: Path | None
    plan_set: PlanSet


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial, and a function of a module that says in the process what is sent back of it."""

    moves: tuple[Move, ...]
    told: Callable[[Trial], Any]


def opened(opening: Opening) -> Tuning:
    """Open a tuning and try it once: the first trial lays out tables, and may have to compile.

    Raises
    ------
    ThroughbandError
        If the network, its flows or the plans cannot be used.
    """
    setting = open_setting(opening.source, *ANY_WINDOW_S)
    wanted = flows_of(setting, opening.folder)
    if wanted is None:
        raise ThroughbandError(f"{opening.source}: the counts that were there are gone")
    tuning = open_tuning(setting, opening.plan_set, wanted)
    first = opening.plan_set.plans[0]
    tuning.trial([Move(first.signal_id, first.offset_s)])
    return tuning


def serve(pipe: Connection, idle_s: float = IDLE_S, most_growth: int = MOST_GROWTH_BYTES) -> None:
    """Open what the pipe names, then answer its trials until it ends.

    Parameters
    ----------
    pipe
        Brings an `Opening`, then an `Asked` at a time; each is answered by a kind and a content.
    idle_s, most_growth
        When to end by itself: after so long without a trial, s, or having grown so much, bytes.
    """
    opening: Opening = pipe.recv()
    # A thread's own niceness (Linux): a process cannot take it back when a trial is waited for.
    with ThreadPoolExecutor(max_workers=1, initializer=_step_back) as apart:
        kind, content = apart.submit(_tried, partial(opened, opening)).result()
    if kind != DONE:
        pipe.send((kind, content))
        return
    tuning: Tuning = content
    # What is open stays; looking through it for garbage again and again takes time.
    gc.collect()
    gc.freeze()
    begun_bytes = _most_bytes()
    pipe.send((READY, None))
    while pipe.poll(idle_s):
        asked: Asked = pipe.recv()
        pipe.send(_tried(partial(_answer, tuning, asked)))
        if _most_bytes() - begun_bytes > most_growth:
            return


def _step_back() -> None:
    with suppress(OSError):
        os.nice(NICER)


def _answer(tuning: Tuning, asked: Asked) -> Any:
    return asked.told(tuning.trial(asked.moves))


def _tried(work: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return DONE, work()
    except ThroughbandError as error:
        return REFUSED, error
    except Exception:  # noqa: BLE001 - told to the console, which ends this process
        return BROKEN, traceback.format_exc()


def _most_bytes() -> int:
    """Return the most memory that was in use so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Serve the pipe whose number is the first argument."""
    # A console that ended does not need an answer any more.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
