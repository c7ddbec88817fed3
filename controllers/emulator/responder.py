"""What the cabinet answers to a request once it is readable and its sender known.

One responder serves all versions of the protocol; they differ in the words for a refusal and in
what a missing instance is. Source: RFC 1157 section 4.1, RFC 3416 section 4.2.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from controllers.emulator.ber import Message, Oid, PduType, Tag, Value, Version, encode_binding
from controllers.emulator.disguise import Disguise
from controllers.emulator.faults import Faults
from controllers.emulator.store import Fault, ObjectStore, Refusal
from controllers.ntcip.objects import Syntax

REQUESTS: Final = frozenset({PduType.GET, PduType.GET_NEXT, PduType.GET_BULK, PduType.SET})
"""What a cabinet answers at all."""

TOO_BIG: Final = 1
NO_SUCH_NAME: Final = 2

_V1_STATUS: Final = {
    Fault.NO_SUCH_NAME: NO_SUCH_NAME,
    Fault.READ_ONLY: NO_SUCH_NAME,
    Fault.WRONG_TYPE: 3,
    Fault.BAD_VALUE: 3,
    Fault.GENERAL: 5,
}
"""RFC 1157 error-status: a wrong type is a badValue there, and what cannot be written a
noSuchName (section 4.1.5); readOnly is defined but never sent (RFC 3584, section 4.4)."""

_V2C_STATUS: Final = {
    Fault.NO_SUCH_NAME: 11,
    Fault.READ_ONLY: 17,
    Fault.WRONG_TYPE: 7,
    Fault.BAD_VALUE: 10,
    Fault.GENERAL: 5,
}
"""RFC 3416 error-status: noCreation, notWritable, wrongType, wrongValue, genErr."""

_NO_ACCESS: Final = {Version.V1: NO_SUCH_NAME, Version.V2C: 6, Version.V3: 6}

_SYNTAX: Final = {
    Tag.INTEGER: Syntax.INTEGER,
    Tag.OCTETS: Syntax.OCTETS,
    Tag.COUNTER: Syntax.COUNTER,
    Tag.GAUGE: Syntax.GAUGE,
    Tag.OID: Syntax.OID,
}
_TAG: Final = {syntax: tag for tag, syntax in _SYNTAX.items()}


class Responder:
    """Carries requests out on a cabinet's database.

    Parameters
    ----------
    store
        The database.
    faults
        Where it lies.
    writers
        By version, who may write; None for nobody.
    """

    def __init__(
        self, store: ObjectStore, faults: Faults, writers: Mapping[Version, bytes | None]
    ) -> None:
        self._store = Disguise(store, faults)
        self._faults = faults
        self._writers = writers

    def carry_out(self, request: Message, limit_bytes: int) -> Message:
        """Do what a request asks and return the answer.

        Parameters
        ----------
        request
            One of `REQUESTS`, from somebody who may read.
        limit_bytes
            Where a GETBULK may stop.
        """
        if request.pdu_type is PduType.SET:
            return self._set(request)
        if request.pdu_type is PduType.GET_BULK:
            return self._get_bulk(request, limit_bytes)
        bindings: list[tuple[Oid, Value]] = []
        for position, (oid, _) in enumerate(request.bindings, start=1):
            found = self._lookup(oid, request.pdu_type)
            if found[1].content is None and request.version is Version.V1:
                return answer(request, request.bindings, NO_SUCH_NAME, position)
            bindings.append(found)
        return answer(request, tuple(bindings))

    def _get_bulk(self, request: Message, limit_bytes: int) -> Message:
        """Answer a GETBULK (RFC 3416, 4.2.3) with a little more than fits a message at most."""
        names = [oid for oid, _ in request.bindings]
        non_repeaters = min(max(request.error_status, 0), len(names))
        found = [self._lookup(oid, PduType.GET_NEXT) for oid in names[:non_repeaters]]
        repeaters = names[non_repeaters:]
        repetitions, used_bytes = max(request.error_index, 0), 0
        while repeaters and repetitions and used_bytes <= limit_bytes:
            row = [self._lookup(oid, PduType.GET_NEXT) for oid in repeaters]
            found += row
            if all(value.tag is Tag.END_OF_MIB_VIEW for _, value in row):
                break
            used_bytes += sum(len(encode_binding(oid, value)) for oid, value in row)
            repeaters = [oid for oid, _ in row]
            repetitions -= 1
        return answer(request, tuple(found))

    def _lookup(self, oid: Oid, pdu_type: PduType) -> tuple[Oid, Value]:
        store = self._store
        if pdu_type is PduType.GET_NEXT:
            following = store.following(oid)
            if following is None:
                return oid, Value(Tag.END_OF_MIB_VIEW)
            oid = following
        found = store.get(oid)
        if found is None:
            return oid, Value(Tag.NO_SUCH_INSTANCE)
        syntax, content = found
        return oid, Value(_TAG[syntax], self._faults.lies.get(oid, content))

    def _set(self, request: Message) -> Message:
        if request.community != self._writers[request.version]:
            return answer(request, request.bindings, _NO_ACCESS[request.version], 1)
        bindings = [(oid, _SYNTAX.get(value.tag), value.content) for oid, value in request.bindings]
        refusal = self._store.set(bindings, request.community)
        if refusal is None:
            return answer(request, request.bindings)
        return answer(request, request.bindings, _status(request.version, refusal), refusal.index)


def shortened(reply: Message, seal: Callable[[Message], bytes], limit_bytes: int) -> Message:
    """Return an answer with as many of its bindings as fit, or the news that none does."""
    bindings = reply.bindings

    def size(count: int) -> int:
        return len(seal(replace(reply, bindings=bindings[:count])))

    count = bisect_right(range(len(bindings) + 1), limit_bytes, key=size) - 1
    if count > 0:
        return replace(reply, bindings=bindings[:count])
    return replace(reply, bindings=(), error_status=TOO_BIG)


def _status(version: Version, refusal: Refusal) -> int:
    return (_V1_STATUS if version is Version.V1 else _V2C_STATUS)[refusal.fault]


def answer(
    request: Message,
    bindings: tuple[tuple[Oid, Value], ...],
    status: int = 0,
    index: int = 0,
) -> Message:
    """Return the answer to a request, with the status and the binding it blames."""
    return Message(
        request.version,
        request.community,
        PduType.RESPONSE,
        request.request_id,
        status,
        index,
        bindings,
    )
