"""A thousand controllers on one machine: a plan to all of them, then heartbeats and looks.

``python -m benchmarks.bridge.load`` runs the controllers in a process of their own, on the wall
clock and over UDP loopback; the bridge's push and service run in this one. It prints the time per
controller, messages and bytes beside the fewest messages that plan and transaction allow, and
beside net-snmp's ``snmpset`` sending the same SETs to a few of them, one process per message.
Other work on the machine makes all of it slower; the load average is printed along.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bridge.street import READ, WRITE, Case, Station, drawn_case
from benchmarks.verdict import exit_code, verdict
from controllers.calls import Call, calls_of
from controllers.driver import Device, ObjectValue
from controllers.emulator.agent import Agent
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.keeping import Periods
from controllers.ntcip.driver import connect
from controllers.ntcip.message_size import (
    COMMUNITY_ENVELOPE_BYTES,
    MAX_MESSAGE_BYTES,
    batches,
    binding_bytes,
    content_bytes,
)
from controllers.ntcip.objects import OBJECTS, dotted
from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.release import PlanRelease
from controllers.service import Service
from network.timing import PlanSet
from throughband.journal import Journal

BACKUP_S: Final = 120
"""Short, so that some minutes hold many heartbeats; one comes every quarter of it."""

CASE_SEED: Final = 7
TICK_S: Final = 0.1
SETTLE_S: Final = 0.5
SPREAD_S: Final = 60.0
NO_TROUBLE: Final = "none"
TRANSACTION: Final = 3
"""Commands that no transaction can do without: open, verify, store."""

LOOKS: Final = 2
"""Reads that none can do without: whether the check is done, and what it found."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What came and went at the controllers' end.

    Attributes
    ----------
    requests, replies
        Datagrams.
    bytes_in, bytes_out
        Their content, without UDP's and IP's heads.
    cpu_s
        Processor time of the controllers.
    late_s
        Most by which their clock was behind.
    """

    requests: int
    replies: int
    bytes_in: int
    bytes_out: int
    cpu_s: float
    late_s: float

    def since(self, before: Tally) -> Tally:
        """Return the difference; the delay is that of now."""
        return Tally(
            self.requests - before.requests,
            self.replies - before.replies,
            self.bytes_in - before.bytes_in,
            self.bytes_out - before.bytes_out,
            self.cpu_s - before.cpu_s,
            self.late_s,
        )


# The controllers' process


async def serve_controllers(count: int, rings: int) -> None:
    """Serve controllers on the wall clock until standard input ends; every line asks the tally."""
    case = drawn_case(CASE_SEED, rings, 2)
    midnight_utc_s = int(time.time()) // 86400 * 86400
    # One moment for all: building and opening them takes seconds, which are then made up for.
    begin_s = time.time()
    start_s = begin_s - midnight_utc_s
    cabinets = [_cabinet(case, number, midnight_utc_s, start_s) for number in range(count)]
    counts = [0, 0, 0, 0]

    def came(_: int, datagram: bytes) -> bytes:
        counts[0] += 1
        counts[2] += len(datagram)
        return datagram

    def went(_: int, datagram: bytes) -> bytes:
        counts[1] += 1
        counts[3] += len(datagram)
        return datagram

    loop = asyncio.get_running_loop()
    ports = []
    for cabinet in cabinets:
        station = Station(Agent(cabinet), came, went)
        transport, _ = await loop.create_datagram_endpoint(
            lambda station=station: station,  # type: ignore[misc]
            local_addr=("127.0.0.1", 0),
        )
        ports.append(transport.get_extra_info("sockname")[1])
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    late_s, ended = 0.0, asyncio.Event()

    def asked() -> None:
        nonlocal late_s
        if not sys.stdin.readline():
            ended.set()
            return
        tally = Tally(*counts, time.process_time(), late_s)
        late_s = 0.0
        sys.stdout.write(json.dumps(asdict(tally)) + "\n")
        sys.stdout.flush()

    loop.add_reader(sys.stdin.fileno(), asked)
    ticks = 0
    while not ended.is_set():
        await asyncio.sleep(max(0.0, begin_s + (ticks + 1) * TICK_S - time.time()))
        due = int((time.time() - begin_s) / TICK_S)
        if ticks:
            late_s = max(late_s, (due - ticks - 1) * TICK_S)
        while ticks < due:
            for at, cabinet in enumerate(cabinets):
                cabinet.step()
                if at % 200 == 199:
                    await asyncio.sleep(0)
            ticks += 1
    loop.remove_reader(sys.stdin.fileno())


def _cabinet(case: Case, number: int, midnight_utc_s: int, start_s: float) -> Cabinet:
    config = CabinetConfig(
        f"s{number}",
        case.phasing,
        replace(case.plans[0], signal_id=f"s{number}"),
        0,
        READ,
        WRITE,
        BACKUP_S,
        midnight_utc_s=midnight_utc_s,
    )
    return Cabinet(config, start_s)


class Controllers:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asking, self._answers = process.stdin, process.stdout
        self.ports: list[int] = json.loads(self._answers.readline())

    def tally(self) -> Tally:
        """Ask what has come and gone so far."""
        self._asking.write("tally\n")
        self._asking.flush()
        return Tally(**json.loads(self._answers.readline()))


@contextlib.contextmanager
def controllers(count: int, rings: int) -> Iterator[Controllers]:
    """Run controllers in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.bridge.load", "--serve", str(count)]
    with subprocess.Popen(
        [*command, "--rings", str(rings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Controllers(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


# The bridge's end


class Book:
    """The calls, in memory."""

    def __init__(self, calls: Mapping[str, Call]) -> None:
        self._calls = dict(calls)

    def calls(self) -> Mapping[str, Call]:
        """Return them."""
        return dict(self._calls)

    def drop(self, signals: Collection[str]) -> None:
        """Forget some."""
        for signal in signals:
            self._calls.pop(signal, None)


def now_utc() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


async def push_all(
    case: Case, devices: Sequence[Device], journal: Path, at_once: int
) -> PushReceipt:
    """Push the second plan of a case to every device."""
    mine = tuple(replace(case.plans[1], signal_id=device.signal_id) for device in devices)
    plans = PlanSet("load", mine, {})
    now = now_utc()
    release = PlanRelease(
        plans.digest, "0" * 64, "load benchmark", now, now + timedelta(hours=12), plans.scenario
    )
    return await push(
        plans,
        release,
        devices,
        {device.signal_id: case.phasing for device in devices},
        clock=now_utc,
        journal=Journal(journal).write,
        connect=connect,
        terms=PushTerms(most_spread_s=SPREAD_S, most_at_once=at_once),
    )


async def keep(devices: Sequence[Device], receipt: PushReceipt, seconds: float) -> Service:
    """Keep the calls alive for some time."""
    events: list[Mapping[str, object]] = []
    service = Service(
        devices,
        Book(calls_of(receipt)),
        clock=now_utc,
        now=time.monotonic,
        journal=events.append,
        alert=lambda text: sys.stderr.write(text + "\n"),
        periods=Periods(identify_s=10 * seconds),
        connect=partial(connect),
    )
    # A call shows at the controllers' next tenth; the first look is to come after it.
    await asyncio.sleep(SETTLE_S)
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        await asyncio.sleep(min(await service.turn(), left_s, 1.0))
    await service.close()
    return service


def fewest_messages(new: Sequence[ObjectValue]) -> int:
    """Return the fewest requests that can bring a plan to a device, and read it back.

    SETs of 484 bytes filled in the order given, at most 18 objects each as devices in the field
    take them, the transaction's own commands and looks, as many GETs as the answers need, and
    the call. What a careful bridge asks before and after is
    not in it.
    """
    oids = [OBJECTS[entry.name].instance(*entry.index) for entry in new]
    room = MAX_MESSAGE_BYTES - COMMUNITY_ENVELOPE_BYTES - len(WRITE)
    sizes = [
        binding_bytes(oid, content_bytes(entry.value)) for oid, entry in zip(oids, new, strict=True)
    ]
    sets = len(list(batches(oids, sizes, lambda: room)))
    # As long as the values that were written.
    gets = len(list(batches(oids, sizes, lambda: room)))
    return sets + TRANSACTION + LOOKS + gets + 1


def by_snmpset(device: Device, new: Sequence[ObjectValue], pattern: int) -> tuple[float, int]:
    """Send a device the SETs of a plan with net-snmp's tool; return the time in s and how many."""
    kinds = {entry.name: OBJECTS[entry.name] for entry in new}
    oids = [kinds[entry.name].instance(*entry.index) for entry in new]
    sizes = [
        binding_bytes(oid, content_bytes(entry.value)) for oid, entry in zip(oids, new, strict=True)
    ]
    room = MAX_MESSAGE_BYTES - COMMUNITY_ENVELOPE_BYTES - len(WRITE)
    state = [(OBJECTS["dbCreateTransaction"].instance(), "i")]
    messages = [[*state[0], "2"]]
    for batch in batches(list(zip(oids, new, strict=True)), sizes, lambda: room):
        messages.append([part for oid, entry in batch for part in _argument(oid, entry)])
    messages += [[*state[0], "3"], [*state[0], "1"]]
    messages.append([OBJECTS["systemPatternControl"].instance(), "i", str(pattern)])
    base = ["snmpset", "-v1", "-On", "-r", "0", "-t", "5", "-m", "", "-c", WRITE, device.address]
    begin_s = time.perf_counter()
    for message in messages:
        words = [dotted(word) if isinstance(word, tuple) else word for word in message]
        subprocess.run([*base, *words], check=True, capture_output=True)
    return time.perf_counter() - begin_s, len(messages)


def _argument(oid: tuple[int, ...], entry: ObjectValue) -> tuple[tuple[int, ...], str, str]:
    if isinstance(entry.value, bytes):
        return oid, "x", entry.value.hex()
    return oid, "i", str(entry.value)


def _troubles(service: Service, count: int) -> str:
    """Say how many controllers are in which trouble, or were given up."""
    found = Counter(str(trouble) for trouble in service.troubles.values())
    found["given up"] = count - len(service.statuses)
    return ", ".join(f"{often} {what}" for what, often in found.items() if often) or NO_TROUBLE


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run came to; times in s, counts of everything."""

    devices: int
    push_s: float
    push_cpu_s: float
    pushed: Tally
    fewest: int
    spread_s: float
    keep_s: float
    keep_cpu_s: float
    kept: Tally
    looks: int
    refreshes: int
    troubles: str
    tool_s: float
    tool_messages: int
    tool_devices: int


def run(count: int, rings: int, seconds: float, at_once: int, sample: int) -> Loaded:
    """Push to controllers, keep them for some time, and send a few the same by ``snmpset``."""
    case = drawn_case(CASE_SEED, rings, 2)
    with controllers(count, rings) as others, tempfile.TemporaryDirectory() as folder:
        devices = [
            Device(f"s{n}", "127.0.0.1", port, READ, WRITE, requests_per_s=1000.0)
            for n, port in enumerate(others.ports)
        ]
        before = others.tally()
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        receipt = asyncio.run(push_all(case, devices, Path(folder) / "journal.sqlite", at_once))
        push_s, push_cpu_s = time.perf_counter() - begin_s, time.process_time() - begin_cpu_s
        pushed = others.tally().since(before)
        new = receipt.devices[0].new
        before, begin_cpu_s = others.tally(), time.process_time()
        service = asyncio.run(keep(devices, receipt, seconds))
        kept, keep_cpu_s = others.tally().since(before), time.process_time() - begin_cpu_s
        tool_s, tool_messages = 0.0, 0
        few = devices[: sample if shutil.which("snmpset") else 0]
        for device in few:
            spent_s, tool_messages = by_snmpset(device, new, receipt.devices[0].pattern)
            tool_s += spent_s
        return Loaded(
            count,
            push_s,
            push_cpu_s,
            pushed,
            fewest_messages(new),
            receipt.spread_s,
            seconds,
            keep_cpu_s,
            kept,
            service.tally.looks,
            service.tally.refreshes,
            _troubles(service, count),
            tool_s,
            tool_messages,
            len(few),
        )


def told(done: Loaded) -> Iterator[str]:
    """Say what a run came to."""
    n, pushed, kept = done.devices, done.pushed, done.kept
    yield f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    yield (
        f"push to {n}: {done.push_s:.1f} s, {1000 * done.push_s / n:.1f} ms per controller "
        f"(processor: bridge {1000 * done.push_cpu_s / n:.1f} ms, controller "
        f"{1000 * pushed.cpu_s / n:.1f} ms; controllers' clock up to {pushed.late_s:.1f} s late); "
        f"{done.spread_s:.1f} s from the first call to the last"
    )
    yield (
        f"  {pushed.requests / n:.1f} requests per controller, {pushed.bytes_in / n:.0f} bytes out "
        f"and {pushed.bytes_out / n:.0f} back; fewest that plan and transaction allow: "
        f"{done.fewest}; {1e6 * done.push_cpu_s / max(1, pushed.requests):.0f} us of the bridge's "
        "processor per request"
    )
    yield (
        f"{done.keep_s:.0f} s of heartbeats and looks: {done.looks} looks, {done.refreshes} calls "
        f"repeated, in trouble: {done.troubles}; {kept.requests / done.keep_s:.0f} "
        f"requests/s, {(kept.bytes_in + kept.bytes_out) / done.keep_s / 1000:.1f} kB/s, "
        f"{100 * done.keep_cpu_s / done.keep_s:.0f} % of a processor"
    )
    if done.tool_devices:
        each_s = done.tool_s / done.tool_devices
        yield (
            f"snmpset, the {done.tool_messages} SETs alone, one process each: {1000 * each_s:.0f} "
            f"ms per controller measured at {done.tool_devices}; {each_s * n:.0f} s for {n}, "
            "extrapolated"
        )
    else:
        yield "no comparison with snmpset: it is not installed, or no sample was asked for"


def missed(done: Loaded) -> list[str]:
    """Name what is in trouble; time and messages are told beside their peers and have no limit."""
    return [] if done.troubles == NO_TROUBLE else [f"in trouble: {done.troubles} (limit none)"]


def main() -> int:
    """Run it and print the figures; 1 where a controller is in trouble."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--controllers", type=int, default=1000)
    parser.add_argument("--rings", type=int, default=2, choices=(1, 2))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve_controllers(given.serve, given.rings))
        return 0
    done = run(given.controllers, given.rings, given.seconds, given.at_once, given.sample)
    for line in told(done):
        sys.stdout.write(line + "\n")
    beyond = missed(done)
    sys.stdout.write(verdict(beyond) + "\n")
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
