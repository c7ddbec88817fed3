"""What a push shows on the terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from controllers.driver import ObjectValue
from controllers.receipt import DeviceReceipt, PushReceipt
from throughband.controller_commands import show_changes


def test_old_and_new_values_are_shown_in_the_same_writing() -> None:
    def row(order: bytes, mode: int) -> tuple[ObjectValue, ...]:
        order_of = ObjectValue("sequenceData", (15, 1), order)
        return order_of, ObjectValue("splitMode", (15, 2), mode)

    now = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    old, new = row(bytes((1, 2, 3)), 2), row(bytes((1, 3, 2)), 4)
    device = DeviceReceipt("a", "127.0.0.1:9", 15, 15, old, new, (), 0, 0, 300, None, None)
    console = Console(file=io.StringIO(), width=60)
    show_changes(PushReceipt("d" * 64, "anna", True, now, now, (device,)), console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "a at 127.0.0.1:9: pattern 15",
        "  sequenceData.15.1 = 010203  ->  010302",
        "  splitMode.15.2 = 2 (none)  ->  4 (maximumVehicleRecall)",
    ]
