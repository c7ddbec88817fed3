"""Work for the processes of `test_optimize_workers`; they load this module and little else."""

from __future__ import annotations

import os
import time

from engine.optimize.workers import Halted
from network.errors import EngineError


def squared(number: int, halted: Halted) -> int:
    return number * number


def until_halted(number: int, halted: Halted) -> bool:
    begin = time.monotonic()
    while not halted():
        assert time.monotonic() - begin < 60.0
    return True


def killed(number: int, halted: Halted) -> int:
    os._exit(3)


def refused(number: int, halted: Halted) -> int:
    raise EngineError(f"no {number}")
