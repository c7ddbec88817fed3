from dataclasses import replace

import pytest

from benchmarks.adaptive_street import Row, missed

ROW = Row(101, 40.0, 43.9, 38.0, 10, 5, 0, 0, (), 20.0, 60.0)


def test_seeds_within_the_limits_miss_none():
    assert missed([ROW]) == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (replace(ROW, unlawful=("A: green of 3 s",)), "unlawful: 1"),
        (replace(ROW, street_s=44.5), "1.11 of that under the plan"),
    ],
)
def test_what_is_beyond_a_limit_is_named(row, told):
    assert [text for text in missed([row]) if told in text]


def test_delay_is_judged_in_the_mean_of_the_seeds():
    assert missed([ROW, replace(ROW, street_s=45.0)]) != []
    assert missed([replace(ROW, street_s=35.0), replace(ROW, street_s=45.0)]) == []
