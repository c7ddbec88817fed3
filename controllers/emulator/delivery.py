"""The setup a cabinet is delivered with: all its tables, and the plans they must be able to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from controllers.emulator.config import CabinetConfig
from controllers.emulator.preempt_table import define_preempts
from controllers.emulator.program import Unusable
from controllers.emulator.sections import Program, cut, length_of
from controllers.emulator.store import ObjectStore
from controllers.emulator.tables import define_coordination, define_detectors, define_phases
from controllers.emulator.timetable import define_time_base, patterns_of
from controllers.ntcip.objects import Edition
from network.errors import ControllerError
from network.phasing import Phasing
from network.timing import TimingPlan

STANDARDS: Final = {
    Edition.V03: b"NTCIP 1201:v03\r\nNTCIP 1202:v03",
    Edition.V1996: b"NTCIP 1201:1996\r\nNTCIP 1202:1996",
}


def deliver(store: ObjectStore, config: CabinetConfig, utc_s: int) -> int:
    """Fill the tables of a new cabinet; return the number of its buttons.

    Parameters
    ----------
    store, config
        Where, and from what.
    utc_s
        The instant of loading, in s since 1970.
    """
    define_phases(store, config.phasing, config.plan_in_force)
    plans = patterns_of(config.plan_in_force, config.schedule)
    define_coordination(store, config.phasing, plans, config.edition)
    define_time_base(
        store, config.edition, config.schedule, utc_s, standard_zone_s=config.standard_zone_s
    )
    define_preempts(store, config.preempts)
    store.define("controllerBaseStandards", value=STANDARDS[config.edition])
    store.define("unitBackupTime", value=config.backup_time_s)
    store.define("volumeOccupancyPeriod", value=config.volume_period_s)
    return define_detectors(store, config.phasing, config.detectors)


def require_runnable(
    config: CabinetConfig, program_of: Callable[[int], Program | Unusable]
) -> None:
    """Require that a cabinet can run every plan it is delivered with.

    Parameters
    ----------
    config
        What it is built from.
    program_of
        Builds the program of a pattern from its tables.

    Raises
    ------
    ControllerError
        A plan cannot be run.
    """
    for pattern, plan in patterns_of(config.plan_in_force, config.schedule).items():
        program = program_of(pattern)
        if isinstance(program, Unusable) or _filled_s(plan, config.phasing) != plan.cycle_s:
            detail = program.detail if isinstance(program, Unusable) else "splits miss the cycle"
            name = "plan in force" if plan is config.plan_in_force else f"pattern {pattern}"
            raise ControllerError(f"cabinet {config.name}: {name} cannot run: {detail}")


def _filled_s(plan: TimingPlan, phasing: Phasing) -> int:
    """Return how much of the cycle the splits of a plan fill, in s."""
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    return sum(length_of(section, splits) for section in cut(phasing, plan.sequence))
