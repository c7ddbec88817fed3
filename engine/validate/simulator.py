"""The nouns of a validation run, and the seam behind which a simulator sits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from network.errors import SimulationError

MEASURES: Final = (
    "delay_s",
    "stops",
    "travel_time_s",
    "speed_mps",
    "co2_g_per_veh",
    "arrived",
    "not_inserted",
)
"""The measures every report carries, by their attribute names in `RunMeasures`."""

Progress = Callable[[int, int], None]
"""Called with the number of finished runs and the number of all runs."""


@dataclass(frozen=True, slots=True)
class SimulationCase:
    """What a simulator needs to know of a scenario.

    Parameters
    ----------
    config_file
        The simulator's own configuration; its options hold unless the measuring rule
        forbids them.
    net_file, route_files, additional_files
        What is loaded; usually, but not necessarily, what the configuration names.
    begin_s, end_s
        The window; a vehicle belongs to it if it is due in [begin, end).
    """

    config_file: Path
    net_file: Path
    route_files: tuple[Path, ...]
    additional_files: tuple[Path, ...]
    begin_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.begin_s) and math.isfinite(self.end_s)):
            raise SimulationError(
                f"the window {self.begin_s:g} s to {self.end_s:g} s must be finite"
            )
        if not 0 <= self.begin_s < self.end_s:
            raise SimulationError(
                f"the window {self.begin_s:g} s to {self.end_s:g} s must start at 0 s or later "
                "and end after it starts"
            )


@dataclass(frozen=True, slots=True)
class Variant:
    """One side of a comparison: the case as it is, plus files that change the signals.

    Parameters
    ----------
    name
        For people to read.
    additional_files
        Loaded after the case's own additional files, so that their programs win.
    """

    name: str
    additional_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class RunMeasures:
    """What one seed of one variant came to; the rule is in `engine.validate.sumo`.

    Parameters
    ----------
    seed
        The simulator's random seed.
    delay_s
        Mean over all scheduled vehicles: time loss, departure delay, and the wait of those
        never inserted. SUMO's time loss, not the HCM's control delay.
    stops
        Mean number of halts per inserted vehicle.
    travel_time_s
        Mean over all scheduled vehicles from due time to arrival, or to the end of the
        window where there was no arrival.
    speed_mps
        Distance driven over time driven, of inserted vehicles; NaN where nobody drove.
    co2_g_per_veh
        Per inserted vehicle; NaN where emissions were not asked for.
    waiting_time_s
        Mean time at a halt per inserted vehicle.
    scheduled
        Vehicles due in the window: ``inserted + not_inserted``.
    inserted
        Vehicles that entered the network: ``arrived + running + removed``.
    arrived, running, removed
        Reached their destination; still under way at the end; taken out by the simulator
        (teleports with removal, vaporizers).
    not_inserted
        Due before the end, and still waiting outside the network at the end.
    ignored
        Vehicles and flows SUMO would not load because the route file is not sorted by
        departure; they are in no other figure.
    teleports
        Vehicles the simulator moved by force; a sign of gridlock.
    wall_s
        Computing time.
    """

    seed: int
    delay_s: float
    stops: float
    travel_time_s: float
    speed_mps: float
    co2_g_per_veh: float
    waiting_time_s: float
    scheduled: int
    inserted: int
    arrived: int
    running: int
    removed: int
    not_inserted: int
    ignored: int
    teleports: int
    wall_s: float


class Simulator(Protocol):
    """Plays variants of a case; `throughband.contracts.simulator` says what each must keep."""

    def run(
        self,
        case: SimulationCase,
        seed: int,
        additional: Sequence[Path] = (),
        out_dir: Path | None = None,
        emissions: bool = True,
    ) -> RunMeasures:
        """Play one seed; the same arguments always give the same measures."""
        ...

    def run_many(
        self,
        case: SimulationCase,
        variants: Sequence[Variant],
        seeds: Sequence[int],
        workers: int = 1,
        progress: Progress | None = None,
        emissions: bool = True,
    ) -> tuple[tuple[RunMeasures, ...], ...]:
        """Play every variant under every seed; one row per variant, one column per seed."""
        ...
