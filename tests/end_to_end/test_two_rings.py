"""The whole path on an imported intersection of two rings: from UTDF to the street."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.files import read_plan
from network.network_file import read_network
from network.writers.utdf import write_utdf
from tests.inventories import arterial
from tests.throughband.command_line import call
from throughband.journal import verify
from throughband.results import RUN_FILES, read_json

pytestmark = pytest.mark.sumo


def test_an_imported_intersection_of_two_rings_goes_the_whole_path(tmp_path: Path) -> None:
    source, town, out = tmp_path / "street.csv", tmp_path / "town", tmp_path / "out"
    write_utdf(source, arterial(1))
    imported = call("import", source, "--out", town)
    assert imported.code == 0, imported.err
    [signal] = [s for s in read_network(town / "network.json").signals.values() if s.phasing]
    assert signal.phasing is not None
    assert signal.phasing.rings == (1, 2)

    outcome = call(
        *("run", town, "--effort", 50, "--seeds", 2, "--out", out, "--approve-by-policy")
    )
    assert outcome.code == 0, outcome.err
    assert {file.name for file in out.iterdir()} == RUN_FILES - {"journal.jsonl", "report.pdf"}
    result = read_json(out / "result.json")
    assert result["verdict"] == "better"
    assert result["street"]["controllers"] == 1
    assert result["street"]["statuses"] == {signal.signal_id: "pattern 15, systemControl"}
    [plan] = read_plan(out / "plan.json").plans
    assert {signal.phasing.phase(number).ring for number in plan.sequence} == {1, 2}
    events = [event["event"] for event in verify(out / "journal.sqlite")]
    assert events[-5:] == ["intent", "stored", "activated", "in step", "finished"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"phase {plan.coordinated_phase}" in page
