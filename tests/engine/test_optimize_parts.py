"""Networks in parts that nobody drives between: each part is planned for itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.measures.street import Floats
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits
from network.graph import Connection, RoadNetwork, Signal, movement_id
from tests.reference.toy_streets import PLAIN, crossroads, line

LIMITS = Limits(effort=120, demand_margin=1.0)
FAR = "far "


def renamed(network: RoadNetwork) -> RoadNetwork:
    """Return a network in which everything has another name."""

    def way(connection: Connection) -> Connection:
        return replace(
            connection,
            connection_id=FAR + connection.connection_id,
            from_link=FAR + connection.from_link,
            to_link=FAR + connection.to_link,
            **{
                name: frozenset(FAR + other for other in getattr(connection, name))
                for name in ("foes", "yields_to")
            },
        )

    def signal(found: Signal) -> Signal:
        plan = found.plan_in_force
        assert plan is not None
        return replace(
            found,
            signal_id=FAR + found.signal_id,
            movements=tuple(
                replace(
                    movement,
                    movement_id=movement_id(FAR + movement.from_link, FAR + movement.to_link),
                    signal_id=FAR + movement.signal_id,
                    from_link=FAR + movement.from_link,
                    to_link=FAR + movement.to_link,
                    connections=tuple(way(c) for c in movement.connections),
                )
                for movement in found.movements
            ),
            plan_in_force=replace(plan, signal_id=FAR + plan.signal_id),
        )

    links = {
        FAR + name: replace(
            link,
            link_id=FAR + link.link_id,
            from_node=FAR + link.from_node,
            to_node=FAR + link.to_node,
        )
        for name, link in network.links.items()
    }
    signals = {FAR + name: signal(found) for name, found in network.signals.items()}
    return RoadNetwork(network.name, links, signals, tuple(way(c) for c in network.connections))


def joined(one: RoadNetwork, other: RoadNetwork) -> RoadNetwork:
    return RoadNetwork(
        "both",
        {**one.links, **other.links},
        {**one.signals, **other.signals},
        (*one.connections, *other.connections),
    )


def flows_of(network: RoadNetwork) -> dict[str, Floats]:
    amount = {"e": 500.0, "w": 350.0, "s": 200.0, "n": 120.0}
    return {
        name: np.array([amount[m.from_link.removeprefix(FAR)[0]] * (1.0 if m.turn == "s" else 0.1)])
        for name, m in network.movements.items()
    }


def planned(network: RoadNetwork) -> Optimization:
    return optimize(network, flows_of(network), 900, 0, LIMITS, PLAIN)


def test_parts_are_planned_each_for_itself_and_as_well_as_alone() -> None:
    street, crossing = line("ABC", 200.0), renamed(crossroads(2, 150.0))
    both = planned(joined(street, crossing))
    assert {plan.signal_id for plan in both.plan_set.plans} == {"A", "B", "C", FAR + "A", FAR + "B"}
    assert set(both.groups) == {("A", "B", "C"), (FAR + "A", FAR + "B")}
    assert {group.signals for group in both.plan_set.groups} == set(both.groups)
    assert set(both.certificates) == set(both.groups)
    for part in (street, crossing):
        alone = planned(part)
        names = set(part.signals)
        lanes = [
            row
            for row, signal in enumerate(both.street.lanes.signal[both.street.lanes.first_way[:-1]])
            if both.street.signals[signal] in names
        ]
        volume = both.planned.lane_volume_veh[lanes]
        delay_s = float((both.planned.lane_delay_s[lanes] * volume).sum() / volume.sum())
        assert delay_s <= 1.03 * alone.planned.delay_s


def test_traffic_of_one_part_changes_nothing_about_the_groups_of_the_other() -> None:
    street, crossing = line("ABC", 200.0), renamed(crossroads(2, 150.0))
    network = joined(street, crossing)
    quiet = {
        name: flow if name in street.movements else 0.2 * flow
        for name, flow in flows_of(network).items()
    }
    found = optimize(network, quiet, 900, 0, LIMITS, PLAIN)
    assert ("A", "B", "C") in found.groups
    in_step = [group for group in found.plan_set.groups if group.signals == ("A", "B", "C")]
    assert len(in_step) == 1
