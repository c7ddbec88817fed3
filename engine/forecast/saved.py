"""A fitted forecaster on disk: one npz archive of plain arrays, versioned, written whole."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.correction import Correction
from engine.forecast.count_sites import CountSite
from engine.forecast.daytype import DayTypeRule
from engine.forecast.detectors import DetectorModel
from engine.forecast.fitting import Fitted
from engine.forecast.imputation import Neighborhood
from engine.forecast.intervals import Limits
from engine.forecast.live import LiveState
from engine.forecast.profile import Profiles, ProfileSettings
from network.documents import replace_content
from network.errors import FormatError, ThroughbandError

VERSION = 2
"""Version 1 kept days from midnight on and nothing of streets and detectors' health."""

KIND = "throughband flow forecaster"
LARGEST_BYTES = 8 << 30
LIVE_ARRAYS = (
    "sums",
    "limits",
    "x",
    "factors",
    "made",
    "silent",
    "counted",
    "scores",
    "choices",
    "today",
    "today_slot",
    "dawn_x",
    "dawn_factors",
)
HEALTH_ARRAYS = (*("capacity_veh", "scatter", "innovation_sd", "drift_sd", "mean_veh", "limits"),)
LIVE_NUMBERS = ("count", "ordinal", "announced", "kind", "today_rows", "known_rows")
"""Parts of the live state that are kept; the rest follows from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """Everything a forecaster consists of.

    Attributes
    ----------
    clock, horizon_steps, calendar, refit, names, neighbors
        As it was made.
    time, last_good
        The last interval taken in, and the last with a good count.
    ceiling
        Greatest believable count, [N].
    live
        The live state.
    sites
        Places of the detectors, or None where they follow from their names.
    streets
        State of the turning shares, by name; empty where no network is known.
    detectors
        What is normal for the detectors, or None.
    """

    clock: LocalClock
    horizon_steps: int
    calendar: Calendar
    refit: str
    names: tuple[str, ...]
    neighbors: NDArray[np.int64] | None
    time: datetime
    last_good: datetime | None
    ceiling: NDArray[np.float64]
    live: LiveState
    sites: tuple[CountSite, ...] | None = None
    streets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    detectors: DetectorModel | None = None


def write(path: Path, saved: Saved) -> None:
    """Write a forecaster, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    live, calendar = saved.live, saved.calendar
    settings = live.profiles.settings
    head = {
        "format": KIND,
        "version": VERSION,
        "tz": saved.clock.tz,
        "step_s": saved.clock.step_s,
        "horizon_steps": saved.horizon_steps,
        "holidays": sorted(day.isoformat() for day in calendar.holidays),
        "special": [[day.isoformat(), kind] for day, kind in calendar.special],
        "refit": saved.refit,
        "names": saved.names,
        "time": saved.time.isoformat(),
        "last_good": None if saved.last_good is None else saved.last_good.isoformat(),
        "settings": {f.name: str(getattr(settings, f.name)) for f in fields(settings)},
        "type_limits": [str(limit) for limit in live.fitted.rule.limits],
        "sites": None if saved.sites is None else [asdict(site) for site in saved.sites],
        **{name: int(getattr(live, name)) for name in LIVE_NUMBERS},
    }
    arrays: dict[str, NDArray[Any]] = {name: getattr(live, name) for name in LIVE_ARRAYS}
    for part in fields(Correction):
        arrays[f"correction_{part.name}"] = getattr(live.fitted.correction, part.name)
    arrays["edges"], arrays["wider"] = live.fitted.limits.edges, live.fitted.limits.silent
    arrays["shapes"], arrays["profiles"] = live.profiles.shapes, live.profiles.z
    arrays["ceiling"] = saved.ceiling
    if saved.neighbors is not None:
        arrays["neighbors"] = saved.neighbors
    arrays |= {f"streets_{name}": array for name, array in saved.streets.items()}
    if saved.detectors is not None:
        head["budget"] = str(saved.detectors.budget)
        for name in HEALTH_ARRAYS:
            arrays[f"health_{name}"] = getattr(saved.detectors, name)
        for near in fields(Neighborhood):
            arrays[f"near_{near.name}"] = getattr(saved.detectors.neighborhood, near.name)
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    replace_content(path, stream.getvalue())


def read(path: Path) -> Saved:
    """Read a forecaster.

    Raises
    ------
    FormatError
        If the file is absent, is not one, is damaged, or is of another version.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(info.file_size for info in packed.infolist())
        if unpacked > LARGEST_BYTES:
            raise FormatError(f"{path}: unpacks to {unpacked} bytes; allowed are {LARGEST_BYTES}")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        head = json.loads(bytes(arrays["head"]))
        if head["format"] != KIND or head["version"] != VERSION:
            raise FormatError(
                f"{path}: holds {head['format']!r} of version {head['version']!r}; "
                f"this program reads {KIND!r} of version {VERSION}: fit the forecaster anew"
            )
        return _assembled(head, arrays)
    except ThroughbandError as error:
        if isinstance(error, FormatError) and str(error).startswith(str(path)):
            raise
        raise FormatError(f"{path}: {error}") from error
    except (
        OSError,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise FormatError(
            f"{path}: is not a saved forecaster, or is damaged ({type(error).__name__}: {error})"
        ) from error


def _assembled(head: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Saved:
    calendar = Calendar(
        frozenset(date.fromisoformat(day) for day in head["holidays"]),
        tuple((date.fromisoformat(day), int(kind)) for day, kind in head["special"]),
    )
    chosen = {name: float(value) for name, value in head["settings"].items()}
    settings = ProfileSettings(
        chosen["half_life_days"],
        chosen["smooth_s"],
        chosen["smooth_weekday_s"],
        chosen["keep_days"],
        int(chosen["rank"]),
        chosen["rest"],
    )
    clock = LocalClock(str(head["tz"]), int(head["step_s"]))
    horizons = int(head["horizon_steps"])
    correction = Correction(**{f.name: arrays[f"correction_{f.name}"] for f in fields(Correction)})
    names = tuple(str(name) for name in head["names"])
    fitted = Fitted(
        arrays["sums"],
        arrays["counted"],
        Profiles(settings, arrays["shapes"], arrays["profiles"]),
        correction,
        Limits(arrays["edges"], arrays["limits"], arrays["wider"]),
        DayTypeRule(tuple(float(limit) for limit in head["type_limits"])),
    )
    live = LiveState(fitted, calendar, clock.step_s, horizons, head["refit"] == "midnight")
    for name in LIVE_ARRAYS:
        found, expected = arrays[name], getattr(live, name)
        if name not in ("scores", "choices") and (
            found.shape != expected.shape or found.dtype != expected.dtype
        ):
            raise FormatError(
                f"array {name!r} is {found.dtype}{list(found.shape)}; allowed is "
                f"{expected.dtype}{list(expected.shape)}"
            )
        setattr(live, name, np.ascontiguousarray(found))
    for name in LIVE_NUMBERS:
        setattr(live, name, int(head[name]))
    if live.scores.shape != live.choices.shape or correction.scale.size != len(names):
        raise FormatError(f"arrays speak of {correction.scale.size} detectors, names {len(names)}")
    good = head["last_good"]
    return Saved(
        clock,
        horizons,
        calendar,
        str(head["refit"]),
        names,
        arrays.get("neighbors"),
        datetime.fromisoformat(head["time"]),
        None if good is None else datetime.fromisoformat(good),
        arrays["ceiling"],
        live,
        _sites(head),
        {k.removeprefix("streets_"): v for k, v in arrays.items() if k.startswith("streets_")},
        _detectors(head, arrays, names, clock.step_s),
    )


def _sites(head: Mapping[str, Any]) -> tuple[CountSite, ...] | None:
    found = head.get("sites")
    return None if found is None else tuple(CountSite(**site) for site in found)


def _detectors(
    head: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    names: tuple[str, ...],
    step_s: int,
) -> DetectorModel | None:
    if "budget" not in head:
        return None
    near = Neighborhood(**{part.name: arrays[f"near_{part.name}"] for part in fields(Neighborhood)})
    numbers = {name: arrays[f"health_{name}"] for name in HEALTH_ARRAYS}
    return DetectorModel(names, step_s, float(head["budget"]), neighborhood=near, **numbers)
