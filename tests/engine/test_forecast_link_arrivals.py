"""Arrivals of the next minutes: as many as flow, in the platoons that upstream signals make."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from engine.forecast.link_arrivals import LinkArrivals, link_arrivals
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from tests.network import streets

FLOW_VPH = 240.0


def roads() -> RoadNetwork:
    return streets.network("cologne8")


def plans(network: RoadNetwork) -> dict[str, object]:
    return {
        name: signal.plan_in_force
        for name, signal in network.signals.items()
        if signal.plan_in_force is not None
    }


def found(
    departed: Mapping[str, object] | None = None, green: Mapping[str, object] | None = None
) -> LinkArrivals:
    network = roads()
    flows = dict.fromkeys(network.movements, FLOW_VPH)
    return link_arrivals(network, flows, plans(network), 300, departed or {}, green or {})  # type: ignore[arg-type]


def test_every_approach_gets_two_minutes_ahead_and_a_cycle() -> None:
    network, here = roads(), found()
    assert here.ahead_veh.shape == (len(here.link_ids), 60)
    signal_of = {m.from_link: m.signal_id for m in network.movements.values()}
    for link in here.link_ids:
        assert len(here.ahead(link)) == 60
        plan = network.signals[signal_of[link]].plan_in_force
        assert plan is not None
        assert here.cycle_veh[link].shape == (plan.cycle_s,)


def test_as_many_arrive_in_a_cycle_as_flow_on_links_from_outside() -> None:
    network, here = roads(), found()
    fed = {m.to_link for m in network.movements.values()}
    for link in set(here.link_ids) - fed:
        turns = [m for m in network.movements.values() if m.from_link == link]
        if any(network.turns_into[link]):
            continue
        cycle_s = len(here.cycle_veh[link])
        due = len(turns) * FLOW_VPH * cycle_s / 3600
        assert here.cycle_veh[link].sum() == pytest.approx(due, rel=0.02)


def test_upstream_signals_make_platoons() -> None:
    here = found()
    ratio = {link: v.max() / max(v.mean(), 1e-9) for link, v in here.cycle_veh.items()}
    assert max(ratio.values()) > 1.3


def test_a_platoon_that_left_just_now_arrives_within_the_two_minutes() -> None:
    network = roads()
    links = set(found().link_ids)
    near = (m for m in network.movements.values() if m.to_link in links)
    turn = min(near, key=lambda m: network.links[m.to_link].length_m)
    silent = dict.fromkeys(network.movements, np.zeros(90))
    left = silent | {turn.movement_id: np.concatenate((np.zeros(85), np.full(5, 4.0)))}
    before, after = found(silent), found(left)
    more = after.ahead(turn.to_link).sum() - before.ahead(turn.to_link).sum()
    assert more > 5.0


def test_measured_greens_take_the_place_of_planned_ones() -> None:
    network = roads()
    red = dict.fromkeys(network.movements, np.zeros(450))
    assert not np.array_equal(found().ahead_veh, found(green=red).ahead_veh)


def test_what_does_not_fit_is_refused() -> None:
    network = roads()
    one, two = list(network.movements)[:2]
    with pytest.raises(CountError, match="no signalized movement"):
        found({"nowhere": np.zeros(9)})
    with pytest.raises(CountError, match="as many bins"):
        found({one: np.zeros(9), two: np.zeros(8)})
    with pytest.raises(CountError, match="outside what is allowed"):
        found({one: np.full(9, -1.0)})
    with pytest.raises(CountError, match="outside what is allowed"):
        found(green={one: np.full(9, 1.5)})
    with pytest.raises(CountError, match="the same"):
        found({one: np.zeros(9)}, {one: np.zeros(8)})
    with pytest.raises(InsufficientDataError, match="nothing flows"):
        link_arrivals(network, {}, {}, 0, {}, {})
    with pytest.raises(CountError, match="s ahead in bins of"):
        link_arrivals(network, {one: 1.0}, {}, 0, {}, {}, horizon_s=0)
