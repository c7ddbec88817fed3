"""Backups of the database in one file, the same for SQLite and PostgreSQL.

A backup is a ZIP file: ``manifest.json`` with the revision, the time, and of every table the
number of rows and the SHA-256 of its file, and ``tables/NAME.jsonl`` with a row as JSON on each
line. It can be restored into either kind of database.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, select, text

from network.errors import StoreError

FORMAT: Final = "throughband console backup"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
REVISIONS: Final = "alembic_version"
BATCH: Final = 500


def write_backup(connection: Connection, target: Path, now_utc: datetime) -> Mapping[str, int]:
    """Write everything that is in the database, as one transaction sees it.

    Parameters
    ----------
    connection
        In a transaction.
    target
        The file to make.
    now_utc
        The present.

    Returns
    -------
    Mapping
        The number of rows of each table.

    Raises
    ------
    StoreError
        If the file exists or cannot be written; nothing is left of it then.
    """
    if target.exists():
        raise StoreError(f"{target}: exists already; name a new file")
    found = _reflected(connection)
    revision = connection.execute(select(found.tables[REVISIONS])).scalar_one()
    tables: dict[str, dict[str, object]] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".backup-", dir=target.parent)
        aside = Path(name)
        try:
            # Password hashes are in it: mkstemp made it for the owner alone.
            with os.fdopen(handle, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    for table in _ours(found):
                        tables[table.name] = _dump(connection, table, archive)
                    manifest = {
                        "format": FORMAT,
                        "version": VERSION,
                        "revision": revision,
                        "utc": now_utc.isoformat(),
                        "tables": tables,
                    }
                    archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{target}: the backup cannot be written ({error.strerror})") from error
    return {name: int(str(entry["rows"])) for name, entry in tables.items()}


def read_manifest(source: Path) -> dict[str, Any]:
    """Return a backup's manifest, after checking every file in it.

    Raises
    ------
    StoreError
        If it is no backup, or damaged.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if manifest["format"] != FORMAT or manifest["version"] != VERSION:
                raise StoreError(
                    f"{source}: {manifest['format']!r} version {manifest['version']!r}; expected "
                    f"{FORMAT!r} version {VERSION}"
                )
            for name, entry in manifest["tables"].items():
                digest = hashlib.sha256()
                for chunk in _chunks(archive, name):
                    digest.update(chunk)
                if digest.hexdigest() != entry["sha256"]:
                    raise StoreError(f"{source}: table {name!r} is not what was written; damaged")
    except OSError as error:
        raise StoreError(f"{source}: cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{source}: not a backup of the console ({error})") from error
    return dict(manifest)


def restore_rows(connection: Connection, source: Path, manifest: Mapping[str, Any]) -> None:
    """Put a backup's rows into empty tables of the backup's revision.

    Parameters
    ----------
    connection
        In a transaction.
    source, manifest
        The backup, and what `read_manifest` returned of it.

    Raises
    ------
    StoreError
        If a table is not empty or missing.
    """
    found = _reflected(connection)
    tables = {table.name: table for table in _ours(found)}
    if set(tables) != set(manifest["tables"]):
        odd = sorted(set(tables) ^ set(manifest["tables"]))
        raise StoreError(f"{source}: its tables are not those of its revision: {', '.join(odd)}")
    with zipfile.ZipFile(source) as archive:
        for name, table in tables.items():
            if connection.execute(select(table).limit(1)).first() is not None:
                raise StoreError(f"table {name!r} holds rows already; restore into an empty one")
            _load(connection, table, archive)
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "SELECT setval(pg_get_serial_sequence('sign_in_attempts', 'number'), "
                "COALESCE((SELECT max(number) FROM sign_in_attempts), 0) + 1, false)"
            )
        )


def _reflected(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def _ours(found: MetaData) -> list[Table]:
    # A plan may point at a later plan; those references are put in after the rows.
    return [table for table in found.sorted_tables if table.name != REVISIONS]


def _dump(connection: Connection, table: Table, archive: zipfile.ZipFile) -> dict[str, object]:
    digest = hashlib.sha256()
    rows = 0
    order = list(table.primary_key.columns)
    with archive.open(_entry(table.name), "w") as file:
        for row in connection.execute(select(table).order_by(*order)):
            line = json.dumps(dict(row._mapping), default=_plain, sort_keys=True) + "\n"
            file.write(line.encode())
            digest.update(line.encode())
            rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


def _load(connection: Connection, table: Table, archive: zipfile.ZipFile) -> None:
    times = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type.none_as_null = True
    to_itself = [
        column.name
        for column in table.columns
        if any(key.column.table is table for key in column.foreign_keys)
    ]
    is_sqlite = connection.dialect.name == "sqlite"
    later: list[dict[str, Any]] = []
    batch: list[dict[str, Any]] = []
    with archive.open(_entry(table.name)) as file:
        for line in file:
            row = json.loads(line)
            for name in times:
                if row[name] is not None:
                    time = datetime.fromisoformat(row[name]).astimezone(UTC)
                    row[name] = time.replace(tzinfo=None) if is_sqlite else time
            if any(row[name] is not None for name in to_itself):
                later.append(dict(row))
                row |= dict.fromkeys(to_itself)
            batch.append(row)
            if len(batch) == BATCH:
                connection.execute(table.insert(), batch)
                batch = []
    if batch:
        connection.execute(table.insert(), batch)
    for row in later:
        keys = [column == row[column.name] for column in table.primary_key.columns]
        values = {name: row[name] for name in to_itself}
        connection.execute(table.update().where(*keys).values(**values))


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(_entry(name)) as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _entry(name: str) -> str:
    return f"tables/{name}.jsonl"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        # What SQLite keeps without a zone is UTC.
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} cannot be written as JSON")
