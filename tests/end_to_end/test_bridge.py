"""Two programs on loopback: controllers in one, the bridge that writes to them in the other."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal as signals
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controllers.driver import Device
from controllers.kill_switch import release_all
from controllers.ntcip.driver import connect
from controllers.rollback import restore
from controllers.rows import change_of
from network.errors import ThroughbandError
from network.files import read_plan
from tests.throughband.command_line import (
    Outcome,
    assert_one_line,
    call,
    ended,
    read_until,
    started,
    until,
)
from tests.throughband.towns import block_town
from throughband.devices import read_devices
from throughband.journal import verify

pytestmark = pytest.mark.sumo

PERSON = "A. Engineer"
SIGNALS = ("A0", "A1", "B0", "B1")
EMULATE_S = 900
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


@pytest.fixture(scope="module")
def emulated(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Emulate the town's controllers in another process; yield the folder of their list."""
    folder = tmp_path_factory.mktemp("emulated")
    with started(
        *("emulate", "town.sumocfg", "--out", folder, "--duration", EMULATE_S), folder=town
    ) as process:
        assert "4 controllers listen" in read_until(process, "devices.toml")
        yield folder


@pytest.fixture
def street(emulated: Path, tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with a list of the controllers, which are as delivered before and after."""
    for file in emulated.iterdir():
        shutil.copy2(file, tmp_path)
    yield tmp_path
    journal = tmp_path / "journal.sqlite"
    asyncio.run(_tidy(read_devices(emulated / "devices.toml"), read_events(journal)))


async def _tidy(devices: Sequence[Device], events: Sequence[Mapping[str, Any]]) -> None:
    """Hand the controllers back and restore what the journal says was written."""

    async def pause(_: float) -> None:
        await asyncio.sleep(0.1)

    async def tick() -> None:
        return None

    ends = await release_all(devices, tick=tick)
    assert all(end.released for end in ends)
    by_signal = {device.signal_id: device for device in devices}
    for event in reversed(events):
        for entry in event["devices"] if event["event"] == "intent" else ():
            change = change_of(entry, "the journal")
            async with connect(by_signal[change.signal_id]) as driver:
                await restore(driver, change, pause, change.signal_id)


def read_events(journal: Path) -> list[dict[str, Any]]:
    """Return what a journal holds, if it is there and whole."""
    try:
        return verify(journal) if journal.exists() else []
    except ThroughbandError:
        return []


def arguments(town: Path, street: Path, *more: object) -> tuple[object, ...]:
    return (
        *("push", town / "town.sumocfg", "--plan", town / "plan.json"),
        *("--report", town / "validation.json", "--devices", street / "devices.toml"),
        *("--journal", street / "journal.sqlite", *more),
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
    assert not (street / "journal.sqlite").exists()


@pytest.mark.parametrize("version", ["v2c", "v3"])
def test_emulated_controllers_speak_every_version_and_are_found_on_loopback(
    town: Path, tmp_path: Path, version: str
) -> None:
    emulate = ("emulate", "town.sumocfg", "--out", tmp_path, "--duration", EMULATE_S)
    with started(*emulate, "--snmp", version, "--host", "0.0.0.0", folder=town) as process:
        read_until(process, "devices.toml")
        told = call("bridge", "identify", tmp_path / "devices.toml")
    assert told.code == 0, told.err + told.out
    for name in SIGNALS:
        assert re.search(rf"^{name} at 127\.0\.0\.1:\d+: .*, clock [-+]\d", told.out, re.M)


def test_an_approved_plan_is_written_and_recorded(town: Path, street: Path) -> None:
    write = arguments(town, street, "--write", "--despite-verdict", "--approved-by", PERSON)
    with started(*write, folder=street) as process:
        outcome: Outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert "written, read back and activated" in outcome.out
    approved, intent, stored, activated = verify(street / "journal.sqlite")
    events = [event["event"] for event in (approved, intent, stored, activated)]
    assert events == ["approved", "intent", "stored", "activated"]
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
    *_, again = verify(street / "journal.sqlite")
    assert again["number"] == 8
    assert isinstance(again["patterns"], dict)
    assert all(again["patterns"][name] != patterns[name] for name in SIGNALS)

    listed = call("journal", "verify", street / "journal.sqlite")
    assert "8 events, chain unbroken" in listed.out
    secrets = [(street / f"{kind}.secret").read_text().strip() for kind in ("read", "write")]
    record = (street / "journal.sqlite").read_bytes().decode("utf-8", "replace")
    for text in (record, outcome.out, outcome.err, second.out):
        assert not any(secret in text for secret in secrets)


def test_a_broken_journal_stops_the_push(town: Path, street: Path) -> None:
    (street / "journal.sqlite").write_text('{"event": "forged", "number": 1, "hash": "0"}\n')
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
    assert not (street / "journal.sqlite").exists()


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
    events = [event["event"] for event in verify(street / "journal.sqlite")]
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
    assert not (tmp_path / "journal.sqlite").exists()


# The bridge: approved once, pushed, kept alive, watched, handed back.


def bridge_config(street: Path, more: str = "") -> Path:
    file = street / "bridge.toml"
    file.write_text(
        'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'
        f'[alert]\nfile = "alerts.log"\n{more}'
    )
    return file


def approve(town: Path, street: Path, name: str = "release.json") -> Path:
    file = street / name
    outcome = call(
        *("bridge", "approve", town / "town.sumocfg", "--plan", town / "plan.json"),
        *("--report", town / "validation.json", "--out", file, "--despite-verdict"),
        *("--journal", street / "journal.sqlite", "--approved-by", PERSON),
    )
    assert outcome.code == 0, outcome.err
    return file


def bridge_push(town: Path, config: Path, *more: object) -> Outcome:
    scenario, plan = town / "town.sumocfg", town / "plan.json"
    return call("bridge", "push", scenario, "--plan", plan, "--config", config, *more)


def test_the_bridge_keeps_a_push_alive_until_it_is_released(town: Path, street: Path) -> None:
    config, release = bridge_config(street), approve(town, street)
    shown = bridge_push(town, config)
    assert shown.code == 0, shown.err
    assert " -> " in shown.out
    assert "dry run: nothing was written" in shown.out

    pushed = bridge_push(town, config, "--release", release, "--write")
    assert pushed.code == 0, pushed.err
    assert "no bridge runs" in pushed.out
    (receipt,) = (street / "state" / "receipts").iterdir()
    assert len(list((street / "state" / "profiles").iterdir())) == len(SIGNALS)

    replayed = bridge_push(town, config, "--release", release, "--write")
    assert_one_line(replayed, "this release was used")

    with started("bridge", "run", config, folder=street) as process:
        read_until(process, '"state"')
        second = call("bridge", "run", config)
        assert_one_line(second, "another bridge serves this corridor")
        asked = call("bridge", "status", config)
        assert asked.code == 0, asked.err + asked.out
        assert asked.out.count("under systemControl") == len(SIGNALS)
        assert "the bridge runs" in asked.out
        process.send_signal(signals.SIGTERM)
        end = ended(process)
    assert end.code == 0, end.err
    assert "4 controllers keep their pattern until their backup time ends" in end.err

    withdrawn = call("bridge", "withdraw", receipt, "--config", config)
    assert withdrawn.code == 0, withdrawn.err
    told = call("bridge", "identify", street / "devices.toml")
    assert told.code == 0, told.err + told.out
    assert told.out.count("called 0") == len(SIGNALS)
    events = [event["event"] for event in verify(street / "journal.sqlite")]
    assert events[:4] == ["approved", "intent", "stored", "activated"]
    assert events[-2:] == ["withdraw", "withdrawn"]
    assert "bridge begins" in events
    assert "bridge ends" in events


def test_a_second_push_is_withdrawn_before_the_first_which_is_ours_again(
    town: Path, street: Path
) -> None:
    config = bridge_config(street)
    receipts = []
    for name in ("one.json", "two.json"):
        arguments = (
            *("bridge", "push", town / "town.sumocfg", "--plan", town / "plan.json", "--write"),
            *("--config", config, "--release", approve(town, street, name)),
        )
        with started(*arguments, folder=street) as process:
            # Nobody reads what it shows: the push counts, not the terminal.
            assert process.stdout is not None
            process.stdout.close()
            ended(process)
        (receipt,) = set((street / "state" / "receipts").iterdir()) - set(receipts)
        receipts.append(receipt)

    early = call("bridge", "withdraw", receipts[0], "--config", config)
    assert_one_line(early, "not of the last push", "withdraw that one first")
    later = call("bridge", "withdraw", receipts[1], "--config", config)
    assert later.code == 0, later.err
    assert later.out.count("pattern 15 at ") == len(SIGNALS)
    asked = call("bridge", "status", config)
    assert asked.code == 0, asked.err
    assert asked.out.count("called 15, by us 15") == len(SIGNALS)
    shown = bridge_push(town, config)
    assert shown.code == 0, shown.err

    first = call("bridge", "withdraw", receipts[0], "--config", config)
    assert first.code == 0, first.err
    assert "called again" not in first.out
    asked = call("bridge", "status", config)
    assert asked.out.count("called 0, by us 0") == len(SIGNALS)


def test_the_kill_switch_ends_a_running_bridge_and_releases_all(town: Path, street: Path) -> None:
    config = bridge_config(street)
    pushed = bridge_push(town, config, "--release", approve(town, street), "--write")
    assert pushed.code == 0, pushed.err
    with started("bridge", "run", config, folder=street) as process:
        read_until(process, '"state"')
        released = call(
            *("bridge", "release", street / "devices.toml", "--state", street / "state"),
            *("--wait", 1.5, "--journal", street / "journal.sqlite"),
        )
        assert released.code == 0, released.err + released.out
        assert released.out.count(": released, pattern") == len(SIGNALS)
        end = ended(process)
    assert_one_line_end(end, "STOP is there: released at the command line")
    assert_one_line(call("bridge", "run", config), "STOP is there", "remove it")
    again = bridge_push(town, config, "--release", approve(town, street, "two.json"), "--write")
    assert_one_line(again, "STOP is there")


def assert_one_line_end(outcome: Outcome, part: str) -> None:
    """Check the last line of a command that logs."""
    assert outcome.code == 1, outcome.err
    assert outcome.message.startswith("throughband: ")
    assert part in outcome.message


def test_the_kill_switch_needs_only_the_device_list(town: Path, street: Path) -> None:
    config = bridge_config(street)
    pushed = bridge_push(town, config, "--release", approve(town, street), "--write")
    assert pushed.code == 0, pushed.err
    released = call("bridge", "release", street / "devices.toml", "--wait", 0.2)
    assert released.code == 0, released.err + released.out
    told = call("bridge", "status", config)
    assert_one_line(told, "no longer called by us: A0, A1, B0, B1")


def test_a_controller_that_is_not_as_it_was_met_is_named_until_it_is_accepted(
    street: Path,
) -> None:
    identify = ("bridge", "identify", street / "devices.toml", "--state", street / "state")
    first = call(*identify)
    assert first.code == 0, first.err + first.out
    files = sorted((street / "state" / "profiles").iterdir())
    assert len(files) == len(SIGNALS)
    kept = json.loads(files[0].read_text())
    kept["profile"]["max_splits"] += 1
    files[0].write_text(json.dumps(kept))
    second = call(*identify)
    assert_one_line(second, f"not as they were met before: {SIGNALS[0]}; --accept")
    assert "  changed: max_splits is" in second.out
    assert call(*identify, "--accept").code == 0
    assert call(*identify).code == 0
    assert_one_line(call(*identify[:3], "--accept"), "--state FOLDER")


@pytest.mark.slow
def test_a_bridge_killed_in_mid_push_is_recovered(town: Path, street: Path) -> None:
    config, release = bridge_config(street), approve(town, street)
    before = call("bridge", "identify", street / "devices.toml").out
    scenario, plan = town / "town.sumocfg", town / "plan.json"
    arguments = ("bridge", "push", scenario, "--plan", plan, "--config", config)
    # Far ahead, and while the release still holds, whatever time it is now.
    later = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    with started(*arguments, "--release", release, "--write", "--at", later, folder=street) as p:
        until(lambda: "stored" in recorded(street))
        p.kill()
        p.wait()
    assert_one_line(call("bridge", "run", config), "bridge recover")
    concluded = call("bridge", "recover", config)
    assert concluded.code == 0, concluded.err
    assert "taken back" in concluded.out
    assert recorded(street)[-1] == "recovered"
    after = call("bridge", "identify", street / "devices.toml").out
    assert [line.split(", clock")[0] for line in after.splitlines()] == [
        line.split(", clock")[0] for line in before.splitlines()
    ]
    assert "nothing was left open" in call("bridge", "recover", config).out


def recorded(street: Path) -> list[object]:
    file = street / "journal.sqlite"
    return [event["event"] for event in verify(file)] if file.exists() else []


def test_a_bridge_push_without_a_release_is_refused(town: Path, street: Path) -> None:
    assert_one_line(bridge_push(town, bridge_config(street), "--write"), "--release FILE")


def test_plans_are_read_off_the_street(town: Path, street: Path) -> None:
    outcome = call("bridge", "upload", street / "devices.toml", "--out", street / "read")
    assert outcome.code == 0, outcome.err + outcome.out
    found = read_plan(street / "read" / "pattern-1.plan.json")
    assert {plan.signal_id for plan in found.plans} == set(SIGNALS)
