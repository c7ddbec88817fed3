"""Runs of the command line that the console started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select, update

from network.errors import MoveError
from throughband.store.repository import PAGE, Repository, counted, is_among, many, one, page
from throughband.store.rows import Run, RunState
from throughband.store.tables import runs

OPEN: Final = (RunState.WAITING, RunState.RUNNING)


class Runs(Repository):
    """Runs by id."""

    def add(
        self,
        kind: str,
        network_id: str | None,
        arguments: Mapping[str, Any],
        folder: Path,
        by: str,
        now_utc: datetime,
    ) -> Run:
        """Add a run that waits to begin.

        Parameters
        ----------
        kind, network_id, arguments
            What is wanted, of what.
        folder
            Under which its own folder, named by its id, is to be made.
        by, now_utc
            Who, when.
        """
        run_id = self._new_id()
        row = Run(
            run_id, network_id, kind, dict(arguments), RunState.WAITING, {},
            str(folder / run_id), by, now_utc, None, None, None, None, "",
        )  # fmt: skip
        values = {column.name: getattr(row, column.name) for column in runs.columns}
        with self._database.writing() as connection:
            connection.execute(insert(runs).values(**values))
        return row

    def get(self, run_id: str) -> Run:
        """Return a run; raise `MissingError` if there is none."""
        with self._database.reading() as connection:
            return one(connection, Run, runs, run_id, "run")

    def listed(
        self,
        states: Sequence[RunState] = (),
        network_id: str | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Run]:
        """Return runs, the newest first."""
        statement = select(runs).order_by(runs.c.requested_utc.desc(), runs.c.id)
        if states:
            statement = statement.where(is_among(runs.c.state, states))
        if network_id is not None:
            statement = statement.where(runs.c.network_id == network_id)
        with self._database.reading() as connection:
            return many(connection, Run, page(statement, limit, offset))

    def waiting(self) -> list[Run]:
        """Return the runs that wait to begin, the oldest first."""
        statement = (
            select(runs).where(runs.c.state == RunState.WAITING).order_by(runs.c.requested_utc)
        )
        with self._database.reading() as connection:
            return many(connection, Run, statement)

    def count(self, states: Sequence[RunState] = (), network_id: str | None = None) -> int:
        """Return how many there are in some states, or in all, of a network or of all."""
        where = [is_among(runs.c.state, states)] if states else []
        if network_id is not None:
            where.append(runs.c.network_id == network_id)
        with self._database.reading() as connection:
            return counted(connection, runs, *where)

    def begin(self, run_id: str, now_utc: datetime) -> bool:
        """Say that a waiting run begins now; False if it does not wait (any more)."""
        return self._change(run_id, (RunState.WAITING,), state=RunState.RUNNING, begun_utc=now_utc)

    def carried_by(self, run_id: str, process: int) -> bool:
        """Say which process carries a run that has begun; False if it does not run (any more)."""
        return self._change(run_id, (RunState.RUNNING,), process=process)

    def progress(self, run_id: str, progress: Mapping[str, Any]) -> bool:
        """Keep what a running run said last."""
        return self._change(run_id, (RunState.RUNNING,), progress=dict(progress))

    def end(
        self,
        run_id: str,
        state: RunState,
        exit_code: int | None,
        exit_text: str,
        now_utc: datetime,
    ) -> bool:
        """Say how a run ended; False if it had ended before."""
        return self._change(
            run_id, OPEN,
            state=state, exit_code=exit_code, exit_text=exit_text, ended_utc=now_utc,
            process=None,
        )  # fmt: skip

    def require_open(self, run_id: str) -> Run:
        """Return a run that has not ended; raise `MoveError` otherwise."""
        found = self.get(run_id)
        if found.state not in OPEN:
            raise MoveError(f"run {run_id} has ended already: {found.state}")
        return found

    def _change(self, run_id: str, states: Sequence[RunState], **values: Any) -> bool:
        with self._database.writing() as connection:
            done = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, is_among(runs.c.state, states))
                .values(**values)
            )
            return done.rowcount == 1
