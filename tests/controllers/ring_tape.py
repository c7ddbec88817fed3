"""A plain second opinion on what several rings have shown, tenth by tenth.

Every ring is read by itself as the tape of a single ring that may also be idle. Together they
must have been between the same barriers, and the street must have seen the most permissive. They
are all dark only where the last one lit was told to rest in red when its green ended.
"""

from __future__ import annotations

from itertools import pairwise

from controllers.emulator.cabinet import Cabinet
from network.phasing import PERMISSIVENESS, Phasing

Entry = tuple[int, bool, str, bool]
"""Of a ring, its phase, whether it is green, its own picture, and whether to rest in red."""

Row = tuple[str, tuple[Entry, ...]]
"""What the lamps show, and every ring."""


def recorded(device: Cabinet) -> Row:
    """Return what a cabinet shows at this tenth."""
    told = device.controls.numbers("ringControlGroupRedRest")
    numbers = device.config.phasing.rings
    return device.aspects, tuple(
        (ring.phase, ring.green, ring.aspects, number in told)
        for ring, number in zip(device.rings.rings, numbers, strict=True)
    )


def check_rings(phasing: Phasing, tape: list[Row]) -> None:
    """Assert that a tape breaks no minimum green, no clearance and no barrier."""
    assert any(phase for phase, *_ in tape[0][1])
    for lamps, rings in tape:
        seen = zip(*(picture for _, _, picture, _ in rings), strict=True)
        assert lamps == "".join(max(aspects, key=PERMISSIVENESS.index) for aspects in seen)
        # None at all where every ring has gone dark, for which `_check_dark` wants a reason.
        assert len({phasing.phase(phase).barrier for phase, *_ in rings if phase}) <= 1
    _check_dark([rings for _, rings in tape])
    for ring in range(len(phasing.rings)):
        _check_ring(phasing, [rings[ring] for _, rings in tape])


def _check_dark(tape: list[tuple[Entry, ...]]) -> None:
    """Assert that the rings never all went dark without the last ones being told to rest in red."""
    told = [False] * len(tape[0])
    for before, now in pairwise(tape):
        for ring, (was, entry) in enumerate(zip(before, now, strict=True)):
            if was[1] and entry[:2] != was[:2]:
                told[ring] = entry[3]
        if not any(phase for phase, *_ in now):
            assert all(told[ring] for ring, (phase, *_) in enumerate(before) if phase)


def _check_ring(phasing: Phasing, tape: list[Entry]) -> None:
    runs: list[list[Entry]] = []
    for entry in tape:
        if runs and runs[-1][0][:2] == entry[:2]:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    # The first run began, and the last one ends, off the tape.
    for at, run in enumerate(runs[1:-1], start=1):
        phase, green = run[0][:2]
        shown = [picture for _, _, picture, _ in run]
        if not phase:
            assert set(shown) == {phasing.idle}
        elif green:
            assert set(shown) == {phasing.phase(phase).aspects}
            assert len(run) >= phasing.phase(phase).least_green_s * 10
            assert not phasing.phase(phase).clearance_ds or runs[at + 1][0][0] == phase
        else:
            assert shown == [
                interval.aspects
                for interval in phasing.clearance(phase, runs[at + 1][0][0])
                for _ in range(interval.duration_ds)
            ]
