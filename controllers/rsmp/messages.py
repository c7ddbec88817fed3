"""Messages of RSMP on the wire: JSON texts, each ended by a form feed, checked before use.

What arrives comes from the street and may be anything: `Frames` bounds how much of it is kept,
`parse` turns a packet into a `Message` or says why it is none, and the readers below it take a
message's content apart. Nothing else of the package looks into JSON.

Sources: RSMP core specification 3.2 (rsmp-nordic.org), "Basic structure" for the elements of each
message, "Transport of data", "Wrapping of packets", for the form feed, and "Error handling".
Numbers and truth values travel as JSON strings, but for the state of an aggregated status, and
since 3.1.5 the flag `sOc` of a subscription.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from network.errors import RejectedValueError

FORM_FEED: Final = b"\x0c"

MOST_BYTES: Final = 262_144
"""Greatest packet taken. Nothing this package asks for comes near it; the whole configuration of a
controller (S0098) might, and is not asked for."""

MOST_TEXT: Final = 200
"""Characters of foreign text that a message of ours repeats."""

MOST_ID: Final = 64

ACK: Final = "MessageAck"
NOT_ACK: Final = "MessageNotAck"

RECENT: Final = "recent"
"""Quality of a value that is up to date."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes
    ----------
    kind
        Its ``type``, such as ``StatusResponse``.
    message_id
        Its ``mId``; of an acknowledgment the ``oMId`` that it speaks of.
    content
        All elements, as parsed.
    """

    kind: str
    message_id: str
    content: Mapping[str, object]

    @property
    def component(self) -> str:
        """The component it is about (``cId``), or nothing."""
        found = self.content.get("cId", "")
        return found if isinstance(found, str) else ""

    def packet(self) -> bytes:
        """Return it as it goes on the wire, form feed included."""
        text = json.dumps(self.content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace") + FORM_FEED


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a status or a command: its code, name and value, and how good the value is."""

    code: str
    name: str
    value: object
    quality: str = RECENT


class Frames:
    """Cuts what arrives into packets; empty ones, which must be borne, are dropped.

    Parameters
    ----------
    most_bytes
        Greatest packet.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they came and return the packets that are complete now.

        Raises
        ------
        RejectedValueError
            A packet is greater than allowed; the connection is of no more use.
        """
        # Only the new bytes can hold a form feed: searching the rest again would be quadratic.
        *whole, rest = data.split(FORM_FEED)
        packets: list[bytes] = []
        for part in whole:
            self._keep(part)
            packets.append(bytes(self._rest))
            self._rest.clear()
        self._keep(rest)
        return [packet for packet in packets if packet.strip()]

    def _keep(self, part: bytes) -> None:
        if len(self._rest) + len(part) > self._most_bytes:
            raise RejectedValueError(f"sent more than {self._most_bytes} bytes without an end")
        self._rest += part


def parse(packet: bytes) -> Message:
    """Return the message of a packet, form feed removed.

    Raises
    ------
    RejectedValueError
        It is no message; the text says why.
    """
    try:
        content = json.loads(
            packet.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise RejectedValueError(f"no JSON: {shown(error)}") from error
    if not isinstance(content, dict):
        raise RejectedValueError(f"{type(content).__name__} where an object was expected")
    if content.get("mType") != "rSMsg":
        raise RejectedValueError(f"mType is {shown(content.get('mType'))}; allowed is rSMsg")
    kind = content.get("type")
    if not isinstance(kind, str) or not re.fullmatch("[A-Za-z]{1,64}", kind):
        raise RejectedValueError(f"type is {shown(kind)}; allowed are up to {MOST_ID} letters")
    name = "oMId" if kind in (ACK, NOT_ACK) else "mId"
    identity = content.get(name)
    if not isinstance(identity, str) or not 0 < len(identity) <= MOST_ID:
        raise RejectedValueError(f"{name} is {shown(identity)}; allowed is a short text")
    return Message(kind, identity, content)


def shown(found: object) -> str:
    """Return foreign content as one short line without control characters."""
    # What cannot be printed, a lone surrogate among it, must not get into a log or onto the wire.
    text = "".join(c if c.isprintable() else "?" for c in str(found)[:MOST_TEXT])
    return repr(text) if isinstance(found, str) else text


def items_of(message: Message, array: str, code: str, value: str, quality: str) -> list[Item]:
    """Return the values in an array of a message.

    Parameters
    ----------
    message
        A status or command message.
    array, code, value, quality
        Names of the elements; an empty one is not there to be read.

    Raises
    ------
    RejectedValueError
        An element is missing or of another type.
    """
    found = message.content.get(array)
    if not isinstance(found, list):
        raise RejectedValueError(f"{message.kind}: {array} is {shown(found)}; allowed is an array")
    items: list[Item] = []
    for entry in found:
        if not isinstance(entry, dict):
            raise RejectedValueError(f"{message.kind}: {array} holds {shown(entry)}")
        texts = [entry.get(key) for key in (code, "n", quality) if key]
        if not all(isinstance(text, str) and len(text) <= MOST_ID for text in texts):
            raise RejectedValueError(f"{message.kind}: {array} holds {shown(entry)}")
        if value and value not in entry:
            raise RejectedValueError(f"{message.kind}: {shown(entry)} has no {value}")
        items.append(
            Item(
                str(entry[code]),
                str(entry["n"]),
                entry.get(value) if value else None,
                str(entry[quality]) if quality else RECENT,
            )
        )
    return items


def status_items(message: Message) -> list[Item]:
    """Return the values of a status response or update."""
    return items_of(message, "sS", "sCI", "s", "q")


def command_items(message: Message) -> list[Item]:
    """Return the values of a command response."""
    return items_of(message, "rvs", "cCI", "v", "age")


def stamp(utc: datetime) -> str:
    """Return a time as messages carry it: UTC with three decimals."""
    return utc.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def moment(message: Message, name: str) -> datetime:
    """Return the time that a message carries under a name.

    Raises
    ------
    RejectedValueError
        There is none.
    """
    found = message.content.get(name)
    try:
        if not isinstance(found, str) or not found.endswith("Z"):
            raise ValueError(f"{name} is no time in UTC")
        return datetime.fromisoformat(found)
    except ValueError as error:
        raise RejectedValueError(f"{message.kind}: {name} is {shown(found)}, no time") from error


def new(kind: str, content: Mapping[str, object], component: str | None = None) -> Message:
    """Return a new message with an identity of its own (UUID version 4).

    Parameters
    ----------
    kind
        Its type.
    content
        Its own elements.
    component
        What it is about; the identities for the national traffic center stay empty.
    """
    identity = str(uuid.uuid4())
    head: dict[str, object] = {"mType": "rSMsg", "type": kind, "mId": identity}
    if component is not None:
        head |= {"ntsOId": "", "xNId": "", "cId": component}
    return Message(kind, identity, {**head, **content})


def ack(message: Message) -> Message:
    """Return the answer that a message was understood."""
    content = {"mType": "rSMsg", "type": ACK, "oMId": message.message_id}
    return Message(ACK, message.message_id, content)


def not_ack(message_id: str, reason: str) -> Message:
    """Return the answer that a message was not understood, and why."""
    content = {"mType": "rSMsg", "type": NOT_ACK, "oMId": message_id, "rea": reason}
    return Message(NOT_ACK, message_id, content)


def version(versions: Iterable[str], site_id: str, sxl: str) -> Message:
    """Return the opening message of either side.

    Parameters
    ----------
    versions
        RSMP versions that are supported.
    site_id
        The site the connection is for.
    sxl
        Revision of the signal exchange list.
    """
    listed = [{"vers": entry} for entry in versions]
    return new("Version", {"RSMP": listed, "siteId": [{"sId": site_id}], "SXL": sxl})


def watchdog(utc: datetime) -> Message:
    """Return a sign of life, with the time."""
    return new("Watchdog", {"wTs": stamp(utc)})


def status_request(component: str, pairs: Iterable[tuple[str, str]]) -> Message:
    """Return a request of statuses, each a code and a name."""
    asked = [{"sCI": code, "n": name} for code, name in pairs]
    return new("StatusRequest", {"sS": asked}, component)


def status_subscribe(
    component: str, pairs: Iterable[tuple[str, str]], every_s: float, *, flagged: bool
) -> Message:
    """Return a subscription to statuses.

    Parameters
    ----------
    component, pairs
        What.
    every_s
        Interval; 0 for on change only.
    flagged
        Whether the element `sOc`, which asks for changes to be told, is known: from RSMP 3.1.5.
    """
    rate: dict[str, object] = {"uRt": f"{every_s:g}"}
    if flagged:
        rate["sOc"] = True
    return new(
        "StatusSubscribe",
        {"sS": [{"sCI": code, "n": name, **rate} for code, name in pairs]},
        component,
    )


def status_unsubscribe(component: str, pairs: Iterable[tuple[str, str]]) -> Message:
    """Return the end of a subscription."""
    asked = [{"sCI": code, "n": name} for code, name in pairs]
    return new("StatusUnsubscribe", {"sS": asked}, component)


def command_request(
    component: str, code: str, order: str, arguments: Sequence[tuple[str, str]]
) -> Message:
    """Return a command with all its arguments, which are all needed."""
    listed = [{"cCI": code, "n": name, "cO": order, "v": value} for name, value in arguments]
    return new("CommandRequest", {"arg": listed}, component)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object names an element twice")
    return content


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
