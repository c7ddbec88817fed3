"""An evaluation on a page: one HTML file that opens anywhere, with its pictures as files beside."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from markupsafe import Markup
from matplotlib.figure import Figure

from network.files import replace_file
from throughband.evaluations.evaluation import Evaluation, EvaluationRow
from throughband.reports.comparison import number
from throughband.reports.evaluation_charts import (
    change_chart,
    day_chart,
    hour_chart,
    place_chart,
    volume_chart,
)
from throughband.reports.evaluation_days import compared_rows, day_rows, weekday_rows
from throughband.reports.figure_files import write_figure
from throughband.reports.pages import environment
from throughband.reports.style import svg
from throughband.results import versions
from throughband.run_record import portable

TEMPLATE: Final = "evaluation.html"


def evaluation_figures(found: Evaluation) -> dict[str, tuple[Figure, str]]:
    """Return the pictures of an evaluation by name, each with its caption."""
    main = found.main
    pictures = {
        "changes": (
            change_chart(found.rows),
            "What changed, in percent of the level before. Where the line crosses zero, there is "
            "no clear difference. The verdict rests on the first line alone; intervals are not "
            "widened for the number of lines.",
        ),
        "days": (
            day_chart(main),
            "Every matched day as it was measured, nothing reckoned off.",
        ),
        "hours": (
            hour_chart(main, hour_means(found)),
            "By time of day, over all matched days as they were measured.",
        ),
    }
    if main.volume_index is not None:
        pictures["traffic"] = (
            volume_chart(main),
            "Days over their traffic. At equal traffic, what the change brought is the gap between "
            "the dashed lines, whose slope is that of all days.",
        )
    if main.sites:
        pictures["places"] = (
            place_chart(main),
            "Place by place. The best of many places looks better than it is, by chance; the "
            "diamonds are drawn together by as much as chance explains.",
        )
    return pictures


def hour_means(found: Evaluation) -> list[tuple[int, float, float]]:
    """Return the mean before and after of each interval of the day that both have."""
    periods = found.periods.cells[found.main.measure]
    days = set(found.main.figures.days)
    sums: list[dict[int, list[float]]] = []
    for part in periods:
        rows = [at for at, day in enumerate(part.days) if day in days]
        own: dict[int, list[float]] = {}
        for column, (site, slot) in enumerate(part.columns):
            if site in found.main.controls:
                continue
            for row in rows:
                weight = float(part.weight[row, column])
                if weight > 0:
                    total = own.setdefault(slot, [0.0, 0.0])
                    total[0] += weight * float(part.value[row, column])
                    total[1] += weight
        sums.append(own)
    both = sorted(set(sums[0]) & set(sums[1]))
    return [(s, sums[0][s][0] / sums[0][s][1], sums[1][s][0] / sums[1][s][1]) for s in both]


def write_evaluation_page(
    folder: Path, found: Evaluation, text: tuple[str, ...], command: str
) -> None:
    """Write ``evaluation.html`` and its pictures as PNG and SVG; equal results, equal bytes.

    Parameters
    ----------
    folder
        Where to; must exist.
    found
        What to tell.
    text
        The same in plain words.
    command
        How to get this again.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    pictures = evaluation_figures(found)
    for name, (figure, _) in pictures.items():
        write_figure(folder, name, figure)
    replace_file(folder / "evaluation.html", render_evaluation_page(found, text, command, pictures))


def render_evaluation_page(
    found: Evaluation,
    text: tuple[str, ...],
    command: str,
    pictures: dict[str, tuple[Figure, str]],
) -> str:
    """Return the page as HTML text."""
    pages = environment()
    pages.globals["level"] = _level
    pages.globals["reach"] = _reach
    shown = [
        # Names inside were escaped by the SVG writer, which knows nothing of this page.
        (name, Markup(svg(figure, name, caption)), caption)  # noqa: S704
        for name, (figure, caption) in pictures.items()
    ]
    return pages.get_template(TEMPLATE).render(
        found=found, text=text, pictures=shown, compared=compared_rows(found),
        weekdays=weekday_rows(found), days=day_rows(found),
        reproduction=(("Command", portable(command)), *versions().items()),
    )  # fmt: skip


def _level(row: EvaluationRow, value: float) -> str:
    if row.unit.startswith("part"):
        return f"{number(100 * value, 1)} %"
    return f"{number(value, 2 if not row.unit else 1)} {row.unit}".strip()


def _reach(row: EvaluationRow) -> str:
    change = row.change
    if row.unit.startswith("part"):
        values = (change.absolute, change.absolute_low, change.absolute_high)
        mean, low, high = (f"{100 * value:+.1f}" for value in values)
        return f"{mean} points ({low} to {high})"
    return f"{change.relative_pct:+.1f} % ({change.low_pct:+.1f} to {change.high_pct:+.1f} %)"
