"""The built wheel holds all that the commands need, wherever they are called from (R37).

The wheel is built from the files that git knows and installed with `--no-deps` into an environment
of its own that sees the test environment's libraries, but not the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(command: list[str], cwd: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ANNOT_HOME")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work)]
    run([*pip, *build, str(source)], work)
    (wheel,) = work.glob("*.whl")
    environment = work / "environment"
    venv.create(environment, with_pip=False)
    (site_packages,) = environment.glob("lib/python3.*/site-packages")
    run([*pip, "install", "--quiet", "--no-deps", "--target", str(site_packages), str(wheel)], work)
    # A .pth line adds the folder but does not obey the .pth files in it, so that the editable
    # install of the checkout stays out of sight.
    libraries = sysconfig.get_paths()["purelib"]
    (site_packages / "libraries.pth").write_text(libraries + "\n", encoding="utf-8")
    python = environment / "bin" / "python"
    for name, package in (
        ("annot-server", "annot_server"),
        ("dataset-builder", "dataset_builder"),
        ("stg-model", "stg_model"),
    ):
        script = environment / "bin" / name
        script.write_text(
            f"#!{python}\nimport sys\nfrom {package}.cli import main\nsys.exit(main())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    return environment / "bin"


def test_the_wheel_is_what_runs(bin_folder: Path, tmp_path: Path) -> None:
    code = "import annot_server, dataset_builder, stg_model; print(annot_server.__file__)"
    found = run([str(bin_folder / "python"), "-c", code], tmp_path)
    assert str(bin_folder.parent) in found


@pytest.mark.parametrize("command", ["annot-server", "dataset-builder", "stg-model"])
def test_each_command_says_its_help(bin_folder: Path, tmp_path: Path, command: str) -> None:
    assert "Commands:" in run([str(bin_folder / command), "--help"], tmp_path)


def test_the_server_finds_migrations_pages_and_scripts(bin_folder: Path, tmp_path: Path) -> None:
    server = str(bin_folder / "annot-server")
    run([server, "--home", "home", "init"], tmp_path)
    audit = json.loads(run([server, "--home", "home", "audit", "--json"], tmp_path))
    assert audit["over_assigned"] == 0
    code = (
        "from annot_server.app import create_app\n"
        "client = create_app('home').test_client()\n"
        "assert client.get('/static/annotate.js').status_code == 200\n"
        "assert client.get('/static/style.css').status_code == 200\n"
        "assert b'</html>' in client.get('/join/no-such-invite').data\n"
        "german = client.get('/join/no-such-invite', headers={'Accept-Language': 'de'})\n"
        "assert 'nicht bekannt' in german.text\n"
    )
    run([str(bin_folder / "python"), "-c", code], tmp_path)
