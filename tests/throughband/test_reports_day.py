"""A planned day told: from switch to switch, with the range of drawn days."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from throughband.reports.day_charts import day_chart
from throughband.reports.day_periods import day_curve, each_period, stretches

HOUR = 3600.0


def record() -> dict[str, Any]:
    """Four periods of half an hour round midnight: nothing, a gain, a gain, a toss-up."""
    before, after = [0.0, 4 * HOUR, 2 * HOUR, HOUR], [0.0, 2 * HOUR, HOUR, HOUR]
    return {
        "periods": {
            "start_s": 82_800, "period_s": 1800, "count": 4, "whole_day": False,
            "volume_vph": [0.0, 900.0, 600.0, 300.0],
            "plans": ["plan-1", "plan-2", "plan-2", "plan-1"],
        },
        "played_through": {
            "in_force": {"period_costs_veh_s": before}, "day": {"period_costs_veh_s": after}
        },
        "drawn": {
            "in_force_veh_s": [before, [0.0, 5 * HOUR, 3 * HOUR, HOUR]],
            "planned_veh_s": [
                [0.0, 2 * HOUR, HOUR, 1.5 * HOUR], [0.0, 3 * HOUR, 2.5 * HOUR, 0.5 * HOUR]
            ],
        },
    }  # fmt: skip


def test_parts_go_from_switch_to_switch_and_the_whole_day_is_their_sum() -> None:
    curve = day_curve(record())
    assert curve is not None
    *parts, whole = stretches(curve)
    assert [(part.label, part.plan) for part in parts] == [
        ("23:00–23:30", "plan-1"), ("23:30–00:30", "plan-2"), ("00:30–01:00", "plan-1")
    ]  # fmt: skip
    assert whole.label == "23:00–01:00"
    assert whole.change == pytest.approx(sum(part.change for part in parts))
    assert whole.change_pct == pytest.approx(-300.0 / 7)


def test_better_is_said_only_where_all_drawn_days_agree() -> None:
    curve = day_curve(record())
    assert curve is not None
    night, peak, late, _ = stretches(curve)
    assert night.judgment == "not judged"
    assert (peak.low, peak.high, peak.judgment) == (-3.0, -2.5, "better")
    assert (late.low, late.high, late.judgment) == (-0.5, 0.5, "no clear difference")


def test_without_draws_nothing_is_judged() -> None:
    told = copy.deepcopy(record())
    told["drawn"] = None
    curve = day_curve(told)
    assert curve is not None
    assert {part.judgment for part in each_period(curve)} == {"not judged"}
    assert {part.low for part in stretches(curve)} == {None}


def test_a_record_of_an_earlier_version_has_no_periods() -> None:
    told = record()
    del told["periods"]["volume_vph"]
    assert day_curve(told) is None


@pytest.mark.filterwarnings("error")
def test_the_picture_names_the_plans_and_both_sides() -> None:
    curve = day_curve(record())
    assert curve is not None
    figure = day_chart(curve)
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"plan-1", "plan-2"} <= words
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"plans in force", "this day's plans", "least to most of the drawn days"} <= legend
