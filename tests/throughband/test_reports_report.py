"""The report is one well-formed page that tells the whole story."""

from __future__ import annotations

import base64
import pickle
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.validate.statistics import Difference
from network.errors import ThroughbandError
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from tests.throughband.reports_street import story, validation
from throughband.benefits import Benefits, Rates, Saving
from throughband.reports.charts import CountChart
from throughband.reports.council import council_text
from throughband.reports.pdf import printed, require_pdf, write_pdf
from throughband.reports.report import render_report, write_report
from throughband.reports.story import (
    Approval,
    Certified,
    ForecastSummary,
    PushRow,
    QualityRow,
    Story,
    StreetRow,
)
from throughband.reports.traces import Traces
from throughband.run_record import Source, Step

NASTY = "<b>A&B</b>"
SVG = "http://www.w3.org/2000/svg"


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
        "verdict", "summary", "measures", "benefits", "space", "map", "service", "sheets",
        "certificate", "data", "alone", "approval", "after", "method", "reproduction",
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


def test_the_page_names_no_folder_of_the_machine_it_was_made_on() -> None:
    made = Step(
        "run",
        "throughband run /srv/console/networks/3f/Main --out=/srv/console/runs/9/files",
        inputs={"rates": Source("/srv/rates.toml", "ab" * 32)},
    )
    pages = [
        render_report(replace(full_story(), steps=(made,))),
        render_report(replace(full_story(), command=made.command)),
    ]

    assert all("/srv" not in page for page in pages)
    assert all("throughband run Main --out=files" in page for page in pages)
    assert "rates.toml; SHA-256" in pages[0]


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


def test_story_without_validation_claims_nothing() -> None:
    text = render_report(story(validation=None))
    assert "Not proven yet" in text
    assert "What they bring has not been proven yet" in text
    assert "That is no proof" in text
    assert parsed(text).tag == "html"


def test_no_clear_difference_promises_the_council_nothing() -> None:
    said = " ".join(council_text(story(validation=validation(-1.0, 2.0))))
    assert "there is no clear difference" in said
    assert "Nobody should expect a gain" in said


def test_the_council_hears_which_greens_are_dropped_and_that_nobody_looked_at_walking() -> None:
    phasing = Phasing(
        (Phase(1, "GGrr", 5, 30, 10), Phase(2, "rrGG", 5, 30, 0), Phase(3, "rGrg", 5, 30, 10)), {}
    )
    base = story()
    dropped = replace(base.network.signals["A"], phasing=phasing)
    dropped = replace(dropped, plan_in_force=TimingPlan("A", 60, (1, 2, 3), (25, 20, 15), 0, 1))
    network = replace(base.network, signals={**base.network.signals, "A": dropped})
    new = replace(base.plan_set.plans[0], sequence=(1, 3), splits_s=(35, 25))
    told = replace(
        base,
        network=network,
        in_force={**base.in_force, "A": dropped.plan_in_force},
        plan_set=replace(base.plan_set, plans=(new, *base.plan_set.plans[1:])),
        window_s=3600.0,
    )
    said = " ".join(council_text(told))
    assert "same lamps" not in said
    assert "Signal A leaves out phase 2" in said
    assert "loses the protected green" in said
    assert "no green any more" in said
    assert "no walk times" in said
    assert "At 1 of 2 signals some phases have no red clearance" in said
    assert "runs of 60 minutes of the day's window" in said
    assert "same lamps" in " ".join(council_text(base))


def test_the_council_hears_how_sure_a_gain_is() -> None:
    said = " ".join(council_text(story()))
    assert "2 to 6 s less" in said
    assert "not approved yet" in said


def worth(low: float, high: float) -> Benefits:
    rates = Rates("EUR", 250, "working days", 12.0, 1.3, "ministry", cost_per_year=9.0)
    hours = Difference((low + high) / 2, low, high)
    money = Difference(10 * hours.mean, 10 * low, 10 * high)
    year = Difference(250 * money.mean, 250 * money.low, 250 * money.high)
    savings = (Saving("Delay", "vehicle-hours", hours, None), Saving("Time", "EUR", money, year))
    return Benefits(savings, Difference(5.0, 4.0, 6.0), rates, 1.0, 2)


def test_costs_and_benefits_carry_their_interval_and_whose_rates_they_are() -> None:
    told = story(benefits=worth(4.0, 6.0))
    text = render_report(told)
    assert "12,500 (10,000 to 15,000)" in text
    assert "ministry" in text
    said = " ".join(council_text(told))
    assert "12,500 EUR (10,000 to 15,000), 5.0 times its cost (4.0 to 6.0)" in said


def test_a_saving_that_is_not_clear_is_not_reckoned_with() -> None:
    said = " ".join(council_text(story(benefits=worth(-4.0, 6.0))))
    assert "no saving of time can be shown" in said
    assert "EUR" not in said


def test_before_and_after_toggle_without_scripts(page: str) -> None:
    assert page.count('type="radio"') == 6
    assert page.count("Before: plan in force") == 1
    assert ".toggle > input:nth-of-type(2):checked ~ .second" in page


def test_a_certificate_stands_with_its_signals() -> None:
    found = Certified(("A", "B"), 1.2, 3.4, "within 3.4 % of the best")
    assert "within 3.4 % of the best" in render_report(story(certificates=(found,)))


def test_trajectories_lie_over_their_own_panel() -> None:
    line = np.array([[0.0, 0.0], [20.0, 200.0]])
    driven = tuple(Traces(1, at, {"outbound": (line,), "inbound": ()}) for at in (3600.0, 3660.0))
    text = render_report(story(traces=driven))
    assert text.count("simulated vehicle") == 2
    assert "seed 1" in text


def pictures_of(text: str) -> list[str]:
    """Return the SVG pictures that a page for print holds as images."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', text)
    return [base64.b64decode(one).decode() for one in found]


def test_print_takes_the_colors_of_paper(page: str) -> None:
    text = printed(page)
    shown = text + "".join(pictures_of(text))
    assert "var(--" not in shown
    assert "#0072b2" in shown


def test_print_keeps_pictures_apart_from_the_page(page: str) -> None:
    text = printed(page)
    found = pictures_of(text)
    assert "<svg" not in text
    assert len(found) == page.count("<svg") > 0
    assert all(ElementTree.fromstring(picture).tag == f"{{{SVG}}}svg" for picture in found)
    assert set(re.findall(r'<svg aria-label="([^"]*)"', page)) == set(
        re.findall(r'<img alt="([^"]*)" src="data:image/svg', text)
    )
    assert ".wide img {" in text


def test_a_pdf_holds_what_the_page_tells(tmp_path: Path) -> None:
    try:
        require_pdf()
    except ThroughbandError as error:
        pytest.skip(str(error))
    from pypdf import PdfReader

    write_pdf(tmp_path / "r.pdf", render_report(story(("A", "B"))))
    text = " ".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "r.pdf").pages)
    assert "The new plan lowers mean delay" in " ".join(text.split())


def test_without_weasyprint_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ThroughbandError, match="libpango"):
        require_pdf()


def test_story_survives_pickling() -> None:
    told = story(("A", "B"))
    assert pickle.loads(pickle.dumps(told)).plan_set == told.plan_set
