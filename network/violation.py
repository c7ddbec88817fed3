"""A rule that a plan breaks."""

from __future__ import annotations

from dataclasses import dataclass

from network.graph import Signal


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by one plan.

    Attributes
    ----------
    rule
        Short name of the rule.
    signal_id
        The signal.
    phase
        The phase concerned (at a clearance, the ending one), or None.
    found, limit
        What the plan has, and what would be allowed.
    text
        All of it as one sentence.
    """

    rule: str
    signal_id: str
    phase: int | None
    found: str
    limit: str
    text: str


def violated(
    signal: Signal, rule: str, phase: int | None, found: object, limit: object
) -> Violation:
    """Return the violation of a rule at a signal, with its sentence.

    Parameters
    ----------
    signal, rule, phase
        Where, which rule, and the phase concerned, or None.
    found, limit
        What the plan has, and what would be allowed.
    """
    where = f"signal {signal.signal_id!r}" + (f", phase {phase}" if phase else "")
    text = f"{where}: {rule}: found {found}, allowed {limit}"
    return Violation(rule, signal.signal_id, phase, str(found), str(limit), text)
