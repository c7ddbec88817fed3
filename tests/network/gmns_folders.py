"""GMNS folders and street inventories to test the GMNS reader and writer with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st

from network.inventory import (
    Crossing,
    Inventory,
    Lane,
    LaneUse,
    Node,
    NodeKind,
    Roundabout,
    Street,
    Turn,
    TurnKind,
)
from network.inventory_signals import (
    ControlKind,
    Controller,
    ControllerPhase,
    Coordination,
    Detector,
    ReferencePoint,
)

SMALL: Mapping[str, str] = {
    "config": "dataset_name,short_length,long_length,speed,crs\nsmall,meter,km,kph,32632\n",
    "node": (
        "node_id,name,x_coord,y_coord,node_type,ctrl_type\n"
        "w,,0,0,external,\n1,Main,200,0,intersection,signal\ne,,400,0,external,\n"
        "n,,200,200,external,\n"
    ),
    "link": (
        "link_id,name,from_node_id,to_node_id,directed,length,free_speed,lanes\n"
        "we,Main St,w,1,true,0.2,72,2\nee,Main St,1,e,true,0.2,72,2\n"
        "ne,North St,n,1,true,0.2,36,1\nnn,North St,1,n,true,0.2,36,1\n"
    ),
    "movement": (
        "mvmt_id,node_id,ib_link_id,start_ib_lane,end_ib_lane,ob_link_id,start_ob_lane,"
        "end_ob_lane,type,ctrl_type\n"
        "1,1,we,1,2,ee,1,2,thru,signal\n2,1,we,1,,nn,1,,left,signal\n"
        "3,1,ne,1,,ee,1,,left,signal\n"
    ),
    "signal_controller": "controller_id\nc1\n",
    "signal_timing_plan": (
        "timing_plan_id,controller_id,time_day,cycle_length\nday,c1,01111100_0600_2000,60\n"
    ),
    "signal_coordination": (
        "coordination_id,timing_plan_id,controller_id,coord_contr_id,coord_phase,coord_ref_to,"
        "offset\n1,day,c1,c1,2,begin_of_green,7\n"
    ),
    "signal_timing_phase": (
        "timing_phase_id,timing_plan_id,signal_phase_num,min_green,max_green,extension,"
        "clearance,walk_time,ped_clearance,ring,barrier,position\n"
        "a,day,2,10,35,3,6,,,1,1,1\nb,day,4,5,13,3,6,,,1,2,1\n"
    ),
    "signal_phase_mvmt": (
        "signal_phase_mvmt_id,timing_phase_id,mvmt_id,link_id,protection\n"
        "1,a,1,,protected\n2,a,2,,permitted\n3,b,3,,protected\n"
    ),
    "signal_detector": (
        "detector_id,controller_id,signal_phase_num,link_id,start_lane,end_lane,ref_node_id,"
        "det_zone_lr,det_zone_front,det_zone_back,det_type\n"
        "1,c1,2,we,1,2,1,-10,0,-20,presence\n"
    ),
}
"""Two streets that meet at a signal, in SI units."""


def write_folder(folder: Path, tables: Mapping[str, str | None] | None = None) -> Path:
    """Write `SMALL` with other tables in place of its own; None leaves a table out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**SMALL, **(tables or {})}.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return folder


def with_cell(table: str, row: int, column: str, value: str) -> str:
    """Return a table of `SMALL` with one cell changed; the header is row 1."""
    lines = [line.split(",") for line in SMALL[table].splitlines()]
    lines[row - 1][lines[0].index(column)] = value
    return "\n".join(",".join(cells) for cells in lines) + "\n"


NAMES = (
    st.text("abcXYZ äß.-_019", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda text: bool(text) and text.lower() not in ("nan", "null"))
)
METERS = st.floats(0.5, 5000, allow_subnormal=False)
TENTHS = st.integers(0, 1200)
MAYBE_TENTHS = st.none() | TENTHS


@st.composite
def lanes(draw: st.DrawFn) -> tuple[Lane, ...]:
    """Return the lanes of a link: pockets anywhere, at least one lane as long as the link."""
    count = draw(st.integers(1, 6))
    whole = draw(st.integers(0, count - 1))
    return tuple(
        Lane(
            number,
            draw(st.sampled_from(LaneUse)),
            draw(st.none() | st.floats(0.5, 8)),
            None if number == whole else draw(st.none() | METERS),
            draw(st.none() | METERS),
        )
        for number in range(count)
    )


@st.composite
def phases(draw: st.DrawFn, numbers: list[int]) -> tuple[ControllerPhase, ...]:
    """Return phases of one ring with all that a timing sheet may say."""
    return tuple(
        ControllerPhase(
            number,
            draw(st.integers(1, 4)),
            draw(st.integers(1, 4)),
            position,
            *draw(st.tuples(TENTHS, TENTHS, TENTHS)),
            *draw(st.tuples(MAYBE_TENTHS, MAYBE_TENTHS, MAYBE_TENTHS, MAYBE_TENTHS)),
            recall=draw(st.sampled_from(("", "min", "max", "ped", "coord"))),
            dual_entry=draw(st.none() | st.booleans()),
            min_split_ds=draw(MAYBE_TENTHS),
            ped_calls_ph=draw(st.none() | st.floats(0, 500)),
        )
        for position, number in enumerate(numbers, start=1)
    )


@st.composite
def plans(draw: st.DrawFn, name: str, numbers: list[int], masters: list[str]) -> Coordination:
    """Return a timing plan, coordinated or free."""
    cycle = draw(st.none() | st.integers(300, 2400))
    served = draw(phases(numbers))
    reference = tuple(draw(st.lists(st.sampled_from(numbers), max_size=2, unique=True)))
    return Coordination(
        name,
        served,
        {} if cycle is None else {number: draw(TENTHS) for number in numbers},
        cycle,
        draw(st.none() | st.integers(0, 2399)),
        draw(st.sampled_from(ReferencePoint)),
        reference,
        draw(st.sampled_from(("", *masters))),
        tuple(
            draw(
                st.lists(
                    st.tuples(
                        st.text("01", min_size=7, max_size=7),
                        st.integers(0, 86399),
                        st.integers(0, 86400),
                    ),
                    max_size=2,
                )
            )
        ),
        draw(st.sampled_from(ControlKind)),
    )


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Return a street of a few nodes with turns, crossings, controllers and detectors."""
    names = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    where = st.floats(-1e5, 1e5)
    nodes = tuple(
        Node(
            name,
            draw(where),
            draw(where),
            kind := draw(st.sampled_from(NodeKind)),
            draw(st.just("") | NAMES),
            draw(st.none() | METERS),
            draw(st.none() | st.just(Roundabout(10.5, None, 2, 8.25)))
            if kind is NodeKind.ROUNDABOUT
            else None,
        )
        for name in names
    )
    links = tuple(
        Street(
            f"{a}>{b}",
            a,
            b,
            draw(st.just("") | NAMES),
            draw(METERS),
            draw(st.floats(0.5, 40)),
            draw(lanes()),
            draw(st.sampled_from(("", "NB", "SW"))),
            tuple(draw(st.lists(st.tuples(where, where), min_size=2, max_size=4)))
            if draw(st.booleans())
            else (),
            draw(st.none() | st.floats(-12, 12)),
            draw(st.none() | METERS),
            sign_control=draw(st.sampled_from(("", "stop"))),
        )
        for pair in pairwise(names)
        for a, b in (pair, pair[::-1])
    )
    made = []
    for a in links:
        for b in links:
            if a.to_node == b.from_node:
                usable = st.lists(st.sampled_from([x.number for x in a.lanes]), unique=True)
                onto = st.lists(st.sampled_from([x.number for x in b.lanes]), unique=True)
                made.append(
                    Turn(
                        f"{a.link_id}>{b.link_id}",
                        a.to_node,
                        a.link_id,
                        b.link_id,
                        draw(st.sampled_from(TurnKind)),
                        tuple(sorted(draw(usable))),
                        tuple(sorted(draw(onto))),
                        volume_vph=draw(st.none() | st.floats(0, 4000)),
                        saturation_vph=draw(st.none() | st.floats(0, 8000)),
                        right_on_red=draw(st.none() | st.booleans()),
                        heavy_share=draw(st.none() | st.floats(0, 1)),
                    )
                )
    crossings = tuple(
        Crossing(
            f"x{index}",
            node.node_id,
            tuple(link.link_id for link in links if link.to_node == node.node_id),
            draw(st.none() | METERS),
            (),
        )
        for index, node in enumerate(nodes)
        if draw(st.booleans())
    )
    return _with_signals(draw, nodes, links, tuple(made), crossings)


def _with_signals(
    draw: st.DrawFn,
    nodes: tuple[Node, ...],
    links: tuple[Street, ...],
    turns: tuple[Turn, ...],
    crossings: tuple[Crossing, ...],
) -> Inventory:
    """Put a controller at some nodes and let its phases serve the turns and crossings there."""
    run = [node.node_id for node in nodes if draw(st.booleans())]
    controllers, served, walked = [], list(turns), list(crossings)
    for index, node in enumerate(run):
        numbers = draw(st.lists(st.integers(1, 16), min_size=1, max_size=4, unique=True))
        masters = [f"c{other}" for other in range(index)]
        made = tuple(
            draw(plans(f"p{number}", numbers, masters)) for number in range(draw(st.integers(1, 2)))
        )
        chosen = st.lists(st.sampled_from(numbers), max_size=2, unique=True)
        others = {}
        for place, turn in enumerate(served):
            if turn.node_id == node:
                held = tuple(draw(chosen))
                yields = tuple(n for n in draw(chosen) if n not in held)
                served[place] = _phased(turn, held, yields)
                if len(made) > 1 and draw(st.booleans()) and (held, yields) != ((), ()):
                    others[made[1].plan_id, turn.turn_id] = ((), ())
        for place, crossing in enumerate(walked):
            if crossing.node_id == node:
                walked[place] = Crossing(
                    crossing.crossing_id,
                    node,
                    crossing.links,
                    crossing.length_m,
                    tuple(draw(chosen)),
                )
        hold = tuple(draw(chosen))
        controllers.append(Controller(f"c{index}", (node,), made, others, hold))
    detectors = tuple(
        Detector(
            f"d{index}",
            link.link_id,
            tuple(
                sorted(draw(st.sets(st.sampled_from([x.number for x in link.lanes]), min_size=1)))
            ),
            draw(st.none() | st.integers(1, 16)),
            draw(st.just(0.0) | st.floats(0.01, 200)),
            draw(st.just(0.0) | st.floats(0.01, 60)),
            draw(st.sampled_from(("", "presence", "pulse", "count"))),
            delay_ds=draw(MAYBE_TENTHS),
        )
        for index, link in enumerate(links)
        if link.to_node in run and draw(st.booleans())
    )
    return Inventory(
        draw(NAMES),
        nodes,
        links,
        tuple(served),
        tuple(walked),
        tuple(controllers),
        detectors,
    )


def _phased(turn: Turn, held: tuple[int, ...], yields: tuple[int, ...]) -> Turn:
    return Turn(
        **{
            **{name: getattr(turn, name) for name in turn.__dataclass_fields__},
            "protected_phases": held,
            "permitted_phases": yields,
        }
    )
