"""Names of subjects: catalog cities, paths, and streets drawn on demand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Subject
from network.errors import ScenarioError
from scenarios.street_rules import under_street_rules
from scenarios.street_rules_files import write_street_rules
from throughband.generate import Wish, generate
from throughband.pipeline import Setting, open_setting

SHIPPED: Final = "shipped"
STREET: Final = "street"
RULES: Final = (SHIPPED, STREET)

SATURATION: Final = 0.75
"""Of the busiest signal in the busiest quarter of the hour, as `throughband generate` has it."""

FORMS: Final = "arterial:SIGNALS:SEED, grid:ROWSxCOLUMNS:SEED, town:SIGNALS:SEED"
_DRAWN: Final = re.compile(
    r"(?P<kind>arterial|town):(?P<signals>\d+):(?P<seed>\d+)"
    r"|grid:(?P<rows>\d+)x(?P<columns>\d+):(?P<seed_>\d+)"
)


def subject_of(
    name: str, rules: str, folder: Path, tell: Callable[[str], None] = lambda _: None
) -> Subject:
    """Open a subject, drawing it or putting it under street rules where that is still to do.

    Parameters
    ----------
    name
        A city of the catalog, a path as every command takes it, or one of `FORMS`.
    rules
        One of `RULES`.
    folder
        Where drawn and ruled scenarios are kept; what is there is not made again.
    tell
        Told what the street rules leave out.

    Raises
    ------
    ScenarioError
        If there is no such scenario, or street rules do not fit it.
    """
    if rules not in RULES:
        raise ScenarioError(f"rules: found {rules!r}, allowed {', '.join(RULES)}")
    setting = open_setting(_drawn(name, folder))
    label = label_of(name)
    if rules == STREET:
        setting = _ruled(setting, folder / f"{label}-street", tell)
    return Subject(replace(setting, scenario=replace(setting.scenario, name=label)), rules)


def label_of(name: str) -> str:
    """Return what a subject is called in tables and files.

    Parameters
    ----------
    name
        As for `subject_of`.
    """
    if _DRAWN.fullmatch(name):
        return name.replace(":", "-")
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        return f"{path.resolve().parent.name}-file" if path.suffix else path.resolve().name
    return name


def _drawn(name: str, folder: Path) -> str:
    match = _DRAWN.fullmatch(name)
    if match is None:
        if ":" in name and not Path(name).exists():
            raise ScenarioError(f"scenario {name!r}: allowed are {FORMS}")
        return name
    out = folder / name.replace(":", "-")
    found = sorted(out.glob("*.sumocfg"))
    if found:
        return str(found[0])

    def number(group: str) -> int | None:
        return int(match[group]) if match[group] is not None else None

    seed = number("seed") if match["seed"] is not None else number("seed_")
    wish = Wish(
        match["kind"] or "grid",
        number("signals"),
        number("rows"),
        number("columns"),
        seed or 0,
        None,
        SATURATION,
        False,
    )
    return str(generate(wish, out).config_file)


def _ruled(setting: Setting, folder: Path, tell: Callable[[str], None]) -> Setting:
    rules = under_street_rules(setting.network)
    closed = sum(map(len, rules.closed.values()))
    if closed:
        tell(f"{folder.name}: {closed} crossings open in no stage; nobody walks there")
    if rules.left_alone:
        tell(f"{folder.name}: {len(rules.left_alone)} signals stay as they are")
    write_street_rules(setting.scenario, rules, folder)
    return open_setting(str(folder))
