"""What each command writes, and what it refuses."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from network.files import read_plan
from network.timing import PlanSet, TimingPlan
from tests.throughband.command_line import assert_one_line, call
from tests.throughband.towns import corner_town
from throughband import doctor
from throughband.approval import POLICY_NAME
from throughband.journal import Journal, verify
from throughband.run_approval import RunApproval
from throughband.teller import Teller

pytestmark = pytest.mark.sumo

PLANS = PlanSet("town", (TimingPlan("X", 60, (1, 2), (30, 30), 5, 1),), {})


def report(verdict: str) -> dict[str, Any]:
    delay = {"mean": -3.0, "low": -4.0, "high": -2.0}
    return {
        "scenario": "town",
        "verdict": verdict,
        "baseline": {"delay_s": 20.0, "arrived": 120.0, "not_inserted": 0.0},
        "candidate": {"delay_s": 17.0},
        "difference": {"delay_s": delay, "not_inserted": {"mean": 0.0, "low": 0.0}},
        "seeds": [101, 102],
    }


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corner_town(tmp_path_factory.mktemp("corner"))


@pytest.fixture(scope="module")
def planned(corner: Path) -> Path:
    """Optimize the corner once; return the folder."""
    out = corner.parent / "planned"
    assert call("optimize", corner, "--out", out, "--effort", 50).code == 0
    return out


def test_optimize_writes_plans_and_the_counts_it_made(planned: Path) -> None:
    assert {f.name for f in planned.iterdir()} == {
        "plan.json", "plan.add.xml", "counts.csv", "demand.json", "run.json",
    }  # fmt: skip


def test_signals_left_alone_are_named_in_the_plan_and_absent_from_sumo_s(planned: Path) -> None:
    plan_set = read_plan(planned / "plan.json")
    assert [plan.signal_id for plan in plan_set.plans] == ["A0"]
    assert set(plan_set.left_alone) == {"left0", "right0", "top0", "bottom0"}
    assert all("1 phase" in reason for reason in plan_set.left_alone.values())
    programs = ElementTree.parse(planned / "plan.add.xml").getroot().findall("tlLogic")
    assert [program.get("id") for program in programs] == ["A0"]
    assert sum(float(p.get("duration", "nan")) for p in programs[0]) == plan_set.plans[0].cycle_s


def test_its_own_counts_give_the_same_demand_again(
    corner: Path, planned: Path, tmp_path: Path
) -> None:
    outcome = call(
        "optimize", corner, "--out", tmp_path, "--effort", 50, "--counts", planned / "counts.csv"
    )
    assert outcome.code == 0, outcome.err
    assert "carry nothing" not in outcome.err
    assert {f.name for f in tmp_path.iterdir()} == {
        "plan.json", "plan.add.xml", "demand.json", "run.json",
    }  # fmt: skip


def test_movements_missing_from_the_counts_are_told(corner: Path, tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text(
        "begin_s,interval_s,movement,volume_veh\n0,300,left0A0>A0right0,40\n"
        "0,300,bottom0A0>A0top0,9\n"
    )
    out = tmp_path / "out"
    outcome = call("optimize", corner, "--out", out, "--effort", 50, "--counts", counts)
    assert outcome.code == 0, outcome.err
    assert "movements are not in the file and carry nothing" in outcome.err


@pytest.mark.parametrize("kind", ["in-force", "actuated", "plan.json", "plan.add.xml"])
def test_simulate_keeps_sumo_s_own_files(
    corner: Path, planned: Path, tmp_path: Path, kind: str
) -> None:
    controller = f"plan:{planned / kind}" if kind.startswith("plan") else kind
    out = tmp_path / "out"
    outcome = call(
        "simulate", corner, "--controller", controller, "--seed", 7, "--end", 300, "--out", out
    )
    assert outcome.code == 0, outcome.err
    assert {f.name for f in out.iterdir()} == {
        "tripinfo.xml", "statistics.xml", "measures.json", "run.json",
    }  # fmt: skip
    trips = ElementTree.parse(out / "tripinfo.xml").getroot().findall("tripinfo")
    measures = json.loads((out / "measures.json").read_text())
    assert measures["controller"] == controller
    assert measures["running"] == sum(float(trip.get("arrival", "0")) < 0 for trip in trips) > 0
    assert measures["scheduled"] == len(trips)


def test_plan_json_and_its_sumo_file_play_the_same(
    corner: Path, planned: Path, tmp_path: Path
) -> None:
    trips = []
    for name in ("plan.json", "plan.add.xml"):
        out = tmp_path / name
        controller = f"plan:{planned / name}"
        outcome = call("simulate", corner, "--controller", controller, "--out", out)
        assert outcome.code == 0, outcome.err
        rows = ElementTree.parse(out / "tripinfo.xml").getroot()
        trips.append([tuple(sorted(row.attrib.items())) for row in rows])
    assert trips[0] == trips[1]


@pytest.mark.parametrize("name", ["", "In-Force", "fixed", "plan", "actuated:x"])
def test_an_unknown_controller_is_refused_with_the_known_ones(
    corner: Path, tmp_path: Path, name: str
) -> None:
    outcome = call("simulate", corner, "--controller", name, "--out", tmp_path / "out")
    known = "known are in-force, actuated, plan:FILE, adaptive"
    assert_one_line(outcome, repr(name), known, "max-pressure")
    assert not (tmp_path / "out").exists()


def test_a_plan_without_a_file_is_refused(corner: Path, tmp_path: Path) -> None:
    outcome = call("simulate", corner, "--controller", "plan:", "--out", tmp_path / "out")
    assert_one_line(outcome, "'plan:' names no file", "plan:FILE")
    assert not (tmp_path / "out").exists()


def test_validate_writes_pairs_under_validation_seeds(
    corner: Path, planned: Path, tmp_path: Path
) -> None:
    outcome = call(
        *("validate", corner, "--plan", planned / "plan.json", "--seeds", 2, "--out", tmp_path)
    )
    assert outcome.code == 0, outcome.err
    written = json.loads((tmp_path / "validation.json").read_text())
    assert written["seeds"] == [101, 102]
    assert written["plan_digest"] == read_plan(planned / "plan.json").digest
    assert written["verdict"] in ("better", "worse", "no clear difference")


def test_validate_takes_seeds_by_name(corner: Path, planned: Path, tmp_path: Path) -> None:
    options = ("--plan", planned / "plan.json", "--out", tmp_path, "--seeds")
    outcome = call("validate", corner, *options, "11-12")
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "validation.json").read_text())["seeds"] == [11, 12]


@pytest.mark.parametrize("command", ["run", "validate"])
def test_seeds_that_are_counted_on_prove_nothing(
    corner: Path, planned: Path, tmp_path: Path, command: str
) -> None:
    options = ("--plan", planned / "plan.json") if command == "validate" else ()
    out = tmp_path / "out"
    outcome = call(command, corner, *options, "--out", out, "--seeds", "1-5")
    assert_one_line(outcome, "'1-5'", "counted on seed 1")
    assert not out.exists()


@pytest.fixture
def approval(tmp_path: Path) -> tuple[Teller, Journal, Path]:
    path = tmp_path / "journal.sqlite"
    return Teller(1), Journal(path), path


@pytest.mark.parametrize("verdict", ["worse", "no clear difference"])
def test_the_policy_s_no_is_recorded(approval: tuple[Teller, Journal, Path], verdict: str) -> None:
    teller, journal, path = approval
    assert RunApproval(teller, journal, True, "")(PLANS, report(verdict)) is None
    (event,) = verify(path)
    assert (event["event"], event["by"]) == ("not approved", POLICY_NAME)
    assert verdict in str(event["notes"])


def test_the_policy_s_yes_is_recorded_as_such(approval: tuple[Teller, Journal, Path]) -> None:
    teller, journal, path = approval
    release = RunApproval(teller, journal, True, "")(PLANS, report("better"))
    assert release is not None
    assert release.approved_by == POLICY_NAME
    (event,) = verify(path)
    assert (event["event"], event["plan_digest"]) == ("approved", PLANS.digest)
    assert "nobody was asked" in str(event["notes"])


def at_terminal(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    given = iter(answers)

    def answer(question: str = "") -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(builtins, "input", answer)


def test_without_a_terminal_nobody_approves(
    approval: tuple[Teller, Journal, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teller, journal, path = approval
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert RunApproval(teller, journal, False, "A. Engineer")(PLANS, report("better")) is None
    assert verify(path)[0]["by"] == "nobody"


@pytest.mark.parametrize("answers", [(), ("",), ("yes",), ("approve",), ("approve", " ")], ids=str)
def test_anything_but_a_clear_yes_with_a_name_is_a_no(
    approval: tuple[Teller, Journal, Path],
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[str, ...],
) -> None:
    # The end of input, or no name, once threw the whole run away.
    teller, journal, path = approval
    at_terminal(monkeypatch, *answers)
    assert RunApproval(teller, journal, False, "")(PLANS, report("better")) is None
    assert verify(path)[0]["event"] == "not approved"


def test_a_person_may_approve_what_the_policy_would_not(
    approval: tuple[Teller, Journal, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teller, journal, path = approval
    at_terminal(monkeypatch, " Approve ", "A. Engineer")
    release = RunApproval(teller, journal, False, "")(PLANS, report("no clear difference"))
    assert release is not None
    assert release.approved_by == "A. Engineer"
    assert verify(path)[0]["by"] == "A. Engineer"


def push_arguments(
    corner: Path, plan: Path, folder: Path, evidence: Mapping[str, Any]
) -> list[object]:
    (folder / "validation.json").write_text(json.dumps(evidence))
    for kind in ("read", "write"):
        (folder / f"{kind}.secret").write_text(f"{kind}-hush")
        (folder / f"{kind}.secret").chmod(0o600)
    (folder / "devices.toml").write_text(
        '[[device]]\nsignal = "A0"\nhost = "127.0.0.1"\nport = 9\n'
        'read_secret_file = "read.secret"\nwrite_secret_file = "write.secret"\n'
    )
    return [
        *("push", corner, "--plan", plan, "--report", folder / "validation.json"),
        *("--devices", folder / "devices.toml", "--journal", folder / "journal.sqlite"),
    ]


def test_a_report_of_another_plan_is_refused(corner: Path, planned: Path, tmp_path: Path) -> None:
    evidence = report("better") | {"plan_digest": "0" * 64}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    assert_one_line(call(*arguments), "speaks of plan 000000000000", "validate this plan first")


@pytest.mark.parametrize("lack", ["verdict", "difference", "plan_digest"])
def test_a_report_without_evidence_is_refused(
    corner: Path, planned: Path, tmp_path: Path, lack: str
) -> None:
    evidence = report("better") | {"plan_digest": read_plan(planned / "plan.json").digest}
    del evidence[lack]
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    assert_one_line(call(*arguments, "--write", "--approved-by", "A. Engineer"), "report")
    assert not (tmp_path / "journal.sqlite").exists()


@pytest.mark.parametrize("name", ["", " "])
def test_writing_needs_a_name(corner: Path, planned: Path, tmp_path: Path, name: str) -> None:
    evidence = report("better") | {"plan_digest": read_plan(planned / "plan.json").digest}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    outcome = call(*arguments, "--write", "--approved-by", name, typed="A. Engineer\n")
    assert_one_line(outcome, "approv")
    assert not (tmp_path / "journal.sqlite").exists()


def test_a_report_of_another_scenario_is_refused(
    corner: Path, planned: Path, tmp_path: Path
) -> None:
    digest = read_plan(planned / "plan.json").digest
    evidence = report("better") | {"plan_digest": digest, "scenario": "elsewhere"}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    assert_one_line(call(*arguments), "is about 'elsewhere'")


def test_a_plan_without_a_proven_gain_is_not_written(
    corner: Path, planned: Path, tmp_path: Path
) -> None:
    evidence = report("worse") | {"plan_digest": read_plan(planned / "plan.json").digest}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    outcome = call(*arguments, "--write", "--approved-by", "A. Engineer")
    assert_one_line(outcome, "verdict 'worse'", "--despite-verdict")
    assert not (tmp_path / "journal.sqlite").exists()


def test_an_unreachable_controller_is_one_line(corner: Path, planned: Path, tmp_path: Path) -> None:
    evidence = report("better") | {"plan_digest": read_plan(planned / "plan.json").digest}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    outcome = call(*arguments, "--write", "--approved-by", "A. Engineer")
    assert_one_line(outcome, "signal 'A0' at 127.0.0.1:9", "devices.toml")
    assert "hush" not in outcome.out + outcome.err
    assert not (tmp_path / "journal.sqlite").exists()


def test_a_plan_without_a_device_is_refused(corner: Path, planned: Path, tmp_path: Path) -> None:
    evidence = report("better") | {"plan_digest": read_plan(planned / "plan.json").digest}
    arguments = push_arguments(corner, planned / "plan.json", tmp_path, evidence)
    listed = tmp_path / "devices.toml"
    listed.write_text(listed.read_text().replace('"A0"', '"nowhere"'))
    assert_one_line(call(*arguments), "no device for signal 'A0'")


def test_the_doctor_s_verdict_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("doctor").code == 0
    sick = doctor.Finding("sumo", False, "not installed", "install it")
    monkeypatch.setattr(doctor, "examine", lambda: (sick,))
    outcome = call("doctor")
    assert_one_line(outcome, "not fit")
    assert "FAIL sumo: not installed" in outcome.out
    assert "install it" in outcome.out


def test_the_catalog_is_listed() -> None:
    outcome = call("cities")
    assert outcome.code == 0
    assert "cologne8" in outcome.out.split()
