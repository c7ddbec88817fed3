"""An emulated site: a traffic light controller that connects to a supervisor over RSMP.

It has plans with cycle times, offsets and dynamic bands, a base and a local cycle counter, a time
table, a security code, alarms and faults to order, and runs in real time or on any clock. It
speaks through JSON of its own, not through `controllers.rsmp.messages`, so that both ends are
independent. No signal group is run: a plan's stages are the business of the cabinet emulator.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from controllers.rsmp.session import Clock
from controllers.rsmp.site_signals import Refusal, SiteConfig, SiteSignals
from controllers.rsmp.supervisor import utc_now

_END: Final = b"\f"


@dataclass(slots=True)
class SiteFaults:
    """What a site does wrong.

    Attributes
    ----------
    refuse
        Commands it refuses, by code, with the reason.
    forget
        Commands it answers as done and does not carry out.
    drop
        Commands it carries out and then hangs up, once each.
    mute, unanswered
        Whether it acknowledges nothing, or acknowledges questions and does not answer them.
    lies, echoes
        Statuses it tells wrongly, and arguments of commands it repeats wrongly, by code and name.
    clock_skew_s
        How far its clock is ahead.
    garbage
        Packets it sends once it is connected.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    forget: set[str] = field(default_factory=set)
    drop: set[str] = field(default_factory=set)
    mute: bool = False
    unanswered: bool = False
    lies: dict[tuple[str, str], object] = field(default_factory=dict)
    echoes: dict[tuple[str, str], str] = field(default_factory=dict)
    clock_skew_s: float = 0.0
    garbage: tuple[bytes, ...] = ()


@dataclass(slots=True)
class _Subscription:
    every_s: float
    on_change: bool
    sent_utc: datetime
    value: object


class Site:
    """A site.

    Parameters
    ----------
    config
        What it is.
    clock
        The present.
    faults
        What it does wrong.
    reconnect_s
        How long it waits to connect again.

    Attributes
    ----------
    signals
        Its plans and what runs.
    refusals
        Reasons by which the supervisor refused messages.
    heard
        Types of the messages that came in, in order.
    alarms
        Active alarms by code.
    """

    def __init__(
        self,
        config: SiteConfig,
        clock: Clock = utc_now,
        faults: SiteFaults | None = None,
        reconnect_s: float = 10.0,
    ) -> None:
        self.config = config
        self.faults = faults or SiteFaults()
        self.signals = SiteSignals(config, clock)
        self.refusals: list[str] = []
        self.heard: list[str] = []
        self.alarms: set[str] = set()
        self._clock = clock
        self._reconnect_s = reconnect_s
        self._writer: asyncio.StreamWriter | None = None
        self._subscriptions: dict[tuple[str, str], _Subscription] = {}

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect to a supervisor, again and again, until canceled."""
        while True:
            try:
                local = (self.config.host, 0)
                reader, self._writer = await asyncio.open_connection(
                    host, port, ssl=tls, local_addr=local
                )
                await self._converse(reader)
            except OSError:
                pass
            finally:
                if self._writer is not None:
                    self._writer.close()
                self._writer = None
                self.signals.disconnected()
            await asyncio.sleep(self._reconnect_s)

    def hang_up(self) -> None:
        """End the connection, if there is one; `run` connects again."""
        if self._writer is not None:
            self._writer.close()

    async def publish(self) -> None:
        """Send the subscribed statuses that are due."""
        now = self._clock()
        due: dict[tuple[str, str], object] = {}
        for pair, wish in self._subscriptions.items():
            value = self._value(*pair)
            waited_s = (now - wish.sent_utc).total_seconds()
            timely = wish.every_s > 0 and waited_s >= wish.every_s
            if timely or (wish.on_change and value != wish.value):
                due[pair] = wish.value = value
                wish.sent_utc = now
        if due:
            await self._send("StatusUpdate", self._status(due))

    async def raise_alarm(self, code: str, *, active: bool = True) -> None:
        """Let an alarm become active or inactive, and tell it."""
        (self.alarms.add if active else self.alarms.discard)(code)
        await self._tell_alarm(code, active)

    # The conversation

    async def _converse(self, reader: asyncio.StreamReader) -> None:
        await self._send("Version", self._version())
        rest = b""
        while data := await reader.read(65_536):
            *packets, rest = (rest + data).split(_END)
            for packet in packets:
                if packet and not await self._take(json.loads(packet)):
                    return

    async def _take(self, message: Mapping[str, Any]) -> bool:
        """Take a message; return whether to go on."""
        kind = message["type"]
        self.heard.append(kind)
        if kind == "MessageNotAck":
            self.refusals.append(message.get("rea", ""))
        if kind in ("MessageAck", "MessageNotAck"):
            return True
        if self.faults.mute and kind != "Version":
            return True
        try:
            reply = self._answer(kind, message)
        except Refusal as refusal:
            self._put({"type": "MessageNotAck", "oMId": message["mId"], "rea": str(refusal)})
            return True
        self._put({"type": "MessageAck", "oMId": message["mId"]})
        if kind == "Version":
            await self._introduce()
        codes = {entry["cCI"] for entry in message.get("arg", ())}
        if codes & self.faults.drop:
            self.faults.drop -= codes
            self.hang_up()
            return False
        if reply is not None and not self.faults.unanswered:
            await self._send(*reply)
        return True

    async def _introduce(self) -> None:
        self.signals.connected()
        self._subscriptions.clear()
        await self._send("Watchdog", {"wTs": self._stamp()})
        state = {
            "aSTS": self._stamp(),
            "fP": None,
            "fS": None,
            "se": [False] * 5 + [True, False, False],
        }
        await self._send("AggregatedStatus", self._about(state))
        for code in sorted(self.config.alarms):
            await self._tell_alarm(code, code in self.alarms)
        assert self._writer is not None
        for packet in self.faults.garbage:
            self._writer.write(packet)

    def _answer(
        self, kind: str, message: Mapping[str, Any]
    ) -> tuple[str, dict[str, object]] | None:
        """Do what a message asks and return the answer's type and elements, if it has one."""
        if kind == "Version":
            if {"sId": self.config.site_id} not in message["siteId"]:
                raise Refusal("Site id mismatch")
            if message["SXL"] != self.config.sxl:
                raise Refusal("SXL mismatch")
            return None
        if kind == "Watchdog":
            return None
        known = message["cId"] == self.config.component_id
        if kind == "CommandRequest":
            return "CommandResponse", self._command(message["arg"], message["cId"])
        pairs = [(entry["sCI"], entry["n"]) for entry in message["sS"]]
        if kind == "StatusUnsubscribe":
            for pair in pairs:
                self._subscriptions.pop(pair, None)
            return None
        component = message["cId"]
        values = {pair: self._value(*pair) if known else None for pair in pairs}
        if kind == "StatusRequest":
            return "StatusResponse", self._status(values, component)
        if kind == "StatusSubscribe":
            for entry, (pair, value) in zip(message["sS"], values.items(), strict=True):
                self._subscriptions[pair] = _Subscription(
                    float(entry["uRt"]), bool(entry.get("sOc")), self._clock(), value
                )
            return "StatusUpdate", self._status(values, component)
        raise Refusal(f"Unknown packet type: {kind}")

    def _command(self, arguments: Iterable[Mapping[str, Any]], component: str) -> dict[str, object]:
        known = component == self.config.component_id
        commands: dict[str, dict[str, str]] = {}
        returned: list[dict[str, object]] = []
        for entry in arguments:
            commands.setdefault(entry["cCI"], {"cO": entry["cO"]})[entry["n"]] = entry["v"]
            echo = self.faults.echoes.get((entry["cCI"], entry["n"]), entry["v"])
            value, age = (echo, "recent") if known else (None, "undefined")
            returned.append({"cCI": entry["cCI"], "n": entry["n"], "v": value, "age": age})
        for code, given in commands.items() if known else ():
            if code in self.faults.refuse:
                raise Refusal(self.faults.refuse[code])
            self.signals.command(code, given, in_earnest=code not in self.faults.forget)
        return self._about({"cTS": self._stamp(), "rvs": returned}, component)

    def _value(self, code: str, name: str) -> object:
        told = self.signals.status(code, name, self._now())
        return self.faults.lies.get((code, name), told)

    # Messages

    def _version(self) -> dict[str, object]:
        return {
            "RSMP": [{"vers": version} for version in self.config.versions],
            "siteId": [{"sId": self.config.site_id}],
            "SXL": self.config.sxl,
        }

    def _status(
        self, values: Mapping[tuple[str, str], object], component: str = ""
    ) -> dict[str, object]:
        known = component in ("", self.config.component_id)
        told: list[dict[str, object]] = []
        for (code, name), value in values.items():
            quality = "undefined" if not known else "unknown" if value is None else "recent"
            told.append({"sCI": code, "n": name, "s": value, "q": quality})
        return self._about({"sTs": self._stamp(), "sS": told}, component)

    async def _tell_alarm(self, code: str, active: bool) -> None:
        content: dict[str, object] = {
            "aCId": code,
            "xACId": "",
            "xNACId": "",
            "aSp": "Issue",
            "ack": "notAcknowledged",
            "aS": "Active" if active else "inActive",
            "sS": "notSuspended",
            "aTs": self._stamp(),
            "cat": "D",
            "pri": "3",
            "rvs": [],
        }
        await self._send("Alarm", self._about(content))

    def _about(self, content: Mapping[str, object], component: str = "") -> dict[str, object]:
        """Return elements of a message about a component, one that was asked for or our own."""
        about = component or self.config.component_id
        return {"ntsOId": "", "xNId": "", "cId": about, **content}

    def _now(self) -> datetime:
        return self._clock() + timedelta(seconds=self.faults.clock_skew_s)

    def _stamp(self) -> str:
        now = self._now().astimezone(UTC)
        return now.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    async def _send(self, kind: str, content: Mapping[str, object]) -> None:
        self._put({"type": kind, "mId": str(uuid.uuid4()), **content})
        if self._writer is not None:
            await self._writer.drain()

    def _put(self, content: Mapping[str, object]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps({"mType": "rSMsg", **content}).encode() + _END)
