"""What central control asks of single phases and of the unit, besides the pattern.

These are the control objects of NTCIP 1202 clauses 5.2.5, 5.3.14, 5.4.10 and 5.8.5: they hold
until central takes them back or falls silent for longer than the backup time. Here they are only
kept; `calls` adds those of traffic, `demand` and `greens` obey. Which pattern is called, by
central control or by others, is the affair of `caller`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from controllers.emulator.store import ObjectStore, only_bits

PER_GROUP: Final = 8

PHASE_CONTROLS: Final = (
    "phaseControlGroupPhaseOmit",
    "phaseControlGroupPedOmit",
    "phaseControlGroupHold",
    "phaseControlGroupForceOff",
    "phaseControlGroupVehCall",
    "phaseControlGroupPedCall",
)
RING_CONTROLS: Final = (
    "ringControlGroupForceOff",
    "ringControlGroupMax2",
    "ringControlGroupMaxInhibit",
    "ringControlGroupRedRest",
)
DETECTOR_CONTROLS: Final = (
    "vehicleDetectorControlGroupActuation",
    "pedestrianDetectorControlGroupActuation",
)
OVERRIDING: Final = (*PHASE_CONTROLS[:4], *RING_CONTROLS)
"""Controls that change even what a fixed program shows."""

WALK_REST: Final = 1 << 5
CALL_NON_ACTUATED: Final = 0b11 << 3
MINIMUM_RECALL: Final = 1 << 2
"""Bits of `unitControl` that this cabinet obeys; it takes no others."""


class Controls:
    """The control objects of a cabinet.

    Parameters
    ----------
    changed
        Called with the object's name whenever central control has written one.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._on: dict[str, set[int]] = {
            name: set() for name in (*PHASE_CONTROLS, *RING_CONTROLS, *DETECTOR_CONTROLS)
        }
        self.unit = 0
        """`unitControl`."""

    def numbers(self, name: str) -> set[int]:
        """Return the phases, rings or detectors for which a control is on."""
        return self._on[name]

    @property
    def overriding(self) -> bool:
        """Whether a control is on that changes even what a fixed program shows."""
        return any(self._on[name] for name in OVERRIDING)

    @property
    def active(self) -> bool:
        """Whether any control is on."""
        return bool(self.unit) or any(self._on.values())

    @property
    def minimum_recall(self) -> bool:
        """Whether every phase is to be recalled."""
        return bool(self.unit & MINIMUM_RECALL)

    @property
    def non_actuated(self) -> int:
        """Bit mask of the calls to non-actuated operation that are on, 1 and 2."""
        return (self.unit & CALL_NON_ACTUATED) >> 3

    @property
    def walk_rest(self) -> bool:
        """Whether non-actuated phases rest in Walk."""
        return bool(self.unit & WALK_REST)

    def lapse(self) -> None:
        """Take everything back, as in backup mode."""
        self.unit = 0
        for numbers in self._on.values():
            numbers.clear()

    def define(
        self,
        store: ObjectStore,
        phases: Iterable[int],
        rings: Iterable[int],
        detectors: int,
        buttons: int,
    ) -> None:
        """Create the control objects.

        Parameters
        ----------
        store
            Where they live.
        phases, rings
            Numbers of those that exist.
        detectors, buttons
            How many vehicle and pedestrian detectors there are.
        """
        for names, numbers in (
            (PHASE_CONTROLS, tuple(phases)),
            (RING_CONTROLS, tuple(rings)),
            (DETECTOR_CONTROLS[:1], tuple(range(1, detectors + 1))),
            (DETECTOR_CONTROLS[1:], tuple(range(1, buttons + 1))),
        ):
            for name in names:
                for group in range(1, groups(numbers) + 1):
                    self._bind(store, name, group, numbers)
        store.bind(
            "unitControl",
            read=lambda: self.unit,
            write=self._set_unit,
            accepts=only_bits(WALK_REST | CALL_NON_ACTUATED | MINIMUM_RECALL),
        )

    def _bind(self, store: ObjectStore, name: str, group: int, numbers: tuple[int, ...]) -> None:
        here = [n for n in numbers if in_group(group, n)]
        on = self._on[name]

        def read() -> int:
            return packed(group, on)

        def write(value: int) -> None:
            on.difference_update(here)
            on.update(n for n in here if value >> (n - 1) % PER_GROUP & 1)
            self._changed(name)

        store.bind(name, group, read=read, write=write)

    def _set_unit(self, value: int) -> None:
        self.unit = value
        self._changed("unitControl")


def groups(numbers: Iterable[int]) -> int:
    """Return how many groups of eight hold the given numbers."""
    return -(-max(numbers, default=0) // PER_GROUP)


def in_group(group: int, number: int) -> bool:
    """Tell whether a number belongs to a group of eight."""
    return (number - 1) // PER_GROUP == group - 1


def packed(group: int, numbers: Iterable[int]) -> int:
    """Pack the numbers of one group of eight into an octet, the lowest in bit 0."""
    return sum(1 << (n - 1) % PER_GROUP for n in numbers if in_group(group, n))
