"""Everything told of plans: gathered, in words, with the numbers in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.measures.corridor_search import strongest_corridor
from engine.optimize import explanation as subject
from engine.optimize.explanation import Explanation, Question, explanation_of
from engine.optimize.groups import timed_groups
from engine.optimize.narrative import corridor_paragraph, group_paragraph, signal_paragraph
from engine.optimize.problem import Limits
from engine.optimize.withheld import Withheld
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from tests.engine.explained_streets import WALKING, demand_of, plans_of, row


def question(network: RoadNetwork, *, thorough: bool = True, level: float = 1.0) -> Question:
    demand = demand_of(network, level=level)
    street = demand.street(network)
    corridor = strongest_corridor(network, street)
    corridors = {"Main Street": corridor} if corridor else {}
    return Question(
        network,
        street,
        0,
        plans_of(network),
        Limits(),
        corridors=corridors,
        demand=demand if thorough else None,
    )


@pytest.fixture(scope="module")
def told() -> Explanation:
    return explanation_of(question(row(2, phasing=WALKING)))


def test_every_signal_of_every_group_is_explained(told: Explanation) -> None:
    assert [group.names for group in told.groups] == [("A", "B")]
    group = told.groups[0]
    assert group.cycle_s == 80
    assert group.cost_s_per_veh > 0
    assert group.cycles is not None
    assert len(group.regrets) == 3
    for signal in group.signals:
        assert set(signal.seconds.more) == {1, 2, 3}
        assert signal.offset_veh_s_per_h.shape == (80,)
        assert signal.offset_veh_s_per_h[signal.plan.offset_s] == 0.0
        for number, points in signal.exchanges.items():
            assert (0, 0.0) in points
            assert [s for s, _ in points] == sorted(s for s, _ in points)
            if (1 in dict(points)) and (more := signal.seconds.more[number]):
                assert dict(points)[1] == pytest.approx(more.veh_s_per_h, abs=1e-6)


def test_a_signals_paragraph_holds_its_numbers(told: Explanation) -> None:
    group = told.groups[0]
    for signal in group.signals:
        text = signal_paragraph(signal, group)
        assert f"cycle of {signal.path.cycle_s} s" in text
        assert f"{signal.path.needed_s:.0f} s are needed" in text
        assert f"second {signal.plan.offset_s} of the cycle" in text
        best = min((c for c in signal.seconds.costs if c.seconds), key=lambda c: c.veh_s_per_h)
        minutes = abs(best.veh_s_per_h) / 60.0
        assert (f"{minutes:.1f} min" if minutes < 9.95 else f"{minutes:.0f} min") in text
        assert best.gains is not None
        assert best.gains.lane in text
        for phase in signal.path.phases:
            if phase.critical and phase.lane:
                assert f"{100 * phase.saturation:.0f} % of capacity" in text


def test_a_move_that_pays_today_but_not_with_the_margin_is_told_so(told: Explanation) -> None:
    group = told.groups[0]
    signal = group.signals[0]
    whole = group.cost_s_per_veh * group.volume_vph
    for ample, said in ((1200.0, True), (-1200.0, False), (None, False)):
        costs = {
            number: replace(cost, veh_s_per_h=-0.1 * whole, ample_veh_s_per_h=ample)
            for number, cost in signal.seconds.more.items()
            if cost is not None
        }
        seconds = replace(signal.seconds, more=costs, less={})
        text = signal_paragraph(replace(signal, seconds=seconds), group)
        assert "The best move" in text
        sentence = "With 15 % more traffic, for which plans are made, it would cost 20 min"
        assert (sentence in text) is said


def test_a_groups_paragraph_holds_its_numbers(told: Explanation) -> None:
    group = told.groups[0]
    text = group_paragraph(group, 3)
    assert text.startswith("Group 3: 2 signals share a cycle of 80 s.")
    assert f"{group.cost_s_per_veh:.1f} s at a signal" in text
    assert group.cycles is not None
    low, high = group.cycles.plateau_s
    assert (f"from {low} to {high} s" in text) or f"only {low} s" in text
    for lost in group.regrets:
        assert f"{lost.mean_pct:.1f} % dearer on average and {lost.worst_pct:.1f} %" in text


def test_a_corridors_paragraph_adds_up_its_lanes(told: Explanation) -> None:
    (name, corridor), *_ = told.corridors.items()
    text = corridor_paragraph(name, corridor, told)
    street, waited = told.street, 0.0
    for stop in corridor.stops:
        for passage in stop.outbound:
            (lane,) = {f"{c.from_link}_{c.from_lane}" for c in passage.connections}
            waited += float(told.measures.lane_delay_s[street.lane_names.index(lane)])
    assert text.startswith("Main Street: 2 signals, ")
    assert f"waits {waited:.0f} s in all" in text


def test_plans_in_force_wait_as_long_as_plans_in_force(told: Explanation) -> None:
    assert told.measures.delay_s == told.in_force.delay_s


def test_minimums_are_told_with_their_seconds() -> None:
    network = row(1, phasing=WALKING)
    asked = question(network)
    plan = TimingPlan("A", 80, (1, 2, 3), (43, 22, 15), 0, 1)
    found = explanation_of(replace(asked, plans={"A": plan}))
    text = signal_paragraph(found.groups[0].signals[0], found.groups[0])
    assert "7 s to walk, 11 s to clear the crossing" in text


def test_too_much_demand_is_told_as_missing_seconds() -> None:
    found = explanation_of(question(row(1), level=4.0, thorough=False))
    signal = found.groups[0].signals[0]
    text = signal_paragraph(signal, found.groups[0])
    assert signal.path.spare_s < 0
    assert f"{-signal.path.spare_s:.0f} s are missing" in text


def test_without_a_demand_nothing_is_refitted_or_drawn() -> None:
    found = explanation_of(question(row(2), thorough=False))
    group = found.groups[0]
    assert (group.cycles, group.regrets, group.refit_gain_pct) == (None, (), None)
    assert group.signals[0].next_sequence is None
    assert all(c.hourly_veh_s_per_h is None for c in group.signals[0].seconds.costs)
    assert "refitted" not in group_paragraph(group, 1)


def test_cycles_that_do_not_go_together_make_groups_of_their_own() -> None:
    network = row(3)
    street = demand_of(network).street(network)
    plans = plans_of(network)
    plans["B"] = TimingPlan("B", 40, (1, 2, 3), (20, 10, 10), 3, 1)
    plans["C"] = TimingPlan("C", 70, (1, 2, 3), (35, 20, 15), 3, 1)
    assert timed_groups(street, plans) == (("A", "B"), ("C",))


def test_signals_that_a_signal_between_parts_are_not_of_one_group() -> None:
    network = row(3)
    street = demand_of(network).street(network)
    plans = plans_of(network)
    plans["B"] = TimingPlan("B", 70, (1, 2, 3), (35, 20, 15), 3, 1)
    assert timed_groups(street, plans) == (("A",), ("B",), ("C",))
    assert timed_groups(street, plans, [("A", "C")]) == (("A", "C"), ("B",))


def test_signals_whose_platoons_return_every_third_cycle_are_not_of_one_group() -> None:
    network = row(2)
    street = demand_of(network).street(network)
    plans = plans_of(network)
    plans["A"] = TimingPlan("A", 120, (1, 2, 3), (60, 35, 25), 3, 1)
    plans["B"] = TimingPlan("B", 40, (1, 2, 3), (20, 10, 10), 3, 1)
    assert timed_groups(street, plans) == (("A",), ("B",))


def test_reasons_speak_of_the_groups_that_whoever_made_the_plans_tells() -> None:
    asked = question(row(3), thorough=False)
    assert [group.names for group in explanation_of(asked).groups] == [("A", "B", "C")]
    told = explanation_of(replace(asked, groups=(("B", "C"),)))
    assert [group.names for group in told.groups] == [("B", "C"), ("A",)]


def test_a_second_in_a_large_group_is_priced_over_its_neighbors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = row(3)
    whole = explanation_of(question(network, thorough=False)).groups[0].signals[0]
    monkeypatch.setattr(subject, "NEARBY", 2)
    near = explanation_of(question(network, thorough=False)).groups[0].signals[0]
    for number in (1, 2, 3):
        a, b = whole.seconds.more[number], near.seconds.more[number]
        assert a is not None
        assert b is not None
        assert a.veh_s_per_h != b.veh_s_per_h
        assert b.veh_s_per_h == pytest.approx(a.veh_s_per_h, rel=0.25, abs=60.0)


def test_no_plans_are_nothing_to_explain() -> None:
    with pytest.raises(InsufficientDataError, match="no signal has a plan"):
        explanation_of(replace(question(row(1)), plans={}))


def test_signals_without_traffic_are_explained_too() -> None:
    network = row(2)
    asked = question(network, thorough=False)
    flows = {
        name: np.zeros(1) if name.startswith(("e1", "s1", "n1", "w2")) else np.array([100.0])
        for name in network.movements
    }
    street = replace(demand_of(network), movement_vph=flows).street(network)
    found = explanation_of(replace(asked, street=street, corridors={}))
    texts = [signal_paragraph(s, g) for g in found.groups for s in g.signals]
    assert any("makes no difference" in text for text in texts)


def test_what_may_not_follow_what_is_told_with_the_reason(told: Explanation) -> None:
    group = told.groups[0]
    signal = replace(group.signals[0], refused_steps={(1, 3): "yellow trap"})
    text = signal_paragraph(signal, group)
    assert "Phase 3 may not follow phase 1 directly: yellow trap." in text
    assert "may not follow" not in signal_paragraph(group.signals[0], group)


def test_orders_that_are_lawful_but_not_tried_are_told_with_the_reason(told: Explanation) -> None:
    group = told.groups[0]
    one = replace(group.signals[0], withheld=Withheld(((1, 3, 2),), ("e1",)))
    text = signal_paragraph(one, group)
    assert "This order of phases would be lawful but is not tried (1, 3, 2): " in text
    assert "inside the junction, on street e1, is let out by the next phase today" in text
    orders = ((1, 3, 2, 4), (1, 3, 4, 2), (1, 4, 2, 3), (1, 4, 3, 2))
    many = signal_paragraph(replace(one, withheld=Withheld(orders, ("e1", "n1"))), group)
    assert "are not tried (1, 3, 2, 4; 1, 3, 4, 2; 1, 4, 2, 3; and 1 more): " in many
    assert "on street e1, n1," in many
    assert "not tried" not in signal_paragraph(group.signals[0], group)
