"""What ``throughband corridors`` does: propose what to coordinate, to be named by an engineer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.measures.street import Street, build_street
from engine.optimize.corridors import Proposal, as_named, named_corridors, propose
from network.derive.corridors import NamedCorridor, write_corridors
from network.errors import FormatError
from throughband.counts.demand import COUNTING_SEEDS, counted_days, demand, read_counts
from throughband.exchange.imported import CORRIDORS_NAME, imported_counts
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

SHOWN_PAIRS: Final = 12


def propose_corridors(
    name: str, out: Path, counts: Path | None, begin_s: float | None, end_s: float | None
) -> None:
    """Carry out ``throughband corridors``."""
    if out.exists():
        raise FormatError(f"{out}: exists already; name another file, or edit that one")
    with Teller(2) as teller:
        teller.step("measure the traffic between signals")
        setting = open_setting(name, begin_s, end_s)
        street = street_of(setting, counts or imported_counts(setting.scenario), teller)
        teller.step("propose groups and arterials")
        proposal = propose(setting.network, street)
        named = as_named(proposal.arterials)
        _tell(teller, setting, street, proposal, named)
        write_corridors(out, named)
        teller.say(f"Corridors: {out}; edit names and signals, and keep it as {CORRIDORS_NAME}")


def street_of(setting: Setting, counts: Path | None, teller: Teller) -> Street:
    """Return a street under the traffic of counts, or of SUMO's seeds 1 to 3 without a file."""
    if counts is None:
        days = counted_days(
            setting.case,
            setting.network,
            COUNTING_SEEDS,
            lambda done, whole: teller.tell("days", done, whole),
        )
    else:
        days = read_counts(counts, setting.network)
    wanted = demand(setting.network, days)
    return build_street(
        setting.network,
        wanted.flows.movement_vph(),
        wanted.flows.interval_s,
        setting.driving,
        wanted.lane_shares,
    )


def _tell(
    teller: Teller,
    setting: Setting,
    street: Street,
    proposal: Proposal,
    named: tuple[NamedCorridor, ...],
) -> None:
    for number, group in enumerate(proposal.groups, 1):
        teller.say(f"Group {number}: one cycle for {', '.join(group)}")
    laid = named_corridors(setting.network, street, named)
    for corridor in named:
        two_way = "both ways" if laid[corridor.name].inbound_legs else "one way"
        teller.say(f"Arterial {corridor.name}, {two_way}: {', '.join(corridor.signals)}")
    for pair in sorted(proposal.pairs, key=lambda p: -p.index)[:SHOWN_PAIRS]:
        verdict = "together" if pair.joined else "apart"
        teller.say(
            f"{pair.signals[0]} and {pair.signals[1]}: {verdict}; {pair.flow_vph:.0f} veh/h over "
            f"{pair.distance_m:.0f} m, {pair.travel_time_s:.0f} s, index {pair.index:.2f} veh/h/m"
        )
    if len(proposal.pairs) > SHOWN_PAIRS:
        teller.say(f"and {len(proposal.pairs) - SHOWN_PAIRS} weaker pairs")
