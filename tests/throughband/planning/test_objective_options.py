"""Objective files and options: read with their lines, refused in one line, told in the plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.measures.emissions import Fuel
from engine.measures.objective import Goal, Objective, QueueLimit, QueueMeasure
from network.counts import CountSeries
from network.errors import PlanError
from network.files import write_plan
from network.readers.counts_csv import write_counts_csv
from network.timing import PlanSet
from network.transit import BusLine, BusStop
from tests.engine.explained_streets import plans_of
from tests.reference.toy_streets import line
from tests.throughband.command_line import assert_one_line, call
from throughband.planning.objective_options import (
    document_of,
    objective_in,
    read_objective,
)
from throughband.planning.plan_orders import PlanOrder
from throughband.setting import open_setting

HEAD = 'format = "throughband.objective"\nversion = 1\n'
NETWORK = line("ABC", 200.0)

WHOLE = """minimize = "person-delay"
stop_penalty_s = 8
longest_wait_s = 60

[persons]
default = 1.5
bus = 41.5

[[shares]]
links = ["s0", "s1"]
bus = 0.1

[[occupancy]]
movements = ["n0>n0x"]
persons = 3.0

[[weight]]
route = ["e0", "e1", "e2"]
weight = 2.0

[[weight]]
links = ["e0"]
weight = 1.5

[queues]
limit = 0.9
measure = "95th"
price = 20

[fuel]
delay_l_per_h = 1.5
"""


def read(tmp_path: Path, text: str) -> Objective:
    path = tmp_path / "wanted.toml"
    path.write_text(HEAD + text)
    return read_objective(path, NETWORK)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found == Objective(
        Goal.PERSON_DELAY,
        8.0,
        {"e0>e1": 2.0, "e1>e2": 2.0, "e0": 1.5},
        1.5,
        {"s0": 5.5, "s1": 5.5, "n0>n0x": 3.0},
        QueueLimit(0.9, QueueMeasure.PERCENTILE_95, 20.0),
        60.0,
        Fuel(delay_l_per_h=1.5),
    )


def test_an_empty_file_asks_for_what_is_asked_for_without_one(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Objective()


def test_options_go_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "wanted.toml"
    path.write_text(HEAD + WHOLE)
    order = PlanOrder(None, path, "stops", 9.0, 50.0, 0.8, 5.0)
    found = order.objective(NETWORK)
    assert (found.goal, found.stop_penalty_s, found.longest_wait_s) == (Goal.STOPS, 9.0, 50.0)
    assert found.queue_limit == QueueLimit(0.8, QueueMeasure.PERCENTILE_95, 5.0)
    assert found.weights["e0>e1"] == 2.0
    assert PlanOrder(queue_limit=0.8).objective(NETWORK).queue_limit == QueueLimit(0.8)
    assert PlanOrder().objective(NETWORK) == Objective()


@pytest.mark.parametrize("text", ["", WHOLE, "[queues]\n", 'minimize = "emissions"\n'])
def test_a_plan_says_what_it_was_made_for(tmp_path: Path, text: str) -> None:
    objective = read(tmp_path, text)
    path = tmp_path / "plan.json"
    plans = PlanSet(NETWORK.name, tuple(plans_of(NETWORK).values()), {})
    write_plan(path, plans, NETWORK, {"objective": document_of(objective)})
    assert objective_in(path) == objective
    write_plan(path, plans, NETWORK)
    assert objective_in(path) == Objective()


def test_a_plan_remembers_the_bus_lines_it_was_made_for(tmp_path: Path) -> None:
    lines = (
        BusLine("1", ("e0", "e1"), 300.0, 40.0, (BusStop("e1", 20.0, 5.0),)),
        BusLine("2", ("w1", "w0"), 600.0, 20.0, speed_mps=9.0),
    )
    objective = PlanOrder(minimize="person-delay").objective(NETWORK, lines)
    path = tmp_path / "plan.json"
    plans = PlanSet(NETWORK.name, tuple(plans_of(NETWORK).values()), {})
    write_plan(path, plans, NETWORK, {"objective": document_of(objective)})
    assert objective_in(path) == objective
    assert "2 bus lines" in str(objective)


def test_a_plan_that_says_nonsense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for changes, told in (
        ({"minimize": "noise"}, "one of delay"),
        ({"weights": {"a": "much"}}, "a number from 0"),
        ({"queues": {"limit": 1.0}}, "missing keys"),
    ):
        path.write_text(json.dumps({"notes": {"objective": document_of(Objective()) | changes}}))
        with pytest.raises(PlanError, match=told):
            objective_in(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('minimize = "noise"', r"line 3, minimize: found 'noise'; allowed is one of delay"),
        ("stop_penalty = 3", r"line 3.*unknown keys \['stop_penalty'\]"),
        ("longest_wait_s = 2", r"line 3.*allowed is a number from 5 to 600"),
        (
            "[[weight]]\nlinks = ['x9']\nweight = 2",
            r"line 3, links: network 'toy' has no link 'x9'",
        ),
        ("[[weight]]\nmovements = ['e0']\nweight = 2", r"no movement 'e0'"),
        ("[[weight]]\nlinks = ['e0']\nroute = ['e0', 'e1']\nweight = 2", r"found links and route"),
        ("[[weight]]\nweight = 2", r"line 3: found none of movements, links, route"),
        ("[[weight]]\nroute = ['e0', 'e2']\nweight = 2", r"no way leads from 'e0' to 'e2'"),
        ("[[weight]]\nroute = ['e0']\nweight = 2", r"passes no signal"),
        ("[weight]\nlinks = ['e0']\nweight = 2", r"allowed are \[\[weight\]\]"),
        (
            "[[weight]]\nlinks = ['e0']\nweight = 2\n[[weight]]\nlinks = ['e0']\nweight = 3",
            r"line 6: 'e0' has one already",
        ),
        ("[[weight]]\nlinks = ['e0']\nweight = -1", r"weight: found -1; allowed is a number"),
        ("[persons]\nbus = 30\n[[shares]]\nlinks = ['e0']\nbus = 1.5", r"bus: found 1.5"),
        (
            "[persons]\nbus = 30\ntram = 90\n[[shares]]\nlinks = ['e0']\nbus = 0.6\ntram = 0.6",
            r"found shares of 1.2 in all",
        ),
        ("[[shares]]\nlinks = ['e0']\nbus = 0.5", r"unknown keys \['bus'\]"),
        ("[queues]\nlimit = 9", r"limit: found 9"),
        ("[fuel]\nco2_g_per_l = 0", r"co2_g_per_l: found 0"),
    ],
)
def test_bad_files_are_refused_with_their_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (PlanOrder(minimize="fuel"), "--minimize: found 'fuel'; allowed is one of delay"),
        (PlanOrder(minimize="person-delay"), "same number of persons in every vehicle"),
        (PlanOrder(stop_penalty_s=-1.0), "stop penalty: found -1"),
        (PlanOrder(longest_wait_s=4.0), "longest wait: found 4"),
        (PlanOrder(queue_limit=3.0), "queue limit: found 3"),
        (PlanOrder(queue_price=-3.0), "queue price: found -3"),
    ],
)
def test_bad_options_are_refused(order: PlanOrder, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        order.objective(NETWORK)


@pytest.mark.sumo
def test_optimize_takes_an_objective_and_tells_what_it_came_to(tmp_path: Path) -> None:
    made = call("generate", "arterial", "--signals", 2, "--out", tmp_path / "a", "--pedestrians")
    assert made.code == 0
    street = next((tmp_path / "a").glob("*.sumocfg"))
    network = open_setting(str(street)).network
    names = list(network.movements)
    volume = np.random.default_rng(1).integers(4, 16, (12, len(names))).astype(float)
    counts = tmp_path / "counts.csv"
    write_counts_csv(counts, CountSeries.from_volumes("movement", names, 0.0, 300, volume))
    common = ("optimize", street, "--counts", counts, "--effort", 50)
    outcome = call(
        *common, "--out", tmp_path / "o", "--minimize", "emissions", "--longest-wait", 50,
        "--queue-limit", 0.9,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "CO2 of it, kg" in outcome.err
    assert "Longest mean wait" in outcome.err
    assert "mean queue grow" in outcome.err
    notes = json.loads((tmp_path / "o" / "plan.json").read_text())["notes"]
    assert notes["objective"]["minimize"] == "emissions"
    assert notes["objective"]["queues"] == {"limit": 0.9, "measure": "mean", "price": None}
    assert notes["criteria"]["planned"]["cost_s"] <= notes["criteria"]["in_force"]["cost_s"]
    assert notes["queues_past_room"] == []
    assert notes["overloads"] == []
    assert any("little fuel" in s for s in next(iter(notes["reasons"].values())))
    told = call(
        "explain", street, "--plan", tmp_path / "o" / "plan.json", "--counts", counts, "--out",
        tmp_path / "e",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert "What is wanted: little fuel" in (tmp_path / "e" / "explain.txt").read_text()
    outcome = call(*common, "--out", tmp_path / "p", "--minimize", "noise")
    assert_one_line(outcome, "--minimize", "'noise'", "emissions")
    assert not (tmp_path / "p").exists()
