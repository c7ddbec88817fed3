from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from network.errors import (
    ApprovalError,
    MissingError,
    MoveError,
    StaleError,
    StoreError,
    StoreUnavailableError,
)
from tests.throughband.store.conftest import Clock, Desk
from tests.throughband.store.plans import ANNA, BEN, CARL, MADE_HERE, brought_to, draft
from throughband.approval import VALID_FOR, release_of, require_usable
from throughband.journal import Journal, verify
from throughband.plan_life import Move, PlanState, moves_in
from throughband.store import Store


def names(desk: Desk) -> list[object]:
    return [event["event"] for event in verify(desk.journal)]


def test_the_whole_life_of_a_plan_is_in_the_table_and_in_the_journal(
    store: Store, desk: Desk
) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ACTIVE, desk.clock())
    done = store.plans.move(plan.id, Move.ROLL_BACK, CARL, desk.clock.on(hours=1), "queue", 5)

    assert (done.state, done.version) == (PlanState.ROLLED_BACK, 6)
    records = store.plans.moves(plan.id)
    assert [record.target for record in records] == [
        "draft", "checked", "approved", "armed", "active", "rolled-back",
    ]  # fmt: skip
    assert [record.by for record in records] == [ANNA, ANNA, BEN, CARL, CARL, CARL]
    assert names(desk) == [
        "plan drafted", "plan checked", "approved", "plan armed", "plan active",
        "plan rolled back",
    ]  # fmt: skip
    recorded = [moves_in(event)[0].version for event in verify(desk.journal)]
    assert recorded == [record.version for record in records]
    assert [record.journal_number for record in records] == [1, 2, 3, 4, 5, 6]


def test_the_release_of_an_approval_is_one_that_the_bridge_takes(store: Store, desk: Desk) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.APPROVED, desk.clock())

    assert plan.release is not None
    release = release_of(plan.release, "row")
    release.check(plan.digest, plan.scenario, desk.clock())
    require_usable(release, verify(desk.journal))
    assert release.approved_by == BEN
    assert plan.expires_utc == release.expires_utc


def test_nobody_approves_a_plan_of_their_own(store: Store, desk: Desk) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.CHECKED, desk.clock())

    with pytest.raises(ApprovalError, match="anna's own"):
        store.plans.approve(plan.id, ANNA, desk.clock(), "mine", plan.version)
    assert store.plans.get(plan.id) == plan
    assert "approved" not in names(desk)


def test_a_decision_made_on_a_stale_page_is_told_what_changed(store: Store, desk: Desk) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.CHECKED, desk.clock())
    store.plans.move(plan.id, Move.REJECT, BEN, desk.clock(), "too long a cycle", plan.version)

    with pytest.raises(StaleError) as refused:
        store.plans.approve(plan.id, CARL, desk.clock(), "fine", plan.version)
    assert refused.value.changes == (
        "rejected by ben at 2031-05-06 08:00:00 UTC: too long a cycle",
    )


def test_a_move_from_the_wrong_state_is_refused(store: Store, desk: Desk) -> None:
    plan = draft(store, desk.clock())

    with pytest.raises(MoveError, match="is draft cannot make the move arm"):
        store.plans.move(plan.id, Move.ARM, CARL, desk.clock(), "now", plan.version)


def test_a_plan_that_proves_no_gain_is_approved_only_expressly(store: Store, desk: Desk) -> None:
    plan = draft(store, desk.clock())
    report = {**(plan.report or {}), "verdict": "no clear difference"}
    plan = store.plans.attach_report(plan.id, report, plan.version, MADE_HERE, desk.clock())
    plan = store.plans.move(plan.id, Move.CHECK, ANNA, desk.clock(), "", plan.version)

    with pytest.raises(ApprovalError, match="proves no gain"):
        store.plans.approve(plan.id, BEN, desk.clock(), "fine", plan.version)
    done = store.plans.approve(
        plan.id, BEN, desk.clock(), "works", plan.version, despite_verdict=True
    )
    assert "despite the verdict" in store.plans.moves(plan.id)[-1].why
    assert done.state is PlanState.APPROVED


def test_a_report_on_another_plan_is_not_taken(store: Store, desk: Desk) -> None:
    plan = draft(store, desk.clock())

    with pytest.raises(ApprovalError, match="speaks of plan"):
        store.plans.attach_report(
            plan.id, {"plan_digest": "0" * 64}, plan.version, MADE_HERE, desk.clock()
        )


def test_an_uploaded_report_proves_nothing_until_one_made_here_replaces_it(
    store: Store, desk: Desk
) -> None:
    made = draft(store, desk.clock())
    forged = store.plans.add(
        made.network_id, "forged", made.content, made.scenario, made.digest, "upload", ANNA,
        desk.clock(), report=made.report,
    )  # fmt: skip
    assert (forged.report_origin, forged.report_by) == ("upload", ANNA)
    checked = store.plans.move(forged.id, Move.CHECK, ANNA, desk.clock(), "", 1)
    with pytest.raises(ApprovalError, match="uploaded by anna, not made here"):
        store.plans.approve(forged.id, BEN, desk.clock(), "fine", checked.version)

    proven = store.plans.attach_report(
        forged.id, made.report or {}, checked.version, MADE_HERE, desk.clock()
    )

    assert (proven.state, proven.version) == (PlanState.DRAFT, 3)
    with pytest.raises(StaleError):
        store.plans.approve(forged.id, BEN, desk.clock(), "fine", checked.version, VALID_FOR, True)
    store.plans.move(forged.id, Move.CHECK, ANNA, desk.clock(), "", 3)
    done = store.plans.approve(forged.id, BEN, desk.clock(), "fine", 4)
    assert done.state is PlanState.APPROVED
    kept = [event["plan_details"] for event in verify(desk.journal)[1:]]
    told = [details["report"] for details in kept if "report" in details]
    assert [entry["origin"] for entry in told] == ["upload", "run", "run"]
    assert told[-1]["run_id"] == MADE_HERE.run_id
    assert done.release is not None
    assert told[-1]["report_digest"] == done.release["release"]["report_digest"]


def test_the_record_says_that_an_approval_stands_on_an_uploaded_report(
    store: Store, desk: Desk
) -> None:
    made = draft(store, desk.clock())
    forged = store.plans.add(
        made.network_id, "forged", made.content, made.scenario, made.digest, "upload", ANNA,
        desk.clock(), report=made.report,
    )  # fmt: skip
    store.plans.move(forged.id, Move.CHECK, ANNA, desk.clock(), "", 1)

    store.plans.approve(forged.id, BEN, desk.clock(), "known", 2, despite_verdict=True)

    assert store.plans.moves(forged.id)[-1].why == (
        "known (on a report uploaded by anna, not made here)"
    )


def test_an_unknown_plan_is_missing(store: Store, desk: Desk) -> None:
    with pytest.raises(MissingError, match="no plan 'x'"):
        store.plans.move("x", Move.CHECK, ANNA, desk.clock())


def test_a_plan_takes_the_place_of_those_it_takes_a_signal_from_and_gives_it_back(
    store: Store, desk: Desk
) -> None:
    now = desk.clock()
    first = brought_to(store, draft(store, now, "first", ("a", "b")), PlanState.ACTIVE, now)
    apart = brought_to(store, draft(store, now, "apart", ("c",)), PlanState.ACTIVE, now)
    second = brought_to(store, draft(store, now, "second", ("b",)), PlanState.ACTIVE, now)

    assert store.plans.get(first.id).state is PlanState.REPLACED
    assert store.plans.get(first.id).replaced_by == second.id
    assert store.plans.get(apart.id).state is PlanState.ACTIVE
    store.plans.move(second.id, Move.ROLL_BACK, CARL, now, "", None)
    assert store.plans.get(first.id).state is PlanState.ACTIVE
    assert store.plans.moves(first.id)[-1].move is Move.RESTORE


def test_an_approval_ends_by_itself(store: Store, desk: Desk) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ARMED, desk.clock())

    followed = store.plans.catch_up(desk.clock.on(hours=13)).followed

    assert [(move.plan_id, move.move) for move in followed] == [(plan.id, Move.EXPIRE)]
    assert store.plans.get(plan.id).state is PlanState.EXPIRED


def bridge(desk: Desk, event: str, **details: object) -> None:
    Journal(desk.journal).write({"event": event, "utc": desk.clock().isoformat(), **details})


def release_digest(store: Store, plan_id: str) -> str:
    return str((store.plans.get(plan_id).release or {})["digest"])


def test_a_push_that_the_bridge_recorded_makes_its_plan_active_and_a_withdrawal_ends_it(
    store: Store, desk: Desk
) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ARMED, desk.clock())
    bridge(desk, "intent", push_id="p1", release_digest=release_digest(store, plan.id))
    bridge(desk, "activated", push_id="p1")

    store.plans.catch_up(desk.clock())

    active = store.plans.get(plan.id)
    assert (active.state, active.push_id) == (PlanState.ACTIVE, "p1")
    assert store.plans.moves(plan.id)[-1].by == CARL
    store.plans.ask(plan.id, Move.ROLL_BACK, BEN, desk.clock(), "queue spills back", 5)
    bridge(desk, "withdraw", push_id="p1", devices=[])
    assert store.plans.catch_up(desk.clock()).followed == ()
    bridge(desk, "withdrawn", push_id="p1", errors=[])
    store.plans.catch_up(desk.clock())
    last = store.plans.moves(plan.id)[-1]
    assert (last.target, last.by) == (PlanState.ROLLED_BACK, BEN)
    assert last.why == "queue spills back (withdrawn from every controller)"


def test_a_push_that_failed_and_was_taken_back_leaves_the_plan_approved(
    store: Store, desk: Desk
) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ARMED, desk.clock())
    bridge(desk, "intent", push_id="p1", release_digest=release_digest(store, plan.id))
    store.plans.catch_up(desk.clock())
    bridge(desk, "failed", push_id="p1", restored=True, error="no answer from 'a'")

    store.plans.catch_up(desk.clock())

    assert store.plans.get(plan.id).state is PlanState.APPROVED
    assert "no answer from 'a'" in store.plans.moves(plan.id)[-1].why


def test_handing_all_controllers_back_ends_what_is_active(store: Store, desk: Desk) -> None:
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ACTIVE, desk.clock())
    bridge(desk, "released", signals=["a"], how="kill switch")
    store.plans.catch_up(desk.clock())
    assert store.plans.get(plan.id).state is PlanState.ACTIVE

    bridge(desk, "released", signals=["a", "b"], how="kill switch", ordered_by="oscar")
    store.plans.catch_up(desk.clock())

    assert store.plans.get(plan.id).state is PlanState.ROLLED_BACK
    assert store.plans.moves(plan.id)[-1].by == "oscar"


def test_a_move_that_was_recorded_and_not_kept_is_finished_at_the_next_opening(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.open()
    plan = brought_to(store, draft(store, desk.clock()), PlanState.CHECKED, desk.clock())

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(store.plans), "_note", crash)
        with pytest.raises(KeyboardInterrupt):
            store.plans.approve(plan.id, BEN, desk.clock(), "fine", plan.version)
    assert store.plans.get(plan.id).state is PlanState.CHECKED

    again = desk.open()

    assert [move.move for move in again.caught_up.finished] == [Move.APPROVE]
    done = again.plans.get(plan.id)
    assert (done.state, done.version) == (PlanState.APPROVED, 3)
    assert done.release is not None
    assert names(desk).count("approved") == 1


def test_a_recorded_move_is_finished_before_the_next_one_is_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.open()
    plan = brought_to(store, draft(store, desk.clock()), PlanState.CHECKED, desk.clock())
    with monkeypatch.context() as patch:
        patch.setattr(type(store.plans), "_note", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.plans.approve(plan.id, BEN, desk.clock(), "fine", plan.version)

    with pytest.raises(StaleError, match="approved by ben"):
        store.plans.move(plan.id, Move.REJECT, CARL, desk.clock(), "no", plan.version)


def test_what_follows_from_the_street_is_recorded_once_though_it_was_cut_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.open()
    plan = brought_to(store, draft(store, desk.clock()), PlanState.ARMED, desk.clock())
    bridge(desk, "intent", push_id="p1", release_digest=release_digest(store, plan.id))
    bridge(desk, "activated", push_id="p1")
    with monkeypatch.context() as patch:
        patch.setattr(type(store.plans), "_note", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.plans.catch_up(desk.clock())

    again = desk.open()

    assert again.plans.get(plan.id).state is PlanState.ACTIVE
    assert again.plans.get(plan.id).push_id == "p1"
    assert names(desk).count("plan active") == 1


def test_a_journal_that_cannot_be_written_leaves_everything_as_it_was(desk: Desk) -> None:
    store = desk.open()
    plan = draft(store, desk.clock())
    holder = sqlite3.connect(desk.journal, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.plans._journal._wait_s = 0.05  # type: ignore[union-attr]
    try:
        with pytest.raises(StoreUnavailableError, match="kept the journal busy"):
            store.plans.move(plan.id, Move.CHECK, ANNA, desk.clock(), "", plan.version)
    finally:
        holder.close()

    assert store.plans.get(plan.id) == plan
    assert store.plans.moves(plan.id)[-1].version == 1


def test_a_journal_that_is_not_this_databases_is_refused(desk: Desk) -> None:
    store = desk.open()
    draft(store, desk.clock())
    store.plans.catch_up(desk.clock())
    desk.journal.unlink()
    Journal(desk.journal).write({"event": "something else", "utc": desk.clock().isoformat()})

    with pytest.raises(StoreError, match="not the one this database was kept with"):
        desk.open()


def test_a_draft_that_only_the_journal_knows_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.open()
    draft(store, desk.clock(), "kept")
    with monkeypatch.context() as patch:
        patch.setattr(type(store.plans), "_note", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            draft(store, desk.clock(), "lost")

    again = desk.open()

    assert len(again.caught_up.lost) == 1
    assert [plan.title for plan in again.plans.listed()] == ["kept"]


def test_two_who_decide_at_once_do_not_both_decide(desk: Desk) -> None:
    one, other = desk.open(), desk.open()
    plan = brought_to(one, draft(one, desk.clock()), PlanState.CHECKED, desk.clock())

    one.plans.approve(plan.id, BEN, desk.clock(), "fine", plan.version)
    with pytest.raises(StaleError):
        other.plans.move(plan.id, Move.REJECT, CARL, desk.clock(), "no", plan.version)

    assert names(desk).count("approved") == 1
    assert "plan rejected" not in names(desk)


def test_a_store_without_a_journal_keeps_moves_all_the_same(fresh_url: str, clock: Clock) -> None:
    from throughband.store import open_store

    store = open_store(fresh_url, backups=None, clock=clock)
    try:
        plan = brought_to(store, draft(store, clock()), PlanState.ACTIVE, clock())
        assert [record.journal_number for record in store.plans.moves(plan.id)] == [None] * 5
    finally:
        store.close()


def test_comments_come_back_in_the_order_they_were_written(store: Store, desk: Desk) -> None:
    plan = draft(store, desk.clock())
    for text in ("why so long?", "pedestrians"):
        store.plans.comment(plan.id, BEN, desk.clock.on(minutes=1), text)

    assert [comment.text for comment in store.plans.comments(plan.id)] == [
        "why so long?", "pedestrians",
    ]  # fmt: skip
    with pytest.raises(MissingError):
        store.plans.comment("x", BEN, desk.clock(), "?")


def test_plans_are_listed_newest_first_by_state_and_page(store: Store, desk: Desk) -> None:
    made = [draft(store, desk.clock.on(minutes=1), f"plan {number}") for number in range(4)]
    store.plans.move(made[0].id, Move.REJECT, BEN, desk.clock(), "no", None)

    drafts = store.plans.listed([PlanState.DRAFT], limit=2)

    assert [plan.title for plan in drafts] == ["plan 3", "plan 2"]
    assert store.plans.count([PlanState.DRAFT]) == 3
    assert store.plans.listed(offset=3)[0].title == "plan 0"


def test_a_time_without_a_zone_is_not_kept(store: Store, desk: Desk) -> None:
    with pytest.raises(StoreError, match="has no time zone"):
        draft(store, desk.clock().replace(tzinfo=None) + timedelta(0))
