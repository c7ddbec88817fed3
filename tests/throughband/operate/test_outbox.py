import asyncio

import pytest

from network.errors import ThroughbandError
from throughband.operate.notices import Notice
from throughband.operate.outbox import LONGEST_WAIT_S, Outbox

from .cases import NOON, minutes

NOTICE = Notice("warning", "a", "b", NOON)


class Flaky:
    """Fails so often, then takes what comes."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.got: list[tuple[str, str]] = []

    async def send(self, notice: Notice, number: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ThroughbandError("not now")
        self.got.append((notice.title, number))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self):
        return self.now


def test_a_notice_is_tried_again_with_longer_waits_until_it_is_taken(tmp_path):
    clock, channel = Clock(), Flaky(5)
    box = Outbox(tmp_path / "out", {"mail": channel}, clock)
    box.put(NOTICE)
    waits = []
    while box.waiting:
        asyncio.run(box.deliver())
        if box.waiting:
            waits.append((box.waiting[0].due_utc - clock.now).total_seconds())
            assert asyncio.run(box.deliver()) == 0
            clock.now = box.waiting[0].due_utc
    assert waits == [15, 30, 60, 120, 240]
    assert [title for title, _ in channel.got] == ["a"]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_clock_that_is_set_back_by_days_delays_nothing(tmp_path):
    clock, channel = Clock(), Flaky(0)
    box = Outbox(tmp_path, {"mail": channel}, clock)
    clock.now += minutes(3 * 24 * 60)
    box.put(NOTICE)
    clock.now = NOON
    assert asyncio.run(box.deliver()) == 1


def test_a_dead_channel_holds_up_no_other_and_loses_nothing(tmp_path):
    clock, good = Clock(), Flaky(0)
    box = Outbox(tmp_path, {"dead": Flaky(1000), "good": good}, clock)
    for _ in range(20):
        box.put(NOTICE)
        asyncio.run(box.deliver())
        clock.now += minutes(60)
    assert len(good.got) == 20
    assert len(box.waiting) == 20
    longest = max((each.due_utc - clock.now).total_seconds() for each in box.waiting)
    assert longest <= LONGEST_WAIT_S


def test_notices_survive_a_restart_under_their_numbers(tmp_path):
    clock = Clock()
    box = Outbox(tmp_path, {"mail": Flaky(1)}, clock)
    box.put(NOTICE)
    asyncio.run(box.deliver())
    number = box.waiting[0].number
    channel = Flaky(0)
    again = Outbox(tmp_path, {"mail": channel}, clock)
    asyncio.run(again.deliver())
    assert channel.got == [("a", number)]


def test_what_cannot_be_kept_is_refused(tmp_path):
    box = Outbox(tmp_path / "out", {"mail": Flaky(0)}, Clock())
    (tmp_path / "out").rmdir()
    with pytest.raises(ThroughbandError, match="cannot be written"):
        box.put(NOTICE)
    assert box.waiting == ()


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    (tmp_path / "y.json").write_text("{")
    assert Outbox(tmp_path, {"mail": Flaky(0)}, Clock()).waiting == ()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_became_of_a_notice_is_told_once_for_each_outcome(tmp_path):
    clock, told = Clock(), []
    box = Outbox(tmp_path, {"mail": Flaky(2)}, clock, lambda each, well: told.append(well))
    box.put(NOTICE)
    for _ in range(4):
        asyncio.run(box.deliver())
        clock.now += minutes(60)
    assert told == [False, True]
