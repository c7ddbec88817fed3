"""An hour of traffic out of turning counts.

Counts at neighboring corners never agree: what leaves one and does not reach the next went into
a driveway, what appears began at one. So every count is kept, and the difference begins or ends
midway along the link between them. Each vehicle draws its turns, without putting them back, from
as many tickets as vehicles were counted; in the end every turn was made as often as counted, to
the vehicle, but for the few who would have to drive in circles.

SUMO's ``jtrrouter`` draws each turn anew, so that its sums miss the counts by chance, and
vehicles cannot end midway by shares; ``routeSampler`` needs candidate routes first. Peak-hour
factors are not played: the hour is even.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.random import Generator

from network.inventory import Inventory, NodeKind, Street, Turn, TurnKind
from network.ring_timing import RingTiming
from network.units import SECONDS_PER_HOUR
from scenarios.inventory_drawing import Drawing

DURATION_S: Final = SECONDS_PER_HOUR
IDEAL_SATURATION_VPH: Final = 1900.0
"""HCM base saturation flow of a lane, veh/h."""
NOTICED_VPH: Final = 50.0
NOTICED_SHARE: Final = 0.1
_PASSES: Final = 60
_NOWHERE: Final = ""


@dataclass(frozen=True, slots=True)
class Trip:
    """One vehicle.

    Attributes
    ----------
    depart_s
        When it wants to begin, s.
    links
        Names in the inventory, in driving order.
    truck
        Whether it is a heavy vehicle.
    """

    depart_s: float
    links: tuple[str, ...]
    truck: bool


def hourly_volumes(
    inventory: Inventory,
    drawing: Drawing,
    timings: Mapping[str, RingTiming],
    phases: Mapping[str, frozenset[int]],
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return how many vehicles make each turn in an hour.

    Parameters
    ----------
    inventory
        With volumes where they were counted.
    drawing
        Which turns are built, on which lanes.
    timings
        Timing in force by controller.
    phases
        Of each turn, those that serve it.

    Returns
    -------
    volumes_veh : dict
        By turn. Turns without a count carry what reaches them, straight on where they can; no
        turn at all if nothing was counted. Counts above the saturation flow of their lanes, which
        no signal could let pass even if it never turned red, are cut to what passes in the greens
        in force. Counts between the two are demand and stay: their queues grow.
    findings : tuple of str
    """
    findings: list[str] = []
    turns = [turn for turn in inventory.turns if _open_to_cars(turn, drawing)]
    if all(turn.volume_vph is None for turn in turns):
        return {}, ()
    wanted = {
        turn.turn_id: turn.volume_vph * (1.0 if turn.growth is None else turn.growth)
        for turn in turns
        if turn.volume_vph is not None
    }
    owner = {node: c.controller_id for c in inventory.controllers for node in c.nodes}
    for group in _lane_groups(turns):
        asked = sum(wanted.get(turn.turn_id, 0.0) for turn in group)
        lanes = {lane for turn in group for lane in turn.lanes}
        given = sum(turn.saturation_vph or 0.0 for turn in group)
        most = given or IDEAL_SATURATION_VPH * len(lanes)
        if asked <= most:
            continue
        timing = timings.get(owner.get(group[0].node_id, ""))
        share = _green_share(group, timing, phases)
        for turn in group:
            if turn.turn_id in wanted:
                wanted[turn.turn_id] *= most * share / asked
        findings.append(
            f"link {group[0].from_link!r}: {asked:.0f} veh/h counted on {len(lanes)} lanes that "
            f"discharge {most:.0f} veh/h of green, which cannot be; cut to the "
            f"{most * share:.0f} veh/h that pass in the greens in force"
        )
    uncounted = [turn for turn in turns if turn.turn_id not in wanted]
    if uncounted:
        wanted |= _passing(turns, wanted)
        findings.append(
            f"{len(uncounted)} turns were not counted; traffic that reaches them goes straight on "
            "where it can"
        )
    findings += _unbalanced(inventory, turns, wanted)
    return {name: round(volume) for name, volume in wanted.items()}, tuple(findings)


def trips(
    inventory: Inventory, drawing: Drawing, volumes_veh: Mapping[str, int], rng: Generator
) -> tuple[Trip, ...]:
    """Draw an hour of vehicles, ordered by departure.

    Parameters
    ----------
    inventory, drawing
        The street.
    volumes_veh
        Of each turn, as `hourly_volumes` gives them.
    rng
        For departures and turns.
    """
    turns = {t.turn_id: t for t in inventory.turns if volumes_veh.get(t.turn_id)}
    tickets: dict[str, dict[str, int]] = defaultdict(dict)
    arriving: dict[str, int] = defaultdict(int)
    heavy: dict[str, float] = defaultdict(float)
    for turn in turns.values():
        count = volumes_veh[turn.turn_id]
        tickets[turn.from_link][turn.to_link] = count
        arriving[turn.to_link] += count
        heavy[turn.from_link] += count * (turn.heavy_share or 0.0)
    starts: list[str] = []
    for link in inventory.links:
        leaving = sum(tickets[link.link_id].values())
        surplus = arriving[link.link_id] - leaving
        if surplus > 0:
            tickets[link.link_id][_NOWHERE] = surplus
        starts += [link.link_id] * max(-surplus, 0)
        heavy[link.link_id] /= max(leaving, 1)
    departures_s = np.sort(rng.random(len(starts)) * DURATION_S).round(1)
    found: list[Trip] = []
    for at_s, number in zip(departures_s.tolist(), rng.permutation(len(starts)), strict=True):
        links = [starts[number]]
        while (onward := _draw(tickets[links[-1]], links, rng)) != _NOWHERE:
            links.append(onward)
        if len(links) > 1:
            found.append(Trip(at_s, tuple(links), bool(rng.random() < heavy[links[0]])))
    return tuple(found)


def route_lines(
    drawing: Drawing, vehicles: tuple[Trip, ...], interior: frozenset[str]
) -> Iterator[str]:
    """Yield a SUMO route file.

    Parameters
    ----------
    drawing
        Edges of each link.
    vehicles
        As `trips` gives them.
    interior
        Links on which trips begin and end midway, since both ends lead on.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<routes>"
    yield '    <vType id="car" vClass="passenger"/>'
    yield '    <vType id="truck" vClass="truck"/>'
    for number, trip in enumerate(vehicles):
        edges = [piece.name for link in trip.links[:-1] for piece in drawing.pieces[link]]
        last = drawing.pieces[trip.links[-1]]
        midway = trip.links[-1] in interior
        edges += [piece.name for piece in (last[:1] if midway else last)]
        begin = ' departPos="random_free"' if trip.links[0] in interior else ""
        end = ' arrivalPos="random"' if midway else ""
        yield (
            f'    <vehicle id="v{number}" type="{"truck" if trip.truck else "car"}" '
            f'depart="{trip.depart_s:.1f}" departLane="best" departSpeed="max"{begin}{end}>'
            f"<route edges={quoteattr(' '.join(edges))}/></vehicle>"
        )
    yield "</routes>"


def interior_links(inventory: Inventory) -> frozenset[str]:
    """Return the links between two nodes that both lead on."""
    kinds = {node.node_id: node.kind for node in inventory.nodes}
    arrives = {turn.to_link for turn in inventory.turns}
    leaves = {turn.from_link for turn in inventory.turns}

    def leads_on(link: Street) -> bool:
        ends = (kinds[link.from_node], kinds[link.to_node])
        return NodeKind.EXTERNAL not in ends and link.link_id in arrives & leaves

    return frozenset(link.link_id for link in inventory.links if leads_on(link))


def _open_to_cars(turn: Turn, drawing: Drawing) -> bool:
    before, after = drawing.pieces.get(turn.from_link, ()), drawing.pieces.get(turn.to_link, ())
    return any(
        from_lane in before[-1].general and to_lane in after[0].general
        for from_lane, to_lane in drawing.ways.get(turn.turn_id, ())
    )


def _draw(tickets: dict[str, int], links: list[str], rng: Generator) -> str:
    """Take a ticket; rather one that leads nowhere twice."""
    fresh = {name: left for name, left in tickets.items() if left > 0 and name not in links}
    if not fresh:
        return _NOWHERE
    names = list(fresh)
    shares = np.array([fresh[name] for name in names], dtype=np.float64)
    drawn = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    tickets[drawn] -= 1
    return drawn


def _lane_groups(turns: list[Turn]) -> list[list[Turn]]:
    """Return turns of one link that share lanes, directly or through others."""
    by_link: dict[str, list[tuple[set[int], list[Turn]]]] = defaultdict(list)
    for turn in turns:
        groups = by_link[turn.from_link]
        lanes, members = set(turn.lanes), [turn]
        for group in [g for g in groups if g[0] & lanes]:
            groups.remove(group)
            lanes |= group[0]
            members = group[1] + members
        groups.append((lanes, members))
    return [members for groups in by_link.values() for _, members in groups]


def _green_share(
    group: list[Turn], timing: RingTiming | None, phases: Mapping[str, frozenset[int]]
) -> float:
    """Return the part of the cycle that the best served turn of a group is green."""
    if timing is None:
        return 1.0
    best = 0.0
    for turn in group:
        green_ds = 0
        for number in phases.get(turn.turn_id, frozenset()) & timing.splits_ds.keys():
            phase = timing.phase(number)
            green_ds += timing.splits_ds[number] - phase.yellow_ds - phase.red_clear_ds
        best = max(best, green_ds / timing.cycle_ds)
    return min(best, 1.0)


def _passing(turns: list[Turn], wanted: Mapping[str, float]) -> dict[str, float]:
    """Let what reaches uncounted turns go on, repeated until it comes out at the far end."""
    from_link: dict[str, list[Turn]] = defaultdict(list)
    into_link: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        from_link[turn.from_link].append(turn)
        into_link[turn.to_link].append(turn)
    found = {turn.turn_id: 0.0 for turn in turns if turn.turn_id not in wanted}
    for _ in range(_PASSES):
        known = {**found, **wanted}
        for link, leaving in from_link.items():
            open_turns = [turn for turn in leaving if turn.turn_id in found]
            if not open_turns:
                continue
            if into_link[link]:
                reached = sum(known[turn.turn_id] for turn in into_link[link])
            else:  # at the edge of the network, what the next corner counted came this way
                reached = sum(
                    known[onward.turn_id]
                    for turn in open_turns
                    if len(into_link[turn.to_link]) == 1
                    for onward in from_link[turn.to_link]
                )
            reached -= sum(wanted[t.turn_id] for t in leaving if t.turn_id in wanted)
            straight = [turn for turn in open_turns if turn.kind is TurnKind.THROUGH]
            takers = straight or open_turns
            for turn in open_turns:
                found[turn.turn_id] = max(reached, 0.0) / len(takers) if turn in takers else 0.0
    return found


def _unbalanced(
    inventory: Inventory, turns: list[Turn], wanted: Mapping[str, float]
) -> Iterator[str]:
    for link in sorted(interior_links(inventory)):
        arriving = sum(wanted[turn.turn_id] for turn in turns if turn.to_link == link)
        leaving = sum(wanted[turn.turn_id] for turn in turns if turn.from_link == link)
        apart = abs(arriving - leaving)
        if apart > max(NOTICED_VPH, NOTICED_SHARE * max(arriving, leaving)):
            what = "end" if arriving > leaving else "begin"
            yield (
                f"link {link!r}: {arriving:.0f} veh/h turn into it, {leaving:.0f} veh/h leave it; "
                f"{apart:.0f} {what} midway"
            )
