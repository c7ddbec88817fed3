"""What every `engine.adaptive.control.Controller` must keep.

Behaviors take what makes one and a `Tape`: the views of a real street, recorded once with
`recorded` while its plans in force ran, so that each behavior sees the same street.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.adaptive.control import Controller, Site, View
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.simulator import SimulationCase
from network.errors import ThroughbandError
from network.graph import RoadNetwork

Make = Callable[[], Controller]


@dataclass(frozen=True, slots=True)
class Tape:
    """What was seen of a street: its signals, and second by second time and views."""

    sites: tuple[Site, ...]
    moments: tuple[tuple[float, Mapping[str, View]], ...]


Behavior = Callable[[Make, Tape], None]


class _Recorder:
    """Wishes for nothing and keeps what it sees."""

    def __init__(self) -> None:
        self.moments: list[tuple[float, Mapping[str, View]]] = []

    def start(self, sites: Sequence[Site]) -> None:
        self.moments.clear()

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        self.moments.append((now_s, dict(views)))
        return {}


def recorded(
    case: SimulationCase, network: RoadNetwork, sensing: Sensing | None = None, seed: int = 11
) -> Tape:
    """Play a short case in SUMO and keep what a controller with these sensors would see.

    Parameters
    ----------
    case, network
        A street with signals and some traffic; five minutes are enough.
    sensing, seed
        What is seen, everything within 200 m by default, and SUMO's seed.
    """
    recorder = _Recorder()
    sites = build_sites(network)
    run_adaptive(case, seed, sites, recorder, sensing, emissions=False)
    return Tape(tuple(sites), tuple(recorder.moments))


def wishes(controller: Controller, tape: Tape) -> list[dict[str, int]]:
    """Start a controller, show it the tape, and return what it wished for each second."""
    controller.start(tape.sites)
    return [dict(controller.decide(now_s, views)) for now_s, views in tape.moments]


def wishes_for_stages_that_exist(make: Make, tape: Tape) -> None:
    stages = {site.signal_id: len(site.stages) for site in tape.sites}
    for wished in wishes(make(), tape):
        for signal, stage in wished.items():
            assert signal in stages, f"it wishes for {signal!r}, which is no signal of its"
            assert 0 <= int(stage) < stages[signal], f"{signal!r} has no stage {stage!r}"


def the_same_calls_give_the_same_answers(make: Make, tape: Tape) -> None:
    assert wishes(make(), tape) == wishes(make(), tape)


def starting_forgets_everything_before(make: Make, tape: Tape) -> None:
    controller = make()
    assert wishes(controller, tape) == wishes(controller, tape)


def runs_signals_it_is_given(make: Make, tape: Tape) -> None:
    one = tape.sites[0]
    alone = Tape(
        (replace(one, upstream=(), downstream=()),),
        tuple((now_s, {one.signal_id: views[one.signal_id]}) for now_s, views in tape.moments),
    )
    assert all(set(wished) <= {one.signal_id} for wished in wishes(make(), alone))


def bears_sensors_that_see_nothing(make: Make, tape: Tape) -> None:
    blind = Tape(
        tape.sites,
        tuple(
            (now_s, {name: _blinded(view) for name, view in views.items()})
            for now_s, views in tape.moments
        ),
    )
    try:
        wishes_for_stages_that_exist(make, blind)
    except ThroughbandError as error:
        # It may say that it cannot work so, but not break.
        assert "\n" not in str(error)


def _blinded(view: View) -> View:
    def nothing(values: np.ndarray) -> np.ndarray:
        out = np.full(len(values), np.nan)
        out.setflags(write=False)
        return out

    none = np.empty(0)
    return replace(
        view,
        count_veh=nothing(view.count_veh),
        queue_veh=nothing(view.queue_veh),
        queue_m=nothing(view.queue_m),
        stop_count=nothing(view.stop_count),
        stop_occupancy=nothing(view.stop_occupancy),
        advance_count=nothing(view.advance_count),
        advance_occupancy=nothing(view.advance_occupancy),
        object_lane=np.empty(0, dtype=np.int32),
        object_m=none,
        object_mps=none,
        exit_count_veh=nothing(view.exit_count_veh),
        exit_queue_veh=nothing(view.exit_queue_veh),
        exit_free_m=nothing(view.exit_free_m),
        exit_mps=nothing(view.exit_mps),
        turned_veh=nothing(view.turned_veh),
    )


BEHAVIORS: Final[tuple[Behavior, ...]] = (
    wishes_for_stages_that_exist,
    the_same_calls_give_the_same_answers,
    starting_forgets_everything_before,
    runs_signals_it_is_given,
    bears_sensors_that_see_nothing,
)
