"""The quality table: controllers of each subject side by side, and the limits.

Of a controller's variants the one with the least mean delay counts, on the very seeds. Ratios are
of means over the seeds that both have, with Fieller's paired interval.

A seed counts as locked where its delay is more than twice the median of the controller's seeds,
or where three of four vehicles in the network stood still over the last five minutes: streets with
signals have queues, but they move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

import numpy as np
from scipy.stats import t as student_t

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.in_force import InForce
from benchmarks.peers.ours import OURS
from benchmarks.quality.limits import Limit
from benchmarks.quality.ratios import Ratio, paired_ratio
from benchmarks.quality.rows import ResultRow
from engine.validate.statistics import CONFIDENCE

LOCKED_TIMES: Final = 2.0
STANDING: Final = 0.75


@dataclass(frozen=True, slots=True)
class Entry:
    """One controller on one subject.

    Attributes
    ----------
    scenario, rules, controller, variant
        What it is; the variant is the best one's.
    runs
        Ordered by seed; empty where it cannot run.
    reason
        Why it cannot run.
    """

    scenario: str
    rules: str
    controller: str
    variant: str
    runs: tuple[ResultRow, ...]
    reason: str = ""

    @property
    def delays_s(self) -> dict[int, float]:
        """Delay by seed."""
        return {run.seed: run.delay_s for run in self.runs}

    @property
    def mean_s(self) -> float:
        """Mean delay, s."""
        return fmean(self.delays_s.values())

    @property
    def median_s(self) -> float:
        """Median delay, s."""
        return median(self.delays_s.values())

    @property
    def half_width_s(self) -> float:
        """Half the 95 % interval of the mean delay, s; NaN with one seed."""
        n = len(self.runs)
        if n < 2:
            return float("nan")
        spread = float(np.std(list(self.delays_s.values()), ddof=1))
        return float(student_t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * spread / math.sqrt(n)

    @property
    def locked(self) -> tuple[int, ...]:
        """Seeds in which the street locked."""
        usual_s = self.median_s
        return tuple(
            run.seed
            for run in self.runs
            if run.delay_s > LOCKED_TIMES * usual_s or run.standing_share >= STANDING
        )

    def over(self, other: Entry) -> Ratio | None:
        """Return the ratio of this controller's delay to another's over common seeds."""
        mine, theirs = self.delays_s, other.delays_s
        seeds = sorted(mine.keys() & theirs.keys())
        if len(seeds) < 2:
            return None
        return paired_ratio([mine[s] for s in seeds], [theirs[s] for s in seeds])


def entries_of(rows: Sequence[ResultRow], seeds: Sequence[int] | None = None) -> tuple[Entry, ...]:
    """Gather rows into entries: the newest plan of each variant, the best variant.

    Parameters
    ----------
    rows
        In the order they were played.
    seeds
        Those to look at; all by default.
    """
    newest: dict[tuple[str, str, str, str], str] = {}
    for row in rows:
        if seeds is None or row.seed in seeds or row.seed < 0:
            newest[row.key[:4]] = row.digest
    variants: dict[tuple[str, str, str], list[Entry]] = {}
    for name, digest in newest.items():
        own = [row for row in rows if row.key[:4] == name and row.digest == digest]
        runs = [r for r in own if r.seed >= 0 and (seeds is None or r.seed in seeds)]
        runs.sort(key=lambda run: run.seed)
        reason = own[-1].reason if not runs else ""
        variants.setdefault(name[:3], []).append(Entry(*name, tuple(runs), reason))
    order = [*(peer.name for peer in PEERS), OURS]
    best = [_best(found) for found in variants.values()]

    def place(entry: Entry) -> tuple[int, str]:
        known = entry.controller in order
        return (order.index(entry.controller) if known else len(PEERS), entry.controller)

    # Subjects in the order they were played, controllers in that of the catalog.
    subjects = list(dict.fromkeys((entry.scenario, entry.rules) for entry in best))
    return tuple(sorted(best, key=lambda e: (subjects.index((e.scenario, e.rules)), *place(e))))


def _best(found: Sequence[Entry]) -> Entry:
    """Return the best of the variants with the most seeds."""
    most = max(len(entry.runs) for entry in found)
    if not most:
        return found[0]
    return min((e for e in found if len(e.runs) == most), key=lambda entry: entry.mean_s)


def markdown(entries: Sequence[Entry], limits: Sequence[Limit]) -> str:
    """Return the tables of all subjects, and what became of the limits.

    Parameters
    ----------
    entries, limits
        What to tell.
    """
    subjects = list(dict.fromkeys((entry.scenario, entry.rules) for entry in entries))
    parts = []
    for scenario, rules in subjects:
        own = [e for e in entries if (e.scenario, e.rules) == (scenario, rules)]
        parts.append(_table(scenario, rules, own))
    parts.append(_limits(entries, subjects, limits))
    return "\n".join(parts)


def _table(scenario: str, rules: str, entries: Sequence[Entry]) -> str:
    ours = _named(entries, OURS)
    today = _named(entries, InForce.name)
    lines = [
        f"### {scenario}, {rules} rules\n",
        "| controller | delay s, 95 % | median | stops | locked seeds | not inserted "
        "| in force = 1 | ours over it, 95 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        name = f"{entry.controller} ({entry.variant})" if entry.variant else entry.controller
        if not entry.runs:
            lines.append(f"| {name} | {entry.reason} | | | | | | |")
            continue
        of_today = f"{entry.mean_s / today.mean_s:.2f}" if today and today.runs else ""
        ratio = ours.over(entry) if ours and ours is not entry and ours.runs else None
        locked = ", ".join(map(str, entry.locked)) or "0"
        lines.append(
            f"| {name} | {_mean_told(entry)} | {entry.median_s:.1f} | "
            f"{fmean(run.stops for run in entry.runs):.2f} | {locked} of {len(entry.runs)} | "
            f"{fmean(run.not_inserted for run in entry.runs):.0f} | {of_today} | "
            f"{_told(ratio)} |"
        )
    return "\n".join([*lines, ""])


def _mean_told(entry: Entry) -> str:
    half_s = entry.half_width_s
    return f"{entry.mean_s:.1f}" + ("" if math.isnan(half_s) else f" ± {half_s:.1f}")


def _told(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    if math.isinf(ratio.high):
        return f"{ratio.value:.2f} [too few seeds to tell]"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _limits(
    entries: Sequence[Entry], subjects: Sequence[tuple[str, str]], limits: Sequence[Limit]
) -> str:
    lines = ["### Limits\n", "| subject | limit | found | |", "|---|---|---|---|"]
    for scenario, rules in subjects:
        own = [e for e in entries if (e.scenario, e.rules) == (scenario, rules)]
        ours = _named(own, OURS)
        if ours is None or not ours.runs:
            continue
        where = f"{scenario}, {rules}"
        lines.append(
            f"| {where} | no seed locked | {len(ours.locked)} of {len(ours.runs)} | "
            f"{'missed' if ours.locked else 'met'} |"
        )
        for limit in (limit for limit in limits if limit.holds(scenario, rules)):
            if limit.delay_s:
                verdict = "met" if ours.median_s <= limit.delay_s else "missed"
                lines.append(
                    f"| {where} | median {limit.delay_s:g} s | {ours.median_s:.1f} s | {verdict} |"
                )
                continue
            peer = _named(own, limit.peer)
            ratio = ours.over(peer) if peer is not None and peer.runs else None
            verdict = ratio.verdict(limit.ratio) if ratio else "not measured"
            lines.append(
                f"| {where} | {limit.ratio:g} of {limit.peer} | {_told(ratio)} | {verdict} |"
            )
    return "\n".join([*lines, ""])


def _named(entries: Sequence[Entry], name: str) -> Entry | None:
    return next((entry for entry in entries if entry.controller == name), None)
