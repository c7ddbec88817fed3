"""Figures as files of their own, for documents and slides."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from matplotlib.figure import Figure

from throughband.reports import style

PRINT_DPI: Final = 200
Form = Literal["png", "svg"]
FORMS: Final[tuple[Form, ...]] = ("png", "svg")


@style.styled()
def write_figure(folder: Path, name: str, figure: Figure, forms: tuple[Form, ...] = FORMS) -> None:
    """Write a figure into a folder, as ``name.png`` and ``name.svg``; equal figures, equal bytes.

    Parameters
    ----------
    folder
        Where to; must exist.
    name
        Of the files, without suffix.
    figure
        The figure.
    forms
        Which of the two.
    """
    if "png" in forms:
        figure.savefig(folder / f"{name}.png", dpi=PRINT_DPI, metadata={"Software": None})
    if "svg" in forms:
        import matplotlib as mpl

        with mpl.rc_context({"svg.hashsalt": name}):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
