"""RESCO's clearances, for comparison with tables that were made under them.

RESCO (Ault and Sharon, NeurIPS 2021) lets a controller change from any stage to any other through
3 s of yellow, whatever the scenario's programs show, and without red clearance. That is no street:
cologne1 has 5 s of yellow, and under RESCO's max-pressure loses half the time there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.adaptive.control import Site
from network.phasing import Interval

YELLOW_DS: Final = 30
"""Of RESCO's signals, tenths of a second; its arterial4x4 alone has 2 s."""
YELLOW: Final = frozenset("yY")


def with_resco_yellow(site: Site) -> Site:
    """Return a signal whose every clearance is RESCO's yellow.

    A change that shows no yellow, because nothing loses its green, takes no time.
    """
    return replace(
        site, clearances={pair: _yellow(shown) for pair, shown in site.clearances.items()}
    )


def _yellow(shown: tuple[Interval, ...]) -> tuple[Interval, ...]:
    warning = next((one for one in shown if YELLOW & set(one.aspects)), None)
    return () if warning is None else (Interval(warning.aspects, YELLOW_DS),)
