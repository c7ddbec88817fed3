"""Queues leaving their stop lines, from the high-resolution log of a real controller.

A log tells when detectors went on and off and what phases showed, not who had been standing. A
queue is taken to last from the begin of green until the first gap that is too long for one; a
platoon that closes up behind it is counted along, which makes a headway a little too long rather
than too short. Only phases of one signal's own protected movements are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.measures.discharge import LaneGreen
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.readers.hires_counts import COUNTING, DetectorRole
from network.readers.hires_events import (
    BEGIN_GREEN,
    BEGIN_YELLOW,
    DETECTOR_ON,
    HiresEvents,
)

LONGEST_GAP_S: Final = 3.5
"""Between vehicles of a queue; HCM surveys end a queue by eye, logs by a gap of 3 to 4 s."""

LATEST_FIRST_S: Final = 4.0
"""Who crosses later than this after green began was not waiting for it."""

LONGEST_GREEN_S: Final = 600.0
_SECOND: Final = np.timedelta64(1_000_000, "us")


def log_greens(
    events: HiresEvents, roles: Iterable[DetectorRole], network: RoadNetwork, where: str
) -> list[LaneGreen]:
    """Cut the crossings of counting detectors into the greens of their phases.

    Parameters
    ----------
    events
        The log.
    roles
        Which detector counts which movement in which phase. Several detectors of a movement are
        taken to lie on its lanes from the right on, in the order of their channels.
    network
        For the movements.
    where
        Name of the file of roles, for messages.

    Returns
    -------
    list of LaneGreen

    Raises
    ------
    CountError
        If a role names a movement the network does not have, or more detectors than lanes.
    InsufficientDataError
        If no counting detector has a phase and a movement, the log has no event of any of them,
        or its phases never turn green.
    """
    wanted = [role for role in roles if role.function in COUNTING and role.movement_id]
    if not wanted:
        raise InsufficientDataError(
            f"{where}: no detector counts at a stop line with its movement named; needed are rows "
            f"of the functions {', '.join(sorted(COUNTING))} with a movement"
        )
    lanes = _lanes(wanted, network, where)
    seconds = (events.time_utc - events.time_utc[:1]) / _SECOND if len(events) else np.zeros(0)
    greens: list[LaneGreen] = []
    heard = colored = False
    for role in wanted:
        if role.phase is None or role.device not in events.devices:
            continue
        of_device = events.device == events.devices.index(role.device)
        on = of_device & (events.code == DETECTOR_ON) & (events.parameter == role.channel)
        crossing_s = seconds[on]
        shown = _greens(events, of_device, role.phase, seconds)
        heard |= bool(crossing_s.size)
        colored |= bool(shown)
        lane, way = lanes[role]
        greens += _cut(lane, way, crossing_s, shown)
    if not heard:
        raise InsufficientDataError(
            f"the log has no event of the {len(wanted)} counting detectors in {where}; its devices "
            f"are {', '.join(events.devices[:5]) or 'none'}"
        )
    if not colored:
        raise InsufficientDataError(
            f"the log has no green (events {BEGIN_GREEN} and {BEGIN_YELLOW}) of the phases in "
            f"{where}; take a log with phase events"
        )
    return greens


def _lanes(
    roles: Sequence[DetectorRole], network: RoadNetwork, where: str
) -> dict[DetectorRole, tuple[str, str]]:
    """Find lane and connection of each detector."""
    by_movement: dict[str, list[DetectorRole]] = {}
    for role in roles:
        if role.movement_id not in network.movements:
            some = next(iter(network.movements), "")
            raise CountError(
                f"{where}: detector {role.detector_id!r} counts {role.movement_id!r}, which is no "
                f"movement of {network.name!r}; a movement is named as in {some!r}"
            )
        by_movement.setdefault(role.movement_id, []).append(role)
    found: dict[DetectorRole, tuple[str, str]] = {}
    for movement_id, own in by_movement.items():
        ways = sorted(network.movements[movement_id].connections, key=lambda c: c.from_lane)
        if len(own) > len(ways):
            raise CountError(
                f"{where}: {len(own)} detectors count {movement_id!r}; it has {len(ways)} lanes"
            )
        for role, way in zip(sorted(own, key=lambda r: r.channel), ways, strict=False):
            found[role] = (f"{way.from_link}_{way.from_lane}", way.connection_id)
    return found


def _greens(
    events: HiresEvents, of_device: NDArray[np.bool_], phase: int, seconds: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Pair begins of green with the begins of yellow that follow."""
    told = of_device & (events.parameter == phase)
    told &= np.isin(events.code, (BEGIN_GREEN, BEGIN_YELLOW))
    begin_s: float | None = None
    found: list[tuple[float, float]] = []
    for row in np.flatnonzero(told):
        if events.code[row] == BEGIN_GREEN:
            begin_s = float(seconds[row])
        elif begin_s is not None:
            if 0.0 < seconds[row] - begin_s <= LONGEST_GREEN_S:
                found.append((begin_s, float(seconds[row])))
            begin_s = None
    return found


def _cut(
    lane: str, way: str, crossing_s: NDArray[np.float64], shown: list[tuple[float, float]]
) -> Iterator[LaneGreen]:
    for number, (begin_s, end_s) in enumerate(shown):
        until_s = shown[number + 1][0] if number + 1 < len(shown) else np.inf
        until_s = min(until_s, end_s + LONGEST_GREEN_S)
        first, last = np.searchsorted(crossing_s, [begin_s, until_s])
        own = crossing_s[first:last]
        if not own.size or own[0] - begin_s > LATEST_FIRST_S:
            continue
        breaks = np.flatnonzero((np.diff(own) > LONGEST_GAP_S) | (own[1:] > end_s))
        waited = int(breaks[0]) + 1 if breaks.size else int(own.size)
        # Nobody tells whether somebody was left over: time after green cannot be measured.
        yield LaneGreen(lane, begin_s, end_s, own, (way,) * own.size, waited, False)
