"""The flows of a day in periods, and the streets they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.measures.objective import Objective
from engine.measures.street import Driving, Floats, Street, build_street
from network.day_plan import SECONDS_PER_DAY
from network.errors import InsufficientDataError
from network.graph import RoadNetwork

TYPICAL = 4
"""Periods that stand for all those a plan serves, when it is optimized: an hour of quarters."""


PLAYED_S = 900
"""Longest play of a period, s: HCM's analysis period. Longer ones are played for so long."""


@dataclass(frozen=True, slots=True, eq=False)
class DayDemand:
    """Movement flows in consecutive periods of a day.

    Attributes
    ----------
    movement_vph
        Flow of each movement, veh/h, [period]; the same number of periods for every one.
        Movements not named carry nothing.
    period_s
        Length of a period, s.
    start_s
        When the first begins, whole s after midnight.
    lane_shares
        Part of its movement's flow that each connection carries, where lanes were counted.
    low_vph, high_vph
        10 % and 90 % quantiles of the flows, where a forecast gives them; else empty.

    Raises
    ------
    InsufficientDataError
        If flows disagree in length, are missing, negative or infinite, nothing flows all day, or
        the periods are longer than a day.
    """

    movement_vph: Mapping[str, Floats]
    period_s: int
    start_s: int = 0
    lane_shares: Mapping[str, float] = field(default_factory=dict)
    low_vph: Mapping[str, Floats] = field(default_factory=dict)
    high_vph: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.movement_vph:
            raise InsufficientDataError("a day without movements cannot be planned")
        shape = next(iter(self.movement_vph.values())).shape
        for flows in (self.movement_vph, self.low_vph, self.high_vph):
            for name, values in flows.items():
                if len(shape) != 1 or values.shape != shape:
                    raise InsufficientDataError(
                        f"movement {name!r}: flows of {values.shape} periods; the others have "
                        f"{shape}"
                    )
                bad = np.flatnonzero(~((values >= 0) & (values < np.inf)))
                if bad.size:
                    raise InsufficientDataError(
                        f"movement {name!r}: flow {values[bad[0]]:g} veh/h in period {bad[0] + 1} "
                        f"of {len(values)}; needed are numbers of 0 or more"
                    )
        if set(self.low_vph) != set(self.high_vph) or set(self.low_vph) - set(self.movement_vph):
            raise InsufficientDataError("quantiles need a low, a mean and a high flow each")
        if self.period_s < 1 or self.periods * self.period_s > SECONDS_PER_DAY:
            raise InsufficientDataError(
                f"{self.periods} periods of {self.period_s} s; a day has {SECONDS_PER_DAY} s"
            )
        if self.empty.all():
            raise InsufficientDataError("no movement carries anything in any period of the day")

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(next(iter(self.movement_vph.values())))

    @property
    def wraps(self) -> bool:
        """Whether the periods make a whole day, so that the last is followed by the first."""
        return self.periods * self.period_s == SECONDS_PER_DAY

    @property
    def volume_vph(self) -> Floats:
        """All movements together, [period]."""
        total: Floats = np.sum(list(self.movement_vph.values()), axis=0)
        return total

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Whether nothing flows, [period]."""
        nothing: NDArray[np.bool_] = self.volume_vph <= 0
        return nothing

    @property
    def played_s(self) -> int:
        """How long a period is played, s."""
        return min(self.period_s, PLAYED_S)

    def begin_s(self, period: int) -> int:
        """Return when a period begins, s after midnight; below 86400."""
        return (self.start_s + period * self.period_s) % SECONDS_PER_DAY

    def typical(self, rows: Sequence[int], most: int = TYPICAL) -> dict[str, Floats]:
        """Return few periods that stand for many, veh/h.

        Parameters
        ----------
        rows
            Periods; empty ones are passed over. If they are not more than `most`, they are
            returned as they are. Else they are ranked by volume, cut into `most` parts of about
            equal size, and each part's mean is returned, the quietest first.
        most
            How many to return.
        """
        parts = self.parts(rows, most)
        return {
            name: np.array([float(values[part].mean()) for part in parts])
            for name, values in self.movement_vph.items()
        }

    def parts(self, rows: Sequence[int], most: int) -> list[NDArray[np.int64]]:
        """Return the periods that each of the `typical` ones stands for."""
        wanted = [row for row in rows if not self.empty[row]]
        if not wanted:
            raise InsufficientDataError("no movement carries anything in these periods")
        volume = self.volume_vph
        if len(wanted) > most:
            wanted.sort(key=lambda row: (volume[row], row))
        return list(np.array_split(np.array(wanted), min(most, len(wanted))))


class DayStreets:
    """The street of each period of a day, laid out when first asked for.

    Parameters
    ----------
    network, day
        The roads and their demand.
    driving
        Driver behavior.
    margin
        Factor on the flows of a period, as the search for plans has it: a plan that is only just
        enough for the mean of a quarter of an hour is not enough for half of such quarters.
    objective
        What is wanted of plans.
    """

    def __init__(
        self,
        network: RoadNetwork,
        day: DayDemand,
        driving: Driving,
        margin: float = 1.0,
        objective: Objective | None = None,
    ) -> None:
        self._margin = margin
        self._objective = objective or Objective()
        self.network = network
        self.day = day
        self.driving = driving
        self._streets: dict[int, Street] = {}
        self._following: dict[int, Street] = {}

    def on(self, day: DayDemand) -> DayStreets:
        """Return the streets of another day, with the same drivers, margin and objective."""
        return DayStreets(self.network, day, self.driving, self._margin, self._objective)

    def period(self, row: int) -> Street:
        """Return the street of one period, which stands there twice: to fill it, and to count."""
        if row not in self._streets:
            flows = {
                name: np.repeat(values[row] * self._margin, 2)
                for name, values in self.day.movement_vph.items()
            }
            self._streets[row] = self.of(flows)
        return self._streets[row]

    def following(self, row: int) -> Street:
        """Return the street of a period after the one before it, whose queues it begins with.

        The first period of a day that does not wrap follows one like itself.
        """
        if row not in self._following:
            before = row - 1 if row or self.day.wraps else row
            flows = {
                name: values[[before, row]] * self._margin
                for name, values in self.day.movement_vph.items()
            }
            self._following[row] = self.of(flows)
        return self._following[row]

    def whole(self) -> Street:
        """Return the street of the whole day, every period for its whole length."""
        flows = {name: values * self._margin for name, values in self.day.movement_vph.items()}
        return build_street(
            self.network,
            flows,
            self.day.period_s,
            self.driving,
            self.day.lane_shares,
            self._objective,
        )

    def of(self, flows: Mapping[str, Floats]) -> Street:
        """Return the street under other flows, each played for a period."""
        return build_street(
            self.network,
            flows,
            self.day.played_s,
            self.driving,
            self.day.lane_shares,
            self._objective,
        )

    def filled(self) -> Iterable[int]:
        """Return the periods in which something flows."""
        return [int(row) for row in np.flatnonzero(~self.day.empty)]
