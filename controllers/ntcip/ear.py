"""What a session hears before the SNMP library does, and what the library must not say aloud."""

from __future__ import annotations

import logging
from typing import Any

from snmp.ber import decode, decodeExact
from snmp.exception import IncomingMessageError, SNMPException, SNMPLibraryBug
from snmp.pdu import ResponsePDU
from snmp.smi import Integer32

_log = logging.getLogger(__name__)

# The dates of a schedule row fill 32 bits without a sign (NTCIP 1201 v03, 2.4.3.2.4); the library
# would drop every answer that holds them. What is sent is bounded by the session.
Integer32.BITS = 64


class Ear:
    """Hears what arrives, and drops what the library cannot read.

    The library's own catcher logs a stack for faults it did not foresee, such as a bulk request
    with more non-repeaters than bindings: whoever can send datagrams could fill the log.
    """

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def hear(self, data: bytes, channel: Any) -> None:
        """Take a datagram as it came."""
        try:
            self._decoder.hear(data, channel)
        except (SNMPException, SNMPLibraryBug, ValueError, LookupError, TypeError) as error:
            _log.debug("dropped a datagram: %s", error)


class ResponsesOnly:
    """Lets nothing but responses through to the library's v1 requests.

    The library takes an echo of its request for the answer and then fails with an error that is
    none of its own.
    """

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def hear(self, data: bytes, channel: Any) -> None:
        """Hand a datagram on if it is a response."""
        _, rest = decodeExact(data)
        for _ in ("version", "community"):
            _, _, rest = decode(rest)
        tag, _, _ = decode(rest)
        if tag != ResponsePDU.TAG:
            raise IncomingMessageError(f"{tag} is no response")
        self._requests.hear(data, channel)
