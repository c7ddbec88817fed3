"""Who is to be served while an actuated program runs: calls, recalls and controls taken together.

`calls` remembers who has come, `controls` what central control asks; here both meet what the
program recalls and what is omitted. It speaks of phases only, not of when they can be served.
"""

from __future__ import annotations

from controllers.emulator.calls import Calls
from controllers.emulator.controls import Controls
from controllers.emulator.phase_timing import PhaseTiming, Recall
from controllers.emulator.sections import Program


class Demand:
    """What is asked of a program.

    Parameters
    ----------
    program
        What runs.
    calls, controls
        Who asks for what.
    """

    def __init__(self, program: Program, calls: Calls, controls: Controls) -> None:
        self._calls = calls
        self._controls = controls
        self._timing = program.timing
        self._coordinated = frozenset(program.coordinated)
        self._recalled = self._coordinated | {
            number
            for number, timing in program.timing.items()
            if timing.recall in (Recall.MINIMUM, Recall.MAXIMUM) or timing.pedestrian_recall
        }
        self._soft = {n for n, timing in program.timing.items() if timing.recall is Recall.SOFT}

    def called(self) -> set[int]:
        """Return the phases that somebody asks for, except for soft recalls."""
        if self._controls.active:
            vehicles, pedestrians = self.asked()
            return vehicles | pedestrians
        found = self._calls.vehicles() | self._calls.pedestrians() | self._recalled
        return found & self._timing.keys()

    def soft(self) -> set[int]:
        """Return the phases that are served when nobody asks for any other."""
        return self._soft - self.omitted if self._soft else set()

    def asked(self) -> tuple[set[int], set[int]]:
        """Return which phases are called for vehicles, and which for pedestrians."""
        vehicles = self._calls.vehicles() | self._coordinated
        pedestrians = self._calls.pedestrians()
        for number, timing in self._timing.items():
            always = self._controls.minimum_recall or self.non_actuated(timing)
            if always or timing.recall in (Recall.MINIMUM, Recall.MAXIMUM):
                vehicles.add(number)
            if timing.walk_ds and (timing.pedestrian_recall or self.non_actuated(timing)):
                pedestrians.add(number)
        pedestrians -= self._controls.numbers("phaseControlGroupPedOmit")
        known = self._timing.keys() - self.omitted
        return vehicles & known, pedestrians & known

    def walks(self, phase: int) -> bool:
        """Tell whether the pedestrians of a phase that turns green are served."""
        return phase in self.asked()[1]

    def least_ds(self, phase: int) -> int:
        """Return the least green of a phase with the pedestrians that would be served now."""
        timing = self._timing[phase]
        if self.walks(phase):
            return max(timing.min_green_ds, timing.walk_ds + timing.ped_clear_ds)
        return timing.min_green_ds

    def non_actuated(self, timing: PhaseTiming) -> bool:
        """Tell whether a phase answers a call to non-actuated operation that is on."""
        return bool(timing.non_actuated & self._controls.non_actuated)

    @property
    def omitted(self) -> set[int]:
        """Phases that central control leaves out."""
        return self._controls.numbers("phaseControlGroupPhaseOmit")
