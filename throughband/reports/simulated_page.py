"""A simulated day on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from throughband.reports.comparison import MEASURES, number
from throughband.reports.pages import environment
from throughband.results import read_json
from throughband.run_record import run_record

TEMPLATE: Final = "simulated.html"
COUNTED: Final = (
    ("scheduled", "Vehicles due"),
    ("inserted", "of them that got in"),
    ("running", "under way at the end"),
    ("removed", "taken out by the simulator"),
    ("teleports", "moved by force"),
    ("ignored", "ignored of the demand files"),
)


def simulated_page(folder: Path) -> str:
    """Return the page of a folder of ``throughband simulate``.

    Raises
    ------
    ThroughbandError
        If a file is damaged.
    """
    found = read_json(folder / "measures.json")
    rows = [
        (f"{measure.label} [{measure.unit}]", number(found.get(measure.key), measure.digits))
        for measure in MEASURES
    ]
    rows += [(label, _whole(found.get(key))) for key, label in COUNTED if key in found]
    return environment().get_template(TEMPLATE).render(
        controller=str(found.get("controller", "")),
        seed=found.get("seed"),
        rows=rows,
        steps=[step for step in run_record(folder) if step.kind == "simulate"],
    )  # fmt: skip


def _whole(value: Any) -> str:
    return number(float(value), 0) if isinstance(value, int | float) else "–"
