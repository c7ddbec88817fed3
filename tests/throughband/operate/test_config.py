from pathlib import Path

import pytest

from network.errors import ThroughbandError
from throughband.operate.channels import Email, Mqtt, Webhook
from throughband.operate.config import read_operate_config
from throughband.operate.config_entries import OperateEntry
from throughband.operate.template import write_operate_config

from .cases import NOON, minutes
from .office_cases import read_files, write_files


def test_a_short_file_takes_the_defaults(tmp_path):
    config = read_files(tmp_path)
    assert not config.acts
    assert config.limits.least_between == minutes(30)
    assert config.limits.hours.contains(NOON)
    assert not config.notices.is_quiet(NOON)
    assert config.channels == {}
    assert config.database is None


def test_the_template_is_a_configuration_with_all_defaults_named(tmp_path):
    write_files(tmp_path)
    path = tmp_path / "new.toml"
    write_operate_config(path, "street", "bridge.toml")
    assert read_operate_config(path).regime == read_files(tmp_path).regime
    text = path.read_text()
    for name in OperateEntry.model_fields:
        assert name in text, name
    with pytest.raises(ThroughbandError, match="exists already"):
        write_operate_config(path, "street", "bridge.toml")


def test_every_commented_default_of_the_template_is_the_default(tmp_path):
    write_files(tmp_path)
    path = tmp_path / "new.toml"
    write_operate_config(path, "street", "bridge.toml")
    plain = read_operate_config(path)
    for table in ("regime", "planning", "evaluation", "levels", "warnings"):
        lines, here = [], False
        for line in path.read_text().splitlines():
            bare = line.removeprefix("# ")
            if bare.startswith("["):
                here = bare.split()[0] == f"[{table}]"
            if here and "calibration" not in bare:
                lines.append(bare if bare.startswith("[") or " = " in bare else "")
        read = tmp_path / f"{table}.toml"
        head = 'scenario = "street"\nbridge = "bridge.toml"\nfolder = "operate"\n'
        read.write_text(head + "\n".join(lines))
        found = read_operate_config(read)
        assert found.planning == plain.planning
        assert (found.regime, found.evidence, found.ladder, found.book) == (
            plain.regime,
            plain.evidence,
            plain.ladder,
            plain.book,
        )


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("colour = 1\n", "colour"),
        ('mode = "perhaps"\n', "mode"),
        ("[regime]\nleave_share = 1.5\n", r"regime\.leave_share"),
        ("[planning]\nhorizon_min = 62\n", "no multiple"),
        ("[planning]\nshortest_cycle_s = 100\nlongest_cycle_s = 90\n", "is longer than"),
        ('[limits]\nsignals = ["C"]\n', "'C' is not in the device list"),
        ("[evaluation]\nleast_intervals = 9\nmost_intervals = 3\n", "9 to 3 intervals"),
        ('[notices.webhook]\nurl = "ftp://x"\n', r"notices\.webhook\.url"),
        (
            '[notices.email]\nhost = "h"\nsender = "a@b\\nBcc: c@d"\nto = ["e@f"]\n',
            r"notices\.email\.sender",
        ),
        ('[notices.mqtt]\nhost = "h"\ntopic = "a/#"\n', r"notices\.mqtt\.topic"),
        ('[notices.webhook]\nurl = "http://x"\ntoken_file = "none"\n', "cannot be read"),
        ("[[plan_of_day]]\n", r"plan_of_day\.0\.days"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, more, named):
    with pytest.raises(ThroughbandError, match=named):
        read_files(tmp_path, more)


def test_a_bridge_without_counts_is_refused(tmp_path):
    path = write_files(tmp_path)
    bridge = tmp_path / "bridge.toml"
    bridge.write_text(bridge.read_text().split("[counts]")[0])
    with pytest.raises(ThroughbandError, match=r"names no \[counts\]"):
        read_operate_config(path)


def secret(folder: Path, mode: int = 0o600) -> str:
    (folder / "s").write_text("word\n")
    (folder / "s").chmod(mode)
    return "s"


def test_channels_take_their_secrets_from_files_of_their_owner(tmp_path):
    name = secret(tmp_path)
    config = read_files(
        tmp_path,
        f'[notices.webhook]\nurl = "https://x"\ntoken_file = "{name}"\n'
        f'[notices.email]\nhost = "h"\nsender = "a@b"\nto = ["c@d"]\npassword_file = "{name}"\n'
        f'[notices.mqtt]\nhost = "h"\npassword_file = "{name}"\n',
    )
    assert config.channels["webhook"] == Webhook("https://x", "word")
    assert isinstance(config.channels["email"], Email)
    assert isinstance(config.channels["mqtt"], Mqtt)


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    name = secret(tmp_path, 0o644)
    with pytest.raises(ThroughbandError, match="others may read"):
        read_files(tmp_path, f'[notices.webhook]\nurl = "https://x"\ntoken_file = "{name}"\n')
