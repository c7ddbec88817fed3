"""The quality table of pre-timed plans: ours, the plan in force and every peer, in SUMO.

    python -m benchmarks.pretimed cologne8 arterial:10:7 grid:4x4:7 --seeds 101-110 --out runs/q

A scenario is a city of the catalog, a path, or a street drawn on demand (``arterial:SIGNALS:SEED``,
``grid:ROWSxCOLUMNS:SEED``, ``town:SIGNALS:SEED``). With ``--rules street`` everybody keeps
clearances by formula and lets people walk at every crossing every cycle
(`scenarios.street_rules`).

Plans are made from counts under seeds 1 to 3; every controller plays the same seeds, which nobody
has tuned on. Delay follows the measuring rule of `engine.validate.sumo`: every vehicle due counts,
also those kept outside. Of a peer's variants the one with the least mean delay on these very seeds
is taken, which favors the peer.

``--out`` keeps ``rows.csv`` (a row per run, added as it ends), the plans, ``table.md`` and
``intervals.png``. The same command again plays only what is missing; plans are made anew only
where scenario, peer or source code changed, and only plans that came out different are played.

The scenarios of the catalog are those of the ``sumo-rl`` package; its ingolstadt7 lacks one
phase of one program that RESCO's own file has (in force 127 s instead of 86 s on seeds 1 to
3). Give the path of RESCO's configuration to compare with published figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.ours import Ours, given
from benchmarks.peers.peer import Peer
from benchmarks.quality.figure import draw
from benchmarks.quality.limits import read_limits
from benchmarks.quality.plans import made
from benchmarks.quality.rows import RowFile, digest_of, refusal
from benchmarks.quality.runs import Job, job_of, play_all
from benchmarks.quality.subjects import FORMS, RULES, SHIPPED, label_of, subject_of
from benchmarks.quality.table import entries_of, markdown
from network.errors import ScenarioError, ThroughbandError

ROWS, TABLE, PICTURE = "rows.csv", "table.md", "intervals.png"


def measure(
    scenarios: Sequence[str],
    rules: Sequence[str],
    peers: Sequence[Peer],
    seeds: Sequence[int],
    workers: int,
    folder: Path,
    tell: Callable[[str], None],
) -> None:
    """Play all peers on all subjects, and write rows, table and picture.

    Parameters
    ----------
    scenarios, rules, peers
        What to play, under which rules.
    seeds
        At least two.
    workers
        SUMO processes at a time.
    folder
        For the rows and everything else that is kept.
    tell
        Told of progress.
    """
    file = RowFile(folder / ROWS)
    labels = [label_of(scenario) for scenario in scenarios]
    if len(set(labels)) < len(labels):
        raise ScenarioError(f"two scenarios are called alike in the table: {', '.join(labels)}")
    for scenario in scenarios:
        for rule in rules:
            jobs = _jobs(scenario, rule, peers, seeds, file, folder, tell)
            play_all(jobs, file, workers, tell)
            _report(file, seeds, folder)
    tell(f"{folder / TABLE}, {folder / PICTURE}")


def _jobs(
    scenario: str,
    rule: str,
    peers: Sequence[Peer],
    seeds: Sequence[int],
    file: RowFile,
    folder: Path,
    tell: Callable[[str], None],
) -> list[Job]:
    """Have every peer time a subject; return its runs, seed by seed."""
    label = label_of(scenario)
    drawings = folder / "scenarios"
    if rule != SHIPPED:
        # A scenario that is not there at all is no row but a slip of the pen.
        subject_of(scenario, SHIPPED, drawings, tell)
    try:
        subject = subject_of(scenario, rule, drawings, tell)
    except ThroughbandError as error:
        if rule == SHIPPED:
            raise
        for peer in peers:
            file.add(refusal((label, rule, peer.name, "", peer.version), str(error)))
        tell(f"{label} {rule}: {error}")
        return []
    digest = digest_of(subject.setting.case, (), "")
    subject = replace(subject, counts_folder=folder / "counts" / f"{label}-{rule}-{digest}")
    jobs: list[Job] = []
    for peer in peers:
        where = folder / "plans" / f"{label}-{rule}" / peer.name.replace(" ", "_")
        found = made(subject, peer, digest, where)
        for offer in found.offers:
            name = (label, rule, peer.name, offer.variant, peer.version)
            if offer.reason:
                file.add(refusal(name, offer.reason))
                tell(f"{label} {rule}: {peer.name} {offer.variant}: {offer.reason}")
                continue
            tell(f"{label} {rule}: {peer.name} {offer.variant}: {offer.note or 'ready'}")
            jobs += [
                job_of(name, subject.setting.case, offer, seed, found.made_s) for seed in seeds
            ]
    # Seeds outside: what is compared runs under the same load, and a cut leaves whole seeds.
    return sorted(jobs, key=lambda job: seeds.index(job.seed))


def _report(file: RowFile, seeds: Sequence[int], folder: Path) -> str:
    entries = entries_of(tuple(file.rows.values()), seeds)
    text = markdown(entries, read_limits())
    (folder / TABLE).write_text(text, encoding="utf-8")
    if any(entry.runs for entry in entries):
        draw(entries, folder / PICTURE)
    return text


def seeds_of(text: str) -> list[int]:
    """Read ``101-105`` or ``101,104,107`` as seeds."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    if len(seeds) < 2 or len(set(seeds)) != len(seeds):
        raise argparse.ArgumentTypeError("give at least two different seeds, such as 101-105")
    return seeds


def chosen(peers: Sequence[Peer], names: str) -> list[Peer]:
    """Return the peers of a list of names.

    Raises
    ------
    ScenarioError
        If a name is unknown; it lists the known ones.
    """
    wanted = [name.strip() for name in names.split(",")] if names else []
    known = [peer.name for peer in peers]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ScenarioError(f"unknown peer {unknown[0]!r}; known are {', '.join(known)}")
    return [peer for peer in peers if not wanted or peer.name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"city, path, or {FORMS}")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 111)))
    parser.add_argument("--rules", choices=[*RULES, "both"], default=SHIPPED)
    parser.add_argument("--peers", default="", metavar="NAME,NAME", help="all by default")
    parser.add_argument("--plan", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--jobs", type=int, default=1, help="SUMO processes at a time")
    parser.add_argument("--out", type=Path, help="folder to keep and to resume from")
    parser.add_argument("--list", action="store_true", help="name the peers and their sources")
    parser.add_argument("--table", action="store_true", help="only print what --out holds")
    options = parser.parse_args(arguments)
    began_s = time.monotonic()

    def tell(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began_s:6.0f} s] {text}\n")
        sys.stderr.flush()

    try:
        peers = [*PEERS, *given(options.plan), Ours()]
        if options.list:
            for peer in peers:
                print(f"{peer.name} {peer.version}: {peer.source}")
            return 0
        if options.table and options.out is not None:
            print(_report(RowFile(options.out / ROWS), options.seeds, options.out))
            return 0
        if not options.scenarios:
            parser.error("give a SCENARIO, or --table with --out")
        if options.jobs < 1:
            parser.error(f"--jobs: found {options.jobs}, allowed 1 and more")
        rules = list(RULES) if options.rules == "both" else [options.rules]
        wanted = chosen(peers, options.peers)
        with tempfile.TemporaryDirectory(prefix="throughband-") as temporary:
            folder = options.out or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            measure(options.scenarios, rules, wanted, options.seeds, options.jobs, folder, tell)
            print((folder / TABLE).read_text(encoding="utf-8"))
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
