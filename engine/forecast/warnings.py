"""Warn of incidents: links that let through less than comes in, or whose queue spills back.

A link is held against two things: what leaves it, given what came in (less demand is no
incident, and a link below a blocked one is starved, not blocked), and how crowded the detector
at its beginning is. Log likelihood ratios of both are summed; limits come from normal days and a
budget of false reports per week for the whole network, with an exponential tail as for
detectors; they are scaled to each link, since queues are usual on some and unheard of on others.
Faulty detectors have to be taken out before; see `engine.forecast.detectors`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.forecast import link_kernels as kernels
from engine.forecast.detector_limits import DAY_S, robust_spread, tail_limit
from engine.forecast.sensing_kernels import CLIPPED_SD, STEP_AT_MOST
from network.errors import CountError, InsufficientDataError
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

REPORTS_PER_WEEK = 0.5
"""False reports per week of the whole network; half of what operators are promised at most."""

SHARES = {kernels.DROPPED: 0.45, kernels.CROWDED: 0.35, kernels.BOTH: 0.2}
LEAST_LIMIT = {kernels.DROPPED: 10.0, kernels.CROWDED: 13.0, kernels.BOTH: 6.0}
CAUTIOUS = {kernels.DROPPED: 25.0, kernels.CROWDED: 25.0, kernels.BOTH: 9.0}
"""Limits, at least, where links and days are too few to tell: each minute adds up to
`sensing_kernels.STEP_AT_MOST`, and a driver who waits to turn can hold up a lane for three. Both
signs have to come in the same interval to count together, which chance does less often."""

TELLING_DAYS = 150
"""Links times days from which the tail of normal days is believed."""

STEP_S = 60.0
"""A longer interval may add as much more to a sum as it is longer than this, s."""

LIKE_OTHERS_DAYS, USUAL_PART = 3.0, 1.0 / 3.0
"""A link's usual daily maximum is its mean, with so many days of this part of the least limit."""

LEAST_DAYS = 2
RIDGE_PART = 0.05
LEAST_SCATTER, LEAST_CROWD_PCT = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class LinkWarning:
    """Something is wrong on a link.

    Attributes
    ----------
    link_id
        The link.
    onset_s
        When it seems to have begun, s, on the clock of the updates.
    size_vph
        Traffic that is held back, veh/h.
    confidence
        Part of normal days on which the link's sums stay below what they are now, 0 to 1.
    reason
        In words.
    """

    link_id: str
    onset_s: float
    size_vph: float
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class LinkModel:
    """What is normal on each link.

    Attributes
    ----------
    link_ids
        Names.
    interval_s
        Length of every interval, s.
    reports_per_week
        False reports of the whole network that the limits were set for.
    arrays
        As the kernel takes them.
    limits
        [link, link_kernels.WARNING_LIMITS].
    decade
        By how much a sum is higher that is ten times as rare, [link, WARNING_LIMITS].
    """

    link_ids: tuple[str, ...]
    interval_s: int
    reports_per_week: float
    arrays: kernels.LinkArrays
    limits: Floats
    decade: Floats


class WarningDesk:
    """The links of a network, watched interval by interval.

    Parameters
    ----------
    model
        What is normal.
    """

    def __init__(self, model: LinkModel) -> None:
        self.model = model
        rows = len(model.link_ids)
        self._numbers = np.zeros((rows, kernels.WARNING_NUMBERS))
        self._nothing = np.full(rows, np.nan)
        self.sums = np.zeros((rows, kernels.WARNING_LIMITS))

    def update(
        self,
        end_s: float,
        inflow: tuple[Floats, Floats],
        outflow: tuple[Floats, Floats],
        crowd: tuple[Floats, Floats] | None = None,
    ) -> tuple[LinkWarning, ...]:
        """Take the traffic of one interval and return the warnings in force.

        Parameters
        ----------
        end_s
            End of the interval, s.
        inflow, outflow
            Vehicles counted at the beginning and the end of every link, and expected ones,
            [link]; NaN where unknown or not to be believed.
        crowd
            Occupancy of the detectors at the beginning, and the expected one, per cent, [link].

        Raises
        ------
        CountError
            If an array does not hold one number per link.
        """
        shape = (len(self.model.link_ids),)
        for array in (*inflow, *outflow, *(crowd or ())):
            if array.shape != shape:
                raise CountError(
                    f"traffic of shape {list(array.shape)}; allowed is {list(shape)}, one per link"
                )
        occupied, usual = (self._nothing, self._nothing) if crowd is None else crowd
        kernels.watch_links(
            inflow[0],
            inflow[1],
            outflow[0],
            outflow[1],
            occupied,
            usual,
            self.model.arrays,
            self._numbers,
            self.model.limits,
            self.sums,
        )
        warned = np.flatnonzero(self._numbers[:, kernels.WARNED] > 0)
        return tuple(self._warning(int(i), end_s) for i in warned)

    def _warning(self, row: int, end_s: float) -> LinkWarning:
        model, numbers = self.model, self._numbers[row]
        dropped = max(numbers[kernels.DROP_SINCE], 1.0)
        size = numbers[kernels.LOST_VEH] / dropped * SECONDS_PER_HOUR / model.interval_s
        limits = model.limits[row]
        over = (self.sums[row] - limits) / model.decade[row]
        rule = int(np.argmax(over))
        # The limit itself is passed on so many of a link's normal days; each decade is rarer.
        chance = _daily_chance(model.reports_per_week, len(model.link_ids), rule)
        chance *= 10.0 ** -max(float(over[rule]), 0.0)
        # The earlier of the two signs tells when it began, if it says anything by itself.
        since = max(
            float(numbers[column])
            for column, sign in (
                (kernels.DROP_SINCE, kernels.DROPPED),
                (kernels.CROWD_SINCE, kernels.CROWDED),
            )
            if sign == rule or self.sums[row, sign] > limits[kernels.BOTH] or rule == kernels.BOTH
        )
        spills = numbers[kernels.CROWD_SUM] > 0
        if rule == kernels.DROPPED and not spills:
            reason = "lets through less than comes in"
        elif rule == kernels.CROWDED and size <= 0:
            reason = "is crowded up to its beginning"
        else:
            reason = "lets through less than comes in, and its queue spills back"
        return LinkWarning(
            model.link_ids[row],
            end_s - max(since, 1.0) * model.interval_s,
            max(float(size), 0.0),
            1.0 - min(chance, 1.0),
            f"link {model.link_ids[row]!r} {reason}",
        )


def learn_links(
    link_ids: tuple[str, ...],
    interval_s: int,
    inflow: tuple[Floats, Floats],
    outflow: tuple[Floats, Floats],
    crowd: tuple[Floats, Floats] | None = None,
    reports_per_week: float = REPORTS_PER_WEEK,
) -> LinkModel:
    """Learn from mostly normal days how links behave, and set limits.

    Parameters
    ----------
    link_ids
        Names.
    interval_s
        Length of every interval, s; a minute or less finds incidents soon.
    inflow, outflow
        Counted and expected vehicles, [interval, link] each; NaN where unknown.
    crowd
        Occupancies at the beginning of the links and expected ones, per cent.
    reports_per_week
        False reports of the whole network.

    Returns
    -------
    LinkModel

    Raises
    ------
    InsufficientDataError
        If there are less than two days.
    CountError
        If shapes differ or the budget is not above 0.
    """
    shape = outflow[0].shape
    per_day = max(1, round(DAY_S / interval_s)) if interval_s > 0 else 0
    if not per_day or not reports_per_week > 0:
        raise CountError(
            f"intervals of {interval_s} s, {reports_per_week} reports per week; allowed are 1 s "
            "or more, and above 0"
        )
    for array in (*inflow, *outflow, *(crowd or ())):
        if array.shape != shape or len(shape) != 2 or shape[1] != len(link_ids):
            raise CountError(
                f"traffic of shape {list(array.shape)}; allowed is [intervals, {len(link_ids)}]"
            )
    if shape[0] < LEAST_DAYS * per_day or not link_ids:
        raise InsufficientDataError(
            f"{shape[0]} intervals of {interval_s} s and {len(link_ids)} links; {LEAST_DAYS} days "
            "and a link are needed"
        )
    entering, leaving = (
        (counted - expected) / np.sqrt(expected + 1.0) for counted, expected in (inflow, outflow)
    )
    in_scatter = np.maximum(robust_spread(entering), LEAST_SCATTER)
    limit = CLIPPED_SD
    score = np.clip(np.nan_to_num(entering / in_scatter), -limit, limit)
    before = np.vstack([np.zeros((1, shape[1])), score[:-1]])
    now, earlier = _regression(np.nan_to_num(leaving), score, before)
    rest = leaving - now * score - earlier * before
    excess = None
    if crowd is not None:
        more = np.maximum((inflow[0] + 1.0) / (inflow[1] + 1.0), 1.0)
        excess = crowd[0] - crowd[1] * np.where(np.isnan(more), 1.0, more)
    arrays = kernels.LinkArrays(
        in_scatter,
        np.maximum(robust_spread(rest), LEAST_SCATTER),
        now,
        earlier,
        np.full(shape[1], 1.0)
        if excess is None
        else np.maximum(robust_spread(excess), LEAST_CROWD_PCT),
        STEP_AT_MOST * max(interval_s / STEP_S, 1.0),
    )
    unlimited = np.full((shape[1], kernels.WARNING_LIMITS), np.inf)
    ones = np.ones_like(unlimited)
    model = LinkModel(link_ids, interval_s, reports_per_week, arrays, unlimited, ones)
    desk = WarningDesk(model)
    largest = np.zeros((shape[0] // per_day, shape[1], kernels.WARNING_LIMITS))
    for i in range(largest.shape[0] * per_day):
        desk.update(
            0.0,
            (inflow[0][i], inflow[1][i]),
            (outflow[0][i], outflow[1][i]),
            None if crowd is None else (crowd[0][i], crowd[1][i]),
        )
        np.maximum(largest[i // per_day], desk.sums, out=largest[i // per_day])
    limits, decade = unlimited.copy(), ones.copy()
    trust = min(1.0, largest.shape[0] * largest.shape[1] / TELLING_DAYS)
    for rule, least in LEAST_LIMIT.items():
        # Where queues are usual, sums run high; that has to dull no other link.
        usual = LIKE_OTHERS_DAYS * least * USUAL_PART + largest[:, :, rule].sum(axis=0)
        scale = usual / (LIKE_OTHERS_DAYS + largest.shape[0])
        values = largest[:, :, rule] / scale
        chance = _daily_chance(reports_per_week, len(link_ids), rule)
        tail = tail_limit(values, chance)
        rarer = tail_limit(values, 0.1 * chance) - tail
        found = tail * scale
        decade[:, rule] = np.maximum(rarer * scale, 1.0)
        cautious = trust * found + (1.0 - trust) * np.maximum(found, CAUTIOUS[rule])
        limits[:, rule] = np.maximum(cautious, least)
    return replace(model, limits=limits, decade=decade)


def _daily_chance(reports_per_week: float, links: int, rule: int) -> float:
    """Return how often one link may pass one limit on a normal day."""
    return reports_per_week * SHARES[rule] / (7.0 * links)


def _regression(leaving: Floats, now: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Regress each column on two others, with a little ridge; return both slopes."""
    size = max(leaving.shape[0], 1)
    ridge = RIDGE_PART
    a, b, c = ((x * y).sum(axis=0) / size for x, y in ((now, now), (now, before), (before, before)))
    u, v = ((x * leaving).sum(axis=0) / size for x in (now, before))
    a, c = a + ridge, c + ridge
    determinant = a * c - b * b
    first: Floats = (u * c - v * b) / determinant
    second: Floats = (v * a - u * b) / determinant
    return first, second
