"""Adaptive control inside the coordination plan: what a coordinated controller would accept.

Cycle, offset and order of the plan in force stay as they are. A green may end up to so many
seconds before the plan ends it (a force-off), or go on up to so many after (a hold). The
coordinated phase keeps all of its green: it begins no later and ends no earlier than planned, so
that the green wave stands; what others leave over is added to it. What the decisions come to as
phase controls of NTCIP 1202 is told by `PlanBound.controls`.

Signals without a plan in force are left to the controller beneath.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.adaptive.control import Controller, Site, View
from engine.adaptive.plan_in_force import PlanClock
from network.errors import EngineError
from network.graph import RoadNetwork

EARLY_S: Final = 15.0
LATE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class PhaseControls:
    """What central control asks of the phases of one signal for the next second.

    Attributes
    ----------
    hold
        Phases whose green is kept past its end in the plan (``phaseControlGroupHold``).
    force_off
        Phases whose green is ended before (``phaseControlGroupForceOff``).
    """

    hold: frozenset[int] = frozenset()
    force_off: frozenset[int] = frozenset()


class PlanBound:
    """A controller that follows another one as far as the plan in force allows.

    Parameters
    ----------
    network
        The roads, with the plans.
    beneath
        Decides.
    early_s, late_s
        How much earlier and later than planned a green may end, s.

    Raises
    ------
    EngineError
        A bound is negative or not finite.
    """

    def __init__(
        self,
        network: RoadNetwork,
        beneath: Controller,
        early_s: float = EARLY_S,
        late_s: float = LATE_S,
    ) -> None:
        if not (0 <= early_s < float("inf") and 0 <= late_s < float("inf")):
            raise EngineError(
                f"control inside the plan: greens up to {early_s} s shorter and {late_s} s longer; "
                "allowed are numbers from 0"
            )
        self._network = network
        self._beneath = beneath
        self._early_s, self._late_s = int(early_s), int(late_s)
        self._sites: dict[str, Site] = {}
        self._clocks: dict[str, PlanClock] = {}
        self._main: dict[str, frozenset[int]] = {}
        self._controls: dict[str, PhaseControls] = {}

    @property
    def controls(self) -> Mapping[str, PhaseControls]:
        """What the last decision asks of the phases of each signal that has a plan."""
        return self._controls

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._beneath.start(sites)
        self._controls = {}
        self._sites, self._clocks, self._main = {}, {}, {}
        for site in sites:
            signal = self._network.signals[site.signal_id]
            plan = signal.plan_in_force
            if plan is None:
                continue
            self._sites[site.signal_id] = site
            self._clocks[site.signal_id] = PlanClock(site, signal)
            self._main[site.signal_id] = frozenset(
                row
                for row, stage in enumerate(site.stages)
                if plan.coordinated_phase in stage.phases
            )

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now."""
        wishes = dict(self._beneath.decide(now_s, views))
        self._controls = {}
        for name, clock in self._clocks.items():
            if name not in views:
                continue
            stage = views[name].stage
            planned = clock.stage(now_s)
            if planned is None:
                continue
            wanted = self._within(name, now_s, stage, planned, wishes.get(name, stage))
            wishes[name] = wanted
            self._controls[name] = self._told(name, stage, planned, wanted)
        return wishes

    def _within(self, name: str, now_s: float, stage: int, planned: int, wish: int) -> int:
        """Return the wish, or what the plan allows instead of it."""
        clock, main = self._clocks[name], self._main[name]
        if stage == planned:
            onward = clock.next_stage(now_s, self._early_s)
            # Time that the next stage would not use is better left where it is.
            early = stage not in main and onward is not None and wish == onward
            return onward if early and onward is not None else stage
        if clock.next_stage(now_s, self._early_s) == stage:
            # Left early; this one's own time has not come yet.
            return stage
        before = clock.last_stage(now_s, self._late_s)
        if before == stage and wish == stage and planned not in main:
            return stage
        return planned

    def _told(self, name: str, stage: int, planned: int, wanted: int) -> PhaseControls:
        phases = [frozenset(s.phases) for s in self._sites[name].stages]
        if stage == planned and wanted != planned:
            return PhaseControls(force_off=phases[stage] - phases[wanted])
        if stage != planned and wanted == stage:
            return PhaseControls(hold=phases[stage] - phases[planned])
        return PhaseControls()
