"""The configuration of daily operation: one TOML file; paths in it are relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

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
from throughband.operate.config_entries import (
    DatabaseEntry,
    NoticesEntry,
    OperateEntry,
    PlanningEntry,
)
from throughband.operate.evidence import EvidenceRule
from throughband.operate.levels import LadderRule
from throughband.operate.limits import CityLimits
from throughband.operate.notices import NoticeRule
from throughband.operate.outbox import Channel
from throughband.operate.regime import RegimeRule
from throughband.operate.warning_book import BookRule
from throughband.settings_file import read_settings

MOST_SECRET_BYTES: Final = 4096


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
    entry = read_settings(
        path,
        OperateEntry,
        unknown="unknown; 'throughband operate NEW.toml --template SCENARIO' shows all there is",
    )
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
            city.may_drop_phases,
            city.may_act_on_queues,
        ),
        planning,
        EvidenceRule(
            _min(judged.settle_min),
            judged.least_intervals,
            judged.most_intervals,
            judged.lost_share,
            judged.sure_sd,
            judged.most_occupied,
            judged.worse_share,
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
