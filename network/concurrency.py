"""Rings side by side: what two rings of a plan show together, by algebra on their splits.

Each ring alone is judged by `network.safety` phase by phase. Here the instants at which rings
change are laid side by side, and every group's lamps are read off as lists of spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    """What one group shows from begin to end, in tenths; `ending` is the phase behind it."""

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
    for at, segment in enumerate(segments):
        length = max(sum(plan.split_s(n) for n in ring) for ring in segment) * TENTHS_PER_SECOND
        onward = segments[(at + 1) % len(segments)]
        for spans, ring, later in zip(laid, segment, onward, strict=True):
            if not ring:
                spans.append(Span(begin, begin + length, phasing.idle, 0))
            now = begin
            for position, number in enumerate(ring):
                last = position == len(ring) - 1
                following = (later[0] if later else 0) if last else ring[position + 1]
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
    cuts = sorted({span.begin_ds for spans in rings for span in spans})
    ends = [*cuts[1:], max(span.end_ds for spans in rings for span in spans)]
    seen: list[Lamp] = []
    for begin, end in zip(cuts, ends, strict=True):
        shown = [_covering(spans, begin) for spans in rings]
        aspect = max((span.aspects[group] for span in shown), key=ORDER.index)
        # Of two rings that give green, the one that ends last decides how it ends.
        giving = [span for span in shown if span.aspects[group] in GREEN_ASPECTS]
        behind = giving or [span for span in shown if span.aspects[group] == aspect]
        best = max(behind, key=lambda span: span.end_ds)
        if seen and seen[-1].aspect == aspect:
            seen[-1] = Lamp(seen[-1].begin_ds, end, aspect, best.ending)
        else:
            seen.append(Lamp(begin, end, aspect, best.ending))
    if len(seen) > 1 and seen[0].aspect == seen[-1].aspect:
        # The cycle has no beginning: what runs over its end is one.
        last = seen.pop()
        cycle = last.end_ds
        seen[0] = Lamp(last.begin_ds - cycle, seen[0].end_ds, seen[0].aspect, seen[0].ending)
    return tuple(seen)


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
        together = zip(*(span.aspects for span in shown), strict=True)
        yield shown[0].ending, "".join(max(column, key=ORDER.index) for column in together)


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
