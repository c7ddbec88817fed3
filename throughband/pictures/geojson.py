"""A network as GeoJSON (RFC 7946): links, approaches with delay and queue, signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from network.graph import RoadNetwork
from throughband.pictures.approaches import ApproachState
from throughband.pictures.document import document
from throughband.pictures.places import GeoReference


def network_geojson(
    network: RoadNetwork,
    approaches: Iterable[ApproachState] = (),
    reference: GeoReference | None = None,
    compared: Iterable[ApproachState] = (),
    retimed: Iterable[str] = (),
) -> dict[str, Any]:
    """Return a network as a feature collection.

    Parameters
    ----------
    network
        The roads.
    approaches
        How approaches fare; their links carry these numbers.
    reference
        Where the network lies; to scale around 0°, 0° by default.
    compared
        How they fare under the plans in force: ``before_delay_s`` and the change of delay.
    retimed
        Signals that get a new plan.

    Returns
    -------
    dict
        Features have the property ``kind``: ``link``, ``approach`` (a link that ends at a signal,
        with the fields of `ApproachState`) or ``signal``; links are wide to their right, so that
        both directions of a street may be drawn with one offset. ``georeferenced`` of the
        collection tells whether degrees are those of the real place.
    """
    where = reference or GeoReference()
    states = {state.link_id: state for state in approaches}
    before = {state.link_id: state for state in compared}
    new = set(retimed)
    by_signal: dict[str, list[ApproachState]] = {}
    for state in states.values():
        by_signal.setdefault(state.signal_id, []).append(state)
    # All points at once: a projection is slow to set up and quick to ask.
    points = [point for link in network.links.values() for point in link.shape_m]
    points += [(signal.x_m, signal.y_m) for signal in network.signals.values()]
    degrees = iter(where.lonlat(points))
    features: list[dict[str, Any]] = []
    for name, link in network.links.items():
        features.append(
            {
                "type": "Feature",
                "id": f"link/{name}",
                "geometry": {
                    "type": "LineString",
                    "coordinates": [list(next(degrees)) for _ in link.shape_m],
                },
                "properties": {
                    "kind": "approach" if name in states else "link",
                    "link_id": name,
                    "lanes": link.lanes,
                    "length_m": round(link.length_m, 1),
                    "speed_mps": round(link.speed_mps, 2),
                    **_state(states.get(name), before.get(name)),
                },
            }
        )
    for name, signal in network.signals.items():
        plan = signal.plan_in_force
        features.append(
            {
                "type": "Feature",
                "id": f"signal/{name}",
                "geometry": {
                    "type": "Point",
                    "coordinates": list(next(degrees)),
                },
                "properties": {
                    "kind": "signal",
                    "signal_id": name,
                    "retimed": name in new,
                    "left_alone": signal.left_alone,
                    "cycle_s": None if plan is None else plan.cycle_s,
                    **_of_signal(by_signal.get(name, [])),
                },
            }
        )
    return {
        "type": "FeatureCollection",
        "name": network.name,
        "georeferenced": where.known,
        "bbox": _box(features),
        "features": features,
    }


def _state(state: ApproachState | None, before: ApproachState | None) -> dict[str, Any]:
    if state is None:
        return {}
    found: dict[str, Any] = document(state)
    if before is not None:
        found["before_delay_s"] = document(before.delay_s)
        found["before_level_of_service"] = before.level_of_service
        found["delay_change_s"] = document(state.delay_s - before.delay_s)
    return found


def _of_signal(own: Sequence[ApproachState]) -> dict[str, Any]:
    """Mean delay over the approaches of a signal, by volume."""
    volume_vph = sum(state.volume_vph for state in own)
    if not own or volume_vph <= 0:
        return {}
    delay_s = sum(state.delay_s * state.volume_vph for state in own) / volume_vph
    return {
        "volume_vph": document(volume_vph),
        "delay_kind": str(own[0].delay_kind),
        "delay_s": document(delay_s),
    }


def _box(features: list[dict[str, Any]]) -> list[float]:
    points = [
        point
        for feature in features
        for point in (
            feature["geometry"]["coordinates"]
            if feature["geometry"]["type"] == "LineString"
            else [feature["geometry"]["coordinates"]]
        )
    ]
    if not points:
        return [0.0, 0.0, 0.0, 0.0]
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    return [min(lons), min(lats), max(lons), max(lats)]
