"""Conditions and budget of transit priority."""

from __future__ import annotations

import logging
import math

import pytest

from engine.adaptive.requests import Rank, Request
from engine.adaptive.transit import Ledger, Refusal, Strategy, Tally, TransitRules
from network.errors import EngineError

KEY = ("bus", "x")


def request(late_s: float = 0.0, gap_s: float | None = None) -> Request:
    """A bus of a line that runs every five minutes."""
    scheduled_s = None if gap_s is None else 300.0
    return Request("bus", Rank.TRANSIT, (), late_s, 30.0, gap_s, scheduled_s)


@pytest.mark.parametrize(
    ("late_s", "gap_s", "found"),
    [
        (0.0, None, Refusal.ON_TIME),
        (60.0, None, 2.0),
        (600.0, None, 3.0),
        (60.0, 300.0, 2.0),
        (60.0, 149.0, Refusal.CLOSE),
        (0.0, 300.0, Refusal.ON_TIME),
        (0.0, 375.0, 2.0),
        (30.0, 375.0, 2.0),
        (-60.0, 450.0, 3.0),
    ],
)
def test_a_bus_counts_by_its_lateness_and_its_gap(
    late_s: float, gap_s: float | None, found: float | Refusal
) -> None:
    assert TransitRules().weight(request(late_s, gap_s)) == found


def test_a_bus_has_to_be_as_late_as_the_city_wants() -> None:
    rules = TransitRules(late_s=60.0)
    assert rules.weight(request(60.0)) is Refusal.ON_TIME
    assert rules.weight(request(61.0)) == pytest.approx(2.0, abs=0.02)


def test_a_budget_is_never_overdrawn_and_comes_back_after_an_hour() -> None:
    ledger = Ledger(100.0)
    ledger.debit("x", 0.0, 60.0)
    ledger.debit("x", 1800.0, 40.0)
    assert not ledger.affords("x", 3599.0, 1.0)
    assert ledger.affords("x", 3600.0, 60.0)
    assert not ledger.affords("x", 3600.0, 61.0)
    assert ledger.affords("y", 0.0, 100.0)
    assert ledger.most_person_s == {"x": 100.0}


def test_it_is_told_once_when_a_budget_is_spent(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(10.0)
    with caplog.at_level(logging.WARNING):
        for now_s in (5.0, 6.0):
            assert not ledger.affords("x", now_s, 11.0)
    assert ledger.spent_out_s == {"x": 5.0}
    assert [r.getMessage() for r in caplog.records] == [
        "signal x: the budget of transit priority, 10 person-seconds an hour, does not cover 11 "
        "more at 5 s; refused until it does"
    ]


def test_a_vehicle_counts_once_at_a_signal() -> None:
    tally = Tally()
    tally.refuse(KEY, Refusal.BUDGET)
    assert tally.by_refusal()["budget spent"] == 1
    for strategy in (Strategy.EARLY, Strategy.INSERTION, Strategy.EXTENSION):
        tally.grant(KEY, strategy)
    tally.refuse(KEY, Refusal.NOT_WORTH)
    assert tally.by_strategy() == {"extension": 0, "early": 0, "insertion": 1}
    assert sum(tally.by_refusal().values()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"late_s": math.nan},
        {"close_share": -0.1},
        {"close_share": 2.0},
        {"extension_s": -1.0},
        {"ahead_s": math.inf},
        {"budget_person_s": -1.0},
        {"budget_person_s": math.nan},
        {"seen_share": 0.0},
        {"seen_share": 1.5},
        {"seen_share": math.nan},
    ],
)
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(EngineError, match="transit priority"):
        TransitRules(**wrong)  # type: ignore[arg-type]


def test_half_a_headway_is_refused() -> None:
    for gap_s, scheduled_s in ((300.0, None), (-1.0, 300.0), (300.0, 0.0)):
        with pytest.raises(EngineError, match="behind the vehicle before it"):
            Request("bus", Rank.TRANSIT, (), 0.0, 1.0, gap_s, scheduled_s)
