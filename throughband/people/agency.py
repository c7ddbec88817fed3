"""What is known of an agency's provider of accounts, and a sign-in with it that was begun.

Apart from `throughband.people.oidc`, so that a console without a provider loads nothing of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from network.errors import SignInError
from throughband.people.rights import Right


@dataclass(frozen=True, slots=True)
class Oidc:
    """How to sign in with a provider.

    Attributes
    ----------
    name
        What the button says.
    issuer, client_id, client_secret, scopes
        As registered there.
    name_claim, roles_claim
        Claims of the name to sign in with and of the groups.
    roles
        By group, the rights it brings.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    name_claim: str
    roles_claim: str
    roles: Mapping[str, frozenset[Right]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that was begun; kept by the browser alone, until it comes back."""

    state: str
    nonce: str
    verifier: str
    after: str = "/"

    def to_text(self) -> str:
        """Return it as the value of a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def of_text(cls, text: str) -> Pending:
        """Return what `to_text` told; raise `SignInError` if it is something else."""
        try:
            return cls(**{k: str(v) for k, v in json.loads(base64.urlsafe_b64decode(text)).items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise SignInError("this sign-in was not begun here; begin again") from error
