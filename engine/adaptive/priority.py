"""Priority for single vehicles, laid over any controller: it turns wishes, and nothing else.

A request names the vehicle and the turns of its way. Every second its arrival at each signal
ahead is estimated, with an error that grows with the distance. Green has to begin before that,
early enough for the queue in front of it to leave. A wish of the controller beneath that would
come in the way is held back, and when the time has come the stage of the vehicle is wished for;
clearances and least greens stay with the harness. When the vehicle has passed, or after a
timeout, those who waited longest are served first.

Emergency vehicles get this at any price. Public transport gets it on conditions and within a
budget: `engine.adaptive.transit_priority`.

Not modeled: traffic that gets out of the way, and vehicles that overtake a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from engine.adaptive.approach import change_s, lead_s, left_s, nearest, ways
from engine.adaptive.control import CLOSED, Controller, Site, View
from engine.adaptive.passages import Passage
from engine.adaptive.requests import Rank, Request
from engine.adaptive.transit import Ledger, Tally, TransitRules
from engine.adaptive.transit_priority import TransitPriority

TIMEOUT_S: Final = 120.0
"""A signal is never claimed for longer, whatever became of the vehicle."""
RECOVERY_S: Final = 30.0
HORIZON_S: Final = 90.0
"""Signals further ahead are left alone; what will be there cannot be told yet."""


@dataclass(slots=True)
class _Claim:
    """What is known of a request by now."""

    request: Request
    along_m: float = 0.0
    since_s: dict[str, float] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)


class Priority:
    """A controller that lets some vehicles go first, and otherwise does as another one says.

    Parameters
    ----------
    beneath
        Decides wherever nobody asks for priority.
    timeout_s
        Longest time one vehicle may claim one signal.
    transit
        What public transport may have; all of it, at no limit, by default.
    """

    def __init__(
        self,
        beneath: Controller,
        timeout_s: float = TIMEOUT_S,
        transit: TransitRules | None = None,
    ) -> None:
        self._beneath = beneath
        self._timeout_s = timeout_s
        self._transit = TransitPriority(transit or TransitRules(), beneath)
        self._sites: dict[str, Site] = {}
        self._claims: dict[str, _Claim] = {}
        self._recovering: dict[str, tuple[float, int]] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._sites = {site.signal_id: site for site in sites}
        self._claims, self._recovering = {}, {}
        self._beneath.start(sites)
        self._transit.start(sites)

    @property
    def tally(self) -> Tally:
        """What became of the requests of public transport so far."""
        return self._transit.tally

    @property
    def ledger(self) -> Ledger:
        """What others lost by priority for public transport."""
        return self._transit.ledger

    def ask(self, request: Request) -> None:
        """Take a request, or a new one of the same vehicle in place of its old one."""
        self._claims[request.vehicle_id] = _Claim(request)
        self._transit.forget(request.vehicle_id)

    def report(
        self,
        vehicle_id: str,
        lateness_s: float,
        headway_s: float | None = None,
        scheduled_headway_s: float | None = None,
    ) -> None:
        """Tell how late an asker is by now and how far behind the one before, as `Request` says."""
        if vehicle_id in self._claims:
            claim = self._claims[vehicle_id]
            claim.request = replace(
                claim.request,
                lateness_s=lateness_s,
                headway_s=headway_s,
                scheduled_headway_s=scheduled_headway_s,
            )

    def locate(self, vehicle_id: str, along_m: float) -> None:
        """Tell how far a vehicle has come on its way, m; of others than askers nothing is kept."""
        if vehicle_id in self._claims:
            self._claims[vehicle_id].along_m = along_m

    def withdraw(self, vehicle_id: str) -> None:
        """Forget a request; the vehicle has arrived or needs no priority any more."""
        self._claims.pop(vehicle_id, None)

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now."""
        wishes = dict(self._beneath.decide(now_s, views))
        self._transit.look(now_s, views)
        claimed: set[str] = set()
        asked = self._in_turn(now_s)
        for claim, passage in asked:
            name = passage.signal_id
            if name in views and name not in claimed:
                wish = self._turned(claim, passage, now_s, views[name], wishes.get(name))
                if wish is not None:
                    wishes[name] = wish
                    claimed.add(name)
        self._release(now_s, views, claimed)
        asking = {(claim.request.vehicle_id, passage.signal_id) for claim, passage in asked}
        put_off = self._transit.settle(now_s, views, wishes, asking, claimed)
        for name, stage in put_off.items():
            onward = _most_waited(self._sites[name], views[name]) if stage is None else stage
            self._recovering[name] = (now_s + RECOVERY_S, onward)
        for name, (_, stage) in self._recovering.items():
            wishes[name] = stage
        return wishes

    def _in_turn(self, now_s: float) -> list[tuple[_Claim, Passage]]:
        """List what is asked for: emergencies first, then who comes first."""
        asked = [
            (claim, passage)
            for claim in self._claims.values()
            for passage in claim.request.passages
            if not self._is_over(claim, passage, now_s)
        ]
        return sorted(
            asked,
            key=lambda entry: (
                entry[0].request.rank is not Rank.EMERGENCY,
                entry[0].request.arrival_s(entry[1], entry[0].along_m),
                entry[0].request.vehicle_id,
            ),
        )

    def _is_over(self, claim: _Claim, passage: Passage, now_s: float) -> bool:
        since_s = claim.since_s.get(passage.signal_id, now_s)
        return claim.along_m > passage.at_m or now_s - since_s > self._timeout_s

    def _turned(
        self, claim: _Claim, passage: Passage, now_s: float, view: View, wish: int | None
    ) -> int | None:
        """Return the stage to wish for in place of another, or None to leave the wish alone."""
        site, request = self._sites[passage.signal_id], claim.request
        if request.rank is Rank.TRANSIT:
            turned = self._transit.turned(now_s, request, passage, claim.along_m, view, wish)
            if turned is not None:
                claim.since_s.setdefault(passage.signal_id, now_s)
            return turned
        rows, stages = ways(site, passage, view, passage.at_m - claim.along_m)
        if not stages:
            return None
        to_go_s = request.arrival_s(passage, claim.along_m)
        if to_go_s > HORIZON_S:
            return None
        needed_s = to_go_s - lead_s(site, rows, view, to_go_s)
        current = view.stage
        beneath = current if wish is None else wish
        target = current if current in stages else nearest(site, current, stages, beneath)
        switch_s = left_s(site, view) + change_s(site, current, target)
        if needed_s <= switch_s:
            claim.since_s.setdefault(passage.signal_id, now_s)
            return target
        if beneath in stages or beneath == current:
            return None
        detour_s = (
            left_s(site, view)
            + change_s(site, current, beneath)
            + site.stages[beneath].least_green_s
            + change_s(site, beneath, target)
        )
        # What cannot be over in time does not begin.
        return current if detour_s > needed_s else None

    def _release(self, now_s: float, views: Mapping[str, View], claimed: set[str]) -> None:
        """Let signals that were claimed a moment ago serve those who waited."""
        for name in [n for n, (until_s, _) in self._recovering.items() if n in claimed]:
            del self._recovering[name]
        emergencies = [c for c in self._claims.values() if c.request.rank is Rank.EMERGENCY]
        for claim in emergencies:
            for passage in claim.request.passages:
                name = passage.signal_id
                over = name in claim.since_s and self._is_over(claim, passage, now_s)
                if over and name not in claim.passed and name in views:
                    claim.passed.add(name)
                    if name not in claimed:
                        stage = _most_waited(self._sites[name], views[name])
                        self._recovering[name] = (now_s + RECOVERY_S, stage)
        for name, (until_s, stage) in list(self._recovering.items()):
            view = views.get(name)
            shown = view is not None and view.stage == stage and view.green_s > 0.0
            if view is None or now_s >= until_s or (shown and view.free):
                del self._recovering[name]


def _most_waited(site: Site, view: View) -> int:
    """Return the stage that ends the most waiting, queue times time since it was served."""
    wait = np.nan_to_num(view.queue_veh) * np.nan_to_num(view.waiting_s)
    served = (site.service() != CLOSED) @ wait
    return view.stage if served.max() <= served[view.stage] else int(served.argmax())
