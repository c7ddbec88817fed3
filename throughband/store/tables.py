"""The tables of the console's database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints have names, so that migrations can speak of them in either database."""

metadata: Final = MetaData(naming_convention=NAMES)

ID_LENGTH: Final = 16

JSON: Final = sqlalchemy.JSON(none_as_null=True)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what the database keeps; SQLite has no zones."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Column[Any]:
    return Column("id", String(ID_LENGTH), primary_key=True)


def _to(name: str, column: str, nullable: bool = False) -> Column[Any]:
    return Column(
        name, String(ID_LENGTH), ForeignKey(column, ondelete="CASCADE"), nullable=nullable
    )


users: Final = Table(
    "users",
    metadata,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("full_name", String(200), nullable=False),
    Column("password_hash", Text),
    Column("subject", String(500), unique=True),
    Column("rights", JSON, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_utc", UtcTime, nullable=False),
    Column("last_seen_utc", UtcTime),
    Column("version", Integer, nullable=False),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _to("user_id", "users.id"),
    Column("csrf_token", String(64), nullable=False),
    Column("created_utc", UtcTime, nullable=False),
    Column("seen_utc", UtcTime, nullable=False),
    Column("expires_utc", UtcTime, nullable=False),
    Column("agent", String(200), nullable=False),
    Index("ix_sessions_user_id", "user_id"),
)

tokens: Final = Table(
    "tokens",
    metadata,
    _id(),
    _to("user_id", "users.id"),
    Column("name", String(100), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("rights", JSON, nullable=False),
    Column("created_utc", UtcTime, nullable=False),
    Column("expires_utc", UtcTime, nullable=False),
    Column("used_utc", UtcTime),
    Index("ix_tokens_user_id", "user_id"),
)

sign_in_attempts: Final = Table(
    "sign_in_attempts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False),
    Column("utc", UtcTime, nullable=False),
    Index("ix_sign_in_attempts_key", "key", "utc"),
)

networks: Final = Table(
    "networks",
    metadata,
    _id(),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("source", Text, nullable=False),
    Column("scenario", String(200), nullable=False),
    Column("summary", JSON, nullable=False),
    Column("added_by", String(100), nullable=False),
    Column("added_utc", UtcTime, nullable=False),
    Column("removed_utc", UtcTime),
)

runs: Final = Table(
    "runs",
    metadata,
    _id(),
    _to("network_id", "networks.id", nullable=True),
    Column("kind", String(30), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("progress", JSON, nullable=False),
    Column("folder", Text, nullable=False),
    Column("requested_by", String(100), nullable=False),
    Column("requested_utc", UtcTime, nullable=False),
    Column("begun_utc", UtcTime),
    Column("ended_utc", UtcTime),
    Column("process", Integer),
    Column("exit_code", Integer),
    Column("exit_text", Text, nullable=False),
    Index("ix_runs_state", "state"),
    Index("ix_runs_requested_utc", "requested_utc"),
)

plans: Final = Table(
    "plans",
    metadata,
    _id(),
    _to("network_id", "networks.id"),
    _to("run_id", "runs.id", nullable=True),
    Column("title", String(200), nullable=False),
    Column("scenario", String(200), nullable=False),
    Column("content", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("report", JSON),
    Column("release", JSON),
    Column("origin", String(20), nullable=False),
    Column("author", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_utc", UtcTime, nullable=False),
    Column("changed_utc", UtcTime, nullable=False),
    Column("armed_for_utc", UtcTime),
    Column("expires_utc", UtcTime),
    Column("push_id", String(200)),
    Column("asked_by", String(100)),
    Column("asked_why", Text),
    _to("replaced_by", "plans.id", nullable=True),
    Column("report_origin", String(20)),
    Column("report_by", String(100)),
    Column("report_run_id", String(ID_LENGTH)),
    Column("report_digest", String(64)),
    Index("ix_plans_state", "state"),
    Index("ix_plans_network_id", "network_id"),
    Index("ix_plans_created_utc", "created_utc"),
)

plan_moves: Final = Table(
    "plan_moves",
    metadata,
    Column(
        "plan_id",
        String(ID_LENGTH),
        ForeignKey("plans.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("move", String(20)),
    Column("source", String(20)),
    Column("target", String(20), nullable=False),
    Column("by", String(100), nullable=False),
    Column("utc", UtcTime, nullable=False),
    Column("why", Text, nullable=False),
    Column("journal_number", Integer),
)

comments: Final = Table(
    "comments",
    metadata,
    _id(),
    _to("plan_id", "plans.id"),
    Column("by", String(100), nullable=False),
    Column("utc", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_comments_plan_id", "plan_id"),
)

warnings: Final = Table(
    "warnings",
    metadata,
    _id(),
    Column("kind", String(50), nullable=False),
    Column("place", String(200), nullable=False),
    Column("since_utc", UtcTime, nullable=False),
    Column("seen_utc", UtcTime, nullable=False),
    Column("until_utc", UtcTime),
    Column("sure", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("network_id", String(ID_LENGTH)),
    Column("taken_by", String(100)),
    Column("taken_utc", UtcTime),
    # One open warning of a kind at a place, whoever raises it.
    Index(
        "uq_warnings_open",
        "kind",
        "place",
        unique=True,
        sqlite_where=text("until_utc IS NULL"),
        postgresql_where=text("until_utc IS NULL"),
    ),
    Index("ix_warnings_since_utc", "since_utc"),
)

notices: Final = Table(
    "notices",
    metadata,
    _id(),
    Column("warning_id", String(ID_LENGTH)),
    Column("channel", String(30), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("made_utc", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("sent_utc", UtcTime),
    Column("trouble", Text, nullable=False),
    Index("ix_notices_state", "state"),
    Index("ix_notices_made_utc", "made_utc"),
)

marks: Final = Table(
    "marks",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""How far the journal was taken in: number and hash of its entry."""
