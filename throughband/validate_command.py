"""``throughband validate``: a plan against the plan in force, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from throughband import pipeline
from throughband.planning.plan_files import plan_for
from throughband.results import output_folder, versions, write_json
from throughband.run_record import add_step
from throughband.seams import OWN_SIMULATOR, simulator_named
from throughband.setting import open_setting
from throughband.teller import Teller
from throughband.validation_seeds import validation_seeds


def validate_plan(
    name: str,
    plan: Path,
    out: Path,
    seeds: str,
    begin_s: float | None,
    end_s: float | None,
    workers: int,
    simulator_name: str = OWN_SIMULATOR,
) -> None:
    """Carry out ``throughband validate``."""
    simulator = simulator_named(simulator_name)
    chosen = validation_seeds(seeds)
    with Teller(3) as teller, output_folder(out) as folder:
        teller.step("read the network and the plan")
        setting = open_setting(name, begin_s, end_s)
        plan_set = plan_for(plan, setting)
        teller.step(f"prove it in {simulator_name} against the plan in force")
        report = pipeline.prove(
            setting, plan_set, chosen, workers, teller.tell, simulator
        ).to_dict()
        teller.step("write the validation")
        add_step(folder, out, "validate", setting, {"plan": plan}, chosen)
        write_json(
            folder / "validation.json",
            {
                "scenario": setting.scenario.name,
                "plan_digest": plan_set.digest,
                **report,
                "simulator": simulator_name,
                "versions": versions(),
            },
        )
        tell_verdict(report, teller)


def tell_verdict(report: Mapping[str, Any], teller: Teller) -> None:
    """Say what the report of a validation comes to."""
    delay = report["difference"]["delay_s"]
    before, after = report["baseline"]["delay_s"], report["candidate"]["delay_s"]
    teller.say(
        f"Verdict: {report['verdict']}. Delay {before:.1f} s in force, {after:.1f} s with the new "
        f"plan: {delay['mean']:+.1f} s per vehicle (95 % interval {delay['low']:+.1f} to "
        f"{delay['high']:+.1f} s, {len(report['seeds'])} paired seeds)"
    )
