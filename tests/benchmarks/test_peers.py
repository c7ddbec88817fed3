"""Pre-timed peers keep the law that everybody keeps, and say why when they cannot run."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import pytest

from benchmarks.peers import sumo_tools
from benchmarks.peers.bands import AFFINE, COUPLED, banded_in_force, banded_plans
from benchmarks.peers.nema import nema_program
from benchmarks.peers.peer import PEAK_S, Subject
from benchmarks.peers.webster import isolated_plans, webster_cycle_s, webster_cycles_s
from benchmarks.suite.controllers import known_controllers, named
from engine.measures.street import build_street
from network.errors import InfeasibleError, ScenarioError
from network.graph import Signal
from network.phasing import Phase, Phasing
from network.safety import require_safe
from network.timing import PlanSet, TimingPlan
from tests.network import streets
from throughband.counts.demand import Demand
from throughband.setting import open_setting


@cache
def subject() -> Subject:
    """Cologne's three signals under flows that grow towards the end of the hour."""
    setting = open_setting("cologne3")
    found = Subject(setting)
    shape = np.linspace(0.6, 1.4, 12)
    flows = dict.fromkeys(setting.network.movements, 150.0 * shape)
    found.__dict__["demand"] = Demand(_Flows(flows), {}, ())  # type: ignore[arg-type]
    return found


class _Flows:
    """As much of a forecast as peers look at."""

    interval_s = 300

    def __init__(self, flows: dict[str, np.ndarray]) -> None:
        self._flows = flows

    def movement_vph(self) -> dict[str, np.ndarray]:
        return self._flows


def test_the_peak_is_the_busiest_quarter() -> None:
    vps = subject().peak_street.way_volume_vps.sum() * 3600.0
    movements = len(subject().network.movements)
    shape = np.linspace(0.6, 1.4, 12)
    assert vps == pytest.approx(movements * 150.0 * shape[-PEAK_S // 300 :].mean(), rel=1e-6)


@pytest.mark.parametrize("shortest_s", [0, 60])
def test_websters_plans_are_lawful_keep_all_stages_and_their_shortest_cycle(
    shortest_s: int,
) -> None:
    timed = isolated_plans(subject(), shortest_s)
    require_safe(PlanSet("x", tuple(timed.plans.values()), {}), subject().network)
    for name, plan in timed.plans.items():
        in_force = subject().network.signals[name].plan_in_force
        assert in_force is not None
        assert plan.sequence == in_force.sequence
        assert plan.cycle_s >= shortest_s


def test_more_traffic_makes_websters_cycle_longer() -> None:
    network = subject().network
    cycles = []
    for vph in (50.0, 150.0, 250.0):
        flows = {name: np.array([vph]) for name in network.movements}
        street = build_street(network, flows, 900)
        cycles.append(webster_cycle_s(subject().choices["360086"], street))
    assert cycles == sorted(cycles)
    assert cycles[0] < cycles[-1]


@pytest.mark.parametrize("method", ["maxband", "multiband"])
@pytest.mark.parametrize("groups", [COUPLED, AFFINE])
def test_banded_groups_are_lawful_and_share_a_cycle(method: str, groups: str) -> None:
    timed = banded_plans(subject(), 60, groups, method)  # type: ignore[arg-type]
    require_safe(PlanSet("x", tuple(timed.plans.values()), {}), subject().network)
    if groups == COUPLED:
        longest = max(webster_cycles_s(subject(), 60).values())
        assert max(plan.cycle_s for plan in timed.plans.values()) < longest + 5


def test_bands_over_the_plans_in_force_change_nothing_but_offsets() -> None:
    timed = banded_in_force(subject(), "multiband")
    for name, plan in timed.plans.items():
        in_force = subject().network.signals[name].plan_in_force
        assert in_force is not None
        assert replace(plan, offset_s=in_force.offset_s) == in_force


def program(*pictures: tuple[str, int, int | None]) -> Element:
    """Return a program of pictures, durations and least greens."""
    found = Element("tlLogic", {"id": "a"})
    for state, duration_s, least_s in pictures:
        phase = SubElement(found, "phase", {"state": state, "duration": str(duration_s)})
        if least_s is not None:
            phase.set("minDur", str(least_s))
    return found


def durations(found: Element) -> list[float]:
    return [float(phase.get("duration", "nan")) for phase in found.iter("phase")]


def test_what_the_tools_leave_too_short_is_lifted() -> None:
    in_force = program(("Gr", 30, 22), ("yr", 4, None), ("rr", 2, None), ("rG", 30, None))
    adapted = program(("Gr", 9, None), ("yr", 3, None), ("rr", 1, None), ("rG", 4, None))
    lifted = sumo_tools._lawful({"a": adapted}, {"a": in_force}, one_cycle=False)
    assert durations(lifted["a"]) == [22, 4, 2, 5]


def test_one_cycle_stays_one_after_lifting() -> None:
    in_force = {
        "a": program(("Gr", 30, 22), ("yr", 4, None), ("rG", 30, 9)),
        "b": program(("Gr", 30, 5), ("yr", 4, None), ("rG", 30, 5)),
    }
    adapted = {name: program(("Gr", 10, None), ("yr", 4, None), ("rG", 11, None)) for name in "ab"}
    lifted = sumo_tools._lawful(adapted, in_force, one_cycle=True)
    assert [sum(durations(lifted[name])) for name in "ab"] == [37, 37]
    assert durations(lifted["b"])[1] == 4


def test_an_all_red_in_which_a_street_goes_on_is_no_stage() -> None:
    in_force = program(("GG", 30, None), ("Gy", 3, None), ("Gr", 2, None), ("Gr", 30, None))
    assert [sumo_tools._is_stage(phase) for phase in in_force] == [True, False, False, True]


def rings() -> Signal:
    """Return a signal of two rings and two barriers, the second ring without a left turn."""
    phases = tuple(
        Phase(number, aspects, 6, 35, 15, ring, barrier, walk, 8 if walk else 0)
        for number, aspects, ring, barrier, walk in (
            (1, "Grrrr", 1, 1, 0),
            (2, "rGrrr", 1, 1, 7),
            (4, "rrGrr", 1, 2, 0),
            (6, "rrrGr", 2, 1, 7),
            (8, "rrrrG", 2, 2, 0),
        )
    )
    base = next(iter(streets.network("cologne1").signals.values()))
    sequence = (1, 2, 4, 6, 8)
    plan = TimingPlan("a", 70, sequence, (15, 25, 30, 40, 30), 0, 2)
    return replace(base, signal_id="a", phasing=Phasing(phases, {}), plan_in_force=plan)


def test_rings_are_told_to_sumos_controller() -> None:
    found = nema_program(rings())
    told = {param.get("key"): param.get("value") for param in found.iter("param")}
    assert (told["ring1"], told["ring2"]) == ("1,2,0,4", "0,6,0,8")
    assert (told["barrierPhases"], told["barrier2Phases"]) == ("2,6", "4,8")
    least = {phase.get("name"): phase.get("minDur") for phase in found.iter("phase")}
    assert least["2"] == "15"
    assert least["1"] == "6"


def test_a_stage_program_is_refused_with_its_reason() -> None:
    signal = next(iter(streets.network("cologne1").signals.values()))
    with pytest.raises(InfeasibleError, match="runs stages in one ring"):
        nema_program(signal)


def test_a_given_plan_must_be_there_and_is_told_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "mine.add.xml"
    with pytest.raises(ScenarioError, match=r"mine\.add\.xml cannot be read"):
        named(f"plan:{file}")
    file.write_text("<additional/>")
    before = named(f"plan:{file}")
    file.write_text("<additional></additional>")
    after = named(f"plan:{file}")
    assert before.name == after.name == f"plan:{file}"
    assert before.version != after.version


def test_unknown_controllers_list_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"known are adaptive, .*webster"):
        named("webstre")


def test_every_controller_has_name_version_and_source() -> None:
    for name, controller in known_controllers().items():
        assert controller.name == name
        assert controller.version
        assert controller.source
