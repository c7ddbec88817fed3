"""The conflict monitor of several rings: what each lamp may do beside the others.

Where rings run side by side there are too many lawful pictures to list, so this monitor does as
a malfunction management unit does: it watches channels. It knows which may be lit together, and
for each how long a green, a yellow and the red before a conflicting green last at least. It
shares nothing with the lamp engine but the phasing, and once tripped it stays tripped.

Limits of a channel are the least of all phases that serve it, so a signal with one short
yellow is watched less closely there; the monitor of a single ring knows every picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controllers.emulator.monitor import ConflictMonitor, pictures
from network.phasing import ASPECTS, GREEN_ASPECTS, Interval, Phase, Phasing
from network.units import TENTHS_PER_SECOND

LIT = GREEN_ASPECTS | {"y"}
UNKNOWN_DS = 10**9
"""Age of what was shown when watching began: long enough for every limit."""


@dataclass(slots=True)
class _Channel:
    """A signal group: its limits, and since when it shows what it shows."""

    least_green_ds: int
    least_yellow_ds: int
    least_red_ds: int
    green_ds: int = UNKNOWN_DS
    yellow_ds: int = UNKNOWN_DS
    dark_ds: int = UNKNOWN_DS


class ChannelMonitor:
    """Watches one signal of several rings.

    Parameters
    ----------
    phasing
        The phases and their clearances.
    aspects
        What is shown when watching begins.
    """

    def __init__(self, phasing: Phasing, aspects: str) -> None:
        self._channels = [_channel(phasing, group) for group in range(phasing.group_count)]
        self._together = _together(phasing)
        self._aspects = aspects
        self._since_ds = 0
        self.fault = ""
        """What tripped the monitor; nothing while all is well."""

    def watch(self, aspects: str) -> None:
        """Take note of what is shown for this tenth of a second."""
        if self.fault:
            return
        self._since_ds += 1
        if aspects == self._aspects:
            return
        for channel, shown in zip(self._channels, self._aspects, strict=True):
            _grow(channel, shown, self._since_ds)
        self._since_ds = 0
        self.fault = self._problem(aspects)
        for channel, before, now in zip(self._channels, self._aspects, aspects, strict=True):
            _restart(channel, before, now)
        self._aspects = aspects

    def _problem(self, aspects: str) -> str:
        """Say what is wrong with a picture that follows the present one."""
        if set(aspects) - ASPECTS:
            return f"{aspects} is no picture"
        lit = [group for group, aspect in enumerate(aspects) if aspect in LIT]
        for group in lit:
            against = next((other for other in lit if other not in self._together[group]), None)
            if against is not None:
                return f"{aspects} after {self._aspects}: groups {group} and {against} conflict"
        for group, (before, now) in enumerate(zip(self._aspects, aspects, strict=True)):
            problem = self._change(group, before, now)
            if problem:
                return f"{aspects} after {self._aspects}: group {group} {problem}"
        return ""

    def _change(self, group: int, before: str, now: str) -> str:
        channel = self._channels[group]
        if before in GREEN_ASPECTS and now not in GREEN_ASPECTS:
            if channel.green_ds < channel.least_green_ds:
                return f"is green for {channel.green_ds / TENTHS_PER_SECOND} s only"
            if now != "y" and channel.least_yellow_ds:
                return "ends without yellow"
        if before == "y" and now not in LIT and channel.yellow_ds < channel.least_yellow_ds:
            return f"is yellow for {channel.yellow_ds / TENTHS_PER_SECOND} s only"
        if now in GREEN_ASPECTS and before not in LIT:
            for other, foe in enumerate(self._channels):
                if other in self._together[group] or other == group:
                    continue
                if foe.dark_ds < foe.least_red_ds:
                    return f"is green {foe.dark_ds / TENTHS_PER_SECOND} s after group {other}"
        return ""


def monitor_of(phasing: Phasing, aspects: str) -> ConflictMonitor | ChannelMonitor:
    """Return the monitor that fits a signal, watching from a first picture on."""
    if len(phasing.rings) == 1:
        return ConflictMonitor(phasing, aspects)
    return ChannelMonitor(phasing, aspects)


def _grow(channel: _Channel, shown: str, time_ds: int) -> None:
    """Add the time that a channel has shown an aspect."""
    if shown in GREEN_ASPECTS:
        channel.green_ds += time_ds
    elif shown == "y":
        channel.yellow_ds += time_ds
    else:
        channel.dark_ds += time_ds


def _restart(channel: _Channel, before: str, now: str) -> None:
    """Begin to count what a channel did not show before."""
    if now in GREEN_ASPECTS and before not in GREEN_ASPECTS:
        channel.green_ds = 0
    elif now == "y" and before != "y":
        channel.yellow_ds = 0
    elif now not in LIT and before in LIT:
        channel.dark_ds = 0


def _channel(phasing: Phasing, group: int) -> _Channel:
    serving = [phase for phase in phasing.phases if phase.serves(group)]
    greens = [phase.min_green_s * TENTHS_PER_SECOND for phase in serving]
    yellows, reds = [0] * (not serving), [0] * (not serving)
    for phase in serving:
        for following in (0, *_followers(phasing, phase)):
            run = pictures(phasing, phase.number, following)
            if following and phasing.phase(following).serves(group):
                continue
            yellow_ds = sum(i.duration_ds for i in run if i.aspects[group] == "y")
            yellows.append(yellow_ds)
            reds.append(_dark_at_end_ds(run, group))
    return _Channel(min(greens, default=0), min(yellows, default=0), min(reds, default=0))


def _followers(phasing: Phasing, phase: Phase) -> Iterator[int]:
    for other in phasing.phases:
        if other.ring == phase.ring and other is not phase:
            yield other.number


def _dark_at_end_ds(run: Iterable[Interval], group: int) -> int:
    """Return how long a group has been dark when its clearance is over."""
    dark_ds = 0
    for interval in run:
        dark_ds = 0 if interval.aspects[group] in LIT else dark_ds + interval.duration_ds
    return dark_ds


def _together(phasing: Phasing) -> list[set[int]]:
    """Return for each group the groups that may be lit along with it, itself included."""
    found: list[set[int]] = [{group} for group in range(phasing.group_count)]
    for phase in phasing.phases:
        for other in phasing.phases:
            if other is phase or (other.ring != phase.ring and other.barrier == phase.barrier):
                _admit(found, phase.aspects, other.aspects)
    for (a, b), run in phasing.fixed_clearances.items():
        # What the program in force shows on the way is lawful beside whatever may run there.
        barriers = {phasing.phase(a).barrier, phasing.phase(b).barrier}
        ring = phasing.phase(a).ring
        beside = [p for p in phasing.phases if p.ring != ring and p.barrier in barriers]
        for interval in run:
            _admit(found, interval.aspects, interval.aspects)
            for phase in beside:
                _admit(found, interval.aspects, phase.aspects)
    return found


def _admit(found: list[set[int]], first: str, second: str) -> None:
    lit = [group for group, aspect in enumerate(first) if aspect in LIT]
    beside = [group for group, aspect in enumerate(second) if aspect in LIT]
    for group in lit:
        found[group].update(beside)
    for group in beside:
        found[group].update(lit)
