"""What sensors make of the vehicles on the street: the views that controllers get.

Vehicles come in as arrays, from whatever plays the street; views go out at the chosen level of
information, with the chosen faults. Loops are read off the positions of two successive seconds.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Information, Integers, Site, View
from engine.adaptive.lane_places import LanePlaces
from engine.adaptive.loops import VEHICLE_M, Loops
from network.errors import InsufficientDataError

STANDING_MPS: Final = 1.0
"""What moves no faster is part of a queue; walking pace, as Little's detectors use it."""
PHANTOM_M: Final = 1.0
_GAP_M: Final = 2.5


@dataclass(frozen=True, slots=True)
class Sensing:
    """What the sensors are.

    Attributes
    ----------
    information
        Level.
    reach_m
        How far from the stop line, and into exit lanes, is seen at ``lanes``, and how far from
        the stop line a vehicle reports itself at ``vehicles``, m.
    share
        Share of vehicles that report themselves at ``vehicles``, 0 to 1.
    missed
        Share of vehicles that no sensor ever sees, 0 to 1.
    latency_s
        Whole seconds between seeing and telling.
    lost
        Share of seconds in which a signal's message is lost, 0 to 1; its last one holds.
    dead
        Stop lanes, by name, whose sensors say nothing.
    stuck
        Stop lanes, by name, whose sensors always tell of one vehicle that stands at the stop line
        (loops: occupied, nobody counted), whatever is there.
    advance_m
        Distance of the advance loop from the stop line, m, also on the road behind a short lane,
        unless that leads to several stop lanes (`engine.adaptive.loops.advance_loops_m`).
    seed
        Chooses the vehicles and the lost messages.
    """

    information: Information = Information.LANES
    reach_m: float = 200.0
    share: float = 1.0
    missed: float = 0.0
    latency_s: int = 0
    lost: float = 0.0
    dead: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    advance_m: float = 50.0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.share, self.missed, self.lost)
        if not all(0 <= value <= 1 for value in shares):
            raise InsufficientDataError(
                f"sensors: share {self.share}, missed {self.missed} and lost {self.lost} must be "
                "0 to 1"
            )
        if not 0 < self.reach_m < np.inf or not 0 < self.advance_m < np.inf:
            raise InsufficientDataError(
                f"sensors: reach {self.reach_m} m and advance loop at {self.advance_m} m must be "
                "above 0"
            )
        if not 0 <= self.latency_s <= 60:
            raise InsufficientDataError(
                f"sensors: a latency of {self.latency_s} s; allowed are 0 to 60 s"
            )


class Shown(Protocol):
    """What a signal does now; `engine.adaptive.player.Player` is one."""

    @property
    def stage(self) -> int:
        """Row of the stage that is green or that the running clearance leads to."""

    @property
    def green_s(self) -> float:
        """Green of that stage so far, s."""

    @property
    def clearing_s(self) -> float:
        """What is left of the running clearance, s."""

    @property
    def may_leave(self) -> bool:
        """Whether no clearance runs and the least green is over."""

    def waiting_s(self) -> list[float]:
        """Return per stop lane the longest red that any of its ways has now, s."""
        ...

    def forced(self, called: Sequence[bool] | None = None) -> int | None:
        """Return the stage that is demanded now whatever is wished, or None."""
        ...


class Traffic(NamedTuple):
    """Every vehicle on the street in one second: names, lanes, front from the lane's beginning
    in m, speed in m/s."""

    names: Sequence[str]
    lanes: Sequence[str]
    position_m: Floats
    speed_mps: Floats


class _Seen(NamedTuple):
    """What one signal's sensors say, one second."""

    at_s: float
    count_veh: Floats
    queue_veh: Floats
    queue_m: Floats
    loops: Floats  # [4, L]
    lane: Integers
    object_m: Floats
    object_mps: Floats
    exits: Floats  # [4, E]
    turned: Floats  # [W]
    track: Integers


class Sensors:
    """The sensors of all sites.

    Parameters
    ----------
    sites
        The signals.
    sensing
        What they are.
    """

    def __init__(self, sites: Sequence[Site], sensing: Sensing) -> None:
        self._sites = tuple(sites)
        self._sensing = sensing
        self._places = LanePlaces(sites)
        self._came_by: dict[str, int] = {}
        lanes = [lane for site in sites for lane in site.lanes]
        self._loops = Loops(sites, sensing.advance_m)
        self._dead = np.array([lane.lane_id in sensing.dead for lane in lanes], dtype=np.bool_)
        self._stuck = np.array([lane.lane_id in sensing.stuck for lane in lanes], dtype=np.bool_)
        self._free_mps = np.array([e.speed_mps for site in sites for e in site.exits])
        self._exit_m = np.array(
            [min(e.length_m, sensing.reach_m) for site in sites for e in site.exits]
        )
        self._known: dict[str, tuple[bool, bool]] = {}
        self._tracks: dict[str, int] = {}
        self._noise = np.random.default_rng(sensing.seed)
        self._past: deque[tuple[_Seen, ...]] = deque(maxlen=sensing.latency_s + 1)
        self._told: list[_Seen] = []

    def observe(
        self, now_s: float, traffic: Traffic, players: Mapping[str, Shown]
    ) -> dict[str, View]:
        """Turn one second of traffic into what controllers are told.

        Parameters
        ----------
        now_s
            The street's clock.
        traffic
            All vehicles.
        players
            What each site's signal does, by its name.
        """
        seen = self._look(now_s, traffic)
        self._past.append(seen)
        arrived = self._past[0]
        if not self._told or not self._sensing.lost:
            self._told = list(arrived)
        else:
            lost = self._noise.random(len(arrived)) < self._sensing.lost
            self._told = [
                old if gone else new
                for old, new, gone in zip(self._told, arrived, lost, strict=True)
            ]
        return {
            site.signal_id: self._view(players[site.signal_id], told)
            for site, told in zip(self._sites, self._told, strict=True)
        }

    def _view(self, player: Shown, told: _Seen) -> View:
        waiting_s = np.array(player.waiting_s())
        waiting_s.setflags(write=False)
        called = (told.count_veh > 0) | np.isnan(told.count_veh)
        return View(
            self._sensing.information,
            told.at_s,
            player.stage,
            player.green_s,
            player.clearing_s,
            player.may_leave and player.forced(called.tolist()) is None,
            waiting_s,
            told.count_veh,
            told.queue_veh,
            told.queue_m,
            told.loops[0],
            told.loops[1],
            told.loops[2],
            told.loops[3],
            told.lane,
            told.object_m,
            told.object_mps,
            told.exits[0],
            told.exits[1],
            told.exits[2],
            told.exits[3],
            told.turned,
            told.track,
        )

    def _knows(self, name: str) -> tuple[bool, bool]:
        """Whether a vehicle is ever seen, and whether it reports itself; chosen by its name."""
        known = self._known.get(name)
        if known is None:
            draw = zlib.crc32(f"{self._sensing.seed}/{name}".encode())
            known = (
                (draw & 0xFFFF) / 65536.0 >= self._sensing.missed,
                (draw >> 16) / 65536.0 < self._sensing.share,
            )
            self._known[name] = known
        return known

    def _look(self, now_s: float, traffic: Traffic) -> tuple[_Seen, ...]:
        numbers = self._places.numbers(traffic.lanes)
        speed = traffic.speed_mps
        if self._sensing.missed > 0 or self._sensing.information is Information.VEHICLES:
            level = self._sensing.information is Information.VEHICLES
            keep = [all(self._knows(n)) if level else self._knows(n)[0] for n in traffic.names]
            numbers = np.where(np.array(keep, dtype=np.bool_), numbers, -1)
        places = self._places
        lane, at_m, vehicle = places.assign(numbers, traffic.position_m)
        lanes = int(places.first_lane[-1])
        exits = self._look_at_exits(numbers, traffic)
        turned = self._turned(traffic.names, numbers)
        blind = self._dead | self._stuck
        near = (at_m <= self._sensing.reach_m) & ~blind[lane]
        loops = np.full((4, lanes), np.nan)
        if self._sensing.information is not Information.VEHICLES:
            loops = self._faulty(self._loops.read(traffic.names, speed, vehicle, lane, at_m))
        order = np.flatnonzero(near)
        order = order[np.lexsort((at_m[order], lane[order]))]
        lane, at_m, mps = lane[order], at_m[order], speed[vehicle[order]]
        track = self._tracked(traffic.names, vehicle[order])
        lane, at_m, mps, track = self._with_phantoms(lane, at_m, mps, track)
        count, queue, queue_m = _queues(lane, at_m, mps, lanes)
        for values in (count, queue, queue_m):
            values[self._dead] = np.nan
        if self._sensing.information is Information.DETECTORS:
            count, queue, queue_m = (np.full(lanes, np.nan) for _ in range(3))
            lane, at_m, mps, track = lane[:0], at_m[:0], mps[:0], track[:0]
            exits = np.full_like(exits, np.nan)
            turned = np.full_like(turned, np.nan)
        elif self._sensing.information is Information.VEHICLES and self._sensing.share < 1:
            # Of a part nothing follows for the whole without an estimate.
            exits = np.full_like(exits, np.nan)
        cuts = np.searchsorted(lane, places.first_lane)
        result: list[_Seen] = []
        for k in range(len(self._sites)):
            mine = slice(int(places.first_lane[k]), int(places.first_lane[k + 1]))
            part = slice(int(cuts[k]), int(cuts[k + 1]))
            away = slice(int(places.first_exit[k]), int(places.first_exit[k + 1]))
            ways = slice(int(places.first_way[k]), int(places.first_way[k + 1]))
            seen = _Seen(
                now_s,
                count[mine],
                queue[mine],
                queue_m[mine],
                loops[:, mine],
                (lane[part] - places.first_lane[k]).astype(np.int32),
                at_m[part],
                mps[part],
                exits[:, away],
                turned[ways],
                track[part],
            )
            for array in seen[1:]:
                array.setflags(write=False)
            result.append(seen)
        return tuple(result)

    def _faulty(self, loops: Floats) -> Floats:
        """Let stuck loops tell of one who stands, and dead ones nothing."""
        loops[::2, self._stuck] = 0.0
        loops[1::2, self._stuck] = 1.0
        loops[:, self._dead] = np.nan
        return loops

    def _tracked(self, names: Sequence[str], vehicle: NDArray[np.intp]) -> Integers:
        """Number vehicles in the order in which they were first seen."""
        tracks = self._tracks
        found = [tracks.setdefault(names[k], len(tracks)) for k in vehicle.tolist()]
        return np.array(found, dtype=np.int32)

    def _with_phantoms(
        self, lane: NDArray[np.intp], at_m: Floats, mps: Floats, track: Integers
    ) -> tuple[NDArray[np.intp], Floats, Floats, Integers]:
        """Add what stuck sensors tell of."""
        rows = np.flatnonzero(self._stuck & ~self._dead)
        if not rows.size:
            return lane, at_m, mps, track
        places = np.searchsorted(lane, rows)
        still = np.zeros(len(rows))
        return (
            np.insert(lane, places, rows),
            np.insert(at_m, places, still + PHANTOM_M),
            np.insert(mps, places, still),
            np.insert(track, places, -1),
        )

    def _turned(self, names: Sequence[str], numbers: NDArray[np.intp]) -> Floats:
        """Count who came from a stop lane to an exit lane."""
        places = self._places
        turned = np.zeros(int(places.first_way[-1]))
        now: dict[str, int] = {}
        for name, number in zip(names, numbers.tolist(), strict=True):
            before = self._came_by.get(name, -1)
            if number < 0:
                # Inside the node, or missed for a moment: it is still the one that came.
                number = before
            elif before >= 0 and before != number:
                row = places.ways.get((before, number))
                if row is not None:
                    turned[row] += 1.0
                elif number not in places.stops and number not in places.exits:
                    number = before
            now[name] = number
        self._came_by = now
        return turned

    def _look_at_exits(self, numbers: NDArray[np.intp], traffic: Traffic) -> Floats:
        exits, total = self._places.exits, int(self._places.first_exit[-1])
        count, queue, speed = np.zeros(total), np.zeros(total), np.zeros(total)
        free_m = self._exit_m.copy()
        for number in np.flatnonzero(np.isin(numbers, list(exits))).tolist():
            for row, begin_m in exits[int(numbers[number])]:
                at_m = begin_m + traffic.position_m[number]
                if at_m - VEHICLE_M > self._exit_m[row]:
                    continue
                count[row] += 1.0
                queue[row] += traffic.speed_mps[number] <= STANDING_MPS
                speed[row] += traffic.speed_mps[number]
                free_m[row] = min(free_m[row], max(0.0, at_m - VEHICLE_M))
        mean = np.where(count > 0, speed / np.maximum(count, 1.0), self._free_mps)
        return np.array([count, queue, free_m, mean])


def _queues(
    lane: NDArray[np.intp], at_m: Floats, mps: Floats, lanes: int
) -> tuple[Floats, Floats, Floats]:
    """Count what is there and what stands; vehicles come nearest first within each lane."""
    count = np.bincount(lane, minlength=lanes).astype(np.float64)
    standing = mps <= STANDING_MPS
    queue = np.bincount(lane[standing], minlength=lanes).astype(np.float64)
    queue_m = np.zeros(lanes)
    np.maximum.at(queue_m, lane[standing], at_m[standing] + VEHICLE_M)
    return count, queue, queue_m
