"""The object database of an emulated cabinet.

It knows which instances exist, in which order a walk meets them, who may write what, and that
a SET is carried out wholly or not at all. What the numbers mean to traffic is the cabinet's
business, which defines the instances and binds the live ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeVar

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


Index = TypeVar("Index", bound=tuple[int, ...])
"""Rows, as many as the object's table has indices; none for a scalar."""

Accepts = Callable[[Content], bool]
"""Narrows the values of the standard to those a device takes."""


@dataclass(frozen=True, slots=True)
class _Column:
    """What the instances of an object have in common.

    Attributes
    ----------
    kind
        The object.
    writable
        Whether a SET may change them.
    accepts
        Which values of the standard they take; None for all.
    refusal
        What the others are answered with.
    """

    kind: ObjectType
    writable: bool
    accepts: Accepts | None
    refusal: Fault


@dataclass(slots=True)
class _Cell:
    """An instance: stored, or live where it has something that reads it."""

    column: _Column
    value: Content
    read: Callable[[], Content] | None = None
    write: Callable[[int], None] | None = None


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

    def define(
        self,
        name: str,
        *index: int,
        value: Content,
        locked: bool = False,
        accepts: Accepts | None = None,
        refusal: Fault = Fault.BAD_VALUE,
    ) -> None:
        """Create a stored instance; see `define_column`."""
        self.define_column(name, {index: value}, locked=locked, accepts=accepts, refusal=refusal)

    def define_column(
        self,
        name: str,
        values: Mapping[Index, Content],
        *,
        locked: bool = False,
        accepts: Accepts | None = None,
        refusal: Fault = Fault.BAD_VALUE,
    ) -> None:
        """Create the stored instances of an object.

        Parameters
        ----------
        name, values
            The object, and what its instances hold, by their index.
        locked
            Whether they refuse writing although the standard allows it.
        accepts
            Narrows the values of the standard to those this device takes.
        refusal
            What the others are answered with.
        """
        kind = OBJECTS[name]
        if not self._in_edition(kind):
            return
        writable = kind.kind is not Kind.STATUS and not locked
        column = _Column(kind, writable, accepts, refusal)
        cells = self._cells
        for index, value in values.items():
            cells[_instance(name, *index)] = _Cell(column, value)

    def bind(
        self,
        name: str,
        *index: int,
        read: Callable[[], Content],
        write: Callable[[int], None] | None = None,
        accepts: Accepts | None = None,
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
        column = _Column(kind, writable, accepts, Fault.BAD_VALUE)
        self._cells[_instance(name, *index)] = _Cell(column, 0, read, write)

    def number(self, name: str, *index: int, over: Mapping[Oid, Content] | None = None) -> int:
        """Return a stored number, with a buffer laid over the database if one is given."""
        value = self._content(name, index, over)
        if not isinstance(value, int):
            raise KeyError(f"{name} holds no number")
        return value

    def meaning(self, name: str, *index: int) -> str:
        """Return the name of a stored enumeration's value."""
        return OBJECTS[name].values[self.number(name, *index)]

    def octets(self, name: str, *index: int, over: Mapping[Oid, Content] | None = None) -> bytes:
        """Return a stored octet string, with a buffer laid over the database."""
        value = self._content(name, index, over)
        if not isinstance(value, bytes):
            raise KeyError(f"{name} holds no octets")
        return value

    def has(self, oid: Oid) -> bool:
        """Tell whether an instance exists."""
        return oid in self._cells

    def holds(self, name: str, *index: int) -> bool:
        """Tell whether an object has an instance; what its edition lacks has none."""
        return _instance(name, *index) in self._cells

    def get(self, oid: Oid) -> tuple[Syntax, Content] | None:
        """Answer a GET; None if there is no such instance."""
        cell = self._cells.get(oid)
        if cell is None:
            return None
        return cell.column.kind.syntax, cell.read() if cell.read else cell.value

    def following(self, oid: Oid) -> Oid | None:
        """Return the instance after an identifier in a walk; None at the end."""
        if len(self._order) != len(self._cells):
            # Sorted for the first walk, not for every instance: most cabinets are never walked.
            self._order = sorted(self._cells)
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
            kind = cell.column.kind
            if kind.name == "dbCreateTransaction":
                assert isinstance(value, int)
                if self.transaction.owned_by_another(community):
                    return Refusal(Fault.GENERAL, 0)
                if not self.transaction.accepts(value):
                    return Refusal(Fault.BAD_VALUE, position)
                command = value
            elif kind.kind is Kind.CONTROL:
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
                self._cells[oid].column.kind.kind is Kind.TRANSACTION_ONLY for oid in parameters
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

    def _content(
        self, name: str, index: tuple[int, ...], over: Mapping[Oid, Content] | None
    ) -> Content:
        oid = _instance(name, *index)
        if over is not None and oid in over:
            return over[oid]
        return self._cells[oid].value


@lru_cache(maxsize=1 << 16)
def _instance(name: str, *index: int) -> Oid:
    """Return the identifier of an instance; a thousand cabinets share one copy of it."""
    return OBJECTS[name].instance(*index)


def only_bits(known: int) -> Accepts:
    """Return what takes numbers that set no bits but these."""

    def accepts(value: Content) -> bool:
        return isinstance(value, int) and not value & ~known

    return accepts


def _fault(
    cell: _Cell | None, syntax: Syntax | None, value: Content | None, edition: Edition
) -> Fault | None:
    if cell is None:
        return Fault.NO_SUCH_NAME
    column = cell.column
    if not column.writable:
        return Fault.READ_ONLY
    kind = column.kind
    # globalTime travels as a counter or as an integer, depending on the edition.
    if syntax is not kind.syntax and (kind.name, syntax) != ("globalTime", Syntax.COUNTER):
        return Fault.WRONG_TYPE
    assert value is not None
    if not kind.allows(value if isinstance(value, int) else len(value), edition):
        return Fault.BAD_VALUE
    if column.accepts is not None and not column.accepts(value):
        return column.refusal
    return None
