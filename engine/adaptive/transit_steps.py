"""One second's step of transit priority, and what is known of a signal in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np

from engine.adaptive import transit_losses as losses
from engine.adaptive.approach import change_s, left_s, nearest, round_s
from engine.adaptive.control import Site, View
from engine.adaptive.transit import Strategy, TransitRules
from engine.adaptive.turns import Turns

NO_FLOW: Final = np.empty(0)
"""Where stages have no order nobody asks what comes."""
PASSING_S: Final = 2.0
"""Green that a vehicle needs to cross the stop line once it is there."""


@runtime_checkable
class Sequenced(Protocol):
    """A controller that serves the stages of some signals in an order of its own."""

    def turns(self, signal_id: str) -> Turns | None:
        """Return when the stages of a signal have their turns; None where it has no order."""

    def room_s(self, signal_id: str, now_s: float, stage: int) -> float:
        """Return the time until a stage's green has to be over at the latest, s; inf for any."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do for a vehicle in this second.

    Attributes
    ----------
    stage
        To wish for.
    strategy
        By which means.
    now_person_s, whole_person_s
        What others lose by this second's step, and by all of it that can be foreseen.
    saved_s
        What the vehicle gains, s.
    lasts_s
        For how long a green that is called is paid for, s.
    """

    stage: int
    strategy: Strategy
    now_person_s: float
    whole_person_s: float
    saved_s: float
    lasts_s: float = 0.0


@dataclass(slots=True)
class Return:
    """The way back after a measure.

    Attributes
    ----------
    stage
        To be shown.
    ahead_until_s
        A signal ahead of its plan waits until the plan shows the stage, and at the longest until
        then; 0 for one that is behind, and makes up.
    """

    stage: int
    ahead_until_s: float = 0.0


@dataclass(slots=True)
class Measure:
    """What is under way at a signal.

    Attributes
    ----------
    vehicle_id, strategy
        For whom and how; the strongest step so far.
    broken
        The stage at which the order was broken, and the one that is to come after.
    cut
        Stages whose early end is paid for.
    held_since_s
        Since when a green has been extended; None before.
    paid_until_s
        Up to when a green that was called is paid for.
    since_s
        When it began.
    back
        A way back that it interrupts.
    """

    vehicle_id: str
    strategy: Strategy
    broken: tuple[int, int]
    cut: set[int] = field(default_factory=set)
    held_since_s: float | None = None
    paid_until_s: float = 0.0
    since_s: float = 0.0
    back: Return | None = None

    def held_s(self, now_s: float) -> float:
        """Return how long a green has been extended, s."""
        return 0.0 if self.held_since_s is None else now_s - self.held_since_s

    def for_another(self, vehicle_id: str) -> Measure:
        """Return the same for another vehicle, which pays for what it will take itself.

        Where the order was broken for the one before it stays broken.
        """
        return replace(self, vehicle_id=vehicle_id, cut=set(), held_since_s=None, paid_until_s=0.0)


def called_freely(
    rules: TransitRules,
    site: Site,
    view: View,
    stages: Sequence[int],
    beneath: int,
    to_go_s: float,
    needed_s: float,
) -> Step | None:
    """Bring a stage that serves a vehicle where stages have no order.

    Parameters
    ----------
    rules, site, view
        Who may have what, the signal, and what is seen of it.
    stages, beneath
        Those that serve the vehicle, and the one wished for, which is none of them.
    to_go_s, needed_s
        Until the vehicle arrives, and until it needs green, s.
    """
    current = view.stage
    target = nearest(site, current, stages, beneath)
    direct_s = left_s(site, view) + change_s(site, current, target)
    saved_s = round_s(site, target)
    strategy = Strategy.EARLY if beneath == current else Strategy.INSERTION
    if strategy not in rules.strategies:
        return None
    if needed_s > direct_s:
        return held_back(site, view, beneath, target, needed_s, saved_s)
    shown_s = max(float(site.stages[target].least_green_s), to_go_s - direct_s)
    if strategy is Strategy.EARLY:
        away_s = change_s(site, current, target) + shown_s + change_s(site, target, current)
        amount = losses.cut(site, None, view, NO_FLOW, target, 0.0, away_s)
    else:
        amount = losses.inserted(
            site, None, view, NO_FLOW, target, beneath, 0.0, direct_s + shown_s
        )
    return Step(target, strategy, amount, amount, saved_s, direct_s + shown_s + PASSING_S)


def held_back(
    site: Site, view: View, beneath: int, target: int, needed_s: float, saved_s: float
) -> Step | None:
    """Keep a stage from beginning that could not be over before the vehicle needs its own."""
    current = view.stage
    if beneath == current:
        return None
    detour_s = (
        left_s(site, view)
        + change_s(site, current, beneath)
        + site.stages[beneath].least_green_s
        + change_s(site, beneath, target)
    )
    if detour_s <= needed_s:
        return None
    second = losses.standing(site, view, beneath, current) if view.free else 0.0
    return Step(current, Strategy.INSERTION, second, second * max(1.0, needed_s), saved_s)
