"""``plan.json`` and its like: read for a scenario, and written with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.forecast.forecast import Forecast
from engine.optimize.explanation import Explanation
from engine.optimize.optimizer import Optimization
from network.errors import PlanError
from network.files import read_plan, write_plan
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband.planning.optimize_results import result_document
from throughband.setting import Setting


def plan_for(path: Path, setting: Setting) -> PlanSet:
    """Read a ``plan.json``; raise `PlanError` if it belongs to another scenario."""
    plan_set = read_plan(path)
    if plan_set.scenario != setting.scenario.name:
        raise PlanError(
            f"{path} holds plans for {plan_set.scenario!r}, the scenario is "
            f"{setting.scenario.name!r}"
        )
    return plan_set


def write_plan_files(
    folder: Path,
    setting: Setting,
    done: Optimization,
    flows: Forecast,
    reasons: Mapping[str, tuple[str, ...]],
    worth: Explanation | None = None,
) -> None:
    """Write ``plan.json``, with what the search knows about it, and SUMO's programs."""
    from throughband.planning.explanation_files import signal_document

    notes = {
        "reasons": {signal: list(sentences) for signal, sentences in reasons.items()},
        "sensitivity": {
            signal.signal_id: signal_document(signal, group)
            for group in (worth.groups if worth is not None else ())
            for signal in group.signals
        },
        "groups": [list(group) for group in done.groups],
        "model": {
            "delay_s_in_force": round(done.in_force.delay_s, 3),
            "delay_s_planned": round(done.planned.delay_s, 3),
            "evaluations": done.evaluations,
        },
        **result_document(setting.network, done),
        "certificates": [
            {
                "signals": list(group),
                "gap_pct_total": round(certificate.gap_pct_total, 3),
                "gap_pct_avoidable": round(certificate.gap_pct_avoidable, 3),
                "statement": certificate.statement,
            }
            for group, certificate in done.certificates.items()
        ],
        "demand": {
            "start_s": flows.start_s,
            "interval_s": flows.interval_s,
            "intervals_measured": flows.observed,
            "intervals": int(flows.flow_vph.shape[0]),
            "cells": dict(flows.cells()),
        },
    }
    write_plan(folder / "plan.json", done.plan_set, setting.network, notes)
    write_sumo_plan(folder / "plan.add.xml", done.plan_set, setting.network)
