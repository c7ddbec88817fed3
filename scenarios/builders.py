"""Made-up streets as SUMO scenarios: network, plan in force, demand, configuration.

`scenarios.layout` and `scenarios.town` draw the streets; here they become files. Equal layouts
give equal bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from network.bus_file import BUSES_NAME, write_bus_lines
from network.errors import ScenarioError
from network.files import replace_file
from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network
from network.transit import BusLine
from scenarios import demand, plain_sumo, programs, transit
from scenarios.demand import Flows, thinned
from scenarios.layout import Layout, generator
from scenarios.plain_sumo import Runner
from scenarios.programs import Design
from scenarios.roads import Kind, Streets
from scenarios.stages import flow_ratios, stages_at

DEFAULT_SATURATION: Final = 0.75
SATURATION: Final = (0.1, 1.2)
MOST_VOLUME_VPH: Final = 2e6

PROTECTED_ONLY_SHARE: Final = 0.25
"""Of the signals let pockets turn on the arrow only."""

PEAK_QUARTER: Final = 1.27
"""Mean of the busiest quarter of the hour over the mean of the hour, as `demand.PEAK` makes it;
HCM analyzes that quarter, and so plans and degrees of saturation are of it."""

YIELD_CAPACITY_VPH: Final = 1400.0
"""All approaches of a corner without a signal together; below a two-way stop's limit."""
END_CAPACITY_VPH: Final = 1100.0
"""Per lane that leads into town; insertion stays without a queue below it."""

_HALVINGS: Final = 40

EVENING_ROUNDS: Final = 8
EVENING_STEPS: Final = 2
EVENING_LEVEL: Final = 0.75
"""In each round the routes over corners fuller than this part of the fullest one lose traffic."""
START_VPH: Final = 5000.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Built:
    """A scenario that was written.

    Attributes
    ----------
    config_file, net_file, route_file
        Its files.
    signals, links, vehicles
        How many there are.
    volume_vph
        Mean volume, veh/h.
    saturation, busiest
        Degree of saturation of the busiest signal in the busiest quarter of the hour, and its
        name.
    """

    config_file: Path
    net_file: Path
    route_file: Path
    signals: int
    links: int
    vehicles: int
    volume_vph: float
    saturation: float
    busiest: str


def build(
    layout: Layout,
    folder: Path,
    run: Runner,
    *,
    saturation: float = DEFAULT_SATURATION,
    volume_vph: float | None = None,
    pedestrians: bool = False,
    buses_s: float | None = None,
    progress: Progress | None = None,
) -> Built:
    """Write a layout as ``<name>.net.xml``, ``<name>.rou.xml`` and ``<name>.sumocfg``.

    The plan in force is what an engineer without a coordination tool would set up: stages as in
    `scenarios.stages`, Webster's cycle for the busiest quarter of an hour within 60 and 100 s,
    splits that make the critical approaches equally saturated, offset 0. Signals on main streets
    share the longest of their cycles, the others have their own.

    Parameters
    ----------
    layout
        What to build.
    folder
        Where to; made if missing. Each file appears whole.
    run
        Runs a SUMO program by name in a working folder and raises if it fails.
    saturation
        Degree of saturation of the busiest signal in the busiest quarter of the hour, as HCM
        defines it. Less where a corner without a signal, or a road into town, would be fuller.
    volume_vph
        All traffic, veh/h; then nothing is scaled and `saturation` does not matter.
    pedestrians
        Whether minimum greens let pedestrians walk across at 1 m/s. They are not simulated.
    buses_s
        Headway of the buses along an arterial, s; None for none. Their lines are written to
        ``buses.toml``.
    progress
        Called with what is done, how far, and out of how many.

    Returns
    -------
    Built

    Raises
    ------
    ScenarioError
        If a parameter is impossible or the files cannot be written. Errors of ``run`` pass.
    """
    _require_possible(saturation, volume_vph)
    tell = progress or (lambda what, done, whole: None)
    streets = layout.streets
    tell("network", 0, 1)
    net = plain_sumo.convert(streets, run)
    network = _read(layout.name, net)
    tell("network", 1, 1)
    flows = demand.assign(
        layout, generator(layout.seed, 1), lambda done, whole: tell("routes", done, whole)
    )
    plans = _Plans(layout, network, pedestrians)
    if layout.decay_s is not None:
        flows = _evened(plans, flows, streets, tell)
    if volume_vph is None:
        volume_vph = _volume_for(saturation, plans, flows, streets)
    ratios, cycles = plans.timed(PEAK_QUARTER * volume_vph * flows.turn_share)
    found = {
        name: programs.saturation(plan, ratios[name], cycles[name])
        for name, plan in plans.designs.items()
    }
    busiest = max(sorted(found), key=lambda name: found[name])
    texts = {
        name: programs.program(plan, programs.greens_s(plan, ratios[name], cycles[name]))
        for name, plan in plans.designs.items()
    }
    lines_of_buses: tuple[BusLine, ...] = ()
    buses: list[tuple[float, str]] = []
    if buses_s is not None:
        rng = generator(layout.seed, 4)
        lines_of_buses = transit.arterial_lines(layout, buses_s, rng)
        buses = transit.bus_vehicles(lines_of_buses, network, rng)
    lines = list(demand.vehicles(streets, flows, volume_vph, generator(layout.seed, 3), buses))
    files = {
        f"{layout.name}.net.xml": plain_sumo.with_programs(net, texts),
        f"{layout.name}.rou.xml": "".join(lines),
        f"{layout.name}.sumocfg": _config(layout.name),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, text) in enumerate(files.items()):
            tell("files", number, len(files))
            replace_file(folder / name, text)
        if lines_of_buses:
            write_bus_lines(folder / BUSES_NAME, lines_of_buses)
    except OSError as error:
        raise ScenarioError(f"{folder}: cannot be written ({error.strerror or error})") from error
    tell("files", len(files), len(files))
    net_file, route_file, config_file = (folder / name for name in files)
    return Built(
        config_file,
        net_file,
        route_file,
        len(network.signals),
        len(network.links),
        sum(line.startswith("    <vehicle") for line in lines),
        volume_vph,
        found[busiest],
        busiest,
    )


class _Plans:
    """Designs of all signals, timed for any flows."""

    def __init__(self, layout: Layout, network: RoadNetwork, pedestrians: bool) -> None:
        streets = self._streets = layout.streets
        rng = generator(layout.seed, 2)
        self._yielding: dict[str, bool] = {}
        self.designs: dict[str, Design] = {}
        for corner in streets.corners.values():
            if corner.kind is Kind.SIGNAL:
                yielding = bool(rng.random() >= PROTECTED_ONLY_SHARE)
                if corner.name not in network.signals:
                    raise ScenarioError(f"the network lacks the signal {corner.name!r}")
                stages = stages_at(streets, corner.name, yielding)
                signal = network.signals[corner.name]
                self._yielding[corner.name] = yielding
                self.designs[corner.name] = programs.design(streets, stages, signal, pedestrians)
        self._main = frozenset(
            road.head for road in streets.roads if road.main and road.head in self.designs
        )

    def timed(
        self, flow_vph: NDArray[np.float64]
    ) -> tuple[Mapping[str, Sequence[float]], Mapping[str, int]]:
        """Return the flow ratios of each signal's stages, and its cycle."""
        ratios = {
            name: flow_ratios(self._streets, plan.stages, flow_vph, self._yielding[name])
            for name, plan in self.designs.items()
        }
        return ratios, programs.cycles_s(self.designs, ratios, self._main)


def _evened(plans: _Plans, flows: Flows, streets: Streets, tell: Progress) -> Flows:
    """Thin the traffic over the fullest corners, as people do who know the town.

    Without it a single corner fills up while most of a large town is empty.
    """
    heads = [streets.roads[turn.from_road].head for turn in streets.turns]
    for number in range(EVENING_ROUNDS):
        volume_vph = START_VPH
        use = _use(plans, flows, streets, volume_vph)
        for _ in range(EVENING_STEPS):  # the use of shared lanes grows faster than their flow
            volume_vph /= max(use.values())
            use = _use(plans, flows, streets, volume_vph)
        level = EVENING_LEVEL * max(use.values())
        passing = {corner: min(1.0, level / used) for corner, used in use.items() if used > 0}
        flows = thinned(streets, flows, np.array([passing.get(head, 1.0) for head in heads]))
        tell("balance", number + 1, EVENING_ROUNDS)
    return flows


def _volume_for(target: float, plans: _Plans, flows: Flows, streets: Streets) -> float:
    """Find the volume that makes the busiest place as full as wanted."""

    def fullness(volume_vph: float) -> float:
        return max(_use(plans, flows, streets, volume_vph).values())

    low, high = 0.0, 1000.0
    while fullness(high) < target:
        low, high = high, 2.0 * high
    for _ in range(_HALVINGS):
        if high - low < 1e-4 * high:
            break
        middle = (low + high) / 2.0
        low, high = (middle, high) if fullness(middle) < target else (low, middle)
    return round(high, 1)


def _use(plans: _Plans, flows: Flows, streets: Streets, volume_vph: float) -> dict[str, float]:
    """Return how full each signal, yielding corner and road into town is in the peak."""
    peak_vph = PEAK_QUARTER * volume_vph
    ratios, cycles = plans.timed(peak_vph * flows.turn_share)
    use = {
        name: programs.saturation(plan, ratios[name], cycles[name])
        for name, plan in plans.designs.items()
    }
    for road, share in zip(flows.origins, flows.share.sum(axis=1).tolist(), strict=True):
        capacity_vph = END_CAPACITY_VPH * streets.roads[road].lanes
        use[streets.roads[road].tail] = peak_vph * share / capacity_vph
    for turn, share in zip(streets.turns, flows.turn_share.tolist(), strict=True):
        corner = streets.roads[turn.from_road].head
        if streets.corners[corner].kind is Kind.YIELD and len(streets.into[corner]) > 2:
            use[corner] = use.get(corner, 0.0) + peak_vph * share / YIELD_CAPACITY_VPH
    return use


def _read(name: str, net: str) -> RoadNetwork:
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        file = Path(folder) / f"{name}.net.xml"
        file.write_text(net, encoding="utf-8")
        return read_sumo_network(file, name=name)


def _config(name: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n    <input>\n'
        f'        <net-file value="{name}.net.xml"/>\n'
        f'        <route-files value="{name}.rou.xml"/>\n'
        "    </input>\n    <time>\n"
        f'        <begin value="0"/>\n        <end value="{demand.DURATION_S:g}"/>\n'
        "    </time>\n    <processing>\n"
        '        <time-to-teleport value="-1"/>\n'
        "    </processing>\n</configuration>\n"
    )


def _require_possible(saturation: float, volume_vph: float | None) -> None:
    low, high = SATURATION
    if not low <= saturation <= high:
        raise ScenarioError(f"degree of saturation: found {saturation:g}, allowed {low} to {high}")
    if volume_vph is not None and not 0 < volume_vph <= MOST_VOLUME_VPH:
        raise ScenarioError(
            f"volume: found {volume_vph:g} veh/h, allowed more than 0 and up to "
            f"{MOST_VOLUME_VPH:,.0f} veh/h"
        )
