"""Predictions of a live state: of the intervals that come next, or of what is usual at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import DAY_TYPES
from engine.forecast.course import Course
from engine.forecast.live import LiveState
from engine.forecast.prediction import FlowPrediction, Source
from engine.forecast.profile import from_root
from engine.forecast.spread import Spread
from engine.forecast.street_flows import StreetView
from network.errors import CountError


def predict_next(
    course: Course,
    names: tuple[str, ...],
    quantiles: Sequence[float],
    stale: int,
    last_good: datetime | None,
    view: StreetView | None,
) -> FlowPrediction:
    """Predict the intervals after the one that a state stands at.

    Parameters
    ----------
    course
        The state.
    names
        Of the detectors.
    quantiles
        Probabilities, each strictly between 0 and 1.
    stale
        How many of the newest intervals brought nothing.
    last_good
        Beginning of the last interval with a good count, aware UTC, or None.
    view
        The streets, for flows of movements; None without a network.
    """
    live = course.live
    wanted = tuple(float(q) for q in quantiles)
    spread = Spread(
        live.ahead.copy(),
        live.fitted.correction.scale * live.widening(),
        np.searchsorted(live.fitted.limits.edges, live.ahead),
        live.limits.copy(),
    )
    return FlowPrediction(
        names,
        course.time + timedelta(seconds=course.clock.step_s),
        course.clock.step_s,
        from_root(spread.center),
        wanted,
        spread.quantiles(wanted),
        DAY_TYPES[int(live.kinds[0])],
        tuple(DAY_TYPES[kind] for kind in live.choices),
        live.fitted.rule.probabilities(live.choices, live.scores),
        _sources(live, course.clock.slots, stale > 0 or last_good is None),
        stale > 0,
        last_good,
        spread,
        view,
    )


def predict_usual(
    course: Course,
    names: tuple[str, ...],
    start: datetime,
    steps: int,
    quantiles: Sequence[float],
    last_good: datetime | None,
    view: StreetView | None,
) -> FlowPrediction:
    """Return the profile of the days from a time on, whatever is counted today.

    Parameters
    ----------
    course, names, quantiles, last_good, view
        As for `predict_next`.
    start, steps
        Beginning of the first interval, aware, and how many there are.

    Raises
    ------
    CountError
        If the start is off the grid, or there is no interval.
    """
    live, clock = course.live, course.clock
    begin = course.on_grid(start)
    if steps < 1:
        raise CountError(f"{steps} intervals wanted; allowed are 1 and more")
    wanted = tuple(float(q) for q in quantiles)
    ordinal, slot, _ = clock.traffic_days(begin, steps)
    kinds = np.array([live.calendar.day_type(date.fromordinal(int(d))) for d in ordinal])
    center = live.profiles.z[kinds, slot]
    last = live.horizons - 1
    spread = Spread(
        center,
        np.broadcast_to(
            live.fitted.correction.scale * live.fitted.limits.silent[last], center.shape
        ),
        np.searchsorted(live.fitted.limits.edges, center),
        np.broadcast_to(live.limits[last], (steps, *live.limits.shape[1:])).copy(),
    )
    source = np.full(center.shape, Source.PROFILE, dtype=np.uint8)
    source[:, live.counted < clock.slots // 2] = Source.PRIOR
    named = DAY_TYPES[int(kinds[0])]
    return FlowPrediction(
        names,
        begin,
        clock.step_s,
        from_root(center),
        wanted,
        spread.quantiles(wanted),
        named,
        (named,),
        np.ones(1),
        source,
        False,
        last_good,
        spread,
        view,
    )


def _sources(live: LiveState, slots: int, unseen: bool) -> NDArray[np.uint8]:
    out = np.full(live.ahead.shape, Source.OBSERVED, dtype=np.uint8)
    out[:, live.silent > 0] = Source.IMPUTED
    if unseen:
        out[:] = Source.PROFILE
    # A detector that was never counted over a day still rests on its prior.
    out[:, live.counted < slots // 2] = Source.PRIOR
    return out
