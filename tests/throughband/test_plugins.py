"""Plug-ins of other packages: found by name, told where they are broken, never in our way."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import ControllerError, PluginError
from tests.throughband.command_line import assert_one_line, call
from throughband.devices import read_devices
from throughband.plugins import (
    COMMANDS,
    CONTROLLERS,
    FORECASTERS,
    GROUPS,
    OPTIMIZERS,
    OURS,
    PACKAGE,
    SIMULATORS,
    named,
    plugins,
)
from throughband.reaching import require_ntcip
from throughband.seams import make_forecaster, optimizer_named, simulator_named
from throughband.steering import live_controller

DRIVERS = """
[[device]]
signal = "a"
host = "10.0.0.1"
port = 161
protocol = "{protocol}"
{more}
"""


def installed(folder: Path, package: str, code: str, **entries: str) -> None:
    """Lay a package into a folder as an installer leaves it; entries by group's last word."""
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")
    lines = [
        f"[throughband.{group}]\n" + "\n".join(f"{e}" for e in text.split(";"))
        for group, text in entries.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("group", [group for group in GROUPS if OURS.get(group)])
def test_ours_go_the_same_way(group: str) -> None:
    found = {one.name: one for one in plugins(group) if one.package == PACKAGE}
    assert set(OURS[group]) <= set(found)
    assert all(one.load() is not None for one in found.values())


def test_a_package_s_controller_is_found_with_its_version(folder: Path) -> None:
    methods = "    def start(self, sites): pass\n    def decide(self, now_s, views): return {}\n"
    code = "class C:\n" + methods
    installed(folder, "others_a", code, controllers="mine = others_a:C")
    found = named(CONTROLLERS, "mine", "controller")
    assert (found.package, found.version) == ("others_a", "2.5")
    assert live_controller("mine").version == "2.5"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PluginError, match="unknown optimizer 'magic'; known are descent"):
        optimizer_named("magic")
    with pytest.raises(PluginError, match="unknown simulator 'magic'; known are sumo"):
        simulator_named("magic")
    with pytest.raises(PluginError, match="unknown forecaster 'magic'; known are profiles"):
        make_forecaster("magic")


@pytest.mark.parametrize(
    "code", ["import nowhere_to_be_found\n", "1 / 0\n", "raise SystemExit(3)\n", "no code\n"]
)
def test_whatever_fails_on_import_is_one_line_that_names_the_package(
    folder: Path, code: str
) -> None:
    name = f"others_b{len(code)}"
    installed(folder, name, code, optimizers=f"mine = {name}:thing")
    with pytest.raises(PluginError, match=f"'mine' of throughband.optimizers .*{name}") as caught:
        optimizer_named("mine")
    assert "\n" not in str(caught.value)


def test_what_lacks_a_method_is_refused_by_name(folder: Path) -> None:
    installed(
        folder,
        "others_c",
        "class O: pass\nclass S:\n    def run(self): pass\n",
        optimizers="mine = others_c:O",
        simulators="mine = others_c:S",
    )
    with pytest.raises(PluginError, match="has no optimize"):
        optimizer_named("mine")
    with pytest.raises(PluginError, match="has no run_many; it must have run, run_many"):
        simulator_named("mine")


def test_what_fails_at_work_is_the_plug_in_s_fault(folder: Path) -> None:
    code = "class O:\n    def optimize(self, task): return 1 / 0\n"
    installed(folder, "others_d", code, optimizers="mine = others_d:O")
    with pytest.raises(PluginError, match="failed in optimize: ZeroDivisionError"):
        optimizer_named("mine").optimize(None)  # type: ignore[arg-type]


def test_a_name_of_ours_cannot_be_taken(folder: Path) -> None:
    installed(folder, "others_e", "S = None\n", simulators="sumo = others_e:S")
    assert named(SIMULATORS, "sumo", "simulator").package == PACKAGE
    stranger = next(one for one in plugins(SIMULATORS) if one.package == "others_e")
    with pytest.raises(PluginError, match="the name is throughband's own"):
        stranger.load()


def test_two_packages_with_one_name_both_go_without(folder: Path) -> None:
    for package in ("others_f", "others_g"):
        installed(folder, package, "F = dict\n", forecasters=f"same = {package}:F")
    assert sum(bool(one.trouble) for one in plugins(FORECASTERS)) == 2
    with pytest.raises(PluginError, match="others_f and others_g register the same name"):
        make_forecaster("same")


def test_broken_commands_never_take_ours_away(folder: Path) -> None:
    installed(
        folder,
        "others_h",
        "odd = 3\ndef cities() -> None: pass\n",
        commands="odd = others_h:odd;gone = others_h:gone;cities = others_h:cities",
    )
    assert len([one for one in plugins(COMMANDS) if one.package == "others_h"]) == 3
    for _ in range(2):
        outcome = call("cities")
        assert outcome.code == 0
        assert "cologne8" in outcome.out
    assert "No such command" in call("odd").err


def test_the_list_shows_what_is_broken_and_fails(folder: Path) -> None:
    installed(folder, "others_i", "", optimizers="mine = others_i:absent")
    outcome = call("plugins")
    assert_one_line(outcome, "1 of the plug-ins cannot be used")
    line = next(line for line in outcome.out.splitlines() if "others_i 2.5" in line)
    assert "CANNOT BE USED" in line
    assert "descent" in outcome.out


def test_a_program_controller_is_sent_to_the_benchmarks(folder: Path) -> None:
    code = "class P:\n    name = 'mine'\n    def prepare(self, setting, days, folder): return ()\n"
    installed(folder, "others_j", code, controllers="mine = others_j:P")
    with pytest.raises(PluginError, match="played by 'throughband bench'"):
        live_controller("mine")


def test_a_device_list_names_its_protocol_and_options(folder: Path) -> None:
    installed(folder, "others_k", "def reach(c, s, p): pass\n", drivers="box = others_k:reach")
    path = folder / "devices.toml"
    path.write_text(DRIVERS.format(protocol="box", more='options = { file = "a.json", n = 2 }'))
    (device,) = read_devices(path)
    assert (device.protocol, device.options) == ("box", (("file", "a.json"), ("n", 2)))
    with pytest.raises(ControllerError, match="bridge events reads NTCIP objects; signal 'a' sp"):
        require_ntcip([device], "bridge events")
    path.write_text(DRIVERS.format(protocol="smoke", more=""))
    with pytest.raises(ControllerError, match="unknown protocol 'smoke'; known are box, ntcip"):
        read_devices(path)
    path.write_text(DRIVERS.format(protocol="ntcip", more="options = { n = 2 }"))
    with pytest.raises(ControllerError, match="options: protocol 'ntcip' takes none"):
        read_devices(path)


def test_seams_of_ours_can_be_named() -> None:
    assert hasattr(optimizer_named("descent"), "optimize")
    assert hasattr(simulator_named("sumo"), "run_many")
    assert named(OPTIMIZERS, "descent", "optimizer").told.startswith("plug-in 'descent'")
