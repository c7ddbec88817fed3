"""The seam of optimizers: how the plans of another optimizer are grouped and told of."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.optimize.explain import reasons
from engine.optimize.planner import Task, judged
from network.timing import TimingPlan
from tests.reference.toy_streets import line, line_flows, two_phase_plan


class Given:
    """Plans of two phases in cycles that are given."""

    def __init__(self, cycles_s: Mapping[str, int]) -> None:
        self.cycles_s = cycles_s

    def optimize(self, task: Task) -> Mapping[str, TimingPlan]:
        return {
            name: two_phase_plan(name, cycle_s, cycle_s // 2)
            for name, cycle_s in self.cycles_s.items()
        }


@pytest.mark.parametrize(
    ("cycles_s", "groups"),
    [
        ({"A": 60, "B": 60, "C": 90}, (("A", "B"), ("C",))),
        ({"A": 45, "B": 90, "C": 45}, (("A", "B", "C"),)),
        ({"A": 45, "B": 90, "C": 60}, (("A", "B"), ("C",))),
    ],
)
def test_plans_of_another_optimizer_are_grouped_by_their_cycles(
    cycles_s: Mapping[str, int], groups: tuple[tuple[str, ...], ...]
) -> None:
    network = line("ABC", 200.0)
    flows = line_flows(network, e=500.0, w=300.0, s=100.0, n=100.0)
    done = judged(Task(network, flows, 900, 0), Given(cycles_s))
    assert done.groups == groups


def test_a_border_between_groups_is_told_on_both_sides() -> None:
    network = line("ABC", 200.0)
    flows = line_flows(network, e=500.0, w=300.0, s=100.0, n=100.0)
    done = judged(Task(network, flows, 900, 0), Given({"A": 60, "B": 60, "C": 90}))
    told = reasons(network, done.street, done.plan_set, done.groups, done.in_force, done.planned)
    assert "platoons" not in told["A"][0]
    assert told["B"][0].endswith(
        "2 signals; platoons link it to C (90 s) too, but no cycle is common to both sides."
    )
    assert told["C"][0].endswith(
        "its own; platoons link it to B (60 s) too, but no cycle is common to both sides."
    )


def test_the_platoon_of_an_offset_is_told_with_the_time_it_takes_to_start() -> None:
    network = line("AB", 200.0)
    flows = line_flows(network, e=500.0, w=0.0, s=100.0, n=100.0)
    done = judged(Task(network, flows, 900, 0), Given({"A": 60, "B": 60}))
    (stream,) = (s for s in done.street.stream_table if s.exit_link == "e1")
    told = reasons(network, done.street, done.plan_set, done.groups, done.in_force, done.planned)
    whole_s = stream.start_s + stream.travel_time_s
    assert whole_s > stream.travel_time_s + 2.0
    (offset,) = (text for text in told["B"] if text.startswith("Offset"))
    assert offset.endswith(f"{whole_s:.0f} s after starting at the signal before.")
