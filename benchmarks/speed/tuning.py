"""What does a dragged offset cost to judge?

    python -m benchmarks.speed.tuning cologne8 ingolstadt21 --drags 40

For the signals of the largest coordination group in turn, offsets are drawn at random and tried as
the console tries them while an engineer drags: safety checks, delay and stops of every movement,
bands. In turns with it, the hour-long model of the whole street plays the same moved plan once,
which is what the answer would cost without the cyclic model. Demand is one day counted in SUMO,
seed 1. Processor time; the limit is 20 ms at the median, and the ratio is to the hour-long model of
the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from itertools import cycle, islice
from statistics import median
from typing import Final

import numpy as np

from engine.measures.evaluation import evaluate
from engine.optimize.appraisal import street_tables
from engine.optimize.problem import Limits
from throughband.counts.demand import counted_days, demand
from throughband.planning.explaining import plans_in_force
from throughband.planning.tuning import open_tuning
from throughband.planning.tuning_moves import Move
from throughband.setting import open_setting

LIMIT_MS: Final = 20.0
COUNTED_SEED: Final = 1


def measure(name: str, drags: int, seed: int) -> tuple[list[float], list[float], int]:
    """Return milliseconds of trials and of hour-long plays, and signals of the largest group.

    Parameters
    ----------
    name
        Of the scenario.
    drags
        Offsets to try.
    seed
        Of the offsets drawn.
    """
    setting = open_setting(name)
    wanted = demand(setting.network, counted_days(setting.case, setting.network, (COUNTED_SEED,)))
    tuning = open_tuning(setting, plans_in_force(setting.network), wanted)
    street, start_s = tuning.street, int(wanted.flows.start_s)
    tables = street_tables(setting.network, street, Limits())
    plans = {plan.signal_id: plan for plan in tuning.plan_set.plans}
    rng = np.random.default_rng(seed)
    trials, plays = [], []
    signals = list(islice(cycle(tuning.groups[0]), drags + 1))
    for at, signal in enumerate(signals):
        offset_s = int(rng.integers(plans[signal].cycle_s))
        begin = time.process_time()
        tuning.trial([Move(signal, offset_s)])
        tried = time.process_time()
        tables.set(replace(plans[signal], offset_s=offset_s))
        evaluate(tables, start_s, street.horizon_s)
        played = time.process_time()
        tables.set(plans[signal])
        if at:
            # The first one loads the compiled kernels.
            trials.append(1e3 * (tried - begin))
            plays.append(1e3 * (played - tried))
    return trials, plays, len(tuning.groups[0])


def main() -> None:
    """Print milliseconds and ratios; exit with 1 where the median passes the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=["cologne8", "ingolstadt21"])
    parser.add_argument("--drags", type=int, default=40)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    slow = False
    for name in given.scenarios:
        trials, plays, signals = measure(name, given.drags, given.seed)
        ratio = median(a / b for a, b in zip(trials, plays, strict=True))
        slow |= median(trials) > LIMIT_MS
        sys.stdout.write(
            f"{name}, group of {signals} signals: {median(trials):.1f} ms a drag (worst "
            f"{max(trials):.1f} ms; limit {LIMIT_MS:g} ms at the median), {median(plays):.1f} ms "
            f"a play of the hour-long model; ratio {ratio:.2f}\n"
        )
    sys.exit(slow)


if __name__ == "__main__":
    main()
