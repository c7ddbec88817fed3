"""Small streets made by hand: crossroads in a row, with pockets, permissive lefts, short blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.measures import kernels
from engine.measures.evaluation import Tables, empty_roads
from engine.measures.street import Driving, Street, build_street
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import TimingPlan

Floats = NDArray[np.float64]

SPEED_MPS = 12.5
BESIDE_M = 300.0
"""Length of roads that lead in from and out to the edge."""

PLAIN = Driving(reaction_s=1.4, spacing_m=7.5, discharge_mps=12.5, start_loss_s=0, end_gain_s=0)
"""Two seconds per vehicle and no loss, for sums that can be done by hand."""

TWO_PHASES = Phasing((Phase(1, "GGrr", 5, 30, 10), Phase(2, "rrGG", 5, 30, 10)), {})
ONE_EACH = Phasing((Phase(1, "Gr", 5, 30, 10), Phase(2, "rG", 5, 30, 10)), {})
LEFTS = Phasing(
    (Phase(1, "GgGgrrrr", 5, 30, 10), Phase(2, "rrrrGgGg", 5, 30, 10)),
    {},
)
PROTECTED_LEFTS = Phasing((*LEFTS.phases, Phase(3, "rGrGrrrr", 5, 30, 10)), {})
"""Groups: through and left of east, west, north, south traffic; rights go with through."""


@dataclass(slots=True)
class Roads:
    """Collects links, connections and signals; `network` freezes them."""

    name: str = "toy"
    links: dict[str, Link] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    signals: dict[str, Signal] = field(default_factory=dict)

    def link(
        self, name: str, length_m: float = BESIDE_M, lanes: int = 1, speed_mps: float = SPEED_MPS
    ) -> str:
        """Add a link unless it is there, and return its name."""
        self.links.setdefault(
            name,
            Link(
                name, f"{name}-a", f"{name}-b", length_m, speed_mps, lanes,
                tuple(range(lanes)), ((0.0, 0.0), (length_m, 0.0)),
            ),
        )  # fmt: skip
        return name

    def turn(
        self,
        from_link: str,
        to_link: str,
        turn: str = "s",
        from_lane: int = 0,
        to_lane: int = 0,
        group: int | None = None,
        wait_m: float = 0.0,
        speed_mps: float = SPEED_MPS,
    ) -> Connection:
        """Add a way from a lane to a lane."""
        made = Connection(
            f"{from_link}_{from_lane}>{to_link}_{to_lane}", from_link, from_lane, to_link, to_lane,
            "", turn, 12.5, speed_mps, wait_m, () if group is None else (group,),
            frozenset(), frozenset(),
        )  # fmt: skip
        self.connections.append(made)
        return made

    def signal(
        self,
        name: str,
        ways: list[Connection],
        phasing: Phasing | None,
        plan: TimingPlan | None,
        crossing: Mapping[str, frozenset[str]] | None = None,
        yielding: Mapping[str, frozenset[str]] | None = None,
        left_alone: str = "",
    ) -> None:
        """Put ways under a signal; `crossing` and `yielding` name others by connection."""
        crossing, yielding = crossing or {}, yielding or {}
        none = frozenset[str]()
        finished = {
            way.connection_id: replace(
                way,
                foes=crossing.get(way.connection_id, none),
                yields_to=yielding.get(way.connection_id, none),
            )
            for way in ways
        }
        self.connections = [finished.get(c.connection_id, c) for c in self.connections]
        grouped: dict[str, list[Connection]] = {}
        for way in finished.values():
            grouped.setdefault(way.movement_id, []).append(way)
        movements = tuple(
            Movement(m, name, c[0].from_link, c[0].to_link, c[0].turn, tuple(c))
            for m, c in grouped.items()
        )
        self.signals[name] = Signal(name, 0.0, 0.0, movements, phasing, plan, True, "0", left_alone)

    def network(self) -> RoadNetwork:
        """Return what was collected."""
        return RoadNetwork(self.name, self.links, self.signals, tuple(self.connections))


def two_phase_plan(
    name: str, cycle_s: int = 60, first_s: int = 30, offset_s: int = 0
) -> TimingPlan:
    """Give phase 1 some seconds and phase 2 the rest."""
    return TimingPlan(name, cycle_s, (1, 2), (first_s, cycle_s - first_s), offset_s, 1)


def line(
    names: str = "A",
    block_m: float = BESIDE_M,
    phasing: Phasing = TWO_PHASES,
    cycle_s: int = 60,
    main_s: int = 30,
    left_alone: Mapping[str, str] | None = None,
) -> RoadNetwork:
    """Build a two-way street without turns: ``e0``, ``e1``... east, ``w0``, ``w1``... west.

    Each signal has one-way side streets ``s0``, ``n0``; groups 0 and 1 are the main street.
    """
    roads = Roads()
    last = len(names)
    for i in range(last + 1):
        length_m = BESIDE_M if i in (0, last) else block_m
        roads.link(f"e{i}", length_m)
        roads.link(f"w{i}", length_m)
    for i, name in enumerate(names):
        ways = [
            roads.turn(f"e{i}", f"e{i + 1}", group=0),
            roads.turn(f"w{i + 1}", f"w{i}", group=1),
            roads.turn(roads.link(f"s{i}"), roads.link(f"s{i}x"), group=2),
            roads.turn(roads.link(f"n{i}"), roads.link(f"n{i}x"), group=3),
        ]
        ids = [way.connection_id for way in ways]
        main, side = frozenset(ids[:2]), frozenset(ids[2:])
        crossing = {way: side if way in main else main for way in ids}
        roads.signal(
            name, ways, phasing, two_phase_plan(name, cycle_s, main_s), crossing,
            left_alone=(left_alone or {}).get(name, ""),
        )  # fmt: skip
    return roads.network()


def line_flows(network: RoadNetwork, **vph: float) -> dict[str, Floats]:
    """Give movements flows by the first letter of the link they come from, veh/h."""
    return {
        name: np.array([vph.get(movement.from_link[0], 0.0)])
        for name, movement in network.movements.items()
    }


class Arm(NamedTuple):
    """Where an approach of a crossroads comes from and goes to."""

    came: str
    straight: str
    left: str
    right: str


def crossroads(
    count: int = 1,
    block_m: float = BESIDE_M,
    pocket_m: float = 0.0,
    wait_m: float = 7.5,
    phasing: Phasing = LEFTS,
    plans: tuple[TimingPlan, ...] = (),
) -> RoadNetwork:
    """Build a row of crossroads where lefts yield to the traffic they meet.

    Without a pocket each approach is one lane for all turns. With one, lefts have a lane of
    their own over the last ``pocket_m`` meters, fed by the single lane behind it.
    """
    roads = Roads()
    for i in range(count):
        name = "ABC"[i]
        arms = [
            Arm(f"e{i}", f"e{i + 1}", f"n{i}x", f"s{i}x"),
            Arm(f"w{i + 1}", f"w{i}", f"s{i}x", f"n{i}x"),
            Arm(f"n{i}", f"s{i}x", f"e{i + 1}", f"w{i}"),
            Arm(f"s{i}", f"n{i}x", f"w{i}", f"e{i + 1}"),
        ]
        ways: list[Connection] = []
        for k, arm in enumerate(arms):
            inner = {f"e{j}" for j in range(1, count)} | {f"w{j}" for j in range(1, count)}
            length_m = block_m if arm.came in inner else BESIDE_M
            roads.link(arm.came, length_m)
            stop, lane = arm.came, 0
            if pocket_m:
                stop, lane = roads.link(f"{arm.came}p", pocket_m, 2), 1
                for to_lane in (0, 1):
                    roads.turn(arm.came, stop, to_lane=to_lane)
            for link in (arm.straight, arm.left, arm.right):
                roads.link(link, block_m if link in inner else BESIDE_M)
            ways += [
                roads.turn(stop, arm.straight, "s", 0, 0, 2 * k),
                roads.turn(stop, arm.right, "r", 0, 0, 2 * k, speed_mps=7.0),
                roads.turn(stop, arm.left, "l", lane, 0, 2 * k + 1, wait_m, 7.0),
            ]
        ids = [way.connection_id for way in ways]
        crossing: dict[str, frozenset[str]] = {}
        yielding: dict[str, frozenset[str]] = {}
        for k in range(4):
            across = [way for other in range(4) if other // 2 != k // 2
                      for way in ids[3 * other : 3 * other + 3]]  # fmt: skip
            met = ids[3 * (k ^ 1) : 3 * (k ^ 1) + 2]
            for place in range(3):
                crossing[ids[3 * k + place]] = frozenset(
                    [*across, *met] if place == 2 else [*across, ids[3 * (k ^ 1) + 2]]
                )
            yielding[ids[3 * k + 2]] = frozenset(met)
        plan = next((p for p in plans if p.signal_id == name), None) or two_phase_plan(name)
        roads.signal(name, ways, phasing, plan, crossing, yielding)
    return roads.network()


def tables_of(
    network: RoadNetwork, street: Street, plans: Mapping[str, TimingPlan] | None = None
) -> Tables:
    """Lay plans, by default those in force, into tables."""
    chosen = plans or {}
    longest_s = max(
        [120] + [s.plan_in_force.cycle_s for s in network.signals.values() if s.plan_in_force]
    )
    tables = Tables(street, network, longest_s)
    for signal in network.signals.values():
        plan = chosen.get(signal.signal_id, signal.plan_in_force)
        if plan is None:
            tables.open_always(signal.signal_id)
        else:
            tables.set(plan)
    return tables


class Played(NamedTuple):
    """What the kernel returned, and everything that left by each exit, second by second."""

    total: float
    results: Floats
    departures: Floats


def gaps_of(street: Street) -> Floats:
    """Return the fourth group of the kernel's numbers."""
    d = street.driving
    return np.array(
        [d.critical_gap_s, d.follow_up_s, d.bunch_s, d.slack_veh, float(street.period_s)]
    )


def played(tables: Tables, start_s: int, seconds: int, count_from_s: int = 0) -> Played:
    """Play plans with a ring that never comes round, so that no departure is forgotten."""
    street = tables.street
    results = np.zeros((len(street.lane_names) + len(street.riders), kernels.RESULTS))
    longest_s = max(seconds, int(street.streams.delay_s.max(initial=1)))
    ring = 1 << longest_s.bit_length()
    departures = np.zeros((street.streams.exit_approach.size, ring))
    state = empty_roads(street)._replace(departures=departures)
    total = kernels.play(
        street.lanes, street.approaches, street.streams, tables.service, tables.cycle_s,
        tables.begin_s, np.array([start_s, seconds, count_from_s], dtype=np.int32),
        gaps_of(street), results, state,
    )  # fmt: skip
    return Played(total, results, departures[:, :seconds])


@st.composite
def laid_streets(draw: st.DrawFn) -> tuple[Street, Tables]:
    """Draw a row of crossroads under a demand, with any lawful or unlawful signal timing."""
    count = draw(st.integers(1, 3))
    phasing = draw(st.sampled_from([LEFTS, PROTECTED_LEFTS]))
    plans = []
    for name in "ABC"[:count]:
        order = draw(st.permutations([phase.number for phase in phasing.phases]))
        splits = [draw(st.integers(5, 40)) for _ in order]
        plans.append(
            TimingPlan(
                name, sum(splits), tuple(order), tuple(splits),
                draw(st.integers(0, sum(splits) - 1)), order[0],
            )
        )  # fmt: skip
    network = crossroads(
        count,
        draw(st.sampled_from([15.0, 40.0, 120.0, 400.0])),
        draw(st.sampled_from([0.0, 8.0, 30.0])),
        draw(st.sampled_from([0.0, 5.0, 15.0])),
        phasing,
        tuple(plans),
    )
    periods = draw(st.integers(1, 3))
    level = draw(st.sampled_from([0.0, 60.0, 300.0, 900.0, 4000.0]))
    parts = st.sampled_from([0.0, 0.0, 0.2, 1.0, 1.7])
    flows = {
        name: level * np.array([draw(parts) for _ in range(periods)]) for name in network.movements
    }
    if not any(flow.any() for flow in flows.values()):
        flows[next(iter(flows))] = np.full(periods, 1e-3)
    driving = Driving(
        reaction_s=draw(st.sampled_from([0.9, 1.25])),
        start_loss_s=draw(st.integers(0, 3)),
        end_gain_s=draw(st.integers(0, 3)),
        speed_variation=draw(st.sampled_from([0.0, 0.1, 0.3])),
        critical_gap_s=draw(st.sampled_from([3.0, 5.0])),
        slack_veh=draw(st.sampled_from([0.0, 0.07, 1.0])),
    )
    street = build_street(network, flows, draw(st.sampled_from([60, 90, 300])), driving)
    return street, tables_of(network, street)


def joined(reach_m: float, side_m: float = 60.0, yields: bool = True) -> RoadNetwork:
    """Build a side road that joins a main one ``reach_m`` before signal S.

    ``stop`` has a lane for ``stop>on`` (group 0) and one for ``stop>off`` (group 1). The main road
    leads to both; ``side``, fed by ``in>side`` of signal B, only to the first.
    """
    roads = Roads()
    roads.link("main", lanes=2)
    roads.link("side", side_m)
    roads.link("stop", reach_m, 2)
    first = roads.turn("main", "stop")
    second = roads.turn("main", "stop", from_lane=1, to_lane=1)
    joining = roads.turn("side", "stop", "r")
    if yields:
        above = frozenset([first.connection_id, second.connection_id])
        roads.connections[-1] = replace(joining, foes=above, yields_to=above)
    ends = [
        roads.turn("stop", roads.link("on"), group=0),
        roads.turn("stop", roads.link("off"), "l", from_lane=1, group=1),
    ]
    roads.signal("S", ends, ONE_EACH, two_phase_plan("S"))
    begins = [
        roads.turn(roads.link("in"), "side", group=0),
        roads.turn(roads.link("across"), roads.link("acrossx"), group=1),
    ]
    roads.signal("B", begins, ONE_EACH, two_phase_plan("B"))
    return roads.network()
