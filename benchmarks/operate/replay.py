"""Counts of a day put through forecast and diagnosis, as daily operation does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.operate.street_days import OPERATED, midnight_utc_s
from network.counts import CountSeries, Quality
from network.graph import RoadNetwork
from throughband.bridge.counting import CountSpool
from throughband.bridge.detector_map import scenario_map
from throughband.counts.growing_counts import GrowingCounts
from throughband.forecasts.live_forecast import LiveForecast, LiveSettings
from throughband.operate.count_history import last_days
from throughband.operate.diagnosis import Diagnosis
from throughband.operate.street_counts import StreetCounts
from throughband.operate.warning_book import BookRule, News, WarningBook

Floats = NDArray[np.float64]

HORIZON_S = 3600


@dataclass(frozen=True, slots=True)
class Heard:
    """News of a warning.

    Attributes
    ----------
    at_s
        When it was told, s after midnight.
    news
        What.
    """

    at_s: float
    news: News

    @property
    def since_s(self) -> float:
        """Since when it is said to be, s after midnight."""
        return self.news.warned.sighting.since_utc.timestamp() - midnight_utc_s(OPERATED)


def replay(
    network: RoadNetwork,
    folder: Path,
    names: tuple[str, ...],
    begin_s: float,
    step_s: int,
    counts: tuple[Floats, Floats],
    reports_per_week: float = 0.5,
) -> list[Heard]:
    """Put some hours through and return what was warned of.

    Parameters
    ----------
    network
        The roads.
    folder
        With earlier days, ``history.csv``; emptied of anything else by the caller.
    names
        Detectors.
    begin_s, step_s
        When the first interval begins, s after midnight, and how long each is.
    counts
        Vehicles and occupancies, per cent, [interval, detector].
    reports_per_week
        False reports that are borne.
    """
    midnight = midnight_utc_s(OPERATED)
    now = [datetime.fromtimestamp(midnight + begin_s, UTC)]
    live = LiveForecast(
        GrowingCounts(folder, "UTC"),
        LiveSettings("UTC", HORIZON_S, step_s, network=network),
        lambda: now[0],
    )
    spool = CountSpool(folder, ZoneInfo("UTC"))
    street = StreetCounts(folder, ZoneInfo("UTC"))
    signal_of = {
        name: signal
        for signal, places in scenario_map(network).places.items()
        for name in places.values()
    }
    rule = BookRule(raise_after=1)
    diagnosis = Diagnosis(network, signal_of, rule.same_within)
    book, heard, last = WarningBook(rule), [], 0.0
    learned = False
    for at in range(len(counts[0])):
        row = CountSeries(
            "connection",
            names,
            begin_s + at * step_s,
            step_s,
            counts[0][[at]],
            np.full((1, len(names)), int(Quality.GOOD), dtype=np.uint8),
            counts[1][[at]],
        )
        spool.write(row, int(midnight))
        now[0] = datetime.fromtimestamp(midnight + begin_s + (at + 1) * step_s, UTC) + timedelta(
            seconds=1
        )
        sight = live.turn()
        forecaster = live.forecaster
        assert forecaster is not None
        lately = street.look()
        if not learned:
            past = last_days(folder, "UTC", forecaster)
            assert past is not None
            usual = np.array(forecaster.usual(past.begin, len(past.counts), (0.5,)).mean)
            diagnosis.learn(forecaster.names, (past.counts, usual), step_s, reports_per_week)
            learned = True
        for begin in sorted(each for each in lately if each > last):
            mean = forecaster.usual(datetime.fromtimestamp(begin, UTC), 1, (0.5,)).mean[0]
            diagnosis.take(begin, step_s, sight, lately, np.asarray(mean, dtype=np.float64))
            last = begin
        if sight.state != "current":
            continue
        mean = forecaster.usual(forecaster.time, 1, (0.5,)).mean[0]
        usually = dict(zip(forecaster.names, map(float, mean), strict=True))
        found = diagnosis.found(sight, lately, usually, (), now[0])
        told_s = begin_s + (at + 1) * step_s
        heard += [Heard(told_s, news) for news in book.look(found, now[0])]
    return heard
