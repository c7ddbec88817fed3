import json
import math
from datetime import timedelta

import pytest

from network.errors import ThroughbandError
from throughband.operate.evidence import EvidenceRule, Promise, Seen, occupied_s_per_veh, weigh

from .cases import NOON, minutes

RULE = EvidenceRule(minutes(10), 2, 6, 0.10, 3.0, 2.0)


def judged(served, expected=1000.0, sd=20.0, count=6, occupied=math.nan, before=None):
    promise, found = Promise("d", NOON, -3.0, before), None
    for at in range(count):
        seen = Seen(NOON + minutes(10 + 5 * at), served, expected, sd, occupied)
        found = weigh(promise, RULE, seen)
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


def test_a_loss_within_the_errors_of_the_forecast_is_borne():
    assert not judged(800.0, sd=100.0).take_back


def test_a_loss_within_the_share_is_borne_however_sure():
    assert not judged(905.0, sd=1.0).take_back


def test_vehicles_that_stand_on_detectors_take_a_plan_back():
    assert judged(1000.0, occupied=2500.0, before=1.0).take_back
    assert not judged(1000.0, occupied=1500.0, before=1.0).take_back


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
    made = judged(1000.0).promise
    assert Promise.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_rule_without_sense_is_refused():
    with pytest.raises(ThroughbandError, match="2 to 1 intervals"):
        EvidenceRule(timedelta(0), 2, 1)
