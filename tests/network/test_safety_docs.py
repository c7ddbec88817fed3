"""The table of safety rules names every rule that a checker can name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = {
    "safety.py": r'_broken\(\s*"([^"]+)"',
    "timeline.py": r'(?:_Seen|_sighting)\(\s*"([^"]+)"',
}


@pytest.mark.parametrize("module", NAMED)
def test_every_rule_is_in_the_table(module: str) -> None:
    source = (ROOT / "network" / module).read_text()
    table = (ROOT / "docs" / "safety.md").read_text()
    rules = set(re.findall(NAMED[module], source))
    assert len(rules) > 8
    assert {rule for rule in rules if rule not in table} == set()
