"""What a forecast is: flows ahead, how sure they are, and where each number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.spread import Spread
from engine.forecast.street_flows import MovementFlows, StreetView
from network.errors import CountError, InsufficientDataError

Floats = NDArray[np.float64]


class Source(IntEnum):
    """What a predicted cell rests on.

    `OBSERVED` the profile, corrected by the detector's own live counts; `IMPUTED` the profile,
    corrected by other detectors because its own is silent; `PROFILE` the profile alone;
    `PRIOR` a prior or a guess, for want of days with counts; `COUNTED` is the count itself, where
    forecasts and counts stand in one table.
    """

    OBSERVED = 0
    IMPUTED = 1
    PROFILE = 2
    PRIOR = 3
    COUNTED = 4


@dataclass(frozen=True, slots=True, eq=False)
class FlowPrediction:
    """Vehicles per interval for the next intervals.

    Attributes
    ----------
    names
        Detectors or movements, one per column.
    start
        Beginning of the first predicted interval, aware UTC.
    step_s
        Length of an interval, s.
    mean
        Central forecast, veh per interval, [H, N]. It minimizes the absolute error; for Poisson
        counts it lies up to a third of a vehicle below the expected value.
    quantiles
        Probabilities of the rows of `quantile_veh`.
    quantile_veh
        Quantiles of the count, veh per interval, [Q, H, N].
    day_type
        Type of day of the first predicted interval, such as ``Mon`` or ``holiday``. Days of
        traffic begin at `engine.forecast.calendar.DAY_BEGINS_S`, not at midnight.
    day_types, day_type_probability
        Types considered for the day of the last interval taken in (the announced one first),
        and how probable each is.
    source
        A `Source` for every cell, uint8[H, N].
    stale
        Whether the newest interval brought no good count at all.
    last_good
        Beginning of the last interval with a good count, or None.
    spread
        How the counts scatter; None from a forecaster that tells quantiles alone.
    streets
        Where the detectors lie and how traffic turns there; None where no network is known.
    """

    names: tuple[str, ...]
    start: datetime
    step_s: int
    mean: Floats
    quantiles: tuple[float, ...]
    quantile_veh: Floats
    day_type: str
    day_types: tuple[str, ...]
    day_type_probability: Floats
    source: NDArray[np.uint8]
    stale: bool
    last_good: datetime | None
    spread: Spread | None
    streets: StreetView | None = None

    def __post_init__(self) -> None:
        shape = self.mean.shape
        if len(shape) != 2 or shape[1] != len(self.names):
            raise CountError(
                f"a prediction has shape {list(shape)}; allowed is [horizons, {len(self.names)}]"
            )
        if self.quantile_veh.shape != (len(self.quantiles), *shape) or self.source.shape != shape:
            raise CountError("quantiles or sources of a prediction do not fit its flows")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.quantile_veh).all()):
            raise CountError("a prediction holds NaN or infinity")
        for array in (self.mean, self.quantile_veh, self.source, self.day_type_probability):
            array.setflags(write=False)

    @classmethod
    def plain(
        cls,
        names: Sequence[str],
        start: datetime,
        step_s: int,
        mean: npt.ArrayLike,
        quantiles: Sequence[float],
        quantile_veh: npt.ArrayLike,
        day_type: str,
        *,
        source: Source = Source.OBSERVED,
        last_good: datetime | None = None,
    ) -> FlowPrediction:
        """Return a forecast of which nothing but flows and quantiles is known.

        Parameters
        ----------
        names, start, step_s, mean, quantiles, quantile_veh, day_type, last_good
            As the attributes.
        source
            Of every cell.
        """
        flows = np.array(mean, dtype=np.float64)
        return cls(
            tuple(names),
            start,
            step_s,
            flows,
            tuple(quantiles),
            np.array(quantile_veh, dtype=np.float64),
            day_type,
            (day_type,),
            np.ones(1),
            np.full(flows.shape, source, dtype=np.uint8),
            False,
            last_good,
            None,
        )

    @property
    def times(self) -> tuple[datetime, ...]:
        """Beginning of each predicted interval, aware UTC."""
        return tuple(
            self.start + timedelta(seconds=self.step_s * h) for h in range(self.mean.shape[0])
        )

    def flow_vph(self) -> Floats:
        """Return the central forecast in veh/h, [H, N]."""
        return self.mean * (3600.0 / self.step_s)

    def expected(self) -> tuple[Floats, Floats]:
        """Return the expected count and its standard deviation, veh per interval, [H, N] each.

        What sums over detectors or intervals are to be made of, not of `mean`.

        Raises
        ------
        InsufficientDataError
            If the forecaster told quantiles alone.
        """
        return self._spread().moments()

    def means(self) -> Floats:
        """Return what tables call the mean, veh per interval, [H, N].

        The expected count, so that sums over detectors and hours hold; of a forecaster that told
        quantiles alone its central forecast.
        """
        return self.mean if self.spread is None else self.spread.moments()[0]

    def _spread(self) -> Spread:
        if self.spread is None:
            raise InsufficientDataError(
                "this forecast tells quantiles alone; expected counts need whole distributions"
            )
        return self.spread

    def movements(self) -> MovementFlows:
        """Return the flows of all movements of the network, in agreement with each other.

        Raises
        ------
        InsufficientDataError
            If the forecaster was given no network.
        """
        if self.streets is None:
            raise InsufficientDataError(
                "flows of movements need a network; give it to the forecaster, with the places of "
                "its detectors"
            )
        expected_veh, sd_veh = self._spread().moments()
        return self.streets.movements(self.start, self.step_s, expected_veh, sd_veh, self.source)
