"""The object database of an emulated cabinet.

It knows which instances exist, in which order a walk meets them, who may write what, and that
a SET is carried out wholly or not at all. What the numbers mean to traffic is the cabinet's
business, which defines the instances and binds the live ones.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from controllers.emulator.transaction import Check, Content, State, Transaction
from controllers.ntcip.objects import OBJECTS, Edition, Kind, ObjectType, Oid, Syntax


class Fault(Enum):
    """Why a request is refused, before it is put in the words of a protocol version."""

    NO_SUCH_NAME = "no such name"
    READ_ONLY = "read only"
    WRONG_TYPE = "wrong type"
    BAD_VALUE = "bad value"
    GENERAL = "general error"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request: the reason and the binding, from 1; 0 blames the whole request."""

    fault: Fault
    index: int


@dataclass(slots=True)
class _Cell:
    kind: ObjectType
    writable: bool
    value: Content
    read: Callable[[], Content] | None = None
    write: Callable[[int], None] | None = None
    accepts: Callable[[int], bool] | None = None


class ObjectStore:
    """Instances of the working set, with their values.

    Parameters
    ----------
    edition
        Objects that the edition lacks cannot be defined.
    check
        The device's consistency check, asked by a transaction.
    """

    def __init__(self, edition: Edition, check: Check) -> None:
        self._edition = edition
        self._cells: dict[Oid, _Cell] = {}
        self._order: list[Oid] = []
        self.transaction = Transaction(edition, check, self._store)
        self.generation = 0
        """Counts the stored changes, so that the cabinet notices them."""
        self.bind("dbCreateTransaction", read=self.transaction.poll)
        self.bind("dbVerifyStatus", read=lambda: self.transaction.verify_status)
        self.bind("dbVerifyError", read=lambda: self.transaction.error_text)
        self.bind("globalSetIDParameter", read=lambda: self.generation % 65536)

    def define(self, name: str, *index: int, value: Content, locked: bool = False) -> None:
        """Create a stored instance; a locked one refuses writing although the standard allows."""
        kind = OBJECTS[name]
        if not self._in_edition(kind):
            return
        writable = kind.kind is not Kind.STATUS and not locked
        self._add(kind, index, _Cell(kind, writable, value))

    def bind(
        self,
        name: str,
        *index: int,
        read: Callable[[], Content],
        write: Callable[[int], None] | None = None,
        accepts: Callable[[int], bool] | None = None,
    ) -> None:
        """Create an instance whose value is computed.

        Parameters
        ----------
        name, index
            The instance.
        read
            Returns the value at this moment.
        write
            Carries a SET out; without it the instance is read-only, the transaction's own
            control excepted.
        accepts
            Narrows the values of the standard to those this device takes.
        """
        kind = OBJECTS[name]
        if not self._in_edition(kind):
            return
        writable = write is not None or name == "dbCreateTransaction"
        self._add(kind, index, _Cell(kind, writable, 0, read, write, accepts))

    def number(self, name: str, *index: int, over: Mapping[Oid, Content] | None = None) -> int:
        """Return a stored number, with a buffer laid over the database if one is given."""
        value = self._content(name, index, over)
        if not isinstance(value, int):
            raise KeyError(f"{name} holds no number")
        return value

    def octets(self, name: str, *index: int, over: Mapping[Oid, Content] | None = None) -> bytes:
        """Return a stored octet string, with a buffer laid over the database."""
        value = self._content(name, index, over)
        if not isinstance(value, bytes):
            raise KeyError(f"{name} holds no octets")
        return value

    def has(self, oid: Oid) -> bool:
        """Tell whether an instance exists."""
        return oid in self._cells

    def get(self, oid: Oid) -> tuple[Syntax, Content] | None:
        """Answer a GET; None if there is no such instance."""
        cell = self._cells.get(oid)
        if cell is None:
            return None
        return cell.kind.syntax, cell.read() if cell.read else cell.value

    def following(self, oid: Oid) -> Oid | None:
        """Return the instance after an identifier in a walk; None at the end."""
        at = bisect_right(self._order, oid)
        return self._order[at] if at < len(self._order) else None

    def set(
        self, bindings: Sequence[tuple[Oid, Syntax | None, Content | None]], community: bytes
    ) -> Refusal | None:
        """Carry a SET out, wholly or not at all.

        Parameters
        ----------
        bindings
            Instance, the syntax the value came in (None for one no object takes), the value.
        community
            Who asks.

        Returns
        -------
        Refusal or None
            None when everything was stored or buffered.
        """
        parameters: dict[Oid, Content] = {}
        controls: list[tuple[_Cell, int]] = []
        command: int | None = None
        for position, (oid, syntax, value) in enumerate(bindings, start=1):
            cell = self._cells.get(oid)
            fault = _fault(cell, syntax, value, self._edition)
            if fault is not None:
                return Refusal(fault, position)
            assert cell is not None
            assert value is not None
            if cell.kind.name == "dbCreateTransaction":
                assert isinstance(value, int)
                if self.transaction.owned_by_another(community):
                    return Refusal(Fault.GENERAL, 0)
                if not self.transaction.accepts(value):
                    return Refusal(Fault.BAD_VALUE, position)
                command = value
            elif cell.kind.kind is Kind.CONTROL:
                assert isinstance(value, int)
                controls.append((cell, value))
            else:
                parameters[oid] = value
        if parameters and not self._may_store(parameters, community):
            return Refusal(Fault.GENERAL, 0)
        for cell, number in controls:
            cell.value = number
            if cell.write is not None:
                cell.write(number)
        if self.transaction.state is State.TRANSACTION:
            self.transaction.buffer(parameters)
        else:
            self._store(parameters)
        if command is not None:
            self.transaction.command(command, community)
        return None

    def _may_store(self, parameters: Mapping[Oid, Content], community: bytes) -> bool:
        state = self.transaction.state
        if state is State.NORMAL:
            return not any(
                self._cells[oid].kind.kind is Kind.TRANSACTION_ONLY for oid in parameters
            )
        return state is State.TRANSACTION and not self.transaction.owned_by_another(community)

    def _store(self, values: Mapping[Oid, Content]) -> None:
        changed = False
        for oid, value in values.items():
            changed = changed or self._cells[oid].value != value
            self._cells[oid].value = value
        self.generation += changed

    def _in_edition(self, kind: ObjectType) -> bool:
        return not kind.v03_only or self._edition is Edition.V03

    def _add(self, kind: ObjectType, index: tuple[int, ...], cell: _Cell) -> None:
        oid = kind.instance(*index)
        insort(self._order, oid)
        self._cells[oid] = cell

    def _content(
        self, name: str, index: tuple[int, ...], over: Mapping[Oid, Content] | None
    ) -> Content:
        oid = OBJECTS[name].instance(*index)
        if over is not None and oid in over:
            return over[oid]
        return self._cells[oid].value


def _fault(
    cell: _Cell | None, syntax: Syntax | None, value: Content | None, edition: Edition
) -> Fault | None:
    if cell is None:
        return Fault.NO_SUCH_NAME
    if not cell.writable:
        return Fault.READ_ONLY
    kind = cell.kind
    # globalTime travels as a counter or as an integer, depending on the edition.
    if syntax is not kind.syntax and (kind.name, syntax) != ("globalTime", Syntax.COUNTER):
        return Fault.WRONG_TYPE
    size = value if isinstance(value, int) else len(value or b"")
    if not kind.allows(size, edition):
        return Fault.BAD_VALUE
    if cell.accepts is not None and not cell.accepts(size):
        return Fault.BAD_VALUE
    return None
