from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ntcip.counting import CountBook
from controllers.ntcip.detectors import DetectorCount
from network.counts import CountSource, Quality
from network.errors import CountError

MIDNIGHT_S = 1_800_000_000.0


def book(interval_s: int = 300) -> CountBook:
    places = {"a": {1: "north", 2: "south"}, "b": {1: "south"}}
    return CountBook("movement", places, interval_s, MIDNIGHT_S)


def seen(detector: int, vehicles: int | None, fault: str = "") -> DetectorCount:
    occupancy = None if fault and fault != "volume overflow" else 0.25
    return DetectorCount(detector, vehicles, occupancy, fault)


def minutes(kept: CountBook, signal: str, detector: int, vehicles: list[int | None]) -> None:
    for at, count in enumerate(vehicles):
        end_s = MIDNIGHT_S + 60 * (at + 1)
        fault = "volume overflow" if count is None else ""
        kept.add(signal, end_s, 60, (seen(detector, count, fault),))


def test_the_periods_of_an_interval_add_up_and_detectors_of_a_series_too() -> None:
    kept = book()
    minutes(kept, "a", 1, [1, 2, 3, 4, 5, 6])
    minutes(kept, "a", 2, [1] * 5)
    minutes(kept, "b", 1, [2] * 5)
    source: CountSource = kept
    counts = source.counts(0, 300)
    assert counts.series_ids == ("north", "south")
    assert counts.volume_veh.tolist() == [[15.0, 15.0]]
    assert counts.quality.tolist() == [[Quality.GOOD, Quality.GOOD]]
    assert counts.occupancy_pct is not None
    assert counts.occupancy_pct.tolist() == [[pytest.approx(25.0), pytest.approx(25.0)]]
    assert kept.reasons(0, 300) == ()


def test_an_interval_with_a_hole_is_missing_and_says_so() -> None:
    kept = book()
    for at in (0, 1, 3, 4):
        kept.add("a", MIDNIGHT_S + 60 * (at + 1), 60, (seen(1, 9),))
    counts = kept.counts(0, 600)
    assert counts.quality[:, 0].tolist() == [Quality.MISSING, Quality.MISSING]
    assert np.isnan(counts.volume_veh[:, 0]).all()
    first, *_ = kept.reasons(0, 300)
    assert first == "north at 0 s: signal 'a' detector 1: only 240 of 300 s were read"
    assert "nothing was read" in kept.reasons(300, 600)[0]


def test_a_series_lacks_its_number_when_one_of_its_detectors_does() -> None:
    kept = book()
    minutes(kept, "a", 2, [1] * 5)
    assert kept.counts(0, 300).quality[0, 1] == Quality.MISSING


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("maximum presence", Quality.STUCK),
        ("no activity", Quality.STUCK),
        ("erratic output", Quality.CHATTER),
        ("volume overflow", Quality.CHATTER),
        ("open loop", Quality.SUSPECT),
        ("reserved occupancy 240", Quality.SUSPECT),
    ],
)
def test_a_faulty_detector_gives_a_flag_and_a_reason_instead_of_a_number(
    fault: str, flag: Quality
) -> None:
    kept = book(60)
    kept.add("a", MIDNIGHT_S + 60, 60, (seen(1, None, fault),))
    counts = kept.counts(0, 60)
    assert counts.quality[0, 0] == flag
    assert np.isnan(counts.volume_veh[0, 0])
    assert kept.reasons(0, 60)[0].endswith(f"detector 1: {fault}")


def test_a_doubtful_period_keeps_its_number_and_is_suspect() -> None:
    kept = book(60)
    kept.add("a", MIDNIGHT_S + 60, 60, (seen(1, 7),), "its clock is off by +40 s")
    counts = kept.counts(0, 60)
    assert counts.volume_veh[0, 0] == 7
    assert counts.quality[0, 0] == Quality.SUSPECT


@given(st.integers(1, 255), st.floats(0, 299), st.lists(st.integers(0, 254), min_size=20))
def test_periods_astride_lose_no_vehicle(
    period_s: int, phase_s: float, vehicles: list[int]
) -> None:
    kept = CountBook("movement", {"a": {1: "north"}}, 300, MIDNIGHT_S)
    for at, count in enumerate(vehicles):
        kept.add("a", MIDNIGHT_S + phase_s + period_s * (at + 1), period_s, (seen(1, count),))
    cells = kept._cells["a", 1].values()
    assert sum(cell.vehicles for cell in cells) == pytest.approx(sum(vehicles))
    assert sum(cell.covered_s for cell in cells) == pytest.approx(period_s * len(vehicles))


def test_old_counts_are_forgotten() -> None:
    kept = CountBook("movement", {"a": {1: "north"}}, 300, MIDNIGHT_S)
    for at in range(4 * 288):
        kept.add("a", MIDNIGHT_S + 300 * (at + 1), 300, (seen(1, 1),))
    assert len(kept._cells["a", 1]) <= 2 * 288 + 1


def test_a_window_without_an_interval_is_refused() -> None:
    with pytest.raises(CountError, match="no interval of 300 s begins"):
        book().counts(10, 200)


def test_a_book_without_detectors_is_refused() -> None:
    with pytest.raises(CountError, match="no detector"):
        CountBook("movement", {"a": {}}, 300, MIDNIGHT_S)
