import asyncio

import numpy as np

from network.errors import ThroughbandError
from network.timing import PlanSet
from tests.throughband.reports_street import plan
from throughband.forecasts.live_forecast import Sight
from throughband.journal import verify
from throughband.operate.evidence import Promise
from throughband.operate.levels import Level
from throughband.operate.memory import Trial
from throughband.operate.operation import Operation
from throughband.operate.pulse import health
from throughband.operate.regime import settled
from throughband.operate.street_counts import Counted
from throughband.operate.trials import Trials
from throughband.operate.warning_book import Kind, Sighting
from throughband.operate.watching import View
from throughband.setting import Setting

from .cases import NOON, minutes, sighting
from .office_cases import NETWORK, Clock, FakeHand, planned, read_files


class Eyes:
    """Sees what a test says; the forecast is another test's business."""

    def __init__(self):
        self.view = View(None, "no counts come", {})

    async def look(self, ours):
        return self.view

    def seen(self, begin, row, view):
        from throughband.operate.watching import Watching

        return Watching.seen(self, begin, row, view)

    def forecast_rows(self, sight):
        return {}

    def believed(self, view):
        return []

    shared_part = (0.02,)

    def close(self):
        pass


def current(counts=None):
    sight = Sight("current", "", None, 0, NOON, {}, {})
    return View(sight, "", counts or {}, tuple(counts or ()))


def operation(folder, more="", **given):
    clock = Clock()
    config = read_files(folder, more)
    made = Operation(config, Setting(None, None, NETWORK), clock, clock.sleep, **given)
    hand = FakeHand(folder, clock)
    made.office.hand = hand
    eyes = made.watching = Eyes()
    made.trials = Trials(made.office, made.changes, eyes, made.book)
    made.changes.expect = made.trials.expect
    return made, hand, clock, eyes


def turn(made):
    asyncio.run(made.turn())


def events(made):
    return [str(e["event"]) for e in verify(made.office.config.bridge.journal)]


def on_street(made, hand, name="x", main_s=34):
    plan_set = planned(made.office.plans_folder / name, main_s)
    made.office.memory.folders[plan_set.digest] = f"plans/{name}"
    made.office.memory.ours = ["A", "B"]
    hand.call(plan_set, "p1")
    return plan_set


def test_counts_that_stop_lead_to_the_own_schedule_after_patience_and_back(tmp_path):
    made, hand, clock, eyes = operation(tmp_path)
    eyes.view = current()
    turn(made)
    assert made.office.memory.standing.level is Level.FORECAST
    on_street(made, hand)
    eyes.view = View(None, "no counts come", {})
    for _ in range(9):
        clock.now += minutes(1)
        turn(made)
    assert hand.done == []
    for _ in range(3):
        clock.now += minutes(1)
        turn(made)
    assert hand.done == ["hand back A,B"]
    assert made.office.memory.standing.level is Level.OWN_SCHEDULE
    eyes.view = current()
    for _ in range(16):
        clock.now += minutes(1)
        turn(made)
    assert made.office.memory.standing.level is Level.FORECAST
    assert [e for e in events(made) if e == "operate: level"] == ["operate: level"] * 3


def test_plans_of_others_are_never_handed_back(tmp_path):
    made, hand, clock, _ = operation(tmp_path)
    hand.call(PlanSet(NETWORK.name, (plan("A"),), {}), "p9")
    for _ in range(20):
        clock.now += minutes(1)
        turn(made)
    assert hand.done == []


def test_the_plan_of_the_day_is_pushed_when_forecasts_fail(tmp_path):
    plan_set = planned(tmp_path / "day")
    more = (
        'mode = "act"\n[[plan_of_day]]\nplan = "day/plan.json"\n'
        'report = "day/validation.json"\ndays = ["mon"]\nbegin = "11:00"\nend = "13:00"\n'
    )
    made, hand, clock, _ = operation(tmp_path, more)
    turn(made)
    assert made.office.memory.standing.level is Level.PLAN_OF_DAY
    assert len(hand.done) == 1
    assert plan_set.digest[:6] in hand.done[0]
    clock.now += minutes(5)
    turn(made)
    assert len(hand.done) == 1
    clock.now += minutes(70)
    for _ in range(12):
        clock.now += minutes(1)
        turn(made)
    assert hand.done[-1] == "hand back A,B"


class Books:
    def __init__(self):
        self.gone, self.taken = False, []

    def take(self, event):
        if self.gone:
            raise ThroughbandError("the database is locked")
        self.taken.append(event["event"])


def test_a_database_that_goes_is_told_and_holds_up_nothing(tmp_path):
    books = Books()
    made, _, clock, eyes = operation(tmp_path, mirror=books)
    eyes.view = current()
    turn(made)
    books.gone = True
    eyes.view = View(None, "no counts come", {})
    for _ in range(12):
        clock.now += minutes(1)
        turn(made)
    assert [w.sighting.kind for w in made.book.open] == [Kind.DATABASE]
    assert made.office.memory.standing.level is Level.OWN_SCHEDULE
    books.gone = False
    for _ in range(3):
        clock.now += minutes(1)
        turn(made)
    assert made.book.open == ()
    ours = [e for e in events(made) if e.startswith("operate: ")]
    assert books.taken == ours[: len(books.taken)]
    assert len(books.taken) >= len(ours) - 1


def trial(made, hand, expected=100.0, main_s=34):
    plan_set = on_street(made, hand, main_s=main_s)
    rows = {f"{NOON.timestamp() + 300 * at:.0f}": {"d": (expected, 3.0)} for at in range(2, 14)}
    made.office.memory.trial = Trial(
        Promise(plan_set.digest, NOON, -3.0, None, (0.02,)), "r.json", rows, settled({}, None, None)
    )


def counted(at, volume):
    return current({NOON.timestamp() + 300 * at: {"d": Counted(volume, True, np.nan)}})


def test_a_plan_that_loses_traffic_is_taken_back_by_rule(tmp_path):
    made, hand, clock, eyes = operation(tmp_path)
    eyes.view = current()
    turn(made)
    trial(made, hand)
    for at in range(1, 6):
        clock.now += minutes(5)
        eyes.view = counted(at, 60.0)
        turn(made)
    assert hand.done == ["withdraw"]
    assert made.office.memory.trial is None
    assert "operate: taken back" in events(made)


def blocked(at, volume, link):
    view = counted(at, volume)
    since = NOON + minutes(5 * at - 10)
    view.sightings = [Sighting(Kind.QUEUE, link, since, 1.0, f"link {link!r} is blocked")]
    return view


def judged_beside_a_queue(folder, link, main_s=34):
    made, hand, clock, eyes = operation(folder)
    eyes.view = current()
    turn(made)
    trial(made, hand, main_s=main_s)
    for at in range(1, 6):
        clock.now += minutes(5)
        eyes.view = blocked(at, 60.0, link)
        turn(made)
    return made, hand, clock, eyes


def test_a_loss_behind_a_blocked_road_takes_no_plan_back(tmp_path):
    made, hand, clock, eyes = judged_beside_a_queue(tmp_path, "e1")
    assert hand.done == []
    told = [e["text"] for e in verify(made.office.config.bridge.journal) if "text" in e]
    assert "no verdict: link 'e1' is blocked" in told
    for at in range(6, 12):
        clock.now += minutes(5)
        eyes.view = counted(at, 60.0)
        turn(made)
    assert hand.done == ["withdraw"]


def test_a_queue_where_the_plan_took_green_away_excuses_nothing(tmp_path):
    _, hand, _, _ = judged_beside_a_queue(tmp_path, "e1", main_s=20)
    assert hand.done == ["withdraw"]


def test_a_queue_elsewhere_excuses_nothing(tmp_path):
    _, hand, _, _ = judged_beside_a_queue(tmp_path, "far away")
    assert hand.done == ["withdraw"]


def test_a_plan_that_holds_its_promise_is_kept(tmp_path):
    made, hand, clock, eyes = operation(tmp_path)
    eyes.view = current()
    turn(made)
    trial(made, hand)
    for at in range(1, 16):
        clock.now += minutes(5)
        eyes.view = counted(at, 98.0)
        turn(made)
    assert hand.done == []
    assert made.office.memory.trial is None
    assert "operate: trial over" in events(made)


def test_a_look_that_fails_is_a_warning_and_the_next_one_comes(tmp_path):
    made, _, clock, eyes = operation(tmp_path)
    eyes.view = current()
    made.office.memory.ours = []

    async def broken(events):
        raise ThroughbandError("an answer that cannot be used")

    made.changes.answered = broken
    for _ in range(3):
        clock.now += minutes(1)
        turn(made)
    assert made.looks == 3
    (warned,) = made.book.open
    assert warned.sighting.kind is Kind.PLANNING
    assert warned.sighting.text == "an answer that cannot be used"


def test_a_restart_takes_up_levels_warnings_and_notices(tmp_path):
    made, _, clock, eyes = operation(tmp_path)
    eyes.view.sightings = [sighting()]
    for _ in range(3):
        clock.now += minutes(1)
        turn(made)
    before = made.office.memory.standing
    raised = [e for e in events(made) if e == "operate: warning raised"]
    assert len(raised) == 1
    again, _, clock_again, eyes = operation(tmp_path)
    eyes.view.sightings = [sighting()]
    clock_again.now = clock.now + minutes(1)
    assert again.office.memory.standing == before
    assert again.book.kept == made.book.kept
    turn(again)
    assert [e for e in events(again) if e == "operate: warning raised"] == raised


def test_a_look_leaves_a_heartbeat(tmp_path):
    made, _, clock, eyes = operation(tmp_path)
    eyes.view = current()
    turn(made)
    assert health(made.office.config.folder, clock())[0]


def test_operation_ends_in_order_and_changes_nothing_by_it(tmp_path):
    made, hand, _, eyes = operation(tmp_path)
    eyes.view = current()

    async def go():
        ended = asyncio.Event()
        task = asyncio.create_task(made.run(ended))
        while made.looks < 3:
            await asyncio.sleep(0)
        ended.set()
        await task

    asyncio.run(go())
    assert hand.done == []
    assert events(made)[0] == "operate: begins"
    assert events(made)[-1] == "operate: ends"
