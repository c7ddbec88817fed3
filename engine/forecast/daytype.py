"""Recognize a day that is not what the calendar says: an unannounced holiday, say.

From early morning on, every interval tells how much better the profiles of other kinds of days
explain the whole network's counts than the announced one. When that sum passes a limit, the
better profile takes over. The limit is set from the days of the fit, each against profiles that
had not seen it, so that no ordinary day passes it; where other kinds of days would not pass it
either before the day is half over, the kinds do not differ enough and the rule stays silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import SATURDAY, SUNDAY
from engine.forecast.history import History
from engine.forecast.kernels import type_scores
from engine.forecast.profile import GROUP_OF, GROUPS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MARGIN = 1.5
"""The limit lies this far above the greatest score of an ordinary day."""

LEAST_LIMIT = 0.5
"""Half a squared standard deviation per detector is no reason to doubt the calendar."""

STRAY_DAYS = 0.05
"""Part of the days of the fit that may themselves have been unannounced holidays."""

RECOGNIZED = 0.75
"""Part of the other days that must pass the limit early for the rule to be used."""

TAKEOVER = 0.99
"""Probability that a score at the limit stands for."""

EARLY = 0.5
"""A day must be recognized before this part of its traffic has passed."""

MIDWEEK = 2


@dataclass(frozen=True, slots=True)
class DayTypeRule:
    """When to believe the counts instead of the calendar.

    Attributes
    ----------
    limits
        Score at which a day of each group takes over, one per group of `profile.GROUPS`;
        infinite where it does not stand out from the others.
    """

    limits: tuple[float, ...]

    @property
    def active(self) -> bool:
        """Whether the rule ever acts."""
        return bool(np.isfinite(self.limits).any())

    def limit_of(self, kind: int) -> float:
        """Return the score at which a type takes over."""
        return self.limits[int(GROUP_OF[kind])]

    def probabilities(self, kinds: Integers, scores: Floats) -> Floats:
        """Return a probability per candidate, of which the first is announced.

        At its limit a candidate has about `TAKEOVER` against the announced one, at half of it
        even odds; one that does not stand out has none.
        """
        odds = np.ones(scores.size)
        for at in range(1, scores.size):
            limit = self.limit_of(int(kinds[at]))
            steep = 2.0 * np.log(TAKEOVER / (1.0 - TAKEOVER)) / limit
            ahead = steep * (scores[at] - limit / 2.0) if np.isfinite(limit) else -np.inf
            odds[at] = np.exp(min(ahead, 500.0))
        out: Floats = odds / odds.sum()
        return out


NO_RULE = DayTypeRule((float("inf"),) * len(GROUPS))
"""Believes the calendar."""


def candidates(announced: int, weekday: int, seen: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the announced type and one of every other group of days.

    Parameters
    ----------
    announced
        Type by the calendar.
    weekday
        Day of the week, 0 to 6.
    seen
        Whether any day of each type was in the data, [K].
    """
    others = (weekday if weekday < SATURDAY else MIDWEEK, SATURDAY, SUNDAY)
    group = GROUP_OF[announced]
    known = set(GROUP_OF[seen].tolist())
    found = [kind for kind in others if GROUP_OF[kind] != group and GROUP_OF[kind] in known]
    return (announced, *found)


def fit_rule(
    history: History, days: NDArray[np.int64], own: Floats, profiles: Floats, scale: Floats
) -> DayTypeRule:
    """Set the limit from days of the fit.

    Parameters
    ----------
    history
        Counts of the fit.
    days
        Days to use.
    own
        Profile of each such day that had not seen it, on the root scale, [len(days), S, N].
    profiles
        Profiles of all types, [K, S, N].
    scale
        Scatter of each detector, [N].
    """
    seen = np.isin(np.arange(len(GROUP_OF)), history.kinds)
    ordinary: dict[int, list[float]] = {group: [] for group in range(len(GROUPS))}
    mistaken: dict[int, list[float]] = {group: [] for group in range(len(GROUPS))}
    for at, day in enumerate(days):
        kind = int(history.kinds[day])
        others = candidates(kind, kind if kind < SATURDAY else SUNDAY, seen)[1:]
        rows = history.rows_of(int(day))
        z, slots = history.z[rows], history.slot[rows]
        if not others or len(slots) < history.slots // 2:
            continue
        path = np.zeros((len(slots), len(others)))
        scores = np.zeros(len(others))
        rivals = np.array(others, dtype=np.int64)
        for t, slot in enumerate(slots):
            type_scores(z[t], own[at, slot], profiles, rivals, int(slot), scale, scores)
            path[t] = scores
        traffic = np.nansum(np.square(z), axis=1).cumsum()
        early = traffic < EARLY * max(float(traffic[-1]), 1e-9)
        for c, rival in enumerate(others):
            ordinary[int(GROUP_OF[rival])].append(float(path[:, c].max()))
            # Announced as the rival, its own type would have scored the opposite.
            reached = float(np.max(-path[early, c], initial=0.0))
            mistaken[int(GROUP_OF[kind])].append(reached)
    return DayTypeRule(
        tuple(_limit(ordinary[group], mistaken[group]) for group in range(len(GROUPS)))
    )


def _limit(ordinary: list[float], mistaken: list[float]) -> float:
    """Return the score at which a group of days takes over, infinite if it should not."""
    if not ordinary or not mistaken:
        return float("inf")
    kept = np.sort(ordinary)[: len(ordinary) - int(STRAY_DAYS * len(ordinary))]
    limit = max(LEAST_LIMIT, MARGIN * float(kept[-1]))
    recognized = np.mean(np.array(mistaken) > limit)
    return limit if recognized >= RECOGNIZED else float("inf")
