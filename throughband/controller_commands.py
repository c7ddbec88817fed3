"""Commands that meet controllers directly: ``push`` and ``emulate``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from controllers.acquaintance import ProfileMemory
from controllers.driver import Device, ObjectValue
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.objects import OBJECTS
from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.recovery import written_on_record
from controllers.release import PlanRelease
from network.errors import ApprovalError, ControllerError, UnreachableError
from network.phasing import Phasing
from network.safety import require_safe
from network.timing import PlanSet
from throughband.access import new_access, reached_at
from throughband.approval import VALID_FOR, approve, approved_event
from throughband.bridge.config import write_config
from throughband.device_writing import write_devices
from throughband.devices import read_devices
from throughband.journal import Journal, verify
from throughband.planning.plan_files import plan_for
from throughband.reaching import reaching
from throughband.results import now_utc, read_json
from throughband.setting import ANY_WINDOW_S, Setting, open_setting
from throughband.stopping import undisturbed
from throughband.teller import answer

EMULATOR_TICK_S = 0.1
STATUS_EVERY_S = 5.0


def push_plan(
    name: str,
    plan: Path,
    report: Path,
    devices: Path,
    journal_path: Path,
    write: bool,
    approved_by: str,
    despite_verdict: bool,
) -> None:
    """Carry out ``throughband push``."""
    setting, plan_set, evidence = plans_with_evidence(name, plan, report)
    device_list = read_devices(devices)
    console = Console(highlight=False)
    if write:
        release = approved_release(
            plan_set, report, evidence, approved_by, despite_verdict, console
        )
        journal: Callable[[Mapping[str, object]], None] = _after(
            approved_event(release), Journal(journal_path)
        )
    else:
        release = approve(plan_set, evidence, "dry run", now_utc(), "nothing is written")

        def journal(event: Mapping[str, object]) -> None:
            raise ControllerError(f"a dry run was about to act: {event}")

    events = verify(journal_path) if write and journal_path.exists() else []
    profiles = ProfileMemory()
    pushing = push(
        plan_set,
        release,
        device_list,
        phasings_of(setting),
        clock=now_utc,
        journal=journal,
        connect=reaching(now_utc, profiles=profiles),
        dry_run=not write,
        terms=PushTerms(profiles=profiles, on_record=written_on_record(events)),
    )
    try:
        with undisturbed():
            receipt = asyncio.run(pushing)
    except UnreachableError as error:
        raise UnreachableError(
            f"{error}; check that the controller runs, and its host, port and secrets in {devices}"
        ) from error
    show_changes(receipt, console)
    console.print(
        "written, read back and activated; keep the call alive or the controllers return to "
        "their own plan after their backup time"
        if write
        else "dry run: nothing was written"
    )


def plans_with_evidence(
    name: str, plan: Path, report: Path
) -> tuple[Setting, PlanSet, dict[str, Any]]:
    """Read a scenario, lawful plans of it and the report on exactly these plans.

    Raises
    ------
    ApprovalError
        The report is about other plans or another scenario.
    PlanError, UnsafePlanError
        The plans are of another scenario, or break a rule.
    """
    setting = open_setting(name, *ANY_WINDOW_S)
    plan_set = plan_for(plan, setting)
    require_safe(plan_set, setting.network)
    evidence = read_json(report)
    if evidence.get("plan_digest") != plan_set.digest:
        raise ApprovalError(
            f"{report} speaks of plan {str(evidence.get('plan_digest'))[:12]}, {plan} is plan "
            f"{plan_set.digest[:12]}; validate this plan first"
        )
    if evidence.get("scenario") != setting.scenario.name:
        raise ApprovalError(
            f"{report} is about {evidence.get('scenario')!r}, the scenario is "
            f"{setting.scenario.name!r}"
        )
    return setting, plan_set, evidence


def approved_release(
    plan_set: PlanSet,
    report: Path,
    evidence: Mapping[str, Any],
    approved_by: str,
    despite_verdict: bool,
    console: Console,
    valid_for: timedelta = VALID_FOR,
) -> PlanRelease:
    """Show the evidence and have a person approve the plans.

    Raises
    ------
    ApprovalError
        No gain is proven and that was not waved through, or nobody gives a name.
    """
    _show_evidence(evidence, console)
    if evidence["verdict"] != "better" and not despite_verdict:
        raise ApprovalError(
            f"{report} does not prove a gain (verdict {evidence['verdict']!r}); "
            "--despite-verdict pushes all the same, and the record says so"
        )
    person = approved_by or _ask_name(console)
    notes = "approved at the command line"
    if evidence["verdict"] != "better":
        notes += f", despite the verdict {evidence['verdict']!r}"
    return approve(plan_set, evidence, person, now_utc(), notes, valid_for)


def phasings_of(setting: Setting) -> dict[str, Phasing]:
    """Return by signal the phases that plans are made for."""
    return {s.signal_id: s.phasing for s in setting.network.signals.values() if s.phasing}


def show_changes(receipt: PushReceipt, console: Console) -> None:
    """Print object by object what a push changes or would change, and what to know about it."""
    for entry in receipt.devices:
        console.print(
            f"{entry.signal_id} at {entry.address}: pattern {entry.pattern}",
            markup=False,
            soft_wrap=True,
        )
        for before, after in entry.change.difference:
            line = f"  {before}{_meaning(before)}  ->  {after.shown}{_meaning(after)}"
            console.print(line, markup=False, soft_wrap=True)
        for text in entry.warnings:
            console.print(f"  warning: {text}", markup=False, soft_wrap=True)


def _meaning(entry: ObjectValue) -> str:
    """Return the standard's word for an enumerated value, in brackets; nothing for a number."""
    kind = OBJECTS.get(entry.name)
    if kind is None or not isinstance(entry.value, int) or entry.value not in kind.values:
        return ""
    return f" ({kind.values[entry.value]})"


def emulate_controllers(
    name: str, out: Path, host: str, base_port: int, duration_s: float | None, version: str = "v1"
) -> None:
    """Carry out ``throughband emulate``."""
    access = new_access(version)
    setting = open_setting(name, *ANY_WINDOW_S)
    # All begin at one moment, however long building the rest takes.
    now_utc_s, begin_s = time.time(), time.monotonic()
    midnight_utc_s = int(now_utc_s) // 86400 * 86400
    console = Console(stderr=True, highlight=False)
    cabinets = []
    for signal in setting.network.signals.values():
        if signal.phasing is None or signal.plan_in_force is None:
            continue
        config = CabinetConfig(
            signal.signal_id,
            signal.phasing,
            signal.plan_in_force,
            max(1, len(signal.connections)),
            access.read_community,
            access.write_community,
            midnight_utc_s=midnight_utc_s,
            read_user=access.read_user,
            write_user=access.write_user,
        )
        try:
            cabinets.append(Cabinet(config, now_utc_s - midnight_utc_s))
        except ControllerError as error:
            console.print(f"      not emulated: {error}", markup=False, soft_wrap=True)
    if not cabinets:
        raise ControllerError(f"no signal of {setting.scenario.name!r} can be emulated")

    async def serve_them() -> None:
        clock = asyncio.get_running_loop().time
        async with serve(cabinets, host, base_port, engine_clock=clock) as addresses:
            devices = tuple(
                Device(
                    cabinet.config.name,
                    reached_at(where[0]),
                    where[1],
                    access.read_community,
                    access.write_community,
                    version,
                    read_user=access.read_user,
                    write_user=access.write_user,
                )
                for cabinet, where in zip(cabinets, addresses, strict=True)
            )
            path = write_devices(out, devices)
            config = write_config(out)
            console.print(
                f"{len(devices)} controllers listen; device list: {path}, a bridge's "
                f"configuration: {config}",
                soft_wrap=True,
            )
            await _keep_time(cabinets, begin_s, duration_s, console)

    asyncio.run(serve_them())


async def _keep_time(
    cabinets: list[Cabinet], begin_s: float, duration_s: float | None, console: Console
) -> None:
    """Step the cabinets in step with the wall clock since a reading of the monotonic clock."""
    listening_s = time.monotonic()
    ticks = 0
    next_status_s = 0.0
    while duration_s is None or time.monotonic() - listening_s < duration_s:
        due = int((time.monotonic() - begin_s) / EMULATOR_TICK_S)
        while ticks < due:
            for cabinet in cabinets:
                cabinet.step()
            ticks += 1
        if console.is_terminal and time.monotonic() - begin_s >= next_status_s:
            next_status_s += STATUS_EVERY_S
            patterns = " ".join(str(cabinet.pattern) for cabinet in cabinets)
            console.print(f"patterns {patterns}", end="\r")
        await asyncio.sleep(EMULATOR_TICK_S / 2)


def _show_evidence(evidence: Mapping[str, Any], console: Console) -> None:
    try:
        delay = evidence["difference"]["delay_s"]
        console.print(
            f"verdict {evidence['verdict']}: delay {delay['mean']:+.1f} s per vehicle "
            f"(95 % interval {delay['low']:+.1f} to {delay['high']:+.1f} s)",
            markup=False,
            soft_wrap=True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ApprovalError("the report holds no verdict and no delay difference") from error


def _ask_name(console: Console) -> str:
    if not sys.stdin.isatty():
        raise ApprovalError("nobody approves: give --approved-by NAME, or run it at a terminal")
    console.print("Type your name to approve and write to the controllers, or nothing to stop.")
    name = answer("> ")
    if not name:
        raise ApprovalError("not approved; nothing was written")
    return name


def _after(first: Mapping[str, object], journal: Journal) -> Callable[[Mapping[str, object]], None]:
    """Write an event in front of the first of those that follow; alone it never stands."""
    waiting = [first]

    def write(event: Mapping[str, object]) -> None:
        while waiting:
            journal.write(waiting.pop())
        journal.write(event)

    return write
