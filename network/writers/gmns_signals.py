"""The signal tables of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from network.inventory import Crossing, Inventory, Turn
from network.inventory_signals import (
    Controller,
    ControllerPhase,
    Coordination,
    Detector,
    ReferencePoint,
)
from network.readers.gmns_extras import seconds_text, write_extras
from network.readers.gmns_signals import REFERENCES
from network.readers.gmns_tables import LIST_SEPARATOR
from network.writers.gmns_sheet import Numbered, Sheet, measured, named, runs, shortest

_EVENTS: Final = {point: name for name, point in REFERENCES.items()}


def signal_sheets(
    inventory: Inventory,
    short_m: Decimal,
    numbered: Mapping[str, Numbered],
    rows_of: Mapping[str, Sequence[str]],
    dropped: list[str],
) -> tuple[Sheet, ...]:
    """Return the signal tables.

    Parameters
    ----------
    inventory
        What to write.
    short_m
        Worth of a short length, m.
    numbered
        GMNS lane numbers by link.
    rows_of
        Names of the movements that make up each turn.
    dropped
        Receives what could not be written.

    Returns
    -------
    tuple[Sheet, ...]
    """
    tables = _Tables(inventory, rows_of, dropped)
    for controller in inventory.controllers:
        tables.add(controller)
    detectors = _detectors(inventory, short_m, numbered, dropped)
    return (
        tables.controllers,
        tables.plans,
        tables.coordination,
        tables.phases,
        tables.services,
        detectors,
    )


class _Tables:
    def __init__(
        self, inventory: Inventory, rows_of: Mapping[str, Sequence[str]], dropped: list[str]
    ) -> None:
        self._rows_of, self._dropped = rows_of, dropped
        self.controllers = Sheet("signal_controller", ("controller_id",), kept=("opt_nodes",))
        self.plans = Sheet(
            "signal_timing_plan", ("timing_plan_id", "controller_id", "time_day", "cycle_length")
        )
        self.coordination = Sheet(
            "signal_coordination",
            (
                "coordination_id",
                "timing_plan_id",
                "controller_id",
                "coord_contr_id",
                "coord_phase",
                "coord_ref_to",
                "offset",
            ),
        )
        self.phases = Sheet(
            "signal_timing_phase",
            (
                "timing_phase_id",
                "timing_plan_id",
                "signal_phase_num",
                "min_green",
                "max_green",
                "extension",
                "clearance",
                "walk_time",
                "ped_clearance",
                "ring",
                "barrier",
                "position",
            ),
            # Their being there tells the reader that nothing is to be derived.
            kept=("ring", "barrier", "position", "opt_yellow", "opt_split"),
        )
        self.services = Sheet(
            "signal_phase_mvmt",
            ("signal_phase_mvmt_id", "timing_phase_id", "mvmt_id", "link_id", "protection"),
            kept=("timing_phase_id",),
        )
        self._claimed: set[str] = set()
        streets = {link.link_id for link in inventory.links}
        self._turns: dict[str, list[Turn]] = {}
        for turn in inventory.turns:
            self._turns.setdefault(turn.node_id, []).append(turn)
        self._crossings: dict[str, list[Crossing]] = {}
        for crossing in inventory.crossings:
            if crossing.crossing_id not in streets:
                self._crossings.setdefault(crossing.node_id, []).append(crossing)

    def add(self, controller: Controller) -> None:
        """Add a controller with its plans."""
        name = named(controller.controller_id, "the controller")
        nodes = [node for node in controller.nodes if node not in self._claimed]
        if len(nodes) < len(controller.nodes):
            self._dropped.append(f"controller {name!r}: a node of another controller is left out")
        self._claimed |= set(nodes)
        self.controllers.add(
            {
                "controller_id": name,
                "opt_nodes": LIST_SEPARATOR.join(nodes),
                "opt_hold_phases": LIST_SEPARATOR.join(map(str, controller.hold_phases)),
            }
        )
        for index, plan in enumerate(controller.plans):
            plan_id = self._add_plan(name, plan)
            ids = {phase.number: self._add_phase(plan_id, plan, phase) for phase in plan.phases}
            lost = sorted(set(plan.splits_ds) - set(ids))
            if lost:
                self._dropped.append(
                    f"controller {name!r}, plan {plan.plan_id!r}: splits of the phases {lost} it "
                    "does not have are left out"
                )
            self._add_services(controller, plan, ids, nodes, index == 0)

    def _add_plan(self, controller: str, plan: Coordination) -> str:
        plan_id = str(len(self.plans) + 1)
        spans = plan.times_of_day
        whole = len(spans) == 1 and all(second % 60 == 0 for second in spans[0][1:])
        self.plans.add(
            {
                "timing_plan_id": plan_id,
                "controller_id": controller,
                "time_day": _span(spans[0], False) if spans else "",
                "cycle_length": seconds_text(plan.cycle_ds),
                "opt_plan_id": named(plan.plan_id, "the plan"),
                "opt_times_of_day": ""
                if whole
                else LIST_SEPARATOR.join(_span(span, True) for span in spans),
                "opt_control": plan.control.value,
            }
        )
        numbers = plan.reference_phases
        plain = plan.offset_ds is None and not numbers
        event = _EVENTS.get(plan.reference, "")
        if plain and plan.reference is ReferencePoint.BEGIN_GREEN:
            event = ""
        self.coordination.add(
            {
                "coordination_id": plan_id,
                "timing_plan_id": plan_id,
                "controller_id": controller,
                "coord_contr_id": plan.reference_controller,
                "coord_phase": str(numbers[0]) if numbers else "",
                "coord_ref_to": event,
                "offset": seconds_text(plan.offset_ds),
                "opt_reference": "" if plan.reference in _EVENTS else plan.reference.value,
                "opt_reference_phases": LIST_SEPARATOR.join(map(str, numbers))
                if len(numbers) > 1
                else "",
            }
        )
        return plan_id

    def _add_phase(self, plan_id: str, plan: Coordination, phase: ControllerPhase) -> str:
        phase_id = str(len(self.phases) + 1)
        self.phases.add(
            {
                "timing_phase_id": phase_id,
                "timing_plan_id": plan_id,
                "signal_phase_num": str(phase.number),
                "min_green": seconds_text(phase.min_green_ds),
                "max_green": seconds_text(phase.max_green_ds),
                "extension": seconds_text(phase.extension_ds),
                "clearance": seconds_text(phase.yellow_ds + phase.red_clear_ds),
                "walk_time": seconds_text(phase.walk_ds),
                "ped_clearance": seconds_text(phase.ped_clear_ds),
                "ring": str(phase.ring),
                "barrier": str(phase.barrier),
                "position": str(phase.position),
                "opt_yellow": seconds_text(phase.yellow_ds),
                "opt_split": seconds_text(plan.splits_ds.get(phase.number)),
                **write_extras(phase),
            }
        )
        return phase_id

    def _add_services(
        self,
        controller: Controller,
        plan: Coordination,
        ids: Mapping[int, str],
        nodes: Sequence[str],
        first: bool,
    ) -> None:
        """Add what the phases of a plan serve."""
        for turn in (turn for node in nodes for turn in self._turns.get(node, ())):
            usual = (turn.protected_phases, turn.permitted_phases)
            changed = controller.turn_phases.get((plan.plan_id, turn.turn_id))
            both = usual if changed is None else changed
            if first or changed is not None:
                self._tell_lost(controller, plan, turn.turn_id, (*both[0], *both[1]), ids)
            for numbers, protection in zip(both, ("protected", "permitted"), strict=True):
                for number in numbers:
                    for movement in self._rows_of.get(turn.turn_id, ()):
                        self._add_service(ids, number, "mvmt_id", movement, protection)
        for walk in (walk for node in nodes for walk in self._crossings.get(node, ())):
            if first:
                self._tell_lost(controller, plan, walk.crossing_id, walk.phases, ids)
            for number in walk.phases:
                self._add_service(ids, number, "link_id", walk.crossing_id, "protected")

    def _add_service(
        self, ids: Mapping[int, str], number: int, column: str, name: str, protection: str
    ) -> None:
        if number in ids:
            self.services.add(
                {
                    "signal_phase_mvmt_id": str(len(self.services) + 1),
                    "timing_phase_id": ids[number],
                    column: name,
                    "protection": protection,
                }
            )

    def _tell_lost(
        self,
        controller: Controller,
        plan: Coordination,
        name: str,
        numbers: Sequence[int],
        ids: Mapping[int, str],
    ) -> None:
        for number in sorted(set(numbers) - set(ids)):
            self._dropped.append(
                f"{name!r} is served by phase {number}, which plan {plan.plan_id!r} of controller "
                f"{controller.controller_id!r} does not have; left out"
            )


def _span(span: tuple[str, int, int], with_seconds: bool) -> str:
    days, *times = span
    clocks = []
    for second in times:
        clock = f"{second // 3600:02d}{second // 60 % 60:02d}"
        clocks.append(f"{clock}{second % 60:02d}" if with_seconds else clock)
    return "_".join((f"{days}0", *clocks))


def _detectors(
    inventory: Inventory, short_m: Decimal, numbered: Mapping[str, Numbered], dropped: list[str]
) -> Sheet:
    sheet = Sheet(
        "signal_detector",
        (
            "detector_id",
            "controller_id",
            "signal_phase_num",
            "link_id",
            "start_lane",
            "end_lane",
            "ref_node_id",
            "det_zone_lr",
            "det_zone_front",
            "det_zone_back",
            "det_type",
        ),
    )
    owner = {node: c.controller_id for c in inventory.controllers for node in c.nodes}
    ends = {link.link_id: link.to_node for link in inventory.links}
    for detector in inventory.detectors:
        node = ends.get(detector.link_id, "")
        lanes = numbered[detector.link_id].stop if node else {}
        if owner.get(node) is None or not detector.lanes or not set(detector.lanes) <= set(lanes):
            dropped.append(
                f"detector {detector.detector_id!r} is left out: GMNS needs its controller and its "
                "lanes"
            )
            continue
        spans = runs(detector.lanes, lanes)
        front, back = _zone(detector, short_m)
        center_m = -(detector.front_m + detector.length_m / 2)
        several = len(spans) > 1 or tuple(sorted(detector.lanes)) != detector.lanes
        sheet.add(
            {
                "detector_id": named(detector.detector_id, "the detector"),
                "controller_id": owner[node],
                # GMNS wants a number; phase 0 is none.
                "signal_phase_num": str(detector.phase or 0),
                "link_id": detector.link_id,
                "start_lane": str(spans[0][0]),
                "end_lane": str(spans[-1][1]) if spans[-1][1] != spans[0][0] else "",
                "ref_node_id": node,
                "det_zone_lr": measured(center_m, short_m),
                "det_zone_front": front,
                "det_zone_back": back,
                "det_type": detector.kind,
                "opt_lanes": LIST_SEPARATOR.join(map(str, detector.lanes)) if several else "",
                **write_extras(detector),
            }
        )
    return sheet


def _zone(detector: Detector, short_m: Decimal) -> tuple[str, str]:
    """Return front and back of a detection zone, negative upstream of the stop line."""
    front = measured(-detector.front_m or 0.0, short_m)
    start = Decimal(front) * short_m
    back = shortest(
        (start - Decimal(detector.length_m)) / short_m,
        lambda written: float(start - written * short_m) == detector.length_m,
    )
    return front, back
