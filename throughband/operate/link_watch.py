"""Queues that should not be there, from counts at both ends of the links between signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engine.forecast.warnings import LinkModel, WarningDesk, learn_links
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from throughband.operate.warning_book import Kind, Sighting

Floats = NDArray[np.float64]


def road_end(network: RoadNetwork, link: str) -> str:
    """Return the last link of a road that goes on without anybody joining or leaving it.

    Roads widen before a junction, which makes a link of its own of their end.
    """
    seen = {link}
    while True:
        turns = network.turns_from[link]
        onward = {c.to_link for c in turns}
        if len(onward) != 1 or any(c.groups for c in turns):
            return link
        (following,) = onward
        if following in seen or {c.from_link for c in network.turns_into[following]} != {link}:
            return link
        seen.add(following)
        link = following


class LinkWatch:
    """Links of which everything that enters and leaves is counted.

    Parameters
    ----------
    network
        The roads.
    names
        Detectors, named after the movement or the connection they count.

    Attributes
    ----------
    links
        Links that can be watched.
    untold
        Why nothing is watched, or nothing.
    """

    def __init__(self, network: RoadNetwork, names: Sequence[str]) -> None:
        self._names = tuple(names)
        column = {name: at for at, name in enumerate(names)}
        self._into: list[list[int]] = []
        self._out: list[list[int]] = []
        links = []
        for link in network.links:
            sides = (network.turns_into[link], network.turns_from[road_end(network, link)])
            if not all(sides):
                continue
            columns = [
                {column.get(c.connection_id, column.get(c.movement_id)) for c in side}
                for side in sides
            ]
            if any(None in side for side in columns):
                continue
            links.append(link)
            for kept, side in zip((self._into, self._out), columns, strict=True):
                kept.append(sorted(at for at in side if at is not None))
        self.links = tuple(links)
        self.untold = "" if links else "no link is counted at both ends"
        self._desk: WarningDesk | None = None

    @property
    def learned(self) -> bool:
        """Whether it knows what is usual."""
        return self._desk is not None

    def learn(
        self, counts: Floats, usual: Floats, interval_s: int, reports_per_week: float
    ) -> None:
        """Learn from days of counts.

        Parameters
        ----------
        counts, usual
            Counted and usual vehicles, [interval, detector]; NaN where nothing is believed.
        interval_s
            Length of an interval, s.
        reports_per_week
            False reports that are borne.
        """
        if not self.links:
            return
        try:
            model: LinkModel = learn_links(
                self.links,
                interval_s,
                (self._sums(counts, self._into), self._sums(usual, self._into)),
                (self._sums(counts, self._out), self._sums(usual, self._out)),
                reports_per_week=reports_per_week,
            )
        except InsufficientDataError as error:
            self.untold = str(error)
            return
        self.untold = ""
        self._desk = WarningDesk(model)

    def look(
        self, end_utc: datetime, counts: Mapping[str, float], usual: Floats
    ) -> tuple[Sighting, ...]:
        """Take one interval and return what is wrong after it.

        Parameters
        ----------
        end_utc
            Its end.
        counts
            By detector, vehicles; NaN or absent where nothing is believed.
        usual
            Usual vehicles, [detector].
        """
        if self._desk is None:
            return ()
        row = np.array([[counts.get(name, np.nan) for name in self._names]])
        expected = usual[np.newaxis]
        found = self._desk.update(
            end_utc.timestamp(),
            (self._sums(row, self._into)[0], self._sums(expected, self._into)[0]),
            (self._sums(row, self._out)[0], self._sums(expected, self._out)[0]),
        )
        return tuple(
            Sighting(
                Kind.QUEUE,
                warning.link_id,
                datetime.fromtimestamp(warning.onset_s, UTC),
                min(1.0, max(0.0, warning.confidence)),
                f"{warning.reason}: about {warning.size_vph:.0f} veh/h are held back",
            )
            for warning in found
        )

    @staticmethod
    def _sums(counts: Floats, columns: Sequence[Sequence[int]]) -> Floats:
        return np.column_stack([counts[:, list(each)].sum(axis=1) for each in columns])
