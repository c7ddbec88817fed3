"""What a controller shows, as adaptive control wants to know it: stages, greens and waits.

A controller tells phases and no times; the times are counted here from one look to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.ntcip.phase_status import PhaseReport
from engine.adaptive.control import Site
from engine.adaptive.player import customers


class Mirror:
    """One signal as its controller tells of it; a `Shown` for `engine.adaptive.sensing.Sensors`.

    Parameters
    ----------
    site
        The signal.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = {frozenset(stage.phases): row for row, stage in enumerate(site.stages)}
        self._customers = customers(site)
        self._red_s = [0.0] * len(self._customers)
        self._seen_s: float | None = None
        self._green_since_s: float | None = None
        self._clearing_until_s: float | None = None
        self._now_s = 0.0
        self._stage = site.sequence[0]

    @property
    def stage(self) -> int:
        """Row of the stage that is green or that the running clearance leads to."""
        return self._stage

    @property
    def green_s(self) -> float:
        """Green of that stage as far as it was seen, s."""
        return 0.0 if self._green_since_s is None else self._now_s - self._green_since_s

    @property
    def clearing_s(self) -> float:
        """What is left of the running clearance by its planned length, s."""
        if self._clearing_until_s is None:
            return 0.0
        # A clearance that lasts longer than planned still has a moment to go.
        return max(0.1, self._clearing_until_s - self._now_s)

    @property
    def may_leave(self) -> bool:
        """Whether no clearance runs and the least green is over."""
        least_s = self._site.stages[self._stage].least_green_s
        return self._clearing_until_s is None and self.green_s >= least_s

    def waiting_s(self) -> list[float]:
        """Return per stop lane the longest red that any of its ways has now, s."""
        waits = [0.0] * len(self._site.lanes)
        for (row, _), red_s in zip(self._customers, self._red_s, strict=True):
            waits[row] = max(waits[row], red_s)
        return waits

    def forced(self, called: Sequence[bool] | None = None) -> int | None:
        """Return nothing: it is the controller that forces, and by its plan."""
        return None

    def see(self, now_s: float, report: PhaseReport) -> bool:
        """Take in what the controller shows; tell whether it is a stage we know.

        Parameters
        ----------
        now_s
            The street's clock.
        report
            What it showed then.
        """
        row = self._rows.get(report.committed)
        if row is None:
            self._stay(now_s)
            return False
        clearing = report.on != report.green
        self._move(now_s, row, clearing=clearing)
        return True

    def presume(self, now_s: float, stage: int) -> None:
        """Take a stage for granted that the controller, which does not answer, shows by plan."""
        self._move(now_s, stage, clearing=False)

    def _move(self, now_s: float, row: int, *, clearing: bool) -> None:
        before = self._stage
        if clearing:
            if self._clearing_until_s is None or row != before:
                pair = (before, row)
                known = pair in self._site.clearances
                self._clearing_until_s = now_s + (self._site.clearance_s(*pair) if known else 0.0)
            self._green_since_s = None
        else:
            if self._green_since_s is None or row != before:
                self._green_since_s = now_s
            self._clearing_until_s = None
        self._stage = row
        self._stay(now_s)

    def _stay(self, now_s: float) -> None:
        """Let time pass: whoever has no green waits."""
        passed_s = 0.0 if self._seen_s is None else max(0.0, now_s - self._seen_s)
        self._seen_s = self._now_s = now_s
        for k, (_, served) in enumerate(self._customers):
            green = self._stage in served and self._clearing_until_s is None
            self._red_s[k] = 0.0 if green else self._red_s[k] + passed_s
