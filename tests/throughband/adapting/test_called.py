"""A controller whose pattern somebody calls: adaptive control must not stand in for the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.objects import Edition
from engine.adaptive.coordinated import PhaseControls, PlanBound
from engine.adaptive.sensing import Sensors, Traffic
from engine.adaptive.sites import build_sites
from network.errors import ControllerError
from tests.controllers.actuation import put
from tests.throughband.towns import corner_town
from throughband.adapting.adaptation import Adaptation
from throughband.adapting.command import _require_one, _telling
from throughband.adapting.link import open_link
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo

BACKUP_S = 20
NOBODY = Traffic([], [], np.empty(0), np.empty(0))


class _Impatient:
    """Wishes to end every green, every second."""

    def __init__(self, phases: frozenset[int]) -> None:
        self.controls = {"A0": PhaseControls(force_off=phases)}
        self.windows = {"A0": SimpleNamespace(order=())}

    def start(self, _: object) -> None:
        pass

    def decide(self, *_: object) -> None:
        pass


def test_a_called_pattern_ends_with_the_backup_time_of_a_caller_who_died(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    network = open_setting(str(corner_town(tmp_path_factory.mktemp("town")))).network
    (site,) = build_sites(network)
    signal = network.signals[site.signal_id]
    assert signal.signal_id == "A0"
    assert signal.phasing is not None
    assert signal.plan_in_force is not None
    device = Cabinet(
        CabinetConfig(
            "A0",
            signal.phasing,
            signal.plan_in_force,
            len(signal.connections),
            "look",
            "change",
            BACKUP_S,
            60,
            Edition.V03,
        )
    )
    put(device, "systemPatternControl", value=1)
    events: list[Mapping[str, object]] = []
    commands: list[Mapping[str, object]] = []
    empty = np.zeros(len(site.lanes))
    seen = SimpleNamespace(stage=0, count_veh=empty, queue_veh=empty)
    phases = frozenset(phase.number for phase in signal.phasing.phases)

    lasts_s = BACKUP_S + 3 * signal.plan_in_force.cycle_s

    async def work() -> None:
        async with (
            serve([device]) as [address],
            open_link(Device("A0", *address, "look", "change"), signal, site, 2.0, 0.5) as link,
        ):
            adaptation = Adaptation(
                [link],
                cast(PlanBound, _Impatient(phases)),
                cast(Sensors, SimpleNamespace(observe=lambda *_: {"A0": seen})),
                commands.append,
                events.append,
            )
            for second in range(1, lasts_s):
                device.advance(1)
                await adaptation.turn(float(second), NOBODY)
                if second < BACKUP_S:
                    assert device.control == "systemControl"
                    assert commands == []
            await adaptation.release()

    asyncio.run(work())
    # The call has lapsed, and only then the controller was steered.
    assert device.caller.system_pattern == 0
    assert commands
    assert events[0]["event"] == "adapt: steered again"


def test_where_a_pattern_is_called_at_every_controller_there_is_nothing_to_steer() -> None:
    called = {"A0": "somebody calls pattern 15 there", "A1": "somebody calls pattern 16 there"}
    with pytest.raises(ControllerError, match=r"'A0': .* 15 .* 'A1': .* 16 .* none left"):
        _require_one(called, 2)
    _require_one(called, 3)


def test_people_are_told_once_when_somebody_begins_and_ends_to_call() -> None:
    written: list[Mapping[str, object]] = []
    said: list[str] = []
    tell = _telling(written.append, {"A1"}, said.append)
    for name, called in (("A0", True), ("A0", False), ("A0", True), ("A1", True), ("A2", False)):
        why = "somebody calls" if called else "no answer"
        tell({"event": "adapt: left alone", "signal": name, "called": called, "why": why})
    for name in ("A0", "A1", "A2"):
        tell({"event": "adapt: steered again", "signal": name, "called": False, "why": ""})
    assert said == [
        "signal A0: left alone: somebody calls",
        "signal A0: steered again: nobody calls a pattern any more",
        "signal A1: steered again: nobody calls a pattern any more",
    ]
    assert len(written) == 8
