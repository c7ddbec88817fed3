"""Which days and hours of two periods may be compared, and why the others may not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from engine.before_after.cells import Cells
from network.errors import InsufficientDataError

NAMED: int = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """What is left out of a comparison.

    Attributes
    ----------
    holidays, left_out
        Dates that do not count: public holidays; days of snow, works and the like.
    clock_changes
        Dates on which the local clock was changed.
    chosen
        First and last date on which the place was found bad enough to be changed; such days are
        worse than usual by choice, and are left out of the days before.
    windows_s
        Windows of the local day that count, s; all if empty.
    """

    holidays: frozenset[date] = field(default_factory=frozenset)
    left_out: frozenset[date] = field(default_factory=frozenset)
    clock_changes: frozenset[date] = field(default_factory=frozenset)
    chosen: tuple[date, date] | None = None
    windows_s: tuple[tuple[int, int], ...] = ()

    def holds(self, slot_s: int) -> bool:
        """Tell whether an interval that begins in this second of the day counts."""
        return not self.windows_s or any(a <= slot_s < b for a, b in self.windows_s)


def matched(
    before: Cells, after: Cells, rules: Rules, what: str
) -> tuple[Cells, Cells, tuple[str, ...]]:
    """Return the comparable parts of two periods, with equal columns.

    Parameters
    ----------
    before, after
        All that was measured.
    rules
        What is left out.
    what
        The measure, for messages.

    Returns
    -------
    before, after : Cells
    findings : tuple of str
        What was left out, sentences.

    Raises
    ------
    InsufficientDataError
        If the periods overlap or stand the wrong way round, have no place, no hour or no weekday
        in common, or nothing is left.
    """
    for period, name in ((before, "before"), (after, "after")):
        if not period.days:
            raise InsufficientDataError(f"{what}: nothing was measured {name} the change")
    if before.days[-1] >= after.days[0]:
        raise InsufficientDataError(
            f"{what}: the days before reach to {before.days[-1]} and those after begin on "
            f"{after.days[0]}; allowed are periods one after the other"
        )
    sites = set(before.sites) & set(after.sites)
    if not sites:
        raise InsufficientDataError(
            f"{what}: before was measured at {_some(before.sites)}, after at {_some(after.sites)}; "
            "other detectors or routes before and after cannot be compared"
        )
    findings = []
    for period, name in ((before, "before"), (after, "after")):
        lone = sorted(set(period.sites) - sites)
        if lone:
            findings.append(f"measured only {name} the change, and left out: {_some(lone)}")
    columns = [key for key in before.columns if key in set(after.columns) and rules.holds(key[1])]
    if not columns:
        inside = f" within {_windows(rules)}" if rules.windows_s else ""
        raise InsufficientDataError(
            f"{what}: before was measured {_hours(before)}, after {_hours(after)}; no hour in "
            f"common{inside}"
        )
    kept = []
    for period, name in ((before, "before"), (after, "after")):
        reasons = {
            "holidays": rules.holidays,
            "named days": rules.left_out,
            "days of a clock change": rules.clock_changes,
        }
        days = list(period.days)
        for reason, dates in reasons.items():
            gone = [day for day in days if day in dates]
            if gone:
                findings.append(f"{name}: left out {reason}: {_some(map(str, gone))}")
            days = [day for day in days if day not in dates]
        if name == "before" and rules.chosen is not None:
            first, last = rules.chosen
            gone = [day for day in days if first <= day <= last]
            findings.append(
                f"before: left out {len(gone)} days from {first} to {last}, in which the place was "
                "chosen"
            )
            days = [day for day in days if not first <= day <= last]
        kept.append(days)
    weekdays = {day.weekday() for day in kept[0]} & {day.weekday() for day in kept[1]}
    if not weekdays:
        raise InsufficientDataError(
            f"{what}: no weekday is left that both periods have; before has {len(kept[0])} days, "
            f"after {len(kept[1])}"
        )
    parts = []
    for period, days, name in zip((before, after), kept, ("before", "after"), strict=True):
        own = [day for day in days if day.weekday() in weekdays]
        if len(own) < len(days):
            findings.append(
                f"{name}: left out {len(days) - len(own)} days of weekdays that the other period "
                "does not have"
            )
        parts.append(period.select(own, columns))
    return parts[0], parts[1], tuple(findings)


def _some(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _hours(cells: Cells) -> str:
    return f"from {_clock(min(cells.slots_s))} to {_clock(max(cells.slots_s))}"


def _windows(rules: Rules) -> str:
    return ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in rules.windows_s)


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second % 3600 // 60:02}"
