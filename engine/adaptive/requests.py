"""Vehicles that ask for priority: who they are, where they go, and how badly they need it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from engine.adaptive.passages import Passage
from network.errors import EngineError

HALT_LEFT_M: Final = 0.5
"""A vehicle has left a stop once it is so far beyond it."""


class Rank(StrEnum):
    """Whose way it is."""

    EMERGENCY = "emergency"
    TRANSIT = "transit"


@dataclass(frozen=True, slots=True)
class Request:
    """A vehicle that asks for priority.

    Attributes
    ----------
    vehicle_id
        Its name.
    rank
        Emergency or public transport.
    passages
        Signals on its way, in order.
    lateness_s
        Behind the timetable, s; negative if early.
    load_persons
        People on board.
    headway_s
        Time since the vehicle before it on its line was where it is now, s; None where there was
        none, or the line runs by its timetable alone.
    scheduled_headway_s
        What that time should be, s; None where `headway_s` is.
    halts_m
        Where it stops for passengers, in order, from the beginning of its way. For a signal behind
        a stop it asks only once it has left it, for nobody knows how long it stands.

    Raises
    ------
    EngineError
        A number is out of its range, or places are not in driving order.
    """

    vehicle_id: str
    rank: Rank
    passages: tuple[Passage, ...]
    lateness_s: float = 0.0
    load_persons: float = 1.0
    headway_s: float | None = None
    scheduled_headway_s: float | None = None
    halts_m: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        places = [passage.at_m for passage in self.passages]
        if places != sorted(places) or any(not np.isfinite(at_m) for at_m in places):
            raise EngineError(
                f"request of {self.vehicle_id!r}: stop lines at {places} m are not in driving order"
            )
        if list(self.halts_m) != sorted(self.halts_m):
            raise EngineError(
                f"request of {self.vehicle_id!r}: stops at {list(self.halts_m)} m are not in "
                "driving order"
            )
        if not (np.isfinite(self.lateness_s) and 0 <= self.load_persons < np.inf):
            raise EngineError(
                f"request of {self.vehicle_id!r}: {self.lateness_s} s late with "
                f"{self.load_persons} people; allowed are finite numbers, and people from 0"
            )
        both = (self.headway_s, self.scheduled_headway_s)
        known = [value for value in both if value is not None]
        if len(known) == 1 or any(not 0 <= value < np.inf for value in known) or both[1] == 0:
            raise EngineError(
                f"request of {self.vehicle_id!r}: {both[0]} s behind the vehicle before it, "
                f"scheduled {both[1]} s; allowed are neither, or a time from 0 and one above 0"
            )

    def arrival_s(self, passage: Passage, along_m: float) -> float:
        """Return the running time from a place on the way to a stop line ahead, s."""
        at_m = [0.0, *(p.at_m for p in self.passages)]
        running_s = [0.0, *(p.running_s for p in self.passages)]
        return passage.running_s - float(np.interp(along_m, at_m, running_s))

    def halts_before(self, passage: Passage, along_m: float) -> bool:
        """Tell whether a stop lies between a place on the way and a stop line ahead."""
        return any(along_m <= at_m + HALT_LEFT_M and at_m < passage.at_m for at_m in self.halts_m)
