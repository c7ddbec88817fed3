"""The plan file: everything comes back, nothing edited is believed, nothing is half written."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from network.errors import PlanError
from network.files import read_notes, read_plan, replace_file, write_plan
from network.graph import Signal
from network.phasing import Phase, Phasing
from network.timing import CoordinationGroup, PlanSet, TimingPlan
from tests.network import streets
from tests.strategies import connection, network_of, signal_of, signals_with_plans

Document = dict[str, Any]
GOLDEN = Path(__file__).parents[1] / "golden" / "plan_v1.json"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=signals_with_plans())
def test_plans_come_back_as_written(case: tuple[Signal, TimingPlan], tmp_path: Path) -> None:
    signal, plan = case
    plans = PlanSet("study", (plan,), {"Y": "no vehicles"})
    write_plan(tmp_path / "plan.json", plans, network_of(signal), {"bound": 0.5})
    assert read_plan(tmp_path / "plan.json") == plans
    assert read_notes(tmp_path / "plan.json") == {"bound": 0.5}


def cologne() -> tuple[PlanSet, Any]:
    network = streets.network("cologne3")
    plans = tuple(s.plan_in_force for s in network.signals.values() if s.plan_in_force)
    return PlanSet("cologne3", plans, {}), network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_plan(tmp_path / "plan.json", *cologne())
    return tmp_path / "plan.json"


def test_equal_plans_give_equal_bytes(path: Path, tmp_path: Path) -> None:
    plans, network = cologne()
    other = PlanSet(plans.scenario, tuple(reversed(plans.plans)), {})
    write_plan(tmp_path / "again.json", other, network, {})
    assert path.read_bytes() == (tmp_path / "again.json").read_bytes()


def test_a_split_is_explained_by_its_parts(path: Path) -> None:
    phase = json.loads(path.read_text())["plans"][0]["phases"][0]
    assert phase["split_s"] == phase["green_s"] + phase["yellow_s"] + phase["red_clear_s"]


def edit(path: Path, change: Callable[[Document], None], sealed: bool) -> None:
    """Edit the file, and recompute its digest if `sealed`."""
    document = json.loads(path.read_text())
    change(document)
    if sealed:
        rest = {key: value for key, value in document.items() if key != "file_digest"}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
        document["file_digest"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(document))


def shift_offset(document: Document) -> None:
    document["plans"][0]["offset_s"] += 1


def rename(document: Document) -> None:
    document["scenario"] = "elsewhere"


@pytest.mark.parametrize("change", [shift_offset, rename, lambda d: d["notes"].update(x=1)])
def test_an_edited_file_is_refused(path: Path, change: Callable[[Document], None]) -> None:
    edit(path, change, sealed=False)
    with pytest.raises(PlanError, match="edited or damaged"):
        read_plan(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shift_offset, "plans do not match its digest"),
        (lambda d: d.update(version=4), "version 4, this program reads up to 3"),
        (lambda d: d.update(version="1"), "version '1' is not a whole number"),
        (lambda d: d.update(version=True), "version True"),
        (lambda d: d.update(format="x"), "not a plan file"),
        (lambda d: d.update(extra=1), r"unknown keys \['extra'\]"),
        (lambda d: d.pop("notes"), r"missing keys \['notes'\]"),
        (lambda d: d.update(scenario=1), "scenario must be text"),
        (lambda d: d.update(notes=[]), "must be objects"),
        (lambda d: d.update(groups={}), "groups must be a list"),
        (lambda d: d["groups"].append(1), "found int, expected an object"),
        (lambda d: d["groups"].append({"cycle_s": 0, "signals": []}), "cycle_s: found 0"),
        (lambda d: d["groups"].append({"cycle_s": 9, "signals": ["a"]}), "two signals or more"),
        (lambda d: d["groups"].append({"cycle_s": 9, "signals": "ab"}), "list of names"),
        (lambda d: d["groups"].append({"cycle_s": 9, "signals": ["a", "b"]}), "has no plan"),
        (lambda d: d.update(left_alone={"x": 1}), "each reason as text"),
        (lambda d: d.update(plans=[1]), "found int, expected an object"),
        (lambda d: d["plans"].append(d["plans"][0]), "a signal has two plans"),
        (
            lambda d: d["plans"][0].update(signal_id=""),
            "signal_id: found ''",
        ),
        (
            lambda d: d["plans"][0].update(cycle_s=90.0),
            "cycle_s: found 90.0",
        ),
        (lambda d: d["plans"][0].update(offset_reference="x"), "offset_reference: found 'x'"),
        (
            lambda d: d["plans"][0].update(offset_reference=[]),
            r"found \[\]; allowed",
        ),
        (lambda d: d["plans"][0].update(phases=[]), "0 phases but 0 splits"),
        (
            lambda d: d["plans"][0]["phases"][0].update(phase=[]),
            r"phase: found \[\]",
        ),
        (lambda d: d["plans"][0]["phases"][0].update(green_s=1), "sum to, 4.0 s"),
        (
            lambda d: d["plans"][0]["phases"][0].update(green_s="1"),
            "green_s: found '1'",
        ),
        (lambda d: d["plans"][0]["phases"][0].update(green_s=1e400), "not a plan file"),
        (lambda d: d["plans"][0]["phases"][0].update(green_s=31.04), "tenths of a second"),
        (lambda d: d["plans"][0]["phases"][0].update(split_s=10**4000), "whole number from 1 to"),
        (lambda d: d["plans"][0]["phases"][0].update(ring=0), "ring: found 0"),
        (lambda d: d["plans"][0]["phases"][0].update(barrier=True), "barrier: found True"),
        (lambda d: d["plans"][0]["phases"][0].update(walk_s=-1), "walk_s: found -1"),
        (
            lambda d: d["plans"][0]["phases"][0].pop("ped_clear_s"),
            r"missing keys \['ped_c",
        ),
    ],
)
def test_a_malformed_file_is_one_readable_line(
    path: Path, change: Callable[[Document], None], message: str
) -> None:
    edit(path, change, sealed=True)
    with pytest.raises(PlanError, match=message) as error:
        read_plan(path)
    assert "\n" not in str(error.value)


def test_a_phase_tells_its_ring_its_barrier_and_the_walk(tmp_path: Path) -> None:
    phases = (
        Phase(2, "Gr", 5, 45, 12, 1, 1, 7, 11),
        Phase(6, "rG", 5, 43, 10, 2, 1),
    )
    links = tuple(connection(group, frozenset(), frozenset()) for group in (0, 1))
    plan = TimingPlan("X", 60, (2, 6), (60, 60), 0, 2)
    signal = signal_of(links, Phasing(phases, {}), plan)
    plans = PlanSet("rings", (plan,), {})
    write_plan(tmp_path / "plan.json", plans, network_of(signal))
    found = json.loads((tmp_path / "plan.json").read_text())["plans"][0]["phases"]
    keys = ("ring", "barrier", "green_s", "walk_s", "ped_clear_s")
    assert [tuple(phase[key] for key in keys) for phase in found] == [
        (1, 1, 54.3, 7, 11),
        (2, 1, 54.7, 0, 0),
    ]
    assert read_plan(tmp_path / "plan.json") == plans


def test_a_plan_file_of_version_1_is_read_and_written_back_as_the_newest(tmp_path: Path) -> None:
    plans = read_plan(GOLDEN)
    assert [(p.signal_id, p.splits_s, p.offset_s) for p in plans.plans] == [
        ("oak", (55, 35), 12),
        ("pine", (40, 50), 71),
    ]
    assert [p.offset_reference for p in plans.plans] == ["begin-green", "begin-yellow"]
    assert read_notes(GOLDEN) == {"bound_s": 3.25, "seed": 7}
    old = json.loads(GOLDEN.read_text())
    links = tuple(connection(group, frozenset(), frozenset()) for group in (0, 1))
    signals = [
        replace(signal_of(links, Phasing(phases_of(plan), {}), None), signal_id=plan["signal_id"])
        for plan in old["plans"]
    ]
    write_plan(tmp_path / "plan.json", plans, network_of(*signals), read_notes(GOLDEN))
    new = json.loads((tmp_path / "plan.json").read_text())
    assert (old["version"], new["version"]) == (1, 3)
    assert new["groups"] == []
    added = {"ring": 1, "barrier": 1, "walk_s": 0, "ped_clear_s": 0}
    for before, after in zip(old["plans"], new["plans"], strict=True):
        assert after["phases"] == [{**phase, **added} for phase in before["phases"]]
    assert new["digest"] == old["digest"]
    assert read_plan(tmp_path / "plan.json") == plans


def halved(signal_id: str, cycle_s: int) -> tuple[Signal, TimingPlan]:
    """Return a signal of two phases that share a cycle evenly."""
    phases = (Phase(1, "Gr", 5, 30, 10), Phase(2, "rG", 5, 30, 10))
    links = tuple(connection(group, frozenset(), frozenset()) for group in (0, 1))
    plan = TimingPlan(signal_id, cycle_s, (1, 2), (cycle_s // 2, cycle_s // 2), 7, 1)
    return replace(signal_of(links, Phasing(phases, {}), plan), signal_id=signal_id), plan


def test_a_signal_with_half_its_groups_cycle_comes_back_with_its_group(tmp_path: Path) -> None:
    (oak, slow), (pine, quick) = halved("oak", 80), halved("pine", 40)
    plans = PlanSet("street", (slow, quick), {}, (CoordinationGroup(80, ("pine", "oak")),))
    write_plan(tmp_path / "plan.json", plans, network_of(oak, pine))
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["groups"] == [{"cycle_s": 80, "signals": ["oak", "pine"]}]
    assert [plan["cycle_s"] for plan in document["plans"]] == [80, 40]
    assert read_plan(tmp_path / "plan.json") == plans
    group = plans.group_of("pine")
    assert group is not None
    assert group.cycle_s == 80
    assert pickle.loads(pickle.dumps(plans)) == plans


@pytest.mark.parametrize(
    ("cycle_s", "groups", "message"),
    [
        (60, ((80, ("oak", "pine")),), "runs a cycle of 60 s in a group of 80 s"),
        (80, ((40, ("oak", "pine")),), "runs a cycle of 80 s in a group of 40 s"),
        (80, ((160, ("oak", "pine")),), "no signal of a group runs its cycle of 160 s"),
        (80, ((80, ("oak", "elm")),), "'elm' is of a coordination group but has no plan"),
        (80, ((80, ("oak", "pine")), (80, ("pine", "oak"))), "of two coordination groups"),
        (80, ((80, ("oak", "oak")),), "two signals or more, each once"),
    ],
)
def test_signals_that_cannot_be_in_step_are_no_group(
    cycle_s: int, groups: tuple[tuple[int, tuple[str, ...]], ...], message: str
) -> None:
    plans = (halved("oak", 80)[1], halved("pine", cycle_s)[1])
    with pytest.raises(PlanError, match=message):
        PlanSet("street", plans, {}, tuple(CoordinationGroup(*group) for group in groups))


def test_a_file_of_version_2_that_tells_of_groups_is_refused(path: Path) -> None:
    edit(path, lambda d: d.update(version=2), sealed=True)
    with pytest.raises(PlanError, match="it tells of coordination groups"):
        read_plan(path)


def phases_of(plan: Document) -> tuple[Phase, ...]:
    return tuple(
        Phase(
            phase["phase"],
            {1: "Gr", 2: "rG"}[phase["phase"]],
            5,
            round(phase["yellow_s"] * 10),
            round(phase["red_clear_s"] * 10),
        )
        for phase in sorted(plan["phases"], key=lambda phase: phase["phase"])
    )


def test_an_old_file_that_lacks_what_its_version_promises_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(GOLDEN.read_text())
    edit(path, lambda d: d["plans"][0].pop("phases"), sealed=True)
    with pytest.raises(PlanError, match="malformed plan file of version 1"):
        read_plan(path)


def test_a_file_that_claims_an_older_version_than_its_own_is_refused(path: Path) -> None:
    edit(path, lambda d: d.update(version=1), sealed=True)
    with pytest.raises(PlanError, match="a phase tells of rings"):
        read_plan(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"format": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000],
)
def test_what_is_no_plan_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(PlanError, match="not a plan file"):
        read_plan(tmp_path / "plan.json")


def test_a_missing_file_is_a_plan_error(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "plan.json")


def test_plans_that_do_not_belong_to_the_network_are_not_written(tmp_path: Path) -> None:
    plans, network = cologne()
    plan = plans.plans[0]
    path = tmp_path / "plan.json"
    for wrong, message in (
        (replace(plan, signal_id="elsewhere"), "has no signal 'elsewhere'"),
        (replace(plan, sequence=(9,), splits_s=(90,), coordinated_phase=9), "no phase 9"),
    ):
        with pytest.raises(PlanError, match=message):
            write_plan(path, PlanSet("s", (wrong,), {}), network)
    for notes in ({"x": float("nan")}, {"x": object()}, {"x": "\ud800"}):
        with pytest.raises(PlanError, match="notes cannot be written"):
            write_plan(path, plans, network, notes)
    with pytest.raises(PlanError, match="cannot be written"):
        write_plan(tmp_path / "no" / "plan.json", plans, network)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    path.write_text("before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
