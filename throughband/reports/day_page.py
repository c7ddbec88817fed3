"""A planned day on a page: the schedule, what it saves in the model, and its timing sheets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from network.errors import ScenarioError, ThroughbandError
from network.files import read_plan
from network.units import SECONDS_PER_HOUR
from throughband.pipeline import open_setting
from throughband.reports.pages import environment
from throughband.reports.timing_sheet import Sheet, timing_sheets
from throughband.results import read_json
from throughband.run_record import run_record
from throughband.tuning import running

TEMPLATE: Final = "day.html"
KIND: Final = "day"


@dataclass(frozen=True, slots=True)
class DayPlanSheets:
    """One plan of the day: its name, when it runs, and a sheet for every signal."""

    name: str
    runs: str
    sheets: tuple[Sheet, ...]


def day_page(folder: Path, scenario: str = "") -> str:
    """Return the page of a folder of ``throughband day``.

    Parameters
    ----------
    folder
        The folder.
    scenario
        What to open instead of what the folder names.

    Raises
    ------
    ThroughbandError
        If a file is missing or damaged, or the scenario is not known.
    """
    record = read_json(folder / "day.json")
    steps = [step for step in run_record(folder) if step.kind == KIND]
    played = steps[0].scenario if steps else None
    if not scenario and played is None:
        raise ScenarioError(f"{folder}: does not say of which scenario it is; add --scenario")
    setting = open_setting(scenario or (played.where if played else ""))
    network, in_force = setting.network, running(setting.network)
    try:
        plans = [
            DayPlanSheets(
                row["name"],
                row["runs"],
                timing_sheets(network, in_force, read_plan(folder / f"{row['name']}.json"), {}),
            )
            for row in record["plans"]
        ]
        costs = _costs(record)
        return environment().get_template(TEMPLATE).render(
            scenario=setting.scenario.name,
            signals=len(network.signals),
            record=record,
            costs=costs,
            plans=plans,
            steps=steps,
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ThroughbandError(f"{folder / 'day.json'}: malformed record of a day") from error


def _costs(record: dict[str, Any]) -> list[tuple[str, float, float]]:
    """What the day costs, veh h: each period begun anew, and played through with its queues."""
    told, played = record["cost_veh_s"], record["played_through"]
    return [
        (
            label,
            told[key] / SECONDS_PER_HOUR,
            played[key]["cost_veh_s"] / SECONDS_PER_HOUR,
        )
        for label, key in (
            ("Plans in force", "in_force"),
            ("Best single plan", "single_plan"),
            ("This day", "day"),
        )
    ]
