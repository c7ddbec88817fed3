"""The second checker: plays a plan on a 0.1 s timeline and watches the street.

It shares no code with `network.safety`. It knows a plan, a signal and its phases, runs them
like a controller for some cycles, and judges only what a person with a stopwatch would see.
What the plan in force shows in the same place of the same two phases is tolerated there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from network.errors import PlanError, TopologyError
from network.film import TICKS_PER_S, Film
from network.graph import Signal
from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan

LEAST_YELLOW_TICKS = 30
MOST_YELLOW_TICKS = 60
"""MUTCD 2009, section 4D.26: a yellow change interval lasts 3 to 6 seconds."""
MOST_CYCLE_S = 255
"""NTCIP 1202 patternCycleTime is one octet of seconds."""

LAMP_CHANGES = frozenset(
    {
        *("Gg", "Gy", "Gs"),
        *("gG", "gy", "gs"),
        *("yr", "ys"),
        *("rG", "rg", "rs", "ru"),
        *("sG", "sg", "sr", "su"),
        *("uG", "ug"),
    }
)
"""What a signal group may show before and after; anything else only where it is built so."""

YELLOW, PROTECTED, PERMITTED = ord("y"), ord("G"), ord("g")

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something seen on the street that must not be.

    Attributes
    ----------
    rule
        Short name of the rule.
    signal_id
        The signal.
    time_s
        When it was seen first, in s after the first green of the sequence.
    text
        All of it as one sentence.
    """

    rule: str
    signal_id: str
    time_s: float
    text: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sighting in the making; where built so, the same with no less `ticks` is tolerated.

    Sightings of one rule with equal `place` are the same.
    """

    rule: str
    place: Key
    at: int
    what: str
    ticks: int = 0

    @property
    def key(self) -> Key:
        return self.rule, self.place


def watch(plan: TimingPlan, signal: Signal) -> tuple[Sighting, ...]:
    """Play a plan and return everything unlawful that the street sees.

    Parameters
    ----------
    plan
        The plan.
    signal
        Its signal, with phases and plan in force. To watch many plans of one signal, keep a
        `Watcher`.
    """
    return Watcher(signal).watch(plan)


class Watcher:
    """Watches one signal.

    Parameters
    ----------
    signal
        The signal with its phases and its plan in force.
    tolerant
        Whether what the plan in force shows is tolerated.
    """

    def __init__(self, signal: Signal, *, tolerant: bool = True) -> None:
        self._signal = signal
        plan = signal.plan_in_force
        if signal.phasing is None:
            # Nothing to play, nothing to prepare.
            return
        self._least_yellow = LEAST_YELLOW_TICKS
        self._most_yellow = MOST_YELLOW_TICKS
        self._built: dict[Key, int] = {}
        self._foes = _foe_groups(signal)
        listened = {group for c in signal.connections for group in c.groups}
        self._walkers = frozenset(range(signal.phasing.group_count)) - listened
        today = plan.sequence if plan else [p.number for p in signal.phasing.phases]
        self._walked = {number for number in today if signal.phasing.phase(number).walk_s}
        if plan is None:
            groups = range(signal.phasing.group_count)
            self._due = {g for p in signal.phasing.phases for g in groups if p.serves(g)}
            return
        film = Film(plan, signal.phasing)
        self._due = set(np.flatnonzero(film.green.any(axis=0)).tolist())
        if tolerant:
            yellows = [end - begin for _, begin, end in film.runs(film.lamps == YELLOW)]
            self._least_yellow = min([LEAST_YELLOW_TICKS, *yellows])
            self._most_yellow = max([MOST_YELLOW_TICKS, *yellows])
            self._built = {seen.key: seen.ticks for seen in self._street(film)}

    def watch(self, plan: TimingPlan) -> tuple[Sighting, ...]:
        """Play a plan of this signal; return everything unlawful that the street sees.

        Parameters
        ----------
        plan
            The plan.
        """
        phasing = self._signal.phasing
        if phasing is None or self._signal.left_alone:
            return (self._sighting("not to be retimed", 0, self._signal.left_alone),)
        if plan.signal_id != self._signal.signal_id:
            return (self._sighting("not this signal", 0, f"a plan for {plan.signal_id!r}"),)
        reason = _unplayable(plan, phasing)
        if reason:
            return (self._sighting("cannot be played", 0, reason),)
        try:
            film = Film(plan, phasing)
        except PlanError as error:
            return (self._sighting("cannot be played", 0, str(error)),)
        found = [*self._timing(film), *self._clock(film)]
        found += [
            seen
            for seen in self._street(film)
            if seen.key not in self._built or seen.ticks < self._built[seen.key]
        ]
        first = {seen.key: seen for seen in reversed(found)}
        return tuple(
            self._sighting(seen.rule, seen.at, seen.what)
            for seen in sorted(first.values(), key=lambda seen: seen.at)
        )

    def _sighting(self, rule: str, at: int, what: str) -> Sighting:
        where = f"signal {self._signal.signal_id!r} at {at / TICKS_PER_S} s"
        return Sighting(
            rule, self._signal.signal_id, at / TICKS_PER_S, f"{where}: {rule}: seen {what}"
        )

    def _timing(self, film: Film) -> Iterator[_Seen]:
        """Measure greens of phases, and whether anybody waits for ever."""
        for number, phase in film.phases.items():
            shortest = min(film.greens_of(number))
            if shortest < phase.min_green_s * TICKS_PER_S:
                what = f"{shortest} tenths of phase {number}, whose least is {phase.min_green_s} s"
                yield _Seen("short green", (number, None), 0, what)
            if phase.walk_s and shortest < (phase.walk_s + phase.ped_clear_s) * TICKS_PER_S:
                needed = f"{phase.walk_s} s of walk and {phase.ped_clear_s} s to clear the crossing"
                what = f"{shortest} tenths of phase {number} for {needed}"
                yield _Seen("short walk", (number,), 0, what)
        for group in sorted(self._due):
            if not film.green[:, group].any():
                what = f"no green for group {group} in a whole cycle"
                yield _Seen("endless red", (group,), 0, what)
        for number in sorted(self._walked - film.phases.keys()):
            what = f"nobody walking by phase {number}, which lets people walk today"
            yield _Seen("endless wait to walk", (number,), 0, what)
        for group, begin, end in film.runs(film.green):
            serving = [p.min_green_s for p in film.phases.values() if p.serves(group)]
            least = min(serving, default=0)
            if end - begin < least * TICKS_PER_S:
                what = f"group {group} green for {end - begin} tenths, least is {least} s"
                yield _Seen("short green", (None, group), begin, what)

    def _clock(self, film: Film) -> Iterator[_Seen]:
        """Compare the film with the clock: cycle, offset, and the begin that others rely on."""
        plan, cycle = film.plan, film.plan.cycle_s * TICKS_PER_S
        if not 0 < plan.cycle_s <= MOST_CYCLE_S:
            yield _Seen("cycle", (), 0, f"a cycle of {plan.cycle_s} s")
            return
        events = film.reference_events()
        if not events:
            what = f"phase {plan.coordinated_phase} never serving as reference"
            yield _Seen("offset", (), 0, what)
            return
        if film.cycle != cycle:
            what = f"a picture that comes back after {film.cycle} tenths, not {cycle}"
            yield _Seen("cycle", (), min(film.cycle, cycle), what)
        offset = plan.offset_s * TICKS_PER_S
        # Set the film's clock by the first event; the others must then agree with it.
        clock = offset - events[0]
        for event in events:
            if (event + clock) % cycle != offset:
                what = f"the reference event {(event + clock) % cycle} tenths into the cycle"
                yield _Seen("offset", (plan.coordinated_phase,), event, f"{what}, not {offset}")
        try:
            begin = plan.begin_s(film.phasing) * TICKS_PER_S
        except PlanError as error:
            yield _Seen("offset", (), 0, str(error))
            return
        if clock % cycle != begin:
            what = f"the first green {clock % cycle} tenths into the cycle, announced for {begin}"
            yield _Seen("offset", (), 0, what)

    def _street(self, film: Film) -> Iterator[_Seen]:
        """Watch lamps change; all of this may be built so."""
        yield from self._lamp_changes(film)
        yield from self._yellows(film)
        yield from self._conflicts(film)
        yield from self._red_clearances(film)
        yield from self._traps(film)
        yield from self._walks(film)

    def _walks(self, film: Film) -> Iterator[_Seen]:
        """See how soon after a walk ends somebody else gets green."""
        vehicles = [g for g in range(film.green.shape[1]) if g not in self._walkers]
        soonest: dict[int, tuple[int, int]] = {}
        for group, _, end in film.runs(film.green):
            if group not in self._walkers:
                continue
            going = film.green[end - 1, vehicles]
            for tick in film.changes[film.changes >= end].tolist():
                if (film.green[tick, vehicles] & ~going).any():
                    mine = (tick - end, end)
                    soonest[group] = min(soonest.get(group, mine), mine)
                    break
        for group, (gap, end) in soonest.items():
            what = f"somebody's green {gap} tenths after the walk of group {group} ended"
            yield _Seen("pedestrian clearance", (group,), end, what, gap)

    def _lamp_changes(self, film: Film) -> Iterator[_Seen]:
        for tick in film.changes.tolist():
            for group in np.flatnonzero(film.lamps[tick - 1] != film.lamps[tick]).tolist():
                before, after = chr(film.lamps[tick - 1, group]), chr(film.lamps[tick, group])
                if before + after in LAMP_CHANGES or _regained(film, group, tick):
                    continue
                change = f"{before} to {after}"
                what = f"group {group} going from {change}"
                yield _Seen("order of lamps", (film.pair(tick, group), group, change), tick, what)

    def _yellows(self, film: Film) -> Iterator[_Seen]:
        for group, begin, end in film.runs(film.lamps == YELLOW):
            if _regained(film, group, end):
                continue
            pair = film.pair(begin, group)
            if pair[0] == 0:
                what = f"group {group} yellow although no phase that serves it ended"
                yield _Seen("order of lamps", (group,), begin, what)
                continue
            length, place = end - begin, (pair, group)
            least = max(film.phases[pair[0]].yellow_ds, self._least_yellow)
            if length < least:
                what = f"group {group} yellow for {length} tenths, least is {least}"
                yield _Seen("short yellow", place, begin, what, length)
            if length > self._most_yellow:
                what = f"group {group} yellow for {length} tenths, most is {self._most_yellow}"
                yield _Seen("long yellow", place, begin, what, -length)

    def _conflicts(self, film: Film) -> Iterator[_Seen]:
        at: dict[str, int] = {}
        for tick, picture in film.pictures:
            at.setdefault(picture, tick)
        for picture, tick in at.items():
            going = {
                c.connection_id: c
                for c in self._signal.connections
                if c.groups and {picture[g] for g in c.groups} == {"G"}
            }
            for name, connection in going.items():
                for foe in sorted(connection.foes & going.keys()):
                    what = f"{name} and {foe}, which cross, both with protected green"
                    yield _Seen("conflicting greens", (*sorted((name, foe)),), tick, what)

    def _red_clearances(self, film: Film) -> Iterator[_Seen]:
        ended: dict[int, list[tuple[int, int]]] = {}
        for group, begin, end in film.runs(film.lamps == YELLOW):
            if not _regained(film, group, end):
                ended.setdefault(group, []).append((begin, end))
        for group, start, _ in film.runs(film.lamps == PROTECTED):
            for foe in self._foes.get(group, ()):
                yellows = [yellow for yellow in ended.get(foe, ()) if yellow[0] <= start]
                if not yellows:
                    continue
                begin, end = yellows[-1]
                pair = film.pair(begin, foe)
                if pair[0] == 0:
                    continue
                gap, least = start - end, film.phases[pair[0]].red_clear_ds
                if gap < least:
                    what = (
                        f"group {group} green {gap} tenths after group {foe} ended, least {least}"
                    )
                    yield _Seen("short red clearance", (pair, foe, group), start, what, gap)

    def _traps(self, film: Film) -> Iterator[_Seen]:
        by_name = {c.connection_id: c for c in self._signal.connections}
        for group, begin, _ in film.runs(film.lamps == YELLOW):
            if film.lamps[begin - 1, group] != PERMITTED:
                continue
            scene = film.scene(begin, group)
            pair, onward = (scene.phase, scene.following), scene.end
            for turning in self._signal.connections:
                if group not in turning.groups or onward >= film.ticks:
                    continue
                for foe in sorted(turning.yields_to & by_name.keys()):
                    columns = list(by_name[foe].groups)
                    if columns and film.green[begin - 1 : onward + 1, columns].all():
                        what = f"{turning.connection_id} ending, {foe} going on"
                        place = (pair, turning.connection_id, foe)
                        yield _Seen("yellow trap", place, begin, what)


def _unplayable(plan: TimingPlan, phasing: Phasing) -> str:
    """Say why a plan cannot be put on film; nothing if it can."""
    numbers = (plan.cycle_s, plan.offset_s, plan.coordinated_phase, *plan.sequence, *plan.splits_s)
    if any(type(number) is not int for number in numbers):
        return "values that are not whole numbers"
    if not plan.sequence or len(plan.sequence) != len(plan.splits_s):
        return f"{len(plan.sequence)} phases with {len(plan.splits_s)} splits"
    if len(set(plan.sequence)) != len(plan.sequence):
        return f"a phase served twice in {list(plan.sequence)}"
    if type(plan.offset_reference) is not OffsetReference:
        return f"the offset reference {plan.offset_reference!r}"
    if max(plan.splits_s) > MOST_CYCLE_S:
        return f"a split of {max(plan.splits_s)} s"
    try:
        phases = [phasing.phase(number) for number in plan.sequence]
    except TopologyError as error:
        return str(error)
    standing = [n for p in phases for n in (p.ring, p.barrier, p.walk_s, p.ped_clear_s)]
    if any(type(number) is not int for number in standing):
        return "phases whose ring, barrier or walk is not a whole number"
    lengths = [n for p in phases for n in (p.min_green_s, p.yellow_ds, p.red_clear_ds)]
    if any(type(length) is not int for length in lengths):
        return "phases whose lengths are not whole numbers"
    longest = max(p.yellow_ds + p.red_clear_ds for p in phases)
    if longest > MOST_CYCLE_S * TICKS_PER_S:
        return f"a clearance of {longest} tenths"
    if min(plan.splits_s) < 1:
        return f"a split of {min(plan.splits_s)} s"
    return ""


def _regained(film: Film, group: int, end: int) -> bool:
    """Tell whether another ring gives a group green at the end of its yellow."""
    after_yellow = film.lamps[end - 1, group] == YELLOW
    return len(film.rings) > 1 and bool(after_yellow and film.green[end, group])


def _foe_groups(signal: Signal) -> dict[int, tuple[int, ...]]:
    groups = {c.connection_id: set(c.groups) for c in signal.connections}
    foes: dict[int, set[int]] = {}
    for connection in signal.connections:
        crossing = {g for foe in connection.foes for g in groups.get(foe, ())}
        for group in connection.groups:
            foes.setdefault(group, set()).update(crossing - {group})
    return {group: tuple(sorted(found)) for group, found in foes.items()}
