"""A device that lies about one object, in each of several ways, while a plan is pushed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from benchmarks.bridge.aftermath import BEFORE, WANTED
from benchmarks.bridge.mishaps import message_like
from benchmarks.bridge.street import Case, corridor, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.emulator.ber import Oid, PduType, Tag, Value, decode, encode
from controllers.ntcip.objects import OBJECTS, Edition
from network.errors import ThroughbandError


def named(oid: Oid) -> str:
    """Return the name and the row of an instance."""
    kind = max(
        (o for o in OBJECTS.values() if oid[: len(o.oid)] == o.oid),
        key=lambda o: len(o.oid),
    )
    return ".".join([kind.name, *map(str, oid[len(kind.oid) :])])


Liar = Callable[[Value], Value]


def liars() -> Iterator[tuple[str, Liar]]:
    """Return ways to lie about a value, with their names."""

    def number(change: Callable[[int], int]) -> Liar:
        return lambda value: (
            Value(value.tag, change(value.content)) if isinstance(value.content, int) else value
        )

    def octets(change: Callable[[bytes], bytes]) -> Liar:
        return lambda value: (
            Value(value.tag, change(value.content)) if isinstance(value.content, bytes) else value
        )

    yield "one more", number(lambda v: v + 1)
    yield "one less", number(lambda v: max(0, v - 1))
    yield "zero", number(lambda _: 0)
    yield "255", number(lambda _: 255)
    yield "reversed", octets(lambda v: v[::-1])
    yield "empty", octets(lambda _: b"")
    yield "shortened", octets(lambda v: v[:-1])
    yield "another type", lambda _: Value(Tag.OCTETS, b"?")


def objects_read(case: Case, edition: Edition, version: str) -> tuple[Oid, ...]:
    """Return every instance that a healthy push reads."""

    async def scenario() -> tuple[Oid, ...]:
        async with corridor(case, edition=edition, version=version) as street:
            await street.push(BEFORE)
            seen: dict[Oid, None] = {}

            def note(_: int, data: bytes) -> bytes | None:
                message = decode(data)
                if message.pdu_type is PduType.GET:
                    seen.update(dict.fromkeys(oid for oid, _ in message.bindings))
                return data

            street.stations[0].before = note
            await street.push(WANTED)
            return tuple(seen)

    return run(scenario())


def lie_about_everything(
    case: Case,
    edition: Edition,
    version: str,
    tried: Tried,
    *,
    name_of: Callable[[Oid], str],
    after_commit: bool,
    every: int = 1,
    only: str = "",
) -> None:
    """Let the device lie about each object that the bridge reads, in each way, in turn.

    Parameters
    ----------
    case, edition, version
        The device.
    tried
        Where to book it.
    name_of
        Names an instance.
    after_commit
        Whether it lies only once the rows are stored: a wrong read-back.
    every
        Only every so manieth pair of object and lie.
    only
        Only about instances of this object; all if empty.
    """
    told = [o for o in objects_read(case, edition, version) if name_of(o).startswith(only)]
    pairs = [(o, *liar) for o in told for liar in liars()]
    for oid, how, liar in pairs[::every]:
        run(_lie(case, edition, version, tried, oid, how, liar, name_of(oid), after_commit))


async def _lie(
    case: Case,
    edition: Edition,
    version: str,
    tried: Tried,
    oid: Oid,
    how: str,
    liar: Liar,
    name: str,
    after_commit: bool,
) -> None:
    where = f"{name} {how} ({case.rings} rings, {edition}, {version})"
    async with corridor(case, edition=edition, version=version) as street:
        await street.push(BEFORE)
        await asyncio.sleep(0.2)
        cabinet, station = street.cabinets[0], street.stations[0]
        honest = cabinet.store.generation
        lied = 0

        def falsify(_: int, data: bytes) -> bytes | None:
            nonlocal lied
            if after_commit and cabinet.store.generation == honest:
                return data
            message = decode(data)
            bindings = tuple((o, liar(v) if o == oid else v) for o, v in message.bindings)
            if bindings == message.bindings:
                return data
            lied += 1
            return encode(message_like(message, PduType.RESPONSE, bindings))

        # The answer to a SET repeats what was sent; that alone is no lie about the database.
        station.before = lambda n, data: _aside(station, falsify, data)
        told = "active"
        try:
            await street.push(WANTED, reach=over())
        except ThroughbandError:
            told = "refused"
        station.before = station.after = lambda n, data: data
        await asyncio.sleep(0.2)
        if not lied:
            return
        if told == "active":
            tried.unseen[name.partition(".")[0]] += 1
            told = "not seen"
        running = WANTED if told == "not seen" else BEFORE
        if not all(street.runs(running)):
            # A lie about who calls what leaves the street in a whole plan, or in its own.
            whole = any(all(street.runs(number)) for number in range(len(case.plans)))
            told += ", in another whole plan" if whole else ""
            if not whole:
                tried.found.append(f"{where}: {told}, runs {street.witnesses[0].running()}")
        for witness in street.witnesses:
            plan = witness.running()
            if plan is not None:
                witness.compare_with_film(plan)
        tried.found += [f"{where}: {text}" for text in street.found]
        tried.outcomes[told] += 1


def _aside(station: object, falsify: Callable[[int, bytes], bytes | None], data: bytes) -> bytes:
    """Falsify the answers to GETs only."""
    reads = decode(data).pdu_type is PduType.GET
    station.after = falsify if reads else (lambda n, reply: reply)  # type: ignore[attr-defined]
    return data
