"""Tell traffic that changed lanes from detectors that miscount.

Which lane drivers take depends on queues, and so on the plan: after a change of plans the lanes of
a movement share its traffic otherwise than before, and each detector by itself looks faulty. What
one lane lacks its sisters then have. Where a lane falls silent and its sisters take over its
traffic, the lane is closed; where they do not, its detector is dead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.blocked_roads import LEAST_SPREAD, log_chance
from network.errors import CountError
from network.graph import RoadNetwork

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WINDOW_S: Final = 3600.0
"""Lanes are held against each other over so long; a silent one since it fell silent."""

MADE_UP, STILL_MADE_UP = 0.5, 0.2
"""Part of what a lane lacks or has too much that its sisters have to make up for: to be believed
first, and to go on being believed."""

TELLING_VEH: Final = 15.0
"""Vehicles that have to be expected of a silent lane."""

CLEARLY: Final = 2.2
"""Logarithm of nine to one: so much likelier has a fault to be for a lane that is not silent."""

LEAST_SURE: Final = 0.9


def lanes_of(network: RoadNetwork, names: Sequence[str]) -> list[list[int]]:
    """Return the rows of detectors that count the lanes of one movement, of several lanes each.

    Parameters
    ----------
    network
        The roads.
    names
        Detectors; those that count a lane are named after its connection.
    """
    row = {name: at for at, name in enumerate(names)}
    found: dict[str, list[int]] = {}
    for turn in network.connections:
        if turn.connection_id in row:
            found.setdefault(turn.movement_id, []).append(row[turn.connection_id])
    return [each for each in found.values() if len(each) > 1]


class LaneWatch:
    """The lanes of movements, watched interval by interval.

    Parameters
    ----------
    movements
        Rows of the detectors of each movement, one for each lane.
    detectors
        How many there are.
    interval_s
        Length of every interval, s.

    Attributes
    ----------
    moved
        Detectors in doubt whose sisters make up for what they lack or have too much, [detector].
    closed_sure
        How sure it is that a silent lane is closed and its detector sound, 0 to 1; 0 where it is
        not, [detector].
    silent_for
        Intervals for which a detector has counted nobody, [detector].
    """

    def __init__(
        self, movements: Sequence[Sequence[int]], detectors: int, interval_s: float
    ) -> None:
        self._movements = [np.array(lanes, dtype=np.int64) for lanes in movements]
        self._last: deque[Floats] = deque(maxlen=max(2, round(WINDOW_S / interval_s)))
        self.moved = np.zeros(detectors, dtype=np.bool_)
        self.closed_sure = np.zeros(detectors)
        self.silent_for = np.zeros(detectors, dtype=np.int64)

    def update(self, counted: Floats, usual: Floats, doubted: Flags) -> Flags:
        """Take one interval and return who of those in doubt can be believed, bool[detector].

        Parameters
        ----------
        counted, usual
            Vehicles, [detector]; NaN where unknown.
        doubted
            Detectors in doubt.

        Raises
        ------
        CountError
            If an array does not hold one number per detector.
        """
        if not counted.shape == usual.shape == doubted.shape == self.moved.shape:
            raise CountError(
                f"counts of shape {list(counted.shape)}, usual ones {list(usual.shape)}, doubts "
                f"{list(doubted.shape)}; allowed is {list(self.moved.shape)}, one per detector"
            )
        self._last.append(np.stack((counted, usual)))
        self.silent_for = np.where(counted == 0, self.silent_for + 1, 0)
        moved, closed = np.zeros_like(self.moved), np.zeros_like(self.closed_sure)
        for lanes in self._movements:
            for row in lanes[doubted[lanes]]:
                moved[row], closed[row] = self._one(int(row), lanes, doubted)
        self.moved, self.closed_sure = moved, closed
        return moved

    def _one(self, row: int, lanes: NDArray[np.int64], doubted: Flags) -> tuple[bool, float]:
        silent = int(min(self.silent_for[row], len(self._last)))
        span = list(self._last)
        if sum(float(each[1, row]) for each in span[len(span) - silent :]) >= TELLING_VEH:
            span = span[len(span) - silent :]
        else:
            silent = 0
        counted, usual = np.sum(span, axis=0)
        if not np.isfinite(counted[lanes]).all():
            return False, 0.0
        # Today's level, from everybody else.
        others = np.isfinite(counted) & ~doubted
        others[lanes] = False
        level = (counted[others].sum() + 1.0) / (usual[others].sum() + 1.0)
        expected = level * usual[lanes]
        off, whole = counted[row] - level * usual[row], counted[lanes].sum() - expected.sum()
        left = 1.0 - (STILL_MADE_UP if self.moved[row] else MADE_UP)
        made_up = bool(abs(whole) < left * abs(off))
        sisters = lanes[lanes != row]
        taken = float(log_chance(counted[lanes].sum(), expected.sum(), LEAST_SPREAD))
        stay = float(log_chance(counted[sisters].sum(), level * usual[sisters].sum(), LEAST_SPREAD))
        if not silent:
            # Traffic changes lanes, and differs from day to day, oftener than detectors miscount.
            return made_up or stay - taken < CLEARLY, 0.0
        sure = float(1.0 / (1.0 + np.exp(np.clip(stay - taken, -50.0, 50.0))))
        # A dead detector that were believed would make a queue of its lane.
        return made_up and sure >= LEAST_SURE, sure
