import pytest

from network.errors import ThroughbandError
from throughband.operate.regime import (
    RegimeRule,
    judge,
    looked_at,
    settled,
    share_off,
    worth_changing,
)

from .cases import NOON, minutes

MADE_FOR = {"a": 600.0, "b": 400.0}
MORE = {"a": 900.0, "b": 400.0}
RULE = RegimeRule(0.15, 1.25, 2, minutes(20), 0.05, 1.0)


def test_shares_of_moved_and_of_added_traffic():
    assert share_off(MADE_FOR, MADE_FOR) == 0
    assert share_off(MADE_FOR, {"a": 500.0, "b": 500.0}) == pytest.approx(0.1)
    assert share_off(MADE_FOR, MORE) == pytest.approx(0.3)
    assert share_off({}, {"a": 1.0}) == 1.0


def test_usual_traffic_seeks_nothing():
    found = judge(settled(MADE_FOR, 20.0, None), RULE, {"a": 620.0, "b": 390.0}, 21.0, NOON)
    assert not found.seek
    assert found.regime.outside == 0


def test_a_new_plan_is_sought_after_several_looks_in_a_row():
    regime = settled(MADE_FOR, 20.0, None)
    first = judge(regime, RULE, MORE, 22.0, NOON)
    assert not first.seek
    again = judge(first.regime, RULE, MORE, 22.0, NOON + minutes(5))
    assert again.seek
    assert "30% of the traffic is other than planned for" in again.why
    back = judge(first.regime, RULE, MADE_FOR, 20.0, NOON + minutes(5))
    assert back.regime.outside == 0


def test_the_expected_cost_alone_may_leave_the_regime():
    regime = judge(settled(MADE_FOR, 20.0, None), RULE, MADE_FOR, 25.0, NOON).regime
    found = judge(regime, RULE, MADE_FOR, 25.0, NOON + minutes(5))
    assert found.seek
    assert "1.25 times" in found.why


def test_searches_keep_a_least_time_between_them():
    regime = settled(MADE_FOR, 20.0, NOON)
    for late in (5, 10, 15):
        found = judge(regime, RULE, MORE, 22.0, NOON + minutes(late))
        assert not found.seek
        regime = found.regime
    assert judge(regime, RULE, MORE, 22.0, NOON + minutes(20)).seek


def test_traffic_that_was_looked_at_in_vain_starts_no_second_search():
    regime = looked_at(settled(MADE_FOR, 20.0, NOON), MORE)
    for late in range(30, 90, 5):
        found = judge(regime, RULE, MORE, 22.0, NOON + minutes(late))
        assert not found.seek
        regime = found.regime
    assert judge(regime, RULE, {"a": 1200.0, "b": 400.0}, 30.0, NOON + minutes(95)).seek


def test_traffic_that_comes_back_into_the_regime_is_looked_at_anew():
    regime = looked_at(settled(MADE_FOR, 20.0, NOON), MORE)
    regime = judge(regime, RULE, MADE_FOR, 20.0, NOON + minutes(60)).regime
    regime = judge(regime, RULE, MORE, 22.0, NOON + minutes(65)).regime
    assert judge(regime, RULE, MORE, 22.0, NOON + minutes(70)).seek


def test_a_change_has_to_save_a_part_and_a_number_of_hours():
    assert worth_changing(RULE, 100_000.0, 90_000.0)[0]
    assert not worth_changing(RULE, 10_000.0, 9_000.0)[0]
    assert not worth_changing(RULE, 1_000_000.0, 990_000.0)[0]
    assert not worth_changing(RULE, 0.0, 0.0)[0]


def test_a_rule_without_sense_is_refused():
    with pytest.raises(ThroughbandError, match="cost factor of 1"):
        RegimeRule(leave_cost=1.0)


def test_a_plan_that_no_longer_runs_as_a_whole_is_sought_anew_for_any_traffic():
    regime = looked_at(settled(MADE_FOR, 20.0, None), MADE_FOR)
    regime = judge(regime, RULE, MADE_FOR, 20.0, NOON, "gone at A").regime
    found = judge(regime, RULE, MADE_FOR, 20.0, NOON + minutes(5), "gone at A")
    assert found.seek
    assert found.why == "gone at A"
