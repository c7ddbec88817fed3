"""Everything a report tells: the scenario, the plans, the proof, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any

from engine.measures.corridor import Corridor
from engine.measures.evaluation import StreetMeasures
from engine.measures.street import Street
from network.calibration import Calibration
from network.graph import RoadNetwork
from network.timing import PlanSet, TimingPlan
from throughband.benefits import Benefits
from throughband.reports.charts import CountChart
from throughband.reports.traces import Traces
from throughband.run_record import Step


@dataclass(frozen=True, slots=True)
class QualityRow:
    """What was done to the counts of one series.

    Attributes
    ----------
    series
        Movement or detector.
    intervals, good, filled, rejected
        Numbers of counting intervals.
    note
        Why intervals were rejected; may be empty.
    """

    series: str
    intervals: int
    good: int
    filled: int
    rejected: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ForecastSummary:
    """How the plan's demand was forecast.

    Attributes
    ----------
    method
        In a few words.
    window
        The time the forecast is for, as text.
    error_pct
        Weighted absolute percentage error on days held out; None where there were none.
    coverage_pct
        Part of held-out counts inside the quantile band; None where there were none.
    chart
        Counts and forecast of movements, or None.
    """

    method: str
    window: str
    error_pct: float | None = None
    coverage_pct: float | None = None
    chart: CountChart | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let the plan onto the street.

    Attributes
    ----------
    approver
        A person's name, or the name of the policy that approved.
    by_policy
        Whether it was a policy.
    approved_utc, expires_utc
        When, and until when it holds.
    plan_digest, report_digest
        What was approved.
    note
        The approver's words; may be empty.
    """

    approver: str
    by_policy: bool
    approved_utc: datetime
    expires_utc: datetime
    plan_digest: str
    report_digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PushRow:
    """What reached one controller.

    Attributes
    ----------
    signal_id, address
        The controller.
    pattern
        Pattern number written.
    objects_written
        Values set.
    read_back_ok
        Whether what the controller stores equals what was written.
    state
        Where the plan is in its life: armed, active, rolled back, ...
    """

    signal_id: str
    address: str
    pattern: int
    objects_written: int
    read_back_ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class StreetRow:
    """Something observed on the street after the change, at a time of its day."""

    at: str
    what: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Certified:
    """How far a group's offsets can be from the best, proven.

    Attributes
    ----------
    signals
        The group.
    gap_pct_total
        Most that the total cost could still fall, %.
    gap_pct_avoidable
        The same of the part that offsets decide, %.
    statement
        In words, with what it is proven for.
    """

    signals: tuple[str, ...]
    gap_pct_total: float
    gap_pct_avoidable: float
    statement: str


@dataclass(frozen=True, slots=True)
class Story:
    """All that one report is made from; nothing else is read when it is written.

    Attributes
    ----------
    scenario
        Name.
    network, street
        The roads, and the street the plans were made on.
    in_force
        Plan in force by signal.
    plan_set
        The new plans and the signals left alone.
    corridor
        For the time-space diagram; None where there is none.
    model_before, model_after
        What the optimizer's own model says.
    validation
        As `engine.validate.report.ValidationReport.to_dict` gives it; None where nothing was
        validated.
    quality, forecast
        Of the counts; empty or None where counts were taken as they are.
    approval, pushes, after
        None or empty while nothing was approved, pushed or observed.
    reasons
        Why the plan of a signal is what it is, as text.
    wall_s
        Computing time of each step, s, in order.
    versions
        Program and library versions.
    command
        Command line that makes the same result.
    calibration
        How drivers were measured to drive; None where the usual was taken.
    benefits
        What the change saves; None where that was not asked or cannot be told.
    certificates
        Of each group of several signals.
    steps
        How the files of a run were made, command by command.
    window_s
        Length of the time that was simulated, s; 0 where it is not known.
    findings
        What a reader must know besides, sentences.
    traces
        Simulated trajectories along the corridor, before and after; None where none were made.
    """

    scenario: str
    network: RoadNetwork
    street: Street
    in_force: Mapping[str, TimingPlan]
    plan_set: PlanSet
    corridor: Corridor | None
    model_before: StreetMeasures
    model_after: StreetMeasures
    validation: Mapping[str, Any] | None
    quality: tuple[QualityRow, ...] = ()
    forecast: ForecastSummary | None = None
    approval: Approval | None = None
    pushes: tuple[PushRow, ...] = ()
    after: tuple[StreetRow, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    wall_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    calibration: Calibration | None = None
    benefits: Benefits | None = None
    certificates: tuple[Certified, ...] = ()
    steps: tuple[Step, ...] = ()
    window_s: float = 0.0
    findings: tuple[str, ...] = ()
    traces: tuple[Traces, Traces] | None = None

    def __post_init__(self) -> None:
        for name in ("in_force", "validation", "reasons", "wall_s", "versions"):
            if getattr(self, name) is None:
                continue
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[object, ...]:
        values = [getattr(self, f.name) for f in fields(self)]
        return (Story, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values))

    def new_plans(self) -> dict[str, TimingPlan]:
        """Return what every signal runs after the change, signals left alone included."""
        return {**self.in_force, **{plan.signal_id: plan for plan in self.plan_set.plans}}
