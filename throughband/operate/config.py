"""The configuration of daily operation: one TOML file; paths in it are relative to it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from controllers.steps import MostSteps
from network.errors import ThroughbandError
from throughband.bridge.config import (
    DAYS,
    BridgeConfig,
    OperatingEntry,
    OperatingTimes,
    read_config,
)
from throughband.operate.channels import Email, Mqtt, Webhook
from throughband.operate.evidence import EvidenceRule
from throughband.operate.levels import LadderRule
from throughband.operate.limits import CityLimits
from throughband.operate.notices import NoticeRule
from throughband.operate.outbox import Channel
from throughband.operate.regime import RegimeRule
from throughband.operate.warning_book import BookRule

FILE: Final = "operate.toml"
MOST_SECRET_BYTES: Final = 4096

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
    least_intervals: int = Field(2, ge=1)
    most_intervals: int = Field(12, ge=1)
    lost_share: Share = 0.10
    sure_sd: float = Field(3.0, gt=0, allow_inf_nan=False)
    most_occupied: float = Field(2.0, gt=1, allow_inf_nan=False)


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


@dataclass(frozen=True, slots=True)
class PlanOfDay:
    """A plan that the city set for some hours.

    Attributes
    ----------
    times
        When.
    plan, report
        The files.
    """

    times: OperatingTimes
    plan: Path
    report: Path


@dataclass(frozen=True, slots=True)
class OperateConfig:
    """Daily operation's configuration, checked.

    Attributes
    ----------
    path, scenario, folder
        The file; the network; where operation keeps what is its own.
    bridge
        Devices, state, journal and counts are the bridge's.
    acts, push_approved
        Whether it changes plans by itself within the limits; whether it pushes what a person has
        approved, or leaves that to the console.
    interval_s, keep_plans, answer_within
        Between two looks; how many folders of plans are kept; how long a plan waits for an answer.
    regime, limits, planning, evidence, ladder, book, notices
        The rules.
    reports_per_week
        False reports of incidents that are borne.
    channels
        Ways to tell people, by name.
    plans_of_day
        The first that fits is taken.
    database
        Of the console; None for none.
    """

    path: Path
    scenario: str
    folder: Path
    bridge: BridgeConfig
    acts: bool
    push_approved: bool
    interval_s: int
    keep_plans: int
    answer_within: timedelta
    regime: RegimeRule
    limits: CityLimits
    planning: PlanningEntry
    evidence: EvidenceRule
    ladder: LadderRule
    book: BookRule
    notices: NoticeRule
    reports_per_week: float
    channels: Mapping[str, Channel]
    plans_of_day: tuple[PlanOfDay, ...]
    database: DatabaseEntry | None

    @property
    def counts(self) -> Path:
        """Where the bridge puts what it counts."""
        assert self.bridge.counts_folder is not None
        return self.bridge.counts_folder


def read_operate_config(path: Path) -> OperateConfig:
    """Read a configuration, and the bridge's that it names.

    Raises
    ------
    ThroughbandError
        If a file cannot be read or a field is missing, unknown or out of range.
    """
    try:
        entry = OperateEntry.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ThroughbandError(f"{path}: not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ThroughbandError(f"{path}: {where}: {first['msg']}") from error
    here = path.parent
    bridge = read_config(here / entry.bridge)
    if bridge.counts_folder is None:
        raise ThroughbandError(
            f"{bridge.path}: names no [counts]; daily operation needs the counts that the bridge "
            "reads off the street"
        )
    planning = entry.planning
    if planning.shortest_cycle_s > planning.longest_cycle_s:
        raise ThroughbandError(
            f"{path}: planning: the shortest cycle, {planning.shortest_cycle_s} s, is longer than "
            f"the longest, {planning.longest_cycle_s} s"
        )
    step_s = bridge.counts_interval_s
    if planning.horizon_min * 60 % step_s:
        raise ThroughbandError(
            f"{path}: planning.horizon_min: {planning.horizon_min} min are no multiple of the "
            f"bridge's counting interval of {step_s} s"
        )
    if planning.calibration is not None:
        planning = planning.model_copy(update={"calibration": here / planning.calibration})
    known = {device.signal_id for device in bridge.devices}
    strange = sorted(set(entry.limits.signals) - known)
    if strange:
        raise ThroughbandError(
            f"{path}: limits.signals: {strange[0]!r} is not in the device list of {bridge.path}"
        )

    def times(spans: list[OperatingEntry]) -> OperatingTimes:
        rows = tuple((DAYS.index(d), s.begin, s.end) for s in spans for d in s.days)
        return OperatingTimes(rows, bridge.operating.zone)

    quiet = times(entry.notices.quiet) if entry.notices.quiet else None
    city, wished, judged = entry.limits, entry.regime, entry.evaluation
    # A scenario is a name of the catalog, or a path beside this file.
    beside = here / entry.scenario
    database = entry.database
    if database is not None and database.backups is not None:
        database = database.model_copy(update={"backups": here / database.backups})
    return OperateConfig(
        path,
        str(beside) if beside.exists() else entry.scenario,
        here / entry.folder,
        bridge,
        entry.mode == "act",
        entry.push_approved,
        entry.interval_s,
        entry.keep_plans,
        _min(entry.answer_within_min),
        RegimeRule(
            wished.leave_share,
            wished.leave_cost,
            wished.looks,
            _min(wished.between_searches_min),
            wished.worth_share,
            wished.worth_veh_h,
        ),
        CityLimits(
            times(city.hours),
            frozenset(city.signals),
            MostSteps(city.max_cycle_step_s, city.max_split_step_s, city.max_offset_step_s),
            city.max_changes_per_day,
            _min(city.least_between_min),
        ),
        planning,
        EvidenceRule(
            _min(judged.settle_min),
            judged.least_intervals,
            judged.most_intervals,
            judged.lost_share,
            judged.sure_sd,
            judged.most_occupied,
        ),
        LadderRule(_min(entry.levels.fall_after_min), _min(entry.levels.return_after_min)),
        BookRule(
            entry.warnings.raise_after,
            entry.warnings.clear_after,
            _min(entry.warnings.same_within_min),
        ),
        NoticeRule(quiet, entry.notices.urgent_breaks_in, entry.notices.most_per_hour),
        entry.warnings.reports_per_week,
        _channels(entry.notices, here),
        tuple(
            PlanOfDay(times([span]), here / span.plan, here / span.report)
            for span in entry.plan_of_day
        ),
        database,
    )


def _min(count: float) -> timedelta:
    return timedelta(minutes=count)


def _channels(entry: NoticesEntry, here: Path) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    if (hook := entry.webhook) is not None:
        found["webhook"] = Webhook(hook.url, _secret(here, hook.token_file))
    if (mail := entry.email) is not None:
        found["email"] = Email(
            mail.host,
            mail.port,
            mail.sender,
            tuple(mail.to),
            mail.security,
            mail.user,
            _secret(here, mail.password_file),
        )
    if (mqtt := entry.mqtt) is not None:
        secret = _secret(here, mqtt.password_file)
        found["mqtt"] = Mqtt(mqtt.host, mqtt.port, mqtt.topic, mqtt.user, secret, mqtt.tls)
    return found


def _secret(here: Path, file: Path | None) -> str | None:
    """Read a secret from a file that its owner alone may read."""
    if file is None:
        return None
    path = here / file
    try:
        if path.stat().st_mode & 0o077:
            raise ThroughbandError(
                f"{path}: others may read this secret; allowed is its owner alone (chmod 600)"
            )
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ThroughbandError(f"{path}: not text in UTF-8") from error
    if not text or len(text) > MOST_SECRET_BYTES or not text.isprintable():
        raise ThroughbandError(f"{path}: holds no secret of one line")
    return text


def write_operate_config(path: Path, scenario: str, bridge: str) -> None:
    """Write a configuration in which everything that may be set stands as a comment.

    Raises
    ------
    ThroughbandError
        If there is one already, or it cannot be written.
    """
    text = _TEMPLATE.format(scenario=scenario, bridge=bridge)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ThroughbandError(f"{path}: exists already; name a new file") from error
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error


_TEMPLATE: Final = """\
# Configuration of 'throughband operate'; paths are relative to this file.
scenario = "{scenario}"            # the network: a folder that 'import' made, a .sumocfg, a name
bridge = "{bridge}"             # devices, journal, state and [counts] are the bridge's
folder = "operate"                # plans, outbox and state of operation
# mode = "ask"                    # a person approves every plan; "act": by itself within [limits]
# push_approved = true            # false leaves pushing to the console's operators
# interval_s = 60                 # between two looks
# answer_within_min = 720         # a plan that waits longer for an answer is dropped
# keep_plans = 50                 # folders of plans to keep

# [regime]                        # when a new plan is sought
# leave_share = 0.15              # share of the traffic other than the plan was made for, or
# leave_cost = 1.25               # expected cost per vehicle over that when it was made,
# looks = 2                       # in so many forecasts in a row,
# between_searches_min = 20       # and not sooner after the last search
# worth_share = 0.04              # a change has to save both in the model
# worth_veh_h = 1.0

# [limits]                        # beyond them a person is asked
# signals = ["s1", "s2"]          # none: all of the device list
# max_cycle_step_s = 30
# max_split_step_s = 20           # without these two any; a change of the phases served, which
# max_offset_step_s = 20          # has no step, is then asked for
# max_changes_per_day = 12
# least_between_min = 30
# [[limits.hours]]                # none: always
# days = ["mon", "tue", "wed", "thu", "fri"]
# begin = "06:00"
# end = "22:00"

# [planning]
# horizon_min = 60
# effort = 400                    # of the search, and its time limit
# time_limit_s = 120
# give_up_s = 900                 # a planner that takes longer is stopped
# seeds = 4                       # simulated hours of each plan
# workers = 2
# shortest_cycle_s = 30
# longest_cycle_s = 120
# calibration = "calibration.json"

# [evaluation]                    # a plan is taken back by these
# settle_min = 10                 # left out after a change
# least_intervals = 2             # counting intervals before anything is concluded
# most_intervals = 12             # judged for so long
# lost_share = 0.10               # served so much less than was forecast,
# sure_sd = 3.0                   # so many standard deviations beyond chance
# most_occupied = 2.0             # or a vehicle stands on detectors so many times as long

# [levels]                        # forecast plans, plan of the day, controllers' own schedule
# fall_after_min = 10
# return_after_min = 15

# [[plan_of_day]]                 # none: the controllers' own schedule
# plan = "day/plan-1.json"
# report = "day/plan-1.validation.json"
# days = ["mon", "tue", "wed", "thu", "fri"]
# begin = "06:00"
# end = "09:00"

# [warnings]
# raise_after = 2                 # looks in a row that see it
# clear_after = 2
# same_within_min = 30            # what comes back so soon is the same warning
# reports_per_week = 0.5          # false reports of incidents that are borne

# [notices]
# most_per_hour = 12              # what comes on top is gathered
# urgent_breaks_in = true
# [[notices.quiet]]
# days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# begin = "22:00"
# end = "06:00"
# [notices.webhook]
# url = "https://hooks.example.org/signals"
# token_file = "hook.secret"      # readable by its owner alone
# [notices.email]
# host = "mail.example.org"
# port = 587
# security = "starttls"           # tls, none
# sender = "signals@example.org"
# to = ["engineer@example.org"]
# user = "signals"
# password_file = "mail.secret"
# [notices.mqtt]
# host = "broker.example.org"
# port = 1883
# topic = "throughband"
# user = "signals"
# password_file = "mqtt.secret"
# tls = false

# [database]                      # that of the console
# url = "sqlite:///console.sqlite"
# backups = "backups"
"""
