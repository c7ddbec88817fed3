"""What an operational analysis of a signalized intersection finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.measures.hcm_terms import Arrivals
from network.errors import EngineError


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of the traffic beyond the street's inventory.

    Attributes
    ----------
    arrivals
        How traffic arrives, by turn; random where not given. A lane group goes by its through
        traffic, or by its heaviest turn.
    upstream_saturation
        Degree of saturation of the upstream signal, by approach link; isolated where not given.
    initial_queue_veh
        Vehicles waiting at the beginning of the period, by turn; those of a lane group add up.
    right_on_red_vph
        Right turns that go on red, by turn, veh/h; taken off the volume.
    """

    arrivals: Mapping[str, Arrivals] = field(default_factory=dict)
    upstream_saturation: Mapping[str, float] = field(default_factory=dict)
    initial_queue_veh: Mapping[str, float] = field(default_factory=dict)
    right_on_red_vph: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[object, ...]:
        return (Conditions, tuple(dict(getattr(self, name)) for name in self.__dataclass_fields__))

    def require_known(self, turns: set[str], links: set[str]) -> None:
        """Raise `EngineError` for a name that is not of the intersection, or a number below 0."""
        for name, values, known in (
            ("arrivals", self.arrivals, turns),
            ("upstream_saturation", self.upstream_saturation, links),
            ("initial_queue_veh", self.initial_queue_veh, turns),
            ("right_on_red_vph", self.right_on_red_vph, turns),
        ):
            for key, value in values.items():
                if key not in known:
                    raise EngineError(
                        f"{name}: found {key!r}; allowed are {', '.join(sorted(known))}"
                    )
                if not isinstance(value, Arrivals) and not 0.0 <= value < float("inf"):
                    raise EngineError(f"{name} of {key!r}: found {value!r}; allowed is 0 and more")


@dataclass(frozen=True, slots=True)
class LaneGroupAnalysis:
    """One lane group.

    Attributes
    ----------
    link_id, movements, turn_ids, lanes
        Approach, letters ``U L T R`` of its turns, the turns, and lane numbers from the right.
    left_turns
        ``protected``, ``permitted`` or ``protected-permitted``; empty without left turns.
    de_facto
        Whether left turns have taken a shared lane for themselves.
    flow_vph
        v, flow in the peak of the hour.
    green_s, green_ratio
        g, effective green, all kinds together, and g/C.
    saturation_vph, capacity_vph
        s, mean over the green, and c.
    left_factor
        fLT of the permitted green; None where nobody yields.
    volume_capacity, flow_ratio
        X = v/c, and v/s.
    uniform_delay_s, progression_factor, incremental_delay_s, initial_queue_delay_s
        d1, PF, d2 and d3.
    control_delay_s
        d = d1 PF + d2 + d3 (equation 16-9), s per vehicle.
    level_of_service
        A to F.
    queue_veh, queue_95_veh
        Back of queue per lane, average and 95th percentile, vehicles (appendix G).
    critical
        Whether it is one of the critical lane groups.
    """

    link_id: str
    movements: str
    turn_ids: tuple[str, ...]
    lanes: tuple[int, ...]
    left_turns: str
    de_facto: bool
    flow_vph: float
    green_s: float
    green_ratio: float
    saturation_vph: float
    capacity_vph: float
    left_factor: float | None
    volume_capacity: float
    flow_ratio: float
    uniform_delay_s: float
    progression_factor: float
    incremental_delay_s: float
    initial_queue_delay_s: float
    control_delay_s: float
    level_of_service: str
    queue_veh: float
    queue_95_veh: float
    critical: bool


@dataclass(frozen=True, slots=True)
class ApproachAnalysis:
    """All lane groups of an approach.

    Attributes
    ----------
    link_id, flow_vph
        The approach and its flow.
    control_delay_s, level_of_service
        Mean over its vehicles (equation 16-13), s; A to F by delay.
    """

    link_id: str
    flow_vph: float
    control_delay_s: float
    level_of_service: str


@dataclass(frozen=True, slots=True)
class IntersectionAnalysis:
    """One intersection under one plan.

    Attributes
    ----------
    controller_id, plan_id
        What was analyzed.
    cycle_s, lost_s
        C, and L, lost time of the critical phases per cycle.
    groups, approaches
        In the order of the inventory.
    flow_vph
        Of all lane groups.
    control_delay_s, level_of_service
        Mean over all vehicles (equation 16-14), s; A to F by delay.
    critical_flow_ratio, critical_volume_capacity
        Y, sum of the critical v/s, and Xc = Y C / (C - L) (equation 16-8).
    notes
        What a reader of the results must know. Sentences.
    """

    controller_id: str
    plan_id: str
    cycle_s: float
    lost_s: float
    groups: tuple[LaneGroupAnalysis, ...]
    approaches: tuple[ApproachAnalysis, ...]
    flow_vph: float
    control_delay_s: float
    level_of_service: str
    critical_flow_ratio: float
    critical_volume_capacity: float
    notes: tuple[str, ...] = ()

    def group(self, turn_id: str) -> LaneGroupAnalysis:
        """Return the lane group that serves a turn; raise `EngineError` if there is none."""
        for group in self.groups:
            if turn_id in group.turn_ids:
                return group
        raise EngineError(f"controller {self.controller_id!r}: no lane group serves {turn_id!r}")
