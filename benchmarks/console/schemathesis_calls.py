"""Call the console's API many times with what its OpenAPI document allows, and forbids.

    python -m benchmarks.console.schemathesis_calls [--calls 50000] [--seed 1]

A console listens on the loopback, with a network, a plan by somebody else, a run that waits, flows
under which offsets can be tried, an account and a warning, which calls speak of; somebody with
every right is signed in by a token. Schemathesis draws calls, positive and negative, for every
operation. A call fails where the answer is a server error, or a status, a content type or a body
that the document does not have. Runs are asked for and wait; none is begun, as that would measure
the optimizer.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import uvicorn

from network.counts import CountSeries
from network.files import write_plan
from network.graph import RoadNetwork
from network.timing import PlanSet
from throughband.console.app import create_app
from throughband.console.carrying import FILES
from throughband.console.config import ConsoleConfig
from throughband.console.desk import Desk
from throughband.counts.demand import demand
from throughband.counts.demand_file import DEMAND_NAME, write_demand
from throughband.people.rights import Right
from throughband.people.routes import API
from throughband.store.rows import RunState

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
OPERATIONS = 55
CITY = "cologne1"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """Serve a console; yield its URL and a token with every right. Its rows are in a file."""
    config = ConsoleConfig(
        folder / "console.toml", f"sqlite:///{folder / 'console.sqlite'}", None,
        folder / "journal.sqlite", folder / "runs", folder / "networks", folder / "uploads",
        folder / "backups", runs_waiting=20,
    )  # fmt: skip
    app = create_app(config, clock=lambda: datetime.now(UTC))
    desk = app.state.desk
    desk.door.add_user("fuzz", "Fuzz", list(Right), "a long enough password")
    person = desk.door.sign_in("fuzz", "a long enough password", "")[1]
    token, _ = desk.door.make_token(person, "fuzz", list(Right), 30)
    rows = furnished(desk, folder)
    lines = [f'"path.{name}" = "{value}"' for name, value in rows.items()]
    (folder / "schemathesis.toml").write_text("\n".join(["[parameters]", *lines]) + "\n")
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.should_exit = True
        thread.join(10)
        desk.store.close()


def furnished(desk: Desk, folder: Path) -> dict[str, str]:
    """Put a row of each kind into a console; return their ids by the name of the parameter."""
    now = desk.clock()
    scenario, summary = desk.scenes.summary(CITY)
    network = desk.store.networks.add(CITY, "catalog", CITY, scenario, summary, "somebody", now)
    setting = desk.scenes.setting(CITY)
    plans = [
        replace(plan, offset_s=(plan.offset_s + plan.cycle_s // 2) % plan.cycle_s)
        for signal in setting.network.signals.values()
        if (plan := signal.plan_in_force) is not None
    ]
    plan_set = PlanSet(scenario, tuple(plans), {})
    write_plan(folder / "plan.json", plan_set, setting.network)
    draft = desk.store.plans.add(
        network.id, "half a cycle later", (folder / "plan.json").read_text(), scenario,
        plan_set.digest, "upload", "somebody", now,
        report={"plan_digest": plan_set.digest, "scenario": scenario, "verdict": "better"},
    )  # fmt: skip
    _count(desk, network.id, setting.network)
    run = desk.run_orders.optimize(network.id, "somebody")
    user = desk.door.add_user("other", "Other", [Right.VIEW], None)
    warning, _ = desk.store.warnings.raise_("queue", "link 7", now, 0.9, "250 m", network.id)
    return {
        "network_id": network.id, "plan_id": draft.id, "run_id": run.id, "user_id": user.id,
        "warning_id": warning.id, "token_id": "0123456789ab", "name": "plan.json",
    }  # fmt: skip


def _count(desk: Desk, network_id: str, network: RoadNetwork) -> None:
    """Let a run have counted 200 veh/h on every movement."""
    now = desk.clock()
    counted = desk.store.runs.add("optimize", network_id, {}, desk.config.runs, "somebody", now)
    folder = Path(counted.folder) / FILES
    folder.mkdir(parents=True)
    # Drawn, because detectors that count the same in every interval are taken for stuck.
    volume = np.random.default_rng(1).poisson(200 / 12, (12, len(network.movements)))
    day = CountSeries.from_volumes(
        "movement", list(network.movements), 0.0, 300, volume.astype(float)
    )
    write_demand(folder / DEMAND_NAME, demand(network, (day,)))
    desk.store.runs.begin(counted.id, now)
    desk.store.runs.end(counted.id, RunState.DONE, 0, "", now)


def fuzz(
    calls: int, seed: int, report: Path, phases: str = "examples,coverage,fuzzing"
) -> tuple[int, int]:
    """Make about so many calls.

    Returns
    -------
    int, int
        Calls made, and Schemathesis's exit code.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        served(Path(name)) as (url, token),
        report.open("w", encoding="utf-8") as told,
    ):
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")), "run",
                f"{url}{API}/openapi.json", "--url", url,
                "-H", f"Authorization: Bearer {token}",
                "--checks", CHECKS, "--phases", phases,
                "--exclude-path-regex", "/session$|/login/|/me/password|/metrics",
                "--max-examples", str(max(1, calls // OPERATIONS)), "--seed", str(seed),
                "--generation-database", "none", "--no-color", "--request-timeout", "60",
                "--suppress-health-check", "all", "--continue-on-failure",
            ],
            stdout=told, stderr=subprocess.STDOUT, check=False,
            cwd=name,
        )  # fmt: skip
    found = re.search(r"(\d[\d,]*) generated", report.read_text(encoding="utf-8"))
    return int(found[1].replace(",", "")) if found else 0, done.returncode


def main() -> int:
    """Make the calls and tell what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("schemathesis.txt"))
    options = parser.parse_args()
    begun_s = time.perf_counter()
    made, code = fuzz(options.calls, options.seed, options.report)
    print(
        f"{made} calls of {options.calls} wanted, seed {options.seed}, "
        f"{time.perf_counter() - begun_s:.0f} s: "
        + ("no failure" if code == 0 else f"failures, see {options.report}")
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
