"""Programs of a signal, fast: allocated, and laid out as what its ways are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from engine.measures.street import Driving, Floats, Integers, Street
from engine.optimize import program_kernels as kernels
from engine.optimize import rings
from engine.optimize.problem import Choice
from engine.optimize.splits import allocate, coordinated_phase, needs
from network.phasing import Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Program:
    """Sequence, splits and cycle of a signal, without offset."""

    sequence: tuple[int, ...]
    splits_s: tuple[int, ...]
    cycle_s: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """A sequence as arrays for `program_kernels`."""

    least_cycle_s: int
    least_s: Integers
    segment: Integers
    ring: Integers
    items: tuple[Integers, Integers, Integers, kernels.Shown]
    coordinated: int
    need: Floats
    worth: Floats


class SignalPrograms:
    """What one signal may run, prepared for counting.

    Parameters
    ----------
    choice
        The signal.
    street
        The street under its demand.
    ways
        The signal's ways, as rows of the street.
    """

    def __init__(self, choice: Choice, street: Street, ways: Sequence[int]) -> None:
        self.choice = choice
        self._street = street
        self._rows = list(ways)
        groups = [street.ways[row].groups for row in ways]
        self._way_groups = np.full((len(groups), max(len(g) for g in groups)), -1, np.int32)
        for way, found in enumerate(groups):
            self._way_groups[way, : len(found)] = found
        self._layouts: dict[tuple[int, ...], _Layout] = {}

    def allocated(self, sequence: tuple[int, ...], cycle_s: int) -> Program | None:
        """Split a cycle as `splits.allocate` does; None where it does not fit."""
        layout = self._layout(sequence)
        if cycle_s < layout.least_cycle_s:
            return None
        if self.choice.bounds:
            plan = allocate(self.choice, sequence, cycle_s, self._street)
            return Program(sequence, plan.splits_s, cycle_s) if plan is not None else None
        splits = np.empty(len(sequence), np.int32)
        kernels.fill_splits(
            layout.least_s,
            layout.segment,
            layout.ring,
            layout.need,
            layout.worth,
            cycle_s,
            splits,
        )
        program = Program(sequence, tuple(splits.tolist()), cycle_s)
        return program if self.choice.lawful(self.plan(program, 0)) else None

    def moved(self, program: Program, steps_s: Sequence[int]) -> list[Program]:
        """Return the programs that take some seconds from a phase and give them to another."""
        splits = dict(zip(program.sequence, program.splits_s, strict=True))
        return [
            Program(program.sequence, tuple(found[n] for n in program.sequence), program.cycle_s)
            for step_s in steps_s
            for found in rings.moves(
                self.choice.phasing, program.sequence, splits, step_s, self.choice.bounds
            )
        ]

    def reordered(self, program: Program) -> list[Program]:
        """Return the programs that serve the same stages for as long in another order."""
        splits = dict(zip(program.sequence, program.splits_s, strict=True))
        return [
            Program(order, tuple(splits[number] for number in order), program.cycle_s)
            for order in self.choice.orders(program.sequence)
        ]

    def shown(self, program: Program, cycle_s: int) -> kernels.Shown:
        """Return [way, second of the common cycle] 1 protected, -1 permissive, 0 red."""
        found: kernels.Shown = self.shown_each([program], cycle_s)[0]
        return found

    def shown_each(self, programs: Sequence[Program], cycle_s: int) -> kernels.Shown:
        """Return `shown` of several programs, [program, way, second of the common cycle]."""
        driving: Driving = self._street.driving
        whole = np.empty((len(programs), len(self._rows), cycle_s), np.int8)
        at = 0
        for (sequence, own_s), alike in groupby(programs, lambda p: (p.sequence, p.cycle_s)):
            layout = self._layout(sequence)
            splits_s = np.array([program.splits_s for program in alike], np.int32)
            here = whole[at : at + len(splits_s)]
            found = here if own_s == cycle_s else np.empty((*here.shape[:2], own_s), np.int8)
            kernels.shown_each(
                layout.items,
                layout.segment,
                layout.ring,
                splits_s,
                self._way_groups,
                (driving.start_loss_s, driving.end_gain_s),
                found,
            )
            if own_s != cycle_s:
                here[:] = np.tile(found, (1, 1, cycle_s // own_s))
            at += len(splits_s)
        return whole

    def plan(self, program: Program, begin_s: int) -> TimingPlan:
        """Return the plan whose first phases begin at some second of system time.

        Where the offset is locked, that is kept instead.
        """
        held = self._held(program)
        if held is not None:
            return held
        coordinated = self._layout(program.sequence).coordinated
        plan = TimingPlan(
            self.choice.signal.signal_id,
            program.cycle_s,
            program.sequence,
            program.splits_s,
            0,
            coordinated,
        )
        offset_s = (begin_s + plan.start_s(coordinated, self.choice.phasing)) % program.cycle_s
        return TimingPlan(
            plan.signal_id,
            plan.cycle_s,
            plan.sequence,
            plan.splits_s,
            offset_s,
            coordinated,
        )

    def held_begin_s(self, program: Program) -> int | None:
        """Return when a program's first phases must begin, s; None where that is free."""
        held = self._held(program)
        return held.begin_s(self.choice.phasing) if held is not None else None

    def _held(self, program: Program) -> TimingPlan | None:
        hold = self.choice.hold
        pinned = hold.pinned(program.cycle_s) if hold is not None else None
        if pinned is None:
            return None
        return replace(pinned, sequence=program.sequence, splits_s=program.splits_s)

    def least_cycle_s(self, sequence: tuple[int, ...]) -> int:
        """Return the shortest cycle that holds a sequence, s."""
        return self._layout(sequence).least_cycle_s

    def _layout(self, sequence: tuple[int, ...]) -> _Layout:
        if sequence not in self._layouts:
            self._layouts[sequence] = _laid_out(self.choice, sequence, self._street, self._rows)
        return self._layouts[sequence]


_CODES = {"G": 2, "O": 2, "g": 1, "s": 1, "o": 1}


def _laid_out(
    choice: Choice, sequence: tuple[int, ...], street: Street, rows: Sequence[int]
) -> _Layout:
    phasing = choice.phasing
    segments = phasing.segments(sequence)
    place = {number: at for at, number in enumerate(sequence)}
    segment = np.zeros(len(sequence), np.int32)
    ring_of = np.zeros(len(sequence), np.int32)
    items: list[tuple[int, int, int, str]] = []
    for at, found in enumerate(segments):
        onward = segments[(at + 1) % len(segments)]
        for number, ring in enumerate(found):
            if not ring:
                items.append((number, kernels.IDLE - at, 0, phasing.idle))
                continue
            then = (*ring[1:], onward[number][0] if onward[number] else 0)
            alone = len(segments) == 1 and len(ring) == 1
            for phase, following in zip(ring, then, strict=True):
                segment[place[phase]], ring_of[place[phase]] = at, number
                items += _items(phasing, number, place[phase], phase, following, alone)
    _, need, worth = needs(choice, sequence, street, rows)
    codes = np.array([[_CODES.get(a, 0) for a in item[3]] for item in items], np.int8)
    numbers = np.array([item[:3] for item in items], np.int32)
    return _Layout(
        choice.least_cycle_s(sequence),
        np.array([phasing.phase(n).min_split_s for n in sequence], np.int32),
        segment,
        ring_of,
        (
            np.ascontiguousarray(numbers[:, 0]),
            np.ascontiguousarray(numbers[:, 1]),
            np.ascontiguousarray(numbers[:, 2]),
            codes,
        ),
        coordinated_phase(choice, sequence, street, rows),
        need,
        worth,
    )


def _items(
    phasing: Phasing, ring: int, place: int, phase: int, following: int, alone: bool
) -> list[tuple[int, int, int, str]]:
    aspects = phasing.phase(phase).aspects
    if alone:
        return [(ring, place, 0, aspects)]
    clearance = phasing.clearance(phase, following)
    spent_ds = phasing.phase(phase).clearance_ds
    assert sum(interval.duration_ds for interval in clearance) == spent_ds
    assert TENTHS_PER_SECOND == 10
    return [
        (ring, place, -spent_ds, aspects),
        *((ring, kernels.REST, i.duration_ds, i.aspects) for i in clearance),
    ]
