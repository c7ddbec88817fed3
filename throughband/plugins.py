"""What others add: entry points, found by group and loaded only when they are asked for.

A package registers under one of `GROUPS` in its own metadata. Ours stand in `OURS` in the same
form and go the same way, so that they are there in a bare checkout too. A name of ours cannot be
taken; where two other packages want the same one, neither gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from types import MappingProxyType
from typing import Any, Final

from network.errors import PluginError, ThroughbandError

COMMANDS: Final = "throughband.commands"
CONTROLLERS: Final = "throughband.controllers"
FORECASTERS: Final = "throughband.forecasters"
OPTIMIZERS: Final = "throughband.optimizers"
SIMULATORS: Final = "throughband.simulators"
DRIVERS: Final = "throughband.drivers"

GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        COMMANDS: "a command of the command line",
        CONTROLLERS: "a controller for 'simulate --controller' and the benchmark suites",
        FORECASTERS: "a forecaster for 'forecast --forecaster'",
        OPTIMIZERS: "an optimizer for 'optimize --optimizer'",
        SIMULATORS: "a simulator for 'validate --simulator'",
        DRIVERS: "a driver for 'protocol' in device lists",
    }
)

PACKAGE: Final = "throughband"

_STEERING: Final = "throughband.steering"

OURS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        CONTROLLERS: {
            "adaptive": f"{_STEERING}:ADAPTIVE",
            "adaptive-detectors": f"{_STEERING}:ADAPTIVE_DETECTORS",
            "adaptive-missed-20": f"{_STEERING}:ADAPTIVE_MISSED_20",
            "adaptive-vehicles-10": f"{_STEERING}:ADAPTIVE_VEHICLES_10",
            "capacity-aware": f"{_STEERING}:CAPACITY_AWARE",
            "cyclic-max-pressure": f"{_STEERING}:CYCLIC_MAX_PRESSURE",
            "longest-queue": f"{_STEERING}:LONGEST_QUEUE",
            "max-pressure": f"{_STEERING}:MAX_PRESSURE",
            "position-weighted": f"{_STEERING}:POSITION_WEIGHTED",
            "resco-max-pressure": f"{_STEERING}:RESCO_MAX_PRESSURE",
            "resco-max-wave": f"{_STEERING}:RESCO_MAX_WAVE",
        },
        FORECASTERS: {"profiles": "engine.forecast.forecaster:FlowForecaster"},
        OPTIMIZERS: {"descent": "engine.optimize.planner:Descent"},
        SIMULATORS: {"sumo": "engine.validate.sumo:SumoSimulator"},
        DRIVERS: {"ntcip": "controllers.ntcip.reach:reaching"},
    }
)
"""By group and name, where each of ours is."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """Something registered, not loaded yet.

    Attributes
    ----------
    group, name
        Where and as what.
    value
        Module and attribute, as ``package.module:attribute``.
    package, version
        Whose it is.
    trouble
        Why it cannot be used; empty where nothing is known against it.
    """

    group: str
    name: str
    value: str
    package: str
    version: str
    trouble: str = ""
    _entry: EntryPoint | None = field(default=None, repr=False, compare=False)

    @property
    def told(self) -> str:
        """Name it for a message."""
        return f"plug-in {self.name!r} of {self.group} ({self.value} in {self.package})"

    def load(self) -> Any:
        """Import and return what was registered.

        Raises
        ------
        PluginError
            If its name is contested, or importing it fails in whatever way.
        """
        if self.trouble:
            raise PluginError(f"{self.told}: {self.trouble}")
        assert self._entry is not None
        try:
            return self._entry.load()
        except (Exception, SystemExit) as error:
            # Foreign code may fail in any way; ours has to go on.
            raise PluginError(
                f"{self.told} cannot be loaded: {type(error).__name__}: {error}"
            ) from error

    def made(self, *arguments: Any, **named: Any) -> Any:
        """Load it and call it, where it is a class or a function that makes things.

        Raises
        ------
        PluginError
            If it cannot be loaded, or refuses these arguments.
        """
        thing = self.load()
        try:
            return thing(*arguments, **named)
        except TypeError as error:
            raise PluginError(f"{self.told} cannot be made: {error}") from error


def plugins(group: str) -> tuple[Plugin, ...]:
    """Return what is registered under a group, ours included, in the order of names.

    Parameters
    ----------
    group
        One of `GROUPS`.
    """
    ours = [_ours(group, name, value) for name, value in OURS.get(group, {}).items()]
    foreign = [_foreign(entry) for entry in entry_points(group=group)]
    wanted: dict[str, list[Plugin]] = {}
    for one in foreign:
        wanted.setdefault(one.name, []).append(one)
    taken = {one.name for one in ours}
    found = list(ours)
    for name, rivals in wanted.items():
        trouble = ""
        if name in taken:
            trouble = f"the name is {PACKAGE}'s own"
        elif len(rivals) > 1:
            packages = " and ".join(sorted(one.package for one in rivals))
            trouble = f"{packages} register the same name; uninstall one"
        found += [_with_trouble(one, trouble) for one in rivals]
    return tuple(sorted(found, key=lambda one: (one.name, bool(one.trouble), one.package)))


def named(group: str, name: str, what: str, others: Sequence[str] = ()) -> Plugin:
    """Return what is registered under a name.

    Parameters
    ----------
    group, name
        As registered.
    what
        What it is called in a message.
    others
        What is known beside the registered ones, for a message.

    Raises
    ------
    PluginError
        If there is none of that name.
    """
    found = plugins(group)
    for one in found:
        if one.name == name:
            return one
    usable = dict.fromkeys(one.name for one in found if not one.trouble)
    raise PluginError(f"unknown {what} {name!r}; known are {', '.join([*others, *usable])}")


def require_members(thing: object, names: tuple[str, ...], plugin: Plugin) -> None:
    """Refuse what lacks a member of its seam.

    Raises
    ------
    PluginError
        Naming what is missing.
    """
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        raise PluginError(
            f"{plugin.told} has no {', '.join(missing)}; it must have {', '.join(names)}"
        )


def guarded(thing: Any, plugin: Plugin) -> Any:
    """Return a plug-in whose own failures name it; ours and errors of the tree pass as they are."""
    return thing if plugin.package == PACKAGE else _Guarded(thing, plugin)


class _Guarded:
    """Passes everything on and translates what foreign methods raise."""

    def __init__(self, thing: Any, plugin: Plugin) -> None:
        self._thing = thing
        self._plugin = plugin

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        return self._translated(name, value) if callable(value) else value

    def _translated(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named_ones: Any) -> Any:
            try:
                return method(*arguments, **named_ones)
            except ThroughbandError:
                raise
            except Exception as error:
                raise PluginError(
                    f"{self._plugin.told} failed in {name}: {type(error).__name__}: {error}"
                ) from error

        return call


def _ours(group: str, name: str, value: str) -> Plugin:
    entry = EntryPoint(name=name, value=value, group=group)
    return Plugin(group, name, value, PACKAGE, version(PACKAGE), "", entry)


def _foreign(entry: EntryPoint) -> Plugin:
    package = entry.dist.name if entry.dist is not None else ""
    release = entry.dist.version if entry.dist is not None else ""
    return Plugin(entry.group, entry.name, entry.value, package or "?", release or "?", "", entry)


def _with_trouble(one: Plugin, trouble: str) -> Plugin:
    return Plugin(one.group, one.name, one.value, one.package, one.version, trouble, one._entry)
