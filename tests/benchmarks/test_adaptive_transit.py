"""The transit benchmark: what it plays, measures and judges."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.adaptive_transit import (
    WITH,
    WITHOUT,
    Outcome,
    delays_s,
    missed,
    table,
    variants,
    variation,
)
from engine.adaptive.transit import Strategy, TransitRules
from engine.validate.simulator import SimulationCase

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
