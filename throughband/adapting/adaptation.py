"""Adaptive control of a street over the wire: look, decide, judge, ask, once a second.

Every controller goes on by its plan; it is asked to end a green earlier or to keep one longer,
and it carries that out within its own least greens, clearances and pedestrian times. Whoever does
not answer is left to its plan and asked again at every turn; the others go on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.adaptive.control import View
from engine.adaptive.coordinated import PhaseControls, PlanBound
from engine.adaptive.sensing import Sensors, Traffic
from network.errors import ControllerError
from throughband.adapting.link import Asked, Link

_log = logging.getLogger(__name__)

LEFT_ALONE: Final = "adapt: left alone"
STEERED_AGAIN: Final = "adapt: steered again"

Tell = Callable[[Mapping[str, object]], None]
"""Takes note of an event that must be in the journal."""


@dataclass(slots=True)
class Tally:
    """What adaptive control has done so far.

    Attributes
    ----------
    turns
        Seconds decided.
    force_offs, holds
        Greens ended early, and kept longer.
    refused
        Commands that the safety check did not let through.
    unanswered
        Looks or commands without an answer.
    """

    turns: int = 0
    force_offs: int = 0
    holds: int = 0
    refused: int = 0
    unanswered: int = 0


class Adaptation:
    """Steers the controllers of a street.

    Parameters
    ----------
    links
        The controllers.
    bound
        Decides, inside the plans; it is started here.
    sensors
        What of the traffic it sees; of the links' sites, in their order.
    commanded
        Told of every command, before it is sent: it is not sent if that fails.
    happened
        Told of everything else: contact lost and found, controllers left alone, refusals.
    """

    def __init__(
        self,
        links: Sequence[Link],
        bound: PlanBound,
        sensors: Sensors,
        commanded: Tell,
        happened: Tell,
    ) -> None:
        self.links = tuple(links)
        self.tally = Tally()
        self._bound = bound
        self._sensors = sensors
        self._commanded = commanded
        self._happened = happened
        # The entry of the beginning tells who is left alone then.
        self._alone = {link.name: link.called for link in self.links}
        self._refused: dict[str, str] = {}
        bound.start([link.site for link in links])

    async def turn(self, now_s: float, traffic: Traffic) -> None:
        """Do what is to be done in one second.

        Parameters
        ----------
        now_s
            The street's clock.
        traffic
            What the sensors see now.

        Raises
        ------
        ThroughbandError
            A command could not be recorded; it was not sent.
        """
        await asyncio.gather(*(self._look(link, now_s) for link in self.links))
        mirrors = {link.name: link.mirror for link in self.links}
        views = self._sensors.observe(now_s, traffic, mirrors)
        clocks = {
            link.name: float(link.report.since_reference_s)
            for link in self.links
            if link.report is not None
        }
        self._bound.decide(now_s, views, clocks)
        orders = []
        for link in self.links:
            self._notice(link, now_s)
            wanted = self._bound.controls.get(link.name, PhaseControls())
            order = self._lawful(link, now_s, wanted, views[link.name])
            if order is not None:
                orders.append((link, order))
        await asyncio.gather(*(self._ask(link, order) for link, order in orders))
        self.tally.turns += 1

    async def release(self) -> tuple[str, ...]:
        """Take everything back; return what could not be taken back, one sentence each.

        Controllers that cannot be reached take it back themselves after their backup time. Where
        nothing stands nothing is sent: whoever else calls a pattern there must not be renewed.
        """

        async def let_go(link: Link) -> str:
            if not (link.asked.hold or link.asked.force_off):
                return ""
            try:
                await link.control.release()
            except ControllerError as error:
                return str(error)
            link.asked = Asked()
            return ""

        found = await asyncio.gather(*(let_go(link) for link in self.links))
        return tuple(text for text in found if text)

    async def _look(self, link: Link, now_s: float) -> None:
        stage, before = link.mirror.stage, link.report
        try:
            report = await link.eye.look()
        except ControllerError as error:
            _log.debug("%s", error)
            self.tally.unanswered += 1
            # It falls back by itself; what it was asked before is void.
            link.lose(now_s, self._bound.windows[link.name].planned(now_s))
            return
        link.see(now_s, report)
        if before is not None and link.known and link.mirror.stage != stage:
            self._note_change(link, stage)
        try:
            await link.read_pattern(now_s)
        except ControllerError as error:
            _log.debug("%s", error)
            self.tally.unanswered += 1

    def _note_change(self, link: Link, stage: int) -> None:
        """Remember for the safety check when the green of a stage ended and the next came."""
        assert link.report is not None
        windows = self._bound.windows[link.name]
        begun = set(link.site.stages[link.mirror.stage].phases) - set(
            link.site.stages[stage].phases
        )
        if stage in windows.order and not link.report.in_transition:
            late_s = -round(windows.left_s(float(link.report.since_reference_s), stage))
            # A second is as near as a look can tell.
            link.judge.began(begun, late_s if abs(late_s) > 1 else 0)

    def _lawful(self, link: Link, now_s: float, wanted: PhaseControls, view: View) -> Asked | None:
        """Return what to ask, if there is anything and the safety check lets it through."""
        order = link.due(now_s, wanted)
        judged = order
        if order is None and link.report is not None:
            # A hold comes to another plan with every second that it stands.
            judged = Asked(link.asked.hold, frozenset(), now_s)
        if judged is None or not (judged.hold or judged.force_off):
            if order is not None:
                self._record(link, order, wanted, link.left_alone or "it is over")
            return order
        moved = dict.fromkeys(judged.hold | judged.force_off, round(wanted.moved_s))
        refusal = link.judge.refusal(moved)
        if refusal:
            self._refuse(link, now_s, judged, refusal)
            if not link.asked.hold:
                return None
            order = Asked(at_s=now_s)
            self._record(link, order, wanted, refusal)
            return order
        self._refused.pop(link.name, None)
        if order is not None:
            fresh_hold = order.hold - link.asked.hold
            self._record(link, order, wanted, _reason(link, view, hold=bool(fresh_hold)))
        return order

    def _record(self, link: Link, order: Asked, wanted: PhaseControls, why: str) -> None:
        """Have a command recorded, if it is more than one that stands, said again."""
        fresh_hold = order.hold - link.asked.hold
        fresh_off = order.force_off - link.asked.force_off
        standing = link.asked.hold | link.asked.force_off
        taken_back = standing - order.hold - order.force_off
        if not (fresh_hold or fresh_off or taken_back):
            return
        self.tally.holds += bool(fresh_hold)
        self.tally.force_offs += bool(fresh_off)
        self._commanded(
            {
                "at_s": order.at_s,
                "signal": link.name,
                "hold": sorted(order.hold),
                "force_off": sorted(order.force_off),
                "taken_back": sorted(taken_back),
                "moved_s": round(wanted.moved_s),
                "why": why,
            }
        )

    def _refuse(self, link: Link, now_s: float, order: Asked, refusal: str) -> None:
        if self._refused.get(link.name) == refusal:
            return
        self.tally.refused += 1
        self._refused[link.name] = refusal
        self._happened(
            {
                "event": "adapt: refused",
                "at_s": now_s,
                "signal": link.name,
                "hold": sorted(order.hold),
                "force_off": sorted(order.force_off),
                "why": refusal,
            }
        )

    async def _ask(self, link: Link, order: Asked) -> None:
        # Until the answer, whether it arrived is unknown: a hold is taken to stand, so that it is
        # taken back.
        link.asked = Asked(order.hold | link.asked.hold, frozenset(), order.at_s)
        try:
            await link.control.ask(order.hold, order.force_off)
        except ControllerError as error:
            _log.debug("%s", error)
            self.tally.unanswered += 1
            return
        link.asked = order

    def _notice(self, link: Link, now_s: float) -> None:
        """Tell when a controller is left alone, and when it is steered again."""
        reason = link.left_alone
        if reason == self._alone.get(link.name, ""):
            return
        self._alone[link.name] = reason
        event = LEFT_ALONE if reason else STEERED_AGAIN
        self._happened(
            {
                "event": event,
                "at_s": now_s,
                "signal": link.name,
                "called": bool(link.called),
                "why": reason,
            }
        )


def _reason(link: Link, view: View, *, hold: bool) -> str:
    """Say what of the traffic speaks for a command."""
    service = link.site.service()
    here = service[view.stage] > 0
    count, queue = np.nan_to_num(view.count_veh), np.nan_to_num(view.queue_veh)
    served, standing = float(count[here].sum()), float(queue[~here].sum())
    what = "go on being served" if hold else "are left for it"
    return f"{served:.0f} vehicles in sight {what}, {standing:.0f} stand at red"
