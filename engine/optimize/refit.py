"""Splits and offsets of a whole group fitted to a street, its sequences and cycle staying.

The optimizer's search (`engine.optimize.descent`) with sequences that stay: first by what a move
costs where the signal's traffic goes next, then, from where that comes to rest, by what it costs
the whole group, many plans at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.measures.batch_kernels import Part
from engine.optimize.descent import Descent
from engine.optimize.isolated import Candidate
from engine.optimize.locks import Hold
from engine.optimize.problem import Choice
from engine.optimize.programs import Program, SignalPrograms
from engine.optimize.steady_group import Setting
from engine.optimize.surroundings import Surroundings
from engine.optimize.trials import GroupTrials
from network.timing import TimingPlan

SWEEPS = 8
CAREFUL_SWEEPS = 6
LEAST_GAIN = 1e-6
"""Part of the cost that a move has to save once the quick search has come to rest."""

MORE_TRIES = 4


class _Careful(Descent):
    """Solves the whole group for every trial: near the optimum much of what a move gains nearby is
    lost farther down the street.
    """

    _least_gain = LEAST_GAIN
    _least_sweep_gain = LEAST_GAIN
    _more_tries = MORE_TRIES

    def _looked_at(self, row: int) -> Part:
        return self.surroundings.whole(self.cycle_s)

    def _confirmed(self, name: str, setting: Setting) -> bool:
        before, standing = self.cost, self.settings[name]
        self._set(name, setting)
        self.cost = self._solve()
        if self.cost < before * (1.0 - LEAST_GAIN):
            return True
        self._set(name, standing)
        self.cost = self._solve()
        return False


@dataclass(frozen=True, slots=True)
class _Standing:
    """A signal whose sequence stays."""

    choice: Choice
    programs: SignalPrograms

    def candidates(self, cycle_s: int) -> Sequence[Candidate]:
        """Return no program of another sequence."""
        return ()


def refit(
    trials: GroupTrials,
    choices: Mapping[str, Choice],
    *,
    turned: Iterable[str] | None = None,
    sweeps: int = SWEEPS,
) -> float:
    """Take cheaper offsets and splits until none is found, and keep them.

    Parameters
    ----------
    trials
        The group's plans.
    choices
        The phases of every signal of it.
    turned
        Signals whose offsets may change; all by default.
    sweeps
        How often to go through all signals at most.

    Returns
    -------
    float
        What the plans then cost, never more than before.
    """
    free = set(trials.plans if turned is None else turned)
    group = trials.group
    isolated = {}
    settings = {}
    for name, plan in trials.plans.items():
        choice = _kept(choices[name], plan, name in free)
        programs = SignalPrograms(choice, trials.street, group.ways[group.ways_of(name)].tolist())
        isolated[name] = _Standing(choice, programs)
        program = Program(plan.sequence, plan.splits_s, plan.cycle_s)
        settings[name] = (program, plan.begin_s(choice.phasing))
    before = trials.cost()
    surroundings = Surroundings(group)
    quick = Descent(surroundings, isolated, trials.cycle_s, settings)
    quick.descend(full=True, sweeps=sweeps)
    descent = _Careful(surroundings, isolated, trials.cycle_s, quick.settings)
    descent.descend(full=True, sweeps=CAREFUL_SWEEPS)
    plans = []
    for name, (program, begin_s) in descent.settings.items():
        plan = replace(trials.plans[name], splits_s=program.splits_s, offset_s=0)
        offset_s = (begin_s - plan.begin_s(choices[name].phasing)) % plan.cycle_s
        plans.append(replace(plan, offset_s=offset_s))
    kept = list(trials.plans.values())
    trials.take(plans)
    cost = trials.cost()
    if cost < before:
        return cost
    # What the search had laid into the group is laid anew in either case.
    trials.take(kept)
    return before


def _kept(choice: Choice, plan: TimingPlan, free: bool) -> Choice:
    """Return a choice that keeps the sequence, the bounds of splits, and the offset if wanted."""
    hold = choice.hold or Hold(choice.signal.signal_id)
    hold = replace(
        hold, sequence=plan.sequence, offset=None if free else plan, tied=None, cycle_s=None
    )
    return replace(choice, sequences=(plan.sequence,), hold=hold)
