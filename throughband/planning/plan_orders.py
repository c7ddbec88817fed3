"""What an engineer asks of plans on the command line, alike for ``optimize``, ``run`` and ``day``.

The options are declared here once; nothing heavy is imported before one is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from network.errors import PlanError
from network.fields import shown

if TYPE_CHECKING:
    from engine.measures.objective import Objective
    from engine.optimize.problem import Limits
    from network.graph import RoadNetwork
    from network.transit import BusLine

LockFile = Annotated[
    Path | None,
    typer.Option(
        "--lock", help="What is to stay (TOML): plans, cycles, splits, offsets, sequences."
    ),
]
ObjectiveFile = Annotated[
    Path | None,
    typer.Option(
        "--objective", help="What is wanted (TOML): weights, persons, queues, waits, fuel."
    ),
]
Minimize = Annotated[
    str | None,
    typer.Option("--minimize", help="delay, person-delay, stops or emissions; else delay."),
]
StopPenalty = Annotated[
    float | None,
    typer.Option("--stop-penalty", help="Seconds of delay that a stop counts; 3 with delay."),
]
LongestWait = Annotated[
    float | None,
    typer.Option(
        "--longest-wait",
        help="Mean wait, s, that no movement and no pedestrian should pass: 55, say.",
    ),
]
QueueLimitPart = Annotated[
    float | None,
    typer.Option("--queue-limit", help="Part of its room that a mean queue may fill: 1, say."),
]
QueuePrice = Annotated[
    float | None,
    typer.Option(
        "--queue-price", help="Vehicles delayed that one beyond counts; else plans are refused."
    ),
]
Balance = Annotated[
    bool,
    typer.Option(
        "--balance/--no-balance",
        help="Where demand exceeds capacity, keep queues within their blocks.",
    ),
]


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """What was asked of plans; options go before the files.

    Attributes
    ----------
    lock
        Lock file, as `throughband.planning.optimize_options` reads it.
    file
        Objective file, as `throughband.planning.objective_options` reads it.
    minimize, stop_penalty_s, longest_wait_s, queue_limit, queue_price
        As in the objective file; None where not given.
    balance
        Whether traffic may be held back where there is room, if demand exceeds capacity.
    """

    lock: Path | None = None
    file: Path | None = None
    minimize: str | None = None
    stop_penalty_s: float | None = None
    longest_wait_s: float | None = None
    queue_limit: float | None = None
    queue_price: float | None = None
    balance: bool = False

    def limits(self, network: RoadNetwork, effort: int, buses: tuple[BusLine, ...] = ()) -> Limits:
        """Return what the optimizer takes.

        Parameters
        ----------
        network
            The roads and signals that the files speak of.
        effort
            Evaluations of the whole street.
        buses
            Lines whose passengers count where persons do.

        Raises
        ------
        PlanError
            If an option or a file is malformed, or names what the network lacks.
        InfeasibleError
            If no lawful plan meets the locks.
        """
        from engine.optimize.locks import Locks
        from engine.optimize.problem import Limits
        from throughband.planning.optimize_options import read_locks

        return Limits(
            effort=effort,
            locks=Locks() if self.lock is None else read_locks(self.lock, network),
            objective=self.objective(network, buses),
            balance=self.balance,
        )

    def objective(self, network: RoadNetwork, buses: tuple[BusLine, ...] = ()) -> Objective:
        """Return what is to be little.

        Raises
        ------
        PlanError
            If an option or the file is malformed or names what the network lacks.
        """
        from engine.measures.objective import Goal, Objective, QueueLimit
        from throughband.planning.objective_options import GOALS, checked, read_objective

        found = Objective() if self.file is None else read_objective(self.file, network)
        if self.minimize is not None:
            if self.minimize not in GOALS:
                raise PlanError(
                    f"--minimize: found {shown(self.minimize)}; allowed is one of "
                    + ", ".join(GOALS)
                )
            found = replace(found, goal=Goal(self.minimize))
        if self.stop_penalty_s is not None:
            found = replace(found, stop_penalty_s=self.stop_penalty_s)
        if self.longest_wait_s is not None:
            found = replace(found, longest_wait_s=self.longest_wait_s)
        limit = found.queue_limit
        if self.queue_limit is not None:
            limit = replace(limit or QueueLimit(), part=self.queue_limit)
        if self.queue_price is not None:
            limit = replace(limit or QueueLimit(), price=self.queue_price)
        return checked(replace(found, queue_limit=limit, buses=buses), self.file)
