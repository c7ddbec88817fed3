from __future__ import annotations

import pytest

from network.errors import ControllerError
from throughband.access import new_access, reached_at


def test_secrets_are_new_every_time_and_not_shown() -> None:
    first, second = new_access("v3"), new_access("v3")
    assert first.read_user is not None
    assert first.write_user is not None
    assert first.read_user.auth_secret != first.write_user.auth_secret
    assert first.read_user != second.read_user
    assert first.read_community not in repr(first)
    assert first.read_user.auth_secret not in repr(first)


def test_communities_need_no_user() -> None:
    access = new_access("v2c")
    assert (access.read_user, access.write_user) == (None, None)
    assert access.read_community != access.write_community


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ControllerError, match="allowed are v1, v2c, v3"):
        new_access("v4")


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2")],
)
def test_what_listens_everywhere_is_reached_on_loopback(bound: str, reached: str) -> None:
    assert reached_at(bound) == reached
