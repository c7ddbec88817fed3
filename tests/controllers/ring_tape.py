"""A plain second opinion on what several rings have shown, tenth by tenth.

Every ring is read by itself as the tape of a single ring that may also be idle. Together they
must have been between the same barriers, and the street must have seen the most permissive.
"""

from __future__ import annotations

from controllers.emulator.cabinet import Cabinet
from network.phasing import PERMISSIVENESS, Phasing

Row = tuple[str, tuple[tuple[int, bool, str], ...]]
"""What the lamps show and, of each ring, its phase, whether it is green, and its own picture."""


def recorded(device: Cabinet) -> Row:
    """Return what a cabinet shows at this tenth."""
    rings = device.rings.rings
    return device.aspects, tuple((ring.phase, ring.green, ring.aspects) for ring in rings)


def check_rings(phasing: Phasing, tape: list[Row]) -> None:
    """Assert that a tape breaks no minimum green, no clearance and no barrier."""
    for lamps, rings in tape:
        seen = zip(*(picture for _, _, picture in rings), strict=True)
        assert lamps == "".join(max(aspects, key=PERMISSIVENESS.index) for aspects in seen)
        assert len({phasing.phase(phase).barrier for phase, _, _ in rings if phase}) == 1
    for ring in range(len(phasing.rings)):
        _check_ring(phasing, [rings[ring] for _, rings in tape])


def _check_ring(phasing: Phasing, tape: list[tuple[int, bool, str]]) -> None:
    runs: list[list[tuple[int, bool, str]]] = []
    for entry in tape:
        if runs and runs[-1][0][:2] == entry[:2]:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    # The first run began, and the last one ends, off the tape.
    for at, run in enumerate(runs[1:-1], start=1):
        phase, green, _ = run[0]
        if not phase:
            assert {picture for _, _, picture in run} == {phasing.idle}
        elif green:
            assert {picture for _, _, picture in run} == {phasing.phase(phase).aspects}
            assert len(run) >= phasing.phase(phase).least_green_s * 10
            assert not phasing.phase(phase).clearance_ds or runs[at + 1][0][0] == phase
        else:
            pictures = [
                interval.aspects
                for interval in phasing.clearance(phase, runs[at + 1][0][0])
                for _ in range(interval.duration_ds)
            ]
            assert [picture for _, _, picture in run] == pictures
