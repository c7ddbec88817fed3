"""NTCIP 1202 over SNMP as a `Driver`: rows, transaction, read-back.

The edition is established by asking: the sync-point object exists only in v03, and the number
for a successful check differs between the editions. Rings are the device's own: they are read
from its phases, and where there are several, so is what may be green together.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from controllers.driver import Change, Device, Identity, ObjectValue, PhaseLimits, Status
from controllers.ntcip.codec import (
    Rows,
    encode_plan,
    encode_sequence,
    same_order,
    wire_values,
)
from controllers.ntcip.objects import OBJECTS, Edition, instance
from controllers.ntcip.session import RESEND_S, TIMEOUT_S, Reading, Session
from controllers.ntcip.session import connect as open_session
from network.errors import (
    ControllerError,
    ReadBackMismatchError,
    RejectedValueError,
    UnreachableError,
)
from network.timing import OffsetReference, TimingPlan

_log = logging.getLogger(__name__)

NORMAL: Final = 1
TRANSACTION: Final = 2
VERIFY: Final = 3
DONE: Final = 6
"""States and commands of `dbCreateTransaction`."""

VERIFY_POLLS: Final = 50
"""How often the outcome of a check is asked for before giving up."""

COMMAND_ATTEMPTS: Final = 3
"""How often a transaction command is given while its replies get lost."""

PHASE_ENABLED: Final = 1
OFFSET_TRANSITION: Final = 0x20
"""Bit 0 of `phaseOptions`; bit 5 of `unitAlarmStatus2`."""


class NtcipDriver:
    """A `Driver` for one NTCIP 1202 device; made by `connect`.

    Parameters
    ----------
    device
        The device.
    session
        An open session with it.
    """

    def __init__(self, device: Device, session: Session) -> None:
        self._device = device
        self._session = session
        self._where = f"signal {device.signal_id!r} at {device.address}"

    async def identify(self) -> Identity:
        """Read who the device is, its limits, and which rows are in use."""
        read = await self._numbers(
            "maxPhases",
            "maxPatterns",
            "maxTimebaseAscActions",
            "globalSetIDParameter",
            "unitBackupTime",
            "systemPatternControl",
            "coordPatternStatus",
            "coordOperationalMode",
        )
        if read["coordOperationalMode"]:
            raise ControllerError(
                f"{self._where}: coordOperationalMode is {read['coordOperationalMode']}, set by "
                "hand; only 0 lets the system call patterns"
            )
        actions = [("timebaseAscPattern", n) for n in range(1, read["maxTimebaseAscActions"] + 1)]
        time_base = await self._table(actions)
        first = ("patternCoordSyncPoint", self._device.slots[0])
        standards, sync = await self._session.get(
            [instance("controllerBaseStandards"), instance(*first)]
        )
        text = standards.decode("ascii", "replace") if isinstance(standards, bytes) else ""
        return Identity(
            standards=" ".join(text.split("\r\n")),
            set_id=read["globalSetIDParameter"],
            phases=await self._phases(read["maxPhases"]),
            max_patterns=read["maxPatterns"],
            backup_time_s=read["unitBackupTime"],
            edition=str(Edition.V1996 if sync is None else Edition.V03),
            called_pattern=read["systemPatternControl"],
            running_pattern=read["coordPatternStatus"],
            time_base_patterns=tuple(sorted({n for n in time_base if n})),
        )

    async def prepare(self, plan: TimingPlan, identity: Identity) -> Change:
        """Choose a spare row and work out the change, reading only."""
        pattern = self._spare_row(identity)
        split = await self._split_row(pattern, identity)
        rows_total = (await self._numbers("maxSequences"))["maxSequences"]
        rings = identity.rings
        found = await self._session.get(
            [instance("sequenceData", row, r) for row in range(1, rows_total + 1) for r in rings]
        )
        stored = [
            [data for data in found[at : at + len(rings)] if isinstance(data, bytes)]
            for at in range(0, len(found), len(rings))
        ]
        fitting = [
            row
            for row, data in enumerate(stored, start=1)
            if len(data) == len(rings) and same_order(plan, data)
        ]
        has_sync_point = identity.edition == Edition.V03
        reference: OffsetReference | None = (
            None if has_sync_point else self._device.offset_reference
        )
        rows = Rows(pattern, split, fitting[0] if fitting else pattern, reference)
        new = list(encode_plan(plan, identity, rows))
        if not fitting:
            if pattern > rows_total:
                raise ControllerError(
                    f"{self._where}: no sequence row {pattern} for the plan's order of phases"
                )
            new.extend(encode_sequence(plan, identity, pattern))
        old = await self._read(new)
        return Change(self._device.signal_id, pattern, split, old, tuple(new))

    async def commit(self, change: Change) -> tuple[ObjectValue, ...]:
        """Make the change in one transaction and return what the device now stores.

        Only instances that differ are sent. A refusal or an unsuccessful check leaves the
        database as it was; an unreachable device falls back to what it stored before.
        """
        running = (await self._numbers("coordPatternStatus"))["coordPatternStatus"]
        if running == change.pattern:
            raise ControllerError(f"{self._where}: pattern {change.pattern} is running")
        writes = [after for _, after in change.difference]
        if writes:
            await self._expect(NORMAL)
            try:
                await self._command(TRANSACTION)
                await self._session.set(wire_values(writes))
                await self._expect(TRANSACTION)
                await self._command(VERIFY)
                await self._verified()
            except ControllerError:
                await self.discard()
                raise
            await self._command(NORMAL)
        stored = await self._read(change.new)
        wrong = [
            f"{found!s}, not {wanted!s}"
            for found, wanted in zip(stored, change.new, strict=True)
            if found != wanted
        ]
        if wrong:
            raise ReadBackMismatchError(f"{self._where}: stores {'; '.join(wrong)}")
        return stored

    async def activate(self, pattern: int) -> None:
        """Call a pattern, or refresh the call; 0 hands back to local control."""
        call = ObjectValue("systemPatternControl", (), pattern)
        await self._session.set(wire_values([call]))

    async def status(self) -> Status:
        """Read how the device is doing."""
        read = await self._numbers(
            "coordPatternStatus",
            "systemPatternControl",
            "unitControlStatus",
            "localFreeStatus",
            "unitFlashStatus",
            "unitAlarmStatus2",
        )
        return Status(
            pattern=read["coordPatternStatus"],
            called_pattern=read["systemPatternControl"],
            control=_named("unitControlStatus", read),
            free_reason=_named("localFreeStatus", read),
            flash=_named("unitFlashStatus", read),
            in_transition=bool(read["unitAlarmStatus2"] & OFFSET_TRANSITION),
        )

    async def discard(self) -> None:
        """Discard our open transaction, if the device can be reached and has one.

        Also the way out after a bridge died in mid-download: the device lets only the community
        that opened a transaction close it.
        """
        values = wire_values([ObjectValue("dbCreateTransaction", (), NORMAL)])
        try:
            if await self._state() != NORMAL:
                await self._session.set(values, resend=False)
        except ControllerError as error:
            # Nothing was stored; the open transaction is reported with the original failure.
            _log.warning("%s: the transaction stays open: %s", self._where, error)

    # Rows

    def _spare_row(self, identity: Identity) -> int:
        busy = {
            identity.running_pattern,
            identity.called_pattern,
            *identity.time_base_patterns,
        }
        for row in self._device.slots:
            if row not in busy and row <= identity.max_patterns:
                return row
        raise ControllerError(
            f"{self._where}: rows {list(self._device.slots)} are all running, called or scheduled, "
            f"or beyond the device's {identity.max_patterns} patterns"
        )

    async def _split_row(self, pattern: int, identity: Identity) -> int:
        """Return the split row a pattern names; no other pattern may share it."""
        rows = range(1, identity.max_patterns + 1)
        splits = await self._table([("patternSplitNumber", row) for row in rows])
        split = splits[pattern - 1]
        cycles = await self._table([("patternCycleTime", row) for row in rows])
        sharing = [
            row
            for row, other, cycle in zip(rows, splits, cycles, strict=True)
            if other == split and row != pattern and (cycle or row in self._device.slots)
        ]
        if sharing or not split:
            raise ControllerError(
                f"{self._where}: pattern {pattern} uses split {split}, shared with patterns "
                f"{sharing}; give the slots split rows of their own"
            )
        return split

    async def _phases(self, most: int) -> tuple[PhaseLimits, ...]:
        names = (
            "phaseOptions",
            "phaseRing",
            "phaseMinimumGreen",
            "phaseYellowChange",
            "phaseRedClear",
            "phaseWalk",
            "phasePedestrianClear",
        )
        values = await self._table([(name, n) for n in range(1, most + 1) for name in names])
        phases = []
        for number in range(1, most + 1):
            at = (number - 1) * len(names)
            options, ring, green, yellow, red, walk, clear = values[at : at + len(names)]
            if options & PHASE_ENABLED and ring:
                phases.append(PhaseLimits(number, green, yellow, red, walk, clear, ring))
        if len({phase.ring for phase in phases}) < 2:
            return tuple(phases)
        lists = await self._session.get([instance("phaseConcurrency", p.number) for p in phases])
        return tuple(
            replace(phase, concurrent=frozenset(self._octets("phaseConcurrency", data)))
            for phase, data in zip(phases, lists, strict=True)
        )

    # The transaction

    async def _state(self) -> int:
        return (await self._numbers("dbCreateTransaction"))["dbCreateTransaction"]

    async def _expect(self, state: int) -> None:
        found = await self._state()
        if found != state:
            raise RejectedValueError(
                f"{self._where}: the database is busy, dbCreateTransaction is {found} where "
                f"{state} was expected"
            )

    async def _command(self, command: int) -> None:
        """Give a transaction command exactly once.

        A lost reply is ambiguous and a repeated command would be refused, so the state decides.
        """
        values = wire_values([ObjectValue("dbCreateTransaction", (), command)])
        reached = {command, DONE} if command == VERIFY else {command}
        for _ in range(COMMAND_ATTEMPTS):
            try:
                await self._session.set(values, resend=False)
            except UnreachableError:
                if await self._state() in reached:
                    return
            else:
                return
        raise UnreachableError(f"{self._where}: no answer to transaction command {command}")

    async def _verified(self) -> None:
        for _ in range(VERIFY_POLLS):
            if await self._state() == DONE:
                break
        else:
            raise RejectedValueError(f"{self._where}: the check of the database does not end")
        status, text = await self._session.get(
            [instance("dbVerifyStatus"), instance("dbVerifyError")]
        )
        # 3 means success in v03; 2 means success in the older edition and an error in v03.
        sync = instance("patternCoordSyncPoint", self._device.slots[0])
        older = (await self._session.get([sync]))[0] is None
        if status != (2 if older else 3):
            detail = text.decode("ascii", "replace") if isinstance(text, bytes) else ""
            raise RejectedValueError(
                f"{self._where}: the check refused the plan (status {status!r}): {detail}"
            )

    # Reading

    async def _numbers(self, *names: str) -> dict[str, int]:
        readings = await self._session.get([instance(name) for name in names])
        return {
            name: self._number(name, reading) for name, reading in zip(names, readings, strict=True)
        }

    async def _table(self, rows: list[tuple[str, int]]) -> list[int]:
        readings = await self._session.get([instance(name, row) for name, row in rows])
        return [
            self._number(f"{name}.{row}", reading)
            for (name, row), reading in zip(rows, readings, strict=True)
        ]

    async def _read(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        wanted = list(like)
        readings = await self._session.get([instance(entry.name, *entry.index) for entry in wanted])
        values = []
        for entry, reading in zip(wanted, readings, strict=True):
            if reading is None:
                raise RejectedValueError(f"{self._where}: there is no {entry.name} {entry.index}")
            if isinstance(reading, tuple):
                raise RejectedValueError(f"{self._where}: {entry.name} is an object identifier")
            values.append(ObjectValue(entry.name, entry.index, reading))
        return tuple(values)

    def _number(self, name: str, reading: Reading) -> int:
        if not isinstance(reading, int):
            raise RejectedValueError(f"{self._where}: {name} is {reading!r}, no number")
        return reading

    def _octets(self, name: str, reading: Reading) -> bytes:
        if not isinstance(reading, bytes):
            raise RejectedValueError(f"{self._where}: {name} is {reading!r}, no octets")
        return reading


def _named(name: str, read: dict[str, int]) -> str:
    return OBJECTS[name].values.get(read[name], f"unknown value {read[name]}")


@asynccontextmanager
async def connect(
    device: Device, timeout_s: float = TIMEOUT_S, resend_s: float = RESEND_S
) -> AsyncIterator[NtcipDriver]:
    """Connect to an NTCIP device.

    Parameters
    ----------
    device
        The device.
    timeout_s, resend_s
        How long to wait for each answer, and how often to ask again meanwhile.
    """
    async with open_session(device, timeout_s, resend_s) as session:
        yield NtcipDriver(device, session)
