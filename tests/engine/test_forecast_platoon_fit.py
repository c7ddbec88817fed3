"""Learning platoons: what made the counts is found again, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast.arrivals import ArrivalModel, arrival_model
from engine.forecast.platoon_fit import disperse, fit_platoons
from network.errors import CountError, InsufficientDataError
from tests.reference.toy_streets import line

Floats = NDArray[np.float64]
BIN_S, BINS = 2, 1500


@pytest.fixture(scope="module")
def model() -> ArrivalModel:
    street = line("ABC", 400.0)
    return arrival_model(street, dict.fromkeys(street.movements, 300.0), bin_s=BIN_S)


def slower(model: ArrivalModel, later_s: float, smoothing: float, share: float) -> ArrivalModel:
    """Return a street whose platoons come later, tighter, and by other shares."""
    streams = model.streams
    mean = streams.delay_bins + (1 - streams.smoothing) / streams.smoothing
    tight = np.full_like(streams.smoothing, smoothing)
    return replace(
        model,
        streams=streams._replace(
            delay_bins=mean + later_s / BIN_S - (1 - tight) / tight,
            smoothing=tight,
            share=share * streams.share,
        ),
    )


def day_of(model: ArrivalModel, seed: int) -> tuple[Floats, Floats]:
    """Draw platoons every 80 s, and who comes of them."""
    rng = np.random.default_rng(seed)
    departed = np.zeros((len(model.turn_ids), BINS))
    for row in range(departed.shape[0]):
        green = (np.arange(BINS) + rng.integers(0, 40)) % 40 < 12
        departed[row] = rng.poisson(0.8 * green)
    came = model.predict(departed, np.zeros_like(departed)).arrivals_veh
    return departed, rng.poisson(came).astype(np.float64)


def running_s(model: ArrivalModel) -> Floats:
    streams = model.streams
    mean: Floats = BIN_S * (streams.delay_bins + (1 - streams.smoothing) / streams.smoothing)
    return mean


@pytest.mark.parametrize("later_s", [-4.0, 0.0, 9.0])
def test_running_time_spread_and_shares_are_found_again(
    model: ArrivalModel, later_s: float
) -> None:
    truth = slower(model, later_s, 0.4, 0.6)
    departed, arrived = zip(*(day_of(truth, seed) for seed in (1, 2)), strict=True)
    found = fit_platoons(model, departed, arrived)
    assert np.abs(running_s(found) - running_s(truth)).max() <= 2.0
    assert np.abs(found.streams.share - truth.streams.share).max() < 0.12
    fresh, came = day_of(truth, 3)

    def error(of: ArrivalModel) -> float:
        told = of.predict(fresh, np.zeros_like(fresh)).arrivals_veh
        return float(((told - came)[:, 150:] ** 2).sum())

    assert error(found) < 1.03 * error(truth) < error(model)


def test_approaches_without_counts_stay_as_they_are(model: ArrivalModel) -> None:
    truth = slower(model, 8.0, 0.4, 0.6)
    departed, arrived = day_of(truth, 4)
    link = int(model.streams.link[0])
    arrived[link] = np.nan
    found = fit_platoons(model, [departed], [arrived])
    own = model.streams.link == link
    assert np.array_equal(found.streams.delay_bins[own], model.streams.delay_bins[own])
    assert np.array_equal(found.streams.share[own], model.streams.share[own])
    assert not np.array_equal(found.streams.delay_bins[~own], model.streams.delay_bins[~own])
    unmeasured = np.full_like(departed, np.nan)
    assert fit_platoons(model, [unmeasured], [arrived]) is model
    assert fit_platoons(model, [departed], [np.zeros_like(arrived)]) is model


def test_a_turn_that_discharges_slower_than_its_lanes_promise_is_found(model: ArrivalModel) -> None:
    rng = np.random.default_rng(8)
    rows = len(model.turn_ids)
    slow = 0
    truth = replace(
        model, saturation_vps=model.saturation_vps * np.where(np.arange(rows) == slow, 0.35, 1.0)
    )
    green = np.zeros((rows, BINS))
    green[:, np.arange(BINS) % 40 < 20] = 1.0
    came = rng.poisson(np.repeat(model.outside_vps[:, None] * BIN_S, BINS, axis=1))
    nothing = np.full((rows, 0), np.nan)
    departed = truth.predict(
        nothing, truth.service(green), outside_veh=came.astype(np.float64)
    ).departures_veh
    unseen = np.full((len(model.link_ids), BINS), np.nan)
    found = fit_platoons(model, [departed], [unseen], [green]).saturation_vps / model.saturation_vps
    assert found[slow] < 0.6
    assert np.median(found) == pytest.approx(1.0, abs=0.3)


def test_gaps_in_the_counts_are_passed_over(model: ArrivalModel) -> None:
    truth = slower(model, 6.0, 0.4, 0.8)
    departed, arrived = day_of(truth, 5)
    arrived[:, 400:700] = np.nan
    found = fit_platoons(model, [departed], [arrived])
    assert np.abs(running_s(found) - running_s(truth)).max() <= 3.0


def test_platoons_move_as_in_the_kernel(model: ArrivalModel) -> None:
    departed, _ = day_of(model, 6)
    nobody = np.zeros((len(model.link_ids), BINS))
    kernel = model.predict(departed, np.zeros_like(departed), outside_veh=nobody).arrivals_veh
    own = np.zeros_like(kernel)
    leaving = np.zeros((len(model.exit_ids), BINS))
    np.add.at(leaving, model.turns.exit, departed)
    for exit_row, link, share, delay, smoothing in zip(*model.streams, strict=True):
        own[link] += share * disperse(leaving[exit_row], float(delay), float(smoothing))
    assert np.allclose(own, kernel)


def test_days_that_do_not_fit_are_refused(model: ArrivalModel) -> None:
    departed, arrived = day_of(model, 7)
    with pytest.raises(InsufficientDataError, match="as many of both"):
        fit_platoons(model, [], [])
    with pytest.raises(CountError, match="allowed are"):
        fit_platoons(model, [departed], [arrived[:, :-1]])
    with pytest.raises(CountError, match="greens"):
        fit_platoons(model, [departed], [arrived], [])
    with pytest.raises(InsufficientDataError, match="300 s"):
        fit_platoons(model, [departed[:, :100]], [arrived[:, :100]])
