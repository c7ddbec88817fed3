"""The street as the bridge last saw it, read from its state folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controllers.calls import Call
from network.errors import ThroughbandError
from throughband.bridge.config import read_config
from throughband.bridge.reporting import unwatched
from throughband.bridge.state import StateFolder


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A controller as the bridge last saw it.

    Attributes
    ----------
    signal_id, address
        Which.
    state, kind
        A word for it, and how grave: ``good``, ``warn``, ``bad`` or ``off``.
    pattern, called
        The pattern it runs, and the one we call; None where not known.
    control
        Who controls it.
    since_utc, answered_utc
        Since when we call it, and when it last answered.
    trouble
        What is wrong; empty for nothing.
    """

    signal_id: str
    address: str
    state: str
    kind: str
    pattern: int | None
    called: int | None
    control: str
    since_utc: datetime | None
    answered_utc: datetime | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Live:
    """The street as the bridge last saw it.

    Attributes
    ----------
    known, said
        Whether there is a bridge to look at; else why not.
    served, worked_on
        Whether its service runs, and whether somebody pushes or withdraws now.
    stop_reason
        Why everything is stopped; empty while it is not.
    utc, text
        When it last reported, and what it says.
    unwatched
        Why nobody watches the street; empty while somebody does.
    bridge
        The bridge's configuration.
    devices
        By signal.
    calls
        How many patterns we call.
    """

    known: bool
    said: str
    served: bool = False
    worked_on: bool = False
    stop_reason: str = ""
    utc: datetime | None = None
    text: str = ""
    devices: tuple[DeviceState, ...] = ()
    calls: int = 0
    unwatched: str = ""
    bridge: Path | None = None

    @property
    def ours(self) -> int:
        """Controllers that run the pattern we call."""
        return sum(d.called is not None and d.pattern == d.called for d in self.devices)

    @property
    def troubled(self) -> int:
        """Controllers with something wrong."""
        return sum(bool(d.trouble) for d in self.devices)


def read_live(bridge: Path | None, now_s: float) -> Live:
    """Return the street of a bridge's configuration; what cannot be read is said, not raised.

    Parameters
    ----------
    bridge
        The configuration; None where there is no street.
    now_s
        The present on the wall, s since 1970.
    """
    if bridge is None:
        return Live(False, "No bridge is configured: this console plans, and reaches no street.")
    try:
        config = read_config(bridge)
        state = StateFolder(config.state)
        calls, status = state.calls(), state.status()
        addresses = {device.signal_id: f"{device.host}:{device.port}" for device in config.devices}
        seen = (status or {}).get("signals") or {}
        lapse = unwatched(state, now_s)
        names = sorted({*addresses, *calls, *seen})
        return Live(
            True,
            "",
            state.served,
            state.worked_on,
            state.stop_reason(),
            datetime.fromisoformat(status["utc"]) if status else None,
            str(status.get("text", "")) if status else "The bridge's service has not run yet.",
            tuple(
                _device(name, addresses.get(name, ""), calls.get(name), seen.get(name), not lapse)
                for name in names
            ),
            len(calls),
            lapse,
            bridge,
        )
    except (ThroughbandError, KeyError, TypeError, ValueError) as error:
        return Live(False, f"The bridge's state cannot be read: {error}")


def _device(
    name: str, address: str, call: Call | None, seen: dict[str, Any] | None, watched: bool
) -> DeviceState:
    pattern = seen.get("pattern") if seen else None
    trouble = str(seen.get("trouble", "")) if seen else ""
    called = call.pattern if call else None
    answered = seen.get("answered_utc") if seen else None
    if trouble:
        state, kind = "trouble", "bad"
    elif call and not watched:
        # What was seen then says nothing about now.
        state, kind = "called, not watched", "warn"
    elif seen is None or pattern is None:
        state, kind = ("called, not seen yet", "warn") if call else ("not watched", "off")
    elif called is None:
        state, kind = "own schedule", "off"
    elif pattern == called:
        state, kind = "our plan", "good"
    else:
        state, kind = "going over", "warn"
    return DeviceState(
        name, address or (call.address if call else ""), state, kind, pattern, called,
        str(seen.get("control", "")) if seen else "", call.since_utc if call else None,
        datetime.fromisoformat(answered) if answered else None, trouble,
    )  # fmt: skip
