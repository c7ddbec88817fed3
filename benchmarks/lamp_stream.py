"""An eye on what a signal shows, step by step: lawful or not, with nothing but a stopwatch.

It knows the signal's phases and which ways cross, not the stages, clearances and waits that
adaptive control keeps to, nor any code of them. Where several phases serve a signal group, the
least of their times is what it must keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from network.errors import TopologyError
from network.graph import Signal
from network.phasing import GREEN_ASPECTS
from network.timeline import LAMP_CHANGES
from network.units import TENTHS_PER_SECOND

MOST_KEPT = 20
EPSILON_S = 1e-6
YELLOW, PROTECTED, PERMITTED = "y", "G", "g"


@dataclass(slots=True)
class _Group:
    """A signal group: what must be kept of it, and since when it shows what."""

    least_green_s: float
    yellow_s: float
    red_clear_s: float
    since_s: float = 0.0
    green_since_s: float = -float("inf")
    ended_s: float = -float("inf")
    was: str = ""
    fresh: bool = True
    """Whether what it shows began before the watch."""


@dataclass(slots=True)
class LampStream:
    """Watches one signal.

    Parameters
    ----------
    signal
        With its phases.

    Attributes
    ----------
    steps
        Pictures seen.
    count, found
        How often something was unlawful, and the first of it.
    """

    signal: Signal
    steps: int = 0
    count: int = 0
    found: list[str] = field(default_factory=list)
    _groups: list[_Group] = field(default_factory=list, repr=False)
    _foes: dict[int, frozenset[int]] = field(default_factory=dict, repr=False)
    _lamps: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        phasing = self.signal.phasing
        if phasing is None:
            raise TopologyError(f"signal {self.signal.signal_id!r} has no phases to be judged by")
        for group in range(phasing.group_count):
            serving = [phase for phase in phasing.phases if phase.serves(group)]
            self._groups.append(
                _Group(
                    min((p.least_green_s for p in serving), default=0),
                    min((p.yellow_ds for p in serving), default=0) / TENTHS_PER_SECOND,
                    min((p.red_clear_ds for p in serving), default=0) / TENTHS_PER_SECOND,
                )
            )
        groups = {c.connection_id: c.groups for c in self.signal.connections}
        for c in self.signal.connections:
            crossing = {g for foe in c.foes for g in groups.get(foe, ())}
            for group in c.groups:
                self._foes[group] = self._foes.get(group, frozenset()) | (crossing - {group})

    def look(self, at_s: float, lamps: str) -> None:
        """Take what is shown from this moment on, one aspect per group."""
        self.steps += 1
        if not self._lamps:
            self._begin(at_s, lamps)
        elif lamps != self._lamps:
            changes = list(enumerate(zip(self._lamps, lamps, strict=True)))
            for group, (before, after) in changes:
                if before != after:
                    self._change(at_s, group, before, after, lamps)
            # Once it is known of all groups what has ended.
            for group, (before, after) in changes:
                if after == PROTECTED and before not in GREEN_ASPECTS:
                    self._red_clearance(at_s, group, lamps)
            self._conflicts(at_s, lamps)
        self._lamps = lamps

    def _begin(self, at_s: float, lamps: str) -> None:
        for group, aspect in zip(self._groups, lamps, strict=True):
            group.since_s = at_s
            if aspect in GREEN_ASPECTS:
                group.green_since_s = at_s
        self._conflicts(at_s, lamps)

    def _change(self, at_s: float, number: int, before: str, after: str, lamps: str) -> None:
        group = self._groups[number]
        if before + after not in LAMP_CHANGES:
            self._note(at_s, f"group {number} goes from {before} to {after}")
        lasted_s = at_s - group.since_s
        green_s = at_s - group.green_since_s
        if before in GREEN_ASPECTS and after not in GREEN_ASPECTS:
            if not group.fresh and green_s < group.least_green_s - EPSILON_S:
                least = f"least are {group.least_green_s:g} s"
                self._note(at_s, f"group {number} was green for {green_s:g} s, {least}")
            group.was = before
        if before == YELLOW:
            if not group.fresh and lasted_s < group.yellow_s - EPSILON_S:
                least = f"least are {group.yellow_s:g} s"
                self._note(at_s, f"group {number} was yellow for {lasted_s:g} s, {least}")
            group.ended_s = at_s
            if group.was == PERMITTED:
                self._trap(at_s, number, group.since_s, lamps)
        if after in GREEN_ASPECTS and before not in GREEN_ASPECTS:
            group.green_since_s = at_s
        group.since_s, group.fresh = at_s, False

    def _red_clearance(self, at_s: float, number: int, lamps: str) -> None:
        for foe in sorted(self._foes.get(number, ())):
            if lamps[foe] == YELLOW:
                self._note(at_s, f"group {number} got green while group {foe} was yellow")
                continue
            other = self._groups[foe]
            gap_s = at_s - other.ended_s
            if gap_s < other.red_clear_s - EPSILON_S:
                what = f"group {number} got green {gap_s:g} s after group {foe} ended"
                self._note(at_s, f"{what}, least are {other.red_clear_s:g} s")

    def _trap(self, at_s: float, number: int, yellow_at_s: float, lamps: str) -> None:
        """See whether somebody who waited for a gap lost his green while others kept theirs."""
        by_name = {c.connection_id: c for c in self.signal.connections}
        for turning in self.signal.connections:
            if number not in turning.groups:
                continue
            for foe in sorted(turning.yields_to & by_name.keys()):
                columns = by_name[foe].groups
                going = all(
                    lamps[g] in GREEN_ASPECTS and self._groups[g].green_since_s < yellow_at_s
                    for g in columns
                )
                if columns and going:
                    self._note(at_s, f"{turning.connection_id} ended while {foe} went on")

    def _conflicts(self, at_s: float, lamps: str) -> None:
        going = {
            c.connection_id: c
            for c in self.signal.connections
            if c.groups and all(lamps[g] == PROTECTED for g in c.groups)
        }
        for name, connection in going.items():
            for foe in sorted(connection.foes & going.keys()):
                if name < foe:
                    self._note(at_s, f"{name} and {foe}, which cross, both have protected green")

    def _note(self, at_s: float, what: str) -> None:
        self.count += 1
        if len(self.found) < MOST_KEPT:
            self.found.append(f"{self.signal.signal_id} at {at_s:g} s: {what}")
