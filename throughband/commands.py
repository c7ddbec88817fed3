"""What the commands do: read, call the pipeline, write files, tell the user."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from controllers.release import PlanRelease
from engine.forecast.forecast import Forecast
from engine.measures.objective import Goal
from engine.optimize.explanation import Explanation
from engine.optimize.optimizer import Optimization
from engine.optimize.problem import Limits
from engine.optimize.workers import Processes
from engine.validate.simulator import RunMeasures
from engine.validate.sumo import run as run_sumo
from engine.validate.sumo_files import write_actuated
from network.errors import CountError, EngineError, PlanError, ThroughbandError
from network.files import read_plan, write_plan
from network.readers.counts_csv import write_count_days_csv, write_counts_csv
from network.readers.xml_files import iterate_elements
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband import doctor, pipeline
from throughband.adaptive import ADAPTIVE, FREE, Sight, is_live, simulate_adaptive
from throughband.approval import POLICY_NAME, approve, approved_event, policy_objections
from throughband.benefits import Rates, benefits_of, read_rates
from throughband.calibration_tables import summary
from throughband.dated_counts import dated_demand, has_dates
from throughband.demand import (
    COUNTING_SEEDS,
    Demand,
    counted_days,
    demand,
    read_counts,
    sources_told,
)
from throughband.demand_file import DEMAND_NAME, write_demand
from throughband.imported import buses_of, imported_counts
from throughband.journal import Journal
from throughband.optimize_results import result_document, result_lines
from throughband.pipeline import FIRST_VALIDATION_SEED, RunResult, Setting, open_setting
from throughband.plan_orders import PlanOrder
from throughband.results import (
    COMPLETE,
    output_folder,
    run_folder,
    versions,
    write_json,
)
from throughband.run_record import add_step, planning_inputs, run_record
from throughband.seams import OWN_OPTIMIZER, OWN_SIMULATOR, optimizer_named, simulator_named
from throughband.stopping import Halt

ANY_WINDOW_S = (0.0, 86400.0)
"""For commands that read a network and play nothing; a configuration may name no end."""


class Teller:
    """Progress for a person: a line per step, a bar inside it where there is a terminal."""

    def __init__(self, steps: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._steps = steps
        self._number = 0
        self._since = time.perf_counter()
        self._bar: Progress | None = None

    def step(self, title: str) -> None:
        """Begin a step."""
        self._close()
        self._number += 1
        elapsed_s = time.perf_counter() - self._since
        whole = f"/{self._steps}" if self._steps else ""
        self.console.print(
            f"[{self._number}{whole}] {title} ({elapsed_s:.0f} s)", markup=False, soft_wrap=True
        )

    def tell(self, what: str, done: int, whole: int) -> None:
        """Show how far a step is."""
        if not self.console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("      {task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f}"),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()
        found = [task for task in self._bar.tasks if task.description == what]
        task = found[0].id if found else self._bar.add_task(what, total=whole)
        self._bar.update(task, completed=done, total=whole)

    def say(self, text: str) -> None:
        """Print a line of result."""
        self._close()
        self.console.print(f"      {text}", markup=False, soft_wrap=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def now_utc() -> datetime:
    """Return the time of day for records."""
    return datetime.now(UTC)


def run_scenario(
    name: str,
    out: Path | None,
    begin_s: float | None,
    end_s: float | None,
    seeds: int,
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
    reckoned = read_rates(rates) if rates is not None else Rates()
    from throughband.reports.report import write_report
    from throughband.reports.retelling import told
    from throughband.reports.telling import story_of

    with Teller(9) as teller:
        teller.step("read the network and its signals")
        setting = open_setting(name, begin_s, end_s, calibration)
        _describe(setting, teller)
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
                    _validation_seeds(seeds),
                    limits,
                    _Approval(teller, journal, by_policy, approved_by),
                    journal.write,
                    now_utc,
                    teller.step,
                    teller.tell,
                    workers=workers,
                    base_port=base_port,
                    search_limit_s=time_limit_s,
                )
            )
            _tell_halt(result.optimization, f"the time limit of {time_limit_s} s", effort, teller)
            teller.step("report")
            _write_plan_files(
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
    _summarize(result.report.to_dict(), teller)
    teller.say(f"Report: {target / 'report.html'}")


def optimize_scenario(
    name: str,
    out: Path,
    counts: Path | None,
    begin_s: float | None,
    end_s: float | None,
    effort: int,
    time_limit_s: float | None = None,
    order: PlanOrder | None = None,
    calibration: Path | None = None,
    tz: str = "",
    optimizer_name: str = OWN_OPTIMIZER,
    jobs: int = 1,
) -> None:
    """Carry out ``throughband optimize``."""
    # Ours is called directly: it also tells what it spent.
    optimizer = None if optimizer_name == OWN_OPTIMIZER else optimizer_named(optimizer_name)
    if optimizer is not None and jobs > 1:
        raise EngineError(
            f"--jobs {jobs} with --optimizer {optimizer_name}: only {OWN_OPTIMIZER!r}, our own "
            "optimizer, shares its work out; allowed with others is --jobs 1"
        )
    with Teller(4) as teller, output_folder(out) as folder:
        teller.step("read the network and its signals")
        setting = open_setting(name, begin_s, end_s, calibration)
        _describe(setting, teller)
        limits = limits_of(order or PlanOrder(), setting, effort, teller)
        counts = counts or imported_counts(setting.scenario)
        if counts is None:
            teller.step("count the plan in force in SUMO, seeds 1 to 3")
            days = counted_days(
                setting.case,
                setting.network,
                COUNTING_SEEDS,
                lambda done, whole: teller.tell("days", done, whole),
            )
            wanted = demand(setting.network, days)
        else:
            teller.step(f"read the counts of {counts}")
            wanted = _counted_demand(counts, setting, tz, begin_s is not None or end_s is not None)
            missing = set(setting.network.movements) - set(wanted.flows.movement_ids)
            if missing:
                teller.say(f"{len(missing)} movements are not in the file and carry nothing")
        for row in wanted.quality:
            teller.say(f"{row.series_id}: {row.flag.name.lower()}, {row.reason}")
        teller.say(f"Flows: {sources_told(wanted.flows)}")
        teller.step("optimize cycles, phases, splits and offsets")
        halt = Halt(time_limit_s, time.monotonic)
        with halt.on_interrupt(), Processes(jobs) as workers:
            done = pipeline.plan(
                setting, wanted, limits, teller.tell, halt.called, optimizer, workers
            )
        teller.step("write the plans")
        reason = "Ctrl-C" if halt.pressed else f"the time limit of {time_limit_s} s"
        _tell_halt(done, reason, effort, teller)
        worth = pipeline.priced(setting, done, limits)
        reasons = pipeline.explain(setting, done, limits, worth)
        _write_plan_files(folder, setting, done, wanted.flows, reasons, worth)
        write_demand(folder / DEMAND_NAME, wanted)
        used = planning_inputs(setting, order or PlanOrder(), limits, calibration)
        files = {"counts": counts, **used}
        add_step(folder, out, "optimize", setting, files, COUNTING_SEEDS if counts is None else ())
        if counts is None:
            write_count_days_csv(folder / "counts.csv", days)
        signals = setting.network.signals
        same = sum(p == signals[p.signal_id].plan_in_force for p in done.plan_set.plans)
        unchanged = f"{same} as they were, " if same else ""
        teller.say(
            f"{len(done.plan_set.plans) - same} signals retimed, {unchanged}"
            f"{len(done.plan_set.left_alone)} left alone; the model sees "
            f"{done.in_force.delay_s:.1f} s of delay per signal passage in force and "
            f"{done.planned.delay_s:.1f} s planned"
        )
        for line in result_lines(setting.network, done):
            teller.say(line)
        teller.say(f"Plans: {out / 'plan.json'}, {out / 'plan.add.xml'}")


def _tell_halt(done: Optimization, reason: str, effort: int, teller: Teller) -> None:
    """Say of a search that was cut short by what, and how far it was."""
    if done.cut_short:
        teller.say(
            f"Halted by {reason} after {done.evaluations} of {effort} evaluations; these are "
            "the best lawful plans so far"
        )


def _counted_demand(counts: Path, setting: Setting, tz: str, windowed: bool) -> Demand:
    """Return the demand of a counts file, by the second of a day or with dates."""
    scenario = setting.scenario
    if has_dates(counts):
        if not tz:
            raise CountError(
                f"{counts}: these counts have dates; --tz names the zone whose clock traffic "
                "follows, such as 'Europe/Berlin'"
            )
        return dated_demand(counts, setting.network, scenario.begin_s, scenario.end_s, tz)
    if tz:
        raise CountError(f"{counts}: these counts have no dates, and --tz is for those that do")
    days = read_counts(counts, setting.network)
    if windowed:
        days = tuple(day.slice(scenario.begin_s, scenario.end_s) for day in days)
    return demand(setting.network, days)


def validate_plan(
    name: str,
    plan: Path,
    out: Path,
    seeds: int,
    begin_s: float | None,
    end_s: float | None,
    workers: int,
    simulator_name: str = OWN_SIMULATOR,
) -> None:
    """Carry out ``throughband validate``."""
    simulator = simulator_named(simulator_name)
    with Teller(3) as teller, output_folder(out) as folder:
        teller.step("read the network and the plan")
        setting = open_setting(name, begin_s, end_s)
        plan_set = plan_for(plan, setting)
        teller.step(f"prove it in {simulator_name} against the plan in force")
        report = pipeline.prove(
            setting, plan_set, _validation_seeds(seeds), workers, teller.tell, simulator
        ).to_dict()
        teller.step("write the validation")
        add_step(folder, out, "validate", setting, {"plan": plan}, _validation_seeds(seeds))
        write_json(
            folder / "validation.json",
            {
                "scenario": setting.scenario.name,
                "plan_digest": plan_set.digest,
                **report,
                "simulator": simulator_name,
                "versions": versions(),
            },
        )
        _summarize(report, teller)


def simulate_scenario(
    name: str,
    controller: str,
    out: Path,
    seed: int,
    begin_s: float | None,
    end_s: float | None,
    sight: Sight,
    mode: str = FREE,
) -> None:
    """Carry out ``throughband simulate``."""
    from tempfile import TemporaryDirectory

    live = is_live(controller)
    if live:
        sight.sensing(seed)
    elif sight != Sight() or mode != FREE:
        raise ThroughbandError(
            f"controller {controller!r} takes no --info, --share, --missed, --latency or --mode; "
            f"they are for {ADAPTIVE!r} and others that decide while the day runs"
        )
    setting = open_setting(name, begin_s, end_s)
    if live:
        simulate_adaptive(setting, out, seed, sight, controller, mode)
        return
    with TemporaryDirectory(prefix="throughband-") as scratch, output_folder(out) as folder:
        additional = _controller_files(controller, setting, Path(scratch))
        measures = run_sumo(setting.case, seed, additional, folder)
        _, _, file = controller.partition(":")
        add_step(folder, out, "simulate", setting, {"plan": Path(file) if file else None}, [seed])
        write_json(folder / "measures.json", {"controller": controller, **_measures(measures)})
    console = Console(stderr=True, highlight=False)
    console.print(measured(setting.scenario.name, controller, measures), soft_wrap=True)


def measured(scenario: str, controller: str, measures: RunMeasures) -> str:
    """Return what a simulated day comes to, as a sentence."""
    return (
        f"{scenario}, {controller}, seed {measures.seed}: delay {measures.delay_s:.1f} s per "
        f"vehicle (SUMO time loss and departure delay, all {measures.scheduled} vehicles due), "
        f"{measures.arrived} arrived, {measures.running} under way, {measures.not_inserted} not "
        "inserted"
    )


def run_doctor() -> None:
    """Carry out ``throughband doctor``."""
    console = Console(highlight=False)
    findings = doctor.examine()
    for finding in findings:
        mark = "ok  " if finding.passed else "FAIL"
        console.print(f"{mark} {finding.name}: {finding.found}", markup=False, soft_wrap=True)
        if not finding.passed:
            console.print(f"     {finding.remedy}", markup=False, soft_wrap=True)
    if not all(finding.passed for finding in findings):
        raise ThroughbandError("this machine is not fit yet; see above")


class _Approval:
    """Asks a person, or applies the policy, and records the answer either way."""

    def __init__(self, teller: Teller, journal: Journal, by_policy: bool, name: str) -> None:
        self._teller = teller
        self._journal = journal
        self._by_policy = by_policy
        self._name = name

    def __call__(self, plans: PlanSet, report: Mapping[str, Any]) -> PlanRelease | None:
        _summarize(report, self._teller)
        if self._by_policy:
            objections = policy_objections(report)
            if objections:
                return self._refused(POLICY_NAME, "; ".join(objections))
            return self._approved(
                plans, report, POLICY_NAME, "approved by policy, nobody was asked"
            )
        if not sys.stdin.isatty():
            return self._refused(
                "nobody",
                "there is no terminal to ask a person at; approve and push later with "
                "'throughband push', or run with --approve-by-policy",
            )
        said = answer("      Put this plan on the street? Type 'approve' to do so: ")
        if said.lower() != "approve":
            return self._refused(self._name or "a person", "not approved at the terminal")
        name = self._name.strip() or answer("      Your name for the record: ")
        if not name:
            return self._refused("a person", "no name was given for the record")
        return self._approved(plans, report, name, "approved at the terminal")

    def _approved(
        self, plans: PlanSet, report: Mapping[str, Any], name: str, notes: str
    ) -> PlanRelease:
        release = approve(plans, report, name, now_utc(), notes)
        self._journal.write(approved_event(release))
        self._teller.say(f"Approved by {name}")
        return release

    def _refused(self, name: str, why: str) -> PlanRelease | None:
        self._journal.write(
            {"event": "not approved", "utc": now_utc().isoformat(), "by": name, "notes": why}
        )
        self._teller.say(f"Not approved, nothing is pushed: {why}")
        return None


def _validation_seeds(count: int) -> tuple[int, ...]:
    return tuple(range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + count))


def limits_of(order: PlanOrder, setting: Setting, effort: int, teller: Teller) -> Limits:
    """Return what is asked of the plans of a setting, with the bus lines beside it."""
    buses = buses_of(setting.scenario, setting.network)
    limits = order.limits(setting.network, effort, buses)
    if buses:
        counted = limits.objective.goal is Goal.PERSON_DELAY
        teller.say(
            f"{len(buses)} bus lines, {sum(3600.0 / line.headway_s for line in buses):.0f} buses "
            "an hour in all"
            + ("" if counted else "; their passengers count with --minimize person-delay")
        )
    return limits


def _describe(setting: Setting, teller: Teller) -> None:
    network = setting.network
    alone = [signal for signal in network.signals.values() if signal.left_alone]
    teller.say(
        f"{network.name}: {len(network.links)} links, {len(network.movements)} signalized "
        f"movements, {len(network.signals)} signals"
        + (f", {len(alone)} of them left alone" if alone else "")
    )
    if setting.calibration is not None:
        teller.say(summary(setting.calibration))
    for signal in alone:
        teller.say(f"{signal.signal_id} is left alone: {signal.left_alone}")
    rounded = [s.signal_id for s in network.signals.values() if s.plan_in_force and not s.exact]
    if rounded:
        teller.say(
            f"{len(rounded)} programs in force are actuated or not in whole seconds; reasons and "
            f"emulated controllers take their nominal times, SUMO plays them as they are: "
            + ", ".join(rounded)
        )


def plan_for(path: Path, setting: Setting) -> PlanSet:
    """Read a ``plan.json``; raise `PlanError` if it belongs to another scenario."""
    plan_set = read_plan(path)
    if plan_set.scenario != setting.scenario.name:
        raise PlanError(
            f"{path} holds plans for {plan_set.scenario!r}, the scenario is "
            f"{setting.scenario.name!r}"
        )
    return plan_set


def _controller_files(controller: str, setting: Setting, scratch: Path) -> tuple[Path, ...]:
    kind, _, value = controller.partition(":")
    if controller == "in-force":
        return ()
    if controller == "actuated":
        file = scratch / "actuated.add.xml"
        write_actuated(file, (setting.scenario.net_file, *setting.scenario.additional_files))
        return (file,)
    if kind == "plan" and value:
        path = Path(value)
        if path.suffix == ".xml":
            # SUMO judges it; only plan.json can be checked for safety.
            if not any(True for _ in iterate_elements(path, {"tlLogic"})):
                raise PlanError(f"{path}: holds no signal program; expected <tlLogic> elements")
            return (path,)
        plan_set = plan_for(path, setting)
        require_safe(plan_set, setting.network)
        file = scratch / "plan.add.xml"
        write_sumo_plan(file, plan_set, setting.network)
        return (file,)
    raise ThroughbandError(f"controller {controller!r} names no file; allowed is plan:FILE")


def _write_plan_files(
    folder: Path,
    setting: Setting,
    done: Optimization,
    flows: Forecast,
    reasons: Mapping[str, tuple[str, ...]],
    worth: Explanation | None = None,
) -> None:
    from throughband.explaining import signal_document

    notes = {
        "reasons": {signal: list(sentences) for signal, sentences in reasons.items()},
        "sensitivity": {
            signal.signal_id: signal_document(signal, group)
            for group in (worth.groups if worth is not None else ())
            for signal in group.signals
        },
        "groups": [list(group) for group in done.groups],
        "model": {
            "delay_s_in_force": round(done.in_force.delay_s, 3),
            "delay_s_planned": round(done.planned.delay_s, 3),
            "evaluations": done.evaluations,
        },
        **result_document(setting.network, done),
        "certificates": [
            {
                "signals": list(group),
                "gap_pct_total": round(certificate.gap_pct_total, 3),
                "gap_pct_avoidable": round(certificate.gap_pct_avoidable, 3),
                "statement": certificate.statement,
            }
            for group, certificate in done.certificates.items()
        ],
        "demand": {
            "start_s": flows.start_s,
            "interval_s": flows.interval_s,
            "intervals_measured": flows.observed,
            "intervals": int(flows.flow_vph.shape[0]),
            "cells": dict(flows.cells()),
        },
    }
    write_plan(folder / "plan.json", done.plan_set, setting.network, notes)
    write_sumo_plan(folder / "plan.add.xml", done.plan_set, setting.network)


def _measures(measures: RunMeasures) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(measures)


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
            "live_day": _measures(result.live.measures),
        }
    return content


def _summarize(report: Mapping[str, Any], teller: Teller) -> None:
    delay = report["difference"]["delay_s"]
    before, after = report["baseline"]["delay_s"], report["candidate"]["delay_s"]
    teller.say(
        f"Verdict: {report['verdict']}. Delay {before:.1f} s in force, {after:.1f} s with the new "
        f"plan: {delay['mean']:+.1f} s per vehicle (95 % interval {delay['low']:+.1f} to "
        f"{delay['high']:+.1f} s, {len(report['seeds'])} paired seeds)"
    )


def answer(question: str) -> str:
    """Ask at the terminal; nothing where there is none."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _command_line() -> str:
    import shlex

    return shlex.join(["throughband", *sys.argv[1:]])
