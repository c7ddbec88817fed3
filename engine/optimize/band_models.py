"""Arterials as the band programs see them, and the bands that come back: plain numbers, no network.

Everything that repeats is a fraction of the cycle, because the cycle itself may be unknown.
*Outbound* drives an arterial's stops in their order, *inbound* the other way. A signal shows red
once per cycle in each direction; where that red lies is told by its center, counted from the
signal's reference point, whose lag behind system zero is the offset being sought.

Sources: Little 1966, "The synchronization of traffic signals by mixed-integer linear
programming", doi 10.1287/opre.14.4.568; Little, Kelson and Gartner 1981, "MAXBAND", TRR 795;
Gartner, Assmann, Lasaga and Hou 1991, "A multi-band approach to arterial traffic signal
optimization", doi 10.1016/0191-2615(91)90013-9; Chaudhary, Pinnoi and Messer 1991, "Proposed
enhancements to MAXBAND 86 program", TRR 1324.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType

from network.errors import InfeasibleError


class LeftPattern(Enum):
    """When the two protected left turns of an arterial are served, as seen from the throughs.

    The value holds the binaries (δ, δ̄) of Little, Kelson and Gartner: 1 where the outbound, or
    the inbound, left turn lags.
    """

    BOTH_LEAD = (0, 0)
    OUT_LEADS = (0, 1)
    IN_LEADS = (1, 0)
    BOTH_LAG = (1, 1)


class Balance(StrEnum):
    """How the two directions share the bands.

    With target ratio k = inbound over outbound: ``FREE`` only weighs the inbound band by k;
    ``TARGET`` also asks the published (1 - k) b_in >= (1 - k) k b_out, which says nothing at
    k = 1; ``EQUAL`` asks b_in = k b_out.
    """

    FREE = "free"
    TARGET = "target"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class BandStop:
    """A signal as an arterial meets it.

    Attributes
    ----------
    signal
        Name; the same name on several arterials is one signal with one offset.
    red_out, red_in
        Part of the cycle that is red, 0 <= red < 1, left turns not counted (`left_out`,
        `left_in` are inside); `red_in` is not looked at on one-way arterials.
    center_out, center_in
        Center of the red behind the reference point, part of the cycle. With free left turns it
        is the center of the red both directions share.
    queue_out_s, queue_in_s
        Time the queue that waits needs before the platoon, s (τ of MAXBAND: the band leaves that
        much earlier than it came).
    left_out, left_in
        Green of the protected left turns, part of the cycle, each inside the *opposing* red.
    patterns
        Orders of the left turns that may be chosen; empty where the centers are fixed.
    """

    signal: str
    red_out: float
    red_in: float = 0.0
    center_out: float = 0.0
    center_in: float = 0.0
    queue_out_s: float = 0.0
    queue_in_s: float = 0.0
    left_out: float = 0.0
    left_in: float = 0.0
    patterns: tuple[LeftPattern, ...] = ()

    def __post_init__(self) -> None:
        for way, red, left in (
            ("outbound", self.red_out, self.left_in),
            ("inbound", self.red_in, self.left_out),
        ):
            if not 0.0 <= red < 1.0:
                raise InfeasibleError(
                    f"signal {self.signal!r} is red {way} for {red:g} of the cycle; a band needs "
                    "0 <= red < 1"
                )
            if not 0.0 <= left <= red:
                raise InfeasibleError(
                    f"signal {self.signal!r}: a left turn of {left:g} does not fit into the "
                    f"{way} red of {red:g} of the cycle"
                )
        if not min(self.queue_out_s, self.queue_in_s) >= 0.0:
            raise InfeasibleError(f"signal {self.signal!r}: queue clearance is below 0 s")
        if not math.isfinite(self.center_out + self.center_in + self.queue_out_s + self.queue_in_s):
            raise InfeasibleError(f"signal {self.signal!r}: centers and queues must be finite")


@dataclass(frozen=True, slots=True)
class BandLink:
    """The way from one stop to the next in one direction.

    Attributes
    ----------
    distance_m
        From stop line to stop line, m.
    shortest_s, longest_s
        Running times allowed, s.
    volume_vph, saturation_vph
        Through volume and saturation flow, veh/h, for the weights of MULTIBAND.
    """

    distance_m: float
    shortest_s: float
    longest_s: float
    volume_vph: float = 0.0
    saturation_vph: float = 1800.0

    def __post_init__(self) -> None:
        if not 0.0 < self.distance_m < math.inf:
            raise InfeasibleError(f"a link of {self.distance_m} m; allowed is above 0 m")
        if not 0.0 <= self.shortest_s <= self.longest_s < math.inf:
            raise InfeasibleError(
                f"running times of {self.shortest_s:g} to {self.longest_s:g} s over "
                f"{self.distance_m:g} m: the fastest is slower than the slowest"
            )
        if not 0.0 <= self.volume_vph < math.inf or not 0.0 < self.saturation_vph < math.inf:
            raise InfeasibleError(
                f"volume {self.volume_vph} and saturation flow {self.saturation_vph} veh/h must "
                "be numbers, the latter above 0"
            )

    @classmethod
    def at_speeds(
        cls,
        distance_m: float,
        slowest_mps: float,
        fastest_mps: float,
        volume_vph: float = 0.0,
        saturation_vph: float = 1800.0,
    ) -> BandLink:
        """Build a link from a range of speeds in m/s."""
        if not 0.0 < slowest_mps <= fastest_mps < math.inf:
            raise InfeasibleError(
                f"speeds of {slowest_mps:g} to {fastest_mps:g} m/s are no range above 0"
            )
        return cls(
            distance_m,
            distance_m / fastest_mps,
            distance_m / slowest_mps,
            volume_vph,
            saturation_vph,
        )


@dataclass(frozen=True, slots=True)
class BandArterial:
    """A row of stops with the links between them.

    Attributes
    ----------
    name
        For messages and results.
    stops
        In outbound order, at least two.
    outbound
        Link i leads from stop i to stop i + 1.
    inbound
        Link i leads from stop i + 1 to stop i; empty where the arterial is one-way.
    ratio
        Target ratio k of the inbound to the outbound band.
    weight
        Of this arterial among several.
    slowness_change_s_per_m
        Greatest change of reciprocal speed from one link to the next, s/m.
    """

    name: str
    stops: tuple[BandStop, ...]
    outbound: tuple[BandLink, ...]
    inbound: tuple[BandLink, ...] = ()
    ratio: float = 1.0
    weight: float = 1.0
    slowness_change_s_per_m: float = math.inf

    def __post_init__(self) -> None:
        where = f"arterial {self.name!r}"
        signals = [stop.signal for stop in self.stops]
        if len(signals) < 2 or len(set(signals)) != len(signals):
            raise InfeasibleError(f"{where}: needs two or more different signals, has {signals}")
        if len(self.outbound) != len(signals) - 1:
            raise InfeasibleError(
                f"{where}: {len(signals)} signals but {len(self.outbound)} outbound links"
            )
        if len(self.inbound) not in (0, len(self.outbound)):
            raise InfeasibleError(
                f"{where}: {len(self.outbound)} outbound but {len(self.inbound)} inbound links"
            )
        if not 0.0 < self.ratio < math.inf or not 0.0 < self.weight < math.inf:
            raise InfeasibleError(
                f"{where}: ratio {self.ratio} and weight {self.weight} must be > 0"
            )
        if not self.slowness_change_s_per_m >= 0.0:
            raise InfeasibleError(f"{where}: the speed-change limit is below 0 s/m")


@dataclass(frozen=True, slots=True)
class BandLimits:
    """How long to search; whatever is met first ends it.

    Attributes
    ----------
    time_s
        Wall time, s. A search ended by it depends on the machine; one ended by `nodes` does not.
    nodes
        Nodes of the search tree; -1 for no limit.
    gap
        Relative gap between bound and best solution that is good enough.
    """

    time_s: float = 60.0
    nodes: int = -1
    gap: float = 0.0


class BandStatus(StrEnum):
    """Whether the bands are proven."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True)
class DirectionBands:
    """The bands of one direction, links and stops in outbound order.

    Attributes
    ----------
    widths
        Band over each link, part of the cycle; all alike unless links have their own.
    edges
        At each stop, time from the end of red to the band's leading edge, as it leaves; with
        bands by link, to the progression line. Part of the cycle.
    link_times_s
        Running time over each link, s.
    speeds_mps
        Speed over each link, m/s.
    """

    widths: tuple[float, ...]
    edges: tuple[float, ...]
    link_times_s: tuple[float, ...]
    speeds_mps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ArterialBands:
    """The bands of an arterial.

    Attributes
    ----------
    outbound, inbound
        Inbound is None where the arterial is one-way.
    patterns
        Left turns chosen at each stop, None where there was no choice.
    """

    outbound: DirectionBands
    inbound: DirectionBands | None
    patterns: tuple[LeftPattern | None, ...]


@dataclass(frozen=True, slots=True)
class BandResult:
    """Solution of a band program.

    Attributes
    ----------
    status
        Whether the gap asked for was reached.
    cycle_s
        Cycle, s.
    offsets
        Lag of each signal's reference point behind that of the first, part of the cycle, from 0
        to below 1.
    arterials
        Bands by arterial name.
    objective, bound
        Value reached, and what no solution can exceed; parts of the cycle.
    gap
        (bound - objective) / bound; 0 where the bound is 0.
    nodes, seconds
        Size of the search tree, wall time.
    """

    status: BandStatus
    cycle_s: float
    offsets: Mapping[str, float]
    arterials: Mapping[str, ArterialBands] = field(repr=False)
    objective: float
    bound: float
    gap: float
    nodes: int
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", MappingProxyType(dict(self.offsets)))
        object.__setattr__(self, "arterials", MappingProxyType(dict(self.arterials)))
