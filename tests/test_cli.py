"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT

from subwright import __version__
from subwright.cli import main

Run = Callable[..., Result]
OWN = ROOT / "examples" / "own-template" / "templates"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run subwright in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*args: str) -> Result:
        result = CliRunner().invoke(main, list(args), prog_name="subwright")
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        assert "Traceback" not in result.output
        return result

    return invoke


def render(run: Run, *args: str) -> Result:
    """Render with the small template of the examples."""
    return run("render", "--templates", str(OWN), *args)


def test_version_and_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "subwright", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"subwright {__version__}\n"


@pytest.mark.parametrize("args", [("-h",), ("render", "-h"), ("list", "-h"), ("list", "--help")])
def test_help_everywhere(run: Run, args: tuple[str, ...]) -> None:
    result = run(*args)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: subwright")


def test_every_variable_is_an_option_with_its_choices(run: Run) -> None:
    text = run("render", "-h").stdout
    for part in (
        "--database [postgresql|mysql|mariadb|sqlite]",
        "--version",
        "--driver",
        "--detail [full|core]",
    ):
        assert part in text
    for part in ("--serena / --no-serena", "--pooler [none|transaction]"):
        assert part in text
    text = render(run, "-h").stdout
    assert "--audience [users|developers]" in text
    assert "--database [" not in text


def test_render_to_stdout(run: Run, tmp_path: Path) -> None:
    result = run("render", "--database", "postgresql", "--version", "17")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "---\n# rendered by subwright from sqlalchemy-specialist for PostgreSQL 17"
    )
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", [".claude/agents", ".claude/agents/", "new/agent.md"])
def test_render_to_a_place(run: Run, tmp_path: Path, output: str) -> None:
    result = run("render", "--database", "pg", "-o", output)
    path = tmp_path / output
    if not output.endswith(".md"):
        path = path / "sqlalchemy-specialist.md"
    assert result.exit_code == 0
    assert result.stdout == ""
    assert (
        path.read_text(encoding="utf-8")
        == run("render", "--database", "postgresql", "-o", "-").stdout
    )
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_render_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    render(run, "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    before = path.stat()
    assert render(run, "-o", "out").exit_code == 0
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_other_content_is_kept_without_force(run: Run, tmp_path: Path) -> None:
    render(run, "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    path.write_text("mine\n")
    result = render(run, "-o", "out", "--project", "Larch")
    assert result.exit_code == 1
    assert "nothing is written" in result.stderr
    assert "--force" in result.stderr
    assert path.read_text() == "mine\n"
    assert render(run, "-o", "out", "--project", "Larch", "--force").exit_code == 0
    assert "Larch" in path.read_text()


def test_check_and_diff(run: Run, tmp_path: Path) -> None:
    assert render(run, "-o", "out", "--check").exit_code == 1
    assert not (tmp_path / "out").exists()
    render(run, "-o", "out")
    assert render(run, "-o", "out", "--check").exit_code == 0
    path = tmp_path / "out" / "release-notes.md"
    text = path.read_text().replace("## Steps", "## Moves")
    path.write_text(text)
    result = render(run, "-o", "out", "--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "release-notes.md: differs" in result.stderr
    result = render(run, "-o", "out", "--diff")
    assert result.exit_code == 1
    assert {"-## Moves", "+## Steps"} <= set(result.stdout.splitlines())
    assert path.read_text() == text


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text + "more",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("## Steps", "## M\xc3\xb6ves \x1b[31m"),
        lambda text: "",
    ],
)
@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no `patch`")
def test_diff_is_a_patch(run: Run, tmp_path: Path, change: Callable[[str], str]) -> None:
    render(run, "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    wanted = path.read_bytes()
    path.write_bytes(change(wanted.decode()).encode())
    patch = render(run, "-o", "out", "--diff").stdout_bytes
    subprocess.run(["patch", "--binary", "-p0"], input=patch, check=True, capture_output=True)
    assert path.read_bytes() == wanted


def test_diff_in_colour_shows_what_is_not_seen(run: Run, tmp_path: Path) -> None:
    render(run, "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")[:-2] + b"\x1b[2J\x07")
    shown = render(run, "-o", "out", "--diff", "--color", "always").stdout
    assert "-## Steps^M\x1b[0m" in shown
    assert "+## Steps\x1b[0m" in shown
    assert "^[[2J^G" in shown
    assert "\\ No newline at end of file" in shown


def test_all_writes_the_matrix_and_takes_left_overs_away(run: Run, tmp_path: Path) -> None:
    assert run("render", "--all", "-o", "out").exit_code == 0
    folders = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len(folders) == 17
    assert {"postgresql-14", "mysql-9.7", "mariadb-12.3", "sqlite-3.53"} <= set(folders)
    out = tmp_path / "out"
    left = out / "postgresql-13" / "sqlalchemy-specialist.md"
    left.parent.mkdir()
    left.write_bytes((out / "postgresql-14" / "sqlalchemy-specialist.md").read_bytes())
    foreign = out / "postgresql-14" / "mine.md"
    foreign.write_text("---\nname: mine\ndescription: by hand\n---\n")
    result = run("render", "--all", "-o", "out", "--check")
    assert result.exit_code == 1
    assert "postgresql-13" in result.stderr
    assert "left over" in result.stderr
    assert "mine.md" not in result.stderr
    assert run("render", "--all", "-o", "out").exit_code == 0
    assert left.exists()
    assert run("render", "--all", "-o", "out", "--force").exit_code == 0
    assert not left.parent.exists()
    assert foreign.exists()
    assert run("render", "--all", "-o", "out", "--check").exit_code == 0


def test_only_its_own_files_are_left_over(run: Run, tmp_path: Path) -> None:
    """`--force` takes nothing away that another library, another template or another command rendered."""
    agents = tmp_path / ".claude" / "agents"
    run("render", "--database", "sqlite", "-o", ".claude/agents")
    run("render", "--all", "-o", ".claude/agents")
    before = sorted(agents.rglob("*.md"))
    assert len(before) == 18
    for options in (
        ["--templates", str(OWN), "--all", "--force"],
        ["--templates", str(OWN), "--all", "--no-tickets", "--force"],
        ["--all", "--no-serena", "--force"],
        ["--all", "--force"],
        ["--all", "--check"],
    ):
        result = run("render", *options, "-o", ".claude/agents")
        assert result.exit_code == 0
        assert "taken away" not in result.stderr
        assert "left over" not in result.stderr
    assert sorted(agents.rglob("*.md")) == sorted([agents / "release-notes.md", *before])


def test_one_file_and_what_is_taken_away_for_it(run: Run, tmp_path: Path) -> None:
    render(run, "--all", "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    path.with_name("old.md").write_bytes(path.read_bytes())
    result = render(run, "--all", "-o", "out", "--force")
    old = Path("out", "old.md")
    assert result.stderr == f"{Path('out', path.name)} is as it was, 1 taken away: {old}\n"
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files")
def test_odd_files_in_the_folder(run: Run, tmp_path: Path) -> None:
    render(run, "-o", "out")
    out = tmp_path / "out"
    (out / "folder.md").mkdir()
    (out / "dangling.md").symlink_to("nowhere.md")
    (out / "loop.md").symlink_to("loop.md")
    os.mkfifo(out / "pipe.md")
    assert render(run, "--all", "-o", "out", "--check").exit_code == 0
    (out / "release-notes.md").unlink()
    os.mkfifo(out / "release-notes.md")
    result = render(run, "-o", "out", "--force")
    assert result.exit_code == 2
    assert "release-notes.md` is not a file" in result.stderr


@pytest.mark.parametrize(
    ("options", "folders"),
    [
        (["--pooler", "transaction"], {f"postgresql-{n}" for n in range(14, 19)}),
        (["--driver", "psycopg", "--pooler", "none"], {f"postgresql-{n}" for n in range(14, 19)}),
        (["--driver", "asyncmy", "--database", "mysql"], {f"mysql-{n}" for n in (8.0, 8.4, 9.7)}),
    ],
)
def test_variants_that_do_not_fit_are_left_out(
    run: Run, tmp_path: Path, options: list[str], folders: set[str]
) -> None:
    assert run("render", "--all", "-o", "out", *options).exit_code == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == folders


def test_part_of_the_matrix_leaves_the_rest_alone(run: Run, tmp_path: Path) -> None:
    run("render", "--all", "-o", "out")
    assert run("render", "--all", "--database", "sqlite", "-o", "out", "--check").exit_code == 0
    assert run("render", "--all", "--database", "sqlite", "-o", "part").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "part").iterdir()) == [
        "sqlite-3.35",
        "sqlite-3.42",
        "sqlite-3.45",
        "sqlite-3.53",
    ]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--database", "mongodb"], 2, ["SQLAlchemy has no MongoDB dialect", "Motor", "PyMongo"]),
        (["--database", "mssql"], 2, ["mssql", "not offered"]),
        (["--database", "oracle"], 2, ["oracle", "not offered"]),
        (["--database", "postgrsql"], 2, ["did you mean `postgresql`", "mariadb"]),
        (["--database", "mysql", "--version", "10.11.6-MariaDB"], 2, ["--database mariadb"]),
        (["--database", "mysql", "--version", "5.7"], 2, ["older", "8.0"]),
        (["--database", "mysql", "--version", "9.1"], 2, ["no long-term series", "9.7"]),
        (["--database", "mysql", "--version", "8"], 2, ["does not name one series", "8.0, 8.4"]),
        (["--database", "postgresql", "--version", "99"], 2, ["newer", "18"]),
        (["--version", "17"], 2, ["`--database` is missing", "postgresql"]),
        ([], 2, ["`--database` is missing"]),
        (["--database", "pg", "--detail", "ful"], 2, ["--detail", "did you mean `full`"]),
        (["--database", "mysql", "--pooler", "transaction"], 2, ["--pooler", "does not fit"]),
        (["--databse", "pg"], 2, ["--databse", "--database"]),
        (["--set", "DATABAS=pg"], 2, ["DATABAS", "did you mean `DATABASE`"]),
        (["--set", "DATABASE"], 2, ["NAME=VALUE"]),
        (["--set", "DATABASE=pg", "--database", "pg"], 2, ["given by its option and by --set"]),
        (["sqlalchemy-specalist"], 2, ["did you mean `sqlalchemy-specialist`"]),
        (["--all"], 2, ["--all needs `-o"]),
        (["--database", "pg", "--check"], 2, ["--check needs `-o"]),
        (["--database", "pg", "--templates", "missing"], 2, ["no folder `missing`"]),
        (["--templates", ""], 2, ["`--templates` is empty"]),
        (["--database", "pg", "-o", ""], 2, ["`-o` is empty"]),
        (["--templates", str(OWN), "--templates", "missing"], 2, ["no folder `missing`"]),
        (["--database", "pg", "--version", "9" * 5000], 2, ["--version: `999", "is no version"]),
        (["--database", "pg", "--set", f"VERSION={'9' * 5000}"], 2, ["is no version"]),
        (["--all", "-o", "x", "--driver", "asyncmi"], 2, ["--driver: `asyncmi`", "`asyncmy`?"]),
        (
            ["--all", "-o", "x", "--database", "pg", "--driver", "asyncmy"],
            2,
            ["choose from asyncpg, psycopg"],
        ),
        (
            ["--all", "-o", "x", "--database", "mysql", "--pooler", "transaction"],
            2,
            ["`--pooler transaction` does not fit"],
        ),
    ],
)
def test_wrong_use_says_what_to_do(
    run: Run, args: list[str], status: int, words: list[str]
) -> None:
    result = run("render", *args)
    assert result.exit_code == status
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    ("database", "version", "series"),
    [
        ("postgresql", "17.4", "PostgreSQL 17"),
        (
            "postgres",
            "PostgreSQL 16.3 (Debian 16.3-1.pgdg120+1) on x86_64-pc-linux-gnu",
            "PostgreSQL 16",
        ),
        ("mysql", "8.4.3", "MySQL 8.4"),
        ("mysql", "8.0.36-0ubuntu0.22.04.1", "MySQL 8.0"),
        ("mysql", "8.0.mysql_aurora.3.04.0", "MySQL 8.0"),
        ("mariadb", "10.11.6-MariaDB", "MariaDB 10.11"),
        ("mariadb", "5.5.5-10.11.6-MariaDB-0+deb12u1", "MariaDB 10.11"),
        ("sqlite3", "3.45.1", "SQLite 3.45"),
        ("sqlite", "3.44.2", "SQLite 3.42"),
        ("sqlite", "3.99.0", "SQLite 3.53"),
        ("postgresql", "", "PostgreSQL 18"),
        ("mysql", "", "MySQL 9.7"),
        ("mariadb", "", "MariaDB 11.8"),
        ("sqlite", "", "SQLite 3.53"),
    ],
)
def test_versions_are_understood(run: Run, database: str, version: str, series: str) -> None:
    args = ["--version", version] if version else []
    result = run("render", "--database", database, *args)
    assert result.exit_code == 0
    assert f" for {series}:" in result.stdout.splitlines()[1]


def test_option_that_looks_like_another(run: Run, tmp_path: Path) -> None:
    assert render(run, "-o", "--templates").exit_code == 0
    assert (tmp_path / "--templates" / "release-notes.md").is_file()


def template(folder: Path, name: str, variables: str = "", body: str = "text") -> Path:
    """Write a small template."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(
        f"---\nname: {name}\ndescription: d\ntemplate:\n  summary: s\n"
        + (f"  variables:\n{variables}" if variables else "")
        + f"---\n{body}\n"
    )
    return path


def test_options_that_would_be_the_same(run: Run, tmp_path: Path) -> None:
    boolean = "{type: bool, default: true, help: h}"
    body = "<% if X %>x<% endif %><% if NO_X %>n<% endif %>"
    template(tmp_path / "own", "a", f"    X: {boolean}\n    NO_X: {boolean}\n", body)
    assert run("render", "--templates", "own", "--no-x").stdout.endswith("---\nn\n")
    assert run("render", "--templates", "own", "--set", "NO_X=no").stdout.endswith("---\nx\n")
    text = run("render", "--templates", "own", "-h").stdout
    assert text.count("--no-x") == 1 + text.count("default: --no-x")


def test_a_name_with_two_types_takes_a_value(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    template(own, "a", "    X: {type: bool, default: true, help: h}\n", "<% if X %>x<% endif %>y")
    template(own, "b", "    X: {type: string, default: '', help: h}\n", "<<X>>.")
    assert "--x [true|false]" in run("render", "--templates", "own", "-h").stdout
    assert run("render", "--templates", "own", "a", "--x", "no").stdout.endswith("---\ny\n")
    assert run("render", "--templates", "own", "b", "--x", "no").stdout.endswith("---\nno.\n")


def test_end_of_life_is_said(run: Run) -> None:
    result = run("render", "--database", "postgresql", "--version", "14")
    assert result.exit_code == 0
    assert "PostgreSQL 14 is out of support since 2026-11-12" in result.stderr
    assert "2026-11-12" in result.stdout


def test_several_templates_need_a_folder(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("one", "two"):
        (own / f"{name}.md").write_text(
            f"---\nname: {name}\ndescription: d\ntemplate:\n  summary: s\n---\ntext\n"
        )
    result = run("render", "--templates", "own")
    assert result.exit_code == 2
    assert "2 templates fit: one, two" in result.stderr
    assert run("render", "--templates", "own", "two").stdout.splitlines()[2] == "name: two"
    assert run("render", "--templates", "own", "-o", "out").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.md", "two.md"]
    assert "do not fit into one file" in run("render", "--templates", "own", "-o", "out.md").stderr
    (own / "two.md").write_text((own / "one.md").read_text())
    assert "two agents would be written" in run("render", "--templates", "own", "-o", "x").stderr


def test_broken_template_is_reported_and_nothing_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "bad.md"
    path.write_text("---\nname: a\ndescription: d\ntemplate:\n  summary: s\n---\n<<NAMES>>\n")
    result = run("render", "--templates", "own", "-o", "out")
    assert result.exit_code == 2
    assert "bad.md:7:3: error: `NAMES` is not defined" in result.stderr
    assert not (tmp_path / "out").exists()
    assert run("render", "--templates", "own", "--anything", "x").stderr == result.stderr


def test_contract_that_is_broken_has_status_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.md").write_text(
        "---\nname: a\ndescription: d\ntemplate:\n  contract:\n    sections: [One]\n---\ntext\n"
    )
    result = run("render", "--templates", "own", "-o", "out")
    assert result.exit_code == 1
    assert "a.md:6:16: error: the section `## One` is missing" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_place_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = render(run, "-o", "file")
    assert result.exit_code == 2
    assert "`file` is not a folder" in result.stderr
    result = render(run, "-o", "file/below")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot write `file/below/release-notes.md`: ")
    assert "help: `-o` names another place" in result.stderr
    (tmp_path / "a.md").symlink_to("b.md")
    (tmp_path / "b.md").symlink_to("a.md")
    result = render(run, "-o", "a.md")
    assert result.exit_code == 2
    assert "a.md" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a working directory")
@pytest.mark.parametrize("words", [("render", "--database", "pg"), ("list",), ("servers",)])
def test_working_directory_that_is_gone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the working directory is gone\n  help: ")
    assert run(words[0], "-h").exit_code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    "words", ["-h", "--version", "render -h", "list databases", "render --database pg"]
)
def test_stdout_that_cannot_be_written(words: str, redirection: str) -> None:
    result = subprocess.run(
        ["sh", "-c", f'"$0" -m subwright {words} {redirection}', sys.executable],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: cannot write to stdout: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["list databases", "render --database pg", "lint agents"])
def test_stderr_that_is_closed(words: str) -> None:
    command = [sys.executable, "-m", "subwright", *words.split()]
    plain = subprocess.run(command, cwd=ROOT, capture_output=True)
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    result = subprocess.run(closed, cwd=ROOT, stdout=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (plain.returncode, plain.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [("lint -", "stdin is closed"), ("install sqlalchemy-specialist", "which database")],
)
def test_stdin_that_is_closed(words: str, said: str, tmp_path: Path) -> None:
    result = subprocess.run(
        ["sh", "-c", f'"$0" -m subwright {words} <&-', sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert said in result.stderr


@pytest.mark.parametrize("module", ["subwright.cli", "subwright.cli.lint", "subwright.config"])
def test_an_interrupt_while_a_command_starts(module: str, tmp_path: Path) -> None:
    script = f"""
import sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from subwright.__main__ import run
sys.argv = ["subwright", "lint"]
run()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_reader_that_goes_away_is_no_error() -> None:
    result = subprocess.run(
        ["sh", "-c", '"$0" -m subwright list databases | head -1', sys.executable],
        capture_output=True,
        text=True,
    )
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_list(run: Run) -> None:
    data = json.loads(run("list", "--format", "json").stdout)
    assert data["version"] == 1
    assert [t["name"] for t in data["templates"]] == ["sqlalchemy-specialist"]
    assert data["templates"][0]["variables"]["DATABASE"]["option"] == "--database"
    series = {d["name"]: [s["version"] for s in d["series"]] for d in data["databases"]}
    assert series["mysql"] == ["8.0", "8.4", "9.7"]
    assert len(data["variants"]) == 17
    variant = next(v for v in data["variants"] if v["variant"] == "postgresql-14")
    assert variant["supported"] is False
    assert variant["eol"] == "2026-11-12"
    assert 0 < variant["description"]["characters"] <= 300
    assert variant["description"]["tokens"] < variant["body"]["tokens"]
    text = run("list").stdout
    for title in ("templates", "databases", "variants"):
        assert f"{title}\n" in text
        one = run("list", title).stdout
        assert len(one.splitlines()) > 1
        assert set(json.loads(run("list", title, "--format", "json").stdout)) == {"version", title}


def test_list_goes_on_past_a_broken_template(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    template(own, "good")
    template(own, "bad", body="<<NAMES>>")
    template(own, "long").write_text(
        "---\nname: long\ndescription: d\ntemplate:\n  contract:\n    sections: [One]\n---\ntext\n"
    )
    result = run("list", "--templates", "own", "--format", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [t["name"] for t in data["templates"]] == ["good", "long"]
    assert [v["template"] for v in data["variants"]] == ["good"]
    assert "`NAMES` is not defined" in result.stderr
    assert "the section `## One` is missing" in result.stderr
    assert run("list", "databases", "--templates", "own").exit_code == 0
    assert "no folder `missing`" in run("list", "databases", "--templates", "missing").stderr


def test_list_of_own_templates(run: Run) -> None:
    data = json.loads(run("list", "--format", "json", "--templates", str(OWN)).stdout)
    assert [v["variant"] for v in data["variants"]] == [None]


@pytest.mark.parametrize(
    ("args", "environment", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_color(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    environment: dict[str, str],
    colored: bool,
    before: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    words = [*args, "list", "templates"] if before else ["list", "templates", *args]
    assert ("\x1b[" in run(*words).stdout) is colored


def test_configuration_gives_defaults(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.subwright]\ntemplates = "{OWN.as_posix()}"\n\n[tool.subwright.render]\nproject = "Larch"\n'
    )
    assert "release notes of Larch" in run("render").stdout
    assert "release notes of Elm" in run("render", "--project", "Elm").stdout
    (tmp_path / "pyproject.toml").write_text(
        '[tool.subwright.render]\ndatabase = "pg"\nversion = 17\nserena = false\n'
    )
    result = run("render")
    assert " for PostgreSQL 17:" in result.stdout
    assert "mcp__" not in result.stdout
    (tmp_path / "sub").mkdir()
    os.chdir(tmp_path / "sub")
    assert run("render").stdout == result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.subwright]\ntemplate = 'x'\n",
            "pyproject.toml:2: unknown key `template` in `[tool.subwright]`",
        ),
        (
            "[tool.subwright.rendr]\nx = 1\n",
            "pyproject.toml:1: unknown key `rendr` in `[tool.subwright]`",
        ),
        (
            "[tool.subwright.render]\n\ndatabse = 'pg'\n",
            "pyproject.toml:3: unknown key `databse` in `[tool.subwright.render]`",
        ),
        (
            "[tool.subwright.list]\nfromat = 'json'\n",
            "pyproject.toml:2: unknown key `fromat` in `[tool.subwright.list]`",
        ),
        (
            "[tool.subwright]\ncolor = 'auto'\nprove.nonsense = 1\n",
            "pyproject.toml:3: unknown key `nonsense` in `[tool.subwright.prove]`",
        ),
        (
            "[tool.subwright]\nservers = {fech = true}\n",
            "pyproject.toml:2: unknown key `fech` in `[tool.subwright.servers]`",
        ),
        ("[tool.subwright.render]\nno-serena = true\n", "help: write `serena = false`"),
        ("[tool.subwright.render]\nno-serena = false\n", "help: write `serena = true`"),
        ("[tool.subwright]\nrender = 1\n", "pyproject.toml:2: `render` is not a table"),
        ("[tool]\nsubwright = 1\n", "pyproject.toml:2: `tool.subwright` is not a table"),
        ("\ntool = 5\n", "pyproject.toml:2: `tool` is not a table"),
        ("[tool.subwright\n", "not TOML"),
        (f"x = {'[' * 5000}\n", "nested too deeply"),
        (f"x = {'9' * 5000}\n", "not TOML"),
        ("[tool.subwright]\ntemplates = 5\n", "pyproject.toml:2: `templates` is not a string"),
        ("[tool.subwright]\ntemplates = ''\n", "pyproject.toml:2: `templates` is empty"),
        ("[tool.subwright]\n\ntemplates = 'x'\n", "pyproject.toml:3: there is no folder `"),
        ("[tool.subwright]\ncolor = 'purple'\n", "pyproject.toml:2: `color`: `purple` is no"),
        ("[tool.subwright.list]\nformat = 'jsn'\n", "did you mean `json`? choose from"),
        ("[tool.subwright.render]\noutput = 5\n", "pyproject.toml:2: `output` is not a string"),
        ("[tool.subwright.render]\nversion = 3.40\n", "pyproject.toml:2: `version` is not a str"),
        ("[tool.subwright.prove]\nversion = 3.40\n", "help: quote it"),
        ("[tool.subwright.render]\nall = 1\n", "pyproject.toml:2: `all` is not true or false"),
        ("[tool.subwright.render]\nserena = 'no'\n", "`serena` is not true or false"),
        ("[tool.subwright.render]\ndetail = true\n", "`detail` is not a string"),
        ("[tool.subwright.prove]\nset = 'A=b'\n", "`set` is not a list of strings"),
        ("[tool.subwright.prove]\nset = ['A']\n", "`set` is not a list of NAME=VALUE"),
        ("[tool.subwright.prove]\njobs = '2'\n", "`jobs` is not a whole number"),
        ("[tool.subwright.prove]\njobs = 0\n", "`jobs`: 0 is not in the range"),
    ],
)
@pytest.mark.parametrize("words", [("render", "--database", "pg"), ("list", "databases")])
def test_wrong_configuration_is_refused(
    run: Run, tmp_path: Path, text: str, message: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    if "unknown key" in message:
        assert "help:" in result.stderr
    assert run(words[0], "-h").stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('database = "mysql"\nversion = "17"', "pyproject.toml:3: --version: MySQL has no version"),
        ('database = "mysl"', "pyproject.toml:2: --database: `mysl` is no choice"),
        ('database = "mysql"\nset = ["VERSION=99"]', "pyproject.toml:3: --version: MySQL 99 is"),
        ('database = "pg"\nset = ["DETIAL=core"]', "pyproject.toml:3: no template has a variable"),
        (
            'database = "mysql"\npooler = "transaction"',
            "pyproject.toml:3: `--pooler transaction` does not fit",
        ),
    ],
)
def test_wrong_value_is_said_to_be_configured(
    run: Run, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.subwright.render]\n{text}\n")
    result = run("render")
    assert result.exit_code == 2
    assert message in result.stderr


def test_given_value_is_not_said_to_be_configured(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.subwright.render]\ndatabase = "pg"\nversion = "17"\n'
    )
    for words in (["--version", "99"], ["--set", "VERSION=99"]):
        assert run("render", *words).stderr.startswith("error: --version: PostgreSQL 99")


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ([], "PostgreSQL 17:"),
        (["--database", "postgres"], "PostgreSQL 17:"),
        (["--database", "mysql"], "MySQL 9.7:"),
        (["--set", "DATABASE=mysql"], "MySQL 9.7:"),
        (["--version", "16"], "PostgreSQL 16:"),
    ],
)
def test_configured_stack_is_kept_together(
    run: Run, tmp_path: Path, words: list[str], about: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.subwright.render]\ndatabase = "pg"\nversion = "17"\ndriver = "psycopg"\n'
        'pooler = "transaction"\n'
    )
    result = run("render", *words)
    assert result.exit_code == 0
    assert f" for {about}" in result.stdout
    assert ("psycopg" in result.stdout) is ("PostgreSQL" in about)


def test_configured_stack_does_not_narrow_all(run: Run, tmp_path: Path) -> None:
    run("render", "--all", "-o", "plain")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.subwright.render]\ndatabase = "pg"\nversion = "17"\ndriver = "psycopg"\n'
    )
    assert run("render", "--all", "-o", "plain", "--check").exit_code == 0


def test_configuration_for_other_templates_is_no_hindrance(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.subwright.render]\ndatabase = "pg"\nserena = false\nset = ["VERSION=17"]\n'
    )
    (tmp_path / "own").mkdir()
    shutil.copytree(OWN, tmp_path / "own", dirs_exist_ok=True)
    shutil.copy(ROOT / "templates" / "sqlalchemy-specialist.md", tmp_path / "own")
    assert render(run).exit_code == 2  # what `--set` gives has to be there
    text = (tmp_path / "pyproject.toml").read_text().replace('set = ["VERSION=17"]\n', "")
    (tmp_path / "pyproject.toml").write_text(text)
    assert render(run).stdout.startswith("---\n# rendered by subwright from release-notes:")
    for name in ("release-notes", "sqlalchemy-specialist"):
        result = run("render", "--templates", "own", name)
        assert result.stdout.startswith(f"---\n# rendered by subwright from {name}")
    assert run("render", "--templates", "own", "-o", "out").exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "words", "start"),
    [
        ('[tool.subwright.list]\nformat = "json"', ["list", "databases"], "{\n"),
        ('[tool.subwright]\ncolor = "always"', ["list", "databases"], "\x1b[1m"),
        ('[tool.subwright]\ncolor = "always"', ["--color", "never", "list", "databases"], "data"),
        ('[tool.subwright]\ncolor = "always"\nlist.color = "never"', ["list"], "templates\n"),
        ('[tool.subwright.render]\nset = ["PROJECT=Elm"]', ["list", "databases"], "database"),
    ],
)
def test_configuration_reaches_every_command(
    run: Run, tmp_path: Path, text: str, words: list[str], start: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(text + "\n")
    assert run(*words).stdout.startswith(start)


def test_help_in_spite_of_everything(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.md").write_text("---\ntemplate: [\n---\n")
    for folder in ("nosuch", "own"):
        result = run("render", "-h", "--templates", folder)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: subwright render")
    (tmp_path / "pyproject.toml").write_text('[tool.subwright]\ntemplates = "nosuch"\n')
    assert run("render", "--help").exit_code == 0
    assert run("render", "--", "-h").exit_code == 2


@pytest.mark.parametrize("words", [["render", "-h"], ["render", "-h", "--templates", str(OWN)]])
def test_help_checks_no_template(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def unwanted(*args: object) -> None:
        raise AssertionError

    monkeypatch.setattr("jinja2.Environment.compile", unwanted)
    assert "[default: " in run(*words).stdout


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ("subwright render --database ", "", ["postgresql", "mysql", "mariadb", "sqlite"]),
        ("subwright render --database m", "m", ["mysql", "mariadb"]),
        ("subwright render --database mysql --version ", "", ["8.0", "8.4", "9.7"]),
        ("subwright render --database pg --driver ", "", ["asyncpg", "psycopg"]),
        ("subwright render --detail ", "", ["full", "core"]),
        ("subwright render sql", "sql", ["sqlalchemy-specialist"]),
        ("subwright list var", "var", ["variants"]),
        ("subwright render --data", "--data", ["--database"]),
        ("subwright servers ma", "ma", ["mariadb"]),
        ("subwright render --templates ", "", [""]),
        ("subwright render --templates nosuch re", "re", []),
        (f"subwright render --templates {OWN.as_posix()} re", "re", ["release-notes"]),
        (f"subwright render --templates {OWN.as_posix()} --aud", "--aud", ["--audience"]),
    ],
)
def test_shell_completion(words: str, incomplete: str, expected: list[str]) -> None:
    assert complete(words, incomplete, ROOT) == expected


def test_completion_by_type_and_by_configuration(tmp_path: Path) -> None:
    template(
        tmp_path / "own",
        "a",
        "    ENGINE: {type: database, choices: [mysql, sqlite], help: h}\n"
        "    RELEASE: {type: version, help: h}\n",
        "<<ENGINE>> <<RELEASE>>",
    )
    start = "subwright render --templates own"
    assert complete(f"{start} --engine my --release ", "", tmp_path)[:2] == ["8.0", "8.4"]
    assert complete(f"{start} --engine sqlite3 --release ", "", tmp_path)[0] == "3.35"
    assert "17" not in complete(f"{start} --release ", "", tmp_path)
    configuration = tmp_path / "pyproject.toml"
    configuration.write_text('[tool.subwright]\ntemplates = "own"\n')
    assert complete("subwright render --eng", "--eng", tmp_path) == ["--engine"]
    configuration.write_text('[tool.subwright]\ntemplats = "own"\n')
    assert complete("subwright render --data", "--data", tmp_path) == ["--database"]


def complete(words: str, incomplete: str, folder: Path) -> list[str]:
    """What bash offers for the last word."""
    count = len(words.split()) if not incomplete else len(words.split()) - 1
    environment = {
        **os.environ,
        "_SUBWRIGHT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(count),
    }
    result = subprocess.run(
        [sys.executable, "-c", "from subwright.cli import main; main(prog_name='subwright')"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_servers_understand_aliases(run: Run) -> None:
    assert run("servers", "sqlite3").stdout == run("servers", "sqlite").stdout
    result = run("servers", "sqlit")
    assert result.exit_code == 2
    assert "did you mean `sqlite`?" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has another place for it")
def test_servers_without_a_home_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("SUBWRIGHT_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1)
    monkeypatch.setattr(Path, "expanduser", unknown)
    result = run("servers", "mysql")
    assert result.exit_code == 2
    assert "no home folder" in result.stderr
    assert "SUBWRIGHT_CACHE_DIR" in result.stderr


def test_kill_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    """Every point at which writing may stop: the file is whole, and nothing else is left that a client would load."""
    script = """
import os, shutil, sys
from pathlib import Path
from subwright import files
count = int(sys.argv[2])
calls = 0
def step(name, original):
    def wrapped(*args, **kwargs):
        global calls
        calls += 1
        if calls == count:
            os._exit(9)
        return original(*args, **kwargs)
    return wrapped
os.replace = step("replace", os.replace)
os.fsync = step("fsync", os.fsync)
shutil.copymode = step("copymode", shutil.copymode)
files.write(Path(sys.argv[1]), b"new" * 10000)
os._exit(0)
"""
    path = tmp_path / "agent.md"
    statuses = []
    for count in range(1, 5):
        path.write_bytes(b"old")
        status = subprocess.run([sys.executable, "-c", script, str(path), str(count)]).returncode
        statuses.append(status)
        assert path.read_bytes() == (b"new" * 10000 if status == 0 else b"old")
        assert [p.name for p in tmp_path.glob("**/*.md")] == ["agent.md"]
    assert statuses == [9, 9, 9, 0]


def test_temporary_file_of_another_process_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from subwright import files

    monkeypatch.setattr("os.urandom", bytes)
    other = tmp_path / f".subwright-{'00' * 8}.tmp"
    other.write_bytes(b"theirs")
    with pytest.raises(FileExistsError) as caught:
        files.write(tmp_path / "agent.md", b"new")
    assert caught.value.filename == str(tmp_path / "agent.md")
    assert other.read_bytes() == b"theirs"


def test_full_disk_leaves_the_old_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(run, "-o", "out")
    path = tmp_path / "out" / "release-notes.md"
    before = path.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    result = render(run, "-o", "out", "--project", "Larch", "--force")
    assert result.exit_code == 2
    assert f"cannot write `{Path('out', path.name)}`: No space left on device" in result.stderr
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["release-notes.md"]
