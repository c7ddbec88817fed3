"""Which rows of a device a plan may be written to, without touching anybody else's.

A pattern names a split row and a sequence row. All three must be spare: not running, not called,
not scheduled, and not named by any pattern that is not ours, nor by a preempt. Where consecutive
patterns share cycle and split (`patternTableType` offset3 or offset5), that holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Device, Identity
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.profiles import VendorProfile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import Reading
from network.errors import ControllerError

FREE_SEQUENCE: Final = 1
"""Sequence row of operation without a pattern; every pattern begins with it too."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A split row, and whether the pattern must be told of it."""

    row: int
    named: bool


def spare_pattern(
    device: Device, vendor: VendorProfile, identity: Identity, profile: DeviceProfile
) -> int:
    """Return the first pattern row that may be written.

    Raises
    ------
    ControllerError
        There is none.
    """
    where = f"signal {device.signal_id!r} at {device.address}"
    busy = {identity.running_pattern, identity.called_pattern, *identity.time_base_patterns}
    if profile.pattern_table == "other":
        raise ControllerError(
            f"{where}: patternTableType is other: what writing a pattern row does to the rows "
            "beside it is not known"
        )
    shared: list[int] = []
    for row in device.slots:
        together = profile.sharing(row)
        strangers = [n for n in together if n not in device.slots]
        if strangers:
            shared += strangers
        elif row <= profile.max_patterns and not busy.intersection(together):
            reserved = vendor.reserved_rows.intersection(together)
            if not reserved:
                return row
    reason = ""
    if shared:
        reason = (
            f"; patternTableType is {profile.pattern_table}: rows "
            f"{sorted(set(shared))} share cycle and split with them and must be set aside too"
        )
    raise ControllerError(
        f"{where}: rows {list(device.slots)} are all running, called, scheduled or reserved, or "
        f"beyond the device's {profile.max_patterns} patterns{reason}"
    )


async def spare_split(
    reader: Reader,
    device: Device,
    vendor: VendorProfile,
    profile: DeviceProfile,
    pattern: int,
) -> SplitRow:
    """Return the split row a pattern names, or a free one where the device lets us choose.

    Raises
    ------
    ControllerError
        Another pattern uses the split row as well, and there is no choice.
    """
    rows = range(1, profile.max_patterns + 1)
    columns = ("patternSplitNumber", "patternCycleTime")
    cells = await reader.table([(column, row) for column in columns for row in rows])
    splits, cycles = cells[: len(rows)], cells[len(rows) :]
    together = profile.sharing(pattern)
    users = {
        row: split
        for row, split, cycle in zip(rows, splits, cycles, strict=True)
        if row not in together and (cycle or row in device.slots)
    }
    split = splits[pattern - 1]
    sharing = [row for row, other in users.items() if other == split]
    if 1 <= split <= profile.max_splits and not sharing:
        return SplitRow(split, named=False)
    if vendor.split_number == "writable":
        free = [row for row in _nearest(pattern, profile.max_splits) if row not in users.values()]
        if free:
            return SplitRow(free[0], named=True)
    raise ControllerError(
        f"{reader.where}: pattern {pattern} uses split {split}, shared with patterns {sharing} "
        f"or not one of {profile.max_splits}; give the slots split rows of their own"
    )


async def spare_sequence(
    reader: Reader, device: Device, profile: DeviceProfile, pattern: int
) -> int:
    """Return the sequence row that a pattern's order is written to.

    A row that reads as the order wanted is not taken as it is: only what was written can be read
    back, and a device that reads its rows wrongly would run another order.

    Raises
    ------
    ControllerError
        All rows are named by other patterns or by preempts, or kept for operation without one.
    """
    rows = [n for n in range(1, profile.max_patterns + 1) if n != pattern]
    cells = await reader.table(
        [(name, n) for n in rows for name in ("patternSequenceNumber", "patternCycleTime")]
    )
    named: dict[Reading, str] = {FREE_SEQUENCE: "operation without a pattern"}
    for n, sequence, cycle in zip(rows, cells[::2], cells[1::2], strict=True):
        if cycle or n in device.slots:
            named.setdefault(sequence, f"pattern {n}")
    preempts = (await reader.optional("maxPreempts"))["maxPreempts"] or 0
    column = OBJECTS["preemptSequenceNumber"]
    served = await reader.get([column.instance(n) for n in range(1, preempts + 1)])
    for n, reading in enumerate(served, start=1):
        named.setdefault(reading, f"preempt {n}")
    total = profile.max_sequences
    for row in _nearest(pattern, total):
        if row not in named:
            return row
    users = "; ".join(f"{row} by {named[row]}" for row in range(1, total + 1)) or "there is none"
    raise ControllerError(
        f"{reader.where}: all {total} sequence rows are named by other patterns or by preempts, or "
        f"kept for operation without one ({users}); pattern {pattern} needs one of its own, which "
        "is written and read back"
    )


def _nearest(pattern: int, total: int) -> Sequence[int]:
    """Return rows in the order in which they are tried: the pattern's own, then the last."""
    others: Iterable[int] = range(total, 0, -1)
    return [n for n in (pattern, *others) if n <= total]
