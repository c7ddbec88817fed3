"""The safety check of adaptive control: what a command comes to must be a lawful plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controllers.driver import Identity, PhaseLimits
from network.errors import UnsafePlanError
from network.graph import Signal
from tests.throughband.towns import corner_town
from throughband.adapting.judging import Judge
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def signal(tmp_path_factory: pytest.TempPathFactory) -> Signal:
    network = open_setting(str(corner_town(tmp_path_factory.mktemp("town")))).network
    return next(s for s in network.signals.values() if s.plan_in_force and not s.left_alone)


def told(signal: Signal) -> Identity:
    """Return what a controller of this signal says of itself."""
    assert signal.phasing is not None
    phases = tuple(
        PhaseLimits(
            number=phase.number,
            ring=phase.ring,
            min_green_s=phase.min_green_s,
            yellow_ds=phase.yellow_ds,
            red_clear_ds=phase.red_clear_ds,
            walk_s=0,
            ped_clear_s=0,
        )
        for phase in signal.phasing.phases
    )
    return Identity("", 0, phases, 16, 30, "v03", 0, 1, (1,))


def main_and_next(signal: Signal) -> tuple[int, int, int]:
    """Return the coordinated phase, the one after it, and by how much the first may end early."""
    plan, phasing = signal.plan_in_force, signal.phasing
    assert plan is not None
    assert phasing is not None
    at = plan.sequence.index(plan.coordinated_phase)
    after = plan.sequence[(at + 1) % len(plan.sequence)]
    spare_s = plan.splits_s[at] - phasing.phase(plan.coordinated_phase).min_split_s
    return plan.coordinated_phase, after, spare_s


def test_a_green_may_end_early_down_to_its_least_split_and_no_further(signal: Signal) -> None:
    phase, _, spare_s = main_and_next(signal)
    judge = Judge(signal, told(signal))
    assert judge.refusal({phase: -spare_s}) == ""
    assert "split" in judge.refusal({phase: -spare_s - 1})


def test_a_green_may_last_until_the_next_one_would_be_too_short(signal: Signal) -> None:
    phase, after, _ = main_and_next(signal)
    plan, phasing = signal.plan_in_force, signal.phasing
    assert plan is not None
    assert phasing is not None
    room_s = plan.split_s(after) - phasing.phase(after).min_split_s
    judge = Judge(signal, told(signal))
    assert judge.refusal({phase: room_s}) == ""
    assert f"phase {after}" in judge.refusal({phase: room_s + 1})


def test_a_green_that_began_late_may_not_end_as_early(signal: Signal) -> None:
    phase, _, spare_s = main_and_next(signal)
    judge = Judge(signal, told(signal))
    judge.began([phase], 3)
    assert judge.refusal({phase: -spare_s + 3}) == ""
    assert judge.refusal({phase: -spare_s + 2})
    judge.began([phase], 0)
    assert judge.refusal({phase: -spare_s}) == ""


def test_a_controller_with_longer_least_greens_has_the_last_word(signal: Signal) -> None:
    longer = told(signal)
    first = replace(longer.phases[0], min_green_s=longer.phases[0].min_green_s + 1)
    with pytest.raises(UnsafePlanError, match="minimum green in s is"):
        Judge(signal, replace(longer, phases=(first, *longer.phases[1:])))
