import asyncio
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from network.errors import ThroughbandError
from throughband.approval import approve, approved_event, read_release, write_release
from throughband.journal import Journal, verify
from throughband.operate.changing import Changes
from throughband.operate.evidence import Promise
from throughband.operate.memory import Candidate
from throughband.operate.model import Ahead
from throughband.operate.planner import IN_FORCE, PLAN, REPORT, PlanOutcome, read_outcome
from throughband.operate.pushing import POLICY
from throughband.operate.regime import settled
from throughband.operate.warning_book import Kind, Sighting, Warned
from throughband.results import read_json

from .cases import NOON, minutes
from .office_cases import NETWORK, office, planned

COMING = Ahead(
    {name: np.full(12, 300.0) for name in NETWORK.movements},
    dict.fromkeys(NETWORK.movements, 300.0),
    300,
    43_200,
    {},
)
ACT = 'mode = "act"\n'


class Planner:
    """Makes the same plan every time."""

    def __init__(self, verdict="better", main_s=34, trouble="", proven=True):
        self.verdict, self.main_s, self.trouble, self.proven = verdict, main_s, trouble, proven
        self.orders = []

    async def __call__(self, folder, order, give_up_s):
        self.orders.append(order)
        if self.trouble:
            return PlanOutcome(trouble=self.trouble)
        plan_set = planned(folder, self.main_s, self.verdict)
        digest = plan_set.digest if self.proven else ""
        return PlanOutcome(digest, 1e5, 8e4, self.proven, self.verdict, -4.0)


def changes(desk, planning=None):
    made = Changes(desk, planning or Planner())
    made.expect = lambda candidate: (Promise(candidate.plan_digest, desk.clock(), -4.0), {})
    desk.memory.regime = settled({"x": 1.0}, 20.0, None)
    return made


def run(made, free=True):
    async def go():
        made.seek(COMING, "other traffic")
        while not made.ready:
            await asyncio.sleep(0)
        await made.turn(free)

    asyncio.run(go())


def events(desk):
    return [str(e["event"]) for e in verify(desk.config.bridge.journal)]


def test_a_plan_within_the_limits_is_pushed_under_a_release_on_record(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    run(changes(desk))
    assert len(hand.done) == 1
    assert POLICY in hand.done[0]
    assert [e for e in events(desk) if not e.endswith("seek")] == [
        "operate: plan ready", "approved", "operate: push", "operate: changed",
    ]  # fmt: skip
    assert desk.memory.trial is not None
    assert desk.memory.ours == ["A", "B"]
    assert desk.memory.regime.flow_vph == COMING.mean_vph


def test_in_mode_ask_nothing_is_pushed_and_a_person_is_asked(tmp_path):
    desk, hand, _ = office(tmp_path)
    run(changes(desk))
    assert hand.done == []
    assert desk.memory.waiting is not None
    (notice,) = desk.notices
    assert notice.topic == "approval"
    assert "throughband bridge approve" in notice.text


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ("[limits]\nmax_split_step_s = 3\n", "its split changes by 4 s"),
        ('[limits]\nsignals = ["A"]\n', "outside the corridors allowed: B"),
        ("[limits]\nmax_changes_per_day = 0\n", "0 a day are allowed"),
        (
            '[[limits.hours]]\ndays = ["tue"]\nbegin = "06:00"\nend = "07:00"\n',
            "outside the hours allowed",
        ),
    ],
)
def test_beyond_a_limit_a_person_is_asked(tmp_path, limits, named):
    desk, hand, _ = office(tmp_path, ACT + limits)
    run(changes(desk))
    assert hand.done == []
    assert named in desk.memory.waiting.why


CLOSED = Sighting(Kind.QUEUE, "a>b", NOON, 0.9, "a>b is closed")


@pytest.mark.parametrize(
    ("limits", "cleared", "asked"),
    [
        ("", None, True),
        ("", NOON, False),
        ("[limits]\nmay_act_on_queues = true\n", None, False),
    ],
)
def test_for_a_plan_made_beside_a_closed_road_a_person_is_asked(tmp_path, limits, cleared, asked):
    desk, hand, _ = office(tmp_path, ACT + limits)
    desk.memory.warned = (Warned(CLOSED, raised_utc=NOON, cleared_utc=cleared),)
    run(changes(desk))
    assert (hand.done == []) is asked
    assert (desk.memory.waiting is not None) is asked
    if asked:
        assert "a>b is closed" in desk.memory.waiting.why


@pytest.mark.parametrize(
    ("limits", "asked"), [("", True), ("[limits]\nmay_act_on_queues = true\n", False)]
)
def test_a_person_is_asked_where_the_road_opens_while_the_plan_is_made(tmp_path, limits, asked):
    desk, hand, _ = office(tmp_path, ACT + limits)
    desk.memory.warned = (Warned(CLOSED, raised_utc=NOON),)
    planner = Planner()

    async def opened(folder, order, give_up_s):
        desk.memory.warned = (Warned(CLOSED, raised_utc=NOON, cleared_utc=NOON),)
        return await planner(folder, order, give_up_s)

    made = changes(desk, opened)
    run(made)
    assert (hand.done == []) is asked
    assert (desk.memory.waiting is not None) is asked
    if asked:
        assert "stood when it was ordered: a>b is closed" in desk.memory.waiting.why


def test_a_plan_ordered_after_the_road_has_opened_is_not_asked_for(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    desk.memory.warned = (Warned(CLOSED, raised_utc=NOON),)
    made = changes(desk, Planner("no clear difference"))
    run(made)
    desk.memory.warned = ()
    made._planning = Planner()
    run(made)
    assert len(hand.done) == 1


def test_in_mode_ask_the_question_names_a_road_that_is_closed(tmp_path):
    desk, _, _ = office(tmp_path)
    desk.memory.warned = (Warned(CLOSED, raised_utc=NOON),)
    run(changes(desk))
    assert "a>b is closed" in desk.notices[0].text


def test_a_plan_that_is_not_proven_better_is_neither_pushed_nor_asked_for(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    run(changes(desk, Planner("no clear difference")))
    assert hand.done == []
    assert desk.memory.waiting is None
    assert events(desk)[-1] == "operate: not proven"
    assert desk.memory.regime.looked_at == COMING.mean_vph


def test_a_plan_that_saves_too_little_in_the_model_is_not_simulated(tmp_path):
    desk, _, _ = office(tmp_path, ACT)
    run(changes(desk, Planner(proven=False)))
    assert events(desk)[-1] == "operate: plan stays"


def test_a_planner_that_fails_leaves_the_street_alone(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    made = changes(desk, Planner(trouble="SUMO died"))
    run(made)
    assert hand.done == []
    assert made.trouble == "SUMO died"
    assert events(desk)[-1] == "operate: no plan"


def test_a_plan_is_not_used_while_forecast_plans_are_not_to_run(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    run(changes(desk), free=False)
    assert hand.done == []
    assert events(desk)[-1] == "operate: not used"


def test_the_search_stays_within_the_largest_change_of_cycle_and_the_signals_allowed(tmp_path):
    limits = '[limits]\nsignals = ["A"]\nmax_cycle_step_s = 10\n'
    desk, _, _ = office(tmp_path, ACT + limits)
    planner = Planner()
    run(changes(desk, planner))
    (order,) = planner.orders
    assert (order.shortest_cycle_s, order.longest_cycle_s) == (50, 70)
    assert order.kept == ["B"]


def test_the_next_search_knows_what_is_on_the_street(tmp_path):
    desk, _, _ = office(tmp_path, ACT)
    made = changes(desk)
    run(made)
    desk.clock.now += minutes(40)
    run(made)
    folders = sorted(desk.plans_folder.iterdir())
    assert not (folders[0] / IN_FORCE).exists()
    assert (folders[1] / IN_FORCE).exists()


def answer(desk, plan_digest=None, by="J. Doe"):
    """Approve what waits, as `throughband bridge approve` does."""
    waiting = desk.memory.waiting
    folder = desk.config.folder / waiting.folder
    from network.files import read_plan

    release = approve(
        read_plan(folder / PLAN), read_json(folder / REPORT), by, desk.clock(), "", minutes(60)
    )
    write_release(folder / "release.json", release)
    Journal(desk.config.bridge.journal).write(
        {
            **approved_event(release),
            "release_digest": release.digest,
            "file": str(folder / "release.json"),
        }
    )


def test_what_a_person_approves_is_pushed_once(tmp_path):
    desk, hand, _ = office(tmp_path)
    made = changes(desk)
    run(made)
    asyncio.run(made.answered(desk.ledger.news()))
    assert hand.done == []
    answer(desk)
    asyncio.run(made.answered(desk.ledger.news()))
    asyncio.run(made.answered(desk.ledger.news()))
    assert len(hand.done) == 1
    assert "J. Doe" in hand.done[0]
    assert desk.memory.waiting is None


def test_pushing_may_be_left_to_the_console(tmp_path):
    desk, hand, _ = office(tmp_path, "push_approved = false\n")
    made = changes(desk)
    run(made)
    answer(desk)
    asyncio.run(made.answered(desk.ledger.news()))
    assert hand.done == []
    digest = desk.memory.waiting.plan_digest
    asyncio.run(
        made.answered([{"event": "activated", "plan_digest": digest, "push_id": "elsewhere"}])
    )
    assert desk.memory.waiting is None
    assert desk.memory.ours == ["A", "B"]


def test_an_approval_on_another_report_is_refused(tmp_path):
    desk, hand, _ = office(tmp_path)
    made = changes(desk)
    run(made)
    answer(desk)
    folder = desk.config.folder / desk.memory.waiting.folder
    planned(folder, verdict="worse")
    with pytest.raises(ThroughbandError, match="another report"):
        asyncio.run(made.answered(desk.ledger.news()))
    assert hand.done == []


def test_a_question_nobody_answers_is_dropped(tmp_path):
    desk, _, clock = office(tmp_path, "answer_within_min = 30\n")
    made = changes(desk)
    run(made)
    clock.now += minutes(31)
    asyncio.run(made.turn(True))
    assert desk.memory.waiting is None
    assert events(desk)[-1] == "operate: no longer asked"


def test_a_push_that_fails_is_told_and_not_tried_at_once_again(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    hand.broken = "device 'A' does not answer"
    with pytest.raises(ThroughbandError, match="does not answer"):
        run(changes(desk))
    assert desk.memory.pushing is None
    assert desk.notices[-1].urgent
    assert desk.memory.regime.searched_utc == desk.clock()
    assert events(desk)[-1] == "operate: push failed"


def test_a_plan_is_taken_back_with_what_ran_before_and_its_traffic_remembered(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    made = changes(desk)
    run(made)
    asyncio.run(made.take_back("12% less served than forecast"))
    assert hand.done[-1] == "withdraw"
    assert desk.memory.trial is None
    assert desk.memory.regime.flow_vph == {"x": 1.0}
    assert desk.memory.regime.looked_at == COMING.mean_vph
    assert desk.notices[-1].urgent
    assert len(desk.memory.changes) == 2


def test_a_restart_after_the_push_takes_it_up_and_pushes_nothing_twice(tmp_path):
    desk, hand, clock = office(tmp_path, ACT)
    folder = desk.plans_folder / "x"
    plan_set = planned(folder)
    candidate = Candidate("plans/x", plan_set.digest, {"a": 1.0}, 10.0, -2.0, clock())
    desk.memory.pushing = candidate
    desk.memory.folders[plan_set.digest] = "plans/x"
    hand.call(plan_set, "p1")
    asyncio.run(changes(desk).recover())
    assert hand.done == []
    assert desk.memory.pushing is None
    assert desk.memory.regime.flow_vph == {"a": 1.0}
    assert events(desk) == ["operate: changed"]


def test_a_restart_before_the_push_forgets_it(tmp_path):
    desk, hand, clock = office(tmp_path, ACT)
    plan_set = planned(desk.plans_folder / "x")
    desk.memory.pushing = Candidate("plans/x", plan_set.digest, {}, None, None, clock())
    asyncio.run(changes(desk).recover())
    assert hand.done == []
    assert desk.memory.pushing is None
    assert events(desk) == ["operate: push not begun"]


def test_old_folders_of_plans_go_and_those_on_the_street_stay(tmp_path):
    desk, _, clock = office(tmp_path, ACT + "keep_plans = 2\n[limits]\nmax_changes_per_day = 99\n")
    made = changes(desk)
    run(made)
    first = sorted(desk.plans_folder.iterdir())[0]
    for _ in range(5):
        clock.now += timedelta(hours=1)
        run(changes(desk, Planner("worse", main_s=36)))
    left = sorted(desk.plans_folder.iterdir())
    assert first in left
    assert len(left) == 3


def test_a_plan_that_was_changed_on_disk_is_not_pushed(tmp_path):
    desk, hand, clock = office(tmp_path, ACT)
    plan_set = planned(desk.plans_folder / "x")
    planned(desk.plans_folder / "x", main_s=40)
    candidate = Candidate("plans/x", plan_set.digest, {}, None, None, clock())
    with pytest.raises(ThroughbandError, match="not the plan"):
        asyncio.run(changes(desk).decide(candidate))
    assert hand.done == []


def test_nothing_is_pushed_that_cannot_be_recorded(tmp_path):
    desk, hand, _ = office(tmp_path, ACT)
    made = changes(desk)
    Path(desk.config.bridge.journal).write_text("not a journal\n")
    with pytest.raises(ThroughbandError):
        run(made)
    assert hand.done == []
    assert desk.ledger.trouble


def test_a_planner_that_died_left_no_outcome(tmp_path):
    assert "left no outcome" in read_outcome(tmp_path).trouble


def test_the_release_of_the_policy_is_kept_beside_the_plan(tmp_path):
    desk, _, _ = office(tmp_path, ACT)
    run(changes(desk))
    (folder,) = desk.plans_folder.iterdir()
    assert read_release(folder / "release.json").approved_by == POLICY
