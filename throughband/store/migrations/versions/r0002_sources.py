"""Where the report of a plan came from."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what cannot be shown to be made here counts as uploaded."""
    op.add_column("plans", sa.Column("report_origin", sa.String(length=20), nullable=True))
    op.add_column("plans", sa.Column("report_by", sa.String(length=100), nullable=True))
    op.add_column("plans", sa.Column("report_run_id", sa.String(length=16), nullable=True))
    op.add_column("plans", sa.Column("report_digest", sa.String(length=64), nullable=True))
    names = ("id", "origin", "author", "run_id", "report_origin", "report_by", "report_run_id")
    plans = sa.table(
        "plans", *map(sa.column, (*names, "report_digest")), sa.column("report", sa.JSON())
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(plans)).all():
        if row.report is None:
            continue
        # A draft of a run took no report but that run's or one of a validation made here.
        is_of_run = row.origin == "run" and row.run_id is not None
        origin = row.origin if is_of_run or row.origin == "operate" else "upload"
        text = json.dumps(row.report, sort_keys=True)
        connection.execute(
            plans.update()
            .where(plans.c.id == row.id)
            .values(
                report_origin=origin,
                report_by=row.author,
                report_run_id=row.run_id if is_of_run else None,
                report_digest=hashlib.sha256(text.encode()).hexdigest(),
            )
        )
