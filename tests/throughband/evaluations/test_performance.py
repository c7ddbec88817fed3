"""``throughband performance``: the files it leaves, what stands in them, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from engine.performance.signal import signal_performance
from network.counts import CountSeries
from network.errors import PlanError
from network.graph import Signal
from network.phasing import Phase, Phasing
from network.readers.counts_csv import write_counts_csv
from network.readers.hires_counts import DetectorRole
from network.readers.hires_log import write_hires_log
from network.timing import TimingPlan
from tests.hires_street import MONDAY, cycles, log_of, service
from tests.rings import BARRIER, RING, _compatible
from tests.strategies import connection, signal_of
from tests.throughband.command_line import Outcome, assert_one_line, call
from throughband.evaluations.performance import file_names
from throughband.evaluations.performance_files import local
from throughband.reports.performance_figures import plan_figures, signal_figures
from throughband.reports.ring_barrier import ring_barrier_diagram, ring_splits
from throughband.setting import open_setting

ZONE = "America/Phoenix"
DETECTORS = (
    "DeviceId,Phase,Function,Parameter,TravelTime\nA<b>,2,Advance,5,1.5\nA<b>,2,Presence,6,\n"
)


def drawn_rows() -> list[tuple[float, int, int]]:
    rows = cycles(20, [10.0, 20.0, 50.0]) + cycles(0, [])
    for k in range(20):
        rows += [(60.0 * k, 82, 6), (60.0 * k + 40.0, 81, 6)]
        rows += service(60.0 * k + 38.0, phase=4, green_s=14.0, reason=4)
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("log")
    write_hires_log(made / "log.csv", log_of(drawn_rows(), "A<b>"), ZONE)
    (made / "detectors.csv").write_text(DETECTORS)
    return made


@pytest.fixture(scope="module")
def ran(folder: Path) -> tuple[Outcome, Path]:
    out = folder / "out"
    outcome = call(
        "performance", folder / "log.csv", "--tz", ZONE, "--detectors", folder / "detectors.csv",
        "--interval", "5min", "--out", out,
    )  # fmt: skip
    return outcome, out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_tables_pictures_and_a_page_are_written(ran: tuple[Outcome, Path]) -> None:
    outcome, out = ran
    assert outcome.code == 0, outcome.err
    names = {file.name for file in out.iterdir()}
    tables = {"phases.csv", "intervals.csv", "services.csv", "arrivals.csv", "profiles.csv"}
    assert tables | {"performance.html"} <= names
    for picture in ("coordination-phase2", "arrivals", "splits", "terminations", "failures"):
        assert {f"{picture}-A_b.png", f"{picture}-A_b.svg"} <= names


def test_tables_hold_what_happened(ran: tuple[Outcome, Path]) -> None:
    out = ran[1]
    two, four = table(out / "phases.csv")
    assert (two["phase"], two["greens"], two["arrived_veh"]) == ("2", "20", "60")
    assert float(two["green_share"]) == pytest.approx(2 / 3, abs=1e-3)
    assert float(two["failed"]) == float(two["judged"]) == 20
    assert (four["gap_out"], four["arrived_veh"], four["judged"]) == ("1", "", "")
    assert len(table(out / "arrivals.csv")) == 60
    services = table(out / "services.csv")
    assert len(services) == 40
    assert services[0]["green"] == local(MONDAY.timestamp(), ZoneInfo(ZONE), "milliseconds")
    assert sum(float(row["arrived_veh"] or 0) for row in table(out / "intervals.csv")) == 60


def test_the_page_stands_alone_and_escapes_names(ran: tuple[Outcome, Path]) -> None:
    page = (ran[1] / "performance.html").read_text()
    assert "A<b>" not in page
    assert "A&lt;b&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_equal_logs_give_equal_bytes(folder: Path, ran: tuple[Outcome, Path]) -> None:
    again = folder / "again"
    call(
        "performance", folder / "log.csv", "--tz", ZONE, "--detectors", folder / "detectors.csv",
        "--interval", "5min", "--out", again,
    )  # fmt: skip
    for file in ran[1].iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--tz", "Nowhere"], ["Nowhere", "IANA"]),
        ([], ["time zone"]),
        (["--tz", ZONE, "--interval", "soon"], ["--interval is 'soon'"]),
        (["--tz", ZONE, "--interval", "7s"], ["intervals of 7 s"]),
        (["--tz", ZONE, "--device", "Z"], ["no device 'Z'", "A<b>"]),
        (["--tz", ZONE, "--begin", "late"], ["--begin is 'late'"]),
        (["--tz", ZONE, "--begin", "2040-01-01"], ["no event between", "2031-03-03"]),
        (["--tz", ZONE, "--latency", "-2"], ["-2.0 s late"]),
        (["--tz", ZONE, "--plan", "x.json"], ["--plan needs --scenario"]),
        (["--tz", ZONE, "--counts", "x.csv"], ["--counts needs --scenario"]),
    ],
)
def test_bad_options_are_refused_in_one_line(
    folder: Path, tmp_path: Path, options: list[str], parts: list[str]
) -> None:
    if "--latency" in options:
        options = [*options, "--detectors", str(folder / "detectors.csv")]
    outcome = call("performance", folder / "log.csv", *options, "--out", tmp_path / "out")
    assert_one_line(outcome, *parts)
    assert not (tmp_path / "out").exists()


def test_a_travel_time_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "detectors.csv"
    wrong.write_text(DETECTORS.replace("1.5", "soon"))
    outcome = call(
        "performance", folder / "log.csv", "--tz", ZONE, "--detectors", wrong, "--out", tmp_path
    )
    assert_one_line(outcome, "row 2", "traveltime", "'soon'", "0 to 120 s")


def test_a_log_alone_tells_of_splits(folder: Path, tmp_path: Path) -> None:
    outcome = call("performance", folder / "log.csv", "--tz", ZONE, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "no list of detectors" in outcome.err
    assert (tmp_path / "out" / "splits-A_b.png").exists()
    assert not (tmp_path / "out" / "arrivals-A_b.png").exists()


def test_file_names_differ_whatever_signals_are_called() -> None:
    assert file_names(["a", "a"]) == {"a": "a"}
    found = file_names(["a/b", "a b", "A_B", "", "..", "ö"])
    assert len({name.lower() for name in found.values()}) == 6
    assert all("/" not in name and name for name in found.values())


def eight_phases() -> Signal:
    phases = tuple(
        Phase(
            n, "".join("G" if g == n else "r" for g in range(1, 9)), 5, 35, 15, RING[n], BARRIER[n],
            *((7, 15) if n % 2 == 0 else (0, 0)),
        )
        for n in range(1, 9)
    )  # fmt: skip
    connections = tuple(
        connection(
            n - 1,
            frozenset(m - 1 for m in range(1, 9) if m != n and not _compatible(n, m)),
            frozenset(),
        )
        for n in range(1, 9)
    )
    return signal_of(connections, Phasing(phases, {}), None)


LAWFUL = TimingPlan("X", 120, (1, 2, 3, 4, 5, 6, 7, 8), (18, 42, 15, 45, 18, 42, 15, 45), 17, 2)
SHORT = TimingPlan("X", 120, (1, 2, 3, 4, 5, 6, 7, 8), (18, 42, 15, 45, 8, 52, 15, 45), 17, 2)


def test_the_diagram_marks_the_split_that_breaks_a_rule() -> None:
    assert not any(row.broken for row in ring_splits(eight_phases(), LAWFUL))
    broken = {row.phase: row.broken for row in ring_splits(eight_phases(), SHORT) if row.broken}
    assert list(broken) == [5]
    assert "minimum split" in broken[5][0]
    said = [t.get_text() for t in ring_barrier_diagram(eight_phases(), SHORT).findobj(Text)]
    assert any("phase 5: minimum split: found 8 s" in text for text in said)


def test_a_plan_of_strange_phases_is_refused() -> None:
    strange = TimingPlan("X", 60, (1, 9), (30, 30), 0, 1)
    with pytest.raises(PlanError, match="names phase 9; the signal has 1, 2, 3"):
        ring_barrier_diagram(eight_phases(), strange)


def pictures() -> list[Figure]:
    log = log_of(drawn_rows(), "a controller with quite a long name")
    device = log.devices[0]
    roles = [DetectorRole(device, 5, 2, "advance"), DetectorRole(device, 6, 2, "presence")]
    one = signal_performance(log, device, roles, 300)
    told = signal_figures(one, ZoneInfo(ZONE), one.begin_s, one.end_s)
    for plan in (LAWFUL, SHORT):
        told += plan_figures(eight_phases(), plan, list(one.profiles.values()), "plans in force")
    return [named.figure for named in told]


def test_no_text_leaves_its_picture() -> None:
    for figure in pictures():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        for text in figure.findobj(lambda artist: isinstance(artist, Text)):
            if not text.get_visible() or not text.get_text() or not _shown(text):
                continue
            box = text.get_window_extent(renderer)
            frame = figure.bbox
            assert frame.x0 - 1 <= box.x0, text
            assert box.x1 <= frame.x1 + 1, text
            assert frame.y0 - 1 <= box.y0, text
            assert box.y1 <= frame.y1 + 1, text


def _shown(text: Text) -> bool:
    """Tell whether a text is drawn; ticks beyond an axis are not."""
    axes = text.axes
    if axes is None:
        return True
    ticks = [*axes.xaxis.get_major_ticks(), *axes.yaxis.get_major_ticks()]
    for tick in ticks:
        if text in (tick.label1, tick.label2):
            low, high = sorted(
                axes.get_xlim() if tick in axes.xaxis.get_major_ticks() else axes.get_ylim()
            )
            return text.get_visible() and low <= tick.get_loc() <= high
    return True


@pytest.mark.sumo
def test_plans_of_a_scenario_are_drawn_beside_its_signals(tmp_path: Path) -> None:
    made = call("generate", "arterial", "--signals", 2, "--out", tmp_path / "a")
    assert made.code == 0, made.err
    street = next((tmp_path / "a").glob("*.sumocfg"))
    network = open_setting(str(street)).network
    names = list(network.movements)
    volume = np.random.default_rng(1).integers(4, 16, (12, len(names))).astype(float)
    counts = tmp_path / "counts.csv"
    write_counts_csv(counts, CountSeries.from_volumes("movement", names, 0.0, 300, volume))
    signal = next(iter(network.signals))
    write_hires_log(tmp_path / "log.csv", log_of(drawn_rows(), signal), ZONE)
    out = tmp_path / "out"
    outcome = call(
        "performance", tmp_path / "log.csv", "--tz", ZONE, "--scenario", street, "--counts", counts,
        "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    # Only the plan of the signal in the log is drawn, under the same name.
    for picture in ("splits", "rings", "planned-profiles"):
        assert [file.name for file in out.glob(f"{picture}-*.png")] == [f"{picture}-{signal}.png"]
    assert {row["signal"] for row in table(out / "rings.csv")} == {signal}
    assert {row["source"] for row in table(out / "profiles.csv")} == {"plan"}
