"""The conflict monitor: an independent look at what the lamps show.

It knows every picture the phasing can lawfully produce, which picture may follow which, and how
long each must last. It shares nothing with the lamp engine but the phasing, and once tripped it
stays tripped.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from network.phasing import Interval, Phasing
from network.units import TENTHS_PER_SECOND


class ConflictMonitor:
    """Watches one signal.

    Parameters
    ----------
    phasing
        The phases and their clearances.
    aspects
        What is shown when watching begins; how long it has lasted is not known, so its
        minimum is not enforced.
    """

    def __init__(self, phasing: Phasing, aspects: str) -> None:
        self._least_ds: dict[str, int] = {}
        self._after: dict[str, set[str]] = {}
        for run in _lawful_runs(phasing):
            for shown, following in pairwise(run):
                self._after.setdefault(shown.aspects, set()).add(following.aspects)
            # The last picture of a run is the next phase's green, met again as a first one.
            for shown in run[:-1]:
                least = self._least_ds.setdefault(shown.aspects, shown.duration_ds)
                self._least_ds[shown.aspects] = min(least, shown.duration_ds)
        self._least_ds.setdefault(phasing.idle, 0)
        after_rest = self._after.setdefault(phasing.idle, set())
        after_rest.update(phase.aspects for phase in phasing.phases)
        self._aspects = aspects
        self._shown_ds: int | None = None
        self.fault = ""
        """What tripped the monitor; nothing while all is well."""

    def watch(self, aspects: str) -> None:
        """Take note of what is shown for this tenth of a second."""
        if self.fault:
            return
        if aspects == self._aspects:
            if self._shown_ds is not None:
                self._shown_ds += 1
            return
        if aspects not in self._after.get(self._aspects, ()):
            self.fault = f"{aspects} after {self._aspects}"
        elif self._shown_ds is not None and self._shown_ds < self._least_ds[self._aspects]:
            self.fault = f"{self._aspects} for {self._shown_ds / TENTHS_PER_SECOND} s only"
        self._aspects = aspects
        self._shown_ds = 1


def pictures(phasing: Phasing, current: int, following: int) -> tuple[Interval, ...]:
    """Return the clearance between two phases without intervals that last no time."""
    return tuple(i for i in phasing.clearance(current, following) if i.duration_ds)


def _lawful_runs(phasing: Phasing) -> Iterator[tuple[Interval, ...]]:
    """Yield, for each pair of phases, the pictures from one green to the other."""
    for current in phasing.phases:
        green = Interval(current.aspects, current.min_green_s * TENTHS_PER_SECOND)
        for following in phasing.phases:
            if following is not current:
                clearance = pictures(phasing, current.number, following.number)
                yield (green, *clearance, Interval(following.aspects, 0))
        # A ring that rests in red; from there it may go anywhere, see below.
        resting = pictures(phasing, current.number, 0)
        yield (green, *resting, Interval(phasing.idle, 0))
