from __future__ import annotations

import getpass
import json
import logging
import os
import pwd
import sys
from pathlib import Path

import pytest

from network.errors import AccessError, ThroughbandError
from tests.throughband.console.serving import PASSWORD
from throughband.console.commands import (
    add_account,
    back_up,
    restore_backup,
    watching_told,
    write_console_config,
)
from throughband.console.config import read_console_config
from throughband.console.logs import JsonLines
from throughband.console.pages.settings import settings_of
from throughband.journal import verify
from throughband.store import open_store


def secret_in(folder: Path, text: str = PASSWORD, mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_text(text + "\n")
    file.chmod(mode)
    return file


def test_the_configuration_that_is_written_is_one_that_is_read(tmp_path: Path) -> None:
    path = write_console_config(tmp_path / "new", None)

    config = read_console_config(path)

    assert config.database == f"sqlite:///{tmp_path / 'new' / 'console.sqlite'}"
    assert config.journal == tmp_path / "new" / "journal.sqlite"
    path.write_text(path.read_text().replace("# [", "[").replace("# bridge", "## bridge"))
    assert write_console_config(tmp_path / "new", None).read_text() == path.read_text()


def test_what_is_written_to_lies_in_the_data_folder_where_one_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    config = read_console_config(write_console_config(tmp_path / "etc", None, data))
    assert config.database == f"sqlite:///{data / 'console.sqlite'}"
    for path in (config.runs, config.networks, config.uploads, config.backups):
        assert path.is_relative_to(data)


def test_root_makes_no_database_in_the_folder_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    path = write_console_config(tmp_path / "etc", None, data)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(AccessError, match=r"run this as .*: 'sudo -u"):
        add_account(path, "anna", "", ["engineer"], secret_in(tmp_path), False)
    assert list(data.iterdir()) == []


def test_who_sets_a_console_up_is_told_what_watches_the_street(tmp_path: Path) -> None:
    assert f"throughband bridge run {tmp_path}" in watching_told(tmp_path)


def test_every_commented_setting_is_one_that_is_known(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)
    lines = [
        line.removeprefix("# ")
        for line in path.read_text().splitlines()[1:]
        if not line.startswith(("# bridge", "# database_password_file"))
    ]
    path.write_text("\n".join(lines))
    oidc = tmp_path / "oidc.secret"
    oidc.write_text("secret\n")
    oidc.chmod(0o600)
    (tmp_path / "rates.toml").write_text("", encoding="utf-8")

    config = read_console_config(path)

    assert (config.https, config.public_url) == (True, "https://signals.example.org")
    assert settings_of(config).site == "City of Springfield"
    assert config.oidc is not None
    assert config.oidc.client_secret == "secret"
    assert set(config.oidc.roles) == {"signals-engineers", "signals-chiefs"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense = 1", "nonsense"),
        ("database = 5", "database"),
        ('database = "postgresql://a:b@c/d"', "a password does not belong"),
        ("[serve]\nport = 70000", "serve.port"),
        ('[serve]\npublic_url = "signals.example.org"', "serve.public_url: .*https://"),
        ('[serve]\npublic_url = "https://a/console"', "serve.public_url: .*a/console"),
        ('[serve]\npublic_url = "https://me@a"', "serve.public_url"),
        ('[serve]\npublic_url = "https://a:99999"', "serve.public_url"),
        ('[serve]\npublic_url = "https://a"\nhttps = false', "https is False"),
        ('bridge = "nowhere.toml"', "nowhere.toml"),
        (
            '[oidc]\nissuer = "https://a"\nclient_id = "b"\nclient_secret_file = "c"',
            "c: the secret",
        ),
        ("= 1", "not TOML"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_by_field(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "console.toml"
    path.write_text(text)

    with pytest.raises(ThroughbandError, match=told):
        read_console_config(path)


def test_an_account_is_added_with_a_password_from_a_file(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)
    add_account(path, "anna", "Anna", ["approver"], secret_in(tmp_path), False)

    config = read_console_config(path)
    store = open_store(config.database, backups=None, journal=config.journal)
    user = store.users.of_name("anna")
    store.close()

    assert user is not None
    assert user.password_hash is not None
    assert PASSWORD not in config.journal.read_bytes().decode("latin-1")


def test_a_password_that_everybody_may_read_is_not_taken(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)

    with pytest.raises(ThroughbandError, match="chmod 600"):
        add_account(path, "anna", "", ["viewer"], secret_in(tmp_path, mode=0o644), False)


def test_without_a_terminal_no_password_is_waited_for(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)

    with pytest.raises(ThroughbandError, match="--password-file"):
        add_account(path, "anna", "", ["viewer"], None, False)


def test_a_backup_is_restored_into_an_empty_console(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)
    add_account(path, "anna", "", ["viewer"], secret_in(tmp_path), False)
    back_up(path, tmp_path / "backup.zip")
    (tmp_path / "console.sqlite").rename(tmp_path / "old.sqlite")

    restore_backup(path, tmp_path / "backup.zip")

    store = open_store(read_console_config(path).database, backups=None)
    assert store.users.of_name("anna") is not None
    store.close()


def test_a_line_of_the_log_is_json_whatever_is_said() -> None:
    record = logging.LogRecord("a", logging.INFO, "f", 1, "two\nlines %s", ('"x"',), None)
    record.request_id = "abc"

    content = json.loads(JsonLines().format(record))

    assert content["message"] == 'two\nlines "x"'
    assert content["request_id"] == "abc"
    assert "\n" not in JsonLines().format(record)


def test_an_account_is_added_by_a_user_that_the_machine_has_no_name_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: int) -> object:
        raise KeyError("getpwuid(): uid not found: 1000740000")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    path = write_console_config(tmp_path, None)

    add_account(path, "anna", "Anna", ["viewer"], secret_in(tmp_path), False)

    (event,) = verify(read_console_config(path).journal)
    assert (event["event"], event["by"]) == ("account added", f"user {os.getuid()}")


def test_a_password_is_asked_for_twice_and_shown_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([PASSWORD, PASSWORD, PASSWORD, "another one altogether"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    path = write_console_config(tmp_path, None)

    add_account(path, "anna", "Anna", ["viewer"], None, False)
    with pytest.raises(AccessError, match="the passwords differ; nothing was added"):
        add_account(path, "ben", "Ben", ["viewer"], None, False)

    assert PASSWORD not in capsys.readouterr().out
    config = read_console_config(path)
    store = open_store(config.database, backups=None, journal=config.journal)
    assert [user.name for user in store.users.listed()] == ["anna"]
    store.close()


def test_rates_are_read_before_they_are_needed(tmp_path: Path) -> None:
    path = write_console_config(tmp_path, None)
    told = path.read_text(encoding="utf-8").replace("# rates =", "rates =")
    path.write_text(told, encoding="utf-8")
    rates = tmp_path / "rates.toml"
    rates.write_text("[fuel]\nper_liter = 1.5\n", encoding="utf-8")
    with pytest.raises(ThroughbandError, match="source"):
        read_console_config(path)
    rates.write_text('currency = "EUR"\n[fuel]\nper_liter = 1.5\nsource = "pump"\n', "utf-8")
    assert read_console_config(path).rates == rates
