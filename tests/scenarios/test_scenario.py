"""Scenarios: found by name or path, read in all of SUMO's spellings, refused in one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from network.errors import FormatError, ScenarioError, ThroughbandError
from scenarios import cities
from scenarios.cities import CITIES, city_config
from scenarios.scenario import Scenario, load_scenario

NET = '<net version="1.20"><edge id="a"/></net>'
ROUTES = '<routes><vType id="car"/></routes>'
BOMB = '<!DOCTYPE n [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><net>&b;</net>'


def write_config(
    folder: Path, inputs: str, times: str = '<begin value="0"/><end value="60"/>'
) -> Path:
    config = folder / "town.sumocfg"
    config.write_text(f"<configuration><input>{inputs}</input><time>{times}</time></configuration>")
    return config


@pytest.fixture
def town(tmp_path: Path) -> Path:
    (tmp_path / "town.net.xml").write_text(NET)
    (tmp_path / "town.rou.xml").write_text(ROUTES)
    return write_config(
        tmp_path, '<net-file value="town.net.xml"/><route-files value="town.rou.xml"/>'
    )


@pytest.mark.parametrize("name", CITIES)
def test_every_city_loads_with_its_hour(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.end_s - scenario.begin_s == 3600
    assert scenario.net_file.is_file()
    assert scenario.route_files


def test_the_given_window_overrides_the_configuration(town: Path) -> None:
    scenario = load_scenario(town, begin_s=10, end_s=20)
    assert (scenario.begin_s, scenario.end_s) == (10, 20)


@pytest.mark.parametrize(
    "inputs",
    [
        '<net-file value="town.net.xml"/><route-files value="town.rou.xml"/>',
        '<net v="town.net.xml"/><routes v="town.rou.xml"/>',
        '<n value="town.net.xml"/><r value="town.rou.xml"/>',
        "<net-file>town.net.xml</net-file><route-files> town.rou.xml </route-files>",
        '<net-file value="${TOWN}.net.xml"/><route-files value="${TOWN}.rou.xml"/>',
    ],
)
def test_every_spelling_of_sumo_is_read(
    town: Path, inputs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWN", "town")
    scenario = load_scenario(write_config(town.parent, inputs))
    assert scenario.net_file == town.parent / "town.net.xml"
    assert scenario.route_files == (town.parent / "town.rou.xml",)


def test_sections_may_be_missing_and_lists_have_commas(town: Path) -> None:
    (town.parent / "more.rou.xml").write_text(ROUTES)
    (town.parent / "stops.add.xml").write_text("<additional/>")
    town.write_text(
        '<sumoConfiguration><net-file value="town.net.xml"/>'
        '<route-files value="town.rou.xml, more.rou.xml"/>'
        '<additional value="stops.add.xml"/><e value="0:01:00"/></sumoConfiguration>'
    )
    scenario = load_scenario(town)
    assert [file.name for file in scenario.route_files] == ["town.rou.xml", "more.rou.xml"]
    assert [file.name for file in scenario.additional_files] == ["stops.add.xml"]
    assert (scenario.begin_s, scenario.end_s) == (0, 60)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90.5", 90.5), ("0:01:30", 90), ("1:00:01:30", 86490)]
)
def test_times_are_read_in_all_notations(town: Path, text: str, seconds: float) -> None:
    inputs = '<net-file value="town.net.xml"/>'
    config = write_config(town.parent, inputs, f'<begin value="{text}"/><end value="99999"/>')
    assert load_scenario(config).begin_s == seconds


def test_gzipped_files_are_read_whatever_their_name(town: Path) -> None:
    (town.parent / "town.net.xml").write_bytes(gzip.compress(NET.encode()))
    assert load_scenario(town).net_file.name == "town.net.xml"


def test_a_relative_path_is_made_absolute(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(town.parent)
    assert load_scenario("town.sumocfg").config_file == town


def _unknown(town: Path) -> str:
    return "atlantis"


def _no_config(town: Path) -> str:
    return str(town.parent / "gone.sumocfg")


def _folder(town: Path) -> str:
    town.unlink()
    return str(town.parent)


def _two_configs(town: Path) -> str:
    (town.parent / "village.sumocfg").write_text(town.read_text())
    return str(town.parent)


def _no_net(town: Path) -> str:
    (town.parent / "town.net.xml").unlink()
    return str(town)


def _no_routes(town: Path) -> str:
    (town.parent / "town.rou.xml").unlink()
    return str(town)


def _no_additional(town: Path) -> str:
    inputs = '<net-file value="town.net.xml"/><additional-files value="gone.add.xml"/>'
    return str(write_config(town.parent, inputs))


def _net_not_named(town: Path) -> str:
    return str(write_config(town.parent, '<route-files value="town.rou.xml"/>'))


def _no_end(town: Path) -> str:
    return str(write_config(town.parent, '<net-file value="town.net.xml"/>', ""))


def _end_before_begin(town: Path) -> str:
    times = '<begin value="60"/><end value="60"/>'
    return str(write_config(town.parent, '<net-file value="town.net.xml"/>', times))


def _strange_time(town: Path) -> str:
    times = '<begin value="noon"/><end value="60"/>'
    return str(write_config(town.parent, '<net-file value="town.net.xml"/>', times))


def _broken_config(town: Path) -> str:
    town.write_text("<configuration><input>")
    return str(town)


def _broken_routes(town: Path) -> str:
    (town.parent / "town.rou.xml").write_text(ROUTES[:-5])
    return str(town)


def _empty_routes(town: Path) -> str:
    (town.parent / "town.rou.xml").write_text("")
    return str(town)


def _truncated_gzip(town: Path) -> str:
    packed = gzip.compress((NET + "<!-- -->" * 5000).encode())
    (town.parent / "town.net.xml").write_bytes(packed[: len(packed) // 2])
    return str(town)


def _damaged_gzip(town: Path) -> str:
    (town.parent / "town.net.xml").write_bytes(b"\x1f\x8b" + b"\xff" * 40)
    return str(town)


def _bomb(town: Path) -> str:
    (town.parent / "town.net.xml").write_text(BOMB)
    return str(town)


def _routes_as_net(town: Path) -> str:
    (town.parent / "town.net.xml").write_text(ROUTES)
    return str(town)


def _bad_encoding(town: Path) -> str:
    (town.parent / "town.net.xml").write_text('<?xml version="1.0" encoding="shift_jis"?>' + NET)
    return str(town)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_unknown, ScenarioError, "atlantis.*cologne8"),
        (_no_config, ScenarioError, "gone.sumocfg is missing"),
        (_folder, ScenarioError, "a folder"),
        (_two_configs, ScenarioError, r"several.*\(town.sumocfg, village.sumocfg\)"),
        (_no_net, ScenarioError, "network file .*town.net.xml is missing"),
        (_no_routes, ScenarioError, "route file .*town.rou.xml is missing"),
        (_no_additional, ScenarioError, "additional file .*gone.add.xml is missing"),
        (_net_not_named, ScenarioError, "names 0 network files"),
        (_no_end, ScenarioError, "pass --end"),
        (_end_before_begin, ScenarioError, "leave no time"),
        (_strange_time, FormatError, "noon"),
        (_broken_config, FormatError, "town.sumocfg is not well-formed"),
        (_broken_routes, FormatError, "town.rou.xml is not well-formed.*line 1"),
        (_empty_routes, FormatError, "town.rou.xml is not well-formed"),
        (_truncated_gzip, FormatError, "damaged gzip"),
        (_damaged_gzip, FormatError, "damaged gzip"),
        (_bomb, FormatError, "entities"),
        (_routes_as_net, FormatError, "starts with <routes>"),
        (_bad_encoding, FormatError, "cannot be decoded|not well-formed"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    town: Path, spoil: Callable[[Path], str], error: type[ThroughbandError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        load_scenario(spoil(town))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("window", [(-1, 5), (5, 4), (0, float("nan")), (0, float("inf"))])
def test_an_impossible_window_is_refused(town: Path, window: tuple[float, float]) -> None:
    with pytest.raises(ScenarioError, match="town"):
        load_scenario(town, *window)


def test_a_missing_city_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cities, "find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"throughband\[cities\]"):
        city_config("cologne1")


def test_the_city_package_is_not_imported() -> None:
    import sys

    load_scenario("cologne1")
    assert "sumo_rl" not in sys.modules


def test_a_scenario_cannot_be_changed(town: Path) -> None:
    scenario = load_scenario(town)
    with pytest.raises(AttributeError):
        scenario.end_s = 5.0  # type: ignore[misc]
    assert isinstance(scenario, Scenario)


def test_a_folder_with_its_configuration_is_a_scenario_of_its_name(town: Path) -> None:
    town.rename(town.with_name("scenario.sumocfg"))
    for path in (town.parent, town.parent / "scenario.sumocfg"):
        assert load_scenario(path).name == town.parent.name


def test_a_folder_with_one_configuration_is_that_scenario(town: Path) -> None:
    assert load_scenario(town.parent) == load_scenario(town)


def test_a_folder_without_a_configuration_is_told_how_to_become_one(town: Path) -> None:
    town.unlink()
    with pytest.raises(ScenarioError, match="throughband import"):
        load_scenario(town.parent)
