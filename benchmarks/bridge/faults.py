"""Every fault of the bridge, how often it was tried, and what came of it.

    python -m benchmarks.bridge.faults                 all rows, whole
    python -m benchmarks.bridge.faults --share 0.01    a hundredth of the trials
    python -m benchmarks.bridge.faults lossy soak      some rows

Rows and pass numbers are those of the fault table for controllers: whatever goes wrong, the plan
that runs is wholly the one before or wholly the new one. Judges are `benchmarks.bridge.witness`
and the conflict monitor of every cabinet. All trials are seeded and run on a virtual clock; the
trials over real UDP sockets are in `tests/faults`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Final

from benchmarks.bridge.clocks import skewed
from benchmarks.bridge.deaths import bridge_dies
from benchmarks.bridge.exhaustive import at_every_message
from benchmarks.bridge.lies import lie_about_everything, named
from benchmarks.bridge.lossy import Ledger, drawn_cases, over_bad_lines
from benchmarks.bridge.mishaps import MISHAPS, Frozen, LostReply, Stolen
from benchmarks.bridge.operators import interleave
from benchmarks.bridge.replays import late_copies
from benchmarks.bridge.soak import soak
from benchmarks.bridge.street import Case, drawn_case
from benchmarks.bridge.tried import Tried
from benchmarks.verdict import exit_code, verdict
from controllers.ntcip.objects import Edition

TRANSACTIONS: Final = 10_000
CORRUPT: Final = 2_000
INTERLEAVINGS: Final = 10_000
SOAK_CABINETS: Final = 200
SOAK_HOURS: Final = 12.0

KINDS: Final = ((Edition.V03, "v1"), (Edition.V1996, "v2c"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    fault
        What goes wrong.
    trials
        How often it was tried.
    asked
        Pass number.
    found
        What was measured.
    failures
        Sentences on everything that must not be.
    cpu_s
        Processor time.
    """

    fault: str
    trials: int
    asked: str
    found: str
    failures: tuple[str, ...]
    cpu_s: float


Measure = Callable[[float], list[Row]]


def devices() -> tuple[Case, ...]:
    """Return the signal of one ring and the one of two rings of the exhaustive rows."""
    return drawn_case(1, 1, 4), drawn_case(0, 2, 4)


def lossy(share: float) -> list[Row]:
    """Measure bad lines: without and with bits that arrive inverted."""
    rows = []
    cases = drawn_cases()
    for corrupt, most in ((False, TRANSACTIONS), (True, CORRUPT)):
        begin_s, ledger = process_time(), Ledger()
        over_bad_lines(range(_part(most, share)), cases, ledger, corrupt=corrupt)
        outcomes = ", ".join(f"{count} {name}" for name, count in ledger.outcomes.most_common())
        line = ledger.line
        rows.append(
            Row(
                "loss 0-50 %, duplicates, delay, reordering" + (", bits inverted" * corrupt),
                ledger.trials,
                "0 torn; each active, rolled back or reconciled",
                f"{len(ledger.found)} torn or unresolved; {outcomes}; {ledger.reclaimed} left a "
                f"transaction open; of {line.taken} datagrams {line.lost} lost, {line.doubled} "
                f"doubled, {line.held} overtaken, {line.damaged} damaged, {line.repeated} late",
                tuple(ledger.found),
                process_time() - begin_s,
            )
        )
    return rows


def restarts(share: float) -> list[Row]:
    """Measure restarts of the device at every message."""
    return [
        _at_all(kind, share, "100 % recover within 60 s of the device")
        for kind in MISHAPS
        if kind.__name__.startswith("Restart")
    ]


def liars(share: float) -> list[Row]:
    """Measure lies, wrong read-back and frozen devices."""
    rows = []
    for after_commit in (True, False):
        begin_s, tried = process_time(), Tried()
        for case in devices():
            for edition, version in KINDS:
                lie_about_everything(
                    case,
                    edition,
                    version,
                    tried,
                    name_of=named,
                    after_commit=after_commit,
                    every=_every(share),
                )
        unseen = ", ".join(f"{name} {count}" for name, count in tried.unseen.most_common())
        rows.append(
            _row(
                "wrong read-back of each object" if after_commit else "a lie about each object",
                "100 % refused or harmless",
                tried,
                begin_s,
                f"; not seen: {unseen or 'none'}",
            )
        )
    rows.append(_at_all(Frozen, share, "100 % refused"))
    return rows


def transactions(share: float) -> list[Row]:
    """Measure foreign transactions and lost replies at every message."""
    return [
        _at_all(Stolen, share, "refused or active, the other's transaction untouched"),
        _at_all(LostReply, share, "each active or rolled back"),
    ]


def deaths(share: float) -> list[Row]:
    """Measure bridges that die at every message."""
    begin_s, tried = process_time(), Tried()
    for case in devices():
        for edition, version in KINDS:
            bridge_dies(case, edition, version, tried, _every(share))
    return [
        _row("bridge killed at every message", "whole plan, fallback, next bridge cleans up",
             tried, begin_s)
    ]  # fmt: skip


def operators(share: float) -> list[Row]:
    """Measure two bridges at once."""
    rows = []
    cases = drawn_cases(8)
    for same_community in (False, True):
        for same_slots in (False, True):
            begin_s, tried = process_time(), Tried()
            interleave(
                range(_part(INTERLEAVINGS // 4, share)),
                cases,
                tried,
                same_community=same_community,
                same_slots=same_slots,
            )
            rows.append(
                _row(
                    f"two bridges, {'same' if same_community else 'own'} community, "
                    f"{'same' if same_slots else 'own'} slots",
                    "one winner, loser told, no mixture",
                    tried,
                    begin_s,
                )
            )
    return rows


def replays(share: float) -> list[Row]:
    """Measure late copies of SETs."""
    begin_s, tried = process_time(), Tried()
    count = _part(8, share)
    for edition, version in KINDS:
        cases = tuple(drawn_case(number, 1 + number % 2, 4) for number in range(count))
        late_copies(cases, edition, version, tried)
    return [_row("late copies of SETs", "0 stale values after a read-back", tried, begin_s)]


def clocks(share: float) -> list[Row]:
    """Measure wrong clocks; few and quick, so always whole."""
    begin_s, tried = process_time(), Tried()
    for case in devices():
        for edition, version in KINDS:
            skewed(case, edition, version, tried)
    return [
        _row("clock off by up to 300 s", "refused beyond the limit, within it 1 s at most",
             tried, begin_s, f"; greatest offset error {tried.slowest_s} s")
    ]  # fmt: skip


def days(share: float) -> list[Row]:
    """Measure a soak."""
    soaked = soak(SOAK_CABINETS // 5, 5, max(0.5, SOAK_HOURS * share))
    events = ", ".join(f"{count} {name}" for name, count in sorted(soaked.events.items()))
    growth_mb = soaked.growth_bytes_per_day / 1e6
    failures = list(soaked.found)
    if growth_mb >= 1 and share >= 1:
        failures.append(f"memory grows by {growth_mb:.2f} MB a day")
    return [
        Row(
            f"soak, {soaked.cabinets} cabinets for {soaked.street_s / 3600:.1f} h",
            soaked.tenths,
            "0 unlawful tenths, growth below 1 MB a day",
            f"{len(soaked.found)} unlawful; growth {growth_mb:.2f} MB a day; {events}",
            tuple(failures),
            soaked.cpu_s,
        )
    ]


ROWS: Final[dict[str, Measure]] = {
    "lossy": lossy,
    "replays": replays,
    "restarts": restarts,
    "liars": liars,
    "transactions": transactions,
    "deaths": deaths,
    "operators": operators,
    "clocks": clocks,
    "soak": days,
}


def _at_all(kind: type, share: float, asked: str) -> Row:
    begin_s, tried = process_time(), Tried()
    for case in devices():
        for edition, version in KINDS:
            at_every_message(kind, case, edition, version, tried, _every(share))
    slowest = f"; slowest recovery {tried.slowest_s:.1f} s" if tried.slowest_s else ""
    return _row(_sentence(kind), asked, tried, begin_s, slowest)


def _row(fault: str, asked: str, tried: Tried, begin_s: float, more: str = "") -> Row:
    outcomes = ", ".join(f"{count} {name}" for name, count in tried.outcomes.most_common())
    if tried.reclaimed:
        more += f"; {tried.reclaimed} left a transaction open"
    return Row(
        fault,
        tried.trials,
        asked,
        f"{len(tried.found)} failures; {outcomes}{more}",
        tuple(tried.found),
        process_time() - begin_s,
    )


def _sentence(kind: type) -> str:
    return (kind.__doc__ or kind.__name__).strip().rstrip(".")


def _part(whole: int, share: float) -> int:
    return max(1, round(whole * share))


def _every(share: float) -> int:
    return max(1, round(1 / share))


def main() -> int:
    """Print the table; 1 where a trial failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="rows to measure; all if none")
    parser.add_argument("--share", type=float, default=1.0, help="share of the trials, 0 to 1")
    arguments = parser.parse_args()
    if not 0 < arguments.share <= 1:
        parser.error("--share must be above 0 and at most 1")
    logging.disable(logging.CRITICAL)
    missed = []
    for name in arguments.rows or ROWS:
        for row in ROWS[name](arguments.share):
            if row.failures:
                missed.append(f"{row.fault}: {len(row.failures):,} failures (limit 0)")
            print(f"{row.fault}\n  trials {row.trials:,}; asked: {row.asked}")
            print(f"  found: {row.found}\n  {row.cpu_s:.1f} s of processor time", flush=True)
            for text in row.failures[:5]:
                print(f"  FAILED: {text}", flush=True)
    print(verdict(missed))
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
