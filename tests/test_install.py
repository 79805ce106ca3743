"""Install, keep current, uninstall: what is done, and that nothing is lost whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from subwright.cli import detecting, main
from subwright.cli.installing import _place
from subwright.install import lockfile, opened, project, transaction
from subwright.install.lockfile import Entry, Lock
from subwright.install.transaction import Change

Run = Callable[..., Result]
SAMPLES = Path(__file__).parent / "data" / "detect"
AGENTS = Path(".claude", "agents")
AGENT = "sqlalchemy-specialist.md"
LOCK = "subwright.lock"


def invoke(*args: str, input: str | None = None) -> Result:
    result = CliRunner().invoke(main, list(args), input=input, prog_name="subwright")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run subwright in an empty project with templates of its own: `one` and `two`."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    make_templates(root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return invoke


def make_templates(root: Path, text: str = "text") -> None:
    own = root / "own"
    own.mkdir(exist_ok=True)
    for name in ("one", "two"):
        (own / f"{name}.md").write_text(
            f"---\nname: {name}\ndescription: d\ntemplate:\n  variables:\n"
            "    LEVEL: {type: choice, choices: [low, high], default: low, help: h}\n"
            f"---\n{name} {text} <<LEVEL>>\n"
        )
    (root / "pyproject.toml").write_text('[tool.subwright]\ntemplates = "own"\n')


def held() -> dict[str, bytes]:
    """The agents folder of the working directory."""
    return snapshot(AGENTS)


def snapshot(folder: Path) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    return {
        path.name: str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in folder.iterdir()
        if path.is_symlink() or path.is_file()
    }


def states(run: Run, *args: str) -> dict[str, str]:
    data = json.loads(run("status", "--output-format", "json", *args).stdout)
    assert data["version"] == 1
    return {agent["file"]: agent["state"] for agent in data["agents"]}


# --- from the project's files ---------------------------------------------------------------------


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Copy a sample project and go there."""

    def copy(name: str) -> Path:
        root = tmp_path / name
        shutil.copytree(SAMPLES / name, root)
        (root / ".git").mkdir()
        monkeypatch.chdir(root)
        return root

    return copy


@pytest.mark.parametrize(
    ("name", "about", "driver", "places"),
    [
        ("compose", "PostgreSQL 17", "asyncpg", ["compose.yaml:8", "pyproject.toml:7"]),
        ("requirements", "MySQL 9.7", "aiomysql", ["requirements.txt:3", "--database mariadb"]),
        ("alembic", "SQLite 3.53", "aiosqlite", ["alembic.ini:3", "no file says a version"]),
    ],
)
def test_samples(
    sample: Callable[[str], Path], name: str, about: str, driver: str, places: list[str]
) -> None:
    sample(name)
    result = invoke("install")
    assert result.exit_code == 0, result.stderr
    for place in places:
        assert place in result.stderr
    text = (AGENTS / AGENT).read_text()
    assert f" for {about}:" in text.splitlines()[1]
    entry = lockfile.read(AGENTS).entries[AGENT]
    assert entry.values["DRIVER"] == driver
    assert entry.given == ()
    assert states(invoke) == {AGENT: "current"}
    before = held()
    assert "is current" in invoke("install").stderr
    assert held() == before
    assert text.splitlines()[1:] == invoke("render", "--detect").stdout.splitlines()[1:]


def test_sample_with_a_conflict(sample: Callable[[str], Path]) -> None:
    root = sample("conflict")
    for command in (["install"], ["install", "-n"], ["render", "--detect"]):
        result = invoke(*command)
        assert result.exit_code == 2
        assert result.stdout == ""
        for part in (
            "do not agree on its database",
            "postgresql: .env.example:2, `DATABASE_URL` is a `postgresql+asyncpg` URL",
            "mariadb: docker-compose.yml:3, image `mariadb:11.4`",
            "help: choose one: `--database postgresql`, `--database mariadb`",
        ):
            assert part in result.stderr
        assert "hunter2" not in result.stderr
        assert not (root / ".claude").exists()
    result = invoke("install", "--database", "mariadb")
    assert result.exit_code == 0
    values = lockfile.read(AGENTS).entries[AGENT]
    assert (values.values["VERSION"], values.values["DRIVER"]) == ("11.4", "aiomysql")
    # what was chosen by hand stays chosen
    assert values.given == ("DATABASE",)
    assert invoke("install").exit_code == 0
    assert states(invoke) == {AGENT: "current"}


def test_sample_without_a_database(sample: Callable[[str], Path]) -> None:
    root = sample("nothing")
    for command in (["install"], ["render", "--detect"]):
        result = invoke(*command)
        assert result.exit_code == 2
        assert "nothing in `" in result.stderr
        assert "looked for: images in compose files" in result.stderr
        assert "help: give `--database`: postgresql, mysql, mariadb, sqlite" in result.stderr
    assert not (root / ".claude").exists()
    assert invoke("install", "--database", "pg").exit_code == 0


def test_a_conflict_is_asked_at_a_terminal(
    sample: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sample("conflict")
    monkeypatch.setattr(detecting, "is_terminal", lambda: True)
    assert invoke("install", "--yes").exit_code == 2
    result = invoke("install", input="postgresql\ny\n")
    assert result.exit_code == 0
    assert "which database" in result.stderr
    assert lockfile.read(AGENTS).entries[AGENT].values["DATABASE"] == "postgresql"
    assert states(invoke) == {AGENT: "current"}


def test_what_was_guessed_is_asked_at_a_terminal(
    sample: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = sample("compose")
    monkeypatch.setattr(detecting, "is_terminal", lambda: True)
    result = invoke("install", input="n\n")
    assert result.exit_code == 1
    assert "would write" in result.stderr
    assert not (root / ".claude").exists()
    assert invoke("install", "-y").exit_code == 0
    assert invoke("uninstall", input="n\n").exit_code == 1
    assert (AGENTS / AGENT).exists()
    assert invoke("uninstall", "--yes").exit_code == 0
    assert held() == {}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"docker-compose.yml": "services: {db: {image: 'mongo:7'}}"},
            [
                "no agent is for mongodb yet",
                "no MongoDB dialect",
                "docker-compose.yml:1, image `mongo:7`",
            ],
        ),
        (
            {"requirements.txt": "sqlalchemy-cockroachdb\n"},
            ["no agent is for cockroachdb yet", "has no variant for it", "requirements.txt:1"],
        ),
        (
            {"compose.yaml": "services: {db: {image: 'postgres:12'}}"},
            ["compose.yaml:1: --version: PostgreSQL 12 is older", "choose from 14, 15, 16, 17, 18"],
        ),
        (
            {"compose.yaml": "services: {db: {image: 'mysql:9.1'}}"},
            ["compose.yaml:1: --version: MySQL 9.1 belongs to no long-term series"],
        ),
    ],
)
def test_what_no_agent_is_for(run: Run, files: Mapping[str, str], words: list[str]) -> None:
    Path("pyproject.toml").unlink()
    for name, text in files.items():
        Path(name).write_text(text)
    result = run("install")
    assert result.exit_code == 2
    for word in words:
        assert word in result.stderr
    assert not Path(".claude").exists()


def test_another_database_beside_is_said(run: Run) -> None:
    Path("pyproject.toml").unlink()
    Path("requirements.txt").write_text("asyncpg\nmotor\nSQLAlchemy<2.1\n")
    result = run("install")
    assert result.exit_code == 0
    assert "no agent is for mongodb: requirements.txt:2, `motor`" in result.stderr
    assert (
        "requirements.txt:3: SQLAlchemy <2.1, and the agent is for 2.1 and later" in result.stderr
    )


def test_unreadable_files_are_said(run: Run) -> None:
    Path("pyproject.toml").unlink()
    Path("requirements.txt").write_text("asyncpg\n")
    Path("compose.yaml").write_text("services: [hunter2\n")
    result = run("install")
    assert result.exit_code == 0
    assert "warning: compose.yaml: passed over: not YAML at line 2" in result.stderr
    assert "hunter2" not in result.output


def test_the_project_moves_on(run: Run) -> None:
    Path("pyproject.toml").unlink()
    compose = Path("compose.yaml")
    compose.write_text("services:\n  db:\n    image: postgres:16\n")
    # what agrees with the project is not held against it later
    assert run("install", "--version", "16").exit_code == 0
    compose.write_text("services:\n  db:\n    image: postgres:17\n")
    result = run("status")
    assert result.exit_code == 1
    assert f"{AGENTS / AGENT}: outdated: VERSION 16 → 17 (compose.yaml:3)" in result.stdout
    data = json.loads(run("status", "--output-format", "json").stdout)["agents"][0]
    assert data["moved"] == [
        {"variable": "VERSION", "from": "16", "to": "17", "by": "compose.yaml:3"}
    ]
    assert "found version 17: compose.yaml:3" in run("install").stderr
    # what does not is, until it is given again
    assert run("install", "--version", "15").exit_code == 0
    result = run("status")
    assert result.exit_code == 0
    assert "compose.yaml:3 says VERSION 17, and 15 was chosen" in result.stdout
    assert "is current" in run("install").stderr
    assert run("install", "--version", "17").exit_code == 0
    assert lockfile.read(AGENTS).entries[AGENT].given == ()
    # another database takes its own version and driver along
    compose.write_text("services:\n  db:\n    image: mariadb:11.4\n")
    assert run("install", "--set", "DETAIL=core").exit_code == 0
    entry = lockfile.read(AGENTS).entries[AGENT]
    assert {
        "DATABASE": "mariadb",
        "VERSION": "11.4",
        "DRIVER": "aiomysql",
    }.items() <= entry.values.items()
    assert entry.given == ("DETAIL",)
    assert entry.values["DETAIL"] == "core"
    # a project that says nothing any more changes nothing
    compose.unlink()
    assert states(run) == {AGENT: "current"}
    Path(".env").write_text("A=sqlite:///x\nB=mysql://h\n")
    result = run("status")
    assert result.exit_code == 1
    assert "outdated: the project's files do not agree on its database" in result.stdout


def test_configuration_counts_more_than_the_project(run: Run) -> None:
    Path("compose.yaml").write_text("services: {db: {image: 'postgres:17'}}")
    Path("pyproject.toml").write_text('[tool.subwright.render]\nversion = "15"\nserena = false\n')
    assert run("install").exit_code == 0
    entry = lockfile.read(AGENTS).entries[AGENT]
    assert (entry.values["VERSION"], entry.values["SERENA"], entry.given) == ("15", False, ())
    Path("pyproject.toml").write_text('[tool.subwright.render]\nversion = "99"\n')
    result = run("install")
    assert result.exit_code == 2
    assert "pyproject.toml:2: --version: PostgreSQL 99" in result.stderr
    assert states(run) == {AGENT: "broken"}
    Path("pyproject.toml").write_text('[tool.subwright.install]\nversion = "15"\n')
    assert "unknown key `version` in `[tool.subwright.install]`" in run("install").stderr


def test_detection_by_configuration(run: Run) -> None:
    Path("requirements.txt").write_text("asyncmy\n")
    Path("pyproject.toml").write_text("[tool.subwright.render]\ndetect = true\n")
    assert " for MySQL " in run("render").stdout
    assert run("render", "--all", "-o", "out").exit_code == 0
    assert len(list(Path("out").iterdir())) == 17
    result = run("render", "--all", "--detect", "-o", "out")
    assert result.exit_code == 2
    assert "--detect chooses one stack" in result.stderr


def test_an_agent_for_the_user_is_read_from_no_project(run: Run, tmp_path: Path) -> None:
    Path("pyproject.toml").unlink()
    Path("requirements.txt").write_text("asyncpg\n")
    result = run("install", "--user")
    assert result.exit_code == 2
    assert "`--database` is missing" in result.stderr
    assert not (tmp_path / "home").exists()
    assert run("install", "--user", "--database", "mysql").exit_code == 0
    assert states(run, "--user") == {AGENT: "current"}
    assert sorted(snapshot(tmp_path / "home" / AGENTS)) == [AGENT, LOCK]
    assert run("uninstall", "--user").exit_code == 0


# --- where ----------------------------------------------------------------------------------------


def test_the_nearest_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".claude").mkdir()
    below = tmp_path / "work" / "a" / "b"
    below.mkdir(parents=True)
    # the user's own folder is no project's
    assert project(below) == below
    (tmp_path.parent / "home").symlink_to(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path.parent / "home"))
    assert project(below) == below
    (tmp_path / "work" / ".claude").mkdir()
    assert project(below) == tmp_path / "work"
    (tmp_path / "work" / "a" / ".git").write_text("gitdir: elsewhere\n")
    assert project(below) == tmp_path / "work" / "a"


def test_from_a_folder_below(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("src/deep").mkdir(parents=True)
    monkeypatch.chdir("src/deep")
    result = run("install")
    assert result.exit_code == 0
    assert f"wrote {Path('..', '..', AGENTS, 'one.md')}" in result.stderr


def test_another_folder(run: Run, tmp_path: Path) -> None:
    assert run("install", "--dir", "new/agents").exit_code == 0
    assert sorted(snapshot(Path("new/agents"))) == ["one.md", LOCK, "two.md"]
    assert 'templates = "../../own"' in Path("new/agents", LOCK).read_text()
    assert states(run, "--dir", "new/agents") == {"one.md": "current", "two.md": "current"}
    # what is around the working directory is not around a folder elsewhere
    assert _place(None, "../other").root == tmp_path / "other"
    # also where it is reached through a link
    Path("linked").mkdir()
    Path("linked/agents").symlink_to(Path("new/agents").resolve())
    assert set(states(run, "--dir", "linked/agents").values()) == {"current"}
    for words in (["--user", "--dir", "x"], ["--project", "--dir", "x"]):
        assert "name two places" in run("status", *words).stderr
    assert "`--dir` is empty" in run("status", "--dir", "").stderr


# --- what is done ---------------------------------------------------------------------------------


def test_the_lock_reads_well(run: Run) -> None:
    run("install", "--level", "high", "two")
    lines = (AGENTS / LOCK).read_text().splitlines()
    assert [line.partition(" = ")[0] for line in lines] == [
        "# Written by `subwright install`: commit it, and leave changes to the program.",
        "version",
        "",
        "[[agent]]",
        "file",
        "sha256",
        "template",
        "template-sha256",
        "templates",
        "subwright",
        "given",
        "",
        "[agent.values]",
        "LEVEL",
    ]
    assert lines[-1] == 'LEVEL = "high"'
    assert lines[-4] == 'given = ["LEVEL"]'


def test_install_and_again(run: Run) -> None:
    result = run("install", "-n")
    assert result.exit_code == 1
    assert result.stdout == "".join(
        f"would write {AGENTS / name}: it is new\n" for name in ("one.md", "two.md")
    )
    assert not Path(".claude").exists()
    assert run("install").exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in AGENTS.iterdir()}
    assert sorted(path.name for path in before) == ["one.md", LOCK, "two.md"]
    assert run("install").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in AGENTS.iterdir()} == before
    assert run("install", "-n").exit_code == 0
    assert run("status").exit_code == 0


def test_what_is_installed_is_brought_up_to_date(run: Run) -> None:
    run("install", "one")
    make_templates(Path(), "more")
    result = run("status", "--diff")
    assert result.exit_code == 1
    assert f"{AGENTS / 'one.md'}: outdated: its template has changed" in result.stdout
    assert "+one more low" in result.stdout
    assert "`--diff` shows what would change: +1 -1 lines" in run("status").stdout
    result = run("install", "-n")
    assert (result.exit_code, result.stdout) == (
        1,
        f"would update {AGENTS / 'one.md'}: its template has changed\n",
    )
    assert run("install").exit_code == 0
    # `two` fits as well, and was not asked for
    assert sorted(held()) == ["one.md", LOCK]
    assert held()["one.md"].endswith(b"one more low\n")
    assert run("install", "--level", "high").exit_code == 0
    assert held()["one.md"].endswith(b"one more high\n")
    assert run("install").exit_code == 0
    assert held()["one.md"].endswith(b"one more high\n")


def test_an_edit_is_never_overwritten(run: Run) -> None:
    run("install")
    path = AGENTS / "one.md"
    path.write_text(path.read_text() + "mine\n")
    before = held()
    # nothing is to be done about it as long as the template stays
    result = run("install")
    assert (result.exit_code, held()) == (0, before)
    assert f"kept {path}: it was edited by hand" in result.stderr
    assert states(run) == {"one.md": "edited", "two.md": "current"}
    make_templates(Path(), "more")
    result = run("install")
    assert (result.exit_code, held()) == (1, before)
    assert "-mine" in result.stdout.splitlines()
    assert (
        "it was edited by hand, and its template has changed\nnothing is written" in result.stderr
    )
    assert "`--force` writes it, and keeps what it holds as `one.md.bak`" in result.stderr
    # others can be named
    assert run("install", "two").exit_code == 0
    assert states(run) == {"one.md": "edited", "two.md": "current"}
    result = run("install", "--force")
    assert result.exit_code == 0
    assert f"what it held is in {AGENTS / 'one.md.bak'}" in result.stderr
    assert held()["one.md.bak"] == before["one.md"]
    assert states(run) == {"one.md": "current", "two.md": "current"}


def test_backups_are_never_overwritten(run: Run) -> None:
    run("install", "one")
    path = AGENTS / "one.md"
    for text in ("a", "b", "a", "c"):
        path.write_text(text)
        assert run("install", "--force").exit_code == 0
    found = held()
    assert [found[f"one.md{end}"] for end in (".bak", ".bak2", ".bak3")] == [b"a", b"b", b"c"]
    assert not [name for name in found if name.endswith(".md") and name != "one.md"]


def test_what_subwright_did_not_write_is_never_overwritten(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    (AGENTS / "two.md").write_text("by hand\n")
    before = held()
    result = run("install")
    assert (result.exit_code, held()) == (1, before)
    assert f"{AGENTS / 'two.md'}: subwright did not write it" in result.stderr
    assert "-by hand" in result.stdout
    assert states(run) == {}
    assert run("install", "--force").exit_code == 0
    assert held()["two.md.bak"] == b"by hand\n"


def test_rendered_files_are_taken_over(run: Run) -> None:
    run("render", "-o", str(AGENTS))
    assert states(run) == {"one.md": "foreign", "two.md": "foreign"}
    result = run("status")
    assert result.exit_code == 1
    assert "takes a foreign file over" in result.stderr
    before = held()
    result = run("install", "-n")
    assert result.exit_code == 1
    assert "would record" in result.stdout
    assert run("install").exit_code == 0
    assert {name: text for name, text in held().items() if name != LOCK} == before
    assert states(run) == {"one.md": "current", "two.md": "current"}
    run("render", "--level", "high", "one", "-o", str(AGENTS / "one.md"), "--force")
    (AGENTS / LOCK).unlink()
    result = run("install", "one")
    assert result.exit_code == 1
    assert "one.md: it is not recorded as installed" in result.stderr


def test_line_ends_of_a_checkout_are_no_edit(run: Run) -> None:
    run("install", "one")
    path = AGENTS / "one.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (AGENTS / LOCK).write_bytes((AGENTS / LOCK).read_bytes().replace(b"\n", b"\r\n"))
    assert states(run) == {"one.md": "current"}
    make_templates(Path(), "more")
    assert run("install").exit_code == 0
    assert states(run) == {"one.md": "current"}


def test_missing_files_come_back(run: Run) -> None:
    run("install")
    (AGENTS / "one.md").unlink()
    assert states(run) == {"one.md": "missing", "two.md": "current"}
    assert run("status").exit_code == 1
    assert f"would write {AGENTS / 'one.md'}: it is missing" in run("install", "-n").stdout
    assert run("install").exit_code == 0
    assert run("status").exit_code == 0


def test_a_new_name_takes_the_place_of_the_old(run: Run) -> None:
    run("install", "one")
    source = Path("own/one.md")
    source.write_text(source.read_text().replace("name: one", "name: first"))
    result = run("status")
    assert result.exit_code == 1
    assert run("install").exit_code == 0
    assert sorted(held()) == ["first.md", LOCK]
    (AGENTS / "first.md").write_text("mine\n")
    source.write_text(source.read_text().replace("name: first", "name: one"))
    result = run("install")
    assert result.exit_code == 1
    assert sorted(held()) == ["first.md", LOCK]
    assert run("install", "--force").exit_code == 0
    assert sorted(held()) == ["first.md.bak", "one.md", LOCK]


def test_one_template_may_be_several_agents(run: Run) -> None:
    source = Path("own/one.md")
    source.write_text(source.read_text().replace("name: one", "name: one-<<LEVEL>>"))
    assert run("install", "one", "--level", "low").exit_code == 0
    assert run("install", "one", "--level", "high").exit_code == 0
    assert sorted(held()) == ["one-high.md", "one-low.md", LOCK]
    assert run("install", "one").exit_code == 0
    assert run("install").exit_code == 0
    result = run("install", "--level", "high")
    assert result.exit_code == 2
    assert "two agents would be written to" in result.stderr
    assert sorted(held()) == ["one-high.md", "one-low.md", LOCK]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["install", "oen"], ["there is no template `oen`", "did you mean `one`"]),
        (["install", "--levle", "low"], ["--levle", "--level"]),
        (["install", "--level", "lwo"], ["--level: `lwo` is no choice", "did you mean `low`"]),
        (["install", "--set", "LEVLE=low"], ["no template has a variable `LEVLE`"]),
        (["install", "--templates", "nosuch"], ["there is no folder `nosuch`"]),
        (["uninstall", "oen.md"], ["`oen.md` is not installed", "did you mean `one.md`"]),
        (["status", "--output-format", "jsn"], ["jsn"]),
    ],
)
def test_wrong_use(run: Run, args: list[str], words: list[str]) -> None:
    run("install", "one")
    before = held()
    result = run(*args)
    assert (result.exit_code, held()) == (2, before)
    for word in words:
        assert word in result.stderr


def test_a_template_that_is_gone(run: Run) -> None:
    run("install")
    Path("own/one.md").unlink()
    assert states(run) == {"one.md": "broken", "two.md": "current"}
    result = run("install")
    assert result.exit_code == 2
    assert "one.md: there is no template `one`" in result.stderr
    assert "`subwright uninstall one.md`" in result.stderr
    assert run("install", "two").exit_code == 0
    assert run("uninstall", "one.md").exit_code == 0
    assert run("install").exit_code == 0
    shutil.rmtree("own")
    Path("pyproject.toml").unlink()
    assert states(run) == {"two.md": "broken"}


def test_uninstall(run: Run) -> None:
    assert "no agent is installed" in run("uninstall").stderr
    run("install")
    result = run("uninstall", "-n", "one")
    assert (result.exit_code, result.stdout) == (
        1,
        f"would take away {AGENTS / 'one.md'}: it is installed\n",
    )
    (AGENTS / "one.md").write_text("mine\n")
    result = run("uninstall", str(AGENTS / "one.md"))
    assert result.exit_code == 0
    assert (
        f"forgot {AGENTS / 'one.md'}: it was edited by hand, so it stays and is yours"
        in result.stderr
    )
    assert sorted(held()) == ["one.md", LOCK, "two.md"]
    assert states(run) == {"two.md": "current"}
    assert run("uninstall").exit_code == 0
    assert held() == {"one.md": b"mine\n"}


def test_completion_of_what_is_installed(run: Run) -> None:
    run("install")
    result = subprocess.run(
        [sys.executable, "-c", "from subwright.cli import main; main(prog_name='subwright')"],
        env={
            **os.environ,
            "_SUBWRIGHT_COMPLETE": "bash_complete",
            "COMP_WORDS": "subwright uninstall o",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["plain,one", "plain,one.md"]


# --- the lock file --------------------------------------------------------------------------------


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "file": "one.md",
        "template": "one",
        "template_sha256": "0" * 64,
        "sha256": "1" * 64,
        "subwright": "1.0",
        "values": {"A": True, "B": "x"},
    }
    return Entry(**{**values, **changes})


@pytest.mark.parametrize(
    "lock",
    [
        Lock(),
        Lock({"one.md": entry()}),
        Lock({"b.md": entry(file="b.md", values={}), "a.md": entry(file="a.md", given=("A", "B"))}),
        Lock({"one.md": entry(templates="../../own")}),
        Lock(
            {"é \U0001f600.md": entry(file="é \U0001f600.md", values={"A": "q\"\\\t\x7f\u2028'#"})}
        ),
    ],
)
def test_lock_reads_back(lock: Lock) -> None:
    text = lock.text()
    assert lockfile.parse(text.encode()) == lock
    assert lockfile.parse(text.encode()).text() == text
    files = [line for line in text.splitlines() if line.startswith("file = ")]
    assert files == sorted(files)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = 2", "is of a later version of subwright"),
        ("version = 1", "version = 'x'", "is not of the form"),
        ("version = 1", "<<<<<<< HEAD", "subwright.lock:2: a merge left its marks"),
        ("version = 1", "version", "is not TOML"),
        ("version = 1", "version = 1\nx = \xff", "is not TOML"),
        ("version = 1", "version = 1\nagent = 1\n#", "is not TOML"),
        ('file = "one.md"', 'file = "../../one.md"', "agent 1 has not the form"),
        ('file = "one.md"', 'file = "/etc/one.md"', "agent 1 has not the form"),
        ('file = "one.md"', 'file = "one.txt"', "agent 1 has not the form"),
        ('file = "one.md"', "file = 1", "agent 1 has not the form"),
        ('file = "one.md"', "", "agent 1 has not the form"),
        ("A = true", "A = 1", "agent 1 has not the form"),
        ("given = []", "given = [1]", "agent 1 has not the form"),
        ("[agent.values]", "[[agent.values]]", "agent 1 has not the form"),
    ],
)
@pytest.mark.parametrize("command", ["install", "status", "uninstall"])
def test_wrong_lock_is_refused(run: Run, old: str, new: str, message: str, command: str) -> None:
    run("install")
    text = Lock({"one.md": entry()}).text()
    assert old in text
    (AGENTS / LOCK).write_bytes(text.replace(old, new).encode("latin-1"))
    before = held()
    result = run(command)
    assert (result.exit_code, held()) == (2, before)
    assert message in result.stderr
    assert "help: " in result.stderr


# --- what may stand in the way --------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
def test_links_that_lead_away(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("outside\n")
    AGENTS.mkdir(parents=True)
    (AGENTS / "one.md").symlink_to(outside)
    before = held()
    for options in ([], ["--force"]):
        result = run("install", *options)
        assert (result.exit_code, held()) == (1, before)
        assert "one.md: it is a link" in result.stderr
    (AGENTS / "one.md").unlink()
    for name in (LOCK, transaction.JOURNAL):
        (AGENTS / name).symlink_to(tmp_path / "nosuch")
        result = run("install")
        assert result.exit_code == 2
        assert "is a link" in result.stderr
        assert not (tmp_path / "nosuch").exists()
        (AGENTS / name).unlink()
    assert run("install").exit_code == 0
    # what was installed and is a link now is left, too
    (AGENTS / "one.md").unlink()
    (AGENTS / "one.md").symlink_to(outside)
    make_templates(Path(), "more")
    assert run("install", "--force").exit_code == 1
    assert run("uninstall").exit_code == 0
    assert sorted(held()) == ["one.md"]
    assert outside.read_text() == "outside\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
def test_a_folder_that_leads_out_of_the_project(run: Run, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    Path(".claude").mkdir()
    AGENTS.symlink_to(tmp_path / "outside")
    result = run("install")
    assert result.exit_code == 2
    assert "leads out of the project" in result.stderr
    assert list((tmp_path / "outside").iterdir()) == []
    AGENTS.unlink()
    AGENTS.symlink_to("agents")
    for command in ("install", "status"):
        assert "`.claude/agents` is a link in a circle" in run(command).stderr.replace(
            f"{Path.cwd()}/", ""
        )
    AGENTS.unlink()
    assert run("install", "--dir", str(tmp_path / "outside")).exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files")
def test_odd_files(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    os.mkfifo(AGENTS / "one.md")
    (AGENTS / "two.md").mkdir()
    result = run("install", "--force")
    assert result.exit_code == 1
    assert result.stderr.count("it is not a file") == 2
    assert sorted(path.name for path in AGENTS.iterdir()) == ["one.md", "two.md"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_folder_without_rights(run: Run, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.chdir(name)
        Path(".git").mkdir()
        make_templates(Path())
        run("install", "one")
        make_templates(Path(), "more")
        before = held()
        AGENTS.chmod(mode)
        with unprivileged():
            results = [run("install"), run("install", "-n"), run("status"), run("uninstall")]
        AGENTS.chmod(0o755)
        assert held() == before
        monkeypatch.undo()
    for result in results:
        if mode == 0o500 and result is not results[0] and result is not results[3]:
            # what only reads needs no more
            assert result.exit_code == 1
        else:
            assert result.exit_code == 2
            assert f"`{AGENTS}" in result.stderr


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be bound by the rights of files, as root is not: give up the two capabilities that pass over them.

    To be another user for a while would not do: an environment of root's alone could not be read any more.
    """
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low words, then high
    assert libc.capget(header, sets) == 0
    held = sets[0]
    sets[0] = held & ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = held
        assert libc.capset(header, sets) == 0


def test_place_that_cannot_be_made(run: Run) -> None:
    Path(".claude").write_text("x")
    result = run("install")
    assert result.exit_code == 2
    assert f"cannot make `{AGENTS}`" in result.stderr
    assert Path(".claude").read_text() == "x"


def test_two_runs_at_once(run: Run) -> None:
    """They wait for each other, and each does its work."""
    make_templates(Path())
    command = [sys.executable, "-m", "subwright", "install"]
    runs = [
        subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True)
        for name in ("one", "two", "one", "two")
    ]
    for process in runs:
        assert "Traceback" not in process.communicate()[1]
        assert process.returncode == 0
    assert states(run) == {"one.md": "current", "two.md": "current"}
    assert sorted(held()) == ["one.md", LOCK, "two.md"]


@pytest.mark.skipif(os.name == "nt", reason="the lock of Windows is another")
def test_a_run_that_does_not_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("install", "one")
    monkeypatch.setattr(transaction, "PATIENCE", 0.1)
    script = (
        "import sys, pathlib\nfrom subwright.install import transaction\n"
        "with transaction.locked(pathlib.Path(sys.argv[1])):\n    print(flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(AGENTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    for command in ("install", "status"):
        result = run(command)
        assert result.exit_code == 2
        assert "another run of subwright is at work" in result.stderr
    # its lock ends with it, however it ends
    holder.kill()
    holder.communicate()
    assert run("install").exit_code == 0


# --- faults ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a process does not live to see."""


class Faults:
    """Make the file system fail at its n-th step, counted from one; from a kill on, nothing more is done."""

    def __init__(self, at: int, error: OSError | None = None) -> None:
        self.at = at
        self.error = error
        self.steps = 0

    @property
    def struck(self) -> bool:
        return self.steps >= self.at

    def step(self) -> None:
        self.steps += 1
        if self.error is not None and self.steps == self.at:
            raise self.error
        if self.error is None and self.steps >= self.at:
            raise Killed

    @contextlib.contextmanager
    def injected(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in (
                (Path, "replace"),
                (Path, "unlink"),
                (Path, "rmdir"),
                (Path, "mkdir"),
                (Path, "chmod"),
                (os, "fsync"),
            ):
                patch.setattr(owner, name, self._counted(getattr(owner, name)))
            real = Path.open

            def create(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
                if "x" not in mode:
                    return real(path, mode, *args, **kwargs)
                self.step()
                file: Any = real(path, mode, *args, **kwargs)
                file.write = self._torn(file.write)
                return file

            patch.setattr(Path, "open", create)
            yield

    def _counted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return original(*args, **kwargs)

        return called

    def _torn(self, write: Callable[[bytes], int]) -> Callable[[bytes], int]:
        """A write that has done half of its work when it fails."""

        def called(content: bytes) -> int:
            if self.steps + 1 == self.at:
                write(content[: len(content) // 2])
            self.step()
            return write(content)

        return called


def prepare() -> None:
    """A folder in which a run writes, updates, replaces and takes away."""
    invoke("install", "two")
    AGENTS.joinpath("two.md").write_text("mine\n")
    make_templates(Path(), "more")


def test_kill_at_every_step(run: Run) -> None:
    """All files of a run change or none; what was begun is finished by the next run."""
    prepare()
    before = held()
    assert invoke("install", "one", "two", "--force").exit_code == 0
    after = held()
    assert sorted(after) == ["one.md", LOCK, "two.md", "two.md.bak"]
    outcomes = []
    for at in range(1, 200):
        shutil.rmtree(AGENTS)
        AGENTS.mkdir()
        for name, content in before.items():
            (AGENTS / name).write_bytes(content)
        faults = Faults(at)
        killed = False
        with faults.injected():
            try:
                CliRunner().invoke(main, ["install", "one", "two", "--force"], standalone_mode=True)
            except Killed:
                killed = True
        left = held()
        # what a client loads is whole at any time
        known = {name: {text, before.get(name)} for name, text in after.items()}
        assert all(text in known[name] for name, text in left.items() if name.endswith(".md"))
        if transaction.pending(AGENTS):
            assert "a run was interrupted" in run("status").stdout
        with opened(AGENTS):
            pass
        assert held() in (before, after)
        outcomes.append(held() == after)
        if not killed:
            break
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) > 10
    assert outcomes.count(True) > 5
    assert b"mine\n" in held().values()


@pytest.mark.parametrize("errno", [28, 13])
def test_failure_at_every_step(run: Run, errno: int) -> None:
    """A full disk, or one that is not to be written: nothing is done, and nothing is left behind."""
    prepare()
    before = held()
    done = 0
    for at in range(1, 200):
        faults = Faults(at, OSError(errno, os.strerror(errno), "x"))
        with faults.injected():
            result = run("install", "one", "two", "--force")
        if not faults.struck:
            break
        left = held()
        if result.exit_code == 0:
            # it was in tidying up
            done += 1
            shutil.rmtree(AGENTS)
            AGENTS.mkdir()
            for name, content in before.items():
                (AGENTS / name).write_bytes(content)
            continue
        assert result.exit_code == 2
        with opened(AGENTS):
            pass
        assert held() == before, (at, sorted(left), result.stderr)
    assert at > 20
    assert done < at / 2


def test_failure_that_does_not_pass(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be neither finished nor taken back waits for the next run."""
    prepare()
    replace = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target.name == transaction.JOURNAL:
            return replace(path, target)
        raise OSError(5, "Input/output error", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        result = run("install", "one", "two", "--force")
    # nothing was changed yet, so that there is nothing to take back
    assert result.exit_code == 2
    assert "Input/output error" in result.stderr
    assert not transaction.pending(AGENTS)
    calls = 0

    def fail_later(path: Path, target: Path) -> Path:
        nonlocal calls
        calls += target.name != transaction.JOURNAL
        if calls < 2:
            return replace(path, target)
        raise OSError(5, "Input/output error", str(target))

    def fail_to_unlink(path: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail_later)
        patch.setattr(Path, "unlink", fail_to_unlink)
        result = run("install", "one", "two", "--force")
    assert result.exit_code == 2
    assert "cannot finish the change" in result.stderr
    assert "`subwright install` does the rest" in result.stderr
    result = run("status")
    assert result.exit_code == 1
    assert "a run was interrupted: `subwright install` finishes it" in result.stdout
    result = run("install", "-n")
    assert result.exit_code == 1
    assert "would first finish what an interrupted run began" in result.stdout
    assert run("install").exit_code == 0
    assert states(run) == {"one.md": "current", "two.md": "current"}
    assert held()["two.md.bak"] == b"mine\n"


def test_edit_between_a_kill_and_the_next_run(run: Run) -> None:
    prepare()
    for at in range(1, 200):
        faults = Faults(at)
        with faults.injected(), contextlib.suppress(Killed):
            CliRunner().invoke(main, ["install", "one", "two", "--force"])
        if transaction.pending(AGENTS):
            break
    (AGENTS / "one.md").write_text("written since\n")
    result = run("install")
    assert (
        f"{AGENTS / 'one.md'}: was changed since a run was interrupted, and is left"
        in result.stderr
    )
    assert held()["one.md"] == b"written since\n"
    assert states(run) == {"one.md": "edited", "two.md": "current"}


def test_edit_while_a_run_writes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("install")
    make_templates(Path(), "more")
    finish = transaction._finish

    def edit(folder: Path, steps: Any) -> list[str]:
        (AGENTS / "one.md").write_text("meanwhile\n")
        return finish(folder, steps)

    monkeypatch.setattr(transaction, "_finish", edit)
    result = run("install")
    assert result.exit_code == 1
    assert "one.md: was changed while this ran, and is left" in result.stderr
    assert held()["one.md"] == b"meanwhile\n"
    assert states(run) == {"one.md": "edited", "two.md": "current"}


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_real_kill(run: Run) -> None:
    """kill -9 at a moment that nobody chose: the folder is as before or as after, and the lock is free."""
    prepare()
    before = held()
    assert run("install", "one", "two", "--force").exit_code == 0
    after = held()
    script = (
        "import os, pathlib, signal\n"
        "from subwright.install import transaction\n"
        "real = pathlib.Path.replace\n"
        "def replace(path, target):\n"
        "    real(path, target)\n"
        "    if target.name == 'one.md':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "pathlib.Path.replace = replace\n"
        "from subwright.cli import main\n"
        "main(['install', 'one', 'two', '--force'])\n"
    )
    for name in after:
        (AGENTS / name).unlink()
    for name, content in before.items():
        (AGENTS / name).write_bytes(content)
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert held() not in (before, after)
    assert run("install").exit_code == 0
    assert held() == after


def journal(**changes: object) -> str:
    step = {"name": "a", "before": None, "after": None, "new": None, "old": None, **changes}
    return json.dumps({"version": 1, "steps": [step]})


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        journal(name="../../own/one.md"),
        journal(name=".."),
        journal(name=1),
        journal(new="../x"),
        journal(old="one.md"),
        journal(more=1),
        '{"version": 2, "steps": []}',
    ],
)
def test_a_journal_that_came_from_elsewhere(run: Run, text: str) -> None:
    AGENTS.mkdir(parents=True)
    (AGENTS / transaction.JOURNAL).write_text(text)
    result = run("install")
    assert result.exit_code == 2
    assert "is no journal of this program" in result.stderr
    assert Path("own/one.md").exists()


def test_a_change_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    with opened(tmp_path):
        assert (
            transaction.carry_out(tmp_path, [Change("a", b"1", b"1"), Change("b", None, None)])
            == []
        )
    assert snapshot(tmp_path) == {"a": b"1"}


def test_the_mode_of_a_file_is_kept(run: Run) -> None:
    run("install", "one")
    (AGENTS / "one.md").chmod(0o600)
    make_templates(Path(), "more")
    assert run("install").exit_code == 0
    assert (AGENTS / "one.md").stat().st_mode & 0o777 == 0o600
    (AGENTS / "one.md").write_text("by hand\n")
    assert run("install", "--force").exit_code == 0
    for name in ("one.md", "one.md.bak"):
        assert (AGENTS / name).stat().st_mode & 0o777 == 0o600


def test_a_backup_whose_name_is_taken_while_a_run_writes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("install", "one")
    (AGENTS / "one.md").write_text("by hand\n")
    finish = transaction._finish

    def take(folder: Path, steps: Any) -> list[str]:
        (AGENTS / "one.md.bak").write_text("of another\n")
        return finish(folder, steps)

    with monkeypatch.context() as patched:
        patched.setattr(transaction, "_finish", take)
        result = run("install", "--force")
    assert result.exit_code == 1
    assert "one.md: was changed while this ran, and is left" in result.stderr
    assert (held()["one.md"], held()["one.md.bak"]) == (b"by hand\n", b"of another\n")
    assert run("install", "--force").exit_code == 0
    assert held()["one.md.bak2"] == b"by hand\n"


# --- any sequence ---------------------------------------------------------------------------------

# SUBWRIGHT_SEQUENCES=1000 runs as many; by default a share of them
SEQUENCES = int(os.environ.get("SUBWRIGHT_SEQUENCES", "40"))
ONE_OR_TWO = st.sampled_from(["one.md", "two.md"])
NAMED = st.lists(st.sampled_from(["one", "two"]), max_size=2, unique=True)


class Project(RuleBasedStateMachine):
    """A project in which anything happens in any order.

    Whatever somebody wrote by hand stays somewhere in the folder until somebody takes it away by hand; a file that
    Claude Code loads is whole; a run that is killed has done all of its work or none; and the lock file agrees with the
    files, or `status` says how it does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="subwright-"))
        self.home = Path.cwd()
        self.root = self.top / "project"
        self.agents = self.root / AGENTS
        (self.root / ".git").mkdir(parents=True)
        os.chdir(self.root)
        self.hand: dict[str, bytes] = {}
        self.count = 0

    def teardown(self) -> None:
        os.chdir(self.home)
        shutil.rmtree(self.top)

    @initialize()
    def start(self) -> None:
        make_templates(self.root, "version 0")

    def token(self) -> bytes:
        self.count += 1
        return b"by hand %d.\n" % self.count

    def run(self, args: list[str], kill: int) -> None:
        """Run a command, killed at a step; then it is as if it had never run, or as if it had ended."""
        before = snapshot(self.agents)
        other = self.top / "other"
        shutil.copytree(self.root, other)
        os.chdir(other)
        invoke(*args)
        after = snapshot(other / AGENTS)
        os.chdir(self.root)
        shutil.rmtree(other)
        if kill:
            faults = Faults(kill)
            with faults.injected(), contextlib.suppress(Killed):
                CliRunner().invoke(main, args)
            for name, content in snapshot(self.agents).items():
                if name.endswith(".md"):
                    assert content in (before.get(name), after.get(name))
            if self.agents.exists():
                with opened(self.agents):
                    pass
            assert snapshot(self.agents) in (before, after)
        else:
            invoke(*args)
            assert snapshot(self.agents) == after

    @rule(
        names=NAMED,
        level=st.sampled_from(["", "low", "high"]),
        force=st.booleans(),
        kill=st.integers(0, 45),
    )
    def install(self, names: list[str], level: str, force: bool, kill: int) -> None:
        options = [*(["--level", level] if level else []), *(["--force"] if force else [])]
        self.run(["install", *names, *options], kill)

    @rule(names=NAMED, kill=st.integers(0, 30))
    def uninstall(self, names: list[str], kill: int) -> None:
        self.run(["uninstall", *names], kill)

    @rule(level=st.sampled_from(["low", "high"]))
    def render(self, level: str) -> None:
        invoke("render", "one", "--level", level, "-o", str(AGENTS))

    @rule()
    def change_the_templates(self) -> None:
        self.count += 1
        make_templates(self.root, f"version {self.count}")

    @rule(name=ONE_OR_TWO, keep=st.booleans())
    def edit(self, name: str, keep: bool) -> None:
        path = self.agents / name
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_bytes() if path.exists() and keep else b""
        self.forget(path, old)
        path.write_bytes(old + self.token())
        self.remember(path)

    @rule(name=ONE_OR_TWO)
    def delete(self, name: str) -> None:
        path = self.agents / name
        if path.exists():
            self.forget(path, b"")
            path.unlink()

    @precondition(lambda self: (self.agents / LOCK).exists())
    @rule()
    def lose_the_lock(self) -> None:
        (self.agents / LOCK).unlink()

    def remember(self, path: Path) -> None:
        line = path.read_bytes().splitlines(keepends=True)[-1]
        self.hand[line.decode()] = line

    def forget(self, path: Path, kept: bytes) -> None:
        """What somebody takes out of a file by hand need not be found again."""
        if path.exists():
            gone = set(path.read_bytes().splitlines(keepends=True)) - set(
                kept.splitlines(keepends=True)
            )
            self.hand = {name: line for name, line in self.hand.items() if line not in gone}

    @invariant()
    def nothing_is_lost(self) -> None:
        everything = b"".join(snapshot(self.agents).values())
        for line in self.hand.values():
            assert line in everything

    @invariant()
    def nothing_is_left_behind(self) -> None:
        for name in snapshot(self.agents):
            assert name in ("one.md", "two.md", LOCK) or ".md.bak" in name

    @invariant()
    def the_lock_agrees_or_status_says(self) -> None:
        result = invoke("status", "--output-format", "json")
        found = {agent["file"]: agent for agent in json.loads(result.stdout)["agents"]}
        lock = lockfile.read(self.agents)
        files = {n: c for n, c in snapshot(self.agents).items() if n.endswith(".md")}
        assert result.exit_code == any(agent["state"] != "current" for agent in found.values())
        for name, entry in lock.entries.items():
            state, content = found[name]["state"], files.get(name)
            assert (state == "missing") is (content is None)
            same = content is not None and lockfile.digest(content) == entry.sha256
            if state == "current":
                assert same
            if state == "edited":
                assert not same
            if content is not None and not same:
                # by hand, or by `render`
                assert state in ("edited", "outdated")
        for name, content in files.items():
            if name not in lock.entries:
                marked = content.startswith(b"---\n# rendered by subwright from ")
                assert (found.get(name, {}).get("state") == "foreign") is marked


TestProject = Project.TestCase
TestProject.settings = settings(max_examples=SEQUENCES, stateful_step_count=12, deadline=None)
