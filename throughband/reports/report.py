"""The before/after report: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from network.files import replace_file
from network.safety import as_built
from throughband.calibration_tables import best_links, cells, rows_of, summary
from throughband.reports.charts import before_after_chart, count_chart
from throughband.reports.comparison import (
    cautions,
    comparison,
    judgment_of,
    number,
    verdict_sentence,
)
from throughband.reports.network_map import approach_delay_change, network_map
from throughband.reports.split_bars import split_bars
from throughband.reports.story import Story
from throughband.reports.style import svg
from throughband.reports.time_space import time_space_diagram
from throughband.reports.timing_sheet import timing_sheets

TEMPLATE = "report.html"


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The figures of a page, as SVG; None where there is nothing to draw."""

    chart: Markup
    map: Markup
    time_space: Markup | None
    counts: Markup | None
    splits: dict[str, Markup]


def write_report(path: Path, story: Story) -> None:
    """Write the report of a story; equal stories give equal bytes.

    Parameters
    ----------
    path
        Where to: a ``*.html``. It stands for itself: no script, no further file, no network.
    story
        What to tell.

    Raises
    ------
    OSError
        If the file cannot be written; what was there is still there.
    """
    replace_file(Path(path), render_report(story))


def render_report(story: Story) -> str:
    """Return the report of a story as HTML text."""
    environment = Environment(
        loader=PackageLoader("throughband.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["utc"] = _utc
    rows = comparison(story.validation)
    return environment.get_template(TEMPLATE).render(
        story=story,
        rows=rows,
        verdict=verdict_sentence(story.validation),
        judgment=judgment_of(rows, "Delay"),
        cautions=cautions(story.validation, rows),
        sheets=timing_sheets(story.network, story.in_force, story.plan_set, story.reasons),
        faulty=[row for row in story.quality if row.filled or row.rejected or row.note],
        tolerated=[
            violation.text
            for signal in story.network.signals.values()
            if story.plan_set.plan(signal.signal_id)
            for violation in as_built(signal)
        ],
        pictures=_pictures(story),
        measured=calibration_rows(story),
        calibration_line=summary(story.calibration) if story.calibration else "",
    )


def calibration_rows(story: Story) -> list[tuple[str, ...]]:
    """Return what was measured of drivers, as rows of text: lost times, headways, links."""
    if story.calibration is None:
        return []
    rows = rows_of(story.calibration)
    best = best_links(story.calibration)
    rows += [(f"running time {name}", found.running_s) for name, found in best]
    return [(name, *cells(found)) for name, found in rows]


def _pictures(story: Story) -> _Pictures:
    rows = comparison(story.validation)
    chart = before_after_chart(rows, len(story.validation["seeds"]))
    area = network_map(
        story.network,
        approach_delay_change(story.street, story.model_before, story.model_after),
        "change of mean delay on the approach, model [s/veh]",
        {plan.signal_id for plan in story.plan_set.plans},
        story.corridor,
    )
    space = counts = None
    if story.corridor is not None:
        panels = (
            ("Before: plan in force", story.in_force),
            ("After: new plan", story.new_plans()),
        )
        space = _svg(
            time_space_diagram(story.corridor, story.network, panels),
            "space",
            "Time-space diagram of the corridor before and after",
        )
    if story.forecast is not None and story.forecast.chart is not None:
        counts = _svg(
            count_chart(story.forecast.chart), "counts", "Counts and forecast by movement"
        )
    return _Pictures(
        _svg(chart, "chart", "Differences of every measure with 95 % intervals"),
        _svg(area, "map", "Map of signals and the change of delay on their approaches"),
        space,
        counts,
        {
            plan.signal_id: _svg(
                split_bars(
                    story.network.signals[plan.signal_id],
                    story.in_force.get(plan.signal_id),
                    plan,
                ),
                f"split{i}",
                f"Splits of signal {plan.signal_id} before and after",
            )
            for i, plan in enumerate(story.plan_set.plans)
        },
    )


def _svg(figure: Figure, name: str, title: str) -> Markup:
    # Names inside were escaped by the SVG writer, which knows nothing of this page.
    return Markup(svg(figure, name, title))  # noqa: S704


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
