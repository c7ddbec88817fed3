"""Signal programs of SUMO files, turned into phases and the plan in force.

A SUMO program is a list of pictures of the signal. Those that show green and nothing changing
are phases; yellow, all-red and short in-between pictures are the clearance of the phase before
them. Pictures that repeat are one. A picture that shows less than five seconds of green counts
as a phase only when some signal group gets its green nowhere beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from network.errors import FormatError, NetworkError
from network.phasing import GREEN_ASPECTS, STEADY_ASPECTS, Interval, Phase, Phasing
from network.readers.xml_files import iterate_elements
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND, tenths

DEFAULT_MIN_GREEN_S = 5
DEFAULT_YELLOW_DS = 30
SHORTEST_PHASE_DS = 50


@dataclass(frozen=True, slots=True)
class Picture:
    """One entry of a SUMO program; `next_index` is None where the list order holds."""

    aspects: str
    duration_ds: int
    min_duration_ds: int | None
    next_index: int | None


@dataclass(frozen=True, slots=True)
class SumoProgram:
    """A signal program as written in a file."""

    signal_id: str
    program_id: str
    kind: str
    offset_s: float
    pictures: tuple[Picture, ...]


def read_programs(paths: Iterable[Path]) -> dict[str, SumoProgram]:
    """Read the program in force of every signal: the last one loaded.

    Parameters
    ----------
    paths
        The network file, then additional files in the order SUMO loads them; plain or gzipped.

    Returns
    -------
    dict
        By signal.

    Raises
    ------
    FormatError
        If a file or a number in it cannot be read.
    """
    programs: dict[str, SumoProgram] = {}
    for path in paths:
        for element in iterate_elements(path, {"tlLogic"}):
            signal_id = element.get("id", "")
            try:
                programs[signal_id] = SumoProgram(
                    signal_id,
                    element.get("programID", ""),
                    element.get("type", "static"),
                    float(element.get("offset", "0")),
                    tuple(
                        Picture(
                            phase.attrib["state"],
                            tenths(float(phase.get("duration", phase.get("minDur", "")))),
                            tenths(float(phase.attrib["minDur"]))
                            if "minDur" in phase.attrib
                            else None,
                            int(phase.attrib["next"].split()[0]) if phase.get("next") else None,
                        )
                        for phase in element.findall("phase")
                    ),
                )
            except (KeyError, ValueError) as error:
                raise FormatError(
                    f"{path}: signal {signal_id!r} has a phase that cannot be read ({error}); "
                    "expected state and duration in seconds"
                ) from error
    return programs


def interpret(
    program: SumoProgram, walkers: frozenset[int] = frozenset()
) -> tuple[Phasing, TimingPlan, bool]:
    """Turn a program into phases and the plan in force.

    Parameters
    ----------
    program
        As read.
    walkers
        Signal groups that no vehicle listens to: pedestrian crossings. Walk and pedestrian
        clearance times are not known apart, so a phase that shows or has just ended a walk keeps
        the green it has in force as its minimum.

    Returns
    -------
    phasing : Phasing
    plan : TimingPlan
        In whole seconds, offset to the beginning of the coordinated phase's green. The
        coordinated phase is the one with the longest green.
    exact : bool
        Whether the plan shows the program to the tenth of a second.

    Raises
    ------
    NetworkError
        If the program is not a cycle of phases; the text is the reason to leave it alone.
    """
    if program.kind not in ("static", "actuated", "delay_based"):
        raise NetworkError(f"its program is of type {program.kind}")
    pictures = _in_running_order(program)
    lead_ds, pictures = _merge(pictures)
    starts = _phase_positions(pictures)
    if len(starts) < 2:
        raise NetworkError(f"its program has {len(starts)} phase, so there is nothing to time")
    # Begin with the first phase at or after the program's start.
    lead_ds += sum(picture.duration_ds for picture in pictures[: starts[0]])
    pictures = pictures[starts[0] :] + pictures[: starts[0]]
    starts = [start - starts[0] for start in starts]
    return _assemble(program, pictures, starts, lead_ds, walkers)


def _in_running_order(program: SumoProgram) -> list[Picture]:
    widths = {len(picture.aspects) for picture in program.pictures}
    if len(widths) > 1:
        raise NetworkError(f"its phases disagree on the number of signal groups: {sorted(widths)}")
    ordered: list[Picture] = []
    index = 0
    for _ in program.pictures:
        picture = program.pictures[index]
        if set(picture.aspects) - (STEADY_ASPECTS | set("yu")):
            raise NetworkError(
                f"its program shows {picture.aspects!r}, which is not a steady cycle"
            )
        ordered.append(picture)
        index = (
            (index + 1) % len(program.pictures)
            if picture.next_index is None
            else picture.next_index
        )
        if not 0 <= index < len(program.pictures):
            raise NetworkError(f"its program jumps to phase {index}, which does not exist")
        if index == 0:
            break
    if not ordered or index != 0:
        raise NetworkError("its program does not come back to its first phase")
    return [picture for picture in ordered if picture.duration_ds > 0]


def _merge(pictures: list[Picture]) -> tuple[int, list[Picture]]:
    """Join repeated pictures; return also what of the first one lies before the start."""
    merged: list[Picture] = []
    for picture in pictures:
        if merged and merged[-1].aspects == picture.aspects:
            merged[-1] = _joined(merged[-1], picture)
        else:
            merged.append(picture)
    if len(merged) > 1 and merged[0].aspects == merged[-1].aspects:
        tail = merged.pop()
        merged[0] = _joined(tail, merged[0])
        return -tail.duration_ds, merged
    return 0, merged


def _joined(first: Picture, second: Picture) -> Picture:
    minimum = None
    if first.min_duration_ds is not None and second.min_duration_ds is not None:
        minimum = first.min_duration_ds + second.min_duration_ds
    return Picture(first.aspects, first.duration_ds + second.duration_ds, minimum, None)


def _greens(picture: Picture) -> frozenset[int]:
    return frozenset(i for i, aspect in enumerate(picture.aspects) if aspect in GREEN_ASPECTS)


def _phase_positions(pictures: list[Picture]) -> list[int]:
    steady = [
        i for i, p in enumerate(pictures) if _greens(p) and not set(p.aspects) - STEADY_ASPECTS
    ]
    long = [i for i in steady if pictures[i].duration_ds >= SHORTEST_PHASE_DS]
    kept = list(long)
    for i in steady:
        if i in long:
            continue
        before = max((j for j in long if j < i), default=long[-1] if long else i)
        after = min((j for j in long if j > i), default=long[0] if long else i)
        beside = _greens(pictures[before]) | _greens(pictures[after])
        if before == i or after == i or _greens(pictures[i]) - beside:
            kept.append(i)
    return sorted(kept)


def _clearance(pictures: list[Picture]) -> tuple[list[Interval], int, int]:
    """Return the clearance in whole seconds with its yellow and red parts, in tenths."""
    intervals = [Interval(p.aspects, p.duration_ds) for p in pictures]
    if not intervals:
        return [], 0, 0
    total_ds = sum(interval.duration_ds for interval in intervals)
    short_ds = -total_ds % TENTHS_PER_SECOND
    last = intervals[-1]
    intervals[-1] = Interval(last.aspects, last.duration_ds + short_ds)
    yellow_ds = elapsed_ds = 0
    for interval in intervals:
        elapsed_ds += interval.duration_ds
        if "y" in interval.aspects:
            yellow_ds = elapsed_ds
    return intervals, yellow_ds, total_ds + short_ds - yellow_ds


def _assemble(
    program: SumoProgram,
    pictures: list[Picture],
    starts: list[int],
    lead_ds: int,
    walkers: frozenset[int],
) -> tuple[Phasing, TimingPlan, bool]:
    stops = [*starts[1:], len(pictures)]
    cleared = [
        _clearance(pictures[start + 1 : stop]) for start, stop in zip(starts, stops, strict=True)
    ]
    shown = [(yellow_ds, red_ds) for intervals, yellow_ds, red_ds in cleared if intervals]
    # A phase that runs into the next without clearing has none of its own in the file; when its
    # successor is left out it needs one, and takes the longest yellow and red of its signal.
    spare_yellow_ds = max((yellow for yellow, _ in shown), default=0) or DEFAULT_YELLOW_DS
    spare_red_ds = max((red for _, red in shown), default=0)
    spare_red_ds += -(spare_yellow_ds + spare_red_ds) % TENTHS_PER_SECOND
    phases: list[Phase] = []
    fixed: dict[tuple[int, int], tuple[Interval, ...]] = {}
    greens_ds: list[int] = []
    for position, start in enumerate(starts):
        number = position + 1
        following = 1 if number == len(starts) else number + 1
        picture = pictures[start]
        intervals, yellow_ds, red_ds = cleared[position]
        green_ds = picture.duration_ds
        if not intervals:
            yellow_ds, red_ds = spare_yellow_ds, spare_red_ds
            intervals = [Interval(picture.aspects, yellow_ds + red_ds)]
            green_ds -= yellow_ds + red_ds
        if green_ds < TENTHS_PER_SECOND:
            raise NetworkError(f"phase {number} of its program is too short to be cleared lawfully")
        minimum_ds = picture.min_duration_ds
        if walkers & (_greens(picture) | _greens(pictures[starts[position - 1]])):
            minimum_ds = green_ds
        least_ds = DEFAULT_MIN_GREEN_S * TENTHS_PER_SECOND if minimum_ds is None else minimum_ds
        least_s = max(1, min(least_ds, green_ds) // TENTHS_PER_SECOND)
        phases.append(Phase(number, picture.aspects, least_s, yellow_ds, red_ds))
        fixed[number, following] = tuple(intervals)
        greens_ds.append(green_ds)
    phasing = Phasing(tuple(phases), fixed)
    greens_s = _whole_seconds(greens_ds, [phase.min_green_s for phase in phases])
    splits_s = tuple(
        green + phase.clearance_ds // TENTHS_PER_SECOND
        for green, phase in zip(greens_s, phases, strict=True)
    )
    cycle_s = sum(splits_s)
    coordinated = max(range(len(phases)), key=lambda i: (greens_s[i], -i))
    begin_ds = tenths(program.offset_s) + lead_ds
    begin_s = round(begin_ds / TENTHS_PER_SECOND)
    plan = TimingPlan(
        program.signal_id,
        cycle_s,
        tuple(phase.number for phase in phases),
        splits_s,
        (begin_s + sum(splits_s[:coordinated])) % cycle_s,
        phases[coordinated].number,
    )
    exact = (
        begin_ds == begin_s * TENTHS_PER_SECOND
        and cycle_s * TENTHS_PER_SECOND == sum(p.duration_ds for p in pictures)
        and all(g * TENTHS_PER_SECOND == ds for g, ds in zip(greens_s, greens_ds, strict=True))
    )
    return phasing, plan, exact and program.kind == "static"


def _whole_seconds(values_ds: list[int], least_s: list[int]) -> list[int]:
    """Round to whole seconds, the sum kept as close as the minimums allow."""
    rounded = [
        max(ds // TENTHS_PER_SECOND, low) for ds, low in zip(values_ds, least_s, strict=True)
    ]
    spare = round(sum(values_ds) / TENTHS_PER_SECOND) - sum(rounded)
    by_remainder = sorted(range(len(values_ds)), key=lambda i: (-(values_ds[i] % 10), i))
    for i in by_remainder[: max(0, spare)]:
        rounded[i] += 1
    return rounded
