"""Signing in with the agency's own accounts: OpenID Connect, authorization code with PKCE.

The provider's word is an ID token whose signature, issuer, audience, times and nonce are checked
(OpenID Connect Core 1.0, section 3.1.3.7). Groups it names bring rights as the configuration says;
an account of ours is bound to issuer and subject, never to a name that somebody might take over.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from network.errors import SignInError, StoreUnavailableError
from throughband.people.agency import Oidc, Pending
from throughband.people.door import same
from throughband.people.rights import Right
from throughband.store import Store
from throughband.store.rows import User

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures with a public key only; an HMAC or none would let others make tokens."""

LEEWAY_S: Final = 60
TIMEOUT_S: Final = 10.0
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ODD: Final = re.compile(r"[^0-9A-Za-z._@-]+")


class Provider:
    """An OpenID provider.

    Parameters
    ----------
    settings
        As configured.
    store
        For accounts.
    clock
        The present.

    Raises
    ------
    SignInError
        If it is not reached by HTTPS; only on this machine may it be without.
    """

    def __init__(self, settings: Oidc, store: Store, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._known: dict[str, Any] = {}
        _require_private(settings.issuer)

    def begin(self, redirect_uri: str, after: str = "/") -> tuple[str, Pending]:
        """Begin a sign-in.

        Parameters
        ----------
        redirect_uri
            Where the provider is to send the browser back to.
        after
            Where the person wanted to go.

        Returns
        -------
        str, Pending
            Where to send the browser, and what it has to bring back.

        Raises
        ------
        StoreUnavailableError
            If the provider does not answer.
        """
        pending = Pending(*_drawn(), after)
        url = httpx.URL(self._metadata()["authorization_endpoint"]).copy_merge_params(
            {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self._settings.scopes),
                "state": pending.state,
                "nonce": pending.nonce,
                "code_challenge": _challenge(pending.verifier),
                "code_challenge_method": "S256",
            }
        )
        return str(url), pending

    def finish(self, pending: Pending, state: str, code: str, redirect_uri: str) -> User:
        """Finish a sign-in: return the account, made or brought up to date.

        Raises
        ------
        SignInError
            If the provider's word does not hold, or none of the groups may use the console.
        StoreUnavailableError
            If the provider does not answer.
        """
        if not same(state, pending.state):
            raise SignInError("this sign-in was not begun here; begin again")
        token = self._token(code, pending.verifier, redirect_uri)
        return self._account(self._claims(str(token.get("id_token", "")), pending.nonce))

    def _token(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """Exchange a code for the provider's word (RFC 6749, section 4.1.3; RFC 7636)."""
        metadata = self._metadata()
        name, secret = self._settings.client_id, self._settings.client_secret
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        # Of what a provider may take, the header, as that is its default (OpenID Connect
        # Discovery 1.0, section 3) and what RFC 6749 asks every provider to take.
        taken = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth = None
        if "client_secret_basic" in taken or "client_secret_post" not in taken:
            auth = httpx.BasicAuth(quote_plus(name), quote_plus(secret))
        else:
            fields |= {"client_id": name, "client_secret": secret}
        url = metadata["token_endpoint"]
        try:
            answer = httpx.post(
                url, data=fields, auth=auth, timeout=TIMEOUT_S,
                headers={"Accept": "application/json"},
            )  # fmt: skip
            if answer.status_code >= 500:
                answer.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _silent(self._settings.issuer, error) from error
        try:
            content = answer.json()
        except ValueError as error:
            raise SignInError("the provider's answer cannot be read") from error
        if not isinstance(content, dict):
            raise SignInError("the provider's answer cannot be read")
        if "error" in content or not answer.is_success:
            told = [content.get("error", f"status {answer.status_code}")]
            told += [text for text in (content.get("error_description"),) if text]
            raise SignInError(
                f"the provider refuses ({': '.join(str(text)[:200] for text in told)})"
            )
        return content

    def _metadata(self) -> dict[str, Any]:
        if "metadata" not in self._known:
            found = _fetched(f"{self._settings.issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self._settings.issuer:
                raise SignInError(f"{self._settings.issuer}: says it is {found.get('issuer')!r}")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _require_private(str(found.get(name, "")))
            self._known["metadata"] = found
        metadata: dict[str, Any] = self._known["metadata"]
        return metadata

    def _keys(self, anew: bool) -> KeySet:
        if anew or "keys" not in self._known:
            self._known["keys"] = _fetched(self._metadata()["jwks_uri"])
        return KeySet.import_key_set(self._known["keys"])

    def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        try:
            try:
                decoded = jwt.decode(id_token, self._keys(anew=False), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                # The provider may have changed its keys since.
                decoded = jwt.decode(id_token, self._keys(anew=True), algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                now=round(self._clock().timestamp()),
                leeway=LEEWAY_S,
                iss={
                    "essential": True,
                    "values": [self._settings.issuer, f"{self._settings.issuer}/"],
                },
                aud={"essential": True, "value": self._settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise SignInError(f"the provider's word does not hold ({error})") from error
        authorized = decoded.claims.get("azp")
        if authorized is not None and authorized != self._settings.client_id:
            raise SignInError("the provider's word is for another client")
        return dict(decoded.claims)

    def _account(self, claims: Mapping[str, Any]) -> User:
        groups = claims.get(self._settings.roles_claim) or []
        groups = [groups] if isinstance(groups, str) else groups
        rights: set[Right] = set()
        for group in groups if isinstance(groups, list) else []:
            rights |= self._settings.roles.get(str(group), frozenset())
        subject = f"{self._settings.issuer} {claims['sub']}"
        found = self._store.users.of_subject(subject)
        if not rights:
            if found is not None and found.rights and found.is_active:
                self._store.users.change(found.id, found.version, rights=[])
            raise SignInError("none of your groups may use the console; ask who administers it")
        if found is not None:
            if not found.is_active:
                raise SignInError("the account is closed")
            if found.rights != rights:
                return self._store.users.change(found.id, found.version, rights=rights)
            return found
        name = _ODD.sub("-", str(claims.get(self._settings.name_claim) or claims["sub"]))[:100]
        if self._store.users.of_name(name) is not None:
            raise SignInError(
                f"there is an account {name!r} that is not bound to the provider; ask who "
                "administers the console"
            )
        full_name = str(claims.get("name") or name)[:200]
        return self._store.users.add(name, full_name, rights, self._clock(), None, subject)


def _drawn() -> tuple[str, str, str]:
    """Return a state, a nonce and a verifier that nobody can guess."""
    return secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32)


def _challenge(verifier: str) -> str:
    """Return what the provider is told of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _fetched(url: str) -> dict[str, Any]:
    try:
        answer = httpx.get(url, timeout=TIMEOUT_S)
        answer.raise_for_status()
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _silent(url, error) from error
    if not isinstance(content, dict):
        raise _silent(url, ValueError("not a JSON object"))
    return content


def _silent(url: str, error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"{url}: the provider does not answer as it should ({error})")


def _require_private(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_private = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in LOOPBACK
        )
    except ValueError:
        is_private = False
    if not is_private:
        raise SignInError(f"{url!r}: a provider is reached by HTTPS only")
