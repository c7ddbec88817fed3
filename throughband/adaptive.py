"""``throughband simulate`` with adaptive or another live controller: signals decide each second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from engine.adaptive.control import Controller, Information, Site
from engine.adaptive.coordinated import PlanBound
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook, inside_plans
from engine.adaptive.player import Player
from engine.adaptive.priority import Priority
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import AdaptiveRun, run_adaptive
from network.errors import ThroughbandError
from throughband.results import output_folder, write_json
from throughband.run_record import add_step
from throughband.setting import Setting
from throughband.steering import live_controller
from throughband.transit import (
    TransitWish,
    fleet_of,
    seen_share,
    transit_content,
    transit_told,
)

ADAPTIVE = "adaptive"
FREE, COORDINATED = "free", "coordinated"
MODES = (FREE, COORDINATED)
"""Whether a live controller may show anything lawful, or only what the plan in force allows."""
PROGRAMS = ("in-force", "actuated")
"""What ``simulate`` plays as SUMO programs, beside ``plan:FILE``."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the command line says of the sensors, unchecked.

    Attributes
    ----------
    info
        One of `Information`.
    share
        Of vehicles that report themselves, at ``vehicles``.
    missed
        Share of vehicles no sensor ever sees.
    latency_s
        Whole seconds between seeing and telling.
    """

    info: str = Information.LANES.value
    share: float = 1.0
    missed: float = 0.0
    latency_s: int = 0

    def sensing(self, seed: int) -> Sensing:
        """Return the sensors; raise `ThroughbandError` where there are no such ones."""
        known = [level.value for level in Information]
        if self.info not in known:
            raise ThroughbandError(f"unknown information {self.info!r}; known are {known}")
        return Sensing(
            Information(self.info),
            share=self.share,
            missed=self.missed,
            latency_s=self.latency_s,
            seed=seed,
        )


def is_live(name: str) -> bool:
    """Tell whether a name given to ``simulate`` is meant for a controller that decides live."""
    return name not in PROGRAMS and not name.startswith("plan:")


def simulate_adaptive(
    setting: Setting,
    out: Path,
    seed: int,
    sight: Sight,
    name: str = ADAPTIVE,
    mode: str = FREE,
    transit: TransitWish | None = None,
    walk_wait_s: float | None = None,
) -> None:
    """Play one day under an adaptive controller and keep its files.

    Parameters
    ----------
    setting
        The scenario.
    out
        Folder for ``tripinfo.xml``, ``statistics.xml`` and ``measures.json``.
    seed
        SUMO's, and of the vehicles the sensors miss.
    sight
        What the controller sees; where it is left as it is, others than ours say so themselves.
    name
        Of the controller.
    mode
        One of `MODES`.
    transit
        Who of the buses gets priority; None for nobody.
    walk_wait_s
        Longest wait of people on foot, called at every crossing; None for no calls.

    Raises
    ------
    PluginError
        There is no controller of that name.
    ThroughbandError
        There is no such mode, no signal has a plan to stay inside, the sensors cannot be such,
        no signal may be run, there is no bus that could have priority, or SUMO fails.
    """
    if mode not in MODES:
        raise ThroughbandError(f"unknown mode {mode!r}; known are {', '.join(MODES)}")
    sensing = sight.sensing(seed)
    sites = build_sites(setting.network)
    controller: Controller
    if name == ADAPTIVE:
        # Ours is told how far its sensors reach.
        outlook = Outlook(share=sensing.share, reach_m=sensing.reach_m, advance_m=sensing.advance_m)
        bound = mode == COORDINATED
        controller = LookAhead(inside_plans(outlook, setting.network) if bound else outlook)
    else:
        live = live_controller(name, (*PROGRAMS, "plan:FILE"))
        controller, own = live.start(setting, seed)
        sensing = own if sight == Sight() else sensing
    signals = setting.network.signals
    if walk_wait_s is not None and not any(site.walks for site in sites):
        raise ThroughbandError(
            f"{setting.scenario.name}: --walk-wait found no phase with a walk; allowed are "
            "networks that know when people walk, such as imported ones with pedestrian times"
        )
    planless = sorted(s.signal_id for s in sites if signals[s.signal_id].plan_in_force is None)
    if mode == COORDINATED:
        if sites and len(planless) == len(sites):
            raise ThroughbandError(
                f"{setting.scenario.name}: no signal has a plan in force to stay inside; allowed "
                f"is --mode {FREE}"
            )
        controller = PlanBound(setting.network, controller)
    priority, look = None, None
    if transit is not None:
        fleet = fleet_of(setting, sensing, transit.allowance_s)
        controller = priority = Priority(controller, transit=transit.rules(seen_share(sensing)))
        look = partial(fleet.look, priority=priority)
    with output_folder(out) as folder:
        result = run_adaptive(
            setting.case,
            seed,
            sites,
            controller,
            sensing,
            folder,
            walk_wait_s=walk_wait_s,
            look=look,
        )
        add_step(folder, out, "simulate", setting, None, [seed])
        alone = sorted(set(setting.network.signals) - {site.signal_id for site in sites})
        content = {
            "controller": name,
            "mode": mode,
            **asdict(result.measures),
            "sees": {
                "information": sensing.information.value,
                "reach_m": sensing.reach_m,
                "share": sensing.share,
                "missed": sensing.missed,
                "latency_s": sensing.latency_s,
            },
            "signals": len(sites),
            "signals_without_plan_in_force": planless,
            "signals_left_to_their_program": alone,
            "on_foot": {
                "crossings": sum(len(site.walks) for site in sites),
                "longest_wait_asked_s": walk_wait_s,
                "longest_wait_s": result.walk_wait_s,
                "longer_waits_s": {}
                if walk_wait_s is None
                else _longer_waits_s(sites, walk_wait_s),
            },
            "control": _control(result, len(sites)),
        }
        if transit is not None and priority is not None:
            content["transit"] = transit_content(transit, priority)
        write_json(folder / "measures.json", content)
    measures = result.measures
    console = Console(stderr=True, highlight=False)
    console.print(
        f"{setting.scenario.name}, {name} ({mode}, {sensing.information.value}), seed {seed}: "
        f"delay {measures.delay_s:.1f} s per vehicle (SUMO time loss and departure delay, all "
        f"{measures.scheduled} vehicles due), {measures.arrived} arrived, {measures.running} under "
        f"way, {measures.not_inserted} not inserted; {len(sites)} signals, "
        f"{content['control']['median_ms_per_signal']:.2f} ms per decision",
        soft_wrap=True,
    )
    if walk_wait_s is not None and result.walk_wait_s is not None:
        longer_s = _longer_waits_s(sites, walk_wait_s)
        for line in walks_told(walk_wait_s, result.walk_wait_s, longer_s):
            console.print(line, soft_wrap=True)
    if transit is not None and priority is not None:
        for line in transit_told(transit, priority):
            console.print(line, soft_wrap=True)


def _control(result: AdaptiveRun, signals: int) -> dict[str, Any]:
    per_signal_ms = result.decision_s / signals * 1000.0
    return {
        "decisions": result.decisions,
        "stages_begun": result.changes,
        "decisions_per_s": round(result.decisions_per_s, 1),
        "median_ms_per_signal": round(float(np.median(per_signal_ms)), 4),
        "worst_second_ms": round(float(result.decision_s.max()) * 1000.0, 3),
    }


def walks_told(asked_s: float, longest_s: float, longer_s: Mapping[str, float]) -> Iterator[str]:
    """Yield what there is to tell of people on foot.

    Parameters
    ----------
    asked_s, longest_s
        The longest wait that was asked for, and that there was, s.
    longer_s
        By signal, a wait beyond what was asked that it takes to serve everybody once, s.
    """
    # Drivers whose red has lasted for long go first, be it that they have only just come.
    late = longest_s > max([asked_s, *longer_s.values()])
    yield (
        f"People on foot: asked for a wait of at most {asked_s:g} s, the longest was "
        f"{longest_s:g} s" + (", as drivers in long reds go first" if late else "")
    )
    if longer_s:
        named = ", ".join(f"{name} {wait_s:g} s" for name, wait_s in longer_s.items())
        yield (
            "Serving everybody once takes longer than that, and people on foot wait for as "
            f"long, at {named}"
        )


def _longer_waits_s(sites: Sequence[Site], asked_s: float) -> dict[str, float]:
    """Return where people on foot have to wait for longer than asked, and how long, s."""
    waits_s = {site.signal_id: Player(site, walk_wait_s=asked_s).walk_wait_s for site in sites}
    crossed = {site.signal_id for site in sites if site.walks}
    return {
        name: wait_s
        for name, wait_s in waits_s.items()
        if name in crossed and wait_s is not None and wait_s > asked_s
    }
