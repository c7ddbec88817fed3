"""The rows of the console's database, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Row

from throughband.people.rights import Right
from throughband.plan_life import Move, PlanState


class RunState(StrEnum):
    """Where a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"


class NoticeState(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"
    SENT = "sent"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account.

    Attributes
    ----------
    id, name, full_name
        Key, name to sign in with, name for people to read.
    rights
        What the person may do.
    is_active
        Whether the account may be used.
    created_utc, last_seen_utc
        Since when, and when last signed in.
    version
        Counts changes of the row.
    password_hash
        Of argon2; None without a password of ours.
    subject
        Issuer and subject at the OIDC provider, if bound to one.
    """

    id: str
    name: str
    full_name: str
    rights: frozenset[Right]
    is_active: bool
    created_utc: datetime
    last_seen_utc: datetime | None
    version: int
    password_hash: str | None = None
    subject: str | None = None


SESSION_ID: Final = 12
"""Digits of a hash that tell sessions apart."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's sign-in in a browser; the token itself is kept nowhere, its SHA-256 is."""

    token_hash: str
    user_id: str
    csrf_token: str
    created_utc: datetime
    seen_utc: datetime
    expires_utc: datetime
    agent: str

    @property
    def id(self) -> str:
        """What it is called where it may be ended: enough of the hash, and of no use beside it."""
        return self.token_hash[:SESSION_ID]


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A machine's key to the API in a person's name; only its SHA-256 is kept."""

    id: str
    user_id: str
    name: str
    token_hash: str
    rights: frozenset[Right]
    created_utc: datetime
    expires_utc: datetime
    used_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Network:
    """A scenario that the console knows.

    Attributes
    ----------
    id, name
        Key, and the name people gave it.
    kind, source
        ``folder`` and its path, or ``catalog`` and the city's name; the source is what the
        command line takes as SCENARIO.
    scenario
        The scenario's own name, which plans carry.
    summary
        Counts of what is in it: links, movements, signals, begin_s, end_s.
    added_by, added_utc, removed_utc
        Who brought it when, and when it was taken off the list.
    """

    id: str
    name: str
    kind: str
    source: str
    scenario: str
    summary: Mapping[str, Any]
    added_by: str
    added_utc: datetime
    removed_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of work of the command line.

    Attributes
    ----------
    id, network_id
        Key, and what it works on; None where no network is involved.
    kind
        optimize, validate, run, forecast, evaluate, import, push, withdraw, ...
    arguments
        What was asked for, plain JSON.
    state, progress
        Where it is; the last thing it said (``step``, ``steps``, ``text``, ``done``, ``whole``).
    folder
        Where its files are.
    requested_by, requested_utc, begun_utc, ended_utc
        Who, and when.
    process
        Its process while it runs.
    exit_code, exit_text
        How it ended, and its last words.
    """

    id: str
    network_id: str | None
    kind: str
    arguments: Mapping[str, Any]
    state: RunState
    progress: Mapping[str, Any]
    folder: str
    requested_by: str
    requested_utc: datetime
    begun_utc: datetime | None
    ended_utc: datetime | None
    process: int | None
    exit_code: int | None
    exit_text: str


class ReportOrigin(StrEnum):
    """Where a validation report came from."""

    RUN = "run"
    OPERATE = "operate"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Who brought a validation report, and from where.

    Attributes
    ----------
    origin
        A run of this console, daily operation, or an upload, which anybody may have written.
    by
        Who asked for the run, or uploaded it.
    run_id
        The run that wrote it.
    """

    origin: ReportOrigin
    by: str
    run_id: str | None = None

    def __post_init__(self) -> None:
        if (self.origin is ReportOrigin.RUN) != (self.run_id is not None):
            raise ValueError("a run's report, and no other, names its run")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan set and where it is in its life.

    Attributes
    ----------
    id, network_id, run_id
        Key, the network it is for, the run that made it.
    title, scenario
        For people, and the scenario's name in the plan file.
    content, digest
        The text of ``plan.json``, and `network.timing.PlanSet.digest`.
    report
        The validation report it is judged by (validation.json or result.json).
    release
        The approval, as `throughband.approval.release_document` tells it.
    origin
        run, upload, trial or operate.
    author
        Whose plan it is; somebody else has to approve it.
    state, version
        Where it is; the version counts the moves, from 1.
    created_utc, changed_utc
        First and last move.
    armed_for_utc
        When it is to begin on the street; None for at once.
    expires_utc
        End of the approval.
    push_id
        The push that put it on the street, as in the bridge's journal.
    replaced_by
        The plan that became active in its place.
    asked_by, asked_why
        Who asked to roll it back, while the bridge has not done so yet.
    report_origin, report_by, report_run_id
        Where its report came from, as `ReportSource` tells; None without a report.
    report_digest
        The report's SHA-256 when it came.
    """

    id: str
    network_id: str
    run_id: str | None
    title: str
    scenario: str
    content: str
    digest: str
    report: Mapping[str, Any] | None
    release: Mapping[str, Any] | None
    origin: str
    author: str
    state: PlanState
    version: int
    created_utc: datetime
    changed_utc: datetime
    armed_for_utc: datetime | None
    expires_utc: datetime | None
    push_id: str | None
    replaced_by: str | None
    asked_by: str | None = None
    asked_why: str | None = None
    report_origin: ReportOrigin | None = None
    report_by: str | None = None
    report_run_id: str | None = None
    report_digest: str | None = None

    @property
    def is_report_ours(self) -> bool:
        """Whether its report was made here, not brought by somebody."""
        return self.report_origin in (ReportOrigin.RUN, ReportOrigin.OPERATE)

    @property
    def needs_proof(self) -> bool:
        """Whether its report was brought by somebody, and may still be replaced by one of ours."""
        return (
            self.report is not None
            and not self.is_report_ours
            and self.state in (PlanState.DRAFT, PlanState.CHECKED)
        )


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A move that a plan made; `journal_number` is its entry in the journal."""

    plan_id: str
    version: int
    move: Move | None
    source: PlanState | None
    target: PlanState
    by: str
    utc: datetime
    why: str
    journal_number: int | None


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about a plan."""

    id: str
    plan_id: str
    by: str
    utc: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - Python has a Warning
    """Something on the street that should not be.

    Attributes
    ----------
    id, kind, place
        Key, what (``queue``, ``detector silent``, ...), where (a link, detector or signal).
    since_utc, seen_utc, until_utc
        First and last seen; None while it lasts.
    sure
        How sure it is, 0 to 1.
    text
        For people.
    network_id
        Of which network, if known.
    taken_by, taken_utc
        Who said to look after it, and when.
    """

    id: str
    kind: str
    place: str
    since_utc: datetime
    seen_utc: datetime
    until_utc: datetime | None
    sure: float
    text: str
    network_id: str | None
    taken_by: str | None
    taken_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to somebody outside: webhook, e-mail or MQTT."""

    id: str
    warning_id: str | None
    channel: str
    recipient: str
    text: str
    made_utc: datetime
    state: NoticeState
    sent_utc: datetime | None
    trouble: str


_T = TypeVar("_T")
_READ: Mapping[tuple[type, str], Any] = {
    (User, "rights"): lambda names: frozenset(Right(name) for name in names),
    (ApiToken, "rights"): lambda names: frozenset(Right(name) for name in names),
    (Run, "state"): RunState,
    (Plan, "state"): PlanState,
    (Plan, "report_origin"): lambda name: None if name is None else ReportOrigin(name),
    (Notice, "state"): NoticeState,
    (MoveRecord, "move"): lambda name: None if name is None else Move(name),
    (MoveRecord, "source"): lambda name: None if name is None else PlanState(name),
    (MoveRecord, "target"): PlanState,
}


def read_row(kind: type[_T], row: Row[Any]) -> _T:
    """Return a row of the database as a value."""
    columns = row._mapping
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        value = columns[field.name]
        read = _READ.get((kind, field.name))
        values[field.name] = read(value) if read else value
    return kind(**values)
