"""How long do the band programs take, and are their bands better than luck?

    python -m benchmarks.speed.bands --seconds 60

Random arterials of 10, 20 and 50 signals with free left turns, a free cycle of 60 to 120 s and
speeds of 12 to 16 m/s, three seeds each. The second table rounds bands at a fixed cycle of 90 s
to whole seconds and sets them beside the best of 1000 random offset sets, the named peer. The
command ends with 1 where MAXBAND of 50 signals takes more than 3 s, or luck finds wider bands.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.verdict import exit_code, verdict
from engine.optimize.band_models import Balance, BandArterial, BandLimits, BandLink, BandStop
from engine.optimize.band_models import LeftPattern as Left
from engine.optimize.band_program import maxband, multiband
from engine.optimize.band_rounding import best_moves
from engine.optimize.band_windows import Score, Windows, common_widths

SIZES = (10, 20, 50)
SEEDS = (1, 2, 3)
TARGET_SIGNALS, TARGET_S = 50, 3.0
CYCLE_S = 90
RANDOM_SETS = 1000


def random_arterial(signals: int, seed: int, fixed: bool = False) -> BandArterial:
    """Draw a two-way arterial; fixed ones have one speed, no free left turns, whole ticks."""
    rng = np.random.default_rng(seed)
    stops = []
    for i in range(signals):
        red = float(rng.uniform(0.35, 0.55))
        left_out, left_in = (float(x) for x in rng.uniform(0.04, 0.09, 2))
        if fixed:
            red = round(red * 10 * CYCLE_S) / (10 * CYCLE_S)
            stops.append(BandStop(f"s{i}", red, red))
            continue
        stops.append(
            BandStop(
                f"s{i}",
                red + left_in,
                red + left_out,
                left_out=left_out,
                left_in=left_in,
                patterns=tuple(Left),
            )
        )
    lengths_m = rng.uniform(150, 600, signals - 1)
    volumes_vph = rng.uniform(400, 1400, (2, signals - 1))
    out, back = (
        tuple(_link(float(m), float(v), fixed) for m, v in zip(lengths_m, row, strict=True))
        for row in volumes_vph
    )
    return BandArterial(f"random {signals}", tuple(stops), out, back, 1.0, 1.0, 0.01)


def _link(length_m: float, volume_vph: float, fixed: bool) -> BandLink:
    if fixed:
        time_s = round(length_m / 1.4) / 10
        return BandLink(length_m, time_s, time_s, volume_vph, 3600.0)
    return BandLink.at_speeds(length_m, 12.0, 16.0, volume_vph, 3600.0)


def windows_of(arterial: BandArterial) -> list[Windows]:
    """Describe a fixed arterial in ticks, reference points at system zero."""
    cycle = 10 * CYCLE_S
    lengths = np.array([round((1 - stop.red_out) * cycle) for stop in arterial.stops])
    begins = (cycle - lengths) // 2
    lag = np.cumsum([0, *(round(10 * link.shortest_s) for link in arterial.outbound)])
    return [
        Windows(begins, lengths, lag, cycle),
        Windows(begins, lengths, lag[-1] - lag, cycle),
    ]


def time_programs(console: Console, limits: BandLimits) -> list[str]:
    """Print seconds and gap of both programs; return the limits missed."""
    missed = []
    table = Table("program", "signals", "seed", "seconds", "gap", "nodes", "of target")
    for name, program in (("MAXBAND", maxband), ("MULTIBAND", multiband)):
        for signals in SIZES:
            for seed in SEEDS:
                found = program(random_arterial(signals, seed), (60.0, 120.0), limits=limits)
                aimed = (name, signals) == ("MAXBAND", TARGET_SIGNALS)
                if aimed and found.seconds > TARGET_S:
                    missed.append(
                        f"MAXBAND of {signals} signals, seed {seed}: {found.seconds:.2f} s "
                        f"(limit {TARGET_S:g} s)"
                    )
                table.add_row(
                    name,
                    str(signals),
                    str(seed),
                    f"{found.seconds:.2f}",
                    f"{found.gap:.2%}",
                    str(found.nodes),
                    f"{found.seconds / TARGET_S:.2f}" if aimed else "",
                )
    console.print(table)
    return missed


def compare_with_luck(console: Console, limits: BandLimits) -> list[str]:
    """Print our whole-second bands beside the best of random offsets; return where luck won."""
    missed = []
    table = Table("signals", "seed", "ours s", "best of 1000 random s", "bound s", "seconds")
    score = Score(Balance.EQUAL, 1.0)
    for signals in SIZES:
        for seed in SEEDS:
            arterial = random_arterial(signals, seed, fixed=True)
            windows = windows_of(arterial)
            found = maxband(arterial, (CYCLE_S, CYCLE_S), Balance.EQUAL, limits, may_drop=True)
            moves = [round(CYCLE_S * found.offsets[stop.signal]) for stop in arterial.stops]
            begun = [
                Windows(w.begin + 10 * np.array(moves), w.length, w.lag, w.cycle) for w in windows
            ]
            ours = _worth(begun, best_moves(begun, score, 1), score)
            rng = np.random.default_rng(seed)
            luck = max(
                _worth(windows, rng.integers(0, CYCLE_S, signals).tolist(), score)
                for _ in range(RANDOM_SETS)
            )
            if ours < luck:
                missed.append(
                    f"{signals} signals, seed {seed}: bands of {ours:.1f} s (limit {luck:.1f} s, "
                    f"the best of {RANDOM_SETS} random sets)"
                )
            table.add_row(
                str(signals),
                str(seed),
                f"{ours:.1f}",
                f"{luck:.1f}",
                f"{CYCLE_S * found.bound:.1f}",
                f"{found.seconds:.2f}",
            )
    console.print(table)
    return missed


def _worth(windows: list[Windows], moves_s: Sequence[int], score: Score) -> float:
    return score.worth(*common_widths(windows, moves_s)) / 10


def main() -> int:
    """Run both tables; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of each solve")
    limits = BandLimits(parser.parse_args().seconds)
    console = Console()
    missed = [*time_programs(console, limits), *compare_with_luck(console, limits)]
    console.print(verdict(missed), markup=False, soft_wrap=True)
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
