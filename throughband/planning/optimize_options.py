"""Lock files of ``--lock``: what the engineer will not have changed.

format = "throughband.locks"
version = 1

[[plan]]                      # these plans stay whole
signals = ["A1"]

[[cycle]]                     # these signals run this cycle; without signals all do
signals = ["B1", "B2"]
cycle_s = 90

[[split]]                     # phase 2 gets 23 s; or least_s and most_s, one or both
signal = "B1"
phase = 2
split_s = 23

[[offset]]                    # offsets in force stay; keep = "differences": they shift together
signals = ["B1", "B2"]
keep = "offsets"

[[sequence]]                  # the phases in force stay in their order; or order = [1, 2, 3]
signals = ["B2"]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.optimize.lock_checks import locked
from engine.optimize.locks import (
    CycleLock,
    Lock,
    Locks,
    OffsetLock,
    PlanLock,
    SequenceLock,
    SplitLock,
)
from network.documents import DocumentForm
from network.errors import PlanError
from network.fields import Fields
from network.files import MOST_PHASES
from network.graph import RoadNetwork
from network.safety import LONGEST_CYCLE_S
from network.toml_text import MOST_BYTES, TomlFile, read_toml

LOCK_FORM: Final = DocumentForm("throughband.locks", "lock file", 1, PlanError, {}, MOST_BYTES)

KINDS: Final = ("plan", "cycle", "split", "offset", "sequence")
OFFSETS: Final = "offsets"
DIFFERENCES: Final = "differences"

_HEAD = re.compile(r"\s*\[\[\s*([a-z]+)\s*\]\]")


def read_locks(path: Path, network: RoadNetwork) -> Locks:
    """Read a lock file and hold it against a network.

    Parameters
    ----------
    path
        The file.
    network
        The signals it speaks of.

    Returns
    -------
    Locks

    Raises
    ------
    PlanError
        If the file cannot be read or is malformed; with the line.
    InfeasibleError
        If it names what the network lacks, if two locks contradict each other, or if no lawful
        plan meets them.
    """
    page = read_toml(Path(path), LOCK_FORM)
    Fields.of(page.document, page.place(), PlanError, ("format", "version"), KINDS)
    return locked(network, tuple(_locks(page, network)))


def _locks(page: TomlFile, network: RoadNetwork) -> Iterator[Lock]:
    heads = _heads(page.text)
    for kind in KINDS:
        tables = page.document.get(kind, [])
        if not isinstance(tables, list):
            raise PlanError(f"{page.where(kind)}: found one table; allowed are [[{kind}]]")
        for at, table in enumerate(tables):
            # A line per lock: to walk the whole text for each would take its square.
            line = heads.get((kind, at))
            where = f"{page.path}, line {line}" if line else page.where(kind, at)
            yield _READERS[kind](_Entry(where, table, page.place(kind, at)), network)


def _heads(text: str) -> dict[tuple[str, int], int]:
    """Lines on which tables of each kind begin, by their number."""
    found: dict[tuple[str, int], int] = {}
    counts = dict.fromkeys(KINDS, 0)
    for number, line in enumerate(text.split("\n"), start=1):
        head = _HEAD.match(line)
        if head and head[1] in counts:
            found[head[1], counts[head[1]]] = number
            counts[head[1]] += 1
    return found


@dataclass(frozen=True, slots=True)
class _Entry:
    """One table of the file."""

    where: str
    table: object
    place: Callable[[str], str]

    def fields(self, required: tuple[str, ...], *optional: str) -> Fields:
        return Fields.of(self.table, self.place, PlanError, required, optional)


def _plan(entry: _Entry, network: RoadNetwork) -> Lock:
    found = entry.fields(("signals",))
    return PlanLock(entry.where, _signals(found))


def _cycle(entry: _Entry, network: RoadNetwork) -> Lock:
    found = entry.fields(("cycle_s",), "signals")
    cycle_s = found.whole("cycle_s", 1, LONGEST_CYCLE_S)
    signals = _signals(found) if found.has("signals") else _retimed(network)
    return CycleLock(entry.where, signals, cycle_s)


def _split(entry: _Entry, network: RoadNetwork) -> Lock:
    sizes = ("split_s", "least_s", "most_s")
    found = entry.fields(("signal", "phase"), *sizes)
    if found.has("split_s") == (found.has("least_s") or found.has("most_s")):
        raise PlanError(
            f"{entry.where}: found {', '.join(k for k in sizes if found.has(k)) or 'none'}"
            "; allowed is split_s, or least_s, most_s or both"
        )
    where, signals = entry.where, (found.text("signal"),)
    phase = found.whole("phase", 1, MOST_PHASES)
    if found.has("split_s"):
        split_s = found.whole("split_s", 1, LONGEST_CYCLE_S)
        return SplitLock(where, signals, phase, split_s, split_s)
    least_s = found.whole("least_s", 1, LONGEST_CYCLE_S) if found.has("least_s") else 0
    most_s = LONGEST_CYCLE_S
    if found.has("most_s"):
        most_s = found.whole("most_s", max(1, least_s), LONGEST_CYCLE_S)
    return SplitLock(where, signals, phase, least_s, most_s)


def _offset(entry: _Entry, network: RoadNetwork) -> Lock:
    found = entry.fields(("signals",), "keep")
    keep = found.choice("keep", (OFFSETS, DIFFERENCES)) if found.has("keep") else OFFSETS
    signals = _signals(found)
    if keep == DIFFERENCES and len(signals) < 2:
        raise found.refusal("signals", "are two or more whose differences are to stay")
    return OffsetLock(entry.where, signals, keep == DIFFERENCES)


def _sequence(entry: _Entry, network: RoadNetwork) -> Lock:
    found = entry.fields(("signals",), "order")
    order = found.wholes("order", 1, MOST_PHASES) if found.has("order") else ()
    if found.has("order") and not order:
        raise found.refusal("order", "are phase numbers; leave it out for the order in force")
    return SequenceLock(entry.where, _signals(found), order)


def _signals(found: Fields) -> tuple[str, ...]:
    names = found.items("signals")
    if not names or not all(type(name) is str for name in names) or len(set(names)) < len(names):
        raise found.refusal("signals", "are names of signals, each once")
    return tuple(names)


def _retimed(network: RoadNetwork) -> tuple[str, ...]:
    return tuple(
        name
        for name, signal in network.signals.items()
        if signal.phasing is not None and signal.plan_in_force is not None and not signal.left_alone
    )


_READERS: Final[dict[str, Callable[[_Entry, RoadNetwork], Lock]]] = {
    "plan": _plan,
    "cycle": _cycle,
    "split": _split,
    "offset": _offset,
    "sequence": _sequence,
}
