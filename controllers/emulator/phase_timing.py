"""How a phase is timed under actuation: what calls it, what extends it, what ends it.

`phaseOptions` and the split mode of the running pattern together say how; the split mode comes
first where it speaks of vehicles, and adds to the options where it speaks of pedestrians. Bits
and modes are those of NTCIP 1202 v03 clauses 5.2.2.21 and 5.5.9.4. What a pattern as a whole
means is read by `program`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Final

from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import Oid
from network.phasing import Phase, Phasing
from network.units import TENTHS_PER_SECOND

ENABLED: Final = 1 << 0
NON_ACTUATED_1: Final = 1 << 3
NON_ACTUATED_2: Final = 1 << 4
NON_LOCK: Final = 1 << 5
MIN_RECALL: Final = 1 << 6
MAX_RECALL: Final = 1 << 7
PED_RECALL: Final = 1 << 8
SOFT_RECALL: Final = 1 << 9
DUAL_ENTRY: Final = 1 << 10
SIMULTANEOUS_GAP_DISABLE: Final = 1 << 11
REST_IN_WALK: Final = 1 << 13
"""Bits of `phaseOptions` that this cabinet knows."""

MAXIMA: Final[Mapping[str, int]] = {"maximum1": 0, "maximum2": 1, "maximum3": 2}
"""Maximum modes that name one of the maximum greens."""


class Recall(Enum):
    """What calls a phase for vehicles without any vehicle."""

    NONE = "none"
    SOFT = "soft"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


SPLIT_MODE_RECALLS: Final[Mapping[str, Recall]] = {
    "minimumVehicleRecall": Recall.MINIMUM,
    "maximumVehicleRecall": Recall.MAXIMUM,
    "maximumVehicleAndPedestrianRecall": Recall.MAXIMUM,
    "nonActuated": Recall.MAXIMUM,
}
PEDESTRIAN_SPLIT_MODES: Final = frozenset(
    {"pedestrianRecall", "maximumVehicleAndPedestrianRecall", "nonActuated"}
)


@dataclass(frozen=True, slots=True)
class PhaseTiming:
    """How one phase is timed while a program runs.

    Attributes
    ----------
    recall
        What calls it for vehicles.
    pedestrian_recall
        Whether pedestrians are served whenever it is; never where nobody walks.
    passage_ds
        Green after the last vehicle has left its detector, in tenths of a second.
    maximum_ds
        The maximum greens 1, 2 and 3, in tenths of a second.
    limit
        Which of them is in effect, from 0; None where maxima are inhibited.
    min_green_ds, walk_ds, ped_clear_ds
        What it must show; the last two matter only when pedestrians are served.
    locking
        Whether a call that comes outside its green is remembered.
    dual_entry
        Whether it is served beside another ring's phase although nobody calls it.
    keeps_gap
        Whether, once gapped out, it stays so while it waits for another ring.
    rests_in_walk
        Whether Walk lasts for as long as the green can.
    non_actuated
        Bit mask of the calls to non-actuated operation, 1 and 2, that it answers.
    """

    recall: Recall
    pedestrian_recall: bool
    passage_ds: int
    maximum_ds: tuple[int, int, int]
    limit: int | None
    min_green_ds: int
    walk_ds: int
    ped_clear_ds: int
    locking: bool
    dual_entry: bool
    keeps_gap: bool
    rests_in_walk: bool
    non_actuated: int

    @property
    def least_recalled_ds(self) -> int:
        """Least green of every service: with the pedestrians if they are always served."""
        if not self.pedestrian_recall:
            return self.min_green_ds
        return max(self.min_green_ds, self.walk_ds + self.ped_clear_ds)

    @property
    def fixed(self) -> bool:
        """Whether its green depends on nobody: vehicles and pedestrians are always recalled."""
        recalled = self.recall is Recall.MAXIMUM
        return recalled and (self.pedestrian_recall or not self.walk_ds)


def read_timing(store: ObjectStore, phase: Phase, split_row: int, limit: int | None) -> PhaseTiming:
    """Read how a phase is timed.

    Parameters
    ----------
    store
        The tables.
    phase
        The phase.
    split_row
        Row of the split table whose modes apply; 0 for none.
    limit
        Which maximum green is in effect, from 0; None while maxima are inhibited.
    """
    number = phase.number
    options = store.number("phaseOptions", number)
    mode = split_mode(store, split_row, number)
    recall = Recall.NONE
    for bit, kind in (
        (SOFT_RECALL, Recall.SOFT),
        (MIN_RECALL, Recall.MINIMUM),
        (MAX_RECALL, Recall.MAXIMUM),
    ):
        recall = kind if options & bit else recall
    walks = phase.walk_s > 0
    return PhaseTiming(
        recall=SPLIT_MODE_RECALLS.get(mode, recall),
        pedestrian_recall=walks and recalls_pedestrians(store, split_row, number),
        passage_ds=store.number("phasePassage", number),
        maximum_ds=_maxima_ds(store, number),
        limit=limit,
        min_green_ds=phase.min_green_s * TENTHS_PER_SECOND,
        walk_ds=phase.walk_s * TENTHS_PER_SECOND,
        ped_clear_ds=phase.ped_clear_s * TENTHS_PER_SECOND,
        locking=not options & NON_LOCK,
        dual_entry=bool(options & DUAL_ENTRY),
        keeps_gap=bool(options & SIMULTANEOUS_GAP_DISABLE),
        rests_in_walk=walks and bool(options & REST_IN_WALK),
        non_actuated=bool(options & NON_ACTUATED_1) | bool(options & NON_ACTUATED_2) << 1,
    )


def split_mode(store: ObjectStore, split_row: int, number: int) -> str:
    """Return the split mode of a phase by name; ``none`` without a split row."""
    return store.meaning("splitMode", split_row, number) if split_row else "none"


def recalls_pedestrians(store: ObjectStore, split_row: int, number: int) -> bool:
    """Tell whether the pedestrians of a phase, if there are any, are served in every green."""
    options = store.number("phaseOptions", number)
    return bool(options & PED_RECALL) or (
        split_mode(store, split_row, number) in PEDESTRIAN_SPLIT_MODES
    )


def enabled(store: ObjectStore, number: int, over: Mapping[Oid, Content]) -> bool:
    """Tell whether a phase is in use at all."""
    return bool(store.number("phaseOptions", number, over=over) & ENABLED)


def least_split_s(store: ObjectStore, phasing: Phasing, split_row: int, number: int) -> int:
    """Return the least split of a phase, in whole seconds.

    A pedestrian phase that waits for its button counts only the minimum green, as NTCIP 1202
    clause 5.5.9.3 has it.
    """
    phase = phasing.phase(number)
    if recalls_pedestrians(store, split_row, number):
        return phase.min_split_s
    return phase.min_green_s - -phase.clearance_ds // TENTHS_PER_SECOND


def longest_split_s(store: ObjectStore, phasing: Phasing, number: int) -> int:
    """Return the split of a phase that lasts for its maximum green 1, in whole seconds."""
    phase = phasing.phase(number)
    green_s = max(store.number("phaseMaximum1", number), phase.least_green_s)
    return green_s + ceil(phase.clearance_s)


def maximum_in_effect(store: ObjectStore, pattern: int) -> int | None:
    """Return which maximum green a pattern keeps, from 0; None if it inhibits them."""
    name = store.meaning("coordMaximumMode")
    if store.holds("patternOptions", pattern):
        own = store.meaning("patternOptions", pattern)
        name = name if own == "coordMaximumMode" else own
    return MAXIMA.get(name)


def _maxima_ds(store: ObjectStore, number: int) -> tuple[int, int, int]:
    """Return the maximum greens; the older edition's third is its second."""
    second = store.number("phaseMaximum2", number)
    third = "phaseMaximum3"
    most = store.number(third, number) if store.holds(third, number) else second
    first_ds = store.number("phaseMaximum1", number) * TENTHS_PER_SECOND
    return first_ds, second * TENTHS_PER_SECOND, most * TENTHS_PER_SECOND
