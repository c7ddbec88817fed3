"""Every limit of a stage program, a tenth of a second on either side, and each rule's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from network.errors import UnsafePlanError
from network.film import Film
from network.graph import Movement, Signal
from network.phasing import Interval, Phase, Phasing
from network.safety import SignalRules, as_built, check, require_safe
from network.timeline import Sighting, Watcher, watch
from network.timing import OffsetReference, PlanSet, TimingPlan
from network.violation import Violation
from tests.strategies import connection, network_of, signal_of

Case = tuple[Signal, TimingPlan]
Shown = tuple[tuple[str, int], ...]


def street(
    phases: tuple[Phase, ...],
    foes: set[tuple[int, int]],
    yields: dict[int, int] | None = None,
    fixed: dict[tuple[int, int], Shown] | None = None,
    walkers: frozenset[int] = frozenset(),
) -> Signal:
    """Build a signal of these phases; pairs of groups cross, some yield, some are crossings."""
    ways = tuple(
        connection(
            g,
            frozenset({b for a, b in foes if a == g} | {a for a, b in foes if b == g}),
            frozenset({yields[g]} if yields and g in yields else ()),
        )
        for g in range(len(phases[0].aspects))
        if g not in walkers
    )
    clearances = {
        pair: tuple(Interval(*interval) for interval in shown)
        for pair, shown in (fixed or {}).items()
    }
    return signal_of(ways, Phasing(phases, clearances), None)


def stages(
    *aspects: str, least_s: int = 5, yellow_ds: int = 35, red_ds: int = 15
) -> tuple[Phase, ...]:
    return tuple(Phase(n, a, least_s, yellow_ds, red_ds) for n, a in enumerate(aspects, 1))


def plan(*splits_s: int, order: tuple[int, ...] = (), offset_s: int = 0) -> TimingPlan:
    sequence = order or tuple(range(1, len(splits_s) + 1))
    return TimingPlan("X", sum(splits_s), sequence, splits_s, offset_s, sequence[0])


def forged(of: TimingPlan, **changes: object) -> TimingPlan:
    """Change a plan behind its constructor's back."""
    copy = replace(of)
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


def words(case: Case) -> list[str]:
    signal, of = case
    return [*(v.text for v in check(of, signal)), *(s.text for s in watch(of, signal))]


def rules(case: Case) -> tuple[set[str], set[str]]:
    signal, of = case
    return {v.rule for v in check(of, signal)}, {s.rule for s in watch(of, signal)}


# Two streets that cross, one phase each.
CROSS = street(stages("Gr", "rG"), {(0, 1)})
LAWFUL = plan(20, 25)


def test_the_crossing_of_two_streets_is_lawful() -> None:
    assert words((CROSS, LAWFUL)) == []


WORDS: list[tuple[str, Case, list[str]]] = [
    (
        "other signal",
        (CROSS, replace(LAWFUL, signal_id="Y")),
        [
            "signal 'X': signal: found Y, allowed X",
            "signal 'X' at 0.0 s: not this signal: seen a plan for 'Y'",
        ],
    ),
    (
        "left alone",
        (replace(CROSS, left_alone="it is a rail signal"), LAWFUL),
        [
            "signal 'X': left alone: found a plan, allowed none, because it is a rail signal",
            "signal 'X' at 0.0 s: not to be retimed: seen it is a rail signal",
        ],
    ),
    (
        "a clock that is no whole number",
        (CROSS, forged(LAWFUL, offset_s=1.5)),
        [
            "signal 'X': whole numbers: found TimingPlan(signal_id='X', cycle_s=45, "
            "sequence=(1, 2), splits_s=(20, 25), offset_s=1.5, coordinated_phase=1, "
            "offset_reference=<OffsetReference.BEGIN_GREEN: 'begin-green'>), allowed whole "
            "numbers only",
            "signal 'X' at 0.0 s: cannot be played: seen values that are not whole numbers",
        ],
    ),
    (
        "fewer splits than phases",
        (CROSS, forged(LAWFUL, splits_s=(45,))),
        [
            "signal 'X': sequence: found TimingPlan(signal_id='X', cycle_s=45, "
            "sequence=(1, 2), splits_s=(45,), offset_s=0, coordinated_phase=1, "
            "offset_reference=<OffsetReference.BEGIN_GREEN: 'begin-green'>), allowed one split "
            "for each phase",
            "signal 'X' at 0.0 s: cannot be played: seen 2 phases with 1 splits",
        ],
    ),
    (
        "a phase served twice",
        (CROSS, forged(LAWFUL, sequence=(2, 2))),
        [
            "signal 'X': sequence: found [2, 2], allowed each phase once",
            "signal 'X' at 0.0 s: cannot be played: seen a phase served twice in [2, 2]",
        ],
    ),
    (
        "an unknown phase",
        (CROSS, forged(LAWFUL, sequence=(1, 7))),
        [
            "signal 'X', phase 7: phase exists: found 7, allowed [1, 2]",
            "signal 'X' at 0.0 s: cannot be played: seen no phase 7; the signal has 1, 2",
        ],
    ),
    (
        "a cycle beyond the wire",
        (CROSS, plan(128, 128)),
        [
            "signal 'X': cycle: found 256 s, allowed 20 to 255 s",
            "signal 'X' at 0.0 s: cycle: seen a cycle of 256 s",
        ],
    ),
    (
        "no cycle at all",
        (CROSS, forged(LAWFUL, cycle_s=0)),
        [
            "signal 'X': cycle: found 0 s, allowed 20 to 255 s",
            "signal 'X': splits fill the cycle: found 45 s, allowed 0 s",
            "signal 'X': offset: found 0 s, allowed 0 to -1 s",
            "signal 'X' at 0.0 s: cycle: seen a cycle of 0 s",
        ],
    ),
    (
        "a cycle of a second",
        (CROSS, forged(LAWFUL, cycle_s=1)),
        [
            "signal 'X': cycle: found 1 s, allowed 20 to 255 s",
            "signal 'X': splits fill the cycle: found 45 s, allowed 1 s",
            "signal 'X' at 1.0 s: cycle: seen a picture that comes back after 450 tenths, not 10",
        ],
    ),
    (
        "a split beyond the wire",
        (CROSS, forged(LAWFUL, splits_s=(256, 20))),
        [
            "signal 'X': splits fill the cycle: found 276 s, allowed 45 s",
            "signal 'X' at 0.0 s: cannot be played: seen a split of 256 s",
        ],
    ),
    (
        "a split of nothing",
        (CROSS, forged(LAWFUL, splits_s=(45, 0))),
        [
            "signal 'X', phase 2: minimum split: found 0 s, allowed 10 s or more",
            "signal 'X' at 0.0 s: cannot be played: seen a split of 0 s",
        ],
    ),
    (
        "a split that its clearance outlasts",
        (CROSS, plan(20, 3)),
        [
            "signal 'X', phase 2: minimum split: found 3 s, allowed 10 s or more",
            "signal 'X' at 0.0 s: endless red: seen no green for group 1 in a whole cycle",
            "signal 'X' at 0.0 s: short green: seen 0 tenths of phase 2, whose least is 5 s",
            "signal 'X' at 20.0 s: order of lamps: seen group 1 going from r to y",
            "signal 'X' at 23.0 s: cycle: seen a picture that comes back after 250 tenths, not 230",
            "signal 'X' at 25.0 s: offset: seen the reference event 20 tenths into the cycle, "
            "not 0",
        ],
    ),
    (
        "an offset of a whole cycle",
        (CROSS, replace(LAWFUL, offset_s=45)),
        [
            "signal 'X': offset: found 45 s, allowed 0 to 44 s",
            "signal 'X' at 0.0 s: offset: seen the reference event 0 tenths into the cycle, "
            "not 450",
        ],
    ),
    (
        "a coordinated phase that is not served",
        (CROSS, forged(LAWFUL, coordinated_phase=9)),
        [
            "signal 'X', phase 9: coordinated phase: found 9, allowed [1, 2]",
            "signal 'X' at 0.0 s: offset: seen phase 9 never serving as reference",
        ],
    ),
    (
        "an unknown reference",
        (CROSS, forged(LAWFUL, offset_reference="begin-red")),
        [
            "signal 'X': offset reference: found begin-red, allowed begin-green, begin-yellow, "
            "end-yellow",
            "signal 'X' at 0.0 s: cannot be played: seen the offset reference 'begin-red'",
        ],
    ),
    (
        "a reference between whole seconds",
        (CROSS, replace(LAWFUL, offset_reference=OffsetReference.END_YELLOW)),
        [
            "signal 'X', phase 1: offset reference: found end-yellow 15 tenths before the end of "
            "the split, allowed whole seconds",
            "signal 'X' at 0.0 s: offset: seen plan of signal 'X': the end-yellow of phase 1 falls "
            "between whole seconds",
        ],
    ),
    (
        "a street without green",
        (CROSS, plan(30)),
        [
            "signal 'X': no group starves: found no green for group 1, allowed some",
            "signal 'X' at 0.0 s: endless red: seen no green for group 1 in a whole cycle",
        ],
    ),
    (
        "a green a second short",
        (CROSS, plan(9, 20)),
        [
            "signal 'X', phase 1: minimum split: found 9 s, allowed 10 s or more",
            "signal 'X' at 0.0 s: short green: seen 40 tenths of phase 1, whose least is 5 s",
            "signal 'X' at 29.0 s: short green: seen group 0 green for 40 tenths, least is 5 s",
        ],
    ),
    (
        "a walk that does not fit",
        (
            street((Phase(1, "Gr", 5, 35, 15, 1, 1, 7, 9), Phase(2, "rG", 5, 35, 15)), {(0, 1)}),
            LAWFUL,
        ),
        [
            "signal 'X', phase 1: walk: found 15 s of green, allowed 7 s to walk and 9 s to clear "
            "the crossing",
            "signal 'X' at 0.0 s: short walk: seen 150 tenths of phase 1 for 7 s of walk and 9 s "
            "to clear the crossing",
        ],
    ),
    (
        "streets that cross in one phase",
        (street(stages("GG", "rG"), {(0, 1)}), LAWFUL),
        [
            "signal 'X', phase 1: conflicting greens: found in0_0>out0_0 and in1_0>out1_0, which "
            "cross, protected at once, allowed one at a time",
            "signal 'X' at 0.0 s: conflicting greens: seen in0_0>out0_0 and in1_0>out1_0, which "
            "cross, both with protected green",
        ],
    ),
    (
        "a yellow below three seconds",
        (street(stages("Gr", "rG", yellow_ds=29, red_ds=21), {(0, 1)}), LAWFUL),
        [
            "signal 'X', phase 1: yellow change: found 2.9 s for group 0 before phase 2, allowed "
            "3.0 to 6.0 s",
            "signal 'X', phase 2: yellow change: found 2.9 s for group 1 before phase 1, allowed "
            "3.0 to 6.0 s",
            "signal 'X' at 15.0 s: short yellow: seen group 0 yellow for 29 tenths, least is 30",
            "signal 'X' at 40.0 s: short yellow: seen group 1 yellow for 29 tenths, least is 30",
        ],
    ),
    (
        "a yellow beyond six seconds",
        (street(stages("Gr", "rG", yellow_ds=61, red_ds=9), {(0, 1)}), LAWFUL),
        [
            "signal 'X', phase 1: yellow change: found 6.1 s for group 0 before phase 2, allowed "
            "6.1 to 6.0 s",
            "signal 'X', phase 2: yellow change: found 6.1 s for group 1 before phase 1, allowed "
            "6.1 to 6.0 s",
            "signal 'X' at 13.0 s: long yellow: seen group 0 yellow for 61 tenths, most is 60",
            "signal 'X' at 38.0 s: long yellow: seen group 1 yellow for 61 tenths, most is 60",
        ],
    ),
    (
        "a red clearance that is cut short",
        (
            street(stages("Gr", "rG"), {(0, 1)}, fixed={(1, 2): (("yr", 36), ("rr", 14))}),
            LAWFUL,
        ),
        [
            "signal 'X', phase 1: red clearance: found 1.4 s between groups 0 and 1, allowed 1.5 s "
            "or more",
            "signal 'X' at 20.0 s: short red clearance: seen group 1 green 14 tenths after group 0 "
            "ended, least 15",
        ],
    ),
    (
        "a driver who is trapped",
        (street(stages("gGr", "rGr", "rrG"), {(0, 1), (0, 2), (1, 2)}, {0: 1}), plan(20, 20, 20)),
        [
            "signal 'X', phase 1: yellow trap: found in0_0>out0_0 ends before phase 2 while "
            "in1_0>out1_0 goes on, allowed both end together",
            "signal 'X' at 15.0 s: yellow trap: seen in0_0>out0_0 ending, in1_0>out1_0 going on",
        ],
    ),
    (
        "a crossing cleared by nothing",
        (
            street(stages("GrG", "rGr"), {(0, 1)}, walkers=frozenset({2})),
            LAWFUL,
        ),
        [
            "signal 'X', phase 1: pedestrian clearance: found phase 2 next, which never follows it "
            "in force, allowed the order in force, which clears the crossing of group 2",
            "signal 'X', phase 2: pedestrian clearance: found phase 1 next, which never follows it "
            "in force, allowed the order in force, which clears the crossing of group 2",
            "signal 'X' at 60.0 s: pedestrian clearance: seen somebody's green 50 tenths after the "
            "walk of group 2 ended",
        ],
    ),
    (
        "yellow that nobody's phase shows",
        (
            street(
                stages("Gr", "rG"),
                set(),
                fixed={(2, 1): (("ry", 35), ("yr", 15))},
            ),
            LAWFUL,
        ),
        [
            "signal 'X' at 43.5 s: short yellow: seen group 0 yellow for 15 tenths, least is 35",
            "signal 'X' at 43.5 s: order of lamps: seen group 0 going from r to y",
            "signal 'X' at 45.0 s: order of lamps: seen group 0 going from y to G",
        ],
    ),
    (
        "a light that goes out",
        (
            street(
                stages("Gr", "rG"),
                set(),
                fixed={(2, 1): (("ry", 35), ("or", 15))},
            ),
            LAWFUL,
        ),
        [
            "signal 'X' at 43.5 s: order of lamps: seen group 0 going from r to o",
            "signal 'X' at 45.0 s: order of lamps: seen group 0 going from o to G",
        ],
    ),
]


@pytest.mark.parametrize(
    ("case", "said"), [entry[1:] for entry in WORDS], ids=[entry[0] for entry in WORDS]
)
def test_each_rule_says_what_was_found_and_what_is_allowed(case: Case, said: list[str]) -> None:
    assert words(case) == said


def test_a_signal_whose_phases_are_unknown_is_not_retimed() -> None:
    unknown = replace(CROSS, phasing=None, plan_in_force=None)
    assert check(LAWFUL, unknown)[0].text == (
        "signal 'X': left alone: found a plan, allowed none, because its phases are unknown"
    )
    assert watch(LAWFUL, unknown)[0].rule == "not to be retimed"


def test_verdicts_carry_their_parts() -> None:
    signal, of = CROSS, plan(9, 20)
    assert check(of, signal) == (
        Violation(
            "minimum split",
            "X",
            1,
            "9 s",
            "10 s or more",
            "signal 'X', phase 1: minimum split: found 9 s, allowed 10 s or more",
        ),
    )
    assert watch(of, signal)[1] == Sighting(
        "short green",
        "X",
        29.0,
        "signal 'X' at 29.0 s: short green: seen group 0 green for 40 tenths, least is 5 s",
    )


@pytest.mark.parametrize(
    "field",
    ["min_green_s", "yellow_ds", "red_clear_ds", "ring", "barrier", "walk_s", "ped_clear_s"],
)
def test_a_phase_is_told_in_whole_numbers(field: str) -> None:
    wild = replace(CROSS.phasing.phases[0]) if CROSS.phasing else None
    assert wild is not None
    value = float(getattr(wild, field))
    object.__setattr__(wild, field, value)
    signal = street((wild, *stages("Gr", "rG")[1:]), {(0, 1)})
    told = check(LAWFUL, signal)
    assert [v.text for v in told] == [
        f"signal 'X', phase 1: whole numbers: found {wild}, allowed whole numbers only"
    ]
    reason = "phases whose ring, barrier or walk is not a whole number"
    if field in ("min_green_s", "yellow_ds", "red_clear_ds"):
        reason = "phases whose lengths are not whole numbers"
    assert [s.text for s in watch(LAWFUL, signal)] == [
        f"signal 'X' at 0.0 s: cannot be played: seen {reason}"
    ]


@pytest.mark.parametrize("field", ["cycle_s", "offset_s", "coordinated_phase"])
@pytest.mark.parametrize("kind", [float, bool, str])
def test_a_plan_is_told_in_whole_numbers(field: str, kind: Callable[[int], object]) -> None:
    wild = forged(LAWFUL, **{field: kind(getattr(LAWFUL, field))})
    assert "whole numbers" in {v.rule for v in check(wild, CROSS)}
    assert [s.text for s in watch(wild, CROSS)] == [
        "signal 'X' at 0.0 s: cannot be played: seen values that are not whole numbers"
    ]


def test_the_longest_clearance_on_the_wire_is_played() -> None:
    def clearing(red_ds: int) -> Case:
        first = Phase(1, "Gr", 5, 30, red_ds)
        return street((first, *stages("Gr", "rG")[1:]), {(0, 1)}), LAWFUL

    assert "cannot be played" not in rules(clearing(2520))[1]
    assert watch(*reversed(clearing(2521)))[0].text == (
        "signal 'X' at 0.0 s: cannot be played: seen a clearance of 2551 tenths"
    )


def test_the_shortest_and_the_longest_split_are_played() -> None:
    assert "cannot be played" not in rules((CROSS, plan(20, 1)))[1]
    assert words((street(stages("GG"), set()), plan(255))) == []


# Every limit on either side: (what is tried, lawful, algebra's rule, timeline's rule).


def tenths_of_green(green_ds: int) -> Case:
    phases = (Phase(1, "Gr", 5, 35, 165 - green_ds), Phase(2, "rG", 5, 35, 15))
    return street(phases, {(0, 1)}), LAWFUL


def tenths_to_walk(green_ds: int) -> Case:
    phases = (Phase(1, "Gr", 5, 35, 165 - green_ds, 1, 1, 4, 7), Phase(2, "rG", 5, 35, 15))
    return street(phases, {(0, 1)}), LAWFUL


def tenths_of_yellow(yellow_ds: int) -> Case:
    phases = (Phase(1, "Gr", 5, yellow_ds, 80 - yellow_ds), Phase(2, "rG", 5, 35, 15))
    return street(phases, {(0, 1)}), LAWFUL


def shown_yellow(yellow_ds: int) -> Case:
    """Show less yellow than the 3.5 s the phase declares, and more red."""
    fixed: dict[tuple[int, int], Shown] = {(1, 2): (("yr", yellow_ds), ("rr", 50 - yellow_ds))}
    return street(stages("Gr", "rG"), {(0, 1)}, fixed=fixed), LAWFUL


def shown_red(red_ds: int) -> Case:
    fixed: dict[tuple[int, int], Shown] = {(1, 2): (("yr", 50 - red_ds), ("rr", red_ds))}
    return street(stages("Gr", "rG"), {(0, 1)}, fixed=fixed), LAWFUL


def cycle_of(cycle_s: int) -> Case:
    return CROSS, plan(cycle_s - 10, 10)


def offset_of(offset_s: int) -> Case:
    return CROSS, replace(LAWFUL, offset_s=offset_s)


LIMITS: list[tuple[Callable[[int], Case], int, int, str, str]] = [
    (tenths_of_green, 50, 49, "minimum split", "short green"),
    (tenths_to_walk, 110, 109, "walk", "short walk"),
    (tenths_of_yellow, 30, 29, "yellow change", "short yellow"),
    (tenths_of_yellow, 60, 61, "yellow change", "long yellow"),
    (shown_yellow, 35, 34, "yellow change", "short yellow"),
    (shown_red, 15, 14, "red clearance", "short red clearance"),
    (cycle_of, 255, 256, "cycle", "cycle"),
    (cycle_of, 20, 19, "minimum split", "short green"),
    (offset_of, 0, -1, "offset", "offset"),
    (offset_of, 44, 45, "offset", "offset"),
]


@pytest.mark.parametrize(("build", "last", "beyond", "told", "seen"), LIMITS)
def test_each_limit_is_kept_to_the_last_unit(
    build: Callable[[int], Case], last: int, beyond: int, told: str, seen: str
) -> None:
    assert words(build(last)) == []
    by_algebra, by_eye = rules(build(beyond))
    assert told in by_algebra
    assert seen in by_eye


# What is in force.


def in_force(signal: Signal, of: TimingPlan) -> Signal:
    return replace(signal, plan_in_force=of)


THREE = stages("Grr", "rGr", "rrG")
CROSSING = {(0, 1), (0, 2), (1, 2)}
ROUND = plan(20, 20, 20)
BACK = plan(20, 20, 20, order=(1, 3, 2))


@pytest.mark.parametrize(
    "shown",
    [
        (("yrr", 20), ("rrr", 30)),  # a yellow too short
        (("yrr", 40), ("rrr", 10)),  # a red clearance too short
        (("rrr", 50),),  # no yellow
        (("GGr", 10), ("yGr", 35), ("rGr", 5)),  # both green while one clears
    ],
)
def test_what_is_built_is_tolerated_between_its_two_phases_only(shown: Shown) -> None:
    there = street(THREE, CROSSING, fixed={(1, 2): shown})
    assert words((in_force(there, ROUND), ROUND)) == []
    assert as_built(in_force(there, ROUND)) or Watcher(
        in_force(there, ROUND), tolerant=False
    ).watch(ROUND)
    # The same is refused where it is not in force, and excuses no other pair.
    assert words((in_force(there, BACK), ROUND)) != []
    turned = tuple((aspects[2] + aspects[0] + aspects[1], ds) for aspects, ds in shown)
    other = street(THREE, CROSSING, fixed={(1, 2): shown, (2, 1): turned})
    assert words((in_force(other, ROUND), plan(20, 20, 20, order=(2, 1, 3)))) != []


def test_a_trap_in_force_is_tolerated_there_only() -> None:
    phases = stages("gGr", "rGr", "rrG")
    trapping = street(phases, CROSSING, {0: 1})
    assert rules((in_force(trapping, BACK), ROUND)) == ({"yellow trap"}, {"yellow trap"})
    assert words((in_force(trapping, ROUND), ROUND)) == []
    assert [v.rule for v in as_built(in_force(trapping, ROUND))] == ["yellow trap"]


def test_a_turn_that_goes_on_does_not_hide_one_that_is_trapped() -> None:
    # Groups 0 and 3 yield to group 1, which goes on into phase 2 as group 0 does.
    signal = street(stages("gGrg", "gGrr", "rrGr"), {(0, 1), (1, 3), (1, 2)}, {0: 1, 3: 1})
    said = words((signal, ROUND))
    assert said == [
        "signal 'X', phase 1: yellow trap: found in3_0>out3_0 ends before phase 2 while "
        "in1_0>out1_0 goes on, allowed both end together",
        "signal 'X' at 15.0 s: yellow trap: seen in3_0>out3_0 ending, in1_0>out1_0 going on",
    ]


@pytest.mark.parametrize(("yellow_ds", "lawful"), [(26, True), (25, True), (24, False)])
def test_the_shortest_yellow_in_force_is_the_least_of_a_new_pair(
    yellow_ds: int, lawful: bool
) -> None:
    # In force are phases 1 and 2 with 2.5 s of yellow after phase 2; phase 3 is new.
    phases = (*THREE[:2], Phase(3, "rrG", 5, yellow_ds, 50 - yellow_ds))
    fixed: dict[tuple[int, int], Shown] = {(2, 1): (("ryr", 25), ("rrr", 25))}
    signal = in_force(street(phases, CROSSING, fixed=fixed), plan(20, 20))
    told, seen = rules((signal, ROUND))
    assert ("yellow change" in told) is not lawful
    assert ("short yellow" in seen) is not lawful


@pytest.mark.parametrize(("yellow_ds", "lawful"), [(69, True), (70, True), (71, False)])
def test_the_longest_yellow_in_force_is_the_most_of_a_new_pair(
    yellow_ds: int, lawful: bool
) -> None:
    phases = (
        Phase(1, "Grr", 5, 35, 15),
        Phase(2, "rGr", 5, 70, 0),
        Phase(3, "rrG", 5, yellow_ds, 9),
    )
    signal = in_force(street(phases, CROSSING), plan(20, 20))
    told, seen = rules((signal, ROUND))
    assert ("yellow change" in told) is not lawful
    assert ("long yellow" in seen) is not lawful


def test_a_green_that_ends_without_yellow_in_force_excuses_no_short_yellow() -> None:
    phases = (*THREE[:2], Phase(3, "rrG", 5, 29, 21))
    fixed: dict[tuple[int, int], Shown] = {(2, 1): (("rrr", 50),)}
    signal = in_force(street(phases, CROSSING, fixed=fixed), plan(20, 20))
    told, seen = rules((signal, ROUND))
    assert "yellow change" in told
    assert "short yellow" in seen


def test_crossing_greens_in_force_are_tolerated_in_other_pictures_too() -> None:
    signal = street(stages("GGr", "rrG", "GGr"), {(0, 1), (0, 2), (1, 2)})
    built = in_force(signal, plan(20, 20))
    assert words((built, plan(20, 20, order=(3, 2)))) == []
    assert [v.rule for v in as_built(built)] == ["conflicting greens"]
    other = in_force(street(stages("GGr", "rrG", "GrG"), {(0, 1), (0, 2), (1, 2)}), plan(20, 20))
    assert rules((other, ROUND)) == ({"conflicting greens"}, {"conflicting greens"})


def test_a_group_without_green_in_force_needs_none() -> None:
    signal = in_force(street(THREE, CROSSING), plan(20, 20))
    assert words((signal, plan(25, 15))) == []
    assert rules((signal, plan(20, 20, order=(1, 3))))[0] == {"no group starves"}


# Who crosses, who yields.


def with_ways(signal: Signal, **changed: object) -> Signal:
    """Change the first connection of a signal."""
    first, *others = signal.movements
    way = replace(first.connections[0], **changed)  # type: ignore[arg-type]
    return replace(signal, movements=(replace(first, connections=(way,)), *others))


def test_a_way_that_is_named_by_one_side_only_crosses_all_the_same() -> None:
    signal = street(stages("GG"), {(0, 1)})
    for silent in (with_ways(signal, foes=frozenset()), signal):
        assert rules((silent, plan(20))) == ({"conflicting greens"}, {"conflicting greens"})


def test_crossing_greens_of_a_phase_that_rests_are_noticed_by_both() -> None:
    signal = street(stages("GG"), {(0, 1)})
    assert rules((signal, plan(20))) == ({"conflicting greens"}, {"conflicting greens"})
    assert words((street(stages("GG"), set()), plan(20))) == []


def test_ways_of_other_signals_and_ways_without_a_signal_cross_nobody() -> None:
    foreign = frozenset({"elsewhere_0>away_0", "in1_0>out1_0"})
    assert (
        words((with_ways(CROSS, foes=foreign, yields_to=frozenset({"elsewhere_0>away_0"})), LAWFUL))
        == []
    )
    free = with_ways(street(stages("GG", "Gr"), {(0, 1)}), groups=())
    assert "conflicting greens" not in set().union(*rules((free, LAWFUL)))


def test_a_turn_that_yields_to_a_way_without_a_signal_is_not_trapped_by_it() -> None:
    shown = street(stages("Gg", "Gr"), set(), {1: 0})
    free = with_ways(shown, groups=())
    assert words((street(stages("gr", "rG"), set(), {0: 1}), LAWFUL)) == []
    assert "yellow trap" not in set().union(*rules((free, LAWFUL)))
    assert rules((shown, LAWFUL)) == ({"yellow trap"}, {"yellow trap"})


def test_a_way_of_two_groups_goes_when_both_are_green() -> None:
    # The way of groups 0 and 2 crosses that of group 1; phase 1 shows group 0 alone.
    phases = stages("GGr", "rGr", "GrG")
    signal = with_ways(street(phases, {(0, 1)}), groups=(0, 2))
    assert words((signal, ROUND)) == []
    both = with_ways(street(stages("GGG", "rGr", "GrG"), {(0, 1)}), groups=(0, 2))
    assert "conflicting greens" in rules((both, ROUND))[0] & rules((both, ROUND))[1]


def test_ways_of_one_group_that_meet_need_no_clearance_between_them() -> None:
    # Groups 0 and 0 merge; the clearance from phase 2 back to phase 1 shows a yellow of theirs.
    signal = street(stages("Gr", "rG"), {(0, 1)})
    first, _ = signal.movements
    twin = replace(
        first.connections[0],
        from_link="in9",
        connection_id="in9_0>out0_0",
        foes=frozenset({first.connections[0].connection_id}),
    )
    movement = Movement("m9", "X", "in9", "out0", "s", (twin,))
    merged = with_ways(signal, foes=frozenset({"in1_0>out1_0", "in9_0>out0_0"}))
    assert words((replace(merged, movements=(*merged.movements, movement)), LAWFUL)) == [
        "signal 'X', phase 1: conflicting greens: found in0_0>out0_0 and in9_0>out0_0, which "
        "cross, protected at once, allowed one at a time",
        "signal 'X' at 0.0 s: conflicting greens: seen in0_0>out0_0 and in9_0>out0_0, which "
        "cross, both with protected green",
    ]


# Lamps.

LAWFUL_CHANGES = {
    *("Gg", "Gy", "Gs"),
    *("gG", "gy", "gs"),
    *("yr", "ys"),
    *("rG", "rg", "rs", "ru"),
    *("sG", "sg", "sr", "su"),
    *("uG", "ug"),
}


@pytest.mark.parametrize("before", "Ggyrsu")
@pytest.mark.parametrize("after", "Ggyrsu")
def test_lamps_change_in_their_order(before: str, after: str) -> None:
    fixed: dict[tuple[int, int], Shown] = {(1, 2): ((f"y{before}", 40), (f"r{after}", 10))}
    signal = street(stages("Gr", "rG"), set(), fixed=fixed)
    said = f"group 1 going from {before} to {after}"
    noticed = any(said in sighting.text for sighting in watch(LAWFUL, signal))
    assert noticed is (before != after and before + after not in LAWFUL_CHANGES)


def test_a_green_that_no_phase_serves_has_no_least() -> None:
    shown: Shown = (("yrG", 5), ("yry", 30), ("rry", 5), ("rrr", 10))
    signal = street(stages("Grr", "rGr"), {(0, 1)}, fixed={(1, 2): shown})
    assert words((signal, LAWFUL)) == []


def test_a_green_served_by_two_phases_has_the_lesser_least() -> None:
    phases = (Phase(1, "Grr", 5, 35, 15), Phase(2, "rGr", 9, 35, 15), Phase(3, "rGG", 6, 35, 15))
    signal = street(phases, {(0, 1), (0, 2)})
    assert words((signal, plan(20, 14, 11))) == []
    assert rules((signal, plan(20, 13, 11))) == ({"minimum split"}, {"short green"})


def test_turning_after_a_stop_follows_green_without_yellow() -> None:
    signal = street(stages("Gr", "sG"), set(), fixed={(1, 2): (("Gr", 35), ("sr", 15))})
    assert words((signal, LAWFUL)) == []


# Crossings.


def after_the_walk(gap_ds: int) -> Shown:
    """Clear phase 1 while people walk on, until so many tenths before the next green."""
    if gap_ds == 0:
        return (("yrG", 35), ("rrG", 15))
    return (("yrG", 35), ("rrG", 15 - gap_ds), ("rrr", gap_ds))


@pytest.mark.parametrize(("gap_ds", "seen"), [(14, False), (12, False), (11, True), (0, True)])
def test_what_clears_a_crossing_is_not_a_tenth_shorter_than_in_force(
    gap_ds: int, seen: bool
) -> None:
    # Group 2 walks in phase 1. In force phase 2 follows after 1.2 s; phase 3 is as phase 2.
    fixed = {(1, 2): after_the_walk(12), (1, 3): after_the_walk(gap_ds)}
    signal = street(stages("GrG", "rGr", "rGr"), {(0, 1)}, fixed=fixed, walkers=frozenset({2}))
    told, by_eye = rules((in_force(signal, plan(20, 20)), plan(20, 20, 20, order=(1, 3, 2))))
    assert "pedestrian clearance" in told
    assert ("pedestrian clearance" in by_eye) is seen


def test_of_two_walks_in_a_cycle_the_one_that_is_cleared_least_counts() -> None:
    # Group 2 walks in phases 1 and 3; in force are 1.2 s after the one and 0.7 s after the other.
    fixed = {(1, 2): after_the_walk(12), (3, 4): after_the_walk(7), (3, 2): after_the_walk(6)}
    phases = stages("GrG", "rGr", "GrG", "rGr")
    signal = street(phases, {(0, 1)}, fixed=fixed, walkers=frozenset({2}))
    built = in_force(signal, plan(20, 20, 20, 20))
    assert words((built, plan(20, 25, 25, 20))) == []
    said = [s.text for s in watch(plan(20, 20, 20, order=(1, 4, 3)), built)]
    assert said == []
    said = [s.text for s in watch(plan(20, 20, order=(3, 2)), built)]
    assert said[-1] == (
        "signal 'X' at 59.4 s: pedestrian clearance: seen somebody's green 6 tenths after the "
        "walk of group 2 ended"
    )


def test_who_goes_on_beside_a_walk_does_not_end_its_clearance() -> None:
    # Group 0 goes on through phase 2, in which nobody walks; group 1 waits for phase 3.
    signal = street(stages("GrG", "Grr", "rGr"), {(0, 1)}, walkers=frozenset({2}))
    said = [s.text for s in watch(ROUND, signal)]
    assert said == [
        "signal 'X' at 75.0 s: pedestrian clearance: seen somebody's green 250 tenths after the "
        "walk of group 2 ended"
    ]


def test_who_walks_next_does_not_end_the_clearance_of_who_walked_before() -> None:
    # People of group 3 walk in phase 2, when those of group 2 have left; group 1 waits.
    phases = stages("GrGr", "GrrG", "rGrr")
    signal = street(phases, {(0, 1)}, walkers=frozenset({2, 3}))
    said = {s.text.split(": ")[2]: s.time_s for s in watch(ROUND, signal)}
    assert said == {
        "seen somebody's green 250 tenths after the walk of group 2 ended": 75.0,
        "seen somebody's green 50 tenths after the walk of group 3 ended": 35.0,
    }


def test_a_foe_that_is_never_green_does_not_hide_another_cut_short() -> None:
    fixed: dict[tuple[int, int], Shown] = {(1, 2): (("ryr", 36), ("rrr", 14))}
    signal = street(stages("rGr", "rrG"), {(0, 2), (1, 2)}, fixed=fixed)
    assert [s.text for s in watch(LAWFUL, signal)] == [
        "signal 'X' at 20.0 s: short red clearance: seen group 2 green 14 tenths after group 1 "
        "ended, least 15"
    ]


def test_an_announced_begin_that_differs_from_the_street_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TimingPlan, "begin_s", lambda plan, phasing: 8)
    assert [s.text for s in watch(LAWFUL, CROSS)] == [
        "signal 'X' at 0.0 s: offset: seen the first green 0 tenths into the cycle, announced for "
        "80"
    ]


def test_require_safe_names_the_network_and_both_checkers() -> None:
    with pytest.raises(UnsafePlanError, match="network 'test' has no signal 'Y'"):
        require_safe(PlanSet("s", (replace(LAWFUL, signal_id="Y"),), {}), network_of(CROSS))
    wild = PlanSet("s", (forged(LAWFUL, sequence=None),), {})
    with pytest.raises(UnsafePlanError, match="signal 'X' cannot be judged") as refused:
        require_safe(wild, network_of(CROSS))
    assert len(refused.value.violations) == 2


def test_verdicts_on_pairs_are_kept_and_stay_the_same() -> None:
    keeper = SignalRules(street(stages("Gr", "rG", yellow_ds=29, red_ds=21), {(0, 1)}))
    assert keeper.check(LAWFUL) == keeper.check(LAWFUL)
    assert len(keeper.check(LAWFUL)) == 2


def test_film_tells_lamps_from_darkness() -> None:
    assert CROSS.phasing is not None
    film = Film(LAWFUL, CROSS.phasing)
    assert film.runs(film.green) == [
        (1, 200, 400),
        (0, 450, 600),
        (1, 650, 850),
        (0, 900, 1050),
        (1, 1100, 1300),
    ]
    assert film.changes.tolist()[:4] == [150, 185, 200, 400]
