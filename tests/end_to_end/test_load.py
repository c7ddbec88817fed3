"""Many controllers at once: the load benchmark's own figures hold together on a small run."""

from __future__ import annotations

from benchmarks.bridge.load import run, told


def test_a_few_controllers_get_their_plan_and_are_kept() -> None:
    done = run(6, 2, 2.0, 64, 0)
    assert done.troubles == "none"
    assert done.pushed.replies == done.pushed.requests > 6 * done.fewest
    assert done.fewest == 10
    lines = list(told(done))
    assert "push to 6" in lines[1]
    assert lines[-1].startswith("no comparison with snmpset")
