"""What stands before every route: size, origin, correlation id, headers, log and counters."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("throughband.console.access")

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
JSON_BYTES: Final = 1 << 20
"""Largest body that is no upload."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS: Final = "max-age=31536000"
_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")


class Counters:
    """What Prometheus is told of requests.

    Parameters
    ----------
    registry
        Where they are kept.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "throughband_console_requests", "Requests answered", ["method", "route", "status"],
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "throughband_console_request_seconds", "Time to answer", ["method", "route"],
            registry=registry,
        )  # fmt: skip


class Gate:
    """The outermost layer of the application.

    Parameters
    ----------
    app
        What lies within.
    counters
        For metrics.
    upload_bytes
        Largest upload.
    https
        Whether pages are reached by HTTPS only.
    new_id
        Draws correlation ids.
    is_open
        Tells of a method and a path whether somebody who presents nothing may go on.
    on_fault
        Answers where what lies within failed.
    public_url
        What browsers reach pages by, where a proxy may ask us by another name.
    """

    def __init__(
        self,
        app: ASGIApp,
        counters: Counters,
        upload_bytes: int,
        https: bool,
        new_id: Callable[[], str],
        is_open: Callable[[str, str], bool],
        on_fault: Callable[[Request], ASGIApp],
        public_url: str | None = None,
    ) -> None:
        self._app = app
        self._counters = counters
        self._upload_bytes = upload_bytes
        self._https = https
        self._new_id = new_id
        self._is_open = is_open
        self._on_fault = on_fault
        self._public_host = urlsplit(public_url or "").netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        asked = headers.get("x-request-id", "")
        request_id = asked if _ID.fullmatch(asked) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        begun_s = time.perf_counter()
        answer = _Answer(send, request_id, self._https)
        try:
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                await _refuse(answer, *refusal, request_id)
            else:
                await self._pass(scope, receive, answer, self._limit(headers), request_id)
        finally:
            self._tell(scope, answer.status or 500, time.perf_counter() - begun_s, request_id)

    async def _pass(
        self, scope: Scope, receive: Receive, answer: _Answer, limit: int, request_id: str
    ) -> None:
        bounded = _Bounded(receive, limit)
        held = _Held(answer, bounded)
        try:
            await self._app(scope, bounded, held)
        except _TooLargeError:
            held.is_dropped = True
        except Exception:  # the last place that can tell whoever asks, and the log
            _log.exception(
                "%s %s failed", scope["method"], scope["path"], extra={"request_id": request_id}
            )
            if answer.status:
                raise
            told = await run_in_threadpool(self._on_fault, Request(scope, receive))
            await told(scope, receive, answer)
        if held.is_dropped:
            await _refuse(answer, 413, f"the body is larger than {limit} bytes", request_id)

    def _limit(self, headers: dict[str, str]) -> int:
        is_upload = headers.get("content-type", "").startswith("multipart/form-data")
        return self._upload_bytes if is_upload else JSON_BYTES

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        limit = self._limit(headers)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > limit:
            return 413, f"the body has {length} bytes; allowed are {limit}"
        if scope["method"] in SAFE:
            return None
        if _is_foreign(headers, self._public_host):
            return 403, "the request comes from another site"
        presents = "authorization" in headers or "cookie" in headers
        if not presents and not self._is_open(scope["method"], scope["path"]):
            # Before its body is read.
            return 401, "nobody is signed in"
        return None

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._counters.requests.labels(method, route, str(status)).inc()
        self._counters.seconds.labels(method, route).observe(seconds)
        person = scope.get("state", {}).get("person")
        _log.info(
            "%s %s %d",
            scope["method"],
            scope["path"],
            status,
            extra={
                "request_id": request_id,
                "route": route,
                "status": status,
                "seconds": round(seconds, 4),
                "person": person.name if person is not None else None,
                "client": (scope.get("client") or ("",))[0],
            },
        )


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _TooLargeError(Exception):
    pass


class _Bounded:
    """Reads a body up to a limit; its length need not have been told."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self.is_exceeded = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.is_exceeded = True
            raise _TooLargeError
        return message


class _Held:
    """Drops an answer to a body that was cut off: what lies within may take it for nonsense."""

    def __init__(self, answer: _Answer, bounded: _Bounded) -> None:
        self._answer = answer
        self._bounded = bounded
        self.is_dropped = False

    async def __call__(self, message: Message) -> None:
        if self._bounded.is_exceeded and not self._answer.status:
            self.is_dropped = True
        if not self.is_dropped:
            await self._answer(message)


class _Answer:
    """Adds the headers that every answer has, and remembers the status."""

    def __init__(self, send: Send, request_id: str, https: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._https = https
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {**HEADERS, "X-Request-ID": self._request_id}
            if self._https:
                own["Strict-Transport-Security"] = HSTS
            there = {name.lower() for name, _ in message["headers"]}
            if b"cache-control" not in there:
                own["Cache-Control"] = "no-store"
            message["headers"] = [
                *message["headers"],
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in own.items()
                    if name.lower().encode() not in there
                ),
            ]
        await self._send(message)


async def _refuse(answer: _Answer, status: int, text: str, request_id: str) -> None:
    body = json.dumps(
        {"error": "Gate", "message": text, "changes": [], "request_id": request_id}
    ).encode()
    headers: list[Any] = [(b"content-type", b"application/json")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})


def _is_foreign(headers: dict[str, str], public_host: str) -> bool:
    """Tell whether a browser says that another site's page sends this."""
    if headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    host = headers.get("host", "").lower()
    try:
        return urlsplit(origin).netloc.lower() not in {host, public_host or host}
    except ValueError:
        return True
