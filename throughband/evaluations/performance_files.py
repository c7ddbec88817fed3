"""The tables of ``throughband performance``: one CSV per kind of row, times on the local clock."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.performance.flow_profiles import FlowProfile
from engine.performance.phase_history import Termination
from engine.performance.signal import PhaseSummary, SignalPerformance
from throughband.reports.ring_barrier import RingSplit

DIGITS = 4


def local(time_s: float, zone: ZoneInfo, timespec: str = "seconds") -> str:
    """Return seconds since 1970 as local time with its offset."""
    moment = datetime.fromtimestamp(time_s, UTC).astimezone(zone)
    return moment.isoformat(sep=" ", timespec=timespec)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV; numbers to four digits, nothing where there is no number."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def write_performance_tables(
    folder: Path, signals: Sequence[SignalPerformance], zone: ZoneInfo
) -> None:
    """Write ``phases.csv``, ``intervals.csv``, ``services.csv`` and ``arrivals.csv``.

    Parameters
    ----------
    folder
        Where to.
    signals
        What was measured.
    zone
        Whose clock is written.
    """
    names = [field.name for field in fields(PhaseSummary)]
    write_table(
        folder / "phases.csv",
        names,
        ([getattr(row, name) for name in names] for one in signals for row in one.summary()),
    )
    interval = (
        "device", "phase", "begin", "known_s", "green_time_share", "arrived_veh", "green_share",
        "wait_s", "platoon_ratio", "greens", "judged", "failed",
    )  # fmt: skip
    write_table(
        folder / "intervals.csv",
        interval,
        (
            [
                local(row.begin_s, zone) if name == "begin" else getattr(row, name)
                for name in interval
            ]
            for one in signals
            for rows in one.intervals.values()
            for row in rows
        ),
    )
    write_table(
        folder / "services.csv",
        (
            "device", "phase", "green", "green_s", "yellow_s", "split_s", "programmed_split_s",
            "ended_by",
        ),
        (
            (
                one.device, phase, local(green, zone, "milliseconds"), yellow - green, red - yellow,
                split, programmed, Termination(reason).name.lower().replace("_", "-"),
            )
            for one in signals
            for phase, splits in one.splits.items()
            for green, yellow, red, split, programmed, reason in zip(
                splits.history.green_s.tolist(), splits.history.yellow_s.tolist(),
                splits.history.red_s.tolist(), splits.split_s.tolist(),
                splits.programmed_s.tolist(), splits.history.ended_by.tolist(), strict=True,
            )
        ),
    )  # fmt: skip
    write_table(
        folder / "arrivals.csv",
        ("device", "phase", "time", "since_red_s", "wait_s", "met"),
        (
            (one.device, phase, local(at, zone, "milliseconds"), into, wait, MET[met])
            for one in signals
            for phase, seen in one.arrivals.items()
            for at, into, wait, met in zip(
                seen.time_s.tolist(), seen.into_cycle_s.tolist(), seen.wait_s.tolist(),
                seen.aspect.tolist(), strict=True,
            )
        ),
    )  # fmt: skip


MET = {-1: "unknown", 0: "green", 1: "yellow", 2: "red"}


def write_profiles(path: Path, profiles: Iterable[tuple[str, str, FlowProfile]]) -> None:
    """Write cyclic flow profiles: signal, source, approach or phase, second, flow and green."""
    write_table(
        path,
        ("signal", "source", "name", "second", "flow_vph", "green"),
        (
            (signal, source, profile.name, second, flow, green)
            for signal, source, profile in profiles
            for second, (flow, green) in enumerate(
                zip(profile.flow_vph.tolist(), profile.green.tolist(), strict=True)
            )
        ),
    )


def write_rings(path: Path, rings: Iterable[tuple[str, Sequence[RingSplit]]]) -> None:
    """Write the phases of ring-and-barrier diagrams, with the rules they break."""
    names = [field.name for field in fields(RingSplit) if field.name != "broken"]
    write_table(
        path,
        ("signal", *names, "broken"),
        (
            (signal, *(getattr(row, name) for name in names), "; ".join(row.broken))
            for signal, rows in rings
            for row in rows
        ),
    )


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return value
