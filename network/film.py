"""A plan on film: played like a controller does, one tenth of a second after the other."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from network.errors import PlanError
from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan

CYCLES_PLAYED = 3
TICKS_PER_S = 10

GREEN_LAMPS = [ord("G"), ord("g")]
BRIGHTNESS = np.array([ord("r"), ord("u"), ord("s"), ord("y"), ord("g"), ord("G")], dtype=np.uint8)
"""When two rings speak of one group the street sees the later of these."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One phase of one ring as it was played; a ring that serves nobody plays phase 0.

    Attributes
    ----------
    phase, following
        Numbers of the phase and of the one after it in its ring.
    begin, yellow_at, end
        Ticks at which its green begins, its clearance begins, and the next phase begins.
    """

    phase: int
    following: int
    begin: int
    yellow_at: int
    end: int


class Film:
    """Some cycles of a plan, tick by tick, from the first greens on.

    Parameters
    ----------
    plan
        The plan; its cycle and offset are not used, so that they can be compared with the film.
    phasing
        The signal's phases.

    Attributes
    ----------
    phases
        Those the plan serves, by number.
    pictures
        Each picture with the tick it begins at.
    rings
        The scenes of each ring.
    ticks, cycle
        Length of the film, and of its first turn through the sequence.
    lamps
        Aspect of each group as a character code, uint8[T, G].
    green
        Where a group has green, protected or permissive, bool[T, G].
    changes
        Ticks at which some lamp differs from the tick before.

    Raises
    ------
    PlanError
        The rings do not come to a barrier together.
    """

    def __init__(self, plan: TimingPlan, phasing: Phasing) -> None:
        self.plan = plan
        self.phasing = phasing
        self.phases = {number: phasing.phase(number) for number in plan.sequence}
        self._ring_of: dict[int, int] = {}
        turns = _turns(plan, phasing)
        self.rings: list[list[Scene]] = []
        tracks: list[npt.NDArray[np.uint8]] = []
        for ring, orders in enumerate(turns):
            scenes, track = self._play(orders)
            self.rings.append(scenes)
            tracks.append(track)
            for number, _, _ in orders:
                self._ring_of[number] = ring
        self.lamps = tracks[0]
        if len(tracks) > 1:
            ranks = [(track[..., None] == BRIGHTNESS).argmax(axis=-1) for track in tracks]
            self.lamps = BRIGHTNESS[np.max(ranks, axis=0)]
        self.ticks = len(self.lamps)
        self.cycle = self.ticks // CYCLES_PLAYED
        self.green: npt.NDArray[np.bool_] = np.isin(self.lamps, GREEN_LAMPS)
        self.changes: npt.NDArray[np.intp] = (
            np.flatnonzero((self.lamps[1:] != self.lamps[:-1]).any(axis=1)) + 1
        )
        begins = [0, *self.changes.tolist()]
        self.pictures = [(tick, self.lamps[tick].tobytes().decode()) for tick in begins]
        self._ends = [[scene.end for scene in scenes] for scenes in self.rings]
        self._found: dict[tuple[int, int], Scene] = {}

    def _play(
        self, orders: list[tuple[int, int, int]]
    ) -> tuple[list[Scene], npt.NDArray[np.uint8]]:
        """Play what one ring does: phases with what follows them and how long they last."""
        scenes: list[Scene] = []
        shown: list[tuple[str, int]] = []
        tick = 0
        for number, following, length in orders * CYCLES_PLAYED:
            clearance: list[tuple[str, int]] = []
            aspects = self.phasing.idle
            if number:
                phase = self.phases[number]
                aspects = phase.aspects
                least = phase.yellow_ds + phase.red_clear_ds
                if following == number:
                    # A phase that follows itself rests in green.
                    clearance = [(aspects, least)]
                else:
                    parts = self.phasing.clearance(number, following)
                    clearance = [(part.aspects, part.duration_ds) for part in parts]
            spent = sum(duration for _, duration in clearance)
            green = max(length - spent, 0)
            shown += [(aspects, green), *clearance]
            scenes.append(Scene(number, following, tick, tick + green, tick + green + spent))
            tick += green + spent
        rows = np.array([list(picture.encode()) for picture, _ in shown], dtype=np.uint8)
        return scenes, np.repeat(rows, [duration for _, duration in shown], axis=0)

    def scene(self, tick: int, group: int) -> Scene:
        """Return what was played up to a tick in the ring that a group listened to."""
        found = self._found.get((tick, group))
        if found is None:
            at = [self._scene_of(ring, tick) for ring in range(len(self.rings))]
            serving = [s for s in at if s.phase and self.phases[s.phase].serves(group)]
            # Of two rings that both serve it, the one that ends last decides how it ends.
            found = max(serving, key=lambda s: s.yellow_at) if serving else at[0]
            self._found[tick, group] = found
        return found

    def _scene_of(self, ring: int, tick: int) -> Scene:
        return self.rings[ring][bisect_left(self._ends[ring], tick)]

    def pair(self, tick: int, group: int) -> tuple[int, int]:
        """Return the phase played up to a tick for a group, and the one after it."""
        scene = self.scene(tick, group)
        return scene.phase, scene.following

    def greens_of(self, number: int) -> list[int]:
        """Return how long each green of a phase lasted."""
        return [scene.yellow_at - scene.begin for scene in self._played(number)]

    def reference_events(self) -> list[int]:
        """Return when the event that the offset speaks of happened."""
        scenes = self._played(self.plan.coordinated_phase)
        if self.plan.offset_reference is OffsetReference.BEGIN_GREEN:
            return [scene.begin for scene in scenes]
        if self.plan.offset_reference is OffsetReference.BEGIN_YELLOW:
            return [scene.yellow_at for scene in scenes]
        return [scene.yellow_at + self.phases[scene.phase].yellow_ds for scene in scenes]

    def _played(self, number: int) -> list[Scene]:
        ring = self._ring_of.get(number)
        return [s for s in self.rings[ring] if s.phase == number] if ring is not None else []

    def runs(self, mask: npt.NDArray[np.bool_]) -> list[tuple[int, int, int]]:
        """Return group, begin and end of each time that a mask holds, seen from begin to end."""
        found: list[tuple[int, int, int]] = []
        since: dict[int, int] = {}
        before, after = mask[self.changes - 1], mask[self.changes]
        for change, group in np.argwhere(before != after).tolist():
            tick = int(self.changes[change])
            if after[change, group]:
                since[group] = tick
            elif group in since:
                found.append((group, since.pop(group), tick))
        return found


def _turns(plan: TimingPlan, phasing: Phasing) -> list[list[tuple[int, int, int]]]:
    """Walk all rings through one cycle, barrier by barrier.

    Returns
    -------
    list
        For each ring, what it serves in turn: phase (0 for nobody), following phase, and length
        in ticks.
    """
    waiting: dict[int, list[int]] = {}
    for number in plan.sequence:
        waiting.setdefault(phasing.phase(number).ring, []).append(number)
    rings = sorted(waiting)
    length = {number: plan.split_s(number) * TICKS_PER_S for number in plan.sequence}
    played: dict[int, list[tuple[int, int]]] = {ring: [] for ring in rings}
    while any(waiting.values()):
        barrier = _next_barrier(phasing, [order for order in waiting.values() if order])
        spans: dict[int, int] = {}
        for ring in rings:
            served: list[int] = []
            while waiting[ring] and phasing.phase(waiting[ring][0]).barrier == barrier:
                served.append(waiting[ring].pop(0))
            played[ring] += [(number, length[number]) for number in served]
            if served:
                spans[ring] = sum(length[number] for number in served)
        if len(set(spans.values())) > 1:
            seconds = {ring: ticks / TICKS_PER_S for ring, ticks in spans.items()}
            raise PlanError(
                f"rings come to the end of barrier {barrier} after {seconds} s, not together"
            )
        for ring in rings:
            if ring not in spans:
                played[ring].append((0, next(iter(spans.values()))))
    return [
        [(n, after, ticks) for (n, ticks), (after, _) in pairwise([*order, order[0]])]
        for order in played.values()
    ]


def _next_barrier(phasing: Phasing, waiting: list[list[int]]) -> int:
    """Return a barrier that no ring has to wait for behind another one; the lowest, if several."""
    ahead = [[phasing.phase(number).barrier for number in order] for order in waiting]
    heads = sorted({barriers[0] for barriers in ahead})
    for barrier in heads:
        if not any(barriers[0] != barrier and barrier in barriers for barriers in ahead):
            return barrier
    raise PlanError(f"rings wait for each other at the barriers {heads}")
