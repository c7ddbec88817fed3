"""The words in which count sheets name approaches, turns and modes.

Known are ``NBL``, ``NB Left``, ``Northbound Left``, ``EB Thru``, ``SB U-Turn``, ``NBL Heavy``,
``N Crosswalk`` and their like in one row, and the two-row form in which a cell such as
``Main St Northbound`` or ``From South`` stands above ``Left``, ``Thru``, ``Right`` and ``Peds``.
A header that says more than this is left to a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from network.inventory import TurnKind
from network.readers.turning_counts import HEADINGS, Mode, TurnColumn

_COMPASS = {
    **{"n": "N", "s": "S", "e": "E", "w": "W"},
    **{"north": "N", "south": "S", "east": "E", "west": "W"},
    **{"northeast": "NE", "northwest": "NW", "southeast": "SE", "southwest": "SW"},
}
_FROM = {
    **{"S": "NB", "N": "SB", "W": "EB", "E": "WB"},
    **{"SW": "NE", "SE": "NW", "NW": "SE", "NE": "SW"},
}
"""Heading of the traffic that comes from a leg."""
_HEADING_WORDS = {
    **{"nb": "NB", "sb": "SB", "eb": "EB", "wb": "WB"},
    **{"northbound": "NB", "southbound": "SB", "eastbound": "EB", "westbound": "WB"},
    **{"northeastbound": "NE", "northwestbound": "NW"},
    **{"southeastbound": "SE", "southwestbound": "SW"},
    **{"neb": "NE", "nwb": "NW", "seb": "SE", "swb": "SW"},
}
_TURN_WORDS = {
    **{"l": TurnKind.LEFT, "lt": TurnKind.LEFT, "left": TurnKind.LEFT, "lefts": TurnKind.LEFT},
    **{"t": TurnKind.THROUGH, "th": TurnKind.THROUGH, "thru": TurnKind.THROUGH},
    **{"through": TurnKind.THROUGH, "straight": TurnKind.THROUGH, "thrus": TurnKind.THROUGH},
    **{"r": TurnKind.RIGHT, "rt": TurnKind.RIGHT, "right": TurnKind.RIGHT},
    **{"rights": TurnKind.RIGHT, "u": TurnKind.U_TURN, "ut": TurnKind.U_TURN},
    **{"uturn": TurnKind.U_TURN, "uturns": TurnKind.U_TURN},
}
_MODE_WORDS = {
    **{"heavy": Mode.HEAVY, "heavies": Mode.HEAVY, "hv": Mode.HEAVY, "truck": Mode.HEAVY},
    **{"trucks": Mode.HEAVY, "light": Mode.LIGHT, "lights": Mode.LIGHT, "car": Mode.LIGHT},
    **{"cars": Mode.LIGHT, "bike": Mode.BICYCLE, "bikes": Mode.BICYCLE, "vehicles": Mode.VEHICLE},
    **{"bicycle": Mode.BICYCLE, "bicycles": Mode.BICYCLE, "cyclists": Mode.BICYCLE},
    **{"ped": Mode.PEDESTRIAN, "peds": Mode.PEDESTRIAN, "pedestrian": Mode.PEDESTRIAN},
    **{"pedestrians": Mode.PEDESTRIAN, "crosswalk": Mode.PEDESTRIAN, "xwalk": Mode.PEDESTRIAN},
}
_TOTAL_WORDS = frozenset({"total", "totals", "app", "int", "sum", "percent", "phf", "rtor"})
_EMPTY_WORDS = frozenset({"turn", "turns", "leg", "volume", "count", "counts", "movement"})
_WALKING_WAYS = frozenset({"cw", "ccw", "clockwise", "counterclockwise"})
_CODE = re.compile(r"(nb|sb|eb|wb|neb|nwb|seb|swb|ne|nw|se|sw)(lt?|th?|thru|rt?|ut?)")
_LABEL = re.compile(r"(NB|SB|EB|WB|NE|NW|SE|SW)([LTRUP])")

_TIME_WORDS = {
    "date": {"date", "count date", "day"},
    "time": {
        *("time", "start time", "begin time", "time start", "time begin", "start", "begin"),
        *("interval start", "interval begin", "period start", "period begin", "from", "interval"),
        *("time period", "time interval", "period", "datetime", "date time", "timestamp"),
        *("start date time", "start datetime", "15 min begin"),
    },
    "end": {"end time", "time end", "end", "to", "interval end", "period end", "stop time"},
    "intersection": {
        *("intersection", "intersection id", "intersection name", "int id", "intid", "node"),
        *("node id", "site", "site id", "location", "study", "study name"),
    },
}


@lru_cache(maxsize=4096)
def plain(text: object) -> str:
    """Reduce a header to its words, in lower case, with single spaces."""
    words = re.sub(r"[^a-z0-9%]+", " ", str(text or "").lower()).strip()
    return words.replace("u turn", "uturn").replace("%", "percent")


def column_role(text: object) -> str:
    """Tell whether a header names ``date``, ``time``, ``end`` or ``intersection``; else ``""``."""
    words = plain(text)
    return next((role for role, known in _TIME_WORDS.items() if words in known), "")


def names_heading(text: object) -> bool:
    """Tell whether a cell of an upper header row names exactly one approach."""
    return len(_headings(plain(text).split())) == 1


def recognize(header: Sequence[object]) -> TurnColumn | None:
    """Tell what a column counts.

    Parameters
    ----------
    header
        Its header cells from top to bottom. Upper cells may hold street names beside the
        approach; the lowest may hold nothing unknown.

    Returns
    -------
    TurnColumn or None
        None where the header is not understood in full, or names a total.
    """
    text = str(header[-1] or "").strip()
    lower = plain(text).split()
    if not lower or _TOTAL_WORDS.intersection(lower):
        return None
    headings: set[str] = set()
    modes: set[Mode] = set()
    for cell in header[:-1]:
        words = plain(cell).split()
        headings |= _headings(words)
        modes |= {_MODE_WORDS[word] for word in words if word in _MODE_WORDS} - {Mode.PEDESTRIAN}
    turns: set[TurnKind] = set()
    rest: list[str] = []
    for word in lower:
        code = _CODE.fullmatch(word)
        # "net" and "set" are words as well as codes, so the diagonals count in capitals only.
        if code and (code[1].endswith("b") or word.upper() in text):
            headings.add(_HEADING_WORDS.get(code[1], code[1].upper()))
            turns.add(_TURN_WORDS[code[2]])
        elif word in _TURN_WORDS:
            turns.add(_TURN_WORDS[word])
        elif word in _MODE_WORDS:
            modes.add(_MODE_WORDS[word])
        else:
            rest.append(word)
    walking = Mode.PEDESTRIAN in modes
    headings |= _headings(rest)
    if walking and not headings:
        headings |= {_FROM[_COMPASS[word]] for word in rest if word in _COMPASS}
    unknown = [
        word
        for word in rest
        if word not in _HEADING_WORDS
        and word not in _EMPTY_WORDS
        and word != "from"
        and word not in _COMPASS
        and not (walking and word in _WALKING_WAYS)
    ]
    if unknown or len(headings) != 1 or len(modes) > 1 or len(turns) != (0 if walking else 1):
        return None
    mode = modes.pop() if modes else Mode.VEHICLE
    return TurnColumn(headings.pop(), None if walking else turns.pop(), mode)


def walks_one_way(header: object) -> bool:
    """Tell whether a header counts people in one of the two directions of a crosswalk."""
    return bool(_WALKING_WAYS.intersection(plain(header).split()))


def column_of_label(label: str, mode: Mode) -> TurnColumn | None:
    """Return the column that a label such as ``NBL`` or, for a crosswalk, ``NBP`` means."""
    match = _LABEL.fullmatch(label)
    if match is None or (match[2] == "P") != (mode is Mode.PEDESTRIAN):
        return None
    turn = None if match[2] == "P" else _TURN_WORDS[match[2].lower()]
    return TurnColumn(match[1], turn, mode)


def _headings(words: Sequence[str]) -> set[str]:
    found = {_HEADING_WORDS[word] for word in words if word in _HEADING_WORDS}
    for first, second in pairwise(words):
        if first == "from" and second in _COMPASS:
            found.add(_FROM[_COMPASS[second]])
        if second == "leg" and first in _COMPASS:
            found.add(_FROM[_COMPASS[first]])
    assert found <= set(HEADINGS)
    return found
