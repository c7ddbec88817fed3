"""An adaptive controller: each stage in turn, twenty seconds each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.adaptive.control import Site, View

GREEN_S = 20.0


class RoundRobin:
    """See `engine.adaptive.control.Controller`."""

    def __init__(self) -> None:
        self._sequence: dict[str, tuple[int, ...]] = {}

    def start(self, sites: Sequence[Site]) -> None:
        self._sequence = {site.signal_id: site.sequence for site in sites}

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return {name: self._wish(name, view) for name, view in views.items()}

    def _wish(self, name: str, view: View) -> int:
        if view.green_s < GREEN_S:
            return view.stage
        order = self._sequence[name]
        return order[(order.index(view.stage) + 1) % len(order)]
