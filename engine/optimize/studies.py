"""All signals of a street, each studied alone, by whoever has the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.measures.street import Street
from engine.optimize.isolated import IsolatedSignal, Study, cycle_lengths
from engine.optimize.problem import Choice, Limits
from engine.optimize.workers import Halted, Workers, spread
from network.errors import InsufficientDataError


def isolated_signals(
    street: Street,
    choices: Mapping[str, Choice],
    limits: Limits,
    workers: Workers | None = None,
    halted: Halted = lambda: False,
    told: Callable[[int, int], None] = lambda done, whole: None,
) -> tuple[dict[str, IsolatedSignal], dict[str, str]]:
    """Study every signal alone.

    Parameters
    ----------
    street
        The street under its demand.
    choices, limits
        What is allowed.
    workers
        Who studies them; this process by default.
    halted
        Passed on to the workers. Every signal is studied nevertheless: no plan is made without.
    told
        Told how many of how many signals are done.

    Returns
    -------
    found : dict
        By signal.
    absent : dict
        Signals without traffic or without a cycle that fits, each with the reason.
    """
    names = list(choices)
    found: dict[str, IsolatedSignal] = {}
    absent: dict[str, str] = {}
    if workers is None or workers.count == 1:
        for number, name in enumerate(names):
            _sort(name, _alone(street, choices[name], limits), found, absent, limits)
            told(number + 1, len(names))
        return found, absent
    shares = spread([float(len(choices[name].sequences)) for name in names], workers)
    pieces = [(street, [choices[names[k]] for k in share], limits) for share in shares]
    studied: dict[int, Study | None] = {}
    results = workers.map(
        _studied, pieces, halted, lambda done: told(done * len(names) // len(pieces), len(names))
    )
    for share, result in zip(shares, results, strict=True):
        studied.update(zip(share, result, strict=True))
    for number, name in enumerate(names):
        study = studied[number]
        made = IsolatedSignal(street, choices[name], limits, study) if study is not None else None
        _sort(name, made, found, absent, limits)
    return found, absent


def _alone(street: Street, choice: Choice, limits: Limits) -> IsolatedSignal | None:
    """Return a signal alone; None where it carries no traffic."""
    try:
        return IsolatedSignal(street, choice, limits)
    except InsufficientDataError:
        return None


def _studied(piece: tuple[Street, list[Choice], Limits], halted: Halted) -> list[Study | None]:
    street, listed, limits = piece
    found = (_alone(street, choice, limits) for choice in listed)
    return [signal.study if signal is not None else None for signal in found]


def _sort(
    name: str,
    signal: IsolatedSignal | None,
    found: dict[str, IsolatedSignal],
    absent: dict[str, str],
    limits: Limits,
) -> None:
    """Put a signal where it belongs, with the reason where it cannot be planned."""
    if signal is None:
        absent[name] = "no traffic was counted here"
    elif signal.cycles_s:
        found[name] = signal
    else:
        absent[name] = (
            f"no cycle from {limits.shortest_cycle_s} to {limits.longest_cycle_s} s holds its "
            "phases" + _missing(signal.choice, limits)
        )


def _missing(choice: Choice, limits: Limits) -> str:
    least_s = min(choice.least_cycle_s(sequence) for sequence in choice.sequences)
    missing_s = least_s - cycle_lengths(limits)[-1]
    if missing_s <= 0 and choice.longest_wait_s is not None:
        return f" and lets nobody who walks wait {choice.longest_wait_s:g} s or more on average"
    return f", which need {least_s} s: {missing_s} s are missing" if missing_s > 0 else ""
