"""Playing plans in SUMO, a row at a time; a finished row is not played again.

Variants that came out as the same file are played once; every one gets its row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import defusedxml.ElementTree
import sumolib

from benchmarks.peers.peer import Offer
from benchmarks.quality.rows import ResultRow, RowFile, digest_of, row_of
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run

LAST_S: Final = 300.0
"""Standing is looked at over the last five minutes of the window."""
SUMMARY_PERIOD_S: Final = 60


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be played.

    Attributes
    ----------
    name
        Scenario, rules, controller, variant, version.
    case, offer, seed, digest, made_s
        What to play, and what goes into the row.
    """

    name: tuple[str, str, str, str, str]
    case: SimulationCase
    offer: Offer
    seed: int
    digest: str
    made_s: float

    @property
    def key(self) -> tuple[str, str, str, str, int, str]:
        """As `ResultRow.key`."""
        return (*self.name[:4], self.seed, self.digest)


def job_of(
    name: tuple[str, str, str, str, str],
    case: SimulationCase,
    offer: Offer,
    seed: int,
    made_s: float,
) -> Job:
    """Prepare a run.

    Parameters
    ----------
    name, case, offer, seed, made_s
        As the job's attributes.
    """
    files = (offer.file,) if offer.file is not None else ()
    digest = digest_of(case, files, f"sumo {sumolib.version.gitDescribe()}")
    return Job(name, case, offer, seed, digest, made_s)


def play(job: Job) -> ResultRow:
    """Play one run."""
    files = (job.offer.file,) if job.offer.file is not None else ()
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        summary = Path(folder) / "summary.xml"
        options = {
            "summary-output": str(summary),
            "summary-output.period": str(SUMMARY_PERIOD_S),
        }
        measures = run(job.case, job.seed, files, None, False, options=options)
        share = standing_share(summary, job.case.end_s)
    return row_of(job.name, job.digest, measures, share, job.made_s, job.offer.note)


def standing_share(summary: Path, end_s: float) -> float:
    """Return the mean part of vehicles in the network that stood at the end of the window.

    Parameters
    ----------
    summary
        SUMO's summary output.
    end_s
        End of the window; the last `LAST_S` before it count.
    """
    shares = [
        int(step.get("halting", "0")) / running
        for step in defusedxml.ElementTree.parse(summary).getroot().iter("step")
        if float(step.get("time", "0")) >= end_s - LAST_S
        and (running := int(step.get("running", "0"))) > 0
    ]
    return sum(shares) / len(shares) if shares else 0.0


def play_all(jobs: Sequence[Job], file: RowFile, workers: int, tell: Callable[[str], None]) -> None:
    """Play what is not in the file yet, and add each row as it is finished.

    Parameters
    ----------
    jobs
        In the order to play.
    file
        Where rows go.
    workers
        SUMO processes at a time.
    tell
        Told of every row.

    Raises
    ------
    SimulationError
        If a run fails; rows finished before stay.
    """
    todo: dict[tuple[int, str], Job] = {}
    twins: list[Job] = []
    for job in jobs:
        if job.key in file.rows:
            continue
        if (job.seed, job.digest) in todo or _played(job, file) is not None:
            twins.append(job)
        else:
            todo[job.seed, job.digest] = job
    kept = len(jobs) - len(todo) - len(twins)
    tell(f"{len(jobs)} runs: {kept} in {file.path.name} already, {len(twins)} like another one")
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sumo") as pool:
        waiting = iter(todo.values())
        running = {pool.submit(play, job) for _, job in zip(range(workers), waiting, strict=False)}
        done_count = 0
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                row = future.result()
                file.add(row)
                done_count += 1
                tell(
                    f"{done_count}/{len(todo)} {row.scenario} {row.rules}: {row.controller} "
                    f"{row.variant} seed {row.seed}: {row.delay_s:.1f} s, "
                    f"{row.unfinished} unfinished"
                )
            for job in waiting:
                running.add(pool.submit(play, job))
                if len(running) >= workers:
                    break
    for job in twins:
        twin = _played(job, file)
        assert twin is not None
        scenario, rules, controller, variant, version = job.name
        file.add(
            replace(
                twin,
                scenario=scenario,
                rules=rules,
                controller=controller,
                variant=variant,
                version=version,
                made_s=job.made_s,
                note=job.offer.note,
            )
        )


def _played(job: Job, file: RowFile) -> ResultRow | None:
    """Return a row of a run that read the very same files under the same seed."""
    for row in file.rows.values():
        if (row.seed, row.digest) == (job.seed, job.digest):
            return row
    return None
