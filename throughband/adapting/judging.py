"""The safety check of adaptive control: what every command comes to, as a plan.

A green that ends earlier or later makes, of the plan in force, another plan of the same cycle and
order: the split of one phase is shorter or longer, that of the next one the other way round. Such
a plan must be as lawful as one that is to be pushed: for `network.safety`, for the timeline, and
for the limits that the controller itself told. What is not is not commanded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from controllers.driver import Identity
from controllers.limits import contradictions
from network.errors import UnsafePlanError
from network.graph import Signal
from network.phasing import Phasing
from network.safety import FAILURES, SignalRules
from network.timeline import Watcher
from network.timing import TimingPlan


class Judge:
    """Judges the commands to one signal.

    Parameters
    ----------
    signal
        The signal with its plan in force.
    identity
        Its controller, as read from itself.

    Raises
    ------
    UnsafePlanError
        The plan in force itself is not lawful on this controller.
    """

    def __init__(self, signal: Signal, identity: Identity) -> None:
        plan, phasing = signal.plan_in_force, signal.phasing
        assert plan is not None
        assert phasing is not None
        self._plan: TimingPlan = plan
        self._phasing: Phasing = phasing
        self._rules, self._watcher = SignalRules(signal), Watcher(signal)
        self._identity = identity
        self._verdicts: dict[tuple[int, ...], str] = {}
        self._next = _following(plan, phasing)
        self._begun: dict[int, int] = {}
        wrong = self._verdict(plan.splits_s)
        if wrong:
            raise UnsafePlanError((f"signal {signal.signal_id!r}, plan in force: {wrong}",))

    def refusal(self, moved: Mapping[int, int]) -> str:
        """Say why ending greens at other times would not be lawful; nothing where it is.

        Parameters
        ----------
        moved
            By phase whose green is to end, by how much later than planned; negative for
            earlier, s.
        """
        splits = dict(zip(self._plan.sequence, self._plan.splits_s, strict=True))
        for number, by_s in moved.items():
            begun_s = self._begun.get(number, 0)
            following = self._next[number]
            splits[number] += by_s
            splits[following] -= by_s
            # What it began earlier or later is the others', who are over: the longest one's first.
            others = sorted(
                (n for n in splits if n not in (number, following)), key=lambda n: splits[n]
            )
            for other in (*reversed(others), following):
                spare_s = max(0, splits[other] - self._phasing.phase(other).min_split_s)
                share_s = max(begun_s, -spare_s)
                splits[other] += share_s
                splits[number] -= share_s
                begun_s -= share_s
        return self._verdict(tuple(splits[number] for number in self._plan.sequence))

    def began(self, phases: Iterable[int], late_s: int) -> None:
        """Take note that greens have begun, by so much later than planned; negative for earlier.

        Parameters
        ----------
        phases
            Whose.
        late_s
            In s. Between several rings it is not passed on: there a plan whose rings part would
            be no plan, and every green is judged as if it had begun in time.
        """
        if len(self._phasing.rings) == 1:
            self._begun.update(dict.fromkeys(phases, late_s))

    def _verdict(self, splits_s: tuple[int, ...]) -> str:
        known = self._verdicts.get(splits_s)
        if known is None:
            known = self._verdicts[splits_s] = self._judged(splits_s)
        return known

    def _judged(self, splits_s: tuple[int, ...]) -> str:
        judges: tuple[Callable[[TimingPlan], tuple[str, ...]], ...] = (
            lambda plan: tuple(broken.text for broken in self._rules.check(plan)),
            lambda plan: tuple(seen.text for seen in self._watcher.watch(plan)),
            lambda plan: contradictions(plan, self._phasing, self._identity),
        )
        try:
            plan = replace(self._plan, splits_s=splits_s)
            return next((text for judge in judges for text in judge(plan)), "")
        except FAILURES as error:
            return f"cannot be judged ({error})"


def _following(plan: TimingPlan, phasing: Phasing) -> dict[int, int]:
    """Return, of every phase, the phase that comes next in its ring."""
    found: dict[int, int] = {}
    for ring in phasing.rings:
        numbers = [n for n in plan.sequence if phasing.phase(n).ring == ring]
        found.update(zip(numbers, [*numbers[1:], *numbers[:1]], strict=True))
    return found
