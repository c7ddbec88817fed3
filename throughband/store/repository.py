"""What the repositories of the store have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from network.errors import MissingError
from throughband.store.database import Database
from throughband.store.rows import read_row

NewId = Callable[[], str]
PAGE: Final = 50
MOST: Final = 1000
"""Rows of a list at most."""

_T = TypeVar("_T")


def drawn_id() -> str:
    """Return an id that nobody has, and nobody can guess: 12 hexadecimal digits."""
    return secrets.token_hex(6)


class Repository:
    """Rows of one kind.

    Parameters
    ----------
    database
        Where they are.
    new_id
        Draws ids.
    """

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database = database
        self._new_id = new_id


def one(connection: Connection, kind: type[_T], table: Table, row_id: str, what: str) -> _T:
    """Return the row of an id.

    Raises
    ------
    MissingError
        If there is none.
    """
    found = first(connection, kind, table, table.c.id == row_id)
    if found is None:
        raise MissingError(f"there is no {what} {row_id!r}")
    return found


def first(
    connection: Connection, kind: type[_T], table: Table, where: ColumnElement[bool]
) -> _T | None:
    """Return the row that a condition names, or None."""
    row = connection.execute(select(table).where(where)).first()
    return None if row is None else read_row(kind, row)


def many(connection: Connection, kind: type[_T], statement: Select[Any]) -> list[_T]:
    """Return the rows of a statement."""
    return [read_row(kind, row) for row in connection.execute(statement)]


def counted(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Return how many rows fulfill conditions."""
    statement = select(func.count()).select_from(table).where(*where)
    return int(connection.execute(statement).scalar_one())


def page(statement: Select[Any], limit: int, offset: int) -> Select[Any]:
    """Cut a page out of a statement."""
    return statement.limit(max(0, min(limit, MOST))).offset(max(0, offset))


def is_among(column: ColumnElement[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """Return the condition that a column is one of several values."""
    return column.in_([str(value) for value in values])
