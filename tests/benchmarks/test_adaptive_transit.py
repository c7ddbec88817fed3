"""The transit benchmark: what it plays, measures and judges."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.adaptive_transit import (
    BENEATH,
    WITH,
    WITHOUT,
    Outcome,
    delays_s,
    missed,
    runs_of,
    table,
    variants,
    variation,
)
from benchmarks.lamp_stream import LampStream
from engine.adaptive.priority import Priority
from engine.adaptive.sites import build_sites
from engine.adaptive.transit import Strategy, TransitRules
from engine.validate.adaptive_loop import AdaptiveStreet
from engine.validate.fleet import Fleet
from engine.validate.simulator import SimulationCase
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

BEFORE = Outcome(100.0, 50.0, 60.0, 0.3, 10.0, 0.0, 0.0, {"early": 0.0}, {"budget": 0.0})
AFTER = replace(BEFORE, bus_s=60.0, person_s=60.0, others_h=11.0, most_person_s=90.0)


def test_even_headways_do_not_vary() -> None:
    assert variation({("a", "x"): [0.0, 300.0, 600.0]}) == 0.0
    # Means of 300 s, deviations of 0 and 100 s.
    times = {("a", "x"): [0.0, 300.0, 600.0], ("b", "x"): [0.0, 200.0, 600.0]}
    assert variation(times) == pytest.approx(0.5 * 100.0 / 300.0)
    assert math.isnan(variation({("a", "x"): [0.0, 300.0]}))


def test_everything_is_left_out_once() -> None:
    rules = TransitRules(budget_person_s=100.0)
    played = variants(rules, each=True)
    assert played[WITHOUT] is None
    assert played[WITH] == rules
    alone = [r.strategies for r in played.values() if r is not None and len(r.strategies) == 2]
    assert alone == [frozenset(Strategy) - {strategy} for strategy in Strategy]
    assert list(variants(rules, each=False)) == [WITHOUT, WITH]


def test_limits_are_judged_by_the_means() -> None:
    assert missed({"plan": {WITHOUT: [BEFORE], WITH: [AFTER]}}, 90.0) == []
    worse = replace(AFTER, bus_s=61.0, person_s=60.7, most_person_s=91.0)
    told = missed({"plan": {WITHOUT: [BEFORE], WITH: [worse]}}, 90.0)
    assert [sentence.split(":")[1].split()[0] for sentence in told] == ["bus", "person", "91"]


def test_what_others_lost_is_told_per_signal_and_hour() -> None:
    *_, row = table({"plan": {WITHOUT: [BEFORE], WITH: [AFTER]}}, signals=6, hours=0.5)
    assert row.endswith("| +1200 |")
    assert "| 0.60 | 1.00 |" in row


def test_delay_counts_everybody_due(tmp_path: Path) -> None:
    case = SimulationCase(tmp_path / "x.sumocfg", tmp_path / "x.net.xml", (), (), 0, 3600)
    file = tmp_path / "tripinfo.xml"
    rows = [("bus0", 5, 2, 10), ("car", 5, 0, 4), ("kept out", -1, 30, 0), ("not due", -1, -1, 0)]
    file.write_text(
        "<tripinfos>"
        + "".join(
            f'<tripinfo id="{name}" depart="{at}" departDelay="{out}" timeLoss="{lost}"/>'
            for name, at, out, lost in rows
        )
        + "</tripinfos>"
    )
    assert delays_s(file, case, {"bus0"}) == ({"bus0": 12.0}, [4.0, 30.0])


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Two signals with a bus a minute each way."""
    folder = tmp_path_factory.mktemp("busy") / "street"
    wish = Wish("arterial", 2, None, None, 1, None, 0.85, False, 60.0)
    return open_setting(str(generate(wish, folder).config_file), None, 420.0)


@pytest.mark.sumo
@pytest.mark.parametrize("name", BENEATH)
def test_priority_shows_nothing_unlawful(busy: Setting, name: str) -> None:
    sites = build_sites(busy.network)
    priority = Priority(BENEATH[name](busy.network), transit=TransitRules(late_s=-600.0))
    priority.start(sites)
    eyes = {site.signal_id: LampStream(busy.network.signals[site.signal_id]) for site in sites}
    fleet = Fleet(busy.network, runs_of(busy))
    with AdaptiveStreet(busy.case, 11, sites, emissions=False) as street:
        while street.time_s < busy.case.end_s:
            views = street.observe()
            fleet.look(street.time_s, street.traffic, priority)
            wishes = priority.decide(street.time_s, views)
            street.advance(
                wishes, lambda at_s, lamps, *_: [eyes[n].look(at_s, lamps[n]) for n in eyes]
            )
        street.finish()
    assert [sentence for eye in eyes.values() for sentence in eye.found] == []
    assert sum(priority.tally.by_strategy().values()) > 0
