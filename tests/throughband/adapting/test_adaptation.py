"""What of the wishes is sent: a hold that stands is judged anew every second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import cast

import numpy as np

from controllers.ntcip.phase_control import PhaseControl
from controllers.ntcip.phase_status import PhaseEye, PhaseReport
from engine.adaptive.coordinated import PhaseControls, PlanBound
from engine.adaptive.sensing import Sensors, Traffic
from network.graph import Signal
from tests.engine.adaptive_views import crossing, view
from throughband.adapting.adaptation import Adaptation
from throughband.adapting.judging import Judge
from throughband.adapting.link import Link

ONE = frozenset({1})
STEADY = PhaseReport(ONE, ONE, ONE, 1, "notFree", False, 0, 0)
NOBODY = Traffic([], [], np.empty(0), np.empty(0))
ROOM_S = 3


class _Controller:
    """Shows phase 1 and takes what it is asked."""

    backup_s = 60

    def __init__(self) -> None:
        self.asked: list[tuple[frozenset[int], frozenset[int]]] = []

    async def look(self) -> PhaseReport:
        return STEADY

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


def test_a_hold_is_taken_back_in_the_second_in_which_it_is_no_longer_lawful() -> None:
    controller, events = _Controller(), list[Mapping[str, object]]()
    link = Link(
        cast(Signal, SimpleNamespace(signal_id="s")),
        crossing(),
        cast(PhaseEye, controller),
        cast(PhaseControl, controller),
        cast(Judge, _Judge()),
        1,
    )
    sensors = SimpleNamespace(observe=lambda *_: {"s": view()})
    commands: list[Mapping[str, object]] = []
    adaptation = Adaptation(
        [link], cast(PlanBound, _Bound()), cast(Sensors, sensors), commands.append, events.append
    )

    async def play() -> None:
        for second in range(8):
            await adaptation.turn(float(second), NOBODY)

    asyncio.run(play())
    nothing = frozenset[int]()
    # Held once; no repetition is due before it is too long.
    assert controller.asked == [(ONE, nothing), (nothing, nothing)]
    assert len(commands) == 1
    (event,) = events
    assert (event["event"], event["at_s"]) == ("adapt: refused", float(ROOM_S + 1))
    assert adaptation.tally.refused == 1
