"""The plan in force of a made-up signal: lawful intervals and a plan after Webster.

Yellow after FHWA, *Traffic Signal Timing Manual* (2008), equation 5-2: perception time plus
speed over twice the deceleration; rounded up to whole seconds, because SUMO plays steps of a
second. Red clearance after equation 5-3, less the second that opposing traffic takes to start
(ITE, *Guidelines for Determining Traffic Signal Change and Clearance Intervals*, 2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from network.errors import ScenarioError
from network.graph import Connection, Signal
from scenarios.roads import Side, Streets
from scenarios.stages import Stage

PERCEPTION_S: Final = 1.0
DECELERATION_MPS2: Final = 3.05
LEFT_TURN_SPEED_MPS: Final = 8.0
VEHICLE_M: Final = 6.0
START_S: Final = 1.0
YELLOW_S: Final = (3, 4)
RED_CLEAR_S: Final = (1, 2)

MAIN_MIN_GREEN_S: Final = 10
SIDE_MIN_GREEN_S: Final = 7
POCKET_MIN_GREEN_S: Final = 5
"""FHWA (2008), table 5-3: 7 to 15 s on arterials, 5 to 10 s on collectors, 2 to 5 s for lefts."""

WALK_S: Final = 7
"""MUTCD 2009, section 4E.06: the walk interval lasts at least 7 s."""
WALK_SPEED_MPS: Final = 1.0

CYCLE_S: Final = (60, 100)
CYCLE_STEP_S: Final = 5


@dataclass(frozen=True, slots=True)
class Design:
    """What a signal shows, before it is timed.

    Attributes
    ----------
    signal_id
        The signal.
    stages, aspects
        Turns and picture of each stage.
    yellow_s, red_clear_s, min_green_s
        Of each stage, whole seconds.
    """

    signal_id: str
    stages: tuple[Stage, ...]
    aspects: tuple[str, ...]
    yellow_s: tuple[int, ...]
    red_clear_s: tuple[int, ...]
    min_green_s: tuple[int, ...]

    @property
    def lost_s(self) -> int:
        """Lost time per cycle: start-up is taken to be what drivers gain during yellow."""
        return sum(self.yellow_s) + sum(self.red_clear_s)

    @property
    def least_cycle_s(self) -> int:
        """Shortest lawful cycle."""
        return self.lost_s + sum(self.min_green_s)


def design(streets: Streets, stages: Sequence[Stage], signal: Signal, pedestrians: bool) -> Design:
    """Give each stage its picture, clearance and minimum green.

    Parameters
    ----------
    streets, stages
        The stages of the signal.
    signal
        As SUMO built it, for its groups and for which ways cross.
    pedestrians
        Whether the green must let pedestrians walk across beside it. They are not modeled
        themselves: no crossing is drawn, nobody walks.

    Raises
    ------
    ScenarioError
        If SUMO built something else.
    """
    ways = {m.movement_id: m.connections for m in signal.movements}
    width = 1 + max(group for c in signal.connections for group in c.groups)
    aspects, yellow_s, red_s, green_s = [], [], [], []
    for stage in stages:
        going: list[tuple[Side, Connection]] = []
        for number in stage.turns:
            turn = streets.turns[number]
            name = (
                f"{streets.roads[turn.from_road].links[-1]}>{streets.roads[turn.to_road].links[0]}"
            )
            if name not in ways:
                raise ScenarioError(
                    f"signal {signal.signal_id!r}: the network lacks the movement {name!r}"
                )
            going += [(turn.side, connection) for connection in ways[name]]
        aspects.append(_picture(going, width))
        speed_mps = max(
            streets.roads[streets.turns[number].from_road].speed_mps for number in stage.turns
        )
        if stage.pocket:
            speed_mps = min(speed_mps, LEFT_TURN_SPEED_MPS)
        path_m = max(c.length_m for side, c in going if side is Side.LEFT or not stage.pocket)
        yellow_s.append(_clamp(PERCEPTION_S + speed_mps / (2 * DECELERATION_MPS2), YELLOW_S))
        red_s.append(_clamp((path_m + VEHICLE_M) / speed_mps - START_S, RED_CLEAR_S))
        least_s = MAIN_MIN_GREEN_S if stage.main else SIDE_MIN_GREEN_S
        if stage.pocket:
            least_s = POCKET_MIN_GREEN_S
        elif pedestrians and stage.crossing_m:
            least_s = max(least_s, WALK_S + math.ceil(stage.crossing_m / WALK_SPEED_MPS))
        green_s.append(least_s)
    return Design(
        signal.signal_id,
        tuple(stages),
        tuple(aspects),
        tuple(yellow_s),
        tuple(red_s),
        tuple(green_s),
    )


def webster_cycle_s(plan: Design, ratios: Sequence[float]) -> int:
    """Return Webster's cycle (Road Research Technical Paper 39, 1958), a multiple of 5 s.

    Parameters
    ----------
    plan
        For the lost time and the shortest lawful cycle.
    ratios
        Flow over saturation flow of each stage.
    """
    spare = 1.0 - sum(ratios)
    ideal_s = (1.5 * plan.lost_s + 5.0) / spare if spare > 0 else math.inf
    low_s, high_s = CYCLE_S
    wanted_s = min(max(ideal_s, low_s, plan.least_cycle_s), max(high_s, plan.least_cycle_s))
    return math.ceil(wanted_s / CYCLE_STEP_S) * CYCLE_STEP_S


def saturation(plan: Design, ratios: Sequence[float], cycle_s: int) -> float:
    """Return the critical degree of saturation of a signal (HCM 2000, equation 16-8)."""
    return sum(ratios) * cycle_s / (cycle_s - plan.lost_s)


def greens_s(plan: Design, ratios: Sequence[float], cycle_s: int) -> tuple[int, ...]:
    """Divide a cycle in proportion to the flow ratios, no green below its minimum.

    Parameters
    ----------
    plan, ratios
        As for `webster_cycle_s`.
    cycle_s
        No shorter than the shortest lawful one.

    Returns
    -------
    tuple of int
        Green of each stage; with the clearances they fill the cycle.
    """
    if cycle_s < plan.least_cycle_s:
        raise ScenarioError(
            f"signal {plan.signal_id!r}: a cycle of {cycle_s} s, at least "
            f"{plan.least_cycle_s} s are needed"
        )
    fixed: set[int] = set()
    while True:
        free = [i for i in range(len(ratios)) if i not in fixed]
        green_s = cycle_s - plan.lost_s - sum(plan.min_green_s[i] for i in fixed)
        weight = {i: max(ratios[i], 1e-6) for i in free}
        share = {i: green_s * weight[i] / sum(weight.values()) for i in free}
        short = {i for i in free if share[i] < plan.min_green_s[i]}
        if not short:
            break
        fixed |= short
    greens = [plan.min_green_s[i] if i in fixed else int(share[i]) for i in range(len(ratios))]
    by_remainder = sorted(free, key=lambda i: (int(share[i]) - share[i], i))
    for i in by_remainder[: cycle_s - plan.lost_s - sum(greens)]:
        greens[i] += 1
    if not free:
        greens[0] += cycle_s - plan.lost_s - sum(greens)
    return tuple(greens)


def program(plan: Design, greens: Sequence[int]) -> str:
    """Return the SUMO program of a signal, with its least greens as ``minDur``."""
    lines = [f'    <tlLogic id="{plan.signal_id}" type="static" programID="0" offset="0">']
    for i, aspects in enumerate(plan.aspects):
        after = plan.aspects[(i + 1) % len(plan.aspects)]
        keeps_left = plan.stages[i].pocket
        lines.append(
            f'        <phase duration="{greens[i]}" state="{aspects}" '
            f'minDur="{plan.min_green_s[i]}"/>'
        )
        for seconds, lamp in ((plan.yellow_s[i], "y"), (plan.red_clear_s[i], "r")):
            state = "".join(
                _clearing(now, then, lamp, keeps_left)
                for now, then in zip(aspects, after, strict=True)
            )
            lines.append(f'        <phase duration="{seconds}" state="{state}"/>')
    return "\n".join((*lines, "    </tlLogic>", ""))


def _clearing(now: str, then: str, lamp: str, ends_arrows: bool) -> str:
    """Return a lamp between two stages; a green arrow ends before drivers have to yield."""
    if now == "r":
        return "r"
    if then != "r" and not (ends_arrows and (now, then) == ("G", "g")):
        return "g" if "g" in (now, then) else "G"
    return lamp


def _picture(going: Sequence[tuple[Side, Connection]], width: int) -> str:
    """Give protected green to all but those who yield to somebody who has green too."""
    present = {connection.connection_id for _, connection in going}
    protected: set[str] = set()
    lamps = ["r"] * width
    # Left turns come last, so that of two ways that merge the other one is protected.
    for _, connection in sorted(going, key=lambda item: (item[0] is Side.LEFT, item[1].turn)):
        free = not (connection.yields_to & present or connection.foes & protected)
        if free:
            protected.add(connection.connection_id)
        for group in connection.groups:
            lamps[group] = "G" if free else "g"
    return "".join(lamps)


def _clamp(value: float, limits: tuple[int, int]) -> int:
    return min(max(math.ceil(value - 1e-9), limits[0]), limits[1])


def cycles_s(
    plans: Mapping[str, Design], ratios: Mapping[str, Sequence[float]], together: frozenset[str]
) -> dict[str, int]:
    """Return the cycle of each signal; those of a group share the longest of theirs.

    Parameters
    ----------
    plans, ratios
        By signal.
    together
        Signals of the group.
    """
    own = {name: webster_cycle_s(plan, ratios[name]) for name, plan in plans.items()}
    shared = max((own[name] for name in together), default=0)
    return {name: shared if name in together else cycle for name, cycle in own.items()}
