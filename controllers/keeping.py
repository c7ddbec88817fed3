"""What the service remembers and how often it looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from controllers.calls import Call
from controllers.driver import Status
from controllers.troubles import Trouble

REFRESH_SHARE: Final = 0.25
"""Share of the backup time after which a call is repeated. The standard's advice is a third; a
quarter leaves a twelfth for a busy network before the third is reached."""

IDENTIFY_S: Final = 600.0
"""How often a device is asked who it is."""

ROWS_S: Final = 300.0
"""How often the rows of a called pattern are read again. A device of SNMPv1 or v2c stores a late
copy of a SET without a word; only reading again sees it, so this bounds how long it may run."""

FIRST_ROWS_S: Final = 5.0
"""How long after a call its rows are first read again: copies come while the lines are bad."""


class Book(Protocol):
    """Where the calls are kept, shared with whoever pushes and withdraws."""

    def calls(self) -> Mapping[str, Call]:
        """Return by signal what we call now."""
        ...

    def drop(self, signals: Collection[str]) -> None:
        """Forget calls that are ended."""
        ...


@dataclass(frozen=True, slots=True)
class Periods:
    """How often things are done, in s.

    Attributes
    ----------
    refresh_s, watch_s
        Between repetitions of a call, and between looks; None takes `REFRESH_SHARE` of the
        device's backup time. Neither may reach beyond that.
    identify_s
        Between comparisons of identity.
    rows_s
        Between comparisons of rows.
    """

    refresh_s: float | None = None
    watch_s: float | None = None
    identify_s: float = IDENTIFY_S
    rows_s: float = ROWS_S

    def refresh_of(self, backup_time_s: int) -> float:
        """Return the time between two repetitions at a device."""
        share_s = backup_time_s * REFRESH_SHARE
        return min(share_s, self.refresh_s) if self.refresh_s else share_s

    def watch_of(self, backup_time_s: int) -> float:
        """Return the time between two looks at a device."""
        refresh_s = self.refresh_of(backup_time_s)
        return min(refresh_s, self.watch_s) if self.watch_s else refresh_s


@dataclass(slots=True)
class Keeping:
    """What is remembered of one device under our call; times in s of the service's clock.

    A call that was adopted counts as refreshed at that moment: should the device call nothing
    then, somebody may have released it while no bridge ran, and it is not called again. It is met
    once its identity has been compared under this call.
    """

    call: Call
    next_look_s: float
    next_refresh_s: float
    next_identify_s: float
    next_rows_s: float
    began_s: float
    refreshed_s: float
    trouble: Trouble | None = None
    looks: int = 0
    told: Trouble | None = None
    arrived: bool = False
    recalls: int = 0
    handed_back: bool = False
    met: bool = False
    status: Status | None = None
    answered_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at a device found and did."""

    trouble: Trouble | None
    detail: str = ""
    status: Status | None = None
    refreshed: bool = False
    identified: bool = False
    rows_read: bool = False
    setup: str = ""


@dataclass(slots=True)
class Tally:
    """What the service did since it began."""

    turns: int = 0
    looks: int = 0
    refreshes: int = 0
    alerts: int = 0


def gist(status: Status | None) -> tuple[object, ...]:
    """Return what of a status does not change by itself every second."""
    if status is None:
        return ()
    return (status.pattern, status.called_pattern, status.control, status.free_reason, status.flash)
