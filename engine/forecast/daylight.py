"""What the clock on the wall says of an interval: ordinary, missing in spring, double in autumn.

Counts are stored by the local clock of their source. In the night when clocks go forward an
hour does not exist, and sources fill it with nothing or next to nothing; in the night when
they go back an hour comes twice, and sources either add both or drop one.
"""

from __future__ import annotations

from datetime import MAXYEAR, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from engine.forecast import sensing_kernels as kernels
from network.errors import CountError


class ClockState(IntEnum):
    """What the local clock says of an interval."""

    ORDINARY = kernels.ORDINARY
    NOT_ON_THE_CLOCK = kernels.NOT_ON_THE_CLOCK
    TWICE_ON_THE_CLOCK = kernels.TWICE_ON_THE_CLOCK
    BESIDE_THE_GAP = kernels.BESIDE_THE_GAP


def clock_states(start: datetime, interval_s: int, intervals: int, zone: str) -> NDArray[np.uint8]:
    """Tell which local intervals do not exist, come twice, or touch one that does not exist.

    Parameters
    ----------
    start
        Local clock at the beginning of the first interval, without a time zone.
    interval_s
        Length of every interval, s.
    intervals
        How many there are.
    zone
        IANA name, ``Australia/Melbourne``.

    Returns
    -------
    ndarray
        A `ClockState` per interval. Intervals within one length of a missing hour are beside
        the gap: sources were seen to spill into them.

    Raises
    ------
    CountError
        If the zone is unknown, the start carries one, or the length or number is below 1.
    """
    if start.tzinfo is not None:
        raise CountError(f"the start {start.isoformat()} carries a time zone; allowed is none")
    if interval_s < 1 or intervals < 1:
        raise CountError(
            f"{intervals} intervals of {interval_s} s; allowed are whole numbers from 1"
        )
    try:
        place = ZoneInfo(zone)
        states = [
            _state(start + timedelta(seconds=interval_s * row), place) for row in range(intervals)
        ]
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CountError(f"time zone {zone!r} is unknown; allowed are IANA names") from error
    except OverflowError as error:
        raise CountError(
            f"{intervals} intervals of {interval_s} s from {start.isoformat()} go beyond the "
            f"year {MAXYEAR}"
        ) from error
    found = np.array(states, dtype=np.uint8)
    missing = found == ClockState.NOT_ON_THE_CLOCK
    beside = np.zeros_like(missing)
    # Two before: a source that writes the hour late by one interval spills into the one before.
    for step in (1, 2):
        beside[:-step] |= missing[step:]
    beside[1:] |= missing[:-1]
    found[beside & (found == ClockState.ORDINARY)] = ClockState.BESIDE_THE_GAP
    return found


def _state(local: datetime, place: ZoneInfo) -> ClockState:
    first, second = (local.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
    if first == second or first is None or second is None:
        return ClockState.ORDINARY
    # PEP 495: in a gap the earlier reading has the smaller offset, in a fold the larger one.
    return ClockState.NOT_ON_THE_CLOCK if first < second else ClockState.TWICE_ON_THE_CLOCK
