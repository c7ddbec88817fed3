"""The limits that results are read against, from ``limits.toml`` beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Final

from benchmarks.suite.jobs import SHIPPED, Street
from benchmarks.suite.ratios import Ratio, paired_ratio
from benchmarks.suite.scenes import is_made_up
from benchmarks.suite.summary import DELAY, OURS, THROUGHBAND, Line, best_peer

FILE: Final = Path(__file__).with_name("limits.toml")
BEST: Final = "best"
CITY, MADE_UP_KIND = "city", "made-up"
TOLD: Final = {DELAY: "delay", "delay_p95_s": "95th percentile of delay"}


@dataclass(frozen=True, slots=True)
class Limit:
    """Ours is to be at most so much of a peer's delay, or at most so long.

    Attributes
    ----------
    ours
        Whose.
    rules
        Under which it holds.
    peer, ratio
        Whose times what; empty and 0 where one of the others counts.
    median_s, mean_s
        Largest median or mean over seeds; 0 where it does not count.
    measure
        Of which.
    kinds, scenarios
        Where it holds: ``made-up`` or ``city``, and labels; empty for everywhere.
    """

    ours: str = THROUGHBAND
    rules: tuple[str, ...] = (SHIPPED,)
    peer: str = ""
    ratio: float = 0.0
    median_s: float = 0.0
    mean_s: float = 0.0
    measure: str = DELAY
    kinds: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()

    def holds(self, street: Street) -> bool:
        """Tell whether it is about a street."""
        kind = MADE_UP_KIND if is_made_up(street.scenario) else CITY
        return (
            street.plain
            and street.rules in self.rules
            and (not self.kinds or kind in self.kinds)
            and (not self.scenarios or street.label in self.scenarios)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a limit on a street.

    Attributes
    ----------
    street, ours
        Where, and whose.
    limit, found
        For people.
    verdict
        ``met``, ``missed``, ``within noise, met``, ``within noise, missed``, ``not measured``.
    """

    street: str
    ours: str
    limit: str
    found: str
    verdict: str


def read_limits(file: Path = FILE) -> tuple[Limit, ...]:
    """Read the limits.

    Parameters
    ----------
    file
        TOML with a table ``limit`` for each.
    """
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Limit(
            entry.get("ours", THROUGHBAND),
            tuple(entry.get("rules", (SHIPPED,))),
            entry.get("peer", ""),
            entry.get("ratio", 0.0),
            entry.get("median_s", 0.0),
            entry.get("mean_s", 0.0),
            entry.get("measure", DELAY),
            tuple(entry.get("kinds", ())),
            tuple(entry.get("scenarios", ())),
        )
        for entry in document["limit"]
    )


def judge(lines: Sequence[Line], limits: Sequence[Limit]) -> tuple[Finding, ...]:
    """Hold the lines of our controllers against the limits, street by street.

    Ratios are of means over the seeds that both played, and the whole interval decides. The best
    peer is the best on these very seeds, which favors it.
    """
    streets: dict[str, dict[str, Line]] = {}
    for line in lines:
        streets.setdefault(line.street, {})[line.controller] = line
    found: list[Finding] = []
    for street, by in streets.items():
        for name in (name for name in by if name in OURS and by[name].runs):
            line = by[name]
            locked = f"{len(line.locked_seeds)} of {line.runs}"
            found.append(
                Finding(
                    street,
                    name,
                    "no seed locked",
                    locked,
                    "missed" if line.locked_seeds else "met",
                )
            )
            found += [
                _judged(limit, line, by)
                for limit in limits
                if limit.ours == name and limit.holds(line.where)
            ]
    return tuple(found)


def told(ratio: Ratio | None) -> str:
    """Say a ratio with its interval."""
    if ratio is None:
        return ""
    if abs(ratio.high) == float("inf"):
        return f"{ratio.value:.2f} [too few seeds to tell]"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def over(ours: Line, peer: Line, measure: str = DELAY) -> Ratio | None:
    """Return the ratio of two controllers over common seeds; None with fewer than two."""
    mine, theirs = ours.by_seed(measure), peer.by_seed(measure)
    seeds = sorted(mine.keys() & theirs.keys())
    if len(seeds) < 2 or not fmean(theirs[s] for s in seeds) > 0:
        return None
    return paired_ratio([mine[s] for s in seeds], [theirs[s] for s in seeds])


def _judged(limit: Limit, line: Line, by: Mapping[str, Line]) -> Finding:
    what = TOLD.get(limit.measure, limit.measure)
    values = line.by_seed(limit.measure).values()
    for name, most_s, of in (("median", limit.median_s, median), ("mean", limit.mean_s, fmean)):
        if most_s:
            is_s = of(values)
            verdict = "met" if is_s <= most_s else "missed"
            told_limit = f"{name} {what} {most_s:g} s"
            return Finding(line.street, line.controller, told_limit, f"{is_s:.1f} s", verdict)
    peer = best_peer(by.values()) if limit.peer == BEST else by.get(limit.peer)
    ratio = over(line, peer, limit.measure) if peer is not None and peer.runs else None
    whose = f"best peer, {peer.controller}" if limit.peer == BEST and peer else limit.peer
    return Finding(
        line.street,
        line.controller,
        f"{what} at most {limit.ratio:g} of {whose}",
        told(ratio),
        ratio.verdict(limit.ratio) if ratio else "not measured",
    )
