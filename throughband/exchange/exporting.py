"""What ``throughband export`` does: a scenario and a plan in a format that other tools read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from network.errors import ScenarioError, ThroughbandError
from network.graph import RoadNetwork
from network.inventory import Inventory
from network.inventory_file import read_inventory
from network.inventory_of import inventory_of
from network.inventory_plans import with_plans
from network.inventory_signals import Controller
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from network.writers.gmns import write_gmns
from network.writers.utdf import write_utdf
from scenarios.inventory_build import controller_of
from scenarios.scenario import FOLDER_CONFIG, Scenario
from throughband.exchange.imported import INVENTORY_NAME
from throughband.exchange.importing import fresh_folder
from throughband.exchange.sumo_import import copy_config
from throughband.planning.plan_files import plan_for
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.teller import Teller

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
        retimed = {owner.get(made.signal_id, made.signal_id) for made in plans.plans}
        inventory = _with_greens(inventory, retimed)
        if to == "utdf":
            inventory, omitted = _served(inventory, retimed)
            findings = (*findings, *omitted)
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


def _with_greens(inventory: Inventory, retimed: Collection[str]) -> Inventory:
    """Set the maximum greens of new plans to their splits.

    Synchro computes splits from MaxGreen and the clearances and overwrites Start and End, and
    GMNS has no splits at all: a maximum green left over from the plan before would bring its
    splits back in the tool that reads the file.
    """
    return replace(
        inventory,
        controllers=tuple(
            _greens_of(controller) if controller.controller_id in retimed else controller
            for controller in inventory.controllers
        ),
    )


def _greens_of(controller: Controller) -> Controller:
    plan, *others = controller.plans
    phases = tuple(
        replace(phase, max_green_ds=split - phase.yellow_ds - phase.red_clear_ds)
        if (split := plan.splits_ds.get(phase.number)) is not None
        else phase
        for phase in plan.phases
    )
    return replace(controller, plans=(replace(plan, phases=phases), *others))


def _served(inventory: Inventory, retimed: Collection[str]) -> tuple[Inventory, tuple[str, ...]]:
    """Leave out phases that a new plan does not serve, and say so.

    UTDF gives every phase of the sheet a split, so one that is listed is served.
    """
    said: list[str] = []
    controllers = []
    for controller in inventory.controllers:
        plan, walked = (
            controller.plans[0] if controller.plans else None,
            _walked(inventory, controller),
        )
        idle = {
            phase.number
            for phase in (plan.phases if plan is not None else ())
            if plan is not None and phase.number not in {*plan.splits_ds, *walked}
        }
        if plan is None or controller.controller_id not in retimed or not idle:
            controllers.append(controller)
            continue
        said.append(
            f"The plan of controller {controller.controller_id!r} does not serve phase "
            f"{', '.join(map(str, sorted(idle)))}; it was left out."
        )
        turns = {
            (plan.plan_id, turn.turn_id): (turn.protected_phases, turn.permitted_phases)
            for turn in inventory.turns
            if turn.node_id in controller.nodes
        } | {
            key: served for key, served in controller.turn_phases.items() if key[0] == plan.plan_id
        }
        kept = {
            key: (
                tuple(n for n in protected if n not in idle),
                tuple(n for n in permitted if n not in idle),
            )
            for key, (protected, permitted) in turns.items()
        }
        phases = tuple(phase for phase in plan.phases if phase.number not in idle)
        controllers.append(
            replace(
                controller,
                plans=(replace(plan, phases=phases), *controller.plans[1:]),
                turn_phases={**controller.turn_phases, **kept},
                hold_phases=tuple(n for n in controller.hold_phases if n not in idle),
            )
        )
    return replace(inventory, controllers=tuple(controllers)), tuple(said)


def _walked(inventory: Inventory, controller: Controller) -> set[int]:
    return {
        number
        for crossing in inventory.crossings
        if crossing.node_id in controller.nodes
        for number in crossing.phases
    }


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
