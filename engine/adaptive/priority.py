"""Priority for single vehicles, laid over any controller: it turns wishes, and nothing else.

A request names the vehicle and the turns of its way. Every second its arrival at each signal
ahead is estimated, with an error that grows with the distance. Green has to begin before that,
early enough for the queue in front of it to leave. A wish of the controller beneath that would
come in the way is held back, and when the time has come the stage of the vehicle is wished for;
clearances and least greens stay with the harness. When the vehicle has passed, or after a
timeout, those who waited longest are served first.

Emergency vehicles get this at any price. For public transport the others' waiting is weighed
against the delay of the people on board, more so the later they are.

Not modeled: traffic that gets out of the way, and vehicles that overtake a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from engine.adaptive.control import CLOSED, PROTECTED, Controller, Site, View
from engine.adaptive.passages import Passage
from network.errors import EngineError

TIMEOUT_S: Final = 120.0
"""A signal is never claimed for longer, whatever became of the vehicle."""
RECOVERY_S: Final = 30.0
START_UP_S: Final = 2.0
CLEAR_AHEAD_S: Final = 3.0
"""The last vehicle of the queue is at speed so long before the one that is to pass."""
BRAKING_S: Final = 4.0
"""A driver who sees red slows down so long before the stop line."""
ERROR_S: Final = 2.0
ERROR_SHARE: Final = 0.15
"""Arrivals may be earlier than estimated by so much, and this part of the time to go."""
OWN_LENGTH_M: Final = 5.0
HORIZON_S: Final = 90.0
"""Signals further ahead are left alone; what will be there cannot be told yet."""
PERSONS_PER_VEHICLE: Final = 1.3
LATE_S: Final = 60.0
MOST_LATENESS_WEIGHT: Final = 3.0
LONGEST_EXTENSION_S: Final = 15.0
"""Public transport holds or calls a green no earlier than this before it arrives."""


class Rank(StrEnum):
    """Whose way it is."""

    EMERGENCY = "emergency"
    TRANSIT = "transit"


@dataclass(frozen=True, slots=True)
class Request:
    """A vehicle that asks for priority.

    Attributes
    ----------
    vehicle_id
        Its name.
    rank
        Emergency or public transport.
    passages
        Signals on its way, in order.
    lateness_s
        Behind the timetable, s; public transport that is not late gets nothing.
    load_persons
        People on board.
    """

    vehicle_id: str
    rank: Rank
    passages: tuple[Passage, ...]
    lateness_s: float = 0.0
    load_persons: float = 1.0

    def __post_init__(self) -> None:
        places = [passage.at_m for passage in self.passages]
        if places != sorted(places) or any(not np.isfinite(at_m) for at_m in places):
            raise EngineError(
                f"request of {self.vehicle_id!r}: stop lines at {places} m are not in driving order"
            )
        if not (np.isfinite(self.lateness_s) and 0 <= self.load_persons < np.inf):
            raise EngineError(
                f"request of {self.vehicle_id!r}: {self.lateness_s} s late with "
                f"{self.load_persons} people; allowed are finite numbers, and people from 0"
            )

    def arrival_s(self, passage: Passage, along_m: float) -> float:
        """Return the running time from a place on the way to a stop line ahead, s."""
        at_m = [0.0, *(p.at_m for p in self.passages)]
        running_s = [0.0, *(p.running_s for p in self.passages)]
        return passage.running_s - float(np.interp(along_m, at_m, running_s))


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
    """

    def __init__(self, beneath: Controller, timeout_s: float = TIMEOUT_S) -> None:
        self._beneath = beneath
        self._timeout_s = timeout_s
        self._sites: dict[str, Site] = {}
        self._claims: dict[str, _Claim] = {}
        self._recovering: dict[str, tuple[float, int]] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._sites = {site.signal_id: site for site in sites}
        self._claims, self._recovering = {}, {}
        self._beneath.start(sites)

    def ask(self, request: Request) -> None:
        """Take a request, or a new one of the same vehicle in place of its old one."""
        self._claims[request.vehicle_id] = _Claim(request)

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
        claimed: set[str] = set()
        for claim, passage in self._in_turn(now_s):
            name = passage.signal_id
            if name in views and name not in claimed:
                wish = self._turned(claim, passage, now_s, views[name], wishes.get(name))
                if wish is not None:
                    wishes[name] = wish
                    claimed.add(name)
        self._release(now_s, views, claimed)
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
        rows, stages = _ways(site, passage, view, passage.at_m - claim.along_m)
        if not stages:
            return None
        to_go_s = request.arrival_s(passage, claim.along_m)
        if to_go_s > HORIZON_S:
            return None
        lead_s = BRAKING_S + ERROR_S + ERROR_SHARE * to_go_s + _queue_s(site, rows, view)
        needed_s = to_go_s - lead_s
        current = view.stage
        beneath = current if wish is None else wish
        target = current if current in stages else _nearest(site, current, stages, beneath)
        switch_s = _left_s(site, view) + _clearance_s(site, current, target)
        if request.rank is Rank.TRANSIT and not self._worth(request, site, view, target, to_go_s):
            return None
        if needed_s <= switch_s:
            claim.since_s.setdefault(passage.signal_id, now_s)
            return target
        if beneath in stages or beneath == current:
            return None
        detour_s = (
            _left_s(site, view)
            + _clearance_s(site, current, beneath)
            + site.stages[beneath].least_green_s
            + _clearance_s(site, beneath, target)
        )
        # What cannot be over in time does not begin.
        return current if detour_s > needed_s else None

    def _worth(self, request: Request, site: Site, view: View, target: int, to_go_s: float) -> bool:
        """Weigh people on board against people who would wait."""
        if request.lateness_s <= 0.0 or to_go_s > LONGEST_EXTENSION_S:
            return False
        weight = min(1.0 + request.lateness_s / LATE_S, MOST_LATENESS_WEIGHT)
        closed = site.service()[target] == CLOSED
        waiting = PERSONS_PER_VEHICLE * float(np.nansum(view.queue_veh[closed]))
        others = [s for s in range(len(site.stages)) if s != target]
        saved_s = sum(site.stages[s].least_green_s + _clearance_s(site, target, s) for s in others)
        return weight * request.load_persons * saved_s >= waiting * max(to_go_s, 1.0)

    def _release(self, now_s: float, views: Mapping[str, View], claimed: set[str]) -> None:
        """Let signals that were claimed a moment ago serve those who waited."""
        for name in [n for n, (until_s, _) in self._recovering.items() if n in claimed]:
            del self._recovering[name]
        for claim in self._claims.values():
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


def _ways(site: Site, passage: Passage, view: View, to_go_m: float) -> tuple[list[int], list[int]]:
    """Find the stop lanes of a turn, and the stages that bring a vehicle through.

    With nobody ahead these are the stages that protect the turn, if any does. A vehicle ahead on
    the same lane may want to go elsewhere, and blocks it unless it can: until it is gone the
    stages that serve most of the lanes' turns, this one among them, come first.
    """
    exits = {row for row, lane in enumerate(site.exits) if lane.link_id == passage.to_link}
    rows = [
        row
        for row, lane in enumerate(site.lanes)
        if lane.link_id == passage.from_link and any(way.exit in exits for way in lane.ways)
    ]
    turn = [way for row in rows for way in site.lanes[row].ways if way.exit in exits]
    every = [way for row in rows for way in site.lanes[row].ways]
    level = [min((w.service[s] for w in turn), default=CLOSED) for s in range(len(site.stages))]
    flow = [sum(w.service[s] != CLOSED for w in every) for s in range(len(site.stages))]
    serving = [s for s, found in enumerate(level) if found != CLOSED]
    protected = [s for s in serving if level[s] == PROTECTED] or serving
    ahead = np.isin(view.object_lane, rows) & (view.object_m < to_go_m - OWN_LENGTH_M)
    if ahead.any() and serving:
        most = max(flow[s] for s in serving)
        fluent = [s for s in serving if flow[s] == most]
        return rows, [s for s in fluent if s in protected] or fluent
    return rows, protected


def _queue_s(site: Site, rows: Sequence[int], view: View) -> float:
    """Time until the queues on some lanes have left, once there is green; nothing if none."""
    longest_s = 0.0
    for row in rows:
        queue = float(view.queue_veh[row])
        if queue > 0.0:
            headway_s = max(way.headway_s for way in site.lanes[row].ways)
            longest_s = max(longest_s, START_UP_S + queue * headway_s + CLEAR_AHEAD_S)
    return longest_s


def _left_s(site: Site, view: View) -> float:
    """Time until the running stage may end."""
    least_s = site.stages[view.stage].least_green_s
    return view.clearing_s + max(0.0, least_s - view.green_s)


def _clearance_s(site: Site, current: int, following: int) -> float:
    if current == following:
        return 0.0
    if (current, following) in site.clearances:
        return site.clearance_s(current, following)
    # The harness goes round over another stage; which one is its own affair.
    longest_s = max((site.clearance_s(*pair) for pair in site.clearances), default=0.0)
    return 2.0 * longest_s + min(stage.least_green_s for stage in site.stages)


def _nearest(site: Site, current: int, stages: Sequence[int], beneath: int) -> int:
    if beneath in stages:
        return beneath
    return min(stages, key=lambda s: (_clearance_s(site, current, s), s))


def _most_waited(site: Site, view: View) -> int:
    """Return the stage that ends the most waiting, queue times time since it was served."""
    wait = np.nan_to_num(view.queue_veh) * np.nan_to_num(view.waiting_s)
    served = (site.service() != CLOSED) @ wait
    return view.stage if served.max() <= served[view.stage] else int(served.argmax())
