"""Splits in rings and barriers, and the instant of a cycle that an offset names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from network.inventory_signals import ControllerPhase, ReferencePoint


def in_order(phases: Sequence[ControllerPhase]) -> dict[int, dict[int, list[ControllerPhase]]]:
    """Return phases by barrier and ring, each ring's in order of position."""
    found: dict[int, dict[int, list[ControllerPhase]]] = {}
    for phase in sorted(phases, key=lambda p: (p.barrier, p.ring, p.position)):
        found.setdefault(phase.barrier, {}).setdefault(phase.ring, []).append(phase)
    return found


def barrier_sums(
    phases: Sequence[ControllerPhase], splits_ds: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Return each ring and the sum of its splits, tenths of a second."""
    sums: dict[int, int] = {}
    for phase in phases:
        sums[phase.ring] = sums.get(phase.ring, 0) + splits_ds[phase.number]
    return sorted(sums.items())


def fits(phases: Sequence[ControllerPhase], splits_ds: Mapping[int, int], cycle_ds: int) -> bool:
    """Tell whether rings meet at every barrier and the barriers fill the cycle.

    A ring that serves nothing between two barriers rests there.
    """
    total = 0
    for rings in in_order(phases).values():
        sums = {sum(splits_ds[phase.number] for phase in ring) for ring in rings.values()}
        if len(sums) != 1:
            return False
        total += sums.pop()
    return total == cycle_ds


def complete(
    phases: Sequence[ControllerPhase],
    splits_ds: Mapping[int, int],
    cycle_ds: int,
    references: Sequence[int],
) -> tuple[dict[int, int], str]:
    """Lengthen splits until the rings fill the cycle.

    The last phase before a barrier waits for the longest ring; what the barriers leave of the
    cycle goes to the reference phases, as coordinated phases get it on the street.

    Returns
    -------
    tuple
        Splits by phase, tenths of a second, and what was done, for a finding. Splits that need
        more than the cycle are given back as they are.
    """
    splits = dict(splits_ds)
    barriers = in_order(phases)
    done: list[str] = []
    total = 0
    for rings in barriers.values():
        sums = {ring: sum(splits[p.number] for p in members) for ring, members in rings.items()}
        longest = max(sums.values())
        total += longest
        for ring, members in rings.items():
            if sums[ring] < longest:
                last = members[-1].number
                splits[last] += longest - sums[ring]
                done.append(f"phase {last} was lengthened to the barrier")
    if total > cycle_ds:
        return dict(splits_ds), "they need more than the cycle and were left as they are"
    if total < cycle_ds:
        rest = cycle_ds - total
        home = next((p.barrier for p in phases if p.number in references), min(barriers))
        for members in barriers[home].values():
            numbers = [phase.number for phase in members]
            longer = next((n for n in numbers if n in references), numbers[-1])
            splits[longer] += rest
            done.append(f"phase {longer} was given the rest of the cycle")
    return splits, ", ".join(done) or "nothing was changed"


def local_starts_ds(
    phases: Sequence[ControllerPhase], splits_ds: Mapping[int, int]
) -> dict[int, int]:
    """Return when each phase begins, tenths of a second after the first barrier."""
    starts: dict[int, int] = {}
    begin = 0
    for rings in in_order(phases).values():
        longest = 0
        for members in rings.values():
            at = begin
            for phase in members:
                starts[phase.number] = at
                at += splits_ds[phase.number]
            longest = max(longest, at - begin)
        begin += longest
    return starts


def reference_event_ds(
    point: ReferencePoint,
    references: Sequence[int],
    phases: Sequence[ControllerPhase],
    starts_ds: Mapping[int, int],
    splits_ds: Mapping[int, int],
    cycle_ds: int,
) -> int | None:
    """Return the instant that an offset names, on the clock of the starts.

    Parameters
    ----------
    point, references
        The event, and the phases it is an event of.
    phases
        All phases.
    starts_ds, splits_ds
        Begin of green and split by phase, tenths of a second.
    cycle_ds
        Cycle, tenths of a second.

    Returns
    -------
    int or None
        Tenths of a second from 0 to below the cycle; None where a reference phase has no start.
    """
    by_number = {phase.number: phase for phase in phases}
    if not references or any(n not in starts_ds or n not in splits_ds for n in references):
        return None
    last = next(
        (
            a
            for a in references
            if all((starts_ds[a] - starts_ds[b]) % cycle_ds < splits_ds[b] for b in references)
        ),
        references[0],
    )
    green = starts_ds[last]
    if point is ReferencePoint.LAST_GREEN:
        return green % cycle_ds
    if point is ReferencePoint.BEGIN_GREEN:
        return (green - max((green - starts_ds[n]) % cycle_ds for n in references)) % cycle_ds
    before = []
    for number in references:
        phase = by_number[number]
        end = starts_ds[number] + splits_ds[number] - phase.red_clear_ds
        if point is not ReferencePoint.END_YELLOW:
            end -= phase.yellow_ds
        if point is ReferencePoint.BEGIN_FLASHING_WALK:
            end -= phase.ped_clear_ds or 0
        before.append((end - green) % cycle_ds)
    return (green + min(before)) % cycle_ds
