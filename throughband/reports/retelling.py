"""The story of a run, told again from the files it left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.measures.evaluation import evaluate
from engine.measures.street import Street, build_street
from engine.optimize.appraisal import street_tables
from engine.optimize.problem import Limits
from network.counts import CountSeries
from network.errors import PlanError, ScenarioError, ThroughbandError
from network.files import read_notes, read_plan
from network.readers.counts_csv import read_count_days_csv
from network.timing import PlanSet
from throughband.approval import POLICY_NAME
from throughband.counts.demand import (
    Demand,
    demand,
    mean_day,
    movement_counts,
    read_counts,
    sources_told,
)
from throughband.counts.demand_file import DEMAND_NAME, read_demand
from throughband.planning.objective_options import objective_in
from throughband.reports.story import (
    Approval,
    Certified,
    ForecastSummary,
    PushRow,
    QualityRow,
    Story,
    StreetRow,
)
from throughband.reports.telling import corridor_of, count_chart_of, told_quality, window_text
from throughband.results import COMPLETE, read_json, versions
from throughband.run_record import Step, digest_of, run_record
from throughband.setting import Setting, open_setting

PLAN_NAME: Final = "plan.json"
VALIDATION_NAME: Final = "validation.json"
COUNTS_NAME: Final = "counts.csv"
NOT_MEASURES: Final = frozenset({"scenario", "plan_digest", "simulator", "versions"})


@dataclass(frozen=True, slots=True)
class Left:
    """What a folder holds of a run of plans.

    Attributes
    ----------
    folder
        The folder.
    steps
        How it was made; empty for runs older than the record.
    plan_file
        The plans.
    result
        Of ``run``; empty where there is none.
    validation
        None where nothing was validated.
    """

    folder: Path
    steps: tuple[Step, ...]
    plan_file: Path
    result: Mapping[str, Any]
    validation: Mapping[str, Any] | None


def told(story: Story) -> dict[str, Any]:
    """Return what of a story cannot be had from its other files, as JSON for ``result.json``."""
    return {
        "quality": [asdict(row) for row in story.quality],
        "pushes": [asdict(row) for row in story.pushes],
        "after": [asdict(row) for row in story.after],
        "forecast": None
        if story.forecast is None
        else {k: v for k, v in asdict(replace(story.forecast, chart=None)).items() if k != "chart"},
        "release": None
        if story.approval is None
        else {
            "plan_digest": story.approval.plan_digest,
            "report_digest": story.approval.report_digest,
        },
        "command": story.command,
    }


def left_in(folder: Path, plan: Path | None = None) -> Left:
    """Find the plans and the validation of a folder.

    Parameters
    ----------
    folder
        Of ``run``, ``optimize`` or ``validate``.
    plan
        The plans, where they stand elsewhere.

    Raises
    ------
    ThroughbandError
        If there is no plan, a file is damaged, or the validation is of other plans.
    """
    steps = run_record(folder)
    result = read_json(folder / COMPLETE) if (folder / COMPLETE).is_file() else {}
    validation: Mapping[str, Any] | None = result if "difference" in result else None
    if validation is None and (folder / VALIDATION_NAME).is_file():
        validation = read_json(folder / VALIDATION_NAME)
    file = plan or _plan_of(folder, steps, validation)
    found = read_plan(file)
    if validation is not None and validation.get("plan_digest") != found.digest:
        raise PlanError(
            f"{folder}: the validation is of plans with digest {validation.get('plan_digest')}, "
            f"{file} holds {found.digest}; name the validated plans with --plan"
        )
    return Left(folder, steps, file, result, validation)


def _plan_of(folder: Path, steps: Sequence[Step], validation: Mapping[str, Any] | None) -> Path:
    """The plans of a folder: its own, or those it says it validated."""
    own = folder / PLAN_NAME
    wanted = None if validation is None else validation.get("plan_digest")
    if own.is_file() and (wanted is None or read_plan(own).digest == wanted):
        return own
    for step in steps:
        source = step.inputs.get("plan")
        if source is not None and Path(source.file).is_file():
            return Path(source.file)
    if own.is_file():
        return own
    raise ThroughbandError(f"{folder}: holds no {PLAN_NAME}; name the plans with --plan")


def open_left(left: Left, scenario: str = "") -> tuple[Setting, tuple[str, ...]]:
    """Open the scenario of a folder.

    Parameters
    ----------
    left
        From `left_in`.
    scenario
        What to open instead of what the folder names.

    Returns
    -------
    tuple
        The setting, and what has changed since, in words.

    Raises
    ------
    ScenarioError
        If the folder does not say which scenario it is of, or it is gone.
    """
    played = next((step.scenario for step in left.steps if step.scenario is not None), None)
    name = read_plan(left.plan_file).scenario
    if scenario:
        setting = open_setting(
            scenario, *((played.begin_s, played.end_s) if played is not None else ())
        )
    elif played is None:
        raise ScenarioError(
            f"{left.folder}: does not say where its scenario {name!r} lies; name it with --scenario"
        )
    else:
        setting = open_setting(played.where, played.begin_s, played.end_s)
    if setting.scenario.name != name:
        raise ScenarioError(
            f"{left.folder}: the plans are of scenario {name!r}, not of {setting.scenario.name!r}"
        )
    changed = []
    if played is not None and played.network_sha256 != digest_of(setting.scenario.net_file):
        changed.append(
            "The network file has changed since these plans were made: what the model says here "
            "is of today's network."
        )
    return setting, tuple(changed)


def story_left(left: Left, setting: Setting, counts: Path | None = None) -> Story:
    """Tell the story that a folder holds.

    Parameters
    ----------
    left, setting
        From `left_in` and `open_left`.
    counts
        Counts to take for the demand, where the folder kept none.

    Raises
    ------
    ThroughbandError
        If the folder does not say which traffic the plans were made for, or a file is damaged.
    """
    network = setting.network
    plan_set = read_plan(left.plan_file)
    wanted = _demand(left, setting, counts)
    flows = wanted.flows
    objective = objective_in(left.plan_file)
    street = build_street(
        network, flows.movement_vph(), flows.interval_s, setting.driving, wanted.lane_shares,
        objective,
    )  # fmt: skip
    in_force = {s.signal_id: s.plan_in_force for s in network.signals.values() if s.plan_in_force}
    before, after = _modeled(setting, street, plan_set, int(flows.start_s))
    notes = read_notes(left.plan_file)
    result, command = left.result, left.result.get("command")
    return Story(
        setting.scenario.name,
        network,
        street,
        in_force,
        plan_set,
        corridor_of(setting, street),
        before,
        after,
        None
        if left.validation is None
        else {k: v for k, v in left.validation.items() if k not in NOT_MEASURES},
        _quality(result, wanted),
        _forecast(left, wanted, setting),
        _approval(result),
        tuple(PushRow(**row) for row in result.get("pushes") or ()),
        tuple(StreetRow(**row) for row in result.get("after") or ()),
        {name: " ".join(told) for name, told in dict(notes.get("reasons") or {}).items()},  # type: ignore[call-overload]
        result.get("wall_s") or {},
        _versions(left),
        str(command or (left.steps[0].command if left.steps else "")),
        setting.calibration,
        certificates=_certificates(notes.get("certificates")),
        steps=left.steps,
        window_s=setting.scenario.end_s - setting.scenario.begin_s,
        findings=_unkept(result),
    )


def _demand(left: Left, setting: Setting, counts: Path | None) -> Demand:
    if counts is not None:
        return demand(setting.network, read_counts(counts, setting.network))
    for folder in (left.folder, left.plan_file.parent):
        if (folder / DEMAND_NAME).is_file():
            return read_demand(folder / DEMAND_NAME, setting.network)
    for folder in (left.folder, left.plan_file.parent):
        if (folder / COUNTS_NAME).is_file():
            return demand(setting.network, read_counts(folder / COUNTS_NAME, setting.network))
    raise ThroughbandError(
        f"{left.folder}: keeps no {DEMAND_NAME} and no {COUNTS_NAME}, so the traffic the plans "
        "were made for is not known; name counts with --counts"
    )


def _modeled(setting: Setting, street: Street, plan_set: PlanSet, start_s: int) -> tuple[Any, Any]:
    cycles = [plan.cycle_s for plan in plan_set.plans]
    limits = replace(Limits(), longest_cycle_s=max([Limits().longest_cycle_s, *cycles]))
    tables = street_tables(setting.network, street, limits)
    before = evaluate(tables, start_s, street.horizon_s)
    for plan in plan_set.plans:
        tables.set(plan)
    return before, evaluate(tables, start_s, street.horizon_s)


def _quality(result: Mapping[str, Any], wanted: Demand) -> tuple[QualityRow, ...]:
    if result.get("quality"):
        return tuple(QualityRow(**row) for row in result["quality"])
    whole = wanted.flows.observed or len(wanted.flows.flow_vph)
    # Of several days the last one; a queue that stands is told beside what was judged.
    faulty = {(row.series_id, row.intervals > 0): row for row in wanted.quality}
    return tuple(told_quality(row, whole) for row in faulty.values())


def _forecast(left: Left, wanted: Demand, setting: Setting) -> ForecastSummary:
    came = _came(left, setting)
    chart = count_chart_of(wanted.flows, came)
    said = left.result.get("forecast")
    if said:
        return ForecastSummary(**said, chart=chart)
    return ForecastSummary(sources_told(wanted.flows), window_text(wanted.flows), chart=chart)


def _came(left: Left, setting: Setting) -> CountSeries | None:
    file = left.folder / COUNTS_NAME
    if not file.is_file():
        return None
    return movement_counts(mean_day(read_count_days_csv(file)), setting.network)


def _approval(result: Mapping[str, Any]) -> Approval | None:
    given = result.get("approval")
    if not given:
        return None
    # Runs from before the record of releases still say who approved what.
    release = result.get("release") or {
        "plan_digest": result.get("plan_digest", ""),
        "report_digest": "not kept in this folder",
    }
    return Approval(
        given["by"],
        given["by"] == POLICY_NAME,
        datetime.fromisoformat(given["utc"]),
        datetime.fromisoformat(given["expires_utc"]),
        release["plan_digest"],
        release["report_digest"],
        given.get("notes") or "",
    )


def _certificates(found: Any) -> tuple[Certified, ...]:
    rows: Iterable[Mapping[str, Any]] = found if isinstance(found, list) else ()
    return tuple(
        Certified(
            tuple(row["signals"]),
            float(row["gap_pct_total"]),
            float(row["gap_pct_avoidable"]),
            str(row["statement"]),
        )
        for row in rows
    )


def _unkept(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Say where a record lies that a folder's own files do not hold."""
    if result.get("street") and not result.get("pushes"):
        return (
            "This run wrote to controllers, and its folder is older than the table of what was "
            "written: that stands in its journal (throughband journal show).",
        )
    return ()


def _versions(left: Left) -> dict[str, str]:
    if left.steps:
        return dict(left.steps[0].versions)
    return dict(left.result.get("versions") or versions())
