"""Pages made from the code, so that they cannot say anything else than it does."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from benchmarks.suite.measuring_rule import RULE, STATISTICS
from network.schemas import NAMES, schema
from throughband.bridge import config as bridge_config
from throughband.cli import app
from throughband.plugins import GROUPS, OURS

ROOT = Path(__file__).parents[1]
TOML_FORMS = {
    "buses": "network/bus_file.py",
    "corridors": "network/derive/corridors.py",
    "locks": "throughband/planning/optimize_options.py",
    "objective": "throughband/planning/objective_options.py",
    "suite": "benchmarks/suite/suite_file.py",
}
"""Files whose form the docstring of their reader shows."""


def version() -> str:
    """Return the version that is installed."""
    return metadata.version("throughband")


def write(folder: Path) -> None:
    """Write every generated page; those that did not change keep their time."""
    pages = {
        "commands.md": commands(),
        "schemas.md": schemas(),
        "include/rule.md": listed(RULE),
        "include/statistics.md": listed(STATISTICS),
        "include/plugins.md": plugin_groups(),
        "include/bridge.toml": bridge_toml(),
        **{f"include/{name}.txt": form(path) for name, path in TOML_FORMS.items()},
    }
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def commands() -> str:
    """Return every command with its options."""
    lines = ["# All commands and options", ""]
    for name, command in _commands(typer.main.get_group(_whole()), ()):
        lines += [f"## throughband {' '.join(name)}", "", _plain(command.help or ""), ""]
        rows = [row for row in map(_parameter, command.params) if row]
        if rows:
            lines += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def schemas() -> str:
    """Return the published schemas as tables of their properties."""
    lines = [
        "# JSON Schemas",
        "",
        "`throughband schema NAME` prints each of them whole; a program validates against that.",
        "The tables below show every property with its path, form and meaning.",
        "",
    ]
    for name in NAMES:
        found = schema(name)
        lines += [f"## {name}", "", _plain(found.get("description", found.get("title", ""))), ""]
        rows = list(_properties(found, found, "", 0)) or list(_columns(found))
        lines += ["| Property | Form | Meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def plugin_groups() -> str:
    """Return the table of entry-point groups."""
    rows = [
        f"| `{group}` | {what} | {', '.join(f'`{n}`' for n in OURS.get(group, {})) or '`bench`'} |"
        for group, what in GROUPS.items()
    ]
    return "\n".join(["| Group | What is registered | Ours |", "|---|---|---|", *rows, ""])


def listed(sentences: tuple[str, ...]) -> str:
    """Return sentences as a list."""
    return "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


def form(path: str) -> str:
    """Return what the docstring of a reader says of the file it reads."""
    text = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))) or ""
    assert text, path
    return text + "\n"


def bridge_toml() -> str:
    """Return the configuration of a bridge with its defaults, as 'emulate' writes it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return bridge_config.write_config(Path(folder)).read_text(encoding="utf-8")


def _whole() -> typer.Typer:
    from benchmarks.suite.command import bench

    whole = typer.Typer(add_completion=False)
    whole.registered_commands = [*app.registered_commands]
    whole.registered_groups = [*app.registered_groups]
    whole.command("bench")(bench)
    return whole


def _commands(group: Any, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, (*before, name))
        else:
            yield (*before, name), command


def _parameter(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = ", ".join(f"`{name}`" for name in names)
    if not str(names[0]).startswith("-"):
        shown = f"`{parameter.name.upper()}`"
    text = _plain(getattr(parameter, "help", None) or "")
    default = parameter.default
    notes = ["needed"] if parameter.required else []
    if not parameter.required and default not in (None, "", False) and not callable(default):
        notes = [f"default `{default}`"]
    return f"| {shown} | {text}{' (' + ', '.join(notes) + ')' if notes else ''} |"


def _properties(
    whole: Mapping[str, Any], part: Mapping[str, Any], path: str, depth: int
) -> Iterator[str]:
    part = _resolved(whole, part)
    for name, value in part.get("properties", {}).items():
        found = _resolved(whole, value)
        where = f"{path}{name}"
        needed = "" if name in part.get("required", ()) else ", optional"
        text = _plain(value.get("description", found.get("description", "")))
        yield f"| `{where}` | {_form(whole, found)}{needed} | {text} |"
        if depth < 3:
            yield from _properties(whole, found, f"{where}.", depth + 1)
            inner = _resolved(whole, found.get("items", {}))
            yield from _properties(whole, inner, f"{where}[].", depth + 1)
            more = found.get("additionalProperties", {})
            if isinstance(more, dict):
                yield from _properties(whole, more, f"{where}.*.", depth + 1)


def _columns(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found.get("fields", ()):
        text = _plain(one.get("description", one.get("title", "")))
        yield f"| `{one['name']}` | {one.get('type', '')} | {text} |"


def _resolved(whole: Mapping[str, Any], part: Any) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        return {}
    while "$ref" in part:
        found: Any = whole
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        part = found
    return part


def _form(whole: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if "const" in part:
        return f"always `{json.dumps(part['const'])}`"
    if "enum" in part:
        return "one of " + ", ".join(f"`{json.dumps(word)}`" for word in part["enum"])
    kind = part.get("type", "")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    for choice in ("anyOf", "oneOf"):
        if choice in part:
            text = " or ".join(_form(whole, _resolved(whole, one)) for one in part[choice])
    if text == "array" and "items" in part:
        text = f"array of {_form(whole, _resolved(whole, part['items'])) or 'values'}"
    bounds = [
        f"{word} {part[key]}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in part
    ]
    return " ".join([text, *bounds]).strip()


def _plain(text: str) -> str:
    """Return a text for a table cell: one line, without what Markdown would read."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
