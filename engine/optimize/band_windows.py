"""Through greens of a corridor as windows in time, and the band that integer offsets leave.

A window is the longest stretch per cycle in which the platoon may cross a stop, less the time
the queue before it needs. Time is counted in ticks of a tenth of a second, as in
`engine.measures.bandwidth`; the windows of a direction are moved back by the running time from
its first stop, so that a band is a moment that lies in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.measures.bandwidth import longest_run, stop_green
from engine.measures.corridor import Corridor, Direction, Passage
from engine.measures.street import Street
from engine.optimize.band_models import Balance
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR, TENTHS_PER_SECOND

Ticks = NDArray[np.int64]

QUEUE_PART = 0.5
"""Largest part of a green given to the queue; where more would be due the approach is short of
capacity and no band will mend it."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one direction, by stop in outbound order.

    Attributes
    ----------
    begin, length
        In ticks; `begin` behind system zero at the signal itself. A `length` of the whole cycle
        means never red.
    lag
        Running time from the direction's first stop, ticks.
    cycle
        Ticks.
    """

    begin: Ticks
    length: Ticks
    lag: Ticks
    cycle: int

    @property
    def at_first_stop(self) -> Ticks:
        """When the windows begin as seen from the direction's first stop."""
        return (self.begin - self.lag) % self.cycle

    def ahead(self, moments: Ticks, moves: Ticks) -> Ticks:
        """Return how long a band could go on that begins at a moment.

        Parameters
        ----------
        moments
            At the direction's first stop, ticks, shape (m,).
        moves
            Offset changes, ticks, shape (stops, o).

        Returns
        -------
        ndarray
            Shape (m, stops, o), 0 where the window is shut.
        """
        begins = self.at_first_stop[:, None] + moves
        since = (moments[:, None, None] - begins[None]) % self.cycle
        open_ = np.maximum(self.length[None, :, None] - since, 0)
        return np.where(self.length[None, :, None] == self.cycle, self.cycle, open_)


@dataclass(frozen=True, slots=True)
class Score:
    """What a pair of bands is worth.

    A band wider than the target ratio allows beside the other one counts as wide as allowed:
    the narrower band inside it keeps the ratio. So the worth of integer offsets can be set
    against the bound of the program.
    """

    balance: Balance
    ratio: float

    def worth(self, out: float, back: float) -> float:
        """Return b_out + k b_in of the widest bands inside that keep the balance."""
        k = self.ratio
        equal = self.balance is Balance.EQUAL
        if equal or (self.balance is Balance.TARGET and k < 1.0):
            out = min(out, back / k)
        if equal or (self.balance is Balance.TARGET and k > 1.0):
            back = min(back, k * out)
        return out + k * back


def corridor_windows(
    corridor: Corridor,
    direction: Direction,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    street: Street | None,
) -> Windows:
    """Return the windows of a direction under plans.

    Parameters
    ----------
    corridor, direction
        The stops and which way.
    plans, network
        Plans of one cycle, and the phases they speak of.
    street
        For the queues; None leaves them out.

    Raises
    ------
    InfeasibleError
        If a plan is missing, or never lets the platoon cross.
    """
    begins, lengths = [], []
    for i, stop in enumerate(corridor.stops):
        plan, phasing = plans.get(stop.signal_id), network.signals[stop.signal_id].phasing
        if plan is None or phasing is None:
            raise InfeasibleError(f"no plan of signal {stop.signal_id} is known, so no band")
        begin, length = longest_run(stop_green(stop, direction, plan, phasing))
        if not length:
            raise InfeasibleError(
                f"the plan of signal {stop.signal_id} never lets the {direction} platoon cross "
                "all its stop lines"
            )
        cycle = plan.cycle_s * TENTHS_PER_SECOND
        if street is not None and length < cycle:
            queue_s = queue_clearance_s(corridor, i, direction, street, (cycle - length) / 10)
            wait = min(round(queue_s * TENTHS_PER_SECOND), int(QUEUE_PART * length))
            begin, length = begin + wait, length - wait
        begins.append(begin)
        lengths.append(length)
    lag = [round(t * TENTHS_PER_SECOND) for _, t in corridor.course(direction)]
    if direction == "inbound":
        lag.reverse()
    return Windows(np.array(begins), np.array(lengths), np.array(lag), cycle)


def queue_clearance_s(
    corridor: Corridor, stop: int, direction: Direction, street: Street, red_s: float
) -> float:
    """Estimate how long the queue needs that stands in front of the platoon, s.

    The queue is what reached the stop's through lanes during red and was not in the platoon:
    traffic that turned in at the signal before or came from between. It clears at saturation
    flow s while more of it, q, arrives: q red / (s - q), by conservation of vehicles. Where the
    band begins no platoon arrives and there is nothing to clear.

    Parameters
    ----------
    corridor, stop, direction
        Which approach.
    street
        Flows, and how drivers leave a queue.
    red_s
        Red per cycle, s.
    """
    outbound = direction == "outbound"
    before = stop - 1 if outbound else stop + 1
    if not 0 <= before < len(corridor.stops):
        return 0.0
    leg = corridor.outbound_legs[before] if outbound else corridor.inbound_legs[stop]
    here = corridor.stops[stop].passages(direction)[0]
    there = corridor.stops[before].passages(direction)[-1]
    through_vph = _flow_vph(street, here, "from_link", "to_link")
    arriving_vph = _flow_vph(street, here, "from_link")
    leaving_vph = _flow_vph(street, there, "to_link")
    if not through_vph or not arriving_vph:
        return 0.0
    platoon_part = 0.0
    if leaving_vph:
        straight_part = _flow_vph(street, there, "from_link", "to_link") / leaving_vph
        platoon_part = min(1.0, straight_part * leg.flow_vph / arriving_vph)
    queued_vps = through_vph * (1.0 - platoon_part) / SECONDS_PER_HOUR
    lanes = {c.from_lane: street.driving.way_headway_s(c) for c in here.connections}
    saturation_vps = sum(1.0 / headway_s for headway_s in lanes.values())
    if queued_vps >= saturation_vps:
        return red_s
    return queued_vps * red_s / (saturation_vps - queued_vps)


def _flow_vph(street: Street, passage: Passage, *ends: str) -> float:
    """Flow over all ways that share the named ends with a passage, veh/h."""
    wanted = {tuple(getattr(c, end) for end in ends) for c in passage.connections}
    return SECONDS_PER_HOUR * sum(
        float(street.way_volume_vps[row])
        for row, way in enumerate(street.ways)
        if tuple(getattr(way, end) for end in ends) in wanted
    )


def common_widths(windows: Sequence[Windows], moves_s: Sequence[int]) -> tuple[int, ...]:
    """Return the widest band through all windows of each direction, ticks.

    Parameters
    ----------
    windows
        By direction.
    moves_s
        Change of each stop's offset, s.
    """
    moves = TENTHS_PER_SECOND * np.array(moves_s, dtype=np.int64)[:, None]
    return tuple(
        int(w.ahead((w.at_first_stop + moves[:, 0]) % w.cycle, moves)[:, :, 0].min(axis=1).max())
        for w in windows
    )


def link_widths(windows: Windows, moves_s: Sequence[int]) -> tuple[int, ...]:
    """Return the widest band over each link by itself, ticks, in outbound order."""
    widths = []
    for i in range(len(windows.begin) - 1):
        pair = Windows(
            windows.begin[i : i + 2], windows.length[i : i + 2], windows.lag[i : i + 2],
            windows.cycle,
        )  # fmt: skip
        widths.append(common_widths([pair], moves_s[i : i + 2])[0])
    return tuple(widths)
