"""Objective files of ``throughband optimize``, ``run`` and ``day``: what plans are to be good for.

format = "throughband.objective"
version = 1
minimize = "person-delay"     # delay, person-delay, stops or emissions
stop_penalty_s = 8            # what a stop costs beside standing; without it, as the goal says
longest_wait_s = 60           # mean wait that no movement and nobody who walks should pass

[persons]                     # in a vehicle, by class; the default is for all others
default = 1.3
bus = 35

[[shares]]                    # of the vehicles by class, of some links or movements
links = ["a"]
bus = 0.04

[[weight]]                    # what their delay and stops count; 1 without
route = ["a", "b", "c"]       # or links, or movements
weight = 2.0

[queues]
limit = 0.9                   # of the room up to the next pocket or junction
measure = "mean"              # or 95th, the queue that 95 of 100 moments stay below
price = 20                    # of a vehicle beyond, in vehicles delayed; without it plans that pass
                              # the limit are refused while one is found that keeps it

[fuel]                        # of the cars here, if known
delay_l_per_h = 1.5
stop_l_per_mps2 = 1.2e-4
co2_g_per_l = 2348
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from engine.measures.emissions import Fuel
from engine.measures.objective import (
    LARGEST_WEIGHT,
    Goal,
    Objective,
    QueueLimit,
    QueueMeasure,
)
from network.documents import DocumentForm
from network.errors import NetworkError, PlanError
from network.fields import Fields, place_in, shown
from network.graph import RoadNetwork
from network.toml_text import MOST_BYTES, TomlFile, read_toml
from network.transit import BusLine, BusStop

OBJECTIVE_FORM: Final = DocumentForm(
    "throughband.objective", "objective file", 1, PlanError, {}, MOST_BYTES
)
GOALS: Final = tuple(goal.value for goal in Goal)
_MEASURES: Final = tuple(measure.value for measure in QueueMeasure)
_SELECTORS: Final = ("movements", "links", "route")
_NOTE: Final = "objective"


def checked(found: Objective, file: Path | None) -> Objective:
    """Return an objective unless it asks for what it gives no numbers for."""
    if found.goal is Goal.PERSON_DELAY and not found.occupancies and not found.buses:
        where = str(file) if file is not None else "--minimize person-delay"
        raise PlanError(
            f"{where}: found the same number of persons in every vehicle, which makes person-delay "
            "the same as delay; give [[shares]] or [[occupancy]] in an --objective file, or bus "
            "lines in buses.toml beside the scenario"
        )
    return found


def read_objective(path: Path, network: RoadNetwork) -> Objective:
    """Read an objective file and hold it against a network.

    Parameters
    ----------
    path
        The file.
    network
        The links and movements it speaks of.

    Returns
    -------
    Objective

    Raises
    ------
    PlanError
        If the file cannot be read, is malformed or names what the network lacks; with the line.
    """
    page = read_toml(Path(path), OBJECTIVE_FORM)
    tables = ("persons", "shares", "occupancy", "weight", "queues", "fuel")
    scalars = ("minimize", "stop_penalty_s", "longest_wait_s")
    top = Fields.of(
        page.document, page.place(), PlanError, ("format", "version"), (*scalars, *tables)
    )
    persons = _persons(page)
    default = persons.pop("default", 1.0)
    occupancies = _mean_persons(page, network, persons, default)
    occupancies |= _selected(page, network, "occupancy", "persons")
    return Objective(
        Goal(top.choice("minimize", GOALS)) if top.has("minimize") else Goal.DELAY,
        _optional(top, "stop_penalty_s", 0.0, LARGEST_WEIGHT),
        _selected(page, network, "weight", "weight"),
        default,
        occupancies,
        _queue_limit(page),
        _optional(top, "longest_wait_s", 5.0, 600.0),
        _fuel(page),
    )


def document_of(objective: Objective) -> dict[str, Any]:
    """Return an objective as JSON holds it, in the notes of a plan."""
    limit = objective.queue_limit
    return {
        "minimize": objective.goal.value,
        "stop_penalty_s": objective.stop_penalty_s,
        "weights": dict(sorted(objective.weights.items())),
        "occupancy": objective.occupancy,
        "occupancies": dict(sorted(objective.occupancies.items())),
        "queues": None
        if limit is None
        else {"limit": limit.part, "measure": limit.measure.value, "price": limit.price},
        "longest_wait_s": objective.longest_wait_s,
        "fuel": asdict(objective.fuel),
        "buses": [_bus_document(line) for line in objective.buses],
    }


def objective_in(path: Path) -> Objective:
    """Return the objective that a ``plan.json`` says it was made for; the default where it is mute.

    Raises
    ------
    PlanError
        If what it says is malformed.
    """
    notes = json.loads(path.read_text(encoding="utf-8")).get("notes", {})
    if not isinstance(notes, dict) or _NOTE not in notes:
        return Objective()
    place = place_in(f"{path}, notes, {_NOTE}")
    keys = ("minimize", "stop_penalty_s", "weights", "occupancy", "occupancies", "queues")
    # Plans made before buses were known say nothing of them.
    top = Fields.of(notes[_NOTE], place, PlanError, (*keys, "longest_wait_s", "fuel"), ("buses",))
    limit = None
    if top.values["queues"] is not None:
        queues = Fields.of(top.values["queues"], place, PlanError, ("limit", "measure", "price"))
        price = None if queues.values["price"] is None else queues.number("price", 0.0, 1e3)
        measure = QueueMeasure(queues.choice("measure", _MEASURES))
        limit = QueueLimit(queues.number("limit", 0.05, 2.0), measure, price)
    fuel = Fields.of(top.values["fuel"], place, PlanError, Fuel.__slots__)
    return Objective(
        Goal(top.choice("minimize", GOALS)),
        None
        if top.values["stop_penalty_s"] is None
        else top.number("stop_penalty_s", 0.0, LARGEST_WEIGHT),
        _numbers(top, "weights", place),
        top.number("occupancy", 0.01, LARGEST_WEIGHT),
        _numbers(top, "occupancies", place),
        limit,
        None if top.values["longest_wait_s"] is None else top.number("longest_wait_s", 5.0, 600.0),
        Fuel(*(fuel.number(name, 1e-9, 1e6) for name in Fuel.__slots__)),
        tuple(_bus_line(line, place) for line in (top.items("buses") if top.has("buses") else ())),
    )


def _bus_document(line: BusLine) -> dict[str, Any]:
    return {
        "name": line.line_id,
        "route": list(line.route),
        "headway_s": line.headway_s,
        "passengers": line.passengers,
        "speed_mps": line.speed_mps if math.isfinite(line.speed_mps) else None,
        "stops": [asdict(stop) for stop in line.stops],
    }


def _bus_line(told: object, place: Any) -> BusLine:
    keys = ("name", "route", "headway_s", "passengers", "speed_mps", "stops")
    found = Fields.of(told, place, PlanError, keys)
    stops = []
    for stop in found.items("stops"):
        at = Fields.of(stop, place, PlanError, ("link", "dwell_s", "deviation_s"))
        dwell_s, deviation_s = (at.number(k, 0.0, 600.0) for k in ("dwell_s", "deviation_s"))
        stops.append(BusStop(at.text("link"), dwell_s, deviation_s))
    try:
        return BusLine(
            found.text("name"),
            tuple(str(link) for link in found.items("route")),
            found.number("headway_s", 10.0, 86_400.0),
            found.number("passengers", 0.0, 500.0),
            tuple(stops),
            math.inf if found.values["speed_mps"] is None else found.number("speed_mps", 1.0, 60.0),
        )
    except NetworkError as error:
        raise PlanError(f"{place('buses')}: {error}") from error


def _numbers(top: Fields, key: str, place: Any) -> dict[str, float]:
    value = top.values[key]
    names = tuple(value) if isinstance(value, dict) else ()
    found = Fields.of(value, place, PlanError, (), names)
    return {name: found.number(name, 0.0, LARGEST_WEIGHT) for name in names}


def _optional(found: Fields, key: str, least: float, most: float) -> float | None:
    return found.number(key, least, most) if found.has(key) else None


def _queue_limit(page: TomlFile) -> QueueLimit | None:
    if "queues" not in page.document:
        return None
    place = page.place("queues")
    found = Fields.of(page.document["queues"], place, PlanError, (), ("limit", "measure", "price"))
    return QueueLimit(
        found.number("limit", 0.05, 2.0) if found.has("limit") else 1.0,
        QueueMeasure(found.choice("measure", _MEASURES))
        if found.has("measure")
        else QueueMeasure.MEAN,
        found.number("price", 1e-6, LARGEST_WEIGHT) if found.has("price") else None,
    )


def _fuel(page: TomlFile) -> Fuel:
    if "fuel" not in page.document:
        return Fuel()
    names = Fuel.__slots__
    found = Fields.of(page.document["fuel"], page.place("fuel"), PlanError, (), names)
    return Fuel(**{name: found.number(name, 1e-9, 1e6) for name in names if found.has(name)})


def _persons(page: TomlFile) -> dict[str, float]:
    table = page.document.get("persons", {})
    names = tuple(table) if isinstance(table, dict) else ()
    found = Fields.of(table, page.place("persons"), PlanError, (), names)
    return {name: found.number(name, 0.01, LARGEST_WEIGHT) for name in names}


def _mean_persons(
    page: TomlFile, network: RoadNetwork, persons: Mapping[str, float], default: float
) -> dict[str, float]:
    """Return the mean persons in a vehicle of whatever has shares of classes."""
    means: dict[str, float] = {}
    for number, entry in _entries(page, "shares"):
        found = Fields.of(
            entry, page.place("shares", number), PlanError, (), (*_SELECTORS, *persons)
        )
        shares = {name: found.number(name, 0.0, 1.0) for name in persons if found.has(name)}
        if not shares or sum(shares.values()) > 1.0 + 1e-9:
            raise PlanError(
                f"{page.where('shares', number)}: found shares of {sum(shares.values()):g} in all; "
                f"allowed are shares of {', '.join(persons) or 'the classes of [persons]'} that "
                "come to no more than 1"
            )
        rest = 1.0 - sum(shares.values())
        mean = rest * default + sum(share * persons[name] for name, share in shares.items())
        for name in _names(page, "shares", number, found, network):
            _once(page, "shares", number, name, means)
            means[name] = mean
    return means


def _selected(page: TomlFile, network: RoadNetwork, kind: str, key: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for number, entry in _entries(page, kind):
        found = Fields.of(entry, page.place(kind, number), PlanError, (key,), _SELECTORS)
        value = found.number(key, 0.0, LARGEST_WEIGHT)
        for name in _names(page, kind, number, found, network):
            _once(page, kind, number, name, values)
            values[name] = value
    return values


def _once(page: TomlFile, kind: str, number: int, name: str, known: Mapping[str, float]) -> None:
    if name in known:
        raise PlanError(
            f"{page.where(kind, number)}: {shown(name)} has one already; allowed is one [[{kind}]] "
            "for each link and movement (a movement's goes before its link's)"
        )


def _entries(page: TomlFile, kind: str) -> Iterator[tuple[int, object]]:
    tables = page.document.get(kind, [])
    if not isinstance(tables, list):
        raise PlanError(f"{page.where(kind)}: found one table; allowed are [[{kind}]]")
    yield from enumerate(tables)


def _names(
    page: TomlFile, kind: str, number: int, found: Fields, network: RoadNetwork
) -> list[str]:
    """Return the links and movements that a table is about."""
    given = [key for key in _SELECTORS if found.has(key)]
    if len(given) != 1:
        raise PlanError(
            f"{page.where(kind, number)}: found {' and '.join(given) or 'none'} of "
            f"{', '.join(_SELECTORS)}; allowed is one"
        )
    (key,) = given
    names = found.items(key)
    if not names or not all(type(name) is str for name in names) or len(set(names)) < len(names):
        raise found.refusal(key, "are names, each once")
    known = network.movements if key == "movements" else network.links
    for name in names:
        if name not in known:
            noun = "movement" if key == "movements" else "link"
            raise PlanError(
                f"{page.where(kind, number)}, {key}: network {network.name!r} has no {noun} "
                f"{shown(name)}"
            )
    return _along(page, kind, number, names, network) if key == "route" else names


def _along(
    page: TomlFile, kind: str, number: int, links: list[str], network: RoadNetwork
) -> list[str]:
    """Return the signalized movements that a route of links takes."""
    for one, other in pairwise(links):
        if all(connection.from_link != one for connection in network.turns_into[other]):
            raise PlanError(
                f"{page.where(kind, number)}, route: no way leads from {shown(one)} to "
                f"{shown(other)}; allowed are links in the order a driver takes them"
            )
    pairs = set(pairwise(links))
    found = [m.movement_id for m in network.movements.values() if (m.from_link, m.to_link) in pairs]
    if not found:
        raise PlanError(
            f"{page.where(kind, number)}, route: passes no signal of network {network.name!r}"
        )
    return found
