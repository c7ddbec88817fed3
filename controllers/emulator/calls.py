"""Who asks for which phase: detectors, buttons and central control.

A vehicle calls the phase of its detector while that phase is not green. A locking phase remembers
the call until it is green, a non-locking one forgets it when the vehicle leaves, unless the
detector itself locks. A button is remembered until its Walk begins.

What central control asks is kept in `controls`; what a running program makes of all calls, with
its recalls and omissions, in `demand`; what detectors count, in `counting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from controllers.emulator.controls import Controls
from controllers.emulator.counting import DetectorBank
from controllers.emulator.phase_timing import NON_LOCK
from controllers.emulator.store import ObjectStore
from network.phasing import Phasing

CALL: Final = 1 << 7
PASSAGE: Final = 1 << 4
RED_LOCK: Final = 1 << 3
YELLOW_LOCK: Final = 1 << 2
OCCUPANCY: Final = 1 << 1
VOLUME: Final = 1 << 0
"""Bits of `vehicleDetectorOptions` (NTCIP 1202 v03 clause 5.3.2.2) that this cabinet knows."""

DELIVERED: Final = CALL | PASSAGE | OCCUPANCY | VOLUME
"""Options of a detector as delivered."""


class Calls:
    """The calls of one signal.

    Parameters
    ----------
    phasing
        The signal's phases.
    bank
        Its vehicle detectors.
    controls
        What central control asks.
    """

    def __init__(self, phasing: Phasing, bank: DetectorBank, controls: Controls) -> None:
        self.is_yellow: Callable[[int], bool] = lambda _: False
        """Tells whether a phase shows yellow; the rings set it."""
        self._walking = {phase.number for phase in phasing.phases if phase.walk_s}
        self._bank = bank
        self._controls = controls
        self._vehicles: set[int] = set()
        self._pedestrians: set[int] = set()
        self._green: dict[int, bool] = {phase.number: False for phase in phasing.phases}
        self._non_lock: set[int] = set()
        self._calling: Mapping[int, tuple[int, ...]] = {}
        self._options: list[int] = [DELIVERED] * (bank.count + 1)
        self._phase_of: list[int] = [0] * (bank.count + 1)
        self._button_phase: dict[int, int] = {}

    def configure(self, store: ObjectStore, buttons: int) -> None:
        """Read who calls whom.

        Parameters
        ----------
        store
            The tables.
        buttons
            Number of pedestrian detectors.
        """
        calling: dict[int, list[int]] = {}
        for number in range(1, self._bank.count + 1):
            phase = store.number("vehicleDetectorCallPhase", number)
            self._options[number] = store.number("vehicleDetectorOptions", number)
            self._phase_of[number] = phase if phase in self._green else 0
            if phase in self._green:
                calling.setdefault(phase, []).append(number)
        self._bank.collects = [
            (bool(options & VOLUME), bool(options & OCCUPANCY)) for options in self._options[1:]
        ]
        self._calling = {phase: tuple(numbers) for phase, numbers in calling.items()}
        self._non_lock = {n for n in self._green if store.number("phaseOptions", n) & NON_LOCK}
        self._button_phase = {
            number: store.number("pedestrianDetectorCallPhase", number)
            for number in range(1, buttons + 1)
        }

    # What happens

    def detected(self, detector: int) -> None:
        """Take note that a detector has begun to see a vehicle."""
        phase = self._phase_of[detector]
        if phase and not self._green[phase] and self._locks(detector, phase):
            self._vehicles.add(phase)

    def pushed(self, phase: int) -> None:
        """Take note of a pedestrian; those who see Walk need no call."""
        if phase in self._walking:
            self._pedestrians.add(phase)

    def controlled(self) -> None:
        """Take note that central control has changed the detectors it actuates."""
        for detector in self._controls.numbers("vehicleDetectorControlGroupActuation"):
            self.detected(detector)
        for button in self._controls.numbers("pedestrianDetectorControlGroupActuation"):
            self.pushed(self._button_phase.get(button, 0))

    def began(self, phase: int) -> None:
        """Take note that a phase has turned green: its vehicles are served."""
        self._green[phase] = True
        self._vehicles.discard(phase)

    def ended(self, phase: int, *, cut_short: bool) -> None:
        """Take note that a green has ended, perhaps cut short although vehicles were coming."""
        self._green[phase] = False
        locking = phase not in self._non_lock
        if cut_short and locking:
            self._vehicles.add(phase)
        for detector in self._calling.get(phase, ()):
            if self._active(detector) and self._locks(detector, phase):
                self._vehicles.add(phase)

    def walked(self, phase: int) -> None:
        """Take note that Walk has begun: the pedestrians are served."""
        self._pedestrians.discard(phase)

    # What is asked

    def vehicles(self) -> set[int]:
        """Return the phases that vehicles call; of those now green the call says nothing."""
        found = self._vehicles | self._controls.numbers("phaseControlGroupVehCall")
        for phase, detectors in self._calling.items():
            if phase not in found and any(
                self._options[n] & CALL and self._active(n) for n in detectors
            ):
                found.add(phase)
        return found

    def pedestrians(self) -> set[int]:
        """Return the phases whose pedestrians wait."""
        asked = self._controls.numbers("phaseControlGroupPedCall") & self._walking
        return self._pedestrians | asked

    def extended(self, phase: int) -> bool:
        """Tell whether a vehicle on a detector keeps the passage time of a phase from running."""
        return any(
            self._options[n] & PASSAGE and self._active(n) for n in self._calling.get(phase, ())
        )

    def active(self, detector: int) -> bool:
        """Tell whether a detector is on, by a vehicle or by central control."""
        return self._active(detector)

    def _active(self, detector: int) -> bool:
        forced = self._controls.numbers("vehicleDetectorControlGroupActuation")
        return detector in forced or self._bank.active(detector)

    def _locks(self, detector: int, phase: int) -> bool:
        options = self._options[detector]
        if not options & CALL:
            return False
        if phase not in self._non_lock or options & YELLOW_LOCK:
            return True
        return bool(options & RED_LOCK) and not self.is_yellow(phase)
