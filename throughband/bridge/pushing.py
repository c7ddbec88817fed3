"""Commands that write: push, withdraw, recover."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from controllers.calls import calls_of, calls_on_record, last_pushes
from controllers.driver import Connect, Driver
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
from controllers.release import PlanRelease
from controllers.rollback import LOOK_S
from controllers.together import at_device, together
from controllers.watch import withdraw
from network.errors import ApprovalError, ControllerError, RollbackFailedError
from network.phasing import Phasing
from network.safety import require_safe
from network.timing import PlanSet
from throughband.approval import approve, read_release, require_usable
from throughband.bridge.config import BridgeConfig, read_config
from throughband.bridge.state import StateFolder
from throughband.controller_commands import phasings_of, show_changes
from throughband.drill import WALL, Drill
from throughband.journal import Journal, verify
from throughband.pipeline import ANY_WINDOW_S, open_setting
from throughband.plan_files import plan_for
from throughband.reaching import reaching
from throughband.results import now_utc, read_json
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


def withdraw_receipt(path: Path, config_path: Path, ordered_by: str = "") -> None:
    """Carry out ``throughband bridge withdraw``."""
    config = read_config(config_path)
    receipt = PushReceipt.from_dict(read_json(path), str(path))
    state = StateFolder(config.state)
    with state.at_work(), undisturbed():
        again = asyncio.run(
            withdraw_at_work(
                config, state, receipt, clock=now_utc, sleep=asyncio.sleep, ordered_by=ordered_by
            )
        )
    console = Console(highlight=False)
    _tell(
        console,
        f"withdrawn from {len(receipt.devices)} controllers; their rows are as before the push",
    )
    if again:
        _tell(
            console,
            f"called again, by us, as before that push: {', '.join(again)}; "
            + ("the running bridge keeps it alive" if state.served else "no bridge runs"),
        )


async def withdraw_at_work(
    config: BridgeConfig,
    state: StateFolder,
    receipt: PushReceipt,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
    connect: Connect | None = None,
    ordered_by: str = "",
) -> list[str]:
    """Take a push back, for whoever holds the lock of `StateFolder.at_work`.

    Parameters
    ----------
    config, state
        The bridge's.
    receipt
        The last push at its signals.
    clock, sleep
        The present, and how to let time pass.
    connect
        How to reach devices, where not as usual.
    ordered_by
        Who ordered it, for the record.

    Returns
    -------
    list of str
        What is called again by us, as before that push.

    Raises
    ------
    ControllerError, RollbackFailedError
        It is not the last push there, or some device could not be taken back.
    """
    reach = connect or reaching(clock, sleep, state.profiles)
    _require_last(receipt, verify(config.journal) if config.journal.exists() else [])
    journal = Journal(config.journal)

    def record(event: Mapping[str, object]) -> None:
        journal.write(event)
        if event["event"] == "withdraw":
            # On record now; the running service must not repeat the calls meanwhile.
            state.drop_push(receipt.push_id)

    async def tick() -> None:
        await sleep(LOOK_S)

    await withdraw(
        receipt,
        config.devices,
        clock=clock,
        journal=record,
        tick=tick,
        most_ticks=WITHDRAW_LOOKS,
        connect=reach,
        ordered_by=ordered_by,
    )
    return await _taken_up_again(config, state, reach, {e.signal_id for e in receipt.devices})


def _require_last(receipt: PushReceipt, events: Sequence[Mapping[str, object]]) -> None:
    """Refuse to withdraw a push that a later one has followed at some signal.

    It would end the later one's call, or take away the rows that the later one falls back to.
    """
    left = [i for i in open_intents(events) if i.push_id != receipt.push_id]
    if left:
        raise ControllerError(
            f"a push or withdrawal of {left[0].begun_utc} has no recorded end; run 'throughband "
            "bridge recover' first"
        )
    last = last_pushes(events)
    for entry in receipt.devices:
        push_id, begun_utc = last.get(entry.signal_id, (receipt.push_id, ""))
        if push_id != receipt.push_id:
            raise ControllerError(
                f"signal {entry.signal_id!r}: this receipt is not of the last push there; the push "
                f"of {begun_utc} followed it, withdraw that one first"
            )


async def _taken_up_again(
    config: BridgeConfig, state: StateFolder, connect: Connect, signals: Collection[str]
) -> list[str]:
    """Keep alive again what the journal says we called before, where the device calls it."""
    known = calls_on_record(verify(config.journal))
    devices = [d for d in config.devices if d.signal_id in signals and d.signal_id in known]
    if not devices:
        return []

    async def look(driver: Driver) -> int:
        return (await driver.status()).called_pattern

    found = await together([partial(at_device, device, connect, look) for device in devices])
    calls = [(device, known[device.signal_id]) for device in devices]
    ours = {
        device.signal_id: call
        for (device, call), pattern in zip(calls, found, strict=True)
        if call.pattern == pattern and call.address == device.address
    }
    if ours:
        state.add(ours)
    return [f"pattern {call.pattern} at {signal}" for signal, call in sorted(ours.items())]


def recover_pushes(config_path: Path, ordered_by: str = "") -> None:
    """Carry out ``throughband bridge recover``."""
    config = read_config(config_path)
    console = Console(highlight=False)
    if not config.journal.exists():
        raise ControllerError(f"{config.journal}: there is no journal to recover from")
    state = StateFolder(config.state)
    with state.at_work(), undisturbed():
        found, reclaimed = asyncio.run(
            recover_at_work(
                config, state, clock=now_utc, sleep=asyncio.sleep, ordered_by=ordered_by
            )
        )
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


async def recover_at_work(
    config: BridgeConfig,
    state: StateFolder,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
    connect: Connect | None = None,
    ordered_by: str = "",
) -> tuple[tuple[Recovered, ...], tuple[str, ...]]:
    """Conclude what a crash left open, for whoever holds the lock of `StateFolder.at_work`.

    Parameters
    ----------
    config, state
        The bridge's.
    clock, sleep
        The present, and how to let time pass.
    connect
        How to reach devices, where not as usual.
    ordered_by
        Who ordered it, for the record.

    Returns
    -------
    concluded : tuple of Recovered
    reclaimed : tuple of str
        Rows that were taken back into use.
    """
    events = verify(config.journal)
    write = Journal(config.journal).write

    def journal(event: Mapping[str, object]) -> None:
        write({**event, "ordered_by": ordered_by} if ordered_by else event)

    reach = connect or reaching(clock, sleep, state.profiles)
    done = await recover(
        open_intents(events),
        config.devices,
        clock=clock,
        journal=journal,
        pause=sleep,
        connect=reach,
    )
    left = await reclaim_left_open(
        written_on_record(events), config.devices, clock=clock, journal=journal, connect=reach
    )
    for entry in done:
        if entry.outcome == "taken back":
            state.drop_push(entry.intent.push_id)
    back = [e.intent for e in done if e.intent.kind == "withdraw"]
    await _taken_up_again(config, state, reach, {s for i in back for s in i.devices})
    return done, left


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
