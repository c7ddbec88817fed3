"""Which rows of a device a plan may be written to, without touching anybody else's.

A pattern names a split row and a sequence row. All three must be spare: not running, not called,
not scheduled, and not named by any pattern that is not ours. Where consecutive patterns share
cycle and split (`patternTableType` offset3 or offset5), that holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Device, Identity
from controllers.ntcip.codec import same_order
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.profiles import VendorProfile
from controllers.ntcip.reading import Reader
from network.errors import ControllerError
from network.timing import TimingPlan

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


async def sequence_row(
    reader: Reader,
    device: Device,
    identity: Identity,
    profile: DeviceProfile,
    plan: TimingPlan,
    pattern: int,
) -> tuple[int, bool]:
    """Return the sequence row of a plan, and whether its order must be written there.

    A row that holds the order already is named as it is. Otherwise a row is written that no
    pattern but ours names.

    Raises
    ------
    ControllerError
        There is no such row.
    """
    total, rings = profile.max_sequences, identity.rings
    found = await reader.get(
        [OBJECTS["sequenceData"].instance(row, r) for row in range(1, total + 1) for r in rings]
    )
    for row in range(1, total + 1):
        stored = found[(row - 1) * len(rings) : row * len(rings)]
        orders = [data for data in stored if isinstance(data, bytes)]
        if len(orders) == len(rings) and same_order(plan, orders):
            return row, False
    rows = [n for n in range(1, profile.max_patterns + 1) if n != pattern]
    cells = await reader.table(
        [(name, n) for n in rows for name in ("patternSequenceNumber", "patternCycleTime")]
    )
    named = {
        sequence
        for n, sequence, cycle in zip(rows, cells[::2], cells[1::2], strict=True)
        if cycle or n in device.slots
    }
    for row in _nearest(pattern, total):
        if row != FREE_SEQUENCE and row not in named:
            return row, True
    raise ControllerError(
        f"{reader.where}: all {total} sequence rows are named by other patterns or kept for "
        f"operation without one; the plan's order of phases {list(plan.sequence)} is in none"
    )


def _nearest(pattern: int, total: int) -> Sequence[int]:
    """Return rows in the order in which they are tried: the pattern's own, then the last."""
    others: Iterable[int] = range(total, 0, -1)
    return [n for n in (pattern, *others) if n <= total]
