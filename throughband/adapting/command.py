"""``throughband adapt``: adaptive control of NTCIP controllers, inside their plans in force."""

from __future__ import annotations

import asyncio
import signal as signals
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from controllers.driver import Device
from engine.adaptive.control import Site
from engine.adaptive.coordinated import PlanBound, Slack
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook, inside_plans
from engine.adaptive.sensing import Sensing, Sensors
from engine.adaptive.sites import build_sites
from network.errors import ControllerError, ThroughbandError
from network.graph import RoadNetwork
from throughband.adapting.adaptation import LEFT_ALONE, STEERED_AGAIN, Adaptation, Tell
from throughband.adapting.exclusion import steering
from throughband.adapting.link import LONGEST_HOLD_S, Link, open_link
from throughband.adapting.record import EVERY_S, Record
from throughband.adaptive import COORDINATED, MODES
from throughband.devices import read_devices
from throughband.journal import Journal
from throughband.radar import Ear, Frame, read_address
from throughband.reaching import require_ntcip
from throughband.results import now_utc
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.stopping import STOPPING

TIMEOUT_S: Final = 1.0
RESEND_S: Final = 0.3
"""A decision is worth a second; an answer that takes longer is none."""
STALE_S: Final = 3.0
"""Seconds without a word from the sensors after which nothing is held on their account."""
PAUSE_S: Final = 1.0
STATUS_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Steered:
    """A controller that is to be steered, and its signal."""

    device: Device
    site: Site


def adapt_street(
    scenario: str,
    devices: Path,
    radar: Path,
    journal: Path,
    mode: str,
    slack: Slack,
    duration_s: float | None,
) -> None:
    """Carry out ``throughband adapt``.

    Raises
    ------
    ThroughbandError
        Of what is asked or found something does not fit; nothing was sent then, or everything
        has been taken back.
    """
    if mode != COORDINATED:
        known = f"unknown mode {mode!r}" if mode not in MODES else f"mode {mode!r}"
        raise ThroughbandError(
            f"{known}: controllers on the street are steered with --mode {COORDINATED}, inside "
            "their plans in force; 'throughband simulate' plays the others"
        )
    address = read_address(radar)
    listed = read_devices(devices)
    require_ntcip(listed, "adaptive control on the street")
    network = open_setting(scenario, *ANY_WINDOW_S).network
    steered, alone = select(listed, network, scenario)
    console = Console(stderr=True, highlight=False)
    with steering([entry.device for entry in steered]):
        asyncio.run(
            _serve(
                steered, alone, network, Ear(*address), Journal(journal), slack, duration_s, console
            )
        )


def select(
    devices: Sequence[Device], network: RoadNetwork, scenario: str
) -> tuple[tuple[Steered, ...], tuple[str, ...]]:
    """Return the controllers that can be steered, and the signals of the others.

    Raises
    ------
    ControllerError
        A signal is not of this scenario, or none can be steered.
    """
    unknown = [d.signal_id for d in devices if d.signal_id not in network.signals]
    if unknown:
        raise ControllerError(
            f"signals {unknown} of the device list are not in {scenario}; allowed are its "
            f"{len(network.signals)} signals"
        )
    sites = {site.signal_id: site for site in build_sites(network)}
    chosen = tuple(
        Steered(device, sites[device.signal_id])
        for device in devices
        if device.signal_id in sites and network.signals[device.signal_id].plan_in_force is not None
    )
    if not chosen:
        raise ControllerError(
            f"{scenario}: no signal of the device list has a plan in force of two stages or more; "
            "adaptive control in coordinated mode stays inside such a plan"
        )
    names = {entry.device.signal_id for entry in chosen}
    return chosen, tuple(d.signal_id for d in devices if d.signal_id not in names)


async def _serve(
    steered: Sequence[Steered],
    alone: Sequence[str],
    network: RoadNetwork,
    ear: Ear,
    journal: Journal,
    slack: Slack,
    duration_s: float | None,
    console: Console,
) -> None:
    ended = asyncio.Event()
    why = "the time is over"

    def end(number: int) -> None:
        nonlocal why
        why = f"stopped by {signals.Signals(number).name}"
        ended.set()

    loop = asyncio.get_running_loop()
    for number in STOPPING:
        if signals.getsignal(number) is not signals.SIG_IGN:
            loop.add_signal_handler(number, end, number)
    async with AsyncExitStack() as stack:
        links = [await _linked(stack, entry, network) for entry in steered]
        called = {link.name: link.called for link in links if link.called}
        _require_one(called, len(links))
        record = Record(journal.write, now_utc)
        sensing = Sensing()
        outlook = Outlook(reach_m=sensing.reach_m, advance_m=sensing.advance_m)
        adaptation = Adaptation(
            links,
            PlanBound(network, LookAhead(inside_plans(outlook, network)), slack),
            Sensors([link.site for link in links], sensing),
            record.command,
            _telling(record.event, called, lambda text: _say(console, text)),
        )
        record.event(_begin(links, alone, slack, sensing))
        # Nothing is sent before its beginning is on record.
        await record.close()
        for link in links:
            if link.holds:
                _say(console, f"signal {link.name}: greens are only ended early: {link.holds}")
        for name, why in called.items():
            _say(console, f"signal {name}: left alone: {why}")
        _say(
            console,
            f"{len(links) - len(called)} controllers steered inside their plans; sees lanes to "
            f"{sensing.reach_m:g} m (radar)",
        )
        listening = asyncio.create_task(ear.listen(PAUSE_S))
        failed = True
        try:
            await _steer(adaptation, ear, record, ended, duration_s, console)
            failed = False
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            left = await _let_go(adaptation, console)
            record.event(
                {
                    "event": "adapt ends",
                    "why": "an error" if failed else why,
                    "released": len(links) - len(left),
                    "not_released": list(left),
                    **asdict(adaptation.tally),
                }
            )
            await record.close()
        _say(console, f"{why}; {len(links) - len(left)} of {len(links)} controllers released")


def _require_one(called: Mapping[str, str], count: int) -> None:
    """Require that there is a controller at which nobody calls a pattern."""
    if len(called) < count:
        return
    listed = "; ".join(f"signal {name!r}: {why}" for name, why in called.items())
    raise ControllerError(
        f"{listed}: a controller is left alone while somebody calls its pattern, for every "
        "command would renew unitBackupTime for that call; there is none left to steer"
    )


def _telling(happened: Tell, called: Iterable[str], say: Callable[[str], None]) -> Tell:
    """Have people told, beside the journal, where somebody begins and ends to call patterns."""
    known = set(called)

    def tell(event: Mapping[str, object]) -> None:
        happened(event)
        name, what = str(event.get("signal")), event["event"]
        if what == LEFT_ALONE and event["called"] and name not in known:
            known.add(name)
            say(f"signal {name}: left alone: {event['why']}")
        elif what == STEERED_AGAIN and name in known:
            known.remove(name)
            say(f"signal {name}: steered again: nobody calls a pattern any more")

    return tell


async def _let_go(adaptation: Adaptation, console: Console) -> tuple[str, ...]:
    left = await adaptation.release()
    for text in left:
        _say(console, f"not released: {text}; it falls back after its backup time")
    return left


async def _linked(stack: AsyncExitStack, entry: Steered, network: RoadNetwork) -> Link:
    signal = network.signals[entry.device.signal_id]
    opened = open_link(entry.device, signal, entry.site, TIMEOUT_S, RESEND_S)
    return await stack.enter_async_context(opened)


async def _steer(
    adaptation: Adaptation,
    ear: Ear,
    record: Record,
    ended: asyncio.Event,
    duration_s: float | None,
    console: Console,
) -> None:
    """Take a turn with every frame until the end; let go whenever the sensors fall silent."""
    begun_s = time.monotonic()
    told_s = heard_s = begun_s
    blind = False
    while not ended.is_set():
        frame = await _frame(ear, ended)
        now_s = time.monotonic()
        if duration_s is not None and now_s - begun_s >= duration_s:
            return
        if frame is not None:
            if blind:
                record.event({"event": "adapt: sees again", "at_s": frame.at_s})
            blind, heard_s = False, now_s
            await adaptation.turn(frame.at_s, frame.traffic)
            record.tick(frame.at_s)
        elif not blind and now_s - heard_s >= STALE_S:
            blind = True
            _say(console, f"nothing seen for {STALE_S:g} s; controllers go on by their plans")
            left = await _let_go(adaptation, console)
            why = ear.trouble or "the sensors are silent"
            record.event({"event": "adapt: blind", "why": why, "not_released": list(left)})
        if now_s - told_s >= STATUS_S:
            told_s = now_s
            _say(console, told(adaptation))


async def _frame(ear: Ear, ended: asyncio.Event) -> Frame | None:
    """Return the next frame, or None if none comes within a second or the end does."""
    waiting = asyncio.create_task(ear.frame(1.0))
    stopping = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        for task in (waiting, stopping):
            task.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)


def told(adaptation: Adaptation) -> str:
    """Say in a line how it stands."""
    tally = adaptation.tally
    alone = sum(bool(link.left_alone) for link in adaptation.links)
    return (
        f"{tally.turns} s decided: {tally.force_offs} greens ended early, {tally.holds} held; "
        f"{alone} of {len(adaptation.links)} controllers left to their plans, {tally.refused} "
        f"commands refused, {tally.unanswered} unanswered"
    )


def _begin(
    links: Sequence[Link], alone: Sequence[str], slack: Slack, sensing: Sensing
) -> dict[str, object]:
    return {
        "event": "adapt begins",
        "mode": COORDINATED,
        "slack": asdict(slack),
        "sees": {"information": sensing.information.value, "reach_m": sensing.reach_m},
        "commands_at_least_every_s": EVERY_S,
        "longest_hold_s": LONGEST_HOLD_S,
        "signals": {
            link.name: {
                "pattern": link.report.pattern if link.report is not None else None,
                "backup_s": link.control.backup_s,
                "no_holds": link.holds,
                "left_alone": link.called,
            }
            for link in links
        },
        "left_to_their_program": list(alone),
    }


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
