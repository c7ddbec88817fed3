"""Signal performance on a page: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from engine.performance.signal import PhaseSummary
from network.files import replace_file
from throughband.reports.pages import environment
from throughband.reports.performance_figures import NamedFigure
from throughband.reports.style import svg

TEMPLATE: Final = "performance.html"
MOST_SIGNALS: Final = 24
"""Pictures of so many signals stand on the page; those of the rest are files beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class SignalPage:
    """What the page tells of a signal.

    Attributes
    ----------
    name, file_name
        The signal, and how its files are called.
    phases
        Its phases over the whole log; empty where only a plan is shown.
    figures
        Its pictures.
    """

    name: str
    file_name: str
    phases: tuple[PhaseSummary, ...]
    figures: tuple[NamedFigure, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PerformanceStory:
    """What the page tells.

    Attributes
    ----------
    title
        The log.
    facts
        Label and text of each line of the summary.
    notes
        What the reader must know, sentences.
    signals
        In order of name.
    reproduction
        Command and versions, label and text.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    signals: tuple[SignalPage, ...]
    reproduction: tuple[tuple[str, str], ...]


def write_performance_page(path: Path, story: PerformanceStory) -> None:
    """Write the page; equal stories give equal bytes.

    Raises
    ------
    OSError
        If the file cannot be written; what was there is still there.
    """
    replace_file(Path(path), render_performance_page(story))


def render_performance_page(story: PerformanceStory) -> str:
    """Return the page as HTML text."""
    pictures = {
        # Names inside were escaped by the SVG writer, which knows nothing of this page.
        (at, one.name): Markup(svg(one.figure, f"s{at}-{one.name}", one.caption))  # noqa: S704
        for at, signal in enumerate(story.signals[:MOST_SIGNALS])
        for one in signal.figures
    }
    return (
        environment()
        .get_template(TEMPLATE)
        .render(story=story, pictures=pictures, most_signals=MOST_SIGNALS)
    )
