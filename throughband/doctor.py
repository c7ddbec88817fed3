"""Is this machine fit to run Throughband? Every check says what to do when it fails."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from engine.validate.sumo_process import environment, find_program
from network.errors import ThroughbandError

OWN_PACKAGES = ("network", "engine", "controllers", "scenarios", "throughband")
OLDEST_PYTHON = (3, 11)
SUMO_LIBRARIES = "libgl1 libx11-6 libxext6 libxrender1 libatomic1"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it passed, what was found, and what to do if it did not."""

    name: str
    passed: bool
    found: str
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Run every check."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _sumo,
        _netconvert,
        _names,
        _cities,
        _loopback,
    )
    return tuple(check() for check in checks)


def run_doctor() -> None:
    """Carry out ``throughband doctor``."""
    console = Console(highlight=False)
    findings = examine()
    for finding in findings:
        mark = "ok  " if finding.passed else "FAIL"
        console.print(f"{mark} {finding.name}: {finding.found}", markup=False, soft_wrap=True)
        if not finding.passed:
            console.print(f"     {finding.remedy}", markup=False, soft_wrap=True)
    if not all(finding.passed for finding in findings):
        raise ThroughbandError("this machine is not fit yet; see above")


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        "Python", sys.version_info >= OLDEST_PYTHON, found, "install Python 3.11 or newer"
    )


def _program(name: str) -> Finding:
    try:
        program, home = find_program(name)
        answer = subprocess.run(
            [str(program), "--version"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (ThroughbandError, OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, False, str(error), "install the eclipse-sumo package")
    if answer.returncode != 0:
        missing = answer.stderr.strip().splitlines()
        return Finding(
            name,
            False,
            missing[-1] if missing else f"exit code {answer.returncode}",
            f"apt-get install --no-install-recommends {SUMO_LIBRARIES}",
        )
    said = answer.stdout.splitlines()
    return Finding(name, True, said[0] if said else "runs, and does not say its version")


def _sumo() -> Finding:
    return _program("sumo")


def _netconvert() -> Finding:
    return _program("netconvert")


def _names() -> Finding:
    owners = importlib.metadata.packages_distributions()
    clashes = {
        name: sorted(set(owners.get(name, [])) - {"throughband"})
        for name in OWN_PACKAGES
        if set(owners.get(name, [])) - {"throughband"}
    }
    if clashes:
        text = "; ".join(f"{name}: {', '.join(found)}" for name, found in clashes.items())
        return Finding(
            "package names",
            False,
            f"other distributions own our names ({text})",
            "install throughband into an environment of its own",
        )
    return Finding("package names", True, "no other distribution owns one of ours")


def _cities() -> Finding:
    if importlib.util.find_spec("sumo_rl") is None:
        return Finding(
            "city networks", False, "sumo-rl is not installed", "pip install 'throughband[cities]'"
        )
    return Finding("city networks", True, "sumo-rl " + importlib.metadata.version("sumo-rl"))


def _loopback() -> Finding:
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            a.bind(("127.0.0.1", 0))
            a.settimeout(2.0)
            b.sendto(b"ping", a.getsockname())
            a.recvfrom(16)
    except OSError as error:
        return Finding("UDP on loopback", False, str(error), "allow UDP on 127.0.0.1")
    return Finding("UDP on loopback", True, "a datagram came through")
