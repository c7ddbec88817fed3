"""What a change saves: time, fuel and carbon dioxide, and money where the city says its rates.

Quantities come from paired simulation runs, each pair added up before anything is averaged, so
that the interval of a sum is that of the sum and not a sum of intervals. No rate of money is built
in: what an hour is worth differs by country, year and purpose, and a report must be able to say
whose number it is. Not counted: accidents, noise, wear, other pollutants, traffic that a better
street draws.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.measures.emissions import CO2_G_PER_L
from engine.validate.statistics import Difference, paired_difference
from network.errors import FormatError
from network.fields import Fields, place_in
from network.units import SECONDS_PER_HOUR

CO2_SOURCE: Final = (
    "SUMO's emission model; liters from it at 8,887 g of carbon dioxide a gallon of gasoline "
    "(US EPA, EPA-420-F-11-041)"
)
SIDES: Final = ("baseline", "candidate")
NOTICED_PART: Final = 0.001
"""Part of the vehicles that must be kept out of the streets for it to be told."""
MOST_RATE: Final = 1e9
LONGEST_TEXT: Final = 500
DAYS_OF_YEAR: Final = 366


@dataclass(frozen=True, slots=True)
class Rates:
    """What a city reckons with; every section of its file may be absent.

    Attributes
    ----------
    currency
        Such as ``EUR`` or ``USD 2026``.
    days_per_year, annualization
        Days a year on which the window that was simulated is as simulated, and why so many.
    per_person_hour, persons_per_vehicle, time_source
        Value of time, and how many sit in a vehicle.
    per_liter, fuel_source
        Price of fuel.
    per_tonne_co2, co2_source
        What a tonne of carbon dioxide is reckoned at.
    cost_per_year, cost_source
        What the change costs a year: counting, planning, operating.
    """

    currency: str = ""
    days_per_year: float | None = None
    annualization: str = ""
    per_person_hour: float | None = None
    persons_per_vehicle: float | None = None
    time_source: str = ""
    per_liter: float | None = None
    fuel_source: str = ""
    per_tonne_co2: float | None = None
    co2_source: str = ""
    cost_per_year: float | None = None
    cost_source: str = ""

    @property
    def sources(self) -> tuple[tuple[str, str, str], ...]:
        """What is reckoned with: name, value and whose number it is."""
        money, told = self.currency, []
        if self.per_person_hour is not None and self.persons_per_vehicle is not None:
            value = f"{self.per_person_hour:g} {money} an hour of a person, "
            value += f"{self.persons_per_vehicle:g} persons in a vehicle"
            told.append(("Value of time", value, self.time_source))
        if self.per_liter is not None:
            told.append(("Fuel", f"{self.per_liter:g} {money} a liter", self.fuel_source))
        if self.per_tonne_co2 is not None:
            value = f"{self.per_tonne_co2:g} {money} a tonne"
            told.append(("Carbon dioxide", value, self.co2_source))
        if self.days_per_year is not None:
            told.append(("A year", f"{self.days_per_year:g} such days", self.annualization))
        if self.cost_per_year is not None:
            value = f"{self.cost_per_year:g} {money} a year"
            told.append(("Cost of the change", value, self.cost_source))
        return tuple(told)


@dataclass(frozen=True, slots=True)
class Saving:
    """One line: what is saved, above 0 where the new plan needs less.

    Attributes
    ----------
    label, unit
        What.
    window
        In the window that was simulated, with its 95 % interval.
    year
        In a year; None where the rates do not say how many such days it has.
    """

    label: str
    unit: str
    window: Difference
    year: Difference | None

    @property
    def judgment(self) -> str:
        """``saved``, ``lost`` or ``no clear difference``, by the interval."""
        if self.window.low > 0:
            return "saved"
        return "lost" if self.window.high < 0 else "no clear difference"


@dataclass(frozen=True, slots=True)
class Benefits:
    """Savings and what they are reckoned with.

    Attributes
    ----------
    savings
        Quantities first, then money; the last is the sum of all money where there is more than
        one kind of it.
    ratio
        Money saved in a year over the cost of the change in a year, with its interval; None
        where one of them is not known.
    rates
        Of the city.
    window_h
        Length of the window, hours.
    runs
        Paired runs.
    cautions
        What a reader must know.
    """

    savings: tuple[Saving, ...]
    ratio: Difference | None
    rates: Rates
    window_h: float
    runs: int
    cautions: tuple[str, ...] = field(default_factory=tuple)


def benefits_of(validation: Mapping[str, Any], rates: Rates, window_s: float) -> Benefits | None:
    """Reckon what paired runs save.

    Parameters
    ----------
    validation
        As `engine.validate.report.ValidationReport.to_dict` gives it, with its runs.
    rates
        What a city reckons with.
    window_s
        Length of the simulated window, s.

    Returns
    -------
    Benefits or None
        None where the runs do not tell how many vehicles there were, or there are fewer than two.
    """
    runs = list(validation.get("runs", ()))
    needed = ("delay_s", "scheduled", "stops", "inserted")
    if len(runs) < 2 or any(
        run[side].get(key) is None for run in runs for side in SIDES for key in needed
    ):
        return None
    days = rates.days_per_year

    def saving(label: str, unit: str, spent: Callable[[Mapping[str, Any]], float]) -> Saving:
        window = _saved(runs, spent)
        return Saving(label, unit, window, _times(window, days))

    savings = [
        saving("Delay", "vehicle-hours", _delay_h),
        saving("Stops", "stops", lambda run: run["stops"] * run["inserted"]),
    ]
    money: list[tuple[str, Callable[[Mapping[str, Any]], float]]] = []
    persons, hourly = rates.persons_per_vehicle, rates.per_person_hour
    if persons is not None:
        savings.append(saving("Delay", "person-hours", lambda run: persons * _delay_h(run)))
        if hourly is not None:
            money.append(("Time", lambda run: hourly * persons * _delay_h(run)))
    burnt = all(run[side].get("co2_g_per_veh") is not None for run in runs for side in SIDES)
    if burnt:
        savings.append(saving("Carbon dioxide", "kg", lambda run: _co2_g(run) / 1e3))
        savings.append(saving("Fuel", "L", lambda run: _co2_g(run) / CO2_G_PER_L))
        liter, tonne = rates.per_liter, rates.per_tonne_co2
        if liter is not None:
            money.append(("Fuel", lambda run: liter * _co2_g(run) / CO2_G_PER_L))
        if tonne is not None:
            money.append(("Carbon dioxide", lambda run: tonne * _co2_g(run) / 1e6))
    savings += [saving(label, rates.currency, spent) for label, spent in money]
    whole = saving("All together", rates.currency, lambda run: sum(f(run) for _, f in money))
    if len(money) > 1:
        savings.append(whole)
    ratio = None
    if money and whole.year is not None and rates.cost_per_year:
        ratio = _times(whole.year, 1.0 / rates.cost_per_year)
    return Benefits(
        tuple(savings), ratio, rates, window_s / SECONDS_PER_HOUR, len(runs),
        tuple(_cautions(runs, burnt)),
    )  # fmt: skip


def _delay_h(run: Mapping[str, Any]) -> float:
    return float(run["delay_s"]) * float(run["scheduled"]) / SECONDS_PER_HOUR


def _co2_g(run: Mapping[str, Any]) -> float:
    return float(run["co2_g_per_veh"]) * float(run["inserted"])


def _saved(
    runs: Sequence[Mapping[str, Any]], spent: Callable[[Mapping[str, Any]], float]
) -> Difference:
    """Spent before less spent after, over the pairs."""
    before, after = ([float(spent(run[side])) for run in runs] for side in SIDES)
    return paired_difference(after, before)


def _times(found: Difference, factor: float | None) -> Difference | None:
    if factor is None:
        return None
    return Difference(found.mean * factor, found.low * factor, found.high * factor)


def _cautions(runs: Sequence[Mapping[str, Any]], burnt: bool) -> list[str]:
    told = []
    if not burnt:
        told.append("Emissions were not simulated: fuel and carbon dioxide are not told.")
    left = [sum(float(run[side].get("not_inserted") or 0) for run in runs) for side in SIDES]
    due = sum(float(run[side]["scheduled"]) for run in runs for side in SIDES)
    if abs(left[0] - left[1]) > NOTICED_PART * due:
        told.append(
            f"Vehicles that never got into the simulated streets: {left[0] / len(runs):.0f} a run "
            f"before, {left[1] / len(runs):.0f} after. They count in delay and burn no fuel, so "
            "fuel and carbon dioxide of the two sides are of different traffic."
        )
    return told


RATES_FORM: Final = """\
currency = "..."           # such as EUR 2026
[year]
days = ...                 # days a year like the hours that were simulated
source = "..."             # whose number it is, and of what year
[time]
per_person_hour = ...
persons_per_vehicle = ...
source = "..."
[fuel]
per_liter = ...
source = "..."
[co2]
per_tonne = ...
source = "..."
[cost]
per_year = ...             # of the change: counting, planning, operating
source = "..."
"""
"""What a file of rates looks like, without any number of ours."""


def read_rates(path: Path) -> Rates:
    """Read a city's rates.

    Parameters
    ----------
    path
        TOML: ``currency``; tables ``[year]`` (``days``, ``source``), ``[time]``
        (``per_person_hour``, ``persons_per_vehicle``, ``source``), ``[fuel]`` (``per_liter``,
        ``source``), ``[co2]`` (``per_tonne``, ``source``), ``[cost]`` (``per_year``, ``source``).
        Each table may be absent; what is there needs its source.

    Raises
    ------
    FormatError
        If the file is missing or malformed, a rate is out of range or has no source.
    """
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not TOML ({error})") from error
    place = place_in(str(path))
    whole = Fields.of(content, place, FormatError, (), ("currency", *_TABLES))
    values: dict[str, Any] = {}
    for table, keys in _TABLES.items():
        if not whole.has(table):
            continue
        names = [key for key, _, _ in keys]
        told = Fields.of(
            whole.values[table], place_in(f"{path}, [{table}]"), FormatError, (*names, "source")
        )
        for key, name, most in keys:
            values[name] = told.number(key, 0.0, most)
        values[_SOURCES[table]] = told.text("source")[:LONGEST_TEXT]
    priced = [table for table in _TABLES if table != "year" and whole.has(table)]
    if priced and not whole.has("currency"):
        raise FormatError(f"{path}: currency is missing, and [{priced[0]}] has an amount of money")
    if whole.has("currency"):
        values["currency"] = whole.text("currency")
    return Rates(**values)


_TABLES: Final[Mapping[str, tuple[tuple[str, str, float], ...]]] = {
    "year": (("days", "days_per_year", DAYS_OF_YEAR),),
    "time": (
        ("per_person_hour", "per_person_hour", MOST_RATE),
        ("persons_per_vehicle", "persons_per_vehicle", 100.0),
    ),
    "fuel": (("per_liter", "per_liter", MOST_RATE),),
    "co2": (("per_tonne", "per_tonne_co2", MOST_RATE),),
    "cost": (("per_year", "cost_per_year", MOST_RATE),),
}
_SOURCES: Final = {
    "year": "annualization",
    "time": "time_source",
    "fuel": "fuel_source",
    "co2": "co2_source",
    "cost": "cost_source",
}


def rounded(value: float) -> str:
    """Write an amount with three figures that count, thousands apart; a dash for none."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    whole = round(value, 2 - math.floor(math.log10(abs(value))))
    return f"{whole:,.{digits}f}".replace("-", "−")
