"""How sure a planned day is: it is played through under days drawn around the expected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.street import Floats
from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.day_through import Plans, played_through
from engine.optimize.robust import NINETY_PCT_Z, Robustness


@dataclass(frozen=True, slots=True, eq=False)
class DrawnDays:
    """What drawn days cost, each played under the plans in force and as planned.

    Attributes
    ----------
    in_force, planned
        Vehicle-seconds, [draw, period]; a row of both is of the same day.
    """

    in_force: Floats
    planned: Floats


def drawn_days(day: DayDemand, robustness: Robustness, seed: int) -> list[DayDemand]:
    """Draw whole days around an expected one.

    Every movement of a draw deviates alike in all its periods, as a day does: by what all have in
    common and by what is its own. Above and below the mean, deviations follow the quantile on
    their side; without quantiles they are a part of the mean. What is not drawn: peaks that come
    earlier or later than usual.

    Parameters
    ----------
    day
        The demand, with quantiles or without.
    robustness
        Number, spread and correlation of the draws.
    seed
        Of the draws.

    Returns
    -------
    list of DayDemand
        Without quantiles; flows are no less than 0.
    """
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(robustness.draws)
    own = rng.standard_normal((robustness.draws, len(day.movement_vph)))
    rho = robustness.correlation
    deviations = np.sqrt(rho) * common[:, None] + np.sqrt(1.0 - rho) * own
    found = []
    for row in deviations.tolist():
        flows: dict[str, Floats] = {}
        for z, (name, mean) in zip(row, day.movement_vph.items(), strict=True):
            if name in day.low_vph:
                edge = day.high_vph[name] - mean if z > 0 else mean - day.low_vph[name]
                scale = np.maximum(edge, 0.0) / NINETY_PCT_Z
            else:
                scale = robustness.sigma * mean
            flows[name] = np.maximum(mean + z * scale, 0.0)
        found.append(replace(day, movement_vph=flows, low_vph={}, high_vph={}))
    return found


def play_draws(
    streets: DayStreets,
    plans: Sequence[Plans],
    robustness: Robustness,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    halted: Callable[[], bool] | None = None,
) -> DrawnDays:
    """Play drawn days through, each under the plans in force and as planned.

    Parameters
    ----------
    streets
        The expected day, priced as its plans were.
    plans
        Of each period, by signal.
    robustness, seed
        As for `drawn_days`.
    progress
        Told how many days are played, of how many.
    halted
        Once it says so, no further day is begun.

    Returns
    -------
    DrawnDays
        With fewer draws, or none, where it was halted.
    """
    in_force: list[tuple[float, ...]] = []
    planned: list[tuple[float, ...]] = []
    days = drawn_days(streets.day, robustness, seed)
    for number, day in enumerate(days):
        if halted is not None and halted():
            break
        if not day.empty.all():
            drawn = streets.on(day)
            in_force.append(played_through(drawn, [{}] * day.periods).period_costs)
            planned.append(played_through(drawn, plans).period_costs)
        if progress is not None:
            progress(number + 1, len(days))
    shape = (len(in_force), streets.day.periods)
    return DrawnDays(
        np.array(in_force, np.float64).reshape(shape), np.array(planned, np.float64).reshape(shape)
    )
