"""Learn from loops how long platoons take, how they spread, who feeds whom, who leaves how fast.

Defaults of dispersion are of no street in particular: drivers who wait at corners without a
signal, parked cars and bends cost seconds that no map tells, and a few seconds decide whether a
platoon meets green. Where earlier days were counted both behind the signals upstream and ahead
of the stop line, running time, spread and shares follow by least squares. What the counts do not
decide stays where all approaches together, or the turning counts, put it.

Assumed: streams of one approach are late by the same seconds. Not modeled: running times that
change with the flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.signal import lfilter

from engine.forecast.arrivals import ArrivalModel
from network.errors import CountError, InsufficientDataError

Floats = NDArray[np.float64]

SHIFTS_S = np.arange(-8.0, 25.0)
"""Seconds beyond the model's running time that are tried."""

SPREADS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
"""Robertson's factor a that is tried, with b = 1 / (1 + a)."""

ALL_WEIGHT = 0.1
"""What all approaches say together counts as so much of an approach of its own."""

SHARE_SD = 0.1
"""How well shares are known before, from turning counts alone."""

MOST_LEVEL = 2.0
"""Shares are at most so many times too low."""

LEAST_VEH = 60.0
"""An approach that saw less is left as it is."""

LEVELS = (0.25, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0)
"""Parts of the saturation flow that are tried."""

ROUNDS = 2
"""Turns feed each other, so that saturation is searched for all at once, and again."""

AHEAD_S = 120.0
USUAL_PART = 0.002
"""By so much of its error another saturation must be better for each e-fold it is away from 1."""

TINY = 1e-9

WARM_UP_S = 300.0
"""Seconds of each day that are not learned from: who comes then left before counts began."""


def fit_platoons(
    model: ArrivalModel,
    departed_veh: Sequence[Floats],
    arrived_veh: Sequence[Floats],
    green: Sequence[Floats] | None = None,
) -> ArrivalModel:
    """Fit running times, dispersion, shares and saturation flows to earlier days.

    Parameters
    ----------
    model
        From `arrival_model`, with the place of the loops in `short_of_stop_m`.
    departed_veh
        Of each day, departures of the turns, [turn, bin]; NaN where not measured.
    arrived_veh
        Of each day, vehicles that came to the approaches, [link, bin]; NaN where not measured.
    green
        Of each day, usable part of each bin, [turn, bin], as for `ArrivalModel.service`; None
        leaves saturation flows as they are.

    Returns
    -------
    ArrivalModel
        The same model where counts are missing or too few.

    Raises
    ------
    InsufficientDataError
        If there is no day, or one is not longer than `WARM_UP_S`.
    CountError
        If shapes do not fit.
    """
    first = int(np.ceil(WARM_UP_S / model.bin_s))
    if not departed_veh or len(departed_veh) != len(arrived_veh):
        raise InsufficientDataError(
            f"{len(departed_veh)} days of departures and {len(arrived_veh)} of arrivals; needed "
            "are as many of both, and one at least"
        )
    if green is not None and [g.shape for g in green] != [d.shape for d in departed_veh]:
        raise CountError(
            "greens and departures differ in their shapes; allowed is each as the other"
        )
    for departed, arrived in zip(departed_veh, arrived_veh, strict=True):
        bins = departed.shape[-1]
        wanted = (len(model.turn_ids), bins), (len(model.link_ids), bins)
        if (departed.shape, arrived.shape) != wanted:
            raise CountError(
                f"a day of shapes {list(departed.shape)} and {list(arrived.shape)}; allowed are "
                f"{wanted[0]} and {wanted[1]}"
            )
        if bins <= first:
            raise InsufficientDataError(
                f"a day of {bins * model.bin_s} s; more than {WARM_UP_S:g} s are needed"
            )
    leaving = [_by_exit(model, departed) for departed in departed_veh]
    approaches = [
        found
        for link in range(len(model.link_ids))
        if (found := _Approach.of(model, link, leaving, arrived_veh, first)) is not None
    ]
    if approaches:
        model = _with_streams(model, approaches)
    return model if green is None else _with_saturation(model, departed_veh, green)


def _with_streams(model: ArrivalModel, approaches: Sequence[_Approach]) -> ArrivalModel:
    """Fit what happens between signals."""
    errors = [approach.errors() for approach in approaches]
    # In units of what is left at best, so that every approach speaks alike.
    scaled = [
        error / max(float(error.min()), 1e-9) * a.seen
        for error, a in zip(errors, approaches, strict=True)
    ]
    together = ALL_WEIGHT * np.mean(scaled, axis=0)
    streams = model.streams
    delay, smoothing = streams.delay_bins.copy(), streams.smoothing.copy()
    share, outside = streams.share.copy(), model.outside_vps.copy()
    for approach, own in zip(approaches, scaled, strict=True):
        shift, spread = np.unravel_index(int(np.argmin(own + together)), own.shape)
        rows = approach.rows
        delay[rows], smoothing[rows] = approach.movement(int(shift), int(spread))
        share[rows], outside[approach.link] = approach.shares(delay[rows], smoothing[rows])
    # More than all of an exit's traffic cannot arrive anywhere.
    total = np.bincount(streams.exit, weights=share, minlength=len(model.exit_ids))
    share /= np.maximum(total, 1.0)[streams.exit]
    return replace(
        model,
        outside_vps=outside,
        streams=streams._replace(share=share, delay_bins=delay, smoothing=smoothing),
    )


def _with_saturation(
    model: ArrivalModel, departed_veh: Sequence[Floats], green: Sequence[Floats]
) -> ArrivalModel:
    """Fit how fast turns discharge, by how well their next departures are foretold.

    Maps tell lanes, but not that most drivers queue on one of two, nor who yields to whom.
    """
    for _ in range(ROUNDS):
        before = model.saturation_vps
        tried = [replace(model, saturation_vps=level * before) for level in LEVELS]
        # Turns that are not measured have no error, and keep what they had.
        errors = np.nan_to_num([_error_ahead(one, departed_veh, green) for one in tried])
        usual = USUAL_PART * np.abs(np.log(LEVELS))[:, None] * errors[LEVELS.index(1.0)]
        best = np.argmin(errors + usual + TINY * np.abs(np.log(LEVELS))[:, None], axis=0)
        model = replace(model, saturation_vps=np.array(LEVELS)[best] * before)
    return model


def _error_ahead(
    model: ArrivalModel, departed_veh: Sequence[Floats], green: Sequence[Floats]
) -> Floats:
    """Return the sum of squares of departures foretold less measured, [turn]."""
    total = np.zeros(len(model.turn_ids))
    first, ahead = (int(np.ceil(time / model.bin_s)) for time in (WARM_UP_S, AHEAD_S))
    for departed, shown in zip(departed_veh, green, strict=True):
        service = model.service(shown)
        for now in range(first, departed.shape[1] - ahead + 1, ahead):
            told = model.predict(departed[:, :now], service[:, : now + ahead]).departures_veh
            total += ((told[:, now:] - departed[:, now : now + ahead]) ** 2).sum(axis=1)
    return total


def _by_exit(model: ArrivalModel, departed: Floats) -> Floats:
    leaving = np.zeros((len(model.exit_ids), departed.shape[1]))
    np.add.at(leaving, model.turns.exit, departed)
    return leaving


class _Approach:
    """The streams to one approach, and what was seen of them."""

    def __init__(
        self,
        model: ArrivalModel,
        link: int,
        rows: NDArray[np.int64],
        leaving: Sequence[Floats],
        arrived: Sequence[Floats],
        first: int,
    ) -> None:
        self.link, self.rows = link, rows
        self._bin_s, self._first = model.bin_s, first
        self._leaving = [day[model.streams.exit[rows]] for day in leaving]
        self._arrived = np.concatenate([day[link, first:] for day in arrived])
        self._known = np.isfinite(self._arrived)
        self._arrived = self._arrived[self._known]
        self._prior = model.streams.share[rows]
        smoothing = model.streams.smoothing[rows]
        self._mean_bins = model.streams.delay_bins[rows] + (1.0 - smoothing) / smoothing
        self.seen = int(self._known.sum())

    @classmethod
    def of(
        cls,
        model: ArrivalModel,
        link: int,
        leaving: Sequence[Floats],
        arrived: Sequence[Floats],
        first: int,
    ) -> _Approach | None:
        """Take an approach if it is fed by signals and enough is known of it."""
        rows = np.flatnonzero(model.streams.link == link)
        exits = model.streams.exit[rows]
        seen = sum(float(np.nansum(day[link, first:])) for day in arrived)
        if not rows.size or seen < LEAST_VEH:
            return None
        if not all(np.isfinite(day[exits]).all() for day in leaving):
            return None
        return cls(model, link, rows, leaving, arrived, first)

    def movement(self, shift: int, spread: int) -> tuple[Floats, Floats]:
        """Return delays, bins, and parts F of a choice from the grid."""
        a = SPREADS[spread]
        time = np.maximum(self._mean_bins + SHIFTS_S[shift] / self._bin_s, 1.0)
        return time / (1.0 + a), 1.0 / (1.0 + a / (1.0 + a) * time)

    def errors(self) -> Floats:
        """Return the sum of squares of what remains, [shift, spread], at the best level."""
        seen = self._arrived - self._arrived.mean()
        found = np.empty((SHIFTS_S.size, len(SPREADS)))
        for shift in range(SHIFTS_S.size):
            for spread in range(len(SPREADS)):
                told = self._prior @ self._moved(*self.movement(shift, spread))
                told -= told.mean()
                # Shares too high would pass for a wide spread, so their level is free here.
                most = float(told @ told)
                level = min(max(float(told @ seen) / most, 0.0), MOST_LEVEL) if most > 0 else 0.0
                rest = seen - level * told
                found[shift, spread] = float(rest @ rest)
        return found

    def shares(self, delay: Floats, smoothing: Floats) -> tuple[Floats, float]:
        """Return the likeliest shares, and what passed no signal, veh/s."""
        moved = self._moved(delay, smoothing)
        rest = self._arrived - self._prior @ moved
        held = max(float(rest.std()), 1e-6) / SHARE_SD
        size = self.rows.size
        rows = np.hstack(
            [np.vstack([moved, np.ones(self.seen)]), held * np.eye(size + 1)[:, :size]]
        )
        found, _ = nnls(rows.T, np.concatenate([self._arrived, held * self._prior]))
        return np.minimum(found[:size], 1.0), float(found[size]) / self._bin_s

    def _moved(self, delay: Floats, smoothing: Floats) -> Floats:
        """Move departures to the approach, [stream, known bin], as the kernel does."""
        days = []
        for leaving in self._leaving:
            moved = np.empty((self.rows.size, leaving.shape[1] - self._first))
            for k in range(self.rows.size):
                moved[k] = disperse(leaving[k], float(delay[k]), float(smoothing[k]))[self._first :]
            days.append(moved)
        return np.concatenate(days, axis=1)[:, self._known]


def disperse(departed: Floats, delay_bins: float, smoothing: float) -> Floats:
    """Move a series of departures downstream, bin by bin, as `kernels.roll_platoons` does.

    Parameters
    ----------
    departed
        Vehicles per bin.
    delay_bins, smoothing
        Plain delay, and part F of the newest bin.
    """
    whole = int(delay_bins)
    part = delay_bins - whole if whole >= 1 else 0.0
    late = max(whole, 1)
    came = np.zeros(departed.size)
    came[late:] = (1.0 - part) * departed[: max(departed.size - late, 0)]
    came[late + 1 :] += part * departed[: max(departed.size - late - 1, 0)]
    found: Floats = lfilter([smoothing], [1.0, smoothing - 1.0], came)
    return found
