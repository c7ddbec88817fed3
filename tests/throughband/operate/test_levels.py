from throughband.operate.levels import LadderRule, Level, begin, stand

from .cases import NOON, minutes

RULE = LadderRule(minutes(10), minutes(15))
STALE = {Level.FORECAST: "no counts come"}
NO_PLAN = {**STALE, Level.PLAN_OF_DAY: "no plan is set for this hour"}


def test_operation_begins_at_the_highest_level_that_is_possible():
    found = stand(begin(NOON), {}, RULE, NOON)
    assert found.level is Level.FORECAST
    assert "started by people, with adapt" in found.why
    assert stand(begin(NOON), STALE, RULE, NOON).level is Level.PLAN_OF_DAY


def test_a_level_is_left_after_patience_and_says_why():
    found = stand(begin(NOON), {}, RULE, NOON)
    found = stand(found, STALE, RULE, NOON + minutes(5))
    assert found.level is Level.FORECAST
    assert "although no counts come" in found.why
    found = stand(found, STALE, RULE, NOON + minutes(15))
    assert found.level is Level.PLAN_OF_DAY
    assert "no counts come" in found.why
    assert found.since_utc == NOON + minutes(15)


def test_a_level_that_is_not_possible_is_skipped_on_the_way_down():
    found = stand(begin(NOON), {}, RULE, NOON)
    for late in (5, 15):
        found = stand(found, NO_PLAN, RULE, NOON + minutes(late))
    assert found.level is Level.OWN_SCHEDULE


def test_a_short_trouble_changes_nothing():
    found = stand(begin(NOON), {}, RULE, NOON)
    for late in range(0, 60, 10):
        found = stand(found, STALE, RULE, NOON + minutes(late))
        found = stand(found, {}, RULE, NOON + minutes(late + 5))
        assert found.level is Level.FORECAST


def test_a_level_comes_back_only_after_it_was_well_for_a_while():
    found = stand(begin(NOON), NO_PLAN, RULE, NOON)
    assert found.level is Level.OWN_SCHEDULE
    found = stand(found, {}, RULE, NOON + minutes(5))
    assert found.level is Level.OWN_SCHEDULE
    assert "not for long enough yet" in found.why
    found = stand(found, STALE, RULE, NOON + minutes(10))
    found = stand(found, {}, RULE, NOON + minutes(15))
    found = stand(found, {}, RULE, NOON + minutes(20))
    # The plan of the day has been well since minute 5, forecasts only since minute 15.
    assert found.level is Level.PLAN_OF_DAY
    assert stand(found, {}, RULE, NOON + minutes(30)).level is Level.FORECAST
