"""Lanes of a GMNS link at its stop line.

GMNS numbers lanes from left to right: 1 is the leftmost through lane, left-turn lanes beside it
count down from -1, there is no 0 (``Lane.md`` and ``lane.schema.json`` of the specification). The
lane table tells of the whole link, the segment tables of a stretch of it, where a segment lane
takes the place of its parent and of whatever lane had its number. We number from the right-hand
curb, 0, to the left, as the link is at its stop line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from network.inventory import Lane, LaneUse
from network.readers.gmns_extras import read_extras
from network.readers.gmns_tables import Row, Table
from network.readers.gmns_units import Units, Uses

MOST_LANES: Final = 20
STOP_LINE_REACH_M: Final = 30.0
"""A segment that ends this near to a node ends at its stop line: the line lies before the node."""


@dataclass(frozen=True, slots=True)
class LinkLanes:
    """The lanes of a link, and what GMNS calls them.

    Attributes
    ----------
    lanes
        At the stop line, from right to left.
    stop, entry
        Number of ours for each number of GMNS, at the stop line and at the upstream end.
    """

    lanes: tuple[Lane, ...]
    stop: Mapping[int, int]
    entry: Mapping[int, int]

    def between(self, row: Row, start: str, end: str, at_entry: bool) -> tuple[int, ...]:
        """Return our numbers of the lanes a row names, or nothing where it names none."""
        first = row.whole(start, -MOST_LANES, MOST_LANES)
        if first is None:
            return ()
        last = row.whole(end, -MOST_LANES, MOST_LANES)
        # A turn may lead into a pocket that begins at the node, which only the stop line knows.
        for names in (self.entry, self.stop) if at_entry else (self.stop,):
            if first in names and (last is None or last in names):
                low, high = sorted((first, first if last is None else last))
                return tuple(sorted(names[name] for name in names if low <= name <= high))
        known = self.entry if at_entry else self.stop
        wrong = start if last is None or first not in known else end
        raise row.fault(
            wrong, f"a lane of the link: {', '.join(map(str, sorted(known))) or 'none'}"
        )


@dataclass(frozen=True, slots=True)
class _Lane:
    lane_id: str
    use: LaneUse
    width_m: float | None
    storage_m: float | None
    number: int | None
    extras: Mapping[str, Any]
    row: Row | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a link that reaches its stop line."""

    row: Row
    length_m: float
    lanes: tuple[Row, ...]


class LaneTables:
    """The lane and segment tables, by link."""

    def __init__(self, tables: Mapping[str, Table], units: Units, uses: Uses) -> None:
        self._units, self._uses = units, uses
        self._lanes: dict[str, list[Row]] = {}
        links = {row.text("link_id") for row in tables["link"]}
        for row in tables["lane"]:
            self._lanes.setdefault(row.need_known("link_id", links, "link"), []).append(row)
        self._segments: dict[str, list[tuple[Row, list[Row]]]] = {}
        inside: dict[str, list[Row]] = {}
        for row in tables["segment"]:
            rows: list[Row] = []
            inside[row.text("segment_id")] = rows
            link = row.need_known("link_id", links, "link")
            self._segments.setdefault(link, []).append((row, rows))
        for row in tables["segment_lane"]:
            inside[row.need_known("segment_id", inside, "segment")].append(row)
        self._named = _named_lanes(tables["movement"], links)

    def of(self, link: Row, to_node: str, from_node: str, length_m: float) -> LinkLanes:
        """Return the lanes of a link in one direction."""
        name = link.text("link_id")
        permanent = self._permanent(link, name)
        reaching = [
            segment
            for row, rows in self._segments.get(name, ())
            if (segment := self._reaching(row, rows, to_node, from_node, length_m))
        ]
        return _at_stop_line(link, permanent, reaching, self._segment_lanes(permanent, reaching))

    def _permanent(self, link: Row, name: str) -> dict[int, _Lane]:
        """Return the lanes of a whole link by their GMNS numbers."""
        use = self._uses.of(link)
        count = link.whole("lanes", 0, MOST_LANES)
        rows = self._lanes.get(name, [])
        found: dict[int, _Lane] = {}
        for row in rows:
            number = row.need_whole("lane_num", -10, 10)
            if number == 0 or number in found:
                raise row.fault("lane_num", "-10 to 10 without 0, each once on a link")
            lane_use = self._uses.of(row) or use or LaneUse.GENERAL
            found[number] = _Lane(
                row.text("lane_id"),
                lane_use,
                row.number("width", 0, 1000, self._units.short_m),
                None,
                row.whole("opt_number", 0, MOST_LANES),
                read_extras(row, Lane),
                row,
            )
        if rows:
            open_to_motors = sum(
                lane.use in (LaneUse.GENERAL, LaneUse.BUS) for lane in found.values()
            )
            if count is not None and count != open_to_motors:
                link.note(
                    "lanes", f"found {count}; lane.csv has {open_to_motors} for motor vehicles"
                )
            return found
        if use is None and link.text("facility_type").lower() == "sidewalk":
            use = LaneUse.FOOT
        if count is None and use in (None, LaneUse.GENERAL, LaneUse.BUS):
            count = max(1, self._named.get(name, 0))
            link.note("lanes", f"missing, as are rows of lane.csv; {count} taken from movement.csv")
        elif not count:
            count = 1 if use in (LaneUse.BICYCLE, LaneUse.FOOT) else 0
        width, plain = None, use or LaneUse.GENERAL
        return {
            number: _Lane("", plain, width, None, None, {}, None) for number in range(1, count + 1)
        }

    def _reaching(
        self, row: Row, rows: Sequence[Row], to_node: str, from_node: str, length_m: float
    ) -> Segment | None:
        """Return a segment that ends at the stop line; remark on one that does not."""
        for column in ("start_lr", "end_lr"):
            row.need(column, "a distance from the node")
        ends = [
            row.decimal(column, 0, 1e7, self._units.short_m) for column in ("start_lr", "end_lr")
        ]
        low, high = sorted(end for end in ends if end is not None)
        at = row.need_known("ref_node_id", (to_node, from_node), "node at an end of the link")
        near_m = float(low) if at == to_node else length_m - float(high)
        if near_m < -STOP_LINE_REACH_M:
            row.note("end_lr", "beyond the end of the link")
        elif near_m > STOP_LINE_REACH_M:
            row.note("end_lr", "ends before the stop line; its lanes are not used")
            return None
        return Segment(row, float(high - low), tuple(rows))

    def _segment_lanes(
        self, permanent: Mapping[int, _Lane], segments: Sequence[Segment]
    ) -> list[tuple[int, int | None, _Lane]]:
        """Return number, parent's number and lane; the longest segment first: the last one wins."""
        parents = {lane.lane_id: number for number, lane in permanent.items() if lane.lane_id}
        found: list[tuple[int, int | None, _Lane]] = []
        for segment in sorted(segments, key=lambda segment: -segment.length_m):
            for row in segment.lanes:
                parent = row.known("parent_lane_id", parents, "lane of the segment's link")
                before = permanent[parents[parent]] if parent else None
                use = self._uses.of(row) or (before.use if before else LaneUse.GENERAL)
                width_m = row.number("width", 0, 1000, self._units.short_m)
                lane = _Lane(
                    row.text("segment_lane_id"),
                    use,
                    before.width_m if before and width_m is None else width_m,
                    None if before and before.use is use else segment.length_m,
                    row.whole("opt_number", 0, MOST_LANES),
                    read_extras(row, Lane) or (before.extras if before else {}),
                    row,
                )
                number = row.need_whole("lane_num", -10, 10)
                found.append((number, parents[parent] if parent else None, lane))
            if not segment.lanes:
                found += self._counted(segment, permanent)
        return found

    def _counted(
        self, segment: Segment, permanent: Mapping[int, _Lane]
    ) -> list[tuple[int, int | None, _Lane]]:
        """Return the pockets of a segment that only counts them."""
        left = segment.row.whole("l_lanes_added", -9, 9) or 0
        right = segment.row.whole("r_lanes_added", -9, 9) or 0
        if left < 0 or right < 0:
            segment.row.note("l_lanes_added", "drops lanes without a row in segment_lane.csv; kept")
        last = max(permanent, default=0)
        numbers = [-n for n in range(1, left + 1)] + [last + n for n in range(1, right + 1)]
        pocket = _Lane("", LaneUse.GENERAL, None, segment.length_m, None, {}, None)
        return [(number, None, pocket) for number in numbers]


def _at_stop_line(
    link: Row,
    permanent: Mapping[int, _Lane],
    segments: Sequence[Segment],
    changes: Sequence[tuple[int, int | None, _Lane]],
) -> LinkLanes:
    """Apply the segments to the lanes of the link and number what is left."""
    placed = {number: (parent, lane) for number, parent, lane in changes if number}
    parents = {parent for _, parent, _ in changes if parent is not None}
    displaced = [number for number in permanent if number in placed and number not in parents]
    goes_on = {parent: number for number, (parent, _) in placed.items() if parent is not None}
    for number in displaced:
        # A bicycle lane led around a pocket appears anew beside it, under another number.
        beside = [
            other
            for other, (parent, lane) in placed.items()
            if parent is None and lane.use is permanent[number].use and lane.storage_m is not None
        ]
        if not beside:
            link.note("link_id", f"lane {number} gives way to a lane of segment_lane.csv and ends")
            continue
        goes_on[number] = beside[0]
        old, (_, new) = permanent[number], placed[beside[0]]
        width_m = old.width_m if new.width_m is None else new.width_m
        placed[beside[0]] = (None, replace(new, storage_m=None, width_m=width_m))
    final = {number: lane for number, lane in permanent.items() if number not in parents}
    final |= {number: lane for number, (_, lane) in placed.items()}
    if len(final) > MOST_LANES:
        raise link.fault("lanes", f"at most {MOST_LANES} lanes, pockets included")
    stop: dict[int, int] = {}
    lanes = []
    for index, number in enumerate(sorted(final, reverse=True)):
        lane = final[number]
        ours = index if lane.number is None else lane.number
        if ours in stop.values():
            raise (lane.row or link).fault("opt_number", "a number no other lane of the link has")
        stop[number] = ours
        lanes.append(Lane(ours, lane.use, lane.width_m, lane.storage_m, **lane.extras))
    entry = {
        number: stop[goes_on.get(number, number)]
        for number in permanent
        if (number in goes_on and goes_on[number] in stop) or number in final
    }
    return LinkLanes(tuple(lanes), stop, entry)


def _named_lanes(movements: Table, links: set[str]) -> dict[str, int]:
    """Return the highest lane number that movements name, by link."""
    found: dict[str, int] = {}
    for row in movements:
        for end in ("ib", "ob"):
            link = row.known(f"{end}_link_id", links, "link")
            for column in (f"start_{end}_lane", f"end_{end}_lane"):
                number = row.whole(column, -10, 10)
                if number is not None:
                    found[link] = max(found.get(link, 0), number)
    return found
