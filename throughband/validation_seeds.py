"""The seeds that plans are proven with: a count, or named ones, and never those of counting."""

from __future__ import annotations

from typing import Final

from network.errors import ScenarioError
from throughband.counts.demand import COUNTING_SEEDS
from throughband.pipeline import FIRST_VALIDATION_SEED

FEWEST: Final = 2
"""A paired difference has an interval from two runs on."""

MOST: Final = 1000

LARGEST: Final = 2**31 - 1
"""SUMO takes no seed beyond."""


def validation_seeds(text: str) -> tuple[int, ...]:
    """Read which seeds a plan is played over.

    Parameters
    ----------
    text
        A count, as in ``5``: so many from `FIRST_VALIDATION_SEED` on. Or seeds by name, as in
        ``11-13`` or ``101,104,107``.

    Raises
    ------
    ScenarioError
        If it is neither, names fewer than two or one twice, one that SUMO does not take, or one
        that traffic is counted and tuned on.
    """
    text = text.strip()
    if text.isdecimal():
        seeds = [FIRST_VALIDATION_SEED + run for run in range(min(int(text), MOST + 1))]
    else:
        seeds = _named(text)
    if not FEWEST <= len(seeds) <= MOST or len(set(seeds)) < len(seeds):
        found = f"{len(seeds)} seeds, {len(set(seeds))} different ones"
        if len(seeds) > MOST:
            found = f"more than {MOST} seeds"
        raise ScenarioError(
            f"--seeds {text!r}: found {found}; allowed are {FEWEST} to {MOST}, each once"
        )
    if max(seeds) > LARGEST:
        raise ScenarioError(
            f"--seeds {text!r}: found seed {max(seeds)}; allowed are seeds up to {LARGEST}"
        )
    tuned = sorted(set(seeds) & set(COUNTING_SEEDS))
    if tuned:
        raise ScenarioError(
            f"--seeds {text!r}: traffic is counted on seed {tuned[0]}, so a plan is not proven "
            f"there; allowed are all but {COUNTING_SEEDS[0]} to {COUNTING_SEEDS[-1]}"
        )
    return tuple(seeds)


def _named(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ScenarioError(
                f"--seeds {text!r}: allowed is a count of runs, such as 5, or seeds by name, as "
                "in 11-13 or 101,104"
            )
        seeds += range(int(first), min(int(last or first), int(first) + MOST) + 1)
    return seeds
