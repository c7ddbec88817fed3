"""Many controllers' events in one log, with what polling could not see."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

import numpy as np

from controllers.ntcip.events import EventPoller, Gap, PolledEvent
from network.errors import ThroughbandError
from network.readers.hires_events import HiresEvents


@dataclass(slots=True)
class Coverage:
    """How well one controller was seen.

    Attributes
    ----------
    looks, failed
        How often it was looked at, and how often no answer came.
    events
        How many events were told.
    late_s
        Most by which the time of an event may be late, s.
    late_total_s
        Sum of all those bounds, s.
    gaps
        When events may be missing.
    """

    looks: int = 0
    failed: int = 0
    events: int = 0
    late_s: float = 0.0
    late_total_s: float = 0.0
    gaps: list[Gap] = field(default_factory=list)

    def sentence(self, device: str) -> str:
        """Say it."""
        mean_s = self.late_total_s / self.events if self.events else 0.0
        lost_s = sum((gap.end_utc - gap.begin_utc).total_seconds() for gap in self.gaps)
        return (
            f"{device}: {self.events} events of {self.looks} looks ({self.failed} unanswered); "
            f"times are late by at most {mean_s:.2f} s on average and {self.late_s:.2f} s at "
            f"worst; {len(self.gaps)} gaps, {lost_s:.1f} s in all"
        )


class EventRecorder:
    """Looks at controllers side by side and keeps what they tell.

    Parameters
    ----------
    pollers
        By the name the log is to use.
    """

    def __init__(self, pollers: Mapping[str, EventPoller]) -> None:
        self._pollers = dict(pollers)
        self._kept: list[tuple[str, PolledEvent]] = []
        self.coverage = {name: Coverage() for name in self._pollers}

    async def look(self) -> None:
        """Look at every controller once; one that does not answer leaves a gap."""
        await asyncio.gather(*(self._look(name, p) for name, p in self._pollers.items()))

    def take(self) -> HiresEvents:
        """Return the events kept so far, in order of time, and forget them."""
        kept, self._kept = self._kept, []
        kept.sort(key=lambda entry: entry[1].utc)
        return events_of(tuple(self._pollers), kept, self.findings())

    def findings(self) -> tuple[str, ...]:
        """Return how well every controller was seen, a sentence each."""
        return tuple(seen.sentence(name) for name, seen in self.coverage.items())

    async def _look(self, name: str, poller: EventPoller) -> None:
        seen = self.coverage[name]
        seen.looks += 1
        try:
            events = await poller.poll()
        except ThroughbandError:
            # The next answer shows how long the silence was.
            seen.failed += 1
            return
        seen.gaps += poller.gaps
        poller.gaps.clear()
        for event in events:
            self._kept.append((name, event))
            seen.events += 1
            seen.late_s = max(seen.late_s, event.late_s)
            seen.late_total_s += event.late_s


def events_of(
    devices: Sequence[str], events: Sequence[tuple[str, PolledEvent]], findings: tuple[str, ...]
) -> HiresEvents:
    """Return polled events as a log.

    Parameters
    ----------
    devices
        Names of all controllers.
    events
        Name and event, in order of time.
    findings
        What a reader of the log must know.
    """
    place = {name: at for at, name in enumerate(devices)}
    stamps = [event.utc.astimezone(UTC).replace(tzinfo=None) for _, event in events]
    return HiresEvents(
        tuple(devices),
        np.array(stamps, dtype="datetime64[us]"),
        np.array([place[name] for name, _ in events], dtype=np.int32),
        np.array([event.code for _, event in events], dtype=np.int32),
        np.array([event.parameter for _, event in events], dtype=np.int32),
        findings,
    )
