"""High-resolution events from polling: what changed between two looks at a controller.

A controller that logs knows to the tenth of a second when something happened. Whoever polls only
knows that it happened between two looks, so every event carries by how much its time may be late,
and nothing is said of what came and went unseen. Codes are those of Sturdevant and others,
"Indiana Traffic Signal Hi Resolution Data Logger Enumerations" (Purdue University, 2012,
doi:10.4231/K4RN35SH).

Not told, because the objects of NTCIP 1202 do not tell it: why a green ended, whether a
transition adds, subtracts or dwells, and when a preempt's input was let go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from controllers.driver import Device
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.profiles import vendor_profile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import Session
from network.readers import hires_events as codes

FASTEST_HZ: Final = 10.0
"""Controllers renew their status ten times a second; asking more often tells nothing new."""

LONGEST_LOOK_S: Final = 1.0
"""Beyond this time between two looks a yellow or a vehicle may have come and gone: a gap."""

SLOW_S: Final = 1.0
"""How often preempts and flash are looked at; they would not fit one message with the rest."""

PER_GROUP: Final = 8

UNNUMBERED: Final = frozenset({0, 254, 255})
"""Values of `coordPatternStatus` that name no row: none, free, flash (NTCIP 1202 v03, 5.5.10)."""

GREEN, YELLOW, CLEARING, RED = "green", "yellow", "red clearance", "red"

_PHASES: Final = (
    "phaseStatusGroupGreens",
    "phaseStatusGroupYellows",
    "phaseStatusGroupPhaseOns",
    "phaseStatusGroupWalks",
    "phaseStatusGroupPedClears",
)
_DETECTORS: Final = "vehicleDetectorStatusGroupActive"
_COORDINATION: Final = ("coordPatternStatus", "coordCycleStatus", "localFreeStatus")

LEGS: Final[dict[tuple[str, str], tuple[int, ...]]] = {
    (GREEN, YELLOW): (codes.GREEN_TERMINATION, codes.BEGIN_YELLOW),
    (YELLOW, CLEARING): (codes.END_YELLOW, codes.BEGIN_RED_CLEARANCE),
    (CLEARING, RED): (codes.END_RED_CLEARANCE,),
    # A red clearance shorter than one look.
    (YELLOW, RED): (codes.END_YELLOW, codes.BEGIN_RED_CLEARANCE, codes.END_RED_CLEARANCE),
    (RED, GREEN): (codes.BEGIN_GREEN,),
    (CLEARING, GREEN): (codes.END_RED_CLEARANCE, codes.BEGIN_GREEN),
    (YELLOW, GREEN): (codes.END_YELLOW, codes.BEGIN_GREEN),
    # No yellow was shown, or none was seen: of that nothing is said.
    (GREEN, CLEARING): (codes.GREEN_TERMINATION, codes.BEGIN_RED_CLEARANCE),
    (GREEN, RED): (codes.GREEN_TERMINATION,),
}
"""Events of a phase between two looks; any other pair is a start in the middle."""

PREEMPTS: Final[dict[str, tuple[int, ...]]] = {
    "notActiveWithCall": (102,),
    "entryStarted": (105,),
    "trackService": (106,),
    "dwell": (107,),
    "linkActive": (108,),
    "maxPresence": (110,),
    "exitStarted": (111,),
}
PREEMPT_CALL_ENDS: Final = 104
BEGIN_WALK, BEGIN_PED_CLEARANCE, BEGIN_DONT_WALK = 21, 22, 23
COORDINATION_FREE, COORDINATION_IN_STEP = 0, 1
FLASH_CHANGE: Final = 173


@dataclass(frozen=True, slots=True)
class PolledEvent:
    """One event, as far as polling can tell.

    Attributes
    ----------
    utc
        When it had been seen, on our clock, aware; it did not happen later.
    code, parameter
        As in the Indiana enumerations.
    late_s
        By how much `utc` may be late: the time since the look that did not see it yet.
    """

    utc: datetime
    code: int
    parameter: int
    late_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody looked, or no answer came; aware."""

    begin_utc: datetime
    end_utc: datetime


@dataclass(slots=True)
class _Look:
    """What one look saw."""

    asked_utc: datetime
    phases: dict[int, str] = field(default_factory=dict)
    walks: dict[int, int] = field(default_factory=dict)
    detectors: dict[int, bool] = field(default_factory=dict)
    pattern: int | None = None
    cycle_left_s: int | None = None
    free: bool | None = None


class EventPoller:
    """Follows one controller.

    Parameters
    ----------
    device
        The controller.
    session
        An open session with it.
    clock
        The present; events are stamped with it, not with the device's own clock.
    longest_look_s
        Longest time between two looks that is not a gap, s.
    """

    def __init__(
        self,
        device: Device,
        session: Session,
        clock: Callable[[], datetime],
        longest_look_s: float = LONGEST_LOOK_S,
    ) -> None:
        self._where = f"signal {device.signal_id!r} at {device.address}"
        self._reader = Reader(session, vendor_profile(device.profile), self._where)
        self._clock = clock
        self._longest = timedelta(seconds=longest_look_s)
        self._sizes: tuple[int, int, int] | None = None
        self._last: _Look | None = None
        self._pattern: int | None = None
        self._timing: dict[int, int] = {}
        self._state: int | None = None
        self._slow_utc: datetime | None = None
        self._preempts: dict[int, str] = {}
        self._flash: int | None = None
        self.gaps: list[Gap] = []
        """Times in which events may be missing; whoever keeps them may clear the list."""

    async def poll(self) -> tuple[PolledEvent, ...]:
        """Look once and tell what has changed since the last look, in order of time.

        The first look tells the pattern and its timing, which are states, and nothing else:
        when a green or a vehicle that is already there began, nobody has seen. So does the first
        look after a gap.

        Raises
        ------
        UnreachableError
            No answer; if that lasts, the next look finds a gap.
        RejectedValueError
            An answer that makes no sense.
        """
        sizes = self._sizes or await self._measure()
        look = await self._look(*sizes)
        seen_utc = self._clock()
        found: list[PolledEvent] = []
        last, self._last = self._last, look
        late_s = 0.0
        if last is not None:
            if seen_utc - last.asked_utc > self._longest:
                self.gaps.append(Gap(last.asked_utc, seen_utc))
                last = None
            else:
                late_s = (seen_utc - last.asked_utc).total_seconds()
        if last is not None:
            found += _changed(last, look, seen_utc, late_s)
        found += await self._coordinated(last, look, seen_utc, late_s)
        slow = self._slow_utc
        if slow is None or (seen_utc - slow).total_seconds() >= SLOW_S:
            found += await self._slowly(sizes[2], slow)
        return tuple(found)

    async def _measure(self) -> tuple[int, int, int]:
        found = await self._reader.optional("maxPhases", "maxVehicleDetectors", "maxPreempts")
        phases, detectors, preempts = (count or 0 for count in found.values())
        self._sizes = (-(-phases // PER_GROUP), -(-detectors // PER_GROUP), preempts)
        return self._sizes

    async def _look(self, phase_groups: int, detector_groups: int, _: int) -> _Look:
        cells = [(name, g) for name in _PHASES for g in range(1, phase_groups + 1)]
        cells += [(_DETECTORS, g) for g in range(1, detector_groups + 1)]
        oids = [OBJECTS[name].instance(group) for name, group in cells]
        oids += [await self._reader.oid(name) for name in _COORDINATION]
        look = _Look(self._clock())
        readings = await self._reader.get(oids)
        bits: dict[str, set[int]] = {name: set() for name in (*_PHASES, _DETECTORS)}
        known: dict[str, set[int]] = {name: set() for name in (*_PHASES, _DETECTORS)}
        for (name, group), reading in zip(cells, readings, strict=False):
            if reading is None:
                continue
            mask = self._reader.number(name, reading)
            numbers = range((group - 1) * PER_GROUP + 1, group * PER_GROUP + 1)
            known[name].update(numbers)
            bits[name].update(n for at, n in enumerate(numbers) if mask >> at & 1)
        greens, yellows, ons, walks, clears = (bits[name] for name in _PHASES)
        for number in known[_PHASES[0]] & known[_PHASES[1]]:
            look.phases[number] = (
                GREEN
                if number in greens
                else YELLOW
                if number in yellows
                else CLEARING
                if number in ons
                else RED
            )
        for number in known[_PHASES[3]] & known[_PHASES[4]]:
            look.walks[number] = (
                BEGIN_WALK
                if number in walks
                else BEGIN_PED_CLEARANCE
                if number in clears
                else BEGIN_DONT_WALK
            )
        look.detectors = {n: n in bits[_DETECTORS] for n in known[_DETECTORS]}
        numbers_read = [
            None if reading is None else self._reader.number(name, reading)
            for name, reading in zip(_COORDINATION, readings[len(cells) :], strict=True)
        ]
        look.pattern, look.cycle_left_s, free = numbers_read
        look.free = None if free is None else free != OBJECTS["localFreeStatus"].number("notFree")
        return look

    async def _coordinated(
        self, last: _Look | None, look: _Look, seen_utc: datetime, late_s: float
    ) -> list[PolledEvent]:
        """Tell pattern, timing, free operation and the beginning of local cycles."""
        found = []
        if look.pattern is not None and look.pattern != self._pattern:
            self._pattern = look.pattern
            found.append(PolledEvent(seen_utc, codes.PATTERN_CHANGE, look.pattern, late_s))
            timing = await self._timing_of(look.pattern)
            found += [
                PolledEvent(seen_utc, code, value, late_s)
                for code, value in timing.items()
                if self._timing.get(code) != value
            ]
            self._timing = timing
        if look.free is not None:
            state = COORDINATION_FREE if look.free else COORDINATION_IN_STEP
            # Of coordination that is not free one cannot tell which way it corrects its offset.
            if state != self._state and state == COORDINATION_FREE:
                found.append(PolledEvent(seen_utc, codes.COORDINATION_STATE, state, late_s))
            self._state = state
        if (
            last is not None
            and not look.free
            and last.cycle_left_s is not None
            and look.cycle_left_s is not None
            # It counts down to the local zero, and up only there or in a correction.
            and last.cycle_left_s <= 1 < look.cycle_left_s
            and last.pattern == look.pattern
        ):
            event = PolledEvent(seen_utc, codes.COORDINATION_STATE, codes.LOCAL_ZERO, late_s)
            found.append(event)
        return found

    async def _timing_of(self, pattern: int) -> dict[int, int]:
        """Return the timing of a pattern by event code, whole seconds."""
        if pattern in UNNUMBERED:
            return {}
        names = ("patternCycleTime", "patternOffsetTime", "patternSplitNumber")
        oids = [OBJECTS[name].instance(pattern) for name in names]
        readings = await self._reader.get(oids)
        if any(reading is None for reading in readings):
            return {}
        cycle_s, offset_s, split = (
            self._reader.number(name, reading)
            for name, reading in zip(names, readings, strict=True)
        )
        timing = {codes.CYCLE_CHANGE: cycle_s, codes.OFFSET_CHANGE: offset_s}
        phases = range(1, min(codes.MOST_PHASES, (self._sizes or (0,))[0] * PER_GROUP) + 1)
        splits = await self._reader.get([OBJECTS["splitTime"].instance(split, p) for p in phases])
        for phase, reading in zip(phases, splits, strict=True):
            if reading is not None:
                value = self._reader.number("splitTime", reading)
                timing[codes.FIRST_SPLIT_CHANGE + phase - 1] = value
        return timing

    async def _slowly(self, preempts: int, last_utc: datetime | None) -> list[PolledEvent]:
        """Look at what is looked at less often: preempts and flash."""
        asked_utc = self._clock()
        numbers = range(1, preempts + 1)
        oids = [OBJECTS["preemptState"].instance(n) for n in numbers]
        oids.append(await self._reader.oid("unitFlashStatus"))
        *readings, flash = await self._reader.get(oids)
        seen_utc = self._clock()
        late_s = 0.0 if last_utc is None else (seen_utc - last_utc).total_seconds()
        self._slow_utc = asked_utc
        names = OBJECTS["preemptState"].values
        found = []
        for number, reading in zip(numbers, readings, strict=True):
            if not isinstance(reading, int):
                continue
            now, before = names.get(reading, "other"), self._preempts.get(number)
            self._preempts[number] = now
            if before is None or now == before:
                continue
            events = PREEMPTS.get(now, ())
            if before == "notActiveWithCall" and now == "notActive":
                events = (PREEMPT_CALL_ENDS,)
            found += [PolledEvent(seen_utc, code, number, late_s) for code in events]
        if isinstance(flash, int):
            if self._flash is not None and flash != self._flash:
                found.append(PolledEvent(seen_utc, FLASH_CHANGE, flash, late_s))
            self._flash = flash
        return found


def _changed(last: _Look, look: _Look, seen_utc: datetime, late_s: float) -> Iterator[PolledEvent]:
    """Tell what lamps and detectors did between two looks."""
    for number, now in sorted(look.phases.items()):
        before = last.phases.get(number, now)
        for code in LEGS.get((before, now), ()):
            yield PolledEvent(seen_utc, code, number, late_s)
    for number, code in sorted(look.walks.items()):
        if last.walks.get(number, code) != code:
            yield PolledEvent(seen_utc, code, number, late_s)
    for number, on in sorted(look.detectors.items()):
        if last.detectors.get(number, on) != on:
            code = codes.DETECTOR_ON if on else codes.DETECTOR_OFF
            yield PolledEvent(seen_utc, code, number, late_s)
