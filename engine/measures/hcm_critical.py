"""Critical lane groups of an intersection: the longest way through its rings and barriers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.measures.hcm_display import PhaseGreen
from engine.measures.hcm_greens import Green, Scene
from engine.measures.hcm_groups import Group
from network.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Critical:
    """The critical path of a cycle.

    Attributes
    ----------
    flow_ratio
        Y, sum of the critical v/s.
    lost_s
        L, lost time of the phases on the path.
    groups
        Places of the critical lane groups.
    """

    flow_ratio: float
    lost_s: float
    groups: frozenset[int]

    def volume_capacity(self, cycle_s: float) -> float:
        """Return Xc = Y C / (C - L) (equation 16-8); infinite where nothing but loss is left."""
        left_s = cycle_s - self.lost_s
        if left_s <= 0.0:
            return math.inf if self.flow_ratio > 0.0 else 0.0
        return self.flow_ratio * cycle_s / left_s


def critical(scene: Scene, greens: Sequence[Sequence[Green]]) -> Critical:
    """Return the critical path: between barriers, the ring whose flow ratios sum highest.

    Parameters
    ----------
    scene, greens
        The intersection, and the greens of its lane groups.

    Notes
    -----
    HCM 2000, page 16-15. A group that several phases of a ring serve spreads over them by their
    green; a left turn on the arrow and yielding fills the arrow first, the rest yields. Both kinds
    of green of one left turn are a path of their own, with one lost time (HCM 2010, chapter 18).
    """
    practice = scene.practice
    net_loss_s = practice.start_loss_s - practice.extension_s
    demands = [_demand(group, own, scene) for group, own in zip(scene.groups, greens, strict=True)]
    total, lost_s = 0.0, 0.0
    members: set[int] = set()
    whole = [
        [phase for ring in parts for phase in ring]
        for parts in zip(*scene.display.barriers, strict=True)
    ]
    for rings in scene.display.barriers:
        best: tuple[float, float, frozenset[int]] = (-1.0, 0.0, frozenset())
        for nth, ring in enumerate(rings):
            if not ring:
                continue
            ratio, found = 0.0, set()
            for phase in ring:
                heaviest, at = _heaviest(phase, whole[nth], demands)
                ratio += heaviest
                if at is not None:
                    found.add(at)
            loss_s = sum(max(0.0, phase.clearance_s + net_loss_s) for phase in ring)
            best = max(best, (ratio, loss_s, frozenset(found)), key=lambda way: way[:2])
        ways = [best, *_both_kinds(rings, demands, net_loss_s)]
        best = max(ways, key=lambda way: way[:2])
        if best[0] >= 0.0:
            total += best[0]
            lost_s += best[1]
            members |= best[2]
    return Critical(total, lost_s, frozenset(members))


@dataclass(frozen=True, slots=True)
class _Demand:
    """Flow ratios of a group: on the arrow or without left turns, and yielding."""

    turn_id: str
    protected: float
    permitted: float
    divided: bool


def _demand(group: Group, greens: Sequence[Green], scene: Scene) -> _Demand:
    ratios = []
    rest_vph = group.flow_vph
    kinds = {green.protected for green in greens}
    for protected in (True, False):
        own = [green for green in greens if green.protected is protected]
        served_vph = sum(green.per_cycle_veh for green in own) * SECONDS_PER_HOUR
        if not served_vph > 0.0:
            ratios.append(0.0)
            continue
        capacity_vph = served_vph / scene.display.cycle_s
        last = not protected or len(kinds) == 1
        part_vph = rest_vph if last else min(rest_vph, capacity_vph)
        rest_vph -= part_vph
        ratios.append(part_vph * sum(green.green_s for green in own) / served_vph)
    divided = group.exclusive_left and len(kinds) > 1
    return _Demand(group.main.turn_id, ratios[0], ratios[1], divided)


def _both_kinds(
    rings: Sequence[Sequence[PhaseGreen]], demands: Sequence[_Demand], net_loss_s: float
) -> list[tuple[float, float, frozenset[int]]]:
    """Return the paths of left turns that have their arrow and yield between two barriers."""
    phases = [phase for ring in rings for phase in ring]
    paths = []
    for at, demand in enumerate(demands):
        arrows = [phase for phase in phases if demand.turn_id in phase.protected]
        yielding = [phase for phase in phases if demand.turn_id in phase.permitted]
        if demand.divided and arrows and yielding:
            loss_s = max(phase.clearance_s for phase in (*arrows, *yielding)) + net_loss_s
            ratio = demand.protected + demand.permitted
            paths.append((ratio, max(0.0, loss_s), frozenset({at})))
    return paths


def _heaviest(
    phase: PhaseGreen, ring: Sequence[PhaseGreen], demands: Sequence[_Demand]
) -> tuple[float, int | None]:
    """Return the highest flow ratio that falls to a phase, and whose it is."""
    best: tuple[float, int | None] = (0.0, None)
    for at, demand in enumerate(demands):
        arrow = demand.turn_id in phase.protected
        if not arrow and demand.turn_id not in phase.permitted:
            continue
        ratio = demand.protected + demand.permitted
        if demand.divided:
            ratio = demand.protected if arrow else demand.permitted
        together_s = sum(
            other.green_s
            for other in ring
            if (demand.turn_id in other.protected and (arrow or not demand.divided))
            or (demand.turn_id in other.permitted and not (arrow and demand.divided))
        )
        ratio *= phase.green_s / together_s
        if ratio > best[0]:
            best = (ratio, at)
    return best
