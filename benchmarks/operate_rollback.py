"""How often daily operation takes a good plan back, and how soon a bad one.

``python -m benchmarks.operate_rollback`` puts plans on trial hour by hour on drawn days (see
`benchmarks.operate.rollback`): some under which nothing changed, some that serve less than was
forecast, and some that the model finds dearer than what ran before. It fails if more than 5 % of
those under which nothing changed go back, or if a plan that costs 20 % more is not found within
`--within` minutes in 95 of 100 trials.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.operate.rollback import Model, Outcomes, changes, in_force, play, worse_plans
from benchmarks.operate.street_days import build
from throughband.operate.evidence import EvidenceRule

MOST_FALSE = 0.05
LEAST_FOUND = 0.95


def told(what: str, outcomes: list[Outcomes]) -> Outcomes:
    """Say what became of trials of several seeds, and return them as one."""
    whole = Outcomes(
        sum(each.trials for each in outcomes), tuple(m for each in outcomes for m in each.back_min)
    )
    when = ""
    if whole.back_min:
        middle, late = np.percentile(whole.back_min, (50, 90))
        when = f", half of them within {middle:.0f} min, 90 % within {late:.0f} min"
    sys.stdout.write(f"  {what:24}  {whole.part:6.1%} of {whole.trials} trials go back{when}\n")
    sys.stdout.flush()
    return whole


def main() -> None:
    """Play and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/operate-rollback"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--history", type=int, nargs="+", default=[3, 14], metavar="DAYS")
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--within", type=float, default=30.0, metavar="MIN")
    parser.add_argument("--sure-sd", type=float, default=EvidenceRule().sure_sd)
    given = parser.parse_args()
    setting = build(given.folder, 3, 0.85, 1)
    rule = replace(EvidenceRule(), sure_sd=given.sure_sd)
    same = Model(setting, in_force(setting))
    dearer = Model(setting, worse_plans(setting, 1.2))
    failed = False
    for history in given.history:
        sys.stdout.write(f"after {history} days of counts:\n")
        put = {seed: changes(setting, history, given.days, seed, rule) for seed in given.seeds}
        parts = [part for each in put.values() for part in each[0].shared_part]
        sys.stdout.write(
            f"  forecasts of sums are found to miss {min(parts):.1%} to {max(parts):.1%}\n"
        )
        for served in (1.0, 0.8, 0.7, 0.5):
            name = "nothing changed" if served == 1.0 else f"{1 - served:.0%} less served"
            whole = told(name, [play(put[seed], seed, served, rule) for seed in put])
            failed |= served == 1.0 and whole.part > MOST_FALSE
        for name, model in (("priced, the same plan", same), ("priced, 20 % dearer", dearer)):
            whole = told(name, [play(put[seed], seed, 1.0, rule, model) for seed in put])
            soon = sum(after <= given.within for after in whole.back_min) / whole.trials
            failed |= whole.part > MOST_FALSE if model is same else soon < LEAST_FOUND
    sys.stdout.write(
        f"limits: at most {MOST_FALSE:.0%} go back where nothing changed; at least "
        f"{LEAST_FOUND:.0%} of those 20 % dearer within {given.within:.0f} min: "
        f"{'missed' if failed else 'kept'}\n"
    )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
