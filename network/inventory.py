"""The street as an engineer's files describe it, before anything is built from it.

UTDF sheets, GMNS tables and the field books behind them speak of nodes, approaches, lanes, turns
and controllers, without lane-to-lane ways or conflicts. An `Inventory` holds that description in
one form, in SI units and tenths of a second. Readers fill it, writers print it, and
`scenarios.inventory_build` makes a simulated street of it, whose `network.graph.RoadNetwork`
the rest of the program works on. Its controllers and detectors are in `network.inventory_signals`.

Values that a file leaves open are None here; what is derived in their place is said where it is
derived, and never written back as if it had been given.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from network.errors import TopologyError
from network.inventory_signals import Controller, Detector


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
