"""The table of safety rules names every rule that a checker can name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = {
    "safety": (
        ("safety.py", "ring_rules.py"),
        r'(?:_broken\(|violated\(\s*self._signal,)\s*"([^"]+)"',
    ),
    "timeline": (("timeline.py",), r'(?:_Seen|_sighting)\(\s*"([^"]+)"'),
}


@pytest.mark.parametrize("checker", NAMED)
def test_every_rule_is_in_the_table(checker: str) -> None:
    modules, naming = NAMED[checker]
    source = "".join((ROOT / "network" / module).read_text() for module in modules)
    table = (ROOT / "docs" / "safety.md").read_text()
    rules = set(re.findall(naming, source))
    assert len(rules) > 8
    assert {rule for rule in rules if rule not in table} == set()
