"""Running times between signals: how long vehicles take that nothing holds up, and how unlike.

Passages that a queue or a red light held up are left out by the caller. The mean and the variance
of the others are what makes a platoon arrive late and drawn out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.measures.shrinkage import Sample, drawn_ratios, sample_of
from network.calibration import LinkRunning

Floats = NDArray[np.float64]

LEAST_PASSAGES = 5
RUNNING_PRIOR_ERROR = 0.1
"""How firmly running times at the speed limit are believed before, as a part."""

VARIATION_PRIOR_ERROR = 0.5
"""How firmly the usual deviation of running times is believed before, as a part."""

SPEED_ERROR_MPS = 0.1
TIME_ERROR_S = 0.3
"""Resolution of a running time seen in steps of a second, s."""


def measure_running(
    passages: Mapping[str, Floats],
    usual_s: Mapping[str, float],
    limit_mps: Mapping[str, float],
    usual_variation: float,
) -> dict[str, LinkRunning]:
    """Estimate running times and their deviations.

    Parameters
    ----------
    passages
        By link, [passage, 2]: time, s, and greatest speed, m/s, of undisturbed passages.
    usual_s
        By link, what is believed before: length over speed, with the node; all links wanted.
    limit_mps
        By link, the free speed believed before, m/s; same keys.
    usual_variation
        Deviation over mean, as believed before.

    Returns
    -------
    dict
        By link of `usual_s`.
    """
    means: dict[str, Sample | None] = {}
    deviations: dict[str, Sample | None] = {}
    speeds: dict[str, Sample | None] = {}
    for link in usual_s:
        seen = passages.get(link, np.zeros((0, 2)))
        values = seen[:, 0]
        means[link] = deviations[link] = speeds[link] = None
        if values.size >= LEAST_PASSAGES:
            means[link] = sample_of(values, TIME_ERROR_S)
            speeds[link] = sample_of(seen[:, 1], SPEED_ERROR_MPS)
            deviation = max(float(values.std(ddof=1)), TIME_ERROR_S)
            # Of a normal sample's deviation the error is s / sqrt(2 (n - 1)).
            error = deviation / float(np.sqrt(2.0 * (values.size - 1)))
            deviations[link] = Sample(deviation, error, int(values.size))
    running = drawn_ratios(means, usual_s, RUNNING_PRIOR_ERROR)
    usual_deviation = {link: usual_variation * running[link].value for link in usual_s}
    deviation_s = drawn_ratios(deviations, usual_deviation, VARIATION_PRIOR_ERROR)
    speed_mps = drawn_ratios(speeds, limit_mps, RUNNING_PRIOR_ERROR)
    return {
        link: LinkRunning(running[link], deviation_s[link], speed_mps[link]) for link in usual_s
    }
