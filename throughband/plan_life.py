"""The life of a plan: its states, the moves between them, and how the journal records a move.

::

    draft -> checked -> approved -> armed -> active -> rolled back
      |         |          |          |        |
      +---------+----------+----------+        +-> replaced (by the next plan that is active)
                |                     |
            rejected               expired (the approval's time is over)

A move is written in the journal first and in the database after, within one transaction that
holds off everybody else. The journal's entry says of each plan that moves from where, to where,
and the version of its row afterwards. So after a crash between the two the database can be
brought to what the journal says, and after a crash before the first nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from network.errors import MoveError, ThroughbandError
from throughband.people.rights import Right

MOVES_FIELD: Final = "plan_moves"
"""Field of a journal's event that makes it a record of moves."""


class PlanState(StrEnum):
    """Where a plan is in its life."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    ARMED = "armed"
    ACTIVE = "active"
    ROLLED_BACK = "rolled-back"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REPLACED = "replaced"


class Move(StrEnum):
    """What may be done with a plan."""

    CHECK = "check"
    APPROVE = "approve"
    REJECT = "reject"
    ARM = "arm"
    DISARM = "disarm"
    ACTIVATE = "activate"
    FAIL = "fail"
    ROLL_BACK = "roll-back"
    EXPIRE = "expire"
    REPLACE = "replace"
    RESTORE = "restore"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Rule:
    """A move's rule.

    Attributes
    ----------
    sources, target
        The states it starts from, and the one it leads to.
    right
        What the mover must have the right to.
    event
        What the journal calls it.
    by_other
        Whether it must be somebody other than the plan's author.
    meaning
        One sentence for people.
    needs_why
        Whether somebody who makes it has to say why: what ends a plan's way, others ask about.
    """

    sources: frozenset[PlanState]
    target: PlanState
    right: Right
    event: str
    meaning: str
    by_other: bool = False
    needs_why: bool = False


def _rule(
    sources: Iterable[PlanState],
    target: PlanState,
    right: Right,
    event: str,
    meaning: str,
    by_other: bool = False,
    needs_why: bool = False,
) -> Rule:
    return Rule(frozenset(sources), target, right, event, meaning, by_other, needs_why)


_P = PlanState
MOVES: Final[Mapping[Move, Rule]] = MappingProxyType(
    {
        Move.CHECK: _rule(
            {_P.DRAFT}, _P.CHECKED, Right.ENGINEER, "plan checked",
            "safety rules and timeline accept it, and a validation report is there",
        ),
        Move.APPROVE: _rule(
            {_P.CHECKED}, _P.APPROVED, Right.APPROVE, "approved",
            "somebody other than its author approves exactly this plan on exactly this report",
            by_other=True,
        ),
        Move.REJECT: _rule(
            {_P.DRAFT, _P.CHECKED, _P.APPROVED}, _P.REJECTED, Right.APPROVE, "plan rejected",
            "it is not to be used", needs_why=True,
        ),
        Move.ARM: _rule(
            {_P.APPROVED}, _P.ARMED, Right.OPERATE, "plan armed",
            "an operator asks for it, now or at a time",
        ),
        Move.DISARM: _rule(
            {_P.ARMED}, _P.APPROVED, Right.OPERATE, "plan disarmed",
            "the operator asks for it no longer, before it is on the street",
        ),
        Move.ACTIVATE: _rule(
            {_P.ARMED}, _P.ACTIVE, Right.OPERATE, "plan active",
            "it was written, read back and activated at every controller",
        ),
        Move.FAIL: _rule(
            {_P.ARMED}, _P.APPROVED, Right.OPERATE, "plan not pushed",
            "the push failed; the controllers are as before",
        ),
        Move.ROLL_BACK: _rule(
            {_P.ACTIVE}, _P.ROLLED_BACK, Right.OPERATE, "plan rolled back",
            "it was taken off the street", needs_why=True,
        ),
        Move.EXPIRE: _rule(
            {_P.APPROVED, _P.ARMED}, _P.EXPIRED, Right.OPERATE, "plan expired",
            "the time of its approval is over",
        ),
        Move.REPLACE: _rule(
            {_P.ACTIVE}, _P.REPLACED, Right.OPERATE, "plan replaced",
            "another plan became active in its place",
        ),
        Move.RESTORE: _rule(
            {_P.REPLACED}, _P.ACTIVE, Right.OPERATE, "plan active again",
            "the plan that replaced it was rolled back",
        ),
        Move.REOPEN: _rule(
            {_P.CHECKED}, _P.DRAFT, Right.ENGINEER, "plan reopened",
            "a report made here takes the place of an uploaded one, to be checked anew",
        ),
    }
)  # fmt: skip
"""The rule of each move."""

DRAFTED: Final = "plan drafted"
"""What the journal calls the beginning of a plan's life."""


@dataclass(frozen=True, slots=True)
class PlanMove:
    """One plan's part in a recorded move.

    Attributes
    ----------
    plan_id
        The plan.
    move
        What was done; None for the beginning of its life.
    source, target
        From which state, None at the beginning, to which.
    version
        Of the plan's row after it; 1 at the beginning.
    """

    plan_id: str
    move: Move | None
    source: PlanState | None
    target: PlanState
    version: int

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON."""
        return {
            "plan_id": self.plan_id,
            "move": None if self.move is None else str(self.move),
            "from": None if self.source is None else str(self.source),
            "to": str(self.target),
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], where: str) -> PlanMove:
        """Return what `to_dict` wrote.

        Raises
        ------
        ThroughbandError
            If it is malformed.
        """
        try:
            return cls(
                str(entry["plan_id"]),
                None if entry["move"] is None else Move(entry["move"]),
                None if entry["from"] is None else PlanState(entry["from"]),
                PlanState(entry["to"]),
                int(entry["version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ThroughbandError(f"{where}: not the move of a plan ({error})") from error


def moves_in(event: Mapping[str, Any]) -> tuple[PlanMove, ...]:
    """Return the moves that an event of the journal records; none for other events.

    Raises
    ------
    ThroughbandError
        If they are malformed.
    """
    entries = event.get(MOVES_FIELD)
    if entries is None:
        return ()
    where = f"entry {event.get('number', '')} of the journal"
    if not isinstance(entries, list):
        raise ThroughbandError(f"{where}: {MOVES_FIELD} is not a list")
    return tuple(
        PlanMove.from_dict(entry if isinstance(entry, dict) else {}, where) for entry in entries
    )


def next_state(state: PlanState, move: Move) -> PlanState:
    """Return where a move leads.

    Raises
    ------
    MoveError
        If it does not start from this state.
    """
    rule = MOVES[move]
    if state not in rule.sources:
        allowed = ", ".join(sorted(moves_from(state))) or "none"
        raise MoveError(
            f"a plan that is {state} cannot make the move {move!s}; possible are: {allowed}"
        )
    return rule.target


def moves_from(state: PlanState) -> tuple[Move, ...]:
    """Return the moves that start from a state, in their order."""
    return tuple(move for move, rule in MOVES.items() if state in rule.sources)


def require_why(move: Move, why: str) -> None:
    """Raise `MoveError` if a move needs a reason and has none."""
    if MOVES[move].needs_why and not why.strip():
        raise MoveError(f"the move {move} needs a reason; it stands in the journal")
