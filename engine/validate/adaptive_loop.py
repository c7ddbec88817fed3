"""A SUMO street whose signals follow an adaptive controller, one decision per second.

The same measures under the same rule as `engine.validate.sumo`. What a controller may know is
chosen with `engine.adaptive.sensing`; what it may show is decided by `engine.adaptive.player`.
Signals that are no sites go on with the program in force.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from traci import constants as tc

from engine.adaptive.control import Controller, Site, View
from engine.adaptive.player import LONGEST_WAIT_S, Player
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from engine.validate.closed_loop import ClosedLoop
from engine.validate.simulator import RunMeasures, SimulationCase
from engine.validate.sumo import STATISTICS, TRIPINFO
from network.errors import SimulationError
from network.units import TENTHS_PER_SECOND, tenths

DECISION_S: Final = 1.0
Watch = Callable[[float, Mapping[str, str], Mapping[str, View]], None]
"""Called every second with the street's clock, what signals show next, and the views."""


@dataclass(frozen=True, slots=True)
class AdaptiveRun:
    """One seed under an adaptive controller.

    Attributes
    ----------
    measures
        As of any other run.
    decisions
        Decisions taken: signals times seconds.
    decision_s
        Computing time of the controller in each second, all signals together; float64[seconds].
    changes
        Stages begun, over all signals.
    """

    measures: RunMeasures
    decisions: int
    decision_s: NDArray[np.float64]
    changes: int

    @property
    def decisions_per_s(self) -> float:
        """Signal decisions per second of the controller's computing time."""
        spent_s = float(self.decision_s.sum())
        return self.decisions / spent_s if spent_s > 0 else 0.0


class _Street(ClosedLoop):
    """A street that tells of all its vehicles."""

    def __enter__(self) -> _Street:
        super().__enter__()
        return self

    def watch_vehicles(self) -> None:
        """Have every vehicle report from its first second on."""
        with self._translated():
            self._link.simulation.subscribe([tc.VAR_DEPARTED_VEHICLES_IDS])
            for name in self._link.vehicle.getIDList():
                self._subscribe(name)

    def traffic(self) -> Traffic:
        """Return every vehicle on the street now."""
        with self._translated():
            fresh = self._link.simulation.getSubscriptionResults()
            for name in fresh.get(tc.VAR_DEPARTED_VEHICLES_IDS, ()):
                self._subscribe(name)
            known = self._link.vehicle.getAllSubscriptionResults()
        names: list[str] = []
        lanes: list[str] = []
        places = np.empty((2, len(known)))
        for name, values in known.items():
            places[0, len(names)] = values[tc.VAR_LANEPOSITION]
            places[1, len(names)] = values[tc.VAR_SPEED]
            names.append(name)
            lanes.append(values[tc.VAR_LANE_ID])
        return Traffic(names, lanes, places[0], places[1])

    def keep(self, folder: Path) -> None:
        """Copy the run's files; only after `finish`."""
        assert self._folder is not None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (TRIPINFO, STATISTICS):
                shutil.copyfile(Path(self._folder.name) / name, folder / name)
        except OSError as error:
            raise SimulationError(
                f"the run's files cannot be kept in {folder}: {error.strerror or error}"
            ) from error

    def _subscribe(self, name: str) -> None:
        self._link.vehicle.subscribe(name, [tc.VAR_LANE_ID, tc.VAR_LANEPOSITION, tc.VAR_SPEED])


def run_adaptive(
    case: SimulationCase,
    seed: int,
    sites: Sequence[Site],
    controller: Controller,
    sensing: Sensing | None = None,
    out_dir: Path | None = None,
    emissions: bool = True,
    *,
    additional: Sequence[Path] = (),
    longest_wait_s: float = LONGEST_WAIT_S,
    decision_s: float = DECISION_S,
    watch: Watch | None = None,
) -> AdaptiveRun:
    """Play one seed of a case with signals that decide second by second.

    Parameters
    ----------
    case, seed, out_dir, emissions, additional
        As for `engine.validate.sumo.run`.
    sites
        The signals the controller runs.
    controller
        Decides; it is started here.
    sensing
        What it sees; everything within 200 m on every lane by default.
    longest_wait_s
        As for `Player`.
    decision_s
        Time between two decisions, a whole number of the simulator's steps; wishes hold
        meanwhile.
    watch
        Told of everything that is shown, for an independent judge or a journal.

    Returns
    -------
    AdaptiveRun
        The same for the same arguments, but for computing times.

    Raises
    ------
    SimulationError
        SUMO is missing, refused its input or died; there are no sites; the step does not fit.
    """
    if not sites:
        raise SimulationError(
            f"{case.config_file} has no signal that adaptive control may run; at least one must "
            "have two stages and a program that is understood"
        )
    controller.start(sites)
    sensors = Sensors(sites, sensing or Sensing())
    spent: list[float] = []
    wishes: dict[str, int] = {}
    changes = 0
    with _Street(case, seed, (), additional, emissions) as street:
        street.watch_vehicles()
        step_ds = tenths(street.step_s)
        if abs(step_ds - street.step_s * TENTHS_PER_SECOND) > 1e-6 or step_ds < 1:
            raise SimulationError(
                f"{case.config_file}: a step of {street.step_s:g} s; adaptive control needs whole "
                "tenths of a second"
            )
        every = max(1, round(decision_s * TENTHS_PER_SECOND / step_ds))
        players = {
            site.signal_id: Player(site, site.sequence[0], step_ds, longest_wait_s)
            for site in sites
        }
        shown: dict[str, str] = {}
        views: dict[str, View] = {}
        step = 0
        while street.time_s < case.end_s:
            if step % every == 0:
                views = sensors.observe(street.time_s, street.traffic(), players)
                began_s = time.perf_counter()
                wishes.update(controller.decide(street.time_s, views))
                spent.append(time.perf_counter() - began_s)
            lamps: dict[str, str] = {}
            for name, player in players.items():
                stage = player.stage
                lamps[name] = player.advance(wishes.get(name), _called(views[name], longest_wait_s))
                changes += player.stage != stage
            if watch is not None:
                watch(street.time_s, lamps, views)
            street.show({name: state for name, state in lamps.items() if shown.get(name) != state})
            shown = lamps
            street.step()
            step += 1
        measures = street.finish()
        if out_dir is not None:
            street.keep(out_dir)
    return AdaptiveRun(measures, len(spent) * len(sites), np.array(spent), changes)


def _called(view: View, longest_wait_s: float) -> list[bool]:
    """Stop lanes with somebody on them, or that may have somebody nobody sees."""
    occupied = (view.count_veh > 0) | np.isnan(view.count_veh)
    # A sensor may miss whoever waits; a lane that was empty all this time is served all the same.
    forgotten = view.waiting_s > 2.0 * longest_wait_s
    called: list[bool] = (occupied | forgotten).tolist()
    return called
