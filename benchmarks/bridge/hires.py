"""A log polled off emulated controllers, read by us and by ``atspm``, beside SUMO's truth.

``python -m benchmarks.bridge.hires --scenario cologne8 --seeds 11-13 --atspm PYTHON`` plays
traffic under emulated cabinets, polls every cabinet ten times a second of the street over UDP,
writes the log, and compares vehicles per detector and arrivals on green: what SUMO saw, what our
reader counts, what Oregon's ``atspm`` counts. Street and poller take turns, so the figures do
not depend on how busy the machine is. Detectors lie behind the stop line, so arrivals on green
are passages while the lamp was green; the rest passed on yellow or red.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.seeds import seeds_of
from controllers.ntcip.event_log import EventRecorder
from controllers.ntcip.events import EventPoller
from controllers.ntcip.session import connect
from engine.performance.arrivals import arrivals
from engine.performance.phase_history import Aspect, phase_histories
from network.graph import RoadNetwork
from network.phasing import GREEN_ASPECTS
from network.readers.hires_counts import COUNTING, detector_counts, read_detector_roles
from network.readers.hires_events import (
    DETECTOR_OFF,
    DETECTOR_ON,
    HiresEvents,
)
from network.readers.hires_log import read_hires_log
from network.writers.hires_log import HiresLogFile
from throughband.setting import Setting, open_setting
from throughband.street import Wiring, Witness, open_street

MIDNIGHT_UTC: Final = datetime(2026, 5, 4, tzinfo=UTC)
ORACLE: Final = Path(__file__).parents[1] / "peers" / "atspm_oracle.py"
LOG, CONFIG = "events.csv", "detectors.csv"
TOLERANCE: Final = 0.01
"""Part by which arrivals on green may differ between two readers of one log."""

LEAST_ARRIVALS: Final = 20
"""Phases of fewer are not looked at alone: one vehicle is 5 % of them."""


@dataclass(slots=True)
class Truth:
    """What SUMO saw.

    Attributes
    ----------
    passed
        Vehicles by signal and detector number.
    arrived
        Those of them at detectors that one phase alone serves.
    on_green
        Those of these that passed while their lamp was green.
    """

    passed: dict[tuple[str, int], int] = field(default_factory=dict)
    arrived: dict[tuple[str, int], int] = field(default_factory=dict)
    on_green: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A log with the truth beside it.

    Attributes
    ----------
    log, config
        The log and the list of detectors.
    truth
        What SUMO saw.
    findings
        How well the controllers were seen.
    """

    log: Path
    config: Path
    truth: Truth
    findings: tuple[str, ...]


def phase_of(network: RoadNetwork, signal_id: str, groups: tuple[int, ...]) -> int | None:
    """Return the phase that serves a connection; None where several do, one after another.

    Arrivals on green of a phase say nothing of a lane that another phase serves as well.
    """
    phasing = network.signals[signal_id].phasing
    assert phasing is not None
    serving = [p.number for p in phasing.phases if any(p.serves(group) for group in groups)]
    return serving[0] if len(serving) == 1 else None


def record(setting: Setting, folder: Path, seed: int, minutes: float, rate_hz: float) -> Recorded:
    """Play traffic, poll the cabinets and write the log.

    Parameters
    ----------
    setting, seed
        What to play.
    folder
        Where the files go.
    minutes
        How long, from the scenario's begin.
    rate_hz
        Looks per second of the street; must divide ten.
    """
    return asyncio.run(_record(setting, folder, seed, minutes, rate_hz))


async def _record(
    setting: Setting, folder: Path, seed: int, minutes: float, rate_hz: float
) -> Recorded:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    log.unlink(missing_ok=True)
    case, network = setting.case, setting.network
    now_s = case.begin_s
    truth = Truth()
    plans = [s.plan_in_force for s in network.signals.values() if s.plan_in_force]
    counted_s = case.begin_s + max(plan.cycle_s for plan in plans)
    every_ds = round(10 / rate_hz)
    wiring = Wiring(midnight_utc_s=lambda: int(MIDNIGHT_UTC.timestamp()), counted=False)
    async with AsyncExitStack() as stack:
        street = await stack.enter_async_context(open_street(case, network, seed, wiring=wiring))

        def clock() -> datetime:
            return MIDNIGHT_UTC + timedelta(seconds=now_s)

        pollers = {
            device.signal_id: EventPoller(
                device, await stack.enter_async_context(connect(device)), clock
            )
            for device in street.devices
        }
        recorder = EventRecorder(pollers)
        file = stack.enter_context(HiresLogFile(log))

        def kept(events: HiresEvents) -> HiresEvents:
            """Leave out vehicles of the first cycle: nobody knows when its greens began."""
            from_utc = MIDNIGHT_UTC.replace(tzinfo=None) + timedelta(seconds=counted_s)
            early = events.time_utc <= np.datetime64(from_utc)
            left = ~(early & np.isin(events.code, (DETECTOR_OFF, DETECTOR_ON)))
            return HiresEvents(
                events.devices,
                events.time_utc[left],
                events.device[left],
                events.code[left],
                events.parameter[left],
            )

        async def look(street_s: float) -> None:
            nonlocal now_s
            now_s = street_s
            if round(street_s * 10) % every_ds == 0:
                await recorder.look()
            if round(street_s * 10) % 600 == 0:
                file.append(kept(recorder.take()))

        signals = {d.signal_id for d in street.devices}
        # The last look was a tenth before the step that the witness sees.
        witness = _witness(network, truth, signals, lambda: now_s + 0.15 > counted_s)
        await street.run_until(case.begin_s + minutes * 60, pace=look, witness=witness)
        await look(case.begin_s + minutes * 60)
        file.append(kept(recorder.take()))
    _write_config(folder / CONFIG, network, {d.signal_id for d in street.devices})
    return Recorded(log, folder / CONFIG, truth, recorder.findings())


def _witness(
    network: RoadNetwork, truth: Truth, signals: set[str], counted: Callable[[], bool]
) -> Witness:
    """Return who notes what SUMO sees at every detector, and what it shows there."""
    places = [
        (signal.signal_id, number, connection.groups)
        for signal in network.signals.values()
        for number, connection in enumerate(signal.connections, start=1)
    ]

    def note(shown: Mapping[str, str], seen: tuple[tuple[int, float], ...]) -> None:
        for (signal_id, number, groups), (vehicles, _) in zip(places, seen, strict=True):
            if signal_id not in signals or not vehicles or not counted():
                continue
            key = (signal_id, number)
            truth.passed[key] = truth.passed.get(key, 0) + vehicles
            if phase_of(network, signal_id, groups) is None:
                continue
            truth.arrived[key] = truth.arrived.get(key, 0) + vehicles
            if any(shown[signal_id][group] in GREEN_ASPECTS for group in groups):
                truth.on_green[key] = truth.on_green.get(key, 0) + vehicles

    return note


def _write_config(path: Path, network: RoadNetwork, signals: set[str]) -> None:
    """List the detectors twice, as counters and as what ``atspm`` takes arrivals from."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("DeviceId", "Phase", "Function", "Parameter"))
        for signal_id in sorted(signals):
            for number, connection in enumerate(network.signals[signal_id].connections, start=1):
                phase = phase_of(network, signal_id, connection.groups)
                writer.writerow((signal_id, phase or "", "Stopbar Count", number))
                if phase is not None:
                    writer.writerow((signal_id, phase, "Advance", number))


def our_counts(recorded: Recorded) -> dict[tuple[str, int], int]:
    """Return vehicles by signal and detector, as our reader counts them."""
    events = read_hires_log(recorded.log, "UTC")
    roles = [r for r in read_detector_roles(recorded.config) if r.function in COUNTING]
    counts = detector_counts(events, roles, 60, MIDNIGHT_UTC)
    total = np.nansum(counts.volume_veh, axis=0)
    names = [name.rsplit(":", 1) for name in counts.series_ids]
    return {(s, int(n)): int(v) for (s, n), v in zip(names, total, strict=True)}


def our_arrivals(recorded: Recorded) -> dict[tuple[str, int], tuple[int, int]]:
    """Return arrivals and arrivals on green by signal and phase, as ``performance`` has them."""
    events = read_hires_log(recorded.log, "UTC")
    roles = read_detector_roles(recorded.config)
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for device in events.devices:
        histories = phase_histories(events, device)
        for phase, seen in arrivals(events, histories, roles, device).items():
            on_green = int((seen.aspect == Aspect.GREEN).sum())
            found[device, phase] = (seen.time_s.size, on_green)
    return found


def atspm_says(recorded: Recorded, python: str) -> dict[str, list[list[object]]]:
    """Return what ``atspm`` makes of the log: rows of its actuations and arrivals on green."""
    asked = subprocess.run(
        [python, str(ORACLE), str(recorded.log), str(recorded.config)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if asked.returncode:
        raise RuntimeError(asked.stderr[-2000:])
    found: dict[str, list[list[object]]] = json.loads(asked.stdout.splitlines()[-1])
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """Arrivals on green of one seed by three judges, each as part of its arrivals.

    Attributes
    ----------
    seed
        Of the traffic.
    sumo, ours, atspm
        Parts from 0 to 1; NaN for ``atspm`` where it was not asked.
    worst_phase
        Greatest difference between ``atspm`` and us at a phase with `LEAST_ARRIVALS`, part.
    """

    seed: int
    sumo: float
    ours: float
    atspm: float
    worst_phase: float

    @property
    def ratio(self) -> float:
        """What ``atspm`` says over what we say."""
        return self.atspm / self.ours


def compare(recorded: Recorded, seed: int, python: str, say: Callable[[str], object]) -> Shares:
    """Compare what SUMO saw, what we make of the log, and what ``atspm`` makes of it.

    Parameters
    ----------
    recorded
        The log.
    seed
        Of its traffic.
    python
        An interpreter that has ``atspm``; empty to leave it out.
    say
        Takes lines.
    """
    for finding in recorded.findings:
        say(finding + "\n")
    truth, ours = recorded.truth, our_counts(recorded)
    ours_met = our_arrivals(recorded)
    passed, green = sum(truth.passed.values()), sum(truth.on_green.values())
    arrived = sum(truth.arrived.values())
    say(
        f"seed {seed}, SUMO:   {passed} vehicles at {len(truth.passed)} detectors; {green} of "
        f"{arrived} on green ({green / arrived:.4f}) where one phase alone serves the lane\n"
    )
    every, on = (sum(pair[at] for pair in ours_met.values()) for at in (0, 1))
    wrong = sum(ours.get(key, 0) != count for key, count in truth.passed.items())
    say(
        f"seed {seed}, ours:   {sum(ours.values())} vehicles; {on} of {every} on green "
        f"({on / every:.4f}); {wrong} detectors differ from SUMO\n"
    )
    if not python:
        return Shares(seed, green / arrived, on / every, math.nan, math.nan)
    said = atspm_says(recorded, python)
    theirs = {(str(d), int(str(n))): int(str(v)) for d, n, v in said["actuations"]}
    total = sum(int(str(row[2])) for row in said["arrivals"])
    share = sum(int(str(row[2])) * float(str(row[3])) for row in said["arrivals"]) / total
    differ = sum(theirs.get(key, 0) != count for key, count in ours.items())
    say(
        f"seed {seed}, atspm:  {sum(theirs.values())} vehicles; {share * total:.0f} of {total} on "
        f"green ({share:.4f}); {differ} detectors differ from ours\n"
    )
    apart = [
        abs(float(str(part)) - met[1] / met[0])
        for device, phase, _, part in said["arrivals"]
        if (met := ours_met.get((str(device), int(str(phase))), (0, 0)))[0] >= LEAST_ARRIVALS
    ]
    return Shares(seed, green / arrived, on / every, share, max(apart, default=0.0))


def main() -> None:
    """Print the comparison; exit with 1 where ``atspm`` and we part by more than `TOLERANCE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="cologne8")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--seeds", type=seeds_of, default=[11, 12, 13], help="such as 11-13")
    parser.add_argument("--folder", type=Path, default=Path("runs/hires"))
    parser.add_argument("--atspm", default="", help="an interpreter that has atspm and duckdb<2")
    given = parser.parse_args()
    setting = open_setting(given.scenario)
    say = sys.stdout.write
    found = []
    for seed in given.seeds:
        folder = given.folder / str(seed)
        recorded = record(setting, folder, seed, given.minutes, given.rate)
        found.append(compare(recorded, seed, given.atspm, say))
    ours = [abs(shares.ours / shares.sumo - 1.0) for shares in found]
    say(f"arrivals on green, ours over SUMO's: off by {100 * max(ours):.2f} % at most\n")
    if not given.atspm:
        return
    off = max(abs(shares.ratio - 1.0) for shares in found)
    phase = max(shares.worst_phase for shares in found)
    say(
        "arrivals on green, atspm over ours: "
        + ", ".join(f"{shares.ratio:.4f}" for shares in found)
        + f"; off by {100 * off:.2f} % at most (allowed {100 * TOLERANCE:g} %), at a single phase "
        f"by {100 * phase:.2f} points\n"
    )
    sys.exit(off > TOLERANCE)


if __name__ == "__main__":
    main()
