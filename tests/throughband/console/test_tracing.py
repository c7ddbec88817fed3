"""Traces as a collector gets them: OTLP over HTTP, decoded from protobuf."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from network.errors import ThroughbandError
from tests.throughband.console.serving import QUICK, config_in, listening
from throughband.console import logs
from throughband.console.app import create_app
from throughband.console.logs import trace_if_wanted


@dataclass
class Collector:
    """Takes what is exported."""

    url: str = ""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        found = []
        for path, body in self.bodies:
            assert path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
                assert named["service.name"] == "throughband-console"
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    found = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.bodies.append((self.path, body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taking) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join(10)


def test_requests_are_told_to_the_collector_and_probes_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "the extra 'traces' is not installed"
    pytest.importorskip("opentelemetry.instrumentation.fastapi", reason=reason)
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter", reason=reason)
    with collecting() as collector:
        monkeypatch.setenv(logs.TRACES, collector.url)
        app = create_app(config_in(tmp_path), passwords=QUICK)
        sent = trace_if_wanted(app)
        assert sent is not None
        with listening(app) as url:
            for path in ("/healthz", "/readyz", "/metrics"):
                assert httpx.get(f"{url}{path}").status_code == 200
            assert httpx.get(f"{url}/api/v1/plans/0123456789ab").status_code == 401
            assert httpx.post(f"{url}/api/v1/session", json={}).status_code == 422
        sent.shutdown()
        spans = [span for span in collector.spans() if span.kind == span.SPAN_KIND_SERVER]
        app.state.desk.store.close()

    told = {}
    for span in spans:
        values = {pair.key: pair.value for pair in span.attributes}
        told[span.name] = values["http.status_code"].int_value
    assert told == {"GET /api/v1/plans/{plan_id}": 401, "POST /api/v1/session": 422}
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in spans)


def test_without_a_word_in_the_environment_nothing_is_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(logs.TRACES, raising=False)

    assert trace_if_wanted(None) is None  # type: ignore[arg-type]


def test_traces_without_their_extra_are_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(logs.TRACES, "http://127.0.0.1:1")
    monkeypatch.setitem(
        __import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None
    )

    with pytest.raises(ThroughbandError, match="install the extra 'traces'"):
        trace_if_wanted(None)  # type: ignore[arg-type]
