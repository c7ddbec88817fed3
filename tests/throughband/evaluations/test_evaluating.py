"""``throughband evaluate``: verdicts on made-up streets, files, and what it refuses."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from engine.before_after.matching import Rules
from network.errors import FormatError
from network.readers.hires_log import write_hires_log
from network.schemas import schema
from tests.hires_street import CYCLE_S, Row, log_of, passage, service
from tests.throughband.command_line import Outcome, assert_one_line, call
from tests.throughband.street_days import AFTER, BEFORE, Made, workdays, write_days, write_lines
from throughband.evaluations.evaluating import evaluate, windows
from throughband.evaluations.evaluation import Evaluation
from throughband.evaluations.street_periods import clock_changed, read_periods
from throughband.reports.evaluation_page import evaluation_figures
from throughband.reports.evaluation_telling import council_text

ZONE = "Europe/Berlin"


def judged(
    folder: Path, made: Made, *controls: str, counted: bool = True, weeks: int = 3
) -> Evaluation:
    before, after, counts = write_days(folder, made, weeks)
    periods = read_periods(before, after, ZoneInfo(ZONE), 3600, (), (counts,) if counted else ())
    return evaluate(periods, Rules(), controls)


def run(folder: Path, *options: object, made: Made | None = None) -> tuple[Outcome, Path]:
    before, after, _ = write_days(folder, made or Made(effect=-0.12))
    out = folder / "out"
    outcome = call(
        "evaluate", "--before", before, "--after", after, "--tz", ZONE, *options, "--out", out
    )
    return outcome, out


def test_a_gain_is_found_and_told(tmp_path: Path) -> None:
    found = judged(tmp_path, Made(effect=-0.12, everywhere=0.05), "Hill")
    assert found.verdict == "better"
    row = found.rows[0]
    assert row.change.low_pct < -12 < row.change.high_pct
    text = " ".join(council_text(found))
    assert "works better: travel time fell by" in text
    assert "1 place without a change is taken off" in text


def test_delay_index_and_speed_stand_beside_travel_time(tmp_path: Path) -> None:
    found = judged(tmp_path, Made(effect=-0.12))
    rows = {row.key: row for row in found.rows}
    assert list(rows) == ["travel_time_s", "delay_s", "congestion_index", "speed_kmh"]
    seconds = rows["travel_time_s"].change.absolute
    assert rows["delay_s"].change.absolute == pytest.approx(seconds)
    assert rows["delay_s"].before < rows["travel_time_s"].before
    assert rows["congestion_index"].before == pytest.approx(2.1, abs=0.3)
    assert rows["speed_kmh"].verdict == "better"
    assert rows["speed_kmh"].change.relative_pct > 0


def test_less_traffic_is_not_a_gain(tmp_path: Path) -> None:
    made = Made(shift=-0.08, seed=4)
    assert judged(tmp_path, made).verdict == "no clear difference"
    plain = judged(tmp_path, made, counted=False)
    assert plain.cause == "not established"
    assert "these data cannot tell" in " ".join(council_text(plain))


def test_a_loss_is_called_one(tmp_path: Path) -> None:
    found = judged(tmp_path, Made(effect=0.15))
    assert found.verdict == "worse"
    assert "travel time rose by" in council_text(found)[0]


def test_counts_alone_are_not_judged(tmp_path: Path) -> None:
    files = []
    for name, first, level in (("before", BEFORE, 800), ("after", AFTER, 1000)):
        rows = [
            f"{day}T{hour:02}:00:00,loop,{level + 7 * day.day % 31 + hour}"
            for day in workdays(first, 2)
            for hour in range(6, 20)
        ]
        files.append(write_lines(tmp_path / f"{name}.csv", ["time,detector,count", *rows]))
    found = evaluate(read_periods(files[0], files[1], ZoneInfo(ZONE), 3600), Rules())
    assert found.verdict == "not judged"
    assert found.rows[0].change.relative_pct == pytest.approx(25, abs=2)
    assert "Counts alone do not say" in council_text(found)[0]


def write_log(path: Path, day: date, green_at_s: float, zone: ZoneInfo) -> None:
    rows: list[Row] = []
    for k in range(65):
        rows += service(k * CYCLE_S)
        for second in (green_at_s, green_at_s + 2 + (day.day + k) % 5, 55.0):
            rows += passage(k * CYCLE_S + second, 5)
    write_hires_log(path, log_of(rows, "X", datetime.combine(day, time(7), zone)), zone.key)


def test_logs_of_controllers_are_compared(tmp_path: Path) -> None:
    zone = ZoneInfo(ZONE)
    for name, first, second in (("before", BEFORE, 40.0), ("after", AFTER, 5.0)):
        (tmp_path / name).mkdir()
        for day in [first + timedelta(days=d) for d in range(9)]:
            write_log(tmp_path / name / f"{day}.csv", day, second, zone)
    config = write_lines(
        tmp_path / "detectors.csv", ["DeviceId,Phase,Function,Parameter", "X,2,Advance,5"]
    )
    out = tmp_path / "out"
    outcome = call(
        "evaluate", "--before", tmp_path / "before", "--after", tmp_path / "after", "--tz", ZONE,
        "--interval", "15min", "--detectors", config, "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    told = json.loads((out / "evaluation.json").read_text())
    assert told["verdict"] == "better"
    rows = {row["key"]: row for row in told["measures"]}
    assert rows["green_share"]["after"] == pytest.approx(2 / 3, abs=0.02)
    assert rows["green_share"]["before"] == pytest.approx(0.0, abs=0.02)
    assert rows["wait_s"]["before"] > rows["wait_s"]["after"]


@pytest.mark.parametrize("controls", [(), ("--control", "Hill")])
def test_an_evaluation_is_as_its_schema_describes(
    tmp_path: Path, controls: tuple[str, ...]
) -> None:
    outcome, out = run(tmp_path, *controls)
    assert outcome.code == 0, outcome.err
    judge = Draft202012Validator(schema("evaluation"))
    judge.check_schema(schema("evaluation"))
    document = json.loads((out / "evaluation.json").read_text())
    judge.validate(document)
    assert not judge.is_valid({**document, "verdict": "splendid"})
    assert not judge.is_valid({**document, "extra": 1})


def test_every_file_is_written(tmp_path: Path) -> None:
    outcome, out = run(tmp_path)
    assert outcome.code == 0, outcome.err
    pictures = {f"{name}.{form}" for name in ("changes", "days", "hours", "places")
                for form in ("png", "svg")}  # fmt: skip
    files = {"evaluation.json", "evaluation.html", "summary.txt", "days.csv", "run.json"}
    assert {file.name for file in out.iterdir()} == files | pictures
    told = json.loads((out / "evaluation.json").read_text())
    assert told["verdict"] == "better"
    assert (told["days_before"], told["days_after"]) == (15, 15)
    assert len((out / "days.csv").read_text().splitlines()) == 31
    page = (out / "evaluation.html").read_text()
    assert "<script" not in page
    assert told["summary"][0] in page


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    _, one = run(tmp_path / "a")
    before = {file.name: file.read_bytes() for file in one.iterdir()}
    _, again = run(tmp_path / "a")
    assert {file.name: file.read_bytes() for file in again.iterdir()} == before


def test_a_day_of_a_clock_change_does_not_count(tmp_path: Path) -> None:
    zone = ZoneInfo(ZONE)
    assert clock_changed(date(2031, 3, 30), zone)
    assert not clock_changed(date(2031, 3, 29), zone)
    days = [date(2031, 3, 3) + timedelta(days=d) for d in range(28)]
    later = [date(2031, 5, 5) + timedelta(days=d) for d in range(28)]
    files = [
        write_lines(
            tmp_path / f"{name}.csv",
            ["time,route,travel_time_s"] + [f"{day}T08:00,Main,{200 + day.day % 5}" for day in own],
        )
        for name, own in (("before", days), ("after", later))
    ]
    found = evaluate(read_periods(files[0], files[1], zone, 3600), Rules())
    assert found.main.effect.days_before == 27
    assert any("clock change: 2031-03-30" in one for one in found.findings)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--hours", "9-7"], ["--hours is '9-7'", "7-9,16-18:30"]),
        (["--hours", "1-2"], ["no hour in common within 01:00-02:00"]),
        (["--interval", "7min"], ["--interval is '7min'"]),
        (["--control", "Nowhere"], ["control 'Nowhere' was not measured"]),
        (["--chosen-on", "then"], ["--chosen-on is 'then'"]),
        (["--chosen-on", "2031-03-03..2031-03-21"], ["no weekday is left"]),
        (["--chosen-on", "2031-03-03..2031-03-17"], ["4 days before"]),
    ],
)
def test_bad_options_are_refused_in_one_line(
    tmp_path: Path, options: list[str], parts: list[str]
) -> None:
    outcome, out = run(tmp_path, *options)
    assert_one_line(outcome, *parts)
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("time,route,travel_time_s\nsoon,Main,200\n", ["row 2", "time 'soon'", "ISO 8601"]),
        ("time,route,travel_time_s\n2031-05-05T07:00,Main,-3\n", ["row 2", "'-3'", "0.1 to"]),
        ("time,route,travel_time_s\n2031-05-05T07:00,Main\n", ["row 2", "found 2 columns"]),
        ("route,travel_time_s\nMain,200\n", ["row 1", "no column of times"]),
        ("time,route,travel_time_s,tts\n", ["'traveltimes' and 'tts'", "one column"]),
        ("time,detector,count\n2031-05-05T07:00,a,5\n2031-05-05T08:00,a,5\n", ["one kind before"]),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, content: str, parts: list[str]) -> None:
    before, _, _ = write_days(tmp_path, Made())
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(content)
    outcome = call(
        "evaluate", "--before", before, "--after", wrong, "--tz", ZONE, "--out", tmp_path / "out"
    )
    assert_one_line(outcome, *parts)


def test_missing_files_and_zones_are_refused(tmp_path: Path) -> None:
    before, after, _ = write_days(tmp_path, Made())
    (tmp_path / "empty").mkdir()
    for one, other, zone, part in (
        (tmp_path / "nothing", after, ZONE, "does not exist"),
        (tmp_path / "empty", after, ZONE, "holds no file named"),
        (before, after, "", "no time zone"),
        (after, before, ZONE, "one after the other"),
    ):
        outcome = call(
            "evaluate", "--before", one, "--after", other, "--tz", zone, "--out", tmp_path / "o"
        )
        assert_one_line(outcome, part)


def test_windows_are_read_to_the_minute() -> None:
    assert windows("7-9,16:15-18:30") == ((25200, 32400), (58500, 66600))
    for wrong in ("", "7", "9-7", "7-25", "7-9;10-11"):
        with pytest.raises(FormatError, match="--hours"):
            windows(wrong)


def test_no_text_leaves_its_picture(tmp_path: Path) -> None:
    found = judged(tmp_path, Made(effect=-0.12), "Hill")
    for figure, _ in evaluation_figures(found).values():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        for text in [*figure.texts, *(t for axes in figure.axes for t in axes.texts)]:
            _assert_inside(text, figure.bbox, renderer)
        for axes in figure.axes:
            for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
                _assert_inside(label, figure.bbox, renderer)


def _assert_inside(text: Text, frame: object, renderer: object) -> None:
    if not text.get_text():
        return
    box = text.get_window_extent(renderer)  # type: ignore[arg-type]
    assert frame.x0 - 1 <= box.x0, text  # type: ignore[attr-defined]
    assert box.x1 <= frame.x1 + 1, text  # type: ignore[attr-defined]
    assert frame.y0 - 1 <= box.y0, text  # type: ignore[attr-defined]
    assert box.y1 <= frame.y1 + 1, text  # type: ignore[attr-defined]
