"""Arrivals of the next minutes on every approach, and their profile in the signal's cycle.

Past departures are those measured at the stop lines; where nobody measures them, the streets are
played from empty for some minutes, so that the platoons under way are those that the flows and the
plans make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.arrival_profiles import cycle_profile, planned_green
from engine.forecast.arrivals import (
    BIN_S,
    HORIZON_S,
    ArrivalModel,
    Dispersion,
    arrival_model,
)
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan

Floats = NDArray[np.float64]

SETTLING_S = 900
"""So long the streets are played to fill them with platoons, s."""

PROFILE_CYCLES = 8
"""Cycles that a profile is the mean of."""

LONGEST_HORIZON_S = 900


@dataclass(frozen=True, slots=True, eq=False)
class LinkArrivals:
    """Who arrives when at the stop lines.

    Attributes
    ----------
    link_ids
        Approaches of signals.
    now_s, bin_s
        System time at which the first bin begins, and length of a bin, s.
    ahead_veh
        Vehicles per bin that would reach the stop line if nobody stood there, [link, bin].
    cycle_veh
        By approach of a signal with a plan: mean vehicles in each second of its cycle, counted
        from system time 0, [cycle]; of what flows and plans make in the long run.
    """

    link_ids: tuple[str, ...]
    now_s: int
    bin_s: int
    ahead_veh: Floats
    cycle_veh: Mapping[str, Floats]

    def ahead(self, link_id: str) -> Floats:
        """Return the arrivals on one approach, vehicles per bin."""
        if link_id not in self.link_ids:
            raise CountError(f"link {link_id!r} is no approach of a signal")
        found: Floats = self.ahead_veh[self.link_ids.index(link_id)]
        return found


def link_arrivals(
    network: RoadNetwork,
    movement_vph: Mapping[str, float],
    plans: Mapping[str, TimingPlan],
    now_s: int,
    departed_veh: Mapping[str, npt.ArrayLike],
    green: Mapping[str, npt.ArrayLike],
    *,
    horizon_s: int = HORIZON_S,
    bin_s: int = BIN_S,
    dispersion: Dispersion | None = None,
) -> LinkArrivals:
    """Predict arrivals from flows, plans, and what was measured at the stop lines.

    Parameters
    ----------
    network
        The roads.
    movement_vph
        Flow of every movement, veh/h.
    plans, now_s, departed_veh, green, horizon_s, bin_s, dispersion
        As `engine.forecast.forecaster.FlowForecaster.arrivals` takes them.

    Raises
    ------
    InsufficientDataError
        If nothing flows.
    CountError
        If departures or greens name other movements, differ in length or hold odd numbers.
    """
    if not 1 <= bin_s <= horizon_s <= LONGEST_HORIZON_S:
        raise CountError(
            f"{horizon_s} s ahead in bins of {bin_s} s; allowed are 1 s or more, up to the "
            f"horizon, and {LONGEST_HORIZON_S} s"
        )
    flows = {name: movement_vph.get(name, 0.0) for name in network.movements}
    if not any(flow > 0 for flow in flows.values()):
        raise InsufficientDataError("nothing flows at the signals, so nobody arrives")
    model = arrival_model(network, flows, bin_s=bin_s, dispersion=dispersion)
    cycles = {name: plan.cycle_s for name, plan in plans.items()}
    measured = _measured(model, "departures", departed_veh)
    shown = _measured(model, "greens", green)
    if measured.shape[1] and shown.shape[1] and measured.shape[1] != shown.shape[1]:
        raise CountError(
            f"departures of {measured.shape[1]} bins and greens of {shown.shape[1]}; allowed are "
            "the same"
        )
    past = max(measured.shape[1], shown.shape[1], -(-SETTLING_S // bin_s))
    departed = np.full((len(model.turn_ids), past), np.nan)
    departed[:, past - measured.shape[1] :] = measured
    bins = past + -(-horizon_s // bin_s)
    usable = planned_green(model, network, plans, now_s - past * bin_s, bins)
    known = np.isfinite(shown)
    usable[:, past - shown.shape[1] : past][known] = shown[known]
    found = model.predict(departed, model.service(usable))
    return LinkArrivals(
        found.link_ids,
        now_s,
        bin_s,
        found.arrivals_veh[:, past:],
        _profiles(model, network, plans, cycles),
    )


def _profiles(
    model: ArrivalModel,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    cycles: Mapping[str, int],
) -> dict[str, Floats]:
    """Return the profile of each approach in the cycle of the signal it leads to."""
    signal_of = {m.from_link: m.signal_id for m in network.movements.values()}
    wanted = {link: cycles[s] for link in model.link_ids if (s := signal_of[link]) in cycles}
    if not wanted:
        return {}
    settling = -(-SETTLING_S // model.bin_s)
    bins = settling + -(-PROFILE_CYCLES * max(wanted.values()) // model.bin_s)
    none = np.full((len(model.turn_ids), 0), np.nan)
    green = planned_green(model, network, plans, 0, bins)
    found = model.predict(none, model.service(green)).arrivals_veh
    begin_s = float(settling * model.bin_s)
    return {
        link: cycle_profile(
            found[model.link_ids.index(link), settling:], model.bin_s, cycle_s, begin_s
        )
        for link, cycle_s in wanted.items()
    }


def _measured(model: ArrivalModel, what: str, given: Mapping[str, npt.ArrayLike]) -> Floats:
    """Return what was measured, [turn, bin]; NaN where nothing was."""
    row = {turn: t for t, turn in enumerate(model.turn_ids)}
    out = np.full((len(row), 0), np.nan)
    for name, values in given.items():
        if name not in row:
            raise CountError(f"{what} of {name!r} are given, which is no signalized movement")
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 1 or (out.shape[1] and array.size != out.shape[1]):
            raise CountError(
                f"{what} of {name!r} have shape {list(array.shape)}; allowed are as many bins for "
                "every movement"
            )
        known = array[~np.isnan(array)]
        if np.isinf(known).any() or (known < 0).any() or (what == "greens" and (known > 1).any()):
            raise CountError(f"{what} of {name!r} hold a number outside what is allowed")
        if not out.shape[1]:
            out = np.full((len(row), array.size), np.nan)
        out[row[name]] = array
    return out
