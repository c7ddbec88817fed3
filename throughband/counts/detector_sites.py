"""Where detectors count: a small CSV file, for counts that are not named after the roads.

    detector,link,lane,movement,place,noise_pct
    SC12-1,north_in,0,,,
    SC12-2,north_in,1,,,
    SC12-7,east_in,,,approach,5
    SC12-9,,,south_in>west_out,,

A row names a link, a lane of it, or a movement. ``place`` need not be given: a lane or a movement
says it, a link that leads to a junction is an approach, another one an exit.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.forecast.count_sites import NOISE, CountSite, Place
from network.errors import CountError
from network.graph import RoadNetwork
from network.readers.text_files import read_text

MOST_BYTES: Final = 16 << 20
COLUMNS: Final = ("detector", "link", "lane", "movement", "place", "noise_pct")

_PLACES: Final[Mapping[str, Place]] = {
    "lane": "lane",
    "approach": "approach",
    "exit": "exit",
    "turn": "turn",
}


def read_sites(path: Path, network: RoadNetwork) -> tuple[CountSite, ...]:
    """Read a file of detectors' places.

    Parameters
    ----------
    path
        CSV with the columns of `COLUMNS`; all but ``detector`` may be absent or empty, but link
        or movement must be there.
    network
        The roads they lie in.

    Returns
    -------
    tuple of CountSite
        In the order of the file.

    Raises
    ------
    CountError
        If a row names what the network lacks, a detector twice, or contradicts itself; the
        message names the row (the header is row 1).
    FormatError
        If the file cannot be read.
    """
    reader = csv.DictReader(read_text(path, MOST_BYTES).splitlines(), strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        odd = [name for name in header if name not in COLUMNS]
        if "detector" not in header or not {"link", "movement"} & set(header) or odd:
            raise CountError(
                f"{path}, row 1: found the columns {', '.join(header)[:80]!r}; allowed are "
                f"{', '.join(COLUMNS)}, of which detector and link or movement must be there"
            )
        reader.fieldnames = header
        found: dict[str, CountSite] = {}
        for cells in reader:
            where = f"{path}, row {reader.line_num}"
            site = _site(where, cells, network)
            if site.detector_id in found:
                raise CountError(f"{where}: detector {site.detector_id!r} comes twice")
            found[site.detector_id] = site
    except csv.Error as error:
        raise CountError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error
    if not found:
        raise CountError(f"{path}: places no detector; expected rows below the header")
    return tuple(found.values())


def require_counted(path: Path, sites: Sequence[CountSite], names: Iterable[str]) -> None:
    """Raise `CountError` if a placed detector is not among those that are counted."""
    known = list(names)
    for site in sites:
        if site.detector_id not in known:
            raise CountError(
                f"{path}: places detector {site.detector_id!r}, of which there are no counts"
                f"{_near(site.detector_id, known)}"
            )


def _site(where: str, cells: Mapping[str, str | None], network: RoadNetwork) -> CountSite:
    if None in cells:
        raise CountError(f"{where}: holds more cells than the header")
    given = {name: (cells.get(name) or "").strip() for name in COLUMNS}
    detector, link, turn = given["detector"], given["link"], given["movement"]
    if not detector or bool(link) == bool(turn):
        raise CountError(
            f"{where}: found detector {detector!r}, link {link!r}, movement {turn!r}; a row names "
            "a detector and either a link or a movement"
        )
    start_of = {c.movement_id: c.from_link for c in network.connections}
    if turn and turn not in start_of:
        raise CountError(
            f"{where}: detector {detector!r} counts movement {turn!r}, which network "
            f"{network.name!r} lacks{_near(turn, start_of)}"
        )
    if link and link not in network.links:
        raise CountError(
            f"{where}: detector {detector!r} counts at link {link!r}, which network "
            f"{network.name!r} lacks{_near(link, network.links)}"
        )
    lane = _lane(where, given["lane"])
    if link and lane >= network.links[link].lanes:
        raise CountError(
            f"{where}: detector {detector!r} counts lane {lane} of link {link!r}; allowed are 0 "
            f"to {network.links[link].lanes - 1}, from the right"
        )
    try:
        place = _place(given["place"], bool(turn), lane, bool(network.turns_from.get(link)))
        return CountSite(
            detector, place, link or start_of[turn], lane, _noise(where, given["noise_pct"]), turn
        )
    except CountError as error:
        raise CountError(f"{where}: {error}") from error


def _place(given: str, is_turn: bool, lane: int, leads_on: bool) -> Place:
    if given in _PLACES:
        return _PLACES[given]
    if given:
        raise CountError(
            f"found the place {given[:40]!r}; allowed are lane, approach, exit, turn, or nothing"
        )
    if is_turn:
        return "turn"
    if lane >= 0:
        return "lane"
    return "approach" if leads_on else "exit"


def _lane(where: str, text: str) -> int:
    if not text:
        return -1
    if not text.isascii() or not text.isdigit() or len(text) > 2:
        raise CountError(f"{where}: found lane {text[:40]!r}; allowed are whole numbers from 0")
    return int(text)


def _noise(where: str, text: str) -> float:
    if not text:
        return NOISE
    try:
        found = float(text) / 100.0
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 1.0:
        raise CountError(f"{where}: found noise_pct {text[:40]!r}; allowed is 0 to 100")
    return found


def _near(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
