"""Days of plans as SUMO additional files, every signal led from plan to plan as a controller does.

Where `network.sumo_tls.write_sumo_schedule` changes programs at once, which no controller does
and which cuts greens without a clearance, here each signal changes at its own time, by way of
programs that hold its correction cycles. So a simulation over a switch shows what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import quoteattr

from network.documents import replace_file
from network.errors import PlanError
from network.files import phasing_of
from network.graph import RoadNetwork
from network.phasing import Interval
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a signal runs from a second on.

    Attributes
    ----------
    program_id
        Name of its program; equal names mean equal programs.
    begin_s
        When it takes over, s after second zero.
    plans
        One plan: run in step with system zero for as long as nothing else takes over. Several:
        served once, one after the other, from `begin_s` on.
    once
        Whether the plans are served once.
    """

    program_id: str
    begin_s: int
    plans: tuple[TimingPlan, ...]
    once: bool = False


def write_sumo_day(
    path: Path, stretches: Mapping[str, Sequence[Stretch]], network: RoadNetwork
) -> None:
    """Write programs and the time switches (WAUT) between them; equal days give equal bytes.

    Parameters
    ----------
    path
        Where to: a ``*.add.xml``, to be loaded after the programs in force.
    stretches
        What each signal runs, in order of time; the first from the begin of the simulation on.
    network
        Where the plans belong.

    Raises
    ------
    PlanError
        If a plan does not belong to the network, times are out of order, a name is taken or
        means two programs, or the file cannot be written.
    """
    path = Path(path)
    lines: list[str] = []
    for signal_id in sorted(stretches):
        own = list(stretches[signal_id])
        if not own:
            raise PlanError(f"{path}: signal {signal_id!r} has nothing to run")
        programs: dict[str, list[str]] = {}
        for before, after in pairwise(own):
            if after.begin_s < before.begin_s:
                raise PlanError(
                    f"{path}: signal {signal_id!r} is to run {after.program_id!r} from "
                    f"{after.begin_s} s on, before {before.program_id!r} begins at "
                    f"{before.begin_s} s"
                )
        for stretch in own:
            text = _program(stretch, signal_id, network, str(path))
            if programs.setdefault(stretch.program_id, text) != text:
                raise PlanError(
                    f"{path}: {stretch.program_id!r} of signal {signal_id!r} means two programs"
                )
        for text in programs.values():
            lines += text
        lines += _time_switch(signal_id, own)
    head = ['<?xml version="1.0" encoding="UTF-8"?>', "<additional>"]
    try:
        replace_file(path, "\n".join([*head, *lines, "</additional>"]) + "\n")
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise PlanError(f"{path}: a name is not valid text ({error})") from error


def _program(stretch: Stretch, signal_id: str, network: RoadNetwork, where: str) -> list[str]:
    if any(plan.signal_id != signal_id for plan in stretch.plans) or not stretch.plans:
        raise PlanError(f"{where}: {stretch.program_id!r} of signal {signal_id!r} is not its own")
    if stretch.program_id in (network.signals[signal_id].program_id, "off"):
        raise PlanError(
            f"{where}: signal {signal_id!r} has a program {stretch.program_id!r} already"
        )
    phasings = [phasing_of(plan, network, where) for plan in stretch.plans]
    length_s = sum(plan.cycle_s for plan in stretch.plans)
    offset_s = stretch.begin_s % length_s if stretch.once else stretch.plans[0].begin_s(phasings[0])
    intervals: list[Interval] = []
    for plan, phasing in zip(stretch.plans, phasings, strict=True):
        intervals += plan.intervals(phasing)
    return [
        f'    <tlLogic id={quoteattr(signal_id)} type="static" '
        f'programID={quoteattr(stretch.program_id)} offset="{offset_s}">',
        *(
            f'        <phase duration="{_seconds(interval.duration_ds)}" '
            f'state="{interval.aspects}"/>'
            for interval in intervals
        ),
        "    </tlLogic>",
    ]


def _time_switch(signal_id: str, own: Sequence[Stretch]) -> list[str]:
    name = f"throughband-{signal_id}"
    # Without a period SUMO takes switches of the second day for the first.
    lines = [
        f'    <WAUT id={quoteattr(name)} refTime="0" period="0" '
        f"startProg={quoteattr(own[0].program_id)}>"
    ]
    for before, after in pairwise(own):
        if after.program_id != before.program_id:
            lines.append(
                f'        <wautSwitch time="{after.begin_s}" to={quoteattr(after.program_id)}/>'
            )
    return [
        *lines,
        "    </WAUT>",
        f"    <wautJunction wautID={quoteattr(name)} junctionID={quoteattr(signal_id)}/>",
    ]


def _seconds(duration_ds: int) -> str:
    whole, tenth = divmod(duration_ds, TENTHS_PER_SECOND)
    return f"{whole}.{tenth}" if tenth else str(whole)
