"""One signal in a network file: phases, clearances of its own, and the plan in force."""

from __future__ import annotations

from collections.abc import Mapping

from network.errors import FormatError, PlanError, TopologyError
from network.fields import Fields, place_in, tenths_of
from network.graph import Movement, Signal
from network.phasing import ASPECTS, Interval, Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND

FARTHEST_M = 1e9
LONGEST_S = 3600
MOST_PHASES = 255
"""Limits against slips of the pen, not opinions on streets."""

_SIGNAL_KEYS = (
    "signal_id",
    "x_m",
    "y_m",
    "program_id",
    "exact",
    "left_alone",
    "plan_in_force",
    "phases",
    "clearances",
)
_PLAN_KEYS = (
    "cycle_s",
    "offset_s",
    "offset_reference",
    "coordinated_phase",
    "sequence",
    "splits_s",
)
_PHASE_KEYS = (
    "phase",
    "ring",
    "barrier",
    "aspects",
    "min_green_s",
    "yellow_s",
    "red_clear_s",
    "walk_s",
    "ped_clear_s",
)


def signal_document(signal: Signal) -> dict[str, object]:
    """Return a signal as a document holds it; its movements are in a table of their own."""
    plan, phasing = signal.plan_in_force, signal.phasing
    return {
        "signal_id": signal.signal_id,
        "x_m": float(signal.x_m),
        "y_m": float(signal.y_m),
        "program_id": signal.program_id,
        "exact": signal.exact,
        "left_alone": signal.left_alone,
        "plan_in_force": plan
        and {
            "cycle_s": plan.cycle_s,
            "offset_s": plan.offset_s,
            "offset_reference": str(plan.offset_reference),
            "coordinated_phase": plan.coordinated_phase,
            "sequence": list(plan.sequence),
            "splits_s": list(plan.splits_s),
        },
        "phases": [
            {
                "phase": phase.number,
                "ring": phase.ring,
                "barrier": phase.barrier,
                "aspects": phase.aspects,
                "min_green_s": phase.min_green_s,
                "yellow_s": phase.yellow_ds / TENTHS_PER_SECOND,
                "red_clear_s": phase.red_clear_ds / TENTHS_PER_SECOND,
                "walk_s": phase.walk_s,
                "ped_clear_s": phase.ped_clear_s,
            }
            for phase in (phasing.phases if phasing else ())
        ],
        "clearances": [
            {
                "from": ending,
                "to": starting,
                "shows": [[i.aspects, i.duration_ds / TENTHS_PER_SECOND] for i in intervals],
            }
            for (ending, starting), intervals in (
                phasing.fixed_clearances.items() if phasing else ()
            )
        ],
    }


def read_signal(item: object, where: str, movements: Mapping[str, list[Movement]]) -> Signal:
    """Take a signal from a document.

    Parameters
    ----------
    item
        As `signal_document` makes it.
    where
        What to name in a message.
    movements
        The movements of every signal.

    Raises
    ------
    FormatError
        If a value is not as allowed, or phases, clearances, plan and movements do not fit.
    """
    found = Fields.of(item, place_in(where), FormatError, _SIGNAL_KEYS)
    signal_id = found.text("signal_id")
    where = f"{where} ({signal_id!r})"
    found = Fields(found.values, place_in(where), FormatError)
    mine = tuple(movements.get(signal_id, ()))
    phasing = _phasing(found, where)
    reason = found.prose("left_alone")
    if phasing is None and not reason:
        raise FormatError(f"{where}: neither phases nor a reason to leave it alone")
    if phasing is not None:
        for connection in (c for movement in mine for c in movement.connections):
            if any(group >= phasing.group_count for group in connection.groups):
                raise FormatError(
                    f"{where}: connection {connection.connection_id!r} listens to groups "
                    f"{list(connection.groups)}; its phases show {phasing.group_count}"
                )
    return Signal(
        signal_id,
        found.number("x_m", -FARTHEST_M, FARTHEST_M),
        found.number("y_m", -FARTHEST_M, FARTHEST_M),
        mine,
        phasing,
        _plan_in_force(found.values["plan_in_force"], signal_id, phasing, where),
        found.flag("exact"),
        found.text("program_id", empty=True),
        reason,
    )


def _phasing(signal: Fields, where: str) -> Phasing | None:
    phases: list[Phase] = []
    try:
        for at, item in enumerate(signal.items("phases"), start=1):
            found = Fields.of(item, place_in(f"{where}, phase {at}"), FormatError, _PHASE_KEYS)
            phases.append(
                Phase(
                    found.whole("phase", 1, MOST_PHASES),
                    found.text("aspects"),
                    found.whole("min_green_s", 1, LONGEST_S),
                    found.tenths("yellow_s", 0, LONGEST_S * TENTHS_PER_SECOND),
                    found.tenths("red_clear_s", 0, LONGEST_S * TENTHS_PER_SECOND),
                    found.whole("ring", 1, MOST_PHASES),
                    found.whole("barrier", 1, MOST_PHASES),
                    found.whole("walk_s", 0, LONGEST_S),
                    found.whole("ped_clear_s", 0, LONGEST_S),
                )
            )
        clearances = [_clearance(item, where) for item in signal.items("clearances")]
        fixed = dict(clearances)
        if len(fixed) != len(clearances) or (fixed and not phases):
            raise FormatError(f"{where}: a clearance is given twice, or for no phases at all")
        if not phases:
            return None
        phasing = Phasing(tuple(phases), fixed)
    except TopologyError as error:
        raise FormatError(f"{where}: {error}") from error
    for pair, intervals in fixed.items():
        if any(len(interval.aspects) != phasing.group_count for interval in intervals):
            raise FormatError(
                f"{where}: clearance {pair[0]}-{pair[1]} does not show {phasing.group_count} "
                "signal groups"
            )
    return phasing


def _clearance(item: object, where: str) -> tuple[tuple[int, int], tuple[Interval, ...]]:
    found = Fields.of(item, place_in(f"{where}, clearance"), FormatError, ("from", "to", "shows"))
    intervals: list[Interval] = []
    for shows in found.items("shows"):
        pair = shows if type(shows) is list and len(shows) == 2 else (None, None)
        aspects, duration_ds = pair[0], tenths_of(pair[1], 1, LONGEST_S * TENTHS_PER_SECOND)
        if type(aspects) is not str or set(aspects) - ASPECTS or duration_ds is None:
            raise found.refusal("shows", "are pairs of aspects and s, in tenths above zero")
        intervals.append(Interval(aspects, duration_ds))
    pair_of = found.whole("from", 1, MOST_PHASES), found.whole("to", 1, MOST_PHASES)
    return pair_of, tuple(intervals)


def _plan_in_force(
    item: object, signal_id: str, phasing: Phasing | None, where: str
) -> TimingPlan | None:
    if item is None:
        return None
    where = f"{where}, plan in force"
    found = Fields.of(item, place_in(where), FormatError, _PLAN_KEYS)
    try:
        plan = TimingPlan(
            signal_id,
            found.whole("cycle_s", 1, LONGEST_S),
            found.wholes("sequence", 1, MOST_PHASES),
            found.wholes("splits_s", 0, LONGEST_S),
            found.whole("offset_s", 0, LONGEST_S),
            found.whole("coordinated_phase", 1, MOST_PHASES),
            OffsetReference(found.choice("offset_reference", OffsetReference)),
        )
        if phasing is None:
            raise FormatError(f"{where}: its phases are not given")
        shown_ds = sum(interval.duration_ds for interval in plan.intervals(phasing))
    except (PlanError, TopologyError) as error:
        raise FormatError(f"{where}: {error}") from error
    if shown_ds != plan.cycle_s * TENTHS_PER_SECOND:
        raise FormatError(
            f"{where}: its splits last {shown_ds / TENTHS_PER_SECOND:g} s, its cycle "
            f"{plan.cycle_s} s"
        )
    return plan
