"""RSMP as a `Driver`: plans that a controller holds, moved by cycle time, offset and bands.

What NTCIP gives and RSMP does not:

- No transaction. A plan's settings are written by one command each, and a lost connection leaves
  those written that went through. Hence only a plan that is not running, not called and in no
  time table is written; all settings are read back; and what fails is taken back by the same
  commands. A second supervisor may call a half-written plan, and nothing in the protocol hinders
  it.
- No check by the controller. It takes any number within the list's range; whether green times
  still fit the cycle is up to it, and to the sheet (`controllers.rsmp.sheet`).
- No limits. Minimum greens, yellows and the meaning of a band are told by the agency's sheet, not
  by the device; `Identity.phases` is what the sheet says.
- No free choice of stages: their order, and which are served, stay as stored.
- No name for a call that has not taken effect: S0014 tells the running plan and its source. Until
  the plan changes, what was commanded on this connection is what is called; a new connection
  forgets it.
- The backup time (S0034, set by M0023, in minutes) counts from a lost connection, not from the
  last command. The list speaks of it with dynamic bands; whether it also ends a call of a plan
  without bands is not laid down.

What RSMP gives and NTCIP does not: the device's clock to the millisecond with every answer, and a
checksum of its whole configuration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Final

from controllers.driver import LOCAL_CONTROL, Change, Device, Identity, ObjectValue, Status
from controllers.rsmp import signals
from controllers.rsmp.conditions import require_known_bands, require_ours, require_ready
from controllers.rsmp.hearing import Commanded, Readings
from controllers.rsmp.reading import (
    called_plan,
    optional,
    read_status,
    read_tables,
    wanted,
)
from controllers.rsmp.session import Clock, Session
from controllers.rsmp.writing import Writer
from network.errors import (
    ControllerError,
    ReadBackMismatchError,
    RejectedValueError,
    RollbackFailedError,
)
from network.timing import TimingPlan

SWITCH_S: Final = 300.0
"""How long a called plan may take to run: the greatest cycle, and some."""

_ASKED_BY_PUSH: Final = ("systemPatternControl", "dbCreateTransaction", "globalSetIDParameter")

_IDENTITY: Final = (
    ("S0014", "status"),
    ("S0014", "source"),
    ("S0022", "status"),
    ("S0027", "status"),
    ("S0034", "status"),
    ("S0095", "status"),
    ("S0097", "checksum"),
)


class RsmpDriver:
    """A `Driver` for one site; made by `controllers.rsmp.connection`.

    Parameters
    ----------
    device
        The device; its `slots` are the time plans set aside for this bridge.
    session
        A connection with its site.
    clock
        The present.
    switch_s
        How long a called plan may take to run.
    """

    def __init__(
        self, device: Device, session: Session, clock: Clock, switch_s: float = SWITCH_S
    ) -> None:
        self._device = device
        self._where = f"signal {device.signal_id!r} at {device.address}"
        self._session = session
        self._sheet = session.agreed.sheet
        self._writer = Writer(session, self._where)
        self._clock = clock
        self._switch_s = switch_s

    async def identify(self) -> Identity:
        """Read who the site is and which plans are in use; limits are the sheet's.

        Raises
        ------
        ControllerError
            Its configuration is not the one that the sheet describes.
        """
        readings = await self._session.read(_IDENTITY)
        agreed = self._session.agreed
        checksum = optional(readings, "S0097", "checksum", signals.text) or ""
        if self._sheet.checksum and checksum != self._sheet.checksum:
            raise ControllerError(
                f"{self._where}: its traffic parameters have the checksum {checksum!r}, the sheet "
                f"describes {self._sheet.checksum!r}"
            )
        plan, called = self._running(readings)
        about = optional(readings, "S0095", "status", signals.text) or "no version told"
        digest = hashlib.sha256(checksum.encode()).digest()
        return Identity(
            standards=f"RSMP {agreed.version}, SXL {agreed.sxl}: {' '.join(about.split())[:200]}",
            # The checksum is longer than the number that stands for a setup here.
            set_id=int.from_bytes(digest[:4]) if checksum else 0,
            phases=self._sheet.phases,
            max_patterns=max(wanted(readings, "S0022", "status", signals.plan_list)),
            backup_time_s=60 * wanted(readings, "S0034", "status", _minutes),
            edition=f"SXL {agreed.sxl}",
            called_pattern=called,
            running_pattern=plan,
            time_base_patterns=_timed(readings),
            clock_error_s=readings.clock_error_s,
        )

    async def prepare(self, plan: TimingPlan, identity: Identity) -> Change:
        """Choose a plan that is not in use and can run the timing, reading only.

        Raises
        ------
        ControllerError
            None of the plans set aside is free, or none can run it; one sentence says why.
        """
        require_ready(self._device, identity, await self.status())
        tables = await read_tables(self._session)
        used = {identity.running_pattern, identity.called_pattern, *identity.time_base_patterns}
        limits = {phase.number: phase for phase in self._sheet.phases}
        reasons: list[str] = []
        for number in self._device.slots:
            stored = self._sheet.plan(number)
            if number in used:
                reasons.append(f"plan {number} is running, called or in a time table")
            elif stored is None:
                reasons.append(f"the sheet does not describe plan {number}")
            else:
                try:
                    new = stored.values(plan, limits)
                    require_known_bands(stored, tables)
                    old = tuple(tables.value(entry.name, *entry.index) for entry in new)
                    for entry in (*old, *new):
                        signals.require(entry.name, entry.index, entry.value)
                    return Change(self._device.signal_id, number, 0, old, new)
                except ControllerError as error:
                    reasons.append(str(error))
        raise ControllerError(
            f"{self._where}: none of the plans {list(self._device.slots)} set aside can take it: "
            + "; ".join(reasons)
        )

    async def commit(self, change: Change) -> tuple[ObjectValue, ...]:
        """Write the plan whole, read it back, and take it back if that fails.

        There is no transaction: a connection lost on the way leaves a part written, of a plan that
        is not in use. Repeating the commit completes it, committing `Change.undone` restores it.

        Raises
        ------
        RejectedValueError
            The site refused, or somebody else has written; the plan is as it was.
        ReadBackMismatchError
            The site stores something else; the plan is as it was.
        RollbackFailedError
            The plan could not be made as it was.
        UnreachableError
            No answer; the plan may be written in part.
        """
        require_ours(self._device, self._sheet, change)
        await self._require_idle(change)
        before = await self.read(change.new)
        strange = [
            f"{found!s}"
            for found, old, new in zip(before, change.old, change.new, strict=True)
            if found not in (old, new)
        ]
        if strange:
            raise RejectedValueError(
                f"{self._where}: somebody else has written {'; '.join(strange)} since it was read"
            )
        try:
            return await self._writer.make(before, change.new)
        except (RejectedValueError, ReadBackMismatchError) as error:
            try:
                await self._writer.take_back(change.new, before, await self.read(before))
            except ControllerError as second:
                raise RollbackFailedError(
                    f"{error}; taking plan {change.pattern} back failed: {second}"
                ) from error
            raise

    async def activate(self, pattern: int) -> None:
        """Command a plan, or command it again; 0 hands back to the site's own programming (M0002).

        Raises
        ------
        ControllerError
            The site has no such plan.
        """
        readings = await self._session.read((*_IDENTITY[:2], ("S0022", "status")))
        plans = wanted(readings, "S0022", "status", signals.plan_list)
        if pattern != LOCAL_CONTROL and pattern not in plans:
            raise ControllerError(
                f"{self._where}: it has no plan {pattern}; its plans are {list(plans)}"
            )
        own = wanted(readings, "S0014", "status", _plan) or plans[0]
        # A plan must be named in every case; where the site chooses by itself it means nothing.
        await self._session.command(
            "M0002", status=pattern != LOCAL_CONTROL, timeplan=pattern or own
        )
        self._session.commanded = Commanded(pattern, self._clock())

    async def status(self) -> Status:
        """Read how the site is doing."""
        return await read_status(self._session, self._clock(), self._switch_s)

    # What a push asks beyond `Driver` (`controllers.rows.RowKeeper`)

    async def read(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        """Read what is stored at the instances of some settings, in their order.

        A push also asks what is called, whether a transaction is open and for the fingerprint of
        the setup, by NTCIP's names for them; these are answered as well.
        """
        wished = tuple(like)
        told: dict[str, int] = {}
        if any(entry.name in _ASKED_BY_PUSH for entry in wished):
            identity = await self.identify()
            told = dict(
                zip(_ASKED_BY_PUSH, (identity.called_pattern, 1, identity.set_id), strict=True)
            )
        tables = await read_tables(self._session)
        return tuple(
            ObjectValue(entry.name, entry.index, told[entry.name])
            if entry.name in told
            else tables.value(entry.name, *entry.index)
            for entry in wished
        )

    async def hold(self, rows: Iterable[ObjectValue], called: Collection[int]) -> None:
        """Look whether settings are as they must be and nobody else calls; nothing can be held.

        Raises
        ------
        ControllerError
            Somebody else has called a plan.
        ReadBackMismatchError
            The settings hold other values.
        """
        wished = tuple(rows)
        found = (await self.identify()).called_pattern
        if found not in called:
            expected = ", ".join(map(str, sorted(called)))
            raise ControllerError(
                f"{self._where}: plan {found} is called now, where {expected} was expected; "
                "somebody else is at work there"
            )
        wrong = [
            f"{have!s}, not {want!s}"
            for have, want in zip(await self.read(wished), wished, strict=True)
            if have != want
        ]
        if wrong:
            raise ReadBackMismatchError(f"{self._where}: stores {'; '.join(wrong)}")

    async def discard(self) -> None:
        """Do nothing: there is no transaction that could be open."""

    async def is_open(self) -> bool:
        """Tell that no transaction is open."""
        return False

    async def reclaim(self) -> bool:
        """Tell that no transaction was left open."""
        return False

    @property
    def verify_numbers(self) -> str:
        """Nothing: no check is numbered."""
        return ""

    async def limit_silence(self, minutes: int) -> None:
        """Set after how many minutes without connection the site leaves our plan (M0023).

        Raises
        ------
        ControllerError
            Out of range, 0 for never among it.
        ReadBackMismatchError
            The site stores something else (S0034).
        """
        if not 1 <= minutes <= signals.MOST_TIMEOUT_MIN:
            raise ControllerError(
                f"{self._where}: time-out of {minutes} min; allowed are 1 to "
                f"{signals.MOST_TIMEOUT_MIN}"
            )
        await self._session.command("M0023", status=minutes)
        readings = await self._session.read((("S0034", "status"),))
        stored = wanted(readings, "S0034", "status", _minutes)
        if stored != minutes:
            raise ReadBackMismatchError(
                f"{self._where}: stores a time-out of {stored} min, not {minutes}"
            )

    # Conditions

    def _running(self, readings: Readings) -> tuple[int, int]:
        """Return the running plan and the one that is called."""
        plan = wanted(readings, "S0014", "status", _plan)
        source = wanted(readings, "S0014", "source", signals.text)
        return plan, called_plan(self._session, plan, source, self._clock(), self._switch_s)

    async def _require_idle(self, change: Change) -> None:
        """Refuse to write a plan that runs, is called or is in a time table."""
        readings = await self._session.read(_IDENTITY)
        if change.pattern in (*self._running(readings), *_timed(readings)):
            raise ControllerError(
                f"{self._where}: plan {change.pattern} is running, called or in a time table"
            )


def _plan(value: object) -> int:
    # 0, for none by number, is outside the list's range; a public emulator tells it all the same.
    return signals.integer(value, 0, 255)


def _minutes(value: object) -> int:
    return signals.integer(value, 0, signals.MOST_TIMEOUT_MIN)


def _timed(readings: Readings) -> tuple[int, ...]:
    return wanted(readings, "S0027", "status", signals.timed_plans)
