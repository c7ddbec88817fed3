"""What ``throughband report`` does: one page, and a PDF, of what a run left in its folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from network.errors import ThroughbandError
from network.files import replace_file
from throughband.benefits import Rates, benefits_of, read_rates
from throughband.setting import Setting
from throughband.teller import Teller

if TYPE_CHECKING:
    from throughband.reports.story import Story

REPORT_NAME: Final = "report.html"
EVALUATION_NAME: Final = "evaluation.html"
DAY_NAME: Final = "day.json"
SIMULATED_NAME: Final = "measures.json"


@dataclass(frozen=True, slots=True)
class ReportWish:
    """What the command is asked for.

    Attributes
    ----------
    run
        Folder of a run.
    out
        The HTML file; `REPORT_NAME` in the folder by default. A PDF stands beside it.
    pdf
        Whether to write a PDF too.
    rates
        What a city reckons with, or None.
    scenario, plan, counts
        In the place of what the folder says, or where it does not say.
    trajectories
        Whether to play both plans once more, to draw how vehicles run along the corridor.
    """

    run: Path
    out: Path | None = None
    pdf: bool = False
    rates: Path | None = None
    scenario: str = ""
    plan: Path | None = None
    counts: Path | None = None
    trajectories: bool = False


def report_command(wish: ReportWish) -> None:
    """Carry out ``throughband report``.

    Raises
    ------
    ThroughbandError
        If the folder holds no run, its files do not fit together, or a PDF cannot be made here.
    """
    from throughband.reports.pdf import require_pdf, write_pdf

    if not wish.run.is_dir():
        raise ThroughbandError(f"{wish.run}: no folder; name the folder of a run")
    if wish.pdf:
        # Not after minutes of work.
        require_pdf()
    rates = read_rates(wish.rates) if wish.rates is not None else Rates()
    out = wish.out or wish.run / REPORT_NAME
    if out.suffix.lower() not in (".html", ".htm"):
        raise ThroughbandError(f"--out is {out}; allowed are names that end on .html")
    with Teller(3) as teller:
        teller.step(f"read {wish.run}")
        page = report_page(wish, rates, teller)
        teller.step("write the page")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            replace_file(out, page)
        except OSError as error:
            raise ThroughbandError(
                f"{out}: cannot be written ({error.strerror or error})"
            ) from error
        if wish.pdf:
            write_pdf(out.with_suffix(".pdf"), page)
            teller.say(f"PDF: {out.with_suffix('.pdf')}")
        teller.say(f"Report: {out}")


def report_page(wish: ReportWish, rates: Rates, teller: Teller) -> str:
    """Return the page of a run's folder.

    Raises
    ------
    ThroughbandError
        As `report_command`.
    """
    from throughband.reports.report import render_report
    from throughband.reports.retelling import left_in, open_left, story_left

    folder = wish.run
    if (folder / EVALUATION_NAME).is_file():
        _require_none(wish, "evaluate")
        return (folder / EVALUATION_NAME).read_text(encoding="utf-8")
    if (folder / DAY_NAME).is_file():
        from throughband.reports.day_page import day_page

        _require_none(wish, "day", scenario=True)
        return day_page(folder, wish.scenario)
    if (folder / SIMULATED_NAME).is_file():
        from throughband.reports.simulated_page import simulated_page

        _require_none(wish, "simulate")
        return simulated_page(folder)
    if wish.plan is None and not any(
        (folder / name).is_file() for name in ("plan.json", "validation.json", "result.json")
    ):
        raise ThroughbandError(
            f"{folder}: holds none of the files that run, optimize, validate, day, evaluate or "
            "simulate leave (plan.json, validation.json, day.json, evaluation.html, measures.json)"
        )
    left = left_in(folder, wish.plan)
    setting, changed = open_left(left, wish.scenario)
    story = story_left(left, setting, wish.counts)
    story = replace(story, findings=(*changed, *story.findings))
    if story.validation is not None:
        benefits = benefits_of(story.validation, rates, story.window_s)
        story = replace(story, benefits=benefits)
    teller.step("draw the figures")
    if wish.trajectories and story.corridor is not None:
        teller.say("playing both plans once, to draw vehicles along the corridor")
        story = _driven(story, setting)
    return render_report(story)


def _require_none(wish: ReportWish, kind: str, scenario: bool = False) -> None:
    """Refuse options that the page of a command would pass over."""
    given = {
        "--rates": wish.rates,
        "--plan": wish.plan,
        "--counts": wish.counts,
        "--trajectories": wish.trajectories,
        "--scenario": "" if scenario else wish.scenario,
    }
    odd = [name for name, value in given.items() if value]
    if odd:
        raise ThroughbandError(
            f"{wish.run} is a run of {kind}; {odd[0]} is for those of run, optimize and validate"
        )


def _driven(story: Story, setting: Setting) -> Story:
    """Return the story with trajectories of both plans, under one seed."""
    from throughband.reports.time_space import shown_s
    from throughband.reports.traces import traces_of_both

    corridor = story.corridor
    assert corridor is not None
    span_s = shown_s(corridor, (story.in_force, story.new_plans()))
    before, after = traces_of_both(
        setting.case, setting.network, corridor, story.in_force, story.plan_set, span_s
    )
    if before is None or after is None:
        told = (
            "No trajectories are drawn: the signals of the corridor run cycles that do not come "
            "round to a common beginning within the window."
        )
        return replace(story, findings=(*story.findings, told))
    return replace(story, traces=(before, after))
