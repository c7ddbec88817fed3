"""A run in plain words, for people who decide and do not measure."""

from __future__ import annotations

from collections.abc import Iterator

from throughband.benefits import Benefits, Saving, rounded
from throughband.reports.comparison import judgment, number
from throughband.reports.losses import lost_phases, walking
from throughband.reports.story import Story


def council_text(story: Story) -> tuple[str, ...]:
    """Return paragraphs: what is proposed, what it does, how sure that is, what it is worth.

    Parameters
    ----------
    story
        Of a run.
    """
    return tuple(_paragraphs(story))


def _paragraphs(story: Story) -> Iterator[str]:
    planned, signals = len(story.plan_set.plans), len(story.network.signals)
    changed = sum(plan != story.in_force.get(plan.signal_id) for plan in story.plan_set.plans)
    lost = lost_phases(story.network, story.in_force, story.plan_set.plans)
    yield (
        f"New signal timings are proposed for {changed} of the {signals} "
        f"{'signal' if signals == 1 else 'signals'} of {story.scenario}. "
        + (
            f"{planned - changed} more were looked at and stay as they are. "
            if planned > changed
            else ""
        )
        + (
            "Nothing is built, but some greens are dropped. "
            if lost
            else "Nothing is built: the same lamps show green at other seconds. "
        )
        + "Every timing meets the safety rules with the values that the network names (shortest "
        "greens, yellow, red clearance); two independent checks have said so. "
        + walking(story.network, story.plan_set.plans)
    )
    if lost:
        yield " ".join(lost.values())
    yield _effect(story)
    if story.benefits is not None:
        yield from _worth(story.benefits)
    if story.approval is not None:
        by = "a rule" if story.approval.by_policy else story.approval.approver
        pushed = f" and written to {len(story.pushes)} controllers" if story.pushes else ""
        yield f"The timings were approved by {by}{pushed}."
    else:
        yield "The timings are not approved yet, and nothing has been changed on the street."


def _effect(story: Story) -> str:
    validation = story.validation
    if validation is None:
        return (
            "What they bring has not been proven yet. The model that made them expects a wait of "
            f"{number(story.model_after.delay_s, 1)} s at a signal on average, against "
            f"{number(story.model_before.delay_s, 1)} s today; only a simulation of both, run by "
            "run, can tell how sure that is."
        )
    found, runs = validation["difference"]["delay_s"], len(validation["seeds"])
    before, after = validation["baseline"]["delay_s"], validation["candidate"]["delay_s"]
    low, high = found["low"], found["high"]
    verdict = judgment(-1, low, high)
    if verdict == "not judged":
        return "The simulation could not compare both timings."
    if verdict == "no clear difference":
        return (
            f"In {runs} pairs of simulated runs{_length(story)} there is no clear difference: "
            f"a driver loses {number(before, 0)} s on the way today and {number(after, 0)} s with "
            "the new timings, but runs differ more than that. Nobody should expect a gain from "
            "them."
        )
    least, most = sorted((abs(low), abs(high)))
    word = "less" if verdict == "better" else "more"
    return (
        f"In {runs} pairs of simulated runs{_length(story)} with the same traffic, a driver loses "
        f"{number(after, 0)} s on the way instead of {number(before, 0)} s. With 95 % confidence "
        f"it is {number(least, 0)} to {number(most, 0)} s {word}. This is a simulation; the street "
        "itself must be measured afterwards."
    )


def _length(story: Story) -> str:
    """Say how much of a day a run plays; nothing where that is not known."""
    if story.window_s <= 0:
        return ""
    return f" of {story.window_s / 60:g} minutes of the day's window"


def _worth(benefits: Benefits) -> Iterator[str]:
    rates = benefits.rates
    hours = benefits.savings[0]
    span_h = benefits.window_h
    window = "the hour" if span_h == 1 else f"the {span_h:g} hours"
    window += " of traffic that was simulated"
    if hours.judgment == "no clear difference":
        yield f"Over {window} no saving of time can be shown, so none is reckoned with."
        return
    verb = "saves" if hours.judgment == "saved" else "costs"
    yield f"Over {window}, that {verb} {_amount(hours, 'vehicle-hours')}."
    currency = rates.currency
    money = [saving for saving in benefits.savings if currency and saving.unit == currency]
    if not money:
        return
    whole = money[-1]
    if whole.year is None:
        yield (
            f"In money that is {_amount(whole, rates.currency)} for that time. How many such "
            "days a year has, the rates do not say."
        )
        return
    year = whole.year
    text = (
        f"Reckoned for a year of {rates.days_per_year:g} such days ({rates.annualization}), that "
        f"is {rounded(year.mean)} {rates.currency} ({rounded(year.low)} to {rounded(year.high)})"
    )
    if benefits.ratio is not None:
        text += (
            f", {number(benefits.ratio.mean, 1)} times its cost "
            f"({number(benefits.ratio.low, 1)} to {number(benefits.ratio.high, 1)})"
        )
    yield text + ". The rates and whose they are stand below."


def _amount(saving: Saving, unit: str) -> str:
    found = saving.window
    sign = -1.0 if found.mean < 0 else 1.0
    low, high = sorted((sign * found.low, sign * found.high))
    return f"{rounded(abs(found.mean))} {unit} ({rounded(low)} to {rounded(high)})"
