"""``throughband simulate``: one day in SUMO under the controller of choice."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from engine.validate.simulator import RunMeasures
from engine.validate.sumo import run as run_sumo
from engine.validate.sumo_files import write_actuated
from network.errors import PlanError, ThroughbandError
from network.readers.xml_files import iterate_elements
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from throughband.adaptive import ADAPTIVE, FREE, Sight, is_live, simulate_adaptive
from throughband.planning.plan_files import plan_for
from throughband.results import output_folder, write_json
from throughband.run_record import add_step
from throughband.setting import Setting, open_setting
from throughband.transit import TransitWish, seen_share


def simulate_scenario(
    name: str,
    controller: str,
    out: Path,
    seed: int,
    begin_s: float | None,
    end_s: float | None,
    sight: Sight,
    mode: str = FREE,
    transit: TransitWish | None = None,
    walk_wait_s: float | None = None,
) -> None:
    """Carry out ``throughband simulate``."""
    from tempfile import TemporaryDirectory

    if transit is not None and not transit.strategies:
        if transit != TransitWish():
            raise ThroughbandError("--transit-... needs --transit; allowed is, say, --transit all")
        transit = None
    if walk_wait_s is not None and not 0.0 < walk_wait_s < math.inf:
        raise ThroughbandError(
            f"--walk-wait: found {walk_wait_s:g} s; allowed is a finite time above 0"
        )
    live = is_live(controller)
    if live:
        sensing = sight.sensing(seed)
        if transit is not None:
            transit.rules(seen_share(sensing))
    elif (sight, mode, transit, walk_wait_s) != (Sight(), FREE, None, None):
        raise ThroughbandError(
            f"controller {controller!r} takes no --info, --share, --missed, --latency, --mode, "
            f"--walk-wait or --transit; they are for {ADAPTIVE!r} and others that decide while the "
            "day runs"
        )
    setting = open_setting(name, begin_s, end_s)
    if live:
        simulate_adaptive(setting, out, seed, sight, controller, mode, transit, walk_wait_s)
        return
    with TemporaryDirectory(prefix="throughband-") as scratch, output_folder(out) as folder:
        additional = _controller_files(controller, setting, Path(scratch))
        measures = run_sumo(setting.case, seed, additional, folder)
        _, _, file = controller.partition(":")
        add_step(folder, out, "simulate", setting, {"plan": Path(file) if file else None}, [seed])
        write_json(folder / "measures.json", {"controller": controller, **asdict(measures)})
    console = Console(stderr=True, highlight=False)
    console.print(measured(setting.scenario.name, controller, measures), soft_wrap=True)


def measured(scenario: str, controller: str, measures: RunMeasures) -> str:
    """Return what a simulated day comes to, as a sentence."""
    return (
        f"{scenario}, {controller}, seed {measures.seed}: delay {measures.delay_s:.1f} s per "
        f"vehicle (SUMO time loss and departure delay, all {measures.scheduled} vehicles due), "
        f"{measures.arrived} arrived, {measures.running} under way, {measures.not_inserted} not "
        "inserted"
    )


def _controller_files(controller: str, setting: Setting, scratch: Path) -> tuple[Path, ...]:
    kind, _, value = controller.partition(":")
    if controller == "in-force":
        return ()
    if controller == "actuated":
        file = scratch / "actuated.add.xml"
        write_actuated(file, (setting.scenario.net_file, *setting.scenario.additional_files))
        return (file,)
    if kind == "plan" and value:
        path = Path(value)
        if path.suffix == ".xml":
            # SUMO judges it; only plan.json can be checked for safety.
            if not any(True for _ in iterate_elements(path, {"tlLogic"})):
                raise PlanError(f"{path}: holds no signal program; expected <tlLogic> elements")
            return (path,)
        plan_set = plan_for(path, setting)
        require_safe(plan_set, setting.network)
        file = scratch / "plan.add.xml"
        write_sumo_plan(file, plan_set, setting.network)
        return (file,)
    raise ThroughbandError(f"controller {controller!r} names no file; allowed is plan:FILE")
