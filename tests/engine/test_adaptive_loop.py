"""Adaptive control on a SUMO street: lawful, repeatable, better than what is in force."""

from __future__ import annotations

import multiprocessing
import subprocess
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from engine.adaptive.control import Information, Site, View
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.sensing import Sensing, Traffic
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from engine.validate.sumo_process import environment, find_program
from network.errors import SimulationError
from network.readers.sumo_net import read_sumo_network
from network.timeline import LAMP_CHANGES

pytestmark = pytest.mark.sumo

FLOWS = (("bottom0A0", "A1top0", 400), ("left0A0", "B0right0", 500), ("top1B1", "B0bottom1", 350))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> SimulationCase:
    """Five minutes around a block of four signals."""
    folder = tmp_path_factory.mktemp("adaptive")
    net = folder / "block.net.xml"
    program, home = find_program("netgenerate")
    shape = ["--grid", "--grid.number=2", "--grid.length=150", "--grid.attach-length=150"]
    subprocess.run(
        [program, *shape, "--default-junction-type=traffic_light", "--no-warnings", "-o", net],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    routes = folder / "b.rou.xml"
    flows = "".join(
        f'<flow id="f{k}" begin="0" end="300" vehsPerHour="{vph}" from="{a}" to="{b}"/>'
        for k, (a, b, vph) in enumerate(FLOWS)
    )
    routes.write_text(f"<routes>{flows}</routes>")
    config = folder / "b.sumocfg"
    config.write_text(
        f'<configuration><input><net-file value="{net}"/>'
        f'<route-files value="b.rou.xml"/></input></configuration>'
    )
    return SimulationCase(config, net, (routes,), (), 0, 300)


@pytest.fixture(scope="module")
def sites(case: SimulationCase) -> tuple[Site, ...]:
    return build_sites(read_sumo_network(case.net_file))


def test_look_ahead_beats_the_plan_in_force_and_keeps_its_files(
    case: SimulationCase, sites: tuple[Site, ...], tmp_path: Path
) -> None:
    result = run_adaptive(case, 11, sites, LookAhead(), out_dir=tmp_path, emissions=False)
    assert result.measures.delay_s < 0.8 * run(case, 11, emissions=False).delay_s
    assert {file.name for file in tmp_path.iterdir()} == {"tripinfo.xml", "statistics.xml"}
    assert result.decisions == 300 * len(sites)


def test_the_same_run_gives_the_same_measures(
    case: SimulationCase, sites: tuple[Site, ...]
) -> None:
    short = replace(case, end_s=90.0)
    first, second = (run_adaptive(short, 12, sites, LookAhead(), emissions=False) for _ in range(2))
    assert replace(first.measures, wall_s=0.0) == replace(second.measures, wall_s=0.0)


@pytest.mark.parametrize(
    "sensing",
    [
        Sensing(Information.DETECTORS),
        Sensing(Information.VEHICLES, share=0.3),
        Sensing(missed=0.2, latency_s=2, lost=0.1),
    ],
)
def test_poor_sight_costs_little_and_breaks_no_law(
    case: SimulationCase, sites: tuple[Site, ...], sensing: Sensing
) -> None:
    pictures: dict[str, list[str]] = {site.signal_id: [] for site in sites}

    def watch(_: float, lamps: Mapping[str, str], __: Mapping[str, View], ___: Traffic) -> None:
        for name, shown in lamps.items():
            pictures[name].append(shown)

    result = run_adaptive(case, 13, sites, LookAhead(), sensing, emissions=False, watch=watch)
    assert result.measures.delay_s < run(case, 13, emissions=False).delay_s
    for site in sites:
        shown = pictures[site.signal_id]
        for before, after in pairwise(shown):
            assert all(a == b or a + b in LAMP_CHANGES for a, b in zip(before, after, strict=True))
        least = {stage.aspects: stage.least_green_s for stage in site.stages}
        runs = [(picture, len(list(seconds))) for picture, seconds in groupby(shown)]
        assert all(seconds >= least.get(picture, 1) for picture, seconds in runs[:-1])


def test_a_street_without_a_signal_to_run_is_refused(case: SimulationCase) -> None:
    with pytest.raises(SimulationError, match="no signal that adaptive control may run"):
        run_adaptive(case, 11, (), LookAhead())


def test_the_day_is_the_same_inside_the_process(case: SimulationCase) -> None:
    if find_spec("libsumo") is None:
        pytest.skip("libsumo is not installed (extra 'fast')")
    # In a process of its own: libsumo brings another Arrow than pyarrow's.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        inside_s = alone.submit(_delay_s, case, True).result()
    assert inside_s == _delay_s(case, False)


def _delay_s(case: SimulationCase, in_process: bool) -> float:
    sites = build_sites(read_sumo_network(case.net_file))
    done = run_adaptive(case, 11, sites, LookAhead(), emissions=False, in_process=in_process)
    return done.measures.delay_s
