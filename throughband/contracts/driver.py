"""What every `controllers.driver.Driver` must show, whatever it speaks.

A device under test is an emulated one that can be looked into from outside the driver, made to
refuse, made silent, and given time. No behavior here knows a protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from controllers.driver import LOCAL_CONTROL, Change, Driver
from controllers.rows import change_of, described
from network.errors import ControllerError, UnreachableError
from network.timing import TimingPlan
from throughband.contracts.refusal import refused


class Subject(Protocol):
    """A device under test, with a driver connected to it."""

    @property
    def driver(self) -> Driver:
        """The driver."""
        ...

    @property
    def plan(self) -> TimingPlan:
        """A plan that the device can run and does not hold."""
        ...

    @property
    def impossible(self) -> TimingPlan:
        """A plan that the device cannot be given."""
        ...

    def stored(self) -> object:
        """Return every stored parameter, read past the driver."""
        ...

    def running(self) -> int:
        """Return the pattern that runs, read past the driver."""
        ...

    async def wait(self) -> None:
        """Let time pass until a call has taken effect."""
        ...

    def refuse(self) -> None:
        """Let the device refuse from now on to store anything."""
        ...

    def forget(self) -> None:
        """Let the device say it stored a part of a plan and not do so, from now on."""
        ...

    def fall_silent(self) -> None:
        """Let the device answer nothing from now on."""
        ...

    def meddle(self, change: Change) -> None:
        """Store, as somebody else would, another cycle in the row that a change writes."""
        ...


Behavior = Callable[[Subject], Awaitable[None]]


async def tells_who_it_is(s: Subject) -> None:
    identity = await s.driver.identify()
    assert identity.standards
    assert "\n" not in identity.standards
    assert {identity.phase(number) is not None for number in s.plan.sequence} == {True}
    assert identity.backup_time_s > 0
    assert identity.called_pattern == LOCAL_CONTROL
    assert identity.running_pattern == s.running()
    assert 1 <= identity.running_pattern <= identity.max_patterns
    again = await s.driver.identify()
    assert (again.standards, again.set_id, again.phases) == (
        identity.standards,
        identity.set_id,
        identity.phases,
    )


async def preparing_reads_only(s: Subject) -> None:
    before = s.stored()
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    assert s.stored() == before
    assert change.signal_id == s.plan.signal_id
    assert change.difference
    assert [(v.name, v.index) for v in change.old] == [(v.name, v.index) for v in change.new]
    assert await s.driver.prepare(s.plan, await s.driver.identify()) == change


async def nothing_in_use_is_chosen(s: Subject) -> None:
    identity = await s.driver.identify()
    change = await s.driver.prepare(s.plan, identity)
    assert change.pattern not in (identity.running_pattern, identity.called_pattern)
    assert change.pattern not in identity.time_base_patterns
    await s.driver.activate(change.pattern)
    await s.wait()
    second = await s.driver.prepare(s.plan, await s.driver.identify())
    assert second.pattern != change.pattern


async def the_impossible_is_refused_in_one_line(s: Subject) -> None:
    before = s.stored()
    identity = await s.driver.identify()
    with refused(ControllerError, "a plan that the device cannot be given"):
        await s.driver.commit(await s.driver.prepare(s.impossible, identity))
    assert s.stored() == before


async def a_commit_stores_and_reads_back(s: Subject) -> None:
    before = s.stored()
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    assert await s.driver.commit(change) == change.new
    assert s.stored() != before
    assert s.running() != change.pattern
    stored = s.stored()
    assert await s.driver.commit(change) == change.new
    assert s.stored() == stored


async def the_undone_change_restores(s: Subject) -> None:
    before = s.stored()
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    assert change.undone().undone() == change
    await s.driver.commit(change)
    assert await s.driver.commit(change.undone()) == change.old
    assert s.stored() == before


async def a_change_survives_the_journal(s: Subject) -> None:
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    kept = change_of(described(change), "journal")
    assert kept == change
    assert await s.driver.commit(kept) == change.new


async def a_refusal_leaves_everything(s: Subject) -> None:
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    before = s.stored()
    s.refuse()
    with refused(ControllerError, "what must not be stored"):
        await s.driver.commit(change)
    assert s.stored() == before


async def what_is_not_stored_is_found_out(s: Subject) -> None:
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    s.forget()
    with refused(ControllerError, "what must not be stored"):
        await s.driver.commit(change)


async def somebody_elses_writing_is_left(s: Subject) -> None:
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    s.meddle(change)
    before = s.stored()
    with refused(ControllerError, "what must not be stored"):
        await s.driver.commit(change)
    assert s.stored() == before


async def what_runs_is_not_written(s: Subject) -> None:
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    await s.driver.commit(change)
    await s.driver.activate(change.pattern)
    await s.wait()
    before = s.stored()
    with refused(ControllerError, "what must not be stored"):
        await s.driver.commit(change.undone())
    assert s.stored() == before


async def a_plan_is_called_and_handed_back(s: Subject) -> None:
    own = s.running()
    change = await s.driver.prepare(s.plan, await s.driver.identify())
    await s.driver.commit(change)
    await s.driver.activate(change.pattern)
    assert (await s.driver.status()).called_pattern == change.pattern
    await s.wait()
    status = await s.driver.status()
    assert status.pattern == s.running() == change.pattern
    assert (status.control, status.flash) == ("systemControl", "notFlash")
    assert (await s.driver.identify()).called_pattern == change.pattern
    await s.driver.activate(change.pattern)
    assert (await s.driver.status()).called_pattern == change.pattern
    await s.driver.activate(LOCAL_CONTROL)
    await s.wait()
    status = await s.driver.status()
    assert (status.called_pattern, status.pattern) == (LOCAL_CONTROL, own)
    assert status.control != "systemControl"


async def silence_is_unreachable(s: Subject) -> None:
    identity = await s.driver.identify()
    change = await s.driver.prepare(s.plan, identity)
    s.fall_silent()
    steps: tuple[Callable[[], Awaitable[object]], ...] = (
        s.driver.identify,
        lambda: s.driver.prepare(s.plan, identity),
        lambda: s.driver.commit(change),
        lambda: s.driver.activate(change.pattern),
        s.driver.status,
    )
    for step in steps:
        with refused(UnreachableError, "a device that is silent"):
            await step()


BEHAVIORS: Final[tuple[Behavior, ...]] = (
    tells_who_it_is,
    preparing_reads_only,
    nothing_in_use_is_chosen,
    the_impossible_is_refused_in_one_line,
    a_commit_stores_and_reads_back,
    the_undone_change_restores,
    a_change_survives_the_journal,
    a_refusal_leaves_everything,
    what_is_not_stored_is_found_out,
    somebody_elses_writing_is_left,
    what_runs_is_not_written,
    a_plan_is_called_and_handed_back,
    silence_is_unreachable,
)
