"""What people refused: plans they rejected, and plans they took off the street.

A policy that the city set lets operation change plans by itself. It does not let it undo what a
person did: a plan that somebody rejected is not used, and once somebody took a plan of operation's
off the street, operation asks until a person approves one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from throughband.operate.office import Office
from throughband.operate.regime import looked_at, settled
from throughband.operate.street_hand import ORDERED_BY

MOST_REJECTED: Final = 500
"""So many rejected plans are remembered; the oldest go first."""

_WITHDRAWN: Final = ("withdrawn", "withdrawal failed")
_KILL_SWITCH: Final = "kill switch"
"""The bridge's entries of controllers that it gives back itself name another way."""


def heed(office: Office, events: Sequence[Mapping[str, object]]) -> None:
    """Remember what people refused.

    Parameters
    ----------
    office
        What all parts share.
    events
        What was recorded since the last look, by whomever.

    Raises
    ------
    ThroughbandError
        If it cannot be recorded or kept.
    """
    memory = office.memory
    for event in events:
        kind, digest = event.get("event"), str(event.get("plan_digest", ""))
        by = str(event.get("ordered_by") or "somebody at the command line")
        if kind == "plan rejected" and digest:
            memory.rejected.pop(digest, None)
            memory.rejected[digest] = str(event.get("by") or "somebody")
            for oldest in list(memory.rejected)[:-MOST_REJECTED]:
                del memory.rejected[oldest]
        elif by == ORDERED_BY:
            continue
        elif kind in _WITHDRAWN and digest in memory.folders:
            _taken_off(office, f"{by} took plan {digest[:12]} off the street", event)
        elif kind == "released" and event.get("how") == _KILL_SWITCH and memory.ours:
            _taken_off(office, f"{by} gave the controllers back to their own schedule", event)


def _taken_off(office: Office, what: str, event: Mapping[str, object]) -> None:
    memory = office.memory
    why = f"{what} at {str(event.get('utc', ''))[:16].replace('T', ' ')} UTC"
    office.ledger.write("asks from now on", why=why)
    made_for = {} if memory.regime is None else memory.regime.flow_vph
    before = None if memory.trial is None else memory.trial.before
    # The same traffic is no reason to ask at once for what was just taken away.
    memory.regime = looked_at(before or settled({}, None, None), made_for)
    memory.trial = None
    memory.ours = sorted(set(memory.ours) & office.called()[0].keys())
    memory.taken_off = why
    office.save()
    office.tell(
        "change",
        f"operation asks for every change from now on: {what}",
        f"{why}.\nNo plan is changed without a person until somebody approves one.",
        facts={"why": why},
    )
