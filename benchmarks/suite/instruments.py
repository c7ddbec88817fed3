"""What a trip file does not tell: queues, blocked links, approaches, arrivals on green.

Every run carries the same instruments, laid from the network alone: lane-area detectors on the
lanes that end at signals, lane measures of SUMO's, loops ahead of the stop lines, and a record of
the lamps. They change nothing on the street.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement
from xml.sax.saxutils import unescape

import numpy as np

from engine.validate.simulator import SimulationCase
from network.errors import SimulationError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements

QUEUE_EVERY_S: Final = 60
FULL_PART: Final = 0.95
"""Of a lane's length that a queue covers when the lane counts as full."""
SHORTEST_LANE_M: Final = 30.0
"""Shorter lanes are parts of a stop line, and one car fills them."""
LOOP_AHEAD_M: Final = 60.0
LOOP_AHEAD_LEAST_M: Final = 15.0
FEWEST_VEHICLES: Final = 20
"""On an approach lane, for its mean delay to mean something."""
GREEN: Final = "Gg"
_ENTERED: Final = re.compile(rb'<instantOut id="ahead(\d+)" time="([\d.]+)" state="enter"')
_QUEUE: Final = re.compile(
    rb'<interval begin="([\d.]+)" end="[\d.]+"\s+id="queue(\d+)"[^>]*? '
    rb'maxJamLengthInMeters="([\d.]+)"'
)
_LAMPS: Final = re.compile(rb'<tlsState time="([\d.]+)" id="([^"]*)"[^>]*? state="([A-Za-z]+)"')


@dataclass(frozen=True, slots=True)
class StopLine:
    """A lane that ends at a signal.

    Attributes
    ----------
    lane
        Name in SUMO.
    signal
        That it ends at.
    groups
        Positions of its turns in the signal's state.
    length_m, speed_mps
        Length and free speed.
    ahead_m
        From its loop to the stop line; 0 where the lane is too short for one.
    """

    lane: str
    signal: str
    groups: tuple[int, ...]
    length_m: float
    speed_mps: float
    ahead_m: float


@dataclass(frozen=True, slots=True)
class Instruments:
    """Instruments in place, and where they write.

    Attributes
    ----------
    file
        Additional file for SUMO.
    lines
        What they stand at.
    folder
        Of their records.
    """

    file: Path
    lines: tuple[StopLine, ...]
    folder: Path


def stop_lines(network: RoadNetwork) -> tuple[StopLine, ...]:
    """List the lanes that end at signals, in the order of their names."""
    groups: dict[tuple[str, str, str], set[int]] = {}
    for movement in network.movements.values():
        for connection in movement.connections:
            lane = connection.connection_id.partition(">")[0]
            key = (lane, movement.from_link, movement.signal_id)
            groups.setdefault(key, set()).update(connection.groups)
    found = []
    for (lane, link, signal), positions in sorted(groups.items()):
        length_m = network.links[link].length_m
        ahead_m = min(LOOP_AHEAD_M, length_m - 1.0)
        found.append(
            StopLine(
                lane,
                signal,
                tuple(sorted(positions)),
                length_m,
                network.links[link].speed_mps,
                ahead_m if ahead_m >= LOOP_AHEAD_LEAST_M else 0.0,
            )
        )
    return tuple(found)


def lay(network: RoadNetwork, folder: Path) -> Instruments:
    """Write the instruments of a street.

    Parameters
    ----------
    network
        The street.
    folder
        For the file and for what it records.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = stop_lines(network)
    root = Element("additional")
    for number, line in enumerate(lines):
        SubElement(
            root,
            "laneAreaDetector",
            {
                "id": f"queue{number}",
                "lane": line.lane,
                "pos": "0",
                "endPos": "-0.1",
                "friendlyPos": "true",
                "period": str(QUEUE_EVERY_S),
                "file": str(folder / "queues.xml"),
            },
        )
        if line.ahead_m:
            SubElement(
                root,
                "instantInductionLoop",
                {
                    "id": f"ahead{number}",
                    "lane": line.lane,
                    "pos": f"{-line.ahead_m:.2f}",
                    "friendlyPos": "true",
                    "file": str(folder / "ahead.xml"),
                },
            )
    lanes = {"id": "lanes", "file": str(folder / "lanes.xml"), "excludeEmpty": "true"}
    SubElement(root, "laneData", lanes)
    for signal in sorted({line.signal for line in lines}):
        SubElement(
            root,
            "timedEvent",
            {
                "type": "SaveTLSSwitchStates",
                "source": signal,
                "dest": str(folder / "lamps.xml"),
            },
        )
    file = folder / "instruments.add.xml"
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    return Instruments(file, lines, folder)


def read(instruments: Instruments, case: SimulationCase) -> dict[str, float]:
    """Add up what the instruments recorded.

    Returns
    -------
    dict
        ``queue_p95_m``: 95th percentile, over stop lanes and minutes, of the longest queue in the
        minute. ``spillback_min``: lane-minutes in which a queue reached the beginning of its lane.
        ``worst_approach_s``: largest mean time loss on a stop lane that served at least
        `FEWEST_VEHICLES`, per vehicle. ``on_green``: share of vehicles that, seen ahead of a stop
        line and going on at free speed, would have met green.
    """
    lines = instruments.lines
    queue_m = np.zeros((len(lines), math.ceil((case.end_s - case.begin_s) / QUEUE_EVERY_S)))
    for begin_s, row, longest_m in _scan(
        instruments.folder / "queues.xml", _QUEUE, b"<interval ", "queues"
    ):
        column = int((float(begin_s) - case.begin_s) / QUEUE_EVERY_S)
        queue_m[int(row), column] = float(longest_m)
    length_m = np.array([line.length_m for line in lines])
    full = (queue_m >= FULL_PART * length_m[:, None]) & (length_m >= SHORTEST_LANE_M)[:, None]
    return {
        "queue_p95_m": float(np.quantile(queue_m, 0.95)) if len(lines) else math.nan,
        "spillback_min": float(full.sum()) * QUEUE_EVERY_S / 60.0,
        "worst_approach_s": _worst_approach_s(instruments),
        "on_green": _on_green(instruments),
    }


def _worst_approach_s(instruments: Instruments) -> float:
    wanted = {line.lane for line in instruments.lines}
    worst_s = math.nan
    for lane in iterate_elements(instruments.folder / "lanes.xml", {"lane"}):
        served = float(lane.get("left", "0")) + float(lane.get("laneChangedFrom", "0"))
        if lane.attrib["id"] in wanted and served >= FEWEST_VEHICLES:
            mean_s = float(lane.get("timeLoss", "0")) / served
            worst_s = mean_s if math.isnan(worst_s) else max(worst_s, mean_s)
    return worst_s


def _on_green(instruments: Instruments) -> float:
    clocks = _clocks(instruments.folder / "lamps.xml")
    seen = met = 0
    for number, times_s in sorted(_passings(instruments.folder / "ahead.xml").items()):
        line = instruments.lines[number]
        if line.signal not in clocks:
            continue
        switched_s, states = clocks[line.signal]
        green = np.array([any(state[group] in GREEN for group in line.groups) for state in states])
        due_s = np.array(times_s) + line.ahead_m / line.speed_mps
        rows = np.searchsorted(switched_s, due_s, side="right") - 1
        seen += len(rows)
        met += int((green[rows] & (rows >= 0)).sum())
    return met / seen if seen else math.nan


def _clocks(file: Path) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Return when lamps switched, and to what, by signal."""
    lamps: dict[str, tuple[list[float], list[str]]] = {}
    for time_s, name, state in _scan(file, _LAMPS, b"<tlsState ", "lamps"):
        times, states = lamps.setdefault(unescape(name.decode()), ([], []))
        times.append(float(time_s))
        states.append(state.decode())
    return {name: (np.array(times), states) for name, (times, states) in lamps.items()}


def _passings(file: Path) -> dict[int, list[float]]:
    """Return when vehicles reached the loops, by the loop's number."""
    found: dict[int, list[float]] = {}
    if not file.is_file():
        return found
    for number, time_s in _scan(file, _ENTERED, b'state="enter"', "loops"):
        found.setdefault(int(number), []).append(float(time_s))
    return found


def _scan(
    file: Path, pattern: re.Pattern[bytes], mark: bytes, what: str
) -> list[tuple[bytes, ...]]:
    """Return the groups of a pattern, one entry a mark.

    These files are SUMO's own and hold several elements a vehicle or a lane and minute; reading
    them as XML would cost as much as a tenth of the run.

    Raises
    ------
    SimulationError
        If a mark stands without the rest of the pattern.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise SimulationError(f"SUMO left no {file.name}: {error.strerror or error}") from error
    found: list[tuple[bytes, ...]] = pattern.findall(text)
    if len(found) != text.count(mark):
        raise SimulationError(f"{file.name}: SUMO writes {what} in another form than known")
    return found
