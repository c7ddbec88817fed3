"""The manual's analysis of an intersection against published and hand-worked figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.hcm import analyze, analyze_signal
from engine.measures.hcm_groups import HcmPractice
from engine.measures.hcm_results import Conditions, IntersectionAnalysis
from engine.measures.hcm_terms import Arrivals
from network.derive.saturation import heavy_factor, width_factor
from network.errors import EngineError, InsufficientDataError, PlanError
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.inventory import Inventory, TurnKind
from network.inventory_signals import ControlKind, Coordination
from network.phasing import Phase, Phasing
from network.readers.utdf import read_utdf
from network.timing import TimingPlan
from tests.inventories import arterial, plan
from tests.network.streets import SHARED_DATA

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "hcm_worked.json").read_text("utf-8"))
BULLHEAD = SHARED_DATA / "utdf_bullhead" / "UTDF.csv"
FULL_HOUR = HcmPractice(peak_hour_factor=1.0)
FROM = {"eb": "w0", "wb": "e0", "nb": "s0", "sb": "n0"}


def timed(splits_ds: dict[int, int], yellow_ds: int = 40, red_ds: int = 10) -> Coordination:
    """Some of the eight phases, each with the same clearance."""
    cycle_ds = sum(splits_ds[n] for n in (1, 2, 3, 4) if n in splits_ds)
    cycle_ds = cycle_ds or sum(splits_ds.values())
    made = plan(splits_ds, cycle_ds=cycle_ds)
    phases = [
        replace(p, yellow_ds=yellow_ds, red_clear_ds=red_ds)
        for p in made.phases
        if p.number in splits_ds
    ]
    return replace(made, phases=tuple(phases))


TWO_PHASES = {2: 350, 6: 350, 4: 250, 8: 250}


def corner(
    volumes: Mapping[tuple[str, TurnKind], float],
    timing: Coordination | None = None,
    saturation: Mapping[tuple[str, TurnKind], float] | None = None,
    **values: Any,
) -> Inventory:
    """Four approaches of a left-turn lane and two lanes; turns without a volume do not exist."""
    street = arterial(1, [timing or timed(TWO_PHASES)])
    side = {f"{tail}>c0": heading for heading, tail in FROM.items()}
    turns = []
    for turn in street.turns:
        key = (side[turn.from_link], turn.kind)
        if key in volumes:
            given_vph = (saturation or {}).get(key)
            turns.append(replace(turn, volume_vph=volumes[key], saturation_vph=given_vph, **values))
    return replace(street, turns=tuple(turns))


def through(volume_vph: float, **values: Any) -> Inventory:
    """Four through movements, the eastbound one with its own volume."""
    ahead = {(side, TurnKind.THROUGH): 300.0 for side in FROM}
    ahead["eb", TurnKind.THROUGH] = volume_vph
    return corner(ahead, saturation=dict.fromkeys(ahead, 3400.0), **values)


def of(analysis: IntersectionAnalysis, side: str, movements: str = "T") -> Any:
    """The lane group of an approach."""
    (found,) = [
        group
        for group in analysis.groups
        if group.link_id == f"{FROM[side]}>c0" and group.movements == movements
    ]
    return found


def written(number: float) -> float:
    """Half of the last digit a figure is written with."""
    decimals = len(str(number).partition(".")[2])
    return 0.5000001 * 10.0**-decimals


def test_every_figure_of_the_hand_worked_intersection() -> None:
    worked = GOLDEN["worked"]
    street = corner(
        {(side, TurnKind.THROUGH): group["volume_vph"] for side, group in worked["groups"].items()},
        saturation={
            (side, TurnKind.THROUGH): group["saturation_vph"]
            for side, group in worked["groups"].items()
        },
        peak_hour_factor=worked["peak_hour_factor"],
    )
    found = analyze(street, "c0")
    assert found.cycle_s == worked["cycle_s"]
    for side, figures in worked["groups"].items():
        group = of(found, side)
        for name, figure in figures.items():
            if name in ("level_of_service", "critical"):
                assert getattr(group, name) == figure, (side, name)
            elif name != "volume_vph":
                assert getattr(group, name) == pytest.approx(figure, abs=written(figure)), name
    for name in ("flow_vph", "control_delay_s", "critical_flow_ratio", "critical_volume_capacity"):
        assert getattr(found, name) == pytest.approx(worked[name], abs=written(worked[name])), name
    assert found.lost_s == pytest.approx(worked["lost_s"])
    assert found.level_of_service == worked["level_of_service"]


def test_every_figure_of_the_published_intersection() -> None:
    right, ahead = GOLDEN["published"]["groups"]
    # West-bound right turns in phase 6, north-bound traffic in phase 8: 29 s and 121 s.
    street = corner(
        {
            ("wb", TurnKind.RIGHT): right["volume_vph"],
            ("nb", TurnKind.THROUGH): ahead["volume_vph"],
        },
        timed({6: 290, 8: 1210}, red_ds=0),
        {
            ("wb", TurnKind.RIGHT): right["saturation_vph"],
            ("nb", TurnKind.THROUGH): ahead["saturation_vph"],
        },
        peak_hour_factor=0.95,
    )
    street = replace(
        street,
        turns=tuple(
            replace(turn, lanes=(0, 1)) if turn.kind is TurnKind.RIGHT else turn
            for turn in street.turns
        ),
    )
    (turning,) = [turn.turn_id for turn in street.turns if turn.kind is TurnKind.RIGHT]
    reduction_vph = right["on_red_reduction_vph"] * right["peak_hour_factor"]
    found = analyze(street, "c0", None, None, Conditions(right_on_red_vph={turning: reduction_vph}))
    assert found.cycle_s == GOLDEN["published"]["cycle_s"]
    for figures, group in ((right, of(found, "wb", "R")), (ahead, of(found, "nb"))):
        assert group.critical
        assert group.level_of_service == "F"
        for name in (
            *("green_s", "flow_vph", "green_ratio", "capacity_vph", "flow_ratio"),
            *("volume_capacity", "uniform_delay_s", "progression_factor"),
        ):
            assert getattr(group, name) == pytest.approx(figures[name], abs=written(figures[name]))
        for name in ("incremental_delay_s", "control_delay_s"):
            assert getattr(group, name) == pytest.approx(figures[name], abs=0.1), name


def manual_example() -> Inventory:
    """5th Avenue and 12th Street; each lane with through traffic is a lane group of its own."""
    example = GOLDEN["manual_example"]
    kinds = {"T": TurnKind.THROUGH, "TR": TurnKind.RIGHT}
    groups = {(g["side"], kinds[g["kind"]]): g for g in example["lane_groups"]}
    lefts = {(g["side"], TurnKind.LEFT): g for g in example["left_turns"]}
    every = groups | lefts
    timing = timed(
        {int(number): split for number, split in example["splits_ds"].items()},
        example["yellow_ds"],
        example["red_clear_ds"],
    )
    phases = tuple(replace(p, extension_ds=example["unit_extension_ds"]) for p in timing.phases)
    street = corner(
        {key: group["flow_vph"] for key, group in every.items()},
        replace(timing, phases=phases, control=ControlKind.ACTUATED),
        {key: group["saturation_vph"] for key, group in every.items()},
        peak_hour_factor=1.0,
    )
    yielding = {f"{FROM[side]}>c0" for (side, _), g in lefts.items() if g["permitted_only"]}
    turns = []
    for turn in street.turns:
        if turn.kind is TurnKind.THROUGH:
            turns.append(replace(turn, lanes=(1,)))
        elif turn.kind is TurnKind.RIGHT:
            # The lane is shared: what it carries opposes left turns as through traffic does.
            turns.append(replace(turn, kind=TurnKind.THROUGH))
        else:
            arrows = () if turn.from_link in yielding else turn.protected_phases
            turns.append(replace(turn, protected_phases=arrows))
    return replace(street, turns=tuple(turns))


def test_the_manuals_example_of_fifth_avenue_and_twelfth_street() -> None:
    example = GOLDEN["manual_example"]
    found = analyze(manual_example(), "c0", None, HcmPractice(polygon_always=True))
    assert found.cycle_s == example["cycle_s"]
    for figures in example["lane_groups"]:
        lane = 1 if figures["kind"] == "T" else 0
        link = f"{FROM[figures['side']]}>c0"
        (group,) = [g for g in found.groups if g.link_id == link and g.lanes == (lane,)]
        where = (figures["side"], figures["kind"])
        assert group.capacity_vph == pytest.approx(figures["capacity_vph"], abs=1.0), where
        assert group.volume_capacity == pytest.approx(
            figures["volume_capacity"], abs=written(figures["volume_capacity"])
        ), where
        assert group.control_delay_s == pytest.approx(figures["control_delay_s"], abs=0.15), where
        assert group.level_of_service == figures["level_of_service"], where
    for figures in example["left_turns"]:
        group = of(found, figures["side"], "L")
        assert group.capacity_vph == pytest.approx(figures["capacity_vph"], rel=0.15)
    delays = {approach.link_id: approach.control_delay_s for approach in found.approaches}
    for side, delay_s in example["approach_delay_s"].items():
        assert delays[f"{FROM[side]}>c0"] == pytest.approx(delay_s, abs=2.0), side
    assert found.control_delay_s == pytest.approx(example["control_delay_s"], abs=1.0)
    assert found.level_of_service == example["level_of_service"]


def test_the_manuals_example_of_the_critical_ratio() -> None:
    example = GOLDEN["manual_critical"]
    street = corner(
        {(side, TurnKind.THROUGH): v for side, v in example["volumes_vph"].items()},
        timed(
            {int(number): split for number, split in example["splits_ds"].items()},
            example["yellow_ds"],
            example["red_clear_ds"],
        ),
        {(side, TurnKind.THROUGH): example["saturation_vph"] for side in FROM},
        peak_hour_factor=1.0,
    )
    found = analyze(street, "c0")
    for side, green_s in example["green_s"].items():
        assert of(found, side).green_s == pytest.approx(green_s)
    assert found.lost_s == pytest.approx(example["lost_s"])
    for name in ("critical_flow_ratio", "critical_volume_capacity"):
        assert getattr(found, name) == pytest.approx(example[name], abs=written(example[name]))


def test_left_turns_that_wait_for_the_opposing_queue_wait_longer() -> None:
    street = manual_example()
    spread = of(analyze(street, "c0"), "eb", "L")
    waiting = of(analyze(street, "c0", None, HcmPractice(polygon_always=True)), "eb", "L")
    assert waiting.uniform_delay_s > spread.uniform_delay_s
    assert waiting.capacity_vph == spread.capacity_vph


def test_first_steps_of_the_manuals_first_example() -> None:
    steps = GOLDEN["manual_steps"]
    kinds = {
        TurnKind.LEFT: steps["left_vph"],
        TurnKind.THROUGH: steps["through_vph"],
        TurnKind.RIGHT: steps["right_vph"],
    }
    street = corner(
        {("eb", kind): volume for kind, volume in kinds.items()},
        peak_hour_factor=steps["peak_hour_factor"],
    )
    shared = tuple(
        replace(t, lanes=(1,), protected_phases=(2,)) if t.kind is TurnKind.LEFT else t
        for t in street.turns
    )
    (group,) = analyze(replace(street, turns=shared), "c0").groups
    assert group.movements == "LTR"
    assert group.flow_vph == pytest.approx(steps["flow_vph"])
    share = steps["left_vph"] / sum(kinds.values())
    assert share == pytest.approx(steps["left_share"], abs=5e-4)
    assert width_factor(steps["lane_width_m"]) == pytest.approx(steps["width_factor"], abs=5e-4)
    assert heavy_factor(steps["heavy_share"]) == pytest.approx(steps["heavy_factor"], abs=5e-4)


def test_saturation_flow_follows_from_the_factors_where_none_is_given() -> None:
    street = corner({("eb", TurnKind.THROUGH): 500.0, ("eb", TurnKind.RIGHT): 100.0})
    (group,) = analyze(street, "c0", None, FULL_HOUR).groups
    # 1900 x 2 lanes x fHV 1/1.02 x fLU 0.952 x fRT (1 - 0.15 x 100/600)
    assert group.saturation_vph == pytest.approx(3800 / 1.02 * 0.952 * 0.975)


def test_pedestrians_hold_right_turns() -> None:
    quiet = corner({("eb", TurnKind.THROUGH): 500.0, ("eb", TurnKind.RIGHT): 100.0})
    busy = replace(quiet, turns=tuple(replace(t, pedestrians_ph=400.0) for t in quiet.turns))
    before, after = (analyze(s, "c0").groups[0].saturation_vph for s in (quiet, busy))
    # 400 x 60 / 30 = 800 per hour of green occupy 0.4 of it: 1 - (1/6) 0.4
    assert after / before == pytest.approx(1.0 - 0.4 / 6.0)


@pytest.mark.parametrize(
    ("served", "treatment"),
    [(((5,), ()), "protected"), (((), (2,)), "permitted"), (((5,), (2,)), "protected-permitted")],
)
def test_left_turns_are_treated_as_their_phases_say(
    served: tuple[tuple[int, ...], tuple[int, ...]], treatment: str
) -> None:
    street = corner(
        {
            ("eb", TurnKind.LEFT): 100.0,
            ("eb", TurnKind.THROUGH): 400.0,
            ("wb", TurnKind.THROUGH): 600.0,
            ("nb", TurnKind.THROUGH): 200.0,
        },
        timed({1: 150, 2: 300, 4: 250, 5: 150, 6: 300, 8: 250}),
    )
    turns = tuple(
        replace(t, protected_phases=served[0], permitted_phases=served[1])
        if t.kind is TurnKind.LEFT
        else t
        for t in street.turns
    )
    found = of(analyze(replace(street, turns=turns), "c0", None, FULL_HOUR), "eb", "L")
    assert found.left_turns == treatment
    base_vph = 1900 / 1.02 * 0.95
    # The arrow lasts 10 s of 70 s, the permitted green 25 s.
    arrow_vph = base_vph * 10 / 70 if served[0] else 0.0
    if served[1]:
        assert arrow_vph < found.capacity_vph < arrow_vph + base_vph * 25 / 70 * 0.6
        assert found.left_factor is not None
    else:
        assert found.capacity_vph == pytest.approx(arrow_vph)
        assert found.left_factor is None


def test_critical_groups_follow_the_rings_between_barriers() -> None:
    street = corner(
        {
            ("eb", TurnKind.LEFT): 300.0,
            ("eb", TurnKind.THROUGH): 400.0,
            ("wb", TurnKind.THROUGH): 600.0,
            ("nb", TurnKind.THROUGH): 200.0,
        },
        timed({1: 150, 2: 300, 4: 250, 5: 150, 6: 300, 8: 250}),
    )
    found = analyze(street, "c0", None, FULL_HOUR)
    # Arrow 5: 1769.6 x 10 / 70 = 252.8 of the 300 left turns, so v/s = 0.142857 there; phase 6:
    # 600 / 3546.7 = 0.169173; side street 200 / 3546.7 = 0.056391. What is left yields in phase 2.
    # Y = 0.368421; three phases lose 5 s each: Xc = 0.368421 x 70 / 55
    assert found.lost_s == pytest.approx(15.0)
    assert found.critical_flow_ratio == pytest.approx(0.368421, abs=2e-6)
    assert found.critical_volume_capacity == pytest.approx(0.468899, abs=3e-6)
    critical = {(g.link_id, g.movements) for g in found.groups if g.critical}
    assert critical == {("w0>c0", "L"), ("e0>c0", "T"), ("s0>c0", "T")}


def test_a_left_turn_with_arrow_and_yielding_can_be_critical_alone() -> None:
    street = corner(
        {
            ("eb", TurnKind.LEFT): 500.0,
            ("wb", TurnKind.THROUGH): 300.0,
            ("nb", TurnKind.THROUGH): 200.0,
        },
        timed({1: 150, 2: 300, 4: 250, 5: 150, 6: 300, 8: 250}),
    )
    found = analyze(street, "c0", None, FULL_HOUR)
    left = of(found, "eb", "L")
    # The arrow takes 252.8 of the 500; the others yield with s = 1900 / 1.02 x fLT.
    assert left.left_factor is not None
    yielding = (500.0 - 1900 / 1.02 * 0.95 * 10 / 70) / (1900 / 1.02 * left.left_factor)
    assert found.critical_flow_ratio == pytest.approx(1 / 7 + yielding + 0.056391, abs=1e-5)
    assert found.lost_s == pytest.approx(10.0)
    assert left.critical


def test_left_turns_without_opposing_traffic_do_not_yield() -> None:
    street = corner({("eb", TurnKind.LEFT): 100.0, ("eb", TurnKind.THROUGH): 400.0})
    turns = tuple(
        replace(t, protected_phases=(), permitted_phases=(2,)) if t.kind is TurnKind.LEFT else t
        for t in street.turns
    )
    found = of(analyze(replace(street, turns=turns), "c0"), "eb", "L")
    assert found.left_turns == "protected"
    assert found.saturation_vph == pytest.approx(1900 / 1.02 * 0.95)


def sharing(left_vph: float, phases: tuple[tuple[int, ...], tuple[int, ...]]) -> Inventory:
    """Left turns that share the left one of two lanes with through traffic."""
    street = corner(
        {
            ("eb", TurnKind.LEFT): left_vph,
            ("eb", TurnKind.THROUGH): 200.0,
            ("wb", TurnKind.THROUGH): 500.0,
        },
    )
    return replace(
        street,
        turns=tuple(
            replace(t, lanes=(1,), protected_phases=phases[0], permitted_phases=phases[1])
            if t.kind is TurnKind.LEFT
            else t
            for t in street.turns
        ),
    )


@pytest.mark.parametrize("phases", [((2,), ()), ((), (2,))])
def test_a_shared_lane_full_of_left_turns_becomes_theirs(
    phases: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    few = analyze(sharing(20.0, phases), "c0")
    assert [g.movements for g in few.groups if g.link_id == "w0>c0"] == ["LT"]
    assert not few.notes
    many = analyze(sharing(300.0, phases), "c0")
    own = [g for g in many.groups if g.link_id == "w0>c0"]
    assert [(g.movements, g.lanes, g.de_facto) for g in own] == [
        ("L", (1,), True),
        ("T", (0,), False),
    ]
    assert "de facto" in many.notes[0]


def test_a_plan_that_leaves_traffic_without_green_is_refused() -> None:
    street = through(500.0, timing=timed({2: 350, 6: 350}))
    with pytest.raises(PlanError, match="no phase of the plan serves it"):
        analyze(street, "c0")


def test_free_operation_is_refused() -> None:
    street = through(500.0, timing=replace(timed(TWO_PHASES), cycle_ds=None))
    with pytest.raises(PlanError, match="free operation"):
        analyze(street, "c0")


def test_splits_that_miss_the_cycle_are_refused() -> None:
    street = through(500.0, timing=replace(timed(TWO_PHASES), cycle_ds=700))
    with pytest.raises(PlanError, match="allowed is the cycle of 70 s"):
        analyze(street, "c0")


def test_a_street_without_volumes_is_refused() -> None:
    with pytest.raises(InsufficientDataError, match="has a volume"):
        analyze(arterial(1, counted=False), "c0")


def test_unknown_names_are_refused() -> None:
    street = through(500.0)
    with pytest.raises(EngineError, match="no controller 'c9'; it has c0"):
        analyze(street, "c9")
    with pytest.raises(EngineError, match="no plan '7'; it has 1"):
        analyze(street, "c0", "7")
    with pytest.raises(EngineError, match="arrivals: found 'nowhere'"):
        analyze(street, "c0", None, None, Conditions(arrivals={"nowhere": Arrivals(4)}))


@pytest.mark.parametrize(
    "values",
    [
        {"volume_vph": float("nan")},
        {"volume_vph": -5.0},
        {"peak_hour_factor": 0.0},
        {"peak_hour_factor": 1.4},
        {"saturation_vph": 0.0},
        {"saturation_vph": float("inf")},
    ],
)
def test_impossible_values_are_refused(values: dict[str, float]) -> None:
    street = through(500.0)
    broken = (replace(street.turns[0], **values), *street.turns[1:])
    with pytest.raises(EngineError, match=street.turns[0].turn_id):
        analyze(replace(street, turns=broken), "c0")


def test_platoons_that_arrive_in_green_wait_less() -> None:
    street = through(900.0)
    turn = next(t for t in street.turns if t.from_link == "w0>c0").turn_id
    delays = [
        of(
            analyze(street, "c0", None, None, Conditions(arrivals={turn: Arrivals(kind)})), "eb"
        ).control_delay_s
        for kind in (1, 2, 3, 4, 5, 6)
    ]
    assert delays == sorted(delays, reverse=True)
    share = Conditions(arrivals={turn: Arrivals(green_share=1.0)})
    assert of(analyze(street, "c0", None, None, share), "eb").progression_factor == 0.0


def test_an_upstream_signal_and_actuation_lower_the_incremental_delay_only() -> None:
    street = through(900.0)
    isolated = of(analyze(street, "c0"), "eb")
    near = Conditions(upstream_saturation={"w0>c0": 0.9})
    filtered = of(analyze(street, "c0", None, None, near), "eb")
    timing = replace(timed(TWO_PHASES), control=ControlKind.ACTUATED)
    actuated = of(analyze(through(900.0, timing=timing), "c0"), "eb")
    for other in (filtered, actuated):
        assert other.incremental_delay_s < isolated.incremental_delay_s
        assert other.uniform_delay_s == isolated.uniform_delay_s
    held = replace(timing, control=ControlKind.COORDINATED, reference_phases=(2, 6))
    assert of(analyze(through(900.0, timing=held), "c0"), "eb") == isolated


def test_an_initial_queue_adds_its_own_delay() -> None:
    street = through(900.0)
    turn = next(t for t in street.turns if t.from_link == "w0>c0").turn_id
    waiting = Conditions(initial_queue_veh={turn: 20.0})
    before, after = (of(analyze(street, "c0", None, None, c), "eb") for c in (None, waiting))
    # 900 / 0.92 of 1700: 20 vehicles go in 20 / (1700 - 978.26) h = 0.027711 h, u = 0, and
    # d3 = 1800 x 20 x 0.027711 / (1700 x 0.25)
    assert after.initial_queue_delay_s == pytest.approx(2.3473, abs=1e-3)
    # d1 is 15 s (half of the red) as long as the queue lasts.
    kept = 0.027711 / 0.25
    assert after.uniform_delay_s == pytest.approx(
        15.0 * kept + before.uniform_delay_s * (1.0 - kept), abs=1e-4
    )
    assert after.queue_veh > before.queue_veh


@given(st.floats(0.0, 4000.0), st.floats(1.0, 1000.0))
@settings(max_examples=60, deadline=None)
def test_delay_and_queue_rise_with_volume(volume_vph: float, more_vph: float) -> None:
    low, high = (of(analyze(through(v), "c0"), "eb") for v in (volume_vph, volume_vph + more_vph))
    assert 0.0 <= low.control_delay_s <= high.control_delay_s + 1e-9
    assert low.queue_veh <= high.queue_veh <= high.queue_95_veh
    assert low.volume_capacity < high.volume_capacity


@given(st.floats(0.0, 500.0), st.floats(1.0, 200.0), st.floats(0.0, 1500.0))
@settings(max_examples=60, deadline=None)
def test_delay_of_left_turns_rises_with_them_on_an_arrow_and_yielding(
    left_vph: float, more_vph: float, opposing_vph: float
) -> None:
    def found(volume_vph: float) -> Any:
        volumes = {
            ("eb", TurnKind.LEFT): volume_vph,
            ("eb", TurnKind.THROUGH): 400.0,
            ("wb", TurnKind.THROUGH): opposing_vph,
        }
        timing = timed({1: 150, 2: 300, 4: 250, 5: 150, 6: 300, 8: 250})
        return of(analyze(corner(volumes, timing), "c0"), "eb", "L")

    low, high = found(left_vph), found(left_vph + more_vph)
    assert low.left_turns == "protected-permitted"
    assert low.capacity_vph == high.capacity_vph
    assert 0.0 <= low.control_delay_s <= high.control_delay_s + 1e-9


@given(st.floats(0.0, 2000.0), st.floats(1.0, 500.0))
@settings(max_examples=60, deadline=None)
def test_opposing_traffic_never_adds_capacity_to_left_turns(
    opposing_vph: float, more_vph: float
) -> None:
    def capacity_vph(volume_vph: float) -> float:
        volumes = {("eb", TurnKind.LEFT): 80.0, ("wb", TurnKind.THROUGH): volume_vph}
        street = corner(volumes, protected_phases=(2, 6), permitted_phases=())
        turns = tuple(
            replace(t, protected_phases=(), permitted_phases=(2,)) if t.kind is TurnKind.LEFT else t
            for t in street.turns
        )
        return float(of(analyze(replace(street, turns=turns), "c0"), "eb", "L").capacity_vph)

    assert capacity_vph(opposing_vph + more_vph) <= capacity_vph(opposing_vph) + 1e-9


@given(st.integers(60, 480), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_delay_falls_with_green(green_ds: int, more_ds: int) -> None:
    def delay_s(shown_ds: int) -> float:
        splits = {2: shown_ds + 50, 6: shown_ds + 50, 4: 650 - shown_ds, 8: 650 - shown_ds}
        return float(of(analyze(through(300.0, timing=timed(splits)), "c0"), "eb").control_delay_s)

    assert delay_s(green_ds + more_ds) < delay_s(green_ds)


def test_an_empty_approach_has_uniform_delay_only() -> None:
    group = of(analyze(through(0.0), "c0"), "eb")
    # Half of the red, for those who come in it: 30 x 30 / (2 x 60)
    assert group.control_delay_s == group.uniform_delay_s == pytest.approx(7.5)
    assert group.incremental_delay_s == group.queue_veh == 0.0
    assert group.level_of_service == "A"


def test_shifting_ring_order_keeps_the_totals() -> None:
    volumes = {(side, kind): 200.0 for side in FROM for kind in TurnKind if kind != "t"}
    splits = {1: 150, 2: 300, 3: 150, 4: 250, 5: 150, 6: 300, 7: 150, 8: 250}
    leading = timed(splits)
    lagging = replace(
        leading,
        phases=tuple(replace(p, position=3 - p.position) for p in leading.phases),
    )
    protected = corner(volumes, leading, permitted_phases=())
    first, second = (
        analyze(
            replace(protected, controllers=(replace(protected.controllers[0], plans=(p,)),)), "c0"
        )
        for p in (leading, lagging)
    )
    assert first.control_delay_s == pytest.approx(second.control_delay_s)
    assert first.critical_volume_capacity == pytest.approx(second.critical_volume_capacity)


@pytest.fixture(scope="module")
def bullhead() -> Inventory:
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    return read_utdf(BULLHEAD)


def test_a_signal_of_the_synchro_sample_by_hand(bullhead: Inventory) -> None:
    found = analyze(bullhead, "80")
    # Cycle 45 s, three splits of 22.5 s with 3.5 s of yellow and 1 s of red: G = g = 18 s,
    # g/C = 0.4; T = 0.25 h.
    # South-bound, 1063 + 42 veh/h over 0.92 = 1201.09; s = 3518, c = 1407.2, X = 0.85353:
    # d1 = 22.5 x 0.36 / (1 - 0.34141) = 8.1 / 0.65859 = 12.2990
    # d2 = 225 (-0.14647 + sqrt(0.021453 + 3.41413 / 351.8)) = 225 (-0.146468 + 0.176515)
    ahead = found.group("82>80>80>78")
    assert ahead.flow_vph == pytest.approx(1201.09, abs=0.01)
    assert ahead.capacity_vph == pytest.approx(1407.2)
    assert ahead.volume_capacity == pytest.approx(0.85353, abs=1e-5)
    assert ahead.uniform_delay_s == pytest.approx(12.299, abs=1e-3)
    assert ahead.incremental_delay_s == pytest.approx(6.7606, abs=1e-3)
    assert ahead.control_delay_s == pytest.approx(19.060, abs=1e-3)
    assert ahead.level_of_service == "B"
    # North-bound through, 712 / 0.92 = 773.91 of 3539 x 0.4 = 1415.6: X = 0.54670
    # d1 = 8.1 / (1 - 0.21868) = 10.3671; d2 = 225 (-0.453299 + sqrt(0.205480 + 2.18680 / 353.9))
    # = 225 (-0.453299 + 0.460065)
    north = found.group("78>80>80>82")
    assert north.uniform_delay_s == pytest.approx(10.367, abs=1e-3)
    assert north.incremental_delay_s == pytest.approx(1.522, abs=1e-3)
    # North-bound left turns yield: opposing 1201.09 on two lanes, fLU 0.952:
    # volc = 1201.09 x 45 / 3600 / 1.904 = 7.8853; qr = 0.6;
    # gq = 7.8853 x 0.6 / (0.5 - 7.8853 x 0.4 / 18) - 4.5 = 4.7312 / 0.32477 - 4.5 = 10.068
    # gu = 7.932; voe = 1261.65, filtering 446.9 veh/h, EL1 = 4.251; gu / EL1 = 1.866 s is less
    # than two drivers who sneak through, 2 (1 + 1) = 4 s of 18 s: fLT = 0.22222
    # s = 1770 / 0.95 x 0.22222 = 414.04; c = 165.61; v = 48 / 0.92 = 52.174; X = 0.31503
    # d1 = 8.1 / (1 - 0.12601) = 9.2678
    # d2 = 225 (-0.684970 + sqrt(0.469184 + 1.26012 / 41.4035)) = 225 (-0.684970 + 0.706837)
    left = found.group("78>80>80>81")
    assert left.left_factor == pytest.approx(0.22222, abs=1e-5)
    assert left.saturation_vph == pytest.approx(414.04, abs=0.01)
    assert left.volume_capacity == pytest.approx(0.31503, abs=1e-5)
    assert left.uniform_delay_s == pytest.approx(9.268, abs=1e-3)
    assert left.incremental_delay_s == pytest.approx(4.920, abs=2e-3)
    # East-bound, 79 / 0.92 = 85.87 of 1668 x 0.4 = 667.2; X = 0.12870
    # d1 = 8.1 / (1 - 0.05148) = 8.5396; d2 = 225 (-0.871298 + sqrt(0.759160 + 0.51481 / 166.8))
    # = 225 (-0.871298 + 0.873067)
    side = found.group("81>80>80>82")
    assert side.uniform_delay_s == pytest.approx(8.540, abs=1e-3)
    assert side.incremental_delay_s == pytest.approx(0.398, abs=1e-3)
    # (1201.09 x 19.060 + 773.91 x 11.889 + 52.17 x 14.188 + 85.87 x 8.938) / 2113.04 = 15.902
    assert found.control_delay_s == pytest.approx(15.902, abs=2e-3)
    # Y = 1201.09 / 3518 + 85.87 / 1668 = 0.34141 + 0.05148; L = 9; Xc = 0.39289 x 45 / 36
    assert found.critical_volume_capacity == pytest.approx(0.49112, abs=1e-5)


def test_every_signal_of_the_synchro_sample_has_figures(bullhead: Inventory) -> None:
    found = {c.controller_id: analyze(bullhead, c.controller_id) for c in bullhead.controllers}
    assert len(found) == 8
    for analysis in found.values():
        for group in analysis.groups:
            assert 0.0 < group.control_delay_s < 5000.0
            assert 0.0 < group.saturation_vph <= 1900.0 * len(group.lanes)
    # Its through volumes cannot be: nine and six times what their green lets pass.
    assert found["39"].control_delay_s > 2000.0
    assert found["39"].critical_volume_capacity > 4.0


def test_a_road_network_is_analyzed_as_its_inventory_is() -> None:
    ends = {"w": (-1, 0), "e": (1, 0), "s": (0, -1), "n": (0, 1)}
    links = {}
    for side, (x, y) in ends.items():
        far, near = (x * 100.0, y * 100.0), (x * 10.0, y * 10.0)
        links[f"{side}_in"] = Link(f"{side}_in", side, "c", 90.0, 14.0, 1, (0,), (far, near))
        links[f"{side}_out"] = Link(f"{side}_out", "c", side, 90.0, 14.0, 1, (0,), (near, far))
    ways = tuple(
        Connection(
            f"{a}_in_0>{b}_out_0", f"{a}_in", 0, f"{b}_out", 0, "", "s", 20.0, 14.0, 0.0,
            (group,), frozenset(), frozenset(),
        )
        for group, (a, b) in enumerate((("w", "e"), ("e", "w"), ("s", "n"), ("n", "s")))
    )  # fmt: skip
    phasing = Phasing((Phase(1, "GGrr", 5, 40, 10), Phase(2, "rrGG", 5, 40, 10)), {})
    timing = TimingPlan("c", 60, (1, 2), (35, 25), 0, 1)
    movements = tuple(
        Movement(w.movement_id, "c", w.from_link, w.to_link, w.turn, (w,)) for w in ways
    )
    signal = Signal("c", 0.0, 0.0, movements, phasing, timing, True, "0", "")
    network = RoadNetwork("cross", links, {"c": signal}, ways)
    found = analyze_signal(network, timing, {"w_in>e_out": 600.0, "s_in>n_out": 300.0}, FULL_HOUR)
    east = found.group("w_in>e_out")
    # 1900 / 1.02 = 1862.7; g = 30 of 60 s, X = 0.64421
    assert (east.green_s, east.volume_capacity) == (30.0, pytest.approx(0.64421, abs=1e-5))
    # Y = (600 + 300) / 1862.7 = 0.48316; L = 10; Xc = 0.48316 x 60 / 50
    assert found.critical_volume_capacity == pytest.approx(0.57979, abs=1e-4)
    with pytest.raises(EngineError, match="found a volume for 'x>y'"):
        analyze_signal(network, timing, {"x>y": 1.0})


def test_turns_without_a_signal_of_their_own_are_left_out() -> None:
    street = through(500.0)
    free = tuple(
        replace(t, uncontrolled=True) if t.from_link == "n0>c0" else t for t in street.turns
    )
    found = analyze(replace(street, turns=free), "c0")
    assert len(found.groups) == 3
    assert any("not controlled" in note for note in found.notes)
