"""Estimates that borrow strength: what few observations say, drawn toward what many places say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.calibration import Estimate

Floats = NDArray[np.float64]

LEAST_SAMPLES = 2


class Sample(NamedTuple):
    """Mean of some observations, the standard error of that mean, and how many they are."""

    mean: float
    standard_error: float
    observations: int


def sample_of(values: Floats, least_error: float) -> Sample | None:
    """Reduce observations to a mean and its error.

    Parameters
    ----------
    values
        Observations, any number.
    least_error
        Floor of a single observation's error: the resolution of the instrument.

    Returns
    -------
    Sample or None
        None of fewer than two observations, whose error nobody knows.
    """
    if values.size < LEAST_SAMPLES:
        return None
    spread = max(float(values.std(ddof=1)), least_error)
    return Sample(float(values.mean()), spread / float(np.sqrt(values.size)), int(values.size))


def pooled(samples: list[Sample], prior: float, prior_error: float) -> tuple[Estimate, float]:
    """Return the mean over places, drawn toward a prior, and how far places differ.

    Parameters
    ----------
    samples
        One per place; may be empty.
    prior, prior_error
        What is believed before, and how firmly.

    Returns
    -------
    mean : Estimate
    spread
        Standard deviation between places beyond chance, 0 or more; of one place or none it is
        taken to be `prior_error`.

    Notes
    -----
    Random effects by moments (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2).
    """
    if not samples:
        return Estimate(prior, prior_error, 0, None, prior), prior_error
    means = np.array([s.mean for s in samples])
    weights = 1.0 / np.array([max(s.standard_error, 1e-9) for s in samples]) ** 2
    common = float((weights * means).sum() / weights.sum())
    spread = prior_error
    if len(samples) > 1:
        surplus = float((weights * (means - common) ** 2).sum()) - (len(samples) - 1)
        scale = float(weights.sum() - (weights**2).sum() / weights.sum())
        spread = float(np.sqrt(max(0.0, surplus / scale)))
    weights = 1.0 / (1.0 / weights + spread**2)
    measured = float((weights * means).sum() / weights.sum())
    error = float(1.0 / np.sqrt(weights.sum()))
    count = sum(s.observations for s in samples)
    return drawn(Sample(measured, error, count), prior, prior_error), spread


def drawn(sample: Sample | None, prior: float, prior_error: float) -> Estimate:
    """Draw a sample's mean toward a prior, each weighted by its certainty.

    Parameters
    ----------
    sample
        What was measured; None leaves the prior as it is.
    prior, prior_error
        Mean and standard deviation of what is believed before.
    """
    if sample is None:
        return Estimate(prior, prior_error, 0, None, prior)
    own, other = sample.standard_error**2, prior_error**2
    trust = other / (own + other) if own + other > 0 else 1.0
    value = prior + trust * (sample.mean - prior)
    return Estimate(value, float(np.sqrt(trust * own)), sample.observations, sample.mean, prior)


def drawn_ratios(
    samples: Mapping[str, Sample | None],
    usual: Mapping[str, float],
    prior_error: float,
) -> dict[str, Estimate]:
    """Calibrate many like quantities, each known beforehand up to a factor they have in common.

    Parameters
    ----------
    samples
        What was measured at each place.
    usual
        What is believed of each place before; same keys, above 0.
    prior_error
        Standard deviation of the common factor about 1, and of a place about the common factor
        where places alone cannot tell.

    Returns
    -------
    dict
        By place. Where nothing was measured: the usual times the common factor.
    """
    ratios = {
        name: Sample(s.mean / usual[name], s.standard_error / usual[name], s.observations)
        for name, s in samples.items()
        if s is not None
    }
    factor, spread = pooled(list(ratios.values()), 1.0, prior_error)
    result: dict[str, Estimate] = {}
    for name, known in usual.items():
        found = drawn(ratios.get(name), factor.value, spread)
        error = found.standard_error if name in ratios else np.hypot(spread, factor.standard_error)
        result[name] = Estimate(
            found.value * known,
            float(error) * known,
            found.samples,
            None if found.measured is None else found.measured * known,
            found.prior * known,
        )
    return result
