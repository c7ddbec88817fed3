"""SUMO's own re-timing as a peer: ``tlsCycleAdaptation.py`` and ``tlsCoordinator.py``.

The first sets cycle and splits of every signal after Webster, the second the offsets between
neighbors. Both read routes with every edge written out, one element per line, and only the
first hour. The peer gets the most favorable honest treatment we know of:

- routes are those of the *whole* scheduled demand (``duarouter``), not only of the vehicles
  that made it into a run;
- the adaptation gets the yellow time of the signals themselves beside its default of 4 s,
  with and without one cycle for all signals, so that the coordination has a chance;
- a signal the adaptation crashes on (one of ingolstadt21) is skipped with its own option
  and keeps the program in force;
- both keep the law that everybody else keeps: the usual least green, yellow and all-red of the
  network are passed as options where the variant says so. The tools know one least green and one
  yellow for all stages and no walk; so every stage that came out shorter than its own least green,
  and every change shorter than in force, is lifted to it afterwards, and where one cycle was asked
  for the others follow. A common cycle is not planned shorter than what all least greens need;
- every signal ends up with exactly one new program that carries both results. Loaded as they
  are, the offsets of the second file can land on a program that is not running (SUMO issue
  14954);
- the benchmark takes the best variant, and says which.
"""

from __future__ import annotations

import copy
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from benchmarks.peers.peer import Offer, Subject
from engine.validate.simulator import SimulationCase, Variant
from engine.validate.sumo_files import programs_in_force, write_programs
from engine.validate.sumo_process import environment, find_program, run_process
from network.errors import SimulationError
from network.readers.sumo_program import DEFAULT_MIN_GREEN_S

PROGRAM_ID: Final = "sumo_tools"
SHORTEST_STAGE_S: Final = 5
"""Told to the adaptation too, which would take an all-red in which a street goes on for a stage."""
SHORTEST_CYCLE_S: Final = 20
"""The adaptation's own default."""
TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class PeerVariant:
    """One way to use the tools.

    Parameters
    ----------
    name
        For the table.
    retimes
        Whether cycle and splits are adapted before the coordination.
    own_yellow
        Whether the adaptation is told the network's usual yellow, all-red and least green instead
        of its own 4, 0 and 4 s.
    one_cycle
        Whether all signals get the longest of the cycles found.
    """

    name: str
    retimes: bool
    own_yellow: bool = False
    one_cycle: bool = False


VARIANTS: Final = (
    PeerVariant("coord only", retimes=False),
    PeerVariant("webster+coord", retimes=True),
    PeerVariant("webster+coord, own yellow", retimes=True, own_yellow=True),
    PeerVariant("webster+coord, one cycle", retimes=True, own_yellow=True, one_cycle=True),
)


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """What the tools made of a case.

    Parameters
    ----------
    variant
        How they were used.
    file
        Additional file with one program per signal; None where the tools failed.
    skipped
        Signals the adaptation could not do.
    failure
        Why there is no file; empty where there is one.
    """

    variant: PeerVariant
    file: Path | None
    skipped: tuple[str, ...] = ()
    failure: str = ""

    def as_variant(self) -> Variant:
        """Return the plan as a side of a comparison."""
        if self.file is None:
            raise SimulationError(f"the peer {self.variant.name!r} failed: {self.failure}")
        return Variant(f"SUMO tools ({self.variant.name})", (self.file,))


def retime(
    case: SimulationCase, out_dir: Path, variants: Sequence[PeerVariant] = VARIANTS
) -> tuple[PeerPlan, ...]:
    """Run the tools in every variant.

    The adaptation reads programs from the network file only; where the case's additional
    files carry other programs, it re-times those of the network.

    Parameters
    ----------
    case
        Network and demand.
    out_dir
        Where the plans are kept; made if missing.
    variants
        Ways to use the tools.

    Returns
    -------
    tuple[PeerPlan, ...]
        One per variant, failed ones included.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        routes = expand_routes(case, Path(folder))
        return tuple(_retime(case, routes, Path(folder), out_dir, v) for v in variants)


def expand_routes(case: SimulationCase, folder: Path) -> Path:
    """Write the demand of the window with every edge of every route, one element per line."""
    file = folder / "expanded.rou.xml"
    options = {
        "net-file": case.net_file,
        "route-files": ",".join(map(str, case.route_files)),
        "output-file": file,
        "begin": f"{case.begin_s:.10g}",
        "end": f"{case.end_s:.10g}",
        "ignore-errors": "true",
        "no-warnings": "true",
        "no-step-log": "true",
    }
    if case.additional_files:
        options["additional-files"] = ",".join(map(str, case.additional_files))
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    run_process(["duarouter", *arguments], folder, TIMEOUT_S)
    return file


def _retime(
    case: SimulationCase, routes: Path, folder: Path, out_dir: Path, variant: PeerVariant
) -> PeerPlan:
    programs = programs_in_force((case.net_file, *case.additional_files))
    skipped: tuple[str, ...] = ()
    cycles, timed = folder / "cycles.add.xml", folder / "timed.add.xml"
    offsets = folder / "offsets.add.xml"
    try:
        if variant.retimes:
            skipped = _adapt(case, routes, cycles, programs, variant)
            adapted = programs_in_force([cycles])
            programs |= _lawful(adapted, programs, variant.one_cycle)
        single = [_renamed(program) for program in programs.values()]
        write_programs(timed, single)
        arguments = ["-n", case.net_file, "-r", routes, "-a", timed, "-o", offsets]
        _run_tool("tlsCoordinator.py", arguments)
    except SimulationError as error:
        return PeerPlan(variant, None, skipped, str(error))
    found_s = {
        signal: program.get("offset", "0")
        for signal, program in programs_in_force([offsets]).items()
    }
    for program in single:
        program.set("offset", found_s.get(program.get("id", ""), program.get("offset", "0")))
    name = variant.name.replace("+", "_").replace(", ", "_").replace(" ", "_")
    file = out_dir / f"sumo_tools_{name}.add.xml"
    write_programs(file, single)
    return PeerPlan(variant, file, skipped)


def _adapt(
    case: SimulationCase,
    routes: Path,
    out: Path,
    programs: dict[str, Element],
    variant: PeerVariant,
) -> tuple[str, ...]:
    """Run the adaptation; return the signals it had to leave out."""
    arguments = ["-n", case.net_file, "-r", routes, "-b", f"{case.begin_s:.0f}", "-o", out]
    arguments += ["--green-filter-time", SHORTEST_STAGE_S]
    if variant.own_yellow:
        arguments += ["-y", str(_usual_yellow_s(programs))]
        arguments += ["-a", str(_usual_all_red_s(programs))]
        arguments += ["-g", str(_usual_least_green_s(programs))]
    if variant.one_cycle:
        least_s = max(sum(map(_least_s, program.iter("phase"))) for program in programs.values())
        arguments += ["-u", "--min-cycle", str(math.ceil(max(least_s, SHORTEST_CYCLE_S)))]
    try:
        _run_tool("tlsCycleAdaptation.py", arguments)
    except SimulationError:
        crashing = [s for s in programs if _crashes(arguments, s, programs)]
        if not crashing:
            raise
        _run_tool("tlsCycleAdaptation.py", [*arguments, "--skip", ",".join(crashing)])
        return tuple(crashing)
    return ()


def _crashes(arguments: Sequence[object], signal: str, programs: dict[str, Element]) -> bool:
    others = ",".join(other for other in programs if other != signal)
    try:
        _run_tool("tlsCycleAdaptation.py", [*arguments, "--skip", others])
    except SimulationError:
        return True
    return False


def _usual_yellow_s(programs: dict[str, Element]) -> int:
    yellows = Counter(
        round(float(phase.get("duration", "0")))
        for program in programs.values()
        for phase in program.iter("phase")
        if "y" in phase.get("state", "").lower()
    )
    return yellows.most_common(1)[0][0] if yellows else 3


def _usual_all_red_s(programs: dict[str, Element]) -> int:
    """Return the usual time per cycle in which nobody has green or yellow."""
    per_cycle = Counter(
        round(
            sum(
                float(phase.get("duration", "0"))
                for phase in program.iter("phase")
                if not set(phase.get("state", "").lower()) & set("gy")
            )
        )
        for program in programs.values()
    )
    return per_cycle.most_common(1)[0][0] if per_cycle else 0


def _usual_least_green_s(programs: dict[str, Element]) -> int:
    least = Counter(
        round(_least_s(phase))
        for program in programs.values()
        for phase in program.iter("phase")
        if _is_stage(phase)
    )
    return least.most_common(1)[0][0] if least else DEFAULT_MIN_GREEN_S


def _is_stage(phase: Element) -> bool:
    """Tell whether a picture in force is a stage and not a change in which somebody goes on."""
    state = phase.get("state", "").lower()
    long = float(phase.get("duration", "0")) >= SHORTEST_STAGE_S or "minDur" in phase.attrib
    return "g" in state and "y" not in state and long


def _least_s(phase: Element) -> float:
    """Return the least duration of a picture in force: least green, or the change as it is."""
    duration_s = float(phase.get("duration", "0"))
    if not _is_stage(phase):
        return duration_s
    return min(duration_s, float(phase.get("minDur", DEFAULT_MIN_GREEN_S)))


def _lawful(
    adapted: dict[str, Element], in_force: dict[str, Element], one_cycle: bool
) -> dict[str, Element]:
    """Lift what came out too short; with one cycle stretch the others' greens to the longest."""
    lifted: dict[str, Element] = {}
    for name, program in adapted.items():
        lifted[name] = copy.deepcopy(program)
        pictures, before = lifted[name].findall("phase"), in_force[name].findall("phase")
        if [p.get("state") for p in pictures] != [p.get("state") for p in before]:
            raise SimulationError(f"the adaptation changed what signal {name!r} shows")
        for picture, old in zip(pictures, before, strict=True):
            duration_s = max(float(picture.get("duration", "0")), _least_s(old))
            picture.set("duration", f"{duration_s:g}")
    if one_cycle and lifted:
        cycle_s = max(_cycle_s(program) for program in lifted.values())
        for name, program in lifted.items():
            _stretch(program, in_force[name], cycle_s - _cycle_s(program))
    return lifted


def _cycle_s(program: Element) -> float:
    return sum(float(phase.get("duration", "0")) for phase in program.iter("phase"))


def _stretch(program: Element, in_force: Element, more_s: float) -> None:
    """Give whole seconds to the stages in proportion to their greens."""
    pairs = zip(program.iter("phase"), in_force.iter("phase"), strict=True)
    stages = [phase for phase, old in pairs if _is_stage(old)]
    green_s = [float(stage.get("duration", "0")) for stage in stages]
    given_s = 0
    for k, stage in enumerate(stages):
        until_s = round(more_s * sum(green_s[: k + 1]) / sum(green_s))
        stage.set("duration", f"{green_s[k] + until_s - given_s:g}")
        given_s = until_s


def _renamed(program: Element) -> Element:
    renamed = copy.deepcopy(program)
    renamed.set("programID", PROGRAM_ID)
    return renamed


def _run_tool(name: str, arguments: Sequence[object]) -> None:
    home = find_program()[1]
    if home is None or not (home / "tools" / name).is_file():
        raise SimulationError(f"SUMO's tool {name} is not installed")
    command = [sys.executable, str(home / "tools" / name), *map(str, arguments)]
    try:
        subprocess.run(
            command,
            env=dict(environment(home)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last_lines = [line for line in error.stderr.splitlines() if line.strip()][-1:]
        reason = last_lines[0].strip() if last_lines else f"exit code {error.returncode}"
        raise SimulationError(f"{name} failed: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise SimulationError(f"{name} did not finish in {TIMEOUT_S:g} s") from error


class SumoTools:
    """Cycle adaptation and coordinator, in every variant."""

    name = "SUMO tools"
    version = "2"
    source = "tlsCycleAdaptation.py and tlsCoordinator.py of the installed SUMO"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return every variant."""
        return tuple(
            Offer(
                plan.variant.name,
                plan.file,
                plan.failure,
                f"{len(plan.skipped)} signals skipped" if plan.skipped else "",
            )
            for plan in retime(subject.setting.case, folder)
        )
