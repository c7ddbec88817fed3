"""One thing goes wrong at one message of a push, for every message in turn."""

from __future__ import annotations

import pytest

from benchmarks.bridge.deaths import bridge_dies
from benchmarks.bridge.exhaustive import at_every_message
from benchmarks.bridge.lies import lie_about_everything, named
from benchmarks.bridge.mishaps import MISHAPS, Frozen, Mishap
from benchmarks.bridge.street import drawn_case
from benchmarks.bridge.tried import Tried
from controllers.ntcip.objects import Edition

ONE_RING, TWO_RINGS = drawn_case(1, 1, 4), drawn_case(0, 2, 4)
KINDS = ((Edition.V03, "v1"), (Edition.V1996, "v2c"))
UNSEEN_AFTER_COMMIT = {"unitControlStatus", "localFreeStatus", "unitFlashStatus"}


@pytest.mark.parametrize("fault", MISHAPS)
def test_a_fault_at_some_messages_never_tears_the_pattern(fault: type[Mishap]) -> None:
    tried = Tried()
    at_every_message(fault, TWO_RINGS, Edition.V03, "v1", tried, every=13)
    assert tried.found == []
    assert tried.trials > 3


@pytest.mark.slow
@pytest.mark.parametrize("fault", MISHAPS)
def test_a_fault_at_every_message_never_tears_the_pattern(fault: type[Mishap]) -> None:
    tried = Tried()
    for case in (ONE_RING, TWO_RINGS):
        for edition, version in KINDS:
            at_every_message(fault, case, edition, version, tried)
    assert tried.found == []


def test_a_bridge_that_dies_at_some_messages_leaves_a_whole_plan_and_a_fallback() -> None:
    tried = Tried()
    bridge_dies(ONE_RING, Edition.V03, "v1", tried, every=19)
    assert tried.found == []
    assert tried.outcomes["old plan runs"]


@pytest.mark.slow
def test_a_bridge_that_dies_at_every_message_leaves_a_whole_plan_and_a_fallback() -> None:
    tried = Tried()
    for case in (ONE_RING, TWO_RINGS):
        for edition, version in KINDS:
            bridge_dies(case, edition, version, tried)
    assert tried.found == []
    assert tried.outcomes["new plan runs"]


def lies(every: int, *, after_commit: bool) -> Tried:
    tried = Tried()
    for case in (ONE_RING, TWO_RINGS) if every == 1 else (TWO_RINGS,):
        for edition, version in KINDS if every == 1 else KINDS[:1]:
            lie_about_everything(
                case,
                edition,
                version,
                tried,
                name_of=named,
                after_commit=after_commit,
                every=every,
            )
    return tried


def test_a_wrong_read_back_of_some_objects_is_refused() -> None:
    tried = lies(211, after_commit=True)
    assert tried.found == []
    assert tried.outcomes["refused"]
    assert set(tried.unseen) <= UNSEEN_AFTER_COMMIT


@pytest.mark.slow
def test_a_wrong_read_back_of_any_object_is_refused() -> None:
    tried = lies(1, after_commit=True)
    assert tried.found == []


def test_a_lie_about_some_objects_never_tears_the_pattern() -> None:
    tried = lies(199, after_commit=False)
    assert tried.found == []
    assert tried.outcomes["refused"]


def test_a_sequence_row_that_reads_as_ordered_and_is_not_never_runs() -> None:
    tried = Tried()
    lie_about_everything(
        ONE_RING,
        Edition.V03,
        "v1",
        tried,
        name_of=named,
        after_commit=False,
        only="sequenceData",
    )
    assert tried.found == []
    assert tried.outcomes["refused"] > tried.outcomes["not seen"]


@pytest.mark.slow
def test_a_lie_about_any_object_never_tears_the_pattern() -> None:
    assert lies(1, after_commit=False).found == []


def test_a_device_that_only_says_yes_is_refused_from_the_first_set_on() -> None:
    tried = Tried()
    at_every_message(Frozen, ONE_RING, Edition.V1996, "v2c", tried, every=9)
    assert tried.found == []
    assert sum(count for told, count in tried.outcomes.items() if told != "active") > 4
