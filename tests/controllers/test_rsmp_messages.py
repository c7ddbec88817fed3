"""RSMP messages: their shapes, and what is made of anything that is none.

Shapes are those of the examples in RSMP core 3.2, "Basic structure", and of the SXL's coordination
appendix, restated here with other values.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.rsmp import messages, signals
from controllers.rsmp.hearing import MOST_ALARMS, MOST_UPDATES, Hearing
from controllers.rsmp.messages import FORM_FEED, MOST_BYTES, Frames, Message, parse
from network.errors import ControllerError, RejectedValueError

NOW = datetime(2026, 5, 4, 8, 1, 2, 345_678, tzinfo=UTC)
ABOUT = {"mType": "rSMsg", "ntsOId": "", "xNId": "", "cId": "KK+1=001TC000"}
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


def sent(message: Message) -> dict[str, Any]:
    """Return what goes on the wire, without its identity."""
    packet = message.packet()
    assert packet.endswith(FORM_FEED)
    assert packet.count(FORM_FEED) == 1
    content: dict[str, Any] = json.loads(packet[:-1])
    identity = content.pop("mId", None) or content["oMId"]
    assert identity == message.message_id
    return content


# What is sent


def test_the_opening_names_versions_site_and_list() -> None:
    assert sent(messages.version(("3.1.5", "3.2"), "KK+1", "1.2")) == {
        "mType": "rSMsg",
        "type": "Version",
        "RSMP": [{"vers": "3.1.5"}, {"vers": "3.2"}],
        "siteId": [{"sId": "KK+1"}],
        "SXL": "1.2",
    }


def test_every_message_has_an_identity_of_its_own() -> None:
    made = [messages.watchdog(NOW).message_id for _ in range(100)]
    assert len(set(made)) == 100
    assert all(UUID4.match(identity) for identity in made)


def test_a_sign_of_life_carries_utc_with_three_decimals() -> None:
    assert sent(messages.watchdog(NOW))["wTs"] == "2026-05-04T08:01:02.345Z"


def test_a_question_lists_codes_and_names() -> None:
    asked = messages.status_request("KK+1=001TC000", [("S0014", "status"), ("S0014", "source")])
    assert sent(asked) == {
        **ABOUT,
        "type": "StatusRequest",
        "sS": [{"sCI": "S0014", "n": "status"}, {"sCI": "S0014", "n": "source"}],
    }


@pytest.mark.parametrize(("flagged", "more"), [(True, {"sOc": True}), (False, {})])
def test_a_subscription_tells_its_interval_as_text(flagged: bool, more: dict[str, bool]) -> None:
    wish = messages.status_subscribe("KK+1=001TC000", [("S0014", "status")], 2.5, flagged=flagged)
    assert sent(wish) == {
        **ABOUT,
        "type": "StatusSubscribe",
        "sS": [{"sCI": "S0014", "n": "status", "uRt": "2.5", **more}],
    }


def test_a_command_gives_every_argument_with_code_and_order() -> None:
    order = messages.command_request(
        "KK+1=001TC000", "M0002", "setPlan", [("status", "True"), ("timeplan", "5")]
    )
    assert sent(order) == {
        **ABOUT,
        "type": "CommandRequest",
        "arg": [
            {"cCI": "M0002", "n": "status", "cO": "setPlan", "v": "True"},
            {"cCI": "M0002", "n": "timeplan", "cO": "setPlan", "v": "5"},
        ],
    }


def test_answers_name_the_message_they_answer() -> None:
    question = messages.watchdog(NOW)
    assert sent(messages.ack(question)) == {
        "mType": "rSMsg",
        "type": "MessageAck",
        "oMId": question.message_id,
    }
    assert sent(messages.not_ack("x", "why"))["rea"] == "why"


# What is read


def test_a_status_response_is_taken_apart() -> None:
    content = {
        **ABOUT,
        "type": "StatusResponse",
        "mId": "1",
        "sTs": "2026-05-04T08:01:02.345Z",
        "sS": [
            {"sCI": "S0003", "n": "inputstatus", "s": "100101", "q": "recent"},
            {"sCI": "S0031", "n": "status", "s": None, "q": "unknown"},
        ],
    }
    message = parse(json.dumps(content).encode())
    first, second = messages.status_items(message)
    assert (first.code, first.name, first.value, first.quality) == (
        "S0003",
        "inputstatus",
        "100101",
        "recent",
    )
    assert (second.value, second.quality) == (None, "unknown")
    assert messages.moment(message, "sTs").microsecond == 345_000


def test_a_command_response_is_taken_apart() -> None:
    content = {
        **ABOUT,
        "type": "CommandResponse",
        "mId": "1",
        "cTS": "2026-05-04T08:01:02.345Z",
        "rvs": [{"cCI": "M0001", "n": "status", "v": "YellowFlash", "age": "recent"}],
    }
    [item] = messages.command_items(parse(json.dumps(content).encode()))
    assert (item.code, item.name, item.value) == ("M0001", "status", "YellowFlash")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"rSMsg"',
        b"{}",
        b'{"mType":"other","type":"Watchdog","mId":"1"}',
        b'{"mType":"rSMsg","type":7,"mId":"1"}',
        b'{"mType":"rSMsg","type":"Watchdog"}',
        b'{"mType":"rSMsg","type":"Watchdog","mId":""}',
        b'{"mType":"rSMsg","type":"MessageAck","mId":"1"}',
        b'{"mType":"rSMsg","type":"Watchdog","mId":"1","mId":"2"}',
        b'{"mType":"rSMsg","type":"Watchdog","mId":"1","wTs":NaN}',
        b'{"mType":"rSMsg","type":"Watchdog","mId":"' + b"1" * 65 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"mType":"rSMsg","type":"Watchdog","mId":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_message_is_refused(packet: bytes) -> None:
    with pytest.raises(RejectedValueError) as caught:
        parse(packet)
    assert len(str(caught.value)) < 500


def test_foreign_text_is_shown_without_control_characters() -> None:
    assert messages.shown("a\nb\x1b[31m\ud800" + "x" * 999) == repr("a?b?[31m?" + "x" * 191)


# Frames


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 17))
def test_packets_come_out_whole_however_they_are_cut(parts: list[bytes], step: int) -> None:
    packets = [part.replace(FORM_FEED, b"x") for part in parts]
    stream = FORM_FEED + b"".join(packet + FORM_FEED * 2 for packet in packets) + b"rest"
    frames = Frames()
    found = [p for at in range(0, len(stream), step) for p in frames.feed(stream[at : at + step])]
    assert found == [packet for packet in packets if packet.strip()]


def test_a_packet_without_end_is_not_kept() -> None:
    frames = Frames()
    frames.feed(b"x" * MOST_BYTES)
    with pytest.raises(RejectedValueError, match="sent more than 262144 bytes"):
        frames.feed(b"x")


# Hearing


def test_what_a_site_invents_is_bounded() -> None:
    heard = Hearing()
    for n in range(MOST_ALARMS + 50):
        alarm = {"aCId": f"A{n}", "aS": "Active", "sS": "notSuspended"}
        heard.note(messages.new("Alarm", alarm, "x"), NOW)
        value = {"sCI": f"S{n}", "n": "status", "s": "1", "q": "recent"}
        heard.note(messages.new("StatusUpdate", {"sS": [value]}, "x"), NOW)
    assert len(heard.alarms) == MOST_ALARMS
    assert len(heard.updates) == MOST_UPDATES


def test_a_suspended_alarm_is_not_active() -> None:
    heard = Hearing()
    for suspended, active in (("notSuspended", ("A0005",)), ("suspended", ())):
        alarm = {"aCId": "A0005", "aS": "Active", "sS": suspended}
        heard.note(messages.new("Alarm", alarm, "x"), NOW)
        assert heard.alarms == active


# The list


@pytest.mark.parametrize(
    ("reader", "text", "found"),
    [
        (signals.plan_list, "1,2, 16", (1, 2, 16)),
        (signals.timed_plans, "1-1-6-0,1-16-9-30,2-0-22-0", (1, 16)),
        (signals.timed_plans, "", ()),
        (lambda v: signals.table(v, 2), "01-60,15-090", {(1,): 60, (15,): 90}),
        (lambda v: signals.table(v, 3), "15-1-12,15-2-0", {(15, 1): 12, (15, 2): 0}),
        (signals.truths, "False,True", True),
        (signals.truths, "False", False),
    ],
)
def test_texts_of_the_list_are_read(
    reader: Callable[[object], object], text: str, found: object
) -> None:
    assert signals.read("S0", "status", text, reader) == found


@pytest.mark.parametrize("setting", ["cycleTime", "offset", "dynamicBand"])
def test_a_setting_out_of_range_is_refused(setting: str) -> None:
    index = (15, 1) if setting == "dynamicBand" else (15,)
    signals.require(setting, index, 1)
    for value in (-1, 256, True, "1", b"\x01"):
        with pytest.raises(ControllerError):
            signals.require(setting, index, value)


# Anything


def mutated(packet: bytes, random: Random) -> bytes:
    """Return a packet with something wrong in it."""
    data = bytearray(packet)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at : at + random.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + 30]
        elif kind == 3:
            data[at:at] = random.choice(
                [b"null", b'""', b"[]", b"{}", b"-1e999", b'"\\ud800"', b"true", b"9" * 50]
            )
        else:
            words = [b'"v"', b'"s"', b'"q"', b'"n"', b'"sS"', b'"recent"', b'"cId"']
            word = random.choice(words)
            data = bytearray(bytes(data).replace(word, random.choice(words), 1))
        if not data:
            data = bytearray(b"{")
    return bytes(data)


def samples() -> list[bytes]:
    """Return one packet of every kind that a site sends."""
    value = {"sCI": "S0024", "n": "status", "s": "1-5,15-29", "q": "recent"}
    contents: list[tuple[str, dict[str, object]]] = [
        ("StatusResponse", {"sTs": messages.stamp(NOW), "sS": [value]}),
        ("StatusUpdate", {"sTs": messages.stamp(NOW), "sS": [value]}),
        (
            "CommandResponse",
            {"cTS": messages.stamp(NOW), "rvs": [{"cCI": "M1", "n": "a", "v": "1", "age": "old"}]},
        ),
        ("AggregatedStatus", {"se": [True] * 8, "fP": None, "fS": None}),
        ("Alarm", {"aCId": "A0005", "aS": "Active", "sS": "notSuspended", "rvs": []}),
        ("Watchdog", {"wTs": messages.stamp(NOW)}),
        ("Version", {"RSMP": [{"vers": "3.2"}], "siteId": [{"sId": "s"}], "SXL": "1.2"}),
    ]
    made = [messages.new(kind, content, "KK+1").packet()[:-1] for kind, content in contents]
    return [*made, messages.not_ack("1", "why").packet()[:-1]]


TOLD: set[str] = set()
"""Why packets were refused."""

READERS: tuple[Callable[[object], object], ...] = (
    signals.plan_list,
    signals.timed_plans,
    signals.truths,
    signals.routes,
    lambda value: signals.table(value, 2),
    lambda value: signals.table(value, 3),
)


def understood(packet: bytes, heard: Hearing) -> int:
    """Take a packet as a session does; return how far it got."""
    message = parse(packet)
    values = [
        item.value
        for items in (messages.status_items, messages.command_items)
        if message.content.get("sS" if items is messages.status_items else "rvs") is not None
        and message.kind != "Alarm"
        for item in items(message)
    ]
    for value in values:
        for reader in READERS:
            try:
                signals.read("S0", "status", value, reader)
            except RejectedValueError as error:
                TOLD.add(str(error))
    if message.kind in ("Watchdog", "Alarm", "StatusUpdate", "AggregatedStatus"):
        heard.note(message, NOW)
        return 2
    messages.ack(message).packet()
    return 1


@pytest.mark.parametrize("count", [4_000, pytest.param(200_000, marks=pytest.mark.slow, id="many")])
def test_mutated_messages_are_refused_or_understood_and_nothing_else(count: int) -> None:
    random, heard, packets = Random(20260504), Hearing(), samples()
    TOLD.clear()
    reached = [0, 0, 0]
    slowest_s = 0.0
    for _ in range(count):
        packet = mutated(random.choice(packets), random)
        began = time.process_time()
        try:
            reached[understood(packet, heard)] += 1
        except RejectedValueError as error:
            reached[0] += 1
            TOLD.add(str(error))
        slowest_s = max(slowest_s, time.process_time() - began)
    # Both sides of the gate are exercised, or this test proves nothing.
    assert min(reached) > count // 20
    assert slowest_s < 1.0
    assert len(TOLD) > 100
    assert all(text.isprintable() and len(text) < 500 for text in TOLD)


def test_a_type_with_control_characters_does_not_reach_the_log() -> None:
    with pytest.raises(RejectedValueError) as caught:
        parse(b'{"mType":"rSMsg","type":"Alarm\\n\\u001b[2J","mId":"1"}')
    assert str(caught.value).isprintable()
