"""What a validation is said to say."""

from __future__ import annotations

import pytest

from tests.throughband.reports_street import validation
from throughband.reports.comparison import (
    cautions,
    comparison,
    judgment,
    judgment_of,
    number,
    verdict_sentence,
)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-6.0, -2.0, "lowers"), (2.0, 6.0, "raises"), (-1.0, 3.0, "No clear difference")],
)
def test_verdict_follows_the_interval(low: float, high: float, said: str) -> None:
    assert said in verdict_sentence(validation(low, high))


def test_verdict_gives_the_interval_as_an_amount() -> None:
    assert "by 4.0 s (10 %), with a 95 % interval of 2.0 to 6.0 s" in verdict_sentence(validation())


@pytest.mark.parametrize(
    ("better", "low", "high", "expected"),
    [
        (1, 0.1, 0.2, "better"),
        (-1, 0.1, 0.2, "worse"),
        (-1, -0.1, 0.2, "no clear difference"),
        (-1, 0.0, 0.0, "no clear difference"),
        (-1, None, None, "not judged"),
    ],
)
def test_judgment_knows_which_way_is_better(
    better: int, low: float | None, high: float | None, expected: str
) -> None:
    assert judgment(better, low, high) == expected


def test_unmeasured_value_is_a_dash() -> None:
    row = next(r for r in comparison(validation()) if r.unit == "g/veh")
    assert (row.before_text, row.difference_text, row.change_text) == ("–", "–", "–")


def test_clear_difference_never_reads_as_if_it_touched_zero() -> None:
    row = comparison(validation(-6.0, -0.013))[0]
    assert row.judgment == "better"
    assert row.difference_text.endswith("−0.01)")


def test_few_runs_are_admitted() -> None:
    assert any("2 paired runs" in text for text in cautions(validation(), comparison(validation())))


def test_clearly_worse_side_effect_is_named() -> None:
    found = validation()
    found["difference"]["stops"] = {"mean": 0.2, "low": 0.1, "high": 0.3}  # type: ignore[index]
    rows = comparison(found)
    assert judgment_of(rows, "Delay") == "better"
    assert "Clearly worse under the new plan: Stops." in cautions(found, rows)


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (-1234.56, 1, False, "−1,234.6"),
        (0.04, 1, True, "0.0"),
        (2.0, 0, True, "+2"),
        (None, 1, False, "–"),
        (float("nan"), 1, False, "–"),
    ],
)
def test_numbers_are_written_for_people(
    value: float | None, digits: int, signed: bool, text: str
) -> None:
    assert number(value, digits, signed) == text
