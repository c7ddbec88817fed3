import json
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.errors import ThroughbandError
from throughband.operate.evidence import (
    Costs,
    EvidenceRule,
    Incident,
    Promise,
    Seen,
    occupied_s_per_veh,
    weigh,
)

from .cases import NOON, minutes

RULE = EvidenceRule(minutes(10), 2, 6, 0.10, 3.0, 2.0, 0.10)
SURE = (0.02,) * 6


def judged(
    served, expected=1000.0, sd=20.0, count=6, occupied=math.nan, before=None, shared=SURE, **more
):
    promise, found = Promise("d", NOON, -3.0, before, shared), None
    for at in range(count):
        seen = Seen(NOON + minutes(10 + 5 * at), served, expected, sd, occupied)
        found = weigh(promise, RULE, seen, **more)
        promise = found.promise
        if found.take_back:
            return found
    return found


def test_a_plan_that_serves_what_was_forecast_is_kept_and_settled():
    found = judged(980.0)
    assert found.settled
    assert not found.take_back


def test_a_plan_that_serves_too_little_goes_back_after_the_least_intervals():
    found = judged(800.0)
    assert found.take_back
    assert found.promise.intervals == 2
    assert "20% less served than forecast" in found.text


def test_a_loss_within_what_forecasts_miss_together_is_borne():
    assert not judged(800.0, sd=1.0, shared=(0.08,)).take_back


def test_a_loss_within_chance_is_borne():
    assert not judged(800.0, sd=300.0).take_back


def test_a_loss_within_the_share_is_borne_however_sure():
    assert not judged(905.0, sd=1.0, shared=(0.001,)).take_back


def test_what_was_served_says_nothing_while_the_errors_of_forecasts_are_unknown():
    found = judged(100.0, shared=())
    assert not found.take_back
    assert "not known yet" in found.text


def test_vehicles_that_stand_on_detectors_take_a_plan_back():
    assert judged(1000.0, occupied=2500.0, before=1.0).take_back
    assert not judged(1000.0, occupied=1500.0, before=1.0).take_back


def test_a_plan_dearer_than_the_one_before_with_the_traffic_that_came_goes_back():
    found = judged(1000.0, price=lambda seen: Costs(20.0, 24.0))
    assert found.take_back
    assert found.promise.intervals == 2
    assert "24.0 s in the model, and 20.0 s under the plan before" in found.text
    assert not judged(1000.0, price=lambda seen: Costs(20.0, 21.0)).take_back


def test_the_model_is_asked_about_all_intervals_judged():
    asked = []
    judged(1000.0, count=4, price=lambda seen: asked.append(len(seen)))
    assert asked == [2, 3, 4]


def test_while_an_incident_stands_there_is_no_verdict_and_the_journal_says_so():
    incident = Incident(NOON + minutes(10), "link 'x' lets through less than comes in")
    found = judged(100.0, incident=incident)
    assert not found.take_back
    assert not found.settled
    assert found.promise.intervals == 0
    assert found.text == "no verdict: link 'x' lets through less than comes in"


def test_intervals_that_overlap_an_incident_found_later_no_longer_count():
    promise = Promise("d", NOON, None, None, SURE)
    for at in range(1, 5):
        seen = Seen(NOON + minutes(10 + 5 * at), 900.0, 1000.0, 20.0)
        promise = weigh(promise, RULE, seen).promise
    incident = Incident(NOON + minutes(22), "a queue")
    seen = Seen(NOON + minutes(35), 500.0, 1000.0, 20.0)
    kept = weigh(promise, RULE, seen, incident).promise
    assert [each.begin_utc for each in kept.seen] == [NOON + minutes(15)]
    after = weigh(kept, RULE, Seen(NOON + minutes(40), 1000.0, 1000.0, 20.0))
    assert after.promise.intervals == 2


@given(st.lists(st.floats(100, 2000), min_size=1, max_size=12), st.floats(0.0, 0.3))
def test_the_error_of_a_sum_is_never_below_its_shared_part_nor_above_both_added(flows, shared):
    seen = tuple(Seen(NOON, f, f, math.sqrt(f)) for f in flows)
    promise = Promise("d", NOON, None, None, (shared,), seen)
    error = promise.error_sd_veh
    chance = math.sqrt(sum(flows))
    assert shared * sum(flows) - 1e-6 <= error <= shared * sum(flows) + chance + 1e-6


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.2))
@settings(max_examples=50)
def test_who_serves_less_is_never_kept_where_who_serves_more_goes_back(served, more):
    well = judged(1000.0 * min(1.0, served + more))
    badly = judged(1000.0 * served)
    assert badly.take_back or not well.take_back


def test_where_nothing_changed_few_plans_go_back_and_bad_ones_are_found():
    """Days miss by 5 % together, detectors by chance beside it."""
    rng = np.random.default_rng(7)
    shared, expected = 0.05, 500.0
    back = {1.0: 0, 0.75: 0}
    trials = 400
    for served in back:
        for day in rng.normal(0.0, shared, trials):
            promise = Promise("d", NOON, None, None, (shared,))
            for at in range(RULE.most_intervals):
                count = float(rng.poisson(expected * max(0.0, 1 + day) * served))
                seen = Seen(NOON + minutes(10 + 5 * at), count, expected, math.sqrt(expected))
                found = weigh(promise, RULE, seen)
                promise = found.promise
                if found.take_back:
                    back[served] += 1
                    break
    assert back[1.0] <= 0.05 * trials
    assert back[0.75] >= 0.9 * trials


def test_the_time_after_a_change_is_left_out():
    seen = Seen(NOON + minutes(5), 0.0, 1000.0, 1.0)
    assert weigh(Promise("d", NOON), RULE, seen) is None


def test_an_interval_of_which_nothing_is_believed_is_left_out():
    seen = Seen(NOON + minutes(30), 0.0, 0.0, 0.0)
    assert weigh(Promise("d", NOON), RULE, seen) is None


def test_time_on_detectors_is_that_of_the_vehicles_told():
    seen = [Seen(NOON, 10.0, 0, 0, 20.0), Seen(NOON, 5.0, 0, 0)]
    assert occupied_s_per_veh(seen) == 2.0
    assert occupied_s_per_veh([]) is None


def test_promises_survive_a_restart():
    made = judged(1000.0, occupied=3.0).promise
    assert made.intervals == 6
    assert Promise.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_rule_without_sense_is_refused():
    with pytest.raises(ThroughbandError, match="2 to 1 intervals"):
        EvidenceRule(timedelta(0), 2, 1)
