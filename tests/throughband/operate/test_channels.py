import asyncio
import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from network.errors import ThroughbandError
from throughband.operate.channels import MARK, Email, Mqtt, Webhook
from throughband.operate.notices import Notice

from .cases import NOON

NOTICE = Notice("warning", "d1 is\r\nBcc: x@y", "d1 – silent since noon", NOON, False, {"sure": 1})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def hook():
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, self.headers, body))
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_notice_with_its_number_and_the_token(hook):
    url, got = hook
    asyncio.run(Webhook(f"{url}/in", "secret").send(NOTICE, "n1"))
    ((path, headers, body),) = got
    assert path == "/in"
    assert headers["Authorization"] == "Bearer secret"
    assert headers[MARK] == "n1"
    assert body["number"] == "n1"
    assert body["facts"] == {"sure": 1}


def test_a_webhook_that_fails_says_so_in_one_line(hook):
    url, _ = hook
    with pytest.raises(ThroughbandError, match="answered 500"):
        asyncio.run(Webhook(f"{url}/broken").send(NOTICE, "n1"))
    with pytest.raises(ThroughbandError, match=r"webhook 127\.0\.0\.1:"):
        asyncio.run(Webhook(f"http://127.0.0.1:{free_port()}/").send(NOTICE, "n1"))


def test_a_mail_server_gets_the_notice_and_no_header_can_be_smuggled():
    controller = pytest.importorskip("aiosmtpd.controller")
    got = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            got.append(envelope)
            return "250 taken"

    server = controller.Controller(Handler(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        mail = Email("127.0.0.1", server.port, "a@example.org", ("b@example.org",), "none")
        asyncio.run(mail.send(NOTICE, "n1"))
    finally:
        server.stop()
    (envelope,) = got
    assert envelope.rcpt_tos == ["b@example.org"]
    head = envelope.content.decode().split("\r\n\r\n")[0]
    assert "Subject: Throughband: d1 is Bcc: x@y" in head
    assert f"{MARK}: n1" in head
    assert not any(line.startswith("Bcc") for line in head.splitlines())


def test_a_mail_server_that_is_not_there_fails_in_one_line():
    with pytest.raises(ThroughbandError, match="mail server 127"):
        asyncio.run(Email("127.0.0.1", free_port(), "a@b", ("c@d",), "none").send(NOTICE, "n"))


BROKER = """
import asyncio, sys
from amqtt.broker import Broker
from amqtt.client import MQTTClient

async def main(port):
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })
    await broker.start()
    client = MQTTClient()
    await client.connect(f"mqtt://127.0.0.1:{port}/")
    await client.subscribe([("city/#", 1)])
    print("ready", flush=True)
    message = await client.deliver_message()
    print(message.topic, message.data.decode(), flush=True)
    await client.disconnect()
    await broker.shutdown()

asyncio.run(main(int(sys.argv[1])))
"""


def test_an_mqtt_broker_passes_the_notice_on():
    pytest.importorskip("amqtt")
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BROKER, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as broker:
        assert broker.stdout is not None
        assert broker.stdout.readline() == "ready\n"
        asyncio.run(Mqtt("127.0.0.1", port, "city/signals").send(NOTICE, "n1"))
        topic, _, text = broker.stdout.readline().partition(" ")
        broker.wait(30)
    assert topic == "city/signals/warning"
    assert json.loads(text)["number"] == "n1"


def test_a_broker_that_is_not_there_fails_in_one_line():
    with pytest.raises(ThroughbandError, match="MQTT broker 127"):
        asyncio.run(Mqtt("127.0.0.1", free_port(), "city").send(NOTICE, "n"))
