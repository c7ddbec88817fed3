"""How a controller out of step finds back: by how much a section changes, and who gives or takes.

The whole section is lengthened or shortened, so that the rings in it stay together; within it
every ring shares the change among its own greens, none below its least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from controllers.emulator.sections import Program, Section, Service
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND

MAX_CORRECTION: Final = 0.2
"""Share of a split by which one cycle may lengthen or shorten it while correcting.

Controllers offer 10 to 25 percent; NTCIP 1202 leaves it to the device.
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A green that a ring has still to serve, or to finish, before it crosses over.

    Attributes
    ----------
    phase
        The phase.
    done_ds
        How long it has been green already.
    nominal_ds
        Length of the whole green by program.
    least_left_ds
        The least green still to come: a tenth at least, for it is green now or will be.
    clear_ds
        Clearance after it.
    split_ds
        Its split by program; 0 if the program leaves it out.
    """

    phase: int
    done_ds: int
    nominal_ds: int
    least_left_ds: int
    clear_ds: int
    split_ds: int

    @property
    def wanted_ds(self) -> int:
        """What is left of green and clearance by program; less than the clearance if overdue."""
        return self.nominal_ds - self.done_ds + self.clear_ds

    @property
    def gives_ds(self) -> int:
        """What one cycle may take from it."""
        spare_ds = self.nominal_ds - self.done_ds - self.least_left_ds
        return max(0, min(spare_ds, int(self.split_ds * MAX_CORRECTION)))


def change_ds(
    program: Program, phasing: Phasing, at: int, wait_ds: int, mode: str, *, held: bool
) -> int:
    """Return by how much to lengthen (or, negative, shorten) a section that is out of step.

    Lengthening by `wait_ds` in all, or shortening by the rest of the cycle, brings the rings back
    into step; what one cycle may do is bounded.

    Parameters
    ----------
    program, phasing
        What runs.
    at
        Which section of it.
    wait_ds
        By how much the rings are ahead.
    mode
        `coordCorrectionMode` by name.
    held
        Whether the coordinated phase is green or still to come in this section.
    """
    if wait_ds == 0:
        return 0
    cut_ds = program.cycle_ds - wait_ds
    longer = [_most_longer_ds(section) for section in program.sections]
    shorter = [_most_shorter_ds(section, phasing) for section in program.sections]
    if _shortens(mode, cut_ds, sum(shorter), wait_ds, sum(longer)):
        return -min(cut_ds, shorter[at])
    if mode == "dwell":
        return min(wait_ds, sum(longer)) if held else 0
    return min(wait_ds, longer[at])


def share(pieces: Sequence[Piece], time_ds: int, favored: Sequence[int]) -> list[tuple[int, int]]:
    """Share the time of a ring among its greens.

    Parameters
    ----------
    pieces
        What the ring serves; the first may be green already.
    time_ds
        From now until the rings cross over, no less than its least greens and its clearances.
    favored
        Positions of the pieces that take what is over; in proportion to the splits if none.

    Returns
    -------
    list of (phase, green_ds)
        Whole length of each green, what is done included.
    """
    wanted = [max(p.nominal_ds - p.done_ds, p.least_left_ds) for p in pieces]
    spare_ds = time_ds - sum(p.clear_ds for p in pieces) - sum(wanted)
    if spare_ds >= 0:
        weights = [p.split_ds for p in pieces]
        if favored:
            weights = [int(i in favored) for i in range(len(pieces))]
    else:
        weights = [p.gives_ds for p in pieces]
        if sum(weights) < -spare_ds:
            weights = [w - p.least_left_ds for w, p in zip(wanted, pieces, strict=True)]
    parts = _parts(abs(spare_ds), weights)
    sign = 1 if spare_ds >= 0 else -1
    return [
        (p.phase, p.done_ds + whole + sign * part)
        for p, whole, part in zip(pieces, wanted, parts, strict=True)
    ]


def _parts(whole: int, weights: Sequence[int]) -> list[int]:
    """Divide a number in proportion, without rest; no part exceeds its weight if all suffice."""
    if not sum(weights):
        weights = [0] * (len(weights) - 1) + [1]
    ends = [whole * total // sum(weights) for total in accumulate(weights)]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def _most_longer_ds(section: Section) -> int:
    return int(section.length_ds * MAX_CORRECTION)


def _most_shorter_ds(section: Section, phasing: Phasing) -> int:
    """Return what every ring of a section can give."""
    return min(
        sum(_gives_ds(service, phasing) for service in ring) for ring in section.rings if ring
    )


def _gives_ds(service: Service, phasing: Phasing) -> int:
    least_ds = phasing.phase(service.phase).least_green_s * TENTHS_PER_SECOND
    return max(0, min(service.green_ds - least_ds, int(service.split_ds * MAX_CORRECTION)))


def stretch_ds(
    program: Program, at: int, clock_left_ds: int, wait_ds: int, mode: str, *, held: bool
) -> int:
    """Return by how much the local clock is to take longer (or, negative, shorter) over a section.

    This is the correction of an actuated program, whose greens follow the local clock: all of
    them are stretched alike, so a section gives only what its tightest phase can.

    Parameters
    ----------
    program
        What runs.
    at
        Which section the clock is in.
    clock_left_ds
        What is left of that section on the clock.
    wait_ds
        By how much the clock is ahead.
    mode
        `coordCorrectionMode` by name.
    held
        Whether the section holds a coordinated phase.
    """
    if wait_ds == 0:
        return 0
    cut_ds = program.cycle_ds - wait_ds
    longer_ds = sum(_most_longer_ds(section) for section in program.sections)
    slack = [_slack(program, section) for section in program.sections]
    shorter_ds = sum(
        int(share * section.length_ds)
        for share, section in zip(slack, program.sections, strict=True)
    )
    if _shortens(mode, cut_ds, shorter_ds, wait_ds, longer_ds):
        return -min(cut_ds, int(slack[at] * clock_left_ds))
    if mode == "dwell":
        return min(wait_ds, longer_ds) if held else 0
    return min(wait_ds, int(MAX_CORRECTION * clock_left_ds))


def _shortens(mode: str, cut_ds: int, shorter_ds: int, wait_ds: int, longer_ds: int) -> bool:
    """Tell whether a controller shortens its cycles to be in step again.

    Parameters
    ----------
    mode
        `coordCorrectionMode` by name.
    cut_ds, shorter_ds
        What shortening has to bring in all, and what one cycle can.
    wait_ds, longer_ds
        What lengthening has to bring in all, and what one cycle can.
    """
    if shorter_ds <= 0 or mode not in ("subtractOnly", "shortway", "other"):
        return False
    if mode == "subtractOnly":
        return True
    return (-(-cut_ds // shorter_ds), cut_ds) < (-(-wait_ds // longer_ds), wait_ds)


def _slack(program: Program, section: Section) -> float:
    """Return the share of a section that each of its phases can do without."""
    return min(
        max(0.0, min(MAX_CORRECTION, spare_ds / service.split_ds))
        for ring in section.rings
        for service in ring
        for spare_ds in (service.green_ds - program.timing[service.phase].least_recalled_ds,)
    )
