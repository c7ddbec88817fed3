"""Green extension, early green and phase insertion for public transport at single signals.

Where the controller beneath follows a plan, its order of stages counts: an early green shortens
the stages before that of the bus to their least greens, one after the other, and none is left out.
Where that would take too long, and what it is sooner is worth what it costs others beyond that, the
stage of the bus is inserted out of its turn, and the signal returns to where the order was broken
(`engine.adaptive.transit_returns`). Inside a plan (`engine.adaptive.coordinated`) nothing is
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
from engine.adaptive.backlog import Backlog
from engine.adaptive.control import Controller, Site, View
from engine.adaptive.passages import Passage
from engine.adaptive.requests import Request
from engine.adaptive.transit import Ledger, Refusal, Strategy, Tally, TransitRules
from engine.adaptive.transit_returns import Returns, resumed
from engine.adaptive.transit_steps import (
    PASSING_S,
    Measure,
    Sequenced,
    Step,
    called_freely,
    held_back,
)


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
        self._backlogs = {site.signal_id: Backlog(site) for site in sites}
        self._measures: dict[str, Measure] = {}
        self._returns = Returns(sites, self._beneath)
        self._done: set[tuple[str, str]] = set()

    def look(self, now_s: float, views: Mapping[str, View]) -> None:
        """Follow the traffic of all signals, for what others would lose."""
        for name, view in views.items():
            if name in self._backlogs:
                self._backlogs[name].look(now_s, self._whole(view))

    def _whole(self, view: View) -> View:
        """Let those who are seen stand for all."""
        share = self.rules.seen_share
        if share == 1.0:
            return view
        return replace(
            view,
            count_veh=view.count_veh / share,
            queue_veh=view.queue_veh / share,
            turned_veh=view.turned_veh / share,
        )

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
        view = self._whole(view)
        rows, stages = ways(site, passage, view, passage.at_m - along_m)
        beneath = view.stage if wish is None else wish
        if not stages:
            return None
        needed_s = to_go_s - lead_s(site, rows, view, to_go_s)
        unseen_veh = self._backlogs[name].unseen_veh
        view = replace(
            view, count_veh=view.count_veh + unseen_veh, queue_veh=view.queue_veh + unseen_veh
        )
        if view.stage in stages:
            step = self._extended(now_s, key, view, stages, beneath, to_go_s)
        else:
            weight = self.rules.weight(request)
            persons = 0.0 if isinstance(weight, Refusal) else weight * request.load_persons
            step = self._called(now_s, key, view, stages, beneath, to_go_s, needed_s, persons)
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
                self._done.add(key)
                ended.update(self._returns.begin(now_s, name, measure, views[name]))
        wishes.update(self._returns.lead(now_s, views, claimed))
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
        site, turns = self._sites[name], self._returns.turns_at(name, current)
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
        flow_vps = self._backlogs[name].flow_vps
        so_far, more, whole = (
            losses.extended(site, turns, view, flow_vps, onward, by_s)
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
        persons: float,
    ) -> Step | None:
        """Bring a stage that serves the vehicle, in its turn or out of it."""
        name, current = key[1], view.stage
        site, turns = self._sites[name], self._returns.turns_at(name, current)
        if beneath in stages:
            return None
        served = [] if turns is None else [s for s in turns.after(current) if s in stages]
        if turns is None or not served:
            step = called_freely(self.rules, site, view, stages, beneath, to_go_s, needed_s)
            return None if step is None else self._once(key, step, current)
        target, left = served[0], left_s(site, view)
        flow_vps = self._backlogs[name].flow_vps
        path = turns.path(current, target)
        turn_s, direct_s = (left + path_s(site, current, way) for way in (path, (target,)))
        before = turns.after(target)[-2]
        due_s = turns.ends_s(now_s, before) + change_s(site, before, target)
        over_s = direct_s + max(
            float(site.stages[target].least_green_s), to_go_s - direct_s + PASSING_S
        )
        onward = resumed(now_s + over_s, turns, current)
        gained_s = max(0.0, turn_s - to_go_s) - max(0.0, direct_s - to_go_s)
        inserts = (
            len(path) > 1
            and Strategy.INSERTION in self.rules.strategies
            and gained_s >= self.rules.gain_s
            and self._fits(now_s, name, target, onward, over_s)
        )
        green_s = turns.left_s(site, now_s, current)
        out_of_turn = losses.inserted(site, turns, view, flow_vps, target, onward, green_s, over_s)
        in_turn = losses.cut(site, turns, view, flow_vps, target, green_s, 0.0)
        either = inserts and Strategy.EARLY in self.rules.strategies
        if either and self._own(key) is None:
            # What comes sooner than in turn has to be worth what it costs others beyond that.
            inserts = persons * gained_s >= out_of_turn - in_turn
        saved_s = due_s - max(to_go_s, direct_s if inserts else turn_s)
        if saved_s <= 0.0:
            return None
        if inserts:
            if needed_s > direct_s:
                return held_back(site, view, beneath, target, needed_s, saved_s)
            step = Step(target, Strategy.INSERTION, out_of_turn, out_of_turn, saved_s, over_s)
            return self._once(key, step, current)
        if Strategy.EARLY not in self.rules.strategies:
            return None
        if needed_s > turn_s or beneath == path[0]:
            return None
        lasts_s = max(turn_s, to_go_s) + PASSING_S
        step = Step(path[0], Strategy.EARLY, in_turn, in_turn, saved_s, lasts_s)
        return self._once(key, step, current)

    def _waits(self, key: tuple[str, str], view: View, beneath: int) -> int | None:
        """Keep a signal that is ahead of its plan on the way to the vehicle from turning back."""
        measure, turns = self._own(key), self._returns.turns_at(key[1], view.stage)
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
        back = self._returns.interrupt(name)
        measure = self._own(key)
        if measure is None and name in self._measures:
            measure = self._measures[name].for_another(key[0])
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

    def _red_s(self, name: str, stage: int) -> float:
        """Return how long a stage stays away once it has ended, about, s."""
        turns = self._returns.turns_at(name, stage)
        site = self._sites[name]
        return round_s(site, stage) if turns is None else turns.red_s(site, stage)

    def _fits(self, now_s: float, name: str, stage: int, onward: int, after_s: float) -> bool:
        """Tell whether what comes after a green can still be over within its window."""
        if self._beneath is None or self._returns.turns_at(name, onward) is None:
            return True
        site = self._sites[name]
        least_s = change_s(site, stage, onward) + site.stages[onward].least_green_s
        return after_s + least_s <= self._beneath.room_s(name, now_s, onward)
