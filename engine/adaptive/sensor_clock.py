"""The sensors' clock as a controller hears it: what is news, and how old."""

from __future__ import annotations

from typing import Final

import numpy as np

SET_BACK_S: Final = 10.0
"""A message older than the newest by no more than this was overtaken on its way; by more, the
sensors' clock was set back, s."""
MOST_LATE_S: Final = 60.0
"""The longest latency of sensors (`engine.adaptive.sensing.Sensing`), s."""


class SensorClock:
    """Follows the clock of one signal's sensors, which may begin anew, as after a loss of power.

    A clock that was set back is a new one: what it tells is news from then on, and taken to be as
    old as the last news of the old one was. Clocks that are set forward are believed.
    """

    def __init__(self) -> None:
        self._heard_s = -np.inf
        self._late_s = 0.0
        self._behind_s = 0.0

    def stepped_s(self, seen_s: float) -> float:
        """Return by how much the clock was set back for this message, s; 0 where it was not."""
        back_s = self._heard_s - seen_s
        return float(back_s) if np.isfinite(back_s) and back_s > SET_BACK_S else 0.0

    def late_s(self, now_s: float, seen_s: float) -> float:
        """Return how old a message is, s; negative where its clock is ahead of ours.

        Parameters
        ----------
        now_s
            Our clock.
        seen_s
            When the sensors saw it, by theirs.
        """
        if self.stepped_s(seen_s):
            self._behind_s = now_s - seen_s - self._late_s
            self._heard_s = -np.inf
        late_s = now_s - seen_s - self._behind_s
        if self._behind_s and late_s < -SET_BACK_S:
            # One of the clocks was set right again.
            self._behind_s = 0.0 if 0.0 <= now_s - seen_s <= MOST_LATE_S else now_s - seen_s
            late_s = now_s - seen_s - self._behind_s
        if seen_s > self._heard_s:
            self._late_s = late_s
        return late_s

    def news(self, seen_s: float) -> bool:
        """Take a message in, and tell whether it had not been heard."""
        if self.stepped_s(seen_s):
            self._heard_s = -np.inf
        fresh = seen_s > self._heard_s
        self._heard_s = max(self._heard_s, seen_s)
        return fresh
