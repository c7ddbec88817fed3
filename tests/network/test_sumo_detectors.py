"""SUMO detector files: counts by detector, lanes by definition, sums by link."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from network.counts import CountSeries, Quality
from network.errors import CountError, FormatError
from network.graph import Link, RoadNetwork
from network.readers.sumo_detectors import (
    SumoDetector,
    approach_counts,
    read_sumo_counts,
    read_sumo_detectors,
)
from tests.network.damaged_counts import survives
from tests.network.streets import SHARED_DATA

LOOP = (
    '<interval begin="{0}" end="{1}" id="{2}" nVehContrib="{3}" flow="12.00" occupancy="{4}" '
    'speed="-1.00" harmonicMeanSpeed="-1.00" length="-1.00" nVehEntered="9"/>\n'
)
AREA = (
    '<interval begin="{0}" end="{1}" id="{2}" sampledSeconds="3" nVehEntered="9" nVehLeft="{3}" '
    'nVehSeen="9" meanOccupancy="{4}"/>\n'
)


def detector_file(*rows: tuple[object, ...], form: str = LOOP) -> str:
    return "<detector>\n" + "".join(form.format(*row) for row in rows) + "</detector>\n"


def counted(folder: Path, text: str) -> CountSeries:
    path = folder / "out.xml"
    path.write_text(text)
    return read_sumo_counts(path)


FOUR = (
    (0, 900, "a", 3, 1.5),
    (0, 900, "b", 4, 0),
    (900, 1800, "a", 5, 101),
    (900, 1800, "b", 6, 2),
)


@pytest.mark.parametrize("form", [LOOP, AREA])
def test_loops_and_areas_are_counted_by_detector(tmp_path: Path, form: str) -> None:
    counts = counted(tmp_path, detector_file(*FOUR, form=form))
    assert (counts.kind, counts.series_ids, counts.interval_s) == ("detector", ("a", "b"), 900)
    np.testing.assert_array_equal(counts.volume_veh, [[3, 4], [5, 6]])
    assert counts.occupancy_pct is not None
    np.testing.assert_array_equal(counts.occupancy_pct, [[1.5, 0], [100, 2]])


def test_gzipped_output_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "out.xml.gz"
    path.write_bytes(gzip.compress(detector_file(*FOUR).encode()))
    np.testing.assert_array_equal(read_sumo_counts(path).volume_veh, [[3, 4], [5, 6]])
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(FormatError, match="damaged gzip data"):
        read_sumo_counts(path)


def test_edges_are_approaches_and_lanes_are_detectors(tmp_path: Path) -> None:
    edges = (
        '<meandata><interval begin="0.00" end="60.00" id="x"><edge id="e1" left="7" occupancy="3"/>'
        '<edge id="e2"/></interval></meandata>'
    )
    counts = counted(tmp_path, edges)
    assert (counts.kind, counts.series_ids) == ("approach", ("e1", "e2"))
    assert counts.volume_veh.tolist() == [[7, 0]]
    lanes = (
        '<meandata><interval begin="0" end="60" id="x"><edge id="e1"><lane id="e1_0" left="3"/>'
        '<lane id="e1_1" left="4"/></edge></interval></meandata>'
    )
    counts = counted(tmp_path, lanes)
    assert (counts.kind, counts.series_ids) == ("detector", ("e1_0", "e1_1"))
    assert counts.occupancy_pct is None


def test_a_detector_without_an_interval_is_missing_and_a_cut_last_one_left_out(
    tmp_path: Path,
) -> None:
    counts = counted(tmp_path, detector_file(FOUR[0], FOUR[2], FOUR[3], (1800, 1830, "a", 1, 0)))
    np.testing.assert_array_equal(counts.volume_veh, [[3, np.nan], [5, 6]])
    assert counts.quality[0, 1] == Quality.MISSING


def test_an_interval_of_the_wrong_length_near_the_end_is_no_index_error(tmp_path: Path) -> None:
    # Found by damage: a last interval cut short a hair off the grid.
    rows = [(60 * i, 60 * i + 60, "a", i, 0) for i in range(5)]
    counts = counted(tmp_path, detector_file(*rows, (300.0002, 310, "b", 1, 0)))
    assert counts.intervals == 5
    late = [*rows, (299.9995, 359.9995, "a", 1, 0), (300, 310, "b", 1, 0)]
    assert counted(tmp_path, detector_file(*late)).intervals == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not well-formed XML"),
        ("<detector/>", "holds no counts"),
        ("<detector><interval begin='0'", "not well-formed XML"),
        ("<!DOCTYPE d [<!ENTITY e 'x'>]><detector>&e;</detector>", "declares XML entities"),
        (detector_file((0, 900, "a", "x", 0)), "interval of '0', id 'a': nVehContrib is 'x'"),
        (detector_file((0, 900, "a", -1, 0)), "nVehContrib is '-1'; allowed is a number from 0"),
        (detector_file((0, 900, "a", "nan", 0)), "nVehContrib is 'nan'"),
        (detector_file((0, 900, "a", "1e300", 0)), "nVehContrib is '1e300'"),
        (detector_file((0, 900, "a", 1, "inf")), "occupancy is 'inf'"),
        (detector_file(("", 900, "a", 1, 0)), "begin is ''"),
        (detector_file((900, 900, "a", 1, 0)), "ends at 900 s"),
        (detector_file((0, 900, "", 1, 0)), "found the id ''"),
        (detector_file((0, 0.5, "a", 1, 0)), "intervals of 0.5 s; allowed are whole seconds"),
        (detector_file(FOUR[0], FOUR[0]), "found 'a' at 0 s again"),
        (detector_file(FOUR[0], (450, 1350, "a", 1, 0)), "off the grid of 900 s"),
        (detector_file(FOUR[0], (0, 60, "b", 1, 0), FOUR[2]), "an interval from 0 s to 60 s among"),
        (detector_file((0, 1, "a", 1, 0), (9e8, 9e8 + 1, "a", 1, 0)), "allowed are 5000000 counts"),
        (
            detector_file(FOUR[0]).replace("</det", AREA.format(0, 900, "b", 1, 0) + "</det"),
            "holds counts of induction loops and lane areas; allowed is one",
        ),
    ],
)
def test_bad_output_names_interval_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as error:
        counted(tmp_path, text)
    assert str(tmp_path / "out.xml") in str(error.value)


def test_files_that_cannot_be_read_are_format_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path, Path("a\0b")):
        with pytest.raises(FormatError, match="cannot be read"):
            read_sumo_counts(path)


DEFINITIONS = """<additional>
  <inductionLoop id="l0" lane="in_0" pos="-5" period="900" file="o.xml"/>
  <e1Detector id="l1" lane="in_1" pos="20" freq="60" file="o.xml"/>
  <laneAreaDetector id="a" lanes="up_0 in_0" pos="3" endPos="9" file="o.xml"/>
</additional>"""


def test_definitions_map_detectors_to_lanes(tmp_path: Path) -> None:
    path = tmp_path / "d.add.xml"
    path.write_text(DEFINITIONS)
    assert read_sumo_detectors([path]) == (
        SumoDetector("l0", "e1", ("in_0",), -5.0, 900.0),
        SumoDetector("l1", "e1", ("in_1",), 20.0, 60.0),
        SumoDetector("a", "e2", ("up_0", "in_0"), 3.0, None),
    )
    with pytest.raises(FormatError, match="detector 'l0': is defined twice"):
        read_sumo_detectors([path, path])
    path.write_text(DEFINITIONS.replace('lane="in_1"', ""))
    with pytest.raises(FormatError, match="detector 'l1': needs an id and a lane"):
        read_sumo_detectors([path])
    path.write_text(DEFINITIONS.replace('pos="20"', 'pos="x"'))
    with pytest.raises(FormatError, match="detector 'l1': pos is 'x'; allowed is a number"):
        read_sumo_detectors([path])


def test_the_loops_of_bologna_are_all_found() -> None:
    path = SHARED_DATA / "bologna_acosta" / "acosta_detectors.add.xml"
    if not path.exists():
        pytest.skip("the shared data beside the repository are absent")
    detectors = read_sumo_detectors([path])
    assert detectors[0] == SumoDetector("0.127_2.73_6_1__l0", "e1", ("104_0",), 23.0, 1800.0)
    assert len(detectors) == len({detector.detector_id for detector in detectors})


def network(lanes: int = 2) -> RoadNetwork:
    link = Link("in", "a", "b", 100.0, 10.0, lanes, tuple(range(lanes)), ((0, 0), (100, 0)))
    return RoadNetwork("one street", {"in": link}, {}, ())


def loops(*lanes: str) -> tuple[SumoDetector, ...]:
    return tuple(SumoDetector(f"l{i}", "e1", (lane,), 0.0, 900.0) for i, lane in enumerate(lanes))


def series(*volumes: float) -> CountSeries:
    names = tuple(f"l{i}" for i in range(len(volumes)))
    return CountSeries.from_volumes("detector", names, 0.0, 900, [volumes])


def test_the_lanes_of_a_link_are_added_up() -> None:
    sums = approach_counts(series(3, 4), loops("in_0", "in_1"), network())
    assert (sums.kind, sums.series_ids, sums.volume_veh.tolist()) == ("approach", ("in",), [[7]])
    assert sums.quality.tolist() == [[Quality.GOOD]]


def test_a_link_with_a_lane_uncounted_is_suspect() -> None:
    sums = approach_counts(series(3), loops("in_1"), network())
    assert sums.quality.tolist() == [[Quality.SUSPECT]]


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        (loops("in_0", "in_0"), "'l0' and 'l1' both lie on lane 'in_0'"),
        (loops("in_0"), "detector 'l1' was counted and is defined nowhere"),
        (loops("in_0", "in_2"), "'in_2', which is no lane of network 'one street'"),
    ],
)
def test_detectors_that_count_twice_or_nowhere_are_refused(
    detectors: tuple[SumoDetector, ...], message: str
) -> None:
    with pytest.raises(CountError, match=message):
        approach_counts(series(3, 4), detectors, network())


def base() -> bytes:
    rows = [(60 * i, 60 * i + 60, name, i, i % 100) for i in range(40) for name in "ab"]
    return detector_file(*rows).encode()


def read_definitions(path: Path) -> object:
    return read_sumo_detectors([path])


@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_output_is_read_or_refused(tmp_path: Path, zipped: bool) -> None:
    content = gzip.compress(base()) if zipped else base()
    assert survives(read_sumo_counts, content, tmp_path / "o.xml", 200) > 80


def test_damaged_definitions_are_read_or_refused(tmp_path: Path) -> None:
    assert survives(read_definitions, DEFINITIONS.encode(), tmp_path / "d.xml", 200) > 80


@pytest.mark.slow
def test_much_damaged_output_is_read_or_refused(tmp_path: Path) -> None:
    assert survives(read_sumo_counts, base(), tmp_path / "o.xml", 10_000, 7) > 3000
    assert survives(read_definitions, DEFINITIONS.encode(), tmp_path / "d.xml", 10_000, 7) > 3000


@pytest.mark.parametrize("zipped", [False, True])
def test_bombs_of_empty_tags_are_refused_in_time(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "bomb.xml"
    content = b"<detector>" + b"<x/>" * 8_000_000
    path.write_bytes(gzip.compress(content, 1) if zipped else content)
    begin_s = time.process_time()
    with pytest.raises(FormatError, match="which no detector file does"):
        read_sumo_counts(path)
    assert time.process_time() - begin_s < 10.0
