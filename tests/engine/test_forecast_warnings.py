"""Warnings: incidents told soon, with their place, time and size; normal weeks left in peace."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.forecast.drawn_sensors import DrawnStreet, street
from engine.forecast.link_kernels import CROWDED
from engine.forecast.warnings import LinkModel, LinkWarning, WarningDesk, learn_links
from network.errors import CountError, InsufficientDataError

LINKS, MINUTE = 12, 60
DAY = 1440
IDS = tuple(f"link{k}" for k in range(LINKS))


@pytest.fixture(scope="module")
def model() -> LinkModel:
    normal = street(1, 14, LINKS)
    return learn_links(IDS, MINUTE, normal.inflow, normal.outflow, normal.crowd)


def told(model: LinkModel, drawn: DrawnStreet, rows: range) -> list[tuple[LinkWarning, ...]]:
    desk = WarningDesk(model)
    return [
        desk.update(
            (i + 1) * MINUTE,
            (drawn.inflow[0][i], drawn.inflow[1][i]),
            (drawn.outflow[0][i], drawn.outflow[1][i]),
            (drawn.crowd[0][i], drawn.crowd[1][i]),
        )
        for i in rows
    ]


def test_normal_weeks_bring_at_most_one_report_each(model: LinkModel) -> None:
    reports = 0
    for seed in (11, 12):
        before: set[str] = set()
        for warnings in told(model, street(seed, 7, LINKS), range(7 * DAY)):
            now = {warning.link_id for warning in warnings}
            reports += len(now - before)
            before = now
    assert reports <= 2


@pytest.mark.parametrize("seed", range(6))
def test_a_blocked_lane_is_told_with_place_time_and_size(model: LinkModel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    link, begin = int(rng.integers(2, LINKS - 2)), int(rng.integers(7 * 60, 19 * 60))
    drawn = street(100 + seed, 1, LINKS, blocked=(link, begin, 15))
    seen = told(model, drawn, range(begin + 15))
    first = next(
        i for i in range(begin, begin + 15) if any(w.link_id == IDS[link] for w in seen[i])
    )
    # The queue reaches the detector five minutes after it begins.
    assert first - begin + 1 <= 5 + 3
    warning = next(w for w in seen[begin + 9] if w.link_id == IDS[link])
    assert abs(warning.onset_s - begin * MINUTE) <= 3 * MINUTE
    held_back = 0.5 * float(drawn.outflow[1][begin : begin + 10, link].mean()) * 60.0
    assert 0.4 * held_back < warning.size_vph < 1.8 * held_back
    assert warning.confidence > 0.99
    assert IDS[link] in warning.reason
    elsewhere = {w.link_id for w in seen[begin + 9]} - {IDS[k] for k in range(link - 1, link + 2)}
    assert not elsewhere


def test_who_cannot_come_in_for_the_queue_is_held_back_too(model: LinkModel) -> None:
    link, begin = 5, 600
    drawn = street(140, 1, LINKS, blocked=(link, begin, 15))
    # The queue has reached the link's beginning: nobody goes in, nobody comes out.
    drawn.inflow[0][begin + 5 : begin + 15, link] = 0.0
    drawn.outflow[0][begin + 5 : begin + 15, link] = 0.0
    seen = told(model, drawn, range(begin + 15))
    warning = next(w for w in seen[begin + 14] if w.link_id == IDS[link])
    usual = 60.0 * float(drawn.outflow[1][begin : begin + 15, link].mean())
    assert warning.size_vph > 0.7 * usual


def test_few_links_and_days_are_watched_with_more_caution(model: LinkModel) -> None:
    few = street(1, 3, 4)
    names = IDS[:4]
    careful = learn_links(names, MINUTE, few.inflow, few.outflow, few.crowd)
    assert (careful.limits > 1.3 * np.array([10.0, 13.0, 6.0])).all()
    assert (careful.limits.mean(axis=0) >= model.limits.mean(axis=0) * 0.9).all()


def test_a_link_where_queues_are_usual_dulls_no_other(model: LinkModel) -> None:
    normal = street(1, 14, LINKS)
    occupied = normal.crowd[0].copy()
    for day in range(0, 14, 2):
        occupied[day * DAY + 480 : day * DAY + 510, 4] += 60.0
    queued = learn_links(IDS, MINUTE, normal.inflow, normal.outflow, (occupied, normal.crowd[1]))
    others = np.arange(LINKS) != 4
    assert queued.limits[4, CROWDED] > 3.0 * model.limits[4, CROWDED]
    assert (queued.limits[others, CROWDED] < 1.5 * model.limits[others, CROWDED]).all()


def test_a_longer_interval_tells_more(model: LinkModel) -> None:
    rows = 3 * 960
    usual = np.full((rows, 2), 12.0)
    counts = np.random.default_rng(1).poisson(usual).astype(float)
    longer = learn_links(IDS[:2], 90, (counts, usual), (counts, usual))
    assert longer.arrays.most_step == pytest.approx(1.5 * model.arrays.most_step)


def test_a_warning_ends_when_traffic_flows_again(model: LinkModel) -> None:
    drawn = street(120, 1, LINKS, blocked=(5, 600, 15))
    seen = told(model, drawn, range(680))
    assert any(w.link_id == IDS[5] for w in seen[612])
    assert not any(w.link_id == IDS[5] for w in seen[679])


def test_less_demand_is_no_incident(model: LinkModel) -> None:
    drawn = street(130, 1, LINKS, level=0.7)
    assert not any(told(model, drawn, range(DAY)))


def test_silence_and_nonsense_are_survived(model: LinkModel) -> None:
    desk = WarningDesk(model)
    nothing = np.full(LINKS, np.nan)
    for value in (np.nan, 0.0, 1e300, -1.0):
        odd = np.full(LINKS, value)
        desk.update(60.0, (odd, nothing), (odd, nothing))
        desk.update(120.0, (odd, np.ones(LINKS)), (odd, np.ones(LINKS)), (odd, np.ones(LINKS)))
    assert np.isfinite(desk.sums).all()


def test_too_little_to_learn_from_and_wrong_shapes_are_refused(model: LinkModel) -> None:
    normal = street(1, 2, 2)
    one_day = tuple(a[:DAY] for a in normal.inflow)
    with pytest.raises(InsufficientDataError, match="2 days"):
        learn_links(("a", "b"), 60, one_day, one_day)  # type: ignore[arg-type]
    with pytest.raises(CountError, match="allowed is"):
        learn_links(("a",), 60, normal.inflow, normal.outflow)
    with pytest.raises(CountError, match="above 0"):
        learn_links(("a", "b"), 60, normal.inflow, normal.outflow, reports_per_week=0.0)
    with pytest.raises(CountError, match="one per link"):
        WarningDesk(model).update(0.0, (np.zeros(2), np.zeros(2)), (np.zeros(2), np.zeros(2)))
