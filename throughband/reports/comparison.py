"""Before against after in words and numbers: what a validation says, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FEW_RUNS: Final = 10
MOST_DIGITS: Final = 4
MINUS: Final = "−"


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure is named, rounded and judged.

    Attributes
    ----------
    key
        Name in `engine.validate.simulator.MEASURES`.
    label, unit, digits
        How to write it.
    better
        Sign of an improvement.
    relative
        Whether a percentage says anything; it does not for a count that is mostly zero.
    """

    key: str
    label: str
    unit: str
    digits: int
    better: int
    relative: bool = True


MEASURES: Final = (
    Measure("delay_s", "Delay", "s/veh", 1, -1),
    Measure("stops", "Stops", "per veh", 2, -1),
    Measure("travel_time_s", "Travel time", "s/veh", 1, -1),
    Measure("speed_mps", "Speed", "m/s", 2, 1),
    Measure("co2_g_per_veh", "CO₂", "g/veh", 0, -1),
    Measure("arrived", "Arrived", "veh", 0, 1),
    Measure("not_inserted", "Not inserted", "veh", 0, -1, relative=False),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of the before/after table; texts carry no unit.

    Attributes
    ----------
    label, unit, better_text
        Name, unit, and which direction is better.
    before_text, after_text, difference_text, change_text
        Ready to print.
    change_pct, change_low_pct, change_high_pct
        Difference and interval in % of the plan in force, None where that is zero or unknown.
    runs_pct
        Difference of every paired run in %.
    judgment
        ``better``, ``worse``, ``no clear difference`` or ``not judged``.
    """

    label: str
    unit: str
    better_text: str
    before_text: str
    after_text: str
    difference_text: str
    change_text: str
    change_pct: float | None
    change_low_pct: float | None
    change_high_pct: float | None
    runs_pct: tuple[float, ...]
    judgment: str


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """Write a number with thousands separated and a true minus sign; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{round(value, digits):{'+' if signed else ''},.{digits}f}"
    if not any(figure in text for figure in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def comparison(validation: Mapping[str, Any]) -> tuple[Row, ...]:
    """Turn a validation into table rows.

    Parameters
    ----------
    validation
        As `engine.validate.report.ValidationReport.to_dict` gives it.

    Returns
    -------
    tuple of Row
        One per measure known here, in fixed order.
    """
    return tuple(_row(measure, validation) for measure in MEASURES)


def _row(measure: Measure, validation: Mapping[str, Any]) -> Row:
    before = validation["baseline"].get(measure.key)
    after = validation["candidate"].get(measure.key)
    difference = validation["difference"].get(measure.key) or {}
    mean, low, high = (difference.get(name) for name in ("mean", "low", "high"))
    digits = measure.digits
    interval = "–"
    if mean is not None and low is not None and high is not None:
        # A clear difference must not read as if its interval touched zero.
        while digits < MOST_DIGITS and any(v and not round(v, digits) for v in (low, high)):
            digits += 1
        interval = (
            f"{number(mean, digits, signed=True)} "
            f"({number(low, digits, signed=True)} to {number(high, digits, signed=True)})"
        )
    whole = before if measure.relative else None
    change, change_low, change_high = (_percent(value, whole) for value in (mean, low, high))
    pairs = [
        (run["baseline"].get(measure.key), run["candidate"].get(measure.key))
        for run in validation.get("runs", ())
    ]
    runs = [_percent(b - a, whole) for a, b in pairs if a is not None and b is not None]
    return Row(
        measure.label,
        measure.unit,
        "higher is better" if measure.better > 0 else "lower is better",
        number(before, measure.digits),
        number(after, measure.digits),
        interval,
        "–" if change is None else f"{number(change, 1, signed=True)} %",
        change,
        change_low,
        change_high,
        tuple(value for value in runs if value is not None),
        judgment(measure.better, low, high),
    )


def judgment(better: int, low: float | None, high: float | None) -> str:
    """Judge an interval of differences: clear only if it lies on one side of zero."""
    if low is None or high is None:
        return "not judged"
    if low > 0:
        return "better" if better > 0 else "worse"
    if high < 0:
        return "better" if better < 0 else "worse"
    return "no clear difference"


def verdict_sentence(validation: Mapping[str, Any]) -> str:
    """Say in one plain sentence what the new plan does to delay."""
    runs = len(validation["seeds"])
    before, after = validation["baseline"]["delay_s"], validation["candidate"]["delay_s"]
    difference = validation["difference"]["delay_s"]
    mean, low, high = (difference[name] for name in ("mean", "low", "high"))
    if mean is None or low is None or high is None or before is None or after is None:
        return f"Delay could not be compared over {runs} paired runs."
    verdict = judgment(-1, low, high)
    if verdict == "no clear difference":
        return (
            f"No clear difference in delay: {number(before, 1)} s/veh before, "
            f"{number(after, 1)} s/veh after, and the 95 % interval of the difference "
            f"({number(low, 1, signed=True)} to {number(high, 1, signed=True)} s/veh) holds zero "
            f"over {runs} paired runs."
        )
    verb, least, most = ("lowers", -high, -low) if verdict == "better" else ("raises", low, high)
    share = f" ({100 * abs(mean) / before:.0f} %)" if before else ""
    return (
        f"The new plan {verb} mean delay from {number(before, 1)} to {number(after, 1)} s per "
        f"vehicle: by {number(abs(mean), 1)} s{share}, with a 95 % interval of "
        f"{number(least, 1)} to {number(most, 1)} s over {runs} paired runs."
    )


def cautions(validation: Mapping[str, Any], rows: Sequence[Row]) -> tuple[str, ...]:
    """Say what a reader of the verdict must know beside it."""
    found: list[str] = []
    worse = [row.label for row in rows if row.judgment == "worse" and row.label != "Delay"]
    if worse and judgment_of(rows, "Delay") != "worse":
        found.append(f"Clearly worse under the new plan: {', '.join(worse)}.")
    runs = len(validation["seeds"])
    if runs < FEW_RUNS:
        found.append(
            f"{runs} paired runs are few; figures for publication rest on {FEW_RUNS} or more."
        )
    jams = _total(validation, "candidate", "teleports")
    if jams:
        before = _total(validation, "baseline", "teleports")
        found.append(
            f"The simulator moved vehicles by force {jams:g} times under the new plan "
            f"({before:g} under the plan in force), a sign of gridlock."
        )
    ignored = _total(validation, "baseline", "ignored")
    if ignored:
        found.append(f"The simulator ignored {ignored:g} vehicles of the demand files.")
    return tuple(found)


def judgment_of(rows: Sequence[Row], label: str) -> str:
    """Return the judgment on a measure by its label."""
    return next((row.judgment for row in rows if row.label == label), "not judged")


def _total(validation: Mapping[str, Any], side: str, key: str) -> float:
    return float(sum(run[side].get(key) or 0 for run in validation.get("runs", ())))


def _percent(value: float | None, whole: float | None) -> float | None:
    if value is None or not whole or not math.isfinite(value):
        return None
    return 100.0 * value / abs(whole)
