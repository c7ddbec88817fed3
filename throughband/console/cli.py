"""The commands of ``throughband console``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

console_app = typer.Typer(
    name="console",
    help="The engineer's console: pages and API over networks, runs, plans and the corridor.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Argument(help="Configuration of the console (TOML).")]


@console_app.command("serve")
def serve(config: Config) -> None:
    """Serve pages and API until stopped; runs that were begun go on without it.

    The database is brought to the newest form after a backup, and to what the journal says.
    Logs are lines of JSON on standard error.
    """
    from throughband.console.commands import serve_console

    serve_console(config)


@console_app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="Folder for console.toml; made if missing.")],
    bridge: Annotated[
        Path | None, typer.Option(help="Configuration of the bridge, whose journal is taken.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the database, runs and backups, written by whoever serves; else that "
            "of console.toml."
        ),
    ] = None,
) -> None:
    """Write a configuration with everything that may be set, unless there is one."""
    from throughband.console.commands import watching_told, write_console_config

    typer.echo(write_console_config(folder, bridge, data))
    typer.echo(watching_told(bridge), err=True)


@console_app.command("add-user")
def add_user(
    config: Config,
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    role: Annotated[
        list[str],
        typer.Option(
            help="viewer, engineer, approver, operator, administrator, or a right; repeatable."
        ),
    ],
    full_name: Annotated[str, typer.Option(help="Name for people; else the same.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password; else asked for.")
    ] = None,
    provider_only: Annotated[
        bool, typer.Option("--provider-only", help="No password: signs in with the provider.")
    ] = False,
) -> None:
    """Add an account; the password comes from a file or a prompt, never from the command line."""
    from throughband.console.commands import add_account

    add_account(config, name, full_name, role, password_file, provider_only)


@console_app.command("backup")
def backup(
    config: Config,
    out: Annotated[Path, typer.Argument(help="New file (.zip), for its owner's eyes only.")],
) -> None:
    """Write everything in the database into one file, while the console may run."""
    from throughband.console.commands import back_up

    back_up(config, out)


@console_app.command("restore")
def restore(
    config: Config,
    source: Annotated[Path, typer.Argument(help="What 'backup' wrote, of either database.")],
) -> None:
    """Fill an empty database from a backup, then take in what the journal has since."""
    from throughband.console.commands import restore_backup

    restore_backup(config, source)
