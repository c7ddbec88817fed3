"""The environment that pages are rendered in: everything escaped, nothing undefined."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from throughband.reports.comparison import number
from throughband.run_record import portable


def environment() -> Environment:
    """Return the environment of all pages, with the filters ``number`` and ``portable``."""
    found = Environment(
        loader=PackageLoader("throughband.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["number"] = number
    found.filters["portable"] = portable
    return found
