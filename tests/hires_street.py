"""Controller logs made by hand: a fixed cycle with vehicles at chosen seconds of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from network.readers.hires_events import HiresEvents

CYCLE_S, GREEN_S, YELLOW_S, RED_CLEAR_S = 60.0, 30.0, 4.0, 2.0
MONDAY = datetime(2031, 3, 3, 7, tzinfo=UTC)
Row = tuple[float, int, int]
"""Seconds after the beginning, code and parameter."""


def service(at_s: float, phase: int = 2, green_s: float = GREEN_S, reason: int = 6) -> list[Row]:
    """Return the events of one green, which begins at a time and is followed by clearance."""
    yellow, red = at_s + green_s, at_s + green_s + YELLOW_S
    return [
        (at_s, 1, phase),
        (yellow, reason, phase),
        (yellow, 7, phase),
        (yellow, 8, phase),
        (red, 9, phase),
        (red, 10, phase),
        (red + RED_CLEAR_S, 11, phase),
    ]


def passage(at_s: float, channel: int, lasts_s: float = 0.5) -> list[Row]:
    """Return one vehicle on a detector."""
    return [(at_s, 82, channel), (at_s + lasts_s, 81, channel)]


def cycles(count: int, seconds: Sequence[float], channel: int = 5) -> list[Row]:
    """Return cycles of phase 2 with vehicles at the same seconds after each begin of green."""
    rows: list[Row] = []
    for k in range(count):
        rows += service(k * CYCLE_S)
        for second in seconds:
            rows += passage(k * CYCLE_S + second, channel)
    return rows


def log_of(
    rows: Sequence[Row],
    device: str = "A",
    start: datetime = MONDAY,
    more: HiresEvents | None = None,
) -> HiresEvents:
    """Return rows as the log of a device, behind another log if wanted."""
    ordered = sorted(rows, key=lambda row: row[0])
    zero = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us")
    time = zero + np.array([round(1e6 * at) for at, _, _ in ordered]).astype("timedelta64[us]")
    codes = np.array([code for _, code, _ in ordered])
    parameters = np.array([parameter for _, _, parameter in ordered])
    index = np.zeros(len(ordered), dtype=np.int32)
    if more is None:
        return HiresEvents((device,), time, index, codes, parameters)
    together = np.concatenate((more.time_utc, time))
    order = np.argsort(together, kind="stable")
    return HiresEvents(
        (*more.devices, device),
        together[order],
        np.concatenate((more.device, index + len(more.devices)))[order],
        np.concatenate((more.code, codes))[order],
        np.concatenate((more.parameter, parameters))[order],
    )
