"""How well are platoons foretold, beside the naive uniform profile and SUMO's own arrivals?

    python -m benchmarks.forecast.arrivals --seeds 101-103

Streets under the plan in force: cologne8, and an arterial drawn from a seed. Into the forecast
goes what detectors of a street tell: counts of the turns, up to now, and the splits; flows come
from earlier days (seeds 1 to 3), and so do running times and shares where the approach has
advance loops (``fitted``; ``default`` does without). Every two minutes the next two minutes are
foretold. The truth is what SUMO drives over the advance loops, up to 150 m ahead of the stop
line; today's loops are shown to nobody.

The profile is folded into the signal's cycle; its error is the root of the mean square over
approaches and seconds of the cycle. Arrivals on green are those whom running on from the loop at
free speed brings to the stop line while the approach's heaviest turn has green; all seeds of an
approach are added up, and approaches weigh as their arrivals. ``chance`` is the error of
somebody who knows the probability of every vehicle, but not the vehicles. Approaches that take
more than 30 % of their traffic from outside, as far as the fit on earlier days knows, cannot
have a profile; they stand in the last rows and are not judged. Neither are default platoons: the
limit, 3 points, is that of fitted ones, and the command ends with 1 where a street misses it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from benchmarks.forecast.sumo_arrivals import SeenTraffic, advance_loops, open_street, play
from benchmarks.seeds import seeds_of
from benchmarks.verdict import exit_code, verdict
from engine.forecast.arrival_profiles import arrivals_on_green, cycle_profile, planned_green
from engine.forecast.arrivals import ArrivalModel, arrival_model
from engine.forecast.platoon_fit import fit_platoons
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR
from throughband.counts.demand import COUNTING_SEEDS
from throughband.setting import Setting

Floats = NDArray[np.float64]

STREETS = ("cologne8", "arterial:6:11")
BIN_S = 2
AHEAD_BINS = 60
WARM_UP_BINS = 150
MOST_OUTSIDE = 0.3
LEAST_VEH = 30.0
TARGET_POINTS = 3.0


@dataclass(frozen=True, slots=True)
class Approach:
    """One approach over one hour; profiles in vehicles per second of the cycle and cycle.

    Attributes
    ----------
    link_id, fed
        Which, and whether its traffic comes from signals.
    seen, on_green
        Arrivals, and the part of them on green.
    foretold_on_green, open_part
        Part on green as foretold, and as if arrivals were uniform.
    error, uniform_error
        Mean squares of the profile's error.
    """

    link_id: str
    fed: bool
    seen: float
    on_green: float
    foretold_on_green: float
    open_part: float
    error: float
    uniform_error: float


def earlier_flows(days: Sequence[SeenTraffic]) -> dict[str, float]:
    """Return the mean flow of each movement over earlier days, veh/h."""
    each = [day.movement_vph() for day in days]
    return {turn: sum(day[turn] for day in each) / len(each) for turn in each[0]}


def plans_in_force(network: RoadNetwork) -> dict[str, TimingPlan]:
    """Return the plan of every signal that has one."""
    return {s.signal_id: s.plan_in_force for s in network.signals.values() if s.plan_in_force}


def shown_green(model: ArrivalModel, network: RoadNetwork, seen: SeenTraffic) -> Floats:
    """Return what the signals showed, [turn, bin]."""
    bins = seen.departed_veh.shape[1]
    return planned_green(model, network, plans_in_force(network), int(seen.begin_s), bins)


def foretell(model: ArrivalModel, departed: Floats, green: Floats) -> Floats:
    """Foretell two minutes every two minutes, [link, bin from `WARM_UP_BINS`]."""
    service = model.service(green)
    starts = range(WARM_UP_BINS, departed.shape[1] - AHEAD_BINS + 1, AHEAD_BINS)
    return np.concatenate(
        [
            model.predict(departed[:, :now], service[:, : now + AHEAD_BINS]).arrivals_veh[:, now:]
            for now in starts
        ],
        axis=1,
    )


def hour(
    model: ArrivalModel,
    network: RoadNetwork,
    ahead_m: Mapping[str, float],
    flows: Mapping[str, float],
    outside: Floats,
    seen: SeenTraffic,
) -> list[Approach]:
    """Compare one hour, approach by approach."""
    plans = plans_in_force(network)
    green = shown_green(model, network, seen)
    told = foretell(model, seen.departed_veh, green)
    came = seen.arrived_veh[:, WARM_UP_BINS : WARM_UP_BINS + told.shape[1]]
    begin_s = seen.begin_s + WARM_UP_BINS * seen.bin_s
    found = []
    for row, link in enumerate(model.link_ids):
        turns = [t for t, name in enumerate(model.turn_ids) if name in flows
                 and network.movements[name].from_link == link]  # fmt: skip
        plan = plans.get(network.movements[model.turn_ids[turns[0]]].signal_id)
        if plan is None or came[row].sum() < LEAST_VEH:
            continue
        truth, ours = (cycle_profile(a[row], BIN_S, plan.cycle_s, begin_s) for a in (came, told))
        heaviest = max(turns, key=lambda t: flows[model.turn_ids[t]])
        late = round(ahead_m[link] / network.links[link].speed_mps / BIN_S)
        shown = green[heaviest, WARM_UP_BINS + late : WARM_UP_BINS + late + came.shape[1]]
        is_open = (shown > 0).astype(np.float64)
        size = is_open.size
        found.append(
            Approach(
                link,
                bool(outside[row] <= MOST_OUTSIDE),
                float(came[row].sum()),
                arrivals_on_green(came[row, :size], is_open),
                arrivals_on_green(told[row, :size], is_open),
                float(is_open.mean()),
                float(((truth - ours) ** 2).mean()),
                float(((truth - truth.mean()) ** 2).mean()),
            )
        )
    return found


def compare(setting: Setting, seeds: Sequence[int]) -> dict[str, list[list[Approach]]]:
    """Play a street and foretell it with default and with fitted platoons; one list per seed."""
    network, places = setting.network, advance_loops(setting.network)
    ahead_m = {link: place.ahead_m for link, place in places.items()}
    days = [play(setting.case, network, seed, BIN_S) for seed in COUNTING_SEEDS]
    flows = earlier_flows(days)
    plain = arrival_model(network, flows, bin_s=BIN_S, short_of_stop_m=ahead_m)
    fitted = fit_platoons(
        plain,
        [day.departed_veh for day in days],
        [day.arrived_veh for day in days],
        [shown_green(plain, network, day) for day in days],
    )
    entering_vps = np.array(
        [
            sum(flows[m] for m, found in network.movements.items() if found.from_link == link)
            for link in plain.link_ids
        ]
    ) / SECONDS_PER_HOUR  # fmt: skip
    outside = fitted.outside_vps / np.maximum(entering_vps, 1e-9)
    hours: dict[str, list[list[Approach]]] = {"default": [], "fitted": []}
    for seed in seeds:
        seen = play(setting.case, network, seed, BIN_S)
        for name, model in (("default", plain), ("fitted", fitted)):
            hours[name].append(hour(model, network, ahead_m, flows, outside, seen))
    return hours


@dataclass(frozen=True, slots=True)
class Score:
    """Errors over approaches; those of green in points."""

    approaches: int
    profile_ratio: float
    green: float
    green_uniform: float
    green_chance: float
    bias: float


def score(hours: Sequence[Sequence[Approach]], fed: bool) -> Score | None:
    """Add up the seeds of every approach, and weigh approaches by their arrivals."""
    rows: dict[str, list[Approach]] = {}
    for row in (row for found in hours for row in found if row.fed == fed):
        rows.setdefault(row.link_id, []).append(row)
    if not rows:
        return None
    weight, gap, flat, chance = [], [], [], []
    for found in rows.values():
        seen = np.array([row.seen for row in found])
        total = float(seen.sum())
        truth, told, naive = (
            float(np.array(values) @ seen) / total
            for values in zip(
                *((r.on_green, r.foretold_on_green, r.open_part) for r in found), strict=True
            )
        )
        weight.append(total)
        gap.append(told - truth)
        flat.append(abs(naive - truth))
        # Mean absolute deviation of a binomial share.
        chance.append(float(np.sqrt(2.0 / np.pi * truth * (1.0 - truth) / total)))
    every = [row for found in rows.values() for row in found]
    return Score(
        len(rows),
        float(np.sqrt(sum(r.error for r in every) / sum(r.uniform_error for r in every))),
        100.0 * float(np.average(np.abs(gap), weights=weight)),
        100.0 * float(np.average(flat, weights=weight)),
        100.0 * float(np.average(chance, weights=weight)),
        100.0 * float(np.average(gap, weights=weight)),
    )


def missed(fitted: Mapping[str, Score | None]) -> list[str]:
    """Name the streets whose approaches fed by signals miss the limit with fitted platoons."""
    found = []
    for street, done in fitted.items():
        if done is None:
            found.append(f"{street}: no approach is fed by signals, nothing to judge")
        elif done.green > TARGET_POINTS:
            found.append(f"{street}: {done.green:.1f} points off (limit {TARGET_POINTS:g})")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare streets and print a table; 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("streets", nargs="*", default=STREETS)
    parser.add_argument("--seeds", default="11-13")
    parser.add_argument("--each", action="store_true", help="also every approach")
    chosen = parser.parse_args(arguments)
    console = Console(width=130)
    table = Table(
        Column("street", no_wrap=True, min_width=max(map(len, chosen.streets))),
        "traffic from", "platoons", "approaches", "profile error, uniform = 1",
        "on green, points off", "of target", "uniform", "chance", "bias",
    )  # fmt: skip
    judged: dict[str, Score | None] = {}
    for name in chosen.streets:
        with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
            hours = compare(open_street(name, Path(folder)), seeds_of(chosen.seeds))
        judged[name] = score(hours["fitted"], fed=True)
        for fed in (True, False):
            for platoons, found in hours.items():
                done = score(found, fed)
                if done is not None:
                    table.add_row(
                        name,
                        "signals" if fed else "outside",
                        platoons,
                        f"{done.approaches}",
                        f"{done.profile_ratio:.2f}",
                        f"{done.green:.1f}",
                        f"{done.green / TARGET_POINTS:.2f}",
                        f"{done.green_uniform:.1f}",
                        f"{done.green_chance:.1f}",
                        f"{done.bias:+.1f}",
                    )
        if chosen.each:
            for row in (row for found in hours["fitted"] for row in found):
                sys.stdout.write(f"{row}\n")
    console.print(table)
    beyond = missed(judged)
    console.print(verdict(beyond), markup=False, soft_wrap=True)
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
