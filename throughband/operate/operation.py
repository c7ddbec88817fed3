"""Daily operation, look by look: read, judge, forecast, decide, act or ask, watch, tell.

Nothing in a look may keep the next one from coming: what fails is told as a warning, and the
street is left with what runs there, which the bridge keeps alive or hands back by its own rules.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from controllers.driver import Connect
from network.errors import ThroughbandError
from throughband.controller_commands import phasings_of
from throughband.operate.changing import Changes, Planning
from throughband.operate.config import OperateConfig
from throughband.operate.ladder import Ladder
from throughband.operate.ledger import Ledger, Mirror
from throughband.operate.levels import Level
from throughband.operate.memory import read_memory
from throughband.operate.model import ahead, cost_of
from throughband.operate.notices import NoticeDesk
from throughband.operate.office import MEMORY, PLANS, Office, left_alone
from throughband.operate.outbox import Outbox, Waiting
from throughband.operate.planner import make_plan
from throughband.operate.pulse import write_pulse
from throughband.operate.pushing import Approver
from throughband.operate.regime import judge, settled
from throughband.operate.street_hand import StreetHand
from throughband.operate.trials import Trials
from throughband.operate.warning_book import (
    URGENT,
    Kind,
    News,
    Sighting,
    WarningBook,
)
from throughband.operate.watching import Look, View, Watching, in_thread
from throughband.setting import Setting

_log = logging.getLogger(__name__)

OUTBOX: Final = "outbox"
OUTBOX_LOOK_S: Final = 5.0
FACTS: Final = (Kind.BRIDGE, Kind.COORDINATION, Kind.JOURNAL)
"""Warned of at once: whoever is concerned says so itself."""


class Operation:
    """Daily operation of one network.

    Parameters
    ----------
    config, setting
        What is operated.
    clock, sleep
        The present, and how to let time pass.
    connect
        How to reach devices, where not as usual.
    planning
        Who makes plans.
    mirror, approver
        The console's database; None for none.
    midnight_utc_s
        Second zero of a drill's street, in s since 1970; None takes the zone's midnights.
    look
        How to turn the forecast, which may take long; in a thread of its own by default.

    Raises
    ------
    ThroughbandError
        If folders cannot be made, or what is remembered is damaged.
    """

    def __init__(
        self,
        config: OperateConfig,
        setting: Setting,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        *,
        connect: Connect | None = None,
        planning: Planning = make_plan,
        mirror: Mirror | None = None,
        approver: Approver | None = None,
        midnight_utc_s: float | None = None,
        look: Look = in_thread,
    ) -> None:
        for folder in (config.folder, config.folder / PLANS):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ThroughbandError(f"{folder}: cannot be made ({error.strerror})") from error
        memory = read_memory(config.folder / MEMORY, clock())
        hand = StreetHand(config.bridge, phasings_of(setting), clock, sleep, connect)
        ledger = Ledger(config.bridge.journal, clock, memory.read, memory.mirrored, mirror)
        self.office = Office(config, setting, clock, sleep, memory, ledger, hand)
        self.changes = Changes(self.office, planning, approver)
        self.watching = Watching(self.office, midnight_utc_s, look)
        self.book = WarningBook(config.book, memory.warned)
        self.desk = NoticeDesk(config.notices, memory.held, memory.sent_utc)
        self.outbox = Outbox(config.folder / OUTBOX, config.channels, clock, self._noted)
        self.looks = 0
        self._since: dict[str, datetime] = {}
        self._troubles: dict[str, str] = {}
        self._recovered = False
        self.ladder = Ladder(self.office, self.changes)
        self.trials = Trials(self.office, self.changes, self.watching, self.book)
        self.changes.expect = self.trials.expect

    async def run(self, ended: asyncio.Event) -> None:
        """Look until an event is set."""
        post = asyncio.create_task(self.outbox.run(self.office.sleep, OUTBOX_LOOK_S))
        begun = False
        try:
            while not ended.is_set():
                if not begun:
                    begun = self.office.ledger.try_write("begins", mode=self._mode())
                await self.turn()
                nap = asyncio.ensure_future(self.office.sleep(self.office.config.interval_s))
                end = asyncio.create_task(ended.wait())
                await asyncio.wait({nap, end}, return_when=asyncio.FIRST_COMPLETED)
                for task in (nap, end):
                    task.cancel()
                await asyncio.gather(nap, end, return_exceptions=True)
        finally:
            post.cancel()
            await asyncio.gather(post, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """End in order: nothing on the street changes by it."""
        await self.changes.close()
        self.office.ledger.try_write("ends")
        for step in (self.watching.close, self._keep):
            try:
                step()
            except ThroughbandError as error:
                _log.error("%s", error)

    async def turn(self) -> View:
        """Look once, and do what follows."""
        began_s = time.monotonic()
        self._troubles = {}
        office = self.office
        if not self._recovered:
            await self._guard("recovery", self._recover())
        view = await self.watching.look(office.memory.ours)
        self.trials.saw(view)
        await self._guard("answers", self._answers())
        await self._guard("level", self.ladder.turn(view))
        free = office.memory.standing.level is Level.FORECAST
        await self._guard("change", self.changes.turn(free))
        await self._guard("evaluation", self.trials.evaluate(view))
        if free and view.sight is not None and view.sight.taken:
            await self._guard("planning", self._judge(view))
        office.ledger.mirror()
        self._warn(view)
        self._send()
        self.looks += 1
        for step in (self._keep, lambda: self._pulse(view, time.monotonic() - began_s)):
            try:
                step()
            except ThroughbandError as error:
                _log.error("%s", error)
        return view

    async def _guard(self, stage: str, work: Awaitable[None]) -> None:
        try:
            await work
        except ThroughbandError as error:
            self._troubles[stage] = str(error)
            _log.warning("%s: %s", stage, error)

    def _mode(self) -> str:
        return "act" if self.office.config.acts else "ask"

    # Taking up, answers

    async def _recover(self) -> None:
        await self.changes.recover()
        self._recovered = True

    async def _answers(self) -> None:
        await self.changes.answered(self.office.ledger.news())

    # Regime

    async def _judge(self, view: View) -> None:
        office = self.office
        plans, foreign = office.called()
        if foreign:
            raise ThroughbandError(f"{left_alone(foreign)}, and nothing is planned meanwhile")
        assert view.sight is not None
        assert view.sight.prediction is not None
        now = office.clock()
        coming = ahead(
            view.sight.prediction,
            office.setting.network,
            self.watching.midnight_utc_s(now),
            view.lately,
        )
        cost_s = cost_of(office.setting, plans, coming, office.config.planning.longest_cycle_s)
        # Nobody knows what is on the street was made for: that is traffic not planned for.
        regime = office.memory.regime or settled({}, None, None)
        lost = sorted(set(office.memory.ours) - set(plans))
        broken = f"the plan no longer runs at {', '.join(lost)}" if lost else ""
        found = judge(regime, office.config.regime, coming.mean_vph, cost_s, now, broken)
        office.memory.regime = found.regime
        if office.memory.waiting is not None:
            if not found.regime.outside:
                self.changes.drop("the traffic is again what the plan on the street was made for")
            return
        if not found.seek or self.changes.seeking or office.memory.trial is not None:
            if found.seek:
                # Not begun: the next look may.
                office.memory.regime = regime
            return
        blocked = office.config.limits.not_now(office.memory.changes, now)
        if office.config.acts and blocked:
            office.memory.regime = regime
            return
        self.changes.seek(coming, found.why)

    # Telling

    def _warn(self, view: View) -> None:
        office, now = self.office, self.office.clock()
        sightings = list(view.sightings)
        for stage, text in sorted(self._troubles.items()):
            sightings.append(self._fact(Kind.PLANNING, stage, text))
        if self.changes.trouble:
            sightings.append(self._fact(Kind.PLANNING, "planner", self.changes.trouble))
        if office.ledger.mirror_trouble:
            text = f"the database does not take what is decided: {office.ledger.mirror_trouble}"
            sightings.append(self._fact(Kind.DATABASE, "database", text))
        if office.ledger.trouble:
            sightings.append(self._fact(Kind.JOURNAL, "journal", office.ledger.trouble))
        known = {f"{each.kind}/{each.where}" for each in sightings}
        self._since = {name: at for name, at in self._since.items() if name in known}
        for news in self.book.look(sightings, now, view.blind, FACTS):
            self._news(news)

    def _fact(self, kind: Kind, where: str, text: str) -> Sighting:
        since = self._since.setdefault(f"{kind}/{where}", self.office.clock())
        return Sighting(kind, where, since, 1.0, text)

    def _news(self, news: News) -> None:
        office, told = self.office, news.warned.sighting
        facts: dict[str, Any] = {
            "kind": str(told.kind),
            "where": told.where,
            "since_utc": told.since_utc.isoformat(),
            "sure": round(told.sure, 3),
            "text": told.text,
        }
        office.ledger.try_write(f"warning {news.what}", **facts)
        if news.what == "back":
            return
        over = news.what == "cleared"
        title = f"over: {told.text}" if over else told.text
        text = f"{title}\nSince {told.since_utc:%Y-%m-%d %H:%M} UTC, {told.sure:.0%} sure"
        urgent = told.kind in URGENT and not over
        office.tell("warning", title, text, urgent=urgent, facts={**facts, "state": news.what})

    def _noted(self, waiting: Waiting, delivered: bool) -> None:
        """Record what became of a notice; the database follows."""
        self.office.ledger.try_write(
            "notice sent" if delivered else "notice not taken",
            channel=waiting.channel,
            notice_number=waiting.number,
            text=waiting.notice.title,
            made_utc=waiting.notice.at_utc.isoformat(),
            trouble="" if delivered else waiting.trouble,
        )

    def _send(self) -> None:
        office = self.office
        new, office.notices = office.notices, []
        for notice in self.desk.turn(new, office.clock()):
            try:
                self.outbox.put(notice)
            except ThroughbandError as error:
                # Kept in memory, and tried again in the next look.
                _log.error("%s", error)
                office.notices.append(notice)

    def _keep(self) -> None:
        memory = self.office.memory
        memory.warned = self.book.kept
        memory.held, memory.sent_utc = self.desk.held, self.desk.sent_utc
        self.office.save()

    def _pulse(self, view: View, look_s: float) -> None:
        office, now = self.office, self.office.clock()
        zone = office.config.limits.hours.zone
        today = now.astimezone(zone).date()
        standing = office.memory.standing
        waiting = office.memory.waiting
        content = {
            "utc": now.isoformat(),
            "interval_s": office.config.interval_s,
            "mode": self._mode(),
            "level": standing.level.words,
            "why": standing.why,
            "counts": "current" if view.current else view.why_not,
            "planning": self.changes.seeking,
            "waiting": None if waiting is None else waiting.plan_digest,
            "on_trial": None
            if office.memory.trial is None
            else office.memory.trial.promise.plan_digest,
            "warnings": [each.to_dict() for each in self.book.open],
            "troubles": dict(self._troubles),
        }
        numbers: Mapping[str, float] = {
            "level": int(standing.level),
            "looks_total": self.looks,
            "changes_today": sum(
                at.astimezone(zone).date() == today for at in office.memory.changes
            ),
            "warnings_open": len(self.book.open),
            "notices_waiting": len(self.outbox.waiting) + len(self.desk.held),
            "notices_delivered_total": self.outbox.delivered,
            "notice_failures_total": self.outbox.failed_tries,
            "journal_entries_total": office.ledger.written,
            "counts_current": int(view.current),
            "database_behind": int(bool(office.ledger.mirror_trouble)),
            "look_seconds": look_s,
        }
        write_pulse(office.config.folder, content, numbers)
