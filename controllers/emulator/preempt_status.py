"""Control and status objects of preemption: who calls, who is served, how far it has come.

They show and command what `preemption` does; how a preempt is set up is in `preempt_table`.
"""

from __future__ import annotations

from collections.abc import Callable

from controllers.emulator.controls import PER_GROUP, packed
from controllers.emulator.preemption import Preemption
from controllers.emulator.store import ObjectStore
from controllers.ntcip.objects import OBJECTS


def bind_preemption(
    store: ObjectStore, preemption: Preemption, touched: Callable[[str], None]
) -> None:
    """Create the control and status instances of preemption.

    Parameters
    ----------
    store, preemption
        Where, and of whom.
    touched
        Called with the object's name at every SET, which resets the backup timer.
    """
    count = store.number("maxPreempts")
    for number in range(1, count + 1):
        store.bind("preemptState", number, read=_state(preemption, number))
        store.bind(
            "preemptControlState",
            number,
            read=_remote(preemption, number),
            write=_command(preemption, number, touched),
        )
    store.bind("preemptStatus", read=lambda: preemption.serving)
    groups = -(-count // PER_GROUP)
    store.define("maxPreemptGroups", value=groups)
    for group in range(1, groups + 1):
        store.bind("preemptStatusGroup", group, read=_inputs(preemption, group, count))


def _state(preemption: Preemption, number: int) -> Callable[[], int]:
    kind = OBJECTS["preemptState"]
    return lambda: kind.number(preemption.state(number))


def _remote(preemption: Preemption, number: int) -> Callable[[], int]:
    return lambda: int(preemption.remote(number))


def _command(
    preemption: Preemption, number: int, touched: Callable[[str], None]
) -> Callable[[int], None]:
    def write(value: int) -> None:
        touched("preemptControlState")
        preemption.call(number, on=bool(value))

    return write


def _inputs(preemption: Preemption, group: int, count: int) -> Callable[[], int]:
    """Return what reads the inputs of a group as bits, the lowest number in bit 0."""

    def read() -> int:
        numbers = range(1, count + 1)
        return packed(group, (n for n in numbers if preemption.wired(n) or preemption.remote(n)))

    return read
