"""The eye on the lamps sees what must not be, and nothing else."""

from __future__ import annotations

from itertools import accumulate

import pytest

from benchmarks.lamp_stream import LampStream
from network.errors import TopologyError
from network.graph import Signal
from network.phasing import Phase, Phasing
from tests.strategies import connection, signal_of

MAIN, LEFT, SIDE = 0, 1, 2
"""A street, the left turns that yield to it, and the street across."""


def eye(walk_s: int = 0) -> LampStream:
    """A signal with least greens of 5 s, yellow of 3 s and red clearance of 2 s."""
    phasing = Phasing(
        (
            Phase(1, "Ggr", 5, 30, 20, walk_s=walk_s),
            Phase(2, "rGr", 5, 30, 20),
            Phase(3, "rrG", 5, 30, 20),
        ),
        {},
    )
    crossing = (
        connection(MAIN, frozenset({LEFT, SIDE}), frozenset()),
        connection(LEFT, frozenset({MAIN, SIDE}), frozenset({MAIN})),
        connection(SIDE, frozenset({MAIN, LEFT}), frozenset()),
    )
    return LampStream(signal_of(crossing, phasing, None))


def seen(watch: LampStream, *shown: tuple[str, int]) -> str:
    """Show pictures for so many seconds each; return what was found."""
    begins = accumulate((seconds for _, seconds in shown), initial=0)
    for begin_s, (lamps, seconds) in zip(begins, shown, strict=False):
        for second in range(seconds):
            watch.look(float(begin_s + second), lamps)
    assert watch.count == len(watch.found)
    return "; ".join(watch.found)


LAWFUL = (("rrG", 5), ("rry", 3), ("rrr", 2), ("Ggr", 5), ("yyr", 3), ("rrr", 2), ("rrG", 6))


def test_nothing_is_found_where_all_is_kept() -> None:
    watch = eye()
    assert not seen(watch, *LAWFUL, *LAWFUL[1:])
    assert watch.steps == 47


@pytest.mark.parametrize(
    ("row", "instead", "told"),
    [
        (3, ("Ggr", 4), "group 0 was green for 4 s, least are 5 s"),
        (4, ("yyr", 2), "group 0 was yellow for 2 s, least are 3 s"),
        (5, ("rrr", 1), "group 2 got green 1 s after group 0 ended, least are 2 s"),
        (4, ("rrr", 3), "group 0 goes from G to r"),
        (5, ("uur", 2), "group 0 goes from y to u"),
    ],
)
def test_what_is_too_short_or_out_of_order_is_found(
    row: int, instead: tuple[str, int], told: str
) -> None:
    assert told in seen(eye(), *LAWFUL[:row], instead, *LAWFUL[row + 1 :])


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (("rrG", "rry", "Ggr"), "group 0 got green 0 s after group 2 ended"),
        (("Ggr", "yyr", "rrG"), "group 2 got green 0 s after group 0 ended"),
        (("rrG", "Ggy", "Ggr"), "group 0 got green while group 2 was yellow"),
        (("Ggr", "yyG", "rrG"), "group 2 got green while group 0 was yellow"),
    ],
)
def test_a_green_that_does_not_wait_for_who_crosses_is_found(
    shown: tuple[str, str, str], told: str
) -> None:
    green, yellow, after = shown
    assert told in seen(eye(), (green, 6), (yellow, 3), (after, 6))


def test_greens_that_cross_are_found_from_the_first_second_on() -> None:
    assert "both have protected green" in seen(eye(), ("GrG", 3))


def test_a_green_shorter_than_its_walk_is_found() -> None:
    assert "group 0 was green for 5 s, least are 7 s" in seen(eye(walk_s=7), *LAWFUL)


def test_who_loses_his_gap_while_the_others_go_on_is_found() -> None:
    ending = (("rrG", 5), ("rry", 3), ("rrr", 2), ("Ggr", 5), ("Gyr", 3), ("Grr", 2))
    assert "ended while" in seen(eye(), *ending)


def test_a_turn_that_gets_an_arrow_of_its_own_keeps_its_green() -> None:
    leading = (("rrr", 2), ("Ggr", 6), ("yGr", 3), ("rGr", 5), ("ryr", 3), ("rrr", 2), ("rrG", 5))
    assert not seen(eye(), *leading)


def test_a_signal_without_phases_cannot_be_judged() -> None:
    with pytest.raises(TopologyError, match="no phases"):
        LampStream(Signal("x", 0.0, 0.0, (), None, None, False, "0", ""))
