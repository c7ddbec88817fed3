"""Loops among signals, and offsets from the differences along links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

Terms = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Arc:
    """One direction of one link.

    Attributes
    ----------
    tail, head
        Signals it leads from and to.
    arterial
        Name.
    tension
        Offset of the head less that of the tail, in cycles up to whole ones, as an expression.
    """

    tail: str
    head: str
    arterial: str
    tension: Terms


Cycle = list[tuple[int, Arc]]
"""Arcs with +1 where driven along, -1 where driven against."""


def basis_cycles(arcs: Sequence[Arc]) -> Iterator[tuple[str, Cycle]]:
    """Yield a basis of the cycles that arcs close, each with a name for messages.

    Arcs between the same two signals close cycles of two; the rest is a minimum cycle basis,
    because short cycles keep the integers small (Wünsch 2008, thesis, TU Berlin).
    """
    first: dict[frozenset[str], Arc] = {}
    for arc in arcs:
        ends = frozenset((arc.tail, arc.head))
        if ends not in first:
            first[ends] = arc
            continue
        mate = first[ends]
        sign = 1 if mate.tail == arc.head else -1
        names = {mate.arterial, arc.arterial}
        where = " and ".join(repr(name) for name in sorted(names))
        yield f"the way {mate.tail!r} - {mate.head!r} and back on {where}", [(1, mate), (sign, arc)]
    # Numbers instead of names, whose order in sets would change from run to run.
    signals = list(dict.fromkeys(name for arc in arcs for name in (arc.tail, arc.head)))
    number = {name: i for i, name in enumerate(signals)}
    graph = nx.Graph()
    graph.add_nodes_from(range(len(signals)))
    graph.add_edges_from((number[arc.tail], number[arc.head]) for arc in first.values())
    for ring in nx.minimum_cycle_basis(graph):
        names_round = [signals[i] for i in ring]
        cycle: Cycle = []
        for a, b in zip(names_round, [*names_round[1:], names_round[0]], strict=True):
            arc = first[frozenset((a, b))]
            cycle.append((1 if arc.tail == a else -1, arc))
        yield "the loop " + " - ".join(repr(name) for name in names_round), cycle


def potentials(arcs: Sequence[Arc], value: Callable[[Terms], float]) -> dict[str, float]:
    """Return offsets in cycles, 0 to below 1, from the values of tensions.

    The first signal of each connected part has offset 0.
    """
    around: dict[str, list[tuple[str, float]]] = {}
    for arc in arcs:
        step = value(arc.tension)
        around.setdefault(arc.tail, []).append((arc.head, step))
        around.setdefault(arc.head, []).append((arc.tail, -step))
    found: dict[str, float] = {}
    for root in around:
        if root in found:
            continue
        found[root] = 0.0
        waiting = [root]
        while waiting:
            here = waiting.pop(0)
            for there, step in around[here]:
                if there not in found:
                    # Twice, because the remainder of a tiny negative number rounds up to 1.
                    found[there] = (found[here] + step) % 1.0 % 1.0
                    waiting.append(there)
    return found
