"""A cabinet's database as a device with faults of its own shows it.

What is stored stays true; what is asked for, shown and taken is bent as `Faults` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controllers.emulator.faults import Faults
from controllers.emulator.store import Fault, ObjectStore, Refusal
from controllers.emulator.transaction import Content, State
from controllers.ntcip.objects import OBJECTS, Oid, Syntax

OTHERS: Final = "*"
"""In `Faults.scalars`, all scalars that are not named."""

CLOCKS: Final = ("globalTime", "controllerLocalTime")

_NAMES: Final = {kind.oid: name for name, kind in OBJECTS.items()}
_COMMAND: Final = OBJECTS["dbCreateTransaction"].instance()
_OUTCOME: Final = OBJECTS["dbVerifyStatus"].instance()


class Disguise:
    """Stands before an `ObjectStore` and answers in its place.

    Parameters
    ----------
    store
        The database.
    faults
        What is wrong with the device.
    """

    def __init__(self, store: ObjectStore, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._shown: dict[Oid, tuple[Syntax, Content] | None] = {}

    def get(self, oid: Oid) -> tuple[Syntax, Content] | None:
        """Answer a GET; None if the device has no such instance."""
        if not self._faults.frozen:
            self._shown.clear()
            return self._get(oid)
        if oid not in self._shown:
            self._shown[oid] = self._get(oid)
        return self._shown[oid]

    def following(self, oid: Oid) -> Oid | None:
        """Return the instance after an identifier in a walk; None at the end."""
        if not self._faults.scalars:
            return self._store.following(oid)
        # Moving a scalar's instance moves it past no other object, so the order stays.
        real = self._store.following(oid[:-1])
        while real is not None and self._place(real) <= oid:
            real = self._store.following(real)
        return None if real is None else self._place(real)

    def set(
        self, bindings: Sequence[tuple[Oid, Syntax | None, Content | None]], community: bytes
    ) -> Refusal | None:
        """Carry a SET out, wholly or not at all; see `ObjectStore.set`."""
        if self._faults.frozen:
            return None
        taken: list[tuple[Oid, Syntax | None, Content | None]] = []
        for position, (oid, syntax, value) in enumerate(bindings, start=1):
            real = self._real(oid)
            if real is None:
                return Refusal(Fault.NO_SUCH_NAME, position)
            if _name(real) in self._faults.read_only:
                return Refusal(Fault.READ_ONLY, position)
            taken.append((real, syntax, self._faults.stores.get(real, value)))
        done = self._store.transaction.state is State.DONE
        refusal = self._store.set(taken, community)
        commands = [value for oid, _, value in taken if oid == _COMMAND]
        if refusal is None and done and commands == [State.NORMAL]:
            self._faults.committed()
        return refusal

    def _get(self, oid: Oid) -> tuple[Syntax, Content] | None:
        real = self._real(oid)
        found = None if real is None else self._store.get(real)
        if real is None or found is None:
            return None
        syntax, content = found
        if isinstance(content, int):
            if real == _OUTCOME and self._faults.old_enumerations:
                content -= self._store.transaction.not_done
            if _name(real) in CLOCKS:
                content += self._faults.clock_skew_s
        if self._faults.counted_time and _name(real) == "globalTime":
            syntax = Syntax.COUNTER
        return syntax, content

    def _place(self, real: Oid) -> Oid:
        """Return where the device shows an instance."""
        name = _NAMES.get(real[:-1])
        if name is None or real[-1]:
            return real
        moved = self._faults.scalars
        return real[:-1] + moved.get(name, moved.get(OTHERS, (0,)))

    def _real(self, oid: Oid) -> Oid | None:
        """Return which instance the device shows at an identifier; None for none."""
        if not self._faults.scalars:
            return oid
        for real in (oid, (*oid[:-1], 0), (*oid, 0)):
            if self._store.has(real) and self._place(real) == oid:
                return real
        return None


def _name(real: Oid) -> str:
    """Return the name of the object that an instance belongs to."""
    return _NAMES.get(real[:-1]) or _NAMES.get(real[:-2], "")
