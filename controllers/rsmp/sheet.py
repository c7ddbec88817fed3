"""What an agency knows of an RSMP controller and the protocol does not tell.

RSMP numbers a controller's time plans and names neither their stages nor their green times; nor
what a dynamic band moves, nor any minimum green, yellow or intergreen. All of that is in the
signal plan sheets of the intersection, so it is given here, and a plan is expressed by what can be
changed over RSMP: the cycle time, the offset and the extensions of the bands of a numbered plan.

Two conventions differ from ours. The local cycle counter is ``c = (b + o) mod t`` of the base
counter ``b`` (SXL 1.2.1, S0001), so an offset there is a lead, not a lag. And it counts from the
beginning of the local cycle, not from an event of a coordinated phase. What ``b`` is counted from
is not laid down, only that it is synchronized between coordinated controllers: offsets between
controllers are right whatever it is, an offset to midnight only where the agency set it so.

How a controller makes room for a longer band is not laid down either (M0014 says that the start
of signal groups moves in the cycle and that the split of green time changes). Here a band makes
one stage longer by its extension and moves those after it, and the stages then fill the cycle
time; a controller whose bands do something else cannot be described by this sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controllers.driver import ObjectValue, PhaseLimits
from controllers.rsmp.signals import (
    BAND,
    BANDS,
    CYCLE,
    MOST_BANDED_PLAN,
    MOST_CYCLE_S,
    MOST_EXTENSION_S,
    MOST_PLAN,
    OFFSET,
)
from network.errors import ControllerError
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Band:
    """A dynamic band of a plan.

    Attributes
    ----------
    number
        Its number, 1 to 10.
    phase
        The phase it makes longer.
    most_s
        Greatest extension, whole seconds up to 99.
    """

    number: int
    phase: int
    most_s: int


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A time plan as the controller holds it.

    Attributes
    ----------
    number
        Its number.
    sequence
        Its stages as phase numbers, in order; the local cycle counter is `zero_s` when the first
        turns green.
    splits_s
        Split of each when all bands are 0, whole seconds, clearance included.
    bands
        Its dynamic bands, one per phase at most.
    zero_s
        Reading of the cycle counter when the first phase turns green.
    """

    number: int
    sequence: tuple[int, ...]
    splits_s: tuple[int, ...]
    bands: tuple[Band, ...] = ()
    zero_s: int = 0

    def __post_init__(self) -> None:
        where = f"stored plan {self.number}"
        most = MOST_BANDED_PLAN if self.bands else MOST_PLAN
        if not 1 <= self.number <= most:
            raise ControllerError(f"{where}: allowed are plans 1 to {most}")
        if not self.sequence or len(set(self.sequence)) != len(self.sequence):
            raise ControllerError(f"{where}: sequence {list(self.sequence)} is empty or repeats")
        if len(self.splits_s) != len(self.sequence) or min(self.splits_s) < 1 or self.zero_s < 0:
            raise ControllerError(f"{where}: every phase needs a split of at least 1 s")
        phases = [band.phase for band in self.bands]
        numbers = [band.number for band in self.bands]
        if not set(phases) <= set(self.sequence) or len(set(phases)) != len(phases):
            raise ControllerError(f"{where}: bands of phases {phases}; one per phase is allowed")
        if not set(numbers) <= set(BANDS) or len(set(numbers)) != len(numbers):
            raise ControllerError(f"{where}: bands {numbers}; allowed are 1 to {BANDS[-1]}, once")
        if not all(0 <= band.most_s <= MOST_EXTENSION_S for band in self.bands):
            raise ControllerError(f"{where}: bands reach up to {MOST_EXTENSION_S} s")

    def values(
        self, plan: TimingPlan, limits: Mapping[int, PhaseLimits]
    ) -> tuple[ObjectValue, ...]:
        """Return a timing plan as settings of this plan.

        Parameters
        ----------
        plan
            What the street shall do.
        limits
            The signal's phases; offsets that name another event than the beginning of green
            depend on their clearance.

        Raises
        ------
        ControllerError
            It cannot be expressed; one sentence says why.
        """
        turn = self._turn(plan)
        if sum(plan.splits_s) != plan.cycle_s or not 1 <= plan.cycle_s <= MOST_CYCLE_S:
            raise ControllerError(
                f"stored plan {self.number} cannot run the splits {list(plan.splits_s)} s in a "
                f"cycle of {plan.cycle_s} s; they must fill it, and {MOST_CYCLE_S} s is the most"
            )
        values = [
            ObjectValue(CYCLE, (self.number,), plan.cycle_s),
            ObjectValue(OFFSET, (self.number,), self._lead_s(plan, turn, limits)),
        ]
        bands = {band.phase: band for band in self.bands}
        for phase, stored_s in zip(self.sequence, self.splits_s, strict=True):
            extension_s = plan.split_s(phase) - stored_s
            band = bands.get(phase)
            most_s = band.most_s if band else 0
            if not 0 <= extension_s <= most_s:
                raise ControllerError(
                    f"stored plan {self.number} cannot give phase {phase} a split of "
                    f"{plan.split_s(phase)} s: it holds {stored_s} s, and "
                    + (f"its band adds 0 to {most_s} s" if band else "no band changes it")
                )
            if band:
                values.append(ObjectValue(BAND, (self.number, band.number), extension_s))
        return tuple(values)

    def _turn(self, plan: TimingPlan) -> tuple[int, ...]:
        """Return the plan's phases beginning with this plan's first one."""
        if set(plan.sequence) == set(self.sequence):
            first = plan.sequence.index(self.sequence[0])
            turn = plan.sequence[first:] + plan.sequence[:first]
            if turn == self.sequence:
                return turn
        raise ControllerError(
            f"stored plan {self.number} serves phases {list(self.sequence)} in turn, not "
            f"{list(plan.sequence)}; over RSMP stages can neither be left out nor reordered"
        )

    def _lead_s(
        self, plan: TimingPlan, turn: tuple[int, ...], limits: Mapping[int, PhaseLimits]
    ) -> int:
        """Return the offset that RSMP means for the plan's own."""
        before = turn[: turn.index(plan.coordinated_phase)]
        event_ds = (self.zero_s + sum(plan.split_s(n) for n in before)) * TENTHS_PER_SECOND
        if plan.offset_reference is not OffsetReference.BEGIN_GREEN:
            phase = limits[plan.coordinated_phase]
            event_ds += plan.split_s(plan.coordinated_phase) * TENTHS_PER_SECOND
            event_ds -= phase.red_clear_ds
            if plan.offset_reference is OffsetReference.BEGIN_YELLOW:
                event_ds -= phase.yellow_ds
        if event_ds % TENTHS_PER_SECOND:
            raise ControllerError(
                f"stored plan {self.number}: the {plan.offset_reference} of phase "
                f"{plan.coordinated_phase} falls between whole seconds, and offsets of RSMP are "
                "whole"
            )
        return (event_ds // TENTHS_PER_SECOND - plan.offset_s) % plan.cycle_s


@dataclass(frozen=True, slots=True)
class SiteSheet:
    """A controller as its agency knows it.

    Attributes
    ----------
    signal_id
        The signal it runs.
    site_id, component_id
        What it calls itself, and the component that its plans belong to.
    host
        The address it connects from; a site by that name from elsewhere is turned away.
    security_code
        Security code 2 of the controller, kept out of messages.
    phases
        Limits of its phases, all of one ring.
    plans
        Those of its time plans that may be used here.
    checksum
        The checksum of its traffic parameters (S0097) that this sheet describes; empty to not
        compare. Whether a controller counts offsets, cycle times and bands among them is not laid
        down: where it does, a checksum holds only until the first change.
    """

    signal_id: str
    site_id: str
    component_id: str
    host: str
    security_code: str = field(repr=False)
    phases: tuple[PhaseLimits, ...]
    plans: tuple[StoredPlan, ...]
    checksum: str = ""

    def __post_init__(self) -> None:
        where = f"sheet of signal {self.signal_id!r}"
        known = {phase.number for phase in self.phases}
        numbers = [plan.number for plan in self.plans]
        if not self.site_id or not self.component_id:
            raise ControllerError(f"{where}: site_id and component_id are needed")
        if len(known) != len(self.phases) or any(phase.ring != 1 for phase in self.phases):
            raise ControllerError(f"{where}: phases must differ and be of ring 1")
        if not numbers or len(set(numbers)) != len(numbers):
            raise ControllerError(f"{where}: plans {numbers}; at least one is needed, each once")
        for plan in self.plans:
            if not set(plan.sequence) <= known:
                raise ControllerError(
                    f"{where}: plan {plan.number} serves phases {list(plan.sequence)}; known are "
                    f"{sorted(known)}"
                )

    def plan(self, number: int) -> StoredPlan | None:
        """Return a stored plan, or None where the sheet has none of that number."""
        return next((plan for plan in self.plans if plan.number == number), None)
