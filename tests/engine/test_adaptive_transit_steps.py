"""What is under way at a signal for a bus."""

from __future__ import annotations

import pytest

from engine.adaptive.transit_steps import Measure, Strategy


@pytest.mark.parametrize(("since_s", "held_s"), [(None, 0.0), (0.0, 7.0), (5.0, 2.0)])
def test_a_green_is_extended_since_it_was_held_the_first_second_included(
    since_s: float | None, held_s: float
) -> None:
    measure = Measure("bus", Strategy.EXTENSION, (0, 1), held_since_s=since_s)
    assert measure.held_s(7.0) == held_s


def test_a_second_vehicle_pays_for_what_it_cuts_though_the_first_one_has() -> None:
    first = Measure("bus", Strategy.INSERTION, (0, 1), {0, 2}, 5.0, 20.0, since_s=3.0)
    second = first.for_another("next")
    second.cut.add(1)
    assert (second.vehicle_id, second.cut, first.cut) == ("next", {1}, {0, 2})
    assert (second.held_since_s, second.paid_until_s) == (None, 0.0)
    assert (second.strategy, second.broken, second.since_s) == (Strategy.INSERTION, (0, 1), 3.0)
