"""A street of a few signals, made by hand, for corridors, figures and reports."""

from __future__ import annotations

from collections.abc import Sequence

from engine.measures.corridor_search import strongest_corridor
from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import build_street
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import PlanSet, TimingPlan
from throughband.reports.story import Story

SPEED_MPS = 10.0
BLOCK_M = 200.0

PHASES = Phasing((Phase(1, "GGrr", 5, 30, 10), Phase(2, "rrGG", 5, 30, 10)), {})
"""Main street both ways in phase 1, side street both ways in phase 2."""


def plan(signal_id: str, cycle_s: int = 60, main_s: int = 30, offset_s: int = 0) -> TimingPlan:
    """Build a two-phase plan."""
    return TimingPlan(signal_id, cycle_s, (1, 2), (main_s, cycle_s - main_s), offset_s, 1)


def street_network(names: Sequence[str], one_way: bool = False) -> RoadNetwork:
    """Build a straight street with a side street at every signal."""
    links: dict[str, Link] = {}
    signals: dict[str, Signal] = {}
    everything: list[Connection] = []

    def link(name: str, a: tuple[float, float], b: tuple[float, float]) -> str:
        ends = [f"{x:g},{y:g}" for x, y in (a, b)]
        links[name] = Link(name, ends[0], ends[1], BLOCK_M, SPEED_MPS, 1, (0,), (a, b))
        return name

    for i, name in enumerate(names):
        x = i * BLOCK_M
        here = (x, 0.0)
        ways = (
            [(f"e{i}", f"e{i + 1}")]
            if one_way
            else [(f"e{i}", f"e{i + 1}"), (f"w{i + 1}", f"w{i}")]
        )
        link(f"e{i}", (x - BLOCK_M, 0.0), here)
        link(f"e{i + 1}", here, (x + BLOCK_M, 0.0))
        if not one_way:
            link(f"w{i}", here, (x - BLOCK_M, 0.0))
            link(f"w{i + 1}", (x + BLOCK_M, 0.0), here)
        side = [
            (link(f"s{i}in", (x, -BLOCK_M), here), link(f"s{i}out", here, (x, BLOCK_M))),
            (link(f"n{i}in", (x, BLOCK_M), here), link(f"n{i}out", here, (x, -BLOCK_M))),
        ]
        made = [
            Connection(
                f"{a}_0>{b}_0", a, 0, b, 0, "", "s", 20.0, SPEED_MPS, 0.0, (group,),
                frozenset(), frozenset(),
            )
            for group, (a, b) in [*enumerate(ways), *enumerate(side, start=2)]
        ]  # fmt: skip
        everything += made
        movements = tuple(
            Movement(c.movement_id, name, c.from_link, c.to_link, "s", (c,)) for c in made
        )
        signals[name] = Signal(name, x, 0.0, movements, PHASES, plan(name), True, "0", "")
    return RoadNetwork("street", links, signals, tuple(everything))


def flows(network: RoadNetwork) -> dict[str, list[float]]:
    """Give the main street more traffic than the side streets, eastward most."""
    amount = {"e": 600.0, "w": 400.0}
    return {name: [amount.get(m.from_link[0], 100.0)] * 2 for name, m in network.movements.items()}


def validation(low: float = -6.0, high: float = -2.0) -> dict[str, object]:
    """Give a validation as `ValidationReport.to_dict` does, with one interval of delay."""
    before = {
        "delay_s": 40.0, "stops": 1.5, "travel_time_s": 100.0, "speed_mps": 8.0,
        "co2_g_per_veh": None, "arrived": 1000.0, "not_inserted": 0.0,
    }  # fmt: skip
    mean = (low + high) / 2
    after = {**before, "delay_s": 40.0 + mean}
    difference = {name: {"mean": 0.0, "low": -1.0, "high": 1.0} for name in before}
    difference["delay_s"] = {"mean": mean, "low": low, "high": high}
    difference["co2_g_per_veh"] = {"mean": None, "low": None, "high": None}  # type: ignore[dict-item]
    run = {"teleports": 0, "ignored": 0}
    return {
        "seeds": [11, 12],
        "baseline": before,
        "candidate": after,
        "difference": difference,
        "verdict": "better",
        "runs": [
            {"seed": seed, "baseline": {**before, **run}, "candidate": {**after, **run}}
            for seed in (11, 12)
        ],
    }


def story(names: Sequence[str] = ("A", "B", "C"), **changes: object) -> Story:
    """Tell a whole small story; the last signal is left alone if there are several."""
    network = street_network(names)
    street = build_street(network, flows(network), 300)
    tables = Tables(street, network, 120)
    in_force = {name: plan(name) for name in names}
    for item in in_force.values():
        tables.set(item)
    before = evaluate(tables, 0, 600)
    retimed = names[:-1] or names
    new = tuple(plan(name, 60, 35, 20 * i) for i, name in enumerate(retimed))
    for item in new:
        tables.set(item)
    after = evaluate(tables, 0, 600)
    left = {name: "hands off" for name in names if name not in retimed}
    values: dict[str, object] = {
        "scenario": "street",
        "network": network,
        "street": street,
        "in_force": in_force,
        "plan_set": PlanSet("street", new, left),
        "corridor": strongest_corridor(network, street),
        "model_before": before,
        "model_after": after,
        "validation": validation(),
    }
    return Story(**{**values, **changes})  # type: ignore[arg-type]
