"""What the signal exchange list for traffic light controllers says of plans, and how it reads.

Source: SXL for traffic light controllers 1.2.1 (github.com/rsmp-nordic/rsmp_sxl_traffic_lights and
the same list in rsmp_schema), statuses S0001 to S0097 and commands M0002, M0014, M0015, M0018,
M0023; ranges are the list's own. S0014 tells the source of a plan, and S0034 and M0023 exist,
since 1.1, so nothing older is spoken to.

Only commands in `COMMANDS` can be sent: a plan can be called, and the offset, cycle time and
dynamic bands of a plan set, and the time-out of the bands. Nothing here starts a signal group,
forces an input, changes a time table or a security code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from controllers.rsmp.messages import shown
from network.errors import ControllerError, RejectedValueError

SXL_VERSIONS: Final = re.compile(r"1\.[12](\.\d{1,2})?\Z")
"""Revisions of the list that are understood."""

RSMP_VERSIONS: Final = ("3.1.4", "3.1.5", "3.2", "3.2.1", "3.2.2")
"""Versions of the core that are spoken, oldest first; from 3.1.4 on the site opens."""

FLAGGED_SINCE: Final = "3.1.5"
"""The version of the core that brought `sOc` to subscriptions (its change log)."""

MOST_PLAN: Final = 253
"""The list numbers plans up to 255; 254 and 255 mean free and flash to the rest of the bridge."""

MOST_BANDED_PLAN: Final = 99
"""S0023 writes the plan of a dynamic band in two digits."""

BANDS: Final = range(1, 11)
MOST_EXTENSION_S: Final = 99
MOST_CYCLE_S: Final = 255
MOST_OFFSET_S: Final = 255
MOST_TIMEOUT_MIN: Final = 65_535

CYCLE: Final = "cycleTime"
OFFSET: Final = "offset"
BAND: Final = "dynamicBand"

STATUS_OF: Final[Mapping[str, str]] = MappingProxyType(
    {CYCLE: "S0028", OFFSET: "S0024", BAND: "S0023"}
)
"""Where each setting of a plan is read; its name there is ``status``."""

FORCED: Final = "forced"
"""Source of a plan that an external command, such as ours, has set."""

ALARMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A0001": "serious hardware error",
        "A0002": "hardware error",
        "A0003": "serious configuration error",
        "A0004": "configuration error",
        "A0006": "safety error",
        "A0007": "communication error",
        "A0008": "dead lock error",
        "A0009": "other error",
        "A0010": "door open",
        "A0101": "push button error",
        "A0201": "serious lamp error",
        "A0202": "lamp error",
        "A0301": "detector error",
        "A0302": "detector logic error",
        "A0303": "serious detector error",
        "A0304": "serious detector logic error",
    }
)
SYNCHRONIZATION_ERROR: Final = "A0005"
"""Alarm of a controller that cannot keep to its coordination."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its code, its order (`cO`), and its arguments beside the security code."""

    code: str
    order: str
    arguments: tuple[str, ...]


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        command.code: command
        for command in (
            Command("M0002", "setPlan", ("status", "timeplan")),
            Command("M0014", "setCommands", ("plan", "status")),
            Command("M0015", "setOffset", ("status", "plan")),
            Command("M0018", "setCycleTime", ("status", "plan")),
            Command("M0023", "setTimeout", ("status",)),
        )
    }
)
"""Everything that may be commanded, ever. All of them need security code 2."""


def require(name: str, index: tuple[int, ...], value: object) -> None:
    """Refuse a setting that the list does not know or bound to be impossible.

    Parameters
    ----------
    name, index, value
        `CYCLE` or `OFFSET` by plan, `BAND` by plan and band; seconds.

    Raises
    ------
    ControllerError
        What was found and what is allowed.
    """
    ranges = {
        CYCLE: (1, 1, MOST_CYCLE_S, MOST_PLAN),
        OFFSET: (1, 0, MOST_OFFSET_S, MOST_PLAN),
        BAND: (2, 0, MOST_EXTENSION_S, MOST_BANDED_PLAN),
    }
    if name not in ranges:
        raise ControllerError(f"{name} is not a setting this bridge writes over RSMP")
    length, low, high, most_plan = ranges[name]
    if len(index) != length or not 1 <= index[0] <= most_plan or not set(index[1:]) <= set(BANDS):
        raise ControllerError(f"{name} has no instance {list(index)}")
    if type(value) is not int or not low <= value <= high:
        raise ControllerError(f"{name} of {list(index)} is {value!r}; allowed are {low} to {high}")


def integer(value: object, low: int, high: int) -> int:
    """Return a number that travels as text; some controllers send it as a number."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise ValueError("no whole number")
    if not low <= int(text) <= high:
        raise ValueError(f"outside {low} to {high}")
    return int(text)


def truth(value: object) -> bool:
    """Return a truth value that travels as text."""
    found = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("neither True nor False")
    return found


def truths(value: object) -> bool:
    """Tell whether any of a list of truth values, one per intersection, is true."""
    found = [truth(part.strip()) for part in text(value).split(",")]
    return any(found)


def words(value: object) -> tuple[str, ...]:
    """Return the words of a list, one per intersection."""
    return tuple(part.strip() for part in text(value).split(","))


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str) or len(value) > 65_536:
        raise ValueError("no text")
    return value


def plan_list(value: object) -> tuple[int, ...]:
    """Return the plans of S0022."""
    return tuple(sorted({integer(part.strip(), 1, 255) for part in text(value).split(",")}))


def table(value: object, width: int) -> dict[tuple[int, ...], int]:
    """Return rows of numbers with dashes between, the last of each being the value.

    Parameters
    ----------
    value
        The text of S0023, S0024 or S0028; an empty one has no rows.
    width
        Numbers a row has.
    """
    found: dict[tuple[int, ...], int] = {}
    for row in filter(None, (part.strip() for part in text(value).split(","))):
        numbers = [integer(part, 0, MOST_TIMEOUT_MIN) for part in row.split("-")]
        if len(numbers) != width:
            raise ValueError(f"a row of {len(numbers)} numbers where {width} were expected")
        if tuple(numbers[:-1]) in found:
            raise ValueError(f"two rows for {numbers[:-1]}")
        found[tuple(numbers[:-1])] = numbers[-1]
    return found


def timed_plans(value: object) -> tuple[int, ...]:
    """Return the plans that the time tables of S0027 call."""
    rows = [row for row in text(value).split(",") if row.strip()]
    numbers = [[integer(part.strip(), 0, 255) for part in row.split("-")] for row in rows]
    if any(len(row) != 4 for row in numbers):
        raise ValueError("a row that is not of four numbers")
    return tuple(sorted({row[1] for row in numbers if row[1]}))


def routes(value: object) -> tuple[int, ...]:
    """Return the active emergency routes of S0035."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("no list of routes")
    return tuple(sorted({integer(entry.get("id"), 1, 255) for entry in value}))


def read(code: str, name: str, value: object, reader: Callable[[object], _T]) -> _T:
    """Read a value as told, naming the status in the error.

    Raises
    ------
    RejectedValueError
        It does not read like that.
    """
    try:
        return reader(value)
    except ValueError as error:
        raise RejectedValueError(f"{code} {name} is {shown(value)}: {error}") from error
