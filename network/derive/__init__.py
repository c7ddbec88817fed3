"""What geometry and movements tell of a signal: conflicts, phases, clearances, walks, flows."""

from network.derive.conflicts import Conflicts, compatible_sets
from network.derive.differences import Difference, differences
from network.derive.plan import derived_plan
from network.derive.practice import Practice
from network.derive.signal import DerivedSignal, derive_signal

__all__ = [
    "Conflicts",
    "DerivedSignal",
    "Difference",
    "Practice",
    "compatible_sets",
    "derive_signal",
    "derived_plan",
    "differences",
]
