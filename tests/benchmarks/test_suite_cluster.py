"""A suite on a local cluster: the same bytes, also when workers die and when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from benchmarks.suite.cluster import require_same_code
from benchmarks.suite.executors import Cluster, Lost, Serial
from benchmarks.suite.report import TABLE, write_report
from benchmarks.suite.results import Store
from benchmarks.suite.running import play_suite
from network.errors import EngineError
from tests.benchmarks.test_suite_executors import deadly, doubled
from tests.benchmarks.test_suite_play import SMALL, silent

FILES = ("results.csv", "results.parquet", TABLE)
KILLED = """
import sys
from pathlib import Path
from benchmarks.suite.cluster import require_same_code
from benchmarks.suite.executors import Serial
from benchmarks.suite.results import Store
from benchmarks.suite.running import play_suite
from tests.benchmarks.test_suite_play import SMALL
play_suite(SMALL, Store(Path(sys.argv[1])), Serial(), lambda *told: print(*told, flush=True))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as found:
        yield found


def files(folder: Path, executor: Serial | Cluster, tell: object = silent) -> dict[str, bytes]:
    """Play the small suite and return the tables it leaves."""
    assert callable(tell)
    store = Store(folder)
    done = play_suite(SMALL, store, executor, tell)
    store.tables(done.outcomes)
    write_report(store, [SMALL], done.outcomes, [], "again")
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return files(tmp_path_factory.mktemp("serial"), Serial())


def test_jobs_that_kill_their_workers_are_tried_once_more(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    items = [(number, str(tmp_path)) for number in range(7)]
    found = dict(Cluster(cluster.scheduler_address).run(deadly, items))
    assert isinstance(found[5], Lost)
    assert {n: value for n, value in found.items() if n != 5} == {n: n for n in range(7) if n != 5}
    assert len(list(tmp_path.glob("5*"))) == 1


def test_a_cluster_does_every_item_and_forgets_us(cluster: distributed.LocalCluster) -> None:
    found = dict(Cluster(cluster.scheduler_address).run(doubled, range(7)))
    assert found == {n: 2 * n for n in range(7)}
    assert not [name for name in cluster.scheduler.plugins if name.startswith("throughband")]


def test_nobody_at_the_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.suite.cluster.CONNECT_WITHIN", "1s")
    with pytest.raises(EngineError, match="no cluster at"):
        list(Cluster("tcp://127.0.0.1:9").run(doubled, [1]))


def test_workers_with_another_code_are_refused() -> None:
    require_same_code({"a": "x", "b": "x"}, "x", "tcp://c")
    with pytest.raises(EngineError, match=r"1 of 2 workers .* b first"):
        require_same_code({"a": "x", "b": "y"}, "x", "tcp://c")
    with pytest.raises(EngineError, match="nobody works at"):
        require_same_code({}, "x", "tcp://c")


@pytest.mark.slow
@pytest.mark.sumo
def test_a_cluster_gives_the_same_bytes(
    cluster: distributed.LocalCluster, serial: dict[str, bytes], tmp_path: Path
) -> None:
    assert files(tmp_path, Cluster(cluster.scheduler_address)) == serial


@pytest.mark.slow
@pytest.mark.sumo
def test_a_worker_killed_in_mid_run_changes_nothing(
    cluster: distributed.LocalCluster, serial: dict[str, bytes], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill(what: str, number: int, whole: int) -> None:
        if what == "runs" and number == 1 and not killed:
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    assert files(tmp_path, Cluster(cluster.scheduler_address), kill) == serial
    assert killed


@pytest.mark.slow
@pytest.mark.sumo
def test_a_killed_suite_goes_on_where_it_was(serial: dict[str, bytes], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:2] == ["runs", "2"]:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    asked: list[int] = []

    def count(what: str, number: int, whole: int) -> None:
        if what == "runs" and number == 0:
            asked.append(whole)

    assert files(tmp_path, Serial(), count) == serial
    assert asked == [2]
