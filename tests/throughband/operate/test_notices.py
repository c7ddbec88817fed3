import json
from datetime import datetime, time

from throughband.operate.notices import DIGEST, Notice, NoticeDesk, NoticeRule

from .cases import NOON, every_day, minutes

NIGHT = NoticeRule(every_day(time(22), time(6)), True, 3)
LATE = datetime.fromisoformat("2026-05-04T23:00:00+00:00")


def notice(title="d1 is silent", at=NOON, urgent=False):
    return Notice("warning", title, title, at, urgent)


def test_notices_of_the_day_go_out_at_once():
    assert NoticeDesk(NIGHT).turn([notice()], NOON) == (notice(),)


def test_quiet_hours_hold_notices_back_and_end_with_a_digest():
    desk = NoticeDesk(NIGHT)
    assert desk.turn([notice("one", LATE)], LATE) == ()
    assert desk.turn([notice("two", LATE)], LATE + minutes(60)) == ()
    (digest,) = desk.turn([], LATE + minutes(7 * 60))
    assert digest.topic == DIGEST
    assert "one" in digest.text
    assert "two" in digest.text
    assert desk.held == ()


def test_an_urgent_notice_breaks_into_quiet_hours_if_allowed():
    loud = notice("called no longer", LATE, urgent=True)
    assert NoticeDesk(NIGHT).turn([loud], LATE) == (loud,)
    assert NoticeDesk(NoticeRule(NIGHT.quiet, False)).turn([loud], LATE) == ()


def test_a_storm_is_gathered_and_none_of_it_is_lost():
    desk = NoticeDesk(NIGHT)
    sent = list(desk.turn([notice(f"n{i}") for i in range(50)], NOON))
    for late in range(5, 180, 5):
        sent += desk.turn([], NOON + minutes(late))
    assert len(sent) == 4
    text = "\n".join(each.text for each in sent)
    assert all(f"n{i}" in text for i in range(50))


def test_a_clock_that_was_days_ahead_holds_nothing_back():
    desk = NoticeDesk(NIGHT, (), [NOON + minutes(3 * 24 * 60)] * 3)
    assert desk.turn([notice()], NOON) == (notice(),)


def test_notices_survive_a_restart():
    made = Notice("warning", "a", "b", NOON, True, {"sure": 0.5})
    assert Notice.from_dict(json.loads(json.dumps(made.to_dict()))) == made
