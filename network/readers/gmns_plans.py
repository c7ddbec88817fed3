"""Phases and splits of one controller in one GMNS plan, and what GMNS leaves open about them.

GMNS gives the sum of yellow and red clearance, and no splits. Yellow is taken from the kinematic
formula, the rest of the clearance is red; the split of a coordinated phase is its maximum green
plus clearance. All of that is said in the findings, and a folder written by us says it itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from network.inventory import Street
from network.inventory_signals import ControllerPhase
from network.readers.gmns_extras import read_extras, seconds_text
from network.readers.gmns_phases import MOST_PHASES
from network.readers.gmns_tables import Row
from network.units import TENTHS_PER_SECOND

PERCEPTION_S: Final = 1.0
DECELERATION_MPS2: Final = 3.05
GRAVITY_MPS2: Final = 9.81
LEAST_YELLOW_DS: Final = 30
"""ITE, Guidelines for Determining Traffic Signal Change and Clearance Intervals (2020): 1 s to
perceive and react, 10 ft/s2 to brake; MUTCD 4D.26 (2009): no yellow below 3 s."""

RED_CLEAR_DS: Final = 10
MIN_GREEN_DS: Final = 50
"""Taken where the file is silent: a second of red clearance, five of green."""

LONGEST_S: Final = 3600.0


def yellow_ds(speed_mps: float, grade_percent: float) -> int:
    """Return the yellow change interval of the kinematic formula, in tenths of a second.

    Parameters
    ----------
    speed_mps
        Approach speed, m/s.
    grade_percent
        Grade of the approach, uphill positive, from -20 on.

    Returns
    -------
    int
        ``t + v / (2a + 2Gg)``, rounded up to a tenth, at least 3 s.

    Notes
    -----
    Source: ITE, Guidelines for Determining Traffic Signal Change and Clearance Intervals (2020),
    equation 1, with v the approach speed. Turning traffic, slower than that, is not treated apart.
    """
    grade = max(grade_percent, -20.0) / 100
    braking_s = speed_mps / (2 * DECELERATION_MPS2 + 2 * grade * GRAVITY_MPS2)
    exact = (PERCEPTION_S + braking_s) * TENTHS_PER_SECOND
    return max(LEAST_YELLOW_DS, ceil(round(exact, 6)))


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """A phase and the row it comes from."""

    row: Row
    phase: ControllerPhase
    max_green_ds: int


def read_phases(
    rows: Sequence[Row], approaches: Mapping[int, Iterable[Street]], own_yellow: bool
) -> tuple[PhaseRow, ...]:
    """Read the phases of one controller in one plan.

    Parameters
    ----------
    rows
        Its rows of the signal_timing_phase table.
    approaches
        The links that each phase serves, by number.
    own_yellow
        Whether the table has our column of yellow.

    Returns
    -------
    tuple[PhaseRow, ...]

    Raises
    ------
    FormatError
        If a time cannot be.
    """
    known = [ds for row in rows if (ds := row.tenths("clearance", LONGEST_S)) is not None]
    found = []
    for position, row in enumerate(rows, start=1):
        number = row.need_whole("signal_phase_num", 0, MOST_PHASES)
        yellow, red = _clearance(row, tuple(approaches.get(number, ())), known, own_yellow)
        ring, barrier, place = _place(row, position)
        max_green = row.tenths("max_green", LONGEST_S)
        min_green = row.tenths("min_green", LONGEST_S)
        if min_green is None:
            min_green = min(MIN_GREEN_DS, max_green) if max_green is not None else MIN_GREEN_DS
            row.note("min_green", f"missing; {min_green / TENTHS_PER_SECOND:g} s is taken")
        if max_green is not None and max_green < min_green:
            row.note("max_green", "below the minimum green")
        phase = ControllerPhase(
            number,
            ring,
            barrier,
            place,
            min_green,
            yellow,
            red,
            max_green,
            row.tenths("extension", LONGEST_S),
            row.tenths("walk_time", LONGEST_S),
            row.tenths("ped_clearance", LONGEST_S),
            **read_extras(row, ControllerPhase),
        )
        found.append(PhaseRow(row, phase, min_green if max_green is None else max_green))
    return tuple(found)


def _clearance(
    row: Row, approaches: tuple[Street, ...], known: Sequence[int], own_yellow: bool
) -> tuple[int, int]:
    """Return yellow and red clearance."""
    clearance = row.tenths("clearance", LONGEST_S)
    given = row.tenths("opt_yellow", LONGEST_S) if own_yellow else None
    if given is not None and clearance is not None:
        if given > clearance:
            raise row.fault("opt_yellow", "a yellow no longer than the clearance it is part of")
        return given, clearance - given
    speed_mps = max((link.speed_mps for link in approaches), default=0.0)
    grade = min((link.grade_percent or 0.0 for link in approaches), default=0.0)
    yellow = yellow_ds(speed_mps, grade)
    if clearance is None:
        clearance = max(known, default=yellow + RED_CLEAR_DS)
        longest = (
            "the longest of the other phases" if known else "a kinematic yellow and 1 s of red"
        )
        row.note("clearance", f"missing; {longest} is taken")
    row.note("clearance", "split: a yellow after the kinematic formula, the rest is red clearance")
    return min(yellow, clearance), clearance - min(yellow, clearance)


def _place(row: Row, position: int) -> tuple[int, int, int]:
    cell = [row.whole(column, 0, 64) for column in ("ring", "barrier", "position")]
    if None in cell:
        row.note("ring", "ring, barrier or position missing; one ring in the order of the rows")
        return 1, 1, position
    return cell[0] or 0, cell[1] or 0, cell[2] or 0


def splits_of(phases: Sequence[PhaseRow], own_splits: bool) -> dict[int, int]:
    """Return the splits of a plan with a cycle, by phase, in tenths of a second."""
    if own_splits:
        given = {each.phase.number: each.row.tenths("opt_split", LONGEST_S) for each in phases}
        return {number: split for number, split in given.items() if split is not None}
    return {
        each.phase.number: each.max_green_ds + each.phase.yellow_ds + each.phase.red_clear_ds
        for each in phases
    }


def fills(phases: Sequence[ControllerPhase], splits_ds: Mapping[int, int], cycle_ds: int) -> bool:
    """Tell whether rings meet at every barrier and fill the cycle."""
    return _length(phases, splits_ds) == cycle_ds


def _length(phases: Sequence[ControllerPhase], splits_ds: Mapping[int, int]) -> int | None:
    """Return the time all barriers take, or None where rings do not meet at one."""
    times: dict[int, dict[int, int]] = {}
    for phase in phases:
        ring = times.setdefault(phase.barrier, {})
        ring[phase.ring] = ring.get(phase.ring, 0) + splits_ds[phase.number]
    if any(len(set(rings.values())) > 1 for rings in times.values()):
        return None
    return sum(next(iter(rings.values())) for rings in times.values())


def mend_rings(
    phases: Sequence[PhaseRow], others: Iterable[Sequence[ControllerPhase]], cycle_ds: int
) -> tuple[ControllerPhase, ...]:
    """Return the phases of a coordinated plan, placed so that the rings fill its cycle.

    Where they do not as they stand, and would with ring, barrier and position of another plan of
    the controller, those are taken: the same phases cannot run in rings of unequal length. Where
    no plan helps, the phases stay and a finding says so.
    """
    plain = tuple(each.phase for each in phases)
    splits = splits_of(phases, False)
    if not phases or fills(plain, splits, cycle_ds):
        return plain
    for other in others:
        cells = {phase.number: phase for phase in other}
        if set(cells) != set(splits):
            continue
        moved = tuple(
            replace(
                phase,
                ring=cells[phase.number].ring,
                barrier=cells[phase.number].barrier,
                position=cells[phase.number].position,
            )
            for phase in plain
        )
        if fills(moved, splits, cycle_ds):
            for each in phases:
                each.row.note(
                    "ring",
                    "rings as given do not fill the cycle; ring, barrier and position of another "
                    "plan of the controller do, and are taken",
                )
            return moved
    length = _length(plain, splits)
    each_s = "rings of unequal length" if length is None else f"{seconds_text(length)} s"
    phases[0].row.note(
        "max_green",
        f"greens and clearances of the plan make {each_s}, its cycle is {seconds_text(cycle_ds)} s",
    )
    return plain
