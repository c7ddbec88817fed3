"""Where detectors count, and which sums of turns that gives at each junction.

Stop-line lanes, approach totals and exits are sums of turns. Lanes that share a turn are counted
together or not at all: how a turn spreads over its lanes is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from network.errors import CountError
from network.graph import RoadNetwork

Place = Literal["lane", "approach", "exit", "turn", "connection"]

NOISE = 0.03
"""Standard deviation of a detector's count over the count."""


@dataclass(frozen=True, slots=True)
class CountSite:
    """Where a detector counts.

    Attributes
    ----------
    detector_id
        Name.
    place
        ``lane`` one lane at the stop line; ``approach`` all of a link that leads to a junction;
        ``exit`` all of a link that leads away from it; ``turn`` one turn that leaves a link;
        ``connection`` what takes that turn from one lane to one other.
    link_id
        The link.
    lane
        Lane number; only for ``lane``.
    noise
        Standard deviation of a count over the count.
    turn_id
        Movement name; only for ``turn`` and ``connection``.
    connection_id
        ``from_lane>to_lane``; only for ``connection``.
    """

    detector_id: str
    place: Place
    link_id: str
    lane: int = -1
    noise: float = NOISE
    turn_id: str = ""
    connection_id: str = ""

    def __post_init__(self) -> None:
        if self.place not in ("lane", "approach", "exit", "turn", "connection"):
            raise CountError(
                f"detector {self.detector_id!r} counts at {self.place!r}; allowed are lane, "
                "approach, exit, turn and connection"
            )
        if (self.place in ("turn", "connection")) != bool(self.turn_id):
            raise CountError(
                f"detector {self.detector_id!r} counts at {self.place!r} the turn "
                f"{self.turn_id!r}; a turn belongs to the places turn and connection, and to no "
                "other"
            )
        if (self.place == "connection") != bool(self.connection_id):
            raise CountError(
                f"detector {self.detector_id!r} counts at {self.place!r} the connection "
                f"{self.connection_id!r}; a connection belongs to place connection, and to no "
                "other"
            )
        if (self.place == "lane") != (self.lane >= 0):
            raise CountError(
                f"detector {self.detector_id!r} counts at {self.place!r} with lane {self.lane}; "
                "a lane belongs to place lane, and to no other"
            )
        if not 0.0 <= self.noise <= 1.0:
            raise CountError(
                f"detector {self.detector_id!r} has noise {self.noise}; allowed is 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class Junction:
    """Turns of one junction, and which of their sums are counted.

    Attributes
    ----------
    junction_id
        Name.
    approaches
        Links, each with the turns (movement names) that leave it.
    counted
        Sums: the detectors that are added, and the turns whose sum that is.
    """

    junction_id: str
    approaches: Mapping[str, tuple[str, ...]]
    counted: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def __post_init__(self) -> None:
        turns = [turn for found in self.approaches.values() for turn in found]
        if not turns or len(set(turns)) != len(turns) or not all(self.approaches.values()):
            raise CountError(
                f"junction {self.junction_id!r} needs approaches, each with turns of its own"
            )
        for detectors, summed in self.counted:
            unknown = set(summed) - set(turns)
            if unknown or not summed or not detectors:
                raise CountError(
                    f"junction {self.junction_id!r}: a count of {sorted(detectors)} sums "
                    f"{sorted(unknown) or 'nothing'}; allowed are its own turns"
                )


def junctions_of(
    network: RoadNetwork, sites: Sequence[CountSite]
) -> tuple[tuple[Junction, ...], Mapping[str, str]]:
    """Find what the detectors of a network count, signal by signal.

    Parameters
    ----------
    network
        The roads.
    sites
        Where detectors count.

    Returns
    -------
    junctions : tuple of Junction
        One per signal with an approach.
    unused : mapping
        Detectors that say nothing of turns, and why.

    Raises
    ------
    CountError
        If a detector is named twice, or counts at a link or lane that does not exist.
    """
    names = [site.detector_id for site in sites]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise CountError(f"detectors {', '.join(map(repr, twice[:3]))} are named twice")
    for site in sites:
        link = network.links.get(site.link_id)
        if link is None or site.lane >= link.lanes:
            where = f"lane {site.lane} of " if site.lane >= 0 else ""
            raise CountError(
                f"detector {site.detector_id!r} counts at {where}link {site.link_id!r}, which "
                f"network {network.name!r} lacks"
            )
        if site.turn_id and all(
            c.movement_id != site.turn_id for c in network.turns_from[site.link_id]
        ):
            raise CountError(
                f"detector {site.detector_id!r} counts the turn {site.turn_id!r}, which does not "
                f"leave link {site.link_id!r}"
            )
    unused = {site.detector_id: "at no approach or exit of a signal" for site in sites}
    found = []
    for signal in network.signals.values():
        links = sorted({movement.from_link for movement in signal.movements})
        approaches = {
            link: tuple(sorted({c.movement_id for c in network.turns_from[link]})) for link in links
        }
        if approaches:
            counted = _counted(network, approaches, sites, unused)
            found.append(Junction(signal.signal_id, approaches, counted))
    return tuple(found), unused


def sites_named(network: RoadNetwork, names: Sequence[str]) -> tuple[CountSite, ...]:
    """Place detectors that are named after what they count: a movement, a connection, or a link.

    Parameters
    ----------
    network
        The roads.
    names
        Detectors. Movements are counted as such, connections as their parts, links where they
        lead to a junction; other names are left out.
    """
    start_of = {c.movement_id: c.from_link for c in network.connections}
    connection_of = {c.connection_id: c for c in network.connections}
    found = []
    for name in names:
        if name in start_of:
            found.append(CountSite(name, "turn", start_of[name], turn_id=name))
        elif name in connection_of:
            way = connection_of[name]
            found.append(
                CountSite(
                    name,
                    "connection",
                    way.from_link,
                    turn_id=way.movement_id,
                    connection_id=name,
                )
            )
        elif name in network.links:
            place: Place = "approach" if network.turns_from[name] else "exit"
            found.append(CountSite(name, place, name))
    return tuple(found)


def _counted(
    network: RoadNetwork,
    approaches: Mapping[str, tuple[str, ...]],
    sites: Sequence[CountSite],
    unused: dict[str, str],
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    counted: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    on_lane: dict[tuple[str, int], str] = {}
    on_way: dict[str, str] = {}
    for site in sites:
        if site.place == "approach" and site.link_id in approaches:
            counted.append(((site.detector_id,), approaches[site.link_id]))
            unused.pop(site.detector_id, None)
        elif site.place == "turn" and site.link_id in approaches:
            counted.append(((site.detector_id,), (site.turn_id,)))
            unused.pop(site.detector_id, None)
        elif site.place == "exit":
            feeders = network.turns_into[site.link_id]
            if not any(c.from_link in approaches for c in feeders):
                continue
            if not all(c.from_link in approaches for c in feeders):
                unused[site.detector_id] = "others than the signal's approaches lead there too"
                continue
            turns = tuple(sorted({c.movement_id for c in feeders}))
            counted.append(((site.detector_id,), turns))
            unused.pop(site.detector_id, None)
        elif site.place == "lane" and site.link_id in approaches:
            on_lane.setdefault((site.link_id, site.lane), site.detector_id)
            unused[site.detector_id] = "a lane beside it shares a turn and is not counted"
        elif site.place == "connection" and site.link_id in approaches:
            on_way.setdefault(site.connection_id, site.detector_id)
            unused[site.detector_id] = "another connection of its turn is not counted"
    ways_of: dict[str, list[str]] = {}
    for link in approaches:
        for way in network.turns_from[link]:
            ways_of.setdefault(way.movement_id, []).append(way.connection_id)
    for turn, ways in ways_of.items():
        if all(one in on_way for one in ways):
            detectors = tuple(on_way[one] for one in ways)
            counted.append((detectors, (turn,)))
            for detector in detectors:
                unused.pop(detector, None)
    for link in approaches:
        for lanes, turns in _lane_groups(network, link):
            if all((link, lane) in on_lane for lane in lanes):
                detectors = tuple(on_lane[link, lane] for lane in lanes)
                counted.append((detectors, turns))
                for detector in detectors:
                    unused.pop(detector, None)
    return tuple(counted)


def _lane_groups(network: RoadNetwork, link: str) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Divide the lanes of a link into the smallest groups that share no turn."""
    groups: list[tuple[set[int], set[str]]] = []
    for connection in network.turns_from[link]:
        lanes, turns = {connection.from_lane}, {connection.movement_id}
        apart = []
        for group in groups:
            if group[0] & lanes or group[1] & turns:
                lanes |= group[0]
                turns |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (lanes, turns)]
    return [(tuple(sorted(lanes)), tuple(sorted(turns))) for lanes, turns in groups]
