"""What ``throughband export`` does: a scenario and a plan in a format that other tools read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from network.errors import ScenarioError, ThroughbandError
from network.graph import RoadNetwork
from network.inventory import Inventory
from network.inventory_file import read_inventory
from network.inventory_of import inventory_of
from network.inventory_plans import with_plans
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from network.writers.gmns import write_gmns
from network.writers.utdf import write_utdf
from scenarios.inventory_build import controller_of
from scenarios.scenario import FOLDER_CONFIG, Scenario
from throughband.commands import ANY_WINDOW_S, Teller, plan_for
from throughband.imported import INVENTORY_NAME
from throughband.importing import fresh_folder
from throughband.pipeline import open_setting
from throughband.sumo_import import copy_config

FORMATS: Final = ("utdf", "gmns", "sumo")
PLAN_NAME: Final = "plan.add.xml"


def export_scenario(name: str, to: str, out: Path, plan: Path | None = None) -> tuple[str, ...]:
    """Write a scenario in another format.

    Parameters
    ----------
    name
        A scenario, as all commands take it. Where an import left an inventory, that is written;
        else one is made of the network.
    to
        One of `FORMATS`.
    out
        A file for UTDF, a new or empty folder for the others.
    plan
        A ``plan.json`` whose cycles, splits, offsets and sequences are to be in force.

    Returns
    -------
    tuple of str
        What the format cannot express or was not known, sentences.

    Raises
    ------
    ThroughbandError
        If anything cannot be read or written, or the plan is unsafe or of another scenario.
    """
    if to not in FORMATS:
        raise ScenarioError(f"--to {to!r}: allowed are {', '.join(FORMATS)}")
    setting = open_setting(name, *ANY_WINDOW_S)
    plans: PlanSet | None = None
    if plan is not None:
        plans = plan_for(plan, setting)
        require_safe(plans, setting.network)
    if to == "sumo":
        return _write_sumo(setting.scenario, setting.network, plans, out)
    inventory, findings = _inventory(setting.scenario, setting.network)
    if plans is not None:
        owner = _owners(inventory, setting.network)
        inventory = with_plans(inventory, plans.plans, setting.network, owner)
    if to == "gmns":
        with fresh_folder(out) as folder:
            return (*findings, *write_gmns(folder, inventory))
    return (*findings, *_write_utdf(out, inventory))


def export_command(name: str, to: str, out: Path, plan: Path | None) -> None:
    """Carry out ``throughband export``."""
    with Teller(1) as teller:
        teller.step(f"write {name} as {to}")
        lost = export_scenario(name, to, out, plan)
        for sentence in lost:
            teller.say(f"- {sentence}")
        teller.say(f"Written: {out}")


def _inventory(scenario: Scenario, network: RoadNetwork) -> tuple[Inventory, tuple[str, ...]]:
    file = scenario.config_file.parent / INVENTORY_NAME
    if scenario.config_file.name == FOLDER_CONFIG and file.is_file():
        return read_inventory(file), ()
    made = inventory_of(network)
    return made, made.findings


def _owners(inventory: Inventory, network: RoadNetwork) -> Mapping[str, str]:
    """Return the controller of each signal that has one."""
    found: dict[str, str] = {}
    for signal_id in network.signals:
        controller = controller_of(inventory, signal_id)
        if controller is not None:
            found[signal_id] = controller.controller_id
    return found


def _write_utdf(out: Path, inventory: Inventory) -> tuple[str, ...]:
    if out.is_dir():
        raise ThroughbandError(f"{out}: a folder stands where the file belongs")
    try:
        out.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ThroughbandError(f"{out}: cannot be written ({error.strerror or error})") from error
    return tuple(write_utdf(out, inventory))


def _write_sumo(
    scenario: Scenario, network: RoadNetwork, plans: PlanSet | None, out: Path
) -> tuple[str, ...]:
    with fresh_folder(out) as folder:
        more = () if plans is None else (PLAN_NAME,)
        _, _, _, findings = copy_config(scenario.config_file, folder, more)
        if plans is not None:
            write_sumo_plan(folder / PLAN_NAME, plans, network)
    return tuple(findings)
