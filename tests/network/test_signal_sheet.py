"""The signal sheet: only what is named changes, and nothing unsafe gets in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from network.errors import FormatError
from network.graph import RoadNetwork, Signal
from network.phasing import Interval, Phase, Phasing
from network.signal_sheet import apply_sheet, write_sheet
from network.timing import OffsetReference, TimingPlan
from tests.network import streets
from tests.network.damaged_counts import survives
from tests.strategies import connection, network_of, signal_of


def street() -> RoadNetwork:
    """A signal X of two phases, and one that is not understood."""
    phases = (Phase(1, "Gr", 5, 40, 10), Phase(2, "rG", 6, 40, 10, walk_s=7, ped_clear_s=9))
    plain = {(1, 2): (Interval("yr", 40), Interval("rr", 10))}
    own = {(2, 1): (Interval("ry", 40), Interval("ur", 10))}
    links = tuple(connection(group, frozenset(), frozenset()) for group in (0, 1))
    plan = TimingPlan("X", 60, (1, 2), (35, 25), 11, 2)
    signal = signal_of(links, Phasing(phases, {**plain, **own}), plan)
    odd = Signal("a.b c", 0.0, 0.0, (), None, None, False, "", "its program is\nodd")
    network = network_of(signal)
    return replace(network, signals={"X": signal, "a.b c": odd})


def apply(text: str, tmp_path: Path) -> RoadNetwork:
    head = 'format = "throughband.signals"\nversion = 1\n'
    (tmp_path / "signals.toml").write_text(head + text)
    return apply_sheet(street(), tmp_path / "signals.toml")


def changed(text: str, tmp_path: Path) -> Signal:
    return apply(text, tmp_path).signals["X"]


def phasing_of(signal: Signal) -> Phasing:
    assert signal.phasing is not None
    return signal.phasing


@pytest.mark.parametrize("name", streets.ALL)
def test_the_sheet_of_a_real_network_changes_nothing(name: str, tmp_path: Path) -> None:
    network = streets.network(name)
    write_sheet(tmp_path / "signals.toml", network)
    assert apply_sheet(network, tmp_path / "signals.toml") == network


def test_the_sheet_of_a_street_changes_nothing(tmp_path: Path) -> None:
    write_sheet(tmp_path / "signals.toml", street())
    first = (tmp_path / "signals.toml").read_bytes()
    assert apply_sheet(street(), tmp_path / "signals.toml") == street()
    write_sheet(tmp_path / "signals.toml", street())
    assert (tmp_path / "signals.toml").read_bytes() == first


def test_an_empty_sheet_changes_nothing(tmp_path: Path) -> None:
    assert apply("[signals]", tmp_path) == street()


def test_only_the_values_named_change(tmp_path: Path) -> None:
    signal = changed("[signals.X.phase]\n1 = { min_green_s = 9 }", tmp_path)
    before = street().signals["X"]
    old = phasing_of(before)
    phases = (replace(old.phases[0], min_green_s=9), old.phases[1])
    assert signal == replace(before, phasing=Phasing(phases, old.fixed_clearances))


def test_a_new_clearance_takes_the_place_of_the_one_in_force(tmp_path: Path) -> None:
    sheet = "[signals.X.phase.1]\nyellow_s = 4.3\nred_clear_s = 1.4"
    signal = changed(sheet, tmp_path)
    assert phasing_of(signal).clearance(1, 2) == (Interval("yr", 43), Interval("rr", 14))
    assert phasing_of(signal).clearance(2, 1)[1] == Interval("ur", 10)
    assert signal.plan_in_force == street().signals["X"].plan_in_force
    assert not signal.exact


def test_the_street_sees_the_same_when_another_phase_is_coordinated(tmp_path: Path) -> None:
    signal = changed("[signals.X]\ncoordinated_phase = 1", tmp_path)
    before = street().signals["X"].plan_in_force
    assert signal.plan_in_force is not None
    assert before is not None
    assert (signal.plan_in_force.coordinated_phase, signal.plan_in_force.offset_s) == (1, 36)
    assert signal.plan_in_force.begin_s(phasing_of(signal)) == before.begin_s(phasing_of(signal))


def test_a_reason_keeps_a_signal_out_and_an_empty_one_lets_it_in_again(tmp_path: Path) -> None:
    signal = changed('[signals.X]\nleft_alone = " police post "', tmp_path)
    assert signal.left_alone == "police post"
    network = replace(street(), signals={"X": signal})
    (tmp_path / "s.toml").write_text(
        'format = "throughband.signals"\nversion = 1\n[signals.X]\nleft_alone = ""'
    )
    assert apply_sheet(network, tmp_path / "s.toml").signals["X"] == street().signals["X"]


@pytest.mark.parametrize(
    ("key", "value", "lowest", "highest"),
    [
        ("min_green_s", 8, 2, 255),
        ("yellow_s", 4.5, 3.0, 6.0),
        ("red_clear_s", 2, 0.0, 6.0),
        ("walk_s", 8, 4, 255),
        ("ped_clear_s", 12, 3, 255),
    ],
)
def test_every_limit_holds_to_the_tenth(
    key: str, value: float, lowest: float, highest: float, tmp_path: Path
) -> None:
    whole = isinstance(lowest, int)
    step = 1 if whole else 0.1
    phase = 2 if key in ("walk_s", "ped_clear_s", "min_green_s") else 1
    for good in (value, lowest, *(() if whole else (highest,))):
        changed(f"[signals.X.phase]\n{phase} = {{ {key} = {good} }}", tmp_path)
    below = lowest - step if lowest else -0.1
    for bad in (round(below, 1), round(highest + step, 1), "true", '"7"', "nan", "inf"):
        with pytest.raises(FormatError, match=f"signals.toml, line 4, {key}: found"):
            changed(f"[signals.X.phase]\n{phase} = {{ {key} = {bad} }}", tmp_path)


@pytest.mark.parametrize(
    ("sheet", "line", "message"),
    [
        ("[signals.Z]", 3, "network 'test' has no signal 'Z'"),
        ("[signals.X]\n\nleft = 1", 5, r"unknown keys \['left'\]"),
        ("[signals.X.phase.7]\nyellow_s = 4", 3, "no phase '7'; allowed are 1, 2"),
        ("[signals.X.phase.1]\nyellow_s = 4.25", 4, "yellow_s: found 4.25; .*tenths"),
        ("[signals.X.phase.1]\nmin_green_s = 8.5", 4, "min_green_s: found 8.5"),
        ("[signals.X.phase.1]\nped_clear_s = 8", 3, "no clearance without a walk"),
        ("[signals.X.phase.2]\nyellow_s = 4.5", 3, "clears phase 2 before phase 1 in a way"),
        ("[signals.X.phase.2]\nwalk_s = 0", 4, "walk_s: found 0"),
        ("[signals.X]\ncoordinated_phase = 3", 4, "coordinated_phase: found 3"),
        ("[signals.X]\ncoordinated_phase = 'x'", 4, "coordinated_phase: found 'x'"),
        ("[signals.X]\nleft_alone = 1", 4, "left_alone: found 1"),
        ("[signals.X]\nphase = 1", 4, "phase: found 1"),
        ("[signals.'a.b c']\nleft_alone = ''", 4, "it must be left alone, because"),
        ("[signals.'a.b c']\nphase = {}", 4, "its phases are unknown"),
        ("[signals.'a.b c']\ncoordinated_phase = 1", 4, "no plan in force"),
        ("signals = 1", 3, "signals: found 1"),
        ("[[signals]]", 3, "signals: found"),
    ],
)
def test_what_cannot_be_is_named_with_its_line(
    sheet: str, line: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match=message) as error:
        apply(sheet, tmp_path)
    assert f"signals.toml, line {line}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_clearance_that_leaves_no_green_in_force_is_refused(tmp_path: Path) -> None:
    network = street()
    signal = network.signals["X"]
    short = replace(signal, plan_in_force=TimingPlan("X", 60, (1, 2), (6, 54), 11, 2))
    head = 'format = "throughband.signals"\nversion = 1\n'
    path = tmp_path / "signals.toml"
    path.write_text(head + "[signals.X.phase.1]\nred_clear_s = 2.0")
    with pytest.raises(FormatError, match=r"line 3: .*leaves no green"):
        apply_sheet(replace(network, signals={"X": short}), path)


def test_an_offset_that_would_fall_between_seconds_is_refused(tmp_path: Path) -> None:
    network = street()
    signal = network.signals["X"]
    assert signal.plan_in_force is not None
    plan = replace(
        signal.plan_in_force, coordinated_phase=1, offset_reference=OffsetReference.BEGIN_YELLOW
    )
    path = tmp_path / "signals.toml"
    head = 'format = "throughband.signals"\nversion = 1\n'
    path.write_text(head + "[signals.X.phase.1]\nred_clear_s = 1.5")
    coordinated = replace(signal, plan_in_force=plan)
    with pytest.raises(FormatError, match="between whole seconds"):
        apply_sheet(replace(network, signals={"X": coordinated}), path)


def test_damage_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "signals.toml"
    write_sheet(path, street())
    refused = survives(lambda file: apply_sheet(street(), file), path.read_bytes(), path, 300)
    assert refused > 150


@pytest.mark.slow
def test_ten_thousand_damaged_sheets_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "signals.toml"
    write_sheet(path, street())
    content = path.read_bytes()
    assert survives(lambda file: apply_sheet(street(), file), content, path, 10_000, seed=2) > 5000
