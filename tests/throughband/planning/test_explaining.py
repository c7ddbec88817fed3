"""``throughband explain``: for the plans in force and for any lawful plan file."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from engine.optimize.explanation import Explanation, Question, explanation_of
from engine.optimize.problem import Limits
from network.counts import CountSeries
from network.files import write_plan
from network.readers.counts_csv import write_counts_csv
from network.schemas import schema
from network.timing import CoordinationGroup, PlanSet
from tests.engine.explained_streets import WALKING, demand_of, plans_of, row
from tests.throughband.command_line import assert_one_line, call
from throughband.planning.explaining import plans_in_force
from throughband.planning.explanation_files import document_of, write_explanation
from throughband.reports.explanation_charts import SIGNALS_SHOWN, seconds_chart
from throughband.setting import open_setting


@pytest.fixture(scope="module")
def told() -> Explanation:
    network = row(2, phasing=WALKING)
    demand = demand_of(network)
    street = demand.street(network)
    return explanation_of(Question(network, street, 0, plans_of(network), Limits(), demand=demand))


def plan_set(told: Explanation) -> PlanSet:
    return PlanSet("toy", tuple(s.plan for g in told.groups for s in g.signals), {"Z": "odd"})


def test_an_explanation_is_as_its_schema_describes(told: Explanation, tmp_path: Path) -> None:
    judge = Draft202012Validator(schema("explanation"))
    judge.check_schema(schema("explanation"))
    write_explanation(tmp_path, "toy", plan_set(told), told, "the plans")
    document = json.loads((tmp_path / "explain.json").read_text())
    judge.validate(document)
    assert document["plan_digest"] == plan_set(told).digest
    (group,) = document["groups"]
    assert [s["signal_id"] for s in group["signals"]] == ["A", "B"]
    for place in (document, group, group["signals"][0], group["signals"][0]["phases"][0]):
        lacking = next(key for key in place if key not in ("format",))
        kept = place.pop(lacking)
        assert not judge.is_valid(document)
        place[lacking] = kept


def test_equal_explanations_are_equal_files(told: Explanation, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_explanation(tmp_path / name, "toy", plan_set(told), told, "the plans")
    for file in ("explain.json", "explain.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_text_is_markdown_with_every_signal_and_figure(
    told: Explanation, tmp_path: Path
) -> None:
    write_explanation(tmp_path, "toy", plan_set(told), told, "the plans")
    text = (tmp_path / "explain.txt").read_text()
    assert text.startswith("# toy: why the signals are timed as they are\n")
    assert "### Signal A" in text
    assert "### Signal B" in text
    assert "- Z: odd" in text
    assert f"{told.measures.delay_s:.1f} s at a signal" in text
    (figure,) = tmp_path.glob("*.png")
    assert f"({figure.name})" in text


def test_the_figure_has_a_row_for_every_signal(told: Explanation, tmp_path: Path) -> None:
    write_explanation(tmp_path, "toy", plan_set(told), told, "the plans")
    content = (tmp_path / "explain-group1.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (1235, round(130 * (1.4 + 1.55 * 2)))
    signals = told.groups[0].signals
    figure = seconds_chart(signals, "title")
    assert len(figure.axes) == 2 * len(signals)
    for at, signal in enumerate(signals):
        offsets, splits = figure.axes[2 * at], figure.axes[2 * at + 1]
        drawn = np.asarray(offsets.lines[0].get_ydata())
        assert drawn == pytest.approx(signal.offset_veh_s_per_h / 60.0)
        labels = splits.get_legend_handles_labels()[1]
        assert [label.split()[1] for label in labels] == ["1", "2", "3"]


def test_a_figure_shows_the_signals_whose_seconds_are_worth_most(told: Explanation) -> None:
    signals = told.groups[0].signals * SIGNALS_SHOWN
    figure = seconds_chart(signals, "many")
    assert len(figure.axes) == 2 * SIGNALS_SHOWN
    assert f"{SIGNALS_SHOWN} signals whose seconds are worth less are left out" in str(
        figure.get_suptitle()
    )


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    made = call("generate", "arterial", "--signals", 2, "--out", folder / "a", "--pedestrians")
    assert made.code == 0
    return next((folder / "a").glob("*.sumocfg"))


@pytest.fixture(scope="module")
def counts(street: Path) -> Path:
    network = open_setting(str(street)).network
    names = list(network.movements)
    volume = np.random.default_rng(1).integers(4, 16, (12, len(names))).astype(float)
    series = CountSeries.from_volumes("movement", names, 0.0, 300, volume)
    path = street.parent / "my_counts.csv"
    write_counts_csv(path, series)
    return path


@pytest.mark.sumo
def test_plans_in_force_and_a_plan_file_are_explained(
    street: Path, counts: Path, tmp_path: Path
) -> None:
    first = call("explain", street, "--counts", counts, "--out", tmp_path / "force")
    assert first.code == 0, first.err
    assert "explains the plans in force" in (tmp_path / "force" / "explain.txt").read_text()
    network = open_setting(str(street)).network
    plans = plans_in_force(network)
    file = tmp_path / "plan.json"
    write_plan(file, PlanSet(network.name, plans.plans, {}), network)
    second = call("explain", street, "--plan", file, "--counts", counts, "--out", tmp_path / "file")
    assert second.code == 0, second.err
    documents = [
        json.loads((tmp_path / name / "explain.json").read_text()) for name in ("force", "file")
    ]
    for document in documents:
        Draft202012Validator(schema("explanation")).validate(document)
    assert documents[0]["groups"] == documents[1]["groups"]
    assert len(documents[0]["groups"][0]["signals"]) == 2


@pytest.mark.sumo
def test_a_plan_file_is_explained_by_the_groups_it_tells(street: Path, tmp_path: Path) -> None:
    network = open_setting(str(street)).network
    names = list(network.movements)
    counts = tmp_path / "few.csv"
    # No platoon is worth one cycle here; whoever made the plan knew of more traffic.
    few = np.zeros((12, len(names)))
    few[0] = 1.0
    write_counts_csv(counts, CountSeries.from_volumes("movement", names, 0.0, 300, few))
    plans = plans_in_force(network).plans
    together = CoordinationGroup(plans[0].cycle_s, tuple(plan.signal_id for plan in plans))
    sizes = []
    for groups in ((), (together,)):
        file, out = tmp_path / "plan.json", tmp_path / str(len(groups))
        write_plan(file, PlanSet(network.name, plans, {}, groups), network)
        done = call("explain", street, "--plan", file, "--counts", counts, "--out", out)
        assert done.code == 0, done.err
        document = json.loads((out / "explain.json").read_text())
        sizes.append([len(group["signals"]) for group in document["groups"]])
    assert sizes == [[1, 1], [2]]


LOCKS = 'format = "throughband.locks"\nversion = 1\n\n'


@pytest.mark.sumo
def test_locks_are_named_with_what_they_cost(street: Path, counts: Path, tmp_path: Path) -> None:
    first, second = sorted(open_setting(str(street)).network.signals)
    locks = tmp_path / "locks.toml"
    locks.write_text(f'{LOCKS}[[plan]]\nsignals = ["{first}"]\n')
    told = call(
        "explain", street, "--counts", counts, "--lock", locks, "--out", tmp_path / "o"
    )  # fmt: skip
    assert told.code == 0, told.err
    document = json.loads((tmp_path / "o" / "explain.json").read_text())
    Draft202012Validator(schema("explanation")).validate(document)
    (lock,) = document["locks"]
    assert lock["signals"] == [first]
    assert lock["veh_s_per_h"] > 1.0
    text = (tmp_path / "o" / "explain.txt").read_text()
    section, rest = text.split("## Locks")[1].split("## ", 1)
    assert "locks.toml" in section
    assert "letting it go would save" in section
    assert "Locked:" in rest.split(f"### Signal {first}")[1].split("###")[0]
    assert "Locked:" not in rest.split(f"### Signal {second}")[1]


@pytest.mark.sumo
def test_locks_that_the_plans_do_not_meet_are_refused(
    street: Path, counts: Path, tmp_path: Path
) -> None:
    locks = tmp_path / "locks.toml"
    locks.write_text(f"{LOCKS}[[cycle]]\ncycle_s = 77\n")
    outcome = call(
        "explain", street, "--counts", counts, "--lock", locks, "--out", tmp_path / "o"
    )  # fmt: skip
    assert_one_line(outcome, "does not keep")
    assert not (tmp_path / "o").exists()


@pytest.mark.sumo
def test_an_unlawful_plan_and_another_scenarios_are_refused(
    street: Path, counts: Path, tmp_path: Path
) -> None:
    network = open_setting(str(street)).network
    plans = plans_in_force(network).plans
    file = tmp_path / "plan.json"
    write_plan(file, PlanSet("elsewhere", plans, {}), network)
    outcome = call("explain", street, "--plan", file, "--counts", counts, "--out", tmp_path / "o")
    assert_one_line(outcome, "elsewhere")
    longest = max(range(len(plans[0].splits_s)), key=lambda at: plans[0].splits_s[at])
    splits = tuple(s + (at == longest) for at, s in enumerate(plans[0].splits_s))
    write_plan(
        file, PlanSet(network.name, (replace(plans[0], splits_s=splits), *plans[1:]), {}), network
    )
    outcome = call("explain", street, "--plan", file, "--counts", counts, "--out", tmp_path / "o")
    assert_one_line(outcome, "fill")
    assert not (tmp_path / "o").exists()


def test_left_alone_signals_are_told_with_their_reason(told: Explanation) -> None:
    document = document_of("toy", plan_set(told), told)
    assert document["left_alone"] == {"Z": "odd"}
