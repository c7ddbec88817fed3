"""Pedestrian lamps, and the monitor that watches them.

The lamps of a phase's crossing show Walk, then the pedestrian clearance (flashing Don't Walk),
then Don't Walk. The monitor knows only the phasing and what is shown: a Walk and a clearance must
last at least as long as the phase declares, one must follow the other, and the vehicle green
beside them must last as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from controllers.emulator.ring import Ring
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND


class Lamp(Enum):
    """What pedestrians see."""

    WALK = "walk"
    CLEAR = "pedestrian clearance"
    DONT_WALK = "don't walk"


Shown = tuple[int, bool, Lamp]
"""A ring's phase, whether it is green, and what its pedestrians see."""


def lamps(rings: Sequence[Ring]) -> tuple[Shown, ...]:
    """Return what pedestrians beside the phase of each ring see."""
    return tuple((ring.phase, ring.green, lamp_of(ring)) for ring in rings)


def lamp_of(ring: Ring) -> Lamp:
    """Return what pedestrians beside a ring's phase see."""
    if ring.walking:
        return Lamp.WALK
    return Lamp.CLEAR if ring.on_foot_left_ds else Lamp.DONT_WALK


class PedestrianMonitor:
    """Watches the crossings of one signal; how long its first picture has lasted is not known.

    Parameters
    ----------
    phasing
        The phases, with Walk and pedestrian clearance.
    """

    def __init__(self, phasing: Phasing) -> None:
        self._least_ds = {
            phase.number: {
                Lamp.WALK: phase.walk_s * TENTHS_PER_SECOND,
                Lamp.CLEAR: phase.ped_clear_s * TENTHS_PER_SECOND,
            }
            for phase in phasing.phases
        }
        self.walking = any(phase.walk_s for phase in phasing.phases)
        """Whether there is anything to watch."""
        self.fault = ""
        """What tripped the monitor; nothing while all is well."""
        self._before: tuple[Shown, ...] = ()
        self._since: list[int | None] = []

    def watch(self, shown: tuple[Shown, ...]) -> None:
        """Take note of what is shown for this tenth of a second."""
        if len(shown) != len(self._since):
            self._since = [None] * len(shown)
        for at, (before, now) in enumerate(zip(self._before, shown, strict=False)):
            since_ds = self._since[at]
            if now == before:
                self._since[at] = None if since_ds is None else since_ds + 1
                continue
            self.fault = self.fault or self._problem(before, now, since_ds)
            self._since[at] = 1
        self._before = shown

    def _problem(self, before: Shown, now: Shown, since_ds: int | None) -> str:
        phase, _, lamp = before
        if lamp is Lamp.DONT_WALK:
            started = now[2] is Lamp.WALK or now[2] is lamp
            return "" if started else f"pedestrians of phase {now[0]} clear without a walk"
        least_ds = self._least_ds[phase][lamp]
        if since_ds is not None and since_ds < least_ds:
            return f"{lamp.value} of phase {phase} for {since_ds / TENTHS_PER_SECOND} s only"
        cleared = lamp is Lamp.CLEAR or not self._least_ds[phase][Lamp.CLEAR]
        if now[0] == phase and now[1] and now[2] is (Lamp.DONT_WALK if cleared else Lamp.CLEAR):
            return ""
        if cleared:
            # The green may end in the very tenth in which the clearance does.
            return "" if now[2] is not Lamp.CLEAR else f"phase {now[0]} clears without a walk"
        return f"walk of phase {phase} ends without its pedestrian clearance"
