"""The service that keeps calls alive, over RSMP."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from controllers.calls import Call, calls_of
from controllers.service import Service
from controllers.troubles import Trouble
from tests.controllers.rsmp_street import Street, street
from tests.controllers.test_rsmp_push import SIGNALS, Corridor, run


class Kept:
    """A service over a street of sites; time passes only here."""

    def __init__(self, s: Street, calls: Mapping[str, Call]) -> None:
        self.kept = dict(calls)
        self.seconds = 0.0
        self.alerts: list[str] = []
        self.street = s
        self.service = Service(
            s.devices,
            self,
            clock=s.hands,
            now=lambda: self.seconds,
            journal=lambda event: None,
            alert=self.alerts.append,
            connect=s.connect,
        )

    def calls(self) -> Mapping[str, Call]:
        return dict(self.kept)

    def drop(self, signals: Collection[str]) -> None:
        for signal in signals:
            self.kept.pop(signal, None)

    async def live(self, seconds: float) -> None:
        end_s = self.seconds + seconds
        while self.seconds < end_s:
            wait_s = max(min(await self.service.turn(), end_s - self.seconds), 1.0)
            self.seconds += wait_s
            self.street.hands.advance(wait_s)


def test_calls_are_kept_alive_and_called_again_after_a_site_fell_back() -> None:
    async def scenario() -> None:
        async with street(SIGNALS, timeout_s=0.05) as s:
            corridor = Corridor(s)
            kept = Kept(s, calls_of(await corridor.push()))
            await kept.live(1_500)
            assert set(kept.service.troubles.values()) <= {None}
            assert kept.alerts == []
            assert s.sites["a"].heard.count("CommandRequest") > 3 + 1_500 // 600
            b = s.sites["b"]
            b.signals.running, b.signals.source = 1, "control_block"
            b.faults.mute = True
            await kept.live(400)
            assert kept.service.troubles["b"] is Trouble.SILENT
            b.faults.mute = False
            await s.supervisor.session("b", 5.0)
            await kept.live(400)
            assert corridor.running() == [(15, "forced")] * 3

    run(scenario)


def test_a_plan_edited_at_the_site_is_handed_back() -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as s:
            corridor = Corridor(s)
            kept = Kept(s, calls_of(await corridor.push()))
            await kept.live(200)
            s.sites["c"].signals.plans[15].offset_s += 1
            await kept.live(1_000)
            assert corridor.running()[2] == (1, "calendar_clock")
            assert any("stores other values" in alert for alert in kept.alerts)

    run(scenario)
