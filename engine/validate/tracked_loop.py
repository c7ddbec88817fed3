"""A running SUMO street that tells of all its vehicles, as radar along every road would."""

from __future__ import annotations

import numpy as np
from traci import constants as tc

from engine.adaptive.sensing import Traffic
from engine.validate.closed_loop import ClosedLoop


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

    def _subscribe(self, name: str) -> None:
        self._link.vehicle.subscribe(name, [tc.VAR_LANE_ID, tc.VAR_LANEPOSITION, tc.VAR_SPEED])
