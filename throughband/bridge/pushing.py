"""Commands that write: push, withdraw, recover."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from controllers.calls import calls_of
from controllers.ntcip.reach import reaching
from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.recovery import (
    Recovered,
    open_intents,
    reclaim_left_open,
    recover,
    written_on_record,
)
from controllers.rollback import LOOK_S
from controllers.watch import withdraw
from network.errors import ApprovalError, ControllerError, RollbackFailedError
from network.safety import require_safe
from throughband.approval import approve, read_release, require_unused
from throughband.bridge.config import read_config
from throughband.bridge.state import StateFolder
from throughband.commands import ANY_WINDOW_S, now_utc, plan_for
from throughband.controller_commands import phasings_of, show_changes
from throughband.drill import WALL, Drill
from throughband.journal import Journal, verify
from throughband.pipeline import open_setting
from throughband.results import read_json
from throughband.stopping import STOPPING, undisturbed

WITHDRAW_LOOKS = 10


def push_release(
    name: str,
    plan: Path,
    config_path: Path,
    release_path: Path | None,
    write: bool,
    at: datetime | None,
    permanent: bool,
    drill: Drill = WALL,
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
        reason = stop()
        if reason:
            raise ControllerError(f"{reason}; nothing is pushed before it is removed")
        events = verify(config.journal) if config.journal.exists() else []
        require_unused(release, events)
        left = open_intents(events)
        if left:
            raise ControllerError(
                f"{config.journal}: a push or withdrawal of {left[0].begun_utc} has no recorded "
                "end; run 'throughband bridge recover' first"
            )
        terms = PushTerms(
            at_utc=None if at is None else _next(at, config.operating.zone, drill.now_utc()),
            most_spread_s=config.most_spread_s,
            ours={signal: call.pattern for signal, call in state.calls().items()},
            most_steps=config.most_steps,
            profiles=state.profiles,
            on_record=written_on_record(events),
            permanent=permanent,
            stop=stop,
            pause=drill.sleep,
        )
        journal: Callable[[Mapping[str, object]], None] = (
            Journal(config.journal).write if write else _refuse
        )
        receipt = asyncio.run(
            push(
                plan_set,
                release,
                config.devices,
                phasings_of(setting),
                clock=drill.now_utc,
                journal=journal,
                connect=reaching(drill.now_utc, drill.sleep, state.profiles),
                dry_run=not write,
                terms=terms,
            )
        )
        show_changes(receipt, console)
        if not write:
            console.print("dry run: nothing was written")
            return
        # Should this fail, the running service still finds the calls in the journal.
        state.add(calls_of(receipt))
        file = state.keep_receipt(receipt)
    _tell(console, f"receipt: {file}")
    _tell(
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


def withdraw_receipt(path: Path, config_path: Path) -> None:
    """Carry out ``throughband bridge withdraw``."""
    config = read_config(config_path)
    receipt = PushReceipt.from_dict(read_json(path), str(path))
    state = StateFolder(config.state)

    async def tick() -> None:
        await asyncio.sleep(LOOK_S)

    with state.at_work(), undisturbed():
        # The running service must not repeat the calls meanwhile.
        state.drop_push(receipt.push_id)
        asyncio.run(
            withdraw(
                receipt,
                config.devices,
                clock=now_utc,
                journal=Journal(config.journal).write,
                tick=tick,
                most_ticks=WITHDRAW_LOOKS,
                connect=reaching(now_utc, profiles=state.profiles),
            )
        )
    _tell(
        Console(highlight=False),
        f"withdrawn from {len(receipt.devices)} controllers; their rows are as before the push",
    )


def recover_pushes(config_path: Path) -> None:
    """Carry out ``throughband bridge recover``."""
    config = read_config(config_path)
    console = Console(highlight=False)
    if not config.journal.exists():
        raise ControllerError(f"{config.journal}: there is no journal to recover from")
    state = StateFolder(config.state)
    with state.at_work(), undisturbed():
        events = verify(config.journal)
        journal = Journal(config.journal).write
        reach = reaching(now_utc, profiles=state.profiles)

        async def conclude() -> tuple[tuple[Recovered, ...], tuple[str, ...]]:
            done = await recover(
                open_intents(events),
                config.devices,
                clock=now_utc,
                journal=journal,
                pause=asyncio.sleep,
                connect=reach,
            )
            left = await reclaim_left_open(
                written_on_record(events),
                config.devices,
                clock=now_utc,
                journal=journal,
                connect=reach,
            )
            return done, left

        found, reclaimed = asyncio.run(conclude())
        for entry in found:
            if entry.outcome == "taken back":
                state.drop_push(entry.intent.push_id)
    for entry in found:
        _tell(console, f"push of {entry.intent.begun_utc}: {entry.outcome}")
        for detail in entry.details:
            _tell(console, f"  {detail}")
    for text in reclaimed:
        _tell(console, text)
    still = [entry for entry in found if entry.outcome == "still open"]
    if still:
        raise RollbackFailedError(
            f"{len(still)} of {len(found)} could not be concluded; see above, and try again"
        )
    console.print(f"{len(found)} concluded" if found or reclaimed else "nothing was left open")


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


def _tell(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
