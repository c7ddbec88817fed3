"""How long people on foot wait at signals, by when walk is shown and nothing else.

Somebody may come at any moment, at every crossing alike. Who comes while walk is shown waits for
nothing, who comes after it until the next walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Site


@dataclass(slots=True)
class WalkWaits:
    """Stopwatches of all crossings of a street.

    Parameters
    ----------
    sites
        The signals.

    Attributes
    ----------
    begins_s, ends_s
        By signal and walk, when walks began and ended, s.
    """

    sites: Sequence[Site]
    begins_s: dict[tuple[str, int], list[float]] = field(init=False)
    ends_s: dict[tuple[str, int], list[float]] = field(init=False)
    _first_s: float | None = None
    _last_s: float = 0.0

    def __post_init__(self) -> None:
        keys = [(site.signal_id, k) for site in self.sites for k in range(len(site.walks))]
        self.begins_s = {key: [] for key in keys}
        self.ends_s = {key: [] for key in keys}

    def look(self, now_s: float, signal_id: str, walking: Sequence[bool]) -> None:
        """Take which walks of a signal are shown from now on."""
        self._first_s = now_s if self._first_s is None else self._first_s
        self._last_s = now_s
        for k, shown in enumerate(walking):
            begins_s, ends_s = (found[signal_id, k] for found in (self.begins_s, self.ends_s))
            running = len(begins_s) > len(ends_s)
            if shown and not running:
                begins_s.append(now_s)
            elif not shown and running:
                ends_s.append(now_s)

    def gaps_s(self, greens: bool = False) -> list[NDArray[np.float64]]:
        """Return for each crossing the times between walks, from the first to the last look, s.

        Parameters
        ----------
        greens
            Whether what was looked at were greens: people may then begin to walk up to the
            clearance time before a green ends, which favors a signal that does not know its ends.
        """
        assert self._first_s is not None
        found: list[NDArray[np.float64]] = []
        for site in self.sites:
            for k, walk in enumerate(site.walks):
                key = (site.signal_id, k)
                begins_s, ends_s = list(self.begins_s[key]), list(self.ends_s[key])
                if greens:
                    spans = zip(begins_s, [*ends_s, self._last_s], strict=False)
                    whole = [(b, e) for b, e in spans if e - b >= walk.walk_s + walk.clear_s]
                    begins_s = [b for b, _ in whole]
                    ends_s = [e - walk.clear_s for _, e in whole]
                else:
                    ends_s += [self._last_s] * (len(begins_s) - len(ends_s))
                left = np.array([self._first_s, *ends_s])
                next_s = np.array([*begins_s, self._last_s])
                found.append(np.maximum(next_s - left, 0.0))
        return found


def longest_s(gaps: Sequence[NDArray[np.float64]]) -> float:
    """Return the longest time between two walks, s; that of whoever comes as one ends."""
    return max((float(each.max()) for each in gaps), default=0.0)


def quantile_s(gaps: Sequence[NDArray[np.float64]], spans_s: float, share: float) -> float:
    """Return what a share of all who come at any moment wait at most, s.

    Parameters
    ----------
    gaps
        Times between walks of each crossing.
    spans_s
        How long each crossing was looked at, s.
    share
        0 to 1.
    """
    every = np.sort(np.concatenate(gaps)) if gaps else np.zeros(0)
    whole_s = spans_s * len(gaps)
    # In a gap somebody waits longer than w for all of it but its last w seconds.
    low_s, high_s = 0.0, float(every[-1]) if every.size else 0.0
    for _ in range(60):
        middle_s = 0.5 * (low_s + high_s)
        longer = float(np.maximum(every - middle_s, 0.0).sum())
        if longer > (1.0 - share) * whole_s:
            low_s = middle_s
        else:
            high_s = middle_s
    return high_s
