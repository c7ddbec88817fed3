"""Which seeds plans are proven with."""

from __future__ import annotations

import pytest

from network.errors import ScenarioError
from throughband.validation_seeds import validation_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("2", (101, 102)),
        ("5", (101, 102, 103, 104, 105)),
        ("11-13", (11, 12, 13)),
        ("101, 104,110-111", (101, 104, 110, 111)),
    ],
)
def test_a_count_or_seeds_by_name_are_read(text: str, seeds: tuple[int, ...]) -> None:
    assert validation_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1", "found 1 seeds"),
        ("0", "found 0 seeds"),
        ("99999999999999999999", "found more than 1000 seeds; allowed are 2 to 1000"),
        ("101-99999999999", "found more than 1000 seeds; allowed are 2 to 1000"),
        ("11,2147483648", "found seed 2147483648; allowed are seeds up to 2147483647"),
        ("11,11", "found 2 seeds, 1 different ones"),
        ("13-11", "found 0 seeds"),
        ("3-5", "counted on seed 3"),
        ("few", "allowed is a count of runs, such as 5, or seeds by name"),
        ("-5", "allowed is a count of runs"),
        ("", "allowed is a count of runs"),
    ],
)
def test_what_is_no_choice_of_seeds_is_refused(text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        validation_seeds(text)
