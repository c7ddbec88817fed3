"""Result rows: one per run, tidy, appended as they come, so that a killed suite resumes."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engine.validate.simulator import RunMeasures, SimulationCase
from network.errors import FormatError, SimulationError


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One run of one controller, or the reason why there is none.

    Attributes
    ----------
    scenario, rules
        The subject.
    controller, variant, version
        The peer.
    seed
        Of the run; -1 where it cannot run.
    digest
        Of everything that SUMO reads, and its version; empty where it cannot run.
    delay_s, stops, travel_time_s, speed_mps, waiting_time_s
        As in `RunMeasures`.
    scheduled, inserted, arrived, running, removed, not_inserted, teleports
        Vehicles.
    standing_share
        Mean part of the vehicles in the network that stood, over the last five minutes.
    made_s
        Wall time in which the plan was made, counting aside, s.
    wall_s
        Wall time of the run, s.
    note, reason
        What is worth telling; why it cannot run.
    """

    scenario: str
    rules: str
    controller: str
    variant: str
    version: str
    seed: int
    digest: str
    delay_s: float
    stops: float
    travel_time_s: float
    speed_mps: float
    waiting_time_s: float
    scheduled: int
    inserted: int
    arrived: int
    running: int
    removed: int
    not_inserted: int
    teleports: int
    standing_share: float
    made_s: float
    wall_s: float
    note: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str, int, str]:
        """What makes two runs the same run."""
        name = (self.scenario, self.rules, self.controller, self.variant)
        return (*name, self.seed, self.digest)

    @property
    def unfinished(self) -> int:
        """Vehicles due that did not arrive."""
        return self.running + self.not_inserted


COLUMNS = tuple(field.name for field in fields(ResultRow))
_READERS = {"str": str, "int": int, "float": float}


def row_of(
    name: tuple[str, str, str, str, str],
    digest: str,
    run: RunMeasures,
    standing_share: float,
    made_s: float,
    note: str,
) -> ResultRow:
    """Put a run into a row.

    Parameters
    ----------
    name
        Scenario, rules, controller, variant, version.
    digest, run, standing_share, made_s, note
        As the row's attributes.
    """
    return ResultRow(
        *name, run.seed, digest, run.delay_s, run.stops, run.travel_time_s, run.speed_mps,
        run.waiting_time_s, run.scheduled, run.inserted, run.arrived, run.running, run.removed,
        run.not_inserted, run.teleports, standing_share, made_s, run.wall_s, note, "",
    )  # fmt: skip


def refusal(name: tuple[str, str, str, str, str], reason: str) -> ResultRow:
    """Put the reason why a peer cannot run into a row.

    Parameters
    ----------
    name
        As for `row_of`.
    reason
        One line.
    """
    nan = float("nan")
    return ResultRow(
        *name, -1, "", nan, nan, nan, nan, nan, 0, 0, 0, 0, 0, 0, 0, nan, 0.0, 0.0, "",
        " ".join(reason.split()),
    )  # fmt: skip


class RowFile:
    """Rows in a CSV file, each on disk before the next run begins.

    Parameters
    ----------
    path
        The file; made with the first row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, str, str, str, int, str], ResultRow] = {
            row.key: row for row in (read_rows(path) if path.exists() else ())
        }

    def add(self, row: ResultRow) -> None:
        """Append a row that is not there yet.

        Raises
        ------
        SimulationError
            If it cannot be written; what was written before stays.
        """
        if row.key in self.rows:
            return
        try:
            fresh = not self.path.exists() or self.path.stat().st_size == 0
            with self.path.open("a", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
                if fresh:
                    writer.writeheader()
                writer.writerow(asdict(row))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise SimulationError(f"{self.path}: {error.strerror or error}") from error
        self.rows[row.key] = row


def read_rows(path: Path) -> tuple[ResultRow, ...]:
    """Read rows; a last line that a kill cut short is left out.

    Raises
    ------
    FormatError
        If the file is not such a file.
    """
    kinds = {field.name: _READERS[str(field.type)] for field in fields(ResultRow)}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    found: list[ResultRow] = []
    for number, line in enumerate(csv.DictReader(whole.splitlines()), start=2):
        if tuple(line) != COLUMNS:
            raise FormatError(f"{path}: columns are not those of this version; move it away")
        try:
            found.append(ResultRow(**{name: kinds[name](line[name]) for name in COLUMNS}))
        except (TypeError, ValueError) as error:
            raise FormatError(f"{path}, line {number}: {error}") from error
    return tuple(found)


def digest_of(case: SimulationCase, additional: Iterable[Path], version: str) -> str:
    """Return a digest of everything a run reads.

    Parameters
    ----------
    case
        Its files and window count.
    additional
        Files loaded after them.
    version
        Of the simulator.
    """
    seen = hashlib.sha256(f"{version} {case.begin_s:g} {case.end_s:g}".encode())
    files = (case.config_file, case.net_file, *case.route_files, *case.additional_files)
    for file in (*files, *additional):
        seen.update(hashlib.sha256(file.read_bytes()).digest())
    return seen.hexdigest()[:16]
