"""How plans are found and decided on: sought, proven, pushed within the limits or asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from network.errors import ThroughbandError
from network.files import write_plan
from network.timing import PlanSet, TimingPlan
from throughband.approval import policy_objections, read_release
from throughband.operate.memory import Candidate
from throughband.operate.model import Ahead
from throughband.operate.office import PLANS, Office, left_alone
from throughband.operate.ordering import order_for, running
from throughband.operate.plan_folders import tidy
from throughband.operate.planner import (
    IN_FORCE,
    PLAN,
    REPORT,
    PlanOrder,
    PlanOutcome,
    make_plan,
)
from throughband.operate.pushing import RELEASE, Approver, Pushing, receipt_of
from throughband.operate.refusals import heed
from throughband.operate.regime import looked_at, worth_changing
from throughband.operate.warning_book import Kind
from throughband.results import read_json

Planning = Callable[[Path, PlanOrder, float], Awaitable[PlanOutcome]]


class Changes(Pushing):
    """Seeks plans and brings them to the street.

    Parameters
    ----------
    office
        What all parts share.
    planning
        Who makes plans.
    approver
        The console's database; None for none.

    Attributes
    ----------
    trouble
        Why the last plan could not be made, or nothing.
    """

    def __init__(
        self, office: Office, planning: Planning = make_plan, approver: Approver | None = None
    ) -> None:
        super().__init__(office, approver)
        self._planning = planning
        self._task: asyncio.Task[tuple[Path, Ahead, PlanOutcome]] | None = None
        self._queues_then: dict[str, str] = {}
        self.trouble = ""

    @property
    def seeking(self) -> bool:
        """Whether a plan is being made."""
        return self._task is not None

    @property
    def ready(self) -> bool:
        """Whether a plan was made that the next turn takes."""
        return self._task is not None and self._task.done()

    # Seeking

    def seek(self, coming: Ahead, why: str) -> None:
        """Begin to make a plan for this traffic.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded.
        """
        office = self._office
        now = office.clock()
        folder = office.plans_folder / f"{now:%Y%m%dT%H%M%S}"
        office.ledger.write("seek", why=why, folder=folder.name, flow_vph=_whole(coming.mean_vph))
        plans = office.called()[0]
        order = order_for(office, plans, coming)
        # Its traffic stays that of the queue, though the queue may be gone when the plan is ready.
        self._queues_then = self._queues()
        self._task = asyncio.create_task(self._seek(folder, order, plans, coming))

    async def _seek(
        self, folder: Path, order: PlanOrder, plans: Mapping[str, TimingPlan], coming: Ahead
    ) -> tuple[Path, Ahead, PlanOutcome]:
        office = self._office
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if plans:
                network = office.setting.network
                running = PlanSet(network.name, tuple(plans.values()), {})
                write_plan(folder / IN_FORCE, running, network)
        except (OSError, ThroughbandError) as error:
            return folder, coming, PlanOutcome(trouble=f"{folder}: {error}")
        give_up_s = office.config.planning.give_up_s
        return folder, coming, await self._planning(folder, order, give_up_s)

    async def turn(self, free: bool) -> None:
        """Take what planning has brought, and what people have answered.

        Parameters
        ----------
        free
            Whether plans for the forecast are to run at all now.

        Raises
        ------
        ThroughbandError
            If something cannot be recorded or pushed; nothing is half done.
        """
        task = self._task
        if task is not None and task.done():
            self._task = None
            await self._take(*task.result(), free)
        waiting = self._office.memory.waiting
        if waiting is not None:
            late = self._office.clock() - waiting.since_utc
            if late > self._office.config.answer_within:
                self.drop(f"nobody answered within {late.total_seconds() / 60:.0f} min")

    async def close(self) -> None:
        """Stop planning; what was being made is forgotten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _take(self, folder: Path, coming: Ahead, outcome: PlanOutcome, free: bool) -> None:
        office = self._office
        now, new = outcome.cost_now_veh_s, outcome.cost_new_veh_s
        told = {
            "folder": folder.name,
            "plan_digest": outcome.plan_digest,
            "cost_now_veh_s": round(now, 1),
            "cost_new_veh_s": round(new, 1),
            "verdict": outcome.verdict,
            "delay_change_s": outcome.delay_change_s,
        }
        self.trouble = outcome.trouble
        if outcome.trouble:
            office.ledger.write("no plan", why=outcome.trouble, **told)
            return
        _, worth = worth_changing(office.config.regime, now, new)
        regime = office.memory.regime
        if not outcome.proven:
            office.ledger.write("plan stays", why=worth, **told)
            office.memory.regime = None if regime is None else looked_at(regime, coming.mean_vph)
            tidy(self._office)
            return
        report = read_json(folder / REPORT)
        objections = policy_objections(report)
        if objections:
            office.ledger.write("not proven", why="; ".join(objections), model=worth, **told)
            office.memory.regime = None if regime is None else looked_at(regime, coming.mean_vph)
            tidy(self._office)
            return
        candidate = Candidate(
            f"{PLANS}/{folder.name}",
            outcome.plan_digest,
            dict(coming.mean_vph),
            _cost_s(coming, new),
            outcome.delay_change_s,
            office.clock(),
        )
        office.ledger.write("plan ready", why=worth, **told)
        if not free:
            office.ledger.write("not used", why="forecast plans are not to run now", **told)
            return
        await self.decide(candidate)
        tidy(self._office)

    # Deciding

    async def decide(self, candidate: Candidate) -> None:
        """Push a proven plan if the limits allow it, else ask.

        Neither over plans of others, who may have put them there while this one was made, nor
        what a person has rejected.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded or pushed.
        """
        office = self._office
        plan_set = self.plan_of(candidate)
        config, memory = office.config, office.memory
        called, foreign = office.called()
        rejected_by = memory.rejected.get(candidate.plan_digest)
        if foreign or rejected_by:
            why = left_alone(foreign) if foreign else f"{rejected_by} rejected this very plan"
            office.ledger.write("not used", why=why, plan_digest=candidate.plan_digest)
            if memory.regime is not None:
                memory.regime = looked_at(memory.regime, candidate.flow_vph)
            return
        standing = self._queues()
        over = [text for where, text in self._queues_then.items() if where not in standing]
        made = "made for the traffic beside a warning that"
        queues = [
            *(f"{made} stands: {text}" for text in standing.values()),
            *(f"{made} stood when it was ordered: {text}" for text in over),
        ]
        if not config.acts:
            self._ask(candidate, "; ".join(["a person approves every plan", *queues]))
            return
        objections = config.limits.objections(
            running(office, called), plan_set.plans, memory.changes, office.clock()
        )
        if memory.taken_off:
            objections = (memory.taken_off, *objections)
        if not config.limits.may_act_on_queues:
            objections = (*objections, *queues)
        if objections:
            self._ask(candidate, "; ".join(objections))
            return
        await self.push_by_policy(candidate, "proven better, and within the limits")

    def _queues(self) -> dict[str, str]:
        """Return by place what is told of queues and closed roads now."""
        return {
            one.sighting.where: one.sighting.text
            for one in self._office.memory.warned
            if one.open and one.sighting.kind is Kind.QUEUE
        }

    def _ask(self, candidate: Candidate, why: str) -> None:
        office = self._office
        if office.memory.waiting is not None:
            self.drop("a newer plan takes its place")
        office.ledger.write(
            "waiting",
            why=why,
            folder=candidate.folder,
            plan_digest=candidate.plan_digest,
            delay_change_s=candidate.delay_change_s,
        )
        candidate.why = why
        office.memory.waiting = candidate
        office.memory.folders[candidate.plan_digest] = candidate.folder
        office.save()
        folder = office.config.folder / candidate.folder
        promised = candidate.delay_change_s or 0.0
        office.tell(
            "approval",
            f"a plan waits for approval; simulated delay {promised:+.1f} s per vehicle",
            f"{why}.\nApprove it in the console, or with\n"
            f"throughband bridge approve {office.config.scenario} --plan {folder / PLAN} "
            f"--report {folder / REPORT} --journal {office.config.bridge.journal} "
            f"--out {folder / RELEASE}",
            facts={
                "plan_digest": candidate.plan_digest,
                "folder": str(folder),
                "why": why,
                "delay_change_s": candidate.delay_change_s,
            },
        )

    def drop(self, why: str) -> None:
        """Wait no longer for an answer.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded.
        """
        office = self._office
        waiting = office.memory.waiting
        if waiting is None:
            return
        office.ledger.write("no longer asked", why=why, plan_digest=waiting.plan_digest)
        office.memory.waiting = None
        office.save()
        office.tell("approval", f"the plan that waited is not asked for any longer: {why}")

    async def answered(self, events: Sequence[Mapping[str, object]]) -> None:
        """Look for the approval of the plan that waits, and push it.

        Parameters
        ----------
        events
            What was recorded since the last look.

        Raises
        ------
        ThroughbandError
            If the approval cannot be used or the push fails.
        """
        office = self._office
        heed(office, events)
        for event in events:
            waiting = office.memory.waiting
            if waiting is None:
                return
            if event.get("plan_digest") != waiting.plan_digest:
                continue
            kind = event.get("event")
            if kind == "plan rejected":
                self.drop(f"rejected by {event.get('by', 'somebody')}")
            elif kind == "approved" and event.get("file") and office.config.push_approved:
                release = read_release(Path(str(event["file"])))
                office.memory.waiting, office.memory.taken_off = None, ""
                await self.push(waiting, release, f"approved by {release.approved_by}")
            elif kind == "activated":
                # Somebody at the console pushed it.
                office.memory.waiting, office.memory.taken_off = None, ""
                receipt = receipt_of(office.hand.state.path, str(event.get("push_id")))
                self.arrived(waiting, receipt)


def _cost_s(coming: Ahead, cost_veh_s: float) -> float | None:
    """Return the cost per passage of a signal, as the model has it."""
    passages = sum(coming.mean_vph.values()) * _hours(coming)
    return cost_veh_s / passages if passages > 0 else None


def _hours(coming: Ahead) -> float:
    periods = max((len(flow) for flow in coming.movement_vph.values()), default=0)
    return periods * coming.period_s / 3600


def _whole(flow_vph: Mapping[str, float]) -> dict[str, int]:
    return {name: round(flow) for name, flow in sorted(flow_vph.items())}
