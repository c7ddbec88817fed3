"""RSMP connections over real TCP: who is let in, what silence does, and what a hostile site can."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from controllers.rsmp.link import Patience
from controllers.rsmp.site import Site, SiteFaults
from controllers.rsmp.supervisor import MOST_STRANGERS, Supervisor, listen
from network.errors import ControllerError, RejectedValueError, UnreachableError
from tests.controllers.rsmp_street import (
    PATIENCE,
    Hands,
    bench,
    config_of,
    sheet_of,
    street,
)
from tests.controllers.test_rsmp_messages import mutated, samples

PLAN = (("S0014", "status"), ("S0014", "source"))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


class Stranger:
    """A client that speaks raw packets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *packets: bytes) -> None:
        for packet in packets:
            self.writer.write(packet + b"\x0c")
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        packet = await self.reader.readuntil(b"\x0c")
        found: dict[str, Any] = json.loads(packet[:-1])
        return found

    async def ended(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


def opening(**changes: object) -> bytes:
    content = {
        "mType": "rSMsg",
        "type": "Version",
        "mId": "1",
        "RSMP": [{"vers": "3.1.2"}, {"vers": "3.2"}],
        "siteId": [{"sId": "KK+s"}],
        "SXL": "1.2",
        **changes,
    }
    return json.dumps(content).encode()


@asynccontextmanager
async def stranger(
    host: str = "127.0.0.1", **limits: Any
) -> AsyncIterator[tuple[Stranger, Supervisor]]:
    """Connect raw to a supervisor that knows the site ``KK+s`` at 127.0.0.1."""
    patience = replace(PATIENCE, **limits)
    async with listen([sheet_of("s")], "127.0.0.1", 0, clock=Hands(), patience=patience) as there:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", there.port, local_addr=(host, 0)
        )
        try:
            yield Stranger(reader, writer), there
        finally:
            writer.close()


async def admitted(client: Stranger) -> None:
    """Exchange versions."""
    await client.send(opening())
    assert (await client.hear())["type"] == "MessageAck"
    version = await client.hear()
    ack = {"mType": "rSMsg", "type": "MessageAck", "oMId": version["mId"]}
    await client.send(json.dumps(ack).encode())


async def settled(client: Stranger) -> None:
    """Exchange versions and take the supervisor's sign of life, so that nothing is left to do."""
    await admitted(client)
    life = {"mType": "rSMsg", "type": "MessageAck", "oMId": (await client.hear())["mId"]}
    await client.send(json.dumps(life).encode())


# Who is let in


def test_versions_are_exchanged_before_anything_else() -> None:
    async def scenario() -> None:
        async with stranger() as (client, there):
            await client.send(b'{"mType":"rSMsg","type":"Watchdog","mId":"0","wTs":""}', opening())
            # Nothing but the version is acknowledged before versions are exchanged.
            assert (await client.hear())["oMId"] == "1"
            version = await client.hear()
            assert (version["type"], version["SXL"]) == ("Version", "1.2")
            assert version["siteId"] == [{"sId": "KK+s"}]
            assert {"vers": "3.2"} in version["RSMP"]
            with pytest.raises(UnreachableError, match="is not connected"):
                await there.session("s", 0.02)
            ack = {"mType": "rSMsg", "type": "MessageAck", "oMId": version["mId"]}
            await client.send(json.dumps(ack).encode())
            assert (await client.hear())["type"] == "Watchdog"
            session = await there.session("s", 1.0)
            assert (session.agreed.version, session.agreed.sxl) == ("3.2", "1.2")

    run(scenario)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"siteId": [{"sId": "other"}]}, "no site is known as"),
        ({"siteId": "KK+s"}, "no site is known as"),
        ({"RSMP": [{"vers": "3.1.2"}]}, "speaks RSMP"),
        ({"RSMP": None}, "speaks RSMP"),
        ({"SXL": "1.0.15"}, "has SXL '1.0.15'"),
        ({"SXL": "1.2.1.7"}, "has SXL"),
        ({"SXL": 1.2}, "has SXL 1.2"),
    ],
)
def test_who_does_not_fit_is_told_why_and_sent_away(
    changes: dict[str, object], reason: str
) -> None:
    async def scenario() -> None:
        async with stranger() as (client, _):
            await client.send(opening(**changes))
            answer = await client.hear()
            assert answer["type"] == "MessageNotAck"
            assert reason in answer["rea"]
            assert await client.ended()

    run(scenario)


def test_a_known_site_from_elsewhere_is_sent_away() -> None:
    async def scenario() -> None:
        async with stranger("127.0.0.7") as (client, _):
            await client.send(opening())
            assert "connects from 127.0.0.7, not from 127.0.0.1" in (await client.hear())["rea"]
            assert await client.ended()

    run(scenario)


def test_a_site_that_refuses_our_version_is_not_used() -> None:
    async def scenario() -> None:
        async with stranger() as (client, there):
            await client.send(opening())
            await client.hear()
            refusal = {"mType": "rSMsg", "type": "MessageNotAck", "rea": "no"}
            refusal["oMId"] = (await client.hear())["mId"]
            await client.send(json.dumps(refusal).encode())
            assert await client.ended()
            with pytest.raises(UnreachableError):
                await there.session("s", 0.02)

    run(scenario)


def test_who_says_nothing_is_sent_away() -> None:
    async def scenario() -> None:
        async with stranger(handshake_s=0.05) as (client, _):
            assert await client.ended()

    run(scenario)


def test_strangers_may_wait_in_small_number_and_do_not_keep_sites_out() -> None:
    async def scenario() -> None:
        async with stranger(handshake_s=60.0) as (client, there):
            crowd = [
                await asyncio.open_connection("127.0.0.1", there.port, local_addr=("127.0.0.9", 0))
                for _ in range(MOST_STRANGERS + 1)
            ]
            assert await Stranger(*crowd[-1]).ended()
            await admitted(client)
            assert (await there.session("s", 1.0)).alive
            for _, writer in crowd:
                writer.close()

    run(scenario)


def test_one_address_cannot_hold_connections_without_end() -> None:
    async def scenario() -> None:
        async with stranger(handshake_s=60.0) as (_, there):
            crowd = [
                await asyncio.open_connection("127.0.0.1", there.port)
                for _ in range(MOST_STRANGERS + 3)
            ]
            assert await Stranger(*crowd[-1]).ended()
            for _, writer in crowd:
                writer.close()

    run(scenario)


def test_a_newer_connection_of_a_site_takes_the_place_of_the_older() -> None:
    async def scenario() -> None:
        async with stranger() as (client, there):
            await admitted(client)
            first = await there.session("s", 1.0)
            again = Stranger(*await asyncio.open_connection("127.0.0.1", there.port))
            await admitted(again)
            await until(lambda: not first.alive)
            assert (await there.session("s", 1.0)) is not first
            with pytest.raises(UnreachableError, match="has connected again"):
                await first.read(PLAN)
            again.writer.close()

    run(scenario)


# Answers and silence


def test_statuses_alarms_and_state_are_heard() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await until(lambda: b.session.heard.seen_utc is not None)
            await until(lambda: bool(b.session.heard.state))
            assert b.session.heard.state == (False,) * 5 + (True, False, False)
            readings = await b.session.read(PLAN)
            assert readings.values == {PLAN[0]: "1", PLAN[1]: "calendar_clock"}
            assert readings.fetched_utc == b.hands.now
            assert b.site.refusals == []

    run(scenario)


def test_subscribed_statuses_are_kept_until_the_subscription_ends() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.session.subscribe(PLAN, 60)
            await until(lambda: PLAN[0] in b.session.heard.updates)
            assert b.session.heard.updates[PLAN[0]].value == "1"
            await b.driver.activate(15)
            await b.site.publish()
            await until(lambda: b.session.heard.updates[PLAN[0]].value == "15")
            await b.session.unsubscribe(PLAN)
            assert b.session.heard.updates == {}
            await b.driver.activate(16)
            await b.site.publish()
            await b.driver.status()
            assert b.session.heard.updates == {}

    run(scenario)


def test_a_component_that_the_site_does_not_have_is_told() -> None:
    async def scenario() -> None:
        async with bench(sheet={"component_id": "KK+s=009TC000"}) as b:
            with pytest.raises(RejectedValueError, match=r"has no component 'KK\+s=009TC000'"):
                await b.driver.identify()
            with pytest.raises(RejectedValueError, match="did not carry out M0002: 'undefined'"):
                await b.session.command("M0002", status=True, timeplan=15)

    run(scenario)


def test_a_command_taken_for_another_is_refused() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.session.command("M0015", plan=15, status=7)
            b.site.faults.echoes["M0015", "status"] = "007"
            await b.session.command("M0015", plan=15, status=7)
            b.site.faults.echoes["M0015", "status"] = "8"
            with pytest.raises(RejectedValueError, match="took M0015 status for '8'; given was 7"):
                await b.session.command("M0015", plan=15, status=7)

    run(scenario)


def test_an_unknown_status_is_refused_and_the_connection_stays() -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(RejectedValueError, match="Status S9999 status does not exist"):
                await b.session.read((("S9999", "status"),))
            await b.session.read(PLAN)

    run(scenario)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"mute": True}, "did not acknowledge a StatusRequest in 0.05 s"),
        ({"unanswered": True}, "did not answer a StatusRequest in 0.05 s"),
    ],
)
def test_silence_ends_the_connection_and_the_site_connects_again(
    faults: dict[str, Any], said: str
) -> None:
    async def scenario() -> None:
        patience = Patience(0.05, 0.05, 60.0, 0.5)
        async with bench(patience=patience) as b:
            await until(lambda: "Watchdog" in b.site.heard)
            b.site.faults = SiteFaults(**faults)
            with pytest.raises(UnreachableError, match=said):
                await b.session.read(PLAN)
            assert not b.session.alive
            b.site.faults = SiteFaults()
            async with b.connect(b.device) as again:
                assert (await again.status()).pattern == 1

    run(scenario)


def test_signs_of_life_are_given_and_one_unanswered_ends_the_connection() -> None:
    async def scenario() -> None:
        async with bench(patience=Patience(0.05, 0.05, 0.01, 0.5)) as b:
            await until(lambda: b.site.heard.count("Watchdog") > 3)
            b.site.faults.mute = True
            await until(lambda: not b.session.alive)

    run(scenario)


def test_a_question_given_up_is_not_answered_to_the_next() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.site.faults.unanswered = True
            question = asyncio.create_task(b.session.read(PLAN))
            await until(lambda: "StatusRequest" in b.site.heard)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
            assert not b.session.alive

    run(scenario)


def test_questions_wait_for_their_turn() -> None:
    async def scenario() -> None:
        async with bench() as b:
            found = await asyncio.gather(*(b.session.read((pair,)) for pair in PLAN * 5))
            assert [list(r.values.values()) for r in found] == [["1"], ["calendar_clock"]] * 5

    run(scenario)


def test_a_place_that_is_taken_cannot_be_listened_at() -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(ControllerError, match="cannot listen at 127"):
                async with listen([], "127.0.0.1", s.supervisor.port):
                    pass

    run(scenario)


def test_sheets_that_name_a_site_twice_are_refused() -> None:
    with pytest.raises(ControllerError, match="name a site or a signal twice"):
        Supervisor([sheet_of("s"), sheet_of("s")], Hands(), PATIENCE)


# Encryption


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_connection_can_be_encrypted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    order = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=bridge -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*order.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate, key)
    theirs = ssl.create_default_context(cafile=str(certificate))

    async def scenario() -> None:
        hands = Hands()
        async with listen(
            [sheet_of("s")], "127.0.0.1", 0, tls=ours, clock=hands, patience=PATIENCE
        ) as there:
            plain = Stranger(*await asyncio.open_connection("127.0.0.1", there.port))
            await plain.send(opening())
            assert await plain.ended()
            plain.writer.close()
            site = Site(config_of("s"), hands, None, 0.02)
            task = asyncio.create_task(site.run("127.0.0.1", there.port, theirs))
            session = await there.session("s", 5.0)
            assert (await session.read(PLAN)).values[PLAN[0]] == "1"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(scenario)


# Hostile sites


def test_what_makes_no_sense_is_refused_and_the_connection_stays() -> None:
    async def scenario() -> None:
        odd = json.dumps({"mType": "rSMsg", "type": "Watchdddog", "mId": "7"}).encode()
        garbage = (b"\x0c\x0c", b"no json\x0c", b"\xff\xff\x0c", odd + b"\x0c")
        async with bench(faults=SiteFaults(garbage=garbage)) as b:
            await until(lambda: bool(b.site.refusals))
            assert b.site.refusals == ["unknown type 'Watchdddog'"]
            assert (await b.driver.status()).pattern == 1

    run(scenario)


def test_a_site_that_makes_no_sense_for_long_is_sent_away() -> None:
    async def scenario() -> None:
        async with stranger() as (client, there):
            await settled(client)
            session = await there.session("s", 1.0)
            await client.send(*[b"nonsense"] * 101)
            await until(lambda: not session.alive)
            with pytest.raises(UnreachableError, match="sent 101 messages that make no sense"):
                await session.read(PLAN)

    run(scenario)


def test_a_message_without_end_ends_the_connection() -> None:
    async def scenario() -> None:
        async with stranger() as (client, there):
            await settled(client)
            session = await there.session("s", 1.0)
            client.writer.write(b"x" * 300_000)
            await until(lambda: not session.alive)
            with pytest.raises(
                UnreachableError, match="sent more than 262144 bytes without an end"
            ):
                await session.read(PLAN)

    run(scenario)


def test_a_site_that_does_not_read_is_sent_away() -> None:
    async def scenario() -> None:
        async with stranger(ack_s=0.2) as (client, there):
            await settled(client)
            session = await there.session("s", 1.0)
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            sign = {"mType": "rSMsg", "type": "Watchdog", "wTs": "2026-05-04T08:00:00.000Z"}
            packet = json.dumps({**sign, "mId": "7" * 64}).encode() + b"\x0c"
            while session.alive:
                if client.writer.transport.get_write_buffer_size() < 1_000_000:
                    client.writer.write(packet * 500)
                await asyncio.sleep(0.001)
            with pytest.raises(UnreachableError, match=r"takes nothing for 0\.2 s"):
                await session.read(PLAN)
            # What it has not read is not waited for: the connection is cut.
            await until(client.writer.transport.is_closing)

    run(scenario)


def test_mutated_messages_over_tcp_leave_the_supervisor_working() -> None:
    async def scenario() -> None:
        random, packets = Random(20260505), samples()
        async with stranger() as (client, there):
            for _ in range(40):
                client = Stranger(*await asyncio.open_connection("127.0.0.1", there.port))
                if random.random() < 0.8:
                    await admitted(client)
                with suppress(ConnectionError):
                    await client.send(*(mutated(random.choice(packets), random) for _ in range(60)))
                client.writer.close()
            site = Site(config_of("s"), Hands(), None, 0.02)
            task = asyncio.create_task(site.run("127.0.0.1", there.port))
            await until(lambda: "Watchdog" in site.heard)
            session = await there.session("s", 1.0)
            assert (await session.read(PLAN)).values[PLAN[0]] == "1"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(scenario)
