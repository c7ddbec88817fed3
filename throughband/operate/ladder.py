"""Which level operation stands on now, and what that does on the street."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from network.errors import ThroughbandError
from network.files import read_plan
from network.timing import PlanSet
from throughband.approval import policy_objections
from throughband.operate.changing import Changes
from throughband.operate.config import PlanOfDay
from throughband.operate.levels import Level, stand
from throughband.operate.limits import CityLimits
from throughband.operate.memory import Candidate
from throughband.operate.office import PLANS, Office, left_alone
from throughband.operate.planner import PLAN, REPORT
from throughband.operate.watching import View
from throughband.results import read_json


class Ladder:
    """Steps from level to level.

    Parameters
    ----------
    office
        What all parts share.
    changes
        Pushes plans of the day.
    """

    def __init__(self, office: Office, changes: Changes) -> None:
        self._office = office
        self._changes = changes

    async def turn(self, view: View) -> None:
        """Take the level that this look allows, and what follows from it.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded, or a plan of the day cannot be pushed.
        """
        office = self._office
        now = office.clock()
        before = office.memory.standing
        after = stand(before, self._against(view, now), office.config.ladder, now)
        office.memory.standing = after
        if after.level is not before.level:
            office.ledger.write("level", level=after.level.words, why=after.why)
            office.tell(
                "level",
                f"now {after.level.words}",
                f"From {before.level.words} to {after.level.words}: {after.why}",
                urgent=after.level < before.level,
                facts={"level": int(after.level), "why": after.why},
            )
        if after.level is Level.OWN_SCHEDULE:
            await self._own_schedule(after.why)
        elif after.level is Level.PLAN_OF_DAY:
            await self._plan_of_day(now)

    def _against(self, view: View, now: datetime) -> dict[Level, str]:
        office = self._office
        stop = office.hand.stopped()
        if not stop and not office.hand.served:
            stop = "no bridge runs"
        if not stop and office.ledger.trouble:
            stop = f"nothing can be recorded: {office.ledger.trouble}"
        found: dict[Level, str] = {}
        if stop or not view.current:
            found[Level.FORECAST] = stop or view.why_not
        day = self._of_the_hour(now)
        if stop:
            found[Level.PLAN_OF_DAY] = stop
        elif not office.config.acts:
            found[Level.PLAN_OF_DAY] = "a person approves every plan"
        elif office.memory.taken_off:
            found[Level.PLAN_OF_DAY] = f"{office.memory.taken_off}; a person is asked"
        elif day is None:
            found[Level.PLAN_OF_DAY] = "no plan is set for this hour"
        return found

    def _of_the_hour(self, now: datetime) -> PlanOfDay | None:
        days = self._office.config.plans_of_day
        return next((day for day in days if day.times.contains(now)), None)

    async def _own_schedule(self, why: str) -> None:
        plans, _ = self._office.called()
        if not plans:
            return
        stuck = await self._office.hand.hand_back(sorted(plans), why)
        memory = self._office.memory
        memory.regime, memory.trial, memory.ours = None, None, []
        self._office.tell(
            "change",
            f"{len(plans)} signals were handed back to their own schedule",
            f"{why}." + "".join(f"\n{text}" for text in stuck),
            urgent=True,
        )

    async def _plan_of_day(self, now: datetime) -> None:
        office, day = self._office, self._of_the_hour(now)
        if day is None:
            return
        plan_set = read_plan(day.plan)
        called = {c.plan_digest for c in office.hand.calls().values()}
        if called == {plan_set.digest} or office.config.limits.not_now(office.memory.changes, now):
            return
        require_allowed(day.plan, plan_set, office.config.limits)
        foreign = office.called()[1]
        if foreign:
            raise ThroughbandError(f"{left_alone(foreign)}, and the plan of the day waits")
        rejected_by = office.memory.rejected.get(plan_set.digest)
        if rejected_by:
            raise ThroughbandError(f"{day.plan}: {rejected_by} rejected this very plan")
        objections = policy_objections(read_json(day.report))
        if objections:
            raise ThroughbandError(f"{day.report}: {'; '.join(objections)}")
        folder = office.plans_folder / f"day-{plan_set.digest[:12]}"
        folder.mkdir(exist_ok=True)
        for source, name in ((day.plan, PLAN), (day.report, REPORT)):
            _copy(source, folder / name)
        candidate = Candidate(
            f"{PLANS}/{folder.name}", plan_set.digest, {}, None, None, now, "plan of the day"
        )
        await self._changes.push_by_policy(candidate, "the plan of the day for this hour")
        # It was not made for a forecast: once forecasts are back they decide anew.
        office.memory.regime = None


def require_allowed(file: Path, plan_set: PlanSet, limits: CityLimits) -> None:
    """Refuse a plan of the day that retimes signals outside the corridors allowed.

    Raises
    ------
    ThroughbandError
        If it does.
    """
    outside = sorted(p.signal_id for p in plan_set.plans if not limits.has(p.signal_id))
    if outside:
        raise ThroughbandError(
            f"{file}: retimes {', '.join(outside)}, outside the corridors allowed "
            f"(limits.signals: {', '.join(sorted(limits.signals))})"
        )


def _copy(source: Path, target: Path) -> None:
    try:
        target.write_bytes(source.read_bytes())
    except OSError as error:
        raise ThroughbandError(f"{target}: cannot be copied ({error.strerror})") from error
