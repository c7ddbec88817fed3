"""What a plan's page tells: changes against the plan in force, reasons, certificate, its life."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from network.timing import PlanSet, TimingPlan
from throughband.people.door import Person
from throughband.people.rights import Right
from throughband.plan_life import MOVES, Move, PlanState, moves_from
from throughband.reports.comparison import MINUS
from throughband.reports.time_space import REFERENCE_TEXT
from throughband.store.rows import MoveRecord, Plan

LIFE: Final = (
    PlanState.DRAFT, PlanState.CHECKED, PlanState.APPROVED, PlanState.ARMED, PlanState.ACTIVE,
    PlanState.ROLLED_BACK,
)  # fmt: skip

BY_PEOPLE: Final[Mapping[Move, tuple[str, str]]] = {
    Move.CHECK: ("Check", "primary"),
    Move.APPROVE: ("Approve", "primary"),
    Move.ARM: ("Arm", "primary"),
    Move.DISARM: ("Disarm", ""),
    Move.ROLL_BACK: ("Roll back", "danger"),
    Move.REJECT: ("Reject", "danger"),
}
"""Moves that people make on a page, with the button's text and kind; the street makes the rest."""

EFFECTS: Final[Mapping[Move, str]] = {
    Move.CHECK: "Safety rules and timeline look at it; without their consent it stays a draft.",
    Move.APPROVE: "You, who are not its author, approve exactly this plan on this report.",
    Move.ARM: "It is written to the controllers, read back and activated, now or at a time.",
    Move.DISARM: "Its push does not begin; nothing changes on the street.",
    Move.ROLL_BACK: "Takes it off the street: its controllers call what they called before.",
    Move.REJECT: "It is not to be used any more; nobody can take that back.",
}
"""What a move will do, for whoever is about to make it; nothing of it has happened yet."""

NEXT: Final[Mapping[PlanState, str]] = {
    PlanState.DRAFT: "Next: prove it in simulation against the plan in force, then check it.",
    PlanState.CHECKED: "Next: somebody other than its author approves it.",
    PlanState.APPROVED: "Next: an operator arms it, now or for a time.",
    PlanState.ARMED: "Next: it is written to the controllers, read back, and activated.",
    PlanState.ACTIVE: "It is on the street. An operator can roll it back at any time.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A state in the life of a plan: past, now, or to come."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A move that the visitor may make now."""

    key: str
    text: str
    style: str
    meaning: str
    asks_time: bool
    asks_why: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A number before and after, as text."""

    text: str
    changed: bool
    phase: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One signal's new plan against the one in force."""

    signal_id: str
    cycle: Cell
    offset: Cell
    reference: str
    splits: tuple[Cell, ...]

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return any(cell.changed for cell in (self.cycle, self.offset, *self.splits))


def changes_of(plan_set: PlanSet, in_force: Mapping[str, TimingPlan]) -> list[Change]:
    """Return what every plan of a set changes, in the set's order."""
    return [_change(plan, in_force.get(plan.signal_id)) for plan in plan_set.plans]


def _change(plan: TimingPlan, old: TimingPlan | None) -> Change:
    reference = f"{REFERENCE_TEXT[plan.offset_reference]}, phase {plan.coordinated_phase}"
    if old is not None and (old.offset_reference, old.coordinated_phase) != (
        plan.offset_reference, plan.coordinated_phase,
    ):  # fmt: skip
        reference += f" (was {REFERENCE_TEXT[old.offset_reference]}, phase {old.coordinated_phase})"
    splits = [
        _cell(old.split_s(number) if old else None, split, number)
        for number, split in zip(plan.sequence, plan.splits_s, strict=True)
    ]
    if old is not None:
        splits += [
            Cell(f"{old.split_s(number)} → omitted", True, number)
            for number in old.sequence
            if number not in plan.sequence
        ]
    return Change(
        plan.signal_id,
        _cell(old.cycle_s if old else None, plan.cycle_s),
        _cell(old.offset_s if old else None, plan.offset_s),
        reference,
        tuple(splits),
    )


def _cell(old: int | None, new: int, phase: int = 0) -> Cell:
    if old is None or old == new:
        return Cell(str(new), old is None, phase)
    if phase and not old:
        return Cell(f"omitted → {new}", True, phase)
    difference = f"{new - old:+d}".replace("-", MINUS)
    return Cell(f"{old} → {new} ({difference})", True, phase)


def life_of(plan: Plan, history: list[MoveRecord]) -> list[Step]:
    """Return the states of a plan's life with what is past; an end off the way stands last."""
    seen = {record.target for record in history}
    states = [*LIFE]
    if plan.state not in states:
        # Rejected, expired or replaced: what it never reached is left out.
        states = [state for state in LIFE if state in seen] + [plan.state]
    at = states.index(plan.state)
    return [
        Step(str(state).replace("-", " "), "now" if i == at else "past" if i < at else "")
        for i, state in enumerate(states)
    ]


def moves_offered(plan: Plan, person: Person, push_has_begun: bool = False) -> list[Offered]:
    """Return the moves that somebody may make with a plan as it is, the first step first.

    An armed plan whose push has begun is on its way to the street, and not disarmed any more.
    """
    possible = moves_from(plan.state)
    return [
        offered(move)
        for move in BY_PEOPLE
        if move in possible
        and person.may(MOVES[move].right)
        and not (MOVES[move].by_other and plan.author == person.name)
        and not (move is Move.CHECK and plan.report is None)
        and not (move is Move.DISARM and push_has_begun)
    ]


def offered(move: Move) -> Offered:
    """Return how a move is shown."""
    text, style = BY_PEOPLE[move]
    return Offered(
        str(move), text, style, EFFECTS[move],
        move is Move.ARM, MOVES[move].needs_why,
    )  # fmt: skip


def next_step(plan: Plan, person: Person) -> str:
    """Say what comes next, and why the visitor does not do it where that is so."""
    said = NEXT.get(plan.state, "")
    if plan.state is PlanState.DRAFT and plan.report is not None:
        said = "Next: check it; its proof is there."
        if plan.needs_proof:
            said = "Next: validate it here, as its report was uploaded; then check it."
    if plan.state is PlanState.CHECKED and plan.author == person.name and person.may(Right.APPROVE):
        said += " You are its author."
    return said


def certificates_of(notes: Mapping[str, Any]) -> list[str]:
    """Return the statements that bound a plan."""
    found = notes.get("certificates") or []
    return [str(one["statement"]) for one in found if isinstance(one, dict) and "statement" in one]


def reasons_of(notes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return why plans are what they are, by signal."""
    found = notes.get("reasons") or {}
    if not isinstance(found, dict):
        return {}
    return {
        str(signal): [str(said) for said in sentences]
        for signal, sentences in found.items()
        if isinstance(sentences, list)
    }


def parsed_report(content: bytes) -> dict[str, Any]:
    """Return an uploaded report; a run's result.json brings it inside.

    Raises
    ------
    ValueError
        If it is no JSON object.
    """
    found = json.loads(content.decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    inner = found.get("validation")
    return inner if isinstance(inner, dict) else found
