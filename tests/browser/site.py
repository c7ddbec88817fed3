"""A console to look at: a small real network, counts, a plan with its report, three people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from network.counts import CountSeries
from network.files import write_plan
from network.timing import PlanSet, TimingPlan
from tests.throughband.console.serving import PASSWORD, QUICK, config_in, listening
from throughband.console.app import create_app
from throughband.console.carrying import FILES
from throughband.console.desk import COOKIE, Desk
from throughband.console.pages import furnish, page_routers
from throughband.counts.demand import demand
from throughband.counts.demand_file import DEMAND_NAME, write_demand
from throughband.people.rights import rights_of
from throughband.planning.tuning import running
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.store.rows import ReportOrigin, ReportSource, RunState

__all__ = ["PASSWORD", "Site", "site_in"]

CITY = "cologne3"
PEOPLE = {
    "ada": ("Ada Ohm", ["engineer", "administrator"]),
    "bo": ("Bo Volt", ["approver", "operator"]),
    "vi": ("Vi Watt", ["viewer"]),
}
HOUR_S, INTERVAL_S, FLOW_VPH = 3600, 300, 180.0


@dataclass(frozen=True, slots=True)
class Site:
    """The application and what is in it."""

    app: FastAPI
    url: str
    desk: Desk
    network_id: str
    run_id: str
    plan_id: str
    signal_id: str
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, name: str = "") -> httpx.Client:
        """Return a client, signed in as somebody or not; closed with the site."""
        client = httpx.Client(base_url=self.url, timeout=300)
        self.clients.append(client)
        if name:
            token, _ = self.desk.door.sign_in(name, PASSWORD, "test")
            client.cookies.set(COOKIE, token)
        return client

    def addresses(self) -> dict[str, str]:
        """Every page that shows something, by a name for its picture."""
        network, plan = f"/networks/{self.network_id}", f"/plans/{self.plan_id}"
        return {
            "overview": "/",
            "networks": "/networks",
            "network-import": "/networks/import",
            "network": network,
            "signal": f"{network}/signals/{self.signal_id}",
            "runs": "/runs",
            "run-new": "/runs/new",
            "run": f"/runs/{self.run_id}",
            "plans": "/plans",
            "plan-upload": "/plans/upload",
            "plan": plan,
            "plan-diagram": f"{plan}/diagram",
            "plan-signal": f"{plan}/signals/{self.signal_id}",
            "plan-history": f"{plan}/history",
            "plan-check": f"{plan}/moves/check",
            "live": "/live",
            "warnings": "/warnings",
            "journal": "/journal?verify=yes",
            "users": "/users",
            "user-new": "/users/new",
            "account": "/account",
        }


def shifted(in_force: dict[str, TimingPlan]) -> tuple[TimingPlan, ...]:
    """Plans in force with other offsets: lawful, as an offset alone breaks no rule."""
    return tuple(
        replace(plan, offset_s=(plan.offset_s + 7 * (at + 1)) % plan.cycle_s)
        for at, (_, plan) in enumerate(sorted(in_force.items()))
    )


def report_on(digest: str) -> dict[str, Any]:
    """A report as validation writes it, with a clear gain."""
    runs = [
        {"seed": seed, "baseline": {"delay_s": 40.0 + at}, "candidate": {"delay_s": 31.0 + at}}
        for at, seed in enumerate((11, 12, 13))
    ]
    return {
        "plan_digest": digest,
        "verdict": "better",
        "seeds": [11, 12, 13],
        "baseline": {"delay_s": 41.0, "stops": 1.2},
        "candidate": {"delay_s": 32.0, "stops": 1.1},
        "difference": {
            "delay_s": {"mean": -9.0, "low": -11.0, "high": -7.0},
            "stops": {"mean": -0.1, "low": -0.3, "high": 0.1},
        },
        "runs": runs,
    }


@contextmanager
def site_in(folder: Path, **settings: Any) -> Iterator[Site]:
    """Serve a console from a folder."""
    # No run begins by itself: what is asked for is looked at while it waits.
    config = config_in(folder, runs_at_once=0, **settings)
    app = create_app(config, passwords=QUICK, pages=page_routers())
    furnish(app)
    # Kernels may have to be compiled on the way.
    desk: Desk = app.state.desk
    desk.shelf.patience_s = 300.0
    now = datetime.now(UTC)
    for name, (full_name, roles) in PEOPLE.items():
        desk.door.add_user(name, full_name, rights_of(roles), PASSWORD)
    setting = open_setting(CITY, *ANY_WINDOW_S)
    street = setting.network
    summary = {
        "links": len(street.links), "signals": len(street.signals),
        "movements": len(street.movements),
    }  # fmt: skip
    scenario = setting.scenario.name
    network = desk.store.networks.add(CITY, "catalog", CITY, scenario, summary, "ada", now)
    run = desk.store.runs.add("optimize", network.id, {"title": "Evening"}, config.runs, "ada", now)
    files = Path(run.folder) / FILES
    files.mkdir(parents=True)
    plans = PlanSet(scenario, shifted(running(street)), {})
    notes = {
        "reasons": {plan.signal_id: ["A reason & its <sign>."] for plan in plans.plans},
        "certificates": [{"statement": "No offsets cost less than this."}],
    }
    write_plan(files / "plan.json", plans, street, notes)
    # Drawn, because detectors that count the same in every interval are taken for stuck.
    mean_veh = FLOW_VPH * INTERVAL_S / HOUR_S
    shape = (HOUR_S // INTERVAL_S, len(street.movements))
    volume = np.random.default_rng(1).poisson(mean_veh, shape).astype(float)
    counts = CountSeries.from_volumes("movement", list(street.movements), 0.0, INTERVAL_S, volume)
    write_demand(files / DEMAND_NAME, demand(street, (counts,)))
    (files / "report.html").write_text("<!doctype html><title>r</title><p>Report</p>", "utf-8")
    desk.store.runs.begin(run.id, now)
    desk.store.runs.end(run.id, RunState.DONE, 0, "3 signals retimed", now)
    content = (files / "plan.json").read_text(encoding="utf-8")
    plan = desk.store.plans.add(
        network.id, "Evening, three signals", content, scenario, plans.digest, "run", "ada", now,
        report=report_on(plans.digest), run_id=run.id,
        source=ReportSource(ReportOrigin.RUN, "ada", run.id),
    )  # fmt: skip
    desk.store.warnings.raise_(
        "queue", "west", now, 0.9, "180 m where 60 m is usual", network_id=network.id
    )
    try:
        with listening(app) as url:
            signal = plans.plans[0].signal_id
            site = Site(app, url, desk, network.id, run.id, plan.id, signal)
            try:
                yield site
            finally:
                for client in site.clients:
                    client.close()
    finally:
        desk.shelf.close()
        desk.store.close()


def plan_file(site: Site) -> dict[str, Any]:
    """The content of the plan's file."""
    found: dict[str, Any] = json.loads(site.desk.store.plans.get(site.plan_id).content)
    return found
