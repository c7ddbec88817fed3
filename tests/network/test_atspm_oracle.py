"""Oregon's ``atspm`` counts the same in a log of ours as our own reader.

It is not among the requirements. Where ``ATSPM_PYTHON`` names an interpreter that has it (with
a duckdb below 2, which it does not bear), it is asked.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bridge.hires import Recorded, Truth, atspm_says, our_arrivals, our_counts
from network.readers.hires_events import HiresEvents
from network.writers.hires_log import HiresLogFile

MINUTES = 14
CYCLE_S, GREEN_S, YELLOW_S, RED_CLEAR_S = 60, 25, 4, 1
BEGIN = np.datetime64("2026-05-04T00:00:00", "us")


def street(seed: int) -> HiresEvents:
    """Two phases in turn and vehicles at random, at two controllers."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, int, int, int]] = []
    for device in (0, 1):
        for begin_s in range(0, MINUTES * 60, CYCLE_S):
            for phase, from_s in ((2, 0), (4, CYCLE_S // 2)):
                at_s = begin_s + from_s
                for code, after_s in ((1, 0), (7, GREEN_S), (8, GREEN_S)):
                    rows.append((at_s + after_s, device, code, phase))
                ended_s = at_s + GREEN_S + YELLOW_S
                rows += [(ended_s, device, code, phase) for code in (9, 10)]
                rows.append((ended_s + RED_CLEAR_S, device, 11, phase))
        for detector in (1, 2, 3):
            times_s = np.cumsum(rng.integers(20, 200, 60)) / 10
            for time_s in times_s[times_s < MINUTES * 60 - 2]:
                rows += [(time_s, device, 82, detector), (time_s + 0.5, device, 81, detector)]
    rows.sort()
    times, devices, codes, parameters = zip(*rows, strict=True)
    stamps = BEGIN + (np.array(times) * 1e6).astype("timedelta64[us]")
    return HiresEvents(("101", "north"), stamps, devices, codes, parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2])
def test_it_counts_vehicles_and_arrivals_on_green_as_we_do(tmp_path: Path, seed: int) -> None:
    python = os.environ.get("ATSPM_PYTHON")
    if not python:
        pytest.skip("ATSPM_PYTHON names no interpreter with atspm")
    log, config = tmp_path / "log.csv", tmp_path / "detectors.csv"
    with HiresLogFile(log) as file:
        file.append(street(seed))
    with config.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("DeviceId", "Phase", "Function", "Parameter"))
        for device in ("101", "north"):
            for detector, phase in ((1, 2), (2, 2), (3, 4)):
                writer.writerow((device, phase, "Stopbar Count", detector))
                writer.writerow((device, phase, "Advance", detector))
    recorded = Recorded(log, config, Truth(), ())
    said = atspm_says(recorded, python)
    theirs = {(str(d), int(str(n))): int(str(total)) for d, n, total in said["actuations"]}
    assert theirs == our_counts(recorded)
    arrivals = {
        (str(d), int(str(p))): (int(str(every)), round(int(str(every)) * float(str(share))))
        for d, p, every, share in said["arrivals"]
    }
    # Where none came on green atspm tells nothing at all.
    assert arrivals == {key: pair for key, pair in our_arrivals(recorded).items() if pair[1]}
    assert sum(every for every, _ in arrivals.values()) > 100
