"""Plans as a SUMO additional file: a complete static program for every planned signal."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

from network.errors import PlanError
from network.files import phasing_of, replace_file
from network.graph import RoadNetwork
from network.timing import PlanSet
from network.units import TENTHS_PER_SECOND


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
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<additional>"]
    for plan in plan_set.plans:
        phasing = phasing_of(plan, network, str(path))
        if network.signals[plan.signal_id].program_id == program_id:
            raise PlanError(
                f"{path}: signal {plan.signal_id!r} has a program {program_id!r} already; "
                "choose another program_id"
            )
        lines.append(
            f'    <tlLogic id={quoteattr(plan.signal_id)} type="static" '
            f'programID={quoteattr(program_id)} offset="{plan.begin_s(phasing)}">'
        )
        lines.extend(
            f'        <phase duration="{_seconds(interval.duration_ds)}" '
            f'state="{interval.aspects}"/>'
            for interval in plan.intervals(phasing)
        )
        lines.append("    </tlLogic>")
    lines.append("</additional>")
    try:
        replace_file(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise PlanError(f"{path}: a name is not valid text ({error})") from error


def _seconds(duration_ds: int) -> str:
    whole, tenth = divmod(duration_ds, TENTHS_PER_SECOND)
    return f"{whole}.{tenth}" if tenth else str(whole)
