"""What an import found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.measures.hcm_results import IntersectionAnalysis
from network.counts import CountSeries
from network.graph import RoadNetwork, Signal
from network.inventory import Inventory
from throughband.exchange.imported import INVENTORY_NAME
from throughband.exchange.sources import SourceKind
from throughband.results import versions

RECORD_FORMAT: Final = "throughband.import"
RECORD_VERSION: Final = 1


@dataclass(frozen=True)
class Import:
    """What was read, and what became of it.

    Attributes
    ----------
    kind
        What the source is.
    network
        As the folder holds it.
    inventory
        What the source says; None for a SUMO network or a map.
    counts
        Counts by movement, where any are known.
    vehicles
        Vehicles in the route file; None where the source's own routes were taken over, 0 where
        nothing is known of the traffic.
    links, movements, signals
        Names in the network of the source's links, turns and controllers.
    findings
        What was assumed, cut, left out, or warned of.
    derived
        By signal: values that geometry would ask for and that differ from those in force.
    delays
        By controller: HCM control delay under its plan in force and the source's own volumes, or
        why there is none.
    """

    kind: SourceKind
    network: RoadNetwork
    inventory: Inventory | None
    counts: CountSeries | None
    vehicles: int | None
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    movements: Mapping[str, str] = field(default_factory=dict)
    signals: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delays: Mapping[str, IntersectionAnalysis | str] = field(default_factory=dict)


def summary_lines(done: Import, source: Path) -> Iterator[str]:
    """Yield the readable record of an import."""
    yield f"Import of {source.name} ({done.kind})"
    yield ""
    yield from counted(done)
    for title, lines in (
        ("Findings", done.findings),
        ("Left out of the network file", _lost(done)),
    ):
        if lines:
            yield ""
            yield title
            yield from (f"- {line}" for line in lines)
    yield ""
    yield "Signals in force"
    for signal in done.network.signals.values():
        yield f"- {_signal_line(signal)}"
    if done.delays:
        yield ""
        yield "Control delay in force after HCM 2000 chapter 16, at the volumes of the source"
        for controller, analysis in done.delays.items():
            yield from _delay_lines(controller, analysis)
    apart = [line for lines in done.derived.values() for line in lines]
    yield ""
    yield "Values that geometry would ask for, where they differ; those in force are kept"
    yield from (f"- {line}" for line in apart or ("none",))


def _delay_lines(controller: str, analysis: IntersectionAnalysis | str) -> Iterator[str]:
    if isinstance(analysis, str):
        yield f"- {controller}: none, because {analysis}"
        return
    yield (
        f"- {controller}: {analysis.control_delay_s:.1f} s per vehicle, level of service "
        f"{analysis.level_of_service}, critical v/c {analysis.critical_volume_capacity:.2f}"
    )
    for group in analysis.groups:
        yield (
            f"    {group.link_id} {group.movements}: {group.flow_vph:.0f} veh/h, v/c "
            f"{group.volume_capacity:.2f}, {group.control_delay_s:.1f} s, {group.level_of_service}"
        )


def counted(done: Import) -> Iterator[str]:
    """Yield how much of what an import read, a sentence each."""
    network, inventory = done.network, done.inventory
    if inventory is not None:
        phases = sum(len(c.plans[0].phases) for c in inventory.controllers if c.plans)
        plans = sum(len(controller.plans) for controller in inventory.controllers)
        yield (
            f"Read: {len(inventory.nodes)} nodes, {len(inventory.links)} links, "
            f"{len(inventory.turns)} turns, {len(inventory.controllers)} controllers with {plans} "
            f"timing plans, {phases} phases in those in force, {len(inventory.detectors)} detectors"
        )
    alone = [signal for signal in network.signals.values() if signal.left_alone]
    yield (
        f"Network: {len(network.links)} links, {len(network.movements)} signalized movements, "
        f"{len(network.signals)} signals" + (f", {len(alone)} of them left alone" if alone else "")
    )
    if done.vehicles is None:
        yield "Traffic: the routes of the source"
    elif done.vehicles:
        yield f"Traffic: {done.vehicles} vehicles in an hour"
    else:
        yield "Traffic: none is known"


def _lost(done: Import) -> list[str]:
    if done.inventory is None:
        return []
    lost = []
    if done.inventory.detectors:
        lost.append(f"{len(done.inventory.detectors)} detectors (kept in {INVENTORY_NAME})")
    if done.inventory.crossings:
        lost.append(f"{len(done.inventory.crossings)} crossings (kept in {INVENTORY_NAME})")
    more = sum(max(len(controller.plans) - 1, 0) for controller in done.inventory.controllers)
    if more:
        lost.append(f"{more} timing plans beside those in force (kept in {INVENTORY_NAME})")
    return lost


def _signal_line(signal: Signal) -> str:
    plan = signal.plan_in_force
    if plan is None or signal.phasing is None:
        return f"{signal.signal_id}: left alone, {signal.left_alone}"
    parts = ", ".join(
        f"phase {number} {split} s"
        for number, split in zip(plan.sequence, plan.splits_s, strict=True)
    )
    rounded = "" if signal.exact else " (in whole seconds; SUMO plays the tenths)"
    return (
        f"{signal.signal_id}: cycle {plan.cycle_s} s, {parts}; phase {plan.coordinated_phase} "
        f"begins at {plan.offset_s} s{rounded}"
    )


def record(done: Import, source: Path) -> dict[str, Any]:
    """Return the record of an import as JSON can hold it."""
    network, inventory = done.network, done.inventory
    return {
        "format": RECORD_FORMAT,
        "version": RECORD_VERSION,
        "source": source.name,
        "kind": str(done.kind),
        "read": {
            "nodes": len(inventory.nodes) if inventory else None,
            "links": len(inventory.links if inventory else network.links),
            "turns": len(inventory.turns if inventory else network.movements),
            "signals": len(inventory.controllers if inventory else network.signals),
            "phases": sum(len(s.phasing.phases) for s in network.signals.values() if s.phasing),
            "vehicles": done.vehicles,
        },
        "findings": list(done.findings),
        "left_out": _lost(done),
        "names": {
            "links": {link: list(pieces) for link, pieces in done.links.items()},
            "movements": dict(done.movements),
            "signals": dict(done.signals),
        },
        "signals": {
            signal.signal_id: {
                "in_force": _signal_line(signal),
                "exact": signal.exact,
                "left_alone": signal.left_alone,
                "derived": list(done.derived.get(signal.signal_id, ())),
            }
            for signal in network.signals.values()
        },
        "hcm_delay": {
            controller: analysis
            if isinstance(analysis, str)
            else {
                "control_delay_s": round(analysis.control_delay_s, 1),
                "level_of_service": analysis.level_of_service,
                "lane_groups": {
                    f"{group.link_id} {group.movements}": {
                        "flow_vph": round(group.flow_vph, 1),
                        "volume_capacity": round(group.volume_capacity, 3),
                        "control_delay_s": round(group.control_delay_s, 1),
                        "level_of_service": group.level_of_service,
                    }
                    for group in analysis.groups
                },
            }
            for controller, analysis in done.delays.items()
        },
        "versions": versions(),
    }
