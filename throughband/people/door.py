"""Signing in: by password, by a provider's word, by a session's cookie, by a machine's token."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from network.errors import AccessError, RightError, SignInError, StoreUnavailableError
from throughband.people.passwords import Passwords, require_strong
from throughband.people.rights import Right
from throughband.store import Store
from throughband.store.rows import ApiToken, Session, User

TOKEN_PREFIX: Final = "tb_"  # noqa: S105 - so that scanners of leaks know one
MOST_TOKEN_DAYS: Final = 366
_log = logging.getLogger(__name__)

SEEN_EVERY: Final = timedelta(minutes=1)
"""A session's last use is kept no finer than this, to spare the database."""
KNOWN_FOR: Final = timedelta(days=30)
"""How long an address is known as one that somebody signed in from."""

MOST_FAILURES_TOLD: Final = 200
"""Failed attempts that the journal tells of within a span, so that nobody fills it from outside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long sessions last, and how often one may fail to sign in.

    Attributes
    ----------
    session, idle
        Longest life of a session, and longest rest.
    failures_of_name, failures_of_address, span
        Failed attempts within a span after which no more are looked at.
    """

    session: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)
    failures_of_name: int = 5
    failures_of_address: int = 20
    span: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in.

    Attributes
    ----------
    user
        The account.
    rights
        What may be done this way; of a token perhaps less than the account's.
    csrf_token
        What a form has to bring along; empty with a token, which no browser sends by itself.
    session_hash
        Of the session; empty with a token.
    """

    user: User
    rights: frozenset[Right]
    csrf_token: str = ""
    session_hash: str = ""

    @property
    def name(self) -> str:
        """Name for the record."""
        return self.user.name

    def may(self, right: Right) -> bool:
        """Tell whether the person has a right."""
        return right in self.rights


class TooManyAttemptsError(SignInError):
    """Signing in failed too often lately.

    Parameters
    ----------
    retry_after_s
        When to try again.
    """

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"too many failed attempts to sign in; try again in {max(1, retry_after_s // 60)} min"
        )


class Door:
    """Lets people in.

    Parameters
    ----------
    store
        Accounts, sessions and tokens.
    clock
        The present.
    limits
        Of sessions and attempts.
    passwords
        How they are compared.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        limits: Limits | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self.limits = limits or Limits()
        self._passwords = passwords or Passwords()

    def sign_in(
        self, name: str, password: str, address: str, agent: str = ""
    ) -> tuple[str, Person]:
        """Sign somebody in by password.

        Returns
        -------
        str, Person
            The session's token, for the cookie, and who it is.

        Raises
        ------
        TooManyAttemptsError
            The name or the address failed too often lately.
        SignInError
            Name or password are wrong, or the account is closed; which, is not told.
        """
        now = self._clock()
        attempts, limits = self._store.attempts, self.limits
        of_name = f"name {name.casefold()}"
        most = {of_name: limits.failures_of_name}
        # Who came from there before is not kept out by somebody else's failures there.
        if not attempts.knows(name, address, now - KNOWN_FOR):
            most[f"address {address}"] = limits.failures_of_address
        begun = attempts.begin(most, now, now - limits.span)
        if begun is None:
            raise TooManyAttemptsError(round(limits.span.total_seconds()))
        user = self._store.users.of_name(name)
        kept = user.password_hash if user is not None and user.is_active else None
        if not self._passwords.matches(password, kept) or user is None or kept is None:
            self._tell_failure(user, address, attempts.since(of_name, now - limits.span))
            raise SignInError("name or password are wrong, or the account is closed")
        attempts.take_back(begun)
        attempts.forget(of_name)
        attempts.know(name, address, now, now - KNOWN_FOR)
        if self._passwords.is_outdated(kept):
            self._store.users.keep_hash(user.id, self._passwords.hash(password))
        return self.open_session(user, agent)

    def open_session(self, user: User, agent: str = "") -> tuple[str, Person]:
        """Open a session for somebody who was recognized.

        Raises
        ------
        SignInError
            If the account is closed.
        """
        if not user.is_active:
            raise SignInError("the account is closed")
        now = self._clock()
        token = secrets.token_urlsafe(32)
        session = Session(
            _digest(token), user.id, secrets.token_urlsafe(32), now, now,
            now + self.limits.session, agent[:200],
        )  # fmt: skip
        self._store.sessions.add(session)
        self._tell("signed in", user.name, agent=session.agent)
        return token, Person(user, user.rights, session.csrf_token, session.token_hash)

    def _tell_failure(self, user: User | None, address: str, failures: int) -> None:
        # An unknown name is not told: people type passwords there. It is recorded all the same, as
        # otherwise the time taken would tell which names are accounts.
        now = self._clock()
        told = {"failures told": MOST_FAILURES_TOLD}
        if self._store.attempts.begin(told, now, now - self.limits.span) is None:
            return
        self._tell(
            "sign-in failed",
            user.name if user is not None else "somebody unknown",
            address=address,
            locked=failures >= self.limits.failures_of_name,
        )

    def _tell(self, event: str, by: str, **details: object) -> None:
        # Whoever has to give controllers back signs in even while the journal is gone.
        _noted(lambda: self._store.audit(event, by, self._clock(), **details))

    def of_cookie(self, token: str) -> Person | None:
        """Return whose session a cookie's token is, or None if it is over or nobody's."""
        found = self._store.sessions.find(_digest(token))
        if found is None:
            return None
        session, user = found
        now = self._clock()
        if now >= session.expires_utc or now - session.seen_utc >= self.limits.idle:
            _noted(lambda: self._store.sessions.end(session.token_hash))
            return None
        if not user.is_active:
            return None
        if now - session.seen_utc >= SEEN_EVERY:
            _noted(lambda: self._store.sessions.see(session.token_hash, now))
        return Person(user, user.rights, session.csrf_token, session.token_hash)

    def of_bearer(self, token: str) -> Person | None:
        """Return who a machine's token speaks for, or None if it is over or nobody's."""
        found = self._store.tokens.find(_digest(token))
        if found is None:
            return None
        kept, user = found
        now = self._clock()
        if now >= kept.expires_utc or not user.is_active:
            return None
        if kept.used_utc is None or now - kept.used_utc >= SEEN_EVERY:
            _noted(lambda: self._store.tokens.see(kept.id, now))
        # Rights taken from the person are taken from the machine.
        return Person(user, kept.rights & user.rights)

    def sign_out(self, person: Person) -> None:
        """End the session that somebody is signed in by."""
        if person.session_hash:
            self._store.sessions.end(person.session_hash)
            self._tell("signed out", person.name)

    def make_token(
        self, person: Person, name: str, rights: Iterable[Right], days: int
    ) -> tuple[str, ApiToken]:
        """Make a machine's token in somebody's name.

        Returns
        -------
        str, ApiToken
            The token, which is shown once and kept nowhere, and its row.

        Raises
        ------
        RightError
            If a machine asks: a token that made others would outlive its own end.
        AccessError
            If it were to have rights the person has not, or to last longer than a year.
        """
        if not person.session_hash:
            raise RightError("a token makes no other tokens; sign in to make one")
        wanted = frozenset(rights)
        if not wanted or wanted - person.rights:
            raise AccessError(
                f"a token has some of the rights of its person; {person.name} has "
                f"{', '.join(sorted(person.rights))}"
            )
        if not 1 <= days <= MOST_TOKEN_DAYS:
            raise AccessError(f"a token lasts {days} days; allowed are 1 to {MOST_TOKEN_DAYS}")
        now = self._clock()
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        row = self._store.tokens.add(
            person.user.id, name, _digest(token), wanted, now, now + timedelta(days=days)
        )
        return token, row

    def add_user(
        self, name: str, full_name: str, rights: Iterable[Right], password: str | None
    ) -> User:
        """Add an account; without a password it is for a provider's word alone.

        Raises
        ------
        AccessError
            If the password is too easily found.
        StoreError
            If the name is taken.
        """
        kept = None
        if password is not None:
            require_strong(password, name)
            kept = self._passwords.hash(password)
        return self._store.users.add(name, full_name, rights, self._clock(), kept)

    def change_password(self, user: User, seen_version: int, password: str) -> User:
        """Give an account a new password; signs it out everywhere and ends its tokens.

        Raises
        ------
        AccessError
            If it is too easily found.
        """
        require_strong(password, user.name)
        return self._store.users.change(
            user.id, seen_version, password_hash=self._passwords.hash(password)
        )

    def knows(self, user: User, password: str) -> bool:
        """Tell whether it is somebody's password."""
        return self._passwords.matches(password, user.password_hash)


def _noted(note: Callable[[], object]) -> None:
    """Write down when somebody came, if that can be: who only looks need not wait for a lock."""
    try:
        note()
    except StoreUnavailableError as error:
        _log.warning("%s", error)


def same(one: str, other: str) -> bool:
    """Compare secrets without telling by the time taken where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(token: str) -> str:
    # Tokens are long and random: a plain hash of one cannot be turned back.
    return hashlib.sha256(token.encode()).hexdigest()
