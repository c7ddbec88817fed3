"""SUMO networks as real as they come, built here by netconvert."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.validate.sumo_process import run_process
from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network

pytestmark = pytest.mark.sumo

NODES = """<nodes>
<node id="a" x="0" y="0" type="{kind}" {tl}/><node id="b" x="30" y="0" type="{kind}" {tl}/>
<node id="w" x="-200" y="0"/><node id="e" x="200" y="0"/>
<node id="n" x="0" y="200"/><node id="s" x="0" y="-200"/>
<node id="m" x="30" y="200"/><node id="t" x="30" y="-200"/>{join}</nodes>"""
EDGES = """<edges>
<edge id="wa" from="w" to="a" numLanes="2" speed="14"/><edge id="aw" from="a" to="w" speed="14"/>
<edge id="ab" from="a" to="b" numLanes="2" speed="14"/><edge id="ba" from="b" to="a" speed="14"/>
<edge id="be" from="b" to="e" numLanes="2" speed="14"/><edge id="eb" from="e" to="b" speed="14"/>
<edge id="na" from="n" to="a" speed="14"{rail}/><edge id="as" from="a" to="s" speed="14"{rail}/>
<edge id="mb" from="m" to="b" speed="14"/><edge id="bt" from="b" to="t" speed="14"/></edges>"""


def built(
    folder: Path,
    *,
    kind: str = "traffic_light",
    tl: str = "",
    rail: str = "",
    join: str = "",
    edges: str = EDGES,
) -> RoadNetwork:
    """Two corners 30 m apart on one street."""
    (folder / "n.xml").write_text(NODES.format(kind=kind, tl=tl and f'tl="{tl}"', join=join))
    (folder / "e.xml").write_text(edges.format(rail=rail))
    net = folder / "net.xml"
    run_process(
        ("netconvert", f"-n={folder / 'n.xml'}", f"-e={folder / 'e.xml'}", f"-o={net}",
         "--no-turnarounds=true"),
        folder,
        30.0,
    )  # fmt: skip
    return read_sumo_network(net)


def test_joined_junctions_are_one_signal(tmp_path: Path) -> None:
    network = built(tmp_path, join='<join nodes="a b"/>')
    assert len(network.signals) == 1
    (signal,) = network.signals.values()
    assert not signal.left_alone
    assert {m.to_link for m in signal.movements} == {"aw", "be", "as", "bt"}


def test_nodes_under_one_controller_are_one_signal(tmp_path: Path) -> None:
    network = built(tmp_path, tl="both")
    assert list(network.signals) == ["both"]
    ends = {network.links[m.from_link].to_node for m in network.signals["both"].movements}
    assert ends == {"a", "b"}


@pytest.mark.parametrize("kind", ["rail_signal", "rail_crossing"])
def test_rail_is_left_alone(tmp_path: Path, kind: str) -> None:
    network = built(tmp_path, kind=kind, rail=' allow="rail"')
    assert network.links
    assert all(signal.left_alone for signal in network.signals.values())


def test_a_bus_lane_is_not_open_to_cars(tmp_path: Path) -> None:
    edges = EDGES.replace(
        '<edge id="wa" from="w" to="a" numLanes="2" speed="14"/>',
        '<edge id="wa" from="w" to="a" numLanes="2" speed="14">'
        '<lane index="0" allow="bus"/></edge>',
    )
    link = built(tmp_path, edges=edges).links["wa"]
    assert (link.lanes, link.general_lanes) == (2, (1,))


def test_the_program_loaded_last_is_in_force(tmp_path: Path) -> None:
    built(tmp_path, tl="both")
    width = read_sumo_network(tmp_path / "net.xml").signals["both"].phasing
    assert width is not None
    first, second = (phase.aspects for phase in width.phases[:2])
    clear = {aspects: aspects.replace("G", "y").replace("g", "y") for aspects in (first, second)}
    more = tmp_path / "more.add.xml"
    program = '<tlLogic id="both" type="static" programID="{}" offset="0">{}</tlLogic>'
    shown = (
        f'<phase duration="20" state="{first}" next="2"/>'
        f'<phase duration="3" state="{clear[second]}" next="0"/>'
        f'<phase duration="3" state="{clear[first]}" next="3"/>'
        f'<phase duration="30" state="{second}" next="1"/>'
    )
    more.write_text(
        f"<additional>{program.format('early', shown.replace('20', '40'))}"
        f"{program.format('late', shown)}</additional>"
    )
    signal = read_sumo_network(tmp_path / "net.xml", [more]).signals["both"]
    assert signal.program_id == "late"
    assert signal.plan_in_force is not None
    assert signal.plan_in_force.splits_s == (23, 33)


def test_a_signal_of_one_link_is_read(tmp_path: Path) -> None:
    edges = '<edges><edge id="wa" from="w" to="a" speed="14"/><edge id="ab" from="a" to="b" speed="14"/></edges>'  # noqa: E501
    network = built(tmp_path, edges=edges)
    assert len(network.signals["a"].connections) == 1
