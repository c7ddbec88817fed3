"""When a device's counting periods end, learnt from its sequence number and its own clock.

The tables say that a period has ended, never when. Every look narrows that down: the sequence
has moved since the last one, or has not. Both numbers come in one message, so the time the
answer takes does not blur them. What does not fit, a restart or a clock that was set, begins the
learning anew, and the period under way then is not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from controllers.ntcip.detectors import SEQUENCES, Sighting

CLOCK_STEP_S: Final = 3.0
"""Between two looks, a device's clock may differ from ours by so much: whole seconds, and the
way of two answers."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished period.

    Attributes
    ----------
    end_utc_s
        When it ended, by the device's clock, in s since 1970.
    within_s
        By how much that may be off either way, s.
    skipped
        Finished periods between this one and the last that was told.
    """

    end_utc_s: float
    within_s: float
    skipped: int


class PeriodClock:
    """Tells when the periods of one device end.

    Attributes
    ----------
    trouble
        Why the last look told nothing although the sequence had moved; empty if it told.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self._last: Sighting | None = None
        self._last_s = 0.0
        self._low_s = 0.0
        self._high_s = 0.0

    def note(self, sighting: Sighting, our_utc_s: float) -> Ended | None:
        """Take note of a look; tell when the latest period ended, if one has.

        Parameters
        ----------
        sighting
            What the device said.
        our_utc_s
            Our clock at that moment, in s since 1970.

        Returns
        -------
        Ended or None
            None while no further period has ended, and where it cannot be told when.
        """
        last, self._last = self._last, sighting
        elapsed_s, self._last_s = our_utc_s - self._last_s, our_utc_s
        self.trouble = ""
        if last is None:
            self._begin(sighting, "")
            return None
        if sighting.period_s < 1:
            self._begin(sighting, "it counts nothing: its period is 0 s")
            return None
        if sighting.period_s != last.period_s or sighting.detectors != last.detectors:
            self._begin(
                sighting,
                f"its period went from {last.period_s} s to {sighting.period_s} s, its detectors "
                f"from {last.detectors} to {sighting.detectors}",
            )
            return None
        device_s = sighting.device_utc_s - last.device_utc_s
        if abs(device_s - elapsed_s) > CLOCK_STEP_S:
            self._begin(
                sighting,
                f"its clock moved by {device_s} s while ours moved by {elapsed_s:.1f} s",
            )
            return None
        periods = _periods(last, sighting, device_s)
        if periods is None:
            self._begin(
                sighting,
                f"its sequence went from {last.sequence} to {sighting.sequence} in {device_s} s: "
                "it has started anew",
            )
            return None
        period_s = sighting.period_s
        # The clock shows whole seconds: it is between this second and the next.
        low_s = max(self._low_s + periods * period_s, sighting.device_utc_s - period_s)
        high_s = min(self._high_s + periods * period_s, sighting.device_utc_s + 1.0)
        if low_s >= high_s:
            self._begin(sighting, "its periods do not follow one another evenly")
            return None
        self._low_s, self._high_s = low_s, high_s
        if not periods:
            return None
        return Ended(self._likely_s(period_s), (high_s - low_s) / 2, periods - 1)

    def _begin(self, sighting: Sighting, trouble: str) -> None:
        """Know nothing but that the latest period ended within its own length."""
        self.trouble = trouble
        self._low_s = float(sighting.device_utc_s - sighting.period_s)
        self._high_s = sighting.device_utc_s + 1.0

    def _likely_s(self, period_s: int) -> float:
        """Return the one round time that may be meant, or else the middle."""
        # At the lower bound it had not ended yet.
        first = (math.floor(self._low_s / period_s) + 1) * period_s
        if first <= self._high_s < first + period_s:
            return float(first)
        return (self._low_s + self._high_s) / 2


def _periods(last: Sighting, now: Sighting, device_s: int) -> int | None:
    """Return how many periods have ended in a time; None if the sequence does not fit it."""
    # By whole seconds at both ends, the true time is within a second of the difference.
    least = max(0, math.floor((device_s - 1) / now.period_s))
    most = math.ceil((device_s + 1) / now.period_s)
    moved = (now.sequence - last.sequence) % SEQUENCES
    fitting = [n for n in range(least, most + 1) if n % SEQUENCES == moved]
    return fitting[0] if len(fitting) == 1 else None
