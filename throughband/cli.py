"""The command line. Heavy imports happen inside the commands, so that help is instant.

Each family of commands is a module of `throughband.command_line`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from network.errors import PluginError, ThroughbandError
from throughband.bridge.cli import bridge_app
from throughband.command_line import (
    corridors,
    machine,
    operation,
    planning,
    proving,
    records,
    scenario_files,
    street,
)
from throughband.command_line.journal import journal_app
from throughband.console.cli import console_app
from throughband.plugins import COMMANDS, Plugin, plugins
from throughband.stopping import Stopped, listen

_log = logging.getLogger(__name__)

app = typer.Typer(
    name="throughband",
    help="Green-wave signal timings from live counts: forecast, optimize, prove in simulation, "
    "approve, push over NTCIP 1202, and undo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
OWN: Final[tuple[tuple[str, Callable[..., None]], ...]] = (
    ("run", planning.run),
    ("optimize", planning.optimize),
    ("explain", planning.explain),
    ("day", planning.day),
    ("calibrate", proving.calibrate),
    ("validate", proving.validate),
    ("simulate", proving.simulate),
    ("push", street.push),
    ("emulate", street.emulate),
    ("street", street.street),
    ("adapt", street.adapt),
    ("generate", scenario_files.generate),
    ("import", scenario_files.import_),
    ("export", scenario_files.export),
    ("forecast", records.forecast),
    ("performance", records.performance),
    ("report", records.report),
    ("evaluate", records.evaluate),
    ("corridors", corridors.corridors),
    ("corridor", corridors.corridor),
    ("progression", corridors.progression),
    ("schema", machine.schema),
    ("cities", machine.cities),
    ("plugins", machine.plugins_),
    ("operate", operation.operate),
    ("doctor", machine.doctor),
)
"""Our commands, in the order in which help lists them."""

for _name, _command in OWN:
    app.command(_name)(_command)

app.add_typer(journal_app, name="journal")
app.add_typer(bridge_app, name="bridge")
app.add_typer(console_app, name="console")

LOG_VARIABLE = "THROUGHBAND_LOG"
FAULT_CODE = 70
"""Exit code of a defect of ours, as in sysexits.h."""

USAGE_ERROR: Final[Any] = typer.BadParameter.__bases__[0]
"""What a command line that cannot be understood raises. Typer names only its kinds, and brings its
own copy of the library that defines it or not, depending on the version."""


def main() -> None:
    """Run the command line; every foreseen error is one line and a non-zero exit."""
    listen()
    # Warnings look like the other details of a step.
    level = logging.getLevelNamesMapping().get(os.environ.get(LOG_VARIABLE, ""), logging.WARNING)
    logging.basicConfig(level=level, format="      %(message)s")
    _guarded(_run)


def _run() -> None:
    # Ours stays as it is, so that a second run in one process finds no leftovers.
    whole = copy(app)
    whole.registered_commands = [*app.registered_commands]
    whole.registered_groups = [*app.registered_groups]
    for plugin in plugins(COMMANDS):
        try:
            _add(whole, plugin)
        except ThroughbandError as error:
            # What others add must not take our own commands away.
            _log.warning("%s", error)
    try:
        code = whole(prog_name="throughband", standalone_mode=False)
    except USAGE_ERROR as error:
        if type(error) is typer.BadParameter:
            # A value that is not allowed is bad input, like what is found in a file.
            raise ThroughbandError(error.format_message()) from error
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        _fail("aborted", 1)
    sys.exit(code or 0)


def _add(whole: typer.Typer, plugin: Plugin) -> None:
    """Add a command of a plug-in, if it is one and its name is free."""
    group = typer.main.get_group(whole)
    if plugin.name in group.commands:
        raise PluginError(f"{plugin.told}: there is a command of that name")
    command = plugin.load()
    alone = typer.Typer()
    try:
        # Typer looks at signatures only when the whole command line is built.
        if isinstance(command, typer.Typer):
            alone.add_typer(command, name=plugin.name)
        else:
            alone.command(plugin.name)(command)
        typer.main.get_command(alone)
    except Exception as error:
        raise PluginError(f"{plugin.told} is no command: {error}") from error
    if isinstance(command, typer.Typer):
        whole.add_typer(command, name=plugin.name)
    else:
        whole.command(plugin.name)(command)


def _guarded(command: Callable[[], object]) -> None:
    try:
        command()
    except ThroughbandError as error:
        _fail(str(error), 1)
    except Stopped as stop:
        _fail(str(stop), 128 + stop.number)
    except BrokenPipeError:
        # Whoever read our output has gone.
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001
        _log.debug("unforeseen", exc_info=True)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = (
            f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
        )
        _fail(
            f"unforeseen {type(error).__name__}{where}: {error or 'no message'}; this is a defect "
            f"of throughband, please report it with what {LOG_VARIABLE}=DEBUG shows",
            FAULT_CODE,
        )


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write("throughband: " + " ".join(text.split()) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
