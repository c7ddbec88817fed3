"""The commands around a journal: verify, show, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

journal_app = typer.Typer(
    help="Verify, show or export the record of what was decided and done.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

JournalPath = Annotated[Path, typer.Argument(help="A journal, also an old one or an export.")]


@journal_app.command("verify")
def verify_(
    path: JournalPath,
    expect: Annotated[
        str | None,
        typer.Option(help="Hash of an entry, noted earlier; without it a cut-off end is not seen."),
    ] = None,
) -> None:
    """Check that nothing in a journal was changed, dropped or moved; the file is not touched."""
    from throughband.journal_command import verify_journal

    verify_journal(path, expect)


@journal_app.command("show")
def show_(
    path: JournalPath,
    event: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    signal: Annotated[str | None, typer.Option(help="Only what concerns this signal.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this time on, ISO 8601, UTC if it says nothing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Verify a journal, and tell what was done to which signal, by whom, old and new values."""
    from throughband.journal_command import show_journal

    show_journal(path, event, signal, since, as_json)


@journal_app.command("export")
def export_(
    path: JournalPath,
    out: Annotated[Path, typer.Argument(help="File to make, lines of JSON with their hashes.")],
) -> None:
    """Verify a journal and write it as lines that a short script can verify."""
    from throughband.journal_command import export_journal

    export_journal(path, out)


@journal_app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="An old journal.jsonl, or an export.")],
    out: Annotated[Path, typer.Argument(help="Journal to make.")],
) -> None:
    """Make a journal of lines of JSON; numbers and hashes stay the same."""
    from throughband.journal_command import import_journal

    import_journal(path, out)
