"""The greens of a lane group, each with its saturation flow, and the uniform delay they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.measures.delay import uniform_delay_s
from engine.measures.hcm_display import Display, Window, usable
from engine.measures.hcm_groups import LEFT_KINDS, Group, HcmPractice
from engine.measures.hcm_lefts import (
    Opposing,
    PermittedGreen,
    PermittedLeft,
    Service,
    permitted_left,
    polygon_delay_s,
)
from engine.measures.hcm_saturation import Crossings, crossings_of, saturation_of
from engine.measures.hcm_terms import Arrivals
from network.inventory import Street
from network.units import SECONDS_PER_HOUR

SAME_VPH = 1e-9


@dataclass(frozen=True, slots=True)
class Green:
    """An effective green of a lane group.

    Attributes
    ----------
    begin_s, green_s
        Within the cycle, s.
    protected
        Whether its left turns, if it has any, have the right of way.
    saturation_vph
        Saturation flow in it.
    permitted
        How its left turns filter through; None where none must yield.
    """

    begin_s: float
    green_s: float
    protected: bool
    saturation_vph: float
    permitted: PermittedLeft | None = None

    @property
    def per_cycle_veh(self) -> float:
        """Vehicles it can serve in a cycle."""
        return self.saturation_vph * self.green_s / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Scene:
    """What surrounds a lane group.

    Attributes
    ----------
    display
        The cycle.
    practice
        Assumptions.
    streets
        Links by name.
    groups
        All lane groups of the intersection.
    opposite
        Opposite approach by approach.
    arrivals
        How traffic arrives, by turn.
    """

    display: Display
    practice: HcmPractice
    streets: Mapping[str, Street]
    groups: Sequence[Group]
    opposite: Mapping[str, str]
    arrivals: Mapping[str, Arrivals]

    def windows(self, group: Group) -> tuple[Window, ...]:
        """Return the effective green of a group's main turn."""
        turn = group.main
        # UTDF's adjustment is l1 - e, what effective green falls short of the displayed one.
        gained_s = self.practice.extension_s
        if turn.lost_time_adjust_s is not None:
            gained_s = self.practice.start_loss_s - turn.lost_time_adjust_s
        shown = self.display.windows[turn.turn_id]
        loss_s = self.practice.start_loss_s - min(0.0, gained_s)
        return usable(shown, self.display.cycle_s, loss_s, max(0.0, gained_s))

    def lost_s(self, group: Group) -> float:
        """Return tL, the lost time of a group's phase, s."""
        adjust_s = group.main.lost_time_adjust_s
        if adjust_s is None:
            adjust_s = self.practice.start_loss_s - self.practice.extension_s
        return max(0.0, self.display.clearance_s(group.main.turn_id) + adjust_s)


def greens_of(group: Group, scene: Scene) -> tuple[Green, ...]:
    """Return the greens of a lane group, in the order of the cycle.

    Parameters
    ----------
    group, scene
        The group and what surrounds it.
    """
    street = scene.streets[group.link_id]
    cycle_s = scene.display.cycle_s
    greens = []
    for window in _divided(group, scene):
        opposing = None if window.protected else _opposing(group, window, scene)
        left = None
        if opposing is not None:
            nearest = min(
                scene.display.windows[group.main.turn_id],
                key=lambda shown: abs(_between(shown, window, cycle_s)),
            )
            own = PermittedGreen(
                cycle_s,
                window.length_s,
                min(nearest.length_s, cycle_s),
                scene.lost_s(group),
                group.left_vph,
                group.left_share,
                len(group.lanes),
                group.exclusive_left,
                _ends(group, window, scene),
            )
            left = permitted_left(own, opposing)
        crossings = Crossings()
        if any(turn.pedestrians_ph or turn.bicycles_ph for turn in group.turns):
            crossings = crossings_of(
                group,
                cycle_s,
                window.length_s,
                left.opposing_queue_s if left else 0.0,
                opposing.flow_vph if opposing else 0.0,
            )
        saturation = saturation_of(
            group, street, scene.practice, left.factor if left else None, crossings
        )
        greens.append(Green(window.begin_s, window.length_s, opposing is None, saturation, left))
    return tuple(greens)


def delay_of(group: Group, greens: Sequence[Green], flow_vph: float, scene: Scene) -> float:
    """Return the uniform delay d1 of a lane group, s per vehicle.

    Parameters
    ----------
    group, greens
        The group and its greens.
    flow_vph
        Its flow; one above capacity counts as capacity.
    scene
        What surrounds it.

    Notes
    -----
    Equation 16-11 for one green, or several on end with one saturation flow; otherwise the area
    of the queue polygon (appendix E). In a permitted green beside a protected one the queue waits
    until the opposing one is gone.
    """
    cycle_s = scene.display.cycle_s
    capacity_vph = sum(green.per_cycle_veh for green in greens) * SECONDS_PER_HOUR / cycle_s
    waits = group.exclusive_left and any(green.permitted is not None for green in greens)
    if _as_one(greens, cycle_s) and not (waits and scene.practice.polygon_always):
        green_s = min(cycle_s, sum(green.green_s for green in greens))
        return uniform_delay_s(cycle_s, green_s, flow_vph / capacity_vph)
    services = []
    for green in greens:
        left = green.permitted
        if left is None or not group.exclusive_left:
            services.append(Service(green.begin_s, green.green_s, green.saturation_vph))
        elif left.sneaking:
            services.append(Service(green.begin_s, green.green_s, 0.0, green.per_cycle_veh))
        else:
            wait_s = green.green_s - left.usable_s
            rate_vph = green.per_cycle_veh * SECONDS_PER_HOUR / left.usable_s
            services.append(Service(green.begin_s + wait_s, left.usable_s, rate_vph))
    return polygon_delay_s(flow_vph, cycle_s, services)


def _as_one(greens: Sequence[Green], cycle_s: float) -> bool:
    first = greens[0]
    if len(greens) == 1:
        return True
    if any(abs(g.saturation_vph - first.saturation_vph) > SAME_VPH for g in greens):
        return False
    gaps = sum(
        abs((after.begin_s - green.begin_s - green.green_s) % cycle_s) > SAME_VPH
        for green, after in zip(greens, [*greens[1:], first], strict=True)
    )
    return gaps <= 1


def _divided(group: Group, scene: Scene) -> list[Window]:
    """Divide a group's green by what its left turns are shown meanwhile."""
    windows = scene.windows(group)
    if not group.lefts:
        return [Window(w.begin_s, w.end_s, True) for w in windows]
    if group.main.kind in LEFT_KINDS:
        return list(windows)
    heaviest = max(group.lefts, key=lambda turn: group.flow_of[turn.turn_id])
    cycle_s = scene.display.cycle_s
    arrows = [w for w in scene.display.windows[heaviest.turn_id] if w.protected]
    parts: list[Window] = []
    for window in windows:
        edges = {window.begin_s, window.end_s}
        for arrow in arrows:
            for turns in (-1, 0, 1):
                for edge in (arrow.begin_s, arrow.end_s):
                    at = edge + turns * cycle_s
                    # Losses at the rim of the green are the group's own, not another part.
                    if window.begin_s < at < window.end_s - scene.practice.extension_s:
                        edges.add(at)
        ordered = sorted(edges)
        for begin_s, end_s in pairwise(ordered):
            middle = (begin_s + min(end_s, window.end_s - scene.practice.extension_s)) / 2.0
            protected = any(
                arrow.begin_s <= middle + turns * cycle_s < arrow.end_s
                for arrow in arrows
                for turns in (-1, 0, 1)
            )
            parts.append(Window(begin_s, end_s, protected))
    return parts


def _opposing(group: Group, window: Window, scene: Scene) -> Opposing | None:
    """Return what a permitted green yields to; None where nothing opposes it."""
    facing = [g for g in scene.groups if g.link_id == scene.opposite.get(group.link_id)]
    facing = [g for g in facing if not g.exclusive_left]
    facing = [g for g in facing if not g.exclusive_right] or facing
    if not facing:
        return None
    cycle_s = scene.display.cycle_s
    ahead = max(facing, key=lambda g: g.flow_vph)
    best, shared_s = None, 0.0
    for shown in scene.windows(ahead):
        shift_s = round((window.begin_s - shown.begin_s) / cycle_s) * cycle_s
        for turn_s in (shift_s - cycle_s, shift_s, shift_s + cycle_s):
            begin_s, end_s = shown.begin_s + turn_s, shown.end_s + turn_s
            overlap_s = min(end_s, window.end_s) - max(begin_s, window.begin_s)
            if overlap_s > shared_s:
                best, shared_s = (begin_s, end_s), overlap_s
    if best is None:
        return None
    flow = sum(g.flow_vph for g in facing)
    green_s = best[1] - best[0]
    arrivals = scene.arrivals.get(ahead.main.turn_id, Arrivals())
    return Opposing(
        flow,
        sum(len(g.lanes) for g in facing),
        min(g.utilization for g in facing),
        green_s,
        arrivals.platoon_ratio(green_s / cycle_s),
        sum(g.left_vph for g in facing) / flow if flow > 0.0 else 0.0,
        window.begin_s - best[0],
    )


def _between(shown: Window, window: Window, cycle_s: float) -> float:
    apart = (shown.begin_s + shown.end_s - window.begin_s - window.end_s) / 2.0
    return apart - round(apart / cycle_s) * cycle_s


def _ends(group: Group, window: Window, scene: Scene) -> bool:
    """Tell whether red follows a permitted green, not an arrow."""
    cycle_s = scene.display.cycle_s
    return not any(
        other.protected and abs((other.begin_s - window.end_s) % cycle_s) < SAME_VPH
        for other in _divided(group, scene)
    )
