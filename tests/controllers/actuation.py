"""Cabinets whose phases wait for traffic, and what they show of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.phase_timing import ENABLED
from controllers.ntcip.objects import OBJECTS, Syntax, instance
from network.phasing import Phasing
from network.timing import TimingPlan

Row = tuple[str, tuple[tuple[int, bool, str], ...], tuple[tuple[int, bool, int], ...]]


def put(device: Cabinet, name: str, *index: int, value: int | bytes | str) -> None:
    """Set an object; an enumeration may be named."""
    if isinstance(value, str):
        value = OBJECTS[name].number(value)
    syntax = Syntax.INTEGER if isinstance(value, int) else Syntax.OCTETS
    assert device.store.set([(instance(name, *index), syntax, value)], b"change") is None


def stored(device: Cabinet, name: str, *index: int) -> int:
    """Read an object."""
    found = device.store.get(instance(name, *index))
    assert found is not None
    assert isinstance(found[1], int)
    return found[1]


def actuated(
    phasing: Phasing,
    plan: TimingPlan,
    options: Mapping[int, int] | None = None,
    start_s: float = 0.0,
    backup_s: int = 0,
    pattern: int = 1,
) -> Cabinet:
    """A cabinet with one detector for every phase, all of them actuated.

    Parameters
    ----------
    phasing, plan
        What it runs.
    options
        `phaseOptions` of some phases besides being enabled.
    start_s, backup_s
        As in the configuration of a cabinet.
    pattern
        254 for free operation.
    """
    most = max(phase.number for phase in phasing.phases)
    device = Cabinet(CabinetConfig("s", phasing, plan, most, "look", "change", backup_s), start_s)
    for phase in phasing.phases:
        number = phase.number
        put(device, "phaseOptions", number, value=ENABLED | (options or {}).get(number, 0))
        if plan.split_s(number):
            put(device, "splitMode", 1, number, value="none")
        put(device, "vehicleDetectorCallPhase", number, value=number)
    if pattern != 1:
        put(device, "systemPatternControl", value=pattern)
    return device


def occupy(device: Cabinet, phases: Iterable[int]) -> None:
    """Let vehicles stand on the detectors of some phases, and on no others."""
    standing = set(phases)
    for number in range(1, device.detectors.count + 1):
        device.detect(number, present=number in standing)


def greens(device: Cabinet) -> list[int]:
    """Return the phase that each ring shows green, 0 for none."""
    return [ring.phase if ring.green else 0 for ring in device.rings.rings]
