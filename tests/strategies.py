"""Hypothesis strategies: signals that cannot harm anybody, and lawful plans for them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan


def connection(group: int, foes: frozenset[int], yields_to: frozenset[int]) -> Connection:
    """Build the only connection of a signal group."""
    return Connection(
        connection_id=_name(group),
        from_link=f"in{group}",
        from_lane=0,
        to_link=f"out{group}",
        to_lane=0,
        via_lane="",
        turn="s",
        length_m=20.0,
        speed_mps=13.9,
        wait_m=0.0,
        groups=(group,),
        foes=frozenset(_name(foe) for foe in foes),
        yields_to=frozenset(_name(foe) for foe in yields_to),
    )


def _name(group: int) -> str:
    return f"in{group}_0>out{group}_0"


def signal_of(
    connections: tuple[Connection, ...], phasing: Phasing, plan: TimingPlan | None
) -> Signal:
    """Build a signal whose movements have one connection each."""
    movements = tuple(
        Movement(c.movement_id, "X", c.from_link, c.to_link, c.turn, (c,)) for c in connections
    )
    return Signal("X", 0.0, 0.0, movements, phasing, plan, True, "0", "")


def network_of(*signals: Signal) -> RoadNetwork:
    """Build a network of signals, with the links their connections need."""
    names = {name for s in signals for c in s.connections for name in (c.from_link, c.to_link)} or {
        "in",
        "out",
    }
    links = {
        name: Link(name, f"{name}a", f"{name}b", 100.0, 13.9, 1, (0,), ((0.0, 0.0), (100.0, 0.0)))
        for name in sorted(names)
    }
    connections = tuple(c for s in signals for c in s.connections)
    return RoadNetwork("test", links, {s.signal_id: s for s in signals}, connections)


@st.composite
def phases(draw: st.DrawFn, aspects: str, number: int) -> Phase:
    """Give a picture lawful times."""
    yellow_ds = draw(st.integers(30, 60))
    red_clear_ds = draw(st.integers(0, 3)) * 10 + -yellow_ds % 10
    return Phase(number, aspects, draw(st.integers(1, 15)), yellow_ds, red_clear_ds)


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    """Draw a signal whose phases are harmless in any order.

    Groups served by different phases cross; groups of one phase do not, except that a
    permissive one yields to a protected one that is green in that phase only.
    """
    count = draw(st.integers(2, 6))
    owners: list[set[int]] = []
    for number in range(count):
        owners.extend({number} for _ in range(draw(st.integers(1, 3))))
    for _ in range(draw(st.integers(0, 2))):
        owners.append(set(draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count))))
    foes = [
        frozenset(h for h, others in enumerate(owners) if h != g and not mine & others)
        for g, mine in enumerate(owners)
    ]
    permissive: dict[int, int] = {}
    for group, mine in enumerate(owners):
        partners = [h for h, o in enumerate(owners) if h != group and o == mine and len(o) == 1]
        if partners and group not in permissive.values() and draw(st.booleans()):
            partner = draw(st.sampled_from(partners))
            if partner not in permissive:
                permissive[group] = partner
    shown = [
        "".join(
            draw(st.sampled_from("rs")) if n not in mine else "g" if g in permissive else "G"
            for g, mine in enumerate(owners)
        )
        for n in range(count)
    ]
    listed = tuple(draw(phases(picture, n + 1)) for n, picture in enumerate(shown))
    connections = tuple(
        connection(
            g,
            foes[g]
            | ({permissive[g]} if g in permissive else set())
            | {p for p, partner in permissive.items() if partner == g},
            frozenset({permissive[g]} if g in permissive else set()),
        )
        for g in range(len(owners))
    )
    signal = signal_of(connections, Phasing(listed, {}), None)
    return replace(signal, plan_in_force=draw(plans(signal)))


@st.composite
def plans(draw: st.DrawFn, signal: Signal) -> TimingPlan:
    """Draw a lawful plan that serves every phase of a signal, in any order."""
    assert signal.phasing is not None
    order = draw(st.permutations(signal.phasing.phases))
    splits = [p.min_split_s + draw(st.integers(0, 10)) for p in order]
    coordinated = draw(st.sampled_from(order))
    references = [OffsetReference.BEGIN_GREEN, OffsetReference.BEGIN_YELLOW]
    if coordinated.red_clear_ds % 10 == 0:
        references.append(OffsetReference.END_YELLOW)
    return TimingPlan(
        signal.signal_id,
        sum(splits),
        tuple(p.number for p in order),
        tuple(splits),
        draw(st.integers(0, sum(splits) - 1)),
        coordinated.number,
        draw(st.sampled_from(references)),
    )


@st.composite
def signals_with_plans(draw: st.DrawFn) -> tuple[Signal, TimingPlan]:
    """Draw a signal and a lawful plan for it."""
    signal = draw(signals())
    return signal, draw(plans(signal))
