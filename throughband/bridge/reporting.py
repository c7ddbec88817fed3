"""What the running bridge tells of itself to whoever looks, and whether it still does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from controllers.service import Service
from network.errors import ControllerError
from throughband.bridge.state import StateFolder

_log = logging.getLogger(__name__)

REPORT_S: Final = 5.0
"""Longest time between two reports of a bridge at work, and the shortest where there is no news."""

SILENT_S: Final = 30.0
"""Age of a report from which nobody is taken to watch: six reports are missing."""


class Reporter:
    """Writes what the service saw: at once when that is new, else every `REPORT_S`.

    Parameters
    ----------
    state
        Where to.
    clock
        The street's present, for the record.
    now_s
        Seconds on the wall that never go back: how old a report is, people judge by the wall,
        in a drill too.
    """

    def __init__(
        self, state: StateFolder, clock: Callable[[], datetime], now_s: Callable[[], float]
    ) -> None:
        self._state = state
        self._clock = clock
        self._now_s = now_s
        self._next_s = float("-inf")

    def report(self, service: Service, text: str) -> None:
        """Write the status if it is due; what cannot be written is told, and tried again later."""
        now_s = self._now_s()
        if not service.told_news() and now_s < self._next_s:
            return
        self._next_s = now_s + REPORT_S
        troubles, answers = service.troubles, service.answers
        try:
            self._state.keep_status(
                {
                    "utc": self._clock().isoformat(),
                    "text": text,
                    "signals": {
                        signal: {
                            "pattern": status.pattern if status else None,
                            "control": status.control if status else "not seen yet",
                            "trouble": str(troubles.get(signal, "")),
                            "answered_utc": (
                                answers[signal].isoformat() if signal in answers else None
                            ),
                        }
                        for signal, status in service.statuses.items()
                    },
                }
            )
        except ControllerError as error:
            _log.warning("%s", error)


def unwatched(state: StateFolder, now_s: float) -> str:
    """Tell why nobody watches the street, or nothing while somebody does.

    Parameters
    ----------
    state
        The bridge's.
    now_s
        The present on the wall, s since 1970.
    """
    age_s = state.status_age_s(now_s)
    ago = "" if age_s is None else f", and last reported {_told(age_s)} ago"
    if not state.served:
        called = len(state.calls())
        fall = (
            f" Controllers called: {called}; each falls back to its own schedule when its backup "
            "time ends."
            if called
            else ""
        )
        return f"Nobody watches: 'throughband bridge run' is not running{ago}.{fall}"
    if age_s is not None and age_s > SILENT_S:
        return f"Nobody watches: 'throughband bridge run' is there, but hangs{ago}."
    return ""


def _told(age_s: float) -> str:
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 7200 else f"{age_s / 3600:.0f} h"
