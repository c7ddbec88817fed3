"""Commands that look, approve, and hand back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from controllers.acquaintance import changes
from controllers.device_profile import Concern
from controllers.driver import Connect, Device, Driver, Identity, Status
from controllers.kill_switch import release_all
from controllers.limits import remarks
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.together import at_device, together
from controllers.troubles import clock_off
from network.errors import ControllerError, RollbackFailedError, ThroughbandError
from throughband.approval import approved_event, write_release
from throughband.bridge.config import read_config
from throughband.bridge.reporting import unwatched
from throughband.bridge.state import StateFolder
from throughband.controller_commands import approved_release, plans_with_evidence
from throughband.devices import read_devices
from throughband.journal import Journal
from throughband.reaching import reaching
from throughband.results import now_utc
from throughband.teller import print_line

_T = TypeVar("_T")


def ask_all(
    devices: Sequence[Device],
    step: Callable[[Device, Driver], Awaitable[_T]],
    connect: Connect = connect_ntcip,
) -> list[_T | ThroughbandError]:
    """Do something at every device, side by side; errors of ours are results."""
    steps = [partial(at_device, device, connect, partial(step, device)) for device in devices]
    return asyncio.run(together(steps))


def identify_devices(path: Path, state: Path | None, accept: bool) -> None:
    """Carry out ``throughband bridge identify``."""
    if accept and state is None:
        raise ControllerError("--accept keeps what the controllers say: --state FOLDER, say where")
    devices = read_devices(path)
    profiles = None if state is None else StateFolder(state).profiles
    console = Console(highlight=False)

    async def ask(_: Device, driver: Driver) -> Identity:
        return await driver.identify()

    found = ask_all(devices, ask, reaching(now_utc, profiles=profiles))
    changed = []
    for device, identity in zip(devices, found, strict=True):
        if isinstance(identity, ThroughbandError):
            print_line(console, str(identity))
            continue
        print_line(console, _identified(device, identity))
        told = changes(profiles, device, identity.profile)
        for text in (*remarks(identity), *(f"changed: {each}" for each in told)):
            print_line(console, f"  {text}")
        known = profiles.known(device) if profiles is not None else None
        if any(each.concern is not Concern.SETUP for each in told) and not accept:
            changed.append(device.signal_id)
        elif profiles is not None and identity.profile is not None:
            numbers = identity.profile.verify_numbers or (known.verify_numbers if known else "")
            profiles.keep(device, replace(identity.profile, verify_numbers=numbers))
    _require_answers(found)
    if changed:
        raise ControllerError(
            f"not as they were met before: {', '.join(changed)}; --accept keeps what they say now"
        )


def _identified(device: Device, identity: Identity) -> str:
    clock = "not measured"
    if identity.clock_error_s is not None:
        least_s, most_s = identity.clock_error_s
        clock = f"{least_s:+.1f} to {most_s:+.1f} s"
    phases = ", ".join(str(phase.number) for phase in identity.phases)
    return (
        f"{device.signal_id} at {device.address}: {identity.standards or 'no standard named'}; "
        f"edition {identity.edition}, {identity.max_patterns} patterns, phases {phases}, "
        f"rings {len(identity.rings)}, backup time {identity.backup_time_s} s, called "
        f"{identity.called_pattern}, running {identity.running_pattern}, clock {clock}"
    )


def show_status(path: Path) -> None:
    """Carry out ``throughband bridge status``."""
    config = read_config(path)
    state = StateFolder(config.state)
    calls = state.calls()
    console = Console(highlight=False)

    async def ask(device: Device, driver: Driver) -> tuple[Status, str]:
        asked_utc = now_utc()
        status = await driver.status()
        return status, clock_off(status, device.max_clock_error_s, asked_utc, now_utc())

    found = ask_all(config.devices, ask, reaching(now_utc, profiles=state.profiles))
    strange = []
    for device, answer in zip(config.devices, found, strict=True):
        if isinstance(answer, ThroughbandError):
            print_line(console, str(answer))
            continue
        status, off = answer
        call = calls.get(device.signal_id)
        ours = call.pattern if call else 0
        if status.called_pattern != ours:
            strange.append(device.signal_id)
        step = "in transition" if status.in_transition else "in step"
        alarms = f", alarms: {', '.join(status.alarms)}" if status.alarms else ""
        print_line(
            console,
            f"{device.signal_id} at {device.address}: pattern {status.pattern} under "
            f"{status.control}, {status.free_reason}, {step}; called {status.called_pattern}, by "
            f"us {ours}{alarms}" + (f"; clock {off}" if off else ""),
        )
    seen = state.status()
    running = "runs" if state.served else "does not run"
    last = f"; it last said at {seen['utc']}: {seen['text']}" if seen else ""
    print_line(console, f"the bridge {running}{last}")
    lapse = unwatched(state, time.time())
    if lapse:
        print_line(console, f"warning: {lapse}")
    reason = state.stop_reason()
    if reason:
        print_line(console, reason)
    _require_answers(found)
    if strange:
        raise ControllerError(
            f"called by somebody else, or no longer called by us: {', '.join(strange)}"
        )


def approve_plans(
    name: str,
    plan: Path,
    report: Path,
    out: Path,
    journal: Path,
    approved_by: str,
    hours: float,
    despite_verdict: bool,
) -> None:
    """Carry out ``throughband bridge approve``."""
    _, plan_set, evidence = plans_with_evidence(name, plan, report)
    console = Console(highlight=False)
    release = approved_release(
        plan_set, report, evidence, approved_by, despite_verdict, console, timedelta(hours=hours)
    )
    write_release(out, release)
    try:
        Journal(journal).write(
            {**approved_event(release), "release_digest": release.digest, "file": str(out)}
        )
    except ThroughbandError:
        # What is not on record was not approved.
        out.unlink(missing_ok=True)
        raise
    print_line(
        console,
        f"approved by {release.approved_by} until {release.expires_utc.isoformat()}, for one push; "
        f"release {release.digest[:12]} in {out}",
    )


def release_devices(
    path: Path,
    state: Path | None,
    journal: Path | None,
    wait_s: float,
    ordered_by: str = "",
) -> None:
    """Carry out ``throughband bridge release``."""
    devices = read_devices(path)
    console = Console(highlight=False)
    if state is not None:
        # First, so that whoever calls patterns in its name stops doing so.
        try:
            StateFolder(state).stop(f"released {_whence(ordered_by)}")
        except ControllerError as error:
            print_line(console, str(error))

    async def tick() -> None:
        await asyncio.sleep(wait_s)

    outcomes = asyncio.run(release_all(devices, tick=tick))
    for outcome in outcomes:
        end = (
            f"released, pattern {outcome.pattern} under {outcome.control}"
            if outcome.released
            else f"NOT released: {outcome.problem}"
        )
        print_line(console, f"{outcome.signal_id} at {outcome.address}: {end}")
    done = sorted(outcome.signal_id for outcome in outcomes if outcome.released)
    stuck = [outcome.signal_id for outcome in outcomes if not outcome.released]
    if state is not None:
        try:
            StateFolder(state).drop(done)
        except ControllerError as error:
            print_line(console, str(error))
    if journal is not None:
        try:
            Journal(journal).write(
                {
                    "event": "released",
                    "utc": now_utc().isoformat(),
                    "signals": done,
                    "how": "kill switch",
                    "stuck": stuck,
                    **({"ordered_by": ordered_by} if ordered_by else {}),
                }
            )
        except ThroughbandError as error:
            print_line(console, f"released all the same, but not recorded: {error}")
    if stuck:
        raise RollbackFailedError(
            f"{len(stuck)} of {len(outcomes)} controllers are not released: {', '.join(stuck)}; "
            "without further calls each returns to its own schedule after its backup time"
        )
    print_line(console, f"{len(done)} controllers run their own schedule")


def _whence(ordered_by: str) -> str:
    return f"by {ordered_by}" if ordered_by else "at the command line"


def _require_answers(found: Sequence[object]) -> None:
    silent = sum(isinstance(entry, ThroughbandError) for entry in found)
    if silent:
        raise ControllerError(f"{silent} of {len(found)} controllers could not be asked; see above")
