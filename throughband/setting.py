"""A scenario opened: what to play, its roads, and how drivers drive there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.measures import calibrating
from engine.measures.street import Driving
from engine.validate.simulator import SimulationCase
from network.calibration import Calibration
from network.calibration_file import CALIBRATION_FILE, read_calibration
from network.errors import ScenarioError, TopologyError
from network.graph import RoadNetwork
from scenarios.scenario import Scenario, load_scenario
from throughband.exchange.imported import scenario_network

LONGEST_WINDOW_S = 7 * 86400
"""More than a week is taken for a slip of the pen, s."""

ANY_WINDOW_S = (0.0, 86400.0)
"""For commands that read a network and play nothing; a configuration may name no end."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A scenario with its network, ready to be worked on.

    Attributes
    ----------
    scenario, case, network
        What to play, and the roads.
    calibration
        How drivers were measured to drive here; None where nobody did.
    """

    scenario: Scenario
    case: SimulationCase
    network: RoadNetwork
    calibration: Calibration | None = None

    @property
    def driving(self) -> Driving:
        """How drivers drive: as measured here, else as usual."""
        if self.calibration is None:
            return Driving()
        return calibrating.calibrated(self.calibration, self.network)


def open_setting(
    name: str,
    begin_s: float | None = None,
    end_s: float | None = None,
    calibration: Path | None = None,
    *,
    calibrated: bool = True,
) -> Setting:
    """Load a scenario and read its network.

    Parameters
    ----------
    name, begin_s, end_s
        As for `scenarios.scenario.load_scenario`.
    calibration
        A calibration of its network; else the `CALIBRATION_FILE` beside it, if there is one.
    calibrated
        Whether to read a calibration at all.

    Raises
    ------
    ScenarioError, FormatError
        If a file is missing or malformed, or the window longer than a week.
    TopologyError
        If the network has no signal, or the calibration is of another network.
    """
    scenario = load_scenario(name, begin_s, end_s)
    if scenario.end_s - scenario.begin_s > LONGEST_WINDOW_S:
        raise ScenarioError(
            f"scenario {scenario.name!r}: the window from {scenario.begin_s:g} s to "
            f"{scenario.end_s:g} s is longer than a week; lower --end"
        )
    case = SimulationCase(
        scenario.config_file,
        scenario.net_file,
        scenario.route_files,
        scenario.additional_files,
        scenario.begin_s,
        scenario.end_s,
    )
    network = scenario_network(scenario)
    if not network.signals:
        raise TopologyError(
            f"{scenario.net_file}: the network has no traffic signals, so there is nothing to "
            "time; choose another scenario or build signals into the network"
        )
    beside = scenario.config_file.parent / CALIBRATION_FILE
    file = calibration or (beside if beside.is_file() else None)
    found = None
    if file is not None and calibrated:
        found = read_calibration(file)
        found.require_of(network, str(file))
    return Setting(scenario, case, network, found)
