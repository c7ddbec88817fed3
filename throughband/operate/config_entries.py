"""The tables of operation's configuration, as they stand in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from throughband.bridge.config import OperatingEntry

Minutes = Annotated[float, Field(ge=0, le=10_080, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegimeEntry(_Strict):
    """``[regime]``: when a new plan is sought, and when it is worth a change."""

    leave_share: Share = 0.15
    leave_cost: float = Field(1.25, gt=1, allow_inf_nan=False)
    looks: int = Field(2, ge=1, le=100)
    between_searches_min: Minutes = 20
    worth_share: Share = 0.04
    worth_veh_h: float = Field(1.0, ge=0, allow_inf_nan=False)


class LimitsEntry(_Strict):
    """``[limits]``: what may be done without asking."""

    signals: list[str] = Field(default_factory=list)
    hours: list[OperatingEntry] = Field(default_factory=list)
    max_cycle_step_s: int | None = Field(30, ge=0)
    max_split_step_s: int | None = Field(None, ge=0)
    max_offset_step_s: int | None = Field(None, ge=0)
    may_drop_phases: bool = False
    may_act_on_queues: bool = False
    max_changes_per_day: int = Field(12, ge=0)
    least_between_min: Minutes = 30


class PlanningEntry(_Strict):
    """``[planning]``: how plans are made and proven."""

    horizon_min: int = Field(60, ge=15, le=240)
    effort: int = Field(400, ge=1)
    time_limit_s: float = Field(120.0, gt=0, allow_inf_nan=False)
    give_up_s: float = Field(900.0, gt=0, allow_inf_nan=False)
    seeds: int = Field(4, ge=2, le=50)
    workers: int = Field(2, ge=1, le=64)
    shortest_cycle_s: int = Field(30, ge=10, le=240)
    longest_cycle_s: int = Field(120, ge=20, le=300)
    calibration: Path | None = None


class EvaluationEntry(_Strict):
    """``[evaluation]``: when a plan on the street is taken back."""

    settle_min: Minutes = 10
    least_intervals: int = Field(3, ge=1)
    most_intervals: int = Field(12, ge=1)
    lost_share: Share = 0.10
    sure_sd: float = Field(2.5, gt=0, allow_inf_nan=False)
    most_occupied: float = Field(2.0, gt=1, allow_inf_nan=False)
    worse_share: Share = 0.10


class LevelsEntry(_Strict):
    """``[levels]``: patience with falling back and coming back."""

    fall_after_min: Minutes = 10
    return_after_min: Minutes = 15


class WarningsEntry(_Strict):
    """``[warnings]``: how soon they come and go."""

    raise_after: int = Field(2, ge=1)
    clear_after: int = Field(2, ge=1)
    same_within_min: Minutes = 30
    reports_per_week: float = Field(0.5, gt=0, allow_inf_nan=False)


class WebhookEntry(_Strict):
    """``[notices.webhook]``."""

    url: str = Field(pattern=r"^https?://\S+$")
    token_file: Path | None = None


class EmailEntry(_Strict):
    """``[notices.email]``."""

    host: str = Field(min_length=1)
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(min_length=3)
    to: list[str] = Field(min_length=1)
    user: str | None = None
    password_file: Path | None = None

    @field_validator("sender", "to")
    @classmethod
    def _one_line(cls, value: str | list[str]) -> str | list[str]:
        each = [value] if isinstance(value, str) else value
        if any("@" not in one or any(c.isspace() for c in one) for one in each):
            raise ValueError("an address has an @ and no blanks")
        return value


class MqttEntry(_Strict):
    """``[notices.mqtt]``."""

    host: str = Field(min_length=1)
    port: Port = 1883
    topic: str = Field("throughband", pattern=r"^[^#+\s]+$")
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False


class NoticesEntry(_Strict):
    """``[notices]``: who is told, and when not."""

    quiet: list[OperatingEntry] = Field(default_factory=list)
    urgent_breaks_in: bool = True
    most_per_hour: int = Field(12, ge=1)
    webhook: WebhookEntry | None = None
    email: EmailEntry | None = None
    mqtt: MqttEntry | None = None


class PlanOfDayEntry(OperatingEntry):
    """One ``[[plan_of_day]]`` table: a plan for these hours, with the report that proves it."""

    plan: Path
    report: Path


class DatabaseEntry(_Strict):
    """``[database]``: that of the console; without it the journal is all there is."""

    url: str = Field(min_length=1)
    backups: Path | None = None


class OperateEntry(_Strict):
    """The whole file."""

    scenario: str = Field(min_length=1)
    bridge: Path
    folder: Path
    mode: Literal["ask", "act"] = "ask"
    push_approved: bool = True
    interval_s: int = Field(60, ge=1, le=3600)
    keep_plans: int = Field(50, ge=1)
    answer_within_min: Minutes = 720
    regime: RegimeEntry = Field(default_factory=lambda: RegimeEntry.model_validate({}))
    limits: LimitsEntry = Field(default_factory=lambda: LimitsEntry.model_validate({}))
    planning: PlanningEntry = Field(default_factory=lambda: PlanningEntry.model_validate({}))
    evaluation: EvaluationEntry = Field(default_factory=lambda: EvaluationEntry.model_validate({}))
    levels: LevelsEntry = Field(default_factory=lambda: LevelsEntry.model_validate({}))
    warnings: WarningsEntry = Field(default_factory=lambda: WarningsEntry.model_validate({}))
    notices: NoticesEntry = Field(default_factory=lambda: NoticesEntry.model_validate({}))
    plan_of_day: list[PlanOfDayEntry] = Field(default_factory=list)
    database: DatabaseEntry | None = None
