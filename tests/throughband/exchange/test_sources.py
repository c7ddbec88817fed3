"""Sources told by content, never by name."""

from __future__ import annotations

import contextlib
import gzip
import random
from pathlib import Path

import pytest

from network.errors import FormatError
from network.writers.gmns import write_gmns
from network.writers.utdf import write_utdf
from tests.inventories import arterial
from tests.osm_extract import EXTRACT
from throughband.exchange.sources import SourceKind, kind_of, require_own_files, source_in

NET = '<?xml version="1.0"?><net version="1.20"><location/></net>'
CONFIG = "<configuration><input/></configuration>"
BOMB = '<!DOCTYPE net [<!ENTITY a "aaaa">]><net>&a;</net>'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (NET, SourceKind.SUMO_NET),
        (CONFIG, SourceKind.SUMO_CONFIG),
        ("<sumoConfiguration/>", SourceKind.SUMO_CONFIG),
        (EXTRACT, SourceKind.OSM),
        ("[Network]\nNetwork Settings\nRECORDNAME,DATA\n", SourceKind.UTDF),
        ("Lane Group Data\nRECORDNAME,INTID,NBL\n", SourceKind.UTDF),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_what_it_holds(tmp_path: Path, text: str, kind: SourceKind, packed: bool) -> None:
    source = tmp_path / "some.txt"
    source.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert kind_of(source) is kind


def test_what_our_writers_make_is_recognized(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    write_gmns(tmp_path / "tables", arterial())
    write_utdf(tmp_path / "sheet", arterial())
    assert kind_of(tmp_path / "tables") is SourceKind.GMNS
    assert kind_of(tmp_path / "sheet") is SourceKind.UTDF


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\x7c", "PBF"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"node_id,x_coord,y_coord\n1,2,3\n", "name the folder"),
        (b"<html><body/></html>", "starts with <html>"),
        (BOMB.encode(), "entities"),
        (b"<net", "not well-formed"),
        (b"", "not recognized"),
        (b"just text", "not recognized"),
        (gzip.compress(NET.encode(), mtime=0)[:-9], "damaged gzip"),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, says: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(FormatError, match=says) as caught:
        kind_of(source)
    assert str(source) in str(caught.value)


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="neither a GMNS node table nor a UTDF sheet"):
        kind_of(tmp_path)


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        kind_of(tmp_path / "none")


def test_damaged_files_are_told_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(7)
    source = tmp_path / "source"
    whole = [NET.encode(), EXTRACT.encode(), gzip.compress(EXTRACT.encode())]
    for number in range(400):
        content = bytearray(whole[number % len(whole)])
        for _ in range(rng.randint(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        source.write_bytes(content[: rng.randint(0, len(content))])
        with contextlib.suppress(FormatError):
            kind_of(source)


def sumo_folder(folder: Path, net_file: str = "a.net.xml") -> Path:
    folder.mkdir()
    (folder / "a.net.xml").write_text(NET)
    (folder / "a.rou.xml").write_text("<routes/>")
    (folder / "a.sumocfg").write_text(
        f'<configuration><input><net-file value="{net_file}"/></input></configuration>'
    )
    return folder


def test_a_folder_of_sumos_files_is_read_by_its_configuration_else_its_network(
    tmp_path: Path,
) -> None:
    folder = sumo_folder(tmp_path / "street")
    assert kind_of(folder) is SourceKind.SUMO_CONFIG
    assert source_in(folder) == folder / "a.sumocfg"
    (folder / "a.sumocfg").unlink()
    assert kind_of(folder) is SourceKind.SUMO_NET
    assert source_in(folder) == folder / "a.net.xml"


def test_a_folder_of_two_networks_is_refused(tmp_path: Path) -> None:
    folder = sumo_folder(tmp_path / "street")
    (folder / "b.sumocfg").write_text((folder / "a.sumocfg").read_text())
    with pytest.raises(FormatError, match="holds 2 files of kind sumocfg"):
        kind_of(folder)


def test_a_folder_whose_configuration_reaches_outside_is_refused(tmp_path: Path) -> None:
    sumo_folder(tmp_path / "other")
    folder = sumo_folder(tmp_path / "street", "../other/a.net.xml")
    with pytest.raises(FormatError, match="outside"):
        source_in(folder)


def test_a_configuration_on_its_own_names_no_file_of_others(tmp_path: Path) -> None:
    other = sumo_folder(tmp_path / "other")
    own = sumo_folder(tmp_path / "own")
    require_own_files(own / "a.sumocfg")
    (own / "a.sumocfg").write_text(
        f'<configuration><input><net-file value="{other / "a.net.xml"}"/></input></configuration>'
    )
    with pytest.raises(FormatError, match="outside"):
        require_own_files(own / "a.sumocfg")
