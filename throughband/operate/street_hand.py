"""What operation does on the street, all of it through the bridge's own code and lock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from controllers.calls import Call
from controllers.driver import Connect
from controllers.kill_switch import release_all
from controllers.receipt import PushReceipt
from controllers.recovery import Recovered, open_intents
from controllers.release import PlanRelease
from controllers.troubles import MINOR, Trouble
from network.errors import ControllerError
from network.phasing import Phasing
from network.timing import PlanSet
from throughband.bridge.config import BridgeConfig
from throughband.bridge.pushing import push_at_work
from throughband.bridge.recovering import recover_at_work
from throughband.bridge.state import StateFolder
from throughband.bridge.withdrawing import withdraw_at_work
from throughband.journal import Journal, verify
from throughband.reaching import reaching
from throughband.results import read_json

RELEASE_LOOK_S: Final = 5.0

ORDERED_BY: Final = "daily operation"
"""Who orders what this does, in the journal."""

BESIDE: Final = MINOR | {Trouble.ALARM}
"""Troubles with which a pattern runs all the same; the bridge alerts of them itself."""


class StreetHand:
    """Pushes, withdraws, hands back and recovers.

    Parameters
    ----------
    config
        The bridge's.
    phasings
        By signal, the phases of the network.
    clock, sleep
        The present, and how to let time pass.
    connect
        How to reach devices, where not as usual.
    """

    def __init__(
        self,
        config: BridgeConfig,
        phasings: Mapping[str, Phasing],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        connect: Connect | None = None,
    ) -> None:
        self._config = config
        self._phasings = phasings
        self._clock = clock
        self._sleep = sleep
        self._connect = connect
        self.state = StateFolder(config.state)

    def calls(self) -> Mapping[str, Call]:
        """Return by signal what the bridge calls."""
        return self.state.calls()

    @property
    def served(self) -> bool:
        """Whether a bridge keeps the calls alive."""
        return self.state.served

    def stopped(self) -> str:
        """Return why nothing may be called at all, or nothing."""
        return self.state.stop_reason()

    def troubles(self) -> Mapping[str, str]:
        """Return by signal what the bridge finds wrong there."""
        status = self.state.status() or {}
        signals = status.get("signals")
        entries = signals if isinstance(signals, dict) else {}
        return {
            name: str(entry["trouble"])
            for name, entry in entries.items()
            if isinstance(entry, dict) and entry.get("trouble") and entry["trouble"] not in BESIDE
        }

    async def push(
        self, plan_set: PlanSet, release: PlanRelease, stop: Callable[[], str]
    ) -> tuple[PushReceipt, Path]:
        """Push plans under a release; as `throughband.bridge.pushing.push_at_work`."""

        def stopped() -> str:
            return stop() or self.state.stop_reason()

        with self.state.at_work():
            receipt, file = await push_at_work(
                self._config,
                self.state,
                plan_set,
                self._phasings,
                release,
                approved=True,
                write=True,
                stop=stopped,
                clock=self._clock,
                sleep=self._sleep,
                connect=self._connect,
                ordered_by=ORDERED_BY,
            )
        assert file is not None
        return receipt, file

    async def withdraw(self, receipt: Path) -> list[str]:
        """Take a push back; as `throughband.bridge.withdrawing.withdraw_at_work`."""
        found = PushReceipt.from_dict(read_json(receipt), str(receipt))
        with self.state.at_work():
            return await withdraw_at_work(
                self._config,
                self.state,
                found,
                clock=self._clock,
                sleep=self._sleep,
                connect=self._connect,
                ordered_by=ORDERED_BY,
            )

    async def hand_back(self, signals: Sequence[str], why: str) -> list[str]:
        """Hand controllers under our call back to their own schedule, and record it.

        Returns
        -------
        list of str
            A sentence for each that is not released; it falls back when its backup time ends.
        """
        known = self.calls()
        wanted = {name for name in signals if name in known}
        devices = [d for d in self._config.devices if d.signal_id in wanted]
        if not devices:
            return []

        async def tick() -> None:
            await self._sleep(RELEASE_LOOK_S)

        with self.state.at_work():
            # First, so that the running service stops calling.
            self.state.drop(wanted)
            reach = self._connect or reaching(self._clock, self._sleep, self.state.profiles)
            outcomes = await release_all(devices, tick=tick, connect=reach)
            stuck = [f"{o.signal_id} at {o.address}: {o.problem}" for o in outcomes if o.problem]
            Journal(self._config.journal).write(
                {
                    "event": "released",
                    "utc": self._clock().isoformat(),
                    "signals": sorted(wanted),
                    "how": "daily operation",
                    "why": why,
                    "stuck": stuck,
                    "ordered_by": ORDERED_BY,
                }
            )
        return stuck

    async def recover(self) -> tuple[Recovered, ...]:
        """Conclude what a crash left open, if anything; raise `ControllerError` if it stays so."""
        if not self._config.journal.exists() or self.state.worked_on:
            return ()
        if not open_intents(verify(self._config.journal)):
            return ()
        with self.state.at_work():
            done, _ = await recover_at_work(
                self._config,
                self.state,
                clock=self._clock,
                sleep=self._sleep,
                connect=self._connect,
                ordered_by=ORDERED_BY,
            )
        still = [entry for entry in done if entry.outcome == "still open"]
        if still:
            raise ControllerError(
                f"{len(still)} of {len(done)} pushes left open could not be concluded: "
                f"{'; '.join(detail for entry in still for detail in entry.details)}"
            )
        return done
