"""Plans on trial with drawn counts: how often good ones go back, and how soon bad ones do.

The counts are those of a street that SUMO played for an hour, drawn again for days: the whole
street's traffic has its level every day and wanders within it, each detector scatters by chance.
The forecaster, what it is found to miss, and the rule are those of operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.drawn_days import DAY_SCATTER, WANDER, WANDER_S
from benchmarks.forecast.watched_street import LEVELS
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.prediction import FlowPrediction
from network.graph import Signal
from network.timing import TimingPlan
from throughband.counts.demand import counted_days
from throughband.operate.comparison import traffic_that_came
from throughband.operate.evidence import (
    Costs,
    EvidenceRule,
    Price,
    Promise,
    Seen,
    not_priced,
    weigh,
)
from throughband.operate.model import cost_of
from throughband.operate.street_counts import Counted
from throughband.operate.total_errors import shared_parts
from throughband.setting import Setting

Floats = NDArray[np.float64]

STEP: Final = timedelta(minutes=5)
SLOTS: Final = 288
HORIZON: Final = 12
BEGIN: Final = datetime(2026, 5, 4, tzinfo=UTC)
CHANGES_H: Final = range(6, 21)
"""Hours of the day at which plans change."""

PLAYED_DAYS: Final = 5
LONGEST_CYCLE_S: Final = 120


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of plans on trial.

    Attributes
    ----------
    trials
        How many.
    back_min
        Of those taken back, minutes from the change to the end of the interval that did it.
    """

    trials: int
    back_min: tuple[float, ...]

    @property
    def part(self) -> float:
        """Part of them that went back."""
        return len(self.back_min) / self.trials


def mean_counts(setting: Setting) -> tuple[tuple[str, ...], Floats]:
    """Return detectors and their mean count per interval in the hour that SUMO plays."""
    (day,) = counted_days(setting.case, setting.network, (1,))
    length_s = float(day.begins_s[1] - day.begins_s[0])
    mean = np.nanmean(day.volume_veh, axis=0) * STEP.total_seconds() / length_s
    return tuple(day.series_ids), mean


def draw_counts(mean: Floats, days: int, seed: int) -> Floats:
    """Draw days of counts, [interval, detector]."""
    rng = np.random.default_rng([seed, 29])
    kept = float(np.exp(-STEP.total_seconds() / WANDER_S))
    hourly = np.interp(np.arange(SLOTS) / 12, np.arange(24) + 0.5, LEVELS, period=24)
    level = np.repeat(rng.normal(0.0, DAY_SCATTER, days), SLOTS)
    wander = np.zeros(days * SLOTS)
    for at in range(1, len(wander)):
        wander[at] = kept * wander[at - 1] + rng.normal(0.0, WANDER * np.sqrt(1 - kept**2))
    whole = np.tile(hourly, days) * np.exp(level + wander)
    return rng.poisson(whole[:, np.newaxis] * mean).astype(np.float64)


def fitted(setting: Setting, names: Sequence[str], counts: Floats) -> FlowForecaster:
    """Return a forecaster that learned from counts."""
    found = FlowForecaster(int(STEP.total_seconds()), HORIZON, "UTC", network=setting.network)
    return found.fit(counts, BEGIN, tuple(names))


def missed(
    setting: Setting, names: Sequence[str], counts: Floats, rule: EvidenceRule
) -> tuple[float, ...]:
    """Return what forecasts of sums miss, measured on these days as operation does."""
    played = min(PLAYED_DAYS, len(counts) // SLOTS - 1) * SLOTS
    known = len(counts) - played
    past = fitted(setting, names, counts[:known])
    left_out = -(-rule.settle // STEP)
    return shared_parts(
        past, counts[known:], BEGIN + known * STEP, STEP, left_out, rule.most_intervals
    )


def worse_plans(setting: Setting, costs: float) -> dict[str, TimingPlan]:
    """Return plans that the model finds so many times as dear, made by taking green away.

    Raises
    ------
    RuntimeError
        If no shift of green makes them so dear.
    """
    names, mean = mean_counts(setting)
    counts = np.tile(mean, (SLOTS * 2, 1))
    view = fitted(setting, names, counts)
    lately = rows_of(names, mean[np.newaxis], view.time + STEP)
    came = traffic_that_came(list(lately), lately, (), view.predict(), setting.network, 0.0)
    if came is None:
        raise RuntimeError("the street tells no flows of movements")
    before = in_force(setting)
    base_s = cost_of(setting, before, came, LONGEST_CYCLE_S)
    for shift_s in range(1, 60):
        after = {
            name: shifted(setting.network.signals[name], plan, shift_s)
            for name, plan in before.items()
        }
        if cost_of(setting, after, came, LONGEST_CYCLE_S) >= costs * base_s:
            return after
    raise RuntimeError(f"no plan of this street costs {costs} times as much")


def in_force(setting: Setting) -> dict[str, TimingPlan]:
    """Return the plans in force, by signal."""
    signals = setting.network.signals.values()
    return {s.signal_id: s.plan_in_force for s in signals if s.plan_in_force is not None}


def shifted(signal: Signal, plan: TimingPlan, shift_s: int) -> TimingPlan:
    """Return a plan with seconds of its longest split given to the shortest, while that goes."""
    assert signal.phasing is not None
    splits = list(plan.splits_s)
    long, short = int(np.argmax(splits)), int(np.argmin(splits))
    least = signal.phasing.phase(plan.sequence[long]).min_split_s
    given = max(0, min(shift_s, splits[long] - least))
    splits[long], splits[short] = splits[long] - given, splits[short] + given
    return replace(plan, splits_s=tuple(splits))


def rows_of(
    names: Sequence[str], counts: Floats, begin: datetime
) -> dict[float, Mapping[str, Counted]]:
    """Return counts as operation reads them."""
    return {
        (begin + at * STEP).timestamp(): {
            name: Counted(float(value), True, float("nan"))
            for name, value in zip(names, row, strict=True)
        }
        for at, row in enumerate(counts)
    }


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A moment at which a plan goes on the street, and what follows.

    Attributes
    ----------
    at_utc, midnight_utc
        When; when its day began.
    prediction
        Made just before.
    came
        Counts of the intervals after it, [interval, detector].
    shared_part
        What forecasts were found to miss by then.
    """

    at_utc: datetime
    midnight_utc: datetime
    prediction: FlowPrediction
    came: Floats
    shared_part: tuple[float, ...]


def changes(
    setting: Setting, history_days: int, days: int, seed: int, rule: EvidenceRule
) -> list[Change]:
    """Return changes, hour by hour on drawn days that follow a drawn history."""
    names, mean = mean_counts(setting)
    counts = draw_counts(mean, history_days + days, seed)
    found = []
    for day in range(history_days, history_days + days):
        # As operation does while days are few: learned anew each day.
        shared = missed(setting, names, counts[: day * SLOTS], rule)
        forecaster = fitted(setting, names, counts[: day * SLOTS])
        midnight = BEGIN + day * SLOTS * STEP
        for slot in range(SLOTS - HORIZON):
            at = day * SLOTS + slot
            forecaster.update(BEGIN + at * STEP, counts[at])
            hour, rest = divmod(slot + 1, 12)
            if rest == 0 and hour in CHANGES_H:
                came = counts[at + 1 : at + 1 + HORIZON]
                prediction = forecaster.predict()
                found.append(
                    Change(midnight + (slot + 1) * STEP, midnight, prediction, came, shared)
                )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Prices the traffic that came under the plans in force and under others.

    Attributes
    ----------
    setting
        The street.
    plans
        On trial, by signal.
    """

    setting: Setting
    plans: Mapping[str, TimingPlan]

    def price(self, change: Change, came: Floats, seen: Sequence[Seen]) -> Costs | None:
        """Price intervals that were seen after a change."""
        traffic = traffic_that_came(
            [each.begin_utc.timestamp() for each in seen],
            rows_of(change.prediction.names, came, change.at_utc),
            (),
            change.prediction,
            self.setting.network,
            change.midnight_utc.timestamp(),
        )
        if traffic is None:
            return None
        return Costs(
            cost_of(self.setting, in_force(self.setting), traffic, LONGEST_CYCLE_S),
            cost_of(self.setting, self.plans, traffic, LONGEST_CYCLE_S),
        )


def play(
    put: Sequence[Change],
    seed: int,
    served: float,
    rule: EvidenceRule,
    model: Model | None = None,
) -> Outcomes:
    """Put plans on trial.

    Parameters
    ----------
    put
        When, and what came.
    seed
        Of who is not served.
    served
        Part of the traffic that the plans let through.
    rule
        The rule.
    model
        Prices both plans; None for no comparison.
    """
    rng = np.random.default_rng([seed, 31])
    back = []
    for change in put:
        came = rng.binomial(change.came.astype(np.int64), served).astype(np.float64)
        after_min = _back_min(change, came, rule, model)
        if after_min is not None:
            back.append(after_min)
    return Outcomes(len(put), tuple(back))


def _back_min(
    change: Change, came: Floats, rule: EvidenceRule, model: Model | None
) -> float | None:
    """Return after how many minutes a plan goes back; None if it stays."""
    expected, sd = change.prediction.expected()
    promise = Promise("plan", change.at_utc, None, None, change.shared_part)
    price: Price = not_priced if model is None else partial(model.price, change, came)
    for ahead, (row, mean, scatter) in enumerate(zip(came, expected, sd, strict=True)):
        seen = Seen(
            change.at_utc + ahead * STEP,
            float(row.sum()),
            float(mean.sum()),
            float(np.sqrt(np.square(scatter).sum())),
        )
        found = weigh(promise, rule, seen, None, price)
        if found is None:
            continue
        promise = found.promise
        if found.take_back:
            return (ahead + 1) * STEP.total_seconds() / 60
        if found.settled:
            break
    return None
