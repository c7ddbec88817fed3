"""An eye on the real lamps: every tenth of a second of every signal, judged as it passes.

Each ring is read by itself: phase after phase, its green never shorter than the least, its
clearance exactly what the phases demand. All rings are between the same barriers, and the lamps
show the most permissive of what they say. Nothing is kept but what was unlawful.
"""

from __future__ import annotations

from controllers.emulator.cabinet import Cabinet
from network.phasing import PERMISSIVENESS, Phasing
from network.units import TENTHS_PER_SECOND

MOST_KEPT = 20


class RingEye:
    """Watches one ring.

    Parameters
    ----------
    phasing
        The signal's phases.
    """

    def __init__(self, phasing: Phasing) -> None:
        self._phasing = phasing
        self._run: tuple[int, bool] | None = None
        self._shown: list[str] = []
        self._ticks = 0
        self._whole = False
        self._cleared: list[str] | None = None

    def see(self, phase: int, green: bool, picture: str) -> str:
        """Take a tenth; say what was unlawful, or nothing."""
        run = (phase, green)
        if run == self._run:
            self._ticks += 1
            if not green and phase:
                self._shown.append(picture)
            elif picture != self._expected(phase):
                return f"phase {phase} shows {picture}"
            return ""
        found = self._ended(phase) if self._run is not None and self._whole else ""
        self._whole = self._run is not None
        self._run, self._ticks, self._shown = run, 1, [picture]
        return found

    def _expected(self, phase: int) -> str:
        return self._phasing.phase(phase).aspects if phase else self._phasing.idle

    def _ended(self, following: int) -> str:
        """Judge the run that has just ended."""
        assert self._run is not None
        phase, green = self._run
        if not phase:
            return ""
        if green:
            least = self._phasing.phase(phase).least_green_s * TENTHS_PER_SECOND
            if self._ticks < least - 1e-6:
                return f"phase {phase} was green for {self._ticks} tenths; least are {least:.0f}"
            if self._phasing.phase(phase).clearance_ds and following != phase:
                return f"phase {phase} ended without clearance"
            return ""
        due = [
            interval.aspects
            for interval in self._phasing.clearance(phase, following)
            for _ in range(interval.duration_ds)
        ]
        if self._shown != due:
            return (
                f"the clearance of phase {phase} to {following} lasted {len(self._shown)} tenths, "
                f"not {len(due)}, or showed something else"
            )
        return ""


class LampEye:
    """Watches one signal.

    Parameters
    ----------
    cabinet
        Whose lamps.

    Attributes
    ----------
    tenths
        Tenths of a second seen.
    found
        What was unlawful; the first of it.
    count
        How often something was.
    """

    def __init__(self, cabinet: Cabinet) -> None:
        self._cabinet = cabinet
        self._rings = [RingEye(cabinet.config.phasing) for _ in cabinet.config.phasing.rings]
        self._barrier = {p.number: p.barrier for p in cabinet.config.phasing.phases}
        self.tenths = 0
        self.count = 0
        self.found: list[str] = []

    def look(self, street_s: float) -> None:
        """Look at this tenth."""
        self.tenths += 1
        cabinet = self._cabinet
        if cabinet.monitor_fault:
            self._note(street_s, f"conflict monitor: {cabinet.monitor_fault}")
        rings = cabinet.rings.rings
        pictures = []
        for eye, ring in zip(self._rings, rings, strict=True):
            picture = ring.aspects
            pictures.append(picture)
            said = eye.see(ring.phase, ring.green, picture)
            if said:
                self._note(street_s, said)
        lamps = pictures[0]
        if len(pictures) > 1:
            lamps = "".join(
                max(seen, key=PERMISSIVENESS.index) for seen in zip(*pictures, strict=True)
            )
            if len({self._barrier[r.phase] for r in rings if r.phase}) > 1:
                self._note(street_s, "rings on both sides of a barrier")
        if lamps != cabinet.aspects:
            self._note(street_s, f"lamps show {cabinet.aspects}, the rings say {lamps}")

    def _note(self, street_s: float, what: str) -> None:
        self.count += 1
        if len(self.found) < MOST_KEPT:
            self.found.append(f"{self._cabinet.config.name} at {street_s:.1f} s: {what}")
