"""Units and conversions.

Times are seconds, lengths meters, speeds meters per second, flows vehicles per hour. Cycle,
split and offset are whole seconds; clearance intervals are kept in tenths of a second, the
resolution of NTCIP 1202 and of cabinet hardware.
"""

from __future__ import annotations

SECONDS_PER_HOUR = 3600.0
TENTHS_PER_SECOND = 10


def tenths(seconds: float) -> int:
    """Round a duration to whole tenths of a second.

    Parameters
    ----------
    seconds
        Duration in s.

    Returns
    -------
    int
        Duration in tenths of a second, half rounded up.
    """
    return int(seconds * TENTHS_PER_SECOND + 0.5)
