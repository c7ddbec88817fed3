from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from network.errors import ControllerError, ThroughbandError
from throughband.settings_file import read_settings


class Lamp(BaseModel):
    """A setting."""

    model_config = ConfigDict(extra="forbid")

    watts: int = Field(ge=1)


class Street(BaseModel):
    """Settings."""

    model_config = ConfigDict(extra="forbid")

    lamp: Lamp


def test_what_is_in_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "street.toml"
    file.write_text("[lamp]\nwatts = 40\n")
    assert read_settings(file, Street).lamp.watts == 40


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[lamp]\nwatts = 0\n", r"street.toml: lamp.watts: .*greater than or equal to 1"),
        (b"[lamp]\nwatts = 1\ncolor = 2\n", "street.toml: lamp.color: Extra inputs"),
        (b"", "street.toml: lamp: Field required"),
        (b"= 1", r"street.toml: not TOML \(.*line 1"),
        (b"a = '\xff'", "street.toml: not TOML"),
        (b"a = " + b"[" * 100_000, r"street.toml: not TOML \(nested too deeply\)"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_field(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "street.toml"
    file.write_bytes(content)
    with pytest.raises(ThroughbandError, match=said):
        read_settings(file, Street)


def test_a_file_that_is_not_there_is_named_in_the_kind_of_error_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match=r"none.toml: cannot be read \(No such file"):
        read_settings(tmp_path / "none.toml", Street, ControllerError)


def test_of_an_unknown_field_is_said_where_all_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "street.toml"
    file.write_text("color = 2\n[lamp]\nwatts = 1\n")
    with pytest.raises(ThroughbandError, match="color: unknown; see the manual"):
        read_settings(file, Street, unknown="unknown; see the manual")
