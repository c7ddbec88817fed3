"""Does daily operation tell closed roads as closed, and dead detectors as dead?

``python -m benchmarks.operate_incidents`` counts days of a made-up street in SUMO under the plan in
force, one detector behind the stop line of every lane, as the bridge would, and puts them through
the forecast and the diagnosis of ``throughband operate``:

- whole days on which nothing happens: every warning is a false one;
- every road between two signals, and every road that leads in, closed on all lanes for 15 minutes
  at several hours, and on one lane: told as a queue there, within how long, and since when;
- detectors that die, one alone and all of an approach at once: told as detectors, and not as a
  queue.

It fails if a dead detector or a day without incident brings more queue warnings than one a week
and network, or if one closure of all lanes between signals is not told as one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.operate.replay import Heard, replay
from benchmarks.operate.street_days import HOUR_S, INTERVAL_S, build, day_case, write_history
from engine.validate.counting import count
from throughband.counts.demand import detected_connections, sites
from throughband.operate.link_watch import road_begin, road_end
from throughband.operate.warning_book import Kind
from throughband.setting import Setting

Floats = NDArray[np.float64]

CLOSED_S = 900.0
AT, AHEAD_M = 0.6, 12.0
"""Vehicles that close all lanes stand at such a part of the road's length, and one that closes a
lane so far ahead of the stop line."""

AFTER_S = 1800.0
"""A closure is told, or not, within so long."""

BORNE_PER_WEEK = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What detectors counted from some second of the day on, [interval, detector]."""

    begin_s: float
    volume_veh: Floats
    occupancy_pct: Floats


@dataclass(frozen=True, slots=True)
class Closure:
    """Lanes of a road that are closed."""

    link: str
    lanes: tuple[int, ...]
    whole: bool
    begin_s: float


class Stage:
    """A street, its days in SUMO, and what operation hears of them.

    Parameters
    ----------
    folder
        Where everything is kept that can be used again.
    signals, saturation
        As `throughband generate` takes them.
    """

    def __init__(self, folder: Path, signals: int, saturation: float) -> None:
        self.folder = folder
        self.setting: Setting = build(folder, signals, saturation, 1)
        write_history(self.setting, folder, folder / "history")
        self.connections = detected_connections(self.setting.network)
        self.names = tuple(c.connection_id for c in self.connections)

    def seen(self, seed: int, hours: tuple[int, int], closed: Closure | None = None) -> Seen:
        """Play some hours; what was played is kept."""
        what = "quiet"
        if closed is not None:
            lanes = "".join(map(str, closed.lanes))
            what = f"{closed.link}-{'all' if closed.whole else lanes}-{closed.begin_s:.0f}"
        file = self.folder / "seen" / f"{seed}-{hours[0]}-{hours[1]}-{what}.npz"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            extra = [] if closed is None else standing(self.setting, closed)
            traffic = self.folder / "traffic"
            case = day_case(self.setting, traffic, seed, hours, extra)
            run = count(case, sites(self.connections), seed, INTERVAL_S)
            np.savez(file, begin=run.begin_s[0], volume=run.volume_veh, occupancy=run.occupancy_pct)
        with np.load(file) as kept:
            return Seen(float(kept["begin"]), kept["volume"], kept["occupancy"])

    def heard(self, seen: Seen) -> list[Heard]:
        """Put counts through forecast and diagnosis."""
        folder = self.folder / "heard"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(self.folder / "history" / "history.csv", folder / "history.csv")
        return replay(
            self.setting.network,
            folder,
            self.names,
            seen.begin_s,
            INTERVAL_S,
            (seen.volume_veh, seen.occupancy_pct),
        )

    def roads(self) -> tuple[list[str], list[str]]:
        """Return roads between two signals and roads that lead in, by their first link."""
        network = self.setting.network
        ends = {c.from_link for c in self.connections}
        begins = {c.to_link for c in self.connections}
        heads = [
            link
            for link in network.links
            if road_end(network, link) in ends and road_begin(network, link) == link
        ]
        inner = sorted(link for link in heads if link in begins)
        return inner, sorted(set(heads) - set(inner))

    def approaches(self) -> list[list[int]]:
        """Return the detectors of each approach."""
        rows: dict[str, list[int]] = {}
        for at, turn in enumerate(self.connections):
            rows.setdefault(turn.from_link, []).append(at)
        return [rows[link] for link in sorted(rows)]


def standing(setting: Setting, closed: Closure) -> list[tuple[float, str]]:
    """Return vehicles that stand on the closed lanes, as `draw_day` takes them."""
    link = closed.link
    at_m = setting.network.links[link].length_m * AT
    if not closed.whole:
        # Before the stop line, where nobody gets round it.
        link = road_end(setting.network, link)
        at_m = max(setting.network.links[link].length_m - AHEAD_M, 9.0)
    return [
        (
            closed.begin_s,
            f'<vehicle id="standing{lane}" depart="{closed.begin_s:g}" departLane="{lane}" '
            f'departPos="{at_m - 1:g}" departSpeed="0"><route edges="{link}"/>'
            f'<stop lane="{link}_{lane}" endPos="{at_m:g}" startPos="{at_m - 8:g}" '
            f'duration="{CLOSED_S:g}"/></vehicle>',
        )
        for lane in closed.lanes
    ]


def raised(heard: Sequence[Heard], kind: Kind) -> list[Heard]:
    """Return warnings of a kind as they began."""
    return [
        each
        for each in heard
        if each.news.what != "cleared" and each.news.warned.sighting.kind is kind
    ]


def say(text: str) -> None:
    """Tell a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def closures(stage: Stage, hours: Sequence[int], roads: Sequence[str], whole: bool
) -> Iterator[Closure]:  # fmt: skip
    """Return what is closed."""
    for link in roads:
        lanes = range(stage.setting.network.links[link].lanes)
        for hour in hours:
            begin_s = hour * HOUR_S + 1800.0
            if whole:
                yield Closure(link, tuple(lanes), True, begin_s)
            elif len(lanes) > 1:
                yield Closure(link, (hour % len(lanes),), False, begin_s)


def close(stage: Stage, what: str, closed: Sequence[Closure], seeds: Sequence[int]) -> int:
    """Close roads, say how that was told, and return how often it was not."""
    after_min, off_min, sure, elsewhere, missed = [], [], [], 0, []
    for at, each in enumerate(closed):
        seed = seeds[at % len(seeds)]
        hour = int(each.begin_s // HOUR_S)
        heard = stage.heard(stage.seen(seed, (hour - 1, hour + 2), each))
        told = raised(heard, Kind.QUEUE)
        there = [
            t
            for t in told
            if t.news.warned.sighting.where == each.link and 0 <= t.at_s - each.begin_s <= AFTER_S
        ]
        elsewhere += sum(t.news.warned.sighting.where != each.link for t in told)
        if not there:
            silent = any(
                t.news.warned.sighting.where == f"link {each.link}"
                for t in raised(heard, Kind.DETECTOR)
            )
            doubt = ", but told as closed or its detectors dead" if silent else ""
            missed.append(f"{each.link} at {hour}:30 (seed {seed}){doubt}")
            continue
        after_min.append((there[0].at_s - each.begin_s) / 60.0)
        off_min.append((there[0].since_s - each.begin_s) / 60.0)
        sure.append(there[0].news.warned.sighting.sure)
    text = f"  {what:38}  {len(after_min)} of {len(closed)} told"
    if after_min:
        text += (
            f", half within {np.median(after_min):.0f} min, all within {max(after_min):.0f}; "
            f"begin off by {min(off_min):+.0f} to {max(off_min):+.0f} min; "
            f"{min(sure):.0%} sure and more; {elsewhere} told of other roads"
        )
    say(text)
    for each in missed:
        say(f"    not told: {each}")
    return len(missed)


def die(stage: Stage, quiet: Seen, groups: Sequence[Sequence[int]], hour: int) -> tuple[int, int]:
    """Let detectors die; return how many were told as detectors, and how many as queues."""
    at = round((hour * HOUR_S - quiet.begin_s) / INTERVAL_S)
    span = slice(at - 12, at + 18)
    as_dead = as_queue = 0
    for rows in groups:
        volume, occupancy = quiet.volume_veh[span].copy(), quiet.occupancy_pct[span].copy()
        volume[12:, list(rows)] = occupancy[12:, list(rows)] = 0.0
        heard = stage.heard(Seen(quiet.begin_s + (at - 12) * INTERVAL_S, volume, occupancy))
        mine = {stage.names[row] for row in rows}
        network = stage.setting.network
        mine |= {f"link {road_begin(network, stage.connections[row].from_link)}" for row in rows}
        told = {each.news.warned.sighting.where for each in raised(heard, Kind.DETECTOR)}
        as_dead += bool(mine & told)
        as_queue += len(raised(heard, Kind.QUEUE))
    return as_dead, as_queue


def main() -> None:
    """Play and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/operate-incidents"))
    parser.add_argument("--signals", type=int, default=3)
    parser.add_argument("--saturation", type=float, default=0.85)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--hours", type=int, nargs="+", default=[8, 10, 16])
    parser.add_argument("--least-veh", type=float, default=5.0, metavar="VEH")
    given = parser.parse_args()
    stage = Stage(given.folder, given.signals, given.saturation)
    quiet = {seed: stage.seen(seed, (0, 24)) for seed in given.seeds}
    false_queues = false_detectors = 0
    for seed in given.seeds:
        heard = stage.heard(quiet[seed])
        for each in raised(heard, Kind.QUEUE) + raised(heard, Kind.DETECTOR):
            sighting = each.news.warned.sighting
            say(f"    seed {seed}, {each.at_s / HOUR_S:.2f} h: {sighting.text}")
        false_queues += len(raised(heard, Kind.QUEUE))
        false_detectors += len({e.news.warned.sighting.where for e in raised(heard, Kind.DETECTOR)})
    days = len(given.seeds)
    say(
        f"  {days} days without incident: {false_queues} queue warnings, {false_detectors} "
        f"detectors warned of, of {len(stage.names)}"
    )
    inner, outer = stage.roads()
    missed = close(
        stage,
        "all lanes between signals closed",
        list(closures(stage, given.hours, inner, True)),
        given.seeds,
    )
    close(
        stage,
        "all lanes of roads that lead in closed",
        list(closures(stage, given.hours, outer, True)),
        given.seeds,
    )
    close(
        stage,
        "one lane closed",
        list(closures(stage, given.hours, [*inner, *outer], False)),
        given.seeds,
    )
    first = quiet[given.seeds[0]]
    dead_queues = 0
    for what, groups in (
        ("one detector", [[row] for row in range(len(stage.names))]),
        ("all detectors of an approach", stage.approaches()),
    ):
        for hour in given.hours:
            at = round((hour * HOUR_S - first.begin_s) / INTERVAL_S)
            busy = first.volume_veh[at : at + 12].mean(axis=0)
            some = [rows for rows in groups if busy[list(rows)].sum() >= given.least_veh]
            dead, queues = die(stage, first, some, hour)
            dead_queues += queues
            say(
                f"  {what} dead from {hour}:00 (of {given.least_veh:g} veh and more in an "
                f"interval): {dead} of {len(some)} told as detectors, {queues} queue warnings"
            )
    borne = BORNE_PER_WEEK * max(days, 7) / 7.0
    failed = missed or dead_queues or false_queues > borne
    say(
        f"limits: at most {BORNE_PER_WEEK:g} queue warnings a week without incident, none for "
        f"dead detectors, every closure between signals told: {'missed' if failed else 'kept'}"
    )
    sys.exit(int(bool(failed)))


if __name__ == "__main__":
    main()
