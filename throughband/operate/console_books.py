"""The console's database, as operation tells it plans and warnings, and has it approve by policy.

The database is opened at the first need and anew after every trouble, so that one which comes
back is found. Everything here may fail at any time; the journal has it all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from controllers.release import PlanRelease
from network.errors import StoreError, ThroughbandError
from network.timing import PlanSet
from throughband.approval import release_of
from throughband.operate.config_entries import DatabaseEntry
from throughband.operate.ledger import PREFIX
from throughband.operate.planner import PLAN, REPORT
from throughband.plan_life import Move
from throughband.results import read_json
from throughband.setting import Setting
from throughband.store import open_store
from throughband.store.rows import Network, NoticeState, ReportOrigin, ReportSource
from throughband.store.store import Store

AUTHOR: Final = "daily operation"
RECENT_NOTICES: Final = 200

WAIT_S: Final = 1.0
"""Longest wait for somebody else's lock; operation has other work."""

POLICY: Final = "policy of daily operation"
"""Whoever approves is another than the author: a rule that the city set."""


class ConsoleBooks:
    """Takes what operation recorded, and approves what its policy lets pass.

    Parameters
    ----------
    entry
        The database.
    journal
        The bridge's.
    setting, source
        The network, and how the command line names it.
    plans
        Folder of operation's plans.
    clock
        The present.
    recipients
        By channel, who is told; no secret belongs there.
    """

    def __init__(
        self,
        entry: DatabaseEntry,
        journal: Path,
        setting: Setting,
        source: str,
        plans: Path,
        clock: Callable[[], datetime],
        recipients: Mapping[str, str] | None = None,
    ) -> None:
        self._entry = entry
        self._journal = journal
        self._setting = setting
        self._source = source
        self._plans = plans
        self._clock = clock
        self._recipients = dict(recipients or {})
        self._store: Store | None = None
        self._network: Network | None = None

    def close(self) -> None:
        """Close the database."""
        if self._store is not None:
            self._store.close()
        self._store, self._network = None, None

    # Mirror

    def take(self, event: Mapping[str, object]) -> None:
        """Take an entry; as `throughband.operate.ledger.Mirror`."""
        what = str(event["event"]).removeprefix(PREFIX)
        try:
            if what == "plan ready":
                self._add_plan(self._plans / str(event["folder"]), _utc(event))
            elif what in ("warning raised", "warning back"):
                store, network = self._open()
                sure = event["sure"]
                assert isinstance(sure, int | float)
                store.warnings.raise_(
                    str(event["kind"]),
                    str(event["where"]),
                    datetime.fromisoformat(str(event["since_utc"])),
                    float(sure),
                    str(event["text"]),
                    network.id,
                )
            elif what == "warning cleared":
                store, _ = self._open()
                store.warnings.clear(str(event["kind"]), str(event["where"]), _utc(event))
            elif what in ("notice sent", "notice not taken"):
                self._note(event, what == "notice sent")
            elif self._store is not None:
                # Nothing to keep there; but a database that went is to be noticed.
                self._store.ping()
        except StoreError:
            self.close()
            raise

    def _note(self, event: Mapping[str, object], sent: bool) -> None:
        """Keep what became of a notice; the same notice of a channel is one row."""
        store, _ = self._open()
        channel, text = str(event["channel"]), str(event["text"])
        made, trouble = datetime.fromisoformat(str(event["made_utc"])), str(event["trouble"])
        state = NoticeState.SENT if sent else NoticeState.FAILED
        for known in store.notices.listed(limit=RECENT_NOTICES):
            if (known.channel, known.text, known.made_utc) == (channel, text, made):
                if known.state is not state and known.state is not NoticeState.SENT:
                    store.notices.mark(known.id, state, _utc(event), trouble)
                return
        recipient = self._recipients.get(channel, channel)
        row = store.notices.add(channel, recipient, text, made, state, None, trouble)
        if sent:
            store.notices.mark(row.id, state, _utc(event))

    # Approver

    def approve(
        self, folder: Path, plan_set: PlanSet, report: Mapping[str, Any], why: str, now: datetime
    ) -> PlanRelease | None:
        """Approve and arm a plan; as `throughband.operate.changing.Approver`."""
        try:
            store, _ = self._open()
            plan_id = self._add_plan(folder, now)
            store.plans.approve(plan_id, POLICY, now, why, None)
            plan = store.plans.move(plan_id, Move.ARM, POLICY, now, why)
            return None if plan.release is None else release_of(plan.release, plan_id)
        except ThroughbandError:
            # Whatever the database says: the journal is enough to act on.
            self.close()
            return None

    def _open(self) -> tuple[Store, Network]:
        if self._store is None or self._network is None:
            self._store = open_store(
                self._entry.url,
                backups=self._entry.backups,
                journal=self._journal,
                clock=self._clock,
                wait_s=WAIT_S,
            )
            name = self._setting.scenario.name
            found = self._store.networks.of_name(name)
            self._network = found or self._store.networks.add(
                name,
                "folder" if Path(self._source).exists() else "catalog",
                self._source,
                name,
                {"signals": len(self._setting.network.signals)},
                AUTHOR,
                self._clock(),
            )
        return self._store, self._network

    def _add_plan(self, folder: Path, now: datetime) -> str:
        """Add a plan as checked, unless it is there; return its id."""
        store, network = self._open()
        report = read_json(folder / REPORT)
        digest = str(report["plan_digest"])
        for known in store.plans.listed(network_id=network.id):
            if known.digest == digest:
                return known.id
        try:
            text = (folder / PLAN).read_text(encoding="utf-8")
        except OSError as error:
            raise ThroughbandError(f"{folder / PLAN}: cannot be read ({error.strerror})") from error
        plan = store.plans.add(
            network.id,
            f"for the traffic forecast at {now:%Y-%m-%d %H:%M} UTC",
            text,
            self._setting.network.name,
            digest,
            "operate",
            AUTHOR,
            now,
            report=report,
            source=ReportSource(ReportOrigin.OPERATE, AUTHOR),
        )
        why = "both safety checkers accepted it, and it was simulated"
        store.plans.move(plan.id, Move.CHECK, AUTHOR, now, why)
        return plan.id


def _utc(event: Mapping[str, object]) -> datetime:
    return datetime.fromisoformat(str(event["utc"]))
