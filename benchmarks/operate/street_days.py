"""A generated street, days of traffic drawn for it, and what goes wrong on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.forecast.drawn_days import draw_day, read_trips
from benchmarks.forecast.watched_street import LEVELS
from engine.validate.simulator import SimulationCase
from throughband.counts.demand import counted_days
from throughband.generate import Wish, generate
from throughband.operate.link_watch import road_end
from throughband.setting import Setting, open_setting

OPERATED: Final = date(2026, 5, 7)
"""A Thursday; the days before it are the history."""

HOUR_S: Final = 3600

HISTORY_SEEDS: Final = (1, 2, 3)
INTERVAL_S: Final = 300


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What goes wrong, s after midnight.

    Attributes
    ----------
    incident_s, incident_for_s
        When vehicles block all lanes between two signals, and for how long.
    deaf_s
        When a detector dies for good.
    reboot_s
        When a controller restarts.
    outage_s, outage_for_s
        When the database is gone, and for how long.
    """

    incident_s: float
    incident_for_s: float
    deaf_s: float
    reboot_s: float
    outage_s: float
    outage_for_s: float

    @classmethod
    def within(cls, hours: tuple[int, int]) -> Mishaps:
        """Spread all of them over some hours of a day; of 24, the incident comes at 10:30."""
        begin_s, span_s = hours[0] * HOUR_S, (hours[1] - hours[0]) * HOUR_S
        at = [begin_s + part * span_s for part in (0.4375, 0.55, 0.65, 0.53)]
        return cls(at[0], min(900.0, 0.08 * span_s), at[1], at[2], at[3], min(7200.0, 0.1 * span_s))


def midnight_utc_s(day: date) -> float:
    """Return the beginning of a day in UTC, s since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def build(folder: Path, signals: int, saturation: float, seed: int) -> Setting:
    """Generate the arterial, unless it is there."""
    street = folder / "street"
    if not street.exists():
        generate(Wish("arterial", signals, None, None, seed, None, saturation, False), street)
    (config,) = street.glob("*.sumocfg")
    return open_setting(str(config))


def day_case(
    setting: Setting,
    folder: Path,
    seed: int,
    hours: tuple[int, int],
    extra: Sequence[tuple[float, str]] = (),
) -> SimulationCase:
    """Draw the traffic of some hours of a day."""
    folder.mkdir(parents=True, exist_ok=True)
    trips = read_trips(setting.case.route_files[0])
    first, last = hours
    return draw_day(
        setting.case,
        trips,
        LEVELS[first:last],
        seed,
        folder / f"day-{seed}-{first}-{last}.rou.xml",
        extra,
        clock_s=first * HOUR_S,
    )


def write_history(setting: Setting, folder: Path, counts: Path) -> None:
    """Count earlier days under the plan in force, as the bridge would have; kept for later."""
    kept = folder / "history.csv"
    if not kept.exists():
        rows = []
        for number, seed in enumerate(HISTORY_SEEDS):
            case = day_case(setting, folder / "traffic", seed, (0, 24))
            (day,) = counted_days(case, setting.network, (seed,))
            midnight = midnight_utc_s(OPERATED - timedelta(days=len(HISTORY_SEEDS) - number))
            for at, begin_s in enumerate(day.begins_s):
                stamp = datetime.fromtimestamp(midnight + float(begin_s), UTC).isoformat()
                rows += [
                    (stamp, name, f"{day.volume_veh[at, column]:g}")
                    for column, name in enumerate(day.series_ids)
                ]
        with kept.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("time", "connection", "count"))
            writer.writerows(rows)
    counts.mkdir(parents=True, exist_ok=True)
    (counts / "history.csv").write_bytes(kept.read_bytes())


def blocked_link(setting: Setting) -> str:
    """Return a link between two signals with two lanes or more, the first by name."""
    network = setting.network
    ends = {c.to_link for s in network.signals.values() for c in s.connections}
    begins = {c.from_link for s in network.signals.values() for c in s.connections}
    inner = sorted(
        link
        for link in ends
        if network.links[link].lanes >= 2 and road_end(network, link) in begins
    )
    if not inner:
        raise RuntimeError("the street has no link of two lanes between signals")
    return inner[0]


def incident(setting: Setting, mishaps: Mishaps) -> list[tuple[float, str]]:
    """Return vehicles that block a road between two signals, as `draw_day` takes them."""
    link = blocked_link(setting)
    road = setting.network.links[link]
    at_m = road.length_m * 0.6
    return [
        (
            mishaps.incident_s,
            f'<vehicle id="blocking{lane}" depart="{mishaps.incident_s:g}" departLane="{lane}" '
            f'departPos="{at_m - 20:g}" departSpeed="0"><route edges="{link}"/>'
            f'<stop lane="{link}_{lane}" endPos="{at_m:g}" startPos="{at_m - 8:g}" '
            f'duration="{mishaps.incident_for_s:g}"/></vehicle>',
        )
        for lane in range(road.lanes)
    ]
