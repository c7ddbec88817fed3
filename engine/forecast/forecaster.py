"""The flow forecaster: fit on earlier counts, update with every interval, predict at any time.

    forecaster = FlowForecaster(step_s=300, horizon_steps=12, tz="Australia/Melbourne")
    forecaster.fit(counts, start, names)
    flags = forecaster.update(time, row)
    prediction = forecaster.predict(quantiles=(0.1, 0.5, 0.9))

Assumed: counts of equal intervals in UTC, labeled by their beginning, that repeat by day and week
on the local clock. Not modeled: what causes a count (signals, queues, weather).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast import saved
from engine.forecast.arrivals import BIN_S, HORIZON_S, Dispersion
from engine.forecast.backtest import Backtest, play
from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.count_sites import CountSite, sites_named
from engine.forecast.course import LONGEST_HORIZON_STEPS, Course
from engine.forecast.detectors import DetectorModel
from engine.forecast.fitting import learn
from engine.forecast.freshness import require_fresh
from engine.forecast.history import History
from engine.forecast.inputs import (
    PRIOR_WEIGHT_DAYS,
    checked_counts,
    checked_names,
    checked_neighbors,
    checked_row,
    judged,
    prior_sums,
    require_counts,
)
from engine.forecast.link_arrivals import LinkArrivals, link_arrivals
from engine.forecast.live import LiveState
from engine.forecast.predicting import predict_next, predict_usual
from engine.forecast.prediction import FlowPrediction
from engine.forecast.profile import from_root, to_root
from engine.forecast.street_flows import StreetFlows, StreetView
from network.counts import Quality
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan

Floats = NDArray[np.float64]

CEILING_FACTOR, CEILING_VEH = 4.0, 20.0
"""A count above so many times the greatest one of the fit, plus so many vehicles, is impossible."""

Refit = Literal["midnight", "never"]


class FlowForecaster:
    """Forecast the counts of many detectors a few intervals ahead.

    Parameters
    ----------
    step_s
        Length of an interval, whole s; divides a day.
    horizon_steps
        Intervals to predict.
    tz
        IANA name of the zone whose clock traffic follows.
    neighbors
        Columns of the detectors beside each one on the road graph, int[N, M], -1 for none; None
        to find them by correlation.
    calendar
        Known holidays, or None for none.
    refit
        ``midnight`` to learn every night from the day of traffic that ended, ``never`` to keep the
        profile of the fit.
    network
        The roads, for flows of movements (`FlowPrediction.movements`) and arrivals; None to
        forecast detectors alone.
    sites
        Where detectors count; None where they are named after the movement or the link.

    Raises
    ------
    CountError
        If a parameter lies outside what is allowed.
    """

    def __init__(
        self,
        step_s: int = 900,
        horizon_steps: int = 4,
        tz: str = "UTC",
        neighbors: npt.ArrayLike | None = None,
        calendar: Calendar | None = None,
        refit: Refit = "midnight",
        *,
        network: RoadNetwork | None = None,
        sites: Sequence[CountSite] | None = None,
    ) -> None:
        self.clock = LocalClock(tz, step_s)
        if type(horizon_steps) is not int or not 1 <= horizon_steps <= LONGEST_HORIZON_STEPS:
            raise CountError(
                f"the horizon is {horizon_steps!r} steps; allowed are 1 to {LONGEST_HORIZON_STEPS}"
            )
        if refit not in ("midnight", "never"):
            raise CountError(f"refit is {refit!r}; allowed are 'midnight' and 'never'")
        self.horizon_steps = horizon_steps
        self.calendar = Calendar() if calendar is None else calendar
        self.neighbors = None if neighbors is None else checked_neighbors(neighbors)
        self.refit_rule: Refit = refit
        if sites is not None and network is None:
            raise CountError("places of detectors are given, and no network that they lie in")
        self.network = network
        self.sites = None if sites is None else tuple(sites)
        self._streets: StreetFlows | None = None
        self.detectors: DetectorModel | None = None
        """What is normal for the detectors, if somebody watches them; saved along."""
        self.names: tuple[str, ...] = ()
        self._course: Course | None = None
        self._last_good: datetime | None = None
        self._ceiling: Floats = np.zeros(0)

    def fit(
        self,
        counts: npt.ArrayLike,
        start: datetime,
        names: Sequence[str],
        prior: npt.ArrayLike | None = None,
    ) -> FlowForecaster:
        """Learn from counts of earlier days, and stand ready after the last of them.

        Parameters
        ----------
        counts
            Vehicles per interval, [T, N]; NaN where missing. T may be 0 with a prior.
        start
            Beginning of the first interval, aware.
        names
            One per column.
        prior
            Usual counts over a local day where no day has been counted yet, vehicles per
            interval, [steps of a day, N] for every day alike, or [8, steps, N] by `DAY_TYPES`.

        Returns
        -------
        FlowForecaster
            Itself.

        Raises
        ------
        CountError
            If counts are negative or infinite, names repeat, or shapes disagree.
        InsufficientDataError
            If a detector has neither a count nor a prior, or there is less than a day.
        """
        begin = self.clock.utc(start)
        wanted = checked_names(names)
        values = checked_counts(counts, wanted, begin, self.clock.step_s)
        sums = None if prior is None else prior_sums(prior, self.clock, len(wanted))
        if self.neighbors is not None and (
            len(self.neighbors) != len(wanted) or self.neighbors.max(initial=-1) >= len(wanted)
        ):
            raise CountError(
                f"neighbors have shape {list(self.neighbors.shape)} and name column "
                f"{self.neighbors.max(initial=-1)}; there are {len(wanted)} detectors"
            )
        if sums is None:
            require_counts(values, wanted, self.clock)
        steps = len(values)
        ordinal, slot, turned = self.clock.traffic_days(begin, steps)
        z = to_root(values)
        z[turned] = np.nan
        fitted = learn(
            History.on_days(z, ordinal, slot, self.calendar, self.clock),
            self.neighbors,
            self.horizon_steps,
            sums,
        )
        highest = np.nanmax(values, axis=0, initial=0.0) if steps else np.zeros(len(wanted))
        if sums is not None:
            usual = from_root(np.asarray(sums[0] / PRIOR_WEIGHT_DAYS).max(axis=(0, 1)))
            highest = np.maximum(highest, usual)
        self.names = wanted
        self._lay_streets()
        if self._streets is not None:
            # Two days settle the shares; earlier ones have drifted away.
            for row in values[-2 * self.clock.slots :]:
                self._streets.update(row)
        self._ceiling = CEILING_FACTOR * highest + CEILING_VEH
        live = LiveState(
            fitted,
            self.calendar,
            self.clock.step_s,
            self.horizon_steps,
            self.refit_rule == "midnight",
        )
        self._course = Course.from_fit(self.clock, live, begin, z)
        good = np.flatnonzero(np.isfinite(values).any(axis=1))
        step = timedelta(seconds=self.clock.step_s)
        self._last_good = begin + int(good[-1]) * step if good.size else None
        return self

    def update(
        self,
        time: datetime,
        row: npt.ArrayLike | Mapping[str, float],
        quality: npt.ArrayLike | None = None,
    ) -> NDArray[np.uint8]:
        """Take in the counts of one interval.

        Parameters
        ----------
        time
            Its beginning, aware. Intervals that were left out count as missing.
        row
            Vehicles, [N], or by name; what is not named is missing.
        quality
            A `Quality` per detector from a judge of detectors, or None; only good and filled
            counts are used.

        Returns
        -------
        ndarray
            A `Quality` for every detector, uint8[N]: why a count was not used, or good.

        Raises
        ------
        CountError
            If the time is naive, off the grid, or not after the last one; if a name is unknown or
            the row has another length. The state is unchanged then.
        """
        course = self._ready()
        at = course.later(time)
        values = checked_row(row, self.names)
        flags = judged(values, self._ceiling, quality)
        z = to_root(values)
        z[flags != Quality.GOOD] = np.nan
        course.take_in(at, z)
        if self._streets is not None:
            self._streets.update(np.where(flags == Quality.GOOD, values, np.nan))
        if np.isfinite(z).any():
            self._last_good = at
        return flags

    def predict(
        self, quantiles: Sequence[float] = (0.1, 0.5, 0.9), now: datetime | None = None
    ) -> FlowPrediction:
        """Predict the intervals after the last one taken in.

        Parameters
        ----------
        quantiles
            Probabilities, each strictly between 0 and 1.
        now
            Present time, aware, to notice a feed that stopped; None for the end of the last
            interval taken in.

        Raises
        ------
        StaleCountsError
            If the last `freshness.STALE_INTERVALS` intervals or more brought no good count. A
            network that never counted is predicted from its prior.
        """
        self._ready()
        stale = self._age(now)
        if self._last_good is not None:
            require_fresh(stale, self.clock.step_s, f"at {self._last_good.isoformat()}")
        return self._predict(quantiles, stale)

    def nearest(self, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> FlowPrediction:
        """Predict as `predict` does, however old the counts are; not to be planned from.

        For who fills gaps of counts that are looked at later.
        """
        self._ready()
        return self._predict(quantiles, self._age(None))

    def usual(
        self, start: datetime, steps: int, quantiles: Sequence[float] = (0.1, 0.5, 0.9)
    ) -> FlowPrediction:
        """Return what is usual at a time, whatever is counted today: the profile of its day type.

        For plans of a day that has not begun. Counts never make it stale; its quantiles are those
        of detectors that have been silent for long.

        Parameters
        ----------
        start
            Beginning of the first interval, aware, on the grid of the counts.
        steps
            How many intervals.
        quantiles
            Probabilities, each strictly between 0 and 1.

        Raises
        ------
        CountError
            If the start is off the grid, or there is no interval.
        """
        return predict_usual(
            self._ready(), self.names, start, steps, quantiles, self._last_good, self._view()
        )

    def _predict(self, quantiles: Sequence[float], stale: int) -> FlowPrediction:
        return predict_next(
            self._ready(), self.names, quantiles, stale, self._last_good, self._view()
        )

    def arrivals(
        self,
        plans: Mapping[str, TimingPlan],
        now_s: int,
        departed_veh: Mapping[str, npt.ArrayLike] | None = None,
        green: Mapping[str, npt.ArrayLike] | None = None,
        *,
        horizon_s: int = HORIZON_S,
        bin_s: int = BIN_S,
        dispersion: Dispersion | None = None,
    ) -> LinkArrivals:
        """Predict who arrives at the signals in the next minutes, from this interval's flows.

        Parameters
        ----------
        plans
            Plan of each signal; turns of signals without one are open throughout.
        now_s
            Present system time, s: the time that the plans' offsets refer to.
        departed_veh
            Measured departures of movements up to now, vehicles per bin; the same number of bins
            for all of them. Movements that are not named are predicted.
        green
            Measured green of movements over the same bins, 0 to 1; else as planned.
        horizon_s, bin_s
            How far ahead, and length of a bin, s.
        dispersion
            How platoons spread.

        Returns
        -------
        LinkArrivals

        Raises
        ------
        InsufficientDataError
            If no network is known, or nothing flows.
        StaleCountsError
            As `predict`.
        CountError
            If departures or greens do not fit.
        """
        flows = self.predict().movements()
        assert self.network is not None
        return link_arrivals(
            self.network,
            {name: float(flow[0]) for name, flow in flows.movement_vph().items()},
            plans,
            now_s,
            departed_veh or {},
            green or {},
            horizon_s=horizon_s,
            bin_s=bin_s,
            dispersion=dispersion,
        )

    def backtest(
        self,
        counts: npt.ArrayLike,
        start: datetime,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    ) -> Backtest:
        """Play counts after the fit forward and keep every prediction; this moves the state on.

        Parameters
        ----------
        counts
            [T, N].
        start
            Beginning of the first interval, aware, after the last one taken in.
        quantiles
            Probabilities to keep.
        """
        self._ready()
        return play(self, counts, self.clock.utc(start), self.clock.step_s, quantiles)

    def refit(self) -> None:
        """Make the profiles anew from every day that has ended; weights stay as fitted."""
        self._ready().live.relearn()

    def save(self, path: Path) -> None:
        """Write everything to one file, whole or not at all."""
        course = self._ready()
        saved.write(
            path,
            saved.Saved(
                self.clock,
                self.horizon_steps,
                self.calendar,
                self.refit_rule,
                self.names,
                self.neighbors,
                course.time,
                self._last_good,
                self._ceiling,
                course.live,
                self.sites,
                {} if self._streets is None else self._streets.state(),
                self.detectors,
            ),
        )

    @classmethod
    def load(cls, path: Path, network: RoadNetwork | None = None) -> FlowForecaster:
        """Read what `save` wrote.

        Parameters
        ----------
        path
            The file.
        network
            The roads, which the file does not hold; without them detectors alone are forecast.

        Raises
        ------
        FormatError
            If the file is not such a file, or of a later version.
        CountError
            If its detectors or turning shares are those of another network.
        """
        found = saved.read(path)
        out = cls(
            found.clock.step_s,
            found.horizon_steps,
            found.clock.tz,
            found.neighbors,
            found.calendar,
            "midnight" if found.refit == "midnight" else "never",
            network=network,
            sites=found.sites if network is not None else None,
        )
        out.names, out._last_good = found.names, found.last_good
        out._course = Course(out.clock, found.live, found.time)
        out._ceiling = found.ceiling
        out.detectors = found.detectors
        out.sites = found.sites
        out._lay_streets()
        if out._streets is not None and found.streets:
            out._streets.restore(found.streets)
        return out

    @property
    def time(self) -> datetime:
        """Beginning of the last interval taken in, aware UTC."""
        return self._ready().time

    @property
    def last_good(self) -> datetime | None:
        """Beginning of the last interval with a good count, aware UTC; None if none ever came."""
        return self._last_good

    def _lay_streets(self) -> None:
        if self.network is None:
            return
        sites = self.sites
        if sites is None:
            sites = sites_named(self.network, self.names)
        self._streets = StreetFlows(self.network, sites, self.names, self.clock.step_s)

    def _view(self) -> StreetView | None:
        return None if self._streets is None else self._streets.view()

    def _ready(self) -> Course:
        if self._course is None:
            raise InsufficientDataError("the forecaster is not fitted; call fit or load first")
        return self._course

    def _age(self, now: datetime | None) -> int:
        """Return how many of the newest intervals brought nothing; 0 where nothing ever came."""
        if self._last_good is None:
            return 0
        newest = self._ready().time
        if now is not None:
            # At the end of an interval its counts are due.
            present = self.clock.utc(now.replace(microsecond=0))
            newest = max(newest, present - timedelta(seconds=self.clock.step_s))
        return max(0, int((newest - self._last_good) // timedelta(seconds=self.clock.step_s)))
