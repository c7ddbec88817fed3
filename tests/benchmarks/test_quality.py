"""Rows, ratios, entries and limits of the quality table."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.peer import Offer
from benchmarks.pretimed import chosen, main, seeds_of
from benchmarks.quality import runs
from benchmarks.quality.limits import Limit, read_limits
from benchmarks.quality.ratios import paired_ratio
from benchmarks.quality.rows import ResultRow, RowFile, read_rows, refusal
from benchmarks.quality.runs import Job, standing_share
from benchmarks.quality.subjects import label_of, subject_of
from benchmarks.quality.table import entries_of, markdown
from engine.validate.simulator import SimulationCase
from network.errors import FormatError, InsufficientDataError, ScenarioError

NAME = ("grid-2x2-1", "shipped", "in force", "", "1")


def row(delay_s: float, seed: int = 101, **changes: object) -> ResultRow:
    """Return a finished run."""
    blank = replace(refusal(NAME, ""), seed=seed, digest="d", delay_s=delay_s, stops=1.0)
    return replace(blank, standing_share=0.2, scheduled=100, arrived=90, running=10, **changes)  # type: ignore[arg-type]


pairs = st.lists(
    st.tuples(st.floats(10.0, 60.0), st.floats(10.0, 60.0)), min_size=3, max_size=10
).filter(lambda found: len({a for a, _ in found}) > 1 and len({b for _, b in found}) > 1)


@given(pairs)
def test_the_interval_holds_every_ratio_a_paired_test_does_not_reject(
    found: list[tuple[float, float]],
) -> None:
    ours, theirs = (np.array(side) for side in zip(*found, strict=True))
    ratio = paired_ratio(ours.tolist(), theirs.tolist())
    assert ratio.low <= ratio.value <= ratio.high
    if math.isinf(ratio.high):
        return
    inside, outside = (ratio.value + ratio.high) / 2, ratio.high + 0.01 * abs(ratio.high)
    assert ttest_1samp(ours - inside * theirs, 0.0).pvalue > 0.05 - 1e-6
    assert ttest_1samp(ours - outside * theirs, 0.0).pvalue < 0.05 + 1e-6


def test_a_constant_ratio_has_no_width() -> None:
    ratio = paired_ratio([9.5, 10.0, 10.5], [19.0, 20.0, 21.0])
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((0.5, 0.5, 0.5), abs=1e-6)
    assert ratio.verdict(0.51) == "met"
    assert ratio.verdict(0.49) == "missed"


def test_seeds_that_scatter_too_widely_tell_nothing() -> None:
    ratio = paired_ratio([5.0, 10.0, 40.0], [10.0, 20.0, 80.0])
    assert (ratio.low, ratio.high) == (-math.inf, math.inf)
    assert ratio.verdict(0.9) == "within noise, met"


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_too_little_for_a_ratio_is_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(InsufficientDataError):
        paired_ratio(ours, theirs)


def test_rows_come_back_as_they_were_and_are_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    file = RowFile(path)
    first, second = row(30.0), row(31.5, seed=102)
    for each in (first, second, first):
        file.add(each)
    assert [r.delay_s for r in read_rows(path)] == [30.0, 31.5]
    assert RowFile(path).rows.keys() == {first.key, second.key}


def test_a_line_cut_short_by_a_kill_is_played_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    file = RowFile(path)
    file.add(row(30.0))
    file.add(row(31.0, seed=102))
    path.write_text(path.read_text()[:-20])
    again = RowFile(path)
    assert [key[4] for key in again.rows] == [101]
    again.add(row(31.0, seed=102))
    assert [r.seed for r in read_rows(path)] == [101, 102]


def test_a_foreign_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="move it away"):
        RowFile(path)


def test_the_best_variant_of_the_newest_plan_counts() -> None:
    old = [row(10.0, seed, digest="old") for seed in (101, 102)]
    new = [row(30.0, seed, digest="new") for seed in (101, 102)]
    better = [row(25.0, seed, variant="b") for seed in (101, 102)]
    (entry,) = entries_of([*old, *new, *better])
    assert (entry.variant, entry.mean_s) == ("b", 25.0)
    (entry,) = entries_of([*old, *new])
    assert entry.mean_s == 30.0


def test_a_locked_seed_is_named() -> None:
    delays = {101: 20.0, 102: 21.0, 103: 90.0}
    (entry,) = entries_of([row(delay, seed) for seed, delay in delays.items()])
    assert entry.locked == (103,)
    still = [row(20.0, 101, controller="x"), row(20.0, 102, controller="x")]
    (entry,) = entries_of([replace(r, standing_share=0.8) for r in still])
    assert entry.locked == (101, 102)


def test_a_peer_that_cannot_run_is_a_row_with_its_reason() -> None:
    name = (*NAME[:2], "SUMO NEMA", "", "1")
    text = markdown(entries_of([row(30.0), row(31.0, 102), refusal(name, "no rings\nhere")]), [])
    assert "| SUMO NEMA | no rings here |" in text


def test_limits_are_judged_by_the_interval() -> None:
    ours = [row(10.0 + k / 8, 101 + k, controller="throughband") for k in range(3)]
    theirs = [row(20.0 + k / 4, 101 + k, controller="multiband") for k in range(3)]
    text = markdown(entries_of([*ours, *theirs]), read_limits())
    assert "| grid-2x2-1, shipped | 0.95 of multiband | 0.50 [0.50, 0.50] | met |" in text
    assert "0.85 of SUMO tools |  | not measured" in text


def test_limits_hold_where_they_say() -> None:
    limit = Limit(("street",), "SUMO tools", 0.85, kinds=("city",))
    assert limit.holds("cologne3", "street")
    assert not limit.holds("cologne3", "shipped")
    assert not limit.holds("arterial-10-7", "street")


def test_standing_counts_the_last_five_minutes(tmp_path: Path) -> None:
    steps = [(3000, 10, 10), (3360, 10, 5), (3600, 4, 1), (3599, 0, 0)]
    file = tmp_path / "summary.xml"
    lines = [f'<step time="{t}" running="{r}" halting="{h}"/>' for t, r, h in steps]
    file.write_text(f"<summary>{''.join(lines)}</summary>")
    assert standing_share(file, 3600.0) == pytest.approx((0.5 + 0.25) / 2)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Let nobody start SUMO; return the runs that were asked for."""
    asked: list[Job] = []

    def pretend(job: Job) -> ResultRow:
        asked.append(job)
        named = dict(
            zip(("scenario", "rules", "controller", "variant", "version"), job.name, strict=True)
        )
        return replace(row(20.0 + job.seed, job.seed, digest=job.digest), **named)

    monkeypatch.setattr(runs, "play", pretend)
    return asked


def job(variant: str, seed: int, digest: str) -> Job:
    case = SimulationCase(Path("a.sumocfg"), Path("a.net.xml"), (), (), 0.0, 10.0)
    return Job((*NAME[:3], variant, "1"), case, Offer(variant, note=variant), seed, digest, 1.0)


def test_a_finished_row_is_not_played_again(tmp_path: Path, played: list[Job]) -> None:
    jobs = [job("a", seed, "d") for seed in (101, 102)]
    file = RowFile(tmp_path / "rows.csv")
    runs.play_all(jobs[:1], file, 1, lambda _: None)
    runs.play_all(jobs, RowFile(tmp_path / "rows.csv"), 2, lambda _: None)
    assert [each.seed for each in played] == [101, 102]


def test_equal_plans_are_played_once_and_each_gets_its_row(
    tmp_path: Path, played: list[Job]
) -> None:
    file = RowFile(tmp_path / "rows.csv")
    jobs = [job(variant, seed, "d") for seed in (101, 102) for variant in "ab"]
    runs.play_all([*jobs, job("c", 101, "e")], file, 1, lambda _: None)
    assert len(played) == 3
    found = {(r.variant, r.seed): r for r in read_rows(tmp_path / "rows.csv")}
    assert found["b", 102].delay_s == found["a", 102].delay_s == 122.0
    assert found["b", 102].note == "b"


def test_names_of_subjects_are_told_apart() -> None:
    assert label_of("arterial:10:7") == "arterial-10-7"
    assert label_of("cologne8") == "cologne8"
    assert label_of("/some/where/cologne8/cologne8.sumocfg") == "cologne8-file"


def test_an_unknown_drawing_lists_the_allowed_ones(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="allowed are arterial:SIGNALS:SEED"):
        subject_of("ring:3:1", "shipped", tmp_path)


def test_a_scenario_that_is_not_there_is_no_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rules in ("shipped", "street"):
        assert main(["nowhere", "--rules", rules, "--seeds", "1-2", "--out", str(tmp_path)]) == 1
    assert "unknown scenario 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "rows.csv").exists()


def test_unknown_peers_list_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="known are in force, webster, SUMO tools"):
        chosen(PEERS, "webstre")
    assert [peer.name for peer in chosen(PEERS, "webster,in force")] == ["in force", "webster"]


def test_every_peer_has_name_version_and_source() -> None:
    names = [peer.name for peer in PEERS]
    assert len(set(names)) == len(names)
    assert all(peer.version and peer.source for peer in PEERS)


def test_seeds_are_ranges_and_lists() -> None:
    assert seeds_of("101-103,110") == [101, 102, 103, 110]
