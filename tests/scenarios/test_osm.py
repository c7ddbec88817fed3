"""OpenStreetMap extracts, without the internet."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.validate.sumo_process import run_process
from network.errors import FormatError
from network.readers.sumo_net import read_sumo_network
from scenarios.inventory_build import NET_NAME
from scenarios.osm import convert_osm, roads_without_speed
from tests.osm_extract import EXTRACT

BOMB = '<!DOCTYPE osm [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><osm version="0.6">&b;</osm>'
OUTSIDE = '<!DOCTYPE osm [<!ENTITY a SYSTEM "file:///etc/hostname">]><osm version="0.6">&a;</osm>'


def run(command: Sequence[str], work: Path) -> str:
    return run_process(command, work, 60.0)


def never(command: Sequence[str], work: Path) -> str:
    raise AssertionError("netconvert must not see this file")


@pytest.mark.sumo
def test_an_extract_becomes_a_network_with_its_signal(tmp_path: Path) -> None:
    source = tmp_path / "map.osm"
    source.write_text(EXTRACT)
    convert_osm(source, tmp_path, run)
    network = read_sumo_network(tmp_path / NET_NAME)
    assert list(network.signals) == ["2"]
    assert {link.lanes for link in network.links.values()} == {1, 2}
    assert "<!--" not in (tmp_path / NET_NAME).read_text()


@pytest.mark.sumo
def test_a_gzipped_extract_is_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "map.osm", tmp_path / "map.bin"
    plain.write_text(EXTRACT)
    packed.write_bytes(gzip.compress(EXTRACT.encode()))
    texts = []
    for source in (plain, packed):
        convert_osm(source, tmp_path, run)
        texts.append((tmp_path / NET_NAME).read_text())
    assert texts[0] == texts[1]


def test_a_damaged_extract_is_named_and_not_its_unpacked_copy(tmp_path: Path) -> None:
    source = tmp_path / "map.osm.gz"
    source.write_bytes(gzip.compress(b"<osm>  "))
    with pytest.raises(FormatError, match=r"map\.osm\.gz is not well-formed"):
        convert_osm(source, tmp_path, never)


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<osm>", "<net/>", "", "no map"])
def test_what_is_no_extract_is_refused_before_netconvert_sees_it(tmp_path: Path, text: str) -> None:
    source = tmp_path / "map.osm"
    source.write_text(text)
    with pytest.raises(FormatError, match=r"map\.osm"):
        convert_osm(source, tmp_path, never)


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "map.osm.gz"
    source.write_bytes(gzip.compress(EXTRACT.encode())[:-20])
    with pytest.raises(FormatError, match="damaged gzip"):
        convert_osm(source, tmp_path, never)


def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.osm.MOST_BYTES", 1 << 20)
    source = tmp_path / "map.osm.gz"
    source.write_bytes(gzip.compress(b"<osm>" + b" " * (4 << 20) + b"</osm>"))
    with pytest.raises(FormatError, match="unpacks to more"):
        convert_osm(source, tmp_path, never)


def test_roads_that_name_no_speed_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "map.osm"
    source.write_text(
        '<osm version="0.6">'
        '<way id="1"><tag k="highway" v="primary"/></way>'
        '<way id="2"><tag k="highway" v="secondary_link"/><tag k="maxspeed" v="50"/></way>'
        '<way id="3"><tag k="highway" v="footway"/></way>'
        '<way id="4"><tag k="highway" v="trunk_link"/></way>'
        "</osm>"
    )
    assert roads_without_speed(source) == 2
