"""A property at two lengths: some examples in every run, all of them in `make test-all`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy


def thorough(
    few: int, many: int, *drawn: SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Make a test of a property, with few examples by default and with many when all tests run.

    Parameters
    ----------
    few, many
        Numbers of examples.
    drawn
        What the property is given, as of `hypothesis.given`.
    """

    def decorate(holds: Callable[..., None]) -> Callable[[int], None]:
        @pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])
        def test(examples: int) -> None:
            settings(deadline=None, max_examples=examples)(given(*drawn)(holds))()

        test.__name__, test.__doc__ = holds.__name__, holds.__doc__
        return test

    return decorate
