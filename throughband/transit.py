"""Priority for buses in ``throughband simulate``: who may have it, by which means, at what cost."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from engine.adaptive.control import Information
from engine.adaptive.priority import Priority
from engine.adaptive.sensing import Sensing
from engine.adaptive.transit import Strategy, TransitRules
from engine.validate.fleet import ALLOWANCE_S, Fleet
from network.errors import ThroughbandError
from network.readers.sumo_bus_runs import read_bus_runs
from network.readers.sumo_buses import read_sumo_buses
from throughband.exchange.imported import buses_of
from throughband.setting import Setting

ALL: Final = "all"
BUDGET_PERSON_S: Final = 7200.0
"""What others may lose at one signal in an hour: two hours of one person's time, a few per cent of
what everybody loses there anyway."""


@dataclass(frozen=True, slots=True)
class TransitWish:
    """What the command line says of priority for buses, unchecked.

    Attributes
    ----------
    strategies
        ``all``, or some of `Strategy`, with commas; nothing for no priority.
    budget_person_s, late_s, close_share
        As for `TransitRules`; a budget of 0 grants only what costs nobody anything.
    allowance_s
        What the timetable gives a bus at each signal, s.
    """

    strategies: str = ""
    budget_person_s: float = BUDGET_PERSON_S
    late_s: float = TransitRules().late_s
    close_share: float = TransitRules().close_share
    allowance_s: float = ALLOWANCE_S

    def rules(self, seen_share: float = 1.0) -> TransitRules:
        """Return the rules where so much of the traffic is seen; `ThroughbandError` if none."""
        known = [strategy.value for strategy in Strategy]
        named = [name.strip() for name in self.strategies.split(",")]
        chosen = known if named == [ALL] else named
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise ThroughbandError(
                f"--transit: found {unknown[0]!r}; allowed are {ALL} alone, or some of "
                f"{', '.join(known)}, with commas between them"
            )
        if not 0.0 <= self.allowance_s < math.inf:
            raise ThroughbandError(
                f"--transit-allowance: found {self.allowance_s:g} s; allowed is a finite time "
                "from 0"
            )
        return TransitRules(
            frozenset(Strategy(name) for name in chosen),
            late_s=self.late_s,
            close_share=self.close_share,
            long_share=max(self.close_share, TransitRules().long_share),
            budget_person_s=self.budget_person_s,
            seen_share=seen_share,
        )


def seen_share(sensing: Sensing) -> float:
    """Return the part of the traffic that the controller is told of, as far as is known."""
    return sensing.share if sensing.information is Information.VEHICLES else 1.0


def fleet_of(setting: Setting, sensing: Sensing, allowance_s: float) -> Fleet:
    """Return the buses of a scenario, of the lines beside it or else those its vehicles make.

    Raises
    ------
    ThroughbandError
        There are none, or the sensors tell nothing of queues, so that nobody could say what others
        lose.
    """
    if sensing.information is Information.DETECTORS:
        raise ThroughbandError(
            "--transit weighs what others lose by the queues that are seen: found --info "
            f"{sensing.information.value}; allowed are {Information.LANES.value} and "
            f"{Information.VEHICLES.value}"
        )
    scenario, case, network = setting.scenario, setting.case, setting.network
    window = (case.begin_s, case.end_s)
    files = (scenario.route_files, scenario.additional_files)
    lines = buses_of(scenario, network)
    if not lines:
        lines, _ = read_sumo_buses(*files, network, *window)
    runs = read_bus_runs(*files, lines, network, *window)
    if not runs:
        raise ThroughbandError(
            f"{scenario.name}: --transit found no bus of {len(lines)} lines among its vehicles "
            f"from {case.begin_s:g} to {case.end_s:g} s; allowed are vehicles (no flows) that "
            "drive the route and the stops of a line"
        )
    return Fleet(network, runs, allowance_s)


def transit_content(wish: TransitWish, priority: Priority) -> dict[str, Any]:
    """Return for JSON what was asked for, granted and refused, and what others lost by it."""
    spent = priority.ledger.most_person_s
    endless = math.isinf(wish.budget_person_s)
    return {
        "rules": {**asdict(wish), "budget_person_s": None if endless else wish.budget_person_s},
        "granted": priority.tally.by_strategy(),
        "refused": priority.tally.by_refusal(),
        "most_person_s_in_an_hour": {name: round(value, 1) for name, value in spent.items()},
        "budget_spent_at_s": priority.ledger.spent_out_s,
    }


def transit_told(wish: TransitWish, priority: Priority) -> list[str]:
    """Return the same for people to read."""
    granted = ", ".join(f"{n} by {name}" for name, n in priority.tally.by_strategy().items() if n)
    refused = ", ".join(f"{n} {name}" for name, n in priority.tally.by_refusal().items() if n)
    lines = [f"Buses at signals: granted {granted or 'nothing'}; refused {refused or 'nothing'}"]
    spent_out = sorted(priority.ledger.spent_out_s.items(), key=lambda entry: entry[1])
    if spent_out:
        name, at_s = spent_out[0]
        lines.append(
            f"The budget of {wish.budget_person_s:g} person-seconds an hour was too small at "
            f"{len(spent_out)} signals, first at {name} at {at_s:g} s"
        )
    return lines
