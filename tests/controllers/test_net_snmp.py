"""Net-SNMP's command-line tools against the emulator, and against our table of objects.

They share no line with either codec of ours. What they cannot prove: that the numbers in
`objects.csv` are the standard's. The standard's own text is not shipped, and a module written
from our table would only say again what the table says. Where the verified list of objects lies
beside the tree, net-snmp reads a module made from that list and must find our numbers; whether
the list is right rests on the sources it names.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.objects import (
    OBJECTS,
    Kind,
    Oid,
    Syntax,
    dotted,
    instance,
    parse_oid,
)
from tests.controllers.net_snmp import device_at, needs_tools, run_plain, run_tool
from tests.controllers.wire import guarded

pytestmark = needs_tools

VERSIONS = ("v1", "v2c", "v3")
STATE = instance("dbCreateTransaction")
ROW = 9
MODE = OBJECTS["splitMode"].number("maximumVehicleRecall")
NEMA = "1.3.6.1.4.1.1206"
NEMA_PATH = "iso org(3) dod(6) internet(1) private(4) enterprises(1) 1206"
MODULE = "NTCIP-AS-VERIFIED"
VERIFIED = Path(__file__).resolve().parents[3] / "shared" / "reference" / "ntcip_objects.csv"

needs_list = pytest.mark.skipif(
    not VERIFIED.is_file(), reason="the verified list of objects is not beside the tree"
)

PLAN: tuple[tuple[Oid, str, str], ...] = (
    (instance("patternCycleTime", ROW), "i", "70"),
    (instance("patternOffsetTime", ROW), "i", "11"),
    (instance("patternSequenceNumber", ROW), "i", str(ROW)),
    (instance("sequenceData", ROW, 1), "x", "0102"),
    (instance("splitTime", ROW, 1), "i", "30"),
    (instance("splitMode", ROW, 1), "i", str(MODE)),
    (instance("splitCoordPhase", ROW, 1), "i", "1"),
    (instance("splitTime", ROW, 2), "i", "40"),
    (instance("splitMode", ROW, 2), "i", str(MODE)),
    (instance("splitCoordPhase", ROW, 2), "i", "0"),
)

LINE = re.compile(r"\.(?P<oid>[\d.]+) = (?:(?P<kind>[A-Za-z0-9-]+): ?)?(?P<value>.*)", re.DOTALL)


def readings(lines: list[str]) -> Iterator[tuple[Oid, Syntax, int | bytes | Oid]]:
    """Read what a tool prints; long octet strings take several lines."""
    text = "\n".join(lines)
    for entry in re.split(r"\n(?=\.1\.)", text):
        found = LINE.match(entry.strip())
        if found is None:
            raise AssertionError(f"not a reading: {entry!r}")
        oid, kind, value = parse_oid(found["oid"]), found["kind"], found["value"]
        match kind:
            case "INTEGER":
                yield oid, Syntax.INTEGER, int(value)
            case "Counter32":
                yield oid, Syntax.COUNTER, int(value)
            case "Gauge32":
                yield oid, Syntax.GAUGE, int(value)
            case "OID":
                yield oid, Syntax.OID, parse_oid(value.strip(". "))
            case "Hex-STRING":
                yield oid, Syntax.OCTETS, bytes.fromhex(value)
            case None if value == '""':
                yield oid, Syntax.OCTETS, b""
            case _:
                raise AssertionError(f"an unexpected type: {entry!r}")


def stored(cabinet: Cabinet) -> dict[Oid, tuple[Syntax, int | bytes | Oid]]:
    found = {}
    at = cabinet.store.following((1,))
    while at is not None:
        value = cabinet.store.get(at)
        assert value is not None
        found[at] = value
        at = cabinet.store.following(at)
    return found


class Central:
    """Someone at central who has nothing but the tools."""

    def __init__(self, folder: Path, device: Device) -> None:
        self._folder = folder
        self._device = device

    async def get(self, *oids: Oid) -> list[int | bytes | Oid]:
        code, lines = await self._run("snmpget", *map(dotted, oids))
        assert code == 0, lines
        found = list(readings(lines))
        assert [oid for oid, _, _ in found] == list(oids)
        return [value for _, _, value in found]

    async def set(self, *bindings: tuple[Oid, str, str], writing: bool = True) -> str:
        """Return the reason of a refusal; empty once it is done."""
        arguments = [part for oid, *rest in bindings for part in (dotted(oid), *rest)]
        code, lines = await self._run("snmpset", *arguments, writing=writing)
        reason = re.search(r"Reason: \(?(\w+)", "\n".join(lines))
        assert (code == 0) == (reason is None), lines
        return reason[1] if reason else ""

    async def walk(self, tool: str) -> dict[Oid, tuple[Syntax, int | bytes | Oid]]:
        code, lines = await self._run(tool, "-Cc", ".1.3.6.1.4.1.1206")
        assert code == 0, lines
        if lines[-1] == "End of MIB" or lines[-1].endswith("(It is past the end of the MIB tree)"):
            lines.pop()
        found = list(readings(lines))
        assert len({oid for oid, _, _ in found}) == len(found)
        return {oid: (syntax, value) for oid, syntax, value in found}

    async def _run(
        self, tool: str, *arguments: str, writing: bool = False
    ) -> tuple[int, list[str]]:
        return await run_tool(self._folder, tool, self._device, *arguments, writing=writing)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_download_is_carried_out_with_the_tools(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        device = guarded()
        async with serve([device]) as [(_, port)]:
            central = Central(tmp_path, device_at(port, version))
            set_id = instance("globalSetIDParameter")
            [before, state] = await central.get(set_id, STATE)
            assert state == 1
            assert await central.set((STATE, "i", "2")) == ""
            # The parts fit 484 bytes each in every version.
            for part in (PLAN[:6], PLAN[6:]):
                assert await central.set(*part) == ""
            assert await central.get(PLAN[0][0]) == [0]
            assert await central.set((STATE, "i", "3")) == ""
            assert await central.get(STATE, instance("dbVerifyStatus")) == [6, 3]
            assert await central.set((STATE, "i", "1")) == ""
            wanted = [
                bytes.fromhex(value) if kind == "x" else int(value) for _, kind, value in PLAN
            ]
            assert await central.get(*(oid for oid, _, _ in PLAN)) == wanted
            assert await central.get(set_id) != [before]
            for _ in range(4):
                assert await central.set((instance("systemPatternControl"), "i", str(ROW))) == ""
                device.advance(100)
            status = ("coordPatternStatus", "localFreeStatus", "unitAlarmStatus2")
            assert await central.get(*map(instance, status)) == [ROW, 2, 0]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("version", "tool"),
    [("v1", "snmpwalk"), ("v2c", "snmpwalk"), ("v2c", "snmpbulkwalk"), ("v3", "snmpbulkwalk")],
)
def test_a_walk_reads_every_object_as_it_is_stored(version: str, tool: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        device = guarded()
        async with serve([device]) as [(_, port)]:
            assert await Central(tmp_path, device_at(port, version)).walk(tool) == stored(device)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("version", "no_row", "read_only", "wrong_type", "bad_value", "no_access"),
    [
        # RFC 1157, 4.1.5: one word for all that is not there to be set, one for all bad values.
        ("v1", "noSuchName", "noSuchName", "badValue", "badValue", "noSuchName"),
        # RFC 3416, 4.2.5; RFC 3414 changes nothing of it.
        ("v2c", "noCreation", "notWritable", "wrongType", "wrongValue", "noAccess"),
        ("v3", "noCreation", "notWritable", "wrongType", "wrongValue", "noAccess"),
    ],
)
def test_a_refusal_bears_the_word_of_the_standard(
    version: str,
    no_row: str,
    read_only: str,
    wrong_type: str,
    bad_value: str,
    no_access: str,
    tmp_path: Path,
) -> None:
    good = (instance("patternOffsetTime", ROW), "i", "5")

    async def scenario() -> None:
        device = guarded()
        async with serve([device]) as [(_, port)]:
            central = Central(tmp_path, device_at(port, version))
            for culprit, reason in (
                ((instance("patternOffsetTime", 99), "i", "5"), no_row),
                ((instance("maxPatterns"), "i", "5"), read_only),
                ((instance("patternOffsetTime", ROW), "s", "5"), wrong_type),
                ((instance("patternOffsetTime", ROW), "i", "256"), bad_value),
                ((instance("splitMode", ROW, 1), "i", "9"), bad_value),
                ((STATE, "i", "6"), bad_value),
            ):
                assert await central.set(good, culprit) == reason
            assert await central.set(good, writing=False) == no_access
            assert device.store.number("patternOffsetTime", ROW) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_does_not_fit_a_message_is_too_big(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        device = guarded()
        async with serve([device], v3_message_bytes=484) as [(_, port)]:
            central = Central(tmp_path, device_at(port, version))
            many = [(instance("splitTime", row, 1), "i", "9") for row in range(2, 17)] * 2
            assert await central.set(*many) == "tooBig"
            assert device.store.number("splitTime", 2, 1) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("version", ["v1", "v2c"])
def test_a_wrong_community_meets_silence(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve([guarded()]) as [(host, port)]:
            code, lines = await run_plain(
                tmp_path,
                *("snmpget", "-m", "", f"-{version}", "-c", "public", "-r0", "-t0.3"),
                f"udp:{host}:{port}",
                dotted(STATE),
            )
            assert code != 0
            assert lines[-1].startswith("Timeout")

    asyncio.run(scenario())


def test_dotted_instances_are_the_same_numbers_to_the_tools(tmp_path: Path) -> None:
    oids = [entry.instance(*index) for entry in OBJECTS.values() for index in ((), (1,), (16, 2))]

    async def scenario() -> None:
        command = ("snmptranslate", "-m", "", "-On", *map(dotted, oids))
        code, lines = await run_plain(tmp_path, *command)
        assert code == 0
        assert [parse_oid(line.strip(".")) for line in lines if line] == oids

    asyncio.run(scenario())


def verified_rows() -> list[dict[str, str]]:
    with VERIFIED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def module_of(rows: list[dict[str, str]]) -> str:
    """Write the verified list as a module that net-snmp can read."""
    lines = [f"{MODULE} DEFINITIONS ::= BEGIN", f"nema OBJECT IDENTIFIER ::= {{ {NEMA_PATH} }}"]
    for row in rows:
        tail = row["oid"].removeprefix(NEMA).replace(".", " ")
        access = row["access"]
        syntax = {"INTEGER (enum)": "INTEGER", "DisplayString": "OCTET STRING"}.get(
            row["syntax"], row["syntax"]
        )
        lines.append(
            f"{row['name']} OBJECT-TYPE SYNTAX {syntax} ACCESS {access} STATUS mandatory "
            f'DESCRIPTION "" ::= {{ nema{tail} }}'
        )
    return "\n".join([*lines, "END", ""])


@needs_list
def test_snmptranslate_agrees_with_our_table(tmp_path: Path) -> None:
    """The module comes from the verified list and not from our table, which it is to judge."""
    (tmp_path / "module.txt").write_text(
        module_of([row for row in verified_rows() if row["name"] in OBJECTS])
    )
    wanted = [(name, entry, row) for name, entry in OBJECTS.items() for row in (0, 16)]
    names = [f"{MODULE}::{name}.{row}" for name, _, row in wanted]
    numbers = [entry.instance(row) for _, entry, row in wanted]

    async def scenario() -> None:
        command = ("snmptranslate", "-m", str(tmp_path / "module.txt"))
        code, lines = await run_plain(tmp_path, *command, "-On", *names)
        assert code == 0, lines[:5]
        assert [parse_oid(line.strip(".")) for line in lines if line] == numbers
        code, lines = await run_plain(tmp_path, *command, "-OS", *map(dotted, numbers))
        assert code == 0, lines[:5]
        assert [line for line in lines if line] == names

    asyncio.run(scenario())


@needs_list
def test_the_table_agrees_with_the_verified_list() -> None:
    """Identifier, access, range, enumeration and edition of every object, as far as it says."""
    verified = {row["name"]: row for row in verified_rows()}
    wrong = []
    ranges = 0
    for name, entry in OBJECTS.items():
        row = verified[name]
        seen = {"syntax": entry.syntax.value, "oid": dotted(entry.oid)}
        told = {"syntax": row["syntax"].partition(" (")[0], "oid": row["oid"]}
        if told["syntax"] == "DisplayString":
            told["syntax"] = Syntax.OCTETS.value
        seen["access"] = "read-only" if entry.kind is Kind.STATUS else "read-write"
        # Read-only in v03, read-write before: the device is asked.
        told["access"] = "read-write" if name == "patternSplitNumber" else row["access"]
        seen["edition"] = "v03" if entry.v03_only else "both"
        told["edition"] = "both" if "1996" in row["edition seen"] else "v03"
        if "=" in row["range"]:
            seen["range"] = " ".join(f"{number}={text}" for number, text in entry.values.items())
            told["range"] = row["range"]
        elif bounds := re.fullmatch(r"(?:size )?(-?\d+\.\.-?\d+)", row["range"]):
            seen["range"], told["range"] = f"{entry.low}..{entry.high}", bounds[1]
        ranges += "range" in told
        wrong += [
            f"{name}: {what} {seen[what]}, verified {told[what]}"
            for what in told
            if seen[what] != told[what]
        ]
    assert wrong == []
    assert ranges > 280


@needs_list
def test_the_older_ranges_agree_with_the_verified_list() -> None:
    notes = {row["name"]: row["note"] for row in verified_rows()}
    compared = 0
    for name, entry in OBJECTS.items():
        if older := re.search(r"older range (\d+)\.\.(\d+)", notes[name]):
            assert (entry.low_1996, entry.high_1996) == (int(older[1]), int(older[2])), name
            compared += 1
    assert compared > 20
