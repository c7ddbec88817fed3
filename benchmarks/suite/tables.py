"""The tables of a report as plain text cells, the same for a page and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from benchmarks.suite.commands import Answer
from benchmarks.suite.limits import Finding, over, told
from benchmarks.suite.statistics import Comparison, Ranking
from benchmarks.suite.summary import BASELINE, FLOOR, OURS, Line, best_peer

NO_DIFFERENCE: Final = "no clear difference"
MINUS: Final = "−"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes
    ----------
    header
        One text a column.
    rows
        Of as many cells.
    words
        How many of the first columns are words; the others are numbers.
    ours
        Rows that are ours, by number.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    ours: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """Return it as a Markdown table."""
        rule = ["---" if at < self.words else "---:" for at in range(len(self.header))]
        lines = [self.header, tuple(rule)]
        for at, row in enumerate(self.rows):
            first = f"**{row[0]}**" if at in self.ours else row[0]
            lines.append((first, *row[1:]))
        return "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
        )


def delay_grid(lines: Sequence[Line]) -> Grid:
    """Lay out what a street's controllers come to in delay."""
    header = (
        *("controller", "delay, s", "minus in force, s, 95 %", "verdict", "in force = 1"),
        *("removable delay gone", "95th percentile, s", "RESCO's definition, s", "locked seeds"),
    )
    rows = []
    for line in _played(lines):
        against = line.against
        spread = "" if math.isnan(line.sd_s) else f" ± {line.sd_s:.1f}"
        locked = ", ".join(map(str, line.locked_seeds))
        rows.append(
            (
                line.name,
                f"{line.mean():.1f}{spread}",
                difference(against),
                against.verdict if against else _place(line),
                f"{against.ratio:.2f}" if against else "",
                _cell(line.removed, lambda v: f"{v:.0%}".replace("-", MINUS)),
                _mean(line, "delay_p95_s", 0),
                _mean(line, "resco_delay_s", 1),
                f"{locked} of {line.runs}" if locked else f"none of {line.runs}",
            )
        )
    return _grid(header, rows, lines)


def street_grid(lines: Sequence[Line]) -> Grid:
    """Lay out everything beside delay."""
    header = (
        *("controller", "stops", "speed, m/s", "95th percentile wait, s", "queue p95, m"),
        *("spillback, lane-min", "worst approach, s", "arrivals on green", "CO2, g/veh"),
        *("unfinished", "of these never inserted"),
    )
    rows = []
    for line in _played(lines):
        left = [m["due"] - m["arrived"] for m in line.measures.values()]
        rows.append(
            (
                line.name,
                _mean(line, "stops", 2),
                _mean(line, "speed_mps", 2),
                _mean(line, "wait_p95_s", 0),
                _mean(line, "queue_p95_m", 0),
                _mean(line, "spillback_min", 0),
                _mean(line, "worst_approach_s", 0),
                _cell(line.mean("on_green"), lambda v: f"{v:.0%}"),
                _mean(line, "co2_g_per_veh", 0),
                f"{fmean(left):.1f}",
                _mean(line, "not_inserted", 1),
            )
        )
    return _grid(header, rows, lines)


def refusals(lines: Sequence[Line]) -> Grid:
    """List what could not run, or not on every seed, and why."""
    rows = tuple(
        (line.street, line.name, "all seeds" if not line.runs else "some seeds", line.reason)
        for line in lines
        if line.reason
    )
    return Grid(("street", "controller", "of", "reason"), rows, words=4)


def limit_grid(findings: Sequence[Finding]) -> Grid:
    """Lay out what became of the limits."""
    rows = tuple((f.street, f.ours, f.limit, f.found, f.verdict) for f in findings)
    return Grid(("street", "whose", "limit", "found", "verdict"), rows, words=5)


def rank_grid(ranking: Ranking) -> Grid:
    """Lay out mean ranks, the best first."""
    order = sorted(ranking.mean_rank.items(), key=lambda entry: (entry[1], entry[0]))
    return Grid(
        ("controller", "mean rank"),
        tuple((name, f"{value:.2f}") for name, value in order),
        ours=frozenset(at for at, (name, _) in enumerate(order) if name in OURS),
    )


def overview(lines: Sequence[Line]) -> Grid:
    """Lay out mean delays: a row a street, a column a controller, ours beside its best peer.

    The least delay of a street is bold; a dagger marks controllers with locked seeds.
    """
    controllers = list(dict.fromkeys(line.controller for line in lines))
    ours = next((name for name in OURS if name in controllers), None)
    by_street: dict[str, dict[str, Line]] = {}
    for line in lines:
        by_street.setdefault(line.street, {})[line.controller] = line
    header = ["delay, s", *controllers]
    if ours is not None:
        header.append(f"{ours} over the best peer, 95 %")
    rows = []
    for street, by in by_street.items():
        played = {n: line.mean() for n, line in by.items() if line.runs and n != FLOOR}
        least = min(played.values(), default=math.nan)
        cells = [street]
        for name in controllers:
            own = by.get(name)
            if own is None or not own.runs:
                cells.append("–")
                continue
            cell = f"{own.mean():.1f}" + ("†" if own.locked_seeds else "")
            cells.append(f"**{cell}**" if played.get(name) == least else cell)
        if ours is not None:
            mine, peer = by.get(ours), best_peer(by.values())
            ratio = over(mine, peer) if mine and mine.runs and peer else None
            cells.append(f"{told(ratio)} ({peer.controller})" if ratio and peer else "–")
        rows.append(tuple(cells))
    return Grid(tuple(header), tuple(rows))


def answer_grid(answers: Sequence[Answer]) -> Grid:
    """Lay out what the benchmarks that bring their own measure came to."""
    rows = [(a.command.name, a.came_to, f"{a.wall_s:,.0f}") for a in answers]
    return Grid(("benchmark", "came to", "took, s"), tuple(rows), words=2)


def headlines(lines: Sequence[Line]) -> list[str]:
    """Say in a sentence each how our controllers did beside the plan in force."""
    found = []
    for name in (name for name in OURS if any(line.controller == name for line in lines)):
        own = [line for line in lines if line.controller == name]
        judged = [line.against for line in own if line.against is not None]
        if not judged:
            continue
        counts = {v: sum(a.verdict == v for a in judged) for v in ("better", "worse")}
        even = len(judged) - sum(counts.values())
        streets = "1 street" if len(judged) == 1 else f"{len(judged)} streets"
        text = (
            f"{name}: of {streets}, less delay than the plan in force on {counts['better']}, "
            f"more on {counts['worse']}, {NO_DIFFERENCE} on {even}"
        )
        removed = [line.removed for line in own if not math.isnan(line.removed)]
        if removed:
            share = f"{fmean(removed):.0%}".replace("-", MINUS)
            text += f"; of the removable delay {share} is gone in the mean"
        locked = sum(len(line.locked_seeds) for line in own)
        text += f"; {locked} of {sum(line.runs for line in own)} runs locked."
        found.append(text)
    return found


def difference(against: Comparison | None) -> str:
    """Say a paired difference with its interval."""
    if against is None:
        return ""
    ends = f"{against.low:+.1f} to {against.high:+.1f}"
    return f"{against.mean:+.1f} [{ends}]".replace("-", MINUS)


def _place(line: Line) -> str:
    if line.controller == BASELINE:
        return "compared with"
    return "physical floor" if line.controller == FLOOR else "not compared"


def _played(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.runs]


def _grid(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], lines: Sequence[Line]) -> Grid:
    ours = (at for at, line in enumerate(_played(lines)) if line.controller in OURS)
    return Grid(header, tuple(rows), ours=frozenset(ours))


def _mean(line: Line, measure: str, digits: int) -> str:
    return _cell(line.mean(measure), lambda value: f"{value:.{digits}f}")


def _cell(value: float, show: Callable[[float], str]) -> str:
    return "" if math.isnan(value) else show(value)
