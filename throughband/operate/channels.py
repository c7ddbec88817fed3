"""Ways to tell people: webhook, e-mail, MQTT. Each ends within its time, and fails in one line."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import httpx

from network.errors import ThroughbandError
from throughband.operate.notices import Notice

TIMEOUT_S: Final = 15.0
MARK: Final = "X-Throughband-Notice"
"""Header by which a receiver can tell that a notice comes a second time."""


def payload(notice: Notice, number: str) -> dict[str, object]:
    """Return what machines get of a notice."""
    return {"number": number, **notice.to_dict()}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts a notice as JSON.

    Attributes
    ----------
    url
        Where to.
    token
        Bearer token; None for none.
    timeout_s
        For the whole call.
    """

    url: str
    token: str | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def recipient(self) -> str:
        """The host: paths of webhooks are secrets."""
        return httpx.URL(self.url).netloc.decode("ascii", "replace").rpartition("@")[2]

    async def send(self, notice: Notice, number: str) -> None:
        """Post it; any answer but 2xx is a failure, and redirections are not followed."""
        headers = {MARK: number}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            async with httpx.AsyncClient(timeout=self.timeout_s, trust_env=False) as client:
                answer = await asyncio.wait_for(
                    client.post(self.url, json=payload(notice, number), headers=headers),
                    self.timeout_s,
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise ThroughbandError(f"webhook {self.recipient}: {said}") from error
        if not answer.is_success:
            raise ThroughbandError(f"webhook {self.recipient}: answered {answer.status_code}")


@dataclass(frozen=True, slots=True)
class Email:
    """Sends a notice over SMTP.

    Attributes
    ----------
    host, port
        The mail server.
    sender, to
        Addresses.
    security
        ``"starttls"``, ``"tls"`` or ``"none"``.
    user, password
        For the server; None for none.
    timeout_s
        For every exchange.
    """

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: str = "starttls"
    user: str | None = None
    password: str | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def recipient(self) -> str:
        """The addresses."""
        return ", ".join(self.to)

    async def send(self, notice: Notice, number: str) -> None:
        """Send it."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        # A line break would begin another header.
        message["Subject"] = " ".join(f"Throughband: {notice.title}".split())[:200]
        message["Date"] = format_datetime(notice.at_utc)
        message["Message-ID"] = f"<{number}@throughband>"
        message[MARK] = number
        message.set_content(f"{notice.text}\n")
        try:
            await asyncio.to_thread(self._deliver, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise ThroughbandError(f"mail server {self.host}:{self.port}: {error}") from error

    def _deliver(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        with server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, self.password or "")
            refused = server.send_message(message)
        if refused:
            raise smtplib.SMTPException(f"refused: {', '.join(sorted(refused))}")


@dataclass(frozen=True, slots=True)
class Mqtt:
    """Publishes a notice as JSON, at least once (QoS 1).

    Attributes
    ----------
    host, port
        The broker.
    topic
        Prefix; the notice's own topic follows after a slash.
    user, password
        For the broker; None for none.
    tls
        Whether to speak TLS.
    timeout_s
        For connecting and publishing.
    """

    host: str
    port: int
    topic: str
    user: str | None = None
    password: str | None = None
    tls: bool = False
    timeout_s: float = TIMEOUT_S

    @property
    def recipient(self) -> str:
        """The topic and the broker."""
        return f"{self.topic} at {self.host}"

    async def send(self, notice: Notice, number: str) -> None:
        """Publish it and wait until the broker has acknowledged it."""
        try:
            import aiomqtt
        except ImportError as error:
            raise ThroughbandError(
                "MQTT needs the package aiomqtt: install throughband[mqtt]"
            ) from error
        try:
            async with asyncio.timeout(self.timeout_s):
                async with aiomqtt.Client(
                    self.host,
                    self.port,
                    username=self.user,
                    password=self.password,
                    tls_context=ssl.create_default_context() if self.tls else None,
                    timeout=self.timeout_s,
                ) as client:
                    await client.publish(
                        f"{self.topic}/{notice.topic}",
                        json.dumps(payload(notice, number), ensure_ascii=False),
                        qos=1,
                    )
        except (aiomqtt.MqttError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise ThroughbandError(f"MQTT broker {self.host}:{self.port}: {said}") from error
