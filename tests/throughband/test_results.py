"""Folders of output: whole or absent, and never at the cost of somebody else's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import ThroughbandError
from throughband.results import (
    COMPLETE,
    output_folder,
    read_json,
    run_folder,
    versions,
    write_json,
)


def finished(target: Path, mark: str = "old") -> Path:
    with run_folder(target) as folder:
        (folder / "journal.sqlite").write_text(mark)
        write_json(folder / COMPLETE, {"mark": mark})
    return target


def cut_short(target: Path, end: BaseException) -> None:
    with run_folder(target) as folder:
        (folder / COMPLETE).write_text("{}")
        raise end


def disturbed(target: Path) -> None:
    with run_folder(target) as folder:
        write_json(folder / COMPLETE, {"mark": "new"})
        (target / "notes.txt").write_text("mine")


def half_written(target: Path) -> None:
    with output_folder(target) as folder:
        (folder / "plan.json").write_text("half")
        raise ThroughbandError("no")


def test_a_run_appears_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "town"
    with run_folder(target) as folder:
        (folder / COMPLETE).write_text("{}")
        assert not target.exists()
    assert [file.name for file in target.iterdir()] == [COMPLETE]
    assert [entry.name for entry in target.parent.iterdir()] == ["town"]


@pytest.mark.parametrize(
    "end", [ThroughbandError("no"), KeyboardInterrupt(), SystemExit(143), ValueError()]
)
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, end: BaseException) -> None:
    target = tmp_path / "town"
    with pytest.raises(type(end)):
        cut_short(target, end)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_the_older_one(tmp_path: Path) -> None:
    target = finished(tmp_path / "town")
    with pytest.raises(SystemExit):
        cut_short(target, SystemExit(143))
    assert read_json(target / COMPLETE) == {"mark": "old"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["town"]


def test_an_older_run_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    target = finished(tmp_path / "town")
    with run_folder(target) as folder:
        write_json(folder / COMPLETE, {"mark": "new"})
        assert read_json(target / COMPLETE) == {"mark": "old"}
    assert read_json(target / COMPLETE) == {"mark": "new"}
    assert not (target / "journal.sqlite").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["town"]


def test_the_older_run_comes_back_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = finished(tmp_path / "town")
    real = Path.replace

    def replace(self: Path, goal: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return real(self, goal)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(ThroughbandError, match="No space left"), run_folder(target) as folder:
        write_json(folder / COMPLETE, {"mark": "new"})
    assert read_json(target / COMPLETE) == {"mark": "old"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["town"]


def test_a_foreign_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ThroughbandError, match="not a finished run"), run_folder(tmp_path):
        pytest.fail("the run began")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_foreign_file_beside_a_finished_run_is_not_destroyed(tmp_path: Path) -> None:
    # Once any folder with a result.json was taken for a run and removed.
    target = finished(tmp_path / "town")
    (target / "notes.txt").write_text("mine")
    with pytest.raises(ThroughbandError, match=r"notes\.txt"), run_folder(target):
        pytest.fail("the run began")
    assert (target / "notes.txt").read_text() == "mine"


def test_a_file_that_came_meanwhile_is_not_destroyed(tmp_path: Path) -> None:
    target = finished(tmp_path / "town")
    with pytest.raises(ThroughbandError, match=r"notes\.txt"):
        disturbed(target)
    assert read_json(target / COMPLETE) == {"mark": "old"}


def test_a_file_in_the_way_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "town").write_text("mine")
    with (
        pytest.raises(ThroughbandError, match="a file stands"),
        run_folder(tmp_path / "town"),
    ):
        pytest.fail("the run began")
    assert (tmp_path / "town").read_text() == "mine"


def test_the_folder_one_stands_in_can_take_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    finished(Path())
    assert (here / COMPLETE).is_file()


def test_a_run_through_a_link_goes_where_it_points(tmp_path: Path) -> None:
    # Replacing the link itself failed, after all the work was done.
    finished(tmp_path / "there")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    finished(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert read_json(tmp_path / "there" / COMPLETE) == {"mark": "new"}


@pytest.mark.parametrize("opened", [run_folder, output_folder])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, opened: type[run_folder]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ThroughbandError, match="cannot be written"), opened(tmp_path / "file/x"):
        pytest.fail("the work began")


def test_output_joins_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with output_folder(tmp_path) as folder:
        (folder / "plan.json").write_text("new")
        assert (tmp_path / "plan.json").read_text() == "old"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "plan.json": "new",
        "notes.txt": "mine",
    }


def test_failed_output_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ThroughbandError):
        half_written(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "match"), [(b"", "not JSON"), (b"[1]", "found list"), (b"\xff", "not JSON")]
)
def test_json_that_is_none_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ThroughbandError, match=match):
        read_json(tmp_path / "x.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ThroughbandError, match="No such file"):
        read_json(tmp_path / "x.json")


def test_versions_name_the_simulator() -> None:
    assert versions()["eclipse-sumo"].startswith("1.")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(ThroughbandError, match=r"file\.json: not JSON"):
        read_json(file)
