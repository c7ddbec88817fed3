"""Plans as SUMO additional files: static programs, and the time switches between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from network.day_plan import FLASH, FREE
from network.documents import replace_file
from network.errors import PlanError
from network.files import phasing_of
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.schedule import DaySchedule, zone_of
from network.timing import PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND

OFF = "off"
"""SUMO's name for a signal that is switched off, which it shows flashing or dark."""


def write_sumo_plan(
    path: Path, plan_set: PlanSet, network: RoadNetwork, program_id: str = "throughband"
) -> None:
    """Write plans as signal programs that SUMO loads; equal plans give equal bytes.

    SUMO counts a program's offset from second zero, whenever the simulation begins, so it is
    the beginning of the sequence's first green.

    Parameters
    ----------
    path
        Where to: a ``*.add.xml``.
    plan_set
        The plans.
    network
        Where they belong.
    program_id
        Name of the programs. SUMO runs the program it loads last, and refuses a name that the
        signal has already.

    Raises
    ------
    PlanError
        If a plan does not belong to the network, the name is taken, or the file cannot be
        written.
    """
    path = Path(path)
    lines: list[str] = []
    for plan in plan_set.plans:
        phasing = phasing_of(plan, network, str(path))
        _require_free_name(network.signals[plan.signal_id], program_id, str(path))
        lines += _program(plan, phasing, program_id)
    _write(path, lines)


def write_sumo_schedule(
    path: Path,
    schedule: DaySchedule,
    plan_sets: Mapping[str, PlanSet],
    network: RoadNetwork,
    day: date,
    begin_s: int,
    end_s: int,
    prefix: str = "throughband-",
) -> None:
    """Write the plans of a schedule with time switches (WAUT) that SUMO obeys.

    Second zero of the simulation is midnight of the day, by the schedule's wall clock; seconds
    count on evenly through a night in which the clock is set. Every program keeps its offset
    from second zero. SUMO changes program at once and shows no clearance between the picture
    that it leaves and the one it enters: a simulation of the day is fair from the next cycle on.

    Parameters
    ----------
    path
        Where to: a ``*.add.xml``, to be loaded after the programs in force.
    schedule
        What runs when.
    plan_sets
        Its plans by name. A signal that a plan leaves alone runs its program in force meanwhile;
        so does every signal in free operation, whose actuation is not modeled here. In flash,
        SUMO switches the signals off.
    network
        Where the plans belong.
    day
        The first day simulated.
    begin_s, end_s
        When the simulation begins and ends, s after second zero. SUMO begins with the program
        that the schedule runs at `begin_s`, so it must be told the same begin.
    prefix
        What the names of programs and time switches begin with.

    Raises
    ------
    PlanError
        If a plan of the schedule is not given or does not belong to the network, a signal has no
        program in force to fall back on, a name is taken, or the file cannot be written.
    """
    path = Path(path)
    if not 0 <= begin_s < end_s:
        raise PlanError(f"{path}: a simulation from {begin_s} s to {end_s} s; allowed is 0 or more")
    runs = _runs(schedule, day, begin_s, end_s)
    used = sorted({run for _, run in runs} - {FREE, FLASH})
    missing = [name for name in used if name not in plan_sets]
    if missing:
        raise PlanError(f"{path}: plan {missing[0]!r} of {schedule.name!r} is not given")
    lines: list[str] = []
    planned: dict[str, set[str]] = {}
    for name in used:
        for plan in plan_sets[name].plans:
            phasing = phasing_of(plan, network, str(path))
            _require_free_name(network.signals[plan.signal_id], prefix + name, str(path))
            lines += _program(plan, phasing, prefix + name)
            planned.setdefault(plan.signal_id, set()).add(name)
    for signal_id in sorted(planned):
        signal, own = network.signals[signal_id], planned[signal_id]
        programs = [
            (at_s, OFF if run == FLASH else prefix + run if run in own else signal.program_id)
            for at_s, run in runs
        ]
        if not all(program for _, program in programs):
            raise PlanError(f"{path}: signal {signal_id!r} has no program in force to fall back on")
        lines += _time_switch(prefix + signal_id, signal_id, programs)
    _write(path, lines)


def _runs(schedule: DaySchedule, day: date, begin_s: int, end_s: int) -> list[tuple[int, str]]:
    """What runs at the begin and after every switch, with the second of the simulation."""
    zero = datetime.combine(day, time(), zone_of(schedule.time_zone)).astimezone(UTC)
    begin, end = zero + timedelta(seconds=begin_s), zero + timedelta(seconds=end_s)
    return [
        (begin_s, schedule.action_at(begin).run),
        *(
            ((switch.at.astimezone(UTC) - zero) // timedelta(seconds=1), switch.run)
            for switch in schedule.switches(begin, end)
        ),
    ]


def _require_free_name(signal: Signal, program_id: str, where: str) -> None:
    if program_id in (signal.program_id, OFF):
        raise PlanError(
            f"{where}: signal {signal.signal_id!r} has a program {program_id!r} already; "
            "choose another program_id"
        )


def _program(plan: TimingPlan, phasing: Phasing, program_id: str) -> list[str]:
    return [
        f'    <tlLogic id={quoteattr(plan.signal_id)} type="static" '
        f'programID={quoteattr(program_id)} offset="{plan.begin_s(phasing)}">',
        *(
            f'        <phase duration="{_seconds(interval.duration_ds)}" '
            f'state="{interval.aspects}"/>'
            for interval in plan.intervals(phasing)
        ),
        "    </tlLogic>",
    ]


def _time_switch(name: str, signal_id: str, programs: list[tuple[int, str]]) -> list[str]:
    # Without a period SUMO takes switches of the second day for the first.
    lines = [
        f'    <WAUT id={quoteattr(name)} refTime="0" period="0" '
        f"startProg={quoteattr(programs[0][1])}>"
    ]
    running = programs[0][1]
    for at_s, program in programs[1:]:
        if program != running:
            lines.append(f'        <wautSwitch time="{at_s}" to={quoteattr(program)}/>')
            running = program
    return [
        *lines,
        "    </WAUT>",
        f"    <wautJunction wautID={quoteattr(name)} junctionID={quoteattr(signal_id)}/>",
    ]


def _write(path: Path, lines: list[str]) -> None:
    head = ['<?xml version="1.0" encoding="UTF-8"?>', "<additional>"]
    try:
        replace_file(path, "\n".join([*head, *lines, "</additional>"]) + "\n")
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise PlanError(f"{path}: a name is not valid text ({error})") from error


def _seconds(duration_ds: int) -> str:
    whole, tenth = divmod(duration_ds, TENTHS_PER_SECOND)
    return f"{whole}.{tenth}" if tenth else str(whole)
