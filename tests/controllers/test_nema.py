"""The ring engine beside SUMO's NEMA controller: the same plan, the same seconds."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import traci

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from engine.validate.sumo_process import environment, find_program
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from tests.controllers.test_rings import load, put

pytestmark = pytest.mark.sumo

SIGNAL = "A0"
END_S = 1200
MIN_GREEN_S, YELLOW_S, RED_CLEAR_S = 5, 3, 2
PLACES = {1: (1, 1), 2: (1, 1), 3: (1, 2), 4: (1, 2), 5: (2, 1), 6: (2, 1), 7: (2, 2), 8: (2, 2)}
# SUMO's TS2 offset names the first green of a coordinated phase: of 2, or of 6 where that leads.
PLANS = (
    TimingPlan(SIGNAL, 100, (1, 2, 3, 4, 5, 6, 7, 8), (20, 40, 15, 25, 30, 30, 20, 20), 0, 2),
    TimingPlan(SIGNAL, 100, (1, 2, 3, 4, 5, 6, 7, 8), (20, 40, 15, 25, 30, 30, 20, 20), 30, 2),
    TimingPlan(SIGNAL, 90, (1, 2, 3, 4, 5, 6, 7, 8), (15, 35, 18, 22, 15, 35, 20, 20), 77, 2),
    TimingPlan(SIGNAL, 120, (1, 2, 3, 4, 5, 6, 7, 8), (25, 45, 15, 35, 20, 50, 25, 25), 11, 6),
)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crossing with eight phases, made by SUMO."""
    file = tmp_path_factory.mktemp("nema") / "crossing.net.xml"
    program, home = find_program("netgenerate")
    options = (
        *("--grid", "--grid.number", "1", "--grid.attach-length", "200", "--turn-lanes", "1"),
        *("-L", "2", "--default-junction-type", "traffic_light", "--tls.default-type", "NEMA"),
    )
    subprocess.run(
        [str(program), *options, "--no-warnings", "-o", str(file)],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    return file


def phasing_of(net: Path) -> Phasing:
    logic = ElementTree.parse(net).getroot().find(f"tlLogic[@id='{SIGNAL}']")
    assert logic is not None
    return Phasing(
        tuple(
            Phase(
                int(phase.get("name", "")),
                phase.get("state", ""),
                MIN_GREEN_S,
                YELLOW_S * 10,
                RED_CLEAR_S * 10,
                *PLACES[int(phase.get("name", ""))],
            )
            for phase in logic.findall("phase")
        ),
        {},
    )


def write_program(phasing: Phasing, plan: TimingPlan, folder: Path) -> Path:
    """Write a plan as a program of SUMO's controller, with a record of what it shows."""
    phases = "".join(
        f'<phase name="{n}" state="{phasing.phase(n).aspects}" duration="{plan.cycle_s}"'
        f' minDur="{MIN_GREEN_S}" maxDur="{plan.split_s(n) - YELLOW_S - RED_CLEAR_S}"'
        f' vehext="2" yellow="{YELLOW_S}" red="{RED_CLEAR_S}"/>'
        for n in plan.sequence
    )
    settings = {
        **{"ring1": "1,2,3,4", "ring2": "5,6,7,8", "barrierPhases": "4,8"},
        **{"barrier2Phases": "2,6", "coordinatePhases": "2,6", "coordinate-mode": "true"},
        **{"maxRecall": "1,2,3,4,5,6,7,8", "minRecall": "", "fixForceOff": "true"},
        **{"total-cycle-length": plan.cycle_s, "controllerType": "TS2"},
        **{"whetherOutputState": "false"},
    }
    params = "".join(f'<param key="{key}" value="{value}"/>' for key, value in settings.items())
    additional = folder / "plan.add.xml"
    additional.write_text(
        f'<additional><tlLogic id="{SIGNAL}" type="NEMA" programID="plan" '
        f'offset="{plan.offset_s}">{phases}{params}</tlLogic>'
        f'<timedEvent type="SaveTLSStates" source="{SIGNAL}" dest="states.xml"/></additional>'
    )
    return additional


def played_by_sumo(net: Path, phasing: Phasing, plan: TimingPlan, folder: Path) -> list[str]:
    """What SUMO's controller shows in every second."""
    additional = write_program(phasing, plan, folder)
    program, home = find_program()
    subprocess.run(
        [
            *(str(program), "-n", str(net), "-a", str(additional), "--end", str(END_S)),
            *("--no-step-log", "--no-warnings"),
        ],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    states = ElementTree.parse(folder / "states.xml").getroot().findall("tlsState")
    return [state.get("state", "") for state in states]


def played_by_cabinet(phasing: Phasing, plan: TimingPlan, seconds: int) -> list[str]:
    device = Cabinet(CabinetConfig(SIGNAL, phasing, plan, 0, "look", "change", 0))
    shown = []
    for _ in range(seconds):
        shown.append(device.aspects)
        device.advance(1)
    return shown


def yellows(film: list[str], group: int) -> list[int]:
    return [
        at
        for at, (before, now) in enumerate(pairwise(film), start=1)
        if before[group] != "y" and now[group] == "y"
    ]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.cycle_s}s+{plan.offset_s}")
def test_coordinated_yellows_fall_in_the_same_seconds(
    net: Path, tmp_path: Path, plan: TimingPlan
) -> None:
    phasing = phasing_of(net)
    theirs = played_by_sumo(net, phasing, plan, tmp_path)
    ours = played_by_cabinet(phasing, plan, len(theirs))
    assert len(theirs) >= END_S
    # SUMO's controller begins somewhere of its own and is in step after a cycle.
    settled = plan.cycle_s
    for number in (2, 6):
        through = phasing.phase(number).aspects.index("G")
        mine, his = yellows(ours[settled:], through), yellows(theirs[settled:], through)
        assert mine == his
        assert len(his) >= (END_S - settled) // plan.cycle_s


def connected(process: subprocess.Popen[bytes], port: int) -> Any:
    """A link to a simulation that is starting; it has three seconds of work to do first."""
    for _ in range(1200):
        assert process.poll() is None
        try:
            return traci.connect(port, numRetries=0, host="127.0.0.1", label=f"nema-{port}")
        except (traci.exceptions.FatalTraCIError, traci.exceptions.TraCIException, OSError):
            time.sleep(0.05)
    raise AssertionError("SUMO did not open its control port")


def changed_in_sumo(
    net: Path, phasing: Phasing, plans: Mapping[int, TimingPlan], end_s: int, folder: Path
) -> list[str]:
    """What SUMO's controller shows in every second when it is given new plans on the way."""
    additional = write_program(phasing, plans[0], folder)
    program, home = find_program()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--no-step-log", "--no-warnings", "--remote-port", str(port))
    film: list[str] = []
    with subprocess.Popen(
        [str(program), "-n", str(net), "-a", str(additional), *options],
        env=dict(environment(home)),
        stdout=subprocess.DEVNULL,
    ) as process:
        link = connected(process, port)
        for second in range(end_s):
            if second in plans and second:
                plan = plans[second]
                lights = link.trafficlight
                lights.setNemaCycleLength(SIGNAL, float(plan.cycle_s))
                lights.setNemaSplits(SIGNAL, [float(plan.split_s(n)) for n in range(1, 9)])
                lights.setNemaOffset(SIGNAL, float(plan.offset_s))
            link.simulationStep()
            film.append(link.trafficlight.getRedYellowGreenState(SIGNAL))
        link.close()
    return film


def changed_in_cabinet(phasing: Phasing, plans: Mapping[int, TimingPlan], end_s: int) -> list[str]:
    """What our cabinet shows when the same plans are called as patterns."""
    device = Cabinet(CabinetConfig(SIGNAL, phasing, plans[0], 0, "look", "change", 0))
    shown = []
    for second in range(end_s):
        if second in plans and second:
            row = 2 + list(plans).index(second)
            assert load(device, row, plans[second]) == ""
            put(device, "systemPatternControl", value=row)
        shown.append(device.aspects)
        device.advance(1)
    return shown


def changes(every_s: int) -> dict[int, TimingPlan]:
    """A new offset, a new cycle, and back, at equal distances."""
    cycle_90 = TimingPlan(SIGNAL, 90, PLANS[0].sequence, (15, 35, 18, 22, 15, 35, 20, 20), 0, 2)
    moved = TimingPlan(SIGNAL, 90, PLANS[0].sequence, cycle_90.splits_s, 20, 2)
    return {0: PLANS[0], every_s: PLANS[1], 2 * every_s: cycle_90, 3 * every_s: moved}


@pytest.mark.parametrize(
    "every_s", [500, pytest.param(900, marks=pytest.mark.slow)], ids=["short", "hour"]
)
def test_after_changes_of_cycle_and_offset_the_yellows_meet_again(
    net: Path, tmp_path: Path, every_s: int
) -> None:
    phasing = phasing_of(net)
    plans, end_s = changes(every_s), 4 * every_s
    theirs = changed_in_sumo(net, phasing, plans, end_s, tmp_path)
    ours = changed_in_cabinet(phasing, plans, end_s)
    for begin_s, plan in plans.items():
        # Theirs jumps within a cycle, ours moves by a fifth of a cycle at most.
        settled = slice(begin_s + 3 * plan.cycle_s, begin_s + every_s)
        for number in (2, 6):
            through = phasing.phase(number).aspects.index("G")
            mine, his = yellows(ours[settled], through), yellows(theirs[settled], through)
            assert mine == his, (begin_s, number)
            assert len(his) >= (every_s - 3 * plan.cycle_s) // plan.cycle_s
