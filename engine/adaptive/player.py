"""From wishes to lamps: whatever a controller wants, the street sees only what is lawful.

The player owns yellow and red clearance (of `Site.clearances`), least greens, and the longest
wait: when the customers who have waited could no longer all be served in time, it goes to the
first of them whatever the wish. It is pure: no clock, no street, one step after another.

People on foot may be customers too, called at every crossing all the time. They may ask to wait no
longer than a time of their own; where everybody cannot be served once within it, drivers would lose
their turns to it, and it is as long as that takes. Walk is shown at the begin of a green. Where
their wait ends while their stage is green, walk begins anew in it, and the green stays until they
are across.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from engine.adaptive.control import CLOSED, Site
from network.errors import TopologyError
from network.units import TENTHS_PER_SECOND

LONGEST_WAIT_S: Final = 120.0
"""Longest red for anybody who is there to see it end, s."""


class Player:
    """Shows the stages of one signal.

    Parameters
    ----------
    site
        The signal.
    stage
        Row of the stage that is green at the beginning.
    step_ds
        Length of a step, tenths of a second. Clearance intervals are rounded up to whole steps.
    longest_wait_s
        Longest red of a way whose lane is called, s. Kept as far as least greens and clearances
        allow: a signal that cannot serve all its ways within it serves them in turn.
    walk_wait_s
        Longest time from the end of a walk to the begin of the next, s, kept likewise, at every
        crossing of the site; None where nobody on foot is called, and people walk when a stage of
        theirs is shown. Where everybody cannot be served once within it, it is that time.

    Attributes
    ----------
    walk_wait_s
        What it came to; None where nobody on foot is called.

    Raises
    ------
    TopologyError
        There is a stage that others cannot lawfully lead to.
    """

    def __init__(
        self,
        site: Site,
        stage: int = 0,
        step_ds: int = TENTHS_PER_SECOND,
        longest_wait_s: float = LONGEST_WAIT_S,
        walk_wait_s: float | None = None,
    ) -> None:
        if walk_wait_s is not None and not walk_wait_s > 0:
            raise TopologyError(
                f"signal {site.signal_id!r}: people on foot wait at most {walk_wait_s} s; allowed "
                "is above 0"
            )
        if not 0 <= stage < len(site.stages) or step_ds < 1 or not longest_wait_s > 0:
            raise TopologyError(
                f"signal {site.signal_id!r}: stage {stage} of {len(site.stages)}, a step of "
                f"{step_ds} tenths and a longest wait of {longest_wait_s} s; allowed are a stage "
                "there is, a step of 1 or more, and a wait above 0"
            )
        self.site = site
        self.stage = stage
        self._step_ds = step_ds
        self._longest_ds = longest_wait_s * TENTHS_PER_SECOND
        self._hops = _hops(site)
        self._pending: deque[str] = deque()
        self._green_ds = 0
        self._customers = customers(site)
        self._red_ds = [0] * len(self._customers)
        self.walk_wait_s = None if walk_wait_s is None else max(walk_wait_s, self._everybody_s())
        self._walked_ds = [0 if stage in walk.stages else -1 for walk in site.walks]
        self._dark_ds = [0] * len(site.walks)
        self._before = stage
        self._kept_ds = 0
        self._turn_ds = max(
            (
                sum(self._steps(interval.duration_ds) for interval in shown)
                for shown in site.clearances.values()
            ),
            default=0,
        ) + max(self._steps(s.least_green_s * TENTHS_PER_SECOND) for s in site.stages)

    @property
    def green_s(self) -> float:
        """Green of the stage so far, s."""
        return self._green_ds / TENTHS_PER_SECOND

    @property
    def clearing_s(self) -> float:
        """What is left of the running clearance, s."""
        return len(self._pending) * self._step_ds / TENTHS_PER_SECOND

    @property
    def may_leave(self) -> bool:
        """Whether no clearance runs and the least green is over."""
        return not self._pending and self._green_ds >= self._least_ds

    @property
    def _least_ds(self) -> int:
        """What the green must last, tenths of a second."""
        least_ds = self.site.stages[self.stage].least_green_s * TENTHS_PER_SECOND
        return max(least_ds, self._kept_ds)

    def walking(self) -> list[bool]:
        """Tell, per walk of the site, whether walk was shown in the last step."""
        return [dark_ds == 0 for dark_ds in self._dark_ds]

    def dark_s(self) -> list[float]:
        """Return per walk of the site the time since it was shown last, s."""
        return [dark_ds / TENTHS_PER_SECOND for dark_ds in self._dark_ds]

    def waiting_s(self) -> list[float]:
        """Return per stop lane the longest red that any of its ways has now, s."""
        waits = [0.0] * len(self.site.lanes)
        for (row, _), red_ds in zip(self._customers, self._red_ds, strict=True):
            waits[row] = max(waits[row], red_ds / TENTHS_PER_SECOND)
        return waits

    def forced(self, called: Sequence[bool] | None = None) -> int | None:
        """Return the stage that a longest wait demands now, or None.

        Parameters
        ----------
        called
            Per stop lane, whether somebody is there; everybody by default.
        """
        late = self._late(called)
        if not late:
            return None
        # One more step of the present stage, and then one after the other with least greens.
        at_ds = (
            max(self._step_ds, self._least_ds - self._green_ds) + len(self._pending) * self._step_ds
        )
        first, urgent = self._in_turn(late, self.stage, at_ds, False)
        return first if urgent else None

    def _late(self, called: Sequence[bool] | None) -> list[tuple[int, frozenset[int], bool]]:
        """Customers who have to be thought of, the one who has waited longest first.

        Those on foot count as if their limit were that of the others. The last of each tells
        whether the running green is theirs, but their walk is over.
        """
        worst_ds = (
            self._longest_ds - self._turn_ds * (len(self.site.stages) + 1) - 2 * self._step_ds
        )
        late = [
            (red_ds, served, False)
            for (row, served), red_ds in zip(self._customers, self._red_ds, strict=True)
            if red_ds >= worst_ds and (called is None or called[row])
        ]
        if self.walk_wait_s is not None:
            sooner_ds = round(self._longest_ds - self.walk_wait_s * TENTHS_PER_SECOND)
            late += [
                (dark_ds + sooner_ds, walk.stages, self.stage in walk.stages and dark_ds > 0)
                for dark_ds, walk in zip(self._dark_ds, self.site.walks, strict=True)
                if dark_ds + sooner_ds >= worst_ds
            ]
        return sorted(late, key=lambda entry: -entry[0])

    def _in_turn(
        self,
        late: Sequence[tuple[int, frozenset[int], bool]],
        stage: int,
        at_ds: int,
        begins: bool,
    ) -> tuple[int | None, bool]:
        """Serve the late in turn after so long in a stage; tell whom first, and if too late.

        A stage that is not just beginning serves nobody whose walk in it is over.
        """
        begun = {stage} if begins else set()
        now, first, urgent = stage, None, False
        for red_ds, served, again in late:
            if served & begun or (stage in served and not again):
                continue
            target = now if now in served else _widest(served, [stages for _, stages, _ in late])
            at_ds += self._way_ds(now, target)
            now = target
            first = target if first is None else first
            urgent = urgent or at_ds + red_ds >= self._longest_ds
            at_ds += self._least_green_ds(target)
            begun.add(target)
        return first, urgent

    def _way_ds(self, now: int, target: int) -> int:
        """Return the time from the end of one green to the begin of another, tenths of a second."""
        spent_ds = 0
        while now != target:
            hop = self._hops[now][target]
            shown = self.site.clearances[now, hop]
            spent_ds += sum(self._steps(interval.duration_ds) for interval in shown)
            if hop != target:
                spent_ds += self._least_green_ds(hop)
            now = hop
        return spent_ds

    def _everybody_s(self) -> float:
        """Return the longest time in which everybody is served once, from a walk back to it."""
        sets = [served for _, served in self._customers]
        sets += [walk.stages for walk in self.site.walks]
        longest_ds = 0
        for start in sorted({stage for walk in self.site.walks for stage in walk.stages}):
            now, begun, spent_ds = start, {start}, 0
            for served in sets:
                if not served & begun:
                    target = _widest(served, sets)
                    spent_ds += self._least_green_ds(now) + self._way_ds(now, target)
                    now = target
                    begun.add(target)
            spent_ds += self._least_green_ds(now) + self._way_ds(now, start)
            longest_ds = max(longest_ds, spent_ds)
        return longest_ds / TENTHS_PER_SECOND

    def _least_green_ds(self, stage: int) -> int:
        return self._steps(self.site.stages[stage].least_green_s * TENTHS_PER_SECOND)

    def _affordable(self, hop: int, called: Sequence[bool] | None) -> bool:
        """Whether the late can still be served in time if another stage begins now."""
        late = self._late(called)
        if not late:
            return True
        shown = self.site.clearances[self.stage, hop]
        at_ds = sum(self._steps(interval.duration_ds) for interval in shown)
        at_ds += self._steps(self.site.stages[hop].least_green_s * TENTHS_PER_SECOND)
        return not self._in_turn(late, hop, at_ds, True)[1]

    def advance(self, wish: int | None = None, called: Sequence[bool] | None = None) -> str:
        """Decide on the next step and return what it shows.

        Parameters
        ----------
        wish
            Row of the stage wanted; None, or a row that does not exist, means stay.
        called
            As for `forced`.

        Returns
        -------
        str
            One aspect per signal group, to be shown for one step.
        """
        if self.may_leave:
            target = self.forced(called)
            if target == self.stage:
                self._walk_anew()
            elif target is not None:
                self._leave(self._hops[self.stage][target])
            elif wish is not None and 0 <= wish < len(self.site.stages) and wish != self.stage:
                hop = self._hops[self.stage][wish]
                if self._affordable(hop, called):
                    self._leave(hop)
        if self._pending:
            shown = self._pending.popleft()
        else:
            shown = self.site.stages[self.stage].aspects
            self._green_ds += self._step_ds
        clearing = self._green_ds == 0
        self._step_on_foot(clearing)
        for row, (_, served) in enumerate(self._customers):
            if self.stage in served and not clearing:
                self._red_ds[row] = 0
            else:
                self._red_ds[row] += self._step_ds
        return shown

    def _walk_anew(self) -> None:
        """Begin the walks of the running green that are over once more, and keep the green."""
        lasts_s = 0
        for k, walk in enumerate(self.site.walks):
            if self.stage in walk.stages and self._dark_ds[k] > 0:
                self._walked_ds[k] = 0
                lasts_s = max(lasts_s, walk.walk_s + walk.clear_s)
        self._kept_ds = self._green_ds + lasts_s * TENTHS_PER_SECOND

    def _step_on_foot(self, clearing: bool) -> None:
        """Count a step for those who walk and those who wait to."""
        for k, walk in enumerate(self.site.walks):
            green = self.stage in walk.stages and (not clearing or self._before in walk.stages)
            if not green:
                self._walked_ds[k] = -1
            elif self._walked_ds[k] < 0:
                self._walked_ds[k] = 0
            if green and self._walked_ds[k] < walk.walk_s * TENTHS_PER_SECOND:
                self._dark_ds[k] = 0
            else:
                self._dark_ds[k] += self._step_ds
            if green:
                self._walked_ds[k] += self._step_ds

    def _leave(self, following: int) -> None:
        for interval in self.site.clearances[self.stage, following]:
            steps = self._steps(interval.duration_ds) // self._step_ds
            self._pending.extend([interval.aspects] * steps)
        self._before, self.stage = self.stage, following
        self._green_ds = self._kept_ds = 0

    def _steps(self, duration_ds: int) -> int:
        """Round a duration up to whole steps."""
        return -(-duration_ds // self._step_ds) * self._step_ds


def customers(site: Site) -> list[tuple[int, frozenset[int]]]:
    """Return who waits for what: rows of stop lanes, each with the stages that serve a way."""
    services = {(row, way.service) for row, lane in enumerate(site.lanes) for way in lane.ways}
    found = sorted(
        (row, frozenset(s for s, how in enumerate(service) if how != CLOSED))
        for row, service in services
    )
    return [(row, served) for row, served in found if served]


def _widest(served: frozenset[int], sets: Sequence[frozenset[int]]) -> int:
    """Return the one of some stages that serves most of the others, too; the first of equals."""
    return max(served, key=lambda stage: (sum(stage in each for each in sets), -stage))


def _hops(site: Site) -> list[list[int]]:
    """Tabulate the stage to go to next on the shortest lawful way between any two."""
    count = len(site.stages)
    table = [[-1] * count for _ in range(count)]
    for start in range(count):
        queue = deque((b, b) for a, b in sorted(site.clearances) if a == start)
        while queue:
            stage, first = queue.popleft()
            if stage == start or table[start][stage] >= 0:
                continue
            table[start][stage] = first
            queue.extend((b, first) for a, b in sorted(site.clearances) if a == stage)
        missing = [s for s in range(count) if s != start and table[start][s] < 0]
        if missing:
            raise TopologyError(
                f"signal {site.signal_id!r}: stages {missing} cannot lawfully be reached from "
                f"stage {start}"
            )
    return table
