"""Devices whose clocks are wrong: refused beyond the limit, and how far off the green is within."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from benchmarks.bridge.street import Case, corridor, now_utc
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from benchmarks.bridge.witness import Witness, on_street
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import OBJECTS, Edition, Syntax
from network.errors import ThroughbandError
from network.units import TENTHS_PER_SECOND

LIMIT_S = 1.5
"""Lets a whole second through and not two; the measurement itself is good to a tenth."""
SKEWS_S = (-300, -60, -10, -3, -2, -1, 0, 1, 2, 3, 10, 60, 300)
MOST_OFFSET_ERROR_DS = 10


def skewed(case: Case, edition: Edition, version: str, tried: Tried) -> None:
    """Push to devices whose clocks are off by so many seconds, and film the offset."""
    for skew_s in SKEWS_S:
        run(_skewed(case, edition, version, skew_s, tried))


async def _skewed(case: Case, edition: Edition, version: str, skew_s: int, tried: Tried) -> None:
    where = f"clock {skew_s:+d} s ({edition}, {version})"
    begin = now_utc()
    # The street's second zero is a midnight; its clock and ours agree to the tenth.
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    start_s = round((begin - midnight).total_seconds(), 1)
    async with corridor(
        case,
        edition=edition,
        version=version,
        start_s=start_s,
        midnight_utc_s=int(midnight.timestamp()),
    ) as street:
        cabinet = street.cabinets[0]
        clock = OBJECTS["globalTime"]
        value = cabinet.utc_s + skew_s
        assert cabinet.store.set([(clock.instance(), Syntax.COUNTER, value)], b"change") is None
        devices = [replace(device, max_clock_error_s=LIMIT_S) for device in street.devices]
        try:
            await street.push(1, devices, partial(connect, clock=now_utc))
            told = "active"
        except ThroughbandError as error:
            told = "refused"
            if "clock" not in str(error):
                tried.found.append(f"{where}: refused, but for {error}")
        tried.outcomes[told] += 1
        if abs(skew_s) > LIMIT_S and told == "active":
            tried.found.append(f"{where}: active")
        if abs(skew_s) < LIMIT_S and told == "refused":
            tried.found.append(f"{where}: refused")
        if told == "active":
            await asyncio.sleep(0.2)
            error_ds = _offset_error_ds(street.witnesses[0], 1)
            tried.slowest_s = max(tried.slowest_s, error_ds / 10)
            if error_ds > MOST_OFFSET_ERROR_DS:
                tried.found.append(f"{where}: green {error_ds / 10} s off")
            tried.found += [f"{where}: {text}" for text in street.found]


def _offset_error_ds(witness: Witness, number: int) -> int:
    """Film a cycle by our own clock and return by how many tenths the plan is shifted in it."""
    cabinet = witness.cabinet
    plan = witness.plans[number]
    cycle_ds = plan.cycle_s * TENTHS_PER_SECOND
    witness.compare_with_film(plan)
    groups = cabinet.config.phasing.group_count
    shown = [""] * cycle_ds
    for _ in range(cycle_ds):
        # The street's time, which no setting of the device's clock moves.
        shown[round(cabinet.time_s * TENTHS_PER_SECOND) % cycle_ds] = cabinet.aspects
        witness.step()
    lamps = on_street(plan, cabinet.config.phasing)[-1].decode()
    filmed = [lamps[at : at + groups] for at in range(0, len(lamps), groups)]
    shifts = [
        min(shift, cycle_ds - shift)
        for shift in range(cycle_ds)
        if shown == filmed[shift:] + filmed[:shift]
    ]
    return min(shifts, default=cycle_ds)
