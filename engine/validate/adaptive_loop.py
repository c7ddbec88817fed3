"""A SUMO street whose signals follow an adaptive controller, one decision per second.

The same measures under the same rule as `engine.validate.sumo`. What a controller may know is
chosen with `engine.adaptive.sensing`; what it may show is decided by `engine.adaptive.player`.
Signals that are no sites go on with the program in force.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Controller, Site, View
from engine.adaptive.player import LONGEST_WAIT_S, Player
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from engine.validate.in_process import InProcess
from engine.validate.simulator import RunMeasures, SimulationCase
from engine.validate.sumo import STATISTICS, TRIPINFO
from engine.validate.tracked_loop import TrackedLoop
from engine.validate.trips import Trips
from network.errors import SimulationError
from network.units import TENTHS_PER_SECOND, tenths

DECISION_S: Final = 1.0
Watch = Callable[[float, Mapping[str, str], Mapping[str, View], Traffic], None]
"""Called every second with the street's clock, what signals show next, the views, and where
everybody was when they were taken."""
Look = Callable[[float, Traffic], None]
"""Called before each decision with the street's clock and every vehicle on it."""


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
    walk_wait_s
        Longest time from the end of a walk to the begin of the next, or the end of the run, s;
        None where nobody walks.
    trips
        Of every vehicle due.
    ahead
        At the end, of each vehicle that has stood for long, the next one on its way
        (`engine.validate.tracked_loop.TrackedLoop.ahead`).
    """

    measures: RunMeasures
    decisions: int
    decision_s: NDArray[np.float64]
    changes: int
    walk_wait_s: float | None
    trips: Trips
    ahead: Mapping[str, str] = field(default_factory=dict)

    @property
    def decisions_per_s(self) -> float:
        """Signal decisions per second of the controller's computing time."""
        spent_s = float(self.decision_s.sum())
        return self.decisions / spent_s if spent_s > 0 else 0.0


class _Street(TrackedLoop):
    """A street that tells of all its vehicles, and whose files can be kept."""

    def __enter__(self) -> _Street:
        super().__enter__()
        return self

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


class _InProcessStreet(InProcess, _Street):
    """The same without a socket in between."""


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
    walk_wait_s: float | None = None,
    decision_s: float = DECISION_S,
    watch: Watch | None = None,
    look: Look | None = None,
    in_process: bool = False,
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
    longest_wait_s, walk_wait_s
        As for `Player`.
    decision_s
        Time between two decisions, a whole number of the simulator's steps; wishes hold
        meanwhile.
    watch
        Told of everything that is shown, for an independent judge or a journal.
    look
        Told of every vehicle before each decision, for those that ask for priority.
    in_process
        Whether SUMO is a library of this process (`engine.validate.in_process`).

    Returns
    -------
    AdaptiveRun
        The same for the same arguments, but for computing times.

    Raises
    ------
    SimulationError
        SUMO is missing, refused its input or died; there are no sites; the step does not fit.
    """
    controller.start(sites)
    spent: list[float] = []
    wishes: dict[str, int] = {}
    step = 0
    with AdaptiveStreet(
        case,
        seed,
        sites,
        sensing,
        emissions,
        additional,
        longest_wait_s,
        in_process,
        walk_wait_s,
    ) as street:
        every = max(1, round(decision_s / street.step_s))
        while street.time_s < case.end_s:
            if step % every == 0:
                views = street.observe()
                if look is not None:
                    look(street.time_s, street.traffic)
                began_s = time.perf_counter()
                wishes.update(controller.decide(street.time_s, views))
                spent.append(time.perf_counter() - began_s)
            street.advance(wishes, watch)
            step += 1
        ahead = street.ahead()
        measures = street.finish(out_dir)
        changes, waited_s, trips = street.changes, street.walk_wait_s, street.trips
    return AdaptiveRun(
        measures, len(spent) * len(sites), np.array(spent), changes, waited_s, trips, ahead
    )


class AdaptiveStreet:
    """A SUMO street whose signals show, step by step, what is wished for and lawful.

    Use as a context; SUMO is gone when it is left, however it is left.

    Parameters
    ----------
    case, seed, sites, sensing, emissions, additional, longest_wait_s, in_process, walk_wait_s
        As for `run_adaptive`.

    Attributes
    ----------
    traffic
        Every vehicle, as of the last `observe`.
    views
        What the sensors said then, by signal.
    players
        What signals show, by signal.
    changes
        Stages begun so far.
    walk_wait_s
        As for `AdaptiveRun`, so far.
    """

    def __init__(
        self,
        case: SimulationCase,
        seed: int,
        sites: Sequence[Site],
        sensing: Sensing | None = None,
        emissions: bool = True,
        additional: Sequence[Path] = (),
        longest_wait_s: float = LONGEST_WAIT_S,
        in_process: bool = False,
        walk_wait_s: float | None = None,
    ) -> None:
        if not sites:
            raise SimulationError(
                f"{case.config_file} has no signal that adaptive control may run; at least one "
                "must have two stages and a program that is understood"
            )
        self._case = case
        self._sites = tuple(sites)
        self._longest_wait_s = longest_wait_s
        self._walk_wait_s = walk_wait_s
        self._sensors = Sensors(sites, sensing or Sensing())
        kind = _InProcessStreet if in_process else _Street
        self._street: _Street = kind(case, seed, (), additional, emissions)
        self._shown: dict[str, str] = {}
        self.players: dict[str, Player] = {}
        self.views: Mapping[str, View] = {}
        self.traffic = Traffic((), (), np.empty(0), np.empty(0))
        self.changes = 0
        self.walk_wait_s: float | None = None

    def __enter__(self) -> AdaptiveStreet:
        self._street.__enter__()
        try:
            self._street.watch_vehicles()
            step_ds = tenths(self._street.step_s)
            if abs(step_ds - self._street.step_s * TENTHS_PER_SECOND) > 1e-6 or step_ds < 1:
                raise SimulationError(
                    f"{self._case.config_file}: a step of {self._street.step_s:g} s; adaptive "
                    "control needs whole tenths of a second"
                )
            self.players = {
                site.signal_id: Player(
                    site, site.sequence[0], step_ds, self._longest_wait_s, self._walk_wait_s
                )
                for site in self._sites
            }
        except BaseException:
            self._street.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._street.__exit__(kind, error, trace)

    @property
    def time_s(self) -> float:
        """The street's clock, s."""
        return self._street.time_s

    @property
    def step_s(self) -> float:
        """Length of a step, s."""
        return self._street.step_s

    @property
    def trips(self) -> Trips:
        """Of every vehicle due; only after `finish`."""
        assert self._street.trips is not None
        return self._street.trips

    def observe(self) -> Mapping[str, View]:
        """Look at the street now."""
        self.traffic = self._street.traffic()
        self.views = self._sensors.observe(self._street.time_s, self.traffic, self.players)
        return self.views

    def advance(self, wishes: Mapping[str, int], watch: Watch | None = None) -> None:
        """Show the next step; only after an `observe`.

        Parameters
        ----------
        wishes
            Row of the stage wanted, by signal; not named means stay.
        watch
            Told of what is shown.
        """
        lamps: dict[str, str] = {}
        for name, player in self.players.items():
            stage = player.stage
            called = _called(self.views[name], self._longest_wait_s)
            lamps[name] = player.advance(wishes.get(name), called)
            self.changes += player.stage != stage
            for dark_s in player.dark_s():
                self.walk_wait_s = max(self.walk_wait_s or 0.0, dark_s)
        if watch is not None:
            watch(self._street.time_s, lamps, self.views, self.traffic)
        shown = self._shown
        self._street.show({name: lamp for name, lamp in lamps.items() if shown.get(name) != lamp})
        self._shown = lamps
        self._street.step()

    def ahead(self) -> Mapping[str, str]:
        """Return, of each vehicle that has stood for long, the next one on its way."""
        return self._street.ahead()

    def finish(self, out_dir: Path | None = None) -> RunMeasures:
        """End the street now, measure everything up to here, and keep its files if wanted."""
        measures = self._street.finish()
        if out_dir is not None:
            self._street.keep(out_dir)
        return measures


def _called(view: View, longest_wait_s: float) -> list[bool]:
    """Stop lanes with somebody on them, or that may have somebody nobody sees."""
    occupied = (view.count_veh > 0) | np.isnan(view.count_veh)
    # A sensor may miss whoever waits; a lane that was empty all this time is served all the same.
    forgotten = view.waiting_s > 2.0 * longest_wait_s
    called: list[bool] = (occupied | forgotten).tolist()
    return called
