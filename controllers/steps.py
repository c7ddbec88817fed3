"""How far a push may move a signal's timing at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controllers.driver import Change, Driver, Identity, ObjectValue
from controllers.rows import RowKeeper, row_keeper
from network.errors import ControllerError

_SYNC_POINT: Final = "patternCoordSyncPoint"
_COORDINATED: Final = "splitCoordPhase"


@dataclass(frozen=True, slots=True)
class MostSteps:
    """Greatest changes between the running plan and the pushed one; None for no bound.

    Attributes
    ----------
    cycle_s, split_s, offset_s
        Seconds; offsets are compared the short way around the new cycle.
    """

    cycle_s: int | None = None
    split_s: int | None = None
    offset_s: int | None = None

    def __post_init__(self) -> None:
        for name, bound in (
            ("cycle_s", self.cycle_s),
            ("split_s", self.split_s),
            ("offset_s", self.offset_s),
        ):
            if bound is not None and bound < 0:
                raise ControllerError(f"the greatest step of {name} is {bound}, below 0")

    @property
    def unbounded(self) -> bool:
        """Whether nothing is bounded."""
        return self.cycle_s is None and self.split_s is None and self.offset_s is None


async def too_far(
    change: Change, identity: Identity, driver: Driver, most: MostSteps
) -> tuple[str, ...]:
    """Say where a change leads further from the running pattern than allowed.

    A device that runs free or flashes has no timing to step from; nothing is said then.

    Parameters
    ----------
    change
        What would be written.
    identity
        The device; names the running pattern.
    driver
        Reads that pattern's rows.
    most
        The bounds.

    Returns
    -------
    tuple of str
        One sentence per step too far.
    """
    running = identity.running_pattern
    if most.unbounded or not 1 <= running <= identity.max_patterns:
        return ()
    new = {(value.name, value.index): value.value for value in change.new}
    keeper = row_keeper(driver)
    (split_row,) = await keeper.read([ObjectValue("patternSplitNumber", (running,), 0)])
    wanted: list[tuple[str, int, int | None, tuple[str, tuple[int, ...]]]] = []
    for (name, index), value in new.items():
        if not isinstance(value, int):
            continue
        if name == "patternCycleTime" and most.cycle_s is not None:
            wanted.append(("cycle", value, most.cycle_s, (name, (running,))))
        elif name == "patternOffsetTime" and most.offset_s is not None:
            wanted.append(("offset", value, most.offset_s, (name, (running,))))
        elif name == "splitTime" and most.split_s is not None:
            row = split_row.value
            assert isinstance(row, int)
            what = f"split of phase {index[1]}"
            wanted.append((what, value, most.split_s, (name, (row, index[1]))))
    stored = await keeper.read([ObjectValue(*key, 0) for *_, key in wanted])
    is_other_event = most.offset_s is not None and await _is_other_event(
        change, running, split_row.value, keeper
    )
    found = []
    for (what, value, bound, _), old in zip(wanted, stored, strict=True):
        before = old.value
        assert isinstance(before, int)
        assert bound is not None
        step_s = abs(value - before)
        if what == "offset":
            cycle_s = new.get(("patternCycleTime", (change.pattern,)), 0)
            assert isinstance(cycle_s, int)
            if cycle_s:
                step_s = min(step_s % cycle_s, -step_s % cycle_s)
            if is_other_event:
                found.append(
                    "the running pattern's offset counts from another event than the pushed one; "
                    "the step of the offset cannot be bounded"
                )
                continue
        if step_s > bound:
            found.append(f"{what} goes from {before} to {value} s; at most {bound} s are allowed")
    return tuple(found)


async def _is_other_event(
    change: Change, running: int, split_row: int | bytes, keeper: RowKeeper
) -> bool:
    """Tell whether the running pattern's offset counts from another phase, or moment of it."""
    assert isinstance(split_row, int)
    there: list[ObjectValue] = []
    wanted: list[int | bytes] = []
    for value in change.new:
        if value.name == _SYNC_POINT:
            there.append(ObjectValue(value.name, (running,), 0))
        elif value.name == _COORDINATED and value.value:
            # Devices may mark one in each ring; the pushed plan's has to be among them.
            there.append(ObjectValue(value.name, (split_row, value.index[1]), 0))
        else:
            continue
        wanted.append(value.value)
    return bool(there) and [value.value for value in await keeper.read(there)] != wanted
