"""Change the two safety checkers at random places and count the changes that tests notice.

Needs `mutmut` (extra ``bench``), whose operators make the changes. Each mutant runs in a process of
its own against the checkers' tests, the quickest first. Run
``python -m benchmarks.safety.mutants --sample 300``; without ``--sample`` every mutant is tried.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
CHECKERS = ("network.safety", "network.concurrency", "network.timeline", "network.film")
TESTS = (
    "tests/network/test_safety_drawn.py",
    "tests/network/test_rings.py",
    "tests/network/test_checkers.py",
    "tests/network/test_pedestrians.py",
)
LIMIT_S = 120
LEAST_KILLED = 0.95


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed module: its name, whole source, the line, and the change in words."""

    module: str
    source: str
    line: int
    change: str


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module that mutmut's operators make.

    Parameters
    ----------
    module
        Dotted name.
    """
    from libcst import Module
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation.file_mutation import create_mutations, deep_replace

    path = ROOT / (module.replace(".", "/") + ".py")
    tree, found, _, _ = create_mutations(str(path), path.read_text())
    lines = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
    for mutation in found:
        old, new = mutation.original_node, mutation.mutated_node
        changed = deep_replace(tree, old, new)
        assert isinstance(changed, Module)
        place = lines.get(old)
        before, after = (tree.code_for_node(node).strip().splitlines()[0] for node in (old, new))
        yield Mutant(module, changed.code, place.start.line if place else 0, f"{before} -> {after}")


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


def survives(mutant: Mutant) -> bool:
    """Run the tests on a mutant in this process; tell whether all of them pass."""
    import pytest

    signal.alarm(LIMIT_S)
    sys.meta_path.insert(0, _Changed(mutant))
    wish = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return all(pytest.main([*wish, test]) == 0 for test in TESTS)


def _judge(mutant: Mutant, answer: object) -> None:
    os.chdir(ROOT)
    code = 1 if survives(mutant) else 0
    os._exit(code)


def alive(mutant: Mutant) -> bool:
    """Try a mutant in a process of its own; one that hangs or dies is noticed."""
    process = get_context("fork").Process(target=_judge, args=(mutant, None))
    process.start()
    process.join()
    return process.exitcode == 1


def main() -> int:
    """Print the table of modules and every mutant that survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="mutants per module; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    console = Console(highlight=False)
    table = Table("module", "mutants", "tried", "killed", "share")
    rng = np.random.default_rng(wish.seed)
    tried_in_all = killed_in_all = 0
    left: list[Mutant] = []
    began = time.perf_counter()
    for module in CHECKERS:
        every = list(mutants(module))
        chosen = every
        if 0 < wish.sample < len(every):
            chosen = [every[i] for i in sorted(rng.choice(len(every), wish.sample, replace=False))]
        killed = 0
        for mutant in chosen:
            if alive(mutant):
                left.append(mutant)
                console.print(f"{module}:{mutant.line}: {mutant.change}", markup=False)
            else:
                killed += 1
        tried_in_all += len(chosen)
        killed_in_all += killed
        table.add_row(
            module, str(len(every)), str(len(chosen)), str(killed), f"{killed / len(chosen):.1%}"
        )
    console.print(table)
    share = killed_in_all / tried_in_all
    console.print(
        f"killed {killed_in_all} of {tried_in_all}: {share:.1%} (limit {LEAST_KILLED:.0%}) in "
        f"{time.perf_counter() - began:.0f} s"
    )
    return int(share < LEAST_KILLED)


if __name__ == "__main__":
    raise SystemExit(main())
