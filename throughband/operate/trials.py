"""Plans on trial: what they are held against, and when they are taken back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from network.errors import ThroughbandError
from network.files import read_plan
from network.timing import TimingPlan
from throughband.operate.changing import Changes
from throughband.operate.comparison import may_have_caused, touches, traffic_that_came
from throughband.operate.evidence import (
    Costs,
    Finding,
    Incident,
    Promise,
    Seen,
    occupied_s_per_veh,
    weigh,
)
from throughband.operate.memory import Candidate, Trial
from throughband.operate.model import cost_of
from throughband.operate.office import Office
from throughband.operate.planner import IN_FORCE, PLAN
from throughband.operate.pushing import Rows
from throughband.operate.warning_book import Kind, Sighting, WarningBook
from throughband.operate.watching import View, Watching

_log = logging.getLogger(__name__)


class Trials:
    """Judges the plan that went on the street last.

    Parameters
    ----------
    office
        What all parts share.
    changes
        Takes plans back.
    watching
        The counts.
    book
        Warnings in force.
    """

    def __init__(
        self, office: Office, changes: Changes, watching: Watching, book: WarningBook
    ) -> None:
        self._office = office
        self._changes = changes
        self._watching = watching
        self._book = book
        self._view: View | None = None

    def saw(self, view: View) -> None:
        """Note what the present look sees."""
        self._view = view

    def expect(self, candidate: Candidate) -> tuple[Promise, Rows]:
        """Return what a plan that goes on the street now is held against."""
        view, usual = self._view, None
        rows: Rows = {}
        if view is not None:
            usual = occupied_s_per_veh(self._watching.believed(view))
            if view.sight is not None:
                rows = self._watching.forecast_rows(view.sight)
        now, shared = self._office.clock(), self._watching.shared_part
        return Promise(candidate.plan_digest, now, candidate.delay_change_s, usual, shared), rows

    async def evaluate(self, view: View) -> None:
        """Weigh what the look brought, and take the plan back if that is the rule.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded, or taken back.
        """
        office, memory = self._office, self._office.memory
        trial = memory.trial
        if trial is None:
            return
        digest = trial.promise.plan_digest
        calls = office.hand.calls()
        if not any(call.plan_digest == digest for call in calls.values()):
            memory.trial = None
            office.ledger.write("trial over", plan_digest=digest, why="it is no longer called")
            return
        incident = self._incident(view, trial)
        settled = False
        for begin in view.fresh:
            row = trial.forecast.pop(f"{begin:.0f}", None)
            if row is None:
                continue
            found = self._weighed(view, trial, begin, row, incident)
            if found is None:
                continue
            trial.promise = found.promise
            office.ledger.write("evidence", plan_digest=digest, text=found.text)
            if found.take_back:
                await self._changes.take_back(found.text)
                return
            settled = found.settled
        newest = max(view.lately, default=0.0)
        ahead_s = [float(begin) for begin in trial.forecast]
        if settled or not any(begin > newest for begin in ahead_s):
            self._over(trial)

    def _over(self, trial: Trial) -> None:
        promise = trial.promise
        self._office.memory.trial = None
        enough = promise.intervals >= self._office.config.evidence.least_intervals
        told = "and kept" if enough else "too few for a verdict; it is kept"
        self._office.ledger.write(
            "trial over",
            plan_digest=promise.plan_digest,
            why=f"judged in {promise.intervals} intervals, {told}",
            served_veh=round(promise.served_veh, 1),
            forecast_veh=round(promise.expected_veh, 1),
            promised_s=promise.delay_change_s,
        )

    def _weighed(
        self,
        view: View,
        trial: Trial,
        begin: float,
        row: Mapping[str, tuple[float, float]],
        incident: Incident | None,
    ) -> Finding | None:
        def price(seen: Sequence[Seen]) -> Costs | None:
            return self._priced(view, trial, seen)

        seen = self._watching.seen(begin, row, view)
        return weigh(trial.promise, self._office.config.evidence, seen, incident, price)

    # Incidents

    def _incident(self, view: View, trial: Trial) -> Incident | None:
        """Return what explains a loss on the plan's streets, if the plan cannot be its cause."""
        queues = [s for s in view.sightings if s.kind is Kind.QUEUE]
        seen = {s.where for s in queues}
        queues += [
            w.sighting
            for w in self._book.open
            if w.sighting.kind is Kind.QUEUE and w.sighting.where not in seen
        ]
        plans = self._plans(trial.promise.plan_digest)
        network = self._office.setting.network
        there = [s for s in queues if touches(network, s.where, sorted(plans))]
        if not there:
            return None
        # Of queues that grow into each other the first is the cause.
        first: Sighting = min(there, key=lambda s: (s.since_utc, s.where))
        if may_have_caused(network, first.where, plans, self._before(trial)):
            return None
        return Incident(first.since_utc, first.text)

    # Model

    def _priced(self, view: View, trial: Trial, seen: Sequence[Seen]) -> Costs | None:
        office, sight = self._office, view.sight
        if sight is None or sight.prediction is None:
            return None
        plans, before = self._plans(trial.promise.plan_digest), self._before(trial)
        if not plans or not before:
            return None
        longest = office.config.planning.longest_cycle_s
        try:
            came = traffic_that_came(
                [each.begin_utc.timestamp() for each in seen],
                view.lately,
                tuple(sight.flagged),
                sight.prediction,
                office.setting.network,
                self._watching.midnight_utc_s(office.clock()),
            )
            if came is None:
                return None
            return Costs(
                cost_of(office.setting, before, came, longest),
                cost_of(office.setting, {**before, **plans}, came, longest),
            )
        except ThroughbandError as error:
            # Judged by what was counted alone.
            _log.warning("the traffic that came cannot be priced: %s", error)
            return None

    def _plans(self, digest: str) -> dict[str, TimingPlan]:
        return self._read(digest, PLAN)

    def _before(self, trial: Trial) -> dict[str, TimingPlan]:
        """Return what ran before the plan, by signal."""
        found = {
            signal.signal_id: signal.plan_in_force
            for signal in self._office.setting.network.signals.values()
            if signal.plan_in_force is not None
        }
        return found | self._read(trial.promise.plan_digest, IN_FORCE)

    def _read(self, digest: str, name: str) -> dict[str, TimingPlan]:
        folder = self._office.memory.folders.get(digest)
        if folder is None:
            return {}
        file = self._office.config.folder / folder / name
        if not file.exists():
            return {}
        try:
            return {plan.signal_id: plan for plan in read_plan(file).plans}
        except ThroughbandError as error:
            _log.warning("%s", error)
            return {}
