"""What devices said of themselves, kept between processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.acquaintance import Profiles, changes, told
from controllers.device_profile import Concern, DeviceProfile
from controllers.driver import Device
from network.errors import ControllerError
from tests.controllers.street_device import bench
from throughband.bridge.profiles import ProfileFolder

DEVICE = Device("Main St / 1st", "127.0.0.1", 161, "look", "change")


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    async def scenario() -> DeviceProfile:
        async with bench() as b:
            found = (await b.driver.identify()).profile
            assert found is not None
            return found

    return asyncio.run(scenario())


def test_a_profile_is_found_by_another_process(tmp_path: Path, profile: DeviceProfile) -> None:
    kept, other = ProfileFolder(tmp_path / "profiles"), ProfileFolder(tmp_path / "profiles")
    assert other.known(DEVICE) is None
    kept.keep(DEVICE, profile)
    assert other.known(DEVICE) == profile
    later = replace(profile, set_id=profile.set_id + 1)
    kept.keep(DEVICE, later)
    assert other.known(DEVICE) == later


def test_signals_of_like_names_are_kept_apart(tmp_path: Path, profile: DeviceProfile) -> None:
    folder = ProfileFolder(tmp_path)
    folder.keep(DEVICE, profile)
    assert folder.known(replace(DEVICE, signal_id="Main St - 1st")) is None


def test_at_another_address_a_device_is_not_known(tmp_path: Path, profile: DeviceProfile) -> None:
    folder = ProfileFolder(tmp_path)
    folder.keep(DEVICE, profile)
    assert folder.known(replace(DEVICE, port=162)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"signal_id": 3}'])
def test_a_damaged_profile_counts_as_none(
    tmp_path: Path, profile: DeviceProfile, text: str
) -> None:
    folder = ProfileFolder(tmp_path)
    folder.keep(DEVICE, profile)
    (file,) = tmp_path.iterdir()
    file.write_text(text)
    assert ProfileFolder(tmp_path).known(DEVICE) is None
    folder.keep(DEVICE, profile)
    assert folder.known(DEVICE) == profile


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, profile: DeviceProfile) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControllerError, match="file"):
        ProfileFolder(tmp_path / "file" / "profiles").keep(DEVICE, profile)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_differences_are_told_by_what_they_concern(tmp_path: Path, profile: DeviceProfile) -> None:
    folder: Profiles = ProfileFolder(tmp_path)
    found = replace(profile, max_splits=profile.max_splits + 1, backup_time_s=7)
    assert changes(folder, DEVICE, found) == ()
    folder.keep(DEVICE, profile)
    seen = changes(folder, DEVICE, found)
    assert "max_splits" in told(seen, Concern.DEVICE)
    assert "unitBackupTime is 7" in told(seen, Concern.LIMITS)
    assert told(seen, Concern.SETUP) == ""
    assert changes(None, DEVICE, found) == ()
