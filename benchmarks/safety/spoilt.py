"""One violation after the other, done to lawful plans and to the signals they are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from network.graph import Signal
from network.phasing import Interval, Phase, Phasing
from network.timing import TimingPlan

Case = tuple[Signal, TimingPlan]
Spoil = Callable[[np.random.Generator, Signal, TimingPlan], Case | None]


def _forged(plan: TimingPlan, **changes: object) -> TimingPlan:
    copy = replace(plan)
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


def _any_phase(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Phase:
    assert signal.phasing is not None
    return signal.phasing.phase(int(rng.choice(plan.sequence)))


def _with_phase(signal: Signal, **changed: Phase) -> Signal:
    assert signal.phasing is not None
    by_number = {phase.number: phase for phase in changed.values()}
    phases = tuple(by_number.get(p.number, p) for p in signal.phasing.phases)
    # What is built so is tolerated; nothing is built like this.
    return replace(signal, phasing=Phasing(phases, {}), plan_in_force=None)


def _with_splits(plan: TimingPlan, splits: dict[int, int]) -> TimingPlan:
    return replace(plan, splits_s=tuple(splits[n] for n in plan.sequence))


def _splits(plan: TimingPlan) -> dict[int, int]:
    return dict(zip(plan.sequence, plan.splits_s, strict=True))


def green_a_tenth_short(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Lengthen a clearance so that what remains is a tenth below the least green."""
    phase = _any_phase(rng, signal, plan)
    green_ds = plan.split_s(phase.number) * 10 - phase.clearance_ds
    longer_ds = green_ds - phase.least_green_s * 10 + 1
    return _with_phase(signal, p=replace(phase, red_clear_ds=phase.red_clear_ds + longer_ds)), plan


def split_short(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Take a split below its least and give the seconds to another of its ring segment."""
    assert signal.phasing is not None
    phase = _any_phase(rng, signal, plan)
    splits = _splits(plan)
    mates = [
        p.number
        for p in signal.phasing.phases
        if (p.ring, p.barrier) == (phase.ring, phase.barrier) and p.number != phase.number
    ]
    mates = [n for n in mates if n in splits]
    if not mates:
        return None
    least_s = phase.least_green_s + phase.clearance_s
    moved = splits[phase.number] - int(np.ceil(least_s)) + 1
    splits[phase.number] -= moved
    splits[int(rng.choice(mates))] += moved
    return signal, _with_splits(plan, splits)


def one_split_off(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Change one split alone, so that rings or cycle no longer fit."""
    splits = _splits(plan)
    number = int(rng.choice(plan.sequence))
    splits[number] += int(rng.choice([-1, 1]))
    return signal, _with_splits(plan, splits)


def cycle_off(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Announce a cycle that the splits do not fill."""
    cycle_s = plan.cycle_s + int(rng.choice([-1, 1, 10]))
    return signal, _forged(plan, cycle_s=cycle_s, offset_s=min(plan.offset_s, cycle_s - 1))


def cycle_beyond_the_wire(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Stretch a whole barrier segment until the cycle takes more than an octet."""
    assert signal.phasing is not None
    more_s = 256 - plan.cycle_s + int(rng.integers(0, 3))
    if more_s <= 0:
        return signal, _forged(plan, cycle_s=-plan.cycle_s)
    splits = _splits(plan)
    segment = signal.phasing.segments(plan.sequence)[0]
    for ring in segment:
        if ring:
            splits[ring[0]] += more_s
    return signal, replace(_with_splits(plan, splits), cycle_s=plan.cycle_s + more_s)


def offset_out(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Name an offset outside the cycle."""
    return signal, replace(plan, offset_s=int(rng.choice([-1, plan.cycle_s, plan.cycle_s + 7])))


def no_number(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Put something in a field that is not a whole number."""
    wild = [float("nan"), float("inf"), 1.5, "7", None, True, np.int64(3)]
    value = wild[int(rng.integers(len(wild)))]
    field = str(rng.choice(["cycle_s", "offset_s", "coordinated_phase", "splits_s", "sequence"]))
    if field in ("splits_s", "sequence"):
        return signal, _forged(plan, **{field: (value, *getattr(plan, field)[1:])})
    return signal, _forged(plan, **{field: value})


def no_number_in_a_phase(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Put something in a phase that is not a whole number."""
    phase = replace(_any_phase(rng, signal, plan))
    field = str(rng.choice(["min_green_s", "yellow_ds", "red_clear_ds", "walk_s", "ped_clear_s"]))
    wild = [float("nan"), float("inf"), 0.5, "9", None]
    object.__setattr__(phase, field, wild[int(rng.integers(len(wild)))])
    return _with_phase(signal, p=phase), plan


def wrong_names(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Name a phase, a signal or a reference that is not there, or a phase twice."""
    first, *others = plan.sequence
    choice = int(rng.integers(6))
    if choice == 0:
        return signal, replace(plan, signal_id="Y")
    if choice == 1:
        return replace(signal, left_alone="it rests in flash"), plan
    if choice == 2:
        return signal, _forged(plan, coordinated_phase=77)
    if choice == 3:
        return signal, _forged(plan, offset_reference="begin-red")
    if choice == 4:
        return signal, _forged(plan, sequence=(77, *others))
    return signal, _forged(plan, sequence=(first, first, *others[1:]))


def starved(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Leave out a phase that alone serves some group, with its ring's sums kept."""
    assert signal.phasing is not None
    phasing = signal.phasing
    alone = []
    for phase in phasing.phases:
        mates = [
            n
            for n in plan.sequence
            if n != phase.number
            and (phasing.phase(n).ring, phasing.phase(n).barrier) == (phase.ring, phase.barrier)
        ]
        others = [phasing.phase(n) for n in plan.sequence if n != phase.number]
        only = [
            g
            for g in range(phasing.group_count)
            if phase.serves(g) and not any(p.serves(g) for p in others)
        ]
        if mates and only:
            alone.append((phase.number, mates))
    if not alone:
        return None
    number, mates = alone[int(rng.integers(len(alone)))]
    splits = _splits(plan)
    splits[mates[0]] += splits.pop(number)
    sequence = tuple(n for n in plan.sequence if n != number)
    coordinated = plan.coordinated_phase if plan.coordinated_phase != number else mates[0]
    left = TimingPlan(
        "X", plan.cycle_s, sequence, tuple(splits[n] for n in sequence), plan.offset_s, coordinated
    )
    return signal, left


def short_yellow(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Show yellow for a tenth less than three seconds, or for more than six."""
    phase = _any_phase(rng, signal, plan)
    total_ds = phase.clearance_ds
    yellow_ds = 29 if rng.random() < 0.5 or total_ds < 61 else 61
    changed = replace(phase, yellow_ds=yellow_ds, red_clear_ds=max(total_ds - yellow_ds, 0))
    return _with_phase(signal, p=changed), plan


def early_green(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Give the next phase green a tenth before the red clearance is over."""
    assert signal.phasing is not None
    if len(signal.phasing.rings) > 1 or len(plan.sequence) < 2:
        return None
    at = int(rng.integers(len(plan.sequence)))
    number, after = plan.sequence[at], plan.sequence[(at + 1) % len(plan.sequence)]
    phase, following = signal.phasing.phase(number), signal.phasing.phase(after)
    ending = [
        g for g in range(signal.phasing.group_count) if phase.serves(g) and not following.serves(g)
    ]
    begun = {
        g
        for g in range(signal.phasing.group_count)
        if following.aspects[g] == "G" and not phase.serves(g)
    }
    crossing = [
        c
        for c in signal.connections
        if c.groups[0] in ending and any(f"in{g}_0>out{g}_0" in c.foes for g in begun)
    ]
    if not crossing or phase.red_clear_ds < 2:
        return None
    shown = signal.phasing.clearance(number, after)
    *before, last = shown
    early = "".join("G" if g in begun else lamp for g, lamp in enumerate(last.aspects))
    cut = (*before, Interval(last.aspects, last.duration_ds - 1), Interval(early, 1))
    phasing = Phasing(signal.phasing.phases, {(number, after): cut})
    return replace(signal, phasing=phasing, plan_in_force=None), plan


def crossing_greens(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Give a crossing movement protected green together with a phase's own."""
    phase = _any_phase(rng, signal, plan)
    protected = {g for g, lamp in enumerate(phase.aspects) if lamp == "G"}
    foes = {
        other.groups[0]
        for c in signal.connections
        if c.groups[0] in protected
        for other in signal.connections
        if other.connection_id in c.foes and other.groups[0] not in protected
    }
    if not foes:
        return None
    wrong = int(rng.choice(sorted(foes)))
    aspects = "".join("G" if g == wrong else lamp for g, lamp in enumerate(phase.aspects))
    return _with_phase(signal, p=replace(phase, aspects=aspects)), plan


def walk_too_long(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case:
    """Let people need a tenth of a second more than the green; walks count whole seconds."""
    phase = _any_phase(rng, signal, plan)
    green_ds = plan.split_s(phase.number) * 10 - phase.clearance_ds
    walk_s = int(rng.integers(4, 8))
    clear_s = max(green_ds // 10 + 1 - walk_s, 1)
    return _with_phase(signal, p=replace(phase, walk_s=walk_s, ped_clear_s=clear_s)), plan


def barriers_crossed(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Let one ring come to the other street while its neighbor has not."""
    assert signal.phasing is not None
    if len(signal.phasing.rings) == 1:
        return None
    ring = int(rng.choice([1, 2]))
    mine = [n for n in plan.sequence if signal.phasing.phase(n).ring == ring]
    theirs = [n for n in plan.sequence if signal.phasing.phase(n).ring != ring]
    if len({signal.phasing.phase(n).barrier for n in mine}) < 2:
        return None
    if len({signal.phasing.phase(n).barrier for n in theirs}) < 2:
        return None
    turned = [
        n
        for b in reversed(_order(signal.phasing, mine))
        for n in mine
        if signal.phasing.phase(n).barrier == b
    ]
    order = (*turned, *theirs) if ring == 1 else (*theirs, *turned)
    splits = _splits(plan)
    return signal, replace(plan, sequence=order, splits_s=tuple(splits[n] for n in order))


def _order(phasing: Phasing, numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(phasing.phase(n).barrier for n in numbers))


def trap(rng: np.random.Generator, signal: Signal, plan: TimingPlan) -> Case | None:
    """Let the opposing street go on by its lagging left turn after a permitted one ended."""
    assert signal.phasing is not None
    phasing = signal.phasing
    if len(phasing.rings) == 1:
        return None
    for through, left, opposing in ((2, 1, 5), (6, 5, 1), (4, 3, 7), (8, 7, 3)):
        # `through` permits the left turn of its own approach, phase `opposing`.
        served = {through, left} <= set(plan.sequence)
        own = {2: 5, 6: 1, 4: 7, 8: 3}[through]
        if not served or own != opposing or own not in plan.sequence:
            continue
        permitted = [g for g, lamp in enumerate(phasing.phase(through).aspects) if lamp == "g"]
        if not permitted:
            continue
        order = list(plan.sequence)
        at, to = order.index(through), order.index(left)
        if to > at:
            return None
        # Through first, then the lagging left; in the other ring the left leads, so that its
        # through is still green when this one ends.
        order[to], order[at] = order[at], order[to]
        splits = _splits(plan)
        splits_of_ring = splits[through] + splits[left]
        facing = {2: 6, 6: 2, 4: 8, 8: 4}[through]
        if facing not in plan.sequence or order.index(own) > order.index(facing):
            return None
        begin_of_facing = splits[own]
        first_end = splits[through]
        if not begin_of_facing + 1 < first_end - phasing.phase(through).clearance_s:
            return None
        assert splits_of_ring > first_end
        return signal, replace(
            plan, sequence=tuple(order), splits_s=tuple(splits[n] for n in order)
        )
    return None


SPOILS: tuple[Spoil, ...] = (
    green_a_tenth_short,
    split_short,
    one_split_off,
    cycle_off,
    cycle_beyond_the_wire,
    offset_out,
    no_number,
    no_number_in_a_phase,
    wrong_names,
    starved,
    short_yellow,
    early_green,
    crossing_greens,
    walk_too_long,
    barriers_crossed,
    trap,
)
