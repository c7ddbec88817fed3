"""Looks at the street: counts and their forecast, what is wrong, and what a new plan brings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from network.errors import ThroughbandError
from throughband.bridge.detector_map import read_detector_map
from throughband.counts.growing_counts import GrowingCounts
from throughband.forecasts.live_forecast import LiveForecast, LiveSettings, Sight
from throughband.operate.count_history import last_days, missed
from throughband.operate.diagnosis import Diagnosis
from throughband.operate.evidence import Seen
from throughband.operate.office import Office
from throughband.operate.sightings import coordination_seen, one_fact
from throughband.operate.street_counts import Counted, StreetCounts
from throughband.operate.warning_book import Kind, Sighting

_log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

FORECASTER: Final = "forecaster.npz"
LEARN_LINKS: Final = timedelta(hours=24)


T = TypeVar("T")


class Look(Protocol):
    """Calls what may take long, and returns what it returns."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Call it."""
        ...


async def in_thread(work: Callable[[], T], /) -> T:
    """Call it beside the loop, so that notices go on meanwhile."""
    return await asyncio.to_thread(work)


@dataclass(slots=True)
class View:
    """What a look saw.

    Attributes
    ----------
    sight
        The forecast and what was made of the counts; None where counts cannot be read at all.
    trouble
        Why not.
    lately
        Counts of the last intervals by their beginning, s since 1970.
    fresh
        Beginnings of intervals that are new since the last look.
    sightings
        What is wrong.
    blind
        Kinds that could not be looked for.
    """

    sight: Sight | None
    trouble: str
    lately: Mapping[float, Mapping[str, Counted]]
    fresh: tuple[float, ...] = ()
    sightings: list[Sighting] = field(default_factory=list)
    blind: tuple[Kind, ...] = ()

    @property
    def current(self) -> bool:
        """Whether there is a forecast to plan from."""
        return self.sight is not None and self.sight.state == "current"

    @property
    def why_not(self) -> str:
        """Why there is none."""
        return self.trouble if self.sight is None else self.sight.told


class Watching:
    """Follows the counts.

    Parameters
    ----------
    office
        What all parts share.
    midnight_utc_s
        Second zero of a drill's street, in s since 1970; None takes the zone's midnights.
    look
        How to call what may take long.
    """

    def __init__(
        self, office: Office, midnight_utc_s: float | None = None, look: Look = in_thread
    ) -> None:
        config = office.config
        self._office = office
        self._midnight_utc_s = midnight_utc_s
        self._call = look
        self._zone = config.bridge.operating.zone
        config.counts.mkdir(parents=True, exist_ok=True)
        settings = LiveSettings(
            str(self._zone),
            60 * config.planning.horizon_min,
            config.bridge.counts_interval_s,
            network=office.setting.network,
        )
        self.live = LiveForecast(
            GrowingCounts(config.counts, str(self._zone)),
            settings,
            office.clock,
            config.folder / FORECASTER,
        )
        self.counts = StreetCounts(config.counts, self._zone, midnight_utc_s)
        self._links_learned: datetime | None = None
        self.shared_part: tuple[float, ...] = ()
        self._last_s = 0.0
        self._since: dict[str, datetime] = {}
        signal_of: dict[str, str] = {}
        if config.bridge.counts_map is not None:
            places = read_detector_map(config.bridge.counts_map).places
            signal_of = {
                name: signal for signal, found in places.items() for name in found.values()
            }
        self._diagnosis = Diagnosis(office.setting.network, signal_of, config.book.same_within)

    def close(self) -> None:
        """Keep what the forecaster has learned."""
        self.live.save()

    def midnight_utc_s(self, now: datetime) -> float:
        """Return when the present local day began, s since 1970."""
        if self._midnight_utc_s is not None:
            return self._midnight_utc_s
        local = now.astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    async def look(self, ours: Sequence[str]) -> View:
        """Look once.

        Parameters
        ----------
        ours
            Signals that a plan of ours was pushed to and not taken back from.
        """
        now = self._office.clock()
        sight, trouble = None, ""
        try:
            sight = await self._call(self.live.turn)
        except ThroughbandError as error:
            trouble = str(error)
        lately: Mapping[float, Mapping[str, Counted]] = {}
        try:
            lately = self.counts.look()
        except ThroughbandError as error:
            trouble = trouble or str(error)
        fresh = tuple(sorted(begin for begin in lately if begin > self._last_s))
        self._last_s = max(lately, default=self._last_s)
        view = View(sight, trouble, lately, fresh)
        await self._look_at_links(view, now)
        self._gather(view, ours, now)
        if not view.current:
            # Whoever sees no counts sees neither queues nor detectors.
            view.blind = (Kind.QUEUE, Kind.DETECTOR)
        return view

    def _gather(self, view: View, ours: Sequence[str], now: datetime) -> None:
        office = self._office
        troubles = office.hand.troubles() if office.hand.served else {}
        called = office.hand.calls()
        odd = {*troubles, *(set(ours) - set(called))}
        odd |= {"bridge"} if called and not office.hand.served else set()
        self._since = {name: self._since.get(name, now) for name in odd}
        coordination = coordination_seen(troubles, called, ours, self._since, now)
        view.sightings += coordination
        if called and not office.hand.served:
            since = self._since["bridge"]
            text = f"no bridge keeps the calls of {len(called)} signals alive"
            view.sightings += one_fact(Kind.BRIDGE, "bridge", text, since)
        if view.current:
            assert view.sight is not None
            excused = {each.where for each in coordination}
            usual = self._usual(now)
            view.sightings += self._diagnosis.found(view.sight, view.lately, usual, excused, now)
        else:
            last = view.sight.last_good if view.sight is not None else None
            text = f"nothing can be planned from the counts: {view.why_not}"
            view.sightings += one_fact(Kind.COUNTS, "counts", text, last or now)

    def _usual(self, now: datetime) -> dict[str, float]:
        forecaster = self.live.forecaster
        if forecaster is None:
            return {}
        usual = forecaster.usual(forecaster.time, 1, (0.5,)).mean[0]
        return dict(zip(forecaster.names, map(float, usual), strict=True))

    # Queues

    async def _look_at_links(self, view: View, now: datetime) -> None:
        forecaster = self.live.forecaster
        if forecaster is None:
            return
        due = self._links_learned is None or now - self._links_learned >= LEARN_LINKS
        if due and view.current:
            self._links_learned = now
            try:
                await self._call(self._learn_links)
            except ThroughbandError as error:
                _log.warning("queues are not watched: %s", error)
            try:
                self.shared_part = await self._call(self._missed)
            except ThroughbandError as error:
                _log.warning("what forecasts miss is not known: %s", error)
        if view.sight is None:
            return
        step_s = forecaster.clock.step_s
        for begin in view.fresh:
            at = datetime.fromtimestamp(begin, UTC)
            usual = np.asarray(forecaster.usual(at, 1, (0.5,)).mean[0], dtype=np.float64)
            self._diagnosis.take(begin, step_s, view.sight, view.lately, usual)

    def _learn_links(self) -> None:
        forecaster, config = self.live.forecaster, self._office.config
        assert forecaster is not None
        past = last_days(config.counts, str(self._zone), forecaster)
        pair, step_s = None, forecaster.clock.step_s
        if past is not None:
            usual = np.array(forecaster.usual(past.begin, len(past.counts), (0.5,)).mean)
            pair, step_s = (past.counts, usual), past.step_s
        untold = self._diagnosis.learn(forecaster.names, pair, step_s, config.reports_per_week)
        if untold:
            _log.info("queues are not watched: %s", untold)

    def _missed(self) -> tuple[float, ...]:
        forecaster, config = self.live.forecaster, self._office.config
        assert forecaster is not None
        past = last_days(config.counts, str(self._zone), forecaster)
        if past is None:
            return ()
        return missed(past, forecaster, config.evidence.settle, config.evidence.most_intervals)

    # Evidence

    def forecast_rows(self, sight: Sight) -> dict[str, dict[str, tuple[float, float]]]:
        """Return what is forecast, by beginning of interval and detector: count and deviation."""
        prediction = sight.prediction
        if prediction is None:
            return {}
        mean, sd = prediction.expected()
        return {
            f"{begin.timestamp():.0f}": {
                name: (round(float(m), 3), round(float(s), 3))
                for name, m, s in zip(prediction.names, mean[h], sd[h], strict=True)
            }
            for h, begin in enumerate(prediction.times)
        }

    def seen(
        self,
        begin: float,
        row: Mapping[str, tuple[float, float]],
        view: View,
    ) -> Seen:
        """Hold an interval against a forecast of it; detectors not believed are left out."""
        cells = view.lately.get(begin, {})
        flagged = view.sight.flagged if view.sight is not None else {}
        names = [n for n in row if n in cells and cells[n].good and n not in flagged]
        return Seen(
            datetime.fromtimestamp(begin, UTC),
            sum(cells[name].volume_veh for name in names),
            sum(row[name][0] for name in names),
            float(np.sqrt(sum(row[name][1] ** 2 for name in names))),
            sum(cells[name].occupied_s for name in names),
        )

    def believed(self, view: View) -> list[Seen]:
        """Return the last intervals as they were, for what is usual on detectors."""
        flagged = view.sight.flagged if view.sight is not None else {}
        found = []
        for begin in sorted(view.lately)[-6:]:
            cells = [c for n, c in view.lately[begin].items() if c.good and n not in flagged]
            served = sum(cell.volume_veh for cell in cells)
            occupied = sum(cell.occupied_s for cell in cells)
            found.append(Seen(datetime.fromtimestamp(begin, UTC), served, served, 1.0, occupied))
        return found
