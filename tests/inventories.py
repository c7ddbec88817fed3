"""Small streets as an engineer's files would describe them."""

from __future__ import annotations

from collections.abc import Sequence

from network.inventory import Inventory, Lane, Node, NodeKind, Street, Turn, TurnKind
from network.inventory_signals import Controller, ControllerPhase, Coordination, ReferencePoint

BLOCK_M = 300.0
SPEED_MPS = 15.0
POCKET_M = 60.0
NEMA = {  # ring, barrier, position; the main street runs east and west on 2 and 6
    1: (1, 1, 1),
    2: (1, 1, 2),
    3: (1, 2, 1),
    4: (1, 2, 2),
    5: (2, 1, 1),
    6: (2, 1, 2),
    7: (2, 2, 1),
    8: (2, 2, 2),
}
# By the side a driver comes from: through phase, left-turn phase.
PHASES = {"w": (2, 5), "e": (6, 1), "s": (8, 3), "n": (4, 7)}
SIDES = {"n": (0.0, 1.0), "e": (1.0, 0.0), "s": (0.0, -1.0), "w": (-1.0, 0.0)}
LEFT_OF = {"n": "e", "e": "s", "s": "w", "w": "n"}
VOLUMES = {TurnKind.LEFT: 60.0, TurnKind.THROUGH: 400.0, TurnKind.RIGHT: 50.0}


def phase(number: int, green_ds: int = 50, **values: object) -> ControllerPhase:
    """A phase at its NEMA place with 4 s of yellow and 1.5 s of red clearance."""
    ring, barrier, position = NEMA[number]
    given: dict[str, object] = {"yellow_ds": 40, "red_clear_ds": 15, "max_green_ds": 300}
    given |= values
    return ControllerPhase(number, ring, barrier, position, green_ds, **given)  # type: ignore[arg-type]


def plan(
    splits_ds: dict[int, int] | None = None,
    offset_ds: int = 0,
    cycle_ds: int | None = 900,
    **values: object,
) -> Coordination:
    """Eight phases in 90 s unless told otherwise."""
    if splits_ds is None:
        splits_ds = {1: 150, 2: 350, 3: 150, 4: 250, 5: 170, 6: 330, 7: 140, 8: 260}
    given: dict[str, object] = {
        "cycle_ds": cycle_ds,
        "offset_ds": offset_ds,
        "reference": ReferencePoint.BEGIN_GREEN,
        "reference_phases": (2, 6),
    }
    given |= values
    return Coordination("1", tuple(phase(n) for n in NEMA), splits_ds, **given)  # type: ignore[arg-type]


def arterial(
    corners: int = 2, plans: Sequence[Coordination] | None = None, counted: bool = True
) -> Inventory:
    """Signals in a row, west to east, every approach with a pocket for left turns."""
    plans = plans or [plan(offset_ds=100 * index) for index in range(corners)]
    nodes: list[Node] = []
    ends: list[tuple[str, str]] = []
    for index in range(corners):
        x_m = index * BLOCK_M
        nodes.append(Node(f"c{index}", x_m, 0.0, NodeKind.SIGNAL))
        sides = ["n", "s"] + ["w"] * (index == 0) + ["e"] * (index == corners - 1)
        for side in sides:
            east, north = SIDES[side]
            name = f"{side}{index}"
            nodes.append(Node(name, x_m + east * BLOCK_M, north * BLOCK_M, NodeKind.EXTERNAL))
            ends.append((name, f"c{index}"))
    ends += [(f"c{i}", f"c{i + 1}") for i in range(corners - 1)]
    kinds = {node.node_id: node.kind for node in nodes}
    at = {node.node_id: (node.x_m, node.y_m) for node in nodes}
    links: list[Street] = []
    for one, other in ends:
        for tail, head in ((one, other), (other, one)):
            lanes = [Lane(0), Lane(1)]
            if kinds[head] is NodeKind.SIGNAL:
                lanes.append(Lane(2, storage_m=POCKET_M))
            links.append(Street(f"{tail}>{head}", tail, head, "", BLOCK_M, SPEED_MPS, tuple(lanes)))
    turns = [turn for index in range(corners) for turn in _turns(f"c{index}", links, at, counted)]
    controllers = tuple(
        Controller(f"c{index}", (f"c{index}",), (plans[index],)) for index in range(corners)
    )
    return Inventory("street", tuple(nodes), tuple(links), tuple(turns), (), controllers, ())


def _turns(
    node: str, links: list[Street], at: dict[str, tuple[float, float]], counted: bool
) -> list[Turn]:
    into = {_side(at[node], at[link.from_node]): link for link in links if link.to_node == node}
    out = {_side(at[node], at[link.to_node]): link for link in links if link.from_node == node}
    found = []
    for side, link in into.items():
        left = LEFT_OF[side]
        ahead = LEFT_OF[left]
        right = LEFT_OF[ahead]
        through, turning = PHASES[side]
        for kind, to_side, lanes, protected, permitted in (
            (TurnKind.LEFT, left, (2,), (turning,), (through,)),
            (TurnKind.THROUGH, ahead, (0, 1), (through,), ()),
            (TurnKind.RIGHT, right, (0,), (through,), ()),
        ):
            to_link = out[to_side].link_id
            found.append(
                Turn(
                    f"{link.link_id}>{to_link}",
                    node,
                    link.link_id,
                    to_link,
                    kind,
                    lanes,
                    protected_phases=protected,
                    permitted_phases=permitted,
                    volume_vph=VOLUMES[kind] if counted else None,
                    right_on_red=True if kind is TurnKind.RIGHT else None,
                )
            )
    return found


def _side(middle: tuple[float, float], end: tuple[float, float]) -> str:
    def along(side: str) -> float:
        east, north = SIDES[side]
        return east * (end[0] - middle[0]) + north * (end[1] - middle[1])

    return max(SIDES, key=along)
