"""Crosswalks of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from network.inventory import Crossing, LaneUse, Node, NodeKind, Street
from network.readers.gmns_shapes import crosses, straight
from network.readers.gmns_tables import Row


def read_crossing(
    row: Row,
    ends: tuple[str, str],
    nodes: Mapping[str, Node],
    links: Mapping[str, Street],
    at: Mapping[str, Sequence[Street]],
    length_unit: Decimal,
) -> Crossing | None:
    """Read a link that people cross the street on.

    Parameters
    ----------
    row
        Its row of the link table.
    ends
        The nodes at its curbs; their parent node is the intersection it belongs to, or else that
        one of them which has a signal.
    nodes, links
        By name.
    at
        Links that begin or end at each node; those whose line passes between the curbs are crossed.
    length_unit
        Unit of the length of links; 0 where lengths are not to be trusted.

    Returns
    -------
    Crossing or None
        Without phases; None, with a finding, where it belongs to no intersection.

    Raises
    ------
    FormatError
        If a cell of ours names what does not exist.
    """
    start, end = ends
    name = row.known("opt_node_id", nodes, "node") or next(
        (parent for curb in (start, end) if (parent := nodes[curb].parent_node)), ""
    )
    if not name:
        here = [curb for curb in (start, end) if nodes[curb].kind is NodeKind.SIGNAL]
        name = here[0] if here else ""
    if not name:
        row.note("from_node_id", "a crosswalk at no intersection: its ends have no parent node")
        return None
    crossed = row.items("opt_crosses")
    for link in crossed:
        if link not in links:
            raise row.fault("opt_crosses", "names of links that carry traffic")
    if not crossed and not row.text("opt_node_id"):
        a, b = ((nodes[curb].x_m, nodes[curb].y_m) for curb in (start, end))
        crossed = tuple(
            link.link_id
            for link in at.get(name, ())
            if any(lane.use is not LaneUse.FOOT for lane in link.lanes)
            and crosses(link.shape_m or straight(link, nodes), a, b)
        )
        if not crossed:
            row.note("link_id", "a crosswalk that crosses no drawn link")
    length_m = row.number("length", 0, 1e7, length_unit) if length_unit else None
    curbs = None if start == end == name else ends
    return Crossing(row.text("link_id"), name, crossed, length_m, (), curbs)
