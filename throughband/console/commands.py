"""What the commands of ``throughband console`` do."""

from __future__ import annotations

import getpass
import logging
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer
import uvicorn
from sqlalchemy.engine import make_url

from network.errors import AccessError, ThroughbandError
from throughband.console.app import create_app
from throughband.console.config import ConsoleConfig, read_console_config, read_secret
from throughband.console.logs import log_as_json, trace_if_wanted
from throughband.console.pages import furnish, page_routers
from throughband.console.pages.settings import settings_of
from throughband.people.door import Door
from throughband.people.rights import rights_of, told_rights
from throughband.results import now_utc
from throughband.store import Store, open_store, restore_store

_log = logging.getLogger(__name__)

FILE: Final = "console.toml"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def serve_console(path: Path) -> None:
    """Carry out ``throughband console serve``."""
    config = read_console_config(path)
    log_as_json()
    app = create_app(config, pages=page_routers())
    furnish(app, settings_of(config))
    store: Store = app.state.desk.store
    if store.migrated is not None:
        _log.info("the database was brought to the newest form; before, it was kept in %s",
                  store.migrated)  # fmt: skip
    for move in store.caught_up.finished:
        _log.warning("finished from the journal: plan %s is %s", move.plan_id, move.target)
    for plan_id in store.caught_up.lost:
        _log.warning("the journal speaks of plan %s, which the database does not have", plan_id)
    if not config.https and config.host not in LOOPBACK:
        _log.warning("passwords travel in the clear: put HTTPS in front and set serve.https")
    tracing = trace_if_wanted(app)
    if tracing is not None:
        _log.info("traces are sent")
    try:
        uvicorn.run(app, host=config.host, port=config.port, **serving(config))
    finally:
        if tracing is not None:
            tracing.shutdown()
        store.close()


def serving(config: ConsoleConfig) -> dict[str, Any]:
    """Return how the server is set, beside where it listens."""
    return {
        "log_config": None,
        "ws": "none",
        "proxy_headers": bool(config.trusted_proxies),
        "forwarded_allow_ips": list(config.trusted_proxies),
        "server_header": False,
    }


def add_account(
    path: Path,
    name: str,
    full_name: str,
    roles: Sequence[str],
    password_file: Path | None,
    provider_only: bool,
) -> None:
    """Carry out ``throughband console add-user``."""
    rights = rights_of(roles)
    config = read_console_config(path)
    if provider_only and password_file is not None:
        raise AccessError("--provider-only has no password, and --password-file names one")
    password = None
    if not provider_only:
        password = read_secret(password_file) if password_file else _asked(name)
    store = _store(config)
    try:
        user = Door(store, now_utc).add_user(name, full_name or name, rights, password)
        store.audit(
            "account added", _own_name(), now_utc(), account=name, rights=sorted(user.rights)
        )
    finally:
        store.close()
    typer.echo(f"{name} may: {told_rights(user.rights)}")


def back_up(path: Path, out: Path) -> None:
    """Carry out ``throughband console backup``."""
    store = _store(read_console_config(path))
    try:
        rows = store.back_up(out, now_utc())
    finally:
        store.close()
    typer.echo(f"{out}: {sum(rows.values())} rows of {len(rows)} tables")


def restore_backup(path: Path, source: Path) -> None:
    """Carry out ``throughband console restore``."""
    config = read_console_config(path)
    restore_store(config.database, source)
    store = _store(config)
    try:
        caught = store.caught_up
        typer.echo(
            f"restored into {store.where}; {len(caught.finished)} moves taken in from the journal"
        )
        for plan_id in caught.lost:
            typer.echo(f"the journal speaks of plan {plan_id}, which came after the backup")
    finally:
        store.close()


def watching_told(bridge: Path | None) -> str:
    """Return what a person who sets a console up is to know of its street."""
    if bridge is None:
        return "No bridge is named: this console plans, and reaches no street."
    return (
        f"Plans on the street are watched and kept alive by 'throughband bridge run {bridge}': "
        "keep it running beside the console."
    )


def write_console_config(folder: Path, bridge: Path | None, data: Path | None = None) -> Path:
    """Write a configuration, unless there is one; return where it is.

    Parameters
    ----------
    folder
        Where to.
    bridge
        The bridge's configuration, if there is one.
    data
        Where database, runs and backups are to be; None for beside the configuration.

    Raises
    ------
    ThroughbandError
        If it cannot be written.
    """
    path = folder / FILE
    line = f'bridge = "{bridge.resolve()}"' if bridge else '# bridge = "bridge.toml"'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            at = "" if data is None else f"{data.resolve()}/"
            path.write_text(_CONFIG.format(bridge=line, at=at), encoding="utf-8")
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _store(config: ConsoleConfig) -> Store:
    require_owner(config)
    return open_store(config.database, backups=config.backups, journal=config.journal)


def require_owner(config: ConsoleConfig) -> None:
    """Refuse root where the database's folder is another's, who could not open what root makes.

    Raises
    ------
    AccessError
        Naming the owner.
    """
    url = make_url(config.database)
    if url.get_backend_name() != "sqlite" or not url.database or os.geteuid() != 0:
        return
    folder = Path(url.database).parent
    owner = folder.stat().st_uid if folder.is_dir() else 0
    if owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    raise AccessError(
        f"{folder} belongs to {name}, who could not open what root makes there; run this as "
        f"{name}: 'sudo -u {name} throughband ...'"
    )


def _own_name() -> str:
    """Return who runs this; a container may run it as a number that no account has."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise AccessError("no terminal to ask for the password at: give --password-file FILE")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise AccessError("the passwords differ; nothing was added")
    return password


_CONFIG: Final = """\
# Configuration of 'throughband console'; paths are relative to this file.
database = "sqlite:///{at}console.sqlite"  # or "postgresql://throughband@localhost/throughband"
# database_password_file = "database.secret"
{bridge}                # its journal and state are the console's
# journal = "{at}journal.sqlite"           # only without a bridge
folder = "{at}console"                     # runs, imported networks, uploads
backups = "{at}backups"                    # of the database, before it is brought to a newer form
# rates = "rates.toml"                 # what the city reckons time, fuel and CO2 at, for reports

# [site]
# name = "City of Springfield"         # what every page says on top

# [serve]
# host = "127.0.0.1"
# port = 8080
# public_url = "https://signals.example.org"  # what browsers use, where a proxy stands in front
# https = true                         # behind a proxy that speaks HTTPS; public_url says so too
# trusted_proxies = []                 # such as ["127.0.0.1"]: whose X-Forwarded-For is believed

# [sessions]
# hours = 12
# idle_hours = 2
# failures_of_name = 5                 # failed attempts to sign in within so many minutes
# failures_of_address = 20
# within_minutes = 15

# [limits]
# upload_mb = 64
# runs_at_once = 1
# runs_waiting = 20
# approval_hours = 12                  # how long an approval holds
# push_lead_minutes = 10               # how long before its time a push prepares the controllers

# [oidc]                               # sign-in with the agency's own accounts
# name = "City of Springfield"
# issuer = "https://login.example.org/realms/city"
# client_id = "throughband"
# client_secret_file = "oidc.secret"
# name_claim = "preferred_username"
# roles_claim = "groups"
# [oidc.roles]                         # what a group of the provider's may do
# "signals-engineers" = ["engineer"]
# "signals-chiefs" = ["approver", "operator"]
"""
