"""A second more of green for a movement that yields to none never lengthens its own queue.

The price of an exchange of seconds is that of all lanes together, and need not be monotone. Turns
that wait for gaps are not held to this here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import cyclic_arrays as columns
from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from network.timing import TimingPlan
from tests.engine.explained_streets import choices_of, demand_of, row

NETWORK = row(3)
ABLE = choices_of(NETWORK)
CYCLE_S = 80
LEAST_S = 13


def drawn_plan(name: str, rng: np.random.Generator) -> TimingPlan:
    parts = (rng.dirichlet(np.ones(3)) * (CYCLE_S - 3 * LEAST_S)).astype(int)
    splits = [LEAST_S + int(part) for part in parts]
    splits[0] += CYCLE_S - sum(splits)
    return TimingPlan(name, CYCLE_S, (1, 2, 3), tuple(splits), int(rng.integers(CYCLE_S)), 1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.8, 1.6))
def test_more_green_of_any_lawful_plan_never_lengthens_its_own_queue(
    seed: int, level: float
) -> None:
    rng = np.random.default_rng(seed)
    street = demand_of(NETWORK, seed, level).street(NETWORK)
    plans = {name: drawn_plan(name, rng) for name in "ABC"}
    group = cyclic_group(street, plans)
    tables = CyclicTables(group, NETWORK, CYCLE_S)
    for plan in plans.values():
        assert ABLE[plan.signal_id].lawful(plan)
        tables.set(plan)
    before, shown = tables.solve().copy(), tables.service.copy()
    compared = 0
    for plan in plans.values():
        for given_to, taken_from in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)):
            splits = list(plan.splits_s)
            splits[given_to] += 1
            splits[taken_from] -= 1
            moved = replace(plan, splits_s=tuple(splits))
            if not ABLE[plan.signal_id].lawful(moved):
                continue
            tables.set(moved)
            after, now = tables.solve(), tables.service
            for lane in np.unique(group.arrays.way_lane[group.ways_of(plan.signal_id)]):
                rows = np.flatnonzero(group.arrays.way_lane == lane)
                yields = (shown[rows] < 0).any() or (now[rows] < 0).any()
                wider = (now[rows] >= shown[rows]).all() and (now[rows] > shown[rows]).any()
                if yields or not wider:
                    continue
                compared += 1
                for column in (columns.DELAYED, columns.LONGEST):
                    assert after[lane, column] <= before[lane, column] + 1e-6, (lane, splits)
            tables.set(plan)
    assert compared
