"""Exports of plans that optimizers find: half a group's cycle, and phases in another order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.optimize.problem import Limits, choices
from network.files import write_plan
from network.network_file import read_network
from network.readers.gmns import read_gmns
from network.readers.utdf import read_utdf
from network.timing import CoordinationGroup, PlanSet, TimingPlan
from network.writers.utdf import write_utdf
from tests.inventories import arterial
from tests.network import streets
from tests.throughband.command_line import call
from throughband.exchange.importing import import_source

pytestmark = pytest.mark.sumo


@pytest.mark.parametrize("to", ["utdf", "gmns"])
def test_half_cycles_and_lagging_lefts_come_back(tmp_path: Path, to: str) -> None:
    write_utdf(tmp_path / "street.csv", arterial())
    import_source(tmp_path / "street.csv", tmp_path / "street")
    network = read_network(tmp_path / "street" / "network.json")
    (first, second) = (s.plan_in_force for s in network.signals.values())
    assert first is not None
    assert second is not None
    turned = replace(
        first, sequence=(2, 1, 4, 3, 6, 5, 8, 7), splits_s=(35, 15, 25, 15, 35, 15, 25, 15),
        offset_s=81,
    )  # fmt: skip
    halved = replace(second, cycle_s=45, splits_s=(11, 12, 11, 11, 12, 11, 11, 11), offset_s=38)
    group = CoordinationGroup(90, (turned.signal_id, halved.signal_id))
    plans = PlanSet("street", (turned, halved), {}, (group,))
    write_plan(tmp_path / "plan.json", plans, network)
    outcome = call(
        "export", tmp_path / "street", "--to", to, "--out", tmp_path / "out",
        "--plan", tmp_path / "plan.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    done = import_source(tmp_path / "out", tmp_path / "again")
    assert [s.plan_in_force for s in done.network.signals.values()] == [turned, halved]


def reordered(name: str) -> tuple[TimingPlan, ...]:
    """Return the plans in force of a city, stages in another lawful order where there is one."""
    found = []
    for choice in choices(streets.network(name), Limits()).values():
        plan = choice.in_force
        for order in choice.orders(plan.sequence):
            splits = tuple(plan.split_s(number) for number in order)
            if choice.lawful(replace(plan, sequence=order, splits_s=splits)):
                plan = replace(plan, sequence=order, splits_s=splits)
                break
        found.append(plan)
    return tuple(found)


@pytest.mark.parametrize(("to", "read"), [("utdf", read_utdf), ("gmns", read_gmns)])
def test_stages_in_another_order_are_told_in_that_order(
    tmp_path: Path, to: str, read: object
) -> None:
    network = streets.network("cologne8")
    plans = reordered("cologne8")
    in_force = {s.signal_id: s.plan_in_force for s in network.signals.values()}
    changed = [
        plan for plan in plans
        if (now := in_force[plan.signal_id]) and plan.sequence != now.sequence
    ]  # fmt: skip
    assert changed
    file = tmp_path / "plan.json"
    write_plan(file, PlanSet(network.name, plans, {}), network)
    outcome = call("export", "cologne8", "--to", to, "--out", tmp_path / "out", "--plan", file)
    assert outcome.code == 0, outcome.err
    inventory = read(tmp_path / "out")  # type: ignore[operator]
    told = {}
    for controller in inventory.controllers:
        made = controller.plans[0]
        placed = sorted(
            (phase for phase in made.phases if phase.number in made.splits_ds),
            key=lambda phase: (phase.ring, phase.barrier, phase.position),
        )
        told[controller.controller_id] = (
            made.cycle_ds,
            tuple(made.splits_ds[phase.number] for phase in placed),
        )
    wanted = {(10 * plan.cycle_s, tuple(10 * split for split in plan.splits_s)) for plan in changed}
    assert wanted <= set(told.values())
