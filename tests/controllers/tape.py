"""A slow, plain second opinion on what a signal has shown, tenth by tenth.

A tape is read as a path through the phases: a green, one of its clearances to the letter, the
next green. Where pictures are ambiguous every reading is followed; a tape without any lawful
reading is unlawful.
"""

from __future__ import annotations

from network.phasing import Phasing

OLD_ENOUGH_DS = 10**6
"""Age given to the first green, whose beginning is not on the tape."""

Reading = tuple[int, int, int]
"""(phase, following, tenths): in a phase's green while `following` is 0, else in the clearance."""


def check_tape(phasing: Phasing, tape: list[str]) -> None:
    """Assert that a tape beginning in a green breaks no minimum green and no clearance."""
    numbers = [phase.number for phase in phasing.phases]
    clearances = {
        (a, b): [
            interval.aspects
            for interval in phasing.clearance(a, b)
            for _ in range(interval.duration_ds)
        ]
        for a in numbers
        for b in numbers
        if a != b
    }
    readings: set[Reading] = {
        (n, 0, OLD_ENOUGH_DS) for n in numbers if phasing.phase(n).aspects == tape[0]
    }
    for position, picture in enumerate(tape[1:], start=1):
        found: set[Reading] = set()
        for reading in readings:
            for after in _continuations(phasing, clearances, reading):
                phase, following, tenths = after
                shown = (
                    clearances[phase, following][tenths - 1]
                    if following
                    else phasing.phase(phase).aspects
                )
                if shown == picture:
                    found.add(after)
        readings = _longest(found)
        assert readings, f"no lawful reading of {picture} at tenth {position}"


def _continuations(
    phasing: Phasing, clearances: dict[tuple[int, int], list[str]], reading: Reading
) -> list[Reading]:
    phase, following, tenths = reading
    if following:
        if tenths < len(clearances[phase, following]):
            return [(phase, following, tenths + 1)]
        return [(following, 0, 1)]
    onward: list[Reading] = [(phase, 0, tenths + 1)]
    if tenths >= phasing.phase(phase).min_green_s * 10:
        for a, b in clearances:
            if a == phase:
                onward.append((a, b, 1) if clearances[a, b] else (b, 0, 1))
    return onward


def _longest(readings: set[Reading]) -> set[Reading]:
    """Keep the longest of the greens in one phase: it allows all that a shorter one does."""
    kept: dict[tuple[int, int, int], int] = {}
    for phase, following, tenths in readings:
        key = (phase, following, tenths if following else 0)
        kept[key] = max(tenths, kept.get(key, 0))
    return {(phase, following, tenths) for (phase, following, _), tenths in kept.items()}
