"""One rule for counts that stopped: how old they may be to be planned from."""

from __future__ import annotations

from network.errors import StaleCountsError

STALE_INTERVALS = 2
"""So many intervals without one good count, and nothing is predicted or planned from them."""


def require_fresh(silent: int, interval_s: int, last_good: str) -> None:
    """Refuse counts whose newest intervals brought nothing.

    Parameters
    ----------
    silent
        How many of the newest intervals brought no good count of any detector.
    interval_s
        Length of an interval, s.
    last_good
        When the last interval with a good count began, in words.

    Raises
    ------
    StaleCountsError
        From `STALE_INTERVALS` silent intervals on.
    """
    if silent >= STALE_INTERVALS:
        raise StaleCountsError(
            f"no good count for {silent} intervals of {interval_s} s; the last one began "
            f"{last_good}. Flows are forecast, and plans made, from counts less than "
            f"{STALE_INTERVALS} intervals old"
        )
