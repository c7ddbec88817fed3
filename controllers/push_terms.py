"""What a push keeps to, beyond its release."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from controllers.acquaintance import Profiles
from controllers.rollback import Pause
from controllers.steps import MostSteps
from controllers.together import MOST_AT_ONCE

MOST_SPREAD_S: Final = 10.0
"""Most time between the first and the last device taking its call."""


def _never() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class PushTerms:
    """What a push keeps to, beyond its release.

    Attributes
    ----------
    at_utc
        When to activate all together; None for as soon as all are written.
    most_spread_s
        Most time between the first and the last device taking its call; also how late the calls
        may begin after a named time. Beyond it all is taken back.
    most_at_once
        Devices spoken to at a time.
    ours
        By signal, the pattern that this bridge calls; any other call is somebody else's and the
        push is refused. None does not ask.
    most_steps
        How far the timing may move from the running pattern.
    profiles
        What is known of the devices: another device at an address is refused, other limits are
        told. None neither asks nor keeps.
    on_record
        By signal, the address at which our own record says that we have written before: only
        there is a transaction that stays open and quiet taken for ours and closed.
    permanent
        Also point each device's own time base at the pattern, so that it stays without us.
    stop
        Returns why to stop, or nothing; asked between the stages and while waiting.
    pause
        Lets seconds pass.
    ordered_by
        Who ordered the push, for the record; empty where nobody says so.
    """

    at_utc: datetime | None = None
    most_spread_s: float = MOST_SPREAD_S
    most_at_once: int = MOST_AT_ONCE
    ours: Mapping[str, int] | None = None
    most_steps: MostSteps = field(default_factory=MostSteps)
    profiles: Profiles | None = None
    on_record: Mapping[str, str] = field(default_factory=dict)
    permanent: bool = False
    stop: Callable[[], str] = _never
    pause: Pause = asyncio.sleep
    ordered_by: str = ""
