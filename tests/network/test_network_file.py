"""Network files: everything comes back, equal networks are equal bytes, lies are refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from network.errors import FormatError
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.network_file import (
    CONNECTION_COLUMNS,
    LINK_COLUMNS,
    read_network,
    write_network,
)
from network.phasing import Interval, Phase, Phasing
from network.timing import TimingPlan
from tests.network import streets
from tests.network.damaged_counts import survives
from tests.rings import crossings
from tests.strategies import network_of, signals

Document = dict[str, Any]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(signal=signals())
def test_stage_programs_come_back_as_written(signal: Signal, tmp_path: Path) -> None:
    network = network_of(signal)
    write_network(tmp_path / "network.json", network)
    assert read_network(tmp_path / "network.json") == network


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(signal=crossings())
def test_dual_rings_come_back_as_written(signal: Signal, tmp_path: Path) -> None:
    network = network_of(signal)
    write_network(tmp_path / "network.json.gz", network)
    assert read_network(tmp_path / "network.json.gz") == network


@pytest.mark.parametrize("name", streets.ALL)
def test_a_real_network_comes_back_as_written(name: str, tmp_path: Path) -> None:
    network = streets.network(name)
    write_network(tmp_path / "network.json.gz", network)
    assert read_network(tmp_path / "network.json.gz") == network


def test_the_form_knows_every_field() -> None:
    assert [c.name for c in LINK_COLUMNS] == [field.name for field in fields(Link)]
    assert [c.name for c in CONNECTION_COLUMNS] == [field.name for field in fields(Connection)]
    assert {field.name for field in fields(Phase)} == {
        *("number", "aspects", "min_green_s", "yellow_ds", "red_clear_ds", "ring", "barrier"),
        *("walk_s", "ped_clear_s"),
    }
    assert {field.name for field in fields(Signal)} == {
        *("signal_id", "x_m", "y_m", "movements", "phasing", "plan_in_force", "exact"),
        *("program_id", "left_alone"),
    }
    assert {field.name for field in fields(TimingPlan)} == {
        *("signal_id", "cycle_s", "sequence", "splits_s", "offset_s", "coordinated_phase"),
        "offset_reference",
    }


def small() -> RoadNetwork:
    """Two signals: one of stages with a clearance of its own, one left alone."""
    phases = (Phase(1, "Gr", 5, 43, 12, walk_s=7, ped_clear_s=9), Phase(2, "rG", 6, 30, 10))
    own = {(1, 2): (Interval("yr", 30), Interval("rr", 15), Interval("ru", 10))}
    ways = tuple(
        Connection(
            *(f"a{n}_0>b{n}_0", f"a{n}", 0, f"b{n}", 0, f":x_{n}", "s", 20.5, 13.9, 0.0, (n,)),
            frozenset({f"a{1 - n}_0>b{1 - n}_0", "foot_0>way_0"}),
            frozenset(),
        )
        for n in (0, 1)
    )
    third = replace(ways[0], connection_id="u", from_link="b0", to_link="a1", groups=(0,))
    links = {
        name: Link(name, f"{name}<", f"{name}>", 100.25, 13.9, 2, (1,), ((0.0, 0.1), (7.5, -3.0)))
        for name in ("a0", "b0", "a1", "b1")
    }
    moves = tuple(
        Movement(f"{c.from_link}>{c.to_link}", "X", c.from_link, c.to_link, "s", (c,)) for c in ways
    )
    plan = TimingPlan("X", 60, (1, 2), (35, 25), 11, 2)
    one = Signal("X", 1.5, 2.0, moves, Phasing(phases, own), plan, False, "0", "")
    two = Signal("Y", 0.0, 0.0, (Movement("m", "Y", "b0", "a1", "s", (third,)),), None, None, *_OFF)
    return RoadNetwork("small", links, {"X": one, "Y": two}, (*ways, third))


_OFF = (False, "", "its program is odd")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_network(tmp_path / "network.json", small())
    return tmp_path / "network.json"


def test_equal_networks_give_equal_bytes(path: Path, tmp_path: Path) -> None:
    network = small()
    backwards = replace(network, signals=dict(reversed(list(network.signals.items()))))
    for name in ("one.json.gz", "two.json.gz"):
        write_network(tmp_path / name, backwards)
    assert (tmp_path / "one.json.gz").read_bytes() == (tmp_path / "two.json.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.json.gz").read_bytes()) == path.read_bytes()


def test_a_person_finds_phases_in_seconds_and_a_row_for_every_street(path: Path) -> None:
    document = json.loads(path.read_text())
    assert document["signals"][0]["phases"][0] == {
        **{"phase": 1, "ring": 1, "barrier": 1, "aspects": "Gr", "min_green_s": 5},
        **{"yellow_s": 4.3, "red_clear_s": 1.2, "walk_s": 7, "ped_clear_s": 9},
    }
    assert document["signals"][0]["clearances"] == [
        {"from": 1, "to": 2, "shows": [["yr", 3.0], ["rr", 1.5], ["ru", 1.0]]}
    ]
    assert document["connections"]["rows"][0][-2:] == [[1, "foot_0>way_0"], []]
    assert '  ["a0","a0<","a0>",100.25,13.9,2,[1],[0.0,0.1,7.5,-3.0]]' in path.read_text()


def row(table: str, number: int, column: int, value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document[table]["rows"][number][column] = value

    return change


def signal(number: int, key: str, value: object) -> Callable[[Document], None]:
    return lambda document: document["signals"][number].update({key: value})


def phase(key: str, value: object) -> Callable[[Document], None]:
    return lambda document: document["signals"][0]["phases"][0].update({key: value})


def plan(key: str, value: object) -> Callable[[Document], None]:
    return lambda document: document["signals"][0]["plan_in_force"].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=2), "version 2, this program reads up to 1"),
        (lambda d: d.update(format="throughband.plan"), "not a network file"),
        (lambda d: d.update(zzz=1), r"unknown keys \['zzz'\]"),
        (lambda d: d.update(name=["n"]), "name: found"),
        (lambda d: d["links"]["columns"].reverse(), "links: found columns"),
        (lambda d: d["links"].pop("rows"), "expected a table"),
        (lambda d: d["links"]["rows"].append(d["links"]["rows"][0]), "'a0' appears twice"),
        (lambda d: d["links"]["rows"][1].pop(), "links, row 1: found"),
        (row("links", 1, 3, 0), "links, row 1, column length_m: found 0"),
        (row("links", 1, 3, True), "column length_m: found True"),
        (row("links", 1, 4, 10**400), "column speed_mps: found"),
        (row("links", 0, 6, [2]), r"general_lanes: found \[2\]; allowed are lanes 0 to 1"),
        (row("links", 0, 6, [0, 0]), "general_lanes"),
        (row("links", 0, 7, [1.0]), "shape_m: found"),
        (row("links", 0, 7, [1.0, "x"]), "shape_m: found"),
        (row("links", 0, 0, "a\nb"), "link_id: found"),
        (row("connections", 1, 0, "u"), "connection 'u' appears twice"),
        (row("connections", 0, 1, "zz"), "lane 0 of link 'zz' does not exist"),
        (row("connections", 0, 2, 2), "lane 2 of link 'a0' does not exist"),
        (row("connections", 0, 11, [9]), r"found foes \[9\]; allowed are rows 0 to 2"),
        (row("connections", 0, 11, [-1]), "column foes"),
        (row("connections", 0, 11, [1.0]), "column foes"),
        (row("connections", 0, 10, [2]), "listens to groups"),
        (row("movements", 0, 5, [7]), "found connection 7"),
        (row("movements", 0, 5, [1]), "the movement from 'a0' to 'b0'"),
        (row("movements", 2, 0, "Z"), "unknown signal 'Z'"),
        (row("movements", 2, 1, "a0>b0"), "movement 'a0>b0' appears twice"),
        (lambda d: d["signals"].append(d["signals"][0]), "signal 'X' appears twice"),
        (signal(1, "left_alone", ""), "neither phases nor a reason"),
        (signal(0, "exact", 1), "exact: found 1"),
        (signal(0, "x_m", "1"), "x_m: found '1'"),
        (signal(0, "phases", []), "for no phases at all"),
        (phase("yellow_s", 4.35), "tenths of a second"),
        (phase("yellow_s", 4.4), "clearance 1-2 lasts 55 tenths"),
        (phase("aspects", "G"), "disagree on the number of signal groups"),
        (phase("aspects", "yr"), "may show only G, g, s and r"),
        (phase("phase", 2), "are not unique"),
        (phase("walk_s", 0), "no clearance without a walk"),
        (phase("ring", 2), "leads from one ring into another"),
        (plan("splits_s", [35, 26]), "its splits last 61 s, its cycle 60 s"),
        (plan("splits_s", [35, 25.0]), "splits_s: found"),
        (plan("sequence", [1, 3]), "no phase 3|not in the sequence"),
        (plan("sequence", [1, 1]), "twice"),
        (plan("splits_s", [57, 3]), "leaves no green"),
        (plan("offset_reference", "x"), "offset_reference: found 'x'"),
        (lambda d: d["signals"][0]["clearances"][0].update(shows=[["y", 5.5]]), "2 signal groups"),
        (lambda d: d["signals"][0]["clearances"][0].update(shows=[["yr"]]), "pairs of aspects"),
    ],
)
def test_a_file_that_lies_is_one_readable_line(
    path: Path, change: Callable[[Document], None], message: str
) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=message) as error:
        read_network(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_network_whose_signals_know_other_connections_is_not_written(tmp_path: Path) -> None:
    network = small()
    for wrong in (
        replace(network, connections=network.connections[1:]),
        replace(network, name="a\nb"),
        replace(network, connections=(network.connections[0], *network.connections)),
    ):
        with pytest.raises(FormatError):
            write_network(tmp_path / "network.json", wrong)
    with pytest.raises(FormatError, match="cannot be written"):
        write_network(tmp_path / "no" / "network.json", network)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["n.json", "n.json.gz"])
def test_damage_is_refused_in_one_line(name: str, path: Path, tmp_path: Path) -> None:
    write_network(tmp_path / name, small())
    content = (tmp_path / name).read_bytes()
    assert survives(read_network, content, tmp_path / "damaged.json", 300) > 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["n.json", "n.json.gz"])
def test_ten_thousand_damaged_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    write_network(tmp_path / name, small())
    content = (tmp_path / name).read_bytes()
    assert survives(read_network, content, tmp_path / "damaged.json", 10_000, seed=2) > 5000
