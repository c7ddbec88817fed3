"""Two programs on loopback: controllers in one, the bridge that writes to them in the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from network.files import read_plan
from tests.throughband.command_line import (
    Outcome,
    assert_one_line,
    call,
    ended,
    read_until,
    started,
)
from tests.throughband.towns import block_town
from throughband.journal import verify

pytestmark = pytest.mark.sumo

PERSON = "A. Engineer"
SIGNALS = ("A0", "A1", "B0", "B1")
EMULATE_S = 90
UDP_DISCARD = 9


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plan and validate a town; return its folder."""
    folder = tmp_path_factory.mktemp("town")
    scenario = block_town(folder)
    planned = call("optimize", scenario, "--out", folder, "--effort", 60)
    assert planned.code == 0, planned.err
    plan = folder / "plan.json"
    validated = call("validate", scenario, "--plan", plan, "--seeds", 2, "--out", folder)
    assert validated.code == 0, validated.err
    return folder


@pytest.fixture
def street(town: Path, tmp_path: Path) -> Iterator[Path]:
    """Emulate the town's controllers in another process; yield the folder of their list."""
    with started(
        *("emulate", "town.sumocfg", "--out", tmp_path, "--duration", EMULATE_S), folder=town
    ) as process:
        assert "4 controllers listen" in read_until(process, "devices.toml")
        yield tmp_path


def arguments(town: Path, street: Path, *more: object) -> tuple[object, ...]:
    return (
        *("push", town / "town.sumocfg", "--plan", town / "plan.json"),
        *("--report", town / "validation.json", "--devices", street / "devices.toml"),
        *("--journal", street / "journal.jsonl", *more),
    )


def test_a_dry_run_shows_the_change_and_makes_none(town: Path, street: Path) -> None:
    shown = [call(*arguments(town, street)) for _ in range(2)]
    for outcome in shown:
        assert outcome.code == 0, outcome.err
        for name in SIGNALS:
            assert re.search(rf"^{name} at 127\.0\.0\.1:\d+: pattern \d+$", outcome.out, re.M)
        assert " -> " in outcome.out
        assert outcome.out.endswith("dry run: nothing was written\n")
    assert shown[0].out == shown[1].out
    assert not (street / "journal.jsonl").exists()


def test_an_approved_plan_is_written_and_recorded(town: Path, street: Path) -> None:
    write = arguments(town, street, "--write", "--despite-verdict", "--approved-by", PERSON)
    with started(*write, folder=street) as process:
        outcome: Outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert "written, read back and activated" in outcome.out
    approved, intent, activated = verify(street / "journal.jsonl")
    events = [event["event"] for event in (approved, intent, activated)]
    assert events == ["approved", "intent", "activated"]
    assert approved["by"] == PERSON
    digest = read_plan(town / "plan.json").digest
    for event in (intent, activated):
        assert event["approved_by"] == PERSON
        assert event["plan_digest"] == digest
    patterns = activated["patterns"]
    assert isinstance(patterns, dict)
    assert set(patterns) == set(SIGNALS)

    # Again: the rows in use are spared, and the journal is continued.
    second = call(*write)
    assert second.code == 0, second.err
    *_, again = verify(street / "journal.jsonl")
    assert again["number"] == 6
    assert isinstance(again["patterns"], dict)
    assert all(again["patterns"][name] != patterns[name] for name in SIGNALS)

    listed = call("journal", street / "journal.jsonl")
    assert "6 events, chain unbroken" in listed.out
    secrets = [(street / f"{kind}.secret").read_text().strip() for kind in ("read", "write")]
    record = (street / "journal.jsonl").read_text()
    for text in (record, outcome.out, outcome.err, second.out):
        assert not any(secret in text for secret in secrets)


def test_a_broken_journal_stops_the_push(town: Path, street: Path) -> None:
    (street / "journal.jsonl").write_text('{"event": "forged", "number": 1, "hash": "0"}\n')
    outcome = call(
        *arguments(town, street, "--write", "--despite-verdict", "--approved-by", PERSON)
    )
    assert_one_line(outcome, "line 1", "chain is broken")
    assert call(*arguments(town, street)).code == 0


def edit(street: Path, old: str, new: str) -> None:
    file = street / "devices.toml"
    text, count = re.subn(old, new, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)


def test_a_wrong_port_stops_the_push_for_all(town: Path, street: Path) -> None:
    edit(street, r"port = \d+", f"port = {UDP_DISCARD}")
    outcome = call(
        *arguments(town, street, "--write", "--despite-verdict", "--approved-by", PERSON)
    )
    assert_one_line(outcome, f"signal 'A0' at 127.0.0.1:{UDP_DISCARD}", "devices.toml")
    assert not (street / "journal.jsonl").exists()


def test_a_wrong_community_stops_the_push(town: Path, street: Path) -> None:
    secret = (street / "read.secret").read_text().strip()
    (street / "read.secret").write_text("wrong-" + secret)
    outcome = call(*arguments(town, street))
    assert_one_line(outcome, "no answer", "secrets", "devices.toml")
    assert secret not in outcome.err


def test_a_wrong_write_community_takes_everything_back(town: Path, street: Path) -> None:
    (street / "write.secret").write_text("wrong")
    outcome = call(
        *arguments(town, street, "--write", "--despite-verdict", "--approved-by", PERSON)
    )
    assert_one_line(outcome, "signal 'A0'")
    events = [event["event"] for event in verify(street / "journal.jsonl")]
    assert events == ["approved", "intent", "failed"]


def test_an_unknown_signal_in_the_list_is_named(town: Path, street: Path) -> None:
    edit(street, 'signal = "A0"', 'signal = "A9"')
    assert_one_line(call(*arguments(town, street)), "no device for signal 'A0'")


def test_a_default_community_is_refused(town: Path, street: Path) -> None:
    (street / "write.secret").write_text("administrator")
    assert_one_line(call(*arguments(town, street)), "allow_default_community")


def test_controllers_that_have_gone_are_one_line(town: Path, tmp_path: Path) -> None:
    emulate = ("emulate", "town.sumocfg", "--out", tmp_path, "--duration", 0.2)
    with started(*emulate, folder=town) as process:
        assert ended(process).code == 0
    outcome = call(
        *arguments(town, tmp_path, "--write", "--despite-verdict", "--approved-by", PERSON)
    )
    assert_one_line(outcome, "signal 'A0'", "check that the controller runs")
    assert not (tmp_path / "journal.jsonl").exists()
