"""Holds and force-offs of single phases, second by second, over NTCIP 1202.

How adaptive decisions reach a controller that runs its plan: a hold keeps a green past its end, a
force-off ends it before. The controller goes on keeping minimum greens, clearances and
pedestrians, and it forgets everything once central has been silent for its backup time; a
controller without such a timer is refused, for nobody would take a hold back there.
The timer is one for all of central control: every SET renews it for a pattern that somebody else
calls, too, which would then stand although whoever called it is gone. Who calls is told by
`controllers.ntcip.phase_status`; at such a controller nothing must be asked.
Objects: NTCIP 1202 v03, clauses 5.2.5 (phase control group) and 5.4.3 (unit backup time).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from controllers.ntcip.objects import Oid, instance
from network.errors import ControllerError, RejectedValueError

PER_GROUP: Final = 8
HOLD: Final = "phaseControlGroupHold"
FORCE_OFF: Final = "phaseControlGroupForceOff"
LONGEST_BACKUP_S: Final = 300
"""A hold that nobody takes back must not stand for longer than this, s."""


class Wire(Protocol):
    """What reads and writes a device; `controllers.ntcip.session.Session` is one."""

    async def get(self, oids: Sequence[Oid]) -> Sequence[int | bytes | Oid | None]:
        """Read instances; None stands for those the device does not have."""
        ...

    async def set(self, values: Sequence[tuple[Oid, int | bytes | Oid]]) -> None:
        """Write instances."""
        ...


class PhaseControl:
    """Holds and forces off the phases of one device; made by `take`.

    Parameters
    ----------
    wire
        Reads and writes the device.
    name
        Of the device, for messages.
    phases
        Numbers of the phases it has.
    backup_s
        After so long without a word from central it forgets all controls, s.
    """

    def __init__(self, wire: Wire, name: str, phases: frozenset[int], backup_s: int) -> None:
        self._wire = wire
        self._name = name
        self._phases = phases
        self.backup_s = backup_s

    @classmethod
    async def take(
        cls, wire: Wire, name: str, phases: Iterable[int], backup_oid: Oid | None = None
    ) -> PhaseControl:
        """Look at a device's backup timer and control objects, and take it.

        Parameters
        ----------
        wire, name, phases
            As for the class.
        backup_oid
            Where it keeps `unitBackupTime`, if not where the standard does.

        Raises
        ------
        ControllerError
            It has no such objects, or a backup time that leaves a forgotten hold standing.
        """
        known = frozenset(phases)
        if not known or min(known) < 1:
            raise ControllerError(f"{name}: phases {sorted(known)}; allowed are numbers from 1")
        groups = groups_of(known)
        oids = [instance(what, group) for group in groups for what in (HOLD, FORCE_OFF)]
        backup_s, *found = await wire.get([backup_oid or instance("unitBackupTime", 0), *oids])
        if None in found:
            raise ControllerError(f"{name}: it has no objects to hold and force off phases with")
        if not isinstance(backup_s, int) or not 0 < backup_s <= LONGEST_BACKUP_S:
            raise ControllerError(
                f"{name}: unitBackupTime is {backup_s!r} s; holding phases asks for 1 to "
                f"{LONGEST_BACKUP_S} s, after which it goes back to its plan by itself"
            )
        return cls(wire, name, known, backup_s)

    async def ask(self, hold: Iterable[int] = (), force_off: Iterable[int] = ()) -> None:
        """Hold some phases and force off others, and nothing else, until the next call.

        To be called at least three times within the backup time, also when nothing changes.

        Raises
        ------
        RejectedValueError
            A phase does not exist, is to be held and forced off at once, or the device refuses.
        UnreachableError
            No answer; the device goes back to its plan after its backup time.
        """
        held, ended = frozenset(hold), frozenset(force_off)
        foreign = sorted((held | ended) - self._phases)
        if foreign:
            raise RejectedValueError(
                f"{self._name}: phase {foreign[0]} does not exist; there are {sorted(self._phases)}"
            )
        if held & ended:
            raise RejectedValueError(
                f"{self._name}: phases {sorted(held & ended)} are to be held and forced off at once"
            )
        await self._wire.set(
            [
                (instance(what, group), _packed(group, numbers))
                for group in groups_of(self._phases)
                for what, numbers in ((HOLD, held), (FORCE_OFF, ended))
            ]
        )

    async def release(self) -> None:
        """Take everything back; the device follows its plan."""
        await self.ask()


def groups_of(phases: Iterable[int]) -> list[int]:
    """Return the numbers of the groups of eight that hold some phases."""
    return sorted({(number - 1) // PER_GROUP + 1 for number in phases})


def _packed(group: int, numbers: Iterable[int]) -> int:
    """Set one bit for each phase of a group of eight, the lowest number in bit 0."""
    first = (group - 1) * PER_GROUP + 1
    return sum(1 << (n - first) for n in numbers if first <= n < first + PER_GROUP)
