"""Streets as SUMO's plain files, and the network that netconvert makes of them.

Starting programs is not this package's business: the caller brings the function that does.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from network.errors import ScenarioError
from scenarios.roads import LANE_M, Kind, Road, Streets

Runner = Callable[[Sequence[str], Path], object]
"""Runs a SUMO program, given as its name and arguments, in a working folder, to its end."""

_NODE_TYPES: Final = {
    Kind.SIGNAL: "traffic_light",
    Kind.YIELD: "priority",
    Kind.END: "dead_end",
}
_PRIORITY: Final = {True: 3, False: 1}
_OPTIONS: Final = (
    "--no-turnarounds=true",
    "--offset.disable-normalization=true",
    "--tls.default-type=static",
    "--tls.layout=opposites",
    "--junctions.corner-detail=5",
    "--default.junctions.radius=8",
)
_COMMENT: Final = re.compile(r"<!--.*?-->\s*", re.DOTALL)
"""SUMO's programs write the date, their options and with them this machine's paths."""
_PROGRAM: Final = re.compile(r'[ \t]*<tlLogic id="([^"]+)".*?</tlLogic>\n', re.DOTALL)


def convert(streets: Streets, run: Runner) -> str:
    """Have netconvert build the network; return the text of its ``net.xml``, without a date.

    Parameters
    ----------
    streets
        What to build.
    run
        Starts netconvert; its own errors pass through.

    Raises
    ------
    ScenarioError
        If netconvert left no network.
    """
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        work = Path(folder)
        for ending, lines in (
            ("nod", _nodes(streets)),
            ("edg", _edges(streets)),
            ("con", _connections(streets)),
        ):
            file = work / f"plain.{ending}.xml"
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        net = work / "plain.net.xml"
        run(
            (
                "netconvert",
                f"--node-files={work / 'plain.nod.xml'}",
                f"--edge-files={work / 'plain.edg.xml'}",
                f"--connection-files={work / 'plain.con.xml'}",
                f"--output-file={net}",
                *_OPTIONS,
            ),
            work,
        )
        try:
            text = net.read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"netconvert left no network ({error.strerror})") from error
    return _COMMENT.sub("", text)


def with_programs(net: str, programs: Mapping[str, str]) -> str:
    """Replace the signal programs in the text of a network.

    Parameters
    ----------
    net
        Text of a ``net.xml``.
    programs
        Whole ``tlLogic`` elements by signal.

    Raises
    ------
    ScenarioError
        If the network and the programs do not name the same signals.
    """
    found = set(_PROGRAM.findall(net))
    if found != programs.keys():
        odd = sorted(found ^ programs.keys())
        raise ScenarioError(
            f"signal {odd[0]!r} is in the network or in the plan, not in both "
            f"({len(found)} in the network, {len(programs)} planned)"
        )
    return _PROGRAM.sub(lambda match: programs[match[1]], net)


def _nodes(streets: Streets) -> Iterator[str]:
    yield "<nodes>"
    for corner in streets.corners.values():
        yield (
            f'<node id="{corner.name}" x="{corner.x_m:.2f}" y="{corner.y_m:.2f}" '
            f'type="{_NODE_TYPES[corner.kind]}"/>'
        )
    for road in streets.roads:
        if road.pocket_m:
            x_m, y_m = _points(streets, road, road.median_m / 2)[1]
            yield f'<node id="{road.name}.split" x="{x_m:.2f}" y="{y_m:.2f}" type="priority"/>'
    yield "</nodes>"


def _edges(streets: Streets) -> Iterator[str]:
    yield "<edges>"
    for road in streets.roads:
        # The shape is the left border of the carriageway.
        tail, split, head = _points(streets, road, road.median_m / 2)
        if not road.pocket_m:
            yield _edge(road, road.links[0], road.tail, road.head, road.lanes, (tail, head))
            continue
        middle = f"{road.name}.split"
        yield _edge(road, road.links[0], road.tail, middle, road.lanes, (tail, split))
        _, split, head = _points(streets, road, road.median_m / 2 - LANE_M)
        yield _edge(road, road.links[1], middle, road.head, road.lanes + 1, (split, head))
    yield "</edges>"


def _edge(
    road: Road,
    name: str,
    tail: str,
    head: str,
    lanes: int,
    shape: tuple[tuple[float, float], tuple[float, float]],
) -> str:
    points = " ".join(f"{x_m:.2f},{y_m:.2f}" for x_m, y_m in shape)
    return (
        f'<edge id="{name}" from="{tail}" to="{head}" numLanes="{lanes}" '
        f'speed="{road.speed_mps:.2f}" priority="{_PRIORITY[road.main]}" shape="{points}"/>'
    )


def _points(streets: Streets, road: Road, right_m: float) -> tuple[tuple[float, float], ...]:
    """Return begin, start of the pocket and end of a line to the right of a road's middle."""
    tail, head = streets.corners[road.tail], streets.corners[road.head]
    length_m = streets.length_m(road)
    east, north = (head.x_m - tail.x_m) / length_m, (head.y_m - tail.y_m) / length_m
    return tuple(
        (tail.x_m + east * along_m + north * right_m, tail.y_m + north * along_m - east * right_m)
        for along_m in (0.0, length_m - road.pocket_m, length_m)
    )


def _connections(streets: Streets) -> Iterator[str]:
    yield "<connections>"
    for road in streets.roads:
        if road.pocket_m:
            for lane in range(road.lanes + 1):
                yield _connection(road.links[0], road.links[1], min(lane, road.lanes - 1), lane)
    for turn in streets.turns:
        before, after = streets.roads[turn.from_road], streets.roads[turn.to_road]
        for from_lane, to_lane in turn.lanes:
            yield _connection(before.links[-1], after.links[0], from_lane, to_lane)
    yield "</connections>"


def _connection(before: str, after: str, from_lane: int, to_lane: int) -> str:
    return f'<connection from="{before}" to="{after}" fromLane="{from_lane}" toLane="{to_lane}"/>'
