"""One ring of a controller, in tenths of a second: a green, its clearance, the next green.

It does what it is told to: each green for a length given before, no phase after another without
the clearance between them. How long and together with whom is decided in `rings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from controllers.emulator.monitor import pictures
from network.phasing import Interval, Phasing
from network.units import TENTHS_PER_SECOND

IDLE = 0
"""Phase number of a ring that serves nobody."""

Green = tuple[int, int]
"""A phase and how long its green lasts, in tenths of a second."""

GAP_OUT: Final = 0x08
MAX_OUT: Final = 0x10
FORCE_OFF: Final = 0x20
"""Why a green ended, as `ringStatus` shows it (NTCIP 1202 v03 clause 5.8.6.1)."""


class Watcher(Protocol):
    """Who must know when greens begin and end, and says whom pedestrians follow."""

    def began(self, phase: int) -> bool:
        """Take note of a green that begins; tell whether its pedestrians walk."""

    def ended(self, phase: int, *, cut_short: bool) -> None:
        """Take note of a green that has ended."""


class Ring:
    """What one ring shows, and when it moves on.

    Parameters
    ----------
    phasing
        Phases and the clearances between them.
    watcher
        Told of every green.
    """

    def __init__(self, phasing: Phasing, watcher: Watcher) -> None:
        self._phasing = phasing
        self._watcher = watcher
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
        self.reason = FORCE_OFF
        """Why the last green ended."""
        self.walk_ds: int | None = None
        """When in the green Walk began; None if nobody walks."""
        self.walk_end_ds = 0
        """When in the green Walk ends and the pedestrian clearance begins."""
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

    @property
    def walking(self) -> bool:
        """Whether Walk is shown."""
        return self.walk_ds is not None and self.green and self.lit_ds < self.walk_end_ds

    @property
    def on_foot_left_ds(self) -> int:
        """How long Walk and pedestrian clearance still last; 0 when nobody is on the road."""
        if self.walk_ds is None or not self.green:
            return 0
        clear_ds = self._phasing.phase(self.phase).ped_clear_s * TENTHS_PER_SECOND
        return max(0, self.walk_end_ds + clear_ds - self.lit_ds)

    def walk(self) -> None:
        """Begin Walk now."""
        self.walk_ds = self.lit_ds
        least_ds = self._phasing.phase(self.phase).walk_s * TENTHS_PER_SECOND
        self.walk_end_ds = self.lit_ds + least_ds

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
        self._light()
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

    def clear(self, onward: int, reason: int = FORCE_OFF, *, cut_short: bool = False) -> None:
        """End the green: towards what it has yet to serve, else to `onward` with all rings.

        Parameters
        ----------
        onward
            The phase behind the barrier, or `IDLE`.
        reason
            Why: `GAP_OUT`, `MAX_OUT` or `FORCE_OFF`.
        cut_short
            Whether vehicles were still coming.
        """
        self.leaving = not self.queue
        self.following = onward if self.leaving else self.queue[0][0]
        if self.following == self.phase:
            # The only phase of its ring rests: nothing ends, nothing needs clearing.
            return
        self.reason = reason
        self._watcher.ended(self.phase, cut_short=cut_short)
        self._clearing = pictures(self._phasing, self.phase, self.following)
        if self._clearing:
            self._left_ds = self._clearing[0].duration_ds
        elif not self.leaving:
            self._serve_next()

    def _serve_next(self) -> None:
        phase, self._target_ds = self.queue.pop(0)
        self._enter(phase)

    def _enter(self, phase: int) -> None:
        lights = phase != self.phase or bool(self._clearing)
        self.elapsed_ds = 0
        self.phase = phase
        self._clearing = ()
        self._left_ds = 0
        self.served.add(phase)
        if lights:
            self.lit_ds = 0
            self._light()

    def _light(self) -> None:
        self.walk_ds = None
        if self.phase != IDLE and self._watcher.began(self.phase):
            self.lit_ds = 0
            self.walk()
