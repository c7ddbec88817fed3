"""A small OpenID provider on the loopback, with real signatures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "throughband", "a client's secret"


@cache
def key_of(kid: str, owner: str = "provider") -> RSAKey:
    """Return somebody's key; made once, as that takes time."""
    return RSAKey.generate_key(2048, {"kid": kid, "tb_owner": owner})


@dataclass
class SmallProvider:
    """Signs everybody in as the person it was told of.

    Attributes
    ----------
    now_s
        Its clock.
    claims
        Of the person.
    spoil
        What to change in an ID token before it is signed.
    takes_posted
        Takes a client's secret in the form only, not in the header.
    refusal
        Answers every code with this instead.
    """

    now_s: Callable[[], float]
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "4711"})
    spoil: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    takes_posted: bool = False
    refusal: Any = None

    def __post_init__(self) -> None:
        self.key = key_of("one")
        self.signs_with = self.key
        self.begun: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """Use another key from now on."""
        self.key = self.signs_with = key_of("two")

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def metadata() -> dict[str, Any]:
            way = "client_secret_post" if self.takes_posted else "client_secret_basic"
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "token_endpoint_auth_methods_supported": [way],
                "jwks_uri": f"{self.url}/keys",
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [self.key.as_dict(private=False)]}

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["response_type"] == "code"
            assert asked["client_id"] == CLIENT
            assert asked["code_challenge_method"] == "S256"
            code = f"code {len(self.begun)}"
            self.begun[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

        @app.post("/token")
        async def token(request: Request) -> Response:
            form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
            if self.refusal is not None:
                return JSONResponse(self.refusal, 400)
            asked = self.begun.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(
                hashlib.sha256(form["code_verifier"].encode()).digest()
            ).decode()
            if (
                asked is None
                or not self._is_client(request.headers.get("authorization"), form)
                or form["grant_type"] != "authorization_code"
                or asked["code_challenge"] != challenge.rstrip("=")
                or asked["redirect_uri"] != form["redirect_uri"]
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            now = int(self.now_s())
            claims = {
                "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300,
                "nonce": asked["nonce"], **self.claims, **self.spoil,
            }  # fmt: skip
            head = {"alg": "RS256", "kid": self.signs_with.kid}
            signed = jwt.encode(head, claims, self.signs_with)
            return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": signed})

        return app

    def _is_client(self, header: str | None, form: dict[str, str]) -> bool:
        if self.takes_posted:
            given = (form.get("client_id"), form.get("client_secret"))
            return header is None and given == (CLIENT, SECRET)
        kind, _, basic = (header or "").partition(" ")
        parts = base64.b64decode(basic).decode().split(":")
        return kind == "Basic" and [unquote_plus(part) for part in parts] == [CLIENT, SECRET]
