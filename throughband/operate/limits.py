"""What the city lets operation do without asking: when, where, how far, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controllers.steps import MostSteps
from network.timing import TimingPlan
from throughband.bridge.config import OperatingTimes


@dataclass(frozen=True, slots=True)
class Step:
    """How far one signal's timing would move.

    Attributes
    ----------
    signal_id
        The signal.
    cycle_s, split_s, offset_s
        Changes of its cycle, of the split that changes most, and of its offset, s; the offset the
        short way around the new cycle. None where no number can say it: other phases are served,
        or the offset counts from another event.
    """

    signal_id: str
    cycle_s: int
    split_s: int | None
    offset_s: int | None


def step_of(before: TimingPlan, after: TimingPlan) -> Step:
    """Measure the step from one plan of a signal to another.

    Offsets that count from another phase cannot be compared: equal numbers may be half a cycle
    apart.
    """
    split_s: int | None = None
    old, new = (dict(zip(p.sequence, p.splits_s, strict=True)) for p in (before, after))
    if old.keys() == new.keys():
        split_s = max((abs(new[phase] - old[phase]) for phase in new), default=0)
    offset_s: int | None = None
    if (before.offset_reference, before.coordinated_phase) == (
        after.offset_reference, after.coordinated_phase,
    ):  # fmt: skip
        apart_s = after.offset_s - before.offset_s
        offset_s = min(apart_s % after.cycle_s, -apart_s % after.cycle_s)
    return Step(after.signal_id, abs(after.cycle_s - before.cycle_s), split_s, offset_s)


@dataclass(frozen=True, slots=True)
class CityLimits:
    """What operation may do by itself.

    Attributes
    ----------
    hours
        When it may change plans.
    signals
        Where; empty for every signal of the network.
    most_steps
        How far at once.
    most_changes_per_day
        How often on one local day.
    least_between
        Least time between two changes.
    may_drop_phases
        Whether a plan may leave out phases that are served now, such as those of protected left
        turns.
    may_act_on_queues
        Whether a plan that was made while a queue or a closed road is told may be used.
    """

    hours: OperatingTimes
    signals: frozenset[str]
    most_steps: MostSteps
    most_changes_per_day: int
    least_between: timedelta
    may_drop_phases: bool = False
    may_act_on_queues: bool = False

    def objections(
        self,
        before: Mapping[str, TimingPlan],
        after: Sequence[TimingPlan],
        changes: Sequence[datetime],
        now_utc: datetime,
    ) -> tuple[str, ...]:
        """Say what a change by itself would break; empty if it may be made.

        Parameters
        ----------
        before
            Plans on the street by signal.
        after
            Plans to go to.
        changes
            When operation changed plans lately, aware.
        now_utc
            The present.
        """
        found = [*self.not_now(changes, now_utc)]
        outside = sorted(p.signal_id for p in after if self.signals and not self.has(p.signal_id))
        if outside:
            found.append(f"signals outside the corridors allowed: {', '.join(outside)}")
        for plan in after:
            old = before.get(plan.signal_id)
            if old is None:
                continue
            dropped = sorted(set(old.sequence) - set(plan.sequence))
            if dropped and not self.may_drop_phases:
                which = f"phase {dropped[0]}" if len(dropped) == 1 else f"phases {dropped}"
                found.append(
                    f"signal {plan.signal_id!r}: {which} of what runs now would be left out; "
                    "limits.may_drop_phases lets that pass"
                )
            found.extend(self._too_far(step_of(old, plan)))
        return tuple(found)

    def not_now(self, changes: Sequence[datetime], now_utc: datetime) -> tuple[str, ...]:
        """Say why nothing may be changed at this moment, whatever it is."""
        found = []
        local = now_utc.astimezone(self.hours.zone)
        if not self.hours.contains(now_utc):
            found.append(f"{local:%H:%M} is outside the hours allowed")
        today = [at for at in changes if at.astimezone(self.hours.zone).date() == local.date()]
        if len(today) >= self.most_changes_per_day:
            found.append(
                f"{len(today)} changes today; {self.most_changes_per_day} a day are allowed"
            )
        last = max(changes, default=None)
        if last is not None and now_utc - last < self.least_between:
            found.append(
                f"the last change was {(now_utc - last).total_seconds() / 60:.0f} min ago; "
                f"{self.least_between.total_seconds() / 60:.0f} min are kept between two"
            )
        return tuple(found)

    def has(self, signal_id: str) -> bool:
        """Whether a signal is one that may be changed."""
        return not self.signals or signal_id in self.signals

    def _too_far(self, step: Step) -> list[str]:
        most, found = self.most_steps, []
        for what, size_s, bound_s in (
            ("cycle", step.cycle_s, most.cycle_s),
            ("split", step.split_s, most.split_s),
            ("offset", step.offset_s, most.offset_s),
        ):
            if bound_s is None:
                continue
            if size_s is None:
                found.append(
                    f"signal {step.signal_id!r}: the step of its {what} cannot be measured, since "
                    "other phases are served or it counts from another event"
                )
            elif size_s > bound_s:
                found.append(
                    f"signal {step.signal_id!r}: its {what} changes by {size_s} s; "
                    f"{bound_s} s are allowed at once"
                )
        return found
