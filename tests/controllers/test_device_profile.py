from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.device_profile import (
    Concern,
    DeviceProfile,
    Module,
    Overlap,
    Preempt,
    differences,
)
from controllers.driver import PhaseLimits
from network.errors import ControllerError
from tests.controllers.test_codec import identity_of
from tests.controllers.test_limits import WALKING, profile_of

PROFILE = profile_of(
    identity_of(WALKING),
    modules=(Module("Acme", "Nine", "1.2", "software"),),
    overlaps=(Overlap(1, "normal", (1, 2), (2,)),),
    preempts=(Preempt(1, (), (2,)),),
    elsewhere=(("unitBackupTime", ".1"),),
)

phases = st.builds(
    PhaseLimits,
    st.integers(1, 16),
    *[st.integers(0, 255)] * 5,
    ring=st.integers(1, 4),
    concurrent=st.frozensets(st.integers(1, 16)),
    maximum_s=st.integers(0, 255),
    pedestrian_recall=st.booleans(),
    non_actuated=st.booleans(),
)


@given(
    st.lists(phases, max_size=5).map(tuple),
    st.lists(st.builds(Module, *[st.text()] * 4), max_size=3).map(tuple),
    st.none() | st.integers(-43200, 43200),
)
def test_a_profile_comes_back_from_json_as_it_went(
    limits: tuple[PhaseLimits, ...], modules: tuple[Module, ...], zone_s: int | None
) -> None:
    profile = replace(PROFILE, phases=limits, modules=modules, time_zone_s=zone_s)
    text = json.dumps(profile.to_dict())
    assert DeviceProfile.from_dict(json.loads(text), "file") == profile


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("form", 2, "not a device profile of form 1"),
        ("max_patterns", "16", "max_patterns is '16'"),
        ("max_patterns", True, "max_patterns is True"),
        ("modules", 3, "modules is 3, not a list"),
        ("modules", [{"make": "Acme"}], "Module with or without"),
        ("phases", ["one"], "'one' is no PhaseLimits"),
        ("elsewhere", [7], "not a list"),
        ("surprise", 1, "with or without surprise"),
    ],
)
def test_a_damaged_profile_is_refused(key: str, value: object, text: str) -> None:
    content: dict[str, Any] = {**PROFILE.to_dict(), key: value}
    with pytest.raises(ControllerError, match=text):
        DeviceProfile.from_dict(content, "file")


def test_an_incomplete_profile_is_refused() -> None:
    content = PROFILE.to_dict()
    del content["edition"]
    with pytest.raises(ControllerError, match="with or without edition"):
        DeviceProfile.from_dict(content, "file")


def test_the_same_device_has_no_differences() -> None:
    assert differences(PROFILE, PROFILE) == ()


@pytest.mark.parametrize(
    ("changes", "concern", "text"),
    [
        (
            {"modules": (Module("Acme", "Nine", "1.3", "software"),)},
            Concern.DEVICE,
            "its module table is Acme Nine 1.3 (software), was Acme Nine 1.2 (software)",
        ),
        ({"modules": ()}, Concern.DEVICE, "its module table is none, was Acme"),
        ({"edition": "1996"}, Concern.DEVICE, "edition is '1996', was 'v03'"),
        ({"max_patterns": 48}, Concern.DEVICE, "max_patterns is 48, was 16"),
        ({"backup_time_s": 0}, Concern.LIMITS, "unitBackupTime is 0, was 300"),
        ({"sync_minute": 180}, Concern.LIMITS, "timebaseAscPatternSync is 180, was 0"),
        ({"set_id": 9}, Concern.SETUP, "its set ID is 9, was 1"),
    ],
)
def test_what_has_changed_is_told_in_words(
    changes: dict[str, Any], concern: Concern, text: str
) -> None:
    [found] = differences(PROFILE, replace(PROFILE, **changes))
    assert found.concern is concern
    assert str(found).startswith(text)


def test_a_changed_phase_is_told_value_by_value() -> None:
    first, second = PROFILE.phases
    other = (replace(first, yellow_ds=40, concurrent=frozenset({5})), replace(second, number=3))
    found = differences(PROFILE, replace(PROFILE, phases=other))
    assert [str(difference) for difference in found] == [
        "phase 3 is new",
        "phase 2 is gone",
        "phase 1: yellow_ds is 40, was 30",
        "phase 1: concurrent is [5], was []",
    ]


def test_every_field_is_compared_but_the_numbers_of_a_check() -> None:
    changed = {
        "verify_numbers": "1996",
        "vendor_profile": "probe",
        "time_zone_s": None,
        "backup_renewed": False,
        "user_backup_time_s": 7,
        "daylight_saving": "other",
        "correction": "dwell",
        "maximum_mode": "",
        "sync_point": "",
        "pattern_table": "offset3",
        "standards": "none",
        "overlaps": (),
        "preempts": (),
        "elsewhere": (),
        "max_splits": 1,
        "max_sequences": 1,
        "max_rings": 2,
        "max_phases": 2,
        "max_actions": 2,
        "max_detectors": 2,
    }
    untold = [
        name
        for name, value in changed.items()
        if not differences(PROFILE, replace(PROFILE, **{name: value}))  # type: ignore[arg-type]
    ]
    assert untold == ["verify_numbers"]


@pytest.mark.parametrize(
    ("table", "row", "together"),
    [("patterns", 5, [5]), ("offset3", 5, [4, 5, 6]), ("offset5", 5, [1, 2, 3, 4, 5])],
)
def test_rows_that_share_a_cycle_are_known(table: str, row: int, together: list[int]) -> None:
    assert list(replace(PROFILE, pattern_table=table).sharing(row)) == together
    assert list(replace(PROFILE, pattern_table="offset3").sharing(16)) == [16]
