"""A running SUMO street that tells of all its vehicles, as radar along every road would."""

from __future__ import annotations

from typing import Final

import numpy as np
from traci import constants as tc

from engine.adaptive.sensing import Traffic
from engine.validate.closed_loop import ClosedLoop

STILL_S: Final = 120.0
"""Who has stood for so long has not met a red alone, s."""
AHEAD_M: Final = 30.0
OPEN: Final = frozenset("GgoO")


class TrackedLoop(ClosedLoop):
    """A `ClosedLoop` that tells of all its vehicles."""

    def __enter__(self) -> TrackedLoop:
        super().__enter__()
        return self

    def watch_vehicles(self) -> None:
        """Have every vehicle report from its first second on."""
        with self._translated():
            self._link.simulation.subscribe([tc.VAR_DEPARTED_VEHICLES_IDS])
            for name in self._link.vehicle.getIDList():
                self._subscribe(name)

    def traffic(self) -> Traffic:
        """Return every vehicle on the street now."""
        with self._translated():
            fresh = self._link.simulation.getSubscriptionResults()
            for name in fresh.get(tc.VAR_DEPARTED_VEHICLES_IDS, ()):
                self._subscribe(name)
            known = self._link.vehicle.getAllSubscriptionResults()
        names: list[str] = []
        lanes: list[str] = []
        places = np.empty((2, len(known)))
        for name, values in known.items():
            places[0, len(names)] = values[tc.VAR_LANEPOSITION]
            places[1, len(names)] = values[tc.VAR_SPEED]
            names.append(name)
            lanes.append(values[tc.VAR_LANE_ID])
        return Traffic(names, lanes, places[0], places[1])

    def ahead(self, still_s: float = STILL_S) -> dict[str, str]:
        """Return, of each vehicle that has stood for so long, s, the next one on its way.

        On its way is who is within `AHEAD_M` in front of it, also beyond a node; whom it would
        reach only past a signal that is not green now is not, for then it waits for the signal.
        """
        found: dict[str, str] = {}
        with self._translated():
            for name in self._link.vehicle.getIDList():
                if self._link.vehicle.getWaitingTime(name) < still_s:
                    continue
                leader = self._link.vehicle.getLeader(name, AHEAD_M)
                # Without one the libraries differ: none at all, or one without a name.
                if leader is None or not leader[0]:
                    continue
                signals = self._link.vehicle.getNextTLS(name)
                if not any(at_m < leader[1] and now not in OPEN for _, _, at_m, now in signals):
                    found[name] = str(leader[0])
        return found

    def _subscribe(self, name: str) -> None:
        self._link.vehicle.subscribe(name, [tc.VAR_LANE_ID, tc.VAR_LANEPOSITION, tc.VAR_SPEED])
