"""Yellow change and red clearance by the kinematic formulas, and least greens.

Sources: ITE, *Guidelines for Determining Traffic Signal Change and Clearance Intervals* (2020);
the extended formula for turns is derived by Jarlstrom and Beeber, *ITE Journal*, March 2020,
page 37, equation 11. What is not modeled: dilemma zones of trucks, skewed stop lines.
"""

from __future__ import annotations

import math

from network.derive.practice import Practice
from network.units import TENTHS_PER_SECOND

GRAVITY_MPS2 = 9.81

STEEPEST_PERCENT = 25.0
"""Grades beyond this are mistakes; they count as this."""


def yellow_change_s(
    speed_mps: float,
    practice: Practice,
    *,
    entry_mps: float | None = None,
    grade_percent: float = 0.0,
) -> float:
    """Return the yellow change interval before rounding and bounds, s.

    Parameters
    ----------
    speed_mps
        Approach speed (85th percentile), m/s.
    practice
        Reaction time and deceleration.
    entry_mps
        Speed at which the intersection is entered, m/s, where drivers slow down to turn; then
        t + (v - v_entry / 2) / (a + gG), which is the plain formula for equal speeds.
    grade_percent
        Uphill positive.

    Notes
    -----
    t + v / (2 (a + gG)).
    """
    grade = max(-STEEPEST_PERCENT, min(STEEPEST_PERCENT, grade_percent)) / 100.0
    braking = max(practice.deceleration_mps2 + GRAVITY_MPS2 * grade, 0.1)
    entry = speed_mps if entry_mps is None else min(entry_mps, speed_mps)
    return practice.reaction_s + (speed_mps - entry / 2.0) / braking


def red_clearance_s(width_m: float, speed_mps: float, practice: Practice) -> float:
    """Return the red clearance before rounding and bounds, (W + L) / v - t_s, s.

    Parameters
    ----------
    width_m
        From the stop line to the far side of the last conflict, m.
    speed_mps
        Speed across, m/s.
    practice
        Vehicle length and the delay of who starts next.
    """
    return (width_m + practice.vehicle_m) / speed_mps - practice.start_delay_s


def rounded_ds(value_s: float, low_s: float, high_s: float, step_ds: int = 1) -> int:
    """Round a clearance up to whole steps within bounds.

    Parameters
    ----------
    value_s, low_s, high_s
        Clearance and its bounds, s.
    step_ds
        Step, tenths of a second.

    Returns
    -------
    int
        Tenths of a second; a bound that is no whole step is kept as it is.
    """
    bounded = min(max(value_s, low_s), high_s)
    tenths = math.ceil(round(bounded * TENTHS_PER_SECOND, 6))
    return min(-(-tenths // step_ds) * step_ds, math.floor(high_s * TENTHS_PER_SECOND))


def yellow_ds(
    speed_mps: float,
    practice: Practice,
    *,
    entry_mps: float | None = None,
    grade_percent: float = 0.0,
) -> int:
    """Return the yellow change interval as the controller holds it, tenths of a second.

    Parameters
    ----------
    speed_mps, practice, entry_mps, grade_percent
        As for `yellow_change_s`.
    """
    value_s = yellow_change_s(speed_mps, practice, entry_mps=entry_mps, grade_percent=grade_percent)
    return rounded_ds(
        value_s, practice.shortest_yellow_s, practice.longest_yellow_s, practice.clearance_step_ds
    )


def red_clear_ds(width_m: float, speed_mps: float, practice: Practice) -> int:
    """Return the red clearance as the controller holds it, tenths of a second.

    Parameters
    ----------
    width_m, speed_mps, practice
        As for `red_clearance_s`.
    """
    return rounded_ds(
        red_clearance_s(width_m, speed_mps, practice),
        practice.shortest_red_s,
        practice.longest_red_s,
        practice.clearance_step_ds,
    )


def min_green_s(left_only: bool, major: bool, practice: Practice) -> int:
    """Return the least green of a phase by the kind of its movements, s.

    Parameters
    ----------
    left_only
        Whether it serves left turns only.
    major
        Whether it serves the main street.
    practice
        The three values.
    """
    if left_only:
        return practice.left_green_s
    return practice.major_green_s if major else practice.minor_green_s
