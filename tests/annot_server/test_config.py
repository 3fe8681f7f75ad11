from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from annot_server.cli import main
from annot_server.config import Config, Home, config_text, read_config
from annot_server.errors import ConfigError
from annot_server.server import database_url


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path) -> None:
    config = Config(redundancy=3, base_url="https://a.example")
    assert read_config(written(tmp_path, config_text(config))) == config


def test_every_setting_is_written_with_reason_unit_and_default() -> None:
    blocks = config_text(Config()).split("\n\n")
    assert len(blocks) == len(Config.__slots__)
    for block in blocks:
        reason, unit, value = block.strip().splitlines()
        assert len(reason) > 20
        assert unit.startswith("# Unit: ")
        assert f"default: {value.partition(' = ')[2]}" in unit


def test_missing_settings_have_their_defaults(tmp_path) -> None:
    assert read_config(written(tmp_path, "redundancy = 3\n")) == Config(redundancy=3)


def test_an_unknown_setting_is_refused_and_the_nearest_named(tmp_path) -> None:
    with pytest.raises(
        ConfigError, match="unknown setting 'redundency'; did you mean 'redundancy'"
    ):
        read_config(written(tmp_path, "redundency = 3\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('redundancy = "5"', "redundancy should be int, got '5'"),
        ("redundancy = true", "redundancy should be int, got True"),
        ("redundancy = 0", "redundancy should be at least 1 and at most 100, got 0"),
        ("hint_quota = 4", "hint_quota should be at least 0 and at most 3, got 4"),
        ("lease_s = 0", "lease_s should be at least 1, got 0"),
        ("base_url = 8000", "base_url should be str, got 8000"),
        ("gold_min_share = 1.2", "gold_min_share should be at least 0 and at most 1, got 1.2"),
        ("gold_tolerance = nan", "gold_tolerance should be at least 0.001 and at most 1, got nan"),
        ("gold_tolerance = 1", "gold_tolerance should be float, got 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_file(tmp_path, text, message) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_or_broken_file_is_said_plainly(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read.*annot-server init"):
        read_config(tmp_path / "config.toml")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_config(written(tmp_path, "a = = 1"))


def test_a_home_is_not_made_over_another(tmp_path) -> None:
    home = Home(tmp_path / "home")
    home.create(Config())
    key = home.key("session")
    with pytest.raises(ConfigError, match="exists already"):
        home.create(Config())
    assert home.key("session") == key


def test_a_secret_is_never_replaced(tmp_path) -> None:
    home = Home(tmp_path / "home")
    home.create(Config())
    key = home.key("pseudonyms")
    home.config_path.unlink()
    with pytest.raises(ConfigError, match=r"secret\.key: exists already"):
        home.create(Config())
    assert home.key("pseudonyms") == key


def test_in_an_open_folder_settings_and_secret_are_for_their_owner_only(tmp_path) -> None:
    tmp_path.chmod(0o755)
    home = Home(tmp_path)
    home.create(Config())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (home.config_path, home.secret_path)}
    assert modes == {0o600}


@pytest.mark.parametrize("is_there", [False, True])
def test_what_init_makes_is_for_its_owner_only(tmp_path, is_there) -> None:
    home = tmp_path / "home"
    if is_there:
        home.mkdir()
        home.chmod(0o755)
    done = CliRunner().invoke(main, ["--home", str(home), "init"])
    assert done.exit_code == 0, done.output
    with sqlite3.connect(home / "annotations.db") as connection:
        connection.execute("UPDATE people SET name = 'x'")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    connection.close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert modes.pop("frames")  # nobody gets at it through the folder
    assert set(modes) >= {"annotations.db", "annotations.db-wal", "config.toml", "secret.key"}
    assert set(modes.values()) == {0o600}


def test_folder_and_secret_are_for_their_owner_only(tmp_path) -> None:
    home = Home(tmp_path / "home")
    home.create(Config())
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.secret_path.stat().st_mode) == 0o600
    assert len(home.secret_path.read_text().strip()) == 64


def test_each_purpose_and_each_server_has_its_own_key(tmp_path) -> None:
    homes = [Home(tmp_path / name) for name in ("a", "b")]
    for home in homes:
        home.create(Config())
    assert len({home.key(purpose) for home in homes for purpose in ("session", "x")}) == 4


def test_a_home_without_its_secret_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"secret\.key: cannot be read"):
        Home(tmp_path).key("session")


def test_a_relative_sqlite_path_begins_in_the_home(tmp_path) -> None:
    home = Home(tmp_path)
    assert database_url(home, Config()) == f"sqlite:///{tmp_path}/annotations.db"
    absolute = "sqlite:////srv/a.db"
    assert database_url(home, Config(database_url=absolute)) == absolute
    remote = "postgresql+psycopg://u:p@host/db"
    assert database_url(home, Config(database_url=remote)) == remote
