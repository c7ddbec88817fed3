"""The doctor: passes here, and names the remedy where something is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from engine.validate import sumo_process
from throughband import doctor
from throughband.doctor import Finding, examine


def finding(name: str) -> Finding:
    (found,) = [entry for entry in examine() if entry.name == name]
    return found


def no_spec(name: str) -> None:
    return None


def test_this_machine_is_fit() -> None:
    assert [entry.name for entry in examine() if not entry.passed] == []


def test_missing_sumo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sumo_process, "find_spec", no_spec)
    monkeypatch.setattr("shutil.which", no_spec)
    monkeypatch.delenv("SUMO_HOME", raising=False)
    found = finding("sumo")
    assert not found.passed
    assert "not installed" in found.found
    assert "eclipse-sumo" in found.remedy


def test_a_missing_shared_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(returncode=127, stdout="", stderr="x\nlibGL.so.1: cannot open")

    monkeypatch.setattr(subprocess, "run", answer)
    found = finding("sumo")
    assert not found.passed
    assert found.found == "libGL.so.1: cannot open"
    assert "libgl1" in found.remedy


def test_a_program_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("netconvert", 30)

    monkeypatch.setattr(subprocess, "run", hang)
    assert not finding("netconvert").passed


def test_a_program_that_says_nothing_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", answer)
    assert finding("sumo").passed


def test_a_clash_of_package_names_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata,
        "packages_distributions",
        lambda: {"network": ["throughband", "networks-inc"], "engine": ["throughband"]},
    )
    found = finding("package names")
    assert not found.passed
    assert "network: networks-inc" in found.found


def test_missing_cities_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", no_spec)
    found = finding("city networks")
    assert not found.passed
    assert "throughband[cities]" in found.remedy


def test_an_old_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 4, "final", 0))
    assert not finding("Python").passed


def test_a_machine_without_loopback_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(doctor.socket, "socket", refuse)
    found = finding("UDP on loopback")
    assert not found.passed
    assert "not permitted" in found.found
