"""MAXBAND and MULTIBAND: one cycle per group, critical splits, offsets for the widest bands.

Groups and arterials are those that `throughband corridors` proposes, in one variant divided where
natural cycles do not go together, in another as far as platoons reach. A group's cycle is
Webster's of its critical signal, up to whole 5 s, as the programs' users take it; the band programs
could choose cycles themselves, but a wider share of a longer cycle is paid for by everybody else.
Splits make the critical lane groups equally saturated; a last variant takes cycle and splits as
they are in force, where a group has one cycle, and seeks only offsets. Offsets come from the
mixed-integer programs (`engine.optimize.band_program`), at free speed, with the time that queues
need to clear before the band arrives, target ratio by direction, and in MULTIBAND every link and
direction weighed by its volume over saturation flow; where arterials cross, by the network form,
with every loop closed. Signals outside all arterials run by themselves, or at their group's cycle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.peer import Offer, Subject, Timed, as_offer
from benchmarks.peers.webster import SHORTEST_CYCLES_S, plan_at, webster_cycles_s
from engine.measures.corridor import Corridor
from engine.measures.street import Street
from engine.optimize.band_models import BandLimits
from engine.optimize.band_networks import network_band_offsets
from engine.optimize.bands import Method, band_offsets
from engine.optimize.corridors import propose
from network.errors import EngineError, InfeasibleError
from network.timing import TimingPlan

IN_FORCE = "splits in force"
COUPLED, AFFINE = "all coupled", "alike cycles"
CYCLE_STEP_S = 5
SOLVER = BandLimits(time_s=60.0, gap=0.001)


class BandPeer:
    """Bands along arterials and over networks.

    Parameters
    ----------
    method
        Which program.
    """

    version = "1"

    def __init__(self, method: Method) -> None:
        self.name = method
        self.method = method
        self.source = {
            "maxband": "Little, Kelson and Gartner 1981 (TRR 795); MAXBAND-86, TRR 1324",
            "multiband": "Gartner, Assmann, Lasaga and Hou 1991 (Transp. Res. B 25, 55-74)",
        }[method]

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return plans of every variant: shortest cycles, and how groups are made."""
        found: list[Offer] = []
        for cycles, shortest_s in SHORTEST_CYCLES_S.items():
            for groups in (COUPLED, AFFINE):
                name = f"{cycles}, {groups}"
                try:
                    timed = banded_plans(subject, shortest_s, groups, self.method)
                except InfeasibleError as error:
                    found.append(Offer(name, reason=str(error)))
                    continue
                file = folder / f"{self.method}_{len(found)}.add.xml"
                found.append(as_offer(subject, timed, name, file))
        try:
            timed = banded_in_force(subject, self.method)
        except InfeasibleError as error:
            found.append(Offer(IN_FORCE, reason=str(error)))
        else:
            file = folder / f"{self.method}_{len(found)}.add.xml"
            found.append(as_offer(subject, timed, IN_FORCE, file))
        return tuple(found)


def banded_plans(subject: Subject, shortest_s: int, groups: str, method: Method) -> Timed:
    """Time all signals with bands.

    Parameters
    ----------
    subject
        What to time.
    shortest_s
        Shortest cycle, s.
    groups
        `COUPLED` or `AFFINE`.
    method
        Which program.

    Raises
    ------
    InfeasibleError
        If no two signals belong to an arterial.
    """
    street = subject.peak_street
    cycles_s = webster_cycles_s(subject, shortest_s)
    natural = {name: float(cycle) for name, cycle in cycles_s.items()} if groups == AFFINE else {}
    # A signal whose cycle is not known goes with any other.
    proposal = propose(subject.network, street, set(cycles_s), natural)
    plans: dict[str, TimingPlan] = {}
    notes: list[str] = []
    for group in proposal.groups:
        if len(group) == 1:
            plans[group[0]] = plan_at(subject.choices[group[0]], street, cycles_s[group[0]])
            continue
        cycle_s = math.ceil(max(cycles_s[name] for name in group) / CYCLE_STEP_S) * CYCLE_STEP_S
        split = {name: plan_at(subject.choices[name], street, cycle_s) for name in group}
        inside = [c for c in proposal.arterials if set(c.signals) <= set(group)]
        moved, note = _offset(subject, street, inside, split, method)
        plans |= {**split, **moved}
        notes.append(f"{len(group)} signals at {cycle_s} s: {note}")
    if not notes:
        raise InfeasibleError("no two signals are worth one cycle, so there is no arterial")
    left = {name: "no traffic" for name in subject.network.signals if name not in plans}
    return Timed(plans, "; ".join(notes), left)


def banded_in_force(subject: Subject, method: Method) -> Timed:
    """Give the plans in force offsets with bands, group by group where a group has one cycle.

    Parameters
    ----------
    subject, method
        As for `banded_plans`.

    Raises
    ------
    InfeasibleError
        If no group of several signals has one cycle.
    """
    street = subject.peak_street
    in_force = {name: choice.in_force for name, choice in subject.choices.items()}
    proposal = propose(subject.network, street, set(in_force), {})
    plans = dict(in_force)
    notes: list[str] = []
    for group in proposal.groups:
        cycles_s = {in_force[name].cycle_s for name in group}
        if len(group) == 1 or len(cycles_s) > 1:
            continue
        inside = [c for c in proposal.arterials if set(c.signals) <= set(group)]
        own = {name: in_force[name] for name in group}
        moved, note = _offset(subject, street, inside, own, method)
        plans |= moved
        notes.append(f"{len(group)} signals at {cycles_s.pop()} s: {note}")
    if not notes:
        raise InfeasibleError("no group of signals has one cycle in force")
    return Timed(plans, "; ".join(notes))


def _offset(
    subject: Subject,
    street: Street,
    corridors: Sequence[Corridor],
    plans: Mapping[str, TimingPlan],
    method: Method,
) -> tuple[Mapping[str, TimingPlan], str]:
    if not corridors:
        return {}, "no arterial, offsets 0"
    try:
        if len(corridors) == 1:
            one = band_offsets(corridors[0], plans, subject.network, street, method, limits=SOLVER)
            return one.plans, f"1 arterial, {one.status}, gap {one.gap:.1%}, {one.seconds:.1f} s"
        many = network_band_offsets(
            corridors, plans, subject.network, street, method, limits=SOLVER
        )
    except EngineError as error:
        return {}, f"no band, offsets 0 ({error})"
    found = many.result
    note = f"{len(many.corridors)} arterials, {found.status}, gap {found.gap:.1%}"
    if many.skipped:
        note += f", {len(many.skipped)} without a band"
    return many.plans, f"{note}, {found.seconds:.1f} s"
