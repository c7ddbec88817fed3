"""A planned day on a page: the schedule, what it saves in the model, and its timing sheets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from network.errors import ScenarioError, ThroughbandError
from network.files import read_plan
from network.schedule_file import read_schedule
from network.units import SECONDS_PER_HOUR
from throughband.planning.day_files import SCHEDULE_NAME
from throughband.planning.tuning import running
from throughband.reports.day_charts import day_chart
from throughband.reports.day_periods import DayCurve, day_curve, each_period, stretches
from throughband.reports.pages import environment
from throughband.reports.style import svg
from throughband.reports.timing_sheet import Sheet, timing_sheets
from throughband.results import read_json
from throughband.run_record import run_record
from throughband.setting import open_setting

TEMPLATE: Final = "day.html"
KIND: Final = "day"
CAPTION: Final = (
    "Which plan runs when, over what the model says each period costs under the plans in force and "
    "under the day's own, and over the traffic it was planned for. Queues are carried from period "
    "to period; the hatching tells plans apart in print."
)


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
        curve = day_curve(record)
        chart = None
        if curve is not None:
            # Names inside were escaped by the SVG writer, which knows nothing of this page.
            chart = Markup(svg(day_chart(curve), "day", CAPTION))  # noqa: S704
        return environment().get_template(TEMPLATE).render(
            scenario=setting.scenario.name,
            signals=len(network.signals),
            record=record,
            costs=costs,
            switches=_switches(record),
            time_zone=read_schedule(folder / SCHEDULE_NAME).time_zone,
            chart=chart,
            caption=CAPTION,
            stretches=stretches(curve) if curve is not None else (),
            periods=each_period(curve) if curve is not None else (),
            drawn=_drawn(record, curve),
            plans=plans,
            steps=steps,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ThroughbandError(f"{folder / 'day.json'}: malformed record of a day") from error


def _switches(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """When plans change: time, from which, to which; none where one plan runs all day."""
    actions = record["actions"]
    return [
        (then["at"][:5], before["run"], then["run"])
        for before, then in pairwise(actions)
        if before["run"] != then["run"]
    ]


def _drawn(record: dict[str, Any], curve: DayCurve | None) -> str:
    """Return what the range of differences is, or why there is none, as a sentence."""
    if curve is None:
        return (
            "This day was planned by an earlier version, which kept no costs by period; plan it "
            "again to have them here."
        )
    draws = len(curve.drawn_after)
    if not draws:
        return "No days were drawn (--draws), so how sure the differences are is not told."
    spread = (
        "by the quantiles of its forecast"
        if record["drawn"]["by_quantiles"]
        else f"by {100 * record['drawn']['sigma']:.0f} % (standard deviation) of each movement's "
        "flow, which is assumed, as the counts tell no spread"
    )
    return (
        f"The range is the least and the greatest difference of {draws} days, drawn around the "
        f"expected one {spread}, each played under both. Better or worse is said only where all "
        f"{draws} agree. It is the spread of traffic, not the error of the model."
    )


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
