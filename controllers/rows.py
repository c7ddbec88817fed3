"""What a device stores at the rows of a push, and how values travel as plain JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from controllers.driver import Change, Driver, Identity, ObjectValue
from network.errors import ControllerError


@runtime_checkable
class RowKeeper(Protocol):
    """What recovery and watching ask of a driver beyond `Driver`."""

    @property
    def verify_numbers(self) -> str:
        """How the device numbers the outcome of a check, as far as known; else empty."""
        ...

    async def read(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        """Read what is stored at the instances of some values, in their order."""
        ...

    async def hold(self, rows: Iterable[ObjectValue], called: Collection[int]) -> None:
        """Keep everybody from changing rows until `discard`, so that their pattern can be called.

        Refused if the rows store other values, or if a pattern is called that is none of these.
        """
        ...

    async def discard(self) -> None:
        """Discard our open transaction, if there is one."""
        ...

    async def is_open(self) -> bool:
        """Tell whether a transaction is open, ours or another's."""
        ...

    async def reclaim(self) -> bool:
        """Discard a transaction that a bridge of ours left open; tell whether there was one.

        Refused while somebody is at work in it, or if it is another manager's.
        """
        ...


def row_keeper(driver: Driver) -> RowKeeper:
    """Return the driver as one that reads rows and discards transactions.

    Raises
    ------
    ControllerError
        It cannot.
    """
    if not isinstance(driver, RowKeeper):
        raise ControllerError(
            f"driver {type(driver).__name__} cannot read rows or discard a transaction"
        )
    return driver


@runtime_checkable
class Lasting(Protocol):
    """What lasting activation asks of a driver beyond `Driver`."""

    async def prepare_permanent(self, pattern: int, identity: Identity) -> Change:
        """Work out how to point the device's own time base at a pattern, reading only."""
        ...


def lasting(driver: Driver) -> Lasting:
    """Return the driver as one that can make a pattern last; else raise `ControllerError`."""
    if not isinstance(driver, Lasting):
        raise ControllerError(f"driver {type(driver).__name__} cannot make a pattern last")
    return driver


async def differences(driver: Driver, wanted: Iterable[ObjectValue]) -> list[str]:
    """Say where a device stores other values than wanted; empty if nowhere."""
    values = tuple(wanted)
    stored = await row_keeper(driver).read(values)
    return [
        f"{found!s}, not {value!s}"
        for found, value in zip(stored, values, strict=True)
        if found != value
    ]


def fingerprint(identity: Identity) -> str:
    """Return a digest of what a device is: it changes when the device is exchanged or reset.

    What changes in daily work (the set ID, the running and the called pattern) is left out.
    """
    parts = [
        identity.standards,
        identity.edition,
        str(identity.max_patterns),
        str(identity.backup_time_s),
        *sorted(
            f"{p.number}:{p.ring}:{p.min_green_s}:{p.yellow_ds}:{p.red_clear_ds}:{p.walk_s}:"
            f"{p.ped_clear_s}:{sorted(p.concurrent)}"
            for p in identity.phases
        ),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def plain(values: Iterable[ObjectValue]) -> list[list[object]]:
    """Return values as plain JSON; octets become hexadecimal text."""
    return [
        [v.name, list(v.index), v.value.hex() if isinstance(v.value, bytes) else v.value]
        for v in values
    ]


def values_of(entries: object, where: str) -> tuple[ObjectValue, ...]:
    """Return the values that `plain` wrote down.

    Parameters
    ----------
    entries
        Plain JSON.
    where
        What to name in a message.

    Raises
    ------
    ControllerError
        They are malformed.
    """
    found: list[ObjectValue] = []
    if not isinstance(entries, list):
        raise ControllerError(f"{where}: expected a list of objects with values")
    for entry in entries:
        try:
            name, index, value = entry
            row = tuple(int(part) for part in index)
            kept = bytes.fromhex(value) if isinstance(value, str) else value
        except (TypeError, ValueError) as error:
            raise ControllerError(f"{where}: {entry!r} is no object with its value") from error
        if not isinstance(name, str) or isinstance(kept, bool) or not isinstance(kept, int | bytes):
            raise ControllerError(f"{where}: {entry!r} is no object with its value")
        found.append(ObjectValue(name, row, kept))
    return tuple(found)


def change_of(entry: Mapping[str, Any], where: str) -> Change:
    """Return the change that an entry of a journal or receipt tells of.

    Raises
    ------
    ControllerError
        The entry is malformed.
    """
    try:
        signal_id, pattern, split = entry["signal_id"], entry["pattern"], entry["split"]
        old, new = values_of(entry["old"], where), values_of(entry["new"], where)
    except KeyError as error:
        raise ControllerError(f"{where}: {error.args[0]} is missing") from error
    same = [v.name for v in old] == [v.name for v in new] and [v.index for v in old] == [
        v.index for v in new
    ]
    if not same or not isinstance(signal_id, str):
        raise ControllerError(f"{where}: old and new values are not of the same objects")
    row = entry.get("action_row")
    return Change(signal_id, int(pattern), int(split), old, new, None if row is None else int(row))


def described(change: Change) -> dict[str, Any]:
    """Return a change as plain JSON that `change_of` reads."""
    return {
        "signal_id": change.signal_id,
        "pattern": change.pattern,
        "split": change.split,
        "old": plain(change.old),
        "new": plain(change.new),
        "action_row": change.action_row,
    }
