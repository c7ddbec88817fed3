"""Adaptive control inside the coordination plan: what a coordinated controller would accept.

Cycle, offset and order of the plan in force stay as they are. Every green ends within a window
around its end in the plan: up to so many seconds before (a force-off) or after (a hold). The
coordinated phase has a window of its own, a narrower one, so that the green wave keeps its place
in the cycle: it begins at most `Slack.main_late_s` later and ends at most `Slack.main_early_s`
earlier than planned, and never later, for a controller whose yield point has passed sets its clock
back. What others leave over is added to the green that comes next. What the decisions come to as
phase controls of NTCIP 1202 is told by `PlanBound.controls`.

The controller beneath is shown the signal with the changes of stage that the plan has and no
others, and, where it looks ahead, told in which seconds each green may end and in which it has to,
so that it weighs what it may do: to stay, or to go on.

Signals without a plan in force are left to the controller beneath.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from engine.adaptive.control import Controller, Site, View
from engine.adaptive.kernels import NEVER_S
from engine.adaptive.limits import Limited, Limits, free
from engine.adaptive.plan_in_force import PlanClock
from engine.adaptive.turns import Turns
from network.errors import EngineError
from network.graph import RoadNetwork

AHEAD_S: Final = 2.0
"""A hold is asked for so long before the green would end: a second for the clock, one for the
way to the controller, s."""


@dataclass(frozen=True, slots=True)
class Slack:
    """How far greens may end from where the plan ends them, s.

    Attributes
    ----------
    early_s, late_s
        Before, and after, the end in the plan.
    main_early_s
        The coordinated green, before its end in the plan.
    main_late_s
        The green before the coordinated one, after its end: the coordinated green begins by as
        much later.

    Raises
    ------
    EngineError
        One is negative or not finite.
    """

    early_s: float = 30.0
    late_s: float = 20.0
    main_early_s: float = 15.0
    main_late_s: float = 10.0

    def __post_init__(self) -> None:
        values = (self.early_s, self.late_s, self.main_early_s, self.main_late_s)
        if not all(0 <= value < math.inf for value in values):
            raise EngineError(
                f"control inside the plan: greens up to {self.early_s} s shorter and {self.late_s} "
                f"s longer, the coordinated one up to {self.main_early_s} s shorter and beginning "
                f"up to {self.main_late_s} s later; allowed are numbers from 0"
            )


@dataclass(frozen=True, slots=True)
class PhaseControls:
    """What central control asks of the phases of one signal for the next second.

    Attributes
    ----------
    hold
        Phases whose green is kept past its end in the plan (``phaseControlGroupHold``).
    force_off
        Phases whose green is ended before (``phaseControlGroupForceOff``).
    moved_s
        By how much later than planned the green ends at the least; negative for earlier, s.
    """

    hold: frozenset[int] = frozenset()
    force_off: frozenset[int] = frozenset()
    moved_s: float = 0.0


class PlanBound:
    """A controller that follows another one as far as the plan in force allows.

    Parameters
    ----------
    network
        The roads, with the plans.
    beneath
        Decides.
    slack
        How far it may shift the ends of greens.
    """

    def __init__(
        self, network: RoadNetwork, beneath: Controller, slack: Slack | None = None
    ) -> None:
        self._network = network
        self._beneath = beneath
        self._slack = slack or Slack()
        self._windows: dict[str, Windows] = {}
        self._controls: dict[str, PhaseControls] = {}

    @property
    def windows(self) -> Mapping[str, Windows]:
        """When the greens of each signal that has a plan may end; after `start`."""
        return self._windows

    @property
    def controls(self) -> Mapping[str, PhaseControls]:
        """What the last decision asks of the phases of each signal that has a plan."""
        return self._controls

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._controls = {}
        self._windows = {}
        shown: list[Site] = []
        for site in sites:
            windows = self._windows_of(site)
            if windows is None:
                shown.append(site)
                continue
            self._windows[site.signal_id] = windows
            shown.append(replace(site, clearances=windows.changes))
        self._beneath.start(shown)

    def _windows_of(self, site: Site) -> Windows | None:
        signal = self._network.signals[site.signal_id]
        plan = signal.plan_in_force
        if plan is None:
            return None
        main = frozenset(
            row for row, stage in enumerate(site.stages) if plan.coordinated_phase in stage.phases
        )
        return Windows(site, PlanClock(site, signal), plan.cycle_s, main, self._slack)

    def decide(
        self,
        now_s: float,
        views: Mapping[str, View],
        plan_s: Mapping[str, float] | None = None,
    ) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now.

        Parameters
        ----------
        now_s, views
            As for `Controller`.
        plan_s
            By signal, the time since system zero by its own clock, s, where that is known.
        """
        clocks_s = plan_s or {}
        if isinstance(self._beneath, Limited):
            horizon_s = self._beneath.horizon_s
            self._beneath.limit(
                {
                    name: windows.limits(clocks_s.get(name, now_s), horizon_s)
                    for name, windows in self._windows.items()
                }
            )
        wishes = dict(self._beneath.decide(now_s, views))
        self._controls = {}
        for name, windows in self._windows.items():
            if name not in views:
                continue
            stage, at_s = views[name].stage, clocks_s.get(name, now_s)
            green_s = views[name].green_s
            wishes[name] = windows.bounded(at_s, stage, wishes.get(name, stage), green_s)
            self._controls[name] = windows.controls(at_s, stage, wishes[name], green_s)
        return wishes

    def turns(self, signal_id: str) -> Turns | None:
        """Return when the stages of a signal have their turns; None without a plan."""
        windows = self._windows.get(signal_id)
        return None if windows is None else windows.turns

    def room_s(self, signal_id: str, now_s: float, stage: int) -> float:
        """Return the time until a stage of a plan has to be over, at the end of its window, s."""
        windows = self._windows[signal_id]
        return windows.left_s(now_s, stage) + windows.late_s(stage)


class Windows:
    """When the stages of one plan may end.

    Parameters
    ----------
    site, clock, cycle_s
        The signal, its plan's clock and cycle.
    main
        Rows of the stages in which the coordinated phase is green.
    slack
        How far ends may be shifted.

    Attributes
    ----------
    order
        Rows of the stages in the order of the plan, each once.
    changes
        The clearances between one stage of the plan and the next.
    turns
        When the stages have their turns.
    """

    def __init__(
        self, site: Site, clock: PlanClock, cycle_s: int, main: frozenset[int], slack: Slack
    ) -> None:
        self._site = site
        self._cycle_s = cycle_s
        self.turns = clock.turns()
        seconds = [clock.stage(float(second)) for second in range(cycle_s)]
        ends = [
            (second, row)
            for second, (row, after) in enumerate(pairwise([*seconds, seconds[0]]), start=1)
            if row is not None and row != after
        ]
        self.order = tuple(row for _, row in ends)
        self._end_s = {row: second for second, row in ends}
        self._next = dict(pairwise([*self.order, *self.order[:1]])) if len(ends) > 1 else {}
        self.changes = {
            pair: site.clearances[pair] for pair in self._next.items() if pair in site.clearances
        }
        self._early_s: dict[int, float] = {}
        self._late_s: dict[int, float] = {}
        self._green_s: dict[int, float] = {}
        before = {onward: row for row, onward in self._next.items()}
        self._leaves_main = frozenset(
            a for a, b in self._next.items() if a in main and b not in main
        )
        for row, onward in self._next.items():
            leaves, comes = row in self._leaves_main, onward in main and row not in main
            turn_s = (self._end_s[row] - self._end_s[before[row]]) % cycle_s
            change = (before[row], row)
            clear_s = site.clearance_s(*change) if change in self.changes else 0.0
            self._green_s[row] = turn_s - clear_s
            # A coordinated green that begins inside its own window has come back from it.
            room_s = max(0.0, turn_s - slack.main_late_s - 1.0)
            self._early_s[row] = min(slack.main_early_s, room_s) if leaves else slack.early_s
            # A coordinated green held past its yield point would set the controller's clock back.
            late_s = 0.0 if leaves else slack.main_late_s if comes else slack.late_s
            self._late_s[row] = min(late_s, self._room_s(row, onward))
        self._limits = self._through_the_cycle()

    def _room_s(self, row: int, onward: int) -> float:
        """Return by how much later a stage may end and leave the next one its least green."""
        planned_s = (self._end_s[onward] - self._end_s[row]) % self._cycle_s
        clear_s = self._site.clearance_s(row, onward) if (row, onward) in self.changes else 0.0
        return max(0.0, planned_s - clear_s - self._site.stages[onward].least_green_s)

    def _through_the_cycle(self) -> Limits:
        """Tabulate when stages may be left, and have to be, from second 0 of the clock on."""
        unbound = free(self._site, self._cycle_s)
        need_s, over = unbound.need_s, unbound.over
        for row in self._next:
            for second in range(self._cycle_s):
                left_s, early_s = self.left_s(float(second), row), self._early_s[row]
                over[row, second] = left_s <= -self._late_s[row]
                if left_s > early_s:
                    need_s[row, second] = NEVER_S
                elif row in self._leaves_main:
                    # One that came back inside its window is not left again.
                    back_s = math.floor(early_s - left_s) + 1
                    need_s[row, second] = max(need_s[row, second], back_s)
        return Limits(need_s, over)

    def limits(self, now_s: float, horizon_s: int) -> Limits:
        """Return when stages may be left, and have to be, in so many seconds from now on."""
        seconds = (math.floor(now_s + 0.5) + np.arange(horizon_s)) % self._cycle_s
        # In the order in memory that the search is loaded for; that of columns picked by indexing
        # has it compiled anew, which holds the first decision up for seconds.
        need_s = self._limits.need_s.take(seconds, axis=1)
        return Limits(need_s, self._limits.over.take(seconds, axis=1))

    def late_s(self, stage: int) -> float:
        """Return by how much later than planned a stage may end, s."""
        return self._late_s[stage]

    def left_s(self, now_s: float, stage: int) -> float:
        """Return how long until a stage's green ends by plan; negative once it should have."""
        late_s = self._late_s[stage]
        return (self._end_s[stage] - now_s + late_s) % self._cycle_s - late_s

    def bounded(self, now_s: float, stage: int, wish: int, green_s: float = math.inf) -> int:
        """Return the stage to show: the present one or the next, as wished within the window.

        Parameters
        ----------
        now_s
            Time since system zero by the signal's own clock, s.
        stage, wish
            Rows of the stage that is green or coming, and of the one wished for.
        green_s
            Green of the stage so far, s.
        """
        if stage not in self._next:
            # Not one of the plan's: back into it.
            return self.planned(now_s)
        left_s = self.left_s(now_s, stage)
        if stage in self._leaves_main and green_s <= self._early_s[stage] - left_s:
            # It ended early and has come back already: this cycle's turn of the others is over.
            return stage
        go = left_s <= -self._late_s[stage] if wish == stage else left_s <= self._early_s[stage]
        return self._next[stage] if go else stage

    def controls(
        self, now_s: float, stage: int, wanted: int, green_s: float = 0.0
    ) -> PhaseControls:
        """Return what to ask of the phases so that a bounded wish comes true.

        A green that is to stay is held before its controller would end it: at its end in the plan,
        and, where force-offs float (`coordForceMode`), after its split, though it
        began early. The coordinated green does not float.

        Parameters
        ----------
        now_s, stage, green_s
            As for `bounded`.
        wanted
            What `bounded` returned.
        """
        if stage not in self._next:
            return PhaseControls()
        left_s = self.left_s(now_s, stage)
        phases = [frozenset(s.phases) for s in self._site.stages]
        onward = self._next[stage]
        if wanted == onward and (left_s > 0 or left_s < -AHEAD_S):
            # Once it is over by plan the controller ends it by itself; if not, it is told.
            return PhaseControls(force_off=phases[stage] - phases[onward], moved_s=-left_s)
        over = left_s <= AHEAD_S or green_s >= self._green_s[stage] - AHEAD_S
        until_s = -self._late_s[stage] if self._late_s[stage] else 1.0
        if wanted == stage and stage not in self._leaves_main and over and left_s > until_s:
            least_s = max(1.0, self._site.stages[stage].least_green_s - green_s)
            return PhaseControls(hold=phases[stage] - phases[onward], moved_s=least_s - left_s)
        return PhaseControls()

    def planned(self, now_s: float) -> int:
        """Return the stage that the plan shows now, or is clearing towards."""
        return min(self.order, key=lambda row: (self._end_s[row] - now_s) % self._cycle_s)
