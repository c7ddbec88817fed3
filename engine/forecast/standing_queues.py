"""Counts that a standing queue cuts short, and what is expected behind it.

Who waits in a queue is not counted, so a count taken where the queue never ends tells what the lane
could let go and not how many came. Counts alone do not show it: where a lane is blocked by the
next one, or by somebody who wants to change lanes, it lets go far less than its green could. A
detector that stays occupied all through a quarter of an hour does show it, for red alone leaves
gaps. How many are hidden nothing there tells: the queue reaches over every detector, or drivers
have gone other ways. `HIDDEN_PART` more is assumed, an engineer's assumption and no measurement,
and carried to the signals around, so that what is expected to leave a signal arrives at the next
one, and what is to arrive has left the one before. A queue before a link that lies inside one
junction is left as it was counted: it waits for the room of two vehicles ahead and not for green,
and more green would only fill the junction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecast import Forecast
from engine.forecast.quality import QualityRow
from engine.measures.streams import Pace, Stream, fit_streams
from engine.optimize.inside import INSIDE_M
from network.counts import CountSeries, Quality
from network.graph import RoadNetwork

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OCCUPIED_PCT = 80.0
"""Share of an interval that red and moving vehicles do not reach on lanes whose queues clear."""

STANDING_S = 900
"""So long a detector stays occupied before its queue is taken to stand."""

NEAR_S = 3600
"""Counts so long before and after are cut short, too: by the queue's growth, and by who left
another way."""

HIDDEN_PART = 0.3
"""Vehicles expected behind a standing queue, as a part of those counted. Of the movements of
`ingolstadt7` that are pointed at, from 33 to 49 % of the counted were hidden where everybody takes
the shortest way; plans for 30 % did better there than those for 50 %, and those for 20 %."""

DAYS_PART = 0.5
"""A queue that stands on fewer days is an incident, and not what plans are made for."""

LEAST_VPH = 1.0
LEAST_TOLD = 0.1


@dataclass(frozen=True, slots=True)
class _More:
    """What is expected beyond the mean count of a movement because of one standing queue."""

    movement: str
    vph: float


def standing(days: Sequence[CountSeries], network: RoadNetwork) -> dict[str, Flags]:
    """Find the movements whose queue stands over a detector.

    Parameters
    ----------
    days
        Counts of movements or connections; those without occupancies say nothing.
    network
        For the movements of connections.

    Returns
    -------
    dict
        By movement, bool[I]: the intervals within `NEAR_S` of a queue that stands on
        `DAYS_PART` of the days with occupancies. Movements without such a queue are absent.
    """
    movement_of = {
        connection.connection_id: movement.movement_id
        for movement in network.movements.values()
        for connection in movement.connections
    }
    telling = [
        day
        for day in days
        if day.occupancy_pct is not None and day.kind in ("movement", "connection")
    ]
    votes: dict[str, NDArray[np.int64]] = {}
    for day in telling:
        assert day.occupancy_pct is not None
        today: dict[str, Flags] = {}
        for column, name in enumerate(day.series_ids):
            stood = _stood(day.occupancy_pct[:, column], day.interval_s)
            movement = movement_of.get(name, name)
            if stood.any() and movement in network.movements:
                today[movement] = today.get(movement, np.zeros_like(stood)) | stood
        for movement, stood in today.items():
            cast = votes.setdefault(movement, np.zeros(stood.size, dtype=np.int64))
            size = min(cast.size, stood.size)
            cast[:size] += _near(stood, day.interval_s)[:size]
    needed = DAYS_PART * len(telling)
    return {name: cast >= needed for name, cast in votes.items() if (cast >= needed).any()}


def _stood(occupancy_pct: Floats, interval_s: int) -> Flags:
    """Return the intervals that belong to `STANDING_S` of occupancy on end."""
    occupied = occupancy_pct >= OCCUPIED_PCT
    long = -(-STANDING_S // interval_s)
    stood = np.zeros_like(occupied)
    for begin in range(occupied.size - long + 1):
        if occupied[begin : begin + long].all():
            stood[begin : begin + long] = True
    return stood


def _near(stood: Flags, interval_s: int) -> Flags:
    reach = NEAR_S // interval_s
    near = np.zeros_like(stood)
    for at in np.flatnonzero(stood):
        near[max(0, at - reach) : at + reach + 1] = True
    return near


def expected(
    flows: Forecast, queues: Mapping[str, Flags], network: RoadNetwork, pace: Pace | None = None
) -> tuple[Forecast, tuple[QualityRow, ...]]:
    """Return flows with those expected behind standing queues.

    Parameters
    ----------
    flows
        As counted and forecast.
    queues
        From `standing`.
    network
        Where what waits came from, and where it will go.
    pace
        How links are run, for the streams between signals.

    Returns
    -------
    flows : Forecast
        The same where nothing stands.
    rows : tuple of QualityRow
        Movements planned for more than was counted, with the reason.
    """
    column = {name: m for m, name in enumerate(flows.movement_ids)}
    mean_vph = {name: float(flows.flow_vph[:, m].mean()) for name, m in column.items()}
    cut_short = sorted(
        name
        for name in queues
        if mean_vph.get(name, 0.0) > 0.0 and not _into_junction(network, name)
    )
    if not cut_short:
        return flows, ()
    around = _Around(network, mean_vph, pace)
    factor = np.ones_like(flows.flow_vph)
    because: dict[str, str] = {}
    for name in cut_short:
        near = np.zeros(len(factor), dtype=bool)
        size = min(near.size, queues[name].size)
        near[:size] = queues[name][:size]
        for more in around.of(name, HIDDEN_PART * mean_vph[name]):
            if more.movement not in column:
                continue
            part = 1.0 + more.vph / mean_vph[more.movement]
            m = column[more.movement]
            if part > factor[:, m].max():
                because[more.movement] = name
            # Two queues on one way wait for the same vehicles: the longer one counts.
            factor[:, m] = np.where(near, np.maximum(factor[:, m], part), factor[:, m])
    raised = [values * factor for values in (flows.flow_vph, flows.low_vph, flows.high_vph)]
    for values in raised:
        values.setflags(write=False)
    rows = tuple(
        _row(name, because[name], flows.flow_vph[:, column[name]], factor[:, column[name]])
        for name in sorted(because)
        if name in cut_short or factor[:, column[name]].max() >= 1.0 + LEAST_TOLD
    )
    flow, low, high = raised
    return replace(flows, flow_vph=flow, low_vph=low, high_vph=high), rows


def _into_junction(network: RoadNetwork, name: str) -> bool:
    """Tell whether a movement leads into a link between two signals of one junction."""
    link = network.links[network.movements[name].to_link]
    ahead = any(m.from_link == link.link_id for m in network.movements.values())
    return ahead and link.length_m < INSIDE_M


def _row(name: str, source: str, flow_vph: Floats, factor: Floats) -> QualityRow:
    near = factor > 1.0
    counted, wanted = float(flow_vph[near].mean()), float((flow_vph * factor)[near].mean())
    why = (
        "a queue stands over its detector, whose counts say what was let go"
        if name == source
        else f"goes with those who wait at {source}"
    )
    reason = f"{counted:.0f} veh/h counted, planned for {wanted:.0f}: {why}"
    return QualityRow(name, Quality.FILLED, int(near.sum()), reason)


class _Around:
    """What passes the signals before and behind a movement."""

    def __init__(
        self, network: RoadNetwork, mean_vph: Mapping[str, float], pace: Pace | None
    ) -> None:
        self._movements = network.movements
        self._vph = mean_vph
        self._out_of: dict[str, list[str]] = {}
        self._into: dict[str, list[str]] = {}
        for name, movement in network.movements.items():
            self._out_of.setdefault(movement.from_link, []).append(name)
            self._into.setdefault(movement.to_link, []).append(name)
        streams, _ = fit_streams(network, mean_vph, pace)
        self._leaving: dict[str, list[Stream]] = {}
        self._arriving: dict[str, list[Stream]] = {}
        for stream in streams:
            self._leaving.setdefault(stream.exit_link, []).append(stream)
            self._arriving.setdefault(stream.approach_link, []).append(stream)

    def of(self, movement: str, vph: float) -> tuple[_More, ...]:
        """Return how much more passes every movement if one passes so much more."""
        found = {movement: vph}
        here = self._movements[movement]
        for passed in (
            self._down(here.to_link, vph, frozenset({here.from_link})),
            self._up(here.from_link, vph, frozenset({here.to_link})),
        ):
            for more in passed:
                if more.movement != movement:
                    found[more.movement] = found.get(more.movement, 0.0) + more.vph
        return tuple(_More(name, value) for name, value in found.items())

    def _sum(self, names: Sequence[str]) -> float:
        return sum(self._vph.get(name, 0.0) for name in names)

    def _down(self, exit_link: str, vph: float, seen: frozenset[str]) -> Iterator[_More]:
        for stream in self._leaving.get(exit_link, []):
            ahead = self._out_of[stream.approach_link]
            whole = self._sum(ahead)
            if stream.approach_link in seen or whole <= 0.0:
                continue
            for name in ahead:
                more = vph * stream.share * self._vph.get(name, 0.0) / whole
                if more >= LEAST_VPH:
                    yield _More(name, more)
                    further = self._movements[name].to_link
                    yield from self._down(further, more, seen | {stream.approach_link})

    def _up(self, approach_link: str, vph: float, seen: frozenset[str]) -> Iterator[_More]:
        arriving = self._sum(self._out_of[approach_link])
        for stream in self._arriving.get(approach_link, []):
            behind = self._into[stream.exit_link]
            whole = self._sum(behind)
            if stream.exit_link in seen or whole <= 0.0 or arriving <= 0.0:
                continue
            part = min(1.0, stream.share * whole / arriving)
            for name in behind:
                more = vph * part * self._vph.get(name, 0.0) / whole
                if more >= LEAST_VPH:
                    yield _More(name, more)
                    before = self._movements[name].from_link
                    yield from self._up(before, more, seen | {stream.exit_link})
