"""``throughband performance``: how signals work on the street, from their high-resolution logs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from engine.measures.street import build_street
from engine.optimize.groups import coordination_groups
from engine.performance.flow_profiles import FlowProfile, planned_profiles
from engine.performance.phase_history import seconds_of
from engine.performance.signal import SignalPerformance, signal_performance
from network.errors import EngineError, FormatError, InsufficientDataError
from network.graph import RoadNetwork
from network.readers.hires_counts import DetectorRole, read_detector_roles
from network.readers.hires_events import HiresEvents
from network.readers.hires_log import read_hires_log
from network.readers.local_time import time_zone
from network.timing import PlanSet, TimingPlan
from throughband.counts.demand import demand, read_counts
from throughband.evaluations.performance_files import (
    local,
    write_performance_tables,
    write_profiles,
    write_rings,
)
from throughband.exchange.imported import imported_counts
from throughband.forecasts.forecast_options import duration_s
from throughband.planning.explaining import plans_in_force
from throughband.planning.plan_files import plan_for
from throughband.results import output_folder, versions
from throughband.run_record import portable
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

MOST_DRAWN_S = 36 * 3600.0
"""Pictures of longer logs show their last day; dots would run into each other."""


@dataclass(frozen=True, slots=True)
class PerformanceWish:
    """What the command is asked for.

    Attributes
    ----------
    log, detectors
        The log, and what its detectors are for, or None.
    tz
        Zone of the log's clock.
    interval
        Length of intervals, as text.
    latency_s
        How late detectors report, s.
    devices
        Controllers to show; all if empty.
    begin, end
        Local times between which the log is used, as text; empty for all of it.
    scenario, plan, counts
        Streets and plans to set beside the log, or nothing.
    """

    log: Path
    detectors: Path | None
    tz: str
    interval: str = "15min"
    latency_s: float = 0.0
    devices: tuple[str, ...] = ()
    begin: str = ""
    end: str = ""
    scenario: str = ""
    plan: Path | None = None
    counts: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PlanView:
    """Plans laid beside a log.

    Attributes
    ----------
    network
        With the signals.
    plans
        By signal.
    profiles
        Cyclic flow profiles of the model by signal; none without counts.
    source
        What plans they are, in words.
    findings
        What could not be shown, sentences.
    """

    network: RoadNetwork
    plans: Mapping[str, TimingPlan]
    profiles: Mapping[str, tuple[FlowProfile, ...]]
    source: str
    findings: tuple[str, ...] = field(default=())


def performance_command(wish: PerformanceWish, out: Path) -> None:
    """Carry out ``throughband performance``.

    Raises
    ------
    FormatError
        If a file cannot be read, or an option says nothing that is allowed.
    InsufficientDataError
        If the log has nothing to show.
    """
    zone = time_zone(wish.tz, "--tz")
    step_s = duration_s("--interval", wish.interval)
    if wish.plan is not None and not wish.scenario:
        raise FormatError("--plan needs --scenario: whose signals and phases the plan is of")
    if wish.counts is not None and not wish.scenario:
        raise FormatError("--counts needs --scenario: whose movements were counted")
    with Teller(5 if wish.scenario else 4) as teller, output_folder(out) as folder:
        teller.step(f"read the log {wish.log}")
        events = read_hires_log(wish.log, wish.tz)
        for finding in events.findings:
            teller.say(finding)
        events = between(events, wish, zone)
        roles = read_detector_roles(wish.detectors) if wish.detectors else ()
        view = None
        if wish.scenario:
            teller.step("read the street and its plans")
            view = plan_view(wish)
            for finding in view.findings:
                teller.say(finding)
        teller.step("measure the signals")
        signals, findings = measured(events, roles, wish, step_s, view, teller)
        teller.step("write tables")
        write_performance_tables(folder, signals, zone)
        profiles = [(s.device, "log", p) for s in signals for p in s.profiles.values()]
        if view is not None:
            profiles += [(n, "plan", p) for n, found in view.profiles.items() for p in found]
        if profiles:
            write_profiles(folder / "profiles.csv", profiles)
        teller.step("draw")
        _draw(folder, wish, zone, signals, view, (*events.findings, *findings), teller)
    teller.say(f"Page: {out / 'performance.html'}")


def between(events: HiresEvents, wish: PerformanceWish, zone: ZoneInfo) -> HiresEvents:
    """Return the events of the wanted devices and times.

    Raises
    ------
    FormatError
        If a time is none, or a device is not in the log.
    InsufficientDataError
        If nothing is left.
    """
    strange = [name for name in wish.devices if name not in events.devices]
    if strange:
        raise FormatError(
            f"{wish.log}: has no device {strange[0]!r}; it has {', '.join(events.devices[:8])}"
        )
    keep = np.ones(len(events), dtype=np.bool_)
    at_s = seconds_of(events.time_utc)
    if wish.begin:
        keep &= at_s >= _moment_s("--begin", wish.begin, zone)
    if wish.end:
        keep &= at_s < _moment_s("--end", wish.end, zone)
    if wish.devices:
        keep &= np.isin(events.device, [events.devices.index(name) for name in wish.devices])
    if not keep.any():
        span = f"{local(at_s[0], zone)} to {local(at_s[-1], zone)}" if at_s.size else "nothing"
        raise InsufficientDataError(
            f"{wish.log}: no event between --begin and --end; the log covers {span}"
        )
    return HiresEvents(
        events.devices, events.time_utc[keep], events.device[keep], events.code[keep],
        events.parameter[keep], events.findings,
    )  # fmt: skip


def measured(
    events: HiresEvents,
    roles: Iterable[DetectorRole],
    wish: PerformanceWish,
    step_s: int,
    view: PlanView | None,
    teller: Teller,
) -> tuple[list[SignalPerformance], list[str]]:
    """Measure every signal of a log that can be, and say of the others why not.

    Raises
    ------
    InsufficientDataError
        If none can.
    """
    roles = tuple(roles)
    findings: list[str] = []
    signals: list[SignalPerformance] = []
    there = [name for at, name in enumerate(events.devices) if (events.device == at).any()]
    for done, name in enumerate(there):
        teller.tell("signals", done, len(there))
        plan = view.plans.get(name) if view is not None else None
        splits = {n: float(plan.split_s(n)) for n in plan.sequence} if plan is not None else None
        try:
            signals.append(signal_performance(events, name, roles, step_s, wish.latency_s, splits))
        except EngineError as error:
            findings.append(str(error))
    if not signals:
        raise InsufficientDataError(f"{wish.log}: {findings[0] if findings else 'holds no signal'}")
    if roles and not any(one.arrivals for one in signals):
        findings.append(
            f"{wish.detectors}: no detector of the function 'advance' that spoke belongs to a "
            "phase of the log; without them there are no arrivals on green"
        )
    if roles and not any(one.occupancy for one in signals):
        findings.append(
            f"{wish.detectors}: no detector of the function 'presence' that spoke belongs to a "
            "phase of the log; without them there are no split failures"
        )
    if not roles:
        findings.append(
            "no list of detectors (--detectors): arrivals and split failures cannot be told"
        )
    for finding in findings:
        teller.say(finding)
    return signals, findings


def plan_view(wish: PerformanceWish) -> PlanView:
    """Read the plans of a scenario, and what the model makes of them if there are counts."""
    setting = open_setting(wish.scenario)
    if wish.plan is not None:
        plans: PlanSet = plan_for(wish.plan, setting)
        source = f"plans of {wish.plan.name}"
    else:
        plans = plans_in_force(setting.network)
        source = "plans in force"
    by_signal = {plan.signal_id: plan for plan in plans.plans}
    counts = wish.counts or imported_counts(setting.scenario)
    if counts is None:
        told = "no counts of the scenario (--counts): the model's flow profiles are not drawn"
        return PlanView(setting.network, by_signal, {}, source, (told,))
    profiles = model_profiles(setting, by_signal, counts)
    return PlanView(setting.network, by_signal, profiles, source)


def model_profiles(
    setting: Setting, plans: Mapping[str, TimingPlan], counts: Path
) -> dict[str, tuple[FlowProfile, ...]]:
    """Return the model's flow profiles of plans under counts, group by group."""
    wanted = demand(setting.network, read_counts(counts, setting.network))
    flows = wanted.flows
    street = build_street(
        setting.network, flows.movement_vph(), flows.interval_s, setting.driving,
        wanted.lane_shares,
    )  # fmt: skip
    found: dict[str, tuple[FlowProfile, ...]] = {}
    for group in coordination_groups(street, set(plans)):
        # Signals under cycles of their own see each other's platoons at ever other times.
        for cycle_s in sorted({plans[name].cycle_s for name in group}):
            own = {name: plans[name] for name in group if plans[name].cycle_s == cycle_s}
            found |= planned_profiles(street, setting.network, own)
    return found


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return names that files can bear, all different."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "signal"
        taken = {one.lower() for one in found.values()}
        number, wanted = 2, plain
        while wanted.lower() in taken:
            wanted, number = f"{plain}-{number}", number + 1
        found[name] = wanted
    return found


def _draw(
    folder: Path,
    wish: PerformanceWish,
    zone: ZoneInfo,
    signals: list[SignalPerformance],
    view: PlanView | None,
    findings: tuple[str, ...],
    teller: Teller,
) -> None:
    # Matplotlib is slow to load, and not needed to refuse bad input.
    from throughband.reports.figure_files import write_figure
    from throughband.reports.performance_figures import plan_figures, signal_figures
    from throughband.reports.performance_page import (
        PerformanceStory,
        SignalPage,
        write_performance_page,
    )
    from throughband.reports.ring_barrier import ring_splits

    shown = {one.device for one in signals}
    planned = [n for n in view.plans if n in shown or not shown & set(view.plans)] if view else []
    names = file_names(sorted({*shown, *planned}))
    pages = []
    everything = sorted(shown | set(planned))
    by_name = {one.device: one for one in signals}
    notes = list(findings) + (list(view.findings) if view else [])
    if view is not None and not shown & set(view.plans):
        notes.append(
            "no device of the log is named as a signal of the scenario: its plans are shown apart"
        )
    for done, name in enumerate(everything):
        teller.tell("signals", done, len(everything))
        figures = []
        if name in by_name:
            one = by_name[name]
            begin_s = max(one.begin_s, one.end_s - MOST_DRAWN_S)
            figures += signal_figures(one, zone, begin_s, one.end_s)
        if view is not None and name in planned:
            figures += plan_figures(
                view.network.signals[name], view.plans[name], view.profiles.get(name, ()),
                view.source,
            )  # fmt: skip
        for figure in figures:
            write_figure(folder, f"{figure.name}-{names[name]}", figure.figure)
        summary = by_name[name].summary() if name in by_name else ()
        pages.append(SignalPage(name, names[name], summary, tuple(figures)))
    if view is not None and planned:
        write_rings(
            folder / "rings.csv",
            ((n, ring_splits(view.network.signals[n], view.plans[n])) for n in planned),
        )
    first, last = min(s.begin_s for s in signals), max(s.end_s for s in signals)
    if last - first > MOST_DRAWN_S:
        notes.append("the pictures show the last day and a half of the log; tables hold all of it")
    facts = (
        ("Log", str(wish.log)),
        ("From", local(first, zone)),
        ("To", local(last, zone)),
        ("Signals", str(len(signals))),
        ("Vehicles seen ahead of stop lines", _vehicles(signals)),
    )
    story = PerformanceStory(
        wish.log.name, facts, tuple(notes), tuple(pages),
        (("Command", portable(_command(wish))), *versions().items()),
    )  # fmt: skip
    write_performance_page(folder / "performance.html", story)


def _vehicles(signals: Iterable[SignalPerformance]) -> str:
    return str(sum(seen.time_s.size for one in signals for seen in one.arrivals.values()))


def _command(wish: PerformanceWish) -> str:
    parts = ["throughband", "performance", str(wish.log), "--tz", wish.tz]
    for option, value in (
        ("--detectors", wish.detectors), ("--interval", wish.interval), ("--begin", wish.begin),
        ("--end", wish.end), ("--scenario", wish.scenario), ("--plan", wish.plan),
        ("--counts", wish.counts),
    ):  # fmt: skip
        if value:
            parts += [option, str(value)]
    if wish.latency_s:
        parts += ["--latency", f"{wish.latency_s:g}"]
    for device in wish.devices:
        parts += ["--device", device]
    return shlex.join(parts)


def _moment_s(option: str, text: str, zone: ZoneInfo) -> float:
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError) as error:
        raise FormatError(
            f"{option} is {text[:40]!r}; allowed is a local time such as 2031-03-03T07:15"
        ) from error
