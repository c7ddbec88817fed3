"""``throughband bridge withdraw``: take the last push back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from controllers.calls import calls_on_record, last_pushes
from controllers.driver import Connect, Driver
from controllers.receipt import PushReceipt
from controllers.recovery import open_intents
from controllers.rollback import LOOK_S
from controllers.together import at_device, together
from controllers.watch import withdraw
from network.errors import ControllerError
from throughband.bridge.config import BridgeConfig, read_config
from throughband.bridge.state import StateFolder
from throughband.journal import Journal, verify
from throughband.reaching import reaching
from throughband.results import now_utc, read_json
from throughband.stopping import undisturbed
from throughband.teller import print_line

WITHDRAW_LOOKS = 10


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
    print_line(
        console,
        f"withdrawn from {len(receipt.devices)} controllers; their rows are as before the push",
    )
    if again:
        print_line(
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
    return await taken_up_again(config, state, reach, {e.signal_id for e in receipt.devices})


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


async def taken_up_again(
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
