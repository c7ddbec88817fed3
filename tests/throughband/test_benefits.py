"""Savings are those of the pairs, carried through with their intervals; rates have sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.emissions import CO2_G_PER_L
from engine.validate.statistics import paired_difference
from network.errors import FormatError
from throughband.benefits import RATES_FORM, Rates, benefits_of, read_rates, rounded

HOUR_S = 3600.0
CITY = Rates(
    "EUR", 250, "working days", 12.0, 1.25, "a", 1.8, "b", 200.0, "c", 10_000.0, "d"
)  # fmt: skip

WHOLE = """
currency = "EUR"
[year]
days = 250
source = "working days"
[time]
per_person_hour = 12.0
persons_per_vehicle = 1.25
source = "a"
[fuel]
per_liter = 1.8
source = "b"
[co2]
per_tonne = 200
source = "c"
[cost]
per_year = 10000
source = "d"
"""


def side(delay_s: float, stops: float = 1.0, co2_g: float | None = 150.0) -> dict[str, Any]:
    return {
        "delay_s": delay_s, "stops": stops, "scheduled": 1800, "inserted": 1800,
        "co2_g_per_veh": co2_g, "not_inserted": 0,
    }  # fmt: skip


def validation(pairs: list[tuple[float, float]], **changes: float | None) -> dict[str, Any]:
    runs = [
        {"seed": seed, "baseline": side(a), "candidate": side(b, 0.9, 140.0)}
        for seed, (a, b) in enumerate(pairs, 101)
    ]
    for run in runs:
        run["candidate"] |= changes
    return {"runs": runs}


def test_vehicle_hours_are_those_of_all_vehicles_due() -> None:
    found = benefits_of(validation([(40.0, 30.0), (44.0, 32.0)]), Rates(), HOUR_S)
    assert found is not None
    saved = paired_difference([30 * 0.5, 32 * 0.5], [40 * 0.5, 44 * 0.5])
    assert found.savings[0].window == saved
    assert found.savings[0].year is None
    assert found.window_h == 1.0


@given(st.lists(st.tuples(st.floats(5, 90), st.floats(5, 90)), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_the_sum_of_money_has_the_interval_of_the_sum(pairs: list[tuple[float, float]]) -> None:
    found = benefits_of(validation(pairs), CITY, HOUR_S)
    assert found is not None
    time, fuel, co2, whole = found.savings[-4:]
    assert whole.window.mean == pytest.approx(
        time.window.mean + fuel.window.mean + co2.window.mean, abs=1e-6
    )
    # Fuel and CO2 are saved alike in every pair here, so only time is uncertain.
    width = whole.window.high - whole.window.low
    assert width == pytest.approx(time.window.high - time.window.low, abs=1e-6)
    assert whole.year is not None
    assert whole.year.low == pytest.approx(250 * whole.window.low)
    assert found.ratio is not None
    assert found.ratio.high == pytest.approx(whole.year.high / 10_000)


def test_money_of_time_counts_persons() -> None:
    found = benefits_of(validation([(40.0, 30.0), (44.0, 34.0)]), CITY, HOUR_S)
    assert found is not None
    money = next(s for s in found.savings if s.label == "Time")
    assert money.window.mean == pytest.approx(5.0 * 1.25 * 12.0)


def test_fuel_follows_carbon_dioxide() -> None:
    found = benefits_of(validation([(40.0, 30.0), (44.0, 34.0)]), Rates(), HOUR_S)
    assert found is not None
    liters = next(s for s in found.savings if s.label == "Fuel")
    assert liters.window.mean == pytest.approx(1800 * 10.0 / CO2_G_PER_L)


def test_an_interval_that_holds_zero_is_no_clear_difference() -> None:
    found = benefits_of(validation([(40.0, 30.0), (40.0, 50.0)]), Rates(), HOUR_S)
    assert found is not None
    assert found.savings[0].judgment == "no clear difference"


def test_more_delay_is_lost() -> None:
    found = benefits_of(validation([(30.0, 40.0), (30.0, 40.1)]), Rates(), HOUR_S)
    assert found is not None
    assert found.savings[0].judgment == "lost"


def test_without_emissions_nothing_is_said_of_fuel() -> None:
    found = benefits_of(validation([(40.0, 30.0)] * 2, co2_g_per_veh=None), CITY, HOUR_S)
    assert found is not None
    assert {s.label for s in found.savings} == {"Delay", "Stops", "Time"}
    assert any("Emissions" in told for told in found.cautions)


def test_vehicles_kept_out_are_told_where_they_count() -> None:
    few = benefits_of(validation([(40.0, 30.0)] * 2, not_inserted=1), Rates(), HOUR_S)
    many = benefits_of(validation([(40.0, 30.0)] * 2, not_inserted=90), Rates(), HOUR_S)
    assert few is not None
    assert many is not None
    assert not few.cautions
    assert any("never got in" in told for told in many.cautions)


def test_a_single_run_gives_nothing() -> None:
    assert benefits_of(validation([(40.0, 30.0)]), Rates(), HOUR_S) is None
    assert benefits_of({}, Rates(), HOUR_S) is None


def rates_file(folder: Path, text: str) -> Path:
    file = folder / "rates.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_rates_are_read_with_their_sources(tmp_path: Path) -> None:
    found = read_rates(rates_file(tmp_path, WHOLE))
    assert found == CITY
    assert [source for _, _, source in found.sources] == ["a", "b", "c", "working days", "d"]


def test_what_is_absent_is_not_reckoned(tmp_path: Path) -> None:
    assert read_rates(rates_file(tmp_path, "")) == Rates()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "a"', "", "source"),
        ("per_tonne = 200", "per_tonne = -1", "per_tonne"),
        ("days = 250", "days = 400", "days"),
        ('currency = "EUR"', "", "currency"),
        ("[fuel]", "[petrol]", "petrol"),
        ("per_liter = 1.8", 'per_liter = "much"', "per_liter"),
        ("[time]", "[time", "TOML"),
    ],
)
def test_rates_that_say_nothing_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = rates_file(tmp_path, WHOLE.replace(old, new, 1))
    with pytest.raises(FormatError, match=told):
        read_rates(file)


def test_a_missing_file_of_rates_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.toml"):
        read_rates(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (52_418.0, "52,400"), (-0.01234, "−0.0123"), (9.051, "9.05"), (999.6, "1,000")],
)
def test_amounts_show_three_figures(value: float, text: str) -> None:
    assert rounded(value) == text


def test_the_form_that_reports_show_is_one_that_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rates.toml"
    file.write_text(RATES_FORM.replace("= ...", "= 1.0"), encoding="utf-8")
    rates = read_rates(file)
    assert len(rates.sources) == 5
    # It brings no number of its own.
    assert not any(sign.isdigit() for sign in RATES_FORM.replace("EUR 2026", "").replace("co2", ""))
