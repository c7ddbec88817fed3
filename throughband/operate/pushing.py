"""Plans onto the street and off it again: approved by policy or a person, recorded, taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from controllers.release import PlanRelease
from network.errors import ControllerError, ThroughbandError
from network.files import read_plan
from network.safety import require_safe
from network.timing import PlanSet
from throughband.approval import approve, approved_event, report_digest, write_release
from throughband.operate.evidence import Promise
from throughband.operate.memory import Candidate, Trial
from throughband.operate.office import Office
from throughband.operate.planner import PLAN, REPORT
from throughband.operate.regime import looked_at, settled
from throughband.results import read_json

RELEASE: Final = "release.json"
POLICY: Final = "policy 'delay proven lower, within the limits of operation'"
VALID: Final = timedelta(hours=1)
"""A release of operation's own is used at once, or not at all."""

Rows = dict[str, dict[str, tuple[float, float]]]

Expect = Callable[[Candidate], tuple[Promise, Rows]]
"""Returns what a plan that goes on the street now is held against; see `memory.Trial`."""


def _nothing_expected(candidate: Candidate) -> tuple[Promise, Rows]:
    raise ThroughbandError(f"nobody said what plan {candidate.plan_digest[:12]} is held against")


class Approver(Protocol):
    """The console's database, where it approves what the policy lets pass."""

    def approve(
        self, folder: Path, plan_set: PlanSet, report: Mapping[str, Any], why: str, now: datetime
    ) -> PlanRelease | None:
        """Return a release that is on record in the journal; None if that is not possible now."""
        ...


class Pushing:
    """Brings plans to the street.

    Parameters
    ----------
    office
        What all parts share.
    approver
        The console's database; None for none.

    Attributes
    ----------
    expect
        What a plan on the street is held against.
    """

    def __init__(self, office: Office, approver: Approver | None = None) -> None:
        self._office = office
        self._approver = approver
        self.expect: Expect = _nothing_expected

    async def push_by_policy(self, candidate: Candidate, why: str) -> None:
        """Approve by policy, on record, and push.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded or pushed.
        """
        office = self._office
        folder = office.config.folder / candidate.folder
        plan_set, report = self.plan_of(candidate), read_json(folder / REPORT)
        now = office.clock()
        release = None
        if self._approver is not None:
            release = self._approver.approve(folder, plan_set, report, why, now)
        if release is None:
            release = approve(plan_set, report, POLICY, now, why, VALID)
            (folder / RELEASE).unlink(missing_ok=True)
            write_release(folder / RELEASE, release)
            office.ledger.record(
                {
                    **approved_event(release),
                    "release_digest": release.digest,
                    "file": str(folder / RELEASE),
                }
            )
        await self.push(candidate, release, why)

    async def push(self, candidate: Candidate, release: PlanRelease, why: str) -> None:
        """Push a plan under a release.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded, or the push fails; it is taken back then, or left for
            `recover`.
        """
        office = self._office
        plan_set = self.plan_of(candidate)
        require_safe(plan_set, office.setting.network)
        if release.report_digest != report_digest(
            read_json(office.config.folder / candidate.folder / REPORT)
        ):
            raise ControllerError("the release was given on another report than the plan's")
        office.ledger.write(
            "push", why=why, plan_digest=candidate.plan_digest, folder=candidate.folder
        )
        office.memory.pushing = candidate
        office.memory.folders[candidate.plan_digest] = candidate.folder
        office.save()
        try:
            _, file = await office.hand.push(plan_set, release, lambda: "")
        except ThroughbandError as error:
            office.memory.pushing = None
            # What cannot be pushed now is not tried again for the same traffic.
            regime = office.memory.regime
            if regime is not None:
                office.memory.regime = replace(regime, searched_utc=office.clock())
            office.ledger.try_write(
                "push failed", why=str(error), plan_digest=candidate.plan_digest
            )
            office.tell("change", f"a plan could not be pushed: {error}", urgent=True)
            office.save()
            raise
        self.arrived(candidate, file)
        promised = candidate.delay_change_s
        office.tell(
            "change",
            f"a new plan runs at {len(plan_set.plans)} signals: {why}",
            f"{why}."
            + ("" if promised is None else f" Promised: {promised:+.1f} s per vehicle.")
            + f"\nPlan {candidate.plan_digest[:12]} in {office.config.folder / candidate.folder}",
            facts={"plan_digest": candidate.plan_digest, "why": why, "delay_change_s": promised},
        )

    def arrived(self, candidate: Candidate, receipt: Path | None) -> None:
        """Note that a plan went on the street; with its receipt it is on trial."""
        office, memory = self._office, self._office.memory
        now = office.clock()
        memory.pushing = None
        memory.changed(now)
        memory.folders[candidate.plan_digest] = candidate.folder
        signals = {plan.signal_id for plan in self.plan_of(candidate).plans}
        memory.ours = sorted({*memory.ours, *signals})
        before = memory.regime
        memory.regime = settled(candidate.flow_vph, candidate.cost_s, now)
        memory.trial = None
        if receipt is not None:
            promise, rows = self.expect(candidate)
            memory.trial = Trial(promise, str(receipt), rows, before)
        office.ledger.try_write(
            "changed",
            plan_digest=candidate.plan_digest,
            receipt=str(receipt or ""),
            promised_s=candidate.delay_change_s,
        )
        office.save()

    async def take_back(self, why: str) -> None:
        """Take the plan on trial off the street; what ran before it runs again.

        Raises
        ------
        ThroughbandError
            If some controller could not be taken back.
        """
        office, memory = self._office, self._office.memory
        trial = memory.trial
        if trial is None:
            return
        digest = trial.promise.plan_digest
        office.ledger.write("take back", why=why, plan_digest=digest)
        again = await office.hand.withdraw(Path(trial.receipt))
        made_for = memory.regime
        memory.trial = None
        memory.ours = sorted(office.hand.calls())
        memory.changed(office.clock())
        memory.regime = trial.before
        if memory.regime is not None and made_for is not None:
            memory.regime = looked_at(memory.regime, made_for.flow_vph)
        office.ledger.try_write("taken back", why=why, plan_digest=digest, called_again=again)
        office.tell("change", f"the new plan was taken back: {why}", urgent=True)
        office.save()

    async def recover(self) -> None:
        """Take up what a crash left: a push that ended without us, or did not end.

        Raises
        ------
        ThroughbandError
            If a push that was left open cannot be concluded.
        """
        office, memory = self._office, self._office.memory
        done = await office.hand.recover()
        for entry in done:
            office.ledger.write("recovered", outcome=entry.outcome, push_id=entry.intent.push_id)
        candidate = memory.pushing
        if candidate is None:
            return
        ours = [c for c in office.hand.calls().values() if c.plan_digest == candidate.plan_digest]
        if ours:
            self.arrived(candidate, receipt_of(office.hand.state.path, ours[0].push_id))
        else:
            office.ledger.write("push not begun", plan_digest=candidate.plan_digest)
            memory.pushing = None
            office.save()

    def plan_of(self, candidate: Candidate) -> PlanSet:
        """Return a candidate's plans; raise `ControllerError` if they are not those proven."""
        found = read_plan(self._office.config.folder / candidate.folder / PLAN)
        if found.digest != candidate.plan_digest:
            raise ControllerError(
                f"{candidate.folder}/{PLAN}: holds {found.digest[:12]}, not the plan "
                f"{candidate.plan_digest[:12]} that was proven"
            )
        return found


def receipt_of(state: Path, push_id: str) -> Path | None:
    for file in sorted((state / "receipts").glob("*.json"), reverse=True):
        if read_json(file).get("push_id") == push_id:
            return file
    return None
