"""Bands on crossing corridors: offsets only, never worse than rounding, one arterial as a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from engine.measures.corridor import Corridor
from engine.measures.street import Street, build_street
from engine.optimize.band_networks import network_band_offsets
from engine.optimize.bands import Method, band_offsets
from engine.optimize.corridors import propose
from engine.validate.sumo_process import run_process
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network
from network.timing import TimingPlan
from scenarios.builders import build
from scenarios.layout import grid
from scenarios.street_rules import fitted

pytestmark = pytest.mark.sumo

CYCLE_S = 70


@cache
def town() -> tuple[RoadNetwork, Street, tuple[Corridor, ...], dict[str, TimingPlan]]:
    def netconvert(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, 120.0)

    with TemporaryDirectory() as folder:
        network = read_sumo_network(build(grid(2, 2, 3), Path(folder), netconvert).net_file)
    vph = {name: np.array([150.0]) for name in network.movements}
    street = build_street(network, vph, 900)
    corridors = propose(network, street, cycles_s={}).arterials
    plans: dict[str, TimingPlan] = {}
    for name, signal in network.signals.items():
        now, phasing = signal.plan_in_force, signal.phasing
        assert now is not None
        assert phasing is not None
        least = [phasing.phase(number).min_split_s for number in now.sequence]
        splits = fitted(now.splits_s, least, CYCLE_S)
        plans[name] = replace(now, cycle_s=CYCLE_S, splits_s=splits, offset_s=0)
    return network, street, corridors, plans


@pytest.mark.parametrize("method", ["maxband", "multiband"])
def test_only_offsets_change_and_no_worth_exceeds_what_greens_allow(method: Method) -> None:
    network, street, corridors, plans = town()
    found = network_band_offsets(corridors, plans, network, street, method)
    assert len(found.corridors) > 2, "the corridors of a grid close a loop"
    for name, plan in found.plans.items():
        assert replace(plan, offset_s=plans[name].offset_s) == plans[name]
        assert 0 <= plan.offset_s < CYCLE_S
    assert found.worth_s > 0


def test_moving_all_offsets_together_changes_no_worth() -> None:
    network, street, corridors, plans = town()
    moved = {
        name: replace(plan, offset_s=(plan.offset_s + 13) % CYCLE_S) for name, plan in plans.items()
    }
    first = network_band_offsets(corridors, plans, network, street)
    second = network_band_offsets(corridors, moved, network, street)
    assert second.result.objective == pytest.approx(first.result.objective, abs=1e-6)


def test_whole_seconds_of_a_single_corridor_come_close_to_the_proven_best() -> None:
    network, street, corridors, plans = town()
    alone = band_offsets(corridors[0], plans, network, street, balance=None)
    found = network_band_offsets(corridors[:1], plans, network, street)
    weight = found.worth_s / alone.worth_s
    flow = [leg.flow_vph for leg in (*corridors[0].outbound_legs, *corridors[0].inbound_legs)]
    assert weight == pytest.approx(sum(flow) / len(flow), rel=0.05)


def test_cycles_that_differ_are_refused() -> None:
    network, street, corridors, plans = town()
    name = corridors[0].signals[0]
    signal = network.signals[name]
    assert signal.phasing is not None
    plan = plans[name]
    longer = replace(
        plan, cycle_s=CYCLE_S + 5, splits_s=(*plan.splits_s[:-1], plan.splits_s[-1] + 5)
    )
    with pytest.raises(InfeasibleError, match=r"cycles of \[70, 75\] s"):
        network_band_offsets(corridors, {**plans, name: longer}, network, street)
