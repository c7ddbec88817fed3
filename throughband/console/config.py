"""The console's configuration: one TOML file; paths in it are relative to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from network.errors import ThroughbandError
from throughband.benefits import read_rates
from throughband.people.agency import Oidc
from throughband.people.door import Limits
from throughband.people.rights import rights_of
from throughband.settings_file import read_settings

MEBIBYTE: Final = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ServeEntry(_Strict):
    """``[serve]``: where to listen, and what stands in front."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    https: bool = False
    public_url: str | None = None
    trusted_proxies: list[str] = Field(default_factory=list)

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, value: str | None) -> str | None:
        """Take scheme, host and port alone: pages link to each other from the root."""
        if value is None:
            return None
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        origin = f"{parts.scheme}://{host}{port}"
        if parts.scheme not in ("http", "https") or not host or value.rstrip("/") != origin:
            raise ValueError(
                f"{value!r}; allowed are http or https, a host in small letters and a port, such "
                "as 'https://signals.example.org'"
            )
        return origin

    @model_validator(mode="after")
    def _agrees(self) -> ServeEntry:
        if self.public_url is not None:
            is_private = self.public_url.startswith("https:")
            if "https" in self.model_fields_set and self.https != is_private:
                raise ValueError(f"https is {self.https}, and public_url is {self.public_url}")
            self.https = is_private
        return self


class SiteEntry(_Strict):
    """``[site]``: what pages say of the installation."""

    name: str = Field("", max_length=60)


class SessionEntry(_Strict):
    """``[sessions]``: hours, and failed attempts to sign in within so many minutes."""

    hours: float = Field(12, gt=0, le=24 * 31)
    idle_hours: float = Field(2, gt=0, le=24 * 31)
    failures_of_name: int = Field(5, ge=1)
    failures_of_address: int = Field(20, ge=1)
    within_minutes: float = Field(15, gt=0)


class LimitsEntry(_Strict):
    """``[limits]``: of uploads, work at a time, approvals, and pushes before their time."""

    upload_mb: float = Field(64, gt=0)
    runs_at_once: int = Field(1, ge=1)
    runs_waiting: int = Field(20, ge=1)
    approval_hours: float = Field(12, ge=0.01, le=24 * 31)
    push_lead_minutes: float = Field(10, ge=1, le=24 * 60)


class OidcEntry(_Strict):
    """``[oidc]``: sign-in with the agency's own accounts."""

    name: str = "single sign-on"
    issuer: str
    client_id: str
    client_secret_file: Path
    scopes: list[str] = Field(default_factory=lambda: ["openid", "profile", "email"])
    name_claim: str = "preferred_username"
    roles_claim: str = "groups"
    roles: dict[str, list[str]] = Field(default_factory=dict)


class ConsoleEntry(_Strict):
    """The whole file."""

    database: str = "sqlite:///console.sqlite"
    database_password_file: Path | None = None
    bridge: Path | None = None
    journal: Path | None = None
    folder: Path = Path("console")
    backups: Path = Path("backups")
    rates: Path | None = None
    site: SiteEntry = Field(default_factory=lambda: SiteEntry.model_validate({}))
    serve: ServeEntry = Field(default_factory=lambda: ServeEntry.model_validate({}))
    sessions: SessionEntry = Field(default_factory=lambda: SessionEntry.model_validate({}))
    limits: LimitsEntry = Field(default_factory=lambda: LimitsEntry.model_validate({}))
    oidc: OidcEntry | None = None


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """A console's configuration, checked.

    Attributes
    ----------
    path
        The file.
    database
        Its URL, secrets included.
    bridge
        The bridge's configuration; None where there is no street.
    journal
        Where moves are recorded: the bridge's own, where there is one.
    runs, networks, uploads, backups
        Folders.
    host, port, https, trusted_proxies
        Where to listen; whether pages are reached by HTTPS; whose forwarding headers count.
    public_url
        Scheme, host and port that browsers reach pages by; None where it is what they say.
    limits
        Of sessions and attempts.
    upload_bytes, runs_at_once, runs_waiting, approval
        Bounds.
    oidc
        Sign-in with a provider, if wanted.
    site
        What the installation is called on its pages; may be empty.
    rates
        What the city reckons time, fuel and CO2 at, for the reports of runs; None where no money
        is reckoned.
    push_lead
        How long before the time that a plan is armed for its push begins to prepare the
        controllers; until then it can be disarmed.
    """

    path: Path
    database: str
    bridge: Path | None
    journal: Path
    runs: Path
    networks: Path
    uploads: Path
    backups: Path
    host: str = "127.0.0.1"
    port: int = 8080
    https: bool = False
    trusted_proxies: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    upload_bytes: int = 64 * MEBIBYTE
    runs_at_once: int = 1
    runs_waiting: int = 20
    approval: timedelta = timedelta(hours=12)
    oidc: Oidc | None = None
    public_url: str | None = None
    site: str = ""
    rates: Path | None = None
    push_lead: timedelta = timedelta(minutes=10)


def read_console_config(path: Path) -> ConsoleConfig:
    """Read a configuration and the secrets it names.

    Raises
    ------
    ThroughbandError
        If a file cannot be read or a field is missing, unknown or out of range.
    """
    path = path.absolute()
    entry = read_settings(path, ConsoleEntry)
    here = path.parent
    bridge = here / entry.bridge if entry.bridge else None
    folder = here / entry.folder
    sessions, limits = entry.sessions, entry.limits
    return ConsoleConfig(
        path,
        _database(entry, here),
        bridge,
        _journal(entry, here, bridge),
        folder / "runs",
        folder / "networks",
        folder / "uploads",
        here / entry.backups,
        entry.serve.host,
        entry.serve.port,
        entry.serve.https,
        tuple(entry.serve.trusted_proxies),
        Limits(
            timedelta(hours=sessions.hours),
            timedelta(hours=sessions.idle_hours),
            sessions.failures_of_name,
            sessions.failures_of_address,
            timedelta(minutes=sessions.within_minutes),
        ),
        round(limits.upload_mb * MEBIBYTE),
        limits.runs_at_once,
        limits.runs_waiting,
        timedelta(hours=limits.approval_hours),
        _oidc(entry.oidc, here, path),
        entry.serve.public_url,
        entry.site.name.strip(),
        _rates(entry.rates, here),
        timedelta(minutes=limits.push_lead_minutes),
    )


def _rates(entry: Path | None, here: Path) -> Path | None:
    """Return the file of rates, which is read once to refuse a wrong one before it is needed."""
    if entry is None:
        return None
    read_rates(here / entry)
    return here / entry


def _database(entry: ConsoleEntry, here: Path) -> str:
    try:
        url = make_url(entry.database)
    except ArgumentError as error:
        raise ThroughbandError(
            f"database {entry.database!r} is not a URL; such as 'sqlite:///console.sqlite'"
        ) from error
    if url.password and url.get_backend_name() != "sqlite":
        raise ThroughbandError(
            "database: a password does not belong into the configuration; "
            "database_password_file names a file that holds it"
        )
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(here / url.database))
    if entry.database_password_file is not None:
        url = url.set(password=read_secret(here / entry.database_password_file))
    return url.render_as_string(hide_password=False)


def _journal(entry: ConsoleEntry, here: Path, bridge: Path | None) -> Path:
    if bridge is None:
        return here / (entry.journal or "journal.sqlite")
    from throughband.bridge.config import read_config

    journal = read_config(bridge).journal
    if entry.journal is not None and (here / entry.journal).resolve() != journal.resolve():
        raise ThroughbandError(
            f"journal: {entry.journal} is not the journal of {bridge}, which is {journal}; leave "
            "it out, what is decided belongs into the bridge's"
        )
    return journal


def _oidc(entry: OidcEntry | None, here: Path, path: Path) -> Oidc | None:
    if entry is None:
        return None
    try:
        roles = {group: rights_of(names) for group, names in entry.roles.items()}
    except ThroughbandError as error:
        raise ThroughbandError(f"{path}: oidc.roles: {error}") from error
    return Oidc(
        entry.name,
        entry.issuer.rstrip("/"),
        entry.client_id,
        read_secret(here / entry.client_secret_file),
        tuple(entry.scopes),
        entry.name_claim,
        entry.roles_claim,
        roles,
    )


def read_secret(path: Path) -> str:
    """Return the first line of a file that holds a secret.

    Raises
    ------
    ThroughbandError
        If it cannot be read, is empty, or others may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ThroughbandError(f"{path}: the secret cannot be read ({error})") from error
    if mode & 0o007:
        raise ThroughbandError(f"{path}: everybody may read this secret; 'chmod 600 {path}'")
    secret = text.splitlines()[0].strip() if text.strip() else ""
    if not secret:
        raise ThroughbandError(f"{path}: holds no secret")
    return secret
