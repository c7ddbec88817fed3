"""What the parts of operation share: configuration, memory, record, and a way to tell people."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from network.errors import ThroughbandError
from network.files import read_plan
from network.timing import PlanSet, TimingPlan
from throughband.operate.config import OperateConfig
from throughband.operate.ledger import Ledger
from throughband.operate.memory import Memory, write_memory
from throughband.operate.notices import Notice
from throughband.operate.planner import PLAN
from throughband.operate.street_hand import StreetHand
from throughband.setting import Setting

_log = logging.getLogger(__name__)

MEMORY: Final = "memory.json"
PLANS: Final = "plans"


@dataclass(slots=True)
class Office:
    """Shared by all parts.

    Attributes
    ----------
    config, setting
        What is operated.
    clock, sleep
        The present, and how to let time pass.
    memory, ledger, hand
        What is remembered; the record; the way to the street.
    notices
        What people are to be told, since it was collected last.
    """

    config: OperateConfig
    setting: Setting
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    memory: Memory
    ledger: Ledger
    hand: StreetHand
    notices: list[Notice] = field(default_factory=list)

    @property
    def plans_folder(self) -> Path:
        """Where folders of plans are."""
        return self.config.folder / PLANS

    def tell(
        self,
        topic: str,
        title: str,
        text: str = "",
        *,
        urgent: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Have people told something."""
        _log.info("%s: %s", topic, title)
        self.notices.append(Notice(topic, title, text or title, self.clock(), urgent, facts or {}))

    def save(self) -> None:
        """Keep what is remembered.

        Raises
        ------
        ThroughbandError
            If it cannot be kept.
        """
        self.memory.read, self.memory.mirrored = self.ledger.read, self.ledger.mirrored
        write_memory(self.config.folder / MEMORY, self.memory)

    def called(self) -> tuple[dict[str, TimingPlan], dict[str, str]]:
        """Return by signal the plans of ours that are called, and the digests of other calls."""
        plans: dict[str, TimingPlan] = {}
        foreign: dict[str, str] = {}
        read: dict[str, PlanSet | None] = {}
        for signal, call in self.hand.calls().items():
            digest = call.plan_digest
            if digest not in read:
                read[digest] = self._plan_of(digest)
            found = read[digest]
            plan = None if found is None else _plan_for(found, signal)
            if plan is None:
                foreign[signal] = digest
            else:
                plans[signal] = plan
        return plans, foreign

    def _plan_of(self, digest: str) -> PlanSet | None:
        folder = self.memory.folders.get(digest)
        if folder is None:
            return None
        try:
            found = read_plan(self.config.folder / folder / PLAN)
        except ThroughbandError as error:
            _log.warning("%s", error)
            return None
        return found if found.digest == digest else None


def left_alone(foreign: Iterable[str]) -> str:
    """Say of signals under calls that operation does not know what becomes of them."""
    names = ", ".join(sorted(foreign))
    return f"plans that operation does not know are called at {names}; they are left alone"


def _plan_for(plan_set: PlanSet, signal: str) -> TimingPlan | None:
    return next((plan for plan in plan_set.plans if plan.signal_id == signal), None)
