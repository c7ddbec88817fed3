"""Imported files of SUMO neither write nor load anything when they are simulated."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from network.errors import FormatError
from network.writers.utdf import write_utdf
from tests.inventories import arterial
from tests.throughband.command_line import call
from throughband.exchange.importing import import_source
from throughband.exchange.sumo_cleaning import copy_clean, harmless_option

DROPPED = [
    '<edgeData id="x" file="F"/>',
    '<laneData id="x" file="F"/>',
    '<edgeRelations/>',
    '<vTypeProbe id="x" type="t" period="60" file="F"/>',
    '<timedEvent type="SaveTLSStates" source="a" dest="F"/>',
    '<timedEvent type="SaveTLSProgram" source="a" dest="F"/>',
    '<include href="F"/>',
    '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="F"/>',
    '<poly id="p" shape="0,0 1,1" imgFile="F"/>',
    '<poi id="p" x="0" y="0" imgFile="F"/>',
    '<tlLogic id="a"><param key="file" value="F"/></tlLogic>',
    '<tlLogic id="a" type="sotl_swarm"><param key="SWARMLOG" value="F"/></tlLogic>',
    '<tlLogic id="a"><param key="anything" value="/somewhere/F"/></tlLogic>',
    '<vType id="a"><param key="has.ssm.device" value="true"/></vType>',
    '<vType id="a"><param key="device.ssm.file" value="F"/></vType>',
    '<vehicle id="a"><param key="device.toc.file" value="F"/></vehicle>',
    '<vType id="a" imgFile="F" osgFile="F"/>',
    '<vType id="a" emissionClass="PHEMlight/../../F"/>',
    '<calibrator id="c" edge="e" pos="0" output="F"/>',
    '<calibrator id="c" edge="e" pos="0" file="F"/>',
    '<variableSpeedSign id="v" lanes="e_0" file="F"/>',
    '<rerouter id="r" edges="e" file="F"/>',
    '<route id="r" edges="e" xsi:noNamespaceSchemaLocation="http://there/F.xsd"/>',
    '<e2Detector id="d" lane="e_0" freq="60" file="F"/>',
    '<routeProbe id="d" edge="e" period="60" file="F"/>',
]  # fmt: skip
NOISE = '<busStop id="b" lane="e_0" startPos="0" endPos="9" lines="1 &amp; 2"/>'


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("text", DROPPED)
@pytest.mark.parametrize("root", ["additional", "routes", "net"])
def test_what_writes_or_loads_files_is_left_out_and_told(
    tmp_path: Path, root: str, text: str, packed: bool
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    content = f"<{root}>{NOISE}{text}{NOISE}</{root}>".encode()
    source.write_bytes(gzip.compress(content) if packed else content)
    (said,) = copy_clean(source, target)[:1]
    kept = target.read_bytes()
    clean = (gzip.decompress(kept) if packed else kept).decode()
    assert 'F"' not in clean
    assert clean.count(NOISE) == 2
    assert "source: " in said
    assert copy_clean(target, tmp_path / "again") == []
    assert (tmp_path / "again").read_bytes() == kept


def test_a_root_that_writes_is_no_longer_one(tmp_path: Path) -> None:
    (tmp_path / "source").write_text(f'<edgeData id="x" file="F">{NOISE}</edgeData>')
    assert copy_clean(tmp_path / "source", tmp_path / "target")
    assert "edgeData" not in (tmp_path / "target").read_text()
    assert NOISE in (tmp_path / "target").read_text()


def test_a_document_type_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "source").write_text(f"<!DOCTYPE net><net>{NOISE}</net>")
    assert "document type" in copy_clean(tmp_path / "source", tmp_path / "target")[0]
    assert "DOCTYPE" not in (tmp_path / "target").read_text()


@pytest.mark.parametrize("kind", ['[<!ENTITY a "aaaa">]', 'SYSTEM "file:///F"'])
def test_entities_and_types_kept_elsewhere_are_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "source").write_text(f"<!DOCTYPE net {kind}><net></net>")
    with pytest.raises(FormatError, match="entities"):
        copy_clean(tmp_path / "source", tmp_path / "target")


def test_a_file_without_any_of_it_stays_to_the_byte(tmp_path: Path) -> None:
    schema = "http://sumo.dlr.de/xsd/additional_file.xsd"
    text = f"""<?xml version='1.0'?><!-- a --><additional
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:noNamespaceSchemaLocation="{schema}">
        <vType id="c" desAccelProfile="1 2" emissionClass="HBEFA4/PC_petrol_Euro-4"/>
        <tlLogic id="a" type="actuated" programID="1" offset="0">
        <param key="max-gap" value="3"/><phase duration="9" state="Gr"/></tlLogic>{NOISE}
        </additional>"""
    (tmp_path / "source").write_text(text)
    assert copy_clean(tmp_path / "source", tmp_path / "target") == []
    assert (tmp_path / "target").read_text() == text


@pytest.mark.parametrize(
    ("name", "value", "harmless"),
    [
        ("time-to-teleport", "-1", True),
        ("collision.action", "warn", True),
        ("step-length", "0.5", True),
        ("device.rerouting.probability", "0.3", True),
        ("ignore-route-errors", "true", True),
        ("default.speeddev", "0.1", True),
        ("begin", "/tmp/a", False),
        ("netstate-dump", "a", False),
        ("netstate", "a", False),
        ("summary", "a", False),
        ("device.ssm.file", "a", False),
        ("device.ssm.probability", "1", False),
        ("save-configuration", "a", False),
        ("X", "always", False),
        ("xml-validation.net", "always", False),
        ("remote-port", "8813", False),
        ("pedestrian.jupedsim.py", "1", False),
        ("device.rerouting.output", "a", False),
        ("collision.action", "../a", False),
        ("weights", "a", False),
    ],
)
def test_options_pass_only_where_they_are_known_to_be_harmless(
    name: str, value: str, harmless: bool
) -> None:
    assert harmless_option(name, value) is harmless


@pytest.mark.sumo
def test_a_simulation_of_a_hostile_scenario_writes_nothing_beside_its_results(
    tmp_path: Path,
) -> None:
    write_utdf(tmp_path / "street.csv", arterial())
    made = import_source(tmp_path / "street.csv", tmp_path / "hostile")
    lane = next(iter(made.network.links))
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "hostile" / "more.xml").write_text(
        f"""<additional><edgeData id="x" file="{away}/edges.xml"/>
        <inductionLoop id="i" lane="{lane}_0" pos="1" period="60" file="{away}/loop.xml"/>
        <routeProbe id="p" edge="{lane}" period="60" file="{away}/probe.xml"/>
        <e2Detector id="e" lane="{lane}_0" pos="0" endPos="5" freq="60" file="{away}/e2.xml"/>
        <entryExitDetector id="g" freq="60" file="{away}/e3.xml"><detEntry lane="{lane}_0" pos="1"/>
        <detExit lane="{lane}_0" pos="5"/></entryExitDetector>
        <instantInductionLoop id="n" lane="{lane}_0" pos="1" file="{away}/instant.xml"/>
        <calibrator id="c" edge="{lane}" pos="0" output="{away}/calibrator.xml"/>
        <timedEvent type="SaveTLSStates" dest="{away}/states.xml"/></additional>"""
    )
    config = tmp_path / "hostile" / "hostile.sumocfg"
    own = next(tmp_path.glob("hostile/scenario*.sumocfg"))
    text = own.read_text()
    inner = 'additional-files value="' if "additional-files" in text else None
    text = (
        text.replace(inner, f"{inner}more.xml,")
        if inner
        else text.replace("</input>", '<additional-files value="more.xml"/></input>')
    )
    config.write_text(
        text.replace("</time>", f'</time><output><netstate value="{away}/dump.xml"/></output>')
    )
    import_source(config, tmp_path / "clean")
    before = {path.name for path in (tmp_path / "clean").iterdir()}
    told = (tmp_path / "clean" / "import.txt").read_text()
    assert "<edgeData> left out" in told
    assert "netstate" in told
    played = call(
        "simulate", tmp_path / "clean", "--end", 120, "--controller", "in-force",
        "--out", tmp_path / "sim",
    )  # fmt: skip
    assert played.code == 0, played.err
    assert list(away.iterdir()) == []
    assert {path.name for path in (tmp_path / "clean").iterdir()} == before
