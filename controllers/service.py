"""Keep the calls alive and watch the devices, for as long as it takes.

A device is looked at before its call is repeated, so what somebody else did there is noticed and
never overwritten. Time is asked, never assumed: a turn does what is due and says when the next
thing is. Memory does not grow: per device there are a few numbers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from controllers.acquaintance import Profiles
from controllers.calls import Call
from controllers.driver import LOCAL_CONTROL, Connect, Device, Driver, Status
from controllers.keeping import FIRST_ROWS_S, Book, Finding, Keeping, Periods, Tally
from controllers.notebook import Notebook
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.receipt import Clock, Journal
from controllers.telling import Teller
from controllers.together import MOST_AT_ONCE, at_device, together
from controllers.troubles import TABLE, Action, Response, Trouble
from controllers.visit import Visitor
from network.errors import ThroughbandError

GRACE_S: Final = 0.5
"""How long a turn waits for the slowest device; those slower still are met in a later turn, so
that one that does not answer never keeps the others waiting."""

MOST_RECALLS: Final = 3
"""How often a pattern is called again without getting into step, before the device is let go."""


class Service:
    """The calls of one corridor, kept alive.

    Parameters
    ----------
    devices
        The device list.
    book
        The calls.
    clock, now
        The present for the record; seconds that never go back.
    journal, alert
        Keeps an event; tells a person. Both may fail, which is told and survived.
    periods, table
        How often, and what to do about troubles.
    called_for
        Tells whether now is within the operating times; outside them nothing is called.
    profiles
        What the devices said of themselves when they were met; None neither asks nor keeps.
    connect, most_at_once
        How to reach devices, and how many at a time.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        book: Book,
        *,
        clock: Clock,
        now: Callable[[], float],
        journal: Journal,
        alert: Callable[[str], None],
        periods: Periods | None = None,
        table: Mapping[Trouble, Response] = TABLE,
        called_for: Callable[[datetime], bool] = lambda _: True,
        profiles: Profiles | None = None,
        connect: Connect = connect_ntcip,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._devices = {device.signal_id: device for device in devices}
        self._book = book
        self._clock = clock
        self._now = now
        self._periods = periods or Periods()
        self._table = table
        self._called_for = called_for
        self._connect = connect
        self._most_at_once = most_at_once
        self.tally = Tally()
        self._teller = Teller(journal, alert, clock, self.tally)
        self._notebook = Notebook(self._periods, table, self._teller, now)
        self._visitor = Visitor(
            self._devices,
            connect,
            most_at_once,
            clock,
            now,
            self._periods,
            table,
            profiles,
            self.tally,
        )
        self._under_way: dict[str, tuple[Keeping, asyncio.Task[Finding]]] = {}
        self._kept: dict[str, Keeping] = {}
        self._resting = False
        self._mute: set[str] = set()

    @property
    def statuses(self) -> Mapping[str, Status | None]:
        """By signal under our call, what the last look saw."""
        return {signal: keeping.status for signal, keeping in self._kept.items()}

    @property
    def answers(self) -> Mapping[str, datetime]:
        """By signal under our call, when it last answered; without those that never did."""
        kept = self._kept.items()
        return {s: k.answered_utc for s, k in kept if k.answered_utc is not None}

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """By signal under our call, what is wrong there."""
        return {s: k.trouble for s, k in self._kept.items() if k.trouble is not None}

    @property
    def resting(self) -> bool:
        """Whether it is outside the operating times."""
        return self._resting

    def told_news(self) -> bool:
        """Tell whether a look found something new since this was asked last."""
        news, self._notebook.changed = self._notebook.changed, False
        return news

    async def turn(self) -> float:
        """Do everything that is due.

        Returns
        -------
        float
            Seconds until something is due again; infinite while nothing is called.
        """
        self.tally.turns += 1
        self._adopt(self._book.calls())
        await self._keep_hours()
        if self._resting:
            return math.inf
        now_s = self._now()
        for signal, keeping in self._kept.items():
            if keeping.next_look_s <= now_s and signal not in self._under_way:
                task = asyncio.create_task(self._visitor.look(keeping))
                self._under_way[signal] = (keeping, task)
        for keeping in await self._looked():
            if keeping.trouble is not None:
                await self._respond(keeping)
        if self._under_way:
            return 0.0
        if not self._kept:
            return math.inf
        return max(0.0, min(k.next_look_s for k in self._kept.values()) - self._now())

    async def _looked(self) -> list[Keeping]:
        """Take in what the looks under way have found so far."""
        tasks = [task for _, task in self._under_way.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        done = []
        for signal, (keeping, task) in list(self._under_way.items()):
            if not task.done():
                continue
            del self._under_way[signal]
            finding = task.result()
            if self._kept.get(signal) is keeping:
                self._notebook.note(keeping, finding)
                if finding.status is not None:
                    keeping.answered_utc = self._clock()
                done.append(keeping)
        return done

    async def close(self) -> None:
        """End the looks under way; the calls stay as they are."""
        tasks = [task for _, task in self._under_way.values()]
        self._under_way.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def release(self, why: str) -> list[str]:
        """Hand every device under our call back to its own schedule, and record it.

        Returns
        -------
        list of str
            A sentence for each device that could not be reached; it falls back by itself.
        """
        return await self._let_go(list(self._kept.values()), why)

    def adopt(self) -> None:
        """Take over what the book says is called, before the first turn."""
        self._adopt(self._book.calls())

    # The calls

    def _adopt(self, calls: Mapping[str, Call]) -> None:
        for signal in [s for s, k in self._kept.items() if calls.get(s) != k.call]:
            del self._kept[signal]
            self._notebook.changed = True
        now_s = self._now()
        for signal, call in calls.items():
            device = self._devices.get(signal)
            if device is None or device.address != call.address:
                if signal not in self._mute:
                    self._mute.add(signal)
                    self._tell(f"{call.where} is called and not in the device list; left to itself")
                continue
            if signal not in self._kept:
                self._kept[signal] = Keeping(
                    call, now_s, now_s, now_s, now_s + FIRST_ROWS_S, now_s, now_s
                )

    async def _keep_hours(self) -> None:
        wanted = self._called_for(self._clock())
        if wanted and self._resting:
            self._resting = False
            now_s = self._now()
            for keeping in self._kept.values():
                # Nothing is called now because we ended it: that is a restart of ours.
                keeping.trouble, keeping.looks, keeping.told = Trouble.SILENT, 0, None
                keeping.next_look_s = keeping.next_refresh_s = keeping.next_identify_s = now_s
                keeping.next_rows_s = now_s + FIRST_ROWS_S
                keeping.began_s, keeping.arrived, keeping.handed_back = now_s, False, False
            self._record("operating time begins", signals=sorted(self._kept))
        elif not wanted:
            self._resting = True
            left = [k for k in self._kept.values() if not k.handed_back]
            if left:
                await self._let_go(left, "outside the operating times", forget=False)
                for keeping in left:
                    keeping.handed_back = True

    # Looking

    # Acting

    async def _respond(self, keeping: Keeping) -> None:
        trouble = keeping.trouble
        call = keeping.call
        if trouble is None or self._kept.get(call.signal_id) is not keeping:
            return
        response = self._table[trouble]
        if keeping.looks < response.looks:
            return
        why = f"{trouble} at signal {call.signal_id!r}"
        if response.action is Action.RECALL and keeping.recalls < MOST_RECALLS:
            await self._recall(keeping)
        elif response.action is Action.RECALL:
            await self._let_go([keeping], f"{why}, {MOST_RECALLS} times called in vain")
        elif response.action is Action.LEAVE:
            self._forget([keeping], why, "left")
        elif response.action is Action.LET_GO:
            await self._let_go([keeping], why)
        elif response.action is Action.TAKE_BACK:
            corridor = [k for k in self._kept.values() if k.call.plan_digest == call.plan_digest]
            await self._let_go(corridor, why)

    async def _recall(self, keeping: Keeping) -> None:
        call = keeping.call
        # What cannot be recorded is not begun.
        if not self._record("recall", signal=call.signal_id, pattern=call.pattern):
            return

        (outcome,) = await together([partial(self._visitor.recalled, call)])
        if isinstance(outcome, ThroughbandError):
            self._notebook.note(keeping, Finding(Trouble.SILENT, str(outcome)))
            return
        if outcome.trouble is not None:
            # Counted, so that an answer of "recall" to this trouble as well comes to an end.
            keeping.recalls += 1
            self._notebook.note(keeping, outcome)
            await self._respond(keeping)
            return
        now_s = keeping.refreshed_s = self._now()
        keeping.next_refresh_s = now_s + self._periods.refresh_of(call.backup_time_s)
        keeping.next_rows_s = now_s + FIRST_ROWS_S
        keeping.next_look_s = keeping.next_rows_s
        keeping.began_s, keeping.arrived = now_s, False
        keeping.trouble, keeping.looks = None, 0
        keeping.recalls += 1

    async def _let_go(
        self, keepings: Sequence[Keeping], why: str, forget: bool = True
    ) -> list[str]:
        async def hand_back(call: Call, driver: Driver) -> None:
            if (await driver.status()).called_pattern == call.pattern:
                await driver.activate(LOCAL_CONTROL)

        steps = [
            partial(
                at_device,
                self._devices[k.call.signal_id],
                self._connect,
                partial(hand_back, k.call),
            )
            for k in keepings
        ]
        outcomes = await together(steps, self._most_at_once)
        problems = [
            f"{outcome}; it falls back by itself when its backup time ends"
            for outcome in outcomes
            if isinstance(outcome, ThroughbandError)
        ]
        # Safe in any case, so it is done first and recorded after.
        if forget:
            self._forget(keepings, why, "released", problems)
        else:
            self._record("resting", why=why, errors=problems)
        for problem in problems:
            self._tell(problem)
        return problems

    def _forget(
        self, keepings: Sequence[Keeping], why: str, how: str, problems: Sequence[str] = ()
    ) -> None:
        signals = sorted(keeping.call.signal_id for keeping in keepings)
        for signal in signals:
            self._kept.pop(signal, None)
        self._notebook.changed = True
        try:
            self._book.drop(signals)
        except ThroughbandError as error:
            self._tell(str(error))
        self._record("released", signals=signals, how=how, why=why, errors=list(problems))

    def _record(self, what: str, **details: object) -> bool:
        return self._teller.record(what, **details)

    def _tell(self, text: str) -> None:
        self._teller.tell(text)
