"""The rules of what rings show together: conflicting greens, clearance and traps across rings.

Part of `network.safety`, which judges each ring alone before; the instants at which rings change
are laid side by side by `network.concurrency`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from network.concurrency import Lamp, lamps, losses, pictures, tracks
from network.graph import Signal
from network.phasing import GREEN_ASPECTS, SHORTEST_YELLOW_DS
from network.signal_pictures import SignalPictures
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND
from network.violation import Violation, violated


class RingRules:
    """The rules of one signal with several rings.

    Parameters
    ----------
    signal
        The signal with its phases.
    shown
        Its pictures.
    known
        Pairs of connections, by position, that the plan in force shows green together.
    """

    __slots__ = ("_known", "_phases", "_pictures", "_signal")

    def __init__(self, signal: Signal, shown: SignalPictures, known: Set[tuple[int, int]]) -> None:
        self._signal = signal
        self._pictures = shown
        self._known = known
        self._phases = {p.number: p for p in signal.phasing.phases} if signal.phasing else {}

    def check(self, plan: TimingPlan) -> Iterator[Violation]:
        """Yield the rules that a plan breaks, each ring of which alone is sound."""
        assert self._signal.phasing is not None
        rings = tracks(plan, self._signal.phasing)
        told: set[tuple[int, int]] = set()
        for phase, picture in pictures(rings):
            for pair in self._pictures.clashes(picture):
                if pair not in self._known and pair not in told:
                    told.add(pair)
                    names = [self._signal.connections[i].connection_id for i in pair]
                    found = f"{names[0]} and {names[1]}, which cross, protected at once"
                    yield violated(
                        self._signal, "conflicting greens", phase or None, found, "one at a time"
                    )
        seen = {g: lamps(rings, g) for g in range(self._signal.phasing.group_count)}
        yield from self._cleared(seen, plan.cycle_s * TENTHS_PER_SECOND)
        yield from self._trapped(seen, plan.cycle_s * TENTHS_PER_SECOND)

    def _cleared(self, seen: Mapping[int, tuple[Lamp, ...]], cycle_ds: int) -> Iterator[Violation]:
        """Measure yellow and red clearance of groups that several rings speak of."""
        foes: dict[int, set[int]] = {}
        for connection in self._signal.connections:
            for group in connection.groups:
                crossing = self._pictures.groups_of(connection.foes) - {group}
                foes.setdefault(group, set()).update(crossing)
        for group, shown in seen.items():
            for loss in losses(shown):
                if loss.regained:
                    # The arrow's yellow is not the end of going: another ring gives green.
                    continue
                phase, begin_ds, end_ds = loss.phase, loss.yellow_at_ds, loss.end_ds
                least_ds = min(self._phases[phase].yellow_ds, SHORTEST_YELLOW_DS)
                if not end_ds - begin_ds >= least_ds:
                    found = f"{(end_ds - begin_ds) / TENTHS_PER_SECOND} s for group {group}"
                    limit = f"{least_ds / TENTHS_PER_SECOND} s or more"
                    yield violated(self._signal, "yellow change", phase, found, limit)
                red_ds = self._phases[phase].red_clear_ds
                for foe in sorted(foes.get(group, ())):
                    for lamp in seen[foe] if len(seen[foe]) > 1 else ():
                        after_ds = (lamp.begin_ds - begin_ds) % cycle_ds
                        gap_ds = after_ds - (end_ds - begin_ds)
                        if lamp.aspect == "G" and gap_ds < red_ds:
                            found = f"{gap_ds / TENTHS_PER_SECOND} s between groups {group}, {foe}"
                            limit = f"{red_ds / TENTHS_PER_SECOND} s or more"
                            yield violated(self._signal, "red clearance", phase, found, limit)

    def _trapped(self, seen: Mapping[int, tuple[Lamp, ...]], cycle_ds: int) -> Iterator[Violation]:
        """Find drivers who yield and see yellow while those they yield to go on in another ring."""
        by_name = {c.connection_id: c for c in self._signal.connections}
        for turning in self._signal.connections:
            for group in turning.groups:
                for loss in losses(seen[group]):
                    if not loss.permissive:
                        continue
                    phase, begin_ds = loss.phase, loss.yellow_at_ds
                    # What opposes goes on if it is green until the phase's clearance is over.
                    until_ds = begin_ds + self._phases[phase].clearance_ds
                    for foe in sorted(turning.yields_to & by_name.keys()):
                        groups = by_name[foe].groups
                        if groups and all(
                            _green_through(seen[g], begin_ds, until_ds, cycle_ds) for g in groups
                        ):
                            found = f"{turning.connection_id} ends while {foe} goes on"
                            yield violated(
                                self._signal, "yellow trap", phase, found, "both end together"
                            )


def _green_through(shown: tuple[Lamp, ...], begin_ds: int, end_ds: int, cycle_ds: int) -> bool:
    """Tell whether a group is green from one instant to another, over the end of the cycle too."""
    for lamp in shown:
        begins_within = (lamp.begin_ds - begin_ds) % cycle_ds <= end_ds - begin_ds
        goes_on = (begin_ds - lamp.begin_ds) % cycle_ds < lamp.end_ds - lamp.begin_ds
        if lamp.aspect not in GREEN_ASPECTS and (begins_within or goes_on):
            return False
    return True
