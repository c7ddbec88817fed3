"""Who is told: the journal and a person; neither may stop the service."""

from __future__ import annotations

import logging
from collections.abc import Callable

from controllers.keeping import Tally
from controllers.receipt import Clock, Journal, event
from network.errors import ThroughbandError

_log = logging.getLogger(__name__)


class Teller:
    """Tells the journal and a person.

    Parameters
    ----------
    journal, alert
        Keeps an event; tells a person. Both may fail, which is told and survived.
    clock
        The present for the record.
    tally
        Where to count alerts.
    """

    def __init__(
        self, journal: Journal, alert: Callable[[str], None], clock: Clock, tally: Tally
    ) -> None:
        self._journal = journal
        self._alert = alert
        self._clock = clock
        self._tally = tally

    def record(self, what: str, **details: object) -> bool:
        """Record an event; return whether that succeeded."""
        try:
            self._journal(event(what, self._clock(), **details))
        except (ThroughbandError, OSError) as error:
            self.tell(f"{what!r} could not be recorded: {error}")
            return False
        return True

    def tell(self, text: str) -> None:
        """Tell a person."""
        self._tally.alerts += 1
        _log.warning("%s", text)
        try:
            self._alert(text)
        except (ThroughbandError, OSError) as error:
            _log.warning("nobody could be alerted: %s", error)
