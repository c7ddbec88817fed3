"""Adaptive control on a street of emulated controllers: obeyed, lawful, and gone when it is killed.

The street runs here, with an eye on every lamp and every tenth; ``throughband adapt`` is a process
of its own that has nothing but a device list, the radar's address and SNMP on loopback.
"""

from __future__ import annotations

import asyncio
import signal as signals
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.adaptive_street import Lamps, on_street
from controllers.emulator.cabinet import Cabinet
from engine.adaptive.coordinated import Slack
from engine.adaptive.sites import build_sites
from tests.throughband.command_line import ended, started
from tests.throughband.towns import block_town
from throughband.device_writing import write_devices
from throughband.journal import verify
from throughband.radar import RadarFeed, radar_feed, write_address
from throughband.setting import Setting, open_setting
from throughband.street import Street, Wiring, open_street

pytestmark = [pytest.mark.sumo, pytest.mark.slow]

BACKUP_S = 15
SPEED = 10.0
LONGEST_S = 1100.0


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return open_setting(str(block_town(tmp_path_factory.mktemp("town"))))


def test_decisions_over_snmp_are_obeyed_lawfully_and_shorten_delay(setting: Setting) -> None:
    plan_s, _, found_before, _ = asyncio.run(on_street(setting, 11, None))
    street_s, adaptation, found, _ = asyncio.run(on_street(setting, 11, Slack()))
    assert adaptation is not None
    assert found_before == found == []
    tally = adaptation.tally
    assert tally.force_offs > 50
    assert tally.unanswered == 0
    assert street_s < plan_s


@dataclass
class Watched:
    """A street on the wall clock, with everything it shows looked at."""

    street: Street
    feed: RadarFeed
    lamps: dict[str, Lamps] = field(default_factory=dict)
    seen_steered: bool = False

    async def pace(self, _: float) -> None:
        """Let a tenth of the street take its time, and look at the lamps."""
        for name, cabinet in self.street.cabinets.items():
            watched = self.lamps.setdefault(name, Lamps(name, cabinet.config.phasing))
            watched.look(cabinet.aspects)
        await asyncio.sleep(0.1 / SPEED)
        # A force-off is over with the green that it ends, in the tenth that begins now.
        steered = any(c.controls.overriding for c in self.street.cabinets.values())
        self.seen_steered = self.seen_steered or steered

    async def joined(self) -> None:
        """Let no time pass until somebody listens to the radar."""
        while not self.feed.listened_to:
            await asyncio.sleep(0.1 / SPEED)

    async def second(self) -> None:
        """Let a second of the street pass."""
        await self.street.run_until(self.street.time_s + 1.0, pace=self.pace)
        self.feed.tell(self.street.time_s, self.street.traffic)

    async def until(self, seen: Callable[[], bool]) -> None:
        """Let time pass until something is seen."""
        while not seen():
            assert self.street.time_s < LONGEST_S, "never seen"
            await self.second()

    @property
    def held(self) -> list[Cabinet]:
        """Controllers at which a hold stands."""
        name = "phaseControlGroupHold"
        return [c for c in self.street.cabinets.values() if c.controls.numbers(name)]


def test_a_killed_process_leaves_controllers_that_fall_back_to_their_plan(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    journal = tmp_path / "journal.sqlite"

    async def play(stack: ExitStack) -> None:
        wiring = Wiring(counted=False, tracked=True, backup_time_s=BACKUP_S)
        sites = build_sites(setting.network)
        async with (
            open_street(setting.case, setting.network, 11, wiring=wiring) as street,
            radar_feed(sites, "127.0.0.1") as (feed, port),
        ):
            options = (
                *("--devices", write_devices(tmp_path, street.devices)),
                *("--radar", write_address(tmp_path, "127.0.0.1", port)),
                *("--journal", journal),
            )
            watched = Watched(street, feed)

            def adapt(*more: object) -> subprocess.Popen[str]:
                arguments = ("adapt", setting.case.config_file, *options, *more)
                return stack.enter_context(started(*arguments, folder=tmp_path))

            # With no green ended early there is more to hold.
            process = adapt("--early", 0, "--main-early", 0)
            await watched.joined()
            await watched.until(lambda: bool(watched.held))
            process.kill()
            process.wait()
            for _ in range(BACKUP_S + 1):
                await watched.second()
            assert watched.held == []
            await back_in_plan(watched)
            # Contact again: it goes on, and gives everything back when it is asked to end.
            process = adapt()
            cabinets = list(street.cabinets.values())
            await watched.joined()
            watched.seen_steered = False
            await watched.until(lambda: watched.seen_steered)
            for _ in range(30):
                await watched.second()
            process.send_signal(signals.SIGINT)
            while process.poll() is None:
                await watched.second()
            outcome = ended(process)
            assert outcome.code == 0, outcome.err
            assert "stopped by SIGINT; 4 of 4 controllers released" in outcome.err
            assert not any(c.controls.active for c in cabinets)
            await back_in_plan(watched)
            assert [text for lamps in watched.lamps.values() for text in lamps.judge()] == []
            assert not any(c.monitor_fault for c in cabinets)

    with ExitStack() as stack:
        asyncio.run(play(stack))
    events = [str(event["event"]) for event in verify(journal)]
    assert events.count("adapt begins") == 2
    assert events.count("adapt ends") == 1
    assert "adapt: commanded" in events


async def back_in_plan(watched: Watched) -> None:
    """Require that within three cycles every lamp shows what the plan in force shows."""
    street = watched.street
    cycle_s = max(c.config.plan_in_force.cycle_s for c in street.cabinets.values())
    for _ in range(3 * cycle_s):
        if all(c.in_step for c in street.cabinets.values()):
            break
        await watched.second()
    for _ in range(cycle_s):
        await watched.second()
    twins = {name: Cabinet(c.config, street.time_s) for name, c in street.cabinets.items()}
    for _ in range(cycle_s):
        for name, cabinet in street.cabinets.items():
            assert cabinet.aspects == twins[name].aspects, name
            twins[name].advance(1)
        await watched.second()
