"""Phases of UTDF's phase sheet."""

from __future__ import annotations

from collections.abc import Mapping

from network.errors import FormatError
from network.inventory_signals import ControllerPhase
from network.readers.utdf_columns import key_of
from network.readers.utdf_tables import Record, Tables, whole_in
from network.units import TENTHS_PER_SECOND, tenths

RECALLS = ("none", "min", "ped", "max", "walk")
"""Recall modes by their code."""
LONGEST_S = 3600.0
KEYS = frozenset(("RECORDNAME", "INTID"))
PHASE_RECORDS = frozenset(
    key_of(name)
    for name in (
        *("BRP", "MinGreen", "MaxGreen", "VehExt", "TimeBeforeReduce", "TimeToReduce", "MinGap"),
        *("Yellow", "AllRed", "Recall", "Walk", "DontWalk", "PedCalls", "MinSplit", "DualEntry"),
        *("InhibitMax", "Start", "End", "Split"),
    )
)


def read_phases(tables: Tables, sheet: Mapping[str, Record]) -> tuple[ControllerPhase, ...]:
    """Read an intersection's phases.

    A column is a phase where it has a minimum or maximum green or a yellow.

    Raises
    ------
    FormatError
        If two phases stand in one place, or one lacks a place, a minimum green or a clearance.
    """
    brp = sheet["brp"]
    essentials = [sheet[name] for name in ("mingreen", "maxgreen", "yellow") if name in sheet]
    used = sorted(
        {column for record in essentials for column, _ in record.filled()} - KEYS,
        key=lambda column: int(column[1:]),
    )
    phases: list[ControllerPhase] = []
    places: dict[tuple[int, int, int], int] = {}
    for column in used:
        code = brp.whole(column, 111, 999)
        place = (0, 0, 0) if code is None else (code // 100, code // 10 % 10, code % 10)
        if 0 in place:
            raise brp.bad(column, "three digits from 1: barrier, ring and position of the phase")
        number = int(column[1:])
        if places.setdefault(place, number) != number:
            raise brp.bad(
                column, f"a place of its own; phase {places[place]} stands there, so they overlap"
            )
        phases.append(_phase(tables, sheet, number, place))
    if not phases:
        raise FormatError(f"{brp.path}, line {brp.line}: intersection {brp.node} has no phase")
    return tuple(phases)


def _phase(
    tables: Tables, sheet: Mapping[str, Record], number: int, place: tuple[int, int, int]
) -> ControllerPhase:
    column = f"D{number}"
    times = {
        name: tenths_in(tables, sheet, name, column)
        for name in (
            *("mingreen", "yellow", "allred", "maxgreen", "vehext", "walk", "dontwalk"),
            *("minsplit", "mingap", "timebeforereduce", "timetoreduce"),
        )
    }
    for name, setting in (("yellow", "yellowtime"), ("allred", "allredtime")):
        default = tables.settings.get(setting)
        if times[name] is None and default is not None:
            seconds = default.number("DATA", 0, LONGEST_S)
            times[name] = None if seconds is None else tenths(seconds)
            tables.findings.append(
                f"Phase {number} of intersection {sheet['brp'].node} has no "
                f"{'Yellow' if name == 'yellow' else 'AllRed'}; the network's setting was taken."
            )
    for name, title in (("mingreen", "MinGreen"), ("yellow", "Yellow"), ("allred", "AllRed")):
        if times[name] is None:
            record = sheet.get(name, sheet["brp"])
            raise FormatError(
                f"{record.path}, line {record.line}, column {column}: phase {number} of "
                f"intersection {record.node} has no {title}; allowed is a number of seconds"
            )
    recall = whole_in(sheet, "recall", column, len(RECALLS) - 1)
    dual, inhibit = (whole_in(sheet, name, column, 1) for name in ("dualentry", "inhibitmax"))
    calls = sheet["pedcalls"].number(column, 0, 1e6) if "pedcalls" in sheet else None
    barrier, ring, position = place
    return ControllerPhase(
        number,
        ring,
        barrier,
        position,
        times["mingreen"] or 0,
        times["yellow"] or 0,
        times["allred"] or 0,
        max_green_ds=times["maxgreen"],
        extension_ds=times["vehext"],
        walk_ds=times["walk"],
        ped_clear_ds=times["dontwalk"],
        recall="" if recall is None else RECALLS[recall],
        dual_entry=None if dual is None else bool(dual),
        min_split_ds=times["minsplit"],
        min_gap_ds=times["mingap"],
        time_before_reduce_ds=times["timebeforereduce"],
        time_to_reduce_ds=times["timetoreduce"],
        inhibit_max=None if inhibit is None else bool(inhibit),
        ped_calls_ph=calls,
    )


def tenths_in(tables: Tables, sheet: Mapping[str, Record], name: str, column: str) -> int | None:
    """Return a time of a sheet in tenths of a second, None where the sheet has none."""
    record = sheet.get(name)
    seconds = None if record is None else record.number(column, 0.0, LONGEST_S)
    if record is None or seconds is None:
        return None
    value = tenths(seconds)
    if abs(value - seconds * TENTHS_PER_SECOND) > 1e-6:
        tables.findings.append(
            f"{record.place(column)}: {record.text(column)} s was rounded to tenths of a second."
        )
    return value
