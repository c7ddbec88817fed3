"""``throughband report``: the page of a run is made of what stands in its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from network.files import read_notes
from tests.throughband.command_line import assert_one_line, call
from tests.throughband.towns import corner_town
from throughband.reports.retelling import left_in, open_left, story_left

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optimize and validate a corner once; return the folder."""
    corner = corner_town(tmp_path_factory.mktemp("reported"))
    out = corner.parent / "planned"
    assert call("optimize", corner, "--out", out, "--effort", 50).code == 0
    plan = out / "plan.json"
    assert call("validate", corner, "--plan", plan, "--seeds", 2, "--out", out).code == 0
    return out


@pytest.fixture(scope="module")
def page(planned: Path) -> str:
    rates = planned.parent / "rates.toml"
    rates.write_text('[year]\ndays = 200\nsource = "school days"\n')
    out = planned.parent / "page.html"
    outcome = call("report", planned, "--rates", rates, "--out", out)
    assert outcome.code == 0, outcome.err
    return out.read_text()


@pytest.mark.parametrize(
    "said",
    ["In plain words", "vehicle-hours", "school days", "Level of service", "throughband optimize",
     "throughband validate", "SHA-256", "Seeds</dt><dd>101, 102"],
)  # fmt: skip
def test_the_page_tells(page: str, said: str) -> None:
    assert said in page


def test_the_model_says_of_the_files_what_it_said_of_the_run(planned: Path) -> None:
    left = left_in(planned)
    setting, changed = open_left(left)
    story = story_left(left, setting)
    model = read_notes(planned / "plan.json")["model"]
    assert isinstance(model, dict)
    assert story.model_before.delay_s == pytest.approx(model["delay_s_in_force"], abs=2e-3)
    assert story.model_after.delay_s == pytest.approx(model["delay_s_planned"], abs=2e-3)
    assert not changed


def test_a_standing_queue_is_told_beside_the_faults_of_the_same_counts(
    planned: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planned, copy)
    content = json.loads((copy / "demand.json").read_text())
    name = content["movements"][0]["movement"]
    rows = [("stuck", 2, "first day"), ("stuck", 1, "second day"), ("suspect", 0, "a queue stood")]
    content["quality"] = [
        {"series": name, "flag": flag, "intervals": intervals, "reason": reason}
        for flag, intervals, reason in rows
    ]
    (copy / "demand.json").write_text(json.dumps(content))
    left = left_in(copy)
    told = story_left(left, open_left(left)[0]).quality
    assert [(row.rejected, row.note) for row in told] == [
        (1, "stuck: second day"),
        (0, "suspect: a queue stood"),
    ]


def test_an_approval_is_told_by_runs_older_than_its_digests(planned: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planned, copy)
    found = json.loads((copy / "validation.json").read_text())
    given = {"by": "J. Roe", "utc": "2031-03-03T10:00:00+00:00", "notes": ""}
    given["expires_utc"] = "2031-03-03T22:00:00+00:00"
    content = {**found, "approval": given, "street": {"controllers": 1}}
    (copy / "result.json").write_text(json.dumps(content))
    left = left_in(copy)
    story = story_left(left, open_left(left)[0])
    assert story.approval is not None
    assert story.approval.approver == "J. Roe"
    assert "journal" in story.findings[0]


def test_a_network_that_has_changed_is_told(planned: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planned, copy)
    record = json.loads((copy / "run.json").read_text())
    record["steps"][0]["scenario"]["network_sha256"] = "0" * 64
    (copy / "run.json").write_text(json.dumps(record))
    _, changed = open_left(left_in(copy))
    assert "changed" in changed[0]


def test_the_page_of_a_validation_elsewhere_finds_its_plans(planned: Path, tmp_path: Path) -> None:
    for name in ("validation.json", "run.json"):
        shutil.copy(planned / name, tmp_path / name)
    assert left_in(tmp_path).plan_file == planned / "plan.json"


def test_a_validation_of_other_plans_is_refused(planned: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planned, copy)
    found = json.loads((copy / "validation.json").read_text())
    (copy / "validation.json").write_text(json.dumps({**found, "plan_digest": "0" * 64}))
    assert_one_line(call("report", copy), "--plan")


def test_a_folder_that_does_not_say_its_scenario_asks_for_it(planned: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(planned, copy)
    (copy / "run.json").unlink()
    outcome = call("report", copy)
    assert_one_line(outcome, "--scenario")
    assert not (copy / "report.html").exists()


def test_a_simulated_day_has_a_page(planned: Path, tmp_path: Path) -> None:
    scenario = json.loads((planned / "run.json").read_text())["steps"][0]["scenario"]["where"]
    out = tmp_path / "sim"
    asked = ("simulate", scenario, "--controller", "in-force", "--end", 300, "--out", out)
    assert call(*asked).code == 0
    assert call("report", out).code == 0
    text = (out / "report.html").read_text()
    assert "not HCM control delay" in text
    assert "throughband simulate" in text
    assert_one_line(call("report", out, "--rates", planned.parent / "rates.toml"), "--rates")


@pytest.mark.parametrize("made", [True, False])
def test_what_is_no_run_is_refused(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "nothing"
    if made:
        folder.mkdir()
    assert_one_line(call("report", folder), "nothing")


def test_a_page_must_be_called_html(tmp_path: Path) -> None:
    assert_one_line(call("report", tmp_path, "--out", tmp_path / "r.pdf"), ".html")
