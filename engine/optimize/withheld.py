"""Orders of phases that break no safety rule and are not offered nevertheless, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from engine.optimize import rings
from engine.optimize.inside import emptied
from engine.optimize.problem import Choice, is_lawful
from network.safety import SignalRules


@dataclass(frozen=True, slots=True)
class Withheld:
    """Lawful orders under which turns inside a junction would no longer be let out at once.

    Attributes
    ----------
    orders
        Phase numbers each, ring by ring.
    links
        Where those turns start, by name.
    """

    orders: tuple[tuple[int, ...], ...] = ()
    links: tuple[str, ...] = ()


def withheld_orders(choice: Choice, sequence: tuple[int, ...]) -> Withheld:
    """Return the lawful orders of a sequence that `engine.optimize.inside` keeps from a signal.

    Parameters
    ----------
    choice
        The signal.
    sequence
        Of its phases, those that it runs.

    Returns
    -------
    Withheld
        Of many stages, of the orders that `rings.stage_orders` yields.
    """
    if not choice.inside:
        return Withheld()
    phasing, name = choice.phasing, choice.signal.signal_id
    today = emptied(phasing, choice.in_force.sequence, choice.inside)
    several = len(phasing.rings) > 1
    rules = SignalRules(choice.signal)
    orders: list[tuple[int, ...]] = []
    stuck: set[int] = set()
    for order in rings.orders(phasing, sequence) if several else rings.stage_orders(sequence):
        left = today - emptied(phasing, order, choice.inside)
        if order != sequence and left and is_lawful(name, rules, phasing, order):
            orders.append(order)
            stuck |= left
    links = {c.from_link for c in choice.signal.connections if stuck & set(c.groups)}
    return Withheld(tuple(orders), tuple(sorted(links)))
