"""SUMO programs written from plans, compared with what SUMO then shows."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from network.day_plan import FLASH, FREE, Action, CalendarRule, DayPlan, ScheduledPlan
from network.errors import PlanError
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.safety import require_safe
from network.schedule import DaySchedule
from network.sumo_tls import write_sumo_plan, write_sumo_schedule
from network.timeline import watch
from network.timing import CoordinationGroup, PlanSet, TimingPlan
from tests.network import streets
from tests.network.days import daily

PLAYED_S = 250


def in_force(network: RoadNetwork) -> PlanSet:
    plans = (s.plan_in_force for s in network.signals.values() if s.exact and not s.left_alone)
    return PlanSet(network.name, tuple(plan for plan in plans if plan), {})


def lamps(
    files: list[Path], signals: list[str], begin_s: int, folder: Path, played_s: int = PLAYED_S
) -> dict[str, list[str]]:
    """Let SUMO run and report every lamp of every second."""
    sumo = pytest.importorskip("sumo")
    folder.mkdir()
    events = "".join(
        f'<timedEvent type="SaveTLSStates" source="{signal}" dest="{number}.xml"/>'
        for number, signal in enumerate(signals)
    )
    (folder / "record.add.xml").write_text(f"<additional>{events}</additional>")
    additional = ",".join(str(file) for file in [*files[1:], folder / "record.add.xml"])
    arguments = f"-b {begin_s} -e {begin_s + played_s} --no-step-log --xml-validation never"
    program = Path(sumo.SUMO_HOME) / "bin" / "sumo"
    subprocess.run(
        [program, "-n", files[0], "-a", additional, *arguments.split()],
        check=True,
        capture_output=True,
        env={**os.environ, "SUMO_HOME": sumo.SUMO_HOME},
    )
    return {
        signal: [
            entry.attrib["state"]
            for entry in ElementTree.parse(folder / f"{number}.xml").getroot().iter("tlsState")
        ]
        for number, signal in enumerate(signals)
    }


@pytest.mark.sumo
@pytest.mark.parametrize("name", ["cologne8", "bologna", "ingolstadt7"])
def test_the_plan_in_force_written_by_us_shows_the_lamps_of_the_original(
    name: str, tmp_path: Path
) -> None:
    files, network = streets.files_of(name), streets.network(name)
    plans = in_force(network)
    signals = [plan.signal_id for plan in plans.plans]
    write_sumo_plan(tmp_path / "plan.add.xml", plans, network)
    # A begin that no cycle divides: offsets count from second zero all the same.
    original = lamps(files, signals, 25217, tmp_path / "original")
    ours = lamps([*files, tmp_path / "plan.add.xml"], signals, 25217, tmp_path / "ours")
    assert len(original[signals[0]]) == PLAYED_S
    assert ours == original


@pytest.mark.sumo
def test_the_coordinated_phase_begins_green_at_the_offset(tmp_path: Path) -> None:
    network = streets.network("cologne8")
    shifted = tuple(
        replace(plan, offset_s=(17 * number) % plan.cycle_s)
        for number, plan in enumerate(in_force(network).plans)
    )
    write_sumo_plan(tmp_path / "plan.add.xml", PlanSet("s", shifted, {}), network)
    files = [*streets.files_of("cologne8"), tmp_path / "plan.add.xml"]
    shown = lamps(files, [plan.signal_id for plan in shifted], 25217, tmp_path / "sumo")
    for plan in shifted:
        phasing = network.signals[plan.signal_id].phasing
        assert phasing is not None
        green = phasing.phase(plan.coordinated_phase).aspects
        states = shown[plan.signal_id]
        begins = {
            (25217 + second) % plan.cycle_s
            for second in range(1, PLAYED_S)
            if states[second] == green and states[second - 1] != green
        }
        assert begins == {plan.offset_s}


def halved(signal: Signal, cycle_s: int) -> TimingPlan | None:
    """Give a signal a plan at half a cycle, every phase its least but the first; None if short."""
    plan, phasing = signal.plan_in_force, signal.phasing
    assert plan is not None
    assert phasing is not None
    least = [phasing.phase(number).min_split_s for number in plan.sequence]
    if cycle_s % 2 or sum(least) > cycle_s // 2 or len(phasing.rings) > 1:
        return None
    splits = (cycle_s // 2 - sum(least[1:]), *least[1:])
    return replace(plan, cycle_s=cycle_s // 2, splits_s=splits, offset_s=13)


@pytest.mark.sumo
def test_signals_with_half_their_groups_cycle_repeat_twice_as_often_and_in_step(
    tmp_path: Path,
) -> None:
    network = streets.network("cologne8")
    plans = {plan.signal_id: plan for plan in in_force(network).plans}
    cycle_s = max(plan.cycle_s for plan in plans.values())
    whole = {name: plan for name, plan in plans.items() if plan.cycle_s == cycle_s}
    quick = {
        name: plan
        for name in sorted(whole)[::2]
        if (plan := halved(network.signals[name], cycle_s)) is not None
    }
    assert quick
    assert len(quick) < len(whole)
    both = {**whole, **quick}
    plan_set = PlanSet("s", tuple(both.values()), {}, (CoordinationGroup(cycle_s, tuple(both)),))
    require_safe(plan_set, network)
    assert not [seen for name, plan in both.items() for seen in watch(plan, network.signals[name])]
    write_sumo_plan(tmp_path / "plan.add.xml", plan_set, network)
    files = [*streets.files_of("cologne8"), tmp_path / "plan.add.xml"]
    played = lamps(files, sorted(both), 25217, tmp_path / "sumo", 3 * cycle_s)
    for name, plan in both.items():
        phasing = network.signals[name].phasing
        assert phasing is not None
        # From system zero on, like everybody's: that keeps the halves in step with the wholes.
        expected = [shown(plan, phasing, 25217 + second) for second in range(3 * cycle_s)]
        assert played[name] == expected
        again = played[name][cycle_s // 2 :] == played[name][: -cycle_s // 2]
        assert again == (name in quick)


def programs(
    files: list[Path], signals: list[str], begin_s: int, end_s: int, folder: Path
) -> dict[str, dict[int, tuple[str, str]]]:
    """Let SUMO run and report program and lamps of every second."""
    lamps(files, signals, begin_s, folder, end_s - begin_s)
    return {
        signal: {
            round(float(entry.attrib["time"])): (entry.attrib["programID"], entry.attrib["state"])
            for entry in ElementTree.parse(folder / f"{number}.xml").getroot().iter("tlsState")
        }
        for number, signal in enumerate(signals)
    }


def shown(plan: TimingPlan, phasing: Phasing, second: int) -> str:
    """Aspects of a plan at a second of the simulation."""
    left_ds = (second - plan.begin_s(phasing)) % plan.cycle_s * 10
    for interval in plan.intervals(phasing):
        if left_ds < interval.duration_ds:
            return interval.aspects
        left_ds -= interval.duration_ds
    raise AssertionError("a plan shows nothing")


DAY_S = 86_400
BEGIN_S = DAY_S - 217


def night() -> DaySchedule:
    """Everything that a schedule can do, around midnight."""
    before = [Action(0, "am"), Action(DAY_S - 100, "pm"), Action(DAY_S - 41, FLASH)]
    after = [Action(0, FREE), Action(60, "am"), Action(137, "pm")]
    return DaySchedule(
        "night",
        "UTC",
        {"am": ScheduledPlan("am", 1), "pm": ScheduledPlan("pm", 2)},
        {"before": DayPlan("before", tuple(before)), "after": DayPlan("after", tuple(after))},
        (
            CalendarRule("before", frozenset((0,))),
            CalendarRule("after", frozenset(range(1, 7))),
        ),
    )


@pytest.mark.sumo
def test_sumo_switches_programs_at_the_second_the_schedule_says(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network).plans
    sets = {
        "am": PlanSet("am", tuple(_shifted(plan, 13) for plan in plans), {}),
        "pm": PlanSet("pm", tuple(_shifted(plan, 29) for plan in plans[:-1]), {}),
    }
    write_sumo_schedule(
        *(tmp_path / "day.add.xml", night(), sets, network, date(2026, 1, 5)),
        *(BEGIN_S, BEGIN_S + 400),
    )
    files = [*streets.files_of("cologne3"), tmp_path / "day.add.xml"]
    signals = [plan.signal_id for plan in plans]
    found = programs(files, signals, BEGIN_S, BEGIN_S + 400, tmp_path / "sumo")
    due = [(BEGIN_S, "am"), (DAY_S - 100, "pm"), (DAY_S - 41, "off"), (DAY_S, "")]
    due += [(DAY_S + 60, "am"), (DAY_S + 137, "pm")]
    for plan in plans:
        own = network.signals[plan.signal_id]
        assert own.phasing is not None
        assert sorted(found[plan.signal_id]) == list(range(BEGIN_S, BEGIN_S + 400))
        for second, (program, state) in found[plan.signal_id].items():
            name = [run for at_s, run in due if at_s <= second][-1]
            if name == "pm" and plan is plans[-1]:
                name = ""  # left alone by that plan: back to the program in force
            running = sets[name].plan(plan.signal_id) if name in sets else plan
            assert running is not None
            if name == "off":
                assert program == "off"
                assert set(state) <= set("oO")
            else:
                assert program == (f"throughband-{name}" if name else own.program_id)
                assert state == shown(running, own.phasing, second)


def _shifted(plan: TimingPlan, by_s: int) -> TimingPlan:
    return replace(plan, offset_s=(plan.offset_s + by_s) % plan.cycle_s)


def test_a_night_in_which_the_clock_is_set_counts_on_evenly(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    sets = {"a": in_force(network), "b": in_force(network)}
    schedule = daily("Europe/Berlin", (0, "a"), (3 * 3600, "b"), (4 * 3600, "a"))
    for day, times in ((date(2026, 3, 29), ["7200", "10800"]), (date(2026, 6, 1), None)):
        write_sumo_schedule(tmp_path / "x", schedule, sets, network, day, 0, 20_000)
        waut = ElementTree.parse(tmp_path / "x").getroot().find("WAUT")
        assert waut is not None
        found = [switch.attrib["time"] for switch in waut.iter("wautSwitch")]
        assert found == (times or ["10800", "14400"])


def test_a_schedule_that_cannot_run_is_not_written(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network)
    schedule = daily("UTC", (0, "a"), (60, FREE))

    def write(sets: dict[str, PlanSet], begin_s: int = 0, prefix: str = "p-") -> None:
        day = date(2026, 1, 1)
        write_sumo_schedule(
            *(tmp_path / "x.add.xml", schedule, sets, network, day, begin_s, 900, prefix)
        )

    foreign = PlanSet("s", (replace(plans.plans[0], signal_id="elsewhere"),), {})
    taken = network.signals[plans.plans[0].signal_id].program_id
    with pytest.raises(PlanError, match="plan 'a' of 'daily' is not given"):
        write({})
    with pytest.raises(PlanError, match="no signal 'elsewhere'"):
        write({"a": foreign})
    with pytest.raises(PlanError, match="allowed is 0 or more"):
        write({"a": plans}, begin_s=900)
    schedule = daily("UTC", (0, taken), (60, FREE))
    with pytest.raises(PlanError, match="already"):
        write({taken: plans}, prefix="")
    assert not list(tmp_path.iterdir())


def test_the_file_is_deterministic_and_complete(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network)
    for name in ("one", "two"):
        write_sumo_plan(tmp_path / name, plans, network, program_id='a"b')
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    programs = ElementTree.parse(tmp_path / "one").getroot().findall("tlLogic")
    assert [program.get("id") for program in programs] == [p.signal_id for p in plans.plans]
    assert programs[0].get("programID") == 'a"b'
    total_s = sum(float(phase.attrib["duration"]) for phase in programs[0].iter("phase"))
    assert total_s == plans.plans[0].cycle_s


def test_a_taken_program_name_or_a_foreign_plan_is_refused(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network)
    taken = network.signals[plans.plans[0].signal_id].program_id
    with pytest.raises(PlanError, match="already"):
        write_sumo_plan(tmp_path / "plan.add.xml", plans, network, program_id=taken)
    foreign = PlanSet("s", (replace(plans.plans[0], signal_id="elsewhere"),), {})
    with pytest.raises(PlanError, match="no signal 'elsewhere'"):
        write_sumo_plan(tmp_path / "plan.add.xml", foreign, network)
    with pytest.raises(PlanError, match="cannot be written"):
        write_sumo_plan(tmp_path / "no" / "plan.add.xml", plans, network)
    assert not list(tmp_path.iterdir())
