from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from annot_server.cli import main
from annot_server.config import Config, Home
from annot_server.database import open_engine
from annot_server.migration import upgrade
from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel, write_prelabels


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a server's folder as `init` makes it, but without an undo window."""
    home = Home(tmp_path / "home")
    home.create(Config(undo_window_s=0))
    engine = open_engine(f"sqlite:///{home.path}/annotations.db")
    upgrade(engine)
    engine.dispose()
    return home.path


@pytest.fixture
def cli(home: Path):
    def cli(*arguments: object, home: Path = home) -> Result:
        return CliRunner().invoke(main, ["--home", str(home), *map(str, arguments)])

    return cli


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    path = tmp_path / "clips.csv"
    path.write_text("video_id,start_s,end_s,action\nv1,0,2,crack egg\n", encoding="utf-8")
    return path


def test_the_options_are_these() -> None:
    found = {
        name: sorted(option for p in command.params for option in p.opts)
        for name, command in main.commands.items()
    }
    assert found == {
        "audit": ["--json"],
        "backup": ["--json", "--with-frames", "out"],
        "change-role": ["name", "role"],
        "export-snapshot": ["--force", "--json", "out"],
        "forget": ["--yes", "name"],
        "import-clips": [
            "--benchmark",
            "--hint-quota",
            "--json",
            "--partial",
            "--split",
            "--videos",
            "csv",
        ],
        "import-gold": ["--json", "--purpose", "--videos", "csv"],
        "import-prelabels": ["--json", "file"],
        "init": ["--database-url"],
        "invite": [
            "--base-url",
            "--count",
            "--expires-days",
            "--json",
            "--prefix",
            "--role",
            "--submission",
            "name",
        ],
        "panel-status": ["--json", "--panel", "file"],
        "password": ["--stdin", "name"],
        "pause": ["--reason", "name"],
        "prepare-context": ["--json"],
        "progress": ["--json"],
        "resume": ["name"],
        "revoke-invites": ["--everybody", "name"],
        "restore": ["--database-url", "--frames", "--json", "backup"],
        "prioritise": ["--priority", "clip_ids"],
        "qualify": ["--again", "name"],
        "scores": ["--json"],
        "run": ["--host", "--port", "--threads", "--workers"],
        "set-aside": ["--json", "--reason", "name"],
        "token": [],
        "upgrade": [],
        "withdraw-gold": ["--action", "--json", "--second", "video_id"],
        "work": ["--until-idle"],
    }


def test_init_makes_a_server_that_is_ready(cli, tmp_path) -> None:
    new = tmp_path / "new"
    assert cli("init", home=new).exit_code == 0
    assert sorted(p.name for p in new.iterdir() if "annotations" not in p.name) == [
        "config.toml",
        "frames",
        "secret.key",
    ]
    found = cli("audit", "--json", home=new)
    assert json.loads(found.stdout) == {
        "frames": 0,
        "answers": 0,
        "over_assigned": 0,
        "duplicate_answers": 0,
        "retired_with_too_few": 0,
        "answers_without_lease": 0,
    }
    again = cli("init", home=new)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    assert cli("upgrade", home=new).exit_code == 0


def test_init_takes_another_database(cli, tmp_path) -> None:
    new = tmp_path / "new"
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    assert cli("init", "--database-url", url, home=new).exit_code == 0
    assert (tmp_path / "elsewhere.db").is_file()


@pytest.mark.parametrize(
    "url",
    ["sqlight:///a.db", "sqlite:////no/such/folder/a.db", "postgresql+psycopg://@/x?host=/no", "x"],
)
def test_a_mistyped_database_can_be_put_right(cli, tmp_path, url) -> None:
    new = tmp_path / "new"
    found = cli("init", "--database-url", url, home=new)
    assert found.exit_code == 1
    assert "database" in found.stderr, "a line for people"
    assert not (new / "config.toml").exists()
    assert cli("init", home=new).exit_code == 0
    assert cli("audit", home=new).exit_code == 0


def test_a_folder_that_is_no_home_is_said_plainly(cli, tmp_path) -> None:
    found = cli("progress", home=tmp_path / "nothing")
    assert found.exit_code == 1
    assert "annot-server init" in found.stderr
    assert "Traceback" not in found.stderr


def test_an_old_database_is_told_to_be_upgraded(cli, home) -> None:
    (home / "annotations.db").unlink()
    found = cli("progress")
    assert (found.exit_code, "annot-server upgrade" in found.stderr) == (1, True)


def test_clips_are_imported_and_counted(cli, clips, videos) -> None:
    found = cli("import-clips", clips, "--videos", videos, "--json")
    assert found.exit_code == 0, found.stderr
    counted = {"clips": 1, "clips_already_here": 0, "frames": 2, "problems": 0}
    assert json.loads(found.stdout) == counted
    shown = cli("progress")
    assert "frames   0 of 2" in shown.stdout
    assert json.loads(cli("progress", "--json").stdout)["answers_wanted"] == 10


def test_problems_of_an_import_go_to_stderr_and_into_the_exit_code(cli, clips, videos) -> None:
    clips.write_text(clips.read_text() + "v1,3,2,crack egg\n")
    found = cli("import-clips", clips, "--videos", videos)
    assert found.exit_code == 1
    assert f"{clips}:3: " in found.stderr
    assert re.search(r"^frames +2$", found.stdout, re.MULTILINE)


def test_an_invite_prints_a_link(cli) -> None:
    link = cli("invite", "Ada", "--role", "annotator").stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/join/[\w-]{43}", link)
    found = json.loads(
        cli("invite", "Mia", "--role", "maintainer", "--base-url", "https://a.b/", "--json").stdout
    )
    assert (found["name"], found["role"]) == ("Mia", "maintainer")
    assert found["url"].startswith("https://a.b/join/")
    assert cli("invite", "Ada", "--role", "maintainer").exit_code == 1
    assert cli("invite", "Ada", "--role", "boss").exit_code == 2


def test_a_snapshot_is_written_once(cli, clips, videos, tmp_path) -> None:
    cli("import-clips", clips, "--videos", videos)
    out = tmp_path / "snapshot"
    found = json.loads(cli("export-snapshot", out, "--json").stdout)
    assert (found["frames"], found["answers"], found["left_out"]) == (2, 0, 0)
    assert (out / "manifest.json").is_file()
    again = cli("export-snapshot", out)
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    assert cli("export-snapshot", out, "--force").exit_code == 0


def test_prelabels_are_imported_and_counted(cli, clips, videos, tmp_path) -> None:
    cli("import-clips", clips, "--videos", videos, "--no-benchmark")
    path = tmp_path / "p.jsonl"
    items = [Prelabel("v1_0-2000_crack-egg", second, Point(0.5, 0.5), 1.0) for second in (0, 9)]
    write_prelabels(path, "m", "d", items)
    found = cli("import-prelabels", path, "--json")
    assert json.loads(found.stdout) == {"imported": 1, "already_here": 0, "unknown": 1}
    assert "such as v1_0-2000_crack-egg/9" in found.stderr


def test_prelabels_of_which_nothing_can_be_used_are_an_error(cli, clips, videos, tmp_path) -> None:
    cli("import-clips", clips, "--videos", videos)
    path = tmp_path / "p.jsonl"
    write_prelabels(path, "m", "d", [Prelabel("other", 0, Point(0.5, 0.5), 1.0)])
    found = cli("import-prelabels", path, "--json")
    assert json.loads(found.stdout) == {"imported": 0, "already_here": 0, "unknown": 1}
    assert found.exit_code == 1
    assert f"{path}: nothing of it could be used" in found.stderr


def test_the_server_runs_and_stops(home) -> None:
    program = [sys.executable, "-m", "annot_server.cli", "--home", str(home), "run", "--port", "0"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            lines = iter(server.stderr.readline, "")
            listening = next(line for line in lines if "Listening at" in line)
            url = re.search(r"http://[\d.:]+", listening).group()
            with urllib.request.urlopen(f"{url}/api/v1/openapi.json", timeout=20) as response:
                assert response.status == 200
                assert json.load(response)["info"]["title"] == "Annotation server"
        finally:
            server.send_signal(signal.SIGTERM)
            server.stderr.read()
        assert server.wait(timeout=20) == 0
