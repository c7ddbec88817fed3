"""MAXBAND, MULTIBAND and bands over a network, as one mixed-integer program.

Each link and direction of an arterial fixes how far the offsets of its two signals lie apart
(its *tension*): the band leaves one signal, drives, and arrives at the next. Offsets exist if
and only if the tensions around every cycle of a cycle basis add up to whole cycles, so there is
one integer per basis cycle. The two directions of a link are a cycle of two, which is the loop
equation of Little, Kelson and Gartner 1981; cycles of several arterials are those of
MAXBAND-86. One-way arterials outside cycles need no integer at all.

Platoon dispersion and spillback are not modeled. Sources: see `engine.optimize.band_models`.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.optimize.band_layout import BandProgram, CycleRange, Rules
from engine.optimize.band_models import Balance, BandArterial, BandLimits, BandResult


def maxband(
    arterial: BandArterial,
    cycle_s: CycleRange,
    balance: Balance = Balance.TARGET,
    limits: BandLimits | None = None,
    may_drop: bool = False,
) -> BandResult:
    """Find the widest bands that run along the whole arterial.

    Parameters
    ----------
    arterial
        Signals and links; `ratio` weighs the inbound band.
    cycle_s
        Range of the cycle.
    balance
        How the directions share.
    limits
        When to stop.
    may_drop
        Whether a direction may go without a band, its vehicles stopping somewhere. The published
        program lets a vehicle pass both ways without a stop even where a band has width 0, and
        is infeasible where none can; with `may_drop` the bound covers every choice of offsets.

    Returns
    -------
    BandResult
        The objective is b_out + k b_in, part of the cycle, times the arterial's weight.

    Raises
    ------
    InfeasibleError
        If the limits contradict; it says which.
    """
    return BandProgram((arterial,), cycle_s, Rules(balance, may_drop)).solve(limits or BandLimits())


def multiband(
    arterial: BandArterial,
    cycle_s: CycleRange,
    exponent: float = 1.0,
    balance: Balance = Balance.TARGET,
    limits: BandLimits | None = None,
    may_drop: bool = False,
) -> BandResult:
    """Find a band of its own width for every link, about one progression line per direction.

    Parameters
    ----------
    arterial
        Signals and links; the ratio of a link is that of its volumes, where both are known.
    cycle_s, balance, limits, may_drop
        As for `maxband`.
    exponent
        Links weigh (volume over saturation flow) to this power; all 1 where no link has volume.

    Returns
    -------
    BandResult
        The objective is the weighted sum of bands over the number of links.

    Raises
    ------
    InfeasibleError
        If the limits contradict; it says which.
    """
    rules = Rules(balance, may_drop, by_link=True, exponent=exponent)
    return BandProgram((arterial,), cycle_s, rules).solve(limits or BandLimits())


def network_bands(
    arterials: Sequence[BandArterial],
    cycle_s: CycleRange,
    balance: Balance = Balance.TARGET,
    limits: BandLimits | None = None,
    may_drop: bool = False,
    by_link: bool = False,
    exponent: float = 1.0,
) -> BandResult:
    """Find bands on several arterials that share signals and one cycle.

    Parameters
    ----------
    arterials
        Signals of the same name are one signal. Its free left turns are chosen for each arterial
        by itself.
    cycle_s, balance, limits, may_drop
        As for `maxband`.
    by_link, exponent
        Whether links have bands of their own, as in `multiband`.

    Returns
    -------
    BandResult
        The objective is the sum of those of the arterials, each times its weight.

    Raises
    ------
    InfeasibleError
        If the limits contradict; it says which.
    """
    rules = Rules(balance, may_drop, by_link, exponent)
    return BandProgram(tuple(arterials), cycle_s, rules).solve(limits or BandLimits())
