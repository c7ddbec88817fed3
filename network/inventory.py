"""The street as an engineer's files describe it, before anything is built from it.

UTDF sheets, GMNS tables and the field books behind them speak of nodes, approaches, lanes, turns
and controllers, without lane-to-lane ways or conflicts. An `Inventory` holds that description in
one form, in SI units and tenths of a second. Readers fill it, writers print it, and
`scenarios.inventory_build` makes a simulated street of it, whose `network.graph.RoadNetwork`
the rest of the program works on.

Values that a file leaves open are None here; what is derived in their place is said where it is
derived, and never written back as if it had been given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from network.errors import TopologyError


class NodeKind(StrEnum):
    """What stands at a node."""

    SIGNAL = "signal"
    STOP = "stop"
    YIELD = "yield"
    ROUNDABOUT = "roundabout"
    UNCONTROLLED = "uncontrolled"
    EXTERNAL = "external"
    BEND = "bend"


class LaneUse(StrEnum):
    """Who may drive or walk on a lane."""

    GENERAL = "general"
    BUS = "bus"
    BICYCLE = "bicycle"
    FOOT = "foot"
    PARKING = "parking"


class TurnKind(StrEnum):
    """Which way a turn goes, seen by the driver."""

    LEFT = "l"
    THROUGH = "s"
    RIGHT = "r"
    U_TURN = "t"


class ControlKind(StrEnum):
    """How a controller runs its plan."""

    PRETIMED = "pretimed"
    ACTUATED = "actuated"
    SEMI_ACTUATED = "semi-actuated"
    COORDINATED = "actuated-coordinated"


class ReferencePoint(StrEnum):
    """The event of the reference phases that an offset names."""

    BEGIN_GREEN = "begin-green"
    """First of the reference phases to begin green."""
    LAST_GREEN = "last-green"
    """Last of them to begin green (NEMA TS 1 style): the first common green."""
    BEGIN_YELLOW = "begin-yellow"
    """First of them to begin yellow."""
    END_YELLOW = "end-yellow"
    """First of them to end yellow."""
    BEGIN_FLASHING_WALK = "begin-flashing-dont-walk"
    """Begin of the reference phase's flashing don't walk (Type 170)."""


@dataclass(frozen=True, slots=True)
class Roundabout:
    """The circle of a roundabout; None where not given.

    Attributes
    ----------
    inside_radius_m, outside_radius_m
        Radius of the island and of the outer curb, m.
    lanes
        Circulating lanes.
    speed_mps
        Circulating speed, m/s.
    """

    inside_radius_m: float | None = None
    outside_radius_m: float | None = None
    lanes: int | None = None
    speed_mps: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A point where links meet.

    Attributes
    ----------
    node_id, name
        Number or name in the source, and what people call it.
    x_m, y_m
        Position, m, in the source's own plane.
    kind
        What controls it.
    z_m
        Height, m; None where not given.
    roundabout
        Its circle, where it is a roundabout and the source describes one.
    parent_node
        The intersection that a curb or an island belongs to; empty where it stands for itself.
    """

    node_id: str
    x_m: float
    y_m: float
    kind: NodeKind
    name: str = ""
    z_m: float | None = None
    roundabout: Roundabout | None = None
    parent_node: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of a link at its stop line.

    Attributes
    ----------
    number
        From the right-hand curb, 0, to the left.
    use
        Who may use it.
    width_m
        Width, m; None where not given.
    storage_m
        Length of a pocket, m; None for a lane as long as the link.
    taper_m
        Length of the taper that opens the pocket, m; None where not given.
    """

    number: int
    use: LaneUse = LaneUse.GENERAL
    width_m: float | None = None
    storage_m: float | None = None
    taper_m: float | None = None


@dataclass(frozen=True, slots=True)
class Street:
    """A directed link between two nodes.

    Attributes
    ----------
    link_id
        Name; ``from>to`` where the source has none.
    from_node, to_node
        Node names.
    name
        Street name.
    length_m, speed_mps
        Length, m, and free speed, m/s.
    lanes
        At the stop line, from right to left, pockets included.
    direction
        Compass heading in the source (``NB``, ``NE``, ...): the heading of traffic; empty where
        the source has none.
    shape_m
        Center line, pairs of x and y in m, both ends included; empty for a straight one.
    grade_percent
        Uphill positive; None where not given.
    median_m
        Width of the median beside it, m; None where not given.
    curve_m
        Where the source bends the link as a cubic Bezier curve: the control point that belongs
        to the downstream end. The one of the upstream end belongs to the link back.
    sign_control
        Sign that faces the approach, as the source codes it; empty where it is silent.
    """

    link_id: str
    from_node: str
    to_node: str
    name: str
    length_m: float
    speed_mps: float
    lanes: tuple[Lane, ...]
    direction: str = ""
    shape_m: tuple[tuple[float, float], ...] = ()
    grade_percent: float | None = None
    median_m: float | None = None
    curve_m: tuple[float, float] | None = None
    sign_control: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn from one link into another.

    Attributes
    ----------
    turn_id
        ``from_link>to_link``.
    node_id
        Where.
    from_link, to_link
        Link names.
    kind
        Which way.
    lanes
        Numbers of the lanes of `from_link` it may use; one lane may serve several turns.
    to_lanes
        Numbers of the lanes of `to_link` it leads into; empty where the source is silent.
    protected_phases, permitted_phases
        Phases that serve it with right of way, and those in which it yields.
    volume_vph
        Demand, vehicles per hour; None where not counted.
    peak_hour_factor, heavy_share
        HCM peak hour factor and share of heavy vehicles, 0 to 1.
    saturation_vph
        Saturation flow of all its lanes, as given.
    right_on_red
        Whether a right turn may go on red after a stop.
    pedestrians_ph, bicycles_ph
        Crossing in conflict with it, per hour.
    growth
        Factor by which the demand is to be multiplied.
    ideal_flow_vphpl
        Base saturation flow, vehicles per hour and lane.
    saturation_fixed
        Whether somebody set `saturation_vph` by hand, so that nothing should recompute it.
    lost_time_adjust_s
        Start-up lost time less the extension of effective green, s.
    headway_factor
        Adjustment of saturation headway, 1 for none.
    turning_speed_mps
        Speed through the turn, m/s.
    channelized
        How a channelized right turn is controlled: ``yield``, ``free``, ``stop`` or ``signal``;
        ``no`` where the source says that it is not channelized, empty where it is silent.
    uncontrolled
        Whether it passes a signal without one of its own.
    """

    turn_id: str
    node_id: str
    from_link: str
    to_link: str
    kind: TurnKind
    lanes: tuple[int, ...]
    to_lanes: tuple[int, ...] = ()
    protected_phases: tuple[int, ...] = ()
    permitted_phases: tuple[int, ...] = ()
    volume_vph: float | None = None
    peak_hour_factor: float | None = None
    heavy_share: float | None = None
    saturation_vph: float | None = None
    right_on_red: bool | None = None
    pedestrians_ph: float | None = None
    bicycles_ph: float | None = None
    growth: float | None = None
    ideal_flow_vphpl: float | None = None
    saturation_fixed: bool = False
    lost_time_adjust_s: float | None = None
    headway_factor: float | None = None
    turning_speed_mps: float | None = None
    channelized: str = ""
    uncontrolled: bool = False


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pedestrian crossing of one leg of a node.

    Attributes
    ----------
    crossing_id, node_id
        Names.
    links
        The links it crosses.
    length_m
        Curb to curb, m; None where not given.
    phases
        Phases in which people walk.
    ends
        The nodes at its two curbs; None where the source has none.
    """

    crossing_id: str
    node_id: str
    links: tuple[str, ...]
    length_m: float | None
    phases: tuple[int, ...]
    ends: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ControllerPhase:
    """A phase as a controller's timing sheet lists it, times in tenths of a second.

    Attributes
    ----------
    number
        Phase number.
    ring, barrier, position
        Where it stands, each from 1: barriers divide a ring, positions order a barrier's phases.
    min_green_ds, yellow_ds, red_clear_ds
        Minimum green, yellow change, red clearance.
    max_green_ds, extension_ds, walk_ds, ped_clear_ds
        As given, or None.
    recall
        ``none``, ``min``, ``max``, ``ped``, ``coord`` or ``walk`` (rest in walk); empty where the
        source is silent.
    dual_entry
        Whether it is served along with a phase of another ring; None where not given.
    min_split_ds
        Least split an optimizer may give it; None where not given.
    min_gap_ds, time_before_reduce_ds, time_to_reduce_ds
        Gap reduction: the gap it ends at, when it begins and how long it takes.
    inhibit_max
        Whether maximum termination is inhibited during coordination; None where not given.
    ped_calls_ph
        Pedestrian calls per hour; None where not given.
    """

    number: int
    ring: int
    barrier: int
    position: int
    min_green_ds: int
    yellow_ds: int
    red_clear_ds: int
    max_green_ds: int | None = None
    extension_ds: int | None = None
    walk_ds: int | None = None
    ped_clear_ds: int | None = None
    recall: str = ""
    dual_entry: bool | None = None
    min_split_ds: int | None = None
    min_gap_ds: int | None = None
    time_before_reduce_ds: int | None = None
    time_to_reduce_ds: int | None = None
    inhibit_max: bool | None = None
    ped_calls_ph: float | None = None


@dataclass(frozen=True, slots=True)
class Coordination:
    """One timing plan of a controller, times in tenths of a second.

    Attributes
    ----------
    plan_id
        Name or number of the plan.
    phases
        Phases served in this plan; some sources change even minimum greens from plan to plan.
    splits_ds
        Split of each phase, clearance included, by number; empty for free operation.
    cycle_ds, offset_ds
        Cycle and offset; None for free operation.
    reference
        The event the offset names.
    reference_phases
        The coordinated phases.
    reference_controller
        The controller whose event offsets count from; empty for system zero.
    times_of_day
        When it runs: ``(days, from, to)`` with days as seven characters 0 or 1 from Sunday and
        times as seconds after midnight; empty where it always does.
    control
        How the controller runs it.
    """

    plan_id: str
    phases: tuple[ControllerPhase, ...]
    splits_ds: Mapping[int, int]
    cycle_ds: int | None = None
    offset_ds: int | None = None
    reference: ReferencePoint = ReferencePoint.BEGIN_GREEN
    reference_phases: tuple[int, ...] = ()
    reference_controller: str = ""
    times_of_day: tuple[tuple[str, int, int], ...] = ()
    control: ControlKind = ControlKind.PRETIMED

    def __post_init__(self) -> None:
        object.__setattr__(self, "splits_ds", MappingProxyType(dict(self.splits_ds)))

    def __reduce__(self) -> tuple[object, ...]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return (_coordination, ({**values, "splits_ds": dict(self.splits_ds)},))


def _coordination(values: dict[str, object]) -> Coordination:
    return Coordination(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Controller:
    """A signal controller: the nodes it runs and its timing plans.

    Attributes
    ----------
    controller_id
        Name.
    nodes
        The nodes it controls; usually one.
    plans
        Its timing plans, the one in force first. Turns name phases by number, the same in all
        plans unless `turn_phases` says otherwise.
    turn_phases
        Where a plan numbers phases differently: by plan and turn, the protected and the
        permitted phases.
    hold_phases
        Phases that hold every movement, for instance while somebody crosses all legs.
    """

    controller_id: str
    nodes: tuple[str, ...]
    plans: tuple[Coordination, ...]
    turn_phases: Mapping[tuple[str, str], tuple[tuple[int, ...], tuple[int, ...]]] = field(
        default_factory=dict
    )
    hold_phases: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "turn_phases", MappingProxyType(dict(self.turn_phases)))

    def __reduce__(self) -> tuple[object, ...]:
        turn_phases = dict(self.turn_phases)
        parts = (self.controller_id, self.nodes, self.plans, turn_phases, self.hold_phases)
        return (Controller, parts)


@dataclass(frozen=True, slots=True)
class Detector:
    """A detection zone on a link.

    Attributes
    ----------
    detector_id, link_id
        Names.
    lanes
        Lane numbers it covers.
    phase
        The phase it calls; None where it only counts.
    front_m, length_m
        Distance of its downstream edge ahead of the stop line, and its length, m.
    kind
        ``presence``, ``pulse`` or ``count``; empty where not given.
    functions
        What it does for the controller, such as ``call``, ``extend`` or ``count``.
    more_phases
        Further phases it calls.
    extension_ds, delay_ds, queue_ds
        Extension, delay and queue-discharge time, tenths of a second; None where not given.
    """

    detector_id: str
    link_id: str
    lanes: tuple[int, ...]
    phase: int | None
    front_m: float
    length_m: float
    kind: str = ""
    functions: tuple[str, ...] = ()
    more_phases: tuple[int, ...] = ()
    extension_ds: int | None = None
    delay_ds: int | None = None
    queue_ds: int | None = None


@dataclass(frozen=True)
class Inventory:
    """Everything a file says about a street.

    Attributes
    ----------
    name
        What to call it.
    nodes, links, turns, crossings, controllers, detectors
        Its parts, each in the order of the source; names are unique within a kind.
    findings
        What a reader of the import must know: columns ignored, values that cannot be, values
        that are missing and were not needed. Sentences.
    """

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Street, ...]
    turns: tuple[Turn, ...]
    crossings: tuple[Crossing, ...]
    controllers: tuple[Controller, ...]
    detectors: tuple[Detector, ...]
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds: tuple[tuple[str, list[str]], ...] = (
            ("node", [node.node_id for node in self.nodes]),
            ("link", [link.link_id for link in self.links]),
            ("turn", [turn.turn_id for turn in self.turns]),
            ("crossing", [crossing.crossing_id for crossing in self.crossings]),
            ("controller", [controller.controller_id for controller in self.controllers]),
            ("detector", [detector.detector_id for detector in self.detectors]),
        )
        for kind, names in kinds:
            twice = sorted(name for name, count in Counter(names).items() if count > 1)
            if twice:
                raise TopologyError(f"{self.name}: {kind} {twice[0]!r} appears twice")
        nodes = {node.node_id for node in self.nodes}
        links = {link.link_id: link for link in self.links}
        for link in self.links:
            for node in (link.from_node, link.to_node):
                if node not in nodes:
                    raise TopologyError(
                        f"{self.name}: link {link.link_id!r} names the unknown node {node!r}"
                    )
        for turn in self.turns:
            for end in (turn.from_link, turn.to_link):
                if end not in links:
                    raise TopologyError(
                        f"{self.name}: turn {turn.turn_id!r} names the unknown link {end!r}"
                    )
            known = {lane.number for lane in links[turn.from_link].lanes}
            for number in turn.lanes:
                if number not in known:
                    raise TopologyError(
                        f"{self.name}: turn {turn.turn_id!r} leaves from lane {number} of link "
                        f"{turn.from_link!r}, which has lanes {sorted(known)}"
                    )
