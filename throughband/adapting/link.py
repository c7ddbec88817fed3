"""One controller under adaptive control: what it shows, what it was asked, when left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from controllers.driver import Device, Identity
from controllers.ntcip.driver import NtcipDriver
from controllers.ntcip.phase_control import PhaseControl
from controllers.ntcip.phase_status import PhaseEye, PhaseReport
from controllers.ntcip.profiles import vendor_profile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import connect
from engine.adaptive.control import Site
from engine.adaptive.coordinated import PhaseControls
from network.errors import ControllerError, RejectedValueError
from network.graph import Signal
from network.phasing import Phasing
from network.timing import TimingPlan
from throughband.adapting.judging import Judge
from throughband.adapting.mirror import Mirror

LONGEST_HOLD_S: Final = 60
"""Longest backup time with which greens are held: so long a forgotten hold would stand, s."""
REFRESHES: Final = 3
"""How often within the backup time a standing hold is repeated, at least."""
REREAD_S: Final = 300.0
"""How often the running pattern is read anew although its number stays, s."""

Compare = Callable[[int], Awaitable[str]]
"""Reads a pattern and says why it is not the plan in force; nothing where it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a controller has standing of us."""

    hold: frozenset[int] = frozenset()
    force_off: frozenset[int] = frozenset()
    at_s: float = 0.0


class Link:
    """One controller; made by `open_link`.

    Parameters
    ----------
    signal, site
        Its signal.
    eye, control
        How it is looked at and steered.
    judge
        The safety check of every command to it.
    compare
        Reads a pattern of it and holds it against the plan in force.

    Attributes
    ----------
    mirror
        What it shows.
    report
        The last of what it told; None while it does not answer.
    asked
        What stands there of us.
    pattern
        The pattern that was read last; None before any was, and once contact was lost.
    """

    def __init__(
        self,
        signal: Signal,
        site: Site,
        eye: PhaseEye,
        control: PhaseControl,
        judge: Judge,
        compare: Compare,
    ) -> None:
        self.name = signal.signal_id
        self.site = site
        self.eye = eye
        self.control = control
        self.judge = judge
        self.mirror = Mirror(site)
        self.report: PhaseReport | None = None
        self.known = False
        self.asked = Asked()
        self.pattern: int | None = None
        self._compare = compare
        self._misfit = ""
        self._read_s: float | None = None

    def see(self, now_s: float, report: PhaseReport) -> None:
        """Take in what it shows now; a force-off is over with the green that it ended."""
        self.report = report
        self.known = self.mirror.see(now_s, report)
        self.asked = replace(self.asked, force_off=self.asked.force_off & report.green)

    def lose(self, now_s: float, stage: int) -> None:
        """Take note that it does not answer, and of the stage it shows by its plan."""
        self.report = None
        # Whoever comes back may have another database.
        self.pattern = None
        self.mirror.presume(now_s, stage)

    async def read_pattern(self, now_s: float) -> None:
        """Read the running pattern if it is another one than before, or was read long ago.

        Raises
        ------
        UnreachableError
            No answer.
        """
        report = self.report
        if report is None or report.called_pattern or not report.coordinated:
            return
        # Before the first look of a turn, any time may have passed since the beginning.
        recent = self._read_s is not None and 0 <= now_s - self._read_s < REREAD_S
        if report.pattern == self.pattern and recent:
            return
        self._misfit = await self._compare(report.pattern)
        self.pattern, self._read_s = report.pattern, now_s

    @property
    def called(self) -> str:
        """Who else commands it; nothing where nobody does.

        Whoever calls a pattern is watched over by the backup timer: if he dies, his pattern ends.
        Every command of ours renews that timer, and would keep his pattern standing.
        """
        pattern = self.report.called_pattern if self.report is not None else 0
        return f"somebody calls pattern {pattern} there (systemPatternControl)" * (pattern != 0)

    @property
    def left_alone(self) -> str:
        """Why nothing is asked of it now; nothing where it may be steered."""
        report = self.report
        if report is None:
            return "no answer"
        if self.called:
            return self.called
        if not report.coordinated:
            return f"it runs free ({report.free_reason})"
        if report.pattern != self.pattern:
            return f"its pattern {report.pattern} has not been read yet"
        if self._misfit:
            return self._misfit
        if report.in_transition:
            return "it is on its way to its offset"
        return "" if self.known else f"it serves phases {sorted(report.committed)} together"

    @property
    def holds(self) -> str:
        """Why no green is held there; nothing where greens may be held.

        A hold of a process that died stands until the backup timer runs out.
        """
        if self.control.backup_s <= LONGEST_HOLD_S:
            return ""
        return (
            f"unitBackupTime is {self.control.backup_s} s; greens are held with at most "
            f"{LONGEST_HOLD_S} s"
        )

    def due(self, now_s: float, wanted: PhaseControls) -> Asked | None:
        """Return what has to be sent so that a wish comes true, or None where nothing has.

        A force-off ends with the green that it ends. A hold is ended by a force-off, not by
        taking it back alone: so the green ends at once, whatever the controller then thinks.
        """
        if self.left_alone:
            # What it does now is its own affair, but no hold of ours may stand in it.
            return Asked(at_s=now_s) if self.asked.hold and self.report is not None else None
        green = self.report.green if self.report is not None else frozenset[int]()
        hold = frozenset[int]() if self.holds else wanted.hold & green
        force_off = (wanted.force_off | (self.asked.hold - hold)) & green
        refresh_s = self.control.backup_s / REFRESHES
        same = hold == self.asked.hold and force_off == self.asked.force_off & green
        if same and (not hold or now_s - self.asked.at_s < refresh_s):
            return None
        return Asked(hold, force_off, now_s)


@asynccontextmanager
async def open_link(
    device: Device, signal: Signal, site: Site, timeout_s: float, resend_s: float
) -> AsyncIterator[Link]:
    """Connect to a controller and make sure that it can be steered inside the plan in force.

    One that somebody calls a pattern at is taken as it is: it is left alone for now, and its
    pattern read once nobody calls any more.

    Parameters
    ----------
    device, signal, site
        The controller and its signal.
    timeout_s, resend_s
        How long to wait for an answer, and how often to ask again meanwhile, s.

    Raises
    ------
    ControllerError
        It lacks the objects, would hold a forgotten hold for ever, runs free, or runs another
        plan than the scenario's.
    UnsafePlanError
        The plan in force is not lawful by the controller's own limits.
    UnreachableError
        No answer.
    """
    name = f"signal {device.signal_id!r} at {device.address}"
    async with connect(device, timeout_s, resend_s) as session:
        reader = Reader(session, vendor_profile(device.profile), name)
        places = ("unitBackupTime", "coordPatternStatus", "localFreeStatus", "unitAlarmStatus2")
        where = {
            what: await reader.oid(what)
            for what in (*places, "systemPatternControl", "coordSyncStatus")
        }
        phases = [phase.number for phase in _phasing(signal).phases]
        control = await PhaseControl.take(session, name, phases, where["unitBackupTime"])
        eye = await PhaseEye.open(session, name, phases, where)
        report = await eye.look()
        if not (report.called_pattern or report.coordinated):
            raise ControllerError(
                f"{name}: it runs free ({report.free_reason}); adaptive control in coordinated "
                "mode needs a controller that runs a coordinated pattern"
            )
        driver = NtcipDriver(device, session, timeout_s)
        identity = await driver.identify()

        async def compare(pattern: int) -> str:
            return await _misfit(driver, identity, pattern, signal)

        if not report.called_pattern:
            misfit = await compare(report.pattern)
            if misfit:
                raise ControllerError(f"{name}: {misfit}; adaptive control knows that one alone")
        link = Link(signal, site, eye, control, Judge(signal, identity), compare)
        link.report = report
        yield link


async def _misfit(driver: NtcipDriver, identity: Identity, pattern: int, signal: Signal) -> str:
    """Read a pattern; say why it is not the plan in force, as the street sees it."""
    plan, phasing = signal.plan_in_force, _phasing(signal)
    assert plan is not None
    try:
        stored, notes = await driver.upload_pattern(identity, pattern)
    except RejectedValueError as error:
        stored, notes = None, (str(error),)
    if stored is None:
        found = f"cannot be read as a plan ({'; '.join(notes)})"
    elif _greens(stored, phasing) != _greens(plan, phasing):
        found = f"is {_told(stored)}"
    else:
        return ""
    return f"the running pattern {pattern} {found}; the scenario's plan in force is {_told(plan)}"


def _greens(plan: TimingPlan, phasing: Phasing) -> tuple[object, ...]:
    """Return what of a plan the street sees: cycle, and when in it each split begins and ends."""
    begin_s = plan.begin_s(phasing)
    splits = sorted(
        (number, (begin_s + plan.start_s(number, phasing)) % plan.cycle_s, plan.split_s(number))
        for number in plan.sequence
        if plan.split_s(number)
    )
    return plan.cycle_s, plan.coordinated_phase, *splits


def _told(plan: TimingPlan) -> str:
    splits = ", ".join(
        f"{number}: {split_s} s"
        for number, split_s in zip(plan.sequence, plan.splits_s, strict=True)
    )
    return f"a cycle of {plan.cycle_s} s with splits {splits} and offset {plan.offset_s} s"


def _phasing(signal: Signal) -> Phasing:
    assert signal.phasing is not None
    return signal.phasing
