"""Accounts, sessions, tokens, and attempts to sign in; secrets only as hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from network.errors import StaleError, StoreError
from throughband.people.rights import Right
from throughband.store.repository import Repository, counted, first, is_among, many, one
from throughband.store.rows import SESSION_ID, ApiToken, Session, User
from throughband.store.tables import sessions, sign_in_attempts, tokens, users

KNOWN: Final = "known "
"""Begins the keys that stand for a success, not for a failure."""


class Users(Repository):
    """Accounts by id; they are never removed, as records name them, only closed."""

    def add(
        self,
        name: str,
        full_name: str,
        rights: Iterable[Right],
        now_utc: datetime,
        password_hash: str | None = None,
        subject: str | None = None,
    ) -> User:
        """Add an account.

        Parameters
        ----------
        name, full_name
            To sign in with, and for people.
        rights
            What the person may do.
        now_utc
            The present.
        password_hash, subject
            How the person is recognized: argon2's hash, or issuer and subject of OIDC.

        Raises
        ------
        StoreError
            If another account has the name or the subject.
        """
        row = User(
            self._new_id(), name, full_name, frozenset(rights), True, now_utc, None, 1,
            password_hash, subject,
        )  # fmt: skip
        with self._database.writing() as connection:
            self._database.hold(connection)
            if first(connection, User, users, users.c.name == name) is not None:
                raise StoreError(f"there is an account {name!r} already")
            if subject and first(connection, User, users, users.c.subject == subject):
                raise StoreError(f"another account is bound to {subject!r} already")
            connection.execute(insert(users).values(**_values(row)))
        return row

    def get(self, user_id: str) -> User:
        """Return an account; raise `MissingError` if there is none."""
        with self._database.reading() as connection:
            return one(connection, User, users, user_id, "account")

    def of_name(self, name: str) -> User | None:
        """Return the account of a name, or None."""
        with self._database.reading() as connection:
            return first(connection, User, users, users.c.name == name)

    def of_subject(self, subject: str) -> User | None:
        """Return the account bound to an OIDC subject, or None."""
        with self._database.reading() as connection:
            return first(connection, User, users, users.c.subject == subject)

    def listed(self) -> list[User]:
        """Return all accounts by name."""
        with self._database.reading() as connection:
            return many(connection, User, select(users).order_by(users.c.name))

    def change(
        self,
        user_id: str,
        seen_version: int,
        *,
        full_name: str | None = None,
        rights: Iterable[Right] | None = None,
        is_active: bool | None = None,
        password_hash: str | None = None,
    ) -> User:
        """Change an account; what is None stays.

        Somebody whose rights, password or account changed is signed out everywhere; a new
        password and a closed account end the person's tokens, too.

        Raises
        ------
        StaleError
            If it was changed since `seen_version`.
        StoreError
            If nobody would be left who may administer.
        """
        values: dict[str, Any] = {}
        if full_name is not None:
            values["full_name"] = full_name
        if rights is not None:
            values["rights"] = sorted(rights)
        if is_active is not None:
            values["is_active"] = is_active
        if password_hash is not None:
            values["password_hash"] = password_hash
        with self._database.writing() as connection:
            self._database.hold(connection)
            before = one(connection, User, users, user_id, "account")
            if before.version != seen_version:
                raise StaleError(
                    f"account {before.name!r} was changed meanwhile (version {before.version}, "
                    f"the page showed {seen_version}); look again"
                )
            connection.execute(
                update(users)
                .where(users.c.id == user_id)
                .values(version=before.version + 1, **values)
            )
            everyone = many(connection, User, select(users))
            administer = [u for u in everyone if u.is_active and Right.ADMINISTER in u.rights]
            if Right.ADMINISTER in before.rights and before.is_active and not administer:
                raise StoreError("the last account that may administer has to stay; add another")
            if values.keys() - {"full_name"}:
                connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            if is_active is False or password_hash is not None:
                connection.execute(delete(tokens).where(tokens.c.user_id == user_id))
            return one(connection, User, users, user_id, "account")

    def keep_hash(self, user_id: str, password_hash: str) -> None:
        """Keep the same password's hash in a newer form."""
        with self._database.writing() as connection:
            connection.execute(
                update(users).where(users.c.id == user_id).values(password_hash=password_hash)
            )


class Sessions(Repository):
    """Sessions by the hash of their token."""

    def add(self, row: Session) -> None:
        """Keep a new session; those that are over are forgotten."""
        values = {column.name: getattr(row, column.name) for column in sessions.columns}
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_utc <= row.created_utc))
            connection.execute(insert(sessions).values(**values))
            connection.execute(
                update(users).where(users.c.id == row.user_id).values(last_seen_utc=row.created_utc)
            )

    def find(self, token_hash: str) -> tuple[Session, User] | None:
        """Return a session and whose it is, or None."""
        with self._database.reading() as connection:
            found = first(connection, Session, sessions, sessions.c.token_hash == token_hash)
            if found is None:
                return None
            return found, one(connection, User, users, found.user_id, "account")

    def see(self, token_hash: str, now_utc: datetime) -> None:
        """Say that a session was used."""
        with self._database.writing() as connection:
            connection.execute(
                update(sessions).where(sessions.c.token_hash == token_hash).values(seen_utc=now_utc)
            )

    def end(self, token_hash: str) -> bool:
        """Forget a session; False if there was none."""
        with self._database.writing() as connection:
            done = connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))
            return done.rowcount == 1

    def listed(self, user_id: str, now_utc: datetime, idle: timedelta) -> list[Session]:
        """Return somebody's sessions that still hold, the one used last first."""
        statement = (
            select(sessions)
            .where(
                sessions.c.user_id == user_id,
                sessions.c.expires_utc > now_utc,
                sessions.c.seen_utc > now_utc - idle,
            )
            .order_by(sessions.c.seen_utc.desc(), sessions.c.token_hash)
        )
        with self._database.reading() as connection:
            return many(connection, Session, statement)

    def counted(self, now_utc: datetime, idle: timedelta) -> dict[str, int]:
        """Return how many sessions still hold, by account."""
        statement = (
            select(sessions.c.user_id, func.count())
            .where(sessions.c.expires_utc > now_utc, sessions.c.seen_utc > now_utc - idle)
            .group_by(sessions.c.user_id)
        )
        with self._database.reading() as connection:
            return {str(user_id): int(n) for user_id, n in connection.execute(statement)}

    def end_one(self, session_id: str, user_id: str) -> bool:
        """Forget one session of somebody by `Session.id`; False if there is none."""
        if len(session_id) != SESSION_ID:
            return False
        condition = sessions.c.token_hash.startswith(session_id, autoescape=True)
        with self._database.writing() as connection:
            done = connection.execute(
                delete(sessions).where(sessions.c.user_id == user_id, condition)
            )
            return done.rowcount > 0

    def end_all(self, user_id: str) -> int:
        """Forget all sessions of somebody."""
        with self._database.writing() as connection:
            done = connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            return int(done.rowcount)


class Tokens(Repository):
    """Keys of machines by id."""

    def add(
        self,
        user_id: str,
        name: str,
        token_hash: str,
        rights: Iterable[Right],
        now_utc: datetime,
        expires_utc: datetime,
    ) -> ApiToken:
        """Keep a token's hash."""
        row = ApiToken(
            self._new_id(), user_id, name, token_hash, frozenset(rights), now_utc, expires_utc,
            None,
        )  # fmt: skip
        with self._database.writing() as connection:
            one(connection, User, users, user_id, "account")
            connection.execute(insert(tokens).values(**_values(row)))
        return row

    def find(self, token_hash: str) -> tuple[ApiToken, User] | None:
        """Return a token and whose it is, or None."""
        with self._database.reading() as connection:
            found = first(connection, ApiToken, tokens, tokens.c.token_hash == token_hash)
            if found is None:
                return None
            return found, one(connection, User, users, found.user_id, "account")

    def see(self, token_id: str, now_utc: datetime) -> None:
        """Say that a token was used."""
        with self._database.writing() as connection:
            connection.execute(
                update(tokens).where(tokens.c.id == token_id).values(used_utc=now_utc)
            )

    def listed(self, user_id: str) -> list[ApiToken]:
        """Return somebody's tokens, the newest first."""
        statement = (
            select(tokens).where(tokens.c.user_id == user_id).order_by(tokens.c.created_utc.desc())
        )
        with self._database.reading() as connection:
            return many(connection, ApiToken, statement)

    def counted(self, now_utc: datetime) -> dict[str, int]:
        """Return how many tokens still hold, by account."""
        statement = (
            select(tokens.c.user_id, func.count())
            .where(tokens.c.expires_utc > now_utc)
            .group_by(tokens.c.user_id)
        )
        with self._database.reading() as connection:
            return {str(user_id): int(n) for user_id, n in connection.execute(statement)}

    def end(self, token_id: str, user_id: str) -> bool:
        """Forget a token of somebody; False if there is none."""
        with self._database.writing() as connection:
            done = connection.execute(
                delete(tokens).where(tokens.c.id == token_id, tokens.c.user_id == user_id)
            )
            return done.rowcount == 1


class Attempts(Repository):
    """Failed attempts to sign in, and where people did; kept over restarts to limit the rate."""

    def begin(
        self, most: Mapping[str, int], now_utc: datetime, since_utc: datetime
    ) -> tuple[int, ...] | None:
        """Record an attempt before it is looked at, unless there were too many.

        Whoever comes meanwhile finds it counted already, so that many at once are no more than
        as many in turn.

        Parameters
        ----------
        most
            Attempts allowed within the span, by key (name, address).
        now_utc, since_utc
            The present and the beginning of the span; older ones are forgotten.

        Returns
        -------
        tuple of int, or None
            What `take_back` takes if it was no failure; None if it is one too many.
        """
        table = sign_in_attempts
        old = (table.c.utc < since_utc) & table.c.key.not_like(f"{KNOWN}%")
        with self._database.writing() as connection:
            self._database.hold(connection)
            connection.execute(delete(table).where(old))
            for key, allowed in most.items():
                if counted(connection, table, table.c.key == key[:200]) >= allowed:
                    return None
            numbered = insert(table).returning(table.c.number)
            made = [
                connection.execute(numbered.values(key=key[:200], utc=now_utc)).scalar_one()
                for key in most
            ]
            return tuple(made)

    def take_back(self, numbers: Sequence[int]) -> None:
        """Forget what `begin` recorded, as it was no failure."""
        with self._database.writing() as connection:
            connection.execute(
                delete(sign_in_attempts).where(is_among(sign_in_attempts.c.number, numbers))
            )

    def know(self, name: str, address: str, now_utc: datetime, forget_before_utc: datetime) -> None:
        """Keep that somebody signed in from an address, and forget those of long ago."""
        table, key = sign_in_attempts, _known(name, address)
        long_ago = table.c.key.like(f"{KNOWN}%") & (table.c.utc < forget_before_utc)
        with self._database.writing() as connection:
            connection.execute(delete(table).where(long_ago | (table.c.key == key)))
            connection.execute(insert(table).values(key=key, utc=now_utc))

    def knows(self, name: str, address: str, since_utc: datetime) -> bool:
        """Tell whether somebody signed in from an address lately."""
        return self.since(_known(name, address), since_utc) > 0

    def since(self, key: str, since_utc: datetime) -> int:
        """Return how many there were under a key."""
        with self._database.reading() as connection:
            return counted(
                connection,
                sign_in_attempts,
                sign_in_attempts.c.key == key[:200],
                sign_in_attempts.c.utc >= since_utc,
            )

    def forget(self, key: str) -> None:
        """Forget those under a key, after a success."""
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_attempts).where(sign_in_attempts.c.key == key[:200]))


def _known(name: str, address: str) -> str:
    # Of one length whatever the name, and telling nobody who is where.
    return KNOWN + hashlib.sha256(f"{address} {name}".encode()).hexdigest()


def _values(row: User | ApiToken) -> dict[str, Any]:
    table = users if isinstance(row, User) else tokens
    values = {column.name: getattr(row, column.name) for column in table.columns}
    return values | {"rights": sorted(row.rights)}
