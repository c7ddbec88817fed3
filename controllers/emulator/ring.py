"""One ring of a controller, in tenths of a second: a green, its clearance, the next green.

It does what it is told to: each green for a length given before, no phase after another without
the clearance between them. How long and together with whom is decided in `rings`.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.emulator.monitor import pictures
from network.phasing import Interval, Phasing

IDLE = 0
"""Phase number of a ring that serves nobody."""

Green = tuple[int, int]
"""A phase and how long its green lasts, in tenths of a second."""


class Ring:
    """What one ring shows, and when it moves on.

    Parameters
    ----------
    phasing
        Phases and the clearances between them.
    """

    def __init__(self, phasing: Phasing) -> None:
        self._phasing = phasing
        self.phase = IDLE
        """The phase in service, its clearance included; `IDLE` for none."""
        self.following = IDLE
        """The phase that its clearance leads to."""
        self.elapsed_ds = 0
        """How long it has been green since the rings crossed over, or since it began."""
        self.lit_ds = 0
        """How long it has been green in all."""
        self.served: set[int] = set()
        """What it has served since the rings crossed over."""
        self.leaving = False
        """Whether it clears, or has cleared, to cross over with the other rings."""
        self.queue: list[Green] = []
        """What it serves after the present phase, before it crosses over."""
        self._target_ds = 0
        self._clearing: tuple[Interval, ...] = ()
        self._left_ds = 0

    @property
    def aspects(self) -> str:
        """What it shows now."""
        if self._clearing:
            return self._clearing[0].aspects
        return self._phasing.phase(self.phase).aspects if self.phase else self._phasing.idle

    @property
    def next_phase(self) -> int:
        """The phase committed to be next; the present one while nothing is committed."""
        return self.following if self._clearing else self.phase

    @property
    def green(self) -> bool:
        """Whether the phase in service is green."""
        return self.phase != IDLE and not self._clearing

    @property
    def yellow(self) -> bool:
        """Whether the phase in service is in its yellow change."""
        if not self._clearing:
            return False
        return self.clearing_left_ds > self._phasing.phase(self.phase).red_clear_ds

    @property
    def clearing_left_ds(self) -> int:
        """How much of the clearance is still to come; 0 in green."""
        return self._left_ds + sum(interval.duration_ds for interval in self._clearing[1:])

    def begin(self, phase: int) -> None:
        """Cross over into a phase, or into idleness; a phase that rests just goes on."""
        self.served = set()
        self.leaving = False
        self._enter(phase)

    def resume(
        self, greens: Sequence[Green], splits_ds: Sequence[int], into_ds: int, onward: int
    ) -> None:
        """Stand somewhere in what is served between two barriers.

        Parameters
        ----------
        greens, splits_ds
            Everything that is served there, and the splits, which are green plus clearance.
        into_ds
            Time since the rings crossed over, less than all splits.
        onward
            What the last clearance leads to.
        """
        at = 0
        while into_ds >= splits_ds[at]:
            into_ds -= splits_ds[at]
            at += 1
        self.phase, self._target_ds = greens[at]
        self.served = {phase for phase, _ in greens[: at + 1]}
        self.queue = list(greens[at + 1 :])
        self.elapsed_ds = self.lit_ds = min(into_ds, self._target_ds)
        cleared_ds = into_ds - self._target_ds
        if cleared_ds < 0:
            return
        self.clear(onward)
        if not self._clearing:
            return
        while cleared_ds >= self._clearing[0].duration_ds:
            cleared_ds -= self._clearing[0].duration_ds
            self._clearing = self._clearing[1:]
            self._left_ds = self._clearing[0].duration_ds
        self._left_ds -= cleared_ds

    def intend(self, greens: Sequence[Green]) -> None:
        """Take over how long the present green, unless it is clearing, and the next ones last."""
        if self.green and greens:
            self._target_ds = greens[0][1]
            greens = greens[1:]
        self.queue = list(greens)

    def step(self) -> bool:
        """Move on by a tenth of a second; tell whether the green is over."""
        if self.phase == IDLE:
            return False
        if not self._clearing:
            self.elapsed_ds += 1
            self.lit_ds += 1
            return not self.leaving and self.elapsed_ds >= self._target_ds
        self._left_ds -= 1
        if self._left_ds == 0:
            if len(self._clearing) > 1:
                self._clearing = self._clearing[1:]
                self._left_ds = self._clearing[0].duration_ds
            elif not self.leaving:
                self._serve_next()
        return False

    def clear(self, onward: int) -> None:
        """End the green: towards what it has yet to serve, else to `onward` with all rings."""
        self.leaving = not self.queue
        self.following = onward if self.leaving else self.queue[0][0]
        if self.following == self.phase:
            # The only phase of its ring rests: nothing ends, nothing needs clearing.
            return
        self._clearing = pictures(self._phasing, self.phase, self.following)
        if self._clearing:
            self._left_ds = self._clearing[0].duration_ds
        elif not self.leaving:
            self._serve_next()

    def _serve_next(self) -> None:
        phase, self._target_ds = self.queue.pop(0)
        self._enter(phase)

    def _enter(self, phase: int) -> None:
        if phase != self.phase or self._clearing:
            self.lit_ds = 0
        self.elapsed_ds = 0
        self.phase = phase
        self._clearing = ()
        self._left_ds = 0
        self.served.add(phase)
