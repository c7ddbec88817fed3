"""The values in force beside the derived ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from network.derive.signal import DerivedSignal
from network.graph import Movement, Signal
from network.phasing import GREEN_ASPECTS, Phase, Phasing
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Difference:
    """A value in force that differs from the derived one; the one in force is kept.

    Attributes
    ----------
    signal_id
        The signal.
    where
        The phase in force, or the movement.
    quantity
        What differs.
    in_force, derived
        Both values.
    unit
        Their unit; empty for words.
    """

    signal_id: str
    where: str
    quantity: str
    in_force: float | str
    derived: float | str
    unit: str

    @property
    def text(self) -> str:
        """All of it as one sentence."""
        unit = f" {self.unit}" if self.unit else ""
        values = [
            f"{value:g}" if isinstance(value, float | int) else value
            for value in (self.in_force, self.derived)
        ]
        return (
            f"signal {self.signal_id!r}, {self.where}: {self.quantity} {values[0]}{unit} in force, "
            f"{values[1]}{unit} derived"
        )


def differences(signal: Signal, derived: DerivedSignal) -> tuple[Difference, ...]:
    """Compare what is in force with what was derived.

    Phases are compared with the derived phase that shares most of their green groups; stages
    of a program in force may have no counterpart, and then only treatments of movements differ.

    Parameters
    ----------
    signal
        The signal; without phases in force nothing differs.
    derived
        What was derived for it.

    Returns
    -------
    tuple of Difference
        By phase in force, then by movement.
    """
    if signal.phasing is None:
        return ()
    return (
        *_of_phases(signal, signal.phasing, derived),
        *_of_movements(signal, signal.phasing, derived),
    )


def _of_phases(signal: Signal, phasing: Phasing, derived: DerivedSignal) -> Iterator[Difference]:
    for phase in phasing.phases:
        other = _counterpart(phase, derived.phasing)
        if other is None:
            continue
        where = f"phase {phase.number}"
        if len(phasing.rings) > 1 and other.number != phase.number:
            yield Difference(
                signal.signal_id, where, "phase number", phase.number, other.number, ""
            )
        # A least green that must let people walk says what both parts say together.
        walks = bool(phase.walk_s or phase.ped_clear_s)
        values: list[tuple[str, float, float]] = [
            (
                "yellow change",
                phase.yellow_ds / TENTHS_PER_SECOND,
                other.yellow_ds / TENTHS_PER_SECOND,
            ),
            (
                "red clearance",
                phase.red_clear_ds / TENTHS_PER_SECOND,
                other.red_clear_ds / TENTHS_PER_SECOND,
            ),
            (
                "least green" if walks else "least green with walk",
                float(phase.min_green_s if walks else phase.least_green_s),
                float(other.min_green_s if walks else other.least_green_s),
            ),
        ]
        if walks:
            values += [
                ("walk", float(phase.walk_s), float(other.walk_s)),
                ("pedestrian clearance", float(phase.ped_clear_s), float(other.ped_clear_s)),
            ]
        for quantity, mine, theirs in values:
            if mine != theirs:
                yield Difference(signal.signal_id, where, quantity, mine, theirs, "s")


def _counterpart(phase: Phase, phasing: Phasing) -> Phase | None:
    """Return the phase most alike: greens shared over greens of either, protected twice."""

    def likeness(other: Phase) -> float:
        shared = either = 0
        for mine, theirs in zip(phase.aspects, other.aspects, strict=True):
            both = [aspect in GREEN_ASPECTS for aspect in (mine, theirs)]
            weight = 2 if "G" in (mine, theirs) else 1
            shared += weight if all(both) else 0
            either += weight if any(both) else 0
        return shared / either if either else 0.0

    if len(phase.aspects) != phasing.group_count:
        return None
    best = max(phasing.phases, key=lambda other: (likeness(other), -other.number))
    return best if likeness(best) > 0 else None


def _of_movements(signal: Signal, phasing: Phasing, derived: DerivedSignal) -> Iterator[Difference]:
    for movement in signal.movements:
        mine = _treatment(movement, phasing)
        theirs = _treatment(movement, derived.phasing)
        if mine != theirs:
            yield Difference(
                signal.signal_id,
                f"movement {movement.movement_id}",
                "right of way",
                mine,
                theirs,
                "",
            )


def _treatment(movement: Movement, phasing: Phasing) -> str:
    groups = [c.groups for c in movement.connections if c.groups]
    if not groups:
        return "no signal"
    shown: set[str] = set()
    for phase in phasing.phases:
        for group in groups:
            lamps = {phase.aspects[g] for g in group}
            if lamps <= GREEN_ASPECTS:
                shown.add("g" if "g" in lamps else "G")
    words = {"G": "protected", "g": "permissive"}
    return " and ".join(words[lamp] for lamp in sorted(shown)) or "never green"
