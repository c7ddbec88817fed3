"""Scenarios under street rules: lawful, walked at every crossing, the same to SUMO and to us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.validate.sumo_process import run_process
from network.derive.clearance import yellow_change_s
from network.derive.practice import Practice
from network.errors import ScenarioError
from network.graph import RoadNetwork
from network.safety import check
from network.timeline import watch
from scenarios.builders import build
from scenarios.layout import arterial
from scenarios.scenario import Scenario, load_scenario
from scenarios.street_rules import WHOLE_SECONDS, StreetRules, fitted, under_street_rules
from scenarios.street_rules_files import write_street_rules
from tests.network import streets
from throughband.exchange.imported import scenario_network


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    def netconvert(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, 120.0)

    folder = tmp_path_factory.mktemp("drawn")
    return load_scenario(build(arterial(3, 1), folder, netconvert).config_file)


@pytest.fixture(scope="module")
def network(scenario: Scenario) -> RoadNetwork:
    return scenario_network(scenario)


@pytest.fixture(scope="module")
def rules(network: RoadNetwork) -> StreetRules:
    return under_street_rules(network)


@pytest.mark.sumo
def test_plans_under_street_rules_are_lawful_to_both_checkers(rules: StreetRules) -> None:
    for signal in rules.network.signals.values():
        assert signal.plan_in_force is not None
        assert not check(signal.plan_in_force, signal)
        assert not watch(signal.plan_in_force, signal)


@pytest.mark.sumo
def test_every_crossing_of_a_four_leg_corner_opens(rules: StreetRules) -> None:
    assert not rules.closed
    assert not rules.left_alone
    for name, signal in rules.network.signals.items():
        assert signal.phasing is not None
        # The cross street is walked beside the main street's throughs, and the other way round.
        assert sum(bool(phase.walk_s) for phase in signal.phasing.phases) >= 2, name


@pytest.mark.sumo
def test_nobody_walks_while_only_left_turns_run(rules: StreetRules) -> None:
    for signal in rules.network.signals.values():
        assert signal.phasing is not None
        for phase in signal.phasing.phases:
            going = [
                c
                for c in signal.connections
                if all(phase.aspects[group] in "Gg" for group in c.groups)
            ]
            if all(c.turn == "l" for c in going):
                assert phase.walk_s == 0


@pytest.mark.sumo
def test_walks_last_as_long_as_the_crossing_at_one_meter_per_second(rules: StreetRules) -> None:
    for (name, number), length_m in rules.crossings_m.items():
        phasing = rules.network.signals[name].phasing
        assert phasing is not None
        phase = phasing.phase(number)
        assert phase.walk_s >= 7
        assert length_m <= phase.ped_clear_s < length_m + 1.0
        assert phase.least_green_s >= phase.walk_s + phase.ped_clear_s


@pytest.mark.sumo
def test_yellow_is_the_formula_in_whole_seconds(rules: StreetRules) -> None:
    for signal in rules.network.signals.values():
        assert signal.phasing is not None
        speed_mps = max(rules.network.links[c.from_link].speed_mps for c in signal.connections)
        for phase in signal.phasing.phases:
            assert phase.yellow_ds % 10 == 0
            assert phase.red_clear_ds % 10 == 0
            assert phase.yellow_ds / 10 >= min(3.0, yellow_change_s(speed_mps, WHOLE_SECONDS))


@pytest.mark.sumo
def test_signals_of_one_cycle_go_on_to_share_one(network: RoadNetwork, rules: StreetRules) -> None:
    shared: dict[int, set[int]] = {}
    for name, signal in network.signals.items():
        ruled = rules.network.signals[name].plan_in_force
        assert signal.plan_in_force is not None
        assert ruled is not None
        shared.setdefault(signal.plan_in_force.cycle_s, set()).add(ruled.cycle_s)
    assert all(len(cycles) == 1 for cycles in shared.values())


@pytest.mark.sumo
def test_the_folder_gives_the_same_network_back(
    scenario: Scenario, rules: StreetRules, tmp_path: Path
) -> None:
    config = write_street_rules(scenario, rules, tmp_path / "ruled")
    again = load_scenario(config.parent)
    assert again.route_files == scenario.route_files
    assert (again.begin_s, again.end_s) == (scenario.begin_s, scenario.end_s)
    assert scenario_network(again).signals == rules.network.signals


@pytest.mark.sumo
def test_sumo_reads_the_programs_that_we_plan_with(
    scenario: Scenario, rules: StreetRules, tmp_path: Path
) -> None:
    config = write_street_rules(scenario, rules, tmp_path / "ruled")
    (config.parent / "network.json").unlink()
    read = scenario_network(load_scenario(config))
    for name, signal in read.signals.items():
        ours = rules.network.signals[name]
        assert signal.plan_in_force is not None
        assert signal.phasing is not None
        assert ours.plan_in_force is not None
        assert ours.phasing is not None
        assert signal.plan_in_force.intervals(signal.phasing) == ours.plan_in_force.intervals(
            ours.phasing
        )
        # Without the walks, the least greens still hold them.
        least = [phase.least_green_s for phase in signal.phasing.phases]
        assert least == [phase.least_green_s for phase in ours.phasing.phases]


@pytest.mark.sumo
def test_programs_in_additional_files_are_refused(
    scenario: Scenario, rules: StreetRules, tmp_path: Path
) -> None:
    name = next(iter(rules.network.signals))
    extra = tmp_path / "extra.add.xml"
    extra.write_text(
        f'<additional><tlLogic id="{name}" programID="x" type="static" offset="0">'
        '<phase duration="9" state="G"/></tlLogic></additional>'
    )
    with pytest.raises(ScenarioError, match="must stand in the network file"):
        write_street_rules(replace(scenario, additional_files=(extra,)), rules, tmp_path / "ruled")
    assert not (tmp_path / "ruled").exists()


def test_clearances_in_tenths_are_refused() -> None:
    with pytest.raises(ScenarioError, match="whole seconds"):
        under_street_rules(streets.network("cologne1"), Practice())


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=8),
    st.integers(0, 60),
)
def test_parts_fill_the_whole_and_keep_their_least(
    parts: list[tuple[int, int]], spare_s: int
) -> None:
    wanted, least = zip(*parts, strict=True)
    whole = sum(least) + spare_s
    found = fitted(wanted, least, whole)
    assert sum(found) == whole
    assert all(a >= b for a, b in zip(found, least, strict=True))


@given(st.lists(st.integers(2, 60), min_size=1, max_size=8))
def test_parts_that_fit_stay_as_they_are(wanted: list[int]) -> None:
    assert fitted(wanted, [1] * len(wanted), sum(wanted)) == tuple(wanted)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ScenarioError, match="do not fit into 10 s"):
        fitted([5, 5], [6, 6], 10)
