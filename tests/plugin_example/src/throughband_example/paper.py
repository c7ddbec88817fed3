"""A device driver: a controller made of a JSON file, named by ``options = { file = "..." }``.

What a real driver does over a wire is done here to a file, under the same promises.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from controllers.acquaintance import Profiles
from controllers.driver import (
    LOCAL_CONTROL,
    Change,
    Connect,
    Device,
    Driver,
    Identity,
    ObjectValue,
    PhaseLimits,
    Status,
)
from controllers.ntcip.clock import Clock, Sleep
from network.errors import ReadBackMismatchError, RejectedValueError, UnreachableError
from network.timing import TimingPlan

LONGEST_CYCLE_S = 255


def reaching(clock: Clock, sleep: Sleep, profiles: Profiles | None) -> Connect:
    """What is registered: returns how to connect."""

    def reach(device: Device, /) -> AbstractAsyncContextManager[Driver]:
        return _connected(device)

    return reach


@asynccontextmanager
async def _connected(device: Device) -> AsyncIterator[Driver]:
    yield PaperDriver(device)


class PaperDriver:
    """See `controllers.driver.Driver` and `controllers.rows.RowKeeper`."""

    verify_numbers = ""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._file = Path(str(dict(device.options).get("file", "")))

    async def identify(self) -> Identity:
        box = self._read()
        phases = tuple(PhaseLimits(**limits) for limits in box["phases"])
        return Identity(
            "paper 1.0", box["set_id"], phases, box["max_patterns"], box["backup_time_s"], "1",
            box["called"], box["running"], tuple(box["time_base"]),
        )  # fmt: skip

    async def prepare(self, plan: TimingPlan, identity: Identity) -> Change:
        box = self._read()
        used = {identity.running_pattern, identity.called_pattern, *identity.time_base_patterns}
        rows = [row for row in self._device.slots if row not in used]
        if not rows:
            raise RejectedValueError(f"{self._device.address}: no pattern row is free")
        row = str(rows[0])
        pairs = zip(plan.sequence, plan.splits_s, strict=True)
        wanted = {
            "cycle_s": plan.cycle_s,
            "offset_s": plan.offset_s,
            "splits": " ".join(f"{phase}:{split_s}" for phase, split_s in pairs),
        }
        new = self._values(rows[0], wanted)
        old = self._values(rows[0], box["patterns"].get(row, {}))
        return Change(plan.signal_id, rows[0], rows[0], old, new)

    async def commit(self, change: Change) -> tuple[ObjectValue, ...]:
        box = self._read()
        if change.pattern in (box["running"], box["called"]):
            raise RejectedValueError(f"{self._device.address}: pattern {change.pattern} runs")
        row = box["patterns"].setdefault(str(change.pattern), {})
        stored = self._values(change.pattern, row)
        if stored not in (change.old, change.new):
            raise RejectedValueError(f"{self._device.address}: somebody else wrote the row")
        values = {value.name: _plain(value) for value in change.new}
        if int(values["cycle_s"] or 0) > LONGEST_CYCLE_S:
            raise RejectedValueError(
                f"{self._device.address}: cycle {values['cycle_s']} s; allowed are at most "
                f"{LONGEST_CYCLE_S} s"
            )
        row.update(values)
        self._write(box)
        found = await self.read(change.new)
        if found != change.new:
            raise ReadBackMismatchError(f"{self._device.address}: stores other values than written")
        return found

    async def activate(self, pattern: int) -> None:
        box = self._read()
        box["called"] = pattern
        self._write(box)

    async def status(self) -> Status:
        box = self._read()
        ours = box["called"] != LOCAL_CONTROL and box["running"] == box["called"]
        control = "systemControl" if ours else "timebase"
        return Status(box["running"], box["called"], control, "notFree", "notFlash", False)

    async def read(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        box = self._read()
        own = {"systemPatternControl": box["called"], "globalSetIDParameter": box["set_id"],
               "dbCreateTransaction": 1}  # fmt: skip
        found = []
        for value in like:
            if value.name in own:
                found.append(ObjectValue(value.name, value.index, own[value.name]))
            else:
                row = box["patterns"].get(str(value.index[0]), {})
                found.append(_value(value.name, value.index[0], row))
        return tuple(found)

    async def hold(self, rows: Iterable[ObjectValue], called: Collection[int]) -> None:
        wanted = tuple(rows)
        if await self.read(wanted) != wanted or self._read()["called"] not in called:
            raise RejectedValueError(f"{self._device.address}: rows or call are no longer the same")

    async def discard(self) -> None: ...

    async def is_open(self) -> bool:
        return False

    async def reclaim(self) -> bool:
        return False

    def _values(self, row: int, values: dict[str, Any]) -> tuple[ObjectValue, ...]:
        return tuple(_value(name, row, values) for name in ("cycle_s", "offset_s", "splits"))

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self._device.address}: {self._file}: {error}") from error
        return found

    def _write(self, box: dict[str, Any]) -> None:
        try:
            self._file.write_text(json.dumps(box), encoding="utf-8")
        except OSError as error:
            raise RejectedValueError(f"{self._device.address}: {error}") from error


def _value(name: str, row: int, values: dict[str, Any]) -> ObjectValue:
    stored = values.get(name, 0 if name != "splits" else "")
    return ObjectValue(name, (row,), stored.encode() if isinstance(stored, str) else stored)


def _plain(value: ObjectValue) -> int | str:
    return value.value.decode() if isinstance(value.value, bytes) else value.value
