"""Movement flows of forecasts: near the truth, in agreement over the network, honest of doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast.consistency import SIDE_SD
from engine.forecast.count_sites import CountSite
from engine.forecast.detector_limits import learn_detectors
from engine.forecast.detectors import DetectorWatch
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.prediction import Source
from engine.forecast.saved import HEALTH_ARRAYS
from engine.forecast.street_flows import MovementFlows
from network.counts import CountSeries
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from tests.engine.test_forecast_consistency import driven
from tests.network import streets

Floats = NDArray[np.float64]
START = datetime(2031, 3, 3, tzinfo=UTC)
STEP_S = 900
DAYS = 4


def roads() -> RoadNetwork:
    return streets.network("cologne3")


@cache
def truth_vph() -> dict[str, float]:
    return driven(roads(), 5)


def level(rows: int) -> Floats:
    """Part of the daily peak in each quarter hour."""
    hour = np.arange(rows) % 96 / 4
    out: Floats = 0.3 + 0.7 * np.exp(-0.5 * ((hour - 12) / 4) ** 2)
    return out


def everywhere() -> list[CountSite]:
    """Approaches and exits of all signals: no turn is counted by itself."""
    network = roads()
    into = {m.from_link for m in network.movements.values()}
    out = {m.to_link for m in network.movements.values()} - into
    return [
        *(CountSite(f"in {link}", "approach", link) for link in sorted(into)),
        *(CountSite(f"out {link}", "exit", link) for link in sorted(out)),
    ]


def counts_of(sites: list[CountSite], rows: int, seed: int = 1) -> Floats:
    network, flows = roads(), truth_vph()
    drawn = np.random.default_rng(seed)
    part = level(rows) * STEP_S / 3600
    turned = {turn: drawn.poisson(flow * part) for turn, flow in flows.items()}
    columns = []
    for site in sites:
        ends = network.turns_into if site.place == "exit" else network.turns_from
        names = {c.movement_id for c in ends[site.link_id]}
        chosen = {site.turn_id} if site.place == "turn" else names
        columns.append(np.sum([turned[name] for name in chosen], axis=0))
    return np.column_stack(columns).astype(float)


def fitted(sites: list[CountSite], rows: int = DAYS * 96 + 48) -> FlowForecaster:
    forecaster = FlowForecaster(STEP_S, 2, "UTC", network=roads(), sites=sites)
    return forecaster.fit(counts_of(sites, rows), START, [site.detector_id for site in sites])


def movements() -> MovementFlows:
    return fitted(everywhere()).predict().movements()


def test_turns_that_nobody_counts_alone_are_found_from_approaches_and_exits() -> None:
    network, found = roads(), movements()
    truth = {t: f * level(DAYS * 96 + 49)[-1] for t, f in truth_vph().items()}
    flow = {name: float(found.movement_vph()[name][0]) for name in network.movements}
    error = np.array([abs(flow[name] - truth[name]) for name in network.movements])
    assert error.mean() < 0.2 * np.mean([truth[name] for name in network.movements])


def test_what_leaves_one_junction_arrives_at_the_next() -> None:
    network, found = roads(), movements()
    flow = found.movement_vph()
    assert found.link_source_vph
    for link, source in found.link_source_vph.items():
        into = sum(flow[t] for t in {c.movement_id for c in network.turns_into[link]})
        out = sum(flow[t] for t in {c.movement_id for c in network.turns_from[link]})
        np.testing.assert_allclose(into + source, out, atol=1e-6)
        assert (np.abs(source) < 5 * SIDE_SD * np.maximum(out, 100.0)).all()


def test_eight_of_ten_flows_lie_between_the_quantiles() -> None:
    sites = everywhere()
    rows = DAYS * 96 + 48
    forecaster = fitted(sites, rows)
    found = forecaster.predict().movements()
    low, high = found.quantile_vph((0.1, 0.9))
    names = list(roads().movements)
    at = [found.movement_ids.index(name) for name in names]
    rng = np.random.default_rng(9)
    mean = np.array([truth_vph()[name] for name in names]) * level(rows + 1)[-1] / 4
    came = rng.poisson(mean, (400, len(names))) * 4.0
    inside = (came >= low[0, at]) & (came <= high[0, at])
    assert 0.7 < inside.mean() < 0.95


def test_a_turn_counted_alone_is_surer_than_one_counted_with_others() -> None:
    sites = everywhere()
    network = roads()
    turn = max(network.movements, key=lambda name: truth_vph()[name])
    link = network.movements[turn].from_link
    alone = CountSite("alone", "turn", link, turn_id=turn)
    before, after = (fitted(s).predict().movements() for s in (sites, [*sites, alone]))
    m = before.movement_ids.index(turn)
    assert after.sd_vph[0, m] < 0.8 * before.sd_vph[0, m]
    assert before.source[0, m] == Source.IMPUTED
    assert after.source[0, m] == Source.OBSERVED


def test_what_only_the_network_speaks_of_is_called_a_guess() -> None:
    sites = everywhere()
    network = roads()
    hidden = network.movements[next(iter(network.movements))].from_link
    kept = [s for s in sites if s.link_id != hidden and s.place == "approach"]
    found = fitted(kept).predict().movements()
    turns = {c.movement_id for c in network.turns_from[hidden]}
    at = [found.movement_ids.index(turn) for turn in turns]
    assert (found.source[:, at] == Source.PRIOR).all()
    assert np.isfinite(found.mean_vph).all()


def test_detectors_named_after_movements_and_links_need_no_places() -> None:
    network = roads()
    names = [*network.movements]
    sites = [CountSite(n, "turn", network.movements[n].from_link, turn_id=n) for n in names]
    forecaster = FlowForecaster(STEP_S, 1, "UTC", network=network)
    forecaster.fit(counts_of(sites, DAYS * 96), START, names)
    prediction = forecaster.predict()
    found = prediction.movements()
    at = [found.movement_ids.index(name) for name in names]
    wanted = prediction.expected()[0][0] * 3600 / STEP_S
    np.testing.assert_allclose(found.mean_vph[0, at], wanted, atol=0.25 * wanted.max())
    assert (found.source[:, at] == Source.OBSERVED).all()


def test_expected_counts_are_neither_too_many_nor_too_few() -> None:
    """The central forecast minimizes the absolute error, and is hardly anything of small counts."""
    counts = np.random.default_rng(3).poisson(0.3, (20 * 96, 30)).astype(float)
    forecaster = FlowForecaster(STEP_S, 1, "UTC").fit(counts, START, [str(n) for n in range(30)])
    found = forecaster.predict()
    mean, sd = found.expected()
    assert mean.mean() == pytest.approx(0.3, abs=0.15)
    assert sd.mean() == pytest.approx(0.3**0.5, rel=0.25)
    assert found.mean.mean() < 0.6 * mean.mean()


def test_without_a_network_detectors_are_forecast_and_movements_are_not() -> None:
    forecaster = FlowForecaster(STEP_S, 1, "UTC")
    forecaster.fit(counts_of(everywhere(), 2 * 96), START, [s.detector_id for s in everywhere()])
    with pytest.raises(InsufficientDataError, match="need a network"):
        forecaster.predict().movements()


def test_places_of_nowhere_are_refused() -> None:
    with pytest.raises(CountError, match="no network"):
        FlowForecaster(STEP_S, 1, "UTC", sites=everywhere())
    sites = everywhere()
    forecaster = FlowForecaster(STEP_S, 1, "UTC", network=roads(), sites=sites)
    with pytest.raises(CountError, match="not among the 1 detectors"):
        forecaster.fit(np.ones((96, 1)), START, ["in nowhere"])
    nameless = FlowForecaster(STEP_S, 1, "UTC", network=roads())
    with pytest.raises(InsufficientDataError, match="none of the 1 detectors"):
        nameless.fit(np.ones((96, 1)), START, ["loop 7"])
    with pytest.raises(CountError, match="a turn belongs to the places turn"):
        CountSite("d", "turn", sites[0].link_id)


def test_shares_follow_the_counts_after_the_fit() -> None:
    sites = everywhere()
    forecaster = fitted(sites, DAYS * 96)
    before = forecaster.predict().movements().mean_vph[0]
    rows = counts_of(sites, DAYS * 96 + 40, seed=2)[DAYS * 96 :]
    for at, row in enumerate(rows):
        forecaster.update(START + timedelta(seconds=STEP_S * (DAYS * 96 + at)), row)
    after = forecaster.predict().movements()
    assert after.mean_vph[0].sum() > 1.3 * before.sum()


def test_a_saved_forecaster_knows_its_streets_and_detectors_again(tmp_path: Path) -> None:
    sites = everywhere()
    forecaster = fitted(sites)
    names = tuple(site.detector_id for site in sites)
    counts = counts_of(sites, DAYS * 96)
    series = CountSeries.from_volumes("detector", names, 0.0, STEP_S, counts)
    usual = np.tile(counts.reshape(DAYS, 96, -1).mean(axis=0), (DAYS, 1))
    forecaster.detectors = learn_detectors(series, usual)
    path = tmp_path / "forecaster.npz"
    forecaster.save(path)
    again = FlowForecaster.load(path, roads())
    one, two = (f.predict().movements() for f in (forecaster, again))
    assert one.mean_vph.tobytes() == two.mean_vph.tobytes()
    assert one.sd_vph.tobytes() == two.sd_vph.tobytes()
    assert again.detectors is not None
    kept, found = forecaster.detectors, again.detectors
    assert (found.detector_ids, found.interval_s, found.budget) == (names, STEP_S, kept.budget)
    for part in HEALTH_ARRAYS:
        np.testing.assert_array_equal(getattr(found, part), getattr(kept, part))
    watches = [DetectorWatch(model) for model in (kept, found)]
    faults = [[w.update(row, usual[0]).copy() for row in counts[:5]] for w in watches]
    np.testing.assert_array_equal(faults[0], faults[1])


def test_without_its_network_a_saved_forecaster_forecasts_detectors(tmp_path: Path) -> None:
    forecaster = fitted(everywhere())
    path = tmp_path / "forecaster.npz"
    forecaster.save(path)
    again = FlowForecaster.load(path)
    assert again.predict().mean.tobytes() == forecaster.predict().mean.tobytes()
    again.save(path)
    with pytest.raises(InsufficientDataError, match="need a network"):
        again.predict().movements()
    with pytest.raises(CountError):
        FlowForecaster.load(path, streets.network("cologne1")).predict().movements()


def test_arrivals_follow_from_the_flows_of_the_next_interval() -> None:
    network = roads()
    plans = {name: s.plan_in_force for name, s in network.signals.items() if s.plan_in_force}
    forecaster = fitted(everywhere())
    found = forecaster.arrivals(plans, 0)
    flows = forecaster.predict().movements().movement_vph()
    edge = next(x for x in found.link_ids if not network.turns_into[x])
    due = sum(float(flows[t][0]) for t in {c.movement_id for c in network.turns_from[edge]})
    cycle = found.cycle_veh[edge]
    assert cycle.sum() == pytest.approx(due * len(cycle) / 3600, rel=0.02)
