"""Drawings of one signal's plan: ring-and-barrier diagram, and lamps second by second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from network.errors import PlanError, TopologyError
from network.graph import Signal
from network.phasing import GREEN_ASPECTS, Phasing
from network.safety import check
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND
from throughband.reports.ring_barrier import RingSplit, ring_splits

WIDTH: Final = 1000.0
LEFT: Final = 46.0
RING: Final = 66.0
ROOM_FOR_WORDS: Final = 0.12
ROOM_FOR_SPLIT: Final = 0.045
LANE: Final = 12.0


@dataclass(frozen=True, slots=True)
class Box:
    """One phase as drawn."""

    x: float
    y: float
    width: float
    height: float
    title: str
    detail: str
    lamps: tuple[tuple[str, float, float], ...]
    least: float
    broken: bool


@dataclass(frozen=True, slots=True)
class Rings:
    """A ring-and-barrier diagram ready for the template."""

    boxes: tuple[Box, ...]
    barriers: tuple[float, ...]
    names: tuple[tuple[int, float], ...]
    ticks: tuple[tuple[int, float], ...]
    broken: tuple[str, ...]
    said: str
    height: float
    width: float = WIDTH


def rings_of(signal: Signal, plan: TimingPlan | None) -> Rings | None:
    """Draw a plan ring by ring, or return None where plan or phases are not known."""
    if plan is None or signal.phasing is None:
        return None
    try:
        rows = ring_splits(signal, plan)
    except PlanError:
        return None
    rings = sorted({row.ring for row in rows})
    longest = max(plan.cycle_s, *(row.start_s + row.split_s for row in rows))
    per_s = (WIDTH - LEFT - 12) / longest
    boxes = tuple(_box(row, rings.index(row.ring), longest, per_s) for row in rows)
    step = _step(longest)
    said = "; ".join(f"phase {row.phase} in ring {row.ring} {row.split_s} s" for row in rows)
    return Rings(
        boxes,
        tuple(LEFT + at * per_s for at in _barriers(plan, signal.phasing)),
        tuple((ring, 4 + at * RING + RING / 2) for at, ring in enumerate(rings)),
        tuple((t, LEFT + t * per_s) for t in range(0, longest + 1, step)),
        tuple(one.text for one in check(plan, signal)),
        f"Ring-and-barrier diagram, cycle {plan.cycle_s} s: {said}",
        4 + RING * len(rings) + 26,
    )


def _box(row: RingSplit, level: int, longest: int, per_s: float) -> Box:
    x = LEFT + row.start_s * per_s
    lamps: list[tuple[str, float, float]] = []
    at = x
    for kind, length in (("G", row.green_s), ("y", row.yellow_s), ("r", row.red_clear_s)):
        if length > 0:
            lamps.append((kind, at, length * per_s))
            at += length * per_s
    room = row.split_s / longest
    star = "*" if row.coordinated else ""
    title = f"{row.phase}{star}: {row.split_s} s" if room > ROOM_FOR_SPLIT else f"{row.phase}{star}"
    detail = ""
    if room > ROOM_FOR_WORDS:
        detail = f"green {row.green_s:g} s"
        if row.walk_s and room > 2 * ROOM_FOR_WORDS:
            detail += f", walk {row.walk_s} + {row.ped_clear_s} s"
    return Box(
        x, 4 + level * RING, row.split_s * per_s, RING - 8, title, detail, tuple(lamps),
        min(row.least_split_s, longest - row.start_s) * per_s, bool(row.broken),
    )  # fmt: skip


def _barriers(plan: TimingPlan, phasing: Phasing) -> list[int]:
    try:
        segments = phasing.segments(plan.sequence)
    except TopologyError:
        return []
    ends = [0]
    for segment in segments:
        ends.append(ends[-1] + max(sum(plan.split_s(n) for n in ring) for ring in segment))
    return ends


@dataclass(frozen=True, slots=True)
class Seconds:
    """Lamps of the phases over a cycle, in force and planned, with what differs marked."""

    rows: tuple[tuple[str, float, tuple[tuple[str, float, float], ...]], ...]
    marks: tuple[tuple[float, float, float], ...]
    ticks: tuple[tuple[int, float], ...]
    differing_s: int
    height: float
    said: str
    width: float = WIDTH


def seconds_of(
    signal: Signal, in_force: TimingPlan | None, planned: TimingPlan | None
) -> Seconds | None:
    """Draw what every phase shows each second after system zero, before above after.

    Returns
    -------
    Seconds or None
        None where a plan or the phases are not known. Under different cycles each repeats over
        the longer one, and everything after the first cycle differs by nature.
    """
    phasing = signal.phasing
    plans = [(name, plan) for name, plan in (("in force", in_force), ("planned", planned)) if plan]
    if phasing is None or not plans:
        return None
    longest = max(plan.cycle_s for _, plan in plans)
    per_s = (WIDTH - 2 * LEFT - 24) / longest
    left = 2 * LEFT
    shown = {
        name: {n: _phase_seconds(phasing, plan, n, longest) for n in _numbers(plans)}
        for name, plan in plans
    }
    rows: list[tuple[str, float, tuple[tuple[str, float, float], ...]]] = []
    marks: list[tuple[float, float, float]] = []
    y, differing = 14.0, set()
    for number in _numbers(plans):
        for name, _ in plans:
            spans, at = [], 0
            for kind, run in groupby(shown[name][number]):
                length = len(list(run))
                spans.append((kind, left + at * per_s, length * per_s))
                at += length
            rows.append((f"{number} {name}", y, tuple(spans)))
            y += LANE + 1
        if len(plans) == 2:
            pairs = zip(shown["in force"][number], shown["planned"][number], strict=True)
            at = 0
            for differs, stretch in groupby(a != b for a, b in pairs):
                length = len(list(stretch))
                if differs:
                    marks.append((left + at * per_s, y, length * per_s))
                    differing |= set(range(at, at + length))
                at += length
        y += 9
    step = _step(longest)
    return Seconds(
        tuple(rows),
        tuple(marks),
        tuple((t, left + t * per_s) for t in range(0, longest + 1, step)),
        len(differing),
        y + 22,
        f"In {len(differing)} of {longest} seconds some lamp differs.",
    )


def _numbers(plans: Sequence[tuple[str, TimingPlan]]) -> list[int]:
    return sorted({number for _, plan in plans for number in plan.sequence})


def _phase_seconds(phasing: Phasing, plan: TimingPlan, number: int, longest: int) -> list[str]:
    """Return G, y or r of a phase at each second from system zero, repeated over the longest."""
    if number not in plan.sequence:
        return ["r"] * longest
    phase = phasing.phase(number)
    lit = [at for at, aspect in enumerate(phase.aspects) if aspect in GREEN_ASPECTS]
    split = plan.split_s(number)
    begin = (plan.begin_s(phasing) + plan.start_s(number, phasing)) % plan.cycle_s
    yellow = -(-phase.yellow_ds // TENTHS_PER_SECOND)
    red = -(-phase.red_clear_ds // TENTHS_PER_SECOND)
    rests = len(plan.sequence) == 1
    green = split if rests or not lit else max(0, split - yellow - red)
    one = ["r"] * plan.cycle_s
    for t in range(split):
        kind = "G" if t < green else "y" if t < green + yellow else "r"
        one[(begin + t) % plan.cycle_s] = kind
    return [one[t % plan.cycle_s] for t in range(longest)]


def _step(longest: int) -> int:
    return next(s for s in (5, 10, 20, 30, 60) if longest / s <= 14 or s == 60)
