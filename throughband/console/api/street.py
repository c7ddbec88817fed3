"""The corridor as the bridge sees it, its controllers, and the kill switch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from throughband.bridge.reporting import unwatched
from throughband.bridge.state import StateFolder
from throughband.console.api.fields import Asked, Why
from throughband.console.api.runs import RunOut, run_out
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.problems import documented
from throughband.people.routes import API

router = APIRouter(tags=["corridor"])


class SignalOut(BaseModel):
    """A signal as the bridge saw it last."""

    signal_id: str
    address: str
    protocol: str
    called: int | None = Field(description="Pattern that we call; None for none.")
    since_utc: datetime | None
    pattern: int | None = Field(description="Pattern it runs.")
    control: str
    answered_utc: datetime | None = Field(description="When it last answered the bridge.")
    trouble: str


class Corridor(BaseModel):
    """The corridor."""

    has_street: bool
    served: bool = Field(description="Whether a bridge keeps the calls alive.")
    worked_on: bool = Field(description="Whether somebody pushes or withdraws now.")
    stopped: str = Field(description="Why everything is to stop; empty otherwise.")
    seen_utc: str | None = Field(description="When the bridge last said something.")
    text: str
    unwatched: str = Field(description="Why nobody watches; empty while somebody does.")
    signals: list[SignalOut]


class Order(Asked):
    """Why."""

    why: Why = ""


@router.get(f"{API}/corridor", responses=documented(409))
def corridor(desk: TheDesk) -> Corridor:
    """Tell how the corridor is doing, from the bridge's state folder."""
    return corridor_of(desk)


@router.get(f"{API}/corridor/devices", responses=documented(409))
def devices(desk: TheDesk) -> list[SignalOut]:
    """List the controllers."""
    return corridor_of(desk).signals


@router.post(f"{API}/corridor/release", status_code=202, responses=documented(409))
def release(asked: Order, desk: TheDesk, person: ThePerson) -> RunOut:
    """Kill switch: hand every controller back to its own schedule, and stop the bridge."""
    return run_out(desk.street_orders.release(person.name, asked.why))


@router.post(f"{API}/corridor/recover", status_code=202, responses=documented(409))
def recover(asked: Order, desk: TheDesk, person: ThePerson) -> RunOut:
    """Conclude on the controllers what a crash left open."""
    return run_out(desk.street_orders.recover(person.name, asked.why))


def corridor_of(desk: TheDesk) -> Corridor:
    """Return the corridor; an empty one where there is no street."""
    if desk.config.bridge is None:
        return Corridor(
            has_street=False, served=False, worked_on=False, stopped="", seen_utc=None,
            text="this console has no street", unwatched="", signals=[],
        )  # fmt: skip
    bridge = desk.street_orders.bridge()
    state = StateFolder(bridge.state)
    status: dict[str, Any] = state.status() or {}
    seen: dict[str, Any] = status.get("signals", {})
    calls = state.calls()
    signals = []
    for device in bridge.devices:
        call, told = calls.get(device.signal_id), seen.get(device.signal_id, {})
        signals.append(
            SignalOut(
                signal_id=device.signal_id,
                address=device.address,
                protocol=device.protocol,
                called=None if call is None else call.pattern,
                since_utc=None if call is None else call.since_utc,
                pattern=told.get("pattern"),
                control=str(told.get("control", "not seen yet")),
                answered_utc=told.get("answered_utc"),
                trouble=str(told.get("trouble", "")),
            )
        )
    return Corridor(
        has_street=True,
        served=state.served,
        worked_on=state.worked_on,
        stopped=state.stop_reason(),
        seen_utc=status.get("utc"),
        text=str(status.get("text", "the bridge has not said anything yet")),
        unwatched=unwatched(state, desk.clock().timestamp()),
        signals=signals,
    )
