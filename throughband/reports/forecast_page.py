"""The forecast on a page: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from network.files import replace_file
from throughband.forecasts.forecast_trial import Trial
from throughband.reports.forecast_charts import (
    MOST_DETECTORS,
    Fan,
    HealthCalendar,
    coverage_chart,
    error_chart,
    fan_chart,
    health_chart,
)
from throughband.reports.pages import environment
from throughband.reports.style import svg

TEMPLATE = "forecast.html"


@dataclass(frozen=True, slots=True, eq=False)
class FlaggedDetector:
    """One row of the table of detectors.

    Attributes
    ----------
    name
        The detector.
    flagged_pct
        Part of its counts that are not used, %.
    reason
        Its longest fault in words, with when.
    """

    name: str
    flagged_pct: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ForecastStory:
    """What the page tells.

    Attributes
    ----------
    title
        The file of counts.
    facts
        Label and text of each line of the summary.
    cautions
        What the reader must know first, sentences.
    findings
        What was found while reading, sentences.
    fans
        Some detectors.
    band
        What the shaded band is, such as ``the 10 % to the 90 % quantile``.
    step_s, horizon_steps
        Length of an interval, s, and intervals forecast.
    trial
        The backtest, or None.
    calendar
        Health by detector and day.
    flagged
        Detectors with flags, the worst first.
    reproduction
        Command and versions, label and text.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    cautions: tuple[str, ...]
    findings: tuple[str, ...]
    fans: tuple[Fan, ...]
    band: str
    step_s: int
    horizon_steps: int
    trial: Trial | None
    calendar: HealthCalendar
    flagged: tuple[FlaggedDetector, ...]
    reproduction: tuple[tuple[str, str], ...]

    @property
    def unit(self) -> str:
        """Unit of a count, in words."""
        whole, rest = divmod(self.step_s, 60)
        return f"veh per {self.step_s} s" if rest else f"veh per {whole} min"

    @property
    def horizon_min(self) -> tuple[float, ...]:
        """End of each horizon, min after the last count."""
        return tuple(self.step_s * (h + 1) / 60.0 for h in range(self.horizon_steps))


def write_forecast_page(path: Path, story: ForecastStory) -> None:
    """Write the page of a forecast; equal stories give equal bytes.

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
    replace_file(Path(path), render_forecast_page(story))


def render_forecast_page(story: ForecastStory) -> str:
    """Return the page of a forecast as HTML text."""
    return (
        environment()
        .get_template(TEMPLATE)
        .render(story=story, pictures=_pictures(story), most_detectors=MOST_DETECTORS)
    )


def _pictures(story: ForecastStory) -> dict[str, Markup]:
    horizon_min = round(story.horizon_min[-1])
    found = {
        "fans": svg(
            fan_chart(story.fans, story.band, horizon_min, story.trial is not None),
            "fans",
            "Counts and forecasts of some detectors over time",
        ),
        "health": svg(
            health_chart(story.calendar), "health", "Counts not used by detector and day"
        ),
    }
    trial = story.trial
    if trial is not None:
        found["errors"] = svg(
            error_chart(
                story.horizon_min,
                trial.mae_veh,
                trial.level_veh * (3600.0 / story.step_s),
                trial.level_mae_veh,
                story.unit,
            ),
            "errors",
            "Mean absolute error by horizon and by flow",
        )
        if trial.coverage:
            found["coverage"] = svg(
                coverage_chart(story.horizon_min, trial.coverage),
                "coverage",
                "Part of counts inside the intervals by horizon",
            )
    # Names inside were escaped by the SVG writer, which knows nothing of this page.
    return {name: Markup(text) for name, text in found.items()}  # noqa: S704
