"""What new timings take away, and what of walking is known: sentences told from the plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from network.graph import Movement, RoadNetwork
from network.phasing import Phasing
from network.timing import TimingPlan
from throughband.reports.split_bars import omitted_phases
from throughband.reports.timing_sheet import movement_name


def lost_phases(
    network: RoadNetwork, in_force: Mapping[str, TimingPlan], plans: Iterable[TimingPlan]
) -> dict[str, str]:
    """Return by signal which phases of the plan in force are left out, and who loses by that."""
    told: dict[str, str] = {}
    for plan in plans:
        before = in_force.get(plan.signal_id)
        signal = network.signals.get(plan.signal_id)
        phases = omitted_phases(before, plan)
        if before is None or signal is None or signal.phasing is None or not phases:
            continue
        losing, stopped = set(), set()
        for movement in signal.movements:
            was, now = (_green(signal.phasing, movement, p.sequence) for p in (before, plan))
            if was and not now:
                stopped.add(movement_name(network, movement))
            elif "G" in was and "G" not in now:
                losing.add(movement_name(network, movement))
        noun = "phase" if len(phases) == 1 else "phases"
        said = [
            f"Signal {plan.signal_id} leaves out {noun} {', '.join(map(str, phases))} of the plan "
            "in force"
        ]
        if losing:
            said.append(
                f"{', '.join(sorted(losing))} {_verb(losing, 'lose')} the protected green and "
                f"{_verb(losing, 'go', 'goes')} only where the traffic to be given way to leaves "
                "gaps"
            )
        if stopped:
            said.append(f"{', '.join(sorted(stopped))} {_verb(stopped, 'get')} no green any more")
        if not losing and not stopped:
            said.append("whoever had protected green there has it in another phase")
        told[plan.signal_id] = "; ".join(said) + "."
    return told


def walking(network: RoadNetwork, plans: Iterable[TimingPlan]) -> str:
    """Return what of walk times and red clearance the network names at signals with new plans."""
    phasings = [
        network.signals[plan.signal_id].phasing
        for plan in plans
        if plan.signal_id in network.signals
    ]
    known = [phasing for phasing in phasings if phasing is not None]
    walks = sum(any(phase.walk_s for phase in phasing.phases) for phasing in known)
    bare = sum(any(not phase.red_clear_ds for phase in phasing.phases) for phasing in known)
    if not walks:
        said = (
            "The network names no walk times, so crossing times for people on foot were not "
            "checked; somebody must."
        )
    elif walks < len(phasings):
        said = (
            f"Walk times are named at {walks} of {len(phasings)} signals and met there; at the "
            "others crossing times for people on foot were not checked."
        )
    else:
        said = "The walk and crossing times that the network names are met at every signal."
    if bare:
        said += (
            f" At {bare} of {len(phasings)} signals some phases have no red clearance, as in the "
            "network; that was not questioned."
        )
    return said


def _verb(who: set[str], verb: str, single: str = "") -> str:
    return (single or f"{verb}s") if len(who) == 1 else verb


def _green(phasing: Phasing, movement: Movement, sequence: Iterable[int]) -> set[str]:
    """Return ``G`` and ``g`` as far as a movement gets them from a sequence of phases."""
    found: set[str] = set()
    for number in sequence:
        aspects = phasing.phase(number).aspects
        for connection in movement.connections:
            lit = {aspects[group] for group in connection.groups}
            if lit and lit <= {"G"}:
                found.add("G")
            elif lit and lit <= {"G", "g"}:
                found.add("g")
    return found
