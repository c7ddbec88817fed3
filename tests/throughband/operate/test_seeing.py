"""What is read off the street, and what is found wrong in it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from network.counts import CountSeries, Quality
from network.errors import CountError, InsufficientDataError
from network.timing import PlanSet
from tests.throughband.reports_street import plan, street_network
from throughband.bridge.counting import CountSpool
from throughband.forecasts.live_forecast import Sight
from throughband.operate.causes import Causes, beside
from throughband.operate.diagnosis import Diagnosis
from throughband.operate.link_watch import LinkWatch, road_begin, road_end
from throughband.operate.planner import both
from throughband.operate.pulse import health, write_pulse
from throughband.operate.routes import write_routes
from throughband.operate.sightings import beyond_chance, coordination_seen, detectors_seen
from throughband.operate.street_counts import KEPT, Counted, StreetCounts
from throughband.operate.warning_book import Kind, Sighting

from .cases import NOON, minutes

NETWORK = street_network(("A", "B"))
MIDNIGHT_S = datetime(2026, 5, 4, tzinfo=UTC).timestamp()


def spooled(folder, volumes, start_s=43_200, zone="UTC"):
    spool = CountSpool(folder, ZoneInfo(zone))
    for at, row in enumerate(volumes):
        names = [f"d{n}" for n in range(len(row))]
        counts = CountSeries.from_volumes(
            "detector", names, start_s + 300.0 * at, 300, np.array([row])
        )
        spool.write(counts, spool.midnight_utc_s(NOON))
    return spool


def test_what_the_bridge_spooled_is_read_as_it_grows(tmp_path):
    spooled(tmp_path, [[3.0, 4.0]])
    reader = StreetCounts(tmp_path, ZoneInfo("UTC"))
    assert list(reader.look()) == [NOON.timestamp()]
    spooled(tmp_path, [[5.0, np.nan]], 43_500)
    found = reader.look()
    assert found[NOON.timestamp() + 300]["d0"].volume_veh == 5
    assert not found[NOON.timestamp() + 300]["d1"].good
    assert reader.interval_s == 300


def test_counts_of_a_zone_begin_at_its_midnight(tmp_path):
    spooled(tmp_path, [[3.0]], 5 * 3600, "America/Phoenix")
    found = StreetCounts(tmp_path, ZoneInfo("America/Phoenix")).look()
    assert list(found) == [NOON.timestamp()]


def test_few_intervals_are_remembered(tmp_path):
    spooled(tmp_path, [[3.0]] * (KEPT + 30), 0)
    assert len(StreetCounts(tmp_path, ZoneInfo("UTC")).look()) == KEPT


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / f"counts-{date(2026, 5, 4)}.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CountError, match="found the columns 'a, b'"):
        StreetCounts(tmp_path, ZoneInfo("UTC")).look()


def sight(**flagged):
    return Sight("current", "", None, 1, NOON, flagged, {})


def rows(counts):
    return {
        NOON.timestamp() - 300 * at: {n: Counted(float(v), True, 1.0, 0.01) for n, v in r.items()}
        for at, r in enumerate(reversed(counts))
    }


def test_chance_is_told_from_a_fault():
    assert beyond_chance(0, 30) > 0.999999
    assert beyond_chance(30, 30) < 0.6
    assert beyond_chance(90, 30) > 0.999999
    assert beyond_chance(0, 0) == 0.0


def test_a_dead_detector_is_told_with_its_begin_and_how_sure():
    lately = rows([{"a": 20, "b": 9}, {"a": 0, "b": 9}, {"a": 0, "b": 9}])
    (found,) = detectors_seen(
        sight(a=(Quality.SUSPECT, "silent where 40 veh were expected")),
        lately, {"a": 20.0}, {"a": "A", "b": "A"}, [], NOON,
    )  # fmt: skip
    assert found.where == "a"
    assert found.since_utc == NOON - minutes(5)
    assert found.sure > 0.999
    assert "silent where" in found.text


def test_all_detectors_of_a_signal_are_one_cause():
    flags = dict.fromkeys("abc", (Quality.MISSING, ""))
    lately = rows([dict.fromkeys("abc", 0)])
    (found,) = detectors_seen(sight(**flags), lately, {}, dict.fromkeys("abc", "A"), [], NOON)
    assert "none of its 3 detectors" in found.text


def test_all_silent_detectors_of_an_approach_are_one_cause_and_may_be_a_closed_road():
    flags = dict.fromkeys("ab", (Quality.SUSPECT, "silent where 40 veh were expected"))
    lately = rows([dict.fromkeys("abcd", 9), {"a": 0, "b": 0, "c": 0, "d": 9}])
    usual, links = dict.fromkeys("abcd", 20.0), {"a": "in", "b": "in", "c": "in", "d": "other"}
    (found,) = detectors_seen(
        sight(**flags), lately, usual, dict.fromkeys("abcd", "A"), [], NOON, links
    )
    assert found.where == "link in"
    assert found.since_utc == NOON
    assert "none of the 3 detectors at its end" in found.text
    assert "or the road is closed" in found.text
    counted = rows([{"a": 0, "b": 0, "c": 4, "d": 9}])
    found = detectors_seen(
        sight(**flags), counted, usual, dict.fromkeys("abcd", "A"), [], NOON, links
    )
    assert [each.where for each in found] == ["a", "b"]


def test_detectors_of_a_signal_in_trouble_are_no_news():
    flags = {"a": (Quality.MISSING, "")}
    assert detectors_seen(sight(**flags), {}, {}, {"a": "A"}, ["A"], NOON) == []
    dead = {"a": (Quality.SUSPECT, "silent where 40 veh were expected")}
    assert detectors_seen(sight(**dead), {}, {}, {"a": "A"}, ["A"], NOON) != []


def test_a_signal_that_lost_its_call_is_told():
    found = coordination_seen({"A": "silent"}, ["A"], ["A", "B"], {"A": NOON}, NOON)
    assert [each.where for each in found] == ["A", "B"]
    assert found[0].text.endswith("silent")
    assert "no longer called" in found[1].text


def link_counts(days=4):
    """Flows through both signals eastward; B's approach is fed by everything that leaves A."""
    rng = np.random.default_rng(3)
    names = tuple(NETWORK.movements)
    usual = np.tile([60.0 if name.startswith("e") else 15.0 for name in names], (288 * days, 1))
    # Some quarters of an hour bring more and some less, everywhere alike.
    level = np.repeat(rng.uniform(0.5, 1.5, len(usual) // 3), 3)[:, np.newaxis]
    return names, rng.poisson(usual * level).astype(float), usual


def test_a_link_that_lets_through_less_than_comes_in_is_told_and_cleared():
    names, counts, usual = link_counts()
    watch = LinkWatch(NETWORK, names)
    assert "e1" in watch.links
    watch.learn(counts, usual, 300, 0.5)
    assert watch.learned
    row = dict(zip(names, usual[0], strict=True))
    for at in range(6):
        assert watch.look(NOON + minutes(5 * at), row, row, usual[0]) == ()
    blocked = {**row, "e1>e2": 25.0}
    found = ()
    for at in range(6, 14):
        found = found or watch.look(NOON + minutes(5 * at), blocked, blocked, usual[0])
    assert [each.where for each in found] == ["e1"]
    assert found[0].kind is Kind.QUEUE
    assert found[0].sure > 0.9
    assert abs(found[0].since_utc - (NOON + minutes(25))) <= minutes(10)
    for at in range(14, 30):
        found = watch.look(NOON + minutes(5 * at), row, row, usual[0])
    assert found == ()


def test_less_demand_is_no_queue():
    names, counts, usual = link_counts()
    watch = LinkWatch(NETWORK, names)
    watch.learn(counts, usual, 300, 0.5)
    half = dict(zip(names, usual[0] / 2, strict=True))
    for at in range(12):
        assert watch.look(NOON + minutes(5 * at), half, half, usual[0]) == ()


def test_links_that_nobody_counts_are_not_watched():
    watch = LinkWatch(NETWORK, ("other",))
    assert watch.links == ()
    assert watch.untold == "the end of no link is counted"


def test_a_road_ends_where_somebody_may_turn():
    assert road_end(NETWORK, "e0") == "e0"
    assert road_end(NETWORK, "e2") == "e2"
    assert road_begin(NETWORK, "e1") == "e1"


def test_routes_carry_the_forecast(tmp_path):
    flows = {m: np.full(12, 600.0 if m.startswith("e") else 60.0) for m in NETWORK.movements}
    file = tmp_path / "r.rou.xml"
    count = write_routes(file, NETWORK, flows, 300, 0.0, 1)
    starts = 600 + (60 + 60) * 2 + 60
    assert abs(count - starts) < 4 * starts**0.5
    text = file.read_text()
    whole = text.count('edges="e0 e1 e2"')
    assert abs(whole - 600) < 4 * 600**0.5
    again = tmp_path / "again.rou.xml"
    write_routes(again, NETWORK, flows, 300, 0.0, 1)
    assert again.read_text() == text


def test_a_forecast_without_traffic_is_refused(tmp_path):
    flows = {m: np.zeros(2) for m in NETWORK.movements}
    with pytest.raises(InsufficientDataError, match="no vehicle"):
        write_routes(tmp_path / "r", NETWORK, flows, 300, 0.0, 1)


def test_a_heartbeat_is_a_sign_of_life_for_a_while(tmp_path):
    assert health(tmp_path, NOON)[0] is False
    content = {"utc": NOON.isoformat(), "interval_s": 60, "level": "x", "why": "y"}
    write_pulse(tmp_path, content, {"level": 2.0, "looks_total": 3})
    assert health(tmp_path, NOON + minutes(4)) == (True, "x: y")
    well, text = health(tmp_path, NOON + minutes(6))
    assert not well
    assert "360 s ago" in text
    metrics = (tmp_path / "metrics.prom").read_text()
    assert "throughband_operate_level 2\n" in metrics
    assert "# TYPE throughband_operate_looks_total counter" in metrics
    (tmp_path / "heartbeat.json").write_text("{}")
    assert not health(tmp_path, NOON)[0]


def test_signals_that_a_plan_leaves_keep_what_runs_there():
    running = PlanSet("street", (plan("A"), plan("B")), {})
    found = both(running, PlanSet("street", (plan("B", 60, 40),), {}))
    assert found.plans == (plan("A"), plan("B", 60, 40))
    assert both(None, running) == running


def doubted(name):
    return Sighting(Kind.DETECTOR, name, NOON, 1.0, f"detector {name!r} counts little")


BLOCKED = Sighting(Kind.QUEUE, "e1", NOON, 0.99, "link 'e1' lets through less than comes in")


def test_detectors_behind_a_closed_road_are_told_with_it():
    causes = Causes(NETWORK, minutes(30))
    little = {"e1>e2": True, "e0>e1": True, "w1>w0": True}
    found = causes.joined([*map(doubted, little), BLOCKED], little, NOON)
    assert [each.where for each in found] == ["w1>w0", "e1"]
    assert "detectors near it count little: 'e0>e1', 'e1>e2'" in found[1].text


def test_a_detector_that_counts_more_than_usual_is_no_sign_of_a_closed_road():
    causes = Causes(NETWORK, minutes(30))
    found = causes.joined([doubted("e1>e2"), BLOCKED], {"e1>e2": False}, NOON)
    assert {each.where for each in found} == {"e1>e2", "e1"}


def test_a_detector_still_silent_long_after_the_road_is_free_is_told():
    causes = Causes(NETWORK, minutes(30))
    silent = [doubted("e1>e2")]
    assert causes.joined([*silent, BLOCKED], {"e1>e2": True}, NOON)[0].where == "e1"
    assert causes.joined(silent, {"e1>e2": True}, NOON + minutes(20)) == []
    assert causes.joined(silent, {"e1>e2": True}, NOON + minutes(31)) == silent


def test_a_detector_that_falls_silent_after_the_road_is_free_is_told_at_once():
    causes = Causes(NETWORK, minutes(30))
    causes.joined([BLOCKED], {}, NOON)
    silent = [doubted("e1>e2")]
    assert causes.joined(silent, {"e1>e2": True}, NOON + minutes(5)) == silent


def test_a_road_that_nobody_knows_explains_nothing():
    assert beside(NETWORK, "elsewhere") == frozenset()


def test_a_queue_that_drives_off_after_the_road_is_free_is_told_with_it():
    causes = Causes(NETWORK, minutes(30))
    causes.joined([BLOCKED], {}, NOON)
    surge = [doubted("e1>e2")]
    assert causes.joined(surge, {"e1>e2": False}, NOON + minutes(5)) == []
    assert causes.joined(surge, {"e1>e2": False}, NOON + minutes(31)) == surge


def test_a_lane_that_is_closed_is_told_with_its_road():
    (turn,) = [c for c in NETWORK.connections if c.movement_id == "e0>e1"]
    seen = replace(sight(), closed_lanes={turn.connection_id: (NOON - minutes(10), 0.95)})
    diagnosis = Diagnosis(NETWORK, {}, minutes(30))
    (found,) = diagnosis.found(seen, {}, {}, (), NOON)
    assert (found.kind, found.where, found.sure) == (Kind.QUEUE, turn.from_link, 0.95)
    assert found.since_utc == NOON - minutes(10)
    assert "a lane is closed" in found.text


THREE = street_network(("A", "B", "C"))


def three_days(counts_of, intervals):
    """Let a diagnosis see usual days and then some intervals; return what it finds at the end."""
    names = tuple(THREE.movements)
    usual = np.array([60.0 if name.startswith("e") else 15.0 for name in names])
    rng = np.random.default_rng(7)
    past = rng.poisson(np.tile(usual, (288 * 3, 1))).astype(float)
    diagnosis = Diagnosis(THREE, dict.fromkeys(names, "A"), minutes(30))
    assert diagnosis.learn(names, (past, np.tile(usual, (len(past), 1))), 300, 0.5) == ""
    lately, found = {}, []
    for at in range(intervals):
        begin = NOON.timestamp() + 300.0 * at
        counts = counts_of(dict(zip(names, usual, strict=True)), at)
        lately[begin] = {n: Counted(float(v), True, 1.0, 0.01) for n, v in counts.items()}
        silent = {n: (Quality.SUSPECT, "silent") for n, v in counts.items() if v == 0}
        now = NOON + minutes(5 * (at + 1))
        diagnosis.take(begin, 300.0, sight(**silent), lately, usual)
        mean = dict(zip(names, map(float, usual), strict=True))
        found = diagnosis.found(sight(**silent), lately, mean, (), now)
    return found


def test_a_closed_road_is_told_though_its_detectors_are_in_doubt():
    def closed(usual, at):
        came = {0: 40, 1: 2}.get(at - 6, 0)
        return {**usual, "e0>e1": came, "e1>e2": 0, "e2>e3": 3} if at >= 6 else usual

    (found,) = three_days(closed, 9)
    assert (found.kind, found.where) == (Kind.QUEUE, "e1")
    assert found.since_utc == NOON + minutes(30)
    assert found.sure > 0.9
    assert "is closed or blocked" in found.text
    assert "detectors near it count little: 'e0>e1', 'e1>e2'" in found.text


def test_a_dead_detector_at_the_end_of_a_road_stays_a_dead_detector():
    found = three_days(lambda usual, at: {**usual, "e1>e2": 0} if at >= 6 else usual, 20)
    assert [(each.kind, each.where) for each in found] == [(Kind.DETECTOR, "e1>e2")]
    assert found[0].since_utc == NOON + minutes(30)


def test_an_end_that_falls_silent_is_no_queue_before_anybody_doubts_it():
    names = tuple(THREE.movements)
    usual = np.array([60.0 if name.startswith("e") else 15.0 for name in names])
    past = np.random.default_rng(7).poisson(np.tile(usual, (288 * 3, 1))).astype(float)
    watch = LinkWatch(THREE, names)
    watch.learn(past, np.tile(usual, (len(past), 1)), 300, 0.5)
    row = {**dict(zip(names, map(float, usual), strict=True)), "e1>e2": 0.0}
    for at in range(4):
        assert watch.look(NOON + minutes(5 * at), row, row, usual) == ()
