"""Small streets in UTDF, and random ones that UTDF can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from network.inventory import Crossing, Inventory, Lane, Node, NodeKind, Street, Turn
from network.inventory_signals import (
    ControlKind,
    Controller,
    ControllerPhase,
    Coordination,
    Detector,
    ReferencePoint,
)
from network.readers.utdf_columns import COMPASS, MOVES
from network.readers.utdf_lanes import CHANNELS, FEET, KINDS, deal_lanes
from network.readers.utdf_splits import complete, fits
from tests.network.streets import SHARED_DATA

BULLHEAD = SHARED_DATA / "utdf_bullhead" / "UTDF.csv"

TOWN = """[Network]
Network Settings
RECORDNAME,DATA
UTDFVERSION,8
Metric,0

[Nodes]
Node Data
INTID,TYPE,X,Y,Z,DESCRIPTION,CBD,Inside Radius,Outside Radius,Roundabout Lanes,Circle Speed
1,0,0,0,0,Main,,,,,
2,1,0,-1000,0,,,,,,
3,1,0,1000,0,,,,,,
4,1,-500,0,0,,,,,,

[Links]
Link Data
RECORDNAME,INTID,NB,SB,EB,WB
Up ID,1,2,3,4,
Lanes,1,3,2,1,
Name,1,"First, St",First St,Side Rd,
Distance,1,1000,1000,500,
Speed,1,35,35,25,
Grade,1,0,-2,0,
Up ID,2,,1,,
Lanes,2,,2,,
Distance,2,,1000,,
Speed,2,,35,,
Up ID,3,1,,,
Lanes,3,2,,,
Distance,3,1000,,,
Speed,3,35,,,
Up ID,4,,,,1
Lanes,4,,,,1
Distance,4,,,,500
Speed,4,,,,25

[Lanes]
Lane Group Data
RECORDNAME,INTID,NBL,NBT,NBR,SBL,SBT,SBR,EBL,EBT,EBR,WBL,WBT,WBR,PED,HOLD
Up Node,1,2,2,,,3,3,4,,4,,,,,
Dest Node,1,4,3,,,2,4,3,,2,,,,,
Lanes,1,1,2,,,2,0,1,,0,,,,,
Shared,1,0,0,,,2,,2,,,,,,,
Width,1,11,12,,,12,,12,,,,,,,
Storage,1,150,,,,,,,,,,,,,
StLanes,1,1,,,,,,,,,,,,,
Phase1,1,5,2,,,6,,4,,,,,,,
PermPhase1,1,2,,,,,,,,,,,,,
Volume,1,100,800,,,700,50,60,,70,,,,,
PHF,1,0.92,0.92,,,0.9,0.9,0.88,,0.88,,,,,
HeavyVehicles,1,2,3,,,4,4,5,,5,,,,,

[Timeplans]
Timing Plan Settings
RECORDNAME,INTID,DATA
Control Type,1,3
Cycle Length,1,90.0
Referenced To,1,0
Reference Phase,1,206
Offset,1,12.5
Node 0,1,1
Node 1,1,0

[Phases]
Phasing Data
RECORDNAME,INTID,D1,D2,D3,D4,D5,D6,D7,D8
BRP,1,111,112,211,212,121,122,221,222
MinGreen,1,,10,,6,5,10,,
MaxGreen,1,,55,,25,10,40,,
Yellow,1,,4,,3.5,3,4,,
AllRed,1,,1,,1.5,1,1,,
Recall,1,,3,,0,0,3,,
"""
"""A T intersection: 2 south, 3 north, 4 west."""


def hundredths(low: int, high: int) -> st.SearchStrategy[float]:
    """Return numbers with two decimals."""
    return st.integers(low * 100, high * 100).map(lambda value: value / 100)


def feet(low: int, high: int) -> st.SearchStrategy[float]:
    """Return lengths that are hundredths of a foot, in meters."""
    return hundredths(low, high).map(lambda value: value * FEET.length_m)


def mph(low: int, high: int) -> st.SearchStrategy[float]:
    """Return speeds that are whole miles per hour, in m/s."""
    return st.integers(low, high).map(lambda value: value * FEET.speed_mps)


names = st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=8).map(
    lambda text: "".join(letter for letter in text if letter.isprintable()).strip()
)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Draw a signal with three to eight legs, as UTDF describes one."""
    legs = sorted(draw(st.sets(st.sampled_from(list(COMPASS)), min_size=3)), key=_column)
    inward = [leg for leg in legs if leg == legs[0] or draw(st.integers(0, 5))]
    outward = [leg for leg in legs if leg == legs[1] or draw(st.integers(0, 5))]
    number = {leg: str(10 + at) for at, leg in enumerate(legs)}
    nodes = [Node("1", 0.0, 0.0, NodeKind.SIGNAL, draw(names), draw(st.none() | feet(-99, 99)))]
    links: list[Street] = []
    turns: list[Turn] = []
    detectors: list[Detector] = []
    phases = draw(rings())
    numbers = [phase.number for phase in phases]
    for leg in legs:
        x, y = draw(feet(-9000, 9000)), draw(feet(-9000, 9000))
        kind = draw(st.sampled_from([NodeKind.EXTERNAL, NodeKind.BEND, NodeKind.ROUNDABOUT]))
        nodes.append(Node(number[leg], x, y, kind, draw(names)))
    for leg in inward:
        lanes, more, found = draw(approaches(leg, number, outward, numbers))
        turns += more
        detectors += found
        links.append(draw(streets(number[leg], "1", leg, lanes, signed=bool(more))))
    for leg in outward:
        lanes = tuple(Lane(at) for at in range(draw(st.integers(1, 4))))
        back = next(d for d in COMPASS if (COMPASS[d] - COMPASS[leg]) % 360 == 180)
        links.append(draw(streets("1", number[leg], back, lanes)))
    walk = draw(st.lists(st.sampled_from(numbers), max_size=2, unique=True))
    legs_in = tuple(link.link_id for link in links if link.to_node == "1")
    crossings = (Crossing("1:PED", "1", legs_in, None, tuple(walk)),) if walk and turns else ()
    holds = draw(st.lists(st.sampled_from(numbers), max_size=1)) if turns else []
    controller = Controller("1", ("1",), (draw(plans(phases)),), hold_phases=tuple(holds))
    return Inventory(
        "drawn",
        tuple(nodes),
        tuple(links),
        tuple(turns),
        crossings,
        (controller,),
        tuple(detectors),
    )


def _column(direction: str) -> int:
    return list(COMPASS).index(direction)


@st.composite
def streets(
    draw: st.DrawFn,
    start: str,
    end: str,
    direction: str,
    lanes: tuple[Lane, ...],
    signed: bool = False,
) -> Street:
    return Street(
        f"{start}>{end}",
        start,
        end,
        draw(names),
        draw(feet(1, 20_000)),
        draw(mph(5, 75)),
        lanes,
        direction,
        grade_percent=draw(st.none() | hundredths(-12, 12)),
        median_m=draw(st.none() | feet(0, 60)),
        sign_control=draw(st.sampled_from(["", "1"])) if signed else "",
    )


@st.composite
def approaches(
    draw: st.DrawFn, leg: str, number: dict[str, str], outward: list[str], phases: list[int]
) -> tuple[tuple[Lane, ...], list[Turn], list[Detector]]:
    dests = draw(st.permutations(outward))[: draw(st.integers(0, 4))]
    moves = sorted(draw(st.permutations(MOVES))[: len(dests)], key=MOVES.index)
    chosen = moves
    counts = {move: draw(st.integers(0, 3)) for move in moves}
    # A shared lane counts for the through movement, and for the left where there is none.
    owner = "T" if "T" in counts else "L"
    dealt = deal_lanes(counts, {owner: draw(st.integers(0, 3))} if counts.get(owner) else {})
    dealt = {move: lanes for move, lanes in dealt.items() if lanes[1]}
    # The second left or right is one only beside the first.
    only = {"L2": "L", "R2": "R"}
    name = {move: only.get(move, move) for move in dealt if only.get(move) not in dealt}
    moves = [name.get(move, move) for move in moves if move in dealt]
    dests = [dest for move, dest in zip(chosen, dests, strict=True) if move in dealt]
    dealt = {name.get(move, move): lanes for move, lanes in dealt.items()}
    total = sum(len(own) for own, _ in dealt.values())
    width = {move: draw(st.none() | feet(8, 16)) for move in moves}
    storage = {move: draw(st.none() | feet(50, 400)) for move in moves}
    taper = {move: draw(st.none() | feet(10, 90)) for move in moves}
    lanes: dict[int, Lane] = {}
    turns: list[Turn] = []
    detectors: list[Detector] = []
    served: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    some = st.lists(st.sampled_from(phases), max_size=3, unique=True).map(tuple)
    for move, (own, _) in dealt.items():
        pocket = storage[move]
        for at in own:
            lanes[at] = Lane(
                at, width_m=width[move], storage_m=pocket, taper_m=taper[move] if pocket else None
            )
        served[move] = (draw(some), draw(some))
    for move, dest in zip(moves, dests, strict=True):
        own, uses = dealt[move]
        if not own:
            sharing = next(m for m, (o, _) in dealt.items() if uses[0] in o)
            served[move] = served[sharing]
        turns.append(draw(drawn_turns(f"{number[leg]}>1", number[dest], move, uses, served[move])))
        for nth in range(1, draw(st.integers(0, 2)) + 1 if own else 1):
            detectors.append(draw(drawn_detectors(leg + move, nth, number[leg], own, phases)))
    if not total:
        return tuple(Lane(at) for at in range(draw(st.integers(1, 3)))), [], []
    return tuple(lanes[at] for at in sorted(lanes)), turns, detectors


@st.composite
def drawn_turns(
    draw: st.DrawFn,
    link: str,
    dest: str,
    move: str,
    uses: tuple[int, ...],
    served: tuple[tuple[int, ...], tuple[int, ...]],
) -> Turn:
    kind = KINDS[move]
    flow = draw(st.none() | hundredths(1, 9000))
    return Turn(
        f"{link}>1>{dest}",
        "1",
        link,
        f"1>{dest}",
        kind,
        uses,
        protected_phases=served[0],
        permitted_phases=served[1],
        volume_vph=draw(st.none() | hundredths(0, 3000)),
        peak_hour_factor=draw(st.none() | hundredths(0, 1)),
        heavy_share=draw(st.none() | st.integers(0, 100).map(lambda share: share / 100)),
        saturation_vph=flow,
        right_on_red=draw(st.none() | st.booleans()) if move in ("R", "R2") else None,
        pedestrians_ph=draw(st.none() | hundredths(0, 900)),
        bicycles_ph=draw(st.none() | hundredths(0, 900)),
        growth=draw(st.none() | st.integers(50, 300).map(lambda share: share / 100)),
        ideal_flow_vphpl=draw(st.none() | hundredths(1000, 2200)),
        saturation_fixed=flow is not None and draw(st.booleans()),
        lost_time_adjust_s=draw(st.none() | hundredths(-4, 4)),
        headway_factor=draw(st.none() | hundredths(0, 2)),
        turning_speed_mps=draw(st.none() | mph(5, 60)),
        channelized=draw(st.sampled_from(["", *CHANNELS])),
    )


@st.composite
def drawn_detectors(
    draw: st.DrawFn, column: str, nth: int, up_node: str, own: tuple[int, ...], phases: list[int]
) -> Detector:
    tenths = st.none() | st.integers(0, 600)
    functions = draw(st.sampled_from([(), ("call", "extend"), ("count",), ("call", "passage")]))
    kind = "count" if functions == ("count",) else "pulse" if "passage" in functions else "presence"
    return Detector(
        f"1:{column}:{nth}",
        f"{up_node}>1",
        own,
        phases[0],
        draw(feet(0, 500)),
        draw(feet(0, 60)),
        kind,
        functions,
        (),
        draw(tenths),
        draw(tenths),
        draw(tenths),
    )


@st.composite
def rings(draw: st.DrawFn) -> tuple[ControllerPhase, ...]:
    """Draw the phases of up to two rings, numbered as they stand."""
    places = [
        (ring, barrier, position)
        for barrier in (1, 2)
        for ring in (1, 2)
        for position in (1, 2)
        if (ring, barrier, position) == (1, 1, 1) or draw(st.booleans())
    ]
    tenths = st.none() | st.integers(0, 900)
    maybe = st.none() | st.booleans()
    return tuple(
        ControllerPhase(
            number,
            *place,
            draw(st.integers(0, 300)),
            draw(st.integers(0, 70)),
            draw(st.integers(0, 70)),
            draw(tenths),
            draw(tenths),
            draw(tenths),
            draw(tenths),
            draw(st.sampled_from(["", "none", "min", "max", "ped", "walk"])),
            draw(maybe),
            draw(tenths),
            draw(tenths),
            draw(tenths),
            draw(tenths),
            draw(maybe),
            draw(st.none() | hundredths(0, 500)),
        )
        for number, place in enumerate(places, start=1)
    )


@st.composite
def plans(draw: st.DrawFn, phases: tuple[ControllerPhase, ...]) -> Coordination:
    """Draw a plan whose rings fill its cycle."""
    control = draw(st.sampled_from(list(ControlKind)))
    numbers = [phase.number for phase in phases]
    references = tuple(draw(st.lists(st.sampled_from(numbers), max_size=2, unique=True)))
    point = draw(st.sampled_from(list(ReferencePoint)))
    if not draw(st.integers(0, 5)):
        return Coordination("1", phases, {}, None, None, point, references, control=control)
    short = {phase.number: draw(st.integers(20, 600)) for phase in phases}
    longest = sum(short.values())
    splits, _ = complete(phases, short, longest, references)
    assert fits(phases, splits, longest)
    return Coordination(
        "1",
        phases,
        splits,
        longest,
        draw(st.integers(0, longest - 1)),
        point,
        references,
        control=control,
    )
