from __future__ import annotations

from pathlib import Path

import pytest

from throughband.console.outcomes import last_words, pathless, pathless_progress, progress_of

RUN = "/srv/city of x/console/runs/0123456789ab"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{RUN}/files/plan.json: not JSON", "plan.json: not JSON"),
        (f"wrote {RUN}/output.txt", "wrote output.txt"),
        (f"report in {RUN}/files", "report in files"),
        (
            "/srv/city of x/console/networks/ab/Main/town.sumocfg: no signal",
            "networks/ab/Main/town.sumocfg: no signal",
        ),
        ("[Errno 28] No space left: '/var/tmp/x1/net.xml'", "[Errno 28] No space left: 'net.xml'"),
        ("/etc/throughband/bridge.toml: state: missing", "bridge.toml: state: missing"),
        ("--out=/tmp/a/b/ is not empty", "--out=b is not empty"),
        ("41.2 s/veh at 12 km/h, and/or 3/4", "41.2 s/veh at 12 km/h, and/or 3/4"),
        ("see https://signals.example.org/runs/1", "see https://signals.example.org/runs/1"),
        ("files/report.html", "files/report.html"),
        ("", ""),
    ],
)
def test_paths_are_told_from_the_runs_folder_or_by_name(text: str, told: str) -> None:
    assert pathless(text, RUN) == told


def test_a_folder_right_under_the_root_does_not_take_words_apart() -> None:
    assert pathless("b/data/x and /data/x/y.csv", "/data/runs") == "b/data/x and x/y.csv"


def test_progress_keeps_its_numbers() -> None:
    progress = {"step": 1, "steps": None, "title": f"read {RUN}/plan.json", "text": ""}
    assert pathless_progress(progress, RUN) == {**progress, "title": "read plan.json"}


def test_progress_is_read_from_what_a_run_says(tmp_path: Path) -> None:
    file = tmp_path / "output.txt"
    file.write_text("[1/3] read the network (0 s)\n[2/3] prove it in sumo (4 s)\n      3 days\n")

    assert progress_of(file) == {
        "step": 2, "steps": 3, "title": "prove it in sumo", "text": "3 days",
    }  # fmt: skip
    assert last_words(file) == "3 days"
    assert progress_of(tmp_path / "none") == {}
