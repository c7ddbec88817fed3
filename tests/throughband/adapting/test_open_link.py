"""Which controllers can be steered at all, asked of emulated ones over loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.objects import Edition
from engine.adaptive.control import Site
from engine.adaptive.sites import build_sites
from network.errors import ControllerError
from network.graph import Signal
from tests.controllers.actuation import put
from tests.throughband.towns import corner_town
from throughband.adapting.link import Link, open_link
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signal, Site]:
    network = open_setting(str(corner_town(tmp_path_factory.mktemp("town")))).network
    (site,) = build_sites(network)
    return network.signals[site.signal_id], site


def cabinet(signal: Signal, backup_s: int = 30, edition: Edition = Edition.V03) -> Cabinet:
    assert signal.phasing is not None
    assert signal.plan_in_force is not None
    count = len(signal.connections)
    name, plan = signal.signal_id, signal.plan_in_force
    return Cabinet(
        CabinetConfig(name, signal.phasing, plan, count, "look", "change", backup_s, 60, edition)
    )


def linked(corner: tuple[Signal, Site], device: Cabinet) -> Link:
    """Open a link to a cabinet over loopback."""

    async def work() -> Link:
        signal, site = corner
        async with serve([device]) as [address]:
            reached = Device(signal.signal_id, *address, "look", "change")
            async with open_link(reached, signal, site, 2.0, 0.5) as link:
                return link

    return asyncio.run(work())


def test_a_controller_in_its_plan_is_taken(corner: tuple[Signal, Site]) -> None:
    link = linked(corner, cabinet(corner[0]))
    assert (link.control.backup_s, link.holds, link.called) == (30, "", "")
    # Any time may pass until the first turn, which reads the pattern anew.
    assert "pattern 1 has not been read yet" in link.left_alone


def test_one_that_runs_free_is_refused(corner: tuple[Signal, Site]) -> None:
    device = cabinet(corner[0])
    put(device, "coordOperationalMode", value=254)
    device.advance(1)
    with pytest.raises(ControllerError, match=r"it runs free \(\w+\); adaptive"):
        linked(corner, device)


def test_one_that_somebody_calls_another_pattern_at_is_left_alone(
    corner: tuple[Signal, Site],
) -> None:
    device = cabinet(corner[0])
    put(device, "systemPatternControl", value=254)
    device.advance(1)
    assert "somebody calls pattern 254 there" in linked(corner, device).left_alone


def test_one_that_runs_another_plan_than_the_scenarios_is_refused(
    corner: tuple[Signal, Site],
) -> None:
    signal, site = corner
    plan = signal.plan_in_force
    assert plan is not None
    later = replace(
        signal, plan_in_force=replace(plan, offset_s=(plan.offset_s + 7) % plan.cycle_s)
    )
    with pytest.raises(ControllerError, match=r"the running pattern 1 is a cycle of .* in force"):
        linked((signal, site), cabinet(later))


def test_one_that_would_keep_a_hold_for_ever_is_refused(corner: tuple[Signal, Site]) -> None:
    with pytest.raises(ControllerError, match="unitBackupTime is 0"):
        linked(corner, cabinet(corner[0], backup_s=0))
