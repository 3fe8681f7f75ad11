"""The commands of quality, as a maintainer types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from annot_server.cli import main
from annot_server.models import Person


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


@pytest.fixture
def cli(server):
    def cli(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["--home", str(server.home.path), *map(str, arguments)])

    return cli


@pytest.fixture
def known(tmp_path):
    """Return a function that writes a CSV file of known answers."""

    def known(*rows: str):
        path = tmp_path / "known.csv"
        path.write_text("video_id,second,action,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
        return path

    return known


def test_gold_is_imported_counted_and_withdrawn(cli, known, videos) -> None:
    path = known("v1,0,crack egg,0.5,0.5", "v1,2,crack egg,,")
    arguments = ("import-gold", path, "--videos", videos, "--purpose", "hidden", "--json")
    done = cli(*arguments)
    assert done.exit_code == 0, done.output
    counts = {"frames": 2, "frames_already_here": 0, "clips": 2, "problems": 0}
    assert json.loads(done.stdout) == counts
    assert json.loads(cli(*arguments).stdout) == {
        **counts,
        "frames": 0,
        "frames_already_here": 2,
        "clips": 0,
    }
    withdrawn = cli("withdraw-gold", "v1", "--second", 2, "--json")
    assert (withdrawn.exit_code, json.loads(withdrawn.stdout)) == (0, {"withdrawn": 1})
    nothing = cli("withdraw-gold", "v1", "--second", 2)
    assert (nothing.exit_code, nothing.stderr) == (1, "v1: no known answer in use fits this\n")


def test_bad_rows_are_told_and_the_exit_code_says_so(cli, known, videos) -> None:
    path = known("v1,0,crack egg,0.5,0.5", "v1,2,crack egg,0.5,")
    done = cli("import-gold", path, "--videos", videos, "--purpose", "hidden")
    assert done.exit_code == 1
    assert f'{path}:3: one of x and y is empty; give both, or neither for "not visible"' in (
        done.stderr
    )
    lacking = known().parent / "lacking.csv"
    lacking.write_text("video_id,second\n", encoding="utf-8")
    refused = cli("import-gold", lacking, "--videos", videos, "--purpose", "hidden")
    assert refused.exit_code == 1
    assert "the header lacks action, x, y" in refused.stderr
    assert "Traceback" not in refused.output


def test_too_few_qualification_frames_are_told(cli, known, videos) -> None:
    done = cli(
        "import-gold", known("v1,0,a,0.5,0.5"), "--videos", videos, "--purpose", "qualification"
    )
    off = (
        "the qualification is off: it needs 8 frames with a point and 2 without, there are 1 and 0"
    )
    assert off in done.stderr
    assert off in cli("scores").stdout


def test_somebody_is_qualified_by_hand_and_may_try_again(server, project, cli) -> None:
    project.person("Ada")
    assert cli("qualify", "Ada").stdout == "Ada is qualified\n"
    with server.database.read() as session:
        assert session.scalars(select(Person.qualified_at)).one() is not None
    assert cli("qualify", "Ada", "--again").stdout == "Ada can try again\n"
    with server.database.read() as session:
        assert session.scalars(select(Person.qualified_at)).one() is None
    assert cli("qualify", "Nobody").exit_code == 1


def test_scores_are_a_table_and_json(project, cli) -> None:
    project.person("Ada")
    table = cli("scores").stdout.splitlines()
    head = ["answers", "gold", "skipped", "right", "last", "off", "by", "from", "others"]
    assert table[0].split() == head
    assert table[1].split() == ["Ada", "0", "0", "0", "-", "-", "-", "-"]
    [ada] = json.loads(cli("scores", "--json").stdout)
    assert (ada["name"], ada["gold_answers"], ada["score"]) == ("Ada", 0, None)
