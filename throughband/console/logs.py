"""Logs as lines of JSON, each with the correlation id of its request."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from network.errors import ThroughbandError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

FIELDS: Final = ("request_id", "route", "status", "seconds", "person", "client")
TRACES: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Where traces go, as every program with OpenTelemetry reads it."""


class JsonLines(logging.Formatter):
    """Tells a record as one line of JSON; no text in it can break out of its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        content: dict[str, object] = {
            "utc": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        content |= {
            name: value for name in FIELDS if (value := getattr(record, name, None)) is not None
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False, default=str)


def log_as_json(level: int = logging.INFO) -> None:
    """Have everything logged as lines of JSON on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The gate tells of requests, with more in it.
    logging.getLogger("uvicorn.access").disabled = True


def trace_if_wanted(app: FastAPI) -> TracerProvider | None:
    """Send traces of requests where the environment says; its end sends what is left.

    None where the environment says nothing.

    Raises
    ------
    ThroughbandError
        If it says so and the extra ``traces`` is not installed.
    """
    if not os.environ.get(TRACES):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ThroughbandError(
            f"{TRACES} is set and {error.name} is not installed; install the extra 'traces'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "throughband-console"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics"
    )
    return provider
