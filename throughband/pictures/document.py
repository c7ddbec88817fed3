"""Pictures as JSON holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

DIGITS = 4
"""Of seconds, meters and shares; a page draws no finer."""


def document(value: Any) -> Any:
    """Return a value as JSON holds it.

    Parameters
    ----------
    value
        A picture, a `throughband.planning.tuning.Trial`, or anything made of frozen dataclasses,
        mappings, sequences, arrays, numbers and text.

    Returns
    -------
    dict, list, str, int, float, bool or None
        Dataclasses become objects of their fields; numbers are rounded to `DIGITS`; what is not a
        number or has no end becomes null.

    Raises
    ------
    TypeError
        If there is something in it that JSON cannot hold.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Enum):
        return document(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), DIGITS) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return [document(item) for item in value.tolist()]
    if isinstance(value, np.integer):
        return int(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(document(key)): document(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = value if isinstance(value, (list, tuple)) else sorted(value)
        return [document(item) for item in items]
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
