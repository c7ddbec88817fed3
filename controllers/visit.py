"""One look at a device under our call: how it does, whether it and its rows are still the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from controllers.acquaintance import Profiles, changes, told
from controllers.calls import Call
from controllers.device_profile import Concern
from controllers.driver import Connect, Device, Driver
from controllers.keeping import Finding, Keeping, Periods, Tally
from controllers.receipt import Clock
from controllers.rows import differences, fingerprint, row_keeper
from controllers.together import at_device
from controllers.troubles import Action, Response, Trouble, clock_off, judge
from network.errors import ThroughbandError

MOST_SILENT: Final = 16
"""Devices that did not answer last time, asked at a time: they hold their place until the end."""


class Visitor:
    """Looks at devices, and repeats the call where all is well.

    Parameters
    ----------
    devices
        By signal, where they are.
    connect, most_at_once
        How to reach them, and how many at a time.
    clock, now
        The present; seconds that never go back.
    periods, table
        How often, and what to do about troubles.
    profiles
        What devices said of themselves; None keeps nothing.
    tally
        Where to count.
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        connect: Connect,
        most_at_once: int,
        clock: Clock,
        now: Callable[[], float],
        periods: Periods,
        table: Mapping[Trouble, Response],
        profiles: Profiles | None,
        tally: Tally,
    ) -> None:
        self._devices = devices
        self._connect = connect
        self._clock = clock
        self._now = now
        self._periods = periods
        self._table = table
        self._profiles = profiles
        self._tally = tally
        self._places = asyncio.Semaphore(most_at_once)
        self._silent_places = asyncio.Semaphore(MOST_SILENT)

    async def look(self, keeping: Keeping) -> Finding:
        """Look at a device; a failure to is a finding as well."""
        device = self._devices[keeping.call.signal_id]
        silent = keeping.trouble is Trouble.SILENT
        async with self._silent_places if silent else self._places:
            self._tally.looks += 1
            step = partial(self._seen, keeping)
            try:
                return await at_device(device, self._connect, step, 1 if silent else 2)
            except ThroughbandError as error:
                return Finding(Trouble.SILENT, str(error))

    async def recalled(self, call: Call) -> Finding:
        """Call a pattern again if device and rows are still those that were approved.

        Raises
        ------
        ControllerError
            It could not be called.
        """

        async def again(driver: Driver) -> Finding:
            found = await self._compared(call, driver)
            if found.trouble is None:
                # No other bridge may store rows between the comparison and the call.
                keeper = row_keeper(driver)
                called = (await driver.status()).called_pattern
                await keeper.hold(call.rows, (called,))
                try:
                    await driver.activate(call.pattern)
                finally:
                    await keeper.discard()
            return found

        return await at_device(self._devices[call.signal_id], self._connect, again)

    async def _seen(self, keeping: Keeping, driver: Driver) -> Finding:
        call, now_s = keeping.call, self._now()
        asked_utc = self._clock()
        status = await driver.status()
        answered_utc = self._clock()
        was_silent = keeping.trouble is Trouble.SILENT
        was_late = now_s - keeping.refreshed_s >= call.backup_time_s
        trouble, detail = judge(call, status, was_silent=was_silent, was_late=was_late)
        found = Finding(trouble, detail)
        if self._is_calm(trouble):
            compared = Finding(None)
            if was_silent or keeping.next_identify_s <= now_s:
                compared = await self._compared(call, driver)
            elif keeping.next_rows_s <= now_s or keeping.trouble is Trouble.TRANSACTION_OPEN:
                compared = await self._rows_compared(call, driver)
            if trouble is None or not self._is_calm(compared.trouble):
                found = compared
            else:
                found = replace(compared, trouble=trouble, detail=detail)
        if found.trouble is None:
            allowed_s = self._devices[call.signal_id].max_clock_error_s
            off = clock_off(status, allowed_s, asked_utc, answered_utc)
            if off:
                found = replace(found, trouble=Trouble.CLOCK_OFF, detail=off)
        found = replace(found, status=status)
        # Rather a little early than after the next look.
        watch_s = self._periods.watch_of(call.backup_time_s)
        if not self._is_calm(found.trouble) or keeping.next_refresh_s >= now_s + watch_s:
            return found
        await driver.activate(call.pattern)
        self._tally.refreshes += 1
        return replace(found, refreshed=True)

    def _is_calm(self, trouble: Trouble | None) -> bool:
        """Whether the call is kept alive."""
        return trouble is None or self._table[trouble].action is Action.NOTE

    async def _compared(self, call: Call, driver: Driver) -> Finding:
        """Compare the device and its rows with what was met and what was approved."""
        identity = await driver.identify()
        device, profile = self._devices[call.signal_id], identity.profile
        found = changes(self._profiles, device, profile)
        for concern, trouble in (
            (Concern.DEVICE, Trouble.EXCHANGED),
            (Concern.LIMITS, Trouble.LIMITS_CHANGED),
        ):
            text = told(found, concern)
            if text:
                return Finding(trouble, text)
        if call.fingerprint and fingerprint(identity) != call.fingerprint:
            return Finding(Trouble.EXCHANGED, f"{identity.standards}, other limits than approved")
        setup = told(found, Concern.SETUP)
        known = self._profiles.known(device) if self._profiles is not None else None
        if self._profiles is not None and profile is not None and (setup or known is None):
            numbers = profile.verify_numbers or (known.verify_numbers if known else "")
            self._profiles.keep(device, replace(profile, verify_numbers=numbers))
        finding = await self._rows_compared(call, driver)
        return replace(finding, identified=True, setup=setup)

    async def _rows_compared(self, call: Call, driver: Driver) -> Finding:
        """Compare the rows with what was approved, and see whether a transaction is open."""
        wrong = await differences(driver, call.rows)
        if wrong:
            return Finding(Trouble.EDITED, "; ".join(wrong), rows_read=True)
        if await row_keeper(driver).is_open():
            detail = "dbCreateTransaction is not normal"
            return Finding(Trouble.TRANSACTION_OPEN, detail, rows_read=True)
        return Finding(None, rows_read=True)
