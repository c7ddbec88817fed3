"""How long a green lasts under actuation: its timers, and what may end it.

A green keeps its minimum and the time of the pedestrians it serves; then it gaps out, is maxed out
or forced off. What the rings do about it is decided in `actuated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controllers.emulator.calls import Calls
from controllers.emulator.controls import Controls
from controllers.emulator.demand import Demand
from controllers.emulator.force_offs import ForceOffs, Place
from controllers.emulator.phase_timing import PhaseTiming, Recall
from controllers.emulator.ring import FORCE_OFF, GAP_OUT, MAX_OUT, Ring
from controllers.emulator.sections import Program
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND


@dataclass(slots=True)
class Lane:
    """A ring and the timers of its present green.

    Attributes
    ----------
    ring, number
        The ring and its number in the phasing.
    passage_ds
        What is left of the passage time.
    maximum_ds
        How long a conflicting call has waited.
    idle_ds
        How long it has rested in red.
    gapped
        Whether it has gapped out in this green.
    waits
        Whether its green was already over a tenth ago.
    reason
        Why its green may end.
    """

    ring: Ring
    number: int
    passage_ds: int = 0
    maximum_ds: int = 0
    idle_ds: int = 0
    gapped: bool = False
    waits: bool = False
    reason: int = 0

    @property
    def cuts_short(self) -> bool:
        """Whether vehicles would still be coming if the green ended now."""
        return self.reason != GAP_OUT and self.passage_ds > 0

    def restart(self, passage_ds: int) -> None:
        """Begin to time another green."""
        self.passage_ds = passage_ds
        self.maximum_ds = self.idle_ds = self.reason = 0
        self.gapped = self.waits = False


class Greens:
    """Times the greens of a program.

    Parameters
    ----------
    phasing, program
        What runs.
    rings
        All rings of the signal.
    calls, controls
        Who asks for what.
    demand, force_offs
        What that comes to, and the clock of the program.
    """

    def __init__(
        self,
        phasing: Phasing,
        program: Program,
        rings: Sequence[Ring],
        calls: Calls,
        controls: Controls,
        demand: Demand,
        force_offs: ForceOffs,
    ) -> None:
        self._phasing = phasing
        self._program = program
        self._rings = rings
        self._calls = calls
        self._controls = controls
        self._demand = demand
        self._force_offs = force_offs

    def passage_ds(self, number: int) -> int:
        """Return the passage time of a phase; none for one that the program leaves out."""
        timing = self._program.timing.get(number)
        return timing.passage_ds if timing else 0

    def least_left_ds(self, ring: Ring) -> int:
        """Return what is left of a minimum green and of the pedestrians' time."""
        least_ds = self._phasing.phase(ring.phase).min_green_s * TENTHS_PER_SECOND
        return max(0, least_ds - ring.lit_ds, ring.on_foot_left_ds)

    def opposed(self, ring: Ring, called: set[int]) -> bool:
        """Tell whether anybody calls what cannot run beside a green."""
        places = self._force_offs.places
        place = places.get(ring.phase)
        if place is None:
            return bool(called - {ring.phase})
        return any(
            places[number].section != place.section
            or (places[number].ring == place.ring and number != ring.phase)
            for number in called
        )

    def time(self, lane: Lane, called: set[int]) -> None:
        """Run the timers of a green for a tenth of a second."""
        ring = lane.ring
        if self._calls.extended(ring.phase):
            lane.passage_ds = self.passage_ds(ring.phase)
        elif lane.passage_ds > 0:
            lane.passage_ds -= 1
        timing = self._program.timing.get(ring.phase)
        if timing is None:
            return
        opposed = self.opposed(ring, called)
        if opposed or timing.recall is Recall.MAXIMUM:
            lane.maximum_ds += 1
        else:
            lane.maximum_ds = 0
        self._time_pedestrians(ring, timing, opposed=opposed)

    def over(self, lane: Lane) -> bool:
        """Tell whether a green may end, and note why."""
        ring = lane.ring
        number = ring.phase
        timing, place = self._program.timing.get(number), self._force_offs.places.get(number)
        grace_ds = self._grace_ds(place) if place else 0
        if self.least_left_ds(ring) > grace_ds:
            return False
        if number in self._controls.numbers("phaseControlGroupHold"):
            return False
        omitted = number in self._demand.omitted
        if timing is None or place is None or omitted or self._forced(lane):
            lane.reason = FORCE_OFF
            return True
        clock = self._force_offs.clock
        if clock is not None:
            coordinated = number in self._program.coordinated
            due = clock.now_ds >= self._force_offs.due_ds(number) - grace_ds
            if not coordinated:
                due = due or (self._program.floating and ring.elapsed_ds >= place.green_ds)
            if due or coordinated:
                lane.reason = FORCE_OFF
                return due
        limit = self._limit(lane, timing)
        if limit is not None and lane.maximum_ds >= timing.maximum_ds[limit]:
            lane.reason = MAX_OUT
            return True
        gapped = lane.passage_ds == 0 and not self._calls.extended(number)
        lane.gapped = gapped or (lane.gapped and timing.keeps_gap)
        lane.reason = GAP_OUT
        return lane.gapped and timing.recall is not Recall.MAXIMUM

    def _time_pedestrians(self, ring: Ring, timing: PhaseTiming, *, opposed: bool) -> None:
        if not timing.walk_ds:
            return
        non_actuated = self._controls.walk_rest and self._demand.non_actuated(timing)
        rests = timing.rests_in_walk or non_actuated
        if rests and ring.walking and ring.walk_end_ds == ring.lit_ds + 1:
            if self._lasts(ring.phase, timing.ped_clear_ds + 2, opposed=opposed):
                ring.walk_end_ds += 1
        elif ring.on_foot_left_ds == 0 and ring.phase in self._calls.pedestrians():
            omitted = ring.phase in self._controls.numbers("phaseControlGroupPedOmit")
            time_ds = timing.walk_ds + timing.ped_clear_ds
            if not omitted and self._lasts(ring.phase, time_ds, opposed=opposed):
                ring.walk()
                self._calls.walked(ring.phase)

    def _lasts(self, phase: int, time_ds: int, *, opposed: bool) -> bool:
        """Tell whether a green surely lasts for a time, or nobody minds if it does."""
        clock = self._force_offs.clock
        recall = self._program.timing[phase].recall
        if clock is None or not (phase in self._program.coordinated or recall is Recall.MAXIMUM):
            return not opposed
        left_ds = self._force_offs.due_ds(phase) - clock.now_ds
        if left_ds < 0 and not opposed:
            left_ds += self._program.cycle_ds
        return time_ds <= left_ds

    def _grace_ds(self, place: Place) -> int:
        """Return how long before its end a green may be called over.

        Rings are done with their clearances together, so one with a short clearance before the
        barrier stays green while another already clears.
        """
        line = self._program.sections[place.section].rings[place.ring]
        if place.order < len(line) - 1:
            return 0
        longest_ds = max(
            self._phasing.phase(ring.phase).clearance_ds for ring in self._rings if ring.phase
        )
        return longest_ds - self._phasing.phase(line[place.order].phase).clearance_ds

    def _forced(self, lane: Lane) -> bool:
        by_phase = self._controls.numbers("phaseControlGroupForceOff")
        by_ring = self._controls.numbers("ringControlGroupForceOff")
        return lane.ring.phase in by_phase or lane.number in by_ring

    def _limit(self, lane: Lane, timing: PhaseTiming) -> int | None:
        """Return which maximum green is in effect, from 0; None while maxima are inhibited."""
        if lane.number in self._controls.numbers("ringControlGroupMaxInhibit"):
            return None
        if timing.limit == 0 and lane.number in self._controls.numbers("ringControlGroupMax2"):
            return 1
        return timing.limit
