"""A sign of life for others: a heartbeat file, and metrics as Prometheus reads them from a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from network.errors import ThroughbandError
from throughband.results import read_json

HEARTBEAT: Final = "heartbeat.json"
METRICS: Final = "metrics.prom"
LATE_FACTOR: Final = 5
"""Looks after which a heartbeat is too old; planning and pushing do not hold it up."""

_HELP: Final = {
    "level": "0 own schedule, 1 plan of the day, 2 forecast plans, 3 adaptive",
    "looks_total": "looks since the start",
    "changes_today": "changes of plans on this local day",
    "warnings_open": "warnings in force",
    "notices_waiting": "notices that no channel has taken yet",
    "notices_delivered_total": "notices delivered since the start",
    "notice_failures_total": "failed tries to deliver since the start",
    "journal_entries_total": "entries written since the start",
    "counts_current": "1 while counts are current",
    "database_behind": "1 while the database has not taken all entries",
    "look_seconds": "duration of the last look",
}


def write_pulse(folder: Path, content: Mapping[str, Any], numbers: Mapping[str, float]) -> None:
    """Write heartbeat and metrics.

    Parameters
    ----------
    folder
        Where to.
    content
        Of the heartbeat; plain JSON.
    numbers
        By the names of `_HELP`.

    Raises
    ------
    ThroughbandError
        If they cannot be written.
    """
    lines = []
    for name, value in numbers.items():
        full = f"throughband_operate_{name}"
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {full} {_HELP[name]}", f"# TYPE {full} {kind}", f"{full} {value:g}"]
    _replace(folder / METRICS, "\n".join(lines) + "\n")
    _replace(folder / HEARTBEAT, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def health(folder: Path, now_utc: datetime) -> tuple[bool, str]:
    """Tell whether operation lives, and in what state it is.

    Parameters
    ----------
    folder
        Of operation.
    now_utc
        The present.
    """
    file = folder / HEARTBEAT
    if not file.exists():
        return False, f"{file}: there is no heartbeat; operation never ran here"
    try:
        content = read_json(file)
        at = datetime.fromisoformat(content["utc"])
        allowed = timedelta(seconds=LATE_FACTOR * float(content["interval_s"]))
        text = f"{content['level']}: {content['why']}"
    except (ThroughbandError, KeyError, TypeError, ValueError) as error:
        return False, f"{file}: not a heartbeat ({error})"
    late = now_utc - at
    if late > allowed:
        return False, f"the last look was {late.total_seconds():.0f} s ago, at {at.isoformat()}"
    return True, text


def _replace(file: Path, text: str) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(file)
    except OSError as error:
        raise ThroughbandError(f"{file}: cannot be written ({error.strerror})") from error
