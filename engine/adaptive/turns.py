"""The order in which a plan serves the stages of a signal, and when each has its turn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engine.adaptive.approach import change_s
from engine.adaptive.control import Site


class Turns:
    """When a plan shows which stage, in whole seconds.

    Parameters
    ----------
    shown
        Row of the stage that the plan shows, or is clearing towards, in each second of its cycle;
        None where it is none of the signal's.

    Attributes
    ----------
    cycle_s
        Length of the cycle, s.
    order
        Rows of the stages in the order of the plan; empty where a stage has two turns in a cycle,
        or none is known.
    """

    def __init__(self, shown: Sequence[int | None]) -> None:
        self.cycle_s = len(shown)
        self._shown = tuple(shown)
        ends = [
            (second, row)
            for second, (row, after) in enumerate(pairwise([*shown, *shown[:1]]), start=1)
            if row != after
        ]
        rows = [row for _, row in ends if row is not None]
        whole = len(ends) > 1 and len(set(rows)) == len(ends)
        self.order: tuple[int, ...] = tuple(rows) if whole else ()
        self._end_s = {row: second for second, row in ends if row is not None}

    def planned(self, now_s: float) -> int | None:
        """Return the stage that the plan shows now, or is clearing towards."""
        return self._shown[int(now_s + 0.5) % self.cycle_s]

    def after(self, row: int) -> tuple[int, ...]:
        """Return the order from the stage after a given one on, all the way round to it."""
        start = self.order.index(row) + 1
        return (*self.order[start:], *self.order[:start])

    def ends_s(self, now_s: float, row: int) -> float:
        """Return the time until the next end of a stage's green by plan, s; above 0."""
        return (self._end_s[row] - now_s) % self.cycle_s or float(self.cycle_s)

    def turn_s(self, row: int) -> float:
        """Return the time from the end of the stage before to that of a stage by plan, s."""
        before = self.after(row)[-2]
        return (self._end_s[row] - self._end_s[before]) % self.cycle_s

    def green_s(self, site: Site, row: int) -> float:
        """Return the length of a stage's green by plan, s."""
        return self.turn_s(row) - change_s(site, self.after(row)[-2], row)

    def red_s(self, site: Site, row: int) -> float:
        """Return the time from the end of a stage's green to its next begin by plan, s."""
        return self.cycle_s - self.green_s(site, row)

    def left_s(self, site: Site, now_s: float, row: int) -> float:
        """Return the green that the plan still has for a stage that is shown now, s.

        Nothing where the plan has gone on from it; all of it where it began before its time.
        """
        planned = self.planned(now_s)
        if planned == row:
            return min(self.ends_s(now_s, row), self.green_s(site, row))
        early = planned is not None and planned in self.order and self.after(planned)[0] == row
        return self.ends_s(now_s, row) if early else 0.0

    def path(self, current: int, target: int) -> tuple[int, ...]:
        """Return the stages from the one after the current to the target, in their order."""
        turn = self.after(current)
        return turn[: turn.index(target) + 1]
