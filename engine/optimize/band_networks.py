"""Bands on several corridors that share signals: offsets of a whole coordination group.

Where corridors cross, their offsets depend on each other around every loop; the band program
closes the loops (MAXBAND-86: Chaudhary, Pinnoi and Messer 1991, TRR 1324; with bands by link the
network form of MULTIBAND). The fractional offsets are rounded to whole seconds, and single signals
moved while that widens the bands; unlike along one corridor, the whole seconds are not proven best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.measures.corridor import Corridor
from engine.measures.street import Street
from engine.optimize.band_layout import link_weights
from engine.optimize.band_models import Balance, BandArterial, BandLimits, BandResult
from engine.optimize.band_program import network_bands
from engine.optimize.band_windows import Score, Windows, corridor_windows
from engine.optimize.bands import Method, band_arterial, band_worth, flow_ratio
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

STEPS_S = (1, 2, 3)
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class NetworkBands:
    """Plans with banded offsets on several corridors.

    Attributes
    ----------
    plans
        Plan of every signal on a corridor; nothing but offsets changed.
    corridors
        Signals of the corridors that have bands.
    skipped
        Corridors without, each with the reason.
    worth_s
        The objective as the whole-second plans meet it, s.
    result
        Of the program.
    """

    plans: Mapping[str, TimingPlan]
    corridors: tuple[tuple[str, ...], ...]
    skipped: Mapping[tuple[str, ...], str]
    worth_s: float
    result: BandResult


@dataclass(frozen=True, slots=True)
class _Laid:
    corridor: Corridor
    windows: list[Windows]
    arterial: BandArterial
    score: Score
    weights: list[list[float]] | None

    def worth(self, moves_s: Mapping[str, int]) -> float:
        moves = [moves_s[signal] for signal in self.corridor.signals]
        found = band_worth(self.windows, moves, self.score, self.weights)
        return self.arterial.weight * found


def network_band_offsets(
    corridors: Sequence[Corridor],
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    street: Street,
    method: Method = "maxband",
    balance: Balance | None = None,
    queues: bool = True,
    exponent: float = 1.0,
    limits: BandLimits | None = None,
) -> NetworkBands:
    """Give signals on several corridors the offsets with the widest bands.

    Parameters
    ----------
    corridors
        They may cross; each counts by the traffic on it.
    plans
        Plan of every signal on them, all of one cycle.
    network, street
        The roads, and the flows on them.
    method, balance, queues, exponent, limits
        As for `bands.band_offsets`.

    Returns
    -------
    NetworkBands

    Raises
    ------
    InfeasibleError
        If cycles differ, or no corridor lets a platoon cross all its signals.
    EngineError
        If the limits ended the search before anything was found.
    """
    if balance is None:
        balance = Balance.TARGET if method == "maxband" else Balance.FREE
    cycles = {plans[s].cycle_s for c in corridors for s in c.signals if s in plans}
    if len(cycles) > 1:
        raise InfeasibleError(f"cycles of {sorted(cycles)} s on corridors that share a band")
    by_link = method == "multiband"
    laid: list[_Laid] = []
    skipped: dict[tuple[str, ...], str] = {}
    for corridor in corridors:
        try:
            laid.append(_laid(corridor, plans, network, street, balance, queues, by_link, exponent))
        except InfeasibleError as error:
            skipped[corridor.signals] = str(error)
    if not laid:
        raise InfeasibleError(f"no corridor can have a band: {'; '.join(skipped.values())}")
    cycle_s = cycles.pop()
    result = network_bands(
        [each.arterial for each in laid],
        (cycle_s, cycle_s),
        balance,
        limits,
        may_drop=True,
        by_link=by_link,
        exponent=exponent,
    )
    moves_s = {name: round(part * cycle_s) for name, part in result.offsets.items()}
    moves_s, worth = _refined(laid, moves_s)
    return NetworkBands(
        {
            name: replace(plans[name], offset_s=(plans[name].offset_s + move_s) % cycle_s)
            for name, move_s in moves_s.items()
        },
        tuple(each.corridor.signals for each in laid),
        skipped,
        worth / TENTHS_PER_SECOND,
        result,
    )


def _laid(
    corridor: Corridor,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    street: Street,
    balance: Balance,
    queues: bool,
    by_link: bool,
    exponent: float,
) -> _Laid:
    flows = street if queues else None
    windows = [corridor_windows(corridor, d, plans, network, flows) for d in corridor.directions]
    ratio = flow_ratio(corridor)
    legs = (*corridor.outbound_legs, *corridor.inbound_legs)
    # A band along the corridor counts by the traffic on it; links of their own by theirs already.
    weight = float(len(corridor.outbound_legs))
    if not by_link:
        weight = max(1.0, sum(leg.flow_vph for leg in legs) / len(legs))
    name = " - ".join(corridor.signals)
    arterial = band_arterial(corridor, windows, street, ratio, name, weight)
    two_way = len(windows) > 1
    return _Laid(
        corridor,
        windows,
        arterial,
        Score(balance if two_way else Balance.FREE, ratio),
        list(link_weights(arterial, exponent)[: len(windows)]) if by_link else None,
    )


def _refined(laid: Sequence[_Laid], moves_s: dict[str, int]) -> tuple[dict[str, int], float]:
    """Move single signals by whole seconds while that helps the corridors they are on."""
    passing = {name: [each for each in laid if name in each.corridor.signals] for name in moves_s}
    for _ in range(ROUNDS):
        moved = False
        for name in moves_s:
            found = {
                step: sum(each.worth({**moves_s, name: moves_s[name] + step}) for each in own)
                for own in (passing[name],)
                for size in (0, *STEPS_S)
                for step in (size, -size)
            }
            best = max(found, key=lambda step: (found[step], -abs(step), step))
            if found[best] > found[0]:
                moves_s = {**moves_s, name: moves_s[name] + best}
                moved = True
        if not moved:
            break
    return moves_s, sum(each.worth(moves_s) for each in laid)
