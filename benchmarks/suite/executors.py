"""Where jobs are worked on: in this process, in processes beside it, or on a cluster.

A job is a small picklable value and its function has no state, so that results do not depend on
where and in what order they were made. A worker that dies takes nothing with it but the jobs it
had: they are tried once more, and are then failures of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from network.errors import EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")
DIED_TWICE: Final = "its worker died twice"


@dataclass(frozen=True, slots=True)
class Lost:
    """A job whose worker died twice."""

    why: str


class Executor(Protocol):
    """Works through items."""

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """Yield every item's position and result, in the order in which they are done."""
        ...


@dataclass(frozen=True, slots=True)
class Serial:
    """One after the other, here."""

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """See `Executor`."""
        for position, item in enumerate(items):
            yield position, function(item)


@dataclass(frozen=True, slots=True)
class _Numbered(Generic[Item, Result]):
    """A function that tells which item its result belongs to."""

    function: Callable[[Item], Result]

    def __call__(self, position: int, item: Item) -> tuple[int, Result]:
        return position, self.function(item)


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine, by joblib.

    Attributes
    ----------
    workers
        How many.
    """

    workers: int

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """See `Executor`."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        todo = set(range(len(items)))
        try:
            for position, result in self._together(function, items, sorted(todo)):
                todo.discard(position)
                yield position, result
        except TerminatedWorkerError:
            # Nobody knows whose job it was: what is left is tried alone, so that one that kills
            # its worker again takes no other with it.
            for position in sorted(todo):
                try:
                    yield next(self._together(function, items, [position]))
                except TerminatedWorkerError:
                    yield position, Lost(DIED_TWICE)

    def _together(
        self, function: Callable[[Item], Result], items: Sequence[Item], which: Sequence[int]
    ) -> Iterator[tuple[int, Result]]:
        from joblib import Parallel, delayed

        numbered = _Numbered(function)
        pool = Parallel(n_jobs=self.workers, backend="loky", return_as="generator_unordered")
        done: Generator[tuple[int, Result], None, None] = pool(
            delayed(numbered)(position, items[position]) for position in which
        )
        try:
            for one in done:  # noqa: UP028 - closed below, in silence
                yield one
        finally:
            # Whoever stops in the middle knows that work is dropped.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "[0-9]+ tasks which were still being processed")
                done.close()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers of a ``dask.distributed`` scheduler.

    Attributes
    ----------
    address
        Of the scheduler, as in ``tcp://10.0.0.5:8786``.
    """

    address: str

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """See `Executor`.

        Raises
        ------
        EngineError
            If the extra is not installed, nobody answers or works at the address, or the
            workers have another code or other versions than we.
        """
        try:
            from benchmarks.suite.cluster import run_on_cluster
        except ImportError as error:
            raise EngineError(
                "--cluster needs the extra 'cluster': pip install 'throughband[cluster]'"
            ) from error
        for position, result in run_on_cluster(self.address, function, items):
            yield position, Lost(DIED_TWICE) if result is None else result


def executor_of(workers: int, cluster: str | None) -> Executor:
    """Return where to work: a cluster if there is one, else as many processes as wanted."""
    if cluster is not None:
        return Cluster(cluster)
    return Serial() if workers == 1 else Processes(workers)
