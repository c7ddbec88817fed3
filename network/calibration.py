"""What was measured of a network's drivers: headways, lost time, running times between signals.

A number that rests on few observations is drawn toward what similar places show (its *prior*),
the more so the less certain it is; both stand beside it, so that anyone can judge it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from network.errors import TopologyError
from network.graph import RoadNetwork


@dataclass(frozen=True, slots=True)
class Estimate:
    """One calibrated number.

    Attributes
    ----------
    value
        What to use: the mean of the samples and the prior, weighted by how certain each is.
    standard_error
        Of `value`.
    samples
        Observations behind `measured`, 0 or more.
    measured
        What the samples alone say; None where there is none.
    prior
        What it was drawn toward.

    Raises
    ------
    TopologyError
        If a number is not finite, the error or the count negative, or samples and `measured`
        disagree on whether anything was measured.
    """

    value: float
    standard_error: float
    samples: int
    measured: float | None
    prior: float

    def __post_init__(self) -> None:
        numbers = [self.value, self.standard_error, self.prior]
        if self.measured is not None:
            numbers.append(self.measured)
        if not all(math.isfinite(number) for number in numbers) or self.standard_error < 0:
            raise TopologyError(f"{self}: numbers must be finite and the error 0 or more")
        if self.samples < 0 or (self.measured is None) != (self.samples == 0):
            raise TopologyError(f"{self}: samples without a measured value, or the reverse")


class Dispersion(NamedTuple):
    """Robertson's platoon dispersion that a mean and a variance of running times come to."""

    smoothing: float
    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class LinkRunning:
    """Running over one link undisturbed by queues and signals, the node before it included.

    Attributes
    ----------
    running_s
        Mean time from the end of the link before to the end of this one, s; above zero.
    deviation_s
        Standard deviation of that time between vehicles, s.
    speed_mps
        Free speed: mean of the fastest that such vehicles were on the link, m/s; above zero.
        For people; the model runs links by their times.

    Raises
    ------
    TopologyError
        If a time is not above zero, or a deviation negative.
    """

    running_s: Estimate
    deviation_s: Estimate
    speed_mps: Estimate

    def __post_init__(self) -> None:
        time_s, deviation_s = self.running_s.value, self.deviation_s.value
        if not time_s > 0 or deviation_s < 0 or not self.speed_mps.value > 0:
            raise TopologyError(
                f"running time {time_s:g} s, deviation {deviation_s:g} s, speed "
                f"{self.speed_mps.value:g} m/s; time and speed must be above zero, the deviation "
                "0 or more"
            )

    @property
    def dispersion(self) -> Dispersion:
        """Return F, alpha and beta of the link."""
        return dispersion(self.running_s.value, self.deviation_s.value)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Measured driver behavior of one network.

    Attributes
    ----------
    network, digest
        Name of the network and `network_digest` of it.
    source
        Where the numbers come from, for a reader.
    start_loss_s, end_gain_s
        Green lost to starting; time used after green has ended (below 0: green not used at its
        end), s.
    headway_s
        Saturation headway of each signalized connection, s.
    links
        Running times of links on which vehicles were followed; empty from a log, which knows none.

    Raises
    ------
    TopologyError
        If a headway is not above zero.
    """

    network: str
    digest: str
    source: str
    start_loss_s: Estimate
    end_gain_s: Estimate
    headway_s: Mapping[str, Estimate]
    links: Mapping[str, LinkRunning]

    def __post_init__(self) -> None:
        object.__setattr__(self, "headway_s", MappingProxyType(dict(self.headway_s)))
        object.__setattr__(self, "links", MappingProxyType(dict(self.links)))
        for name, headway in self.headway_s.items():
            if not headway.value > 0:
                raise TopologyError(f"{name!r}: headway {headway.value:g} s; above 0 is needed")

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only view cannot be pickled; what it shows can.
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        return Calibration, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    def require_of(self, network: RoadNetwork, where: str) -> None:
        """Refuse a network that this was not measured on.

        Raises
        ------
        TopologyError
            If the digests differ, or a connection or link is unknown to the network.
        """
        found = network_digest(network)
        if self.digest != found:
            raise TopologyError(
                f"{where}: measured on {self.network!r} (digest {self.digest[:12]}), the network "
                f"here is {network.name!r} (digest {found[:12]}); calibrate this one, or name "
                "another file with --calibration"
            )
        known = {c.connection_id for s in network.signals.values() for c in s.connections}
        for what, names, allowed in (
            ("connection", self.headway_s, known),
            ("link", self.links, network.links),
        ):
            unknown = sorted(set(names) - set(allowed))
            if unknown:
                raise TopologyError(f"{where}: {what} {unknown[0]!r} is unknown to the network")


def dispersion(running_s: float, deviation_s: float) -> Dispersion:
    """Return Robertson's factors for a mean and a deviation of running times.

    Parameters
    ----------
    running_s, deviation_s
        Mean and standard deviation, s.

    Notes
    -----
    A geometric tail of smoothing F has the variance (1 - F) / F^2 and the mean (1 - F) / F, so
    that F = (sqrt(1 + 4 s^2) - 1) / (2 s^2), beta = 1 - (1 - F) / (F T), and
    alpha = (1 - beta) / beta, which makes F = 1 / (1 + alpha beta T).
    """
    variance = deviation_s * deviation_s
    smoothing = (math.sqrt(1.0 + 4.0 * variance) - 1.0) / (2.0 * variance) if variance > 1e-9 else 1
    tail_s = min((1.0 - smoothing) / smoothing, running_s * (1.0 - 1e-9))
    beta = 1.0 - tail_s / running_s
    return Dispersion(float(smoothing), (1.0 - beta) / beta, beta)


def network_digest(network: RoadNetwork) -> str:
    """Return a digest of what a calibration speaks of: links, their lengths, connections.

    Signal programs do not enter: drivers stay the same when they change.
    """
    digest = hashlib.sha256()
    for name in sorted(network.links):
        link = network.links[name]
        digest.update(f"{name} {link.length_m:.2f} {link.speed_mps:.2f} {link.lanes}\n".encode())
    for signal in sorted(network.signals):
        for name in sorted(c.connection_id for c in network.signals[signal].connections):
            digest.update(f"{signal} {name}\n".encode())
    return digest.hexdigest()
