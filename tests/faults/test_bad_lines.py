"""Pushes over bad lines: what runs is wholly one plan or wholly the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from benchmarks.bridge.lossy import Ledger, drawn_cases, over_bad_lines
from benchmarks.bridge.replays import CALLED, NOTHING, OPENED, STALE_SEEN, effects, late_copies
from benchmarks.bridge.street import corridor, drawn_case, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.emulator.ber import PduType, decode, encode
from controllers.emulator.relay import Disturbance, relay
from controllers.ntcip.objects import Edition
from network.errors import ControllerError, ThroughbandError

QUICK = 8


def trials(seeds: range, *, corrupt: bool = False) -> Ledger:
    ledger = Ledger()
    over_bad_lines(seeds, drawn_cases(6), ledger, corrupt=corrupt)
    assert ledger.trials == len(seeds)
    assert ledger.line.lost
    return ledger


def test_no_push_over_a_bad_line_ends_torn_or_open() -> None:
    ledger = trials(range(QUICK))
    assert ledger.found == []
    # Both ends must have been met, or the line was not bad enough to tell.
    assert ledger.outcomes["active"]
    assert ledger.outcomes["rolled back"]


def test_no_push_over_a_line_that_inverts_bits_ends_torn_or_open() -> None:
    ledger = trials(range(QUICK // 2), corrupt=True)
    assert ledger.found == []
    assert ledger.line.damaged


def test_a_trial_is_repeated_to_the_letter_by_its_seed() -> None:
    first, second = trials(range(7, 9)), trials(range(7, 9))
    assert (first.outcomes, first.line, first.virtual_s) == (
        second.outcomes,
        second.line,
        second.virtual_s,
    )


@pytest.mark.slow
def test_ten_thousand_pushes_over_bad_lines_leave_no_torn_pattern() -> None:
    ledger = Ledger()
    over_bad_lines(range(10_000), drawn_cases(), ledger)
    assert ledger.found == []


@pytest.mark.slow
def test_two_thousand_pushes_over_lines_that_invert_bits_leave_no_torn_pattern() -> None:
    ledger = Ledger()
    over_bad_lines(range(2_000), drawn_cases(), ledger, corrupt=True)
    assert ledger.found == []


def test_late_copies_change_nothing_that_the_next_read_back_does_not_see() -> None:
    tried = Tried()
    late_copies((drawn_case(1, 1, 4),), Edition.V03, "v2c", tried)
    assert tried.found == []
    assert {NOTHING, OPENED} <= effects(tried).keys() <= {NOTHING, OPENED, CALLED, STALE_SEEN}


async def _pushed_over_sockets(seed: int, disturbance: Disturbance) -> str:
    async with corridor(drawn_case(seed, 1 + seed % 2), 2, clockwork=False) as street:
        addresses = [(device.host, device.port) for device in street.devices]
        async with relay(addresses, disturbance, seed) as (fronts, _):
            devices = [replace(d, requests_per_s=5000.0) for d in street.behind(fronts)]
            try:
                await street.push(2, devices, over(0.4, 0.02))
            except ThroughbandError as error:
                return str(type(error).__name__)
            finally:
                street.advance(1)
                assert street.found == []
        assert street.runs(2) == [True, True]
        return "active"


def test_a_push_survives_a_bad_line_of_real_sockets() -> None:
    bad = Disturbance(
        loss=0.1, duplication=0.1, delay_s=0.005, reordering=0.1, held_s=0.02, repetition=0.05,
        late_s=0.3,
    )  # fmt: skip
    outcomes = [asyncio.run(_pushed_over_sockets(seed, bad)) for seed in range(2)]
    assert "active" in outcomes


@pytest.mark.slow
def test_three_hundred_pushes_survive_bad_lines_of_real_sockets() -> None:
    outcomes = []
    for seed in range(300):
        bad = Disturbance(
            loss=0.5 * (seed % 10) / 10, duplication=0.1, delay_s=0.005, reordering=0.1,
            held_s=0.02, repetition=0.05, late_s=0.3,
        )  # fmt: skip
        outcomes.append(asyncio.run(_pushed_over_sockets(seed, bad)))
    assert outcomes.count("active") > 100


@pytest.mark.parametrize("version", ["v1", "v2c"])
def test_a_device_that_sends_our_own_requests_back_is_refused(version: str) -> None:
    async def scenario() -> None:
        async with corridor(drawn_case(1, 1), version=version) as street:
            station = street.stations[0]
            request = b""

            def note(_: int, data: bytes) -> bytes:
                nonlocal request
                request = data
                return data

            station.before = note
            station.after = lambda n, data: request
            with pytest.raises(ControllerError):
                await street.push(1)
            assert street.runs(0) == [True]

    run(scenario())


def test_an_answer_about_other_objects_is_refused() -> None:
    async def scenario() -> None:
        async with corridor(drawn_case(1, 1)) as street:

            def elsewhere(_: int, data: bytes) -> bytes:
                message = decode(data)
                assert message.pdu_type is PduType.RESPONSE
                bindings = tuple(((*oid[:-1], oid[-1] + 1), v) for oid, v in message.bindings)
                return encode(replace(message, bindings=bindings))

            street.stations[0].after = elsewhere
            with pytest.raises(ControllerError, match="other objects"):
                await street.push(1)
            assert street.runs(0) == [True]

    run(scenario())
