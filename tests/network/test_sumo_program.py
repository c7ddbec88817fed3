"""SUMO programs read as phases and a plan, and networks read whole or refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from network.errors import FormatError, NetworkError
from network.phasing import Interval, Phasing
from network.readers.sumo_net import read_sumo_network
from network.readers.sumo_program import interpret, read_programs
from network.timing import TimingPlan
from tests.network import streets


def understood(
    tmp_path: Path, *pictures: tuple[str, str], offset: str = "0", kind: str = "static"
) -> tuple[Phasing, TimingPlan, bool]:
    phases = "".join(f'<phase state="{state}" {times}/>' for state, times in pictures)
    path = tmp_path / "tls.add.xml"
    path.write_text(
        f'<additional><tlLogic id="X" programID="p" type="{kind}" offset="{offset}">'
        f"{phases}</tlLogic></additional>"
    )
    return interpret(read_programs([path])["X"])


def lasting(state: str, duration: object) -> tuple[str, str]:
    return state, f'duration="{duration}"'


PLAIN = [lasting("Gr", 20), lasting("yr", 3), lasting("rG", 30), lasting("ry", 4), lasting("rr", 1)]


def test_greens_are_phases_and_the_rest_is_their_clearance(tmp_path: Path) -> None:
    phasing, plan, exact = understood(tmp_path, *PLAIN, offset="7")
    assert [(p.aspects, p.yellow_ds, p.red_clear_ds) for p in phasing.phases] == [
        ("Gr", 30, 0),
        ("rG", 40, 10),
    ]
    assert (plan.cycle_s, plan.splits_s, plan.coordinated_phase, plan.offset_s) == (
        58,
        (23, 35),
        2,
        30,
    )
    assert exact


def test_a_program_that_begins_within_a_clearance_keeps_its_offset(tmp_path: Path) -> None:
    turned = [*PLAIN[3:], *PLAIN[:3]]
    phasing, plan, exact = understood(tmp_path, *turned, offset="0")
    assert plan.begin_s(phasing) == 5
    assert exact


def test_repeated_pictures_are_one(tmp_path: Path) -> None:
    halves = [lasting("Gr", 12), *PLAIN[1:], lasting("Gr", 8)]
    phasing, plan, exact = understood(tmp_path, *halves)
    assert plan.begin_s(phasing) == plan.cycle_s - 8
    assert (plan.splits_s, exact) == ((23, 35), True)


def test_minimum_durations_are_minimum_greens(tmp_path: Path) -> None:
    first = ("Gr", 'duration="20" minDur="12"')
    phasing, _, _ = understood(tmp_path, first, *PLAIN[1:])
    assert [phase.min_green_s for phase in phasing.phases] == [12, 5]


def test_jumps_are_followed(tmp_path: Path) -> None:
    jump = ("yr", 'duration="3" next="3"')
    skipped = lasting("GG", 50)
    phasing, plan, _ = understood(tmp_path, PLAIN[0], jump, skipped, *PLAIN[2:])
    assert [phase.aspects for phase in phasing.phases] == ["Gr", "rG"]
    assert plan.cycle_s == 58


def test_fractions_are_rounded_and_said_to_be(tmp_path: Path) -> None:
    _, plan, exact = understood(tmp_path, lasting("Gr", 20.4), *PLAIN[1:])
    assert (sum(plan.splits_s), plan.cycle_s) == (plan.cycle_s, 58)
    assert not exact


def test_an_actuated_program_is_never_exact(tmp_path: Path) -> None:
    assert not understood(tmp_path, *PLAIN, kind="actuated")[2]


def test_staggered_yellows_are_kept_to_the_letter(tmp_path: Path) -> None:
    shown = [lasting("GGr", 20), lasting("yGr", 3), lasting("ryr", 3), *[lasting("rrG", 9)] * 2]
    phasing, _, _ = understood(tmp_path, *shown, lasting("rry", 3))
    assert phasing.clearance(1, 2) == (Interval("yGr", 30), Interval("ryr", 30))


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([lasting("G", 30), lasting("y", 3)], "has 1 phase"),
        ([lasting("O", 30)], "not a steady cycle"),
        ([lasting("Gr", 30), lasting("r", 3)], "disagree on the number"),
        ([("Gr", 'duration="9" next="7"')], "jumps to phase 7"),
        ([lasting("Gr", 9), ("yr", 'duration="3" next="1"')], "does not come back"),
        ([], "does not come back"),
    ],
)
def test_what_is_not_a_cycle_of_phases_is_left_alone(
    tmp_path: Path, pictures: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(NetworkError, match=message):
        understood(tmp_path, *pictures)


@pytest.mark.parametrize("state", ['state="Gr"', 'duration="3"', 'state="Gr" duration="long"'])
def test_a_phase_without_state_or_duration_is_a_format_error(tmp_path: Path, state: str) -> None:
    path = tmp_path / "tls.add.xml"
    path.write_text(f'<additional><tlLogic id="X"><phase {state}/></tlLogic></additional>')
    with pytest.raises(FormatError, match="signal 'X' has a phase that cannot be read"):
        read_programs([path])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<net",
        b"<routes/>",
        b"<net/>",
        b'<net><junction id="a"/></net>',
        gzip.compress(b"<net/>", mtime=0)[:9],
        b'<!DOCTYPE net [<!ENTITY a "b">]><net><edge id="&a;"/></net>',
    ],
)
def test_what_is_no_network_is_a_format_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.net.xml"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=str(path)):
        read_sumo_network(path)


def test_a_missing_network_is_a_format_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_sumo_network(tmp_path / "none.net.xml")


@pytest.mark.parametrize("name", streets.ALL)
def test_every_signal_of_the_real_networks_is_understood(name: str) -> None:
    network = streets.network(name)
    assert [s.signal_id for s in network.signals.values() if s.left_alone] == []
    for signal in network.signals.values():
        names = {c.connection_id for c in network.connections}
        for connection in signal.connections:
            assert connection.yields_to <= connection.foes <= names
