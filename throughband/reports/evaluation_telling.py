"""An evaluation in plain words, for people who decide and do not measure."""

from __future__ import annotations

from collections.abc import Iterator

from throughband.evaluations.evaluation import Evaluation, EvaluationRow

KINDS = {
    "travel times": "travel times",
    "controller logs": "the logs of the signal controllers",
    "counts": "traffic counts",
}


def council_text(found: Evaluation) -> tuple[str, ...]:
    """Return paragraphs: what changed, how sure that is, what else it could be, what was compared.

    Parameters
    ----------
    found
        The evaluation.
    """
    return tuple(_paragraphs(found))


def _paragraphs(found: Evaluation) -> Iterator[str]:
    main, row = found.main, found.rows[0]
    if found.verdict == "not judged":
        yield (
            f"Traffic {_moved(row, 'rose', 'fell')}. Counts alone do not say whether the street "
            "works better: more vehicles may be good, or just more traffic."
        )
    elif main.volume is not None and not main.volume.comparable:
        shift = _percent(main.volume.change.relative_pct)
        yield (
            f"No judgment is possible. Traffic changed by {shift}, so much "
            "that days with equal traffic are missing."
        )
    elif found.verdict == "no clear difference":
        yield (
            f"There is no clear difference. {row.label} {_tended(row)}, but days differ so much "
            f"from each other that the true change may lie anywhere between {_range(row)}."
        )
    else:
        yield f"The street works {found.verdict}: {_named(row)} {_moved(row, 'rose', 'fell')}."
    if found.verdict in ("better", "worse"):
        yield (f"With 95 % confidence the true change lies between {_range(row)}. {_levels(row)}")
    yield _cause(found)
    yield _choice(found)
    others = [one for one in found.rows[1:] if one.verdict != "not judged"]
    if others:
        yield "Beside it: " + "; ".join(_beside(one) for one in others) + "."
    yield (
        f"Compared were {KINDS[found.periods.kind]} of {main.effect.days_before} days before and "
        f"{main.effect.days_after} days after the change, from {main.figures.days[0]} to "
        f"{main.figures.days[-1]}: every weekday with the same weekday, at the same hours and "
        "places."
    )


def _cause(found: Evaluation) -> str:
    main = found.main
    parts = []
    if main.controls:
        parts.append(
            f"what happened at the same time on {len(main.controls)} "
            f"{'place' if len(main.controls) == 1 else 'places'} without a change is taken off"
        )
    if main.volume is not None and main.volume_index is not None:
        parts.append(
            f"traffic itself changed by {_percent(main.volume.change.relative_pct)} "
            f"({_percent(main.volume.change.low_pct)} to "
            f"{_percent(main.volume.change.high_pct)}), and days are compared at equal traffic"
        )
    if not parts:
        return (
            "Whether the signals brought this, or less or more traffic, weather or holidays, these "
            "data cannot tell: neither traffic was counted nor were streets without a change "
            "measured."
        )
    raw, told = main.raw, " and ".join(parts)
    return (
        f"{told[0].upper()}{told[1:]}. Without that, the plain difference would be "
        f"{_percent(raw.relative_pct)}."
    )


def _choice(found: Evaluation) -> str:
    if found.choice == "days left out":
        return (
            "Streets are often changed after a bad spell, and get better by themselves after it. "
            "The days on which this one was chosen are therefore left out."
        )
    if found.choice == "controls":
        return (
            "Streets are often changed after a bad spell, and get better by themselves after it. "
            "The streets without a change guard against that only if they had a bad spell too."
        )
    return (
        "Streets are often changed after a bad spell, and get better by themselves after it. If "
        "this one was chosen by the very days before, part of the difference is due to that."
    )


def _named(row: EvaluationRow) -> str:
    return row.label[0].lower() + row.label[1:]


def _moved(row: EvaluationRow, up: str, down: str) -> str:
    return f"{up if row.change.absolute >= 0 else down} by {_amount(row)}"


def _tended(row: EvaluationRow) -> str:
    return f"was {_amount(row)} {'higher' if row.change.absolute >= 0 else 'lower'}"


def _is_share(row: EvaluationRow) -> bool:
    return row.unit.startswith("part")


def _amount(row: EvaluationRow) -> str:
    if _is_share(row):
        return f"{abs(100 * row.change.absolute):.1f} percentage points"
    return f"{abs(row.change.relative_pct):.0f} %"


def _range(row: EvaluationRow, word: str = "and") -> str:
    change = row.change
    if _is_share(row):
        low, high = 100 * change.absolute_low, 100 * change.absolute_high
        return f"{_signed(low, 1)} {word} {_signed(high, 1)} percentage points"
    return f"{_percent(change.low_pct)} {word} {_percent(change.high_pct)}"


def _levels(row: EvaluationRow) -> str:
    if _is_share(row):
        return f"Measured were {100 * row.before:.0f} % before and {100 * row.after:.0f} % after."
    unit = f" {row.unit}" if row.unit else ""
    return f"Measured were {row.before:.1f}{unit} before and {row.after:.1f}{unit} after."


def _beside(row: EvaluationRow) -> str:
    if row.verdict == "no clear difference":
        return f"{_named(row)}, no clear difference ({_range(row, 'to')})"
    return f"{_named(row)} {_moved(row, 'up', 'down')} ({_range(row, 'to')}; {row.verdict})"


def _percent(value: float) -> str:
    return f"{_signed(value, 0)} %"


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text
