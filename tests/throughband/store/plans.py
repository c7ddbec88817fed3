"""Plans to keep in a store."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from throughband.plan_life import Move, PlanState
from throughband.store import Store
from throughband.store.rows import Network, Plan, ReportOrigin, ReportSource

ANNA, BEN, CARL = "anna", "ben", "carl"
MADE_HERE = ReportSource(ReportOrigin.RUN, ANNA, "0123456789ab")


def network_in(store: Store, now_utc: datetime, name: str = "Main Street") -> Network:
    found = store.networks.of_name(name)
    return found or store.networks.add(
        name, "catalog", "cologne3", "cologne3", {"signals": 3}, ANNA, now_utc
    )


def draft(
    store: Store, now_utc: datetime, title: str = "morning", signals: tuple[str, ...] = ("a", "b")
) -> Plan:
    content = json.dumps({"plans": [{"signal_id": signal} for signal in signals], "title": title})
    digest = hashlib.sha256(content.encode()).hexdigest()
    report = {"plan_digest": digest, "verdict": "better", "scenario": "cologne3"}
    network = network_in(store, now_utc)
    return store.plans.add(
        network.id,
        title,
        content,
        "cologne3",
        digest,
        "run",
        ANNA,
        now_utc,
        report=report,
        source=MADE_HERE,
    )


def brought_to(store: Store, plan: Plan, state: PlanState, now_utc: datetime) -> Plan:
    """Move a draft along the usual way."""
    if state is PlanState.DRAFT:
        return plan
    plan = store.plans.move(plan.id, Move.CHECK, ANNA, now_utc, "checked", plan.version)
    if state is PlanState.CHECKED:
        return plan
    plan = store.plans.approve(plan.id, BEN, now_utc, "fine", plan.version)
    if state is PlanState.APPROVED:
        return plan
    plan = store.plans.move(plan.id, Move.ARM, CARL, now_utc, "now", plan.version)
    if state is PlanState.ARMED:
        return plan
    plan = store.plans.move(
        plan.id, Move.ACTIVATE, CARL, now_utc, "", plan.version, push_id=f"push of {plan.id}"
    )
    assert plan.state is state is PlanState.ACTIVE
    return plan
