"""What a person refused is not done again by policy."""

import asyncio

import pytest

from network.errors import ThroughbandError
from network.timing import PlanSet
from tests.throughband.reports_street import plan
from throughband.operate.command import findings
from throughband.operate.levels import Level
from throughband.operate.memory import read_memory
from throughband.operate.office import MEMORY
from throughband.operate.refusals import MOST_REJECTED, heed
from throughband.operate.street_hand import ORDERED_BY

from .cases import minutes
from .office_cases import NETWORK, office, planned
from .test_changing import ACT, COMING, Planner, answer, changes, events, run
from .test_operation import operation, turn

ELSEWHERE = PlanSet(NETWORK.name, (plan("A", 60, 40), plan("B", 60, 40)), {})
DAY = (
    '[[plan_of_day]]\nplan = "day/plan.json"\nreport = "day/validation.json"\n'
    'days = ["mon"]\nbegin = "11:00"\nend = "13:00"\n'
)


def withdrawn(digest, **more):
    return {
        "event": "withdrawn",
        "utc": "2026-03-02T12:00:00+00:00",
        "plan_digest": digest,
        **more,
    }


def pushed(folder):
    desk, hand, clock = office(folder, ACT + "[limits]\nleast_between_min = 0\n")
    made = changes(desk)
    run(made)
    assert len(hand.done) == 1
    (digest,) = {call.plan_digest for call in hand.called.values()}
    return desk, hand, clock, made, digest


@pytest.mark.parametrize("event", ["withdrawn", "withdrawal failed", "kill switch"])
def test_what_a_person_took_off_the_street_comes_back_only_by_a_person(tmp_path, event):
    desk, hand, clock, made, digest = pushed(tmp_path)
    hand.called.clear()
    told = {**withdrawn(digest, ordered_by="carl"), "event": event}
    if event == "kill switch":
        told = {"event": "released", "how": event, "ordered_by": "carl", "utc": told["utc"]}
    asyncio.run(made.answered([told]))
    assert desk.memory.trial is None
    assert desk.memory.ours == []
    assert desk.memory.regime.looked_at == COMING.mean_vph
    clock.now += minutes(5)
    run(made)
    assert len(hand.done) == 1
    assert "carl" in desk.memory.waiting.why
    # A restart does not forget it.
    assert read_memory(desk.config.folder / MEMORY, clock()).taken_off == desk.memory.taken_off
    desk.ledger.news()
    answer(desk)
    asyncio.run(made.answered(desk.ledger.news()))
    assert len(hand.done) == 2
    assert desk.memory.taken_off == ""


def test_what_operation_or_the_bridge_took_back_is_no_refusal(tmp_path):
    desk, _, _, _, digest = pushed(tmp_path)
    heed(
        desk,
        [
            withdrawn(digest, ordered_by=ORDERED_BY),
            withdrawn("of somebody else's plan", ordered_by="carl"),
            {"event": "released", "signals": ["A"], "how": "released", "why": "no answer"},
        ],
    )
    assert desk.memory.taken_off == ""
    assert desk.memory.trial is not None


def test_a_plan_that_somebody_rejected_is_not_pushed_by_policy(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    digest = planned(tmp_path / "made before").digest
    made = changes(desk)
    asyncio.run(made.answered([{"event": "plan rejected", "plan_digest": digest, "by": "bert"}]))
    run(made)
    assert hand.done == []
    assert desk.memory.waiting is None
    assert events(desk)[-1] == "operate: not used"
    assert desk.memory.regime.looked_at == COMING.mean_vph
    desk.save()
    assert read_memory(desk.config.folder / MEMORY, desk.clock()).rejected == {digest: "bert"}


def test_rejections_are_remembered_within_bounds(tmp_path):
    desk, _, _ = office(tmp_path)
    heed(
        desk,
        [
            {"event": "plan rejected", "plan_digest": str(at), "by": "bert"}
            for at in range(MOST_REJECTED + 5)
        ],
    )
    assert len(desk.memory.rejected) == MOST_REJECTED
    assert "4" not in desk.memory.rejected


@pytest.mark.parametrize("mode", ["act", "ask"])
def test_a_plan_that_others_put_there_while_one_was_made_is_left_alone(tmp_path, mode):
    desk, hand, _ = office(tmp_path, f'mode = "{mode}"\n')

    class Slow(Planner):
        async def __call__(self, folder, order, give_up_s):
            hand.call(ELSEWHERE, "p9")
            return await super().__call__(folder, order, give_up_s)

    run(changes(desk, Slow()))
    assert hand.done == []
    assert desk.memory.waiting is None
    assert events(desk)[-1] == "operate: not used"


def test_a_plan_of_the_day_outside_the_corridors_is_told_before_operation_begins(tmp_path):
    planned(tmp_path / "day")
    desk, _, clock = office(tmp_path, ACT + '[limits]\nsignals = ["A"]\n' + DAY)
    with pytest.raises(ThroughbandError, match="retimes B, outside the corridors allowed"):
        findings(desk.config, desk.setting, clock())


def test_a_check_tells_on_whose_clock_hours_are(tmp_path):
    desk, _, clock = office(tmp_path, ACT)
    (told,) = [line for line in findings(desk.config, desk.setting, clock()) if "hours" in line]
    assert "UTC" in told
    assert "12:00" in told


@pytest.mark.parametrize("why", ["others", "corridor", "rejected", "taken off"])
def test_the_plan_of_the_day_keeps_to_what_people_decided(tmp_path, why):
    plan_set = planned(tmp_path / "day")
    limits = '[limits]\nsignals = ["A"]\n' if why == "corridor" else ""
    made, hand, _, _ = operation(tmp_path, ACT + limits + DAY)
    memory = made.office.memory
    if why == "others":
        hand.call(ELSEWHERE, "p9")
    elif why == "rejected":
        memory.rejected[plan_set.digest] = "bert"
    elif why == "taken off":
        memory.taken_off = "carl took plan x off the street"
    turn(made)
    assert hand.done == []
    expected = Level.OWN_SCHEDULE if why == "taken off" else Level.PLAN_OF_DAY
    assert memory.standing.level is expected
    named = {"others": "left alone", "corridor": "retimes B", "rejected": "bert rejected"}
    if why in named:
        assert named[why] in made._troubles["level"]
