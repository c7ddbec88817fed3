"""A slow, plain second opinion on what a signal has shown, tenth by tenth.

A tape is read as a path through the phases: a green, one of its clearances to the letter, the
next green. Where pictures are ambiguous every reading is followed; a tape without any lawful
reading is unlawful. Where the signal was told to rest in red, a green may also lead to red,
which lasts for the red revert time at least and from which every green may follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.emulator.tables import RED_REVERT_DS
from network.phasing import Phasing

OLD_ENOUGH_DS = 10**6
"""Age given to the first green, whose beginning is not on the tape."""

Reading = tuple[int, int, int]
"""(phase, following, tenths): in a phase's green while `following` is `NONE`, else clearing."""

NONE = -1
RED = 0
"""What the rest in red is called where phases have numbers."""


def check_tape(phasing: Phasing, tape: list[str], told: Sequence[bool] = ()) -> None:
    """Assert that a tape beginning in a green breaks no minimum green and no clearance.

    Parameters
    ----------
    phasing, tape
        The signal and its pictures.
    told
        Of each picture, whether the signal was to rest in red; nothing for never.
    """
    numbers = [phase.number for phase in phasing.phases]
    clearances = {
        (a, b): [
            interval.aspects
            for interval in phasing.clearance(a, b)
            for _ in range(interval.duration_ds)
        ]
        for a in numbers
        for b in (*numbers, RED)
        if a != b
    }
    readings: set[Reading] = {
        (n, NONE, OLD_ENOUGH_DS) for n in numbers if phasing.phase(n).aspects == tape[0]
    }
    for position, picture in enumerate(tape[1:], start=1):
        found: set[Reading] = set()
        for reading in readings:
            rest = bool(told) and told[position]
            for after in _continuations(phasing, clearances, reading, rest=rest):
                phase, following, tenths = after
                if following != NONE:
                    shown = clearances[phase, following][tenths - 1]
                else:
                    shown = phasing.phase(phase).aspects if phase else phasing.idle
                if shown == picture:
                    found.add(after)
        readings = _longest(found)
        assert readings, f"no lawful reading of {picture} at tenth {position}"


def _continuations(
    phasing: Phasing,
    clearances: dict[tuple[int, int], list[str]],
    reading: Reading,
    *,
    rest: bool,
) -> list[Reading]:
    phase, following, tenths = reading
    if following != NONE:
        if tenths < len(clearances[phase, following]):
            return [(phase, following, tenths + 1)]
        return [(following, NONE, 1)]
    onward: list[Reading] = [(phase, NONE, tenths + 1)]
    if phase == RED:
        if tenths >= RED_REVERT_DS:
            onward += [(other.number, NONE, 1) for other in phasing.phases]
    elif tenths >= phasing.phase(phase).min_green_s * 10:
        for a, b in clearances:
            if a == phase and (b != RED or rest):
                onward.append((a, b, 1) if clearances[a, b] else (b, NONE, 1))
    return onward


def _longest(readings: set[Reading]) -> set[Reading]:
    """Keep the longest of the greens in one phase: it allows all that a shorter one does."""
    kept: dict[tuple[int, int, int], int] = {}
    for phase, following, tenths in readings:
        key = (phase, following, tenths if following != NONE else 0)
        kept[key] = max(tenths, kept.get(key, 0))
    return {(phase, following, tenths) for (phase, following, _), tenths in kept.items()}
