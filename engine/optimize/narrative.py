"""An explanation of plans in plain words, for a council: numbers and units, no jargon.

Waiting is told for all drivers together, in minutes per hour; it holds what a stop costs beyond
standing. A lane is named by its street.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.measures.corridor import Corridor, Direction
from engine.measures.evaluation import StreetMeasures
from engine.optimize.alternatives import Cycles
from engine.optimize.binding import BARRIER, MINIMUM_GREEN, WALK, CriticalPath
from engine.optimize.explanation import Explanation, GroupExplanation, SignalExplanation
from engine.optimize.lock_costs import LockCost
from engine.optimize.locks import Lock, Locks
from engine.optimize.regret import CLOCKS, SPEEDS, VOLUMES, Regret
from engine.optimize.sensitivity import LaneChange, SecondCost
from engine.optimize.withheld import Withheld

SECONDS_PER_MINUTE: Final = 60.0
ORDERS_NAMED: Final = 3
WORTH_TELLING: Final = 0.005
"""Part of a group's waiting by which moving a second must pay before it is called a gain."""

ERRORS: Final[Mapping[str, str]] = {
    VOLUMES: "if traffic on every turn differs by up to 15 %",
    CLOCKS: "if every signal's clock is up to 2 s off",
    SPEEDS: "if speeds on every street differ by up to 10 %",
}


def group_paragraph(group: GroupExplanation, number: int) -> str:
    """Return what is to be said of a group as a whole.

    Parameters
    ----------
    group
        The group.
    number
        What to call it.
    """
    size = len(group.signals)
    who = f"{size} signals share" if size > 1 else "One signal runs on its own with"
    said = [
        f"Group {number}: {who} a cycle of {group.cycle_s} s. A driver loses "
        f"{group.cost_s_per_veh:.1f} s at a signal on average ({group.volume_vph:.0f} vehicles "
        "pass a signal in the hour; the time that a stop costs is in it)."
    ]
    if group.cycles is not None:
        said.append(_cycles(group.cycles))
    if group.refit_gain_pct is not None:
        said.append(
            f"Shifting seconds and starting times as far as that pays would lower this by "
            f"{group.refit_gain_pct:.1f} %."
        )
    gain_pct = group.refit_gain_pct or 0.0
    now_pct = 100.0 * gain_pct / (100.0 - gain_pct)
    said += [_regret(lost, now_pct) for lost in group.regrets]
    return " ".join(said)


def _cycles(cycles: Cycles) -> str:
    low, high = cycles.plateau_s
    costs = {found.cycle_s: found.s_per_veh for found in cycles.tried}
    width = (
        f"cycles from {low} to {high} s are within 1 % of the best"
        if low < high
        else f"only {low} s is within 1 % of the best"
    )
    sides = [
        f"{cycle_s} s would {_worth(costs[cycle_s] - costs[cycles.now_s])} per vehicle"
        for cycle_s in sorted(costs)
        if cycle_s != cycles.now_s and abs(cycle_s - cycles.now_s) <= 10
    ]
    text = f"With green times fitted to each, {width}"
    text += f"; {', '.join(sides)}, compared with {cycles.now_s} s." if sides else "."
    if cycles.too_short_s:
        short = ", ".join(f"{name} ({s} s)" for name, s in sorted(cycles.too_short_s.items()))
        text += f" Shorter cycles would not hold the least green times at {short}."
    return text


def _worth(cost_s: float) -> str:
    return f"save {-cost_s:.1f} s" if cost_s <= -0.05 else f"cost {max(cost_s, 0.0):.1f} s"


def _regret(lost: Regret, now_pct: float) -> str:
    text = (
        f"{ERRORS[lost.error][0].upper()}{ERRORS[lost.error][1:]}, the plan is "
        f"{lost.mean_pct:.1f} % dearer on average and {lost.worst_pct:.1f} % at worst than one "
        f"refitted to that ({lost.draws} cases drawn"
    )
    return f"{text}; {now_pct:.1f} % without any error)."


def corridor_paragraph(name: str, corridor: Corridor, explanation: Explanation) -> str:
    """Return what driving along a corridor comes to, beside the plans in force.

    Parameters
    ----------
    name
        What to call it.
    corridor
        Its signals.
    explanation
        Of the plans.
    """
    ends = f"{corridor.signals[0]} to {corridor.signals[-1]}"
    said = [f"{name}: {len(corridor.stops)} signals, {ends}."]
    for direction in corridor.directions:
        now = _driven(corridor, direction, explanation, explanation.measures)
        before = _driven(corridor, direction, explanation, explanation.in_force)
        course = corridor.course(direction)
        said.append(
            f"Driving {direction} from {course[0][0].signal_id} to {course[-1][0].signal_id} takes "
            f"{course[-1][1]:.0f} s at free speed; at the signals a driver waits {now:.0f} s in "
            f"all (with the plans in force {before:.0f} s)."
        )
    return " ".join(said)


def _driven(
    corridor: Corridor, direction: Direction, explanation: Explanation, measures: StreetMeasures
) -> float:
    """Mean wait over all stop lines of a direction, s; lanes by what drives on them."""
    street = explanation.street
    row = {name: at for at, name in enumerate(street.lane_names)}
    total_s = 0.0
    for stop in corridor.stops:
        for passage in stop.passages(direction):
            lanes = {
                row[f"{c.from_link}_{c.from_lane}"]
                for c in passage.connections
                if f"{c.from_link}_{c.from_lane}" in row
            }
            volume = sum(float(street.lane_volume_vps[lane]) for lane in lanes)
            if volume > 0:
                waited = sum(
                    float(street.lane_volume_vps[lane] * measures.lane_delay_s[lane])
                    for lane in lanes
                )
                total_s += waited / volume
    return total_s


def signal_paragraph(signal: SignalExplanation, group: GroupExplanation) -> str:
    """Return what is to be said of a signal.

    Parameters
    ----------
    signal
        The signal.
    group
        Its group.
    """
    return " ".join(signal_sentences(signal, group))


def signal_sentences(signal: SignalExplanation, group: GroupExplanation) -> Iterator[str]:
    """Yield what is to be said of a signal, sentence by sentence; as `signal_paragraph`."""
    yield _need(signal.path)
    yield from _minimums(signal)
    yield from _seconds(signal, group)
    yield _start(signal)
    if signal.next_sequence is not None:
        found = signal.next_sequence
        order = ", ".join(str(number) for number in found.plan.sequence)
        which = "the only other one" if found.tried == 1 else f"best of {found.tried} others"
        yield (
            f"Another order of phases ({order}; {which} that is lawful) "
            f"{_would(found.veh_s_per_h)}, {found.s_per_veh:+.2f} s per vehicle."
        )
    for (ending, beginning), why in sorted(signal.refused_steps.items()):
        yield f"Phase {beginning} may not follow phase {ending} directly: {why}."
    if signal.withheld.orders:
        yield _withheld(signal.withheld)


def _withheld(found: Withheld) -> str:
    shown = "; ".join(", ".join(map(str, order)) for order in found.orders[:ORDERS_NAMED])
    more = len(found.orders) - ORDERS_NAMED
    listed = f"{shown}; and {more} more" if more > 0 else shown
    one = len(found.orders) == 1
    return (
        f"{'This order' if one else 'These orders'} of phases would be lawful but "
        f"{'is' if one else 'are'} not tried ({listed}): who still waits for a gap inside the "
        f"junction, on street {', '.join(found.links)}, is let out by the next phase today, and "
        "would be left standing in the way of others."
    )


def lock_sentences(signal_id: str, locks: Locks, costs: Sequence[LockCost]) -> Iterator[str]:
    """Yield what is locked at a signal and what that costs, a sentence each.

    Parameters
    ----------
    signal_id
        The signal.
    locks
        All locks.
    costs
        What they cost; a lock without a price is told without.
    """
    price = {cost.lock: cost.veh_s_per_h for cost in costs}
    for lock in locks.hold(signal_id).locks:
        yield lock_sentence(lock, price.get(lock))


def lock_sentence(lock: Lock, veh_s_per_h: float | None) -> str:
    """Return what is locked and what that costs; without the price where it is not known."""
    if veh_s_per_h is None:
        return f"Locked: {lock}."
    if veh_s_per_h < 1.0:
        return f"Locked: {lock}; it costs nothing."
    return f"Locked: {lock}; letting it go would save {_minutes(veh_s_per_h)} of waiting an hour."


def _need(path: CriticalPath) -> str:
    parts = []
    for phase in path.phases:
        if not phase.critical:
            continue
        why = (
            phase.needed_for
            if phase.needed_for in (MINIMUM_GREEN, WALK)
            else f"traffic on {phase.needed_for}"
        )
        used = f", busiest lane at {100 * phase.saturation:.0f} % of capacity" if phase.lane else ""
        parts.append(f"phase {phase.phase} {phase.needed_s:.0f} s for {why}{used}")
    what = "; ".join(parts)
    if path.spare_s < 0:
        return (
            f"Of the cycle of {path.cycle_s} s, {path.needed_s:.0f} s would be needed ({what}): "
            f"{-path.spare_s:.0f} s are missing, and queues grow while this traffic lasts."
        )
    return (
        f"Of the cycle of {path.cycle_s} s, {path.needed_s:.0f} s are needed at the least "
        f"({what}); the other {path.spare_s:.0f} s keep waits short when vehicles come unevenly."
    )


def _minimums(signal: SignalExplanation) -> Iterator[str]:
    for bound in signal.bounds:
        if bound.constraint in (MINIMUM_GREEN, WALK, BARRIER) or bound.side == "less":
            yield f"{bound.text[0].upper()}{bound.text[1:]}."


def _seconds(signal: SignalExplanation, group: GroupExplanation) -> Iterator[str]:
    exchanges = [cost for cost in signal.seconds.costs if cost.seconds]
    if not exchanges:
        yield "No second can be moved between its phases."
        return
    least = min(exchanges, key=lambda cost: cost.veh_s_per_h)
    most = max(exchanges, key=lambda cost: cost.veh_s_per_h)
    whole = group.cost_s_per_veh * group.volume_vph
    if least.veh_s_per_h < -WORTH_TELLING * whole:
        saved = _minutes(-least.veh_s_per_h)
        yield f"The best move, {_moved(least)}, would save {saved} of waiting an hour{_who(least)}."
        ample = least.ample_veh_s_per_h
        if ample is not None and ample > 0.0:
            more = 100.0 * (group.margin - 1.0)
            yield f"With {more:.0f} % more traffic, for which plans are made, it {_would(ample)}."
    else:
        yield (
            f"No move of a second pays noticeably; the cheapest, {_moved(least)}, changes "
            f"waiting by {_minutes(least.veh_s_per_h, signed=True)} an hour{_who(least)}."
        )
    if most is not least:
        yield f"The dearest, {_moved(most)}, {_would(most.veh_s_per_h)}{_who(most)}."


def _moved(cost: SecondCost) -> str:
    given = [f"phase {n}" for n, s in cost.seconds.items() if s > 0]
    taken = [f"phase {n}" for n, s in cost.seconds.items() if s < 0]
    return f"one second more for {' and '.join(given)} from {' and '.join(taken)}"


def _who(cost: SecondCost) -> str:
    told = []
    hourly = cost.hourly_veh_s_per_h
    # Queues that block the lanes beside and behind them are in the hour only.
    if hourly is not None and hourly * cost.veh_s_per_h < 0:
        told.append(f"over the hour with its blocked lanes it {_would(hourly)}")
    if cost.gains is not None:
        told.append(f"{_lane(cost.gains)} would gain {_minutes(-cost.gains.veh_s_per_h)}")
    if cost.pays is not None:
        told.append(f"{_lane(cost.pays)} would pay {_minutes(cost.pays.veh_s_per_h)}")
    return f" ({', '.join(told)})" if told else ""


def _lane(change: LaneChange) -> str:
    return f"street {change.link}, lane {change.lane},"


def _start(signal: SignalExplanation) -> str:
    plan, seconds = signal.plan, signal.seconds
    later, earlier = seconds.later, seconds.earlier
    where = f"Phase {plan.coordinated_phase} is timed to second {plan.offset_s} of the cycle"
    if abs(later.veh_s_per_h) < 1.0 and abs(earlier.veh_s_per_h) < 1.0:
        return f"{where}; one second earlier or later makes no difference."
    return (
        f"{where}; one second later would change waiting by "
        f"{_minutes(later.veh_s_per_h, signed=True)} an hour, one second earlier by "
        f"{_minutes(earlier.veh_s_per_h, signed=True)}."
    )


def _minutes(veh_s_per_h: float, *, signed: bool = False) -> str:
    minutes = veh_s_per_h / SECONDS_PER_MINUTE
    digits = 1 if abs(minutes) < 10 else 0
    sign = "+" if signed else ""
    # Adding zero turns what rounds to -0 into 0.
    return f"{round(minutes, digits) + 0.0:{sign}.{digits}f} min"


def _would(veh_s_per_h: float) -> str:
    verb = "cost" if veh_s_per_h >= 0 else "save"
    return f"would {verb} {_minutes(abs(veh_s_per_h))} of waiting an hour"
