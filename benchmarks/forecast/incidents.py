"""How soon are closed lanes told, and how often is a normal week disturbed?

    python -m benchmarks.forecast.incidents --seeds 101-102 --normal-days 7

A made-up street in SUMO with loops at the beginning and at the stop line of every approach,
read once a signal cycle. What is normal is learned from whole days of seeds 1 to 3; demand
differs from day to day and wanders within the day. Then a lane is closed at its stop line for 15
minutes (a vehicle stands there), on every approach and at several hours. SUMO's queue tells when
somebody first stands still at the approach's first loop: the warning has to come within 3
minutes of that. Where no queue gets there, nothing is demanded, and a warning counts as right.
Size is held against the same hours and seed with nothing closed, onset against the moment at
which the vehicle stops.

Normal days of other seeds are watched from one end to the other; every warning that begins is a
false report. The rate comes with its one-sided 95 % bound of a Poisson count. The command ends
with 1 where a queue is told late or never, or the rate is above its limit, and with 2 where only
the bound is: too few hours were watched to show that the limit is met.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.forecast.sumo_arrivals import open_street
from benchmarks.forecast.watched_street import (
    CLOSED_S,
    HOUR_S,
    LEVELS,
    PERIOD_S,
    SeenDay,
    WatchedStreet,
    other_days,
)
from benchmarks.seeds import seeds_of
from benchmarks.verdict import exit_code, verdict
from engine.forecast.warnings import LinkModel, LinkWarning, WarningDesk, learn_links
from network.units import SECONDS_PER_HOUR
from throughband.counts.demand import COUNTING_SEEDS

Floats = NDArray[np.float64]

STREET = "arterial:2:11"
HOURS = "8,16"

SMOOTHED_S = 600.0
WITHIN_S = 180.0
REPORTS_PER_WEEK = 1.0
WEEK_H = 168.0
AFTER_S = 1200.0
"""Warnings of a closed lane's own approach are looked for up to so long after it closed."""


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What is expected of the approaches over a day, and the model that watches them."""

    day: SeenDay
    model: LinkModel


def learn(street: WatchedStreet, days: Sequence[SeenDay]) -> Usual:
    """Learn from normal days; each is held against the others."""
    smoothing = max(round(SMOOTHED_S / street.interval_s), 1)
    kinds = [[getattr(day, name) for day in days] for name in SeenDay.__slots__]
    pairs = [
        (
            np.concatenate(found),
            np.concatenate([other_days(found, own, smoothing) for own in range(len(found))]),
        )
        for found in kinds
    ]
    model = learn_links(street.approaches, street.interval_s, pairs[0], pairs[1], pairs[2])
    return Usual(SeenDay(*(other_days(found, None, smoothing) for found in kinds)), model)


def watched(
    usual: Usual, seen: SeenDay, first: int, interval_s: int
) -> list[tuple[float, tuple[LinkWarning, ...]]]:
    """Watch intervals from row `first` of the day on; return warnings in force by time."""
    desk = WarningDesk(usual.model)
    told = []
    for i in range(seen.inflow_veh.shape[0]):
        row = min(first + i, usual.day.inflow_veh.shape[0] - 1)
        end_s = (first + i + 1) * interval_s
        pairs = [
            (getattr(seen, name)[i], getattr(usual.day, name)[row]) for name in SeenDay.__slots__
        ]
        told.append((float(end_s), desk.update(end_s, pairs[0], pairs[1], pairs[2])))
    return told


def false_reports(told: Sequence[tuple[float, tuple[LinkWarning, ...]]]) -> list[LinkWarning]:
    """Return the warnings that begin."""
    found: list[LinkWarning] = []
    before: set[str] = set()
    for _, warnings in told:
        found += [warning for warning in warnings if warning.link_id not in before]
        before = {warning.link_id for warning in warnings}
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a closed lane; times in s after it closed, NaN for never.

    Attributes
    ----------
    approach, hour, seed, lane
        Which.
    reached_s, told_s
        When a queue stood at the first loop, and when the approach's warning came.
    onset_s
        As the last warning of the closure has it.
    size_vph, lost_vph, confidence
        Traffic held back, as told last and as SUMO has it; and how sure the desk was.
    """

    approach: str
    hour: int
    seed: int
    lane: int
    reached_s: float
    told_s: float
    onset_s: float
    size_vph: float
    lost_vph: float
    confidence: float

    @property
    def demanded(self) -> bool:
        """Whether the queue got to a loop."""
        return bool(np.isfinite(self.reached_s))

    @property
    def in_time(self) -> bool:
        """Whether the warning came within `WITHIN_S` of that."""
        return bool(self.told_s <= self.reached_s + WITHIN_S)


def close(street: WatchedStreet, usual: Usual, approach: str, hour: int, seed: int) -> Told:
    """Close a lane at the beginning of an hour and see when it is told."""
    lanes = street.setting.network.links[approach].lanes
    lane = int(
        np.random.default_rng([seed, hour, street.approaches.index(approach)]).integers(lanes)
    )
    begin_s = hour * HOUR_S
    closure = street.closure(approach, lane, begin_s)
    day = 1000 * seed + hour
    seen, reached_s = street.hours(day, hour - 1, hour + 1, closure)
    normal, _ = street.hours(day, hour - 1, hour + 1)
    first = round((hour - 1) * HOUR_S / street.interval_s)
    column = street.approaches.index(approach)
    told_s, last = float("nan"), None
    for end_s, warnings in watched(usual, seen, first, street.interval_s):
        own = [w for w in warnings if w.link_id == approach]
        if begin_s < end_s <= begin_s + AFTER_S and own:
            told_s = min(told_s, end_s - begin_s) if np.isfinite(told_s) else end_s - begin_s
            if end_s <= begin_s + CLOSED_S or last is None:
                last = own[0]
    held = slice(round(HOUR_S / street.interval_s), round((HOUR_S + CLOSED_S) / street.interval_s))
    lost = float((normal.outflow_veh - seen.outflow_veh)[held, column].sum())
    return Told(
        approach,
        hour,
        seed,
        lane,
        float("nan") if reached_s is None else reached_s - begin_s,
        told_s,
        float("nan") if last is None else last.onset_s - begin_s,
        float("nan") if last is None else last.size_vph,
        lost * SECONDS_PER_HOUR / CLOSED_S,
        float("nan") if last is None else last.confidence,
    )


def _cell(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else ""


def show(rows: Sequence[Told], console: Console) -> None:
    """Print closed lanes."""
    table = Table(
        "approach", "lane", "hour", "seed", "queue at loop after s", "told after s", "in time",
        "onset off s", "size veh/h", "held back veh/h", "confidence",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.approach, f"{row.lane}", f"{row.hour}", f"{row.seed}", _cell(row.reached_s, ".0f"),
            _cell(row.told_s, ".0f"), ("yes" if row.in_time else "NO") if row.demanded else "",
            _cell(row.onset_s, "+.0f"), _cell(row.size_vph, ".0f"), _cell(row.lost_vph, ".0f"),
            _cell(row.confidence, ".5f"),
        )  # fmt: skip
    console.print(table)
    wanted = [row for row in rows if row.demanded]
    known = [row for row in wanted if np.isfinite(row.told_s)]
    console.print(
        f"{len(wanted)} of {len(rows)} closed lanes made a queue up to a loop; "
        f"{sum(row.in_time for row in wanted)} of these told within {WITHIN_S:.0f} s of it"
    )
    if known:
        late = np.array([row.told_s - row.reached_s for row in known])
        onset = np.array([abs(row.onset_s) for row in known])
        size = np.array([row.size_vph / max(row.lost_vph, 1.0) for row in known])
        console.print(
            f"told {np.median(late):+.0f} s (median) and {late.max():+.0f} s (latest) after the "
            f"queue came; onset off by {np.median(onset):.0f} s; size {np.median(size):.2f} of the "
            f"truth (median), {np.quantile(size, 0.1):.2f} to {np.quantile(size, 0.9):.2f}"
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """False reports on normal days.

    Attributes
    ----------
    reports
        How many began.
    hours
        Over how many simulated hours.
    """

    reports: int
    hours: float

    @property
    def per_week(self) -> float:
        """How many a week."""
        return self.reports / self.hours * WEEK_H

    @property
    def at_most(self) -> float:
        """One-sided 95 % bound of that."""
        return float(stats.chi2.ppf(0.95, 2 * self.reports + 2)) / 2.0 / self.hours * WEEK_H


def judged(rows: Sequence[Told], quiet: Quiet | None) -> tuple[list[str], list[str]]:
    """Name the limits that are missed, and those that so few hours cannot show to be met."""
    wanted = [row for row in rows if row.demanded]
    late = sum(not row.in_time for row in wanted)
    found, open_ = [], []
    if late:
        found.append(
            f"{late} of {len(wanted)} queues told later than {WITHIN_S:.0f} s or never (limit 0)"
        )
    if quiet is None:
        open_.append("false reports, no normal day was watched")
    elif quiet.per_week > REPORTS_PER_WEEK:
        found.append(f"{quiet.per_week:.2f} false reports a week (limit {REPORTS_PER_WEEK:g})")
    elif quiet.at_most > REPORTS_PER_WEEK:
        open_.append(
            f"false reports a week, {quiet.at_most:.2f} at most with 95 % confidence (limit "
            f"{REPORTS_PER_WEEK:g})"
        )
    return found, open_


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn, close lanes, watch normal days; print what came of it.

    Returns 1 where a limit is missed, 2 where one is only not shown to be met.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--street", default=STREET)
    parser.add_argument("--seeds", default="11-12")
    parser.add_argument("--hours", default=HOURS, help="at whose beginning lanes are closed")
    parser.add_argument("--learning-days", type=int, default=9, help="over seeds 1 to 3")
    parser.add_argument("--normal-days", type=int, default=7, help="per seed")
    chosen = parser.parse_args(arguments)
    console = Console(width=130)
    seeds = seeds_of(chosen.seeds)
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        setting = open_street(chosen.street, Path(folder))
        plans = [s.plan_in_force for s in setting.network.signals.values()]
        cycle_s = max((plan.cycle_s for plan in plans if plan is not None), default=60)
        street = WatchedStreet(setting, int(max(cycle_s // PERIOD_S, 1) * PERIOD_S))
        days = []
        for number in range(chosen.learning_days):
            seed = COUNTING_SEEDS[number % len(COUNTING_SEEDS)]
            days.append(street.day(1000 * seed + 500 + number // len(COUNTING_SEEDS)))
            sys.stderr.write(f"learning days: {number + 1} of {chosen.learning_days}\n")
        usual = learn(street, days)
        rows = []
        for seed in seeds:
            for hour in (int(text) for text in chosen.hours.split(",")):
                for approach in street.approaches:
                    rows.append(close(street, usual, approach, hour, seed))
                    sys.stderr.write(f"{rows[-1]}\n")
        show(rows, console)
        reports: list[LinkWarning] = []
        for seed in seeds:
            for number in range(chosen.normal_days):
                seen = street.day(1000 * seed + 500 + number)
                found = false_reports(watched(usual, seen, 0, street.interval_s))
                reports += found
                sys.stderr.write(f"normal day {number + 1}, seed {seed}: {len(found)} reports\n")
    hours = len(seeds) * chosen.normal_days * len(LEVELS)
    quiet = Quiet(len(reports), hours) if hours else None
    if quiet is not None:
        console.print(
            f"{len(reports)} false reports in {hours} simulated hours of "
            f"{len(street.approaches)} approaches: {quiet.per_week:.2f} a week, at most "
            f"{quiet.at_most:.2f} with 95 % confidence; limit {REPORTS_PER_WEEK:g}"
        )
    beyond, unshown = judged(rows, quiet)
    console.print(verdict(beyond, unshown), markup=False, soft_wrap=True)
    return exit_code(beyond, unshown)


if __name__ == "__main__":
    sys.exit(main())
