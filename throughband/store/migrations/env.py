"""Run migrations on the connection that the program hands over."""

from __future__ import annotations

from alembic import context

from throughband.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot change a column in place; tables are copied then.
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
