from __future__ import annotations

import pytest

from network.errors import AccessError
from tests.throughband.console.serving import QUICK
from throughband.people.passwords import Passwords, require_strong


def test_a_password_is_kept_as_a_hash_that_matches_it_alone() -> None:
    kept = QUICK.hash("correct horse battery")

    assert kept.startswith("$argon2id$")
    assert "correct" not in kept
    assert QUICK.matches("correct horse battery", kept)
    assert not QUICK.matches("correct horse batterz", kept)


def test_nobody_has_the_password_of_nobody() -> None:
    assert not QUICK.matches("nobody has this password", None)
    assert not QUICK.matches("x", "not a hash")


def test_a_hash_of_weaker_parameters_is_outdated() -> None:
    assert Passwords().is_outdated(QUICK.hash("correct horse battery"))


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "abababababab", "x" * 201, "passwordpassword",
                 "annabella is the one"]
)  # fmt: skip
def test_a_password_that_is_easily_found_is_refused(password: str) -> None:
    with pytest.raises(AccessError, match="password"):
        require_strong(password, "annabella")
