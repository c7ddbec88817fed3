"""The locks that explained plans were made under: which they are, and what each one costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.measures.objective import Objective
from engine.measures.street import Street
from engine.optimize.lock_costs import LockCost, lock_costs
from engine.optimize.locks import Lock, Locks
from engine.optimize.narrative import lock_sentence, lock_sentences
from engine.optimize.problem import Limits
from network.errors import PlanError
from network.graph import RoadNetwork
from network.timing import PlanSet
from throughband.planning.optimize_options import read_locks


@dataclass(frozen=True, slots=True)
class HeldLocks:
    """Locks that plans meet.

    Attributes
    ----------
    locks
        All of them.
    costs
        What letting each one go would save; a lock in a group too large to be refitted is absent.
    """

    locks: Locks = field(default_factory=Locks)
    costs: tuple[LockCost, ...] = ()

    @property
    def every(self) -> tuple[Lock, ...]:
        """Each lock once, in the order of the signals."""
        return tuple(dict.fromkeys(k for hold in self.locks.holds.values() for k in hold.locks))

    def lines(self) -> Iterator[str]:
        """Yield a sentence for every lock."""
        price = {cost.lock: cost.veh_s_per_h for cost in self.costs}
        yield from (lock_sentence(lock, price.get(lock)) for lock in self.every)

    def sentences(self, signal_id: str) -> tuple[str, ...]:
        """Return a sentence for every lock of a signal."""
        return tuple(lock_sentences(signal_id, self.locks, self.costs))

    def documents(self) -> list[dict[str, object]]:
        """Return the locks as JSON holds them."""
        price = {cost.lock: round(cost.veh_s_per_h, 1) for cost in self.costs}
        return [
            {"text": str(lock), "signals": list(lock.signals), "veh_s_per_h": price.get(lock)}
            for lock in self.every
        ]


def locks_met(file: Path, network: RoadNetwork, plan_set: PlanSet) -> Locks:
    """Read the locks that plans were made under.

    Parameters
    ----------
    file
        The lock file.
    network, plan_set
        The roads and the plans.

    Raises
    ------
    PlanError
        If the file is malformed, or the plans do not meet it.
    InfeasibleError
        If no lawful plan meets it.
    """
    locks = read_locks(file, network)
    broken = locks.broken({plan.signal_id: plan for plan in plan_set.plans})
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise PlanError(
            f"{file}: {broken[0]}{more}; a lock is explained only for plans that meet it"
        )
    return locks


def held_locks(
    network: RoadNetwork,
    street: Street,
    plan_set: PlanSet,
    locks: Locks,
    objective: Objective,
    together: Sequence[tuple[str, ...]] = (),
) -> HeldLocks:
    """Price the locks of plans.

    Parameters
    ----------
    network, street
        The roads and their demand.
    plan_set
        Plans that meet the locks.
    locks
        From `locks_met`.
    objective
        What the plans are to be good for.
    together
        Signals that an engineer wants under one cycle.
    """
    plans = {plan.signal_id: plan for plan in plan_set.plans}
    known = [group.signals for group in plan_set.groups]
    limits = Limits(objective=objective, locks=locks)
    return HeldLocks(locks, lock_costs(network, street, plans, limits, together, known))
