"""An explanation on disk: ``explain.json``, ``explain.txt`` and pictures of what green is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from engine.measures.evaluation import StreetMeasures
from engine.optimize.explanation import Explanation, GroupExplanation, SignalExplanation
from engine.optimize.narrative import corridor_paragraph, group_paragraph, signal_paragraph
from engine.optimize.sensitivity import LaneChange, SecondCost
from network.documents import DocumentForm, write_document
from network.errors import PlanError
from network.timing import PlanSet
from throughband.planning.explained_locks import HeldLocks

EXPLANATION_FORM: Final = DocumentForm("throughband.explanation", "explanation", 1, PlanError)
JSON_NAME: Final = "explain.json"
TEXT_NAME: Final = "explain.txt"
DPI: Final = 130


def write_explanation(
    folder: Path,
    scenario: str,
    plan_set: PlanSet,
    found: Explanation,
    source: str,
    held: HeldLocks | None = None,
) -> None:
    """Write explain.json, explain.txt and their figures into a folder.

    Parameters
    ----------
    folder
        Where to.
    scenario, plan_set
        What is explained.
    found
        The explanation.
    source
        Where the plans come from, for the text.
    held
        The locks that the plans were made under.
    """
    held = held or HeldLocks()
    from throughband.reports.explanation_charts import SIGNALS_SHOWN, seconds_chart

    figures: dict[int, str] = {}
    for number, group in enumerate(found.groups, 1):
        if len(group.signals) == 1:
            continue
        title = f"Group {number}, cycle {group.cycle_s} s: what seconds are worth"
        figures[number] = f"explain-group{number}.png"
        seconds_chart(group.signals, title).savefig(folder / figures[number], dpi=DPI)
    alone = {n: g.signals[0] for n, g in enumerate(found.groups, 1) if len(g.signals) == 1}
    for page, at in enumerate(range(0, len(alone), SIGNALS_SHOWN), 1):
        numbers = list(alone)[at : at + SIGNALS_SHOWN]
        name = f"explain-alone{page}.png"
        title = "Signals on their own: what seconds are worth"
        seconds_chart([alone[n] for n in numbers], title).savefig(folder / name, dpi=DPI)
        figures |= dict.fromkeys(numbers, name)
    write_document(
        folder / JSON_NAME, EXPLANATION_FORM, document_of(scenario, plan_set, found, held)
    )
    text = "\n".join(_page(scenario, plan_set, found, source, figures, held)) + "\n"
    (folder / TEXT_NAME).write_text(text, encoding="utf-8")


def document_of(
    scenario: str, plan_set: PlanSet, found: Explanation, held: HeldLocks | None = None
) -> dict[str, object]:
    """Return an explanation as JSON holds it, as the schema ``explanation`` describes it."""
    return {
        "scenario": scenario,
        "plan_digest": plan_set.digest,
        "model": {"plans": _model(found.measures), "in_force": _model(found.in_force)},
        "groups": [_group(group, number) for number, group in enumerate(found.groups, 1)],
        "corridors": [
            {
                "name": name,
                "signals": list(corridor.signals),
                "text": corridor_paragraph(name, corridor, found),
            }
            for name, corridor in found.corridors.items()
        ],
        "locks": (held or HeldLocks()).documents(),
        "left_alone": dict(plan_set.left_alone),
    }


def signal_document(signal: SignalExplanation, group: GroupExplanation) -> dict[str, Any]:
    """Return what is told of a signal as JSON holds it."""
    following = signal.next_sequence
    return {
        "signal_id": signal.signal_id,
        "cycle_s": signal.plan.cycle_s,
        "needed_s": round(signal.path.needed_s, 2),
        "offset": {
            "offset_s": signal.plan.offset_s,
            "phase": signal.plan.coordinated_phase,
            "later": _cost(signal.seconds.later),
            "earlier": _cost(signal.seconds.earlier),
        },
        "phases": [
            {
                **{k: _rounded(v) for k, v in asdict(phase).items()},
                "more": _cost(signal.seconds.more[phase.phase]),
                "less": _cost(signal.seconds.less[phase.phase]),
                "bounds": [
                    {"side": b.side, "constraint": b.constraint, "text": b.text}
                    for b in signal.bounds
                    if b.phase == phase.phase
                ],
            }
            for phase in signal.path.phases
        ],
        "next_sequence": None
        if following is None
        else {
            "sequence": list(following.plan.sequence),
            "splits_s": list(following.plan.splits_s),
            "offset_s": following.plan.offset_s,
            "veh_s_per_h": round(following.veh_s_per_h, 1),
            "s_per_veh": round(following.s_per_veh, 4),
            "tried": following.tried,
        },
        "refused_steps": [
            {"phase": ending, "following": beginning, "text": why}
            for (ending, beginning), why in sorted(signal.refused_steps.items())
        ],
        "text": signal_paragraph(signal, group),
    }


def _group(group: GroupExplanation, number: int) -> dict[str, Any]:
    cycles = group.cycles
    return {
        "signals": [signal_document(signal, group) for signal in group.signals],
        "cycle_s": group.cycle_s,
        "cost_s_per_veh": round(group.cost_s_per_veh, 3),
        "volume_vph": round(group.volume_vph, 1),
        "refit_gain_pct": _rounded(group.refit_gain_pct),
        "cycles": None
        if cycles is None
        else {
            "tried": [
                {"cycle_s": c.cycle_s, "s_per_veh": round(c.s_per_veh, 3)} for c in cycles.tried
            ],
            "plateau_s": list(cycles.plateau_s),
            "too_short_s": dict(cycles.too_short_s),
        },
        "regrets": [{k: _rounded(v) for k, v in asdict(lost).items()} for lost in group.regrets],
        "text": group_paragraph(group, number),
    }


def _cost(cost: SecondCost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {
        "seconds": {str(number): s for number, s in cost.seconds.items()},
        "veh_s_per_h": round(cost.veh_s_per_h, 1),
        "s_per_veh": round(cost.s_per_veh, 5),
        "hourly_veh_s_per_h": _rounded(cost.hourly_veh_s_per_h),
        "ample_veh_s_per_h": _rounded(cost.ample_veh_s_per_h),
        "pays": _change(cost.pays),
        "gains": _change(cost.gains),
    }


def _change(change: LaneChange | None) -> dict[str, Any] | None:
    return {k: _rounded(v) for k, v in asdict(change).items()} if change else None


def _model(measures: StreetMeasures) -> dict[str, float]:
    return {"delay_s": round(measures.delay_s, 3), "stops": round(measures.stops, 4)}


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _page(
    scenario: str,
    plan_set: PlanSet,
    found: Explanation,
    source: str,
    figures: Mapping[int, str],
    held: HeldLocks,
) -> Iterator[str]:
    yield f"# {scenario}: why the signals are timed as they are"
    yield ""
    yield (
        f"This explains {source}: {len(plan_set.plans)} signals, of which a model of the traffic "
        f"says that a vehicle waits {found.measures.delay_s:.1f} s at a signal on average (plans "
        f"in force: {found.in_force.delay_s:.1f} s) and stops {found.measures.stops:.2f} times "
        f"(in force: {found.in_force.stops:.2f}). All numbers below are the model's; waiting is "
        "that of all drivers together, with what a stop costs them."
    )
    if not found.street.objective.is_default:
        yield ""
        yield f"What is wanted: {found.street.objective}. Every price below is in these terms."
    if held.locks:
        yield from ("", "## Locks", "")
        yield from (f"- {line}" for line in held.lines())
    if found.corridors:
        yield from ("", "## Corridors")
    for name, corridor in found.corridors.items():
        yield from ("", corridor_paragraph(name, corridor, found))
    for number, group in enumerate(found.groups, 1):
        yield from ("", f"## Group {number}", "", group_paragraph(group, number), "")
        yield f"![What seconds are worth in group {number}]({figures[number]})"
        for signal in group.signals:
            told = " ".join([signal_paragraph(signal, group), *held.sentences(signal.signal_id)])
            yield from ("", f"### Signal {signal.signal_id}", "", told)
    if plan_set.left_alone:
        yield from ("", "## Left alone", "")
        yield from (f"- {name}: {why}" for name, why in plan_set.left_alone.items())
