"""What operation remembers over a restart: one file, replaced as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from network.errors import ThroughbandError
from throughband.operate.evidence import Promise
from throughband.operate.ledger import Cursor
from throughband.operate.levels import Level, Standing, begin
from throughband.operate.notices import Notice
from throughband.operate.regime import Regime
from throughband.operate.warning_book import Warned
from throughband.results import read_json

FORMAT: Final = "throughband operation"
VERSION: Final = 2
REMEMBERED: Final = timedelta(days=2)


@dataclass(slots=True)
class Candidate:
    """A plan that was made and proven, and is not on the street.

    Attributes
    ----------
    folder
        Where its files are, below the folder of operation.
    plan_digest
        The plan.
    flow_vph, cost_s
        What it was made for, and what the model says a vehicle will cost.
    delay_change_s
        What the simulation promised.
    since_utc
        When it was ready.
    why
        Why a person is asked.
    """

    folder: str
    plan_digest: str
    flow_vph: dict[str, float]
    cost_s: float | None
    delay_change_s: float | None
    since_utc: datetime
    why: str = ""


@dataclass(slots=True)
class Trial:
    """A plan on the street that is being judged.

    Attributes
    ----------
    promise
        What it is held against.
    receipt
        Of the push, by which it is taken back.
    forecast
        By beginning of interval (s since 1970), detector by detector: expected count and standard
        deviation, made before the change.
    before
        The regime of what ran before.
    """

    promise: Promise
    receipt: str
    forecast: dict[str, dict[str, tuple[float, float]]]
    before: Regime | None


@dataclass(slots=True)
class Memory:
    """All of it; see the classes of the fields.

    Attributes
    ----------
    regime
        Of the plans on the street; None while nobody knows.
    waiting, pushing
        A plan that waits for an answer; one that is being pushed.
    trial
        A plan that is being judged.
    folders
        By digest, where plans of ours that may be on the street are.
    ours
        Signals that a plan of ours was pushed to and not taken back from.
    changes
        When plans were changed lately.
    standing
        The level.
    rejected
        By digest, who rejected a plan.
    taken_off
        Who took a plan of ours off the street, so that a person is asked; or nothing.
    warned, held, sent_utc
        Warnings, and notices held back or sent lately.
    read, mirrored
        How far the journal was read, by operation and by the database.
    """

    standing: Standing
    regime: Regime | None = None
    waiting: Candidate | None = None
    pushing: Candidate | None = None
    trial: Trial | None = None
    folders: dict[str, str] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    changes: list[datetime] = field(default_factory=list)
    warned: tuple[Warned, ...] = ()
    held: tuple[Notice, ...] = ()
    sent_utc: tuple[datetime, ...] = ()
    read: Cursor = field(default_factory=Cursor)
    mirrored: Cursor = field(default_factory=Cursor)
    rejected: dict[str, str] = field(default_factory=dict)
    taken_off: str = ""

    def changed(self, now_utc: datetime) -> None:
        """Count a change, and forget those of long ago."""
        self.changes = [at for at in self.changes if now_utc - at < REMEMBERED] + [now_utc]


def write_memory(path: Path, memory: Memory) -> None:
    """Replace the file.

    Raises
    ------
    ThroughbandError
        If it cannot be written; the earlier one is whole.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(_plain(memory), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error


def read_memory(path: Path, now_utc: datetime) -> Memory:
    """Read the file, or begin anew where there is none.

    Raises
    ------
    ThroughbandError
        If it is damaged or of another version.
    """
    if not path.exists():
        return Memory(begin(now_utc))
    content = read_json(path)
    if content.get("version") == 1:
        # Plans on trial were judged by sums alone; they stay, and are judged no further.
        content = {**content, "version": VERSION, "trial": None}
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        raise ThroughbandError(
            f"{path}: format {content.get('format')!r} version {content.get('version')!r}; "
            f"expected {FORMAT!r} version {VERSION}; move it away to begin anew"
        )
    try:
        return _memory(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ThroughbandError(
            f"{path}: damaged ({error!r}); move it away to begin anew: what is on the street is "
            "taken from the bridge's state and journal"
        ) from error


def _plain(memory: Memory) -> dict[str, Any]:
    trial = memory.trial
    return {
        "format": FORMAT,
        "version": VERSION,
        "standing": _plain_standing(memory.standing),
        "regime": _plain_regime(memory.regime),
        "waiting": _plain_candidate(memory.waiting),
        "pushing": _plain_candidate(memory.pushing),
        "trial": None
        if trial is None
        else {
            "promise": trial.promise.to_dict(),
            "receipt": trial.receipt,
            "forecast": trial.forecast,
            "before": _plain_regime(trial.before),
        },
        "folders": memory.folders,
        "ours": memory.ours,
        "changes": [at.isoformat() for at in memory.changes],
        "warned": [each.to_dict() for each in memory.warned],
        "held": [each.to_dict() for each in memory.held],
        "sent_utc": [at.isoformat() for at in memory.sent_utc],
        "read": [memory.read.number, memory.read.hash],
        "mirrored": [memory.mirrored.number, memory.mirrored.hash],
        "rejected": memory.rejected,
        "taken_off": memory.taken_off,
    }


def _memory(content: Mapping[str, Any]) -> Memory:
    trial = content["trial"]
    return Memory(
        _standing(content["standing"]),
        _regime(content["regime"]),
        _candidate(content["waiting"]),
        _candidate(content["pushing"]),
        None
        if trial is None
        else Trial(
            Promise.from_dict(trial["promise"]),
            str(trial["receipt"]),
            {
                begin: {name: (float(pair[0]), float(pair[1])) for name, pair in row.items()}
                for begin, row in trial["forecast"].items()
            },
            _regime(trial["before"]),
        ),
        {str(digest): str(folder) for digest, folder in content["folders"].items()},
        [str(name) for name in content["ours"]],
        [datetime.fromisoformat(at) for at in content["changes"]],
        tuple(Warned.from_dict(each) for each in content["warned"]),
        tuple(Notice.from_dict(each) for each in content["held"]),
        tuple(datetime.fromisoformat(at) for at in content["sent_utc"]),
        Cursor(int(content["read"][0]), str(content["read"][1])),
        Cursor(int(content["mirrored"][0]), str(content["mirrored"][1])),
        # Absent from what earlier programs kept.
        {str(digest): str(by) for digest, by in content.get("rejected", {}).items()},
        str(content.get("taken_off", "")),
    )


def _plain_standing(standing: Standing) -> dict[str, Any]:
    return {
        "level": int(standing.level),
        "why": standing.why,
        "since_utc": standing.since_utc.isoformat(),
        "bad_since": {str(int(k)): at.isoformat() for k, at in standing.bad_since.items()},
        "well_since": {str(int(k)): at.isoformat() for k, at in standing.well_since.items()},
        "fresh": standing.fresh,
    }


def _standing(entry: Mapping[str, Any]) -> Standing:
    bad, well = (
        {Level(int(k)): datetime.fromisoformat(at) for k, at in entry[name].items()}
        for name in ("bad_since", "well_since")
    )
    since = datetime.fromisoformat(entry["since_utc"])
    return Standing(
        Level(entry["level"]), str(entry["why"]), since, bad, well, bool(entry["fresh"])
    )


def _plain_regime(regime: Regime | None) -> dict[str, Any] | None:
    if regime is None:
        return None
    searched = regime.searched_utc
    return {
        "flow_vph": dict(regime.flow_vph),
        "cost_s": regime.cost_s,
        "looked_at": dict(regime.looked_at),
        "outside": regime.outside,
        "searched_utc": None if searched is None else searched.isoformat(),
    }


def _regime(entry: Mapping[str, Any] | None) -> Regime | None:
    if entry is None:
        return None
    searched = entry["searched_utc"]
    return Regime(
        {str(name): float(flow) for name, flow in entry["flow_vph"].items()},
        None if entry["cost_s"] is None else float(entry["cost_s"]),
        {str(name): float(flow) for name, flow in entry["looked_at"].items()},
        int(entry["outside"]),
        None if searched is None else datetime.fromisoformat(searched),
    )


def _plain_candidate(candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {
        "folder": candidate.folder,
        "plan_digest": candidate.plan_digest,
        "flow_vph": candidate.flow_vph,
        "cost_s": candidate.cost_s,
        "delay_change_s": candidate.delay_change_s,
        "since_utc": candidate.since_utc.isoformat(),
        "why": candidate.why,
    }


def _candidate(entry: Mapping[str, Any] | None) -> Candidate | None:
    if entry is None:
        return None
    return Candidate(**{**entry, "since_utc": datetime.fromisoformat(entry["since_utc"])})
