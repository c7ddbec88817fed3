"""The report is one well-formed page that tells the whole story."""

from __future__ import annotations

import pickle
import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.throughband.reports_street import story, validation
from throughband.reports.charts import CountChart
from throughband.reports.report import render_report, write_report
from throughband.reports.story import (
    Approval,
    ForecastSummary,
    PushRow,
    QualityRow,
    Story,
    StreetRow,
)

NASTY = "<b>A&B</b>"


def full_story() -> Story:
    flow = np.full((3, 2), 100.0)
    chart = CountChart((NASTY, "y"), 900.0 * np.arange(3), flow, flow, flow, flow, "10 to 90 %")
    moment = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
    return story(
        (NASTY, "B", '"C"'),
        quality=(QualityRow(NASTY, 12, 10, 1, 1, "stuck"), QualityRow("fine", 12, 12, 0, 0)),
        forecast=ForecastSummary("median of weekdays", "07:00 to 08:00", 12.34, 80.0, chart),
        approval=Approval("night policy", True, moment, moment, "ab" * 32, "cd" * 32, NASTY),
        pushes=(PushRow(NASTY, "192.0.2.1:161", 7, 14, False, "rolled back"),),
        after=(StreetRow("07:45:00", "queue on approach", "as expected"),),
        reasons={NASTY: "the queue grew"},
        wall_s={"optimize": 12.34},
        versions={"simulator": "1.2.3"},
        command="throughband run street --seeds 11 12",
    )


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(full_story())


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_page_is_well_formed(page: str) -> None:
    assert parsed(page).tag == "html"


def test_page_needs_nothing_from_outside(page: str) -> None:
    assert not re.search(r"https?:|src=|@import|<script|<link|url\((?!#)", page)


def test_names_are_escaped_everywhere(page: str) -> None:
    assert "<b>" not in page
    assert "&lt;b&gt;A&amp;B&lt;/b&gt;" in page


def test_identifiers_are_unique_and_references_resolve(page: str) -> None:
    found = re.findall(r'\bid="([^"]+)"', page)
    assert len(found) == len(set(found))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(found)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(found)


def test_sections_come_in_the_order_an_engineer_reads(page: str) -> None:
    order = [
        "verdict", "measures", "space", "map", "sheets", "data", "alone", "approval", "after",
        "method", "reproduction",
    ]  # fmt: skip
    assert re.findall(r'<section[^>]*id="(\w+)"', page) == order


@pytest.mark.parametrize(
    "said",
    [
        "The new plan lowers mean delay from 40.0 to 36.0 s per vehicle",
        "not HCM control delay",
        "begin of green of phase 1",
        "hands off",
        "night policy",
        "2026-11-03 09:00:00 UTC",
        "different",
        "rolled back",
        "as expected",
        "12.3 % weighted absolute",
        "the queue grew",
        "throughband run street --seeds 11 12",
        "1.2.3",
    ],
)
def test_page_tells(page: str, said: str) -> None:
    assert said in page


def test_only_series_with_a_fault_are_listed(page: str) -> None:
    assert "stuck" in page
    assert ">fine<" not in page


def test_equal_stories_give_equal_bytes(page: str) -> None:
    assert render_report(full_story()) == page


def test_interval_that_holds_zero_is_no_clear_difference() -> None:
    text = render_report(story(validation=validation(-1.0, 2.0)))
    assert "No clear difference in delay" in text
    assert 'class="verdict no-clear-difference"' in text


def test_story_without_corridor_or_approval_says_so() -> None:
    text = render_report(story(("A",)))
    assert "there is no corridor to draw" in text
    assert "not released for the street" in text
    assert parsed(text).tag == "html"


def test_sheet_lists_splits_that_fill_the_cycle(page: str) -> None:
    tables = re.findall(r"<article.*?</article>", page, re.DOTALL)
    cells = re.findall(r'<td class="n">(\d+)</td>\s*<td class="n">(\d+)</td>', tables[0])
    assert sum(int(split) for _, split in cells[:2]) == 60


def test_report_is_written_to_the_path(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(target, story(("A", "B")))
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_story_survives_pickling() -> None:
    told = story(("A", "B"))
    assert pickle.loads(pickle.dumps(told)).plan_set == told.plan_set
