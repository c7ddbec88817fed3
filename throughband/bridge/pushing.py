"""``throughband bridge push``: write approved plans into controllers, and keep what is called."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from controllers.calls import calls_of
from controllers.driver import Connect
from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.recovery import open_intents, written_on_record
from controllers.release import PlanRelease
from network.errors import ApprovalError, ControllerError
from network.phasing import Phasing
from network.safety import require_safe
from network.timing import PlanSet
from throughband.approval import approve, read_release, require_usable
from throughband.bridge.config import BridgeConfig, read_config
from throughband.bridge.state import StateFolder
from throughband.controller_commands import phasings_of, show_changes
from throughband.drill import WALL, Drill
from throughband.journal import Journal, verify
from throughband.planning.plan_files import plan_for
from throughband.reaching import reaching
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.stopping import STOPPING
from throughband.teller import print_line


def push_release(
    name: str,
    plan: Path,
    config_path: Path,
    release_path: Path | None,
    write: bool,
    at: datetime | None,
    permanent: bool,
    drill: Drill = WALL,
    ordered_by: str = "",
) -> None:
    """Carry out ``throughband bridge push``."""
    config = read_config(config_path)
    setting = open_setting(name, *ANY_WINDOW_S)
    plan_set = plan_for(plan, setting)
    require_safe(plan_set, setting.network)
    if write and release_path is None:
        raise ApprovalError(
            "writing needs an approval: --release FILE, made by 'throughband bridge approve'"
        )
    console = Console(highlight=False)
    if release_path is not None:
        release = read_release(release_path)
    else:
        release = approve(plan_set, {}, "dry run", drill.now_utc(), "nothing is written")
    state = StateFolder(config.state)
    with state.at_work(), _stoppable(state) as stop:
        receipt, file = asyncio.run(
            push_at_work(
                config,
                state,
                plan_set,
                phasings_of(setting),
                release,
                approved=release_path is not None,
                write=write,
                stop=stop,
                clock=drill.now_utc,
                sleep=drill.sleep,
                at_utc=None if at is None else _next(at, config.operating.zone, drill.now_utc()),
                permanent=permanent,
                ordered_by=ordered_by,
            )
        )
        show_changes(receipt, console)
        if file is None:
            console.print("dry run: nothing was written")
            return
    print_line(console, f"receipt: {file}")
    print_line(
        console,
        f"written, read back and activated at {len(receipt.devices)} controllers within "
        f"{receipt.spread_s:.1f} s; "
        + (
            "the running bridge keeps the calls alive"
            if state.served
            else "no bridge runs: start 'throughband bridge run', or the controllers return to "
            "their own schedule after their backup time"
        ),
    )


async def push_at_work(
    config: BridgeConfig,
    state: StateFolder,
    plan_set: PlanSet,
    phasings: Mapping[str, Phasing],
    release: PlanRelease,
    *,
    approved: bool,
    write: bool,
    stop: Callable[[], str],
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
    at_utc: datetime | None = None,
    permanent: bool = False,
    journal: Callable[[Mapping[str, object]], None] | None = None,
    connect: Connect | None = None,
    ordered_by: str = "",
) -> tuple[PushReceipt, Path | None]:
    """Push plans and keep what is called, for whoever holds the lock of `StateFolder.at_work`.

    Parameters
    ----------
    config, state
        The bridge's.
    plan_set, phasings
        The plans, and by signal the phases they are made of.
    release
        Their approval.
    approved
        Whether the release has to be on record and unused; a dry run needs none.
    write
        Whether to write at all.
    stop
        Says why everything is to stop, or nothing.
    clock, sleep
        The present, and how to let time pass.
    at_utc, permanent
        As in `controllers.push_terms.PushTerms`.
    journal, connect
        How to record and to reach devices, where not as the configuration says.
    ordered_by
        Who ordered it, for the record.

    Returns
    -------
    receipt : PushReceipt
    file : Path or None
        Where the receipt is kept; None after a dry run.

    Raises
    ------
    ApprovalError, ControllerError, ThroughbandError
        Nothing may be pushed, or the push failed and was taken back.
    """
    reason = stop()
    if reason:
        raise ControllerError(f"{reason}; nothing is pushed before it is removed")
    events = verify(config.journal) if config.journal.exists() else []
    if approved:
        require_usable(release, events)
    left = open_intents(events)
    if left:
        raise ControllerError(
            f"{config.journal}: a push or withdrawal of {left[0].begun_utc} has no recorded "
            "end; run 'throughband bridge recover' first"
        )
    terms = PushTerms(
        at_utc=at_utc,
        most_spread_s=config.most_spread_s,
        ours={signal: call.pattern for signal, call in state.calls().items()},
        most_steps=config.most_steps,
        profiles=state.profiles,
        on_record=written_on_record(events),
        permanent=permanent,
        stop=stop,
        pause=sleep,
        ordered_by=ordered_by,
    )
    if journal is None:
        journal = Journal(config.journal).write
    receipt = await push(
        plan_set,
        release,
        config.devices,
        phasings,
        clock=clock,
        journal=journal if write else _refuse,
        connect=connect or reaching(clock, sleep, state.profiles),
        dry_run=not write,
        terms=terms,
    )
    # Kept before anything is shown: a terminal that is gone must not cost the heartbeat.
    return receipt, _kept(state, receipt) if write else None


def _kept(state: StateFolder, receipt: PushReceipt) -> Path:
    """Keep the calls of a push and its receipt."""
    try:
        state.add(calls_of(receipt))
        return state.keep_receipt(receipt)
    except ControllerError as error:
        raise ControllerError(
            f"{error}; the push is on the street all the same, and in the journal: start "
            "'throughband bridge run' anew, which takes the calls over from there, or hand the "
            "controllers back with 'throughband bridge release'"
        ) from error


@contextmanager
def _stoppable(state: StateFolder) -> Iterator[Callable[[], str]]:
    """Turn signals and the STOP file into a reason to stop, which takes a push back in order."""
    held: list[int] = []
    before = {
        number: signals.signal(number, lambda number, _: held.append(number))
        for number in STOPPING
        if signals.getsignal(number) is not signals.SIG_IGN
    }

    def stop() -> str:
        if held:
            return f"stopped by {signals.Signals(held[0]).name}"
        return state.stop_reason()

    try:
        yield stop
    finally:
        for number, handler in before.items():
            signals.signal(number, handler)


def _next(at: datetime, zone: ZoneInfo, now: datetime) -> datetime:
    """Return a named time in UTC; one without a date is the next such time of day."""
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    if at.year > 1900:
        return at.replace(tzinfo=zone).astimezone(UTC)
    local = now.astimezone(zone)
    named = datetime.combine(local.date(), at.time(), zone)
    if named <= local:
        named = datetime.combine(local.date() + timedelta(days=1), at.time(), zone)
    return named.astimezone(UTC)


def _refuse(event: Mapping[str, object]) -> None:
    raise ControllerError(f"a dry run was about to act: {event}")
