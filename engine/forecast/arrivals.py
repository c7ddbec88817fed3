"""Who arrives when: arrivals of the next minutes on every approach, and their cyclic profile.

What left the signals upstream was measured; it comes after the running time, dispersed as
Robertson (1969) has it, q(t) = F q_up(t - b T) + (1 - F) q(t - 1) with F = 1 / (1 + a b T). What
will leave them is predicted: queues that stand there now, and arrivals yet to come, leave at
saturation flow while the signal is green. Platoons keep their mass to the last vehicle.

Assumed: turns of an approach do not hinder each other, and queues have no length. Not modeled:
yielding beyond a part of the saturation flow, blocked exits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast import platoon_kernels as kernels
from engine.measures.streams import fit_streams
from engine.measures.street import Driving, assign_lanes
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

BIN_S = 2
HORIZON_S = 120


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How platoons spread on their way.

    Attributes
    ----------
    a, b
        Robertson's factors. The mean of the running time is kept where b = 1 / (1 + a), which
        is the default (Seddon 1972, Traffic Engineering and Control 13); a = 0.35 is TRANSYT's
        for ordinary streets, less where nothing disturbs.
    start_s
        Running time beyond that at free speed, because a queue speeds up from standing and its
        drivers follow each other, s. Default measured in SUMO 1.28 on generated arterials.
    """

    a: float = 0.35
    b: float | None = None
    start_s: float = 6.0

    def __post_init__(self) -> None:
        fits = self.a >= 0 and self.start_s >= 0 and (self.b is None or 0 < self.b <= 2)
        if not fits or not np.isfinite(self.a + self.start_s):
            raise InsufficientDataError(
                f"dispersion a {self.a}, b {self.b}, start {self.start_s} s; allowed are 0 or "
                "more, above 0 to 2, and 0 s or more"
            )

    def split(self, travel_time_s: float, bin_s: float) -> tuple[float, float]:
        """Return the plain delay in bins, and the part F of the newest bin.

        Parameters
        ----------
        travel_time_s
            At free speed, s.
        bin_s
            Length of a bin, s. F is of that bin, so that the mean delay does not depend on it.
        """
        time_s = travel_time_s + self.start_s
        b = 1.0 / (1.0 + self.a) if self.b is None else self.b
        return b * time_s / bin_s, 1.0 / (1.0 + self.a * b * time_s / bin_s)


@dataclass(frozen=True, slots=True, eq=False)
class ArrivalForecast:
    """Arrivals, measured upstream up to now and predicted beyond.

    Attributes
    ----------
    link_ids, turn_ids
        Approaches and turns.
    bin_s
        Length of a bin, s.
    now
        The first bin that is predicted.
    arrivals_veh
        Vehicles that would reach the stop line if nobody stood there, [link, bin].
    departures_veh
        Vehicles that cross the stop line, [turn, bin]; measured ones up to now.
    queue_veh
        Waiting at the end of the bin, [turn, bin]; up to now as far as counts tell.
    """

    link_ids: tuple[str, ...]
    turn_ids: tuple[str, ...]
    bin_s: int
    now: int
    arrivals_veh: Floats
    departures_veh: Floats
    queue_veh: Floats

    def ahead(self, link_id: str) -> Floats:
        """Return the predicted arrivals of one approach, vehicles per bin."""
        if link_id not in self.link_ids:
            raise CountError(f"link {link_id!r} is no approach of a signal")
        return self.arrivals_veh[self.link_ids.index(link_id), self.now :]


@dataclass(frozen=True, slots=True, eq=False)
class ArrivalModel:
    """Streets between signals, ready to move platoons over.

    Attributes
    ----------
    link_ids, turn_ids, exit_ids
        Approaches, signalized turns, and links by which traffic leaves signals.
    bin_s
        Length of a bin, s.
    saturation_vps
        Of each turn on all its lanes, as far as other turns leave them to it, veh/s.
    outside_vps
        Of each approach, arrivals that passed no signal, veh/s.
    turns, streams
        As the kernel takes them.
    """

    link_ids: tuple[str, ...]
    turn_ids: tuple[str, ...]
    exit_ids: tuple[str, ...]
    bin_s: int
    saturation_vps: Floats
    outside_vps: Floats
    turns: kernels.StopTurns
    streams: kernels.PlatoonStreams

    def service(self, green: Floats) -> Floats:
        """Return how many vehicles each turn can discharge.

        Parameters
        ----------
        green
            Usable part of each bin, [turn, bin], 0 to 1: from measured splits or
            `planned_green`.
        """
        return green * self.saturation_vps[:, None] * self.bin_s

    def predict(
        self,
        departed_veh: Floats,
        service_veh: Floats,
        *,
        queue_veh: Floats | None = None,
        outside_veh: Floats | None = None,
    ) -> ArrivalForecast:
        """Predict arrivals from measured departures and what the signals will do.

        Parameters
        ----------
        departed_veh
            Measured departures of the turns up to now, [turn, past bins]; NaN where a turn is
            not measured, and then predicted from the beginning. At least as long as the
            longest running time, or platoons under way are missed.
        service_veh
            [turn, past and coming bins], as `service` gives it.
        queue_veh
            Vehicles waiting now, [turn]; NaN or None where that is not measured.
        outside_veh
            Arrivals that passed no signal, [link, past and coming bins]; uniform where None.

        Returns
        -------
        ArrivalForecast

        Raises
        ------
        CountError
            If shapes do not fit, or a number is negative or infinite.
        """
        rows, past = len(self.turn_ids), departed_veh.shape[-1]
        bins = service_veh.shape[-1]
        queue = np.full(rows, np.nan) if queue_veh is None else queue_veh
        outside = (
            np.repeat(self.outside_vps[:, None] * self.bin_s, bins, axis=1)
            if outside_veh is None
            else outside_veh
        )
        wanted = {
            "departures": (departed_veh, (rows, past)),
            "service": (service_veh, (rows, max(bins, past))),
            "queues": (queue, (rows,)),
            "outside arrivals": (outside, (len(self.link_ids), bins)),
        }
        for name, (array, shape) in wanted.items():
            if array.shape != shape:
                raise CountError(f"{name} have shape {list(array.shape)}; allowed is {shape}")
            unknown = np.isnan(array) & (name in ("departures", "queues"))
            if not (unknown | (np.isfinite(array) & (array >= 0))).all():
                raise CountError(f"{name} hold a number that is negative, infinite or none")
        departed = np.full((rows, bins), np.nan)
        departed[:, :past] = departed_veh
        arrivals = np.zeros((len(self.link_ids), bins))
        departures = np.zeros((len(self.exit_ids), bins))
        queues = np.zeros((rows, bins))
        kernels.roll_platoons(
            departed,
            np.ascontiguousarray(service_veh, dtype=np.float64),
            np.ascontiguousarray(outside, dtype=np.float64),
            self.turns,
            self.streams,
            np.ascontiguousarray(queue, dtype=np.float64),
            past,
            arrivals,
            departures,
            queues,
        )
        return ArrivalForecast(
            self.link_ids,
            self.turn_ids,
            self.bin_s,
            past,
            arrivals,
            self._left(departed, arrivals, queues, queue, past),
            np.maximum(queues, 0.0),
        )

    def _left(
        self, departed: Floats, arrivals: Floats, queues: Floats, queue_now: Floats, now: int
    ) -> Floats:
        """Return measured departures, and beyond what the queues lost, [turn, bin]."""
        before = np.zeros_like(queues)
        before[:, 1:] = queues[:, :-1]
        if now < before.shape[1]:
            before[:, now] = np.where(np.isnan(queue_now), before[:, now], queue_now)
        came = np.arange(queues.shape[1]) - self.turns.late[:, None]
        fresh = np.where(came >= 0, arrivals[self.turns.link[:, None], np.maximum(came, 0)], 0.0)
        gone = before + fresh * self.turns.share[:, None] - queues
        return np.where(np.isnan(departed), np.maximum(gone, 0.0), departed)


def arrival_model(
    network: RoadNetwork,
    movement_vph: Mapping[str, float],
    *,
    bin_s: int = BIN_S,
    dispersion: Dispersion | None = None,
    driving: Driving | None = None,
    short_of_stop_m: Mapping[str, float] | None = None,
) -> ArrivalModel:
    """Lay flows over a network: who feeds whom, and how fast stop lines discharge.

    Parameters
    ----------
    network
        The roads.
    movement_vph
        Flow of every signalized movement, veh/h.
    bin_s
        Length of a bin, s.
    dispersion, driving
        How platoons spread, and how queues discharge.
    short_of_stop_m
        By approach, how far ahead of the stop line arrivals are wanted, m: where a detector
        lies to compare with. Turns get them later, when they have run on to the stop line.

    Returns
    -------
    ArrivalModel

    Raises
    ------
    InsufficientDataError
        If no movement carries anything, or the bin is shorter than 1 s.
    """
    if bin_s < 1 or not any(flow > 0 for flow in movement_vph.values()):
        raise InsufficientDataError(
            f"bins of {bin_s} s and {len(movement_vph)} flows; needed are 1 s or more and a "
            "movement that carries traffic"
        )
    dispersion, driving = dispersion or Dispersion(), driving or Driving()
    movements = tuple(network.movements.values())
    link_ids = tuple(sorted({m.from_link for m in movements}))
    exit_ids = tuple(sorted({m.to_link for m in movements}))
    link, out = ({name: i for i, name in enumerate(ids)} for ids in (link_ids, exit_ids))
    flow = np.array([movement_vph.get(m.movement_id, 0.0) for m in movements])
    at = np.array([link[m.from_link] for m in movements], dtype=np.int32)
    total = np.bincount(at, weights=flow, minlength=len(link_ids))
    alike = 1.0 / np.bincount(at, minlength=len(link_ids))
    share = np.where(total[at] > 0, flow / np.where(total[at] > 0, total[at], 1.0), alike[at])
    by_connection = assign_lanes(network, dict(movement_vph), driving)
    on_lane: dict[tuple[str, int], float] = {}
    for movement in movements:
        for c in movement.connections:
            lane = (c.from_link, c.from_lane)
            on_lane[lane] = on_lane.get(lane, 0.0) + by_connection.get(c.connection_id, 0.0)
    saturation = np.zeros(len(movements))
    for t, movement in enumerate(movements):
        for c in movement.connections:
            lane_vph = on_lane[c.from_link, c.from_lane]
            part = by_connection.get(c.connection_id, 0.0) / lane_vph if lane_vph > 0 else 1.0
            saturation[t] += part / driving.way_headway_s(c)
    streams, outside = fit_streams(network, movement_vph)
    short = short_of_stop_m or {}
    late = [
        round(short.get(m.from_link, 0.0) / network.links[m.from_link].speed_mps / bin_s)
        for m in movements
    ]
    split = [
        dispersion.split(
            max(
                s.travel_time_s
                - short.get(s.approach_link, 0.0) / network.links[s.approach_link].speed_mps,
                0.0,
            ),
            bin_s,
        )
        for s in streams
    ]
    return ArrivalModel(
        link_ids,
        tuple(m.movement_id for m in movements),
        exit_ids,
        bin_s,
        saturation,
        np.array([outside.get(name, 1.0) for name in link_ids]) * total / SECONDS_PER_HOUR,
        kernels.StopTurns(
            at,
            np.array([out[m.to_link] for m in movements], np.int32),
            share,
            np.array(late, dtype=np.int32),
        ),
        kernels.PlatoonStreams(
            np.array([out[s.exit_link] for s in streams], dtype=np.int32),
            np.array([link[s.approach_link] for s in streams], dtype=np.int32),
            np.array([s.share for s in streams], dtype=np.float64),
            np.array([delay for delay, _ in split], dtype=np.float64),
            np.array([smoothing for _, smoothing in split], dtype=np.float64),
        ),
    )
