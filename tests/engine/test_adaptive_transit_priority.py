"""A bus at a crossing, second by second: what it gets, what stays lawful, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest

from engine.adaptive.control import Site, View
from engine.adaptive.passages import Passage
from engine.adaptive.player import Player
from engine.adaptive.priority import Priority
from engine.adaptive.requests import Rank, Request
from engine.adaptive.transit import Refusal, Strategy, TransitRules
from engine.adaptive.turns import Turns
from network.phasing import Interval
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SPEED_MPS = 10.0
STOP_M = 500.0
EVERYTHING = TransitRules()


class Clocked:
    """A plan of a minute: the main street 30 s, its left turns 10 s, the side street 20 s."""

    def __init__(self, room_s: float = float("inf")) -> None:
        self._turns = Turns([MAIN] * 30 + [LEFT] * 10 + [SIDE] * 20)
        self._room_s = room_s

    def start(self, sites: Sequence[Site]) -> None:
        """Nothing to prepare."""

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        found = self._turns.planned(now_s)
        assert found is not None
        return dict.fromkeys(views, found)

    def turns(self, signal_id: str) -> Turns | None:
        return self._turns

    def room_s(self, signal_id: str, now_s: float, stage: int) -> float:
        return self._room_s


class Fickle:
    """No plan: wishes for the main street, and from some second on for another stage."""

    def __init__(self, stage: int, from_s: float) -> None:
        self._stage, self._from_s = stage, from_s

    def start(self, sites: Sequence[Site]) -> None:
        """Nothing to prepare."""

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return dict.fromkeys(views, self._stage if now_s >= self._from_s else MAIN)


@dataclass
class Film:
    """What was shown: lamps by second, and stages with the second their green began."""

    lamps: list[str] = field(default_factory=list)
    greens: list[tuple[int, int]] = field(default_factory=list)
    passed_s: int | None = None

    @property
    def stages(self) -> list[int]:
        return [stage for stage, _ in self.greens]


def bus(at_s: float, **more: float) -> Request:
    """A late bus from the side street; it would be at the stop line in so many seconds."""
    passage = Passage("x", "side", "out1", STOP_M, STOP_M / SPEED_MPS)
    halts: tuple[float, ...] = ()
    return Request("bus", Rank.TRANSIT, (passage,), 120.0, 40.0, halts_m=halts, **more)


def play(
    beneath: Clocked | Fickle,
    at_s: float,
    rules: TransitRules = EVERYTHING,
    queue: tuple[float, float] = (0.0, 0.0),
    seconds: int = 120,
    halt_m: float | None = None,
    behind_s: float | None = None,
    load: float = 40.0,
) -> tuple[Film, Priority]:
    """Let a bus come so many seconds after the beginning of the main street's green."""
    site = crossing()
    player = Player(site, MAIN, longest_wait_s=1e6)
    priority = Priority(beneath, transit=rules)
    priority.start([site])
    asked = replace(bus(at_s), load_persons=load)
    priority.ask(asked if halt_m is None else replace(asked, halts_m=(halt_m,)))
    if behind_s is not None:
        priority.ask(replace(asked, vehicle_id="next"))
    along_m = STOP_M - SPEED_MPS * at_s
    film, shown = Film(), (-1, True)
    for now_s in range(seconds):
        seen = replace(
            view(player.stage, queue=queue),
            green_s=player.green_s,
            clearing_s=player.clearing_s,
            free=player.may_leave,
        )
        priority.locate("bus", along_m)
        if behind_s is not None:
            priority.locate("next", SPEED_MPS * (now_s - at_s - behind_s) + STOP_M)
        wishes = priority.decide(float(now_s), {"x": seen})
        film.lamps.append(player.advance(wishes["x"]))
        running = (player.stage, player.clearing_s > 0.0 or player.green_s == 0.0)
        if running != shown and not running[1]:
            film.greens.append((player.stage, now_s))
        shown = running
        green = film.lamps[-1] == site.stages[SIDE].aspects
        if along_m < STOP_M:
            along_m = min(along_m + SPEED_MPS, STOP_M)
        elif green:
            along_m += SPEED_MPS
            film.passed_s = now_s if film.passed_s is None else film.passed_s
    return film, priority


def assert_lawful(film: Film) -> None:
    """Every green lasts its five seconds, and three of yellow lie between any two."""
    runs: list[tuple[str, int]] = []
    for lamp in film.lamps:
        if runs and runs[-1][0] == lamp:
            runs[-1] = (lamp, runs[-1][1] + 1)
        else:
            runs.append((lamp, 1))
    for (one, _), (other, _) in pairwise(runs):
        assert (one == "yyr") != (other == "yyr")
    for lamp, seconds in runs[:-1]:
        assert seconds == 3 if lamp == "yyr" else seconds >= 5


def test_a_stage_is_inserted_and_the_order_goes_on_where_it_was() -> None:
    # The plan has the side street in 43 s; the bus comes in 9.
    film, priority = play(Clocked(), 9.0)
    assert film.stages[:5] == [MAIN, SIDE, MAIN, LEFT, SIDE]
    assert film.passed_s is not None
    assert film.passed_s <= 11
    assert priority.tally.granted == {("bus", "x"): Strategy.INSERTION}
    assert_lawful(film)


def test_nobody_is_left_out_when_the_turn_of_the_interrupted_stage_is_over() -> None:
    # The main street's green ends after 30 s; the stage after it comes next, not the one in plan.
    rules = TransitRules(strategies=frozenset({Strategy.INSERTION}), gain_s=1.0)
    film, priority = play(Clocked(), 34.0, rules)
    assert film.stages[:4] == [MAIN, SIDE, LEFT, SIDE]
    assert priority.tally.granted == {("bus", "x"): Strategy.INSERTION}
    assert_lawful(film)


def test_nobody_is_left_out_when_a_second_bus_follows_close_behind() -> None:
    # The second one goes by when its own stage has its turn, but that before it has not been yet.
    rules = TransitRules(strategies=frozenset({Strategy.INSERTION, Strategy.EXTENSION}), gain_s=1.0)
    film, priority = play(Clocked(), 34.0, rules, behind_s=7.0)
    assert film.stages[:4] == [MAIN, SIDE, LEFT, SIDE]
    assert set(priority.tally.granted) == {("bus", "x"), ("next", "x")}
    assert_lawful(film)


def test_a_green_comes_early_in_its_turn_and_nobody_is_left_out() -> None:
    film, priority = play(Clocked(), 25.0)
    assert film.stages[:3] == [MAIN, LEFT, SIDE]
    assert film.passed_s is not None
    assert film.passed_s <= 27
    # By plan the side street would begin after 43 s and end after 60; it keeps what it has.
    assert [second for stage, second in film.greens if stage == MAIN][1] == 63
    assert priority.tally.granted == {("bus", "x"): Strategy.EARLY}
    assert_lawful(film)


def test_a_green_cut_short_goes_on_where_its_plan_has_enough_left() -> None:
    # The bus is through after 17 s, and the main street is green until 30 by plan.
    film, priority = play(Clocked(), 16.0, TransitRules(frozenset({Strategy.EARLY})))
    assert film.stages[:6] == [MAIN, LEFT, SIDE, MAIN, LEFT, SIDE]
    assert [second for stage, second in film.greens if stage == MAIN][1] < 25
    assert priority.tally.granted == {("bus", "x"): Strategy.EARLY}
    assert_lawful(film)


@pytest.mark.parametrize(("load", "strategy"), [(40.0, "insertion"), (0.5, "early")])
def test_a_stage_is_inserted_only_if_what_it_is_sooner_is_worth_its_price(
    load: float, strategy: str
) -> None:
    # It leaves its stop as the main street's green ends, and the left turns come before its own.
    _, priority = play(Clocked(), 32.0, TransitRules(gain_s=1.0), halt_m=STOP_M - 35.0, load=load)
    assert priority.tally.granted == {("bus", "x"): Strategy(strategy)}


def test_a_green_is_extended_and_its_followers_come_next() -> None:
    # By plan the side street's green ends after 60 s.
    film, priority = play(Clocked(), 64.0)
    assert film.passed_s == 64
    assert film.stages == [MAIN, LEFT, SIDE, MAIN, LEFT, SIDE][: len(film.stages)]
    assert priority.tally.granted == {("bus", "x"): Strategy.EXTENSION}
    assert_lawful(film)


def test_a_green_is_not_extended_beyond_its_limit() -> None:
    film, _ = play(Clocked(), 64.0, TransitRules(frozenset({Strategy.EXTENSION}), extension_s=3.0))
    assert film.passed_s is not None
    assert film.passed_s > 100


@pytest.mark.parametrize("strategy", list(Strategy))
def test_what_the_city_does_not_want_is_not_used(strategy: Strategy) -> None:
    rules = TransitRules(strategies=frozenset(Strategy) - {strategy})
    for at_s in (9.0, 25.0, 64.0):
        _, priority = play(Clocked(), at_s, rules)
        assert strategy not in priority.tally.granted.values()


def test_inside_a_plan_nothing_is_inserted_that_it_could_not_make_up_for() -> None:
    film, priority = play(Clocked(room_s=10.0), 9.0)
    assert Strategy.INSERTION not in priority.tally.granted.values()
    assert film.stages[:3] == [MAIN, LEFT, SIDE]


def test_without_an_order_the_stage_put_off_comes_right_after() -> None:
    film, priority = play(Fickle(LEFT, 0.0), 12.0)
    assert film.stages == [MAIN, SIDE, LEFT]
    assert priority.tally.granted == {("bus", "x"): Strategy.INSERTION}
    assert_lawful(film)


def test_a_spent_budget_refuses_and_counts() -> None:
    rules = replace(EVERYTHING, budget_person_s=10.0)
    film, priority = play(Clocked(), 9.0, rules, queue=(12.0, 0.0), seconds=60)
    assert film.stages == [MAIN, LEFT, SIDE]
    assert [second for _, second in film.greens[1:]] == [33, 43]
    assert priority.tally.refused == {("bus", "x"): Refusal.BUDGET}
    assert priority.ledger.most_person_s == {}
    assert list(priority.ledger.spent_out_s) == ["x"]


def test_what_is_granted_is_paid_for() -> None:
    rules = replace(EVERYTHING, budget_person_s=5000.0)
    _, priority = play(Clocked(), 25.0, rules, queue=(12.0, 0.0))
    (spent,) = priority.ledger.most_person_s.values()
    assert 0.0 < spent <= 5000.0
    assert priority.ledger.spent_out_s == {}


def test_who_is_seen_pays_for_those_who_are_not() -> None:
    rules = replace(EVERYTHING, seen_share=0.25)
    part, found = play(Clocked(), 25.0, rules, queue=(3.0, 0.0))
    whole, wanted = play(Clocked(), 25.0, queue=(12.0, 0.0))
    assert part == whole
    assert found.ledger.most_person_s == wanted.ledger.most_person_s
    assert sum(wanted.ledger.most_person_s.values()) > 0.0


def test_those_who_stand_beyond_sight_are_paid_for_too() -> None:
    site = crossing()
    objects = [(0, 1.0 + 7.5 * place) for place in range(26)]
    full = view(MAIN, queue=(26.0, 0.0), objects=objects)
    full = replace(full, stop_count=np.zeros(2))

    def spent(watched_s: int) -> float:
        priority = Priority(Clocked())
        priority.start([site])
        for now_s in range(-watched_s, 1):
            priority.decide(float(now_s), {"x": full})
        priority.ask(bus(4.0))
        priority.locate("bus", STOP_M - 4.0 * SPEED_MPS)
        priority.decide(1.0, {"x": full})
        assert priority.tally.granted
        return priority.ledger.spent("x", 1.0)

    assert spent(900) > 1.5 * spent(1)


def test_a_bus_asks_for_nothing_before_it_has_left_its_stop() -> None:
    _, priority = play(Clocked(), 9.0, halt_m=STOP_M)
    assert priority.tally.granted
    _, priority = play(Clocked(), 9.0, halt_m=STOP_M - 1.0, seconds=9)
    assert not priority.tally.granted


def test_the_harness_still_shows_whole_clearances() -> None:
    assert crossing().clearances[MAIN, SIDE] == (Interval("yyr", 30),)
