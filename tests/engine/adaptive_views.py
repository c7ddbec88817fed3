"""A crossing of two streets by hand, and what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.adaptive.control import (
    CLOSED,
    PERMITTED,
    PROTECTED,
    ExitLane,
    Information,
    Site,
    Stage,
    StopLane,
    View,
    Way,
)
from network.phasing import Interval

MAIN, LEFT, SIDE = 0, 1, 2
"""Stages: the main street with yielding left turns, its left turns alone, the side street."""


def crossing(name: str = "x", least_green_s: int = 5) -> Site:
    """Two stop lanes: the main street's (straight and left) and the side street's (straight)."""

    def way(turn: str, leaving: int, service: tuple[int, int, int]) -> Way:
        return Way(f"{name}-{turn}-{leaving}", turn, leaving, service, (), 2.0, 0.0)

    main = StopLane(
        "main_0",
        "main",
        200.0,
        10.0,
        26.0,
        (
            way("s", 0, (PROTECTED, CLOSED, CLOSED)),
            way("l", 1, (PERMITTED, PROTECTED, CLOSED)),
        ),
    )
    side = StopLane("side_0", "side", 200.0, 10.0, 26.0, (way("s", 1, (0, 0, PROTECTED)),))
    exits = tuple(
        ExitLane(f"out{k}_0", f"out{k}", 100.0, 10.0, 13.0, ((f"out{k}_0", 0.0),)) for k in range(2)
    )
    aspects = ("Ggr", "rGr", "rrG")
    stages = tuple(Stage((k + 1,), shown, least_green_s) for k, shown in enumerate(aspects))
    clearances = {(a, b): (Interval("yyr", 30),) for a in range(3) for b in range(3) if a != b}
    return Site(name, stages, clearances, (main, side), (), exits, (), (), (0, 1, 2))


def view(
    stage: int = MAIN,
    green_s: float = 10.0,
    clearing_s: float = 0.0,
    free: bool = True,
    queue: Sequence[float] = (0.0, 0.0),
    exit_queue: Sequence[float] = (0.0, 0.0),
    objects: Sequence[tuple[int, float]] = (),
    waiting_s: Sequence[float] = (0.0, 0.0),
    exit_free_m: Sequence[float] = (100.0, 100.0),
    information: Information = Information.LANES,
) -> View:
    """See the crossing; whoever stands is all there is."""
    unknown = np.full(2, np.nan)
    return View(
        information,
        0.0,
        stage,
        green_s,
        clearing_s,
        free,
        np.array(waiting_s, dtype=np.float64),
        np.array(queue, dtype=np.float64),
        np.array(queue, dtype=np.float64),
        7.5 * np.array(queue, dtype=np.float64),
        unknown,
        unknown,
        unknown,
        unknown,
        np.array([lane for lane, _ in objects], dtype=np.int32),
        np.array([at_m for _, at_m in objects], dtype=np.float64),
        np.zeros(len(objects)),
        np.array(exit_queue, dtype=np.float64),
        np.array(exit_queue, dtype=np.float64),
        np.array(exit_free_m, dtype=np.float64),
        np.full(2, 10.0),
    )
