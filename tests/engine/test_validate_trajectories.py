"""Following vehicles through a run: which passages of links count as undisturbed."""

from __future__ import annotations

import pytest

from engine.validate.trajectories import Observed, _Follower
from tests.reference.toy_streets import line

Step = tuple[float, list[tuple[str, str, float, float]]]


def driven(name: str, speeds_mps: list[float], start_m: float) -> list[Step]:
    """Drive a vehicle from a place on ``e0`` over ``e1`` into ``e2``, 300 m each, step by step."""
    steps: list[Step] = []
    at_m = start_m
    for second, speed_mps in enumerate(speeds_mps):
        at_m += speed_mps
        number = int(at_m // 300.0)
        steps.append((float(second), [(name, f"e{number}_0", at_m - 300.0 * number, speed_mps)]))
    return steps


def passages(steps: list[Step]) -> dict[str, list[tuple[float, float]]]:
    network = line("AB")
    seen = Observed()
    shown = {name: [(0.0, "GGrr")] for name in network.signals}
    _Follower(network, shown, seen).follow(iter(steps))
    return seen.passages


def test_a_passage_counts_from_stop_line_to_stop_line() -> None:
    through = passages(driven("v", [12.5] * 40, 280.0))
    assert through["e1"] == [(pytest.approx(24.0), 12.5)]


def test_who_starts_from_the_queue_of_a_signal_is_left_out_of_the_link_behind_it() -> None:
    """The model adds what speeding up costs by itself; calibrated times held it once more."""
    speeding_up = [min(12.5, 2.6 * second) for second in range(1, 60)]
    assert "e1" not in passages(driven("v", [0.0] * 10 + speeding_up, 295.0))


def test_who_stood_on_a_link_is_left_out_there() -> None:
    stopping = [12.5] * 10 + [0.0] * 5 + [12.5] * 40
    assert "e1" not in passages(driven("v", stopping, 280.0))


def test_who_waited_at_a_signal_before_the_last_is_undisturbed_again() -> None:
    speeding_up = [min(12.5, 2.6 * second) for second in range(1, 90)]
    network = line("ABC")
    seen = Observed()
    shown = {name: [(0.0, "GGrr")] for name in network.signals}
    steps = driven("v", [0.0] * 10 + speeding_up, 295.0)
    _Follower(network, shown, seen).follow(iter(steps))
    assert set(seen.passages) == {"e2", "e3"}
