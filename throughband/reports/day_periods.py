"""A planned day before and after, from switch to switch and over the whole, with its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from network.day_plan import SECONDS_PER_DAY, clock
from network.units import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]
Judgment = Literal["better", "worse", "no clear difference", "not judged"]


@dataclass(frozen=True, slots=True, eq=False)
class DayCurve:
    """A day period by period, as drawn.

    Attributes
    ----------
    begins_s
        Of periods, s after midnight of the first; beyond a day where they run over midnight.
    period_s
        Their length.
    plans
        What runs in each.
    volume_vph
        All movements together, [period].
    before, after
        Cost of the expected day, veh h, [period].
    drawn_before, drawn_after
        Cost of drawn days, veh h, [draw, period]; no rows where none were.
    """

    begins_s: tuple[int, ...]
    period_s: int
    plans: tuple[str, ...]
    volume_vph: Floats
    before: Floats
    after: Floats
    drawn_before: Floats
    drawn_after: Floats


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the day under one plan, or the whole day: its cost before and after.

    Attributes
    ----------
    label, plan
        When, and what runs.
    volume_vph
        Mean of all movements together.
    before, after
        Of the expected day, veh h.
    low, high
        Least and greatest difference, after less before, of the drawn days, veh h; None where
        none were drawn.
    judgment
        ``better`` or ``worse`` where all drawn days agree and differ at all; ``not judged`` where
        none were drawn, or nothing flows.
    """

    label: str
    plan: str
    volume_vph: float
    before: float
    after: float
    low: float | None
    high: float | None
    judgment: Judgment

    @property
    def change(self) -> float:
        """After less before, veh h."""
        return self.after - self.before

    @property
    def change_pct(self) -> float | None:
        """The same in percent of before; None where that is nothing."""
        return 100.0 * self.change / self.before if self.before > 0 else None


def day_curve(record: Mapping[str, Any]) -> DayCurve | None:
    """Return the periods of a record; None for a record older than these.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is malformed.
    """
    periods, played = record["periods"], record["played_through"]
    if "volume_vph" not in periods:
        return None
    count, period_s = int(periods["count"]), int(periods["period_s"])
    drawn = record.get("drawn") or {"in_force_veh_s": [], "planned_veh_s": []}

    def hours(values: Sequence[Any], *shape: int) -> Floats:
        return np.array(values, np.float64).reshape(shape) / SECONDS_PER_HOUR

    draws = len(drawn["planned_veh_s"])
    return DayCurve(
        tuple(int(periods["start_s"]) + at * period_s for at in range(count)),
        period_s,
        tuple(periods["plans"]),
        np.array(periods["volume_vph"], np.float64).reshape(count),
        hours(played["in_force"]["period_costs_veh_s"], count),
        hours(played["day"]["period_costs_veh_s"], count),
        hours(drawn["in_force_veh_s"], draws, count),
        hours(drawn["planned_veh_s"], draws, count),
    )


def stretches(curve: DayCurve) -> tuple[Stretch, ...]:
    """Return the parts of a day from switch to switch, and the whole day last."""
    rows, at = [], 0
    for plan, run in groupby(curve.plans):
        length = len(list(run))
        rows.append(_stretch(curve, slice(at, at + length), plan))
        at += length
    return (*rows, _stretch(curve, slice(0, len(curve.plans)), ""))


def each_period(curve: DayCurve) -> tuple[Stretch, ...]:
    """Return every period as a stretch of its own."""
    return tuple(_stretch(curve, slice(at, at + 1), plan) for at, plan in enumerate(curve.plans))


def _stretch(curve: DayCurve, part: slice, plan: str) -> Stretch:
    begins = curve.begins_s[part]
    before, after = (float(side[part].sum()) for side in (curve.before, curve.after))
    differences = (curve.drawn_after[:, part] - curve.drawn_before[:, part]).sum(axis=1)
    low = high = None
    judgment: Judgment = "not judged"
    if len(differences) > 1 and before + after > 0:
        low, high = float(differences.min()), float(differences.max())
        judgment = "better" if high < 0 else "worse" if low > 0 else "no clear difference"
    return Stretch(
        f"{_clock(begins[0])}\N{EN DASH}{_clock(begins[-1] + curve.period_s, '24:00')}",
        plan,
        float(curve.volume_vph[part].mean()),
        before,
        after,
        low,
        high,
        judgment,
    )


def _clock(at_s: int, midnight: str = "00:00") -> str:
    return clock(at_s % SECONDS_PER_DAY)[:5] if at_s % SECONDS_PER_DAY else midnight
