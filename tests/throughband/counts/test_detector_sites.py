"""Places of detectors from a file: what a row may say, and what is wrong with another."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.forecast.count_sites import CountSite, junctions_of
from network.errors import CountError
from network.graph import RoadNetwork
from tests.network import streets
from throughband.counts.detector_sites import read_sites, require_counted


def roads() -> RoadNetwork:
    return streets.network("cologne1")


def movement() -> str:
    return next(iter(roads().movements))


def into() -> str:
    return roads().movements[movement()].from_link


def out_of() -> str:
    network = roads()
    return next(link for link in network.links if not network.turns_from[link])


ALL = "detector,link,lane,movement,place,noise_pct"


def read(folder: Path, *rows: str, head: str = ALL) -> tuple[CountSite, ...]:
    path = folder / "sites.csv"
    path.write_text("\n".join((head, *rows)) + "\n")
    return read_sites(path, roads())


def test_lanes_links_and_movements_are_placed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"a,{into()},0,,,",
        f"b,{into()},,,,5",
        f"c,,,{movement()},,",
        f"d,{out_of()},,,,",
        f"e,{into()},,,exit,",
    )
    assert found == (
        CountSite("a", "lane", into(), 0),
        CountSite("b", "approach", into(), noise=0.05),
        CountSite("c", "turn", into(), turn_id=movement()),
        CountSite("d", "exit", out_of()),
        CountSite("e", "exit", into()),
    )


def test_columns_that_are_not_needed_may_be_absent(tmp_path: Path) -> None:
    assert read(tmp_path, f"a,{into()}", head="detector,link") == (
        CountSite("a", "approach", into()),
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a,nowhere,,,,", "'nowhere', which network"),
        ("a,,,n>s,,", "movement 'n>s', which network"),
        ("a,,,,,", "either a link or a movement"),
        (",LINK,,,,", "a row names a detector"),
        ("a,LINK,99,,,", "counts lane 99"),
        ("a,LINK,-1,,,", "lane '-1'"),
        ("a,LINK,,,beside,", "place 'beside'"),
        ("a,LINK,0,,exit,", "a lane belongs to place lane"),
        ("a,LINK,,,,300", "noise_pct '300'"),
        ("a,LINK,,,,,7", "more cells"),
    ],
)
def test_a_row_that_says_nothing_true_is_refused_with_its_number(
    tmp_path: Path, row: str, says: str
) -> None:
    with pytest.raises(CountError, match=r"sites\.csv, row 3: ") as caught:
        read(tmp_path, f"z,{into()},,,,", row.replace("LINK", into()))
    assert says in str(caught.value)


def test_a_detector_comes_once(tmp_path: Path) -> None:
    with pytest.raises(CountError, match="'a' comes twice"):
        read(tmp_path, f"a,{into()},,,,", f"a,{into()},0,,,")


def test_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CountError, match="row 1: found the columns 'detector, road'"):
        read(tmp_path, "a,b", head="detector,road")


def test_a_misspelled_name_is_met_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(CountError, match=f"did you mean '{into()}'"):
        read(tmp_path, f"a,{into()}x,,,,")


def test_a_place_of_a_detector_that_nobody_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CountError, match=r"'loop 1', of which .* did you mean 'loop 2'"):
        require_counted(tmp_path, [CountSite("loop 1", "approach", into())], ["loop 2"])


def test_connections_of_a_movement_count_it_together() -> None:
    network = roads()
    turn = next(m for m in network.movements.values() if len(m.connections) > 1)
    names = [c.connection_id for c in turn.connections]
    sites = [
        CountSite(name, "connection", turn.from_link, turn_id=turn.movement_id, connection_id=name)
        for name in names
    ]
    (junction,), unused = junctions_of(network, sites)
    assert junction.counted == ((tuple(names), (turn.movement_id,)),)
    assert not unused
    (junction,), unused = junctions_of(network, sites[:1])
    assert junction.counted == ()
    assert unused == {names[0]: "another connection of its turn is not counted"}
