"""``throughband run``: the whole path around an emulated street, and its folder."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from network.readers.counts_csv import write_counts_csv
from throughband import pipeline
from throughband.benefits import Rates, benefits_of, read_rates
from throughband.counts.demand_file import DEMAND_NAME, write_demand
from throughband.journal import Journal
from throughband.pipeline import RunResult
from throughband.planning.plan_files import write_plan_files
from throughband.planning.plan_orders import PlanOrder
from throughband.planning.planning_told import describe, limits_of, tell_halt
from throughband.results import COMPLETE, now_utc, run_folder, versions, write_json
from throughband.run_approval import RunApproval
from throughband.run_record import add_step, planning_inputs, run_record
from throughband.setting import open_setting
from throughband.teller import Teller
from throughband.validate_command import tell_verdict
from throughband.validation_seeds import validation_seeds


def run_scenario(
    name: str,
    out: Path | None,
    begin_s: float | None,
    end_s: float | None,
    seeds: str,
    effort: int,
    workers: int,
    base_port: int,
    by_policy: bool,
    approved_by: str,
    calibration: Path | None = None,
    order: PlanOrder | None = None,
    time_limit_s: float | None = None,
    rates: Path | None = None,
) -> None:
    """Carry out ``throughband run``."""
    # Not after minutes of work.
    chosen = validation_seeds(seeds)
    reckoned = read_rates(rates) if rates is not None else Rates()
    from throughband.reports.report import write_report
    from throughband.reports.retelling import told
    from throughband.reports.telling import story_of

    with Teller(9) as teller:
        teller.step("read the network and its signals")
        setting = open_setting(name, begin_s, end_s, calibration)
        describe(setting, teller)
        limits = limits_of(order or PlanOrder(), setting, effort, teller)
        target = out or Path("runs") / setting.scenario.name
        with run_folder(target) as folder:
            journal = Journal(folder / "journal.sqlite")
            journal.write(
                {
                    "event": "run",
                    "utc": now_utc().isoformat(),
                    "scenario": setting.scenario.name,
                    "versions": versions(),
                }
            )
            result = asyncio.run(
                pipeline.run(
                    setting,
                    chosen,
                    limits,
                    RunApproval(teller, journal, by_policy, approved_by),
                    journal.write,
                    now_utc,
                    teller.step,
                    teller.tell,
                    workers=workers,
                    base_port=base_port,
                    search_limit_s=time_limit_s,
                )
            )
            tell_halt(result.optimization, f"the time limit of {time_limit_s} s", effort, teller)
            teller.step("report")
            write_plan_files(
                folder, setting, result.optimization, result.demand.flows, result.reasons
            )
            write_counts_csv(folder / "counts.csv", result.today)
            write_demand(folder / DEMAND_NAME, result.demand)
            files = planning_inputs(setting, order or PlanOrder(), limits, calibration)
            if rates is not None:
                files["rates"] = rates
            add_step(folder, target, "run", setting, files, result.report.seeds)
            story = story_of(result, _command_line())
            benefits = benefits_of(result.report.to_dict(), reckoned, story.window_s)
            story = replace(story, steps=run_record(folder), benefits=benefits)
            write_report(folder / "report.html", story)
            journal.write({"event": "finished", "utc": now_utc().isoformat()})
            write_json(folder / COMPLETE, {**_result(result), **told(story)})
    tell_verdict(result.report.to_dict(), teller)
    teller.say(f"Report: {target / 'report.html'}")


def _result(result: RunResult) -> dict[str, Any]:
    report = result.report.to_dict()
    content: dict[str, Any] = {"scenario": result.setting.scenario.name}
    content |= report
    content |= {
        "plan_digest": result.optimization.plan_set.digest,
        "signals_retimed": len(result.optimization.plan_set.plans),
        "signals_left_alone": dict(result.optimization.plan_set.left_alone),
        "approval": None,
        "street": None,
        "versions": versions(),
        "wall_s": dict(result.wall_s),
    }
    if result.release is not None:
        content["approval"] = {
            "by": result.release.approved_by,
            "utc": result.release.approved_utc.isoformat(),
            "expires_utc": result.release.expires_utc.isoformat(),
            "notes": result.release.notes,
        }
    if result.live is not None:
        content["street"] = {
            "controllers": len(result.live.receipt.devices),
            "objects_written": sum(len(d.new) for d in result.live.receipt.devices),
            "in_step_after_s": result.live.in_step_after_s,
            "statuses": dict(result.live.statuses),
            "live_day": asdict(result.live.measures),
        }
    return content


def _command_line() -> str:
    import shlex

    return shlex.join(["throughband", *sys.argv[1:]])
