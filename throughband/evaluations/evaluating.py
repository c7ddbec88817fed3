"""``throughband evaluate``: what a change brought on the street, and how sure that is."""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Final, Literal

from engine.before_after.comparison import Change, Comparison, compare
from engine.before_after.matching import Rules
from network.errors import EngineError, FormatError
from network.readers.hires_counts import read_detector_roles
from network.readers.local_time import time_zone
from throughband.evaluations.evaluation import (
    Cause,
    Evaluation,
    EvaluationRow,
    EvaluationWish,
    command_of,
    day_table,
    document_of,
)
from throughband.evaluations.performance_files import write_table
from throughband.evaluations.street_periods import Periods, read_periods
from throughband.evaluations.travel_times import TRAVEL_TIME
from throughband.forecasts.forecast_options import duration_s, read_holidays
from throughband.results import output_folder, write_json
from throughband.run_record import add_step
from throughband.teller import Teller

DAY_S: Final = 86_400
_WINDOW = re.compile(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?")


def evaluate_command(wish: EvaluationWish, out: Path) -> None:
    """Carry out ``throughband evaluate``.

    Raises
    ------
    FormatError
        If a file cannot be read, or an option says nothing that is allowed.
    InsufficientDataError
        If the periods cannot be compared.
    """
    zone = time_zone(wish.tz, "--tz")
    step_s = duration_s("--interval", wish.interval)
    if DAY_S % step_s or step_s < 300:
        raise FormatError(
            f"--interval is {wish.interval!r}; allowed are 5 min or more that divide a day"
        )
    rules = rules_of(wish)
    with Teller(3) as teller, output_folder(out) as folder:
        teller.step("read what was measured")
        roles = read_detector_roles(wish.detectors) if wish.detectors else ()
        periods = read_periods(wish.before, wish.after, zone, step_s, roles, wish.counts)
        teller.step(f"compare {periods.kind}")
        found = evaluate(periods, rules, wish.controls, wish.seed)
        for finding in found.findings:
            teller.say(finding)
        teller.step("write")
        # Matplotlib is slow to load, and not needed to refuse bad input.
        from throughband.reports.evaluation_page import write_evaluation_page
        from throughband.reports.evaluation_telling import council_text

        text = council_text(found)
        write_json(folder / "evaluation.json", document_of(found, text))
        files = {"before": wish.before, "after": wish.after, "detectors": wish.detectors}
        files |= {f"counts {at}": file for at, file in enumerate(wish.counts, 1)}
        add_step(folder, out, "evaluate", None, files, command=command_of(wish))
        write_table(folder / "days.csv", *day_table(found))
        (folder / "summary.txt").write_text("\n\n".join(text) + "\n", encoding="utf-8")
        write_evaluation_page(folder, found, text, command_of(wish))
    teller.say(f"Verdict: {found.verdict}. {text[0]}")
    teller.say(f"Page: {out / 'evaluation.html'}")


def evaluate(
    periods: Periods, rules: Rules, controls: tuple[str, ...] = (), seed: int = 1
) -> Evaluation:
    """Compare two periods in every measure they have; the first one is judged.

    Parameters
    ----------
    periods
        From `throughband.evaluations.street_periods.read_periods`.
    rules
        What is left out; days of a clock change are added.
    controls
        Places without a change.
    seed
        Of the bootstrap.

    Raises
    ------
    InsufficientDataError
        If the judged measure cannot be compared.
    """
    rules = Rules(
        rules.holidays, rules.left_out, rules.clock_changes | periods.clock_changes, rules.chosen,
        rules.windows_s,
    )  # fmt: skip
    measures = list(periods.cells)
    findings = list(periods.findings)

    def made(at: int) -> Comparison:
        measure = measures[at]
        before, after = periods.cells[measure]
        # Split failures are seen by other detectors, which the controls may not have.
        known = tuple(name for name in controls if at == 0 or name in before.sites)
        return compare(measure, before, after, rules, known, periods.volume, seed)

    main = made(0)
    judged = "not judged" if main.measure.better == 0 else main.verdict
    rows = [_row(main)]
    if main.measure == TRAVEL_TIME and not math.isnan(periods.free_s):
        rows.append(_delay(main, periods.free_s))
    for at in range(1, len(measures)):
        try:
            rows.append(_row(made(at)))
        except EngineError as error:
            findings.append(f"{measures[at].label} was left out: {error}")
    findings += main.findings
    findings += _cautions(main, rules)
    choice: Literal["days left out", "controls", "not handled"] = (
        "days left out" if rules.chosen else "controls" if controls else "not handled"
    )
    return Evaluation(
        periods, main, tuple(rows), judged, _cause(main), choice, tuple(dict.fromkeys(findings))
    )


def _cause(main: Comparison) -> Cause:
    volume = main.volume_index is not None
    if main.controls:
        return "controls and volume" if volume else "controls"
    return "volume" if volume else "not established"


def _row(found: Comparison) -> EvaluationRow:
    measure = found.measure
    verdict = "not judged" if measure.better == 0 else found.verdict
    return EvaluationRow(
        measure.key, measure.label, measure.unit, found.before, found.after, found.change, verdict
    )


def _delay(main: Comparison, free_s: float) -> EvaluationRow:
    """Return the delay: travel time less free travel time, which did not change."""
    before = main.before - free_s
    change = main.change
    seconds = (change.absolute, change.absolute_low, change.absolute_high)
    parts = [100.0 * value / before if before > 0 else math.nan for value in seconds]
    return EvaluationRow(
        "delay_s", "Delay", "s", before, main.after - free_s,
        Change(parts[0], parts[1], parts[2], *seconds), main.verdict,
    )  # fmt: skip


def _cautions(main: Comparison, rules: Rules) -> list[str]:
    told = []
    if main.volume is not None and not main.volume.comparable:
        told.append(
            f"traffic changed by {main.volume.change.relative_pct:+.0f} %, and almost no day after "
            "had a volume seen before: what the change brought cannot be told from it"
        )
    if main.effect.tie >= 0.05:
        told.append(
            f"neighboring days resemble each other (correlation {main.effect.tie:.1f}); the "
            "interval is wider for it"
        )
    drift = main.drift
    if drift is not None and (drift.low_pct > 0 or drift.high_pct < 0) and not main.controls:
        told.append(
            f"in the last third of the days before, it had already changed by "
            f"{drift.relative_pct:+.0f} % ({drift.low_pct:+.0f} to {drift.high_pct:+.0f} %): part "
            "of the difference may be a return to the usual"
        )
    if rules.clock_changes:
        told.append(
            "the clock was changed on "
            + ", ".join(map(str, sorted(rules.clock_changes)))
            + "; that day does not count, and daylight differs on its two sides"
        )
    return told


def rules_of(wish: EvaluationWish) -> Rules:
    """Return what the options leave out; raise `FormatError` if one says nothing."""
    return Rules(
        read_holidays(wish.holidays).holidays if wish.holidays else frozenset(),
        read_holidays(wish.leave_out).holidays if wish.leave_out else frozenset(),
        frozenset(),
        _dates(wish.chosen_on) if wish.chosen_on else None,
        windows(wish.hours) if wish.hours else (),
    )


def windows(text: str) -> tuple[tuple[int, int], ...]:
    """Return windows of the day such as ``7-9,16-18:30`` in seconds; raise `FormatError`."""
    found = []
    for part in text.split(","):
        match = _WINDOW.fullmatch(part.strip())
        numbers = [int(group or 0) for group in match.groups()] if match else []
        begin, end = (
            (numbers[0] * 3600 + numbers[1] * 60, numbers[2] * 3600 + numbers[3] * 60)
            if match
            else (0, 0)
        )
        if not 0 <= begin < end <= DAY_S:
            raise FormatError(
                f"--hours is {text[:40]!r}; allowed are windows of a day such as 7-9,16-18:30"
            )
        found.append((begin, end))
    return tuple(found)


def _dates(text: str) -> tuple[date, date]:
    first, _, last = text.partition("..")
    try:
        found = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError as error:
        raise FormatError(
            f"--chosen-on is {text[:40]!r}; allowed are dates such as 2031-03-03..2031-03-14"
        ) from error
    if found[0] > found[1]:
        raise FormatError(f"--chosen-on is {text[:40]!r}: its end lies before its beginning")
    return found
