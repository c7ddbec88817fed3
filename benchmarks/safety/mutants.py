"""Change the two safety checkers in one place at a time and count the changes that tests notice.

Needs `mutmut` (extra ``mutants``), whose operators make the changes. Each mutant runs in a process
of its own, forked from one that has loaded everything but the checkers, against the checkers' tests
with the quickest first. Left out are the tests that draw their cases with hypothesis: they take a
hundred times as long, so what they alone would notice is counted as unnoticed. Run
``python -m benchmarks.safety.mutants --sample 300``; without ``--sample`` every mutant is tried.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
CHECKERS = (
    *("network.safety", "network.ring_rules", "network.signal_pictures", "network.concurrency"),
    *("network.timeline", "network.film"),
)
TESTS = (
    "tests/network/test_safety_limits.py",
    "tests/network/test_safety_rings.py",
    "tests/network/test_pedestrians.py",
    "tests/network/test_rings.py",
    "tests/network/test_checkers.py",
    "tests/network/test_safety_drawn.py",
)
PRELOADED = (
    "hypothesis",
    "pytest",
    "benchmarks.safety.drawn",
    "benchmarks.safety.spoilt",
    "network.readers.sumo_net",
    "tests.rings",
)
"""What the tests import apart from the checkers; loaded once, before any mutant is forked."""

WISH = (
    *("-x", "-q", "-m", "not hypothesis", "--assert=plain"),
    *("-p", "no:cacheprovider", "-p", "no:unraisableexception"),
)
LIMIT_S = 20
"""Processor time of a mutant, several times what the tests take; one that needs more hangs."""
WALL_LIMIT_S = 120
MEMORY_BYTES = 4 * 2**30
LEAST_KILLED = 0.95
SURVIVED = 77
"""Exit code; one that no crash gives."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed module: its name, whole source, the line, and the change in words."""

    module: str
    source: str
    line: int
    change: str


def mutants(module: str, sample: int, rng: np.random.Generator) -> tuple[int, Iterator[Mutant]]:
    """Return how many mutants of a module mutmut's operators make, and some or all of them.

    Parameters
    ----------
    module
        Dotted name.
    sample
        How many to draw; 0 for all.
    rng
        Source of chance.
    """
    from libcst import Module
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation.file_mutation import create_mutations, deep_replace

    path = ROOT / (module.replace(".", "/") + ".py")
    tree, found, _, _ = create_mutations(str(path), path.read_text())
    lines = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
    drawn = range(len(found))
    if 0 < sample < len(found):
        drawn = sorted(rng.choice(len(found), sample, replace=False).tolist())

    def changed() -> Iterator[Mutant]:
        for at in drawn:
            old, new = found[at].original_node, found[at].mutated_node
            whole = deep_replace(tree, old, new)
            assert isinstance(whole, Module)
            place = lines.get(old)
            words = [tree.code_for_node(node).strip().splitlines()[0] for node in (old, new)]
            yield Mutant(module, whole.code, place.start.line if place else 0, " -> ".join(words))

    return len(found), changed()


class _Changed:
    """Finds one module in a text instead of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        del path, target
        if name != self._mutant.module:
            return None
        file = ROOT / (name.replace(".", "/") + ".py")
        return importlib.util.spec_from_file_location(name, file, loader=self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        del spec

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source, f"<{self._mutant.module}>", "exec"), module.__dict__)


def preload() -> None:
    """Load what the tests need apart from the checkers, real networks included."""
    for name in PRELOADED:
        importlib.import_module(name)
    import pytest

    from tests.network import streets

    for name in streets.ALL:
        try:
            streets.network(name)
        except pytest.skip.Exception:
            continue
    loaded = [name for name in CHECKERS if name in sys.modules]
    assert not loaded, loaded
    # What is shared with the forked processes is not looked through for garbage again.
    gc.freeze()


def survives(mutant: Mutant) -> bool:
    """Run the tests on a mutant in this process; tell whether all of them pass."""
    import pytest

    sys.meta_path.insert(0, _Changed(mutant))
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return pytest.main([*WISH, *TESTS]) == 0


def _judge(mutant: Mutant) -> None:
    signal.alarm(WALL_LIMIT_S)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.chdir(ROOT)
    os._exit(SURVIVED if survives(mutant) else 0)


def judged(changes: Iterable[Mutant], workers: int) -> Iterator[tuple[Mutant, bool]]:
    """Try each mutant in a process of its own; one that hangs or dies is noticed.

    Parameters
    ----------
    changes
        The mutants.
    workers
        How many processes run at once.

    Yields
    ------
    tuple
        A mutant, and whether it survived.
    """
    context = get_context("fork")
    running: dict[int, tuple[BaseProcess, Mutant]] = {}

    def ended() -> Iterator[tuple[Mutant, bool]]:
        for sentinel in connection.wait(list(running)):
            assert isinstance(sentinel, int)
            process, mutant = running.pop(sentinel)
            process.join()
            yield mutant, process.exitcode == SURVIVED

    for mutant in changes:
        process = context.Process(target=_judge, args=(mutant,))
        process.start()
        running[process.sentinel] = process, mutant
        if len(running) >= workers:
            yield from ended()
    while running:
        yield from ended()


def main() -> int:
    """Print the table of modules and every mutant that survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="mutants per module; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--module", choices=CHECKERS, action="append", help="only these")
    wish = parser.parse_args()
    console = Console(highlight=False)
    table = Table("module", "mutants", "tried", "killed", "share")
    rng = np.random.default_rng(wish.seed)
    preload()
    untouched = [Mutant("", "", 0, "")]
    if not all(survived for _, survived in judged(untouched, 1)):
        console.print("the tests fail on the checkers as they are")
        return 2
    tried_in_all = killed_in_all = 0
    began = time.perf_counter()
    for module in wish.module or CHECKERS:
        count, changes = mutants(module, wish.sample, rng)
        tried = killed = 0
        for mutant, survived in judged(changes, wish.workers):
            tried += 1
            killed += not survived
            if survived:
                console.print(f"{module}:{mutant.line}: {mutant.change}", markup=False)
        tried_in_all += tried
        killed_in_all += killed
        table.add_row(module, str(count), str(tried), str(killed), f"{killed / tried:.1%}")
        console.print(f"{module}: killed {killed} of {tried}")
    console.print(table)
    share = killed_in_all / tried_in_all
    took_s = time.perf_counter() - began
    console.print(
        f"killed {killed_in_all} of {tried_in_all}: {share:.1%} (limit {LEAST_KILLED:.0%}) in "
        f"{took_s:.0f} s, {took_s / tried_in_all:.1f} s each"
    )
    return int(share < LEAST_KILLED)


if __name__ == "__main__":
    raise SystemExit(main())
