"""Days of changing demand for SUMO: the trips of an hour, drawn again hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from engine.validate.simulator import SimulationCase
from network.errors import FormatError

DAY_SCATTER: Final = 0.08
"""Standard deviation of the logarithm of a day's traffic over the usual."""

WANDER: Final = 0.10
WANDER_S: Final = 2400.0
"""Each origin's traffic wanders within the day by so much, forgotten after so long."""

STEP_S: Final = 300

MOST: Final = 3.0
"""Traffic never is more than so many times the level of its hour."""


@dataclass(frozen=True, slots=True)
class Trips:
    """The trips of a route file, and what else stands in it.

    Attributes
    ----------
    head
        Lines that are no trips.
    lines
        Each trip's text before and after its name and departure.
    depart_s
        When they leave.
    origin
        Number of the road each leaves from.
    """

    head: tuple[str, ...]
    lines: tuple[tuple[str, str, str], ...]
    depart_s: tuple[float, ...]
    origin: tuple[int, ...]


def read_trips(file: Path) -> Trips:
    """Read the trips and vehicles of a route file.

    Raises
    ------
    FormatError
        If it has none, or is no XML.
    """
    head, lines, depart, roads = ['<?xml version="1.0" encoding="UTF-8"?>', "<routes>"], [], [], []
    try:
        elements = list(ElementTree.parse(file).getroot())
    except ElementTree.ParseError as error:
        raise FormatError(f"{file}: is no XML: {error}") from error
    for element in elements:
        text = ElementTree.tostring(element, encoding="unicode").strip()
        if element.tag not in ("trip", "vehicle"):
            head.append(text)
            continue
        route = element.find("route")
        edges = (element if route is None else route).get("edges", "").split()
        rest = "".join(
            f" {name}={quoteattr(value)}"
            for name, value in element.attrib.items()
            if name not in ("id", "depart", "arrival")
        )
        inside = "".join(ElementTree.tostring(child, encoding="unicode") for child in element)
        end = f">{inside}</{element.tag}>" if inside else "/>"
        # A trip stands on one line of what is drawn.
        lines.append((element.tag, rest, " ".join(end.split())))
        depart.append(float(element.get("depart", "nan")))
        roads.append(element.get("from") or (edges[0] if edges else ""))
    if not lines:
        raise FormatError(f"{file}: has no trips; needed are days to draw from them")
    row = {road: number for number, road in enumerate(sorted(set(roads)))}
    return Trips(tuple(head), tuple(lines), tuple(depart), tuple(row[road] for road in roads))


def draw_day(
    case: SimulationCase,
    trips: Trips,
    levels: Sequence[float],
    seed: int,
    file: Path,
    extra: Sequence[tuple[float, str]] = (),
    *,
    shape_kept: bool = False,
    clock_s: float | None = None,
    scatter: tuple[float, float] = (DAY_SCATTER, WANDER),
) -> SimulationCase:
    """Draw a day's trips and return the case that plays them.

    Every trip of the hour comes a random number of times, as often on average as the level of
    the hour says. The day has its own level, and each origin's traffic wanders.

    Parameters
    ----------
    case
        Of the hour; its window begins the day.
    trips
        Of that hour.
    levels
        Traffic of each hour of the day over that of the hour read.
    seed
        What to draw.
    file
        Route file to write.
    extra
        Further vehicles, when they leave and their text.
    shape_kept
        Whether trips keep their minute of the hour, give or take; else they spread over it.
    clock_s
        When the day begins; None for when the hour that was read does.
    scatter
        In place of `DAY_SCATTER` and `WANDER`.
    """
    rng = np.random.default_rng([seed, 71])
    begin_s = case.begin_s if clock_s is None else clock_s
    hour_s = case.end_s - case.begin_s
    depart = np.array(trips.depart_s) - case.begin_s
    # SUMO leaves out who would have left before it begins.
    within = np.flatnonzero((depart >= 0.0) & (depart < hour_s))
    depart, origin = depart[within], np.array(trips.origin)[within]
    steps = int(np.ceil(len(levels) * hour_s / STEP_S))
    kept = np.exp(-STEP_S / WANDER_S)
    shocks = rng.normal(0.0, scatter[1] * np.sqrt(1.0 - kept**2), (steps, int(origin.max()) + 1))
    wander = np.zeros_like(shocks)
    wander[0] = rng.normal(0.0, scatter[1], shocks.shape[1])
    for i in range(1, steps):
        wander[i] = kept * wander[i - 1] + shocks[i]
    day = rng.normal(0.0, scatter[0])
    rows: list[tuple[float, str]] = list(extra)
    for hour, level in enumerate(levels):
        # One draw each for the most that can come, thinned to the level of its moment.
        most = MOST * level
        copies = rng.poisson(most, depart.size)
        which = np.repeat(np.arange(depart.size), copies)
        at_s = rng.uniform(0.0, hour_s, which.size)
        if shape_kept:
            near = depart[which] + rng.normal(0.0, STEP_S / 2.0, which.size)
            at_s = np.clip(near, 0.0, hour_s - 1.0)
        at_s += hour * hour_s
        step = np.minimum((at_s / STEP_S).astype(int), steps - 1)
        chance = np.exp(day + wander[step, origin[which]]) / MOST
        stay = rng.random(which.size) < chance
        for number, (trip, due_s) in enumerate(zip(which[stay], at_s[stay], strict=True)):
            tag, before, after = trips.lines[within[trip]]
            due_s = round(begin_s + float(due_s), 1)
            rows.append((due_s, f'<{tag} id="h{hour}n{number}"{before} depart="{due_s}"{after}'))
    rows.sort(key=lambda row: row[0])
    file.write_text(
        "\n".join([*trips.head, *(text for _, text in rows), "</routes>", ""]), encoding="utf-8"
    )
    end_s = begin_s + hour_s * len(levels)
    return replace(case, route_files=(file,), begin_s=begin_s, end_s=end_s)
