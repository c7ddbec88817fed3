"""Whether a node is clear enough for a green to begin.

Who stood inside when a green that closes his way was to begin is let out first, while there is
hope: as long as somebody there stands, and until nobody there has moved for `MOST_IDLE_S`, for
`MOST_HELD_S` at most. Two who have stopped in each other's way inside a node may never get out of
it again, whatever the signal shows then.

Kept meanwhile is all red that is red, beyond the clearance of the plan; what is yellow turns red
as it would, and who has green on both sides of the change keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from network.phasing import GREEN_ASPECTS
from network.units import TENTHS_PER_SECOND

MOST_HELD_S: Final = 20.0
LEAST_INSIDE: Final = 2
"""Who is alone inside gets out, for nobody is in his way."""
MOST_IDLE_S: Final = 4.0
_BEGINNING: Final = frozenset("Ggsu")


class Box(NamedTuple):
    """Who is inside the node, by the stop lane that they came from.

    Attributes
    ----------
    still, moving
        Per stop lane, how many stand there, and how many move.
    """

    still: Sequence[float]
    moving: Sequence[float]


class Clearing:
    """Follows one change of stages after the other.

    Parameters
    ----------
    step_ds
        Length of a step, tenths of a second.
    """

    def __init__(self, step_ds: int) -> None:
        self._step_ds = step_ds
        self._held_ds = self._idle_ds = 0
        self._given_up = False

    def begin(self) -> None:
        """A stage is left."""
        self._held_ds = self._idle_ds = 0
        self._given_up = False

    def is_waiting(self, box: Box, closed: Sequence[bool], shown: str, following: str) -> bool:
        """Tell whether the green that begins next is to wait for another step.

        Parameters
        ----------
        box
            Who is inside.
        closed
            Per stop lane, whether the coming stage serves none of its ways.
        shown, following
            What was shown in the last step, and what is due now.
        """
        begins = any(
            after in _BEGINNING and before not in GREEN_ASPECTS
            for before, after in zip(shown, following, strict=True)
        )
        # Once red and amber tell drivers to get ready they start.
        if not begins or "u" in shown or self._given_up:
            return False
        still, moving = (
            sum(there for there, shut in zip(who, closed, strict=False) if shut and there > 0)
            for who in box
        )
        if not still or (not self._held_ds and still + moving < LEAST_INSIDE):
            return False
        self._idle_ds = 0 if moving else self._idle_ds + self._step_ds
        self._given_up = (
            self._idle_ds > MOST_IDLE_S * TENTHS_PER_SECOND
            or self._held_ds >= MOST_HELD_S * TENTHS_PER_SECOND
        )
        if not self._given_up:
            self._held_ds += self._step_ds
        return not self._given_up
