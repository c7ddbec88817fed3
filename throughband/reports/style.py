"""Colors, type sizes and SVG output that all figures of a report share.

Colors are those of Okabe and Ito, which stay apart for color-blind readers and in gray print;
where color carries meaning, a line style, a height or a word carries it too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

GREEN: Final = "#009e73"
YELLOW: Final = "#f0e442"
RED: Final = "#d55e00"
ON_COLOR: Final = "#101112"

# Replaced by the page's own variables in SVG, so that a figure follows light and dark.
OUTBOUND: Final = "#0072b2"
INBOUND: Final = "#b0578d"
INK: Final = "#1b1c1e"
MUTED: Final = "#6b6f76"
FAINT: Final = "#c9ccd1"
PAPER: Final = "#fefefd"
_VARIABLES: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    FAINT: "var(--faint)",
    PAPER: "var(--card)",
    OUTBOUND: "var(--outbound)",
    INBOUND: "var(--inbound)",
}

_SETTINGS: Final[Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    # Names of streets may hold dollar signs.
    "text.parse_math": False,
    "svg.fonttype": "none",
}

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)pt" height="[\d.]+pt"')


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style while a figure is built; usable as a decorator."""
    with mpl.rc_context(_SETTINGS):
        yield


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty figure without any pyplot state."""
    return Figure(figsize=(width_in, height_in))


def bare(axes: Axes, *sides: str) -> None:
    """Hide the frame of a plot except the sides named."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)


def svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as SVG to stand inside an HTML page.

    Parameters
    ----------
    figure
        The figure.
    name
        Unique in the page; keeps the identifiers of several figures apart.
    title
        What a screen reader says.

    Returns
    -------
    str
        Equal figures give equal text. Follows the page's variables ``--ink``, ``--muted``,
        ``--faint``, ``--card``, ``--outbound`` and ``--inbound``.
    """
    out = io.StringIO()
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        # Without this, a caller's savefig settings could crop or recolor.
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = _METADATA.sub("", _COMMENT.sub("", text))
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href=", "href=")
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    text = _SIZE.sub(r'\1 role="img" data-width="\2"', text, count=1)
    safe = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg", f'<svg aria-label="{safe}"', 1)


def short(name: str, longest: int = 20) -> str:
    """Return a name, its middle left out if it is longer than that."""
    if len(name) <= longest:
        return name
    head = longest // 2
    return f"{name[:head]}…{name[head + 1 - longest :]}"


def apart(values: Sequence[float], least: float) -> list[float]:
    """Move values as little as needed so that neighbors are at least so far apart.

    Parameters
    ----------
    values
        Ascending.
    least
        Least distance.
    """
    groups: list[tuple[float, int]] = []  # center, count
    for value in values:
        groups.append((value, 1))
        while len(groups) > 1:
            (a, n), (b, m) = groups[-2:]
            if b - a >= least * (n + m) / 2 - 1e-12:
                break
            groups[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return [
        center + (i - (count - 1) / 2) * least for center, count in groups for i in range(count)
    ]
