"""What of the wishes is sent, taken back and recorded, second by second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np

from controllers.ntcip.phase_control import PhaseControl
from controllers.ntcip.phase_status import PhaseEye, PhaseReport
from engine.adaptive.coordinated import PhaseControls, PlanBound
from engine.adaptive.sensing import Sensors, Traffic
from network.errors import UnreachableError
from network.graph import Signal
from tests.engine.adaptive_views import crossing, view
from throughband.adapting.adaptation import Adaptation
from throughband.adapting.judging import Judge
from throughband.adapting.link import REREAD_S, Link

ONE = frozenset({1})
STEADY = PhaseReport(ONE, ONE, ONE, 1, "notFree", False, 0, 0)
NOBODY = Traffic([], [], np.empty(0), np.empty(0))
ROOM_S = 3


class _Controller:
    """Shows phase 1 and takes what it is asked."""

    backup_s = 60

    def __init__(self) -> None:
        self.asked: list[tuple[frozenset[int], frozenset[int]]] = []

        self.report = STEADY

    async def look(self) -> PhaseReport:
        return self.report

    async def ask(self, hold: Iterable[int] = (), force_off: Iterable[int] = ()) -> None:
        self.asked.append((frozenset(hold), frozenset(force_off)))


class _Judge:
    """Lets greens end up to `ROOM_S` late."""

    def refusal(self, moved: Mapping[int, int]) -> str:
        return "too long" if max(moved.values()) > ROOM_S else ""


class _Bound:
    """Wishes to hold phase 1, for a second longer every second."""

    def __init__(self) -> None:
        self.controls: dict[str, PhaseControls] = {}
        self.windows: dict[str, object] = {}
        self._late_s = -1.0

    def start(self, _: object) -> None:
        pass

    def decide(self, *_: object) -> None:
        self._late_s += 1.0
        self.controls = {"s": PhaseControls(hold=ONE, moved_s=self._late_s)}


class _Street:
    """One link under adaptive control, with what was commanded and what happened."""

    def __init__(self) -> None:
        self.controller = _Controller()
        self.commands: list[Mapping[str, object]] = []
        self.events: list[Mapping[str, object]] = []
        self.read: list[int] = []
        self.link = Link(
            cast(Signal, SimpleNamespace(signal_id="s")),
            crossing(),
            cast(PhaseEye, self.controller),
            cast(PhaseControl, self.controller),
            cast(Judge, _Judge()),
            self._compare,
        )
        sensors = SimpleNamespace(observe=lambda *_: {"s": view()})
        self.adaptation = Adaptation(
            [self.link],
            cast(PlanBound, _Bound()),
            cast(Sensors, sensors),
            self.commands.append,
            self.events.append,
        )

    async def _compare(self, pattern: int) -> str:
        self.read.append(pattern)
        return "" if pattern == 1 else f"pattern {pattern} is another plan"

    def turns(self, *seconds: float) -> None:
        """Take turns at some times."""

        async def play() -> None:
            for now_s in seconds:
                await self.adaptation.turn(now_s, NOBODY)

        asyncio.run(play())


NOTHING = frozenset[int]()


def test_a_hold_is_taken_back_in_the_second_in_which_it_is_no_longer_lawful() -> None:
    street = _Street()
    street.turns(*map(float, range(8)))
    # Held once; no repetition is due before it is too long.
    assert street.controller.asked == [(ONE, NOTHING), (NOTHING, NOTHING)]
    (event,) = street.events
    assert (event["event"], event["at_s"]) == ("adapt: refused", float(ROOM_S + 1))
    assert street.adaptation.tally.refused == 1


def test_a_hold_that_is_taken_back_is_recorded_with_its_reason() -> None:
    street = _Street()
    street.turns(*map(float, range(8)))
    held, taken = street.commands
    assert (held["hold"], held["taken_back"]) == ([1], [])
    assert (taken["hold"], taken["force_off"], taken["taken_back"]) == ([], [], [1])
    assert (taken["at_s"], taken["why"]) == (float(ROOM_S + 1), "too long")


def test_where_somebody_begins_to_call_our_hold_is_taken_back_once_and_no_more_is_sent() -> None:
    street = _Street()
    street.turns(0.0)
    street.controller.report = replace(STEADY, called_pattern=15)
    street.turns(1.0, 2.0)
    asyncio.run(street.adaptation.release())
    assert street.controller.asked == [(ONE, NOTHING), (NOTHING, NOTHING)]
    assert [(e["event"], e["called"]) for e in street.events] == [("adapt: left alone", True)]
    assert "calls pattern 15" in str(street.commands[-1]["why"])


def test_a_controller_is_steered_again_when_nobody_calls_any_more() -> None:
    street = _Street()
    street.controller.report = replace(STEADY, called_pattern=1)
    street.turns(0.0)
    assert street.read == []
    street.controller.report = STEADY
    street.turns(1.0)
    assert [e["event"] for e in street.events] == ["adapt: left alone", "adapt: steered again"]
    assert street.controller.asked == [(ONE, NOTHING)]


def test_a_release_sends_nothing_where_nothing_stands() -> None:
    street = _Street()
    assert asyncio.run(street.adaptation.release()) == ()
    assert street.controller.asked == []


def test_the_pattern_is_read_when_its_number_changes_and_every_few_minutes() -> None:
    street = _Street()
    street.turns(0.0, 1.0)
    assert street.read == [1]
    street.controller.report = replace(STEADY, pattern=2)
    street.turns(2.0, 3.0)
    assert street.read == [1, 2]
    assert street.link.left_alone == "pattern 2 is another plan"
    street.turns(2.0 + REREAD_S)
    assert street.read == [1, 2, 2]
    street.controller.report = STEADY
    street.turns(3.0 + REREAD_S)
    assert street.link.left_alone == ""


def test_the_pattern_is_read_again_after_lost_contact() -> None:
    street = _Street()
    street.turns(0.0)
    street.link.lose(1.0, 0)
    assert street.link.left_alone == "no answer"
    street.turns(2.0)
    assert street.read == [1, 1]


def test_nothing_is_asked_while_the_running_pattern_cannot_be_read() -> None:
    street = _Street()

    async def silent(_: int) -> str:
        raise UnreachableError("no answer to a GET in time")

    street.link._compare = silent
    street.turns(0.0)
    assert street.controller.asked == []
    assert "pattern 1 has not been read" in street.link.left_alone
    assert street.adaptation.tally.unanswered == 1
