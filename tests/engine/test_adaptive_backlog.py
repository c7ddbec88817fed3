"""Who comes beyond sight, and for how long a queue lasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.backlog import LONGEST_S, Backlog, lasting_s
from engine.adaptive.control import View
from engine.adaptive.turns import Turns
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SITE = crossing()
TURNS = Turns([MAIN] * 30 + [LEFT] * 10 + [SIDE] * 20)
SIGHT = 26
"""Vehicles that stand between the stop line and the end of sight."""


def seen(standing: int, left: float) -> View:
    """So many stand on the side street, and so many have just left it."""
    objects = [(1, 1.0 + 7.5 * k) for k in range(standing)]
    told = view(MAIN, queue=(0.0, float(standing)), objects=objects)
    return replace(told, stop_count=np.array([0.0, left]))


def begun(standing: int = 0) -> Backlog:
    """How far it sees is known, and so many are left of those who stood there."""
    backlog = Backlog(SITE)
    backlog.look(-1.0, seen(SIGHT, 0.0))
    backlog.look(0.0, seen(standing, float(SIGHT - standing)))
    return backlog


def watched(every_s: int, seconds: int) -> Backlog:
    """One comes in so many seconds, and nobody leaves."""
    backlog = begun()
    for second in range(1, seconds):
        backlog.look(float(second), seen(second // every_s, 0.0))
    return backlog


def test_the_flow_is_learned_from_who_appears_and_who_leaves() -> None:
    backlog = watched(10, 240)
    assert backlog.flow_vps[1] == pytest.approx(0.1, rel=0.5)
    assert backlog.flow_vps[0] < 0.03
    standing = seen(10, 0.0)
    leaving = begun(10)
    for second in range(1, 600):
        # As many leave as come.
        leaving.look(float(second), replace(standing, stop_count=np.array([0.0, second % 5 == 0])))
    assert leaving.flow_vps[1] == pytest.approx(0.2, rel=0.2)


def test_who_comes_when_sight_is_full_stands_beyond() -> None:
    backlog = watched(9, 9 * SIGHT)
    assert backlog.unseen_veh[1] == pytest.approx(0.0, abs=1.5)
    flow_vps = float(backlog.flow_vps[1])
    for second in range(100):
        backlog.look(9.0 * SIGHT + second, seen(SIGHT, 0.0))
    assert backlog.unseen_veh[1] == pytest.approx(100 * flow_vps, abs=1.5)
    assert backlog.flow_vps[1] == pytest.approx(flow_vps, rel=0.05)


def test_nobody_stands_beyond_once_the_end_of_the_queue_is_seen_again() -> None:
    backlog = watched(9, 9 * SIGHT)
    for second in range(100):
        backlog.look(9.0 * SIGHT + second, seen(SIGHT, 0.0))
    backlog.look(9.0 * SIGHT + 100.0, seen(SIGHT - 5, 5.0))
    assert backlog.unseen_veh[1] == 0.0


def test_a_dead_sensor_leaves_what_is_believed() -> None:
    backlog = watched(9, 200)
    flow_vps = backlog.flow_vps.copy()
    dead = replace(seen(0, 0.0), count_veh=np.full(2, np.nan), queue_veh=np.full(2, np.nan))
    for second in range(200, 300):
        backlog.look(float(second), dead)
    assert np.array_equal(backlog.flow_vps, flow_vps)


def test_who_turns_is_counted_where_no_loop_counts() -> None:
    blind = replace(seen(10, 0.0), stop_count=np.full(2, np.nan))
    backlog = begun(10)
    for second in range(1, 600):
        turned = np.array([0.0, 0.0, float(second % 5 == 0)])
        backlog.look(float(second), replace(blind, turned_veh=turned))
    assert backlog.flow_vps[1] == pytest.approx(0.2, rel=0.2)


def lasts_s(flow_vps: float, behind_veh: float) -> float:
    found = lasting_s(
        SITE, TURNS, np.array([0.0, flow_vps]), np.array([0.0, behind_veh]), np.array([False, True])
    )
    return float(found[0])


def test_a_queue_is_gone_within_the_next_green_if_it_holds_it() -> None:
    # 43 s of red, then one goes every two seconds and one comes every twenty.
    assert lasts_s(0.05, 2.0) == pytest.approx(43.0 + (2.0 + 0.05 * 43.0) / (0.5 - 0.05))


def test_a_queue_lasts_for_as_many_cycles_as_greens_have_room_for_it() -> None:
    # 8.5 leave in a cycle and 6 come.
    assert lasts_s(0.1, 5.0) == pytest.approx(60.0 * 5.0 / 2.5)


def test_the_two_meet_where_the_queue_just_fills_the_green() -> None:
    assert lasts_s(0.1, 2.5 - 1e-9) == pytest.approx(lasts_s(0.1, 2.5 + 1e-9), abs=1e-5)
    assert lasts_s(0.1, 2.5) == pytest.approx(60.0)


def test_no_queue_is_believed_to_last_longer_than_anybody_knows_the_flow() -> None:
    assert lasts_s(0.14, 100.0) == LONGEST_S
    assert lasts_s(0.2, 0.0) == LONGEST_S
