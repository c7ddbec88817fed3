from __future__ import annotations

import asyncio

import pytest

from controllers.emulator.faults import Faults
from controllers.ntcip.profiles import PROFILES, parse_profiles, vendor_profile
from network.errors import ControllerError
from tests.controllers.street_device import NEW, bench


def test_the_standard_profile_departs_from_nothing() -> None:
    profile = vendor_profile("standard")
    assert profile.suffix("unitBackupTime") == (0,)
    assert (profile.verify_status, profile.split_number) == ("edition", "as found")
    assert (profile.bindings, profile.reserved_rows) == (18, frozenset())


def test_single_objects_may_live_elsewhere() -> None:
    assert PROFILES["econolite"].suffix("unitBackupTime") == (1,)
    assert PROFILES["econolite"].suffix("maxPatterns") == (0,)
    assert PROFILES["maxtime"].suffix("unitBackupTime") == ()
    assert PROFILES["probe"].suffix("unitBackupTime") is None


def test_a_profile_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ControllerError, match=r"no vendor profile 'acme'; known are 1996, econo"):
        vendor_profile("acme")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x", "text: "),
        ("x = 1", "'x' is no table"),
        ("[x]\nscalar = '.0'", "has the key 'scalar'; allowed are scalars"),
        ("[x]\nscalars = '.2'", "scalars is '.2'; allowed are '.0', '.1', '', 'probe'"),
        ("[x]\nbindings = 19", "bindings is 19; allowed are 1 to 18"),
        ("[x]\nbindings = true", "bindings is True"),
        ("[x]\nobjects = { nothing = '.1' }", "there is no object 'nothing'"),
        ("[x]\nobjects = { maxPatterns = '.7' }", "objects is '.7'"),
        ("[x]\nverify_status = 'v04'", "verify_status is 'v04'"),
        ("[x]\nreserved_rows = ['a']", "reserved_rows holds what is no row number"),
    ],
)
def test_a_profile_that_says_what_no_profile_can_is_refused(text: str, message: str) -> None:
    with pytest.raises(ControllerError) as refusal:
        parse_profiles(text, "text")
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("standard", Faults()),
        ("probe", Faults()),
        ("probe", Faults(scalars={"*": (1,)}, old_enumerations=True, counted_time=True)),
        ("econolite", Faults(scalars={"unitBackupTime": (1,)}, old_enumerations=True)),
        ("maxtime", Faults(scalars={"unitBackupTime": ()})),
    ],
)
def test_a_device_of_a_profile_is_identified_and_loaded(name: str, faults: Faults) -> None:
    async def scenario() -> None:
        async with bench(faults=faults, profile=name) as b:
            identity = await b.driver.identify()
            assert identity.backup_time_s == 300
            change = await b.driver.prepare(NEW, identity)
            assert await b.driver.commit(change) == change.new
            await b.driver.activate(change.pattern)
            b.cabinet.advance(1)
            assert (await b.driver.status()).pattern == change.pattern

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_reserved_rows_are_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = parse_profiles("[standard]\nreserved_rows = [15]", "text")
    monkeypatch.setattr("controllers.ntcip.profiles.PROFILES", reserved)

    async def scenario() -> None:
        async with bench() as b:
            change = await b.driver.prepare(NEW, await b.driver.identify())
            assert change.pattern == 16

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_messages_hold_no_more_bindings_than_the_profile_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = parse_profiles("[standard]\nbindings = 3", "text")
    monkeypatch.setattr("controllers.ntcip.profiles.PROFILES", few)

    async def scenario() -> None:
        async with bench() as b:
            sizes: list[int] = []
            taken = b.cabinet.store.set

            def counting(bindings: list[object], community: bytes) -> object:
                sizes.append(len(bindings))
                return taken(bindings, community)  # type: ignore[arg-type]

            b.cabinet.store.set = counting  # type: ignore[assignment,method-assign]
            await b.driver.commit(await b.driver.prepare(NEW, await b.driver.identify()))
            assert max(sizes) == 3
            assert sum(sizes) > 10

    asyncio.run(asyncio.wait_for(scenario(), 30))
