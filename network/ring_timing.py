"""A controller's timing plan, brought to what a cabinet could run, in tenths of a second.

Timing sheets leave gaps: no splits in free operation, rings that miss each other at a barrier by
a rounded tenth, splits that do not fill the cycle, ring numbers that contradict the sums. A
`RingTiming` closes them the way an engineer at the cabinet would, and says each time that it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from network.errors import PlanError
from network.inventory_signals import (
    ControlKind,
    Controller,
    ControllerPhase,
    Coordination,
    ReferencePoint,
)
from network.units import TENTHS_PER_SECOND

DEFAULT_YELLOW_DS: Final = 40
DEFAULT_RED_DS: Final = 10
LEAST_GREEN_DS: Final = 10
UNLIMITED_GREEN_DS: Final = 300
"""Green of a phase without a maximum, unless its minimum is longer."""

NEMA_PLACES: Final = MappingProxyType(
    {
        number: ((number - 1) // 4 + 1, (number - 1) % 4 // 2 + 1, (number - 1) % 2 + 1)
        for number in range(1, 9)
    }
)
"""Ring, barrier and position of the eight phases of NEMA TS 2."""

Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RingTiming:
    """One cycle of a controller in tenths of a second.

    Attributes
    ----------
    phases
        Those of the plan, where they stand in this cycle; with a yellow change each.
    sequence
        Numbers of the phases served, ring by ring.
    splits_ds
        Split of each phase served; rings meet at every barrier and fill the cycle.
    cycle_ds
        Their sum.
    findings
        What had to be changed or assumed.
    """

    phases: tuple[ControllerPhase, ...]
    sequence: tuple[int, ...]
    splits_ds: Mapping[int, int]
    cycle_ds: int
    findings: tuple[str, ...]

    def phase(self, number: int) -> ControllerPhase:
        """Return a phase by its number."""
        return next(phase for phase in self.phases if phase.number == number)

    def start_ds(self, number: int) -> int:
        """Return when a phase begins green, after the first barrier."""
        served = [self.phase(n) for n in self.sequence]
        own = self.phase(number)
        elapsed = 0
        for barrier in sorted({phase.barrier for phase in served}):
            if barrier == own.barrier:
                break
            elapsed += max(_sums(served, self.splits_ds, barrier).values())
        for phase in served:
            if phase.number == number:
                return elapsed
            if (phase.ring, phase.barrier) == (own.ring, own.barrier):
                elapsed += self.splits_ds[phase.number]
        raise PlanError(f"phase {number} is not served; served are {list(self.sequence)}")

    def event_ds(self, reference: ReferencePoint, numbers: Iterable[int]) -> int:
        """Return when a reference point falls, after the first barrier.

        Parameters
        ----------
        reference
            The event.
        numbers
            The reference phases; those not served do not count, and without any the phase with
            the longest split is meant.
        """
        meant = [n for n in numbers if n in self.splits_ds] or [self.longest]
        starts = [self.start_ds(number) for number in meant]
        if reference is ReferencePoint.BEGIN_GREEN:
            return min(starts)
        if reference is ReferencePoint.LAST_GREEN:
            return max(starts)
        ends: list[int] = []
        for number, start in zip(meant, starts, strict=True):
            phase = self.phase(number)
            end = start + self.splits_ds[number] - phase.red_clear_ds
            if reference is not ReferencePoint.END_YELLOW:
                end -= phase.yellow_ds
            if reference is ReferencePoint.BEGIN_FLASHING_WALK:
                # A coordinated phase rests in walk, so its clearance runs right before yellow.
                end -= phase.ped_clear_ds or 0
            ends.append(end)
        return min(ends)

    @property
    def longest(self) -> int:
        """Number of the phase with the longest split, the lowest of equals."""
        return max(self.splits_ds, key=lambda number: (self.splits_ds[number], -number))


def ring_timing(controller: Controller, plan: Coordination) -> RingTiming:
    """Bring a timing plan to a cycle that its rings can run.

    Parameters
    ----------
    controller
        Whose other plans say where phases stand, should this one contradict itself.
    plan
        One of its plans. In free operation every phase takes its maximum green, as under steady
        demand (maximum recall).

    Raises
    ------
    PlanError
        If the plan serves no phase.
    """
    where = f"controller {controller.controller_id!r}, plan {plan.plan_id!r}"
    findings: list[str] = []
    phases = _with_clearance(plan.phases, where, findings)
    splits_ds = _splits(plan, phases, where, findings)
    if plan.splits_ds and plan.control is not ControlKind.PRETIMED:
        findings.append(
            f"{where}: {plan.control} in the source; played as pretimed, every phase for its "
            "whole split"
        )
    served = [phase for phase in phases if splits_ds.get(phase.number)]
    if not served:
        raise PlanError(f"{where}: serves no phase; a plan needs at least one")
    places = _places(controller, plan, served, splits_ds, where, findings)
    phases = tuple(_moved(phase, places) for phase in phases)
    served = [phase for phase in phases if splits_ds.get(phase.number)]
    served.sort(key=lambda phase: (phase.ring, phase.barrier, phase.position, phase.number))
    _meet(served, splits_ds, plan, where, findings)
    barriers = sorted({phase.barrier for phase in served})
    cycle_ds = sum(max(_sums(served, splits_ds, barrier).values()) for barrier in barriers)
    return RingTiming(
        phases,
        tuple(phase.number for phase in served),
        MappingProxyType({phase.number: splits_ds[phase.number] for phase in served}),
        cycle_ds,
        tuple(findings),
    )


def begins_ds(
    controllers: Iterable[Controller], timings: Mapping[str, RingTiming]
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Return when each controller's first barrier falls behind system zero.

    Parameters
    ----------
    controllers
        All that may refer to each other.
    timings
        Of each controller by name; those without one stay out.

    Returns
    -------
    begins_ds : mapping
        In tenths, 0 <= begin < cycle.
    findings : tuple of str
        References that cannot be followed.
    """
    known = {c.controller_id: c for c in controllers if c.controller_id in timings}
    events: dict[str, int] = {}
    findings: list[str] = []

    def event_ds(name: str, path: tuple[str, ...]) -> int:
        if name in events:
            return events[name]
        plan = known[name].plans[0]
        offset_ds = plan.offset_ds or 0
        master = plan.reference_controller
        if master and master != name:
            if master not in known or master in path:
                why = "refer to each other" if master in path else "has no timing"
                findings.append(
                    f"controller {name!r} counts its offset from {master!r}: "
                    + (f"they {why}" if master in path else f"it {why}")
                    + "; taken from system zero"
                )
            else:
                offset_ds += event_ds(master, (*path, name))
                if timings[master].cycle_ds != timings[name].cycle_ds:
                    findings.append(
                        f"controller {name!r} counts its offset from {master!r}, whose cycle is "
                        f"{timings[master].cycle_ds / TENTHS_PER_SECOND:g} s and not "
                        f"{timings[name].cycle_ds / TENTHS_PER_SECOND:g} s; they meet at zero only"
                    )
        events[name] = offset_ds
        return offset_ds

    begins: dict[str, int] = {}
    for name, controller in known.items():
        plan, timing = controller.plans[0], timings[name]
        event = timing.event_ds(plan.reference, plan.reference_phases)
        begins[name] = (event_ds(name, (name,)) - event) % timing.cycle_ds
    return begins, tuple(findings)


def _with_clearance(
    phases: Sequence[ControllerPhase], where: str, findings: list[str]
) -> tuple[ControllerPhase, ...]:
    found: list[ControllerPhase] = []
    for phase in phases:
        if not phase.yellow_ds:
            beside = [p for p in phases if p.barrier == phase.barrier and p.yellow_ds]
            model = max(beside or [p for p in phases if p.yellow_ds], key=_clearance, default=None)
            yellow_ds = model.yellow_ds if model else DEFAULT_YELLOW_DS
            red_ds = model.red_clear_ds if model else DEFAULT_RED_DS
            findings.append(
                f"{where}: phase {phase.number} has no yellow; took "
                f"{yellow_ds / TENTHS_PER_SECOND:g} s and {red_ds / TENTHS_PER_SECOND:g} s of red "
                + (f"from phase {model.number}" if model else "clearance")
            )
            phase = replace(
                phase, yellow_ds=yellow_ds, red_clear_ds=max(phase.red_clear_ds, red_ds)
            )
        found.append(phase)
    return tuple(found)


def _clearance(phase: ControllerPhase) -> int:
    return phase.yellow_ds + phase.red_clear_ds


def _splits(
    plan: Coordination, phases: Sequence[ControllerPhase], where: str, findings: list[str]
) -> dict[int, int]:
    if not plan.splits_ds:
        runs = "runs free" if plan.cycle_ds is None else "names no splits"
        findings.append(f"{where}: {runs}; every phase is given its maximum green")
        return {
            phase.number: _clearance(phase)
            + max(phase.max_green_ds or UNLIMITED_GREEN_DS, phase.min_green_ds, LEAST_GREEN_DS)
            for phase in phases
        }
    splits_ds: dict[int, int] = {}
    for phase in phases:
        split_ds = plan.splits_ds.get(phase.number, 0)
        if 0 < split_ds < _clearance(phase) + LEAST_GREEN_DS:
            least_ds = _clearance(phase) + max(phase.min_green_ds, LEAST_GREEN_DS)
            findings.append(
                f"{where}: split {split_ds / TENTHS_PER_SECOND:g} s of phase {phase.number} leaves "
                f"no green; lengthened to {least_ds / TENTHS_PER_SECOND:g} s"
            )
            split_ds = least_ds
        splits_ds[phase.number] = split_ds
    return splits_ds


def _sums(
    served: Sequence[ControllerPhase], splits_ds: Mapping[int, int], barrier: int
) -> dict[int, int]:
    """Return how long each ring takes between two barriers; rings without a phase stay out."""
    found: dict[int, int] = {}
    for phase in served:
        if phase.barrier == barrier:
            found[phase.ring] = found.get(phase.ring, 0) + splits_ds[phase.number]
    return found


def _places(
    controller: Controller,
    plan: Coordination,
    served: Sequence[ControllerPhase],
    splits_ds: Mapping[int, int],
    where: str,
    findings: list[str],
) -> Mapping[int, Place]:
    own = {phase.number: (phase.ring, phase.barrier, phase.position) for phase in served}
    if not plan.splits_ds:
        return own
    candidates: list[tuple[str, Mapping[int, Place]]] = [("", own)]
    candidates += [
        (
            f"those of plan {other.plan_id!r}",
            {p.number: (p.ring, p.barrier, p.position) for p in other.phases},
        )
        for other in controller.plans
        if other is not plan
    ]
    candidates.append(("the usual ones of eight phases", NEMA_PLACES))
    for what, places in candidates:
        if own.keys() <= places.keys() and _fits(places, served, splits_ds, plan.cycle_ds):
            if what:
                findings.append(
                    f"{where}: rings and barriers contradict splits and cycle; {what} fit and are "
                    "used"
                )
            return places
    return own


def _fits(
    places: Mapping[int, Place],
    served: Sequence[ControllerPhase],
    splits_ds: Mapping[int, int],
    cycle_ds: int | None,
) -> bool:
    moved = [_moved(phase, places) for phase in served]
    whole = 0
    for barrier in {phase.barrier for phase in moved}:
        sums = set(_sums(moved, splits_ds, barrier).values())
        if len(sums) != 1:
            return False
        whole += sums.pop()
    return cycle_ds is None or whole == cycle_ds


def _moved(phase: ControllerPhase, places: Mapping[int, Place]) -> ControllerPhase:
    if phase.number not in places:
        return phase
    ring, barrier, position = places[phase.number]
    return replace(phase, ring=ring, barrier=barrier, position=position)


def _meet(
    served: Sequence[ControllerPhase],
    splits_ds: dict[int, int],
    plan: Coordination,
    where: str,
    findings: list[str],
) -> None:
    """Lengthen splits until rings meet at the barriers and fill the cycle."""
    preferred = [n for n in plan.reference_phases if n in splits_ds]
    barriers = sorted({phase.barrier for phase in served})
    lengths = {b: max(_sums(served, splits_ds, b).values()) for b in barriers}
    whole_ds = sum(lengths.values())
    if plan.cycle_ds is not None and whole_ds != plan.cycle_ds:
        found = (
            f"{where}: splits sum to {whole_ds / TENTHS_PER_SECOND:g} s, the cycle is "
            f"{plan.cycle_ds / TENTHS_PER_SECOND:g} s"
        )
        if whole_ds < plan.cycle_ds:
            home = next((p.barrier for p in served if p.number in preferred), None)
            home = home or max(barriers, key=lambda barrier: lengths[barrier])
            lengths[home] += plan.cycle_ds - whole_ds
            findings.append(f"{found}; the rest goes to the coordinated phases")
        else:
            findings.append(f"{found}; the splits are kept, the cycle is theirs")
    for barrier in barriers:
        for ring, sum_ds in _sums(served, splits_ds, barrier).items():
            short_ds = lengths[barrier] - sum_ds
            if not short_ds:
                continue
            here = [p.number for p in served if (p.ring, p.barrier) == (ring, barrier)]
            taker = next((number for number in here if number in preferred), here[-1])
            splits_ds[taker] += short_ds
            findings.append(
                f"{where}: ring {ring} is {short_ds / TENTHS_PER_SECOND:g} s short of barrier "
                f"{barrier}; added to phase {taker}"
            )
