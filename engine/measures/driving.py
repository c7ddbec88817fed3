"""How vehicles fill and leave a street."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.measures.streams import Pace
from network.graph import Connection


@dataclass(frozen=True, slots=True)
class Driving:
    """How vehicles fill and leave a street: one set for a network, and what was measured of parts.

    The defaults were fitted to the default drivers of SUMO 1.28: they bring predicted and
    simulated delays of 150 random lawful plans on cologne1, cologne3, cologne8, grid4x4 and
    ingolstadt7 closest in rank and in logarithm; ``benchmarks/fidelity.py`` shows how close. The
    cost of a stop is lower than the fit's 6.9 s: it is what the optimizer's plans did best with.

    Attributes
    ----------
    reaction_s
        Headway at the stop line beyond the time to roll one vehicle's spacing, s.
    spacing_m
        Front to front in a standing queue, m.
    discharge_mps
        Greatest speed at which a queue crosses the stop line, m/s.
    start_loss_s, end_gain_s
        Green not used after it begins; yellow used after green ends, s.
    speed_variation
        Standard deviation of free speeds over their mean; makes platoons disperse.
    acceleration_mps2
        How those who waited speed up; what it costs makes platoons arrive later.
    critical_gap_s, follow_up_s
        Gap a yielding driver needs in the opposing stream, and the time to the next who uses
        the same gap, s. HCM 2010 gives 4.5 and 2.5 s for permitted left turns.
    bunch_s
        Least headway inside the opposing stream of one lane, s.
    slack_veh
        Vehicles of a blocked turn that come to the head of a lane before the lane is blocked.
    box_part
        Part of the way to the waiting place inside the node that fills with waiting vehicles.
    stop_cost_s
        Time lost by slowing down and speeding up at a stop, beyond standing, s.
    headway_s
        By connection, saturation headway where it was measured, s.
    time_part, variation
        By link, as in `engine.measures.streams.Pace`, where it was measured.
    """

    reaction_s: float = 1.23
    spacing_m: float = 7.5
    discharge_mps: float = 13.9
    start_loss_s: int = 1
    end_gain_s: int = 0
    speed_variation: float = 0.15
    acceleration_mps2: float = 2.6
    critical_gap_s: float = 5.9
    follow_up_s: float = 3.4
    bunch_s: float = 1.1
    slack_veh: float = 0.15
    box_part: float = 0.9
    stop_cost_s: float = 3.0
    headway_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    time_part: Mapping[str, float] = field(default_factory=dict, hash=False)
    variation: Mapping[str, float] = field(default_factory=dict, hash=False)

    def saturation_vps(self, speed_mps: float) -> float:
        """Saturation flow of one lane over a way of that speed, veh/s."""
        return 1.0 / (self.reaction_s + self.spacing_m / min(speed_mps, self.discharge_mps))

    def way_headway_s(self, way: Connection) -> float:
        """Saturation headway of a connection: as measured, else by its speed, s."""
        measured = self.headway_s.get(way.connection_id)
        return 1.0 / self.saturation_vps(way.speed_mps) if measured is None else measured

    @property
    def pace(self) -> Pace:
        """How links are run."""
        return Pace(self.speed_variation, self.time_part, self.variation, self.acceleration_mps2)
