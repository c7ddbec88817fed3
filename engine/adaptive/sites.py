"""From the road network to the signals as controllers see them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from engine.adaptive.control import (
    CLOSED,
    PERMITTED,
    PROTECTED,
    ExitLane,
    Feeder,
    Neighbor,
    Site,
    Stage,
    StopLane,
    Walk,
    Way,
)
from engine.measures.street import Driving
from network.graph import Connection, RoadNetwork, Signal
from network.phasing import GREEN_ASPECTS, Interval, Phase, Phasing, side_by_side

LOOK_BACK_M = 300.0
"""How far feeders are followed upstream of the stop line."""
EXIT_M = 40.0
"""Exit lanes shorter than this are lengthened by those they lead on to."""

RESTART_DS = 10
"""Red of a group whose green is broken off so that nobody is trapped, tenths of a second."""

Place = tuple[str, int]


def build_sites(network: RoadNetwork, driving: Driving | None = None) -> tuple[Site, ...]:
    """Describe every signal that adaptive control may run.

    Signals that are to be left alone, whose program is not understood, or that have a single
    stage are not among them: they go on with their program.

    Parameters
    ----------
    network
        The roads.
    driving
        Driver behavior; the defaults by default.

    Returns
    -------
    tuple of Site
        In the order of ``network.signals``.
    """
    driving = driving or Driving()
    stages = {
        signal.signal_id: _stages(signal.phasing)
        for signal in network.signals.values()
        if signal.phasing is not None and not signal.left_alone
    }
    chosen = [network.signals[name] for name, found in stages.items() if len(found) > 1]
    builder = _Builder(network, driving)
    return tuple(builder.site(signal, stages[signal.signal_id]) for signal in chosen)


def _stages(phasing: Phasing) -> tuple[tuple[Phase, ...], ...]:
    """Every set of phases, one of each ring, between the same barriers."""
    found: list[tuple[Phase, ...]] = []
    for barrier in sorted({phase.barrier for phase in phasing.phases}):
        rings = [
            [p for p in phasing.phases if p.ring == ring and p.barrier == barrier]
            for ring in phasing.rings
        ]
        found.extend(itertools.product(*(ring for ring in rings if ring)))
    return tuple(found)


def _walks(phasing: Phasing, stages: tuple[tuple[Phase, ...], ...]) -> tuple[Walk, ...]:
    """Tell with which phases people cross."""
    shown = {
        phase.number: frozenset(row for row, phases in enumerate(stages) if phase in phases)
        for phase in phasing.phases
        if phase.walk_s > 0
    }
    return tuple(
        Walk(phase.number, shown[phase.number], phase.walk_s, phase.ped_clear_s)
        for phase in phasing.phases
        if shown.get(phase.number)
    )


def _picture(phases: tuple[Phase, ...]) -> str:
    shown = side_by_side([[Interval(phase.aspects, 1)] for phase in phases])
    return shown[0].aspects


def _clearance(
    phasing: Phasing, ending: tuple[Phase, ...], starting: tuple[Phase, ...]
) -> tuple[Interval, ...]:
    """What all rings show between two stages; a ring with less to clear goes on meanwhile."""
    following = {phase.ring: phase for phase in starting}
    rings: list[tuple[Phase, tuple[Interval, ...]]] = []
    for phase in ending:
        onward = following.get(phase.ring)
        kept = onward is not None and onward.number == phase.number
        number = onward.number if onward is not None else 0
        rings.append((phase, () if kept else phasing.clearance(phase.number, number)))
    longest = max(sum(i.duration_ds for i in shown) for _, shown in rings)
    if longest == 0:
        return ()
    return side_by_side(
        [
            [Interval(phase.aspects, longest - sum(i.duration_ds for i in shown)), *shown]
            for phase, shown in rings
        ]
    )


class _Builder:
    def __init__(self, network: RoadNetwork, driving: Driving) -> None:
        self._network = network
        self._driving = driving
        self._signal_of: dict[Place, str] = {}
        for signal in network.signals.values():
            for connection in signal.connections:
                if connection.groups:
                    place = (connection.from_link, connection.from_lane)
                    self._signal_of[place] = signal.signal_id
        self._stops: dict[str, list[Place]] = {}
        for place, name in sorted(self._signal_of.items()):
            self._stops.setdefault(name, []).append(place)
        self._into: dict[Place, list[Connection]] = {}
        self._out_of: dict[Place, list[Connection]] = {}
        for connection in network.connections:
            target = (connection.to_link, connection.to_lane)
            source = (connection.from_link, connection.from_lane)
            self._into.setdefault(target, []).append(connection)
            self._out_of.setdefault(source, []).append(connection)
        self._upstream = self._all_upstream()

    def site(self, signal: Signal, stages: tuple[tuple[Phase, ...], ...]) -> Site:
        assert signal.phasing is not None
        pictures = [_picture(phases) for phases in stages]
        by_lane: dict[Place, list[Connection]] = {}
        for connection in signal.connections:
            if connection.groups:
                place = (connection.from_link, connection.from_lane)
                by_lane.setdefault(place, []).append(connection)
        by_lane = dict(sorted(by_lane.items()))
        exits = sorted({(c.to_link, c.to_lane) for ways in by_lane.values() for c in ways})
        feeders = self._feeders(list(by_lane))
        lanes = self._lanes(by_lane, exits, pictures, feeders)
        built = _in_force(signal, stages)
        shown = [
            Stage(
                tuple(phase.number for phase in phases),
                picture,
                max(phase.least_green_s for phase in phases),
            )
            for phases, picture in zip(stages, pictures, strict=True)
        ]
        clearances = {
            (a, b): _relieved(
                _clearance(signal.phasing, stages[a], stages[b]),
                frozenset() if (a, b) in built else _trapping(signal, pictures[a], pictures[b]),
                pictures[b],
            )
            for a, b in itertools.permutations(range(len(stages)), 2)
        }
        order = list(dict.fromkeys(a for a, _ in built))
        order += [row for row in range(len(stages)) if row not in order]
        return Site(
            signal.signal_id,
            tuple(shown),
            clearances,
            lanes,
            feeders,
            tuple(self._exit(place) for place in exits),
            tuple(self._upstream[signal.signal_id]),
            self._downstream(signal.signal_id, exits),
            tuple(order),
            _walks(signal.phasing, stages),
        )

    def _lanes(
        self,
        by_lane: Mapping[Place, list[Connection]],
        exits: list[Place],
        pictures: list[str],
        feeders: tuple[Feeder, ...],
    ) -> tuple[StopLane, ...]:
        rows = {
            c.connection_id: (lane, way)
            for lane, ways in enumerate(by_lane.values())
            for way, c in enumerate(ways)
        }
        lanes: list[StopLane] = []
        for row, ((link_id, number), connections) in enumerate(by_lane.items()):
            link = self._network.links[link_id]
            behind = [f for f in feeders if row in f.leads_to]
            room_m = link.length_m + sum(f.length_m / len(f.leads_to) for f in behind)
            lanes.append(
                StopLane(
                    f"{link_id}_{number}",
                    link_id,
                    link.length_m,
                    link.speed_mps,
                    max(1.0, room_m / self._driving.spacing_m),
                    tuple(
                        Way(
                            c.connection_id,
                            c.turn,
                            exits.index((c.to_link, c.to_lane)),
                            tuple(_service(c, picture) for picture in pictures),
                            tuple(sorted(rows[foe] for foe in c.yields_to if foe in rows)),
                            self._driving.way_headway_s(c),
                            self._driving.box_part * c.wait_m / self._driving.spacing_m,
                            tuple(sorted(c.groups)),
                        )
                        for c in connections
                    ),
                )
            )
        return tuple(lanes)

    def _feeders(self, stops: list[Place]) -> tuple[Feeder, ...]:
        """Lanes upstream, and the ways inside nodes between them, up to the signals before."""
        reached: dict[str, tuple[float, float, float, set[int]]] = {}
        for row, stop in enumerate(stops):
            frontier = [(stop, 0.0)]
            seen = {stop}
            while frontier:
                place, to_stop_m = frontier.pop()
                behind_m = to_stop_m + self._network.links[place[0]].length_m
                if behind_m >= LOOK_BACK_M:
                    continue
                for c in self._into.get(place, ()):
                    source = (c.from_link, c.from_lane)
                    if c.via_lane:
                        self._reach(reached, c.via_lane, c.length_m, c.speed_mps, behind_m, row)
                    if c.groups or source in seen or c.turn == "t":
                        continue
                    seen.add(source)
                    at_m = behind_m + c.length_m
                    link = self._network.links[c.from_link]
                    name = f"{c.from_link}_{c.from_lane}"
                    if source not in self._signal_of:
                        self._reach(reached, name, link.length_m, link.speed_mps, at_m, row)
                        frontier.append((source, at_m))
        return tuple(
            Feeder(name, length_m, speed_mps, at_m, tuple(sorted(rows)))
            for name, (length_m, speed_mps, at_m, rows) in sorted(reached.items())
        )

    @staticmethod
    def _reach(
        reached: dict[str, tuple[float, float, float, set[int]]],
        name: str,
        length_m: float,
        speed_mps: float,
        to_stop_m: float,
        row: int,
    ) -> None:
        entry = reached.setdefault(name, (length_m, speed_mps, to_stop_m, set()))
        entry[3].add(row)

    def _exit(self, place: Place) -> ExitLane:
        link = self._network.links[place[0]]
        parts = [(f"{place[0]}_{place[1]}", 0.0)]
        length_m, at = link.length_m, place
        while length_m < EXIT_M and at not in self._signal_of:
            onward = [c for c in self._out_of.get(at, ()) if not c.groups]
            if not onward:
                break
            straight = next((c for c in onward if c.turn == "s"), onward[0])
            length_m += straight.length_m
            at = (straight.to_link, straight.to_lane)
            name = f"{at[0]}_{at[1]}"
            if name in {part for part, _ in parts}:
                break
            parts.append((name, length_m))
            length_m += self._network.links[at[0]].length_m
        return ExitLane(
            parts[0][0],
            place[0],
            length_m,
            link.speed_mps,
            max(1.0, length_m / self._driving.spacing_m),
            tuple(parts),
        )

    def _onward(self, start: Place, own: str) -> dict[str, tuple[set[Place], float]]:
        """Stop lanes of other signals that a lane leads to, with the running time there."""
        found: dict[str, tuple[set[Place], float]] = {}
        frontier = [(start, 0.0)]
        seen = {start[0]}
        while frontier:
            (link_id, _), time_s = frontier.pop(0)
            link = self._network.links[link_id]
            time_s += link.travel_time_s
            stops = [(link_id, n) for n in range(link.lanes) if (link_id, n) in self._signal_of]
            for stop in stops:
                name = self._signal_of[stop]
                if name != own:
                    lanes, least_s = found.setdefault(name, (set(), time_s))
                    lanes.add(stop)
                    found[name] = (lanes, min(least_s, time_s))
            if stops:
                continue
            for c in self._network.turns_from[link_id]:
                if c.to_link not in seen and c.turn != "t" and len(seen) < 30:
                    seen.add(c.to_link)
                    way_s = time_s + c.length_m / c.speed_mps
                    frontier.append(((c.to_link, c.to_lane), way_s))
        return found

    def _downstream(self, own: str, exits: list[Place]) -> tuple[Neighbor, ...]:
        joined: dict[str, tuple[list[int], set[Place], float]] = {}
        for row, place in enumerate(exits):
            for name, (lanes, time_s) in self._onward(place, own).items():
                rows, stops, least_s = joined.setdefault(name, ([], set(), time_s))
                rows.append(row)
                joined[name] = (rows, stops | lanes, min(least_s, time_s))
        return tuple(
            Neighbor(name, tuple(rows), self._rows(name, stops), time_s)
            for name, (rows, stops, time_s) in sorted(joined.items())
        )

    def _all_upstream(self) -> dict[str, list[Neighbor]]:
        """Tell each signal's neighbors upstream, from what lies downstream of every signal."""
        found: dict[str, list[Neighbor]] = {name: [] for name in self._network.signals}
        for signal in self._network.signals.values():
            exits = sorted({(c.to_link, c.to_lane) for c in signal.connections if c.groups})
            for neighbor in self._downstream(signal.signal_id, exits):
                found[neighbor.signal_id].append(replace(neighbor, signal_id=signal.signal_id))
        return found

    def _rows(self, name: str, places: set[Place]) -> tuple[int, ...]:
        return tuple(row for row, place in enumerate(self._stops[name]) if place in places)


def _service(connection: Connection, picture: str) -> int:
    shown = {picture[group] for group in connection.groups}
    if shown == {"G"}:
        return PROTECTED
    # Turning after a stop is a service of those who wait for nobody.
    return PERMITTED if shown <= {"G", "g", "s"} else CLOSED


def _trapping(signal: Signal, ending: str, starting: str) -> frozenset[int]:
    """Groups that would keep their green while a turn that yields to them loses its own."""
    by_name = {c.connection_id: c for c in signal.connections}
    found: set[int] = set()
    while True:
        more: set[int] = set()
        for turning in signal.connections:
            if not any(
                ending[g] == "g" and (starting[g] not in GREEN_ASPECTS or g in found)
                for g in turning.groups
            ):
                continue
            for foe in turning.yields_to & by_name.keys():
                groups = set(by_name[foe].groups)
                kept = {g for g in groups if {ending[g], starting[g]} <= GREEN_ASPECTS}
                if kept == groups and not groups & found:
                    more |= groups
        if not more:
            return frozenset(found)
        found |= more


def _relieved(
    clearance: tuple[Interval, ...], trapping: frozenset[int], starting: str
) -> tuple[Interval, ...]:
    """End the groups that would trap somebody, too, and begin them anew a moment later."""
    if not trapping:
        return clearance
    shown: list[Interval] = []
    for interval in clearance:
        ending = "y" if "y" in interval.aspects else "r"
        aspects = [ending if g in trapping else a for g, a in enumerate(interval.aspects)]
        shown.append(Interval("".join(aspects), interval.duration_ds))
    late = "".join("r" if g in trapping else a for g, a in enumerate(starting))
    return (*shown, Interval(late, RESTART_DS))


def _in_force(signal: Signal, stages: tuple[tuple[Phase, ...], ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of stages that follow one another in the plan in force, in its order."""
    plan = signal.plan_in_force
    if plan is None or len({phase.ring for phases in stages for phase in phases}) > 1:
        return ()
    rows = {phases[0].number: row for row, phases in enumerate(stages)}
    order = [rows[number] for number in plan.sequence if number in rows]
    return tuple((a, b) for a, b in zip(order, [*order[1:], *order[:1]], strict=True) if a != b)
