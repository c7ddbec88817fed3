"""Signal controllers as an engineer's files describe them: phases, timing plans, detectors.

Part of `network.inventory`; values that a file leaves open are None here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class ControlKind(StrEnum):
    """How a controller runs its plan."""

    PRETIMED = "pretimed"
    ACTUATED = "actuated"
    SEMI_ACTUATED = "semi-actuated"
    COORDINATED = "actuated-coordinated"


class ReferencePoint(StrEnum):
    """The event of the reference phases that an offset names."""

    BEGIN_GREEN = "begin-green"
    """First of the reference phases to begin green."""
    LAST_GREEN = "last-green"
    """Last of them to begin green (NEMA TS 1 style): the first common green."""
    BEGIN_YELLOW = "begin-yellow"
    """First of them to begin yellow."""
    END_YELLOW = "end-yellow"
    """First of them to end yellow."""
    BEGIN_FLASHING_WALK = "begin-flashing-dont-walk"
    """Begin of the reference phase's flashing don't walk (Type 170)."""


@dataclass(frozen=True, slots=True)
class ControllerPhase:
    """A phase as a controller's timing sheet lists it, times in tenths of a second.

    Attributes
    ----------
    number
        Phase number.
    ring, barrier, position
        Where it stands, each from 1: barriers divide a ring, positions order a barrier's phases.
    min_green_ds, yellow_ds, red_clear_ds
        Minimum green, yellow change, red clearance.
    max_green_ds, extension_ds, walk_ds, ped_clear_ds
        As given, or None.
    recall
        ``none``, ``min``, ``max``, ``ped``, ``coord`` or ``walk`` (rest in walk); empty where the
        source is silent.
    dual_entry
        Whether it is served along with a phase of another ring; None where not given.
    min_split_ds
        Least split an optimizer may give it; None where not given.
    min_gap_ds, time_before_reduce_ds, time_to_reduce_ds
        Gap reduction: the gap it ends at, when it begins and how long it takes.
    inhibit_max
        Whether maximum termination is inhibited during coordination; None where not given.
    ped_calls_ph
        Pedestrian calls per hour; None where not given.
    """

    number: int
    ring: int
    barrier: int
    position: int
    min_green_ds: int
    yellow_ds: int
    red_clear_ds: int
    max_green_ds: int | None = None
    extension_ds: int | None = None
    walk_ds: int | None = None
    ped_clear_ds: int | None = None
    recall: str = ""
    dual_entry: bool | None = None
    min_split_ds: int | None = None
    min_gap_ds: int | None = None
    time_before_reduce_ds: int | None = None
    time_to_reduce_ds: int | None = None
    inhibit_max: bool | None = None
    ped_calls_ph: float | None = None


@dataclass(frozen=True, slots=True)
class Coordination:
    """One timing plan of a controller, times in tenths of a second.

    Attributes
    ----------
    plan_id
        Name or number of the plan.
    phases
        Phases served in this plan; some sources change even minimum greens from plan to plan.
    splits_ds
        Split of each phase, clearance included, by number; empty for free operation.
    cycle_ds, offset_ds
        Cycle and offset; None for free operation.
    reference
        The event the offset names.
    reference_phases
        The coordinated phases.
    reference_controller
        The controller whose event offsets count from; empty for system zero.
    times_of_day
        When it runs: ``(days, from, to)`` with days as seven characters 0 or 1 from Sunday and
        times as seconds after midnight; empty where it always does.
    control
        How the controller runs it.
    """

    plan_id: str
    phases: tuple[ControllerPhase, ...]
    splits_ds: Mapping[int, int]
    cycle_ds: int | None = None
    offset_ds: int | None = None
    reference: ReferencePoint = ReferencePoint.BEGIN_GREEN
    reference_phases: tuple[int, ...] = ()
    reference_controller: str = ""
    times_of_day: tuple[tuple[str, int, int], ...] = ()
    control: ControlKind = ControlKind.PRETIMED

    def __post_init__(self) -> None:
        object.__setattr__(self, "splits_ds", MappingProxyType(dict(self.splits_ds)))

    def __reduce__(self) -> tuple[object, ...]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return (_coordination, ({**values, "splits_ds": dict(self.splits_ds)},))


def _coordination(values: dict[str, Any]) -> Coordination:
    return Coordination(**values)


@dataclass(frozen=True, slots=True)
class Controller:
    """A signal controller: the nodes it runs and its timing plans.

    Attributes
    ----------
    controller_id
        Name.
    nodes
        The nodes it controls; usually one.
    plans
        Its timing plans, the one in force first. Turns name phases by number, the same in all
        plans unless `turn_phases` says otherwise.
    turn_phases
        Where a plan numbers phases differently: by plan and turn, the protected and the
        permitted phases.
    hold_phases
        Phases that hold every movement, for instance while somebody crosses all legs.
    """

    controller_id: str
    nodes: tuple[str, ...]
    plans: tuple[Coordination, ...]
    turn_phases: Mapping[tuple[str, str], tuple[tuple[int, ...], tuple[int, ...]]] = field(
        default_factory=dict
    )
    hold_phases: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "turn_phases", MappingProxyType(dict(self.turn_phases)))

    def __reduce__(self) -> tuple[object, ...]:
        turn_phases = dict(self.turn_phases)
        parts = (self.controller_id, self.nodes, self.plans, turn_phases, self.hold_phases)
        return (Controller, parts)


@dataclass(frozen=True, slots=True)
class Detector:
    """A detection zone on a link.

    Attributes
    ----------
    detector_id, link_id
        Names.
    lanes
        Lane numbers it covers.
    phase
        The phase it calls; None where it only counts.
    front_m, length_m
        Distance of its downstream edge ahead of the stop line, and its length, m.
    kind
        ``presence``, ``pulse`` or ``count``; empty where not given.
    functions
        What it does for the controller, such as ``call``, ``extend`` or ``count``.
    more_phases
        Further phases it calls.
    extension_ds, delay_ds, queue_ds
        Extension, delay and queue-discharge time, tenths of a second; None where not given.
    """

    detector_id: str
    link_id: str
    lanes: tuple[int, ...]
    phase: int | None
    front_m: float
    length_m: float
    kind: str = ""
    functions: tuple[str, ...] = ()
    more_phases: tuple[int, ...] = ()
    extension_ds: int | None = None
    delay_ds: int | None = None
    queue_ds: int | None = None
