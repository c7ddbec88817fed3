"""Two bridges at one device: one wins, the other is told, and nothing is mixed."""

from __future__ import annotations

import pytest

from benchmarks.bridge.lossy import drawn_cases
from benchmarks.bridge.operators import interleave
from benchmarks.bridge.tried import Tried

WAYS = [(False, False), (False, True), (True, False), (True, True)]


def interleaved(seeds: range, same_community: bool, same_slots: bool) -> Tried:
    tried = Tried()
    interleave(seeds, drawn_cases(6), tried, same_community=same_community, same_slots=same_slots)
    return tried


@pytest.mark.parametrize(("same_community", "same_slots"), WAYS)
def test_of_two_bridges_one_wins_and_the_other_is_told(
    same_community: bool, same_slots: bool
) -> None:
    tried = interleaved(range(4), same_community, same_slots)
    assert tried.found == []
    assert tried.outcomes["one winner"]


@pytest.mark.slow
@pytest.mark.parametrize(("same_community", "same_slots"), WAYS)
def test_of_two_bridges_one_wins_in_every_interleaving(
    same_community: bool, same_slots: bool
) -> None:
    assert interleaved(range(2_500), same_community, same_slots).found == []
