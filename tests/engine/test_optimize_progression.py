"""Green waves for those who ride at a speed of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.measures.bandwidth import corridor_bands
from engine.optimize.progression import paced, progression
from network.errors import InfeasibleError
from tests.engine.test_optimize_bands import plan, town


def test_legs_are_as_slow_as_the_rider_and_never_faster_than_the_road() -> None:
    _, _, corridor = town()
    ridden = paced(corridor, 5.0)
    for slow, free in zip(ridden.outbound_legs, corridor.outbound_legs, strict=True):
        assert slow.travel_time_s == pytest.approx(free.distance_m / 5.0)
    assert paced(corridor, 1000.0) == corridor


def test_bands_at_riding_speed_are_no_narrower_and_only_offsets_move() -> None:
    network, street, corridor = town("ABCD")
    plans = {s: replace(plan(s), offset_s=7 * k) for k, s in enumerate(corridor.signals)}
    found = progression(corridor, plans, network, street, 5.0)
    before, after = (
        sum(band.width_s for band in bands.bands)
        for bands in (found.paced_before, found.paced_after)
    )
    assert after > before
    assert found.paced_after == corridor_bands(paced(corridor, 5.0), found.plans, network)
    assert found.free_after == corridor_bands(corridor, found.plans, network)
    for signal, planned in found.plans.items():
        assert replace(planned, offset_s=plans[signal].offset_s) == plans[signal]


@pytest.mark.parametrize("speed_mps", [3.0, 4.0, 5.0, 6.0])
def test_both_ways_ride_in_bands_of_one_width_where_there_are_any(speed_mps: float) -> None:
    network, street, corridor = town("ABCD")
    plans = {signal: plan(signal) for signal in corridor.signals}
    there, back = progression(corridor, plans, network, street, speed_mps).paced_after.bands
    assert min(there.width_s, back.width_s) > 0.0
    # Offsets are whole seconds.
    assert there.width_s == pytest.approx(back.width_s, abs=2.0)


@pytest.mark.parametrize("speed_mps", [0.5, float("inf"), float("nan")])
def test_impossible_speeds_are_refused(speed_mps: float) -> None:
    _, _, corridor = town()
    with pytest.raises(InfeasibleError, match="progression at"):
        paced(corridor, speed_mps)
