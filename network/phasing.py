"""Phases of a signal and the clearance between them.

A *phase* here is what a controller gives green to at once: a set of movements, each with its
aspect. A stage-based program is one ring of phases. Aspects are written one character per
signal group, as SUMO does: ``G`` protected green, ``g`` permissive green (yields), ``s`` stop
then turn, ``y`` yellow, ``u`` red and yellow, ``r`` red.

Between phase *a* and phase *b* comes the clearance of *a*: yellow change, then red clearance.
A signal group that is green in both keeps its green throughout, as an overlap with both phases
included does in a North American cabinet. Where the program in force shows a clearance of its
own between two phases (staggered yellows, red and yellow), that one is kept to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from network.errors import TopologyError
from network.units import TENTHS_PER_SECOND

GREEN_ASPECTS = frozenset("Gg")
STEADY_ASPECTS = frozenset("Ggsr")
ASPECTS = frozenset("GgsyurOo")


@dataclass(frozen=True, slots=True)
class Interval:
    """One unchanging picture of a signal.

    Attributes
    ----------
    aspects
        One character per signal group.
    duration_ds
        Duration in tenths of a second.
    """

    aspects: str
    duration_ds: int


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a signal.

    Attributes
    ----------
    number
        Phase number in the controller, from 1.
    aspects
        Aspect of each signal group while the phase is green; only ``G g s r``.
    min_green_s
        Least green in whole seconds.
    yellow_ds, red_clear_ds
        Yellow change and red clearance in tenths of a second; together they make the clearance,
        a whole number of seconds.
    """

    number: int
    aspects: str
    min_green_s: int
    yellow_ds: int
    red_clear_ds: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise TopologyError(f"phase number {self.number} is below 1")
        if not self.aspects or set(self.aspects) - STEADY_ASPECTS:
            raise TopologyError(
                f"phase {self.number} shows {self.aspects!r}; a phase may show only G, g, s and r"
            )
        if self.min_green_s < 1:
            raise TopologyError(f"phase {self.number}: minimum green {self.min_green_s} s is < 1 s")
        if self.yellow_ds < 0 or self.red_clear_ds < 0:
            raise TopologyError(f"phase {self.number}: negative clearance")
        if (self.yellow_ds + self.red_clear_ds) % TENTHS_PER_SECOND:
            raise TopologyError(
                f"phase {self.number}: yellow and red clearance sum to "
                f"{self.yellow_ds + self.red_clear_ds} tenths, not to whole seconds"
            )

    @property
    def clearance_s(self) -> int:
        """Yellow change plus red clearance, in whole seconds."""
        return (self.yellow_ds + self.red_clear_ds) // TENTHS_PER_SECOND

    @property
    def min_split_s(self) -> int:
        """Least split: minimum green plus clearance."""
        return self.min_green_s + self.clearance_s

    def serves(self, group: int) -> bool:
        """Tell whether a signal group has green, protected or permissive."""
        return self.aspects[group] in GREEN_ASPECTS


@dataclass(frozen=True, slots=True)
class Phasing:
    """All phases a signal can show, and the clearances between them.

    Attributes
    ----------
    phases
        In the order of the program in force.
    fixed_clearances
        Clearance intervals that the program in force shows between two phases, keyed by their
        numbers. Each sums to the first phase's yellow plus red clearance.
    """

    phases: tuple[Phase, ...]
    fixed_clearances: Mapping[tuple[int, int], tuple[Interval, ...]]

    def __post_init__(self) -> None:
        if not self.phases:
            raise TopologyError("a signal needs at least one phase")
        numbers = [phase.number for phase in self.phases]
        if len(set(numbers)) != len(numbers):
            raise TopologyError(f"phase numbers {numbers} are not unique")
        widths = {len(phase.aspects) for phase in self.phases}
        if len(widths) != 1:
            raise TopologyError(f"phases disagree on the number of signal groups: {sorted(widths)}")
        for (a, b), intervals in self.fixed_clearances.items():
            phase = self.phase(a)
            self.phase(b)
            total_ds = sum(interval.duration_ds for interval in intervals)
            if total_ds != phase.yellow_ds + phase.red_clear_ds:
                raise TopologyError(
                    f"clearance {a}-{b} lasts {total_ds} tenths, phase {a} declares "
                    f"{phase.yellow_ds + phase.red_clear_ds}"
                )
        object.__setattr__(self, "fixed_clearances", MappingProxyType(dict(self.fixed_clearances)))

    def __reduce__(self) -> tuple[object, ...]:
        return (Phasing, (self.phases, dict(self.fixed_clearances)))

    @property
    def group_count(self) -> int:
        """Number of signal groups."""
        return len(self.phases[0].aspects)

    def phase(self, number: int) -> Phase:
        """Return the phase of that number; raise `TopologyError` if there is none."""
        for phase in self.phases:
            if phase.number == number:
                return phase
        known = ", ".join(str(phase.number) for phase in self.phases)
        raise TopologyError(f"no phase {number}; the signal has {known}")

    def clearance(self, current: int, following: int) -> tuple[Interval, ...]:
        """Return what the street sees between two phases.

        Parameters
        ----------
        current, following
            Phase numbers; equal numbers mean that the phase rests through its own clearance.

        Returns
        -------
        tuple of Interval
            Together as long as the current phase's yellow change plus red clearance.
        """
        if (current, following) in self.fixed_clearances:
            return self.fixed_clearances[current, following]
        ending, starting = self.phase(current), self.phase(following)
        yellow = "".join(
            _clearing_aspect(a, b, "y")
            for a, b in zip(ending.aspects, starting.aspects, strict=True)
        )
        red = "".join(
            _clearing_aspect(a, b, "r")
            for a, b in zip(ending.aspects, starting.aspects, strict=True)
        )
        intervals = (Interval(yellow, ending.yellow_ds), Interval(red, ending.red_clear_ds))
        return tuple(interval for interval in intervals if interval.duration_ds)


def _clearing_aspect(ending: str, starting: str, terminating: str) -> str:
    if ending in GREEN_ASPECTS:
        if starting in GREEN_ASPECTS:
            return "g" if "g" in (ending, starting) else "G"
        if terminating == "y":
            return "y"
        return "s" if starting == "s" else "r"
    # A group that gains its green waits for it; turning after a stop goes on meanwhile.
    return ending
