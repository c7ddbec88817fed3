"""RESCO's changes of stages, for comparison with tables that were made under them.

RESCO (Ault and Sharon, NeurIPS 2021) lets a controller change from any stage to any other in 3 s:
groups that lose their green show yellow, all others what they showed; there is no red clearance,
and nobody is served because of a long wait. That is no street: cologne1 has 5 s of yellow, and
under RESCO's max-pressure loses half the time there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations
from typing import Final

from engine.adaptive.control import Site
from network.phasing import GREEN_ASPECTS, Interval

YELLOW_DS: Final = 30
"""Of RESCO's signals, tenths of a second; its arterial4x4 alone has 2 s."""
LONGEST_WAIT_S: Final = math.inf


def with_resco_changes(site: Site) -> Site:
    """Return a signal whose every stage may follow every other through RESCO's yellow."""
    shown = [stage.aspects for stage in site.stages]
    return replace(
        site,
        clearances={
            (a, b): (Interval(_yellow(shown[a], shown[b]), YELLOW_DS),)
            for a, b in permutations(range(len(shown)), 2)
        },
    )


def _yellow(ending: str, starting: str) -> str:
    return "".join(
        "y" if was in GREEN_ASPECTS and comes not in GREEN_ASPECTS else was
        for was, comes in zip(ending, starting, strict=True)
    )
