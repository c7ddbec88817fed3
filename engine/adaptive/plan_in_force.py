"""The plan in force as a controller, so that it can be played, and interrupted, like any other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.adaptive.control import Site, View
from engine.adaptive.turns import Turns
from network.graph import RoadNetwork, Signal
from network.units import TENTHS_PER_SECOND


class PlanInForce:
    """Wishes for what the plan in force shows at this moment of its cycle.

    After an interruption the clock goes on: the signal is back in step as soon as least greens
    and clearances allow. Signals without a plan stay as they are.

    Parameters
    ----------
    network
        The roads, with the plans.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self._network = network
        self._clocks: dict[str, PlanClock] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._clocks = {
            site.signal_id: PlanClock(site, self._network.signals[site.signal_id])
            for site in sites
            if self._network.signals[site.signal_id].plan_in_force is not None
        }

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now."""
        wishes = {name: self._clocks[name].stage(now_s) for name in views if name in self._clocks}
        return {name: stage for name, stage in wishes.items() if stage is not None}

    def turns(self, signal_id: str) -> Turns | None:
        """Return when the stages of a signal have their turns; None without a plan."""
        clock = self._clocks.get(signal_id)
        return None if clock is None else clock.turns()

    def room_s(self, signal_id: str, now_s: float, stage: int) -> float:
        """Return the time until a stage has to be over, s: any, for the plan waits for nobody."""
        return math.inf


class PlanClock:
    """When the greens of one plan end, ring by ring.

    Parameters
    ----------
    site
        The signal as controllers see it.
    signal
        The signal with its plan in force and its phasing.
    """

    def __init__(self, site: Site, signal: Signal) -> None:
        plan, phasing = signal.plan_in_force, signal.phasing
        assert plan is not None
        assert phasing is not None
        self._rows = {frozenset(stage.phases): row for row, stage in enumerate(site.stages)}
        self._cycle_ds = plan.cycle_s * TENTHS_PER_SECOND
        self._begin_ds = plan.begin_s(phasing) * TENTHS_PER_SECOND
        self._ends_ds: dict[int, dict[int, int]] = {}
        for number in plan.sequence:
            phase = phasing.phase(number)
            end_s = plan.start_s(number, phasing) + plan.split_s(number)
            end_ds = end_s * TENTHS_PER_SECOND - phase.clearance_ds
            self._ends_ds.setdefault(phase.ring, {})[number] = end_ds

    def stage(self, now_s: float) -> int | None:
        """Return the stage that is green, or will be after the clearance that runs."""
        at_ds = math.floor(now_s * TENTHS_PER_SECOND + 0.5) - self._begin_ds
        # Of each ring, the phase whose green ends next.
        phases = frozenset(
            min(ends, key=lambda number: (ends[number] - at_ds - 1) % self._cycle_ds)
            for ends in self._ends_ds.values()
        )
        return self._rows.get(phases)

    def turns(self) -> Turns:
        """Return when the stages of the plan have their turns."""
        return Turns([self.stage(float(s)) for s in range(self._cycle_ds // TENTHS_PER_SECOND)])

    def next_stage(self, now_s: float, within_s: int) -> int | None:
        """Return the stage that follows the present one within so many seconds, or None."""
        return self._first_other(now_s, range(1, within_s + 1))

    def last_stage(self, now_s: float, within_s: int) -> int | None:
        """Return the stage before the present one if it ended within so many seconds, or None."""
        return self._first_other(now_s, range(-1, -within_s - 1, -1))

    def _first_other(self, now_s: float, steps_s: range) -> int | None:
        present = self.stage(now_s)
        for step_s in steps_s:
            other = self.stage(now_s + step_s)
            if other is not None and other != present:
                return other
        return None
