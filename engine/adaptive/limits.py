"""When a controller may leave which stage, told to those that look ahead.

A controller that is bound to a plan from above and does not know it gives its time away: it holds
a green against one that, by the plan, cannot end any later for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Integers, Site
from network.errors import EngineError


@dataclass(frozen=True, slots=True)
class Limits:
    """What binds one signal from now on; S stages, T seconds.

    Attributes
    ----------
    need_s
        Green after which each stage may be left in each second, s; `kernels.NEVER_S` where it may
        not be; int32[S, T].
    over
        Whether it ends then whatever is wished, for the only one that may follow; bool[S, T].

    Raises
    ------
    EngineError
        The shapes differ.
    """

    need_s: Integers
    over: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.need_s.ndim != 2 or self.need_s.shape != self.over.shape:
            raise EngineError(
                f"limits of a signal: greens needed of shape {self.need_s.shape}, ends of shape "
                f"{self.over.shape}; allowed are both alike, stages and seconds"
            )


@runtime_checkable
class Limited(Protocol):
    """A controller that takes into account when stages may be left."""

    @property
    def horizon_s(self) -> int:
        """Seconds looked ahead."""

    def limit(self, limits: Mapping[str, Limits]) -> None:
        """Hear, before a decision, what binds which signal; others are free."""


def free(site: Site, horizon_s: int) -> Limits:
    """Return the limits of a signal that nothing binds but its least greens."""
    least_s = np.array([[stage.least_green_s] for stage in site.stages], dtype=np.int32)
    shape = (len(site.stages), horizon_s)
    return Limits(
        np.ascontiguousarray(np.broadcast_to(least_s, shape)), np.zeros(shape, dtype=np.bool_)
    )
