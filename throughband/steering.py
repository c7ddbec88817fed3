"""Controllers that decide while the day runs, by name: ours and those of other packages.

A package registers under ``throughband.controllers`` either an adaptive controller as
`engine.adaptive.control.Controller` describes it (a class without arguments), or a
`LiveController`, which also says what it sees and where it is described.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any, Final, Protocol, runtime_checkable

from engine.adaptive import pressure
from engine.adaptive.control import Controller, Information
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook
from engine.adaptive.resco import resco_max_pressure, resco_max_wave
from engine.adaptive.sensing import Sensing
from network.errors import PluginError
from throughband.plugins import CONTROLLERS, PACKAGE, Plugin, guarded, named
from throughband.setting import Setting


@runtime_checkable
class LiveController(Protocol):
    """Decides while the day runs."""

    @property
    def name(self) -> str:
        """What suites call it."""

    @property
    def version(self) -> str:
        """Of whose making and which."""

    @property
    def source(self) -> str:
        """Where it is described."""

    def start(self, setting: Setting, seed: int) -> tuple[Controller, Sensing]:
        """Return a fresh controller and what it sees with all detectors alive."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """An adaptive controller with the sensors it takes.

    Attributes
    ----------
    name, version, source
        As for `LiveController`.
    make
        Returns a fresh one.
    sensing
        What it sees with all detectors alive.
    """

    name: str
    make: Callable[[], Controller]
    source: str
    version: str
    sensing: Sensing = field(default_factory=Sensing)

    def start(self, setting: Setting, seed: int) -> tuple[Controller, Sensing]:
        """See `LiveController`."""
        return self.make(), replace(self.sensing, seed=seed)


def live_of(thing: Any, plugin: Plugin) -> LiveController | None:
    """Return a loaded plug-in as a live controller, or None where it is none.

    Raises
    ------
    PluginError
        If its own name is another than it is registered under.
    """
    whole = thing
    if isinstance(thing, type) and not _is_adaptive(thing):
        whole = plugin.made()
    if _is_adaptive(whole):
        made = thing if isinstance(thing, type) else lambda: thing
        make = partial(_fresh, made, plugin)
        return Live(plugin.name, make, plugin.package, plugin.version)
    if not isinstance(whole, LiveController) or hasattr(whole, "prepare"):
        return None
    if whole.name != plugin.name:
        raise PluginError(f"{plugin.told} calls itself {whole.name!r}; allowed is one name")
    return whole


def live_controller(name: str, others: Sequence[str] = ()) -> LiveController:
    """Return a live controller by its name; `others` are known too and stand in the message.

    Raises
    ------
    PluginError
        If there is none, it cannot be loaded, or it makes programs before the day.
    """
    plugin = named(CONTROLLERS, name, "controller", others)
    found = live_of(plugin.load(), plugin)
    if found is None:
        raise PluginError(
            f"{plugin.told} does not decide while the day runs; controllers that make programs "
            "from counts are played by 'throughband bench'"
        )
    return found


def _fresh(make: Callable[[], Any], plugin: Plugin) -> Controller:
    try:
        found: Controller = guarded(make(), plugin)
    except TypeError as error:
        raise PluginError(f"{plugin.told} cannot be made: {error}") from error
    return found


def _is_adaptive(thing: object) -> bool:
    return hasattr(thing, "decide") and hasattr(thing, "start")


def _ours(
    name: str, make: Callable[[], Controller], source: str, sensing: Sensing | None = None
) -> Live:
    return Live(name, make, source, version(PACKAGE), sensing or Sensing())


def _best(score: pressure.Score) -> Callable[[], Controller]:
    return lambda: pressure.BestStage(score)


ADAPTIVE: Final = _ours("adaptive", LookAhead, "this project, everything within 200 m seen")
ADAPTIVE_DETECTORS: Final = _ours(
    "adaptive-detectors",
    LookAhead,
    "this project, two loops a lane",
    Sensing(Information.DETECTORS),
)
ADAPTIVE_VEHICLES_10: Final = _ours(
    "adaptive-vehicles-10",
    lambda: LookAhead(Outlook(share=0.1)),
    "this project, one vehicle in ten reports itself",
    Sensing(Information.VEHICLES, share=0.1),
)
ADAPTIVE_MISSED_20: Final = _ours(
    "adaptive-missed-20",
    LookAhead,
    "this project, one vehicle in five is never seen",
    Sensing(missed=0.2),
)
MAX_PRESSURE: Final = _ours(
    "max-pressure", _best(pressure.max_pressure), "Varaiya 2013, RESCO's 10 s and 200 m"
)
CAPACITY_AWARE: Final = _ours(
    "capacity-aware", _best(pressure.capacity_aware), "Gregoire et al. 2015"
)
POSITION_WEIGHTED: Final = _ours(
    "position-weighted", _best(pressure.position_weighted), "Li and Jabari 2019"
)
LONGEST_QUEUE: Final = _ours(
    "longest-queue",
    _best(pressure.longest_queue),
    "Ault and Sharon 2021 (RESCO's greedy, max-wave), 10 s and 50 m",
)
CYCLIC_MAX_PRESSURE: Final = _ours(
    "cyclic-max-pressure", pressure.CyclicMaxPressure, "Levin, Hu and Odell 2020"
)
RESCO_MAX_PRESSURE: Final = _ours(
    "resco-max-pressure",
    resco_max_pressure,
    "Ault and Sharon 2021 (RESCO), all movements of a stage",
)
RESCO_MAX_WAVE: Final = _ours(
    "resco-max-wave", resco_max_wave, "Ault and Sharon 2021 (RESCO), all movements of a stage"
)
