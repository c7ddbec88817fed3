"""Jobs on the workers of a ``dask.distributed`` scheduler; needs the extra ``cluster``.

A worker that dies takes with it the job that killed it and those that only waited there, and
nobody knows which is which. So each of them is given back at its first death, and tried once more
alone when everything else is done: one that kills its worker again is lost, and takes no other
with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import distributed

from benchmarks.suite.versions import code_digest
from network.errors import EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")
CONNECT_WITHIN: Final = "10s"


class FirstDeath(distributed.SchedulerPlugin):  # type: ignore[misc]
    """Has a scheduler give our jobs back at their first death, whatever it allows others.

    Parameters
    ----------
    prefix
        How the names of our jobs begin.
    """

    def __init__(self, prefix: str) -> None:
        self.name = prefix
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Remember whose plugin this is."""
        self._scheduler = scheduler

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        """Leave a job that begins no further death."""
        if finish == "processing" and str(key).startswith(self.name):
            self._scheduler.tasks[key].suspicious = self._scheduler.allowed_failures


def run_on_cluster(
    address: str, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[tuple[int, Result | None]]:
    """Yield every item's position and result as they are done; None for a job that is lost.

    Parameters
    ----------
    address
        Of the scheduler.
    function, items
        What to do; both travel by pickle.

    Raises
    ------
    EngineError
        If nobody answers at the address, nobody works there, or the workers have other versions
        or another code than we.
    """
    try:
        client = distributed.Client(address, timeout=CONNECT_WITHIN, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(f"no cluster at {address}: {error}") from error
    with client:
        _require_alike(client, address)
        name = f"throughband-{uuid.uuid4().hex[:12]}"
        client.register_plugin(FirstDeath(name))
        try:
            died: list[int] = []
            futures = {
                client.submit(function, item, key=f"{name}-{position}", pure=False): position
                for position, item in enumerate(items)
            }
            for future in distributed.as_completed(list(futures), loop=client.loop):
                position = futures.pop(future)
                try:
                    result = future.result()
                except distributed.KilledWorker:
                    died.append(position)
                else:
                    yield position, result
            for position in sorted(died):
                key = f"{name}-{position}-again"
                future = client.submit(function, items[position], key=key, pure=False)
                try:
                    result = future.result()
                except distributed.KilledWorker:
                    yield position, None
                else:
                    yield position, result
        finally:
            client.unregister_scheduler_plugin(name)


def _require_alike(client: Any, address: str) -> None:
    try:
        client.get_versions(check=True)
    except ValueError as error:
        raise EngineError(f"the cluster's workers differ from us: {error}") from error
    require_same_code(client.run(code_digest), code_digest(), address)


def require_same_code(workers: Mapping[str, str], ours: str, address: str) -> None:
    """Refuse a cluster whose results would not be ours.

    Parameters
    ----------
    workers
        Digest of the source code by worker.
    ours
        The same here.
    address
        Of the scheduler, for the message.

    Raises
    ------
    EngineError
        If nobody works there, or under another code.
    """
    if not workers:
        raise EngineError(f"nobody works at {address}: start workers there first")
    other = sorted(worker for worker, digest in workers.items() if digest != ours)
    if other:
        raise EngineError(
            f"{len(other)} of {len(workers)} workers at {address} have another code than this one, "
            f"{other[0]} first; install the same version everywhere"
        )
