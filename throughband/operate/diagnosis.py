"""What is wrong on the street: closed roads, queues, lanes that changed, and detectors that lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from network.counts import Quality
from network.graph import RoadNetwork
from throughband.forecasts.live_forecast import Sight
from throughband.operate.causes import Causes, beside
from throughband.operate.link_watch import LinkWatch, road_begin
from throughband.operate.sightings import detectors_seen
from throughband.operate.street_counts import Counted
from throughband.operate.warning_book import Kind, Sighting

Floats = NDArray[np.float64]

TELLS_NOTHING: Final = (Quality.MISSING, Quality.IMPOSSIBLE)
KNOWN_AFTER_S: Final = 1800.0
"""A detector in doubt for so long, with no closed road beside it, is faulty and left out."""

Lately = Mapping[float, Mapping[str, Counted]]


class Diagnosis:
    """Follows what is wrong, interval by interval.

    Parameters
    ----------
    network
        The roads.
    signal_of
        By detector, whose it is.
    same_within
        For so long after a road is free again, detectors beside it are told with it.
    """

    def __init__(
        self, network: RoadNetwork, signal_of: Mapping[str, str], same_within: timedelta
    ) -> None:
        self._network = network
        self._link_of = {
            c.connection_id: road_begin(network, c.from_link) for c in network.connections
        }
        self._signal_of = dict(signal_of)
        self._causes = Causes(network, same_within)
        self._names: tuple[str, ...] = ()
        self._links: LinkWatch | None = None
        self._queues: tuple[Sighting, ...] = ()
        self._doubted_since: dict[str, float] = {}

    @property
    def learned(self) -> bool:
        """Whether it knows what is usual."""
        return self._links is not None and self._links.learned

    def learn(
        self,
        names: Sequence[str],
        past: tuple[Floats, Floats] | None,
        interval_s: int,
        reports_per_week: float,
    ) -> str:
        """Learn from days of counts; return why nothing is watched, or nothing.

        Parameters
        ----------
        names
            Detectors.
        past
            Counted and usual vehicles, [interval, detector]; None where nothing is known.
        interval_s
            Length of an interval, s.
        reports_per_week
            False reports that are borne.
        """
        self._names = tuple(names)
        links = LinkWatch(self._network, self._names)
        if past is not None:
            links.learn(*past, interval_s, reports_per_week)
        self._links = links
        return links.untold

    def take(self, begin_s: float, step_s: float, sight: Sight, lately: Lately, usual: Floats
    ) -> None:  # fmt: skip
        """Take one interval.

        Parameters
        ----------
        begin_s, step_s
            When it begins, s since 1970, and how long it is.
        sight
            What the forecast makes of the counts now.
        lately
            Counts of the last intervals by their beginning; this one among them.
        usual
            Usual vehicles, [detector].
        """
        cells = lately[begin_s]
        doubted = {name for name in sight.flagged if name in cells}
        doubted |= {name for name, cell in cells.items() if not cell.good}
        self._doubted_since = {
            name: self._doubted_since.get(name, begin_s) for name in sorted(doubted)
        }
        links = self._links
        if links is None or not links.learned:
            return
        excused = self._causes.joined_now
        volume = {name: cell.volume_veh for name, cell in cells.items()}
        believed = {name: count for name, count in volume.items() if name not in doubted}
        told = {
            name: count
            for name, count in volume.items()
            if not _silent(sight, name)
            and (
                name in excused or begin_s - self._doubted_since.get(name, begin_s) < KNOWN_AFTER_S
            )
        }
        end = datetime.fromtimestamp(begin_s + step_s, UTC)
        self._queues = links.look(end, believed, told, usual)

    def found(
        self,
        sight: Sight,
        lately: Lately,
        usual: Mapping[str, float],
        excused: Iterable[str],
        now: datetime,
    ) -> list[Sighting]:
        """Return what is wrong now.

        Parameters
        ----------
        sight
            What the forecast makes of the counts now.
        lately
            Counts of the last intervals by their beginning.
        usual
            By detector, usual vehicles in an interval at this time.
        excused
            Signals whose controllers are known to be in trouble.
        now
            The present.
        """
        known = {name for each in self._queues for name in beside(self._network, each.where)}
        free = {name: link for name, link in self._link_of.items() if name not in known}
        doubted = detectors_seen(sight, lately, usual, self._signal_of, excused, now, free)
        newest = lately[max(lately)] if lately else {}
        little = {
            name: cell.volume_veh < usual.get(name, 0.0) or not np.isfinite(cell.volume_veh)
            for name, cell in newest.items()
        }
        queues = list(self._queues)
        there = {each.where for each in queues}
        for name, (since, sure) in sorted(sight.closed_lanes.items()):
            lane = self._closed_lane(name, since, sure)
            queues += [each for each in lane if each.where not in there]
            there.update(each.where for each in lane)
        return self._causes.joined([*doubted, *queues], little, now)

    def _closed_lane(self, name: str, since: datetime, sure: float) -> list[Sighting]:
        link = self._link_of.get(name)
        if link is None:
            return []
        text = (
            f"link {link!r}: a lane is closed; {name!r} counts nobody, and the lanes beside it "
            "take its traffic"
        )
        return [Sighting(Kind.QUEUE, link, since, sure, text)]


def _silent(sight: Sight, name: str) -> bool:
    """Tell whether nothing came from a detector, or nothing that could be."""
    return name in sight.flagged and sight.flagged[name][0] in TELLS_NOTHING
