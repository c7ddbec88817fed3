"""What looks at a device come to: its trouble, how long it lasts, and when the next look is due."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from controllers.driver import Status
from controllers.keeping import Finding, Keeping, Periods, gist
from controllers.telling import Teller
from controllers.troubles import CYCLES_TO_STEP, MINOR, Response, Trouble

LONGEST_WAIT_S: Final = 60.0
"""Most time between two looks at a device that does not answer."""


class Notebook:
    """Notes findings and tells of what is new.

    Parameters
    ----------
    periods, table
        How often to look, and what troubles mean.
    teller
        Who is told.
    now
        Seconds that never go back.

    Attributes
    ----------
    changed
        Whether anything has been new.
    """

    def __init__(
        self,
        periods: Periods,
        table: Mapping[Trouble, Response],
        teller: Teller,
        now: Callable[[], float],
    ) -> None:
        self._periods = periods
        self._table = table
        self._teller = teller
        self._now = now
        self.changed = True

    def note(self, keeping: Keeping, finding: Finding) -> None:
        """Note a finding: what is wrong, since how many looks, and when to look again."""
        call, now_s = keeping.call, self._now()
        watch_s = self._periods.watch_of(call.backup_time_s)
        if finding.status is not None:
            self.changed = self.changed or gist(keeping.status) != gist(finding.status)
            keeping.status = finding.status
        if finding.refreshed:
            keeping.refreshed_s = now_s
            keeping.next_refresh_s = now_s + self._periods.refresh_of(call.backup_time_s)
        if finding.identified:
            keeping.next_identify_s = now_s + self._periods.identify_s
            self._note_setup(keeping, finding.setup)
        if finding.rows_read and now_s >= keeping.next_rows_s:
            keeping.next_rows_s = now_s + self._periods.rows_s
        trouble = finding.trouble
        detail = finding.detail
        if (trouble is None or trouble in MINOR) and not keeping.arrived:
            late = self._transition(keeping, finding.status, now_s)
            trouble, detail = late if late[0] is not None else (trouble, detail)
        if trouble is not keeping.trouble:
            self.changed = True
            keeping.looks = 0
            if trouble is None and keeping.told is not None:
                self._teller.record(
                    "trouble over", signal=call.signal_id, trouble=str(keeping.told)
                )
                keeping.told = None
        keeping.trouble = trouble
        keeping.looks = min(keeping.looks + 1, 1_000_000) if trouble else 0
        keeping.next_look_s = now_s + watch_s
        if now_s < keeping.next_rows_s < keeping.next_look_s:
            keeping.next_look_s = keeping.next_rows_s
        if trouble is Trouble.SILENT:
            wait_s = min(watch_s * keeping.looks, max(watch_s, LONGEST_WAIT_S))
            keeping.next_look_s = now_s + wait_s
        if trouble is None or keeping.looks < self._table[trouble].looks or keeping.told is trouble:
            return
        keeping.told = trouble
        meaning = self._table[trouble].meaning
        action = self._table[trouble].action
        text = f"{call.where} {meaning} ({detail}): {action}"
        self._teller.record(
            "trouble",
            signal=call.signal_id,
            trouble=str(trouble),
            detail=detail,
            action=str(action),
        )
        self._teller.tell(text)

    def _note_setup(self, keeping: Keeping, text: str) -> None:
        """Tell of a changed setup; under a new call it is our own push that changed it."""
        if text and keeping.met:
            self._teller.record("setup changed", signal=keeping.call.signal_id, detail=text)
            self._teller.tell(f"{keeping.call.where} was changed by somebody: {text}")
        keeping.met = True

    def _transition(
        self, keeping: Keeping, status: Status | None, now_s: float
    ) -> tuple[Trouble | None, str]:
        """Count the cycles until a device is in step."""
        call = keeping.call
        after_s = now_s - keeping.began_s
        cycles = math.ceil(after_s / call.cycle_s) if call.cycle_s else 0
        if status is not None and status.runs(call.pattern):
            keeping.arrived, keeping.recalls = True, 0
            self._teller.record(
                "in step",
                signal=call.signal_id,
                pattern=call.pattern,
                after_s=round(after_s, 1),
                cycles=cycles,
            )
            return None, ""
        if cycles > CYCLES_TO_STEP:
            return Trouble.NEVER_IN_STEP, f"{cycles} cycles after the call"
        return None, ""
