"""The seam between adaptive controllers and the street.

A controller is told once what the signals are (`Site`), and then every second what is seen of
them (`View`); it answers with the stage it wants each to show now. It need not know the law:
the harness (`engine.adaptive.player`) owns yellow, red clearance, least greens and longest
waits, and turns any wish into lamps that are lawful.

A *stage* is what the whole signal shows green at once: one phase of a signal with one ring, one
phase of each ring between the same barriers otherwise. Rows everywhere: stages, stop lanes and
exit lanes are numbered from 0 in the order of the site's tuples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from network.errors import TopologyError
from network.phasing import Interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

CLOSED, PERMITTED, PROTECTED = 0, 1, 2
"""How a stage serves a way: not at all, yielding, or with the right of way."""


class Information(StrEnum):
    """What a controller may know of the traffic.

    ``detectors``: two induction loops on every stop lane, one at the stop line and one in
    advance; vehicles counted and share of the second occupied, nothing else.
    ``lanes``: radar or video; the stretches of lane that are occupied, up to a stated distance,
    and how fast they move. No names, no turn intentions.
    ``vehicles``: positions and speeds that a stated share of vehicles report of themselves.
    """

    DETECTORS = "detectors"
    LANES = "lanes"
    VEHICLES = "vehicles"


@dataclass(frozen=True, slots=True)
class Stage:
    """What the whole signal shows green at once.

    Attributes
    ----------
    phases
        Phase numbers, one per ring in use.
    aspects
        One character per signal group.
    least_green_s
        Least time from the end of the clearance before it to the begin of its own, s.
    """

    phases: tuple[int, ...]
    aspects: str
    least_green_s: int


@dataclass(frozen=True, slots=True)
class Way:
    """A turn from a stop lane into an exit lane.

    Attributes
    ----------
    connection_id
        The connection of `network.graph`.
    turn
        As there.
    exit
        Row of the exit lane.
    service
        Per stage `CLOSED`, `PERMITTED` or `PROTECTED`.
    yields_to
        Other ways it gives way to, as rows of (stop lane, way of that lane).
    headway_s
        Time between two vehicles of a discharging queue, s.
    box_veh
        Vehicles that can wait inside the node for a gap.
    groups
        Its signal groups, as positions in the aspects of stages.
    """

    connection_id: str
    turn: str
    exit: int
    service: tuple[int, ...]
    yields_to: tuple[tuple[int, int], ...]
    headway_s: float
    box_veh: float
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StopLane:
    """A lane that ends at the signal.

    Attributes
    ----------
    lane_id, link_id
        Names.
    length_m
        Of this lane alone, m; feeders lie behind it.
    speed_mps
        Free speed, m/s.
    storage_veh
        Standing vehicles between the stop line and the signals upstream that use this lane.
    ways
        Where it leads; first come, first served among them.
    """

    lane_id: str
    link_id: str
    length_m: float
    speed_mps: float
    storage_veh: float
    ways: tuple[Way, ...]

    def service(self, stage: int) -> int:
        """Return the best service that any of its ways has in a stage."""
        return max((way.service[stage] for way in self.ways), default=CLOSED)


@dataclass(frozen=True, slots=True)
class Walk:
    """People who cross with a phase.

    Attributes
    ----------
    phase
        Its number.
    stages
        Rows of the stages that show it; the least green of each holds walk and clearance.
    walk_s, clear_s
        Walk, from the begin of the green, and the time in which those who began can finish, s.
    """

    phase: int
    stages: frozenset[int]
    walk_s: int
    clear_s: int


@dataclass(frozen=True, slots=True)
class Feeder:
    """A lane behind stop lanes of the same site with no other signal in between.

    Attributes
    ----------
    lane_id
        Name.
    length_m, speed_mps
        Its length, m, and free speed, m/s.
    to_stop_m
        From its downstream end to the stop line, m.
    leads_to
        Rows of the stop lanes its traffic may come to.
    """

    lane_id: str
    length_m: float
    speed_mps: float
    to_stop_m: float
    leads_to: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExitLane:
    """A lane that traffic leaves the signal by.

    Attributes
    ----------
    lane_id, link_id
        Names.
    length_m, speed_mps
        Length, m, and free speed, m/s. A short lane is lengthened by those it leads on to.
    capacity_veh
        Vehicles that can stand on it.
    parts
        Names of the lanes that make it up, each with the distance from where the exit begins to
        where it begins, m.
    """

    lane_id: str
    link_id: str
    length_m: float
    speed_mps: float
    capacity_veh: float
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another signal, next along a road.

    Attributes
    ----------
    signal_id
        Its name.
    exits
        Exit lanes of the upstream of the two that lead to the downstream one.
    lanes
        Stop lanes of the downstream of the two that this road reaches.
    running_s
        Running time from the stop line upstream to the one downstream at free speed, s.
    """

    signal_id: str
    exits: tuple[int, ...]
    lanes: tuple[int, ...]
    running_s: float


@dataclass(frozen=True, slots=True)
class Site:
    """One signal as a controller sees it.

    Attributes
    ----------
    signal_id
        Its name.
    stages
        What it may show; at least one.
    clearances
        What is shown between two stages, by their rows. A pair that is missing must not follow
        one another directly (it would trap somebody); the harness goes a lawful way round.
    lanes, feeders, exits
        Lanes that end here, lanes behind them, lanes that lead away.
    upstream, downstream
        Signals next along the roads.
    sequence
        Stages in the order of the plan in force; those that it does not show come last.
    walks
        Who crosses on foot, and when.
    """

    signal_id: str
    stages: tuple[Stage, ...]
    clearances: Mapping[tuple[int, int], tuple[Interval, ...]]
    lanes: tuple[StopLane, ...]
    feeders: tuple[Feeder, ...]
    exits: tuple[ExitLane, ...]
    upstream: tuple[Neighbor, ...]
    downstream: tuple[Neighbor, ...]
    sequence: tuple[int, ...]
    walks: tuple[Walk, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.stages)
        if not count:
            raise TopologyError(f"signal {self.signal_id!r} has no stage to show")
        if sorted(self.sequence) != list(range(count)):
            raise TopologyError(
                f"signal {self.signal_id!r}: sequence {self.sequence} is not of its {count} stages"
            )
        for a, b in self.clearances:
            if not (0 <= a < count and 0 <= b < count and a != b):
                raise TopologyError(
                    f"signal {self.signal_id!r}: clearance between stages {a} and {b}, it has "
                    f"{count}"
                )
        for lane in self.lanes:
            for way in lane.ways:
                if len(way.service) != count or not 0 <= way.exit < len(self.exits):
                    raise TopologyError(
                        f"signal {self.signal_id!r}: way {way.connection_id!r} does not fit its "
                        f"{count} stages and {len(self.exits)} exit lanes"
                    )
        for walk in self.walks:
            found = [s for s in walk.stages if 0 <= s < count]
            held_s = [self.stages[s].least_green_s for s in found]
            if (
                not found
                or len(found) < len(walk.stages)
                or min(held_s) < walk.walk_s + walk.clear_s
            ):
                raise TopologyError(
                    f"signal {self.signal_id!r}: people walk {walk.walk_s} s and {walk.clear_s} s "
                    f"more with phase {walk.phase} in stages {sorted(walk.stages)}, whose least "
                    f"greens are {held_s} s; allowed are stages there are, long enough to walk"
                )
        object.__setattr__(self, "clearances", MappingProxyType(dict(self.clearances)))

    def __reduce__(self) -> tuple[object, ...]:
        fields = (self.signal_id, self.stages, dict(self.clearances), self.lanes, self.feeders)
        rest = (self.exits, self.upstream, self.downstream, self.sequence, self.walks)
        return (Site, (*fields, *rest))

    def clearance_s(self, current: int, following: int) -> float:
        """Return yellow plus red clearance between two stages that may follow directly, s."""
        return sum(i.duration_ds for i in self.clearances[current, following]) / 10.0

    def service(self) -> Integers:
        """Tabulate `StopLane.service`, int32[stages, lanes]."""
        rows = [[lane.service(s) for lane in self.lanes] for s in range(len(self.stages))]
        return np.array(rows, dtype=np.int32).reshape(len(self.stages), len(self.lanes))


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of a signal in one second; arrays are read-only.

    What the chosen information does not give is NaN (counts, lengths) or empty (objects). L stop
    lanes, E exit lanes, K seen objects.

    Attributes
    ----------
    information
        What the sensors give.
    seen_s
        When the sensors saw this, s of the street's clock; earlier than now by their latency.
        Stage and green are of now.
    stage
        The stage that is green, or the one the running clearance leads to.
    green_s
        Green of that stage so far, s; 0 while the clearance runs.
    clearing_s
        What is left of the clearance, s; 0 while the stage is green.
    free
        Whether a wish for another stage would be carried out now: no clearance runs, the least
        green is over, and no longest wait forces something.
    waiting_s
        Per stop lane, time since it was last served (stage green), s; float64[L].
    count_veh, queue_veh, queue_m
        Per stop lane: vehicles within reach (feeders included), of them standing in the queue,
        and how far the queue reaches back from the stop line; float64[L]. NaN at ``detectors``.
    stop_count, stop_occupancy, advance_count, advance_occupancy
        Per stop lane: vehicles that came onto the loop in this second, and the share of the
        second it was occupied, 0 to 1; float64[L]. NaN where a loop is dead, and at ``vehicles``.
    object_lane, object_m, object_mps
        Every object seen on stop lanes and feeders: the stop lane it is assigned to (on a feeder
        that leads to several, the one with the shortest queue), distance of its front from the
        stop line, m, and speed, m/s; int32[K], float64[K]. Nearest first within each lane.
    exit_count_veh, exit_queue_veh, exit_free_m, exit_mps
        Per exit lane: vehicles on it within reach, those standing, length left free at its
        beginning before the last vehicle's rear, m, and mean speed (the free speed where it is
        empty), m/s; float64[E]. NaN where not seen.
    turned_veh
        Per way, in the order of the lanes and of the ways of each: vehicles that were seen to take
        it since the last second, as video or radar track them; float64[W]. NaN where not seen.
    object_track
        Per object a number that stays the same for as long as it is seen on its way to this stop
        line; int32[K]. -1 for what a stuck sensor tells of.
    """

    information: Information
    seen_s: float
    stage: int
    green_s: float
    clearing_s: float
    free: bool
    waiting_s: Floats
    count_veh: Floats
    queue_veh: Floats
    queue_m: Floats
    stop_count: Floats
    stop_occupancy: Floats
    advance_count: Floats
    advance_occupancy: Floats
    object_lane: Integers
    object_m: Floats
    object_mps: Floats
    exit_count_veh: Floats
    exit_queue_veh: Floats
    exit_free_m: Floats
    exit_mps: Floats
    turned_veh: Floats = field(default_factory=lambda: np.empty(0))
    object_track: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int32))


class Controller(Protocol):
    """Decides what signals show; `throughband.contracts.adaptive` says what each must keep."""

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        ...

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now; not named means: stay.

        Called once a second with a view of every site. The same calls give the same answers.
        """
        ...
