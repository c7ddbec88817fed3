"""How movements and approaches fare before and after a drag, summed up from lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.measures.hcm_terms import level_of_service
from engine.measures.street import Floats, Street
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

TOTAL: Final = "total"
LEAST_VPS: Final = 1e-9
COLUMNS: Final = ("volume_vps", "delay_vps_s", "stops_vps", "saturation", "queue_veh")


@dataclass(frozen=True, slots=True)
class Level:
    """How a movement, an approach or a whole group fares under one set of plans.

    Attributes
    ----------
    delay_s, stops
        Control delay, s, and stops, both per vehicle, of the model.
    saturation
        Greatest degree of saturation (v/c) of its lanes.
    queue_veh
        Longest queue of its lanes within the cycle, vehicles.
    level_of_service
        A to F by control delay, at the limits of the HCM. A movement is F too where v/c is above
        1; an approach or a group goes by its delay alone (HCM 2010, chapter 18).
    """

    delay_s: float
    stops: float
    saturation: float
    queue_veh: float
    level_of_service: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One row: now, before the drag, and under the plans in force.

    Attributes
    ----------
    name
        Movement, approach link, or `TOTAL`.
    signal_id
        Its signal; empty for the total.
    volume_vph
        Demand, veh/h.
    now
        None where the moved plans are refused.
    before
        Under the plans that are being prepared, as they were.
    in_force
        None where no plan in force is known.
    """

    name: str
    signal_id: str
    volume_vph: float
    now: Level | None
    before: Level
    in_force: Level | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind with the ways of each, one after the other.

    Attributes
    ----------
    names, signals
        Of each row.
    ways
        Ways of all rows; those of a row stand together.
    first
        Where each row's ways begin.
    by_saturation
        Whether a v/c above 1 makes a row fail.
    """

    names: tuple[str, ...]
    signals: tuple[str, ...]
    ways: NDArray[np.intp]
    first: NDArray[np.intp]
    by_saturation: bool


class LevelTables:
    """Which ways of a group make up its movements and approaches, ready to be summed at once.

    Parameters
    ----------
    network, street
        The roads and the street under its demand.
    signals
        Of the group.
    lanes
        Its lanes, as rows of the street.
    before, in_force
        Its lanes, [column, lane of the street], under the plans as they were and in force; NaN
        where a lane is not known.
    """

    def __init__(
        self,
        network: RoadNetwork,
        street: Street,
        signals: Sequence[str],
        lanes: NDArray[np.signedinteger[Any]],
        before: Floats,
        in_force: Floats,
    ) -> None:
        self._lane_of = street.lanes.lane
        self._way_volume_vps = street.way_volume_vps
        volume = street.lane_volume_vps[self._lane_of]
        self._share = np.where(
            volume > LEAST_VPS, street.way_volume_vps / np.maximum(volume, LEAST_VPS), 0.0
        )
        self._lanes = lanes
        self._total_vph = float(street.lane_volume_vps[lanes].sum()) * SECONDS_PER_HOUR
        ways = _ways_of(network, street, frozenset(signals))
        self._rows = {kind: _laid_out(found, kind == "movement") for kind, found in ways.items()}
        self._volumes_vph = {kind: self._volumes(rows) for kind, rows in self._rows.items()}
        # Neither changes with a drag, so they are summed up once.
        self._before = {kind: self._levels(rows, before) for kind, rows in self._rows.items()}
        self._in_force = {kind: self._levels(rows, in_force) for kind, rows in self._rows.items()}
        self._totals = self._total(before), self._total(in_force)

    def compared(self, kind: str, now: Floats | None) -> tuple[Compared, ...]:
        """Return the rows of a kind, ``approach`` or ``movement``.

        Parameters
        ----------
        kind
            Which rows.
        now
            The lanes with the moves made, [column, lane of the street]; None where refused.
        """
        rows = self._rows[kind]
        found: Sequence[Level | None] = [None] * len(rows.names)
        if now is not None:
            found = self._levels(rows, now)
        columns = (
            rows.names, rows.signals, self._volumes_vph[kind], found, self._before[kind],
            self._in_force[kind],
        )  # fmt: skip
        return tuple(Compared(*row) for row in zip(*columns, strict=True))

    def total(self, now: Floats | None) -> Compared:
        """Return the row of the whole group."""
        before, in_force = self._totals
        assert before is not None
        level = None if now is None else self._total(now)
        return Compared(TOTAL, "", self._total_vph, level, before, in_force)

    def _volumes(self, rows: _Rows) -> list[float]:
        if not rows.names:
            return []
        found = np.add.reduceat(self._way_volume_vps[rows.ways], rows.first)
        volumes: list[float] = (found * SECONDS_PER_HOUR).tolist()
        return volumes

    def _levels(self, rows: _Rows, lanes: Floats) -> list[Level | None]:
        found = lanes[:, self._lane_of[rows.ways]]
        return _levels(found, self._share[rows.ways], rows.first, rows.by_saturation)

    def _total(self, lanes: Floats) -> Level | None:
        first = np.zeros(1, np.intp)
        return _levels(lanes[:, self._lanes], np.ones(self._lanes.size), first, False)[0]


def _ways_of(
    network: RoadNetwork, street: Street, signals: frozenset[str]
) -> dict[str, dict[tuple[str, str], list[int]]]:
    """Return the ways of each row, by kind, name and signal."""
    movement_of = {
        c.connection_id: m.movement_id
        for signal in signals
        for m in network.signals[signal].movements
        for c in m.connections
    }
    found: dict[str, dict[tuple[str, str], list[int]]] = {"approach": {}, "movement": {}}
    for row, way in enumerate(street.ways):
        signal = street.signals[int(street.lanes.signal[row])]
        if signal in signals:
            lane = int(street.lanes.lane[row])
            approach = street.approach_names[int(street.lane_approach[lane])]
            found["approach"].setdefault((approach, signal), []).append(row)
            movement = movement_of[way.connection_id]
            found["movement"].setdefault((movement, signal), []).append(row)
    return found


def _laid_out(ways: Mapping[tuple[str, str], Sequence[int]], by_saturation: bool) -> _Rows:
    counts = [len(rows) for rows in ways.values()]
    return _Rows(
        tuple(name for name, _ in ways),
        tuple(signal for _, signal in ways),
        np.array([row for rows in ways.values() for row in rows], np.intp),
        np.cumsum([0, *counts], dtype=np.intp)[:-1],
        by_saturation,
    )


def _levels(
    lanes: Floats, share: Floats, first: NDArray[np.intp], by_saturation: bool
) -> list[Level | None]:
    """Sum up lanes by row, each with the part of its traffic that is meant.

    Parameters
    ----------
    lanes
        [column, lane], those of a row together.
    share
        Part of each lane's traffic that belongs to its row.
    first
        Where each row's lanes begin.
    by_saturation
        Whether a v/c above 1 makes a row fail.

    Returns
    -------
    list
        None where a lane is not known.
    """
    if not first.size:
        return []
    unknown = np.logical_or.reduceat(np.isnan(lanes).any(axis=0), first)
    volume, delay, stops = np.add.reduceat(lanes[:3] * share, first, axis=1)
    used = np.where(share > 0, lanes[3:], 0.0)
    saturation, queue = np.maximum.reduceat(used, first, axis=1)
    driven = volume > LEAST_VPS
    per_veh = np.divide([delay, stops], volume, out=np.zeros((2, first.size)), where=driven)
    figures = np.vstack([per_veh, saturation * driven, queue * driven])
    rows = zip(unknown.tolist(), *figures.tolist(), strict=True)
    return [
        None if is_unknown
        else Level(
            delay_s, stops, worst, longest_veh,
            level_of_service(delay_s, worst if by_saturation else 0.0),
        )
        for is_unknown, delay_s, stops, worst, longest_veh in rows
    ]  # fmt: skip
