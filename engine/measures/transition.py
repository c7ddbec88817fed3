"""What a controller does between two plans: cycles a little longer or shorter until in step.

A controller that takes up another plan finishes the old one up to a phase that both serve, and
goes on with the new plan from that phase. As a rule it is then out of step. Shortway correction
lengthens or shortens the cycles that follow, whichever is done sooner, by a bounded part of every
split and never below a phase's least (FHWA-HOP-08-024, chapter 6, transition modes; NTCIP 1202
v03 `coordCorrectionMode` leaves the bound to the device, common are 10 to 25 percent).

Not modeled: pedestrian calls that keep a green from being shortened, and controllers that wait
in the coordinated phase instead (dwell).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from network.phasing import Phasing
from network.timing import TimingPlan

MAX_CORRECTION = 0.2
"""Part of a split by which one cycle may lengthen or shorten it; the emulated controllers of
this project do the same."""


@dataclass(frozen=True, slots=True)
class Transition:
    """How one signal gets from a plan to the next.

    Attributes
    ----------
    phase
        The phase at whose beginning the plans change; None where no phase is common and the new
        plan begins with its own first.
    crossing_s
        When that is, s after system zero; not before the switch was due.
    cycles
        The new plan as it is served until in step, one plan a cycle, each beginning at the
        crossing phase; empty where it is in step at once. Their offsets mean nothing.
    late_s
        How long after its due time each of these cycles begins, modulo the new cycle, s.
    """

    phase: int | None
    crossing_s: int
    cycles: tuple[TimingPlan, ...]
    late_s: tuple[int, ...]

    @property
    def in_step_s(self) -> int:
        """When the new plan is in step, s after system zero."""
        return self.crossing_s + sum(plan.cycle_s for plan in self.cycles)

    def late_at_s(self, moment_s: float) -> int:
        """Return by how much the signal is late at a time, s; 0 once in step."""
        if not self.late_s:
            return 0
        late, end_s = self.late_s[0], float(self.crossing_s)
        for plan, found in zip(self.cycles, self.late_s, strict=True):
            if moment_s < end_s:
                return late
            late, end_s = found, end_s + plan.cycle_s
        return late if moment_s < end_s else 0


def transition(old: TimingPlan, new: TimingPlan, phasing: Phasing, switch_s: int) -> Transition:
    """Return how a signal gets from one plan, in step, to another.

    Parameters
    ----------
    old, new
        Plans of one signal.
    phasing
        Its phases.
    switch_s
        When the change is due, s after system zero.

    Returns
    -------
    Transition
        With no cycles if the new plan is in step where it takes over, as it is where the plans
        are equal.
    """
    phase = _common_phase(old, new, phasing)
    leave_s = old.begin_s(phasing) + (0 if phase is None else old.start_s(phase, phasing))
    enter_s = new.begin_s(phasing) + (0 if phase is None else new.start_s(phase, phasing))
    crossing_s = switch_s + (leave_s - switch_s) % old.cycle_s
    late_s = (crossing_s - enter_s) % new.cycle_s
    first = new if phase is None or len(phasing.rings) > 1 else _from(new, phase)
    cycles: list[TimingPlan] = []
    lates: list[int] = []
    change_s = _shortway(new, phasing, late_s)
    while late_s:
        step_s = (
            max(change_s[0], -late_s) if change_s[1] < 0 else min(change_s[0], new.cycle_s - late_s)
        )
        cycles.append(stretched(first, phasing, step_s))
        lates.append(late_s)
        late_s = (late_s + step_s) % new.cycle_s
    return Transition(phase, crossing_s, tuple(cycles), tuple(lates))


def transition_end_s(
    old: Mapping[str, TimingPlan],
    new: Mapping[str, TimingPlan],
    phasings: Mapping[str, Phasing],
    switch_s: int,
) -> int:
    """Return when the last signal is in step after a switch, s after system zero."""
    return max(
        [
            transition(old[name], plan, phasings[name], switch_s).in_step_s
            for name, plan in new.items()
            if name in old
        ],
        default=switch_s,
    )


def stretched(plan: TimingPlan, phasing: Phasing, seconds: int) -> TimingPlan:
    """Return a plan whose cycle is longer or, by a negative number, shorter.

    Parameters
    ----------
    plan, phasing
        The plan and its signal's phases.
    seconds
        Within what `most_longer_s` and `most_shorter_s` allow.

    Returns
    -------
    TimingPlan
        Every barrier group takes its part, every ring in it the same; no split below its least.
    """
    if seconds == 0:
        return plan
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    segments = phasing.segments(plan.sequence)
    if seconds > 0:
        lengths = [max(sum(splits[n] for n in ring) for ring in segment) for segment in segments]
        parts = _parts(seconds, lengths, [seconds] * len(lengths))
    else:
        most = [_segment_gives_s(segment, splits, phasing) for segment in segments]
        parts = _parts(-seconds, most, most)
    for segment, part in zip(segments, parts, strict=True):
        for ring in segment:
            if not ring:
                continue
            if seconds > 0:
                shares = _parts(part, [splits[n] for n in ring], [part] * len(ring))
            else:
                gives = [_gives_s(n, splits[n], phasing) for n in ring]
                shares = _parts(part, gives, gives)
            for number, share in zip(ring, shares, strict=True):
                splits[number] += share if seconds > 0 else -share
    return replace(
        plan,
        cycle_s=plan.cycle_s + seconds,
        splits_s=tuple(splits[n] for n in plan.sequence),
        offset_s=plan.offset_s % (plan.cycle_s + seconds),
    )


def most_longer_s(plan: TimingPlan) -> int:
    """Return by how much one cycle of a plan may be lengthened, s; 1 at least."""
    return max(1, int(plan.cycle_s * MAX_CORRECTION))


def most_shorter_s(plan: TimingPlan, phasing: Phasing) -> int:
    """Return by how much one cycle of a plan may be shortened, s; 0 where nothing is to spare."""
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    return sum(
        _segment_gives_s(segment, splits, phasing) for segment in phasing.segments(plan.sequence)
    )


def _shortway(plan: TimingPlan, phasing: Phasing, late_s: int) -> tuple[int, int]:
    """Return the most that a cycle is changed by, and its sign."""
    longer_s, shorter_s = most_longer_s(plan), most_shorter_s(plan, phasing)
    wait_s = plan.cycle_s - late_s
    if shorter_s and (-(-late_s // shorter_s), late_s) < (-(-wait_s // longer_s), wait_s):
        return -shorter_s, -1
    return longer_s, 1


def _common_phase(old: TimingPlan, new: TimingPlan, phasing: Phasing) -> int | None:
    """Return a phase at whose beginning every ring can change from one plan to the other.

    Side by side, that is only where rings begin together; there both plans keep the barriers.
    """
    if len(phasing.rings) > 1:
        return None
    candidates = (new.coordinated_phase, *new.sequence)
    return next((number for number in candidates if number in old.sequence), None)


def _from(plan: TimingPlan, phase: int) -> TimingPlan:
    """Return a stage plan that begins with another of its phases."""
    at = plan.sequence.index(phase)
    return replace(
        plan,
        sequence=plan.sequence[at:] + plan.sequence[:at],
        splits_s=plan.splits_s[at:] + plan.splits_s[:at],
    )


def _segment_gives_s(
    segment: Sequence[tuple[int, ...]], splits: Mapping[int, int], phasing: Phasing
) -> int:
    return min(sum(_gives_s(n, splits[n], phasing) for n in ring) for ring in segment if ring)


def _gives_s(number: int, split_s: int, phasing: Phasing) -> int:
    least_s = phasing.phase(number).min_split_s
    return max(0, min(split_s - least_s, int(split_s * MAX_CORRECTION)))


def _parts(whole: int, weights: Sequence[int], most: Sequence[int]) -> list[int]:
    """Divide whole seconds in proportion to weights, each part within its most."""
    total = max(1, sum(weights))
    parts = [min(whole * weight // total, top) for weight, top in zip(weights, most, strict=True)]
    rest = whole - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: (-(whole * weights[i] % total), i))
    while rest:
        for i in order:
            if rest and parts[i] < most[i]:
                parts[i] += 1
                rest -= 1
    return parts
