"""NTCIP 1202 over SNMP as a `Driver`: who the device is, spare rows, transaction, read-back.

Rings are the device's own: they are read from its phases, and where there are several, so is what
may be green together. Where a device departs from the standard, its vendor profile says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Change, Device, Identity, ObjectValue, Status
from controllers.ntcip.clock import Clock, Sleep, clock_error_s
from controllers.ntcip.codec import (
    SYNC_POINTS,
    UNIT_POINTS,
    Rows,
    encode_plan,
    encode_sequence,
    wire_values,
)
from controllers.ntcip.conditions import require_idle, require_ours, require_ready
from controllers.ntcip.objects import OBJECTS, Edition
from controllers.ntcip.permanence import permanent_change
from controllers.ntcip.profiles import PROBE, vendor_profile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import RESEND_S, TIMEOUT_S, Session
from controllers.ntcip.session import connect as open_session
from controllers.ntcip.spare_rows import spare_pattern, spare_sequence, spare_split
from controllers.ntcip.status import read_status
from controllers.ntcip.survey import survey
from controllers.ntcip.upload import Upload, upload, upload_pattern
from controllers.ntcip.writing import NORMAL, Writer
from network.errors import ControllerError, ReadBackMismatchError, RejectedValueError
from network.timing import OffsetReference, TimingPlan

CALLED: Final = ObjectValue("systemPatternControl", (), 0)

QUIET_ANSWERS: Final = 2.5
"""How long a transaction must be quiet until it is reclaimed, in units of the time allowed for an
answer: 5 s by default, when a download in progress has moved on."""


class NtcipDriver:
    """A `Driver` for one NTCIP 1202 device; made by `connect`.

    Parameters
    ----------
    device
        The device.
    session
        An open session with it.
    timeout_s
        How long an answer may take; the measure of patience with a busy database.
    clock
        The present; without it the device's clock is not looked at.
    sleep
        Lets time pass between looks.
    known
        What was stored of the device at an earlier connection; saves finding out again how it
        numbers the outcome of a check.
    """

    def __init__(
        self,
        device: Device,
        session: Session,
        timeout_s: float = TIMEOUT_S,
        *,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        known: DeviceProfile | None = None,
    ) -> None:
        self._device = device
        self._where = f"signal {device.signal_id!r} at {device.address}"
        self._vendor = vendor_profile(device.profile)
        self._reader = Reader(session, self._vendor, self._where)
        self._writer = Writer(session, self._reader, self._vendor, timeout_s, sleep)
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._numbers = Edition(known.verify_numbers) if known and known.verify_numbers else None

    async def identify(self) -> Identity:
        """Read who the device is, its limits, and which rows are in use."""
        read = await self._reader.numbers(
            "systemPatternControl", "coordPatternStatus", "coordOperationalMode"
        )
        if read["coordOperationalMode"]:
            raise ControllerError(
                f"{self._where}: coordOperationalMode is {read['coordOperationalMode']}, set by "
                "hand; only 0 lets the system call patterns"
            )
        clock = self._clock_task()
        try:
            profile = await survey(
                self._reader, self._vendor, self._device.slots[0], self.verify_numbers
            )
            actions = range(1, profile.max_actions + 1)
            time_base = await self._reader.table([("timebaseAscPattern", n) for n in actions])
            error_s = await clock if clock is not None else None
        finally:
            if clock is not None:
                clock.cancel()
                await asyncio.gather(clock, return_exceptions=True)
        return Identity(
            standards=profile.standards,
            set_id=profile.set_id,
            phases=profile.phases,
            max_patterns=profile.max_patterns,
            backup_time_s=profile.silence_s,
            edition=profile.edition,
            called_pattern=read["systemPatternControl"],
            running_pattern=read["coordPatternStatus"],
            time_base_patterns=tuple(sorted({n for n in time_base if n})),
            profile=profile,
            clock_error_s=error_s,
        )

    def _clock_task(self) -> asyncio.Task[tuple[float, float]] | None:
        """Begin to measure the device's clock, which takes its time, while the rest is read."""
        if self._clock is None:
            return None
        return asyncio.create_task(clock_error_s(self._reader, self._clock, self._sleep))

    async def prepare(self, plan: TimingPlan, identity: Identity) -> Change:
        """Choose a spare row and work out the change, reading only."""
        profile = self._profile(identity)
        require_ready(self._device, identity)
        pattern = spare_pattern(self._device, self._vendor, identity, profile)
        split = await spare_split(self._reader, self._device, self._vendor, profile, pattern)
        sequence = await spare_sequence(self._reader, self._device, profile, pattern)
        rows = Rows(pattern, split.row, sequence, self._reference(profile), split.named)
        new = (*encode_plan(plan, identity, rows), *encode_sequence(plan, identity, sequence))
        old = await self._reader.values(new)
        try:
            wire_values(old)
        except ControllerError as error:
            raise ControllerError(
                f"{self._where}: what the spare rows hold could not be restored: {error}"
            ) from error
        return Change(self._device.signal_id, pattern, split.row, old, new)

    async def prepare_permanent(self, pattern: int, identity: Identity) -> Change:
        """Work out how to point the agency's action row at a pattern of ours, reading only.

        The pattern then runs without central control, whenever the device's own day plan calls
        for that row. Nothing else of the time base is ever written.

        Raises
        ------
        ControllerError
            No action row was set aside, no day plan runs it, or the pattern is not one of ours.
        """
        require_ready(self._device, identity)
        return await permanent_change(self._reader, self._device, self._profile(identity), pattern)

    async def commit(self, change: Change) -> tuple[ObjectValue, ...]:
        """Make the change in one transaction and return what the device now stores.

        All of it is sent, also what reads as wanted already: a device that reads one object
        wrongly gives itself away only by what it reads back of a value that was written. A
        refusal or an unsuccessful check leaves the database as it was; an unreachable device
        falls back to what it stored before. Where the rows hold neither what they held when the
        change was worked out nor what it makes of them, somebody else has written them, and
        nothing is changed.
        """
        require_ours(self._device, change)
        await require_idle(self._reader, self._device, change)
        numbers = await self._verify_numbers()
        await self._writer.begin()
        try:
            await self._require_untouched(change)
            await self._writer.load(change.new)
            await self._writer.verify(numbers)
            # Another bridge may have called the pattern while this one was writing.
            await require_idle(self._reader, self._device, change)
        except ControllerError:
            await self._writer.discard()
            raise
        await self._writer.store()
        stored = await self._reader.values(change.new)
        self._require_stored(stored, change.new)
        return stored

    async def hold(self, rows: Iterable[ObjectValue], called: Collection[int]) -> None:
        """Open a transaction and keep it, so that nobody changes rows while a pattern is called.

        Whoever is about to store other rows has a transaction open, so this is refused as busy;
        whoever comes later is refused, or finds the pattern called. Calling goes beside the
        transaction; `discard` ends the hold. Refused as well, holding nothing, if the rows store
        other values or a pattern is called that is none of these.
        """
        wanted = tuple(rows)
        await self._writer.begin()
        try:
            found, *stored = await self._reader.values([CALLED, *wanted])
            if found.value not in called:
                shown = ", ".join(map(str, sorted(called)))
                raise ControllerError(
                    f"{self._where}: pattern {found.value!r} is called now, where {shown} was "
                    "expected; somebody else is at work there"
                )
            self._require_stored(stored, wanted)
        except ControllerError:
            await self._writer.discard()
            raise

    async def activate(self, pattern: int) -> None:
        """Call a pattern, or refresh the call; 0 hands back to local control."""
        await self._writer.write([ObjectValue("systemPatternControl", (), pattern)])

    async def status(self) -> Status:
        """Read how the device is doing."""
        return await read_status(self._reader)

    async def read(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        """Read what the device stores now at the instances of some values, in their order."""
        return await self._reader.values(like)

    async def discard(self) -> None:
        """Discard our open transaction, if the device can be reached and has one."""
        await self._writer.discard()

    @property
    def verify_numbers(self) -> str:
        """Edition of the numbers by which the device tells a check's outcome; empty if unknown."""
        return str(self._numbers or "")

    async def is_open(self) -> bool:
        """Tell whether a transaction is open, ours or another's."""
        return await self._writer.state() != NORMAL

    async def reclaim(self, quiet_s: float | None = None) -> bool:
        """Discard a transaction that a bridge of ours left open; see `Writer.reclaim`.

        Without a time, it must be quiet for `QUIET_ANSWERS` times what an answer may take.
        """
        return await self._writer.reclaim(quiet_s or QUIET_ANSWERS * self._timeout_s)

    async def upload(self, identity: Identity, time_zone: str, first: date, last: date) -> Upload:
        """Read the plans and the schedule that the device holds; see `upload.upload`."""
        profile = self._profile(identity)
        return await upload(
            self._reader,
            self._device.signal_id,
            identity,
            profile,
            self._reference(profile),
            time_zone=time_zone,
            first=first,
            last=last,
        )

    async def upload_pattern(
        self, identity: Identity, pattern: int
    ) -> tuple[TimingPlan | None, tuple[str, ...]]:
        """Read one plan that the device holds; see `upload.upload_pattern`."""
        profile = self._profile(identity)
        return await upload_pattern(
            self._reader,
            self._device.signal_id,
            identity,
            profile,
            self._reference(profile),
            pattern,
        )

    # Conditions

    def _profile(self, identity: Identity) -> DeviceProfile:
        if identity.profile is None:
            raise ControllerError(f"{self._where}: the identity was not read by this driver")
        return identity.profile

    async def _require_untouched(self, change: Change) -> None:
        """Refuse if somebody else has written the rows."""
        stored = await self._reader.values(change.new)
        strange = [
            f"{found!s}"
            for found, old, new in zip(stored, change.old, change.new, strict=True)
            if found not in (old, new)
        ]
        if strange:
            raise RejectedValueError(
                f"{self._where}: somebody else has written {'; '.join(strange)} since it was read"
            )

    def _require_stored(self, stored: Iterable[ObjectValue], wanted: Iterable[ObjectValue]) -> None:
        wrong = [
            f"{found!s}, not {value!s}"
            for found, value in zip(stored, wanted, strict=True)
            if found != value
        ]
        if wrong:
            raise ReadBackMismatchError(f"{self._where}: stores {'; '.join(wrong)}")

    async def _verify_numbers(self) -> Edition:
        if self._numbers is None:
            if self._vendor.verify_status == PROBE:
                self._numbers = await self._writer.numbering()
            elif self._vendor.verify_status == "edition":
                column = OBJECTS["patternCoordSyncPoint"].instance(self._device.slots[0])
                older = (await self._reader.get([column]))[0] is None
                self._numbers = Edition.V1996 if older else Edition.V03
            else:
                self._numbers = Edition(self._vendor.verify_status)
        return self._numbers

    def _reference(self, profile: DeviceProfile) -> OffsetReference | None:
        """Return the event offsets name where a pattern cannot say, or None where it can."""
        if profile.edition == Edition.V03 and self._vendor.sync_point == "ask":
            return None
        events = {point: event for event, point in SYNC_POINTS.items()}
        # A plan of ours marks one coordinated phase, which is the first and the last at once.
        point = UNIT_POINTS.get(profile.sync_point, "").replace("last", "first")
        if self._vendor.sync_point == "ask" and point in events:
            return events[point]
        return self._device.offset_reference


@asynccontextmanager
async def connect(
    device: Device,
    timeout_s: float = TIMEOUT_S,
    resend_s: float = RESEND_S,
    *,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    known: DeviceProfile | None = None,
) -> AsyncIterator[NtcipDriver]:
    """Connect to an NTCIP device.

    Parameters
    ----------
    device
        The device.
    timeout_s, resend_s
        How long to wait for each answer, and how often to ask again meanwhile.
    clock, sleep, known
        As for `NtcipDriver`.
    """
    async with open_session(device, timeout_s, resend_s) as session:
        yield NtcipDriver(device, session, timeout_s, clock=clock, sleep=sleep, known=known)
