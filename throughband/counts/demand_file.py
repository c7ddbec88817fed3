"""``demand.json``: the flows that plans were made for, so that they can be looked at again.

Reports, and plans tuned by hand, must stand on the very flows of the optimization and not on a
second forecast that may differ by then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecast import Forecast
from engine.forecast.prediction import Source
from engine.forecast.quality import QualityRow
from network.counts import Quality
from network.documents import DocumentForm, read_document, write_document
from network.errors import CountError
from network.fields import Fields, place_in
from network.graph import RoadNetwork
from throughband.counts.demand import Demand

DEMAND_NAME: Final = "demand.json"
DEMAND_FORM: Final = DocumentForm("throughband.counts.demand", "demand", 1, CountError)
DIGITS: Final = 6
"""Of flows and shares: what is read back must give the same plans the same cost."""

LONGEST_INTERVAL_S = 86_400


def write_demand(path: Path, wanted: Demand) -> None:
    """Write a demand; equal demands give equal bytes.

    Raises
    ------
    CountError
        If the file cannot be written.
    """
    flows = wanted.flows
    write_document(
        path,
        DEMAND_FORM,
        {
            "start_s": flows.start_s,
            "interval_s": flows.interval_s,
            "observed": flows.observed,
            "movements": [
                {
                    "movement": name,
                    "flow_vph": _listed(flows.flow_vph[:, m]),
                    "low_vph": _listed(flows.low_vph[:, m]),
                    "high_vph": _listed(flows.high_vph[:, m]),
                    "source": [Source(int(cell)).name.lower() for cell in flows.source[:, m]],
                }
                for m, name in enumerate(flows.movement_ids)
            ],
            "lane_shares": {
                name: round(float(share), DIGITS) for name, share in wanted.lane_shares.items()
            },
            "quality": [
                {
                    "series": row.series_id,
                    "flag": row.flag.name.lower(),
                    "intervals": row.intervals,
                    "reason": row.reason,
                }
                for row in wanted.quality
            ],
        },
    )


def read_demand(path: Path, network: RoadNetwork | None = None) -> Demand:
    """Read a demand that `write_demand` wrote.

    Parameters
    ----------
    path
        The file.
    network
        Where it belongs; movements that it has not are refused.

    Raises
    ------
    CountError
        If the file is missing, damaged, or of another network.
    """
    try:
        return _demand(path, network)
    except (TypeError, ValueError, AttributeError) as error:
        raise CountError(f"{path}: malformed demand ({error})") from error


def _demand(path: Path, network: RoadNetwork | None) -> Demand:
    where = str(path)
    place = place_in(where)
    keys = ("start_s", "interval_s", "observed", "movements", "lane_shares", "quality")
    content = Fields.of(
        {
            k: v
            for k, v in read_document(path, DEMAND_FORM).items()
            if k not in ("format", "version")
        },
        place,
        CountError,
        keys,
    ).values
    rows = content["movements"]
    if not isinstance(rows, list) or not rows:
        raise CountError(f"{where}, movements: found none; one at least is needed")
    taken = [_movement(row, f"{where}, movement {at}") for at, row in enumerate(rows, 1)]
    intervals = len(taken[0]["flow_vph"])
    if intervals == 0 or any(len(value) != intervals for row in taken for value in _columns(row)):
        raise CountError(f"{where}: movements differ in the number of intervals, or have none")
    names = tuple(row["movement"] for row in taken)
    if len(set(names)) < len(names):
        raise CountError(f"{where}: a movement stands there twice")
    interval_s, observed = content["interval_s"], content["observed"]
    if type(interval_s) is not int or not 1 <= interval_s <= LONGEST_INTERVAL_S:
        raise CountError(f"{where}, interval_s: found {interval_s!r}; allowed are whole seconds")
    if type(observed) is not int or not 0 <= observed <= intervals:
        raise CountError(f"{where}, observed: found {observed!r}; allowed are 0 to {intervals}")
    if isinstance(content["start_s"], bool) or not isinstance(content["start_s"], int | float):
        raise CountError(f"{where}, start_s: found {content['start_s']!r}, not a number")
    if network is not None:
        unknown = [name for name in names if name not in network.movements]
        if unknown:
            raise CountError(
                f"{where}: network {network.name!r} has no movement {unknown[0]!r}; these flows "
                "are of another network"
            )

    def column(key: str) -> NDArray[np.float64]:
        return np.array([row[key] for row in taken], np.float64).T

    flows = Forecast(
        names,
        float(content["start_s"]),
        interval_s,
        observed,
        column("flow_vph"),
        column("low_vph"),
        column("high_vph"),
        np.array([row["source"] for row in taken], np.uint8).T,
    )
    return Demand(flows, _shares(content["lane_shares"], where), _quality(content, where))


def _columns(row: dict[str, Any]) -> list[list[Any]]:
    return [row[key] for key in ("flow_vph", "low_vph", "high_vph", "source")]


def _movement(value: object, where: str) -> dict[str, Any]:
    keys = ("movement", "flow_vph", "low_vph", "high_vph", "source")
    row = dict(Fields.of(value, place_in(where), CountError, keys).values)
    if not isinstance(row["movement"], str):
        raise CountError(f"{where}: its name is {row['movement']!r}, not text")
    for key in keys[1:4]:
        numbers = row[key]
        if not isinstance(numbers, list) or not all(
            isinstance(n, int | float) and not isinstance(n, bool) and n >= 0 for n in numbers
        ):
            raise CountError(f"{where}, {key}: allowed are numbers of 0 and more")
    try:
        row["source"] = [int(Source[name.upper()]) for name in row["source"]]
    except (KeyError, AttributeError, TypeError) as error:
        known = ", ".join(source.name.lower() for source in Source)
        raise CountError(f"{where}, source: allowed are {known}") from error
    return row


def _shares(value: object, where: str) -> dict[str, float]:
    if not isinstance(value, dict) or not all(
        isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
        for share in value.values()
    ):
        raise CountError(f"{where}, lane_shares: allowed are numbers from 0 to 1 by connection")
    return {name: float(share) for name, share in value.items()}


def _quality(content: Any, where: str) -> tuple[QualityRow, ...]:
    found = []
    for at, value in enumerate(content["quality"] or (), 1):
        row = Fields.of(
            value,
            place_in(f"{where}, quality {at}"),
            CountError,
            ("series", "flag", "intervals", "reason"),
        ).values
        try:
            flag = Quality[str(row["flag"]).upper()]
        except KeyError as error:
            raise CountError(f"{where}, quality {at}: unknown flag {row['flag']!r}") from error
        found.append(QualityRow(str(row["series"]), flag, int(row["intervals"]), row["reason"]))
    return tuple(found)


def _listed(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
