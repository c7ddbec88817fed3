"""Green extension, early green and phase insertion for public transport at single signals.

Where the controller beneath follows a plan, its order of stages counts: an early green shortens
the stages before that of the bus to their least greens, one after the other, and none is left out.
Where that would take too long, the stage of the bus is inserted out of its turn, and the signal
returns to where the order was broken. Inside a plan (`engine.adaptive.coordinated`) nothing is
extended or inserted that the plan could not make up for before the windows of its greens close.
Where stages have no order, the bus's stage is brought forward, or put in front of the one that was
about to begin, which comes right after it.

What others lose is estimated when a step is taken (`engine.adaptive.transit_losses`) and held
against what the people on board gain by it, and against the budget of the signal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from engine.adaptive import transit_losses as losses
from engine.adaptive.approach import change_s, lead_s, left_s, path_s, round_s, ways
from engine.adaptive.control import Controller, Site, View
from engine.adaptive.passages import Passage
from engine.adaptive.requests import Request
from engine.adaptive.transit import Ledger, Refusal, Strategy, Tally, TransitRules
from engine.adaptive.transit_steps import (
    PASSING_S,
    Measure,
    Return,
    Sequenced,
    Step,
    called_freely,
    held_back,
)
from engine.adaptive.turns import Turns


class TransitPriority:
    """What public transport gets, signal by signal; a part of `engine.adaptive.priority.Priority`.

    Parameters
    ----------
    rules
        Who, how, and at whose cost.
    beneath
        The controller that decides otherwise.

    Attributes
    ----------
    tally, ledger
        What became of requests, and what others lost.
    """

    def __init__(self, rules: TransitRules, beneath: Controller) -> None:
        self.rules = rules
        self._beneath = beneath if isinstance(beneath, Sequenced) else None
        self.start(())

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before; the controller has started."""
        self.tally, self.ledger = Tally(), Ledger(self.rules.budget_person_s)
        self._sites = {site.signal_id: site for site in sites}
        self._measures: dict[str, Measure] = {}
        self._returns: dict[str, Return] = {}
        self._done: set[tuple[str, str]] = set()
        self._turns: dict[str, Turns] = {}
        for name in self._sites:
            turns = None if self._beneath is None else self._beneath.turns(name)
            if turns is not None and turns.order:
                self._turns[name] = turns

    def forget(self, vehicle_id: str) -> None:
        """Let a vehicle ask anew everywhere."""
        self._done = {key for key in self._done if key[0] != vehicle_id}

    def turned(
        self,
        now_s: float,
        request: Request,
        passage: Passage,
        along_m: float,
        view: View,
        wish: int | None,
    ) -> int | None:
        """Return the stage to wish for in place of another, or None to leave the wish alone."""
        name = passage.signal_id
        key = (request.vehicle_id, name)
        site = self._sites[name]
        to_go_s = request.arrival_s(passage, along_m)
        if key in self._done or to_go_s > self.rules.ahead_s:
            return None
        if request.halts_before(passage, along_m):
            return None
        if self.rules.seen_share < 1.0:
            count_veh, queue_veh = (
                n / self.rules.seen_share for n in (view.count_veh, view.queue_veh)
            )
            view = replace(view, count_veh=count_veh, queue_veh=queue_veh)
        rows, stages = ways(site, passage, view, passage.at_m - along_m)
        beneath = view.stage if wish is None else wish
        if not stages:
            return None
        if view.stage in stages:
            step = self._extended(now_s, key, view, stages, beneath, to_go_s)
        else:
            needed_s = to_go_s - lead_s(site, rows, view, to_go_s)
            step = self._called(now_s, key, view, stages, beneath, to_go_s, needed_s)
        if step is None:
            return self._waits(key, view, beneath)
        why = self._refusal(now_s, request, site, step)
        if why is not None:
            self.tally.refuse(key, why)
            if self._own(key) is not None:
                self._done.add(key)
            return None
        self._take(now_s, key, view, step, beneath)
        return step.stage

    def settle(
        self,
        now_s: float,
        views: Mapping[str, View],
        wishes: dict[str, int],
        asking: Collection[tuple[str, str]],
        claimed: Collection[str],
    ) -> dict[str, int | None]:
        """Lead signals back whose vehicles have passed.

        Parameters
        ----------
        now_s, views
            As for `Controller`.
        wishes
            Changed where a signal is on its way back.
        asking
            Vehicles and signals that still go together.
        claimed
            Signals that somebody turned in this second.

        Returns
        -------
        dict
            By signal without an order whose measure has ended, the stage that it put off, or None.
        """
        ended: dict[str, int | None] = {}
        for name, measure in list(self._measures.items()):
            key = (measure.vehicle_id, name)
            if key in asking and key not in self._done and name in views:
                continue
            del self._measures[name]
            if name in views and name not in claimed:
                ended.update(self._end(now_s, name, measure, views[name]))
        for name in list(self._returns):
            if name in claimed or name not in views:
                del self._returns[name]
                continue
            stage = self._on_the_way_back(now_s, name, views[name])
            if stage is None:
                del self._returns[name]
            else:
                wishes[name] = stage
        return ended

    def _extended(
        self,
        now_s: float,
        key: tuple[str, str],
        view: View,
        stages: Sequence[int],
        beneath: int,
        to_go_s: float,
    ) -> Step | None:
        """Keep a green that serves the vehicle, if it would end."""
        name, current = key[1], view.stage
        site, turns = self._sites[name], self._turns_at(name, current)
        if beneath in stages:
            return None
        onward = beneath if turns is None else turns.after(current)[0]
        measure = self._own(key)
        if measure is None:
            possible = (
                Strategy.EXTENSION in self.rules.strategies
                and to_go_s <= self.rules.extension_s
                and self._fits(now_s, name, current, onward, to_go_s + PASSING_S)
            )
            if not possible:
                return None
        elif measure.held_s(now_s) > self.rules.extension_s:
            self._done.add(key)
            return None
        saved_s = max(0.0, self._red_s(name, current) - to_go_s)
        if not view.free or (measure is not None and now_s < measure.paid_until_s):
            return Step(current, Strategy.EXTENSION, 0.0, 0.0, saved_s)
        held_s = measure.held_s(now_s) if measure else 0.0
        so_far, more, whole = (
            losses.extended(site, turns, view, onward, by_s)
            for by_s in (held_s, held_s + 1.0, held_s + to_go_s + PASSING_S)
        )
        return Step(current, Strategy.EXTENSION, more - so_far, whole - so_far, saved_s)

    def _called(
        self,
        now_s: float,
        key: tuple[str, str],
        view: View,
        stages: Sequence[int],
        beneath: int,
        to_go_s: float,
        needed_s: float,
    ) -> Step | None:
        """Bring a stage that serves the vehicle, in its turn or out of it."""
        name, current = key[1], view.stage
        site, turns = self._sites[name], self._turns_at(name, current)
        if beneath in stages:
            return None
        served = [] if turns is None else [s for s in turns.after(current) if s in stages]
        if turns is None or not served:
            step = called_freely(self.rules, site, view, stages, beneath, to_go_s, needed_s)
            return None if step is None else self._once(key, step, current)
        target, left = served[0], left_s(site, view)
        path = turns.path(current, target)
        turn_s, direct_s = (left + path_s(site, current, way) for way in (path, (target,)))
        before = turns.after(target)[-2]
        due_s = turns.ends_s(now_s, before) + change_s(site, before, target)
        over_s = direct_s + max(
            float(site.stages[target].least_green_s), to_go_s - direct_s + PASSING_S
        )
        onward = self._resumed(now_s + over_s, turns, current)
        gained_s = max(0.0, turn_s - to_go_s) - max(0.0, direct_s - to_go_s)
        inserts = (
            len(path) > 1
            and Strategy.INSERTION in self.rules.strategies
            and gained_s >= self.rules.gain_s
            and self._fits(now_s, name, target, onward, over_s)
        )
        green_s = turns.left_s(site, now_s, current)
        saved_s = due_s - max(to_go_s, direct_s if inserts else turn_s)
        if saved_s <= 0.0:
            return None
        if inserts:
            if needed_s > direct_s:
                return held_back(site, view, beneath, target, needed_s, saved_s)
            amount = losses.inserted(site, turns, view, target, onward, green_s, over_s)
            step = Step(target, Strategy.INSERTION, amount, amount, saved_s, over_s)
            return self._once(key, step, current)
        if Strategy.EARLY not in self.rules.strategies:
            return None
        if needed_s > turn_s or beneath == path[0]:
            return None
        amount = losses.cut(site, turns, view, target, green_s, 0.0)
        lasts_s = max(turn_s, to_go_s) + PASSING_S
        step = Step(path[0], Strategy.EARLY, amount, amount, saved_s, lasts_s)
        return self._once(key, step, current)

    def _waits(self, key: tuple[str, str], view: View, beneath: int) -> int | None:
        """Keep a signal that is ahead of its plan on the way to the vehicle from turning back."""
        measure, turns = self._own(key), self._turns_at(key[1], view.stage)
        if measure is None or measure.strategy is not Strategy.EARLY or turns is None:
            return None
        return None if beneath in (view.stage, turns.after(view.stage)[0]) else view.stage

    def _once(self, key: tuple[str, str], step: Step, current: int) -> Step:
        """Let a step cost nothing that is paid for: it is wished for until it is carried out."""
        measure = self._own(key)
        if measure is not None and step.stage != current and current in measure.cut:
            return replace(step, now_person_s=0.0, whole_person_s=0.0)
        return step

    def _refusal(self, now_s: float, request: Request, site: Site, step: Step) -> Refusal | None:
        weight = self.rules.weight(request)
        if isinstance(weight, Refusal):
            return weight
        if weight * request.load_persons * step.saved_s < step.whole_person_s:
            return Refusal.NOT_WORTH
        if not self.ledger.affords(site.signal_id, now_s, step.whole_person_s):
            return Refusal.BUDGET
        return None

    def _take(
        self, now_s: float, key: tuple[str, str], view: View, step: Step, beneath: int
    ) -> None:
        """Carry a step out: note it, and pay for it."""
        name = key[1]
        back = self._returns.pop(name, None)
        measure = self._own(key)
        if measure is None and name in self._measures:
            # Where the order was broken for another vehicle it stays broken.
            other = self._measures[name]
            measure = replace(other, vehicle_id=key[0], held_since_s=None, paid_until_s=0.0)
        elif measure is None:
            broken = (view.stage, beneath)
            measure = Measure(key[0], step.strategy, broken, since_s=now_s, back=back)
        self._measures[name] = measure
        if step.stage != view.stage:
            if view.stage not in measure.cut:
                measure.paid_until_s = now_s + step.lasts_s
            measure.cut.add(view.stage)
            measure.held_since_s = None
            if measure.strategy is not Strategy.INSERTION:
                measure.strategy, measure.broken = step.strategy, (view.stage, beneath)
        elif view.free and measure.held_since_s is None:
            measure.held_since_s = now_s
        self.ledger.debit(name, now_s, step.now_person_s)
        self.tally.grant(key, measure.strategy)

    def _own(self, key: tuple[str, str]) -> Measure | None:
        measure = self._measures.get(key[1])
        return measure if measure is not None and measure.vehicle_id == key[0] else None

    def _turns_at(self, name: str, stage: int) -> Turns | None:
        """Return the turns of a signal if a stage is among them."""
        turns = self._turns.get(name)
        return turns if turns is not None and stage in turns.order else None

    def _red_s(self, name: str, stage: int) -> float:
        """Return how long a stage stays away once it has ended, about, s."""
        turns = self._turns_at(name, stage)
        site = self._sites[name]
        return round_s(site, stage) if turns is None else turns.red_s(site, stage)

    @staticmethod
    def _resumed(at_s: float, turns: Turns, broken: int) -> int:
        """Return the stage to go to at some time when the order was broken at one."""
        return broken if turns.planned(at_s) == broken else turns.after(broken)[0]

    def _fits(self, now_s: float, name: str, stage: int, onward: int, after_s: float) -> bool:
        """Tell whether what comes after a green can still be over within its window."""
        if self._beneath is None or self._turns_at(name, onward) is None:
            return True
        site = self._sites[name]
        least_s = change_s(site, stage, onward) + site.stages[onward].least_green_s
        return after_s + least_s <= self._beneath.room_s(name, now_s, onward)

    def _end(self, now_s: float, name: str, measure: Measure, view: View) -> dict[str, int | None]:
        """Let go of a signal."""
        turns = self._turns_at(name, view.stage)
        self._done.add((measure.vehicle_id, name))
        broken, beneath = measure.broken
        if turns is None or broken not in turns.order:
            return {name: beneath if measure.strategy is Strategy.INSERTION else None}
        if measure.strategy is Strategy.EARLY:
            due_s = measure.since_s + turns.ends_s(measure.since_s, view.stage)
            planned = turns.planned(now_s)
            if now_s < due_s and planned is not None and self._lasts(now_s, name, view, planned):
                self._returns[name] = Return(planned)
            elif now_s < due_s:
                self._returns[name] = Return(view.stage, due_s)
        elif measure.strategy is Strategy.INSERTION:
            self._returns[name] = Return(self._resumed(now_s, turns, broken))
        elif measure.back is not None:
            self._returns[name] = measure.back
        elif turns.planned(now_s) != view.stage:
            self._returns[name] = Return(turns.after(view.stage)[0])
        return {}

    def _lasts(self, now_s: float, name: str, view: View, stage: int) -> bool:
        """Tell whether the plan still has enough of a stage that was cut short to go back to it."""
        site, turns = self._sites[name], self._turns[name]
        left = turns.left_s(site, now_s, stage) - change_s(site, view.stage, stage)
        return stage != view.stage and left >= site.stages[stage].least_green_s

    def _on_the_way_back(self, now_s: float, name: str, view: View) -> int | None:
        """Return the stage to wish for, or None once the signal is where it should be."""
        turns, back = self._turns_at(name, view.stage), self._returns[name]
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
