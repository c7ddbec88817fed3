"""Read damaged files by the ten thousand and count what is not one refusal in time and memory.

Run ``python -m benchmarks.damage``. Per reader it prints how many of the damaged files were
refused and how many still made sense, and against the limits: other exceptions (0), the slowest
reading (1 s of processor time), and the growth of the process's peak memory over all readers before
(200 MB). Six bombs per reader (rows, columns, levels, packed zeros) are among the files.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from engine.validate.sumo_process import run_process
from network.counts import CountSeries
from network.errors import ThroughbandError
from network.files import read_plan, write_plan
from network.inventory_file import read_inventory, write_inventory
from network.inventory_of import inventory_of
from network.network_file import read_network, write_network
from network.readers.counts_csv import read_counts_csv, write_counts_csv
from network.readers.counts_tmc import read_tmc
from network.readers.gmns import read_gmns
from network.readers.hires_log import read_hires_log
from network.readers.sumo_detectors import read_sumo_counts
from network.readers.sumo_net import read_sumo_network
from network.readers.tmc_mapping import TmcMapping
from network.readers.utdf import read_utdf
from network.signal_sheet import apply_sheet, write_sheet
from network.timing import PlanSet
from network.writers.gmns import write_gmns
from network.writers.utdf import write_utdf
from scenarios.builders import build
from scenarios.layout import arterial

LONGEST_S = 1.0
MOST_BYTES = 200_000_000
BUILD_TIMEOUT_S = 120.0
NASTY = (
    *(b"\x00", b"\xff\xfe", b'"', b"\n", b",", b";", b"-1", b"nan", b"inf", b"1e999", b"9" * 40),
    *(b"<!DOCTYPE x [<!ENTITY e 'e'>]>", b"&e;", b"<a>" * 300, b"{", b"]" * 200, b"[" * 2000),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A reader, and a sound file for it; of a folder, one of its files is damaged."""

    name: str
    read: Callable[[Path], object]
    path: Path
    file: Path


@dataclass(slots=True)
class Outcome:
    """What became of one reader's damaged files."""

    refused: int = 0
    read: int = 0
    escaped: str = ""
    slowest_s: float = 0.0
    grown_bytes: int = 0


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged version of some content: flipped, cut, doubled, spliced."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data) + 1))
        end = min(len(data), at + int(rng.choice([1, 3, 20, 200])))
        act = int(rng.integers(6))
        if act == 0 and at < len(data):
            data[at] ^= 1 << int(rng.integers(8))
        elif act == 1:
            del data[at:]
        elif act == 2:
            del data[at:end]
        elif act == 3:
            data[at:at] = data[at:end] * int(rng.choice([1, 2, 30]))
        else:
            data[at : end if act == 5 else at] = NASTY[int(rng.integers(len(NASTY)))]
    return bytes(data)


def bombs(sound: bytes) -> tuple[bytes, ...]:
    """Return what is made to exhaust a reader: endless rows, columns, levels, and packed zeros."""
    row = sound.splitlines(keepends=True)[-1] if sound.isascii() else b"x\n"
    return (
        sound + row * (10_000_000 // max(len(row), 1)),
        sound + b"," * 1_000_000,
        sound + b"\n" * 5_000_000,
        b"[" * 1_000_000,
        b"<a>" * 1_000_000,
        _packed(sound),
    )


def _packed(sound: bytes) -> bytes:
    """Pack 200 MB of zeros piece by piece, so that the memory seen is the reader's."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(sound), *(packer.compress(bytes(1 << 20)) for _ in range(200))]
    return b"".join((*parts, packer.flush()))


def subjects(folder: Path) -> list[Subject]:
    """Make a small street and one sound file of every kind."""
    layout = arterial(2, 1)
    build(layout, folder, lambda call, work: run_process(call, work, BUILD_TIMEOUT_S))
    net = next(folder.glob("*.net.xml"))
    network = read_sumo_network(net, ())
    inventory = inventory_of(network)
    zipped = folder / "zipped.net.xml.gz"
    zipped.write_bytes(gzip.compress(net.read_bytes(), mtime=0))
    write_network(folder / "network.json", network)
    write_inventory(folder / "inventory.json", inventory)
    write_sheet(folder / "signals.toml", network)
    plans = tuple(s.plan_in_force for s in network.signals.values() if s.plan_in_force)
    write_plan(folder / "plan.json", PlanSet("street", plans, {}), network)
    write_utdf(folder / "utdf.csv", inventory)
    write_gmns(folder / "gmns", inventory)
    names = list(network.movements)
    volume = np.arange(12 * len(names), dtype=np.float64).reshape(12, len(names)) % 40
    counts = CountSeries.from_volumes("movement", names, 0, 300, volume)
    write_counts_csv(folder / "counts.csv", counts)
    tmc = ["Date,Time,NB Left,NB Thru,NB Right,SB Left,SB Thru,SB Right"]
    tmc += [f"2026-03-02,{7 + q // 4:02}:{15 * (q % 4):02},1,{q},3,4,5,6" for q in range(16)]
    (folder / "tmc.csv").write_text("\n".join(tmc) + "\n")
    log = ["TimeStamp,DeviceId,EventId,Parameter"]
    log += [f"2026-03-02 07:{s // 60:02}:{s % 60:02}.{s % 10},7,{81 + s % 2},4" for s in range(900)]
    (folder / "log.csv").write_text("\n".join(log) + "\n")
    loops = "".join(
        f'<interval begin="{t}.00" end="{t + 300}.00" id="d{d}" nVehContrib="9" flow="108.00"/>\n'
        for t in range(0, 3600, 300)
        for d in range(3)
    )
    (folder / "e1.xml").write_text(f"<detector>\n{loops}</detector>\n")
    whole = {
        "SUMO network": (net, lambda path: read_sumo_network(path, ())),
        "SUMO network, gzipped": (zipped, lambda path: read_sumo_network(path, ())),
        "SUMO detector output": (folder / "e1.xml", read_sumo_counts),
        "UTDF": (folder / "utdf.csv", read_utdf),
        "counts": (folder / "counts.csv", read_counts_csv),
        "turning movement counts": (
            folder / "tmc.csv",
            lambda path: read_tmc(path, TmcMapping(zone="UTC", intersection="A")),
        ),
        "controller log": (folder / "log.csv", lambda path: read_hires_log(path, "UTC")),
        "network": (folder / "network.json", read_network),
        "inventory": (folder / "inventory.json", read_inventory),
        "plan": (folder / "plan.json", read_plan),
        "signal sheet": (folder / "signals.toml", lambda path: apply_sheet(network, path)),
    }
    found = [Subject(name, read, path, path) for name, (path, read) in whole.items()]
    for table in ("link", "lane", "movement", "signal_timing_phase"):
        file = folder / "gmns" / f"{table}.csv"
        found.append(Subject(f"GMNS, {table}", read_gmns, file.parent, file))
    return found


def tried(subject: Subject, count: int, seed: int) -> Outcome:
    """Let a reader read damaged versions of its file; the sound one is put back."""
    rng = np.random.default_rng(seed)
    sound = subject.file.read_bytes()
    subject.read(subject.path)
    outcome = Outcome()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trials = chain((damaged(sound, rng) for _ in range(count)), bombs(sound))
    for content in trials:
        subject.file.write_bytes(content)
        begin = time.process_time()
        try:
            subject.read(subject.path)
            outcome.read += 1
        except ThroughbandError:
            outcome.refused += 1
        except Exception as error:  # noqa: BLE001  what else comes out is what is looked for
            outcome.escaped = outcome.escaped or repr(error)[:80]
        outcome.slowest_s = max(outcome.slowest_s, time.process_time() - begin)
    subject.file.write_bytes(sound)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    outcome.grown_bytes = 1024 * grown
    return outcome


def main() -> int:
    """Print the table; the exit code tells whether every limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="damaged files per reader")
    parser.add_argument("--seed", type=int, default=101)
    wish = parser.parse_args()
    table = Table("reader", "refused", "read", "escaped (0)", "slowest (1 s)", "memory (200 MB)")
    failed = False
    with tempfile.TemporaryDirectory() as name:
        for subject in subjects(Path(name)):
            outcome = tried(subject, wish.count, wish.seed)
            failed |= bool(outcome.escaped) or outcome.slowest_s > LONGEST_S
            failed |= outcome.grown_bytes > MOST_BYTES
            table.add_row(
                subject.name,
                f"{outcome.refused:,}",
                f"{outcome.read:,}",
                outcome.escaped or "0",
                f"{outcome.slowest_s:.2f} s",
                f"{outcome.grown_bytes / 1e6:.0f} MB",
            )
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
