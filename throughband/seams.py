"""What the command line names, held against its seam: forecasters, optimizers and simulators.

Controllers are in `throughband.steering`, drivers in `throughband.reaching`.
"""

from __future__ import annotations

from typing import Any, Final

from engine.forecast.backtest import Forecaster, MakeForecaster
from engine.forecast.calendar import Calendar
from engine.optimize.planner import Optimizer
from engine.validate.simulator import Simulator
from throughband.plugins import (
    FORECASTERS,
    OPTIMIZERS,
    SIMULATORS,
    Plugin,
    guarded,
    named,
    require_members,
)

OWN_FORECASTER: Final = "profiles"
OWN_OPTIMIZER: Final = "descent"
OWN_SIMULATOR: Final = "sumo"


def make_forecaster(name: str) -> MakeForecaster:
    """Return what makes forecasters of a name; raise `PluginError` where there is none."""
    plugin = named(FORECASTERS, name, "forecaster")
    plugin.load()

    def make(*, step_s: int, horizon_steps: int, tz: str, calendar: Calendar) -> Forecaster:
        made = plugin.made(step_s=step_s, horizon_steps=horizon_steps, tz=tz, calendar=calendar)
        # The time is known only once it is fitted.
        require_members(type(made), ("time", "fit", "update", "predict"), plugin)
        require_members(made, ("horizon_steps",), plugin)
        found: Forecaster = guarded(made, plugin)
        return found

    return make


def optimizer_named(name: str) -> Optimizer:
    """Return an optimizer; raise `PluginError` where there is none of that name."""
    found: Optimizer = _made(named(OPTIMIZERS, name, "optimizer"), ("optimize",))
    return found


def simulator_named(name: str) -> Simulator:
    """Return a simulator; raise `PluginError` where there is none of that name."""
    found: Simulator = _made(named(SIMULATORS, name, "simulator"), ("run", "run_many"))
    return found


def _made(plugin: Plugin, members: tuple[str, ...]) -> Any:
    thing = plugin.load()
    made = plugin.made() if isinstance(thing, type) else thing
    require_members(made, members, plugin)
    return guarded(made, plugin)
