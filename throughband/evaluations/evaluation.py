"""An evaluation of a change on the street: what was asked and found, and how files hold it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from engine.before_after.comparison import Change, Comparison
from engine.before_after.effect import CONFIDENCE, Verdict
from throughband.evaluations.street_periods import Periods
from throughband.results import versions

Cause = Literal["controls and volume", "controls", "volume", "not established"]


@dataclass(frozen=True, slots=True)
class EvaluationWish:
    """What the command is asked for.

    Attributes
    ----------
    before, after
        A file or a folder of files each.
    tz
        Zone whose clock traffic follows.
    interval
        Length of the intervals that are compared, as text.
    detectors
        What detectors of controller logs are for, or None.
    counts
        Counts of both periods, for traffic volume.
    controls
        Places without a change.
    hours
        Windows of the day such as ``7-9,16-18:30``; empty for all.
    holidays, leave_out
        Files of dates, or None.
    chosen_on
        ``FIRST..LAST``: dates on which the place was chosen; may be empty.
    seed
        Of the bootstrap.
    """

    before: Path
    after: Path
    tz: str
    interval: str = "60min"
    detectors: Path | None = None
    counts: tuple[Path, ...] = ()
    controls: tuple[str, ...] = ()
    hours: str = ""
    holidays: Path | None = None
    leave_out: Path | None = None
    chosen_on: str = ""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One line of the table of measures."""

    key: str
    label: str
    unit: str
    before: float
    after: float
    change: Change
    verdict: Verdict | Literal["not judged"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was found.

    Attributes
    ----------
    periods
        What was measured.
    main
        The comparison that is judged.
    rows
        All measures, the judged one first.
    verdict
        Of the judged measure; ``not judged`` for counts, of which neither more nor less is better.
    cause
        With what the change was set apart from what else may have changed.
    choice
        How regression to the mean was met: ``days left out``, ``controls`` or ``not handled``.
    findings
        What the reader must know, sentences.
    """

    periods: Periods
    main: Comparison
    rows: tuple[EvaluationRow, ...]
    verdict: Verdict | Literal["not judged"]
    cause: Cause
    choice: Literal["days left out", "controls", "not handled"]
    findings: tuple[str, ...]


def document_of(found: Evaluation, text: tuple[str, ...]) -> dict[str, Any]:
    """Return an evaluation as JSON holds it; numbers that are none are null."""
    main = found.main
    content: dict[str, Any] = {
        "format": "throughband.evaluations.evaluation",
        "version": 1,
        "verdict": found.verdict,
        "judged": main.measure.key,
        "confidence": CONFIDENCE,
        "cause": found.cause,
        "regression_to_the_mean": {
            "handled_by": found.choice,
            "drift_before": asdict(main.drift) if main.drift else None,
        },
        "source": found.periods.kind,
        "days_before": main.effect.days_before,
        "days_after": main.effect.days_after,
        "first_day": str(main.figures.days[0]),
        "last_day": str(main.figures.days[-1]),
        "correlation_of_neighboring_days": main.effect.tie,
        "controls": list(main.controls),
        "raw_change": asdict(main.raw),
        "volume": asdict(main.volume) if main.volume else None,
        "volume_elasticity": main.effect.volume_slope,
        "measures": [asdict(row) for row in found.rows],
        "places": [asdict(site) for site in main.sites],
        "summary": list(text),
        "findings": list(found.findings),
        "versions": versions(),
    }
    return {key: _plain(value) for key, value in content.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def day_table(found: Evaluation) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return header and rows of ``days.csv``: what every matched day brought to the result."""
    main = found.main
    nothing = [math.nan] * len(main.figures.days)
    control = nothing if main.control_index is None else main.control_index.tolist()
    volume = nothing if main.volume_index is None else main.volume_index.tolist()
    rows: list[tuple[object, ...]] = []
    for day, late, index, level, other, traffic in zip(
        main.figures.days, main.figures.after.tolist(), main.figures.index.tolist(),
        main.figures.level.tolist(), control, volume, strict=True,
    ):  # fmt: skip
        ratio = main.measure.scale == "ratio"
        value = level * math.exp(index) if ratio else level + index
        rows.append((str(day), "after" if late else "before", value, level, index, other, traffic))
    header = (
        "day", "period", main.measure.key, "usual", "index", "control_index", "volume_index",
    )  # fmt: skip
    return header, rows


def command_of(wish: EvaluationWish) -> str:
    """Return the command that does this again."""
    parts = [
        "throughband", "evaluate", "--before", str(wish.before), "--after", str(wish.after),
        "--tz", wish.tz, "--interval", wish.interval, "--seed", str(wish.seed),
    ]  # fmt: skip
    for option, value in (
        ("--detectors", wish.detectors), ("--hours", wish.hours), ("--holidays", wish.holidays),
        ("--leave-out", wish.leave_out), ("--chosen-on", wish.chosen_on),
    ):  # fmt: skip
        if value:
            parts += [option, str(value)]
    for control in wish.controls:
        parts += ["--control", control]
    for file in wish.counts:
        parts += ["--counts", str(file)]
    return shlex.join(parts)
