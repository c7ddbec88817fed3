"""Documents with one value altered, the same ones for the same seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

VALUES = (
    *(None, True, False, 0, 1, -1, 2, 7, 255, 256, 4000, 10**12, 10**400, -0.5, 0.04, 1e300),
    *("", "x", "a\nb", "\x00", "1", "free", "2026-02-30", [], [0], [[]], {}, {"x": 1}),
)


def altered(document: Any, count: int, seed: int) -> Iterator[Any]:
    """Yield copies of a document in which one value is replaced, dropped, doubled or renamed."""
    draw = random.Random(seed)
    for _ in range(count):
        changed = copy.deepcopy(document)
        holder, key = draw.choice(list(_slots(changed)))
        act = draw.randrange(5)
        if act == 0:
            del holder[key]
        elif act == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif act == 2 and isinstance(holder, dict):
            holder[draw.choice(("x", f"{key}s", ""))] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(draw.choice(VALUES))
        yield changed


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _slots(value[key])
