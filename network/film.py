"""A plan on film: played like a controller does, one tenth of a second after the other."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan

CYCLES_PLAYED = 3
TICKS_PER_S = 10

_GREEN = np.frombuffer(b"Gg", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Scene:
    """One phase as it was played.

    Attributes
    ----------
    phase, following
        Numbers of the phase and of the one after it.
    begin, yellow_at, end
        Ticks at which its green begins, its clearance begins, and the next phase begins.
    """

    phase: int
    following: int
    begin: int
    yellow_at: int
    end: int


class Film:
    """Some cycles of a plan, tick by tick, from the sequence's first green on.

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
    scenes
        Each phase as it was played.
    ticks, cycle
        Length of the film, and of its first turn through the sequence.
    lamps
        Aspect of each group as a character code, uint8[T, G].
    green
        Where a group has green, protected or permissive, bool[T, G].
    changes
        Ticks at which some lamp differs from the tick before.
    """

    def __init__(self, plan: TimingPlan, phasing: Phasing) -> None:
        self.plan = plan
        self.phasing = phasing
        self.phases = {number: phasing.phase(number) for number in plan.sequence}
        self.pictures: list[tuple[int, str]] = []
        self.scenes: list[Scene] = []
        lengths: list[int] = []
        tick = 0
        turns = len(plan.sequence)
        for turn in range(CYCLES_PLAYED * turns):
            phase = self.phases[plan.sequence[turn % turns]]
            following = plan.sequence[(turn + 1) % turns]
            clearance = phase.yellow_ds + phase.red_clear_ds
            green = max(plan.splits_s[turn % turns] * TICKS_PER_S - clearance, 0)
            shown = [(phase.aspects, green)]
            if following == phase.number:
                # A phase that follows itself rests in green.
                shown.append((phase.aspects, clearance))
            else:
                shown += [
                    (i.aspects, i.duration_ds) for i in phasing.clearance(phase.number, following)
                ]
            begin = tick
            for picture, length in shown:
                self.pictures.append((tick, picture))
                lengths.append(length)
                tick += length
            self.scenes.append(Scene(phase.number, following, begin, begin + green, tick))
        self.ticks = tick
        self.cycle = self.scenes[turns - 1].end
        rows = np.array([list(picture.encode()) for _, picture in self.pictures], dtype=np.uint8)
        self.lamps: npt.NDArray[np.uint8] = np.repeat(rows, lengths, axis=0)
        self.green: npt.NDArray[np.bool_] = np.isin(self.lamps, _GREEN)
        self.changes: npt.NDArray[np.intp] = (
            np.flatnonzero((self.lamps[1:] != self.lamps[:-1]).any(axis=1)) + 1
        )
        self._ends = [scene.end for scene in self.scenes]

    def pair(self, tick: int) -> tuple[int, int]:
        """Return the phase played at a tick and the one after it."""
        scene = self.scenes[bisect_right(self._ends, tick)]
        return scene.phase, scene.following

    def next_phase_at(self, tick: int) -> int:
        """Return when the phase after the present one begins its green."""
        return self._ends[bisect_right(self._ends, tick)]

    def greens_of(self, number: int) -> list[int]:
        """Return how long each green of a phase lasted."""
        return [scene.yellow_at - scene.begin for scene in self.scenes if scene.phase == number]

    def reference_events(self) -> list[int]:
        """Return when the event that the offset speaks of happened."""
        scenes = [scene for scene in self.scenes if scene.phase == self.plan.coordinated_phase]
        if self.plan.offset_reference is OffsetReference.BEGIN_GREEN:
            return [scene.begin for scene in scenes]
        if self.plan.offset_reference is OffsetReference.BEGIN_YELLOW:
            return [scene.yellow_at for scene in scenes]
        return [scene.yellow_at + self.phases[scene.phase].yellow_ds for scene in scenes]

    def runs(self, mask: npt.NDArray[np.bool_]) -> list[tuple[int, int, int]]:
        """Return group, begin and end of each time that a mask holds, seen from begin to end."""
        found: list[tuple[int, int, int]] = []
        since: dict[int, int] = {}
        before, after = mask[self.changes - 1], mask[self.changes]
        changes, groups = np.nonzero(before != after)
        begins = after[changes, groups].tolist()
        for at, group, begin in zip(
            self.changes[changes].tolist(), groups.tolist(), begins, strict=True
        ):
            if begin:
                since[group] = at
            elif group in since:
                found.append((group, since.pop(group), at))
        return found
