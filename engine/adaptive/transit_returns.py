"""The way back of signals into the order of their plan, once somebody has gone first.

A signal whose order was broken returns to where it was broken, or to the stage after it if its
time is over. One that came early to a stage goes back to the one that it cut short where the plan
still has enough of it, and else waits where it is until its plan is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.adaptive.approach import change_s
from engine.adaptive.control import Site, View
from engine.adaptive.transit import Strategy
from engine.adaptive.transit_steps import Measure, Return, Sequenced
from engine.adaptive.turns import Turns


class Returns:
    """Leads signals back.

    Parameters
    ----------
    sites
        The signals.
    beneath
        The controller that serves their stages in an order; None where none does.
    """

    def __init__(self, sites: Sequence[Site], beneath: Sequenced | None) -> None:
        self._sites = {site.signal_id: site for site in sites}
        self._back: dict[str, Return] = {}
        self._turns: dict[str, Turns] = {}
        for name in self._sites:
            turns = None if beneath is None else beneath.turns(name)
            if turns is not None and turns.order:
                self._turns[name] = turns

    @property
    def under_way(self) -> tuple[str, ...]:
        """Signals that are on their way back."""
        return tuple(self._back)

    def turns_at(self, name: str, stage: int) -> Turns | None:
        """Return the turns of a signal if a stage is among them."""
        turns = self._turns.get(name)
        return turns if turns is not None and stage in turns.order else None

    def interrupt(self, name: str) -> Return | None:
        """Forget the way back of a signal, and return what it was."""
        return self._back.pop(name, None)

    def begin(self, now_s: float, name: str, measure: Measure, view: View) -> dict[str, int | None]:
        """Let go of a signal.

        Returns
        -------
        dict
            As for `TransitPriority.settle`, of this one.
        """
        turns = self.turns_at(name, view.stage)
        broken, beneath = measure.broken
        if turns is None or broken not in turns.order:
            return {name: beneath if measure.strategy is Strategy.INSERTION else None}
        if measure.strategy is Strategy.EARLY:
            due_s = measure.since_s + turns.ends_s(measure.since_s, view.stage)
            planned = turns.planned(now_s)
            if now_s < due_s and planned is not None and self._lasts(now_s, name, view, planned):
                self._back[name] = Return(planned)
            elif now_s < due_s:
                self._back[name] = Return(view.stage, due_s)
        elif measure.strategy is Strategy.INSERTION:
            self._back[name] = Return(resumed(now_s, turns, broken))
        elif measure.back is not None:
            self._back[name] = measure.back
        elif turns.planned(now_s) != view.stage:
            self._back[name] = Return(turns.after(view.stage)[0])
        return {}

    def lead(
        self, now_s: float, views: Mapping[str, View], claimed: Collection[str]
    ) -> dict[str, int]:
        """Return the stages to wish for at signals on their way back.

        Parameters
        ----------
        now_s, views
            As for `Controller`.
        claimed
            Signals that somebody else turned in this second; their way back is forgotten.
        """
        wishes: dict[str, int] = {}
        for name in self.under_way:
            stage = None
            if name not in claimed and name in views:
                stage = self._stage(now_s, name, views[name])
            if stage is None:
                del self._back[name]
            else:
                wishes[name] = stage
        return wishes

    def _stage(self, now_s: float, name: str, view: View) -> int | None:
        """Return the stage to wish for, or None once the signal is where it should be."""
        turns, back = self.turns_at(name, view.stage), self._back[name]
        if turns is None:
            return None
        planned = turns.planned(now_s)
        if back.ahead_until_s > 0.0:
            waits = now_s < back.ahead_until_s and planned != view.stage == back.stage
            return back.stage if waits else None
        if view.stage != back.stage:
            return back.stage
        onward = turns.after(view.stage)[0]
        if view.clearing_s > 0.0:
            return view.stage
        if planned in (view.stage, onward, None):
            return None
        back.stage = onward
        return onward

    def _lasts(self, now_s: float, name: str, view: View, stage: int) -> bool:
        """Tell whether the plan still has enough of a stage that was cut short to go back to it."""
        site, turns = self._sites[name], self._turns[name]
        left = turns.left_s(site, now_s, stage) - change_s(site, view.stage, stage)
        return stage != view.stage and left >= site.stages[stage].least_green_s


def resumed(at_s: float, turns: Turns, broken: int) -> int:
    """Return the stage to go to at some time when the order was broken at one."""
    return broken if turns.planned(at_s) == broken else turns.after(broken)[0]
