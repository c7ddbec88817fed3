"""The results of a suite on disk: one folder a run, and tidy tables made from them.

``runs/<key>/run.json`` is written last and whole, so a run is there or it is not; a suite that
was stopped goes on with what is missing. The tables hold no wall times and no dates: the same
suite gives the same bytes wherever it was played.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.suite.jobs import Job, Outcome
from benchmarks.suite.programs import Prepared
from network.errors import ScenarioError

RUN: Final = "run.json"
TRIPS: Final = "trips.parquet"
RESULTS: Final = "results"
PLANS: Final = "plans"
FORMAT: Final = 1
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
COLUMNS: Final = (
    *("scenario", "rules", "scale", "fault", "begin_s", "end_s"),
    *("controller", "variant", "seed", "reason"),
)


class DiskFullError(ScenarioError):
    """There is no room for another result; what was finished is kept."""


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of results.

    Attributes
    ----------
    folder
        Made if missing.
    """

    folder: Path

    def __post_init__(self) -> None:
        try:
            (self.folder / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ScenarioError(
                f"{self.folder} cannot hold results: {error.strerror or error}"
            ) from error

    def found(self, job: Job, key: str) -> Outcome | None:
        """Return what is kept of a run; None if it is not there, not whole, or of another job."""
        file = self.folder / "runs" / key / RUN
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(kept, dict) or kept.get("format") != FORMAT:
            return None
        if kept.get("job") != asdict(job):
            return None
        return Outcome(job, kept["measures"], kept["reason"], kept["facts"])

    def keep(self, outcome: Outcome, key: str) -> None:
        """Write one run, whole or not at all.

        Raises
        ------
        DiskFullError
            If there is no room; other runs are untouched.
        ScenarioError
            If it cannot be written for another reason.
        """
        runs = self.folder / "runs"
        content = {
            "format": FORMAT,
            "job": asdict(outcome.job),
            "measures": dict(outcome.measures),
            "reason": outcome.reason,
            "facts": dict(outcome.facts),
        }
        work: Path | None = None
        try:
            work = Path(tempfile.mkdtemp(prefix=".run-", dir=runs))
            if outcome.trips:
                _write(work / TRIPS, outcome.trips)
            _write(work / RUN, (json.dumps(content, indent=1) + "\n").encode())
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(runs / key)
            work.rename(runs / key)
        except OSError as error:
            if work is not None:
                shutil.rmtree(work, ignore_errors=True)
            raise _refusal(runs, error) from error

    def prepared(self, key: str) -> Prepared | None:
        """Return what a controller prepared; None if it is not there or not whole."""
        file = self.folder / PLANS / f"{key}.json"
        try:
            return Prepared.from_dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_prepared(self, prepared: Prepared, key: str) -> None:
        """Write what a controller prepared, whole or not at all."""
        try:
            (self.folder / PLANS).mkdir(exist_ok=True)
        except OSError as error:
            raise _refusal(self.folder, error) from error
        content = json.dumps(prepared.to_dict(), indent=1) + "\n"
        self.put(f"{PLANS}/{key}.json", content.encode())

    def tables(self, outcomes: Iterable[Outcome]) -> None:
        """Write ``results.csv`` and, where pyarrow is installed, ``results.parquet``."""
        rows = [row_of(outcome) for outcome in sorted(outcomes, key=_order)]
        names = [*COLUMNS, *_measures(rows)]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        try:
            self.put(f"{RESULTS}.csv", text.getvalue().encode())
            parquet = parquet_of({name: [row.get(name) for row in rows] for name in names})
            if parquet:
                self.put(f"{RESULTS}.parquet", parquet)
        except OSError as error:
            raise _refusal(self.folder, error) from error

    def put(self, name: str, content: bytes) -> None:
        """Write a file of the results as a whole."""
        work = self.folder / f"{name}.new"
        try:
            work.parent.mkdir(exist_ok=True)
            _write(work, content)
            work.replace(self.folder / name)
        except OSError as error:
            work.unlink(missing_ok=True)
            raise _refusal(self.folder, error) from error


def row_of(outcome: Outcome) -> dict[str, Any]:
    """Return one tidy row."""
    job = asdict(outcome.job)
    row = {**job.pop("street"), **job, "reason": outcome.reason}
    return {**{name: row[name] for name in COLUMNS}, **outcome.measures}


def parquet_of(columns: Mapping[str, Any]) -> bytes:
    """Return a Parquet file; empty without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return b""
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


def _measures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(name for name in row if name not in COLUMNS))
    return list(found)


def _order(outcome: Outcome) -> tuple[Any, ...]:
    job = outcome.job
    street = job.street
    window = (street.begin_s or 0.0, street.end_s or 0.0)
    where = (street.scenario, street.rules, street.scale, street.fault, window)
    return (*where, job.controller, job.variant, job.seed)


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _refusal(where: Path, error: OSError) -> ScenarioError:
    if error.errno in NO_ROOM:
        return DiskFullError(
            f"no room left in {where}; what was finished is kept, and the same command goes on "
            "from there"
        )
    return ScenarioError(f"{where} cannot be written: {error.strerror or error}")
