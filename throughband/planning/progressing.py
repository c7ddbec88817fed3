"""What ``throughband progression`` does: a green wave for bicycles along a named corridor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from engine.measures.bandwidth import CorridorBands
from engine.optimize.corridors import named_corridors
from engine.optimize.progression import Progression, progression
from network.errors import PlanError
from network.files import write_plan
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband.counts.demand import COUNTING_SEEDS
from throughband.exchange.imported import CORRIDORS_NAME, corridors_of, imported_counts
from throughband.planning.corridors import street_of
from throughband.planning.plan_files import plan_for
from throughband.results import output_folder
from throughband.run_record import add_step
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

KMH_PER_MPS: Final = 3.6


def progress(
    name: str,
    corridor: str,
    speed_kmh: float,
    out: Path,
    plan: Path | None,
    counts: Path | None,
    begin_s: float | None = None,
    end_s: float | None = None,
) -> None:
    """Carry out ``throughband progression``."""
    with Teller(2) as teller, output_folder(out) as folder:
        teller.step("read the network, its corridor and the traffic between signals")
        setting = open_setting(name, begin_s, end_s)
        named = {each.name: each for each in corridors_of(setting.scenario, setting.network)}
        if corridor not in named:
            raise PlanError(
                f"--corridor: found {corridor!r}; allowed are the corridors of {CORRIDORS_NAME} "
                f"beside the scenario: {', '.join(named) or 'none, propose some with corridors'}"
            )
        before = _plans(setting, plan)
        counts = counts or imported_counts(setting.scenario)
        street = street_of(setting, counts, teller)
        laid = named_corridors(setting.network, street, [named[corridor]])[corridor]
        teller.step("seek the offsets")
        found = progression(
            laid,
            {each.signal_id: each for each in before.plans},
            setting.network,
            street,
            speed_kmh / KMH_PER_MPS,
        )
        after = replace(
            before, plans=tuple(found.plans.get(each.signal_id, each) for each in before.plans)
        )
        require_safe(after, setting.network)
        notes = {"progression": _document(corridor, speed_kmh, found)}
        write_plan(folder / "plan.json", after, setting.network, notes)
        write_sumo_plan(folder / "plan.add.xml", after, setting.network)
        files = {"plan": plan, "counts": counts}
        seeds = COUNTING_SEEDS if counts is None else ()
        add_step(folder, out, "progression", setting, files, seeds)
        for told, was, now in (
            (f"at {speed_kmh:g} km/h", found.paced_before, found.paced_after),
            ("for cars", found.free_before, found.free_after),
        ):
            teller.say(f"Bands {told}: {_told(was)} before, {_told(now)} after")
        ways = (laid.signals, laid.signals[::-1])
        for signals, band in zip(ways, found.paced_after.bands, strict=False):
            if band.width_s <= 0.0:
                teller.say(
                    f"From {signals[0]} to {signals[-1]} nobody rides through on green at "
                    f"{speed_kmh:g} km/h: the widest bands of all ways together leave none there"
                )
        teller.say(f"Plans: {out / 'plan.json'}, {out / 'plan.add.xml'}")


def _plans(setting: Setting, plan: Path | None) -> PlanSet:
    if plan is not None:
        return plan_for(plan, setting)
    signals = setting.network.signals.values()
    in_force = tuple(s.plan_in_force for s in signals if s.plan_in_force is not None)
    return PlanSet(setting.scenario.name, in_force, {})


def _told(bands: CorridorBands) -> str:
    widths = " and ".join(f"{band.width_s:.0f} s" for band in bands.bands)
    return f"{widths} of {bands.outbound.cycle_s} s"


def _document(corridor: str, speed_kmh: float, found: Progression) -> dict[str, Any]:
    def widths(bands: CorridorBands) -> list[float]:
        return [band.width_s for band in bands.bands]

    return {
        "corridor": corridor,
        "speed_kmh": speed_kmh,
        "bands_s": {"before": widths(found.paced_before), "after": widths(found.paced_after)},
        "bands_at_free_speed_s": {
            "before": widths(found.free_before),
            "after": widths(found.free_after),
        },
    }
