"""The independent eye of the fault tests: what a cabinet runs, and what its lamps show.

A witness reads rows straight out of the cabinet's database with arithmetic of its own, never with
the bridge's codec, and compares lamps with `network.film`, which shares nothing with the
cabinet's lamp engine. The cabinet's conflict monitor is the third pair of eyes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.objects import OBJECTS
from network.film import Film
from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND

Street = tuple[int, int, bytes]
"""What a plan is on the street: cycle, coordinated phase, and the lamps from system zero on."""

EVENTS = {
    "firstCoordPhsGrnBegin": OffsetReference.BEGIN_GREEN,
    "firstCoordPhsGrnEnd": OffsetReference.BEGIN_YELLOW,
    "firstCoordPhsYelEnd": OffsetReference.END_YELLOW,
}
FREE_FROM = 254
"""Pattern numbers from here on are no rows: free, and flash."""


def on_street(plan: TimingPlan, phasing: Phasing) -> Street:
    """Return what a plan is on the street, however it is written down.

    The same cycle may be told from any phase on, and its offset by any event.
    """
    film = Film(plan, phasing)
    cycle_ds = plan.cycle_s * TENTHS_PER_SECOND
    begin_ds = plan.offset_s * TENTHS_PER_SECOND - film.reference_events()[0]
    # The second cycle: the film's first greens have nothing before them.
    lamps = np.roll(film.lamps[cycle_ds : 2 * cycle_ds], begin_ds, axis=0)
    return plan.cycle_s, plan.coordinated_phase, lamps.tobytes()


def stored_plan(cabinet: Cabinet, row: int) -> TimingPlan | None:
    """Return the plan in a row of a cabinet's database; None if it holds none that makes sense."""
    store, phasing = cabinet.store, cabinet.config.phasing
    split_row = store.number("patternSplitNumber", row)
    sequence_row = store.number("patternSequenceNumber", row)
    omitted = OBJECTS["splitMode"].number("phaseOmitted")
    served = [
        number
        for ring in phasing.rings
        for number in store.octets("sequenceData", sequence_row, ring)
        if store.number("splitMode", split_row, number) != omitted
    ]
    coordinated = [n for n in served if store.number("splitCoordPhase", split_row, n)]
    cycle_s = store.number("patternCycleTime", row)
    if not cycle_s or len(coordinated) != 1:
        return None
    reference = cabinet.config.plan_in_force.offset_reference
    sync = OBJECTS["patternCoordSyncPoint"]
    if store.has(sync.instance(row)):
        reference = EVENTS.get(sync.values[store.number(sync.name, row)], reference)
    return TimingPlan(
        cabinet.config.name,
        cycle_s,
        tuple(served),
        tuple(store.number("splitTime", split_row, n) for n in served),
        store.number("patternOffsetTime", row),
        coordinated[0],
        reference,
    )


class Witness:
    """Watches one cabinet, tenth by tenth.

    Parameters
    ----------
    cabinet
        Whom to watch.
    plans
        The only plans it may ever run.

    Attributes
    ----------
    cabinet, plans
        As given.
    found
        Sentences on everything that must not be; each once.
    ran
        The plans seen running, in the order of their first tenth.
    free_ds
        Tenths spent without coordination.
    """

    def __init__(self, cabinet: Cabinet, plans: Sequence[TimingPlan]) -> None:
        self.cabinet = cabinet
        self.plans = tuple(plans)
        self.found: list[str] = []
        self.ran: list[TimingPlan] = []
        self.free_ds = 0
        self._known = {on_street(plan, cabinet.config.phasing): plan for plan in plans}
        self._seen: dict[TimingPlan, TimingPlan | None] = {}
        self._looked: tuple[int, int] | None = None
        self.look()

    def step(self) -> None:
        """Let a tenth of a second pass and look."""
        self.cabinet.step()
        self.look()

    def look(self) -> None:
        """Look at what runs."""
        cabinet = self.cabinet
        if cabinet.monitor_fault:
            self.note(f"conflict monitor: {cabinet.monitor_fault}")
        pattern = cabinet.pattern
        if pattern >= FREE_FROM:
            self.free_ds += 1
        state = (pattern, cabinet.store.generation)
        if state == self._looked or pattern >= FREE_FROM:
            return
        self._looked = state
        plan = self.running()
        if plan is None:
            self.note(f"torn: pattern {pattern} runs {stored_plan(cabinet, pattern)}")
        elif plan not in self.ran:
            self.ran.append(plan)

    def running(self) -> TimingPlan | None:
        """Return which of the known plans runs; None if none of them, or no pattern at all."""
        if self.cabinet.pattern >= FREE_FROM:
            return None
        stored = stored_plan(self.cabinet, self.cabinet.pattern)
        if stored is None:
            return None
        if stored not in self._seen:
            phases = {p.number: p for p in self.cabinet.config.phasing.phases}
            playable = all(
                split_s * TENTHS_PER_SECOND > phases[n].clearance_ds
                for n, split_s in zip(stored.sequence, stored.splits_s, strict=True)
            )
            key = on_street(stored, self.cabinet.config.phasing) if playable else None
            self._seen[stored] = self._known.get(key) if key else None
        return self._seen[stored]

    def compare_with_film(self, plan: TimingPlan, most_cycles: int = 40) -> None:
        """Wait until the cabinet is in step and compare a whole cycle of lamps with the film."""
        cycle_ds = plan.cycle_s * TENTHS_PER_SECOND
        for _ in range(most_cycles * cycle_ds):
            if self.cabinet.in_step:
                break
            self.step()
        else:
            self.note(f"not in step within {most_cycles} cycles")
            return
        phasing = self.cabinet.config.phasing
        lamps = on_street(plan, phasing)[-1].decode()
        for _ in range(cycle_ds):
            at = self.cabinet.reference_ds % cycle_ds
            filmed = lamps[at * phasing.group_count : (at + 1) * phasing.group_count]
            if self.cabinet.aspects != filmed:
                self.note(f"{at} tenths into the cycle: {self.cabinet.aspects}, on film {filmed}")
                return
            self.step()

    def note(self, what: str) -> None:
        """Keep a sentence."""
        if what not in self.found:
            self.found.append(what)
