from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from network.errors import NewerStoreError, StoreError, StoreUnavailableError
from tests.throughband.store.conftest import Clock, Desk
from tests.throughband.store.plans import brought_to, draft, network_in
from throughband.people.door import Door
from throughband.people.rights import rights_of
from throughband.plan_life import PlanState
from throughband.store import Store, migrating, open_store, restore_store
from throughband.store.backup import read_manifest
from throughband.store.tables import metadata

NEXT = '''"""A later form."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("networks", sa.Column("note", sa.Text(), nullable=True))
    {more}
'''


def later_program(folder: Path, patch: pytest.MonkeyPatch, more: str = "") -> None:
    """Be a program that knows one more revision."""
    migrations = folder / "migrations"
    shutil.copytree(migrating.FOLDER, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "r0003_next.py").write_text(NEXT.format(more=more))
    patch.setattr(migrating, "FOLDER", migrations)


def test_the_migrations_make_exactly_the_tables_of_the_program(store: Store) -> None:
    with store._database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)

    assert found == []


def test_opening_twice_changes_nothing(desk: Desk) -> None:
    plan = draft(desk.open(), desk.clock())

    again = desk.open()

    assert again.plans.get(plan.id) == plan
    assert again.migrated is None


def test_an_older_database_is_backed_up_and_brought_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = draft(desk.open(), desk.clock())
    later_program(desk.folder, monkeypatch)

    again = desk.open()

    assert again.migrated is not None
    assert again.migrated.parent == desk.folder / "backups"
    assert read_manifest(again.migrated)["tables"]["plans"]["rows"] == 1
    assert again.plans.get(plan.id) == plan


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.open()
    plan = draft(store, desk.clock())
    with monkeypatch.context() as patch:
        later_program(desk.folder, patch, 'op.execute("INSERT INTO nowhere VALUES (1)")')
        with pytest.raises(StoreError, match="nowhere"):
            desk.open()

    assert desk.open().plans.get(plan.id) == plan
    with store._database.reading() as connection:
        assert migrating.revision_of(connection) == "0002"


def test_a_database_of_a_newer_program_is_refused_and_not_touched(desk: Desk) -> None:
    store = desk.open()
    with store._database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NewerStoreError, match="revision '9999'"):
        desk.open()


def test_somebody_elses_database_is_refused(desk: Desk) -> None:
    from throughband.store.database import Database

    database = Database(desk.url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))

    with pytest.raises(StoreError, match="'invoices'"):
        desk.open()
    database.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "not a URL"),
        ("mysql://a@b/c", "allowed are sqlite and postgresql"),
        ("sqlite://", "needs a file"),
        ("sqlite:////nowhere/at/all/console.sqlite", "no folder /nowhere/at/all"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        open_store(url, backups=None)


def test_a_server_that_does_not_answer_is_one_clear_error() -> None:
    with pytest.raises(StoreUnavailableError, match="server cannot be reached"):
        open_store("postgresql://a@/b?host=/nowhere", backups=None)


def test_the_password_of_a_url_is_in_no_message() -> None:
    with pytest.raises(StoreUnavailableError) as refused:
        open_store("postgresql://a:s3cret@/b?host=/nowhere", backups=None)

    assert "s3cret" not in str(refused.value)


def test_a_locked_database_is_one_clear_error_and_nothing_is_half_written(desk: Desk) -> None:
    holder = desk.open()
    store = desk.open(wait_s=0.1)
    plan = draft(store, desk.clock())
    with holder._database.writing() as connection:
        holder._database.hold(connection)
        connection.execute(text("UPDATE plans SET title = title"))
        with pytest.raises(StoreUnavailableError, match="locked by somebody else"):
            brought_to(store, plan, PlanState.CHECKED, desk.clock())

    assert store.plans.get(plan.id) == plan


def test_readers_are_not_kept_waiting_by_a_writer(desk: Desk) -> None:
    store = desk.open(wait_s=0.1)
    plan = draft(store, desk.clock())
    with desk.open()._database.writing() as connection:
        connection.execute(text("UPDATE plans SET title = 'other'"))

        assert store.plans.get(plan.id).title == plan.title


def test_a_full_disk_is_one_clear_error_and_nothing_is_half_written(
    tmp_path: Path, clock: Clock
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'console.sqlite'}", backups=None, clock=clock)
    network_in(store, clock())
    engine = store._database.engine
    engine.dispose()

    def fill(connection: sqlite3.Connection, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    event.listen(engine, "connect", fill)
    try:
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            _fill_up(store, clock)
        made = store.plans.listed(limit=1000)
        assert all(store.plans.moves(plan.id) for plan in made)
    finally:
        store.close()


def _fill_up(store: Store, clock: Clock) -> None:
    for number in range(100):
        draft(store, clock(), "x" * 150, tuple(f"{number} {i}" for i in range(500)))


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "console.sqlite"
    file.write_bytes(b"this is not a database " * 100)

    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{file}", backups=None)


def test_a_backup_comes_back_whole_in_either_kind_of_database(
    desk: Desk, fresh_url: str, tmp_path: Path, postgres_url: str, clock: Clock
) -> None:
    store = desk.open()
    now = desk.clock()
    first = brought_to(store, draft(store, now, "first"), PlanState.ACTIVE, now)
    second = brought_to(store, draft(store, now, "second"), PlanState.ACTIVE, now)
    store.plans.comment(first.id, "ben", now, "näher an 60 s?")
    store.attempts.begin({"anna": 5}, now, now)
    backup = tmp_path / "backup.zip"

    rows = store.back_up(backup, now)
    targets = [f"sqlite:///{tmp_path / 'restored.sqlite'}"]
    if not desk.is_sqlite:
        targets.append(_another(postgres_url))

    assert rows["plans"] == 2
    assert backup.stat().st_mode & 0o077 == 0
    for url in targets:
        restore_store(url, backup, clock)
        restored = open_store(url, backups=None, journal=desk.journal, clock=clock)
        for plan in (first, second):
            assert restored.plans.get(plan.id) == store.plans.get(plan.id)
            assert restored.plans.moves(plan.id) == store.plans.moves(plan.id)
        assert restored.plans.comments(first.id) == store.plans.comments(first.id)
        restored.attempts.begin({"anna": 5}, now, now)
        assert restored.attempts.since("anna", now) == 2
        restored.close()


def _another(server_url: str) -> str:
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS restored")
        connection.execute("CREATE DATABASE restored")
    return server_url.replace("/postgres?", "/restored?")


def test_a_restored_older_database_takes_in_what_the_journal_has_since(
    tmp_path: Path, clock: Clock
) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'console.sqlite'}", tmp_path, clock)
    store = desk.open()
    plan = brought_to(store, draft(store, clock()), PlanState.CHECKED, clock())
    backup = tmp_path / "backup.zip"
    store.back_up(backup, clock())
    done = store.plans.approve(plan.id, "ben", clock(), "fine", plan.version)
    store.close()
    url = f"sqlite:///{tmp_path / 'restored.sqlite'}"

    restore_store(url, backup, clock)
    restored = open_store(url, backups=None, journal=desk.journal, clock=clock)

    assert restored.plans.get(plan.id) == done
    restored.close()


def test_a_backup_is_not_restored_over_what_is_there(desk: Desk, clock: Clock) -> None:
    store = desk.open()
    backup = desk.folder / "backup.zip"
    store.back_up(backup, clock())

    with pytest.raises(StoreError, match="restore into an empty one"):
        restore_store(desk.url, backup, clock)
    with pytest.raises(StoreError, match="exists already"):
        store.back_up(backup, clock())


@pytest.mark.parametrize("position", [0.3, 0.6, 0.9])
def test_a_damaged_backup_is_refused(tmp_path: Path, clock: Clock, position: float) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'a.sqlite'}", backups=None, clock=clock)
    network_in(store, clock())
    backup = tmp_path / "backup.zip"
    store.back_up(backup, clock())
    store.close()
    content = bytearray(backup.read_bytes())
    at = int(len(content) * position)
    backup.write_bytes(content[:at])

    with pytest.raises(StoreError, match="not a backup"):
        restore_store(f"sqlite:///{tmp_path / 'b.sqlite'}", backup, clock)


def test_only_its_owner_reads_a_database_that_is_made(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = open_store(f"sqlite:///{tmp_path / 'console.sqlite'}", backups=tmp_path / "kept")
        Door(store, Clock()).add_user("anna", "Anna", rights_of(["engineer"]), "a long sentence")
        made = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("console*")}
        store.close()
    finally:
        os.umask(before)

    assert made["console.sqlite"] == 0o600
    assert set(made.values()) == {0o600}
