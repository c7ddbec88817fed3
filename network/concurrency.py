"""Rings side by side: what two rings of a plan show together, by algebra on their splits.

Each ring alone is judged by `network.safety` phase by phase. Here the instants at which rings
change are laid side by side, and every group's lamps are read off as lists of spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from network.phasing import GREEN_ASPECTS, Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

ORDER = "rusygG"
"""Of what two rings show one group, the street sees the one further to the right."""


@dataclass(frozen=True, slots=True)
class Span:
    """One picture of one ring: from begin to end, in tenths; `ending` is its phase, or 0."""

    begin_ds: int
    end_ds: int
    aspects: str
    ending: int


@dataclass(frozen=True, slots=True)
class Lamp:
    """What one group shows from begin to end, in tenths; `ending` is the phase behind a green."""

    begin_ds: int
    end_ds: int
    aspect: str
    ending: int


def tracks(plan: TimingPlan, phasing: Phasing) -> tuple[tuple[Span, ...], ...]:
    """Lay each ring's pictures of one cycle out in time.

    Parameters
    ----------
    plan
        A plan whose splits meet at the barriers.
    phasing
        Its signal's phases.

    Returns
    -------
    tuple of tuple of Span
        One entry per ring, each covering the cycle without gaps.
    """
    segments = phasing.segments(plan.sequence)
    laid: list[list[Span]] = [[] for _ in segments[0]]
    begin = 0
    for segment, onward in pairwise([*segments, segments[0]]):
        length = max(sum(plan.split_s(n) for n in ring) for ring in segment) * TENTHS_PER_SECOND
        for at, spans in enumerate(laid):
            ring, later = segment[at], onward[at] or (0,)
            if not ring:
                spans.append(Span(begin, begin + length, phasing.idle, 0))
            now = begin
            for number, following in pairwise([*ring, later[0]]):
                end = now + plan.split_s(number) * TENTHS_PER_SECOND
                spans += _of_phase(phasing, number, following, now, end)
                now = end
        begin += length
    return tuple(tuple(spans) for spans in laid)


def _of_phase(phasing: Phasing, number: int, following: int, begin: int, end: int) -> list[Span]:
    phase = phasing.phase(number)
    if following == number:
        return [Span(begin, end, phase.aspects, number)]
    now = end - phase.yellow_ds - phase.red_clear_ds
    spans = [Span(begin, now, phase.aspects, number)]
    for part in phasing.clearance(number, following):
        spans.append(Span(now, now + part.duration_ds, part.aspects, number))
        now += part.duration_ds
    return spans


def lamps(rings: tuple[tuple[Span, ...], ...], group: int) -> tuple[Lamp, ...]:
    """Return what a group shows over one cycle, equal neighbors joined.

    Parameters
    ----------
    rings
        As `tracks` returns them.
    group
        Signal group.
    """
    cuts = {span.begin_ds for spans in rings for span in spans}
    ends = {span.end_ds for spans in rings for span in spans}
    seen: list[Lamp] = []
    for begin, end in pairwise(sorted(cuts | ends)):
        shown = [_covering(spans, begin) for spans in rings]
        aspect = _brightest(*(span.aspects[group] for span in shown))
        # Of two rings that give green, the one that ends last decides how it ends.
        giving = [span for span in shown if span.aspects[group] in GREEN_ASPECTS]
        ending = max(giving, key=lambda span: span.end_ds).ending if giving else 0
        if seen and seen[-1].aspect == aspect:
            begin = seen.pop().begin_ds
        seen.append(Lamp(begin, end, aspect, ending))
    first, last = seen[0], seen[-1]
    if first is not last and first.aspect == last.aspect:
        # The cycle has no beginning: what runs over its end is one.
        begin = last.begin_ds - last.end_ds
        seen = [Lamp(begin, first.end_ds, first.aspect, first.ending), *seen[1:-1]]
    return tuple(seen)


def _brightest(*aspects: str) -> str:
    return max(aspects, key=ORDER.index)


def _covering(spans: tuple[Span, ...], instant: int) -> Span:
    return next(span for span in spans if span.begin_ds <= instant < span.end_ds)


def pictures(rings: tuple[tuple[Span, ...], ...]) -> Iterator[tuple[int, str]]:
    """Yield each picture that the rings show together, with the first ring's phase behind it.

    Parameters
    ----------
    rings
        As `tracks` returns them.
    """
    for instant in sorted({span.begin_ds for spans in rings for span in spans}):
        shown = [_covering(spans, instant) for spans in rings]
        yield shown[0].ending, "".join(map(_brightest, *(span.aspects for span in shown)))


@dataclass(frozen=True, slots=True)
class Loss:
    """The end of a group's green, in tenths.

    Attributes
    ----------
    phase
        The phase that ended it.
    yellow_at_ds, end_ds
        When yellow begins and ends.
    permissive
        Whether the green was a permissive one.
    regained
        Whether green comes right after the yellow, by a phase of another ring.
    """

    phase: int
    yellow_at_ds: int
    end_ds: int
    permissive: bool
    regained: bool


def losses(seen: tuple[Lamp, ...]) -> Iterator[Loss]:
    """Yield each end of a group's green.

    Parameters
    ----------
    seen
        A group's lamps, as `lamps` returns them.
    """
    for at, lamp in enumerate(seen):
        after, later = seen[(at + 1) % len(seen)], seen[(at + 2) % len(seen)]
        if lamp.aspect not in GREEN_ASPECTS or after.aspect in GREEN_ASPECTS | {"s"}:
            continue
        yellow_ds = after.end_ds - after.begin_ds if after.aspect == "y" else 0
        regained = after.aspect == "y" and later.aspect in GREEN_ASPECTS
        begin = lamp.end_ds
        yield Loss(lamp.ending, begin, begin + yellow_ds, lamp.aspect == "g", regained)
