"""The before/after report: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from engine.measures.corridor import Corridor
from network.files import replace_file
from network.safety import as_built
from throughband.benefits import CO2_SOURCE, RATES_FORM, rounded
from throughband.pictures.approaches import ApproachState, modeled_approaches
from throughband.planning.calibration_tables import best_links, cells, rows_of, summary
from throughband.reports.charts import before_after_chart, count_chart
from throughband.reports.comparison import (
    cautions,
    comparison,
    judgment_of,
    verdict_sentence,
)
from throughband.reports.council import council_text
from throughband.reports.network_map import approach_delay_change, network_map
from throughband.reports.pages import environment
from throughband.reports.split_bars import split_bars
from throughband.reports.story import Story
from throughband.reports.style import svg
from throughband.reports.time_space import shown_s, time_space_diagram
from throughband.reports.timing_sheet import timing_sheets

TEMPLATE = "report.html"
UNPROVEN = "Not proven yet: nothing was simulated against the plan in force."


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The figures of a page, as SVG; None where there is nothing to draw."""

    chart: Markup | None
    map: Markup
    service: tuple[Markup, Markup]
    time_space: tuple[Markup, Markup] | None
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
    pages = environment()
    pages.filters["utc"] = _utc
    validation = story.validation
    rows = comparison(validation) if validation is not None else ()
    pages.filters["amount"] = rounded
    return pages.get_template(TEMPLATE).render(
        story=story,
        rows=rows,
        verdict=UNPROVEN if validation is None else verdict_sentence(validation),
        judgment=judgment_of(rows, "Delay"),
        cautions=() if validation is None else cautions(validation, rows),
        summary=council_text(story),
        services=service_rows(story),
        co2_source=CO2_SOURCE,
        rates_form=RATES_FORM,
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
    validation = story.validation
    chart = None
    if validation is not None:
        chart = _svg(
            before_after_chart(comparison(validation), len(validation["seeds"])),
            "chart",
            "Differences of every measure with 95 % intervals",
        )
    area = network_map(
        story.network,
        approach_delay_change(story.street, story.model_before, story.model_after),
        "change of mean delay on the approach, model [s/veh]",
        {plan.signal_id for plan in story.plan_set.plans},
        story.corridor,
    )
    space = counts = None
    if story.corridor is not None:
        space = _time_space(story, story.corridor)
    if story.forecast is not None and story.forecast.chart is not None:
        counts = _svg(
            count_chart(story.forecast.chart), "counts", "Counts and forecast by movement"
        )
    return _Pictures(
        chart,
        _svg(area, "map", "Map of signals and the change of delay on their approaches"),
        _service_maps(story),
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


def _time_space(story: Story, corridor: Corridor) -> tuple[Markup, Markup]:
    sets = (story.in_force, story.new_plans())
    # One time axis, so that the two can be laid on each other.
    seconds = shown_s(corridor, sets)
    traces = story.traces or (None, None)
    told = (
        ("before", "Before: plan in force", "Time-space diagram of the corridor, plan in force"),
        ("after", "After: new plan", "Time-space diagram of the corridor, new plan"),
    )
    before, after = (
        _svg(
            time_space_diagram(corridor, story.network, ((title, plans),), (driven,), seconds),
            f"space-{name}",
            caption,
        )
        for (name, title, caption), plans, driven in zip(told, sets, traces, strict=True)
    )
    return before, after


def _service_maps(story: Story) -> tuple[Markup, Markup]:
    """Maps of control delay, in one scale of colors, with the levels of service written in."""
    states = [
        modeled_approaches(story.street, measures)
        for measures in (story.model_before, story.model_after)
    ]
    most = max((s.delay_s for s in states[0] if s.level_of_service), default=1.0)
    retimed = {plan.signal_id for plan in story.plan_set.plans}
    before, after = (
        _svg(
            network_map(
                story.network,
                {s.link_id: s.delay_s for s in found if s.level_of_service},
                "control delay on the approach, model [s/veh]",
                retimed,
                None,
                diverging=False,
                letters={s.link_id: s.level_of_service for s in found if s.level_of_service},
                most=most,
            ),
            f"service-{name}",
            f"Map of control delay and level of service, {caption}",
        )
        for name, caption, found in zip(
            ("before", "after"), ("plan in force", "new plan"), states, strict=True
        )
    )
    return before, after


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One approach before and after."""

    before: ApproachState
    after: ApproachState


def service_rows(story: Story) -> tuple[ServiceRow, ...]:
    """Return approaches with traffic, the greatest delay after the change first."""
    before = {s.link_id: s for s in modeled_approaches(story.street, story.model_before)}
    rows = [
        ServiceRow(before[state.link_id], state)
        for state in modeled_approaches(story.street, story.model_after)
        if state.level_of_service
    ]
    return tuple(sorted(rows, key=lambda row: (-row.after.delay_s, row.after.link_id)))


def _svg(figure: Figure, name: str, title: str) -> Markup:
    # Names inside were escaped by the SVG writer, which knows nothing of this page.
    return Markup(svg(figure, name, title))  # noqa: S704


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
