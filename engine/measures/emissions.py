"""Fuel and carbon dioxide of waiting and stopping, from what the models already know.

The form is that of TRANSYT-7F, which Synchro took over: fuel is a rate times delay plus, for every
stop, a constant times the square of the speed that is lost and regained. The rest of its formula,
fuel of driving on at an even speed, does not depend on signals and is left out: what is told is
what signals cost, not what the traffic burns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from network.errors import PlanError
from network.units import SECONDS_PER_HOUR

_L_PER_GAL = 3.785411784
_MPH_PER_MPS = 2.2369362920544
DELAY_L_PER_H = 0.7329 * _L_PER_GAL
"""TRANSYT-7F: gallons per vehicle-hour of delay, in L/h; more than an engine idles on, for part of
that time is spent slowing down and speeding up."""

STOP_L_PER_MPS2 = 6.1411e-6 * _MPH_PER_MPS**2 * _L_PER_GAL
"""TRANSYT-7F: gallons per stop and mph squared, in L per (m/s)²; 23 mL at 50 km/h."""

CO2_G_PER_L = 8887.0 / _L_PER_GAL
"""Gasoline; US EPA, EPA-420-F-11-041 (75 FR 25324): 8887 g per gallon. Diesel: 2689 g/L."""


@dataclass(frozen=True, slots=True)
class Fuel:
    """What waiting and stopping burn; an average car of TRANSYT-7F by default.

    Attributes
    ----------
    delay_l_per_h
        Fuel of an hour of delay, L.
    stop_l_per_mps2
        Fuel of a stop over the square of the speed, L/(m/s)².
    co2_g_per_l
        Carbon dioxide from a liter, g.

    Raises
    ------
    PlanError
        If a number is not above 0.
    """

    delay_l_per_h: float = DELAY_L_PER_H
    stop_l_per_mps2: float = STOP_L_PER_MPS2
    co2_g_per_l: float = CO2_G_PER_L

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0.0 < value < 1e6:
                raise PlanError(f"fuel, {name}: found {value:g}; allowed are numbers above 0")

    def stop_s(self, speed_mps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the delay that burns as much as a stop from a speed, s; same shape."""
        burnt_l: NDArray[np.float64] = self.stop_l_per_mps2 * speed_mps**2
        return burnt_l / self.delay_l_per_h * SECONDS_PER_HOUR

    def burnt_l(
        self,
        delay_s: NDArray[np.float64],
        stops: NDArray[np.float64],
        speed_mps: NDArray[np.float64],
    ) -> float:
        """Return what delay (vehicle-seconds) and stops burn, by lane and its speed, L."""
        waiting_l = self.delay_l_per_h / SECONDS_PER_HOUR * delay_s
        return float((waiting_l + self.stop_l_per_mps2 * speed_mps**2 * stops).sum())
