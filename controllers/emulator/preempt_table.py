"""What a row of the preempt table asks for, and the programs that serve it; see `preemption`.

Everything a preempt shows is a `Program` that the rings run like any other, so a green that it
ends keeps its least green, walk and pedestrian clearance included, and its own yellow and red
follow. NTCIP 1202 lets a preempt cut these by `preemptMinimumGreen`, `preemptMinimumWalk`,
`preemptEnterPedClear` and the entry and track clearances, each "the lesser of" it and the phase's
own. This cabinet never cuts them, as its monitor would trip: these columns are locked at their
default of 255, with which the phase's own always is the lesser.

Not modeled: pedestrian and overlap lists, flashing in dwell and after too long a presence (bits 3
and 5 of `preemptControl`), gates, advance preemption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from controllers.emulator.phase_timing import Recall, longest_split_s, read_timing
from controllers.emulator.sections import FREE_PATTERN, Program, cut, lay_out
from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS, Edition, Oid
from network.errors import TopologyError
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND

NON_LOCKING: Final = 0x01
NOT_OVER_NEXT: Final = 0x04
ENABLED: Final = 0x10
"""Bits of `preemptControl` (NTCIP 1202 v03 clause 5.7.2.2)."""

NEVER_LESS: Final = 255
DWELL_S: Final = 10
"""Defaults of the entry limits and of `preemptDwellGreen` in the standard."""

LOCKED_COLUMNS: Final = (
    "preemptMinimumGreen",
    "preemptMinimumWalk",
    "preemptEnterPedClear",
    "preemptEnterYellowChange",
    "preemptEnterRedClear",
    "preemptTrackYellowChange",
    "preemptTrackRedClear",
)


@dataclass(frozen=True, slots=True)
class Preempt:
    """A row of the preempt table, times in tenths of a second.

    Attributes
    ----------
    number
        Row; the lower ranks higher.
    enabled, locking, over_next
        Whether calls are heard, are remembered once made, and outrank those of the next row.
    link
        The row called when the dwell has had its time; 0 for none.
    delay_ds, duration_ds
        From the call to the entry; and from then to the earliest end of the dwell.
    track_ds, dwell_ds
        Length of the track clearance green, and least length of the dwell.
    presence_ds
        A call that stands for so long is not believed any more; 0 for never.
    exit_type
        `preemptExitType` by name.
    track, dwell, cycle, leave
        Programs of the track clearance, the dwell, the phases that cycle during it, and the exit
        phases; None where the row names no phases. Without a dwell the preempt is not served.
    """

    number: int
    enabled: bool
    locking: bool
    over_next: bool
    link: int
    delay_ds: int
    duration_ds: int
    track_ds: int
    dwell_ds: int
    presence_ds: int
    exit_type: str
    track: Program | None
    dwell: Program | None
    cycle: Program | None
    leave: Program | None

    @property
    def heard(self) -> bool:
        """Whether calls come to anything: it is enabled and has somewhere to dwell."""
        return self.enabled and self.dwell is not None


def read_preempt(store: ObjectStore, phasing: Phasing, edition: Edition, number: int) -> Preempt:
    """Read a row; phases that cannot be green together count as none."""
    control = store.number("preemptControl", number)

    def tenths(name: str) -> int:
        return store.number(name, number) * TENTHS_PER_SECOND

    def resting(name: str) -> Program | None:
        return rest(store, phasing, tuple(store.octets(name, number)))

    track_ds = tenths("preemptTrackGreen")
    exit_type, cycle = "exitPhases", None
    if edition is Edition.V03:
        exit_type = store.meaning("preemptExitType", number)
        cycle = _cycling(store, phasing, number)
    return Preempt(
        number,
        # The older edition knows no switch: there a preempt without phases is off.
        bool(control & ENABLED) or edition is Edition.V1996,
        not control & NON_LOCKING,
        not control & NOT_OVER_NEXT,
        store.number("preemptLink", number),
        tenths("preemptDelay"),
        tenths("preemptMinimumDuration"),
        track_ds,
        tenths("preemptDwellGreen"),
        tenths("preemptMaximumPresence"),
        exit_type,
        resting("preemptTrackPhase") if track_ds else None,
        resting("preemptDwellPhase"),
        cycle,
        resting("preemptExitPhase"),
    )


def rest(store: ObjectStore, phasing: Phasing, phases: Sequence[int]) -> Program | None:
    """Return the program that rests in some phases, other rings in red.

    Parameters
    ----------
    store, phasing
        The tables and the signal's phases.
    phases
        Numbers; None is returned where there are none, or where they cannot be green together.
    """
    if not phases or problem_of(phasing, phases):
        return None
    order = sorted(phases, key=lambda number: phasing.phase(number).ring)
    splits = {number: phasing.phase(number).min_split_s for number in order}
    return _laid_out(store, phasing, order, splits)


def problem_of(phasing: Phasing, phases: Sequence[int]) -> str:
    """Say why phases cannot be green together; nothing if they can, or there are none."""
    known = {phase.number for phase in phasing.phases}
    if set(phases) - known:
        return f"names the unknown phase {min(set(phases) - known)}"
    rings = [phasing.phase(number).ring for number in phases]
    if len(set(rings)) != len(rings):
        return f"names two phases of one ring in {list(phases)}"
    if len({phasing.phase(number).barrier for number in phases}) > 1:
        return f"names phases {list(phases)}, which are never green together"
    return ""


def preempt_problem(store: ObjectStore, phasing: Phasing, over: Mapping[Oid, Content]) -> str:
    """Say what is wrong with the preempt table; nothing if it is sound.

    Parameters
    ----------
    store, phasing
        The tables and the signal's phases.
    over
        A buffer laid over the tables.
    """
    for number in range(1, store.number("maxPreempts") + 1):
        for name in ("preemptTrackPhase", "preemptDwellPhase", "preemptExitPhase"):
            problem = problem_of(phasing, tuple(store.octets(name, number, over=over)))
            if problem:
                return f"{name} {number} {problem}"
        if store.holds("preemptSequenceNumber", number):
            row = store.number("preemptSequenceNumber", number, over=over)
            if row > store.number("maxSequences"):
                return f"preempt {number} names sequence {row}"
    return ""


def define_preempts(store: ObjectStore, count: int) -> None:
    """Create the preempt table, every row with the standard's defaults: switched off, no phases."""
    store.define("maxPreempts", value=count)
    numbers = {
        "preemptControl": 0,
        "preemptLink": 0,
        "preemptDelay": 0,
        "preemptMinimumDuration": 0,
        "preemptTrackGreen": 0,
        "preemptDwellGreen": DWELL_S,
        "preemptMaximumPresence": 0,
        "preemptSequenceNumber": 1,
        "preemptExitType": OBJECTS["preemptExitType"].number("exitPhases"),
    }
    lists = ("preemptTrackPhase", "preemptDwellPhase", "preemptExitPhase", "preemptCyclingPhase")
    rows = [(row,) for row in range(1, count + 1)]
    for name, value in numbers.items():
        store.define_column(name, dict.fromkeys(rows, value))
    for name in lists:
        store.define_column(name, dict.fromkeys(rows, b""))
    for name in LOCKED_COLUMNS:
        store.define_column(name, dict.fromkeys(rows, NEVER_LESS), locked=True)


def _cycling(store: ObjectStore, phasing: Phasing, number: int) -> Program | None:
    """Return the program of the phases that take turns during a dwell, the dwell's own included."""
    cycling = store.octets("preemptCyclingPhase", number)
    sequence = store.number("preemptSequenceNumber", number)
    if not cycling or sequence > store.number("maxSequences"):
        return None
    wanted = {*cycling, *store.octets("preemptDwellPhase", number)}
    known = {phase.number for phase in phasing.phases}
    order = [
        n
        for ring in phasing.rings
        for n in store.octets("sequenceData", sequence, ring)
        if n in wanted & known
    ]
    splits = {number: longest_split_s(store, phasing, number) for number in order}
    if not order:
        return None
    try:
        return _laid_out(store, phasing, order, splits)
    except TopologyError:
        # Rings that cannot cross their barriers together rest in the dwell phases.
        return None


def _laid_out(
    store: ObjectStore, phasing: Phasing, order: Sequence[int], splits_s: Mapping[int, int]
) -> Program:
    """Return the uncoordinated program of some phases, all of them recalled, nobody walking."""
    program = lay_out(FREE_PATTERN, cut(phasing, order), splits_s, phasing)
    timing = {
        number: replace(
            read_timing(store, phasing.phase(number), 0, None),
            recall=Recall.MINIMUM,
            pedestrian_recall=False,
            walk_ds=0,
            dual_entry=False,
        )
        for number in order
    }
    return replace(program, timing=timing)
