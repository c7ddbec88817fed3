"""Reading off the street what runs there: patterns as plan files, schedules as schedule files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console

from controllers.driver import Device, Driver, Identity
from controllers.ntcip.driver import NtcipDriver
from controllers.ntcip.structure import device_phasing
from controllers.ntcip.upload import Upload
from network.errors import ControllerError, ThroughbandError
from network.files import write_plan
from network.graph import RoadNetwork, Signal
from network.schedule_file import write_schedule
from network.timing import PlanSet
from throughband.bridge.commands import ask_all
from throughband.devices import read_devices
from throughband.results import now_utc, output_folder

LAST_DAY: Final = (12, 31)
"""Schedules are read for the year of the reading; a controller's own names no year."""


def upload_plans(path: Path, out: Path, scenario: str, time_zone: str) -> None:
    """Carry out ``throughband bridge upload``."""
    devices = read_devices(path)
    console = Console(highlight=False)
    year = now_utc().year
    first, last = date(year, 1, 1), date(year, *LAST_DAY)

    async def ask(_: Device, driver: Driver) -> tuple[Identity, Upload]:
        if not isinstance(driver, NtcipDriver):
            raise ControllerError(f"driver {type(driver).__name__} cannot upload")
        identity = await driver.identify()
        return identity, await driver.upload(identity, time_zone, first, last)

    answers = ask_all(devices, ask)
    found = [answer for answer in answers if not isinstance(answer, ThroughbandError)]
    for answer in answers:
        if isinstance(answer, ThroughbandError):
            console.print(str(answer), markup=False, soft_wrap=True)
    with output_folder(out) as folder:
        _write(folder, found, scenario)
    for _, stored in found:
        shown = ", ".join(str(number) for number in sorted(stored.plans)) or "none"
        console.print(f"{stored.signal_id}: patterns {shown}", markup=False, soft_wrap=True)
        for text in stored.not_understood:
            console.print(f"  {text}", markup=False, soft_wrap=True)
    if len(found) < len(devices):
        raise ControllerError(
            f"{len(devices) - len(found)} of {len(devices)} controllers could not be read; what "
            f"the others hold is in {out}"
        )


def _write(folder: Path, found: Sequence[tuple[Identity, Upload]], scenario: str) -> None:
    """Write a plan file per pattern number, and a schedule per signal."""
    signals = {
        stored.signal_id: Signal(
            stored.signal_id, 0.0, 0.0, (), device_phasing(identity), None, True, "", ""
        )
        for identity, stored in found
    }
    network = RoadNetwork(scenario, {}, signals, ())
    numbers = sorted({number for _, stored in found for number in stored.plans})
    for number in numbers:
        plans = tuple(stored.plans[number] for _, stored in found if number in stored.plans)
        without = {
            stored.signal_id: f"its controller has no usable pattern {number}"
            for _, stored in found
            if number not in stored.plans
        }
        notes = {
            "read_utc": now_utc().isoformat(),
            "not_understood": {s.signal_id: list(s.not_understood) for _, s in found},
        }
        write_plan(
            folder / f"pattern-{number}.plan.json",
            PlanSet(scenario, plans, without),
            network,
            notes,
        )
    for _, stored in found:
        if stored.schedule is not None:
            name = re.sub(r"[^0-9A-Za-z]+", "-", stored.signal_id)
            write_schedule(folder / f"schedule-{name}.toml", stored.schedule)
