"""Plans that are close to each other: fewer changes to explain, to check and to go over.

A plan is drawn towards another signal by signal: first to the other's whole plan, else to its
offset. What costs least is taken first, as long as all of it costs no more than is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from engine.measures.street import Street
from engine.optimize.day_demand import DayStreets
from engine.optimize.locks import Locks
from network.safety import check
from network.timing import TimingPlan

Plans = Mapping[str, TimingPlan]


def distance(first: Plans, second: Plans) -> float:
    """Return how far two sets of plans are apart.

    Returns
    -------
    float
        Mean over the signals both have: 1 for another cycle, 1 for another sequence, and of
        offsets 0 to 1 from equal to half a cycle apart (1 if the cycles differ), plus the part
        of the cycle that is split otherwise (0 where the sequences differ, which says it all).
    """
    both = sorted(set(first) & set(second))
    if not both:
        return 0.0
    return float(np.mean([_apart(first[name], second[name]) for name in both]))


def _apart(a: TimingPlan, b: TimingPlan) -> float:
    far = 0.0 if a.sequence == b.sequence else 1.0
    if a.cycle_s != b.cycle_s:
        return far + 2.0
    gap_s = (a.offset_s - b.offset_s) % a.cycle_s
    far += 2.0 * min(gap_s, a.cycle_s - gap_s) / a.cycle_s
    if a.sequence == b.sequence:
        moved_s = sum(abs(x - y) for x, y in zip(a.splits_s, b.splits_s, strict=True)) / 2.0
        far += moved_s / a.cycle_s
    return far


def drawn_towards(
    streets: DayStreets,
    plans: Plans,
    other: Plans,
    groups: Sequence[tuple[str, ...]],
    rows: Sequence[int],
    allowed_pct: float,
    locks: Locks | None = None,
) -> dict[str, TimingPlan]:
    """Draw plans towards others of the same cycle.

    Parameters
    ----------
    streets
        The day.
    plans, groups
        The plans to change and their coordination groups.
    other
        The plans to come closer to.
    rows
        The periods they are for.
    allowed_pct
        What that may cost in the steady cycle, per cent of the group's cost.
    locks
        What is to stay; both sets of plans meet it.

    Returns
    -------
    dict
        All plans; those of groups whose cycle differs are unchanged.
    """
    found = dict(plans)
    flows = streets.day.typical(rows)
    count = len(next(iter(flows.values())))
    laid = [
        streets.of({name: values[i : i + 1] for name, values in flows.items()})
        for i in range(count)
    ]
    for group in groups:
        same = all(name in other and other[name].cycle_s == plans[name].cycle_s for name in group)
        if same:
            members = {name: plans[name] for name in group}
            found |= _drawn(streets, laid, members, other, allowed_pct, locks or Locks())
    return found


def _drawn(
    streets: DayStreets,
    laid: Sequence[Street],
    plans: Plans,
    other: Plans,
    allowed_pct: float,
    locks: Locks,
) -> dict[str, TimingPlan]:
    network = streets.network
    cycle_s = max(plan.cycle_s for plan in plans.values())
    tables = [CyclicTables(cyclic_group(street, plans), network, cycle_s) for street in laid]

    def cost(changed: Sequence[TimingPlan]) -> float:
        for table in tables:
            for plan in changed:
                table.set(plan)
        return sum(table.cost() for table in tables)

    current = dict(plans)
    limit = cost(list(current.values())) * (1.0 + allowed_pct / 100.0)
    waiting = sorted(name for name in current if current[name] != other[name])
    while waiting:
        trials: list[tuple[float, int, str, TimingPlan]] = []
        for name in waiting:
            now = current[name]
            offset_only = replace(
                now,
                offset_s=other[name].offset_s,
                offset_reference=other[name].offset_reference,
            )
            for rank, plan in enumerate((other[name], offset_only)):
                lawful = plan != now and not check(plan, network.signals[name])
                # Of signals whose offsets differ by what is locked, none is drawn alone.
                lawful = lawful and not locks.broken({**current, name: plan})
                if lawful and _apart(plan, other[name]) < _apart(now, other[name]):
                    trials.append((cost([plan]), rank, name, plan))
            cost([now])
        best = min(trials, key=lambda trial: trial[:3], default=None)
        if best is None or best[0] > limit:
            break
        current[best[2]] = best[3]
        cost([best[3]])
        if best[3] == other[best[2]]:
            waiting.remove(best[2])
    return current
