"""What a signal shows: its pictures from phase to phase, and who crosses whom under them.

Nothing is judged here; `network.safety` and `network.ring_rules` do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from network.graph import Signal
from network.phasing import ASPECTS, GREEN_ASPECTS, Interval

_PROTECTED = {ord(aspect): "1" if aspect == "G" else "0" for aspect in ASPECTS}


class SignalPictures:
    """The pictures of one signal, prepared once to be looked at often.

    Parameters
    ----------
    signal
        The signal with its phases.
    """

    __slots__ = ("_crossing", "_groups", "_phases", "_signal")

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._phases = {p.number: p for p in signal.phasing.phases} if signal.phasing else {}
        position = {c.connection_id: i for i, c in enumerate(signal.connections)}
        self._groups = tuple(sum(1 << g for g in set(c.groups)) for c in signal.connections)
        # Two that cross are one pair, even where only one of them names the other.
        self._crossing = sorted(
            {
                (min(i, position[foe]), max(i, position[foe]))
                for i, c in enumerate(signal.connections)
                for foe in c.foes & position.keys()
            }
        )

    def clearance(self, a: int, b: int) -> tuple[Interval, ...]:
        """Return the clearance intervals from one phase to the next."""
        assert self._signal.phasing is not None
        # A phase that follows itself rests in green.
        return self._signal.phasing.clearance(a, b) if a != b else ()

    def shown(self, a: int, b: int) -> tuple[list[str], list[int]]:
        """Return the pictures from one phase to the next, and when each ends, tenths after green.

        Phase 0 stands for none.
        """
        clearance = self.clearance(a, b)
        pictures = [self._phases[a].aspects, *(i.aspects for i in clearance)]
        ends_ds = [0, *accumulate(i.duration_ds for i in clearance)]
        assert self._signal.phasing is not None
        return [*pictures, self._phases[b].aspects if b else self._signal.phasing.idle], ends_ds

    def losses(self, a: int, b: int) -> Iterator[tuple[int, int, int]]:
        """Yield each group that loses green, its yellow, and when that ends, in tenths."""
        pictures, ends_ds = self.shown(a, b)
        for group in range(len(self._phases[a].aspects)):
            lamps = [picture[group] for picture in pictures]
            for at in range(1, len(lamps)):
                # Turning on red after a stop follows green without yellow.
                if lamps[at - 1] in GREEN_ASPECTS and lamps[at] not in GREEN_ASPECTS | {"s"}:
                    end = at
                    while lamps[end] == "y":
                        end += 1
                    yield group, ends_ds[end - 1] - ends_ds[at - 1], ends_ds[end - 1]

    def gains(self, a: int, b: int) -> dict[int, int]:
        """Return when each group that gains protected green begins it, tenths after the green."""
        pictures, ends_ds = self.shown(a, b)
        begun_ds: dict[int, int] = {}
        for group in range(len(self._phases[a].aspects)):
            at = len(pictures)
            while at and pictures[at - 1][group] == "G":
                at -= 1
            if 0 < at < len(pictures):
                begun_ds[group] = ends_ds[at - 1]
        return begun_ds

    def groups_of(self, names: frozenset[str]) -> set[int]:
        """Return the signal groups of connections."""
        return {g for c in self._signal.connections if c.connection_id in names for g in c.groups}

    def clashes(self, aspects: str) -> Iterator[tuple[int, int]]:
        """Yield pairs of connections that cross and are both shown protected green, by position."""
        shown = int(aspects[::-1].translate(_PROTECTED), 2)
        protected = {i for i, groups in enumerate(self._groups) if groups and not groups & ~shown}
        for pair in self._crossing:
            if protected.issuperset(pair):
                yield pair
