"""What a pre-timed peer is: something that times the signals of a subject, or says why not.

A peer is configured as its authors recommend and may offer several variants; the table takes the
one with the least mean delay on the very seeds it is judged by, which favors the peer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from engine.measures.street import Street, build_street
from engine.optimize.problem import Choice, Limits, choices
from network.counts import CountSeries
from network.graph import RoadNetwork
from network.readers.counts_csv import read_counts_csv, write_counts_csv
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet, TimingPlan
from throughband.counts.demand import COUNTING_SEEDS, Demand, counted_days, demand, read_counts
from throughband.exchange.imported import imported_counts
from throughband.setting import Setting

PROGRAM_ID = "peer"
"""The same for all, so that equal plans are equal files and are played once."""

PEAK_S = 900
"""HCM analyzes the busiest quarter of an hour."""


@dataclass(frozen=True)
class Subject:
    """A scenario to be timed.

    Attributes
    ----------
    setting
        Scenario and network.
    rules
        ``shipped`` or ``street``.
    counts_folder
        Where counted days are kept, so that a resumed suite does not count again; None to keep
        none.
    days
        Days that were counted already; without any they are counted.
    """

    setting: Setting
    rules: str = "shipped"
    counts_folder: Path | None = None
    days: tuple[CountSeries, ...] = ()

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.setting.scenario.name

    @property
    def network(self) -> RoadNetwork:
        """The roads."""
        return self.setting.network

    @cached_property
    def demand(self) -> Demand:
        """The flows that came with an import, else those counted in force under seeds 1 to 3."""
        brought = imported_counts(self.setting.scenario)
        if brought is not None:
            return demand(self.network, read_counts(brought, self.network))
        days = self.days or [self._day(seed) for seed in COUNTING_SEEDS]
        return demand(self.network, days)

    def _day(self, seed: int) -> CountSeries:
        file = self.counts_folder / f"seed-{seed}.csv" if self.counts_folder else None
        if file is not None and file.is_file():
            return read_counts_csv(file)
        (day,) = counted_days(self.setting.case, self.network, (seed,))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_counts_csv(file, day)
        return day

    @cached_property
    def peak_street(self) -> Street:
        """The street under the flows of its busiest quarter of an hour."""
        flows = self.demand.flows
        by_movement = flows.movement_vph()
        total = np.sum(list(by_movement.values()), axis=0)
        width = max(1, min(PEAK_S // flows.interval_s, len(total)))
        sums = [float(total[k : k + width].sum()) for k in range(len(total) - width + 1)]
        first = max(range(len(sums)), key=lambda k: sums[k])
        peak = {name: vph[first : first + width] for name, vph in by_movement.items()}
        return build_street(
            self.network, peak, flows.interval_s, lane_shares=self.demand.lane_shares
        )

    @cached_property
    def choices(self) -> Mapping[str, Choice]:
        """What every signal that may be retimed could run, the sequence in force first."""
        return choices(self.network, Limits())


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which a peer times a subject.

    Attributes
    ----------
    variant
        Which; empty where there is only one.
    file
        Additional file for SUMO; None for the plan in force, and where there is a reason.
    reason
        Why it cannot run here; empty where it can.
    note
        What is worth telling: cycles, gaps, what was repaired.
    """

    variant: str = ""
    file: Path | None = None
    reason: str = ""
    note: str = ""


class Peer(Protocol):
    """Times the signals of a subject."""

    @property
    def name(self) -> str:
        """For the table."""
        ...

    @property
    def version(self) -> str:
        """Of the method as it is here; a new one makes old results stale."""
        ...

    @property
    def source(self) -> str:
        """Who describes or wrote it."""
        ...

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return every variant, with its files in the folder.

        Raises
        ------
        ThroughbandError
            If it cannot time the subject; its message becomes the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timed:
    """Plans of a peer that thinks in plans, before they are files."""

    plans: Mapping[str, TimingPlan]
    note: str = ""
    left: Mapping[str, str] = field(default_factory=dict)


def as_offer(subject: Subject, timed: Timed, variant: str, file: Path) -> Offer:
    """Write plans as programs for SUMO.

    Parameters
    ----------
    subject, timed
        Whose plans.
    variant
        Of the peer.
    file
        Where to.
    """
    plan_set = PlanSet(subject.name, tuple(timed.plans.values()), timed.left)
    write_sumo_plan(file, plan_set, subject.network, program_id=PROGRAM_ID)
    note = timed.note
    if timed.left:
        note += f"; {len(timed.left)} signals stay as in force"
    return Offer(variant, file, note=note)
