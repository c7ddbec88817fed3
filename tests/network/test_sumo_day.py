"""Days of programs as SUMO shows them, second by second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.measures.transition import transition
from network.errors import PlanError
from network.phasing import Phasing
from network.sumo_day import Stretch, write_sumo_day
from network.timing import TimingPlan
from tests.network import streets
from tests.network.test_sumo_tls import in_force, programs, shown

BEGIN_S, SWITCH_S, END_S = 1000, 1200, 1900


def halved(plan: TimingPlan, phasing: Phasing) -> TimingPlan:
    """Another plan of the signal: 12 s longer, 37 s later."""
    splits = (plan.splits_s[0] + 12, *plan.splits_s[1:])
    cycle_s = plan.cycle_s + 12
    offset_s = (plan.offset_s + 37) % cycle_s
    return replace(plan, cycle_s=cycle_s, splits_s=splits, offset_s=offset_s)


@pytest.mark.sumo
def test_sumo_shows_a_switch_as_the_controller_would_and_never_skips_a_clearance(
    tmp_path: Path,
) -> None:
    network = streets.network("cologne3")
    stretches: dict[str, list[Stretch]] = {}
    moves = {}
    for plan in in_force(network).plans:
        phasing = network.signals[plan.signal_id].phasing
        assert phasing is not None
        then = halved(plan, phasing)
        move = moves[plan.signal_id] = transition(plan, then, phasing, SWITCH_S)
        assert move.cycles
        stretches[plan.signal_id] = [
            Stretch("first", 0, (plan,)),
            Stretch("way", move.crossing_s, move.cycles, once=True),
            Stretch("second", move.in_step_s, (then,)),
        ]
    file = tmp_path / "day.add.xml"
    write_sumo_day(file, stretches, network)
    files = [*streets.files_of("cologne3"), file]
    seen = programs(files, sorted(stretches), BEGIN_S, END_S, tmp_path / "sumo")
    for signal_id, own in stretches.items():
        phasing = network.signals[signal_id].phasing
        assert phasing is not None
        move = moves[signal_id]
        states = seen[signal_id]
        for second in range(BEGIN_S, move.crossing_s):
            assert states[second] == ("first", shown(own[0].plans[0], phasing, second))
        at_s = move.crossing_s
        for cycle in move.cycles:
            cycle_from_zero = replace(
                cycle, offset_s=(cycle.offset_s + at_s - cycle.begin_s(phasing)) % cycle.cycle_s
            )
            for second in range(at_s, at_s + cycle.cycle_s):
                assert states[second] == ("way", shown(cycle_from_zero, phasing, second))
            at_s += cycle.cycle_s
        assert at_s == move.in_step_s < END_S
        for second in range(at_s, END_S):
            assert states[second] == ("second", shown(own[2].plans[0], phasing, second))
        for second in range(BEGIN_S + 1, END_S):
            for before, after in zip(states[second - 1][1], states[second][1], strict=True):
                assert not (before in "Gg" and after == "r")


def test_equal_days_give_equal_bytes_and_a_program_is_written_once(tmp_path: Path) -> None:
    network = streets.network("cologne1")
    (plan,) = in_force(network).plans
    other = replace(plan, offset_s=(plan.offset_s + 5) % plan.cycle_s)
    own = [Stretch("a", 0, (plan,)), Stretch("b", 900, (other,)), Stretch("a", 1800, (plan,))]
    for name in ("one", "two"):
        write_sumo_day(tmp_path / name, {plan.signal_id: own}, network)
    text = (tmp_path / "one").read_text()
    assert text == (tmp_path / "two").read_text()
    assert text.count('programID="a"') == 1
    assert text.count("<wautSwitch ") == 2


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("backwards", "before 'b' begins"),
        ("ambiguous", "means two programs"),
        ("taken", "already"),
        ("nothing", "nothing to run"),
        ("foreign", "is not its own"),
    ],
)
def test_days_that_cannot_be_are_refused(own: str, message: str, tmp_path: Path) -> None:
    network = streets.network("cologne1")
    (plan,) = in_force(network).plans
    other = replace(plan, offset_s=(plan.offset_s + 5) % plan.cycle_s)
    in_use = network.signals[plan.signal_id].program_id
    days = {
        "backwards": [Stretch("b", 900, (plan,)), Stretch("a", 0, (other,))],
        "ambiguous": [Stretch("a", 0, (plan,)), Stretch("a", 900, (other,))],
        "taken": [Stretch(in_use, 0, (plan,))],
        "nothing": [],
        "foreign": [Stretch("a", 0, (replace(plan, signal_id="elsewhere"),))],
    }
    with pytest.raises(PlanError, match=message):
        write_sumo_day(tmp_path / "day.add.xml", {plan.signal_id: days[own]}, network)
    assert not list(tmp_path.iterdir())
