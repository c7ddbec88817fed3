"""The stages of a push: write all, hold all, call all, look at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from controllers.driver import Connect, Driver, ObjectValue
from controllers.push_terms import PushTerms
from controllers.push_work import Progress, Stored, Work
from controllers.receipt import Clock, Journal, event
from controllers.rows import described, lasting, row_keeper
from controllers.together import all_or_first_error, at_device, together
from network.errors import ControllerError, ReadBackMismatchError, RejectedValueError

_STEP_S: Final = 1.0
"""How long to wait at most, before a named time, until the kill switch is looked at again."""

HOLD_S: Final = 3.0
HOLD_EACH_S: Final = 0.02
"""How long before a named time the rows begin to be held, and longer for every device."""

_CALLED: Final = ObjectValue("systemPatternControl", (), 0)
_STATE: Final = ObjectValue("dbCreateTransaction", (), 1)
_SET_ID: Final = ObjectValue("globalSetIDParameter", (), 0)


class Stages:
    """One push under way.

    Parameters
    ----------
    works
        What to do.
    head
        Fields that every event of this push bears.
    terms, clock, journal, connect
        As for `controllers.push.push`.
    """

    def __init__(
        self,
        works: Sequence[Work],
        head: Mapping[str, object],
        terms: PushTerms,
        clock: Clock,
        journal: Journal,
        connect: Connect,
    ) -> None:
        self.progress = Progress()
        self._works = works
        self._head = head
        self._terms = terms
        self._clock = clock
        self._journal = journal
        self._connect = connect
        self._begun: set[tuple[str, str]] = set()
        self._held: set[str] = set()

    async def carry_out(self) -> None:
        """Write all, wait for the named time, call all, and look at all."""
        await self._all_do(self._store)
        self._journal(event("stored", self._clock(), **self._head))
        await self._await_time(HOLD_S + HOLD_EACH_S * len(self._works))
        try:
            await self._all_do(self._hold)
            if self._terms.at_utc is not None:
                await self._await_time()
                # A hold keeps rows, not calls: a person may have called something meanwhile.
                await self._all_do(self._unchanged)
            self._heed()
            self.progress.called = True
            await self._all_do(self._call)
        finally:
            await self._let_go()
        await self._all_do(self._look)
        self._heed()
        times = self.progress.activated.values()
        spread_s = (max(times) - min(times)).total_seconds()
        if spread_s > self._terms.most_spread_s:
            raise ControllerError(
                f"the calls took {spread_s:.1f} s from the first device to the last, "
                f"{self._terms.most_spread_s:g} s are allowed"
            )
        if self._terms.permanent:
            await self._make_permanent()
            self._heed()
        patterns = {work.device.signal_id: work.change.pattern for work in self._works}
        self._journal(
            event("activated", self._clock(), **self._head, patterns=patterns, spread_s=spread_s)
        )

    # At one device

    async def _store(self, work: Work, driver: Driver) -> None:
        if not await self._cleared("store", work, driver):
            signal, address = work.device.signal_id, work.device.address
            if self._terms.on_record.get(signal) == address:
                await self._reclaim(work, driver)
        stored = await driver.commit(work.change)
        self.progress.stored[work.device.signal_id] = Stored(stored, self._clock())
        profiles, profile = self._terms.profiles, work.identity.profile
        if profiles is not None and profile is not None:
            numbers = row_keeper(driver).verify_numbers or profile.verify_numbers
            profiles.keep(work.device, replace(profile, verify_numbers=numbers))

    async def _hold(self, work: Work, driver: Driver) -> None:
        await self._cleared("hold", work, driver)
        await row_keeper(driver).hold(work.change.new, (work.identity.called_pattern,))
        self._held.add(work.device.signal_id)

    async def _unchanged(self, work: Work, driver: Driver) -> None:
        (called,) = await row_keeper(driver).read([_CALLED])
        if called.value != work.identity.called_pattern:
            raise ControllerError(
                f"{work.where}: pattern {called.value!r} is called now, "
                f"{work.identity.called_pattern} was called when the push began; somebody else is "
                "at work there"
            )

    async def _call(self, work: Work, driver: Driver) -> None:
        await driver.activate(work.change.pattern)
        self.progress.activated.setdefault(work.device.signal_id, self._clock())

    async def _look(self, work: Work, driver: Driver) -> None:
        """Refuse if the device calls another pattern, or the rows are no longer those written."""
        wanted = (_CALLED, _STATE, _SET_ID, *work.change.new)
        called, state, set_id, *stored = await row_keeper(driver).read(wanted)
        if called.value != work.change.pattern:
            raise ReadBackMismatchError(
                f"{work.where}: pattern {work.change.pattern} was called, the device says "
                f"{called.value!r}"
            )
        wrong = [
            f"{found!s}, not {value!s}"
            for found, value in zip(stored, work.change.new, strict=True)
            if found != value
        ]
        if wrong:
            raise ReadBackMismatchError(f"{work.where}: stores {'; '.join(wrong)}")
        if state != _STATE:
            await self._reclaim(work, driver)
        profiles = self._terms.profiles
        known = profiles.known(work.device) if profiles is not None else None
        if profiles is not None and known is not None and isinstance(set_id.value, int):
            profiles.keep(work.device, replace(known, set_id=set_id.value))

    async def _look_up(self, work: Work, driver: Driver) -> None:
        change = await lasting(driver).prepare_permanent(work.change.pattern, work.identity)
        self.progress.permanent[work.device.signal_id] = change

    async def _last(self, work: Work, driver: Driver) -> None:
        await self._cleared("last", work, driver)
        await driver.commit(self.progress.permanent[work.device.signal_id])

    async def _cleared(self, stage: str, work: Work, driver: Driver) -> bool:
        """At a second try after silence, close the transaction that the first may have opened."""
        key = (stage, work.device.signal_id)
        again = key in self._begun
        if again:
            await row_keeper(driver).discard()
        self._begun.add(key)
        return again

    async def _reclaim(self, work: Work, driver: Driver) -> None:
        """Close a quiet transaction that we have left open, and record how that went."""
        signal = work.device.signal_id
        try:
            if not await row_keeper(driver).reclaim():
                return
            what, why = "reclaimed", "a transaction of ours was left open and is closed now"
        except RejectedValueError as error:
            what, why = "transaction open", str(error)
            self.progress.warnings[signal] = f"a transaction stays open: {error}"
        self._journal(event(what, self._clock(), **self._head, signal=signal, why=why))

    # At all devices

    async def _all_do(self, step: Callable[[Work, Driver], Awaitable[None]]) -> None:
        steps = [
            partial(at_device, work.device, self._connect, partial(step, work))
            for work in self._works
        ]
        all_or_first_error(await together(steps, self._terms.most_at_once))

    async def _let_go(self) -> None:
        """End every hold; what cannot be reached is seen by the look, or taken back."""

        async def discard(driver: Driver) -> None:
            await row_keeper(driver).discard()

        held = [work for work in self._works if work.device.signal_id in self._held]
        steps = [partial(at_device, work.device, self._connect, discard) for work in held]
        await together(steps, self._terms.most_at_once)

    async def _make_permanent(self) -> None:
        await self._all_do(self._look_up)
        entries = [described(change) for change in self.progress.permanent.values()]
        self._journal(event("permanent", self._clock(), **self._head, devices=entries))
        await self._all_do(self._last)

    async def _await_time(self, lead_s: float = 0.0) -> None:
        """Wait until so long before the named time; raise if the push is stopped or late."""
        self._heed()
        at_utc = self._terms.at_utc
        if at_utc is None:
            return
        begin_utc = at_utc - timedelta(seconds=lead_s)
        while (left_s := (begin_utc - self._clock()).total_seconds()) > 0:
            await self._terms.pause(min(left_s, _STEP_S))
            self._heed()
        if -left_s > lead_s + self._terms.most_spread_s:
            raise ControllerError(
                f"the controllers were ready {-left_s - lead_s:.0f} s after the named time "
                f"{at_utc.isoformat()}; name a later one"
            )

    def _heed(self) -> None:
        reason = self._terms.stop()
        if reason:
            raise ControllerError(f"the push was stopped: {reason}")
