"""What the phases of a device show, second by second, over NTCIP 1202.

For adaptive control: which phases are on, green and next, whether the device runs its plan in
step, and where in the cycle it is by its own clock. One short message to ask, one to answer.
Objects: NTCIP 1202 v03, clauses 5.2.4 (phase status group), 5.5 (coordination) and 5.4 (unit).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.ntcip.alarms import OFFSET_TRANSITION
from controllers.ntcip.objects import OBJECTS, Oid, instance
from controllers.ntcip.phase_control import PER_GROUP, Wire, groups_of
from network.errors import ControllerError, RejectedValueError

_GROUPS: Final = (
    "phaseStatusGroupPhaseOns",
    "phaseStatusGroupGreens",
    "phaseStatusGroupPhaseNexts",
)
_SCALARS: Final = (
    "coordPatternStatus",
    "localFreeStatus",
    "unitAlarmStatus2",
    "systemPatternControl",
    "coordSyncStatus",
)
NOT_FREE: Final = "notFree"


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What a device shows at one moment.

    Attributes
    ----------
    on, green, following
        Phases in service, of them those that are green, and those that are next; a phase that
        nothing follows yet may be its own next one.
    pattern
        The running pattern; 254 free, 255 flashing.
    free_reason
        ``notFree`` while coordinated, else why not.
    in_transition
        Whether the offset is still being reached.
    called_pattern
        What central control calls; 0 for nothing.
    since_reference_s
        Time since the system's last reference point, by the device's own clock, s.
    """

    on: frozenset[int]
    green: frozenset[int]
    following: frozenset[int]
    pattern: int
    free_reason: str
    in_transition: bool
    called_pattern: int
    since_reference_s: int

    @property
    def coordinated(self) -> bool:
        """Whether it runs a pattern in coordination."""
        return self.free_reason == NOT_FREE

    @property
    def committed(self) -> frozenset[int]:
        """The phases that are green, or that the running clearances lead to."""
        return self.green | (self.following - self.on) if self.on != self.green else self.green


class PhaseEye:
    """Looks at the phases of one device; made by `open`.

    Parameters
    ----------
    wire
        Reads the device.
    name
        Of the device, for messages.
    oids
        Where its objects are, the groups of `_GROUPS` first, then `_SCALARS`.
    groups
        Numbers of its phase groups.
    """

    def __init__(self, wire: Wire, name: str, oids: Sequence[Oid], groups: Sequence[int]) -> None:
        self._wire = wire
        self._name = name
        self._oids = tuple(oids)
        self._groups = tuple(groups)

    @classmethod
    async def open(
        cls, wire: Wire, name: str, phases: Iterable[int], scalars: Mapping[str, Oid] | None = None
    ) -> PhaseEye:
        """Make sure that a device has what there is to look at.

        Parameters
        ----------
        wire, name
            As for the class.
        phases
            Numbers of the phases it has.
        scalars
            Where it keeps scalars, if not where the standard does.

        Raises
        ------
        ControllerError
            It lacks an object.
        UnreachableError
            No answer.
        """
        groups = groups_of(phases)
        elsewhere = scalars or {}
        oids = [instance(what, group) for what in _GROUPS for group in groups]
        oids += [elsewhere.get(what, instance(what, 0)) for what in _SCALARS]
        names = [f"{what}.{group}" for what in _GROUPS for group in groups] + list(_SCALARS)
        found = await wire.get(oids)
        missing = [what for what, reading in zip(names, found, strict=True) if reading is None]
        if missing:
            raise ControllerError(
                f"{name}: it has no {', '.join(missing)}; adaptive control has to see which phases "
                "are green and where in its cycle the controller is"
            )
        return cls(wire, name, oids, groups)

    async def look(self) -> PhaseReport:
        """Return what it shows now.

        Raises
        ------
        UnreachableError
            No answer.
        RejectedValueError
            An answer that makes no sense.
        """
        readings = await self._wire.get(self._oids)
        numbers: list[int] = []
        for reading in readings:
            if not isinstance(reading, int):
                raise RejectedValueError(
                    f"{self._name}: {reading!r} among its phase status; allowed are numbers"
                )
            numbers.append(reading)
        count = len(self._groups)
        on, green, following = (
            self._unpacked(numbers[k * count : (k + 1) * count]) for k in range(len(_GROUPS))
        )
        pattern, free, alarms, called, since_s = numbers[len(_GROUPS) * count :]
        return PhaseReport(
            on,
            green,
            following,
            pattern,
            OBJECTS["localFreeStatus"].values.get(free, f"unknown value {free}"),
            bool(alarms & OFFSET_TRANSITION),
            called,
            since_s,
        )

    def _unpacked(self, octets: Sequence[int]) -> frozenset[int]:
        """Return the phases whose bits are set, one octet a group."""
        return frozenset(
            (group - 1) * PER_GROUP + bit + 1
            for group, octet in zip(self._groups, octets, strict=True)
            for bit in range(PER_GROUP)
            if octet >> bit & 1
        )
