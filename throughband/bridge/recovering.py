"""``throughband bridge recover``: conclude what a crash left open on the controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console

from controllers.driver import Connect
from controllers.recovery import (
    Recovered,
    open_intents,
    reclaim_left_open,
    recover,
    written_on_record,
)
from network.errors import ControllerError, RollbackFailedError
from throughband.bridge.config import BridgeConfig, read_config
from throughband.bridge.state import StateFolder
from throughband.bridge.withdrawing import taken_up_again
from throughband.journal import Journal, verify
from throughband.reaching import reaching
from throughband.results import now_utc
from throughband.stopping import undisturbed
from throughband.teller import print_line


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
        print_line(console, f"push of {entry.intent.begun_utc}: {entry.outcome}")
        for detail in entry.details:
            print_line(console, f"  {detail}")
    for text in reclaimed:
        print_line(console, text)
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
    await taken_up_again(config, state, reach, {s for i in back for s in i.devices})
    return done, left
