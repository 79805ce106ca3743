"""The examples: what their READMEs, workflows and hooks run is run here, each time in a copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from support import claude, require
from test_action import actionlint, zizmor
from test_readme import run, sessions

from subwright import client, servers

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))
WORKFLOWS = sorted((ROOT / "examples").glob("*/.github/workflows/*.yml"))
FASTAPI = ROOT / "examples" / "fastapi-postgresql"
COLLECTION = ROOT / "examples" / "collection"
OWN = ROOT / "examples" / "own-template"
INSTALLED = Path(".claude", "agents")
# what a workflow cannot do here: there is no variable of a repository that says where subwright is from
INSTALL = 'python -m pip install "$SUBWRIGHT"'

Copy = Callable[..., Path]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Copy an example to where nothing of this repository is around it."""

    def copy(example: Path, name: str = "project") -> Path:
        def left_out(folder: str, names: list[str]) -> set[str]:
            return {name for name in names if name.endswith(("cache__", "_cache"))}

        project = tmp_path / name
        shutil.copytree(example, project, ignore=left_out)
        (project / ".git").mkdir()
        return project

    return copy


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_readme_shows_what_its_commands_print(
    example: Path, copy: Copy, snapshot: Callable[[Path, str], None]
) -> None:
    """A command under which nothing is shown must go well."""
    readme = example / "README.md"
    lines = readme.read_text(encoding="utf-8").split("\n")
    shown: list[tuple[int, int, str]] = []
    for number, session in enumerate(sessions(readme)):
        project = copy(example, str(number))
        for command in session:
            result = run(command.text, project)
            where = f"{example.name}/README.md:{command.line}: {command.text}"
            assert "Traceback" not in result.stdout, where
            if command.output:
                shown.append((command.line, command.output.count("\n"), result.stdout))
            else:
                assert result.returncode == 0, f"{where}\n{result.stdout}"
    assert shown
    for line, count, output in reversed(shown):
        lines[line : line + count] = output.splitlines()
    snapshot(readme, "\n".join(lines))


def test_every_example_is_read() -> None:
    assert [path.name for path in EXAMPLES] == ["collection", "fastapi-postgresql", "own-template"]
    assert {path.relative_to(ROOT / "examples").parts[0] for path in WORKFLOWS} == {
        "collection",
        "fastapi-postgresql",
    }


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow(workflow: Path, copy: Copy) -> None:
    """Its commands go well on the example as it is, and its actions are named by commit."""
    project = copy(workflow.parents[2])
    (job,) = yaml.safe_load(workflow.read_bytes())["jobs"].values()
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", name) for name in uses)
    install, *commands = [step["run"] for step in job["steps"] if "run" in step]
    assert install == INSTALL
    assert "subwright lint --strict" in commands[0]
    for command in commands:
        result = run(command, project)
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_linters_of_workflows_find_nothing(workflow: Path, copy: Copy) -> None:
    project = copy(workflow.parents[2])
    assert actionlint(project) == ""
    assert zizmor(project, ".github/workflows", "--pedantic") == ""


# --- fastapi-postgresql ---------------------------------------------------------------------------


def test_installed_files_are_what_install_writes_today(
    copy: Copy, snapshot: Callable[[Path, str], None]
) -> None:
    project = copy(FASTAPI)
    shutil.rmtree(project / INSTALLED)
    result = run("subwright install --yes", project)
    assert result.returncode == 0, result.stdout
    written = sorted(path.name for path in (project / INSTALLED).iterdir())
    assert written == sorted(path.name for path in (FASTAPI / INSTALLED).iterdir())
    for name in written:
        text = (project / INSTALLED / name).read_text(encoding="utf-8")
        snapshot(FASTAPI / INSTALLED / name, text)


@pytest.mark.parametrize(
    ("file", "old", "new", "command"),
    [
        ("compose.yaml", "postgres:17", "postgres:18", "subwright status"),
        (INSTALLED / "sqlalchemy-specialist.md", "Read, Write", "Read, Wriet", "subwright status"),
        (INSTALLED / "sqlalchemy-specialist.md", "Read, Write", "Read, Wriet", "subwright lint"),
    ],
)
def test_workflow_fails_when_something_is_to_be_done(
    file: Path | str, old: str, new: str, command: str, copy: Copy
) -> None:
    project = copy(FASTAPI)
    replaced(project / file, old, new)
    assert run(command, project).returncode == 1


@pytest.fixture
def repository(copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The FastAPI project in a Git repository, away from the user's configuration of Git and pre-commit."""
    require(shutil.which("git"), "git")
    require(find_spec("pre_commit"), "pre-commit")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    project = copy(FASTAPI)
    (project / ".git").rmdir()
    assert run("git init -q && git add --all", project).returncode == 0
    return project


def test_pre_commit(repository: Path) -> None:
    hooks = "python -m pre_commit run --all-files"
    result = run(hooks, repository)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("Passed") == 2
    replaced(repository / "compose.yaml", "postgres:17", "postgres:16")
    result = run(hooks, repository)
    assert result.returncode == 1
    assert re.findall(r"^subwright (\w+)\.+(\w+)$", result.stdout, re.MULTILINE) == [
        ("lint", "Passed"),
        ("status", "Failed"),
    ]


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a database of the version that the example's compose file names."""
    if sys.platform != "linux":
        pytest.skip("servers are found on Linux")
    compose = yaml.safe_load((FASTAPI / "compose.yaml").read_bytes())
    _, version = compose["services"]["db"]["image"].split(":")
    try:
        binary: servers.Binary | None = servers.find_or_fetch("postgresql", version)
    except servers.ServerError:
        binary = None
    with servers.start(require(binary, f"a server of PostgreSQL {version}")) as server:
        yield server.url("postgresql+asyncpg")


CALLS = """
from fastapi.testclient import TestClient
from app.main import app

book = {"isbn": "9780141439518", "title": "Pride and Prejudice"}
with TestClient(app) as client:
    print([client.post("/books", json=book).status_code for _ in range(2)])
    loan = f"/books/{book['isbn']}/loan"
    print([client.post(loan, json={"holder": name}).status_code for name in ("Ada", "Ben")])
    print(client.get("/books").json(), client.get("/books?after=98").json())
    print(client.post("/books", json={**book, "isbn": "1"}).status_code)
"""


def test_application_runs_on_its_database(
    copy: Copy, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy(FASTAPI)
    monkeypatch.setenv("DATABASE_URL", database)
    migrated = run("alembic upgrade head && alembic check && alembic downgrade base", project)
    assert migrated.returncode == 0, migrated.stdout
    assert "No new upgrade operations detected" in migrated.stdout
    assert run("alembic upgrade head", project).returncode == 0
    called = subprocess.run(
        [sys.executable, "-c", CALLS], cwd=project, capture_output=True, text=True, timeout=120
    )
    book = {"isbn": "9780141439518", "title": "Pride and Prejudice", "holder": "Ada"}
    assert called.stdout.splitlines() == ["[201, 409]", "[200, 409]", f"[{book}] []", "422"], called


# --- own-template ---------------------------------------------------------------------------------


def test_contract_holds_the_own_template(copy: Copy) -> None:
    project = copy(OWN)
    render = "subwright render --templates templates --project Larch -o agents"
    replaced(project / "templates/release-notes.md", "## Rules\n", "## Customs\n")
    result = run(render, project)
    assert result.returncode == 1
    assert "Rules" in result.stdout
    assert not (project / "agents").exists()


def test_own_template_renders_to_good_agents(copy: Copy) -> None:
    project = copy(OWN)
    for audience in ("users", "developers"):
        options = f"--templates templates --audience {audience} --tickets"
        result = run(
            f"subwright render {options} -o {audience}/.claude/agents "
            f"&& subwright lint --strict --extend-select ALL {audience}",
            project,
        )
        assert result.returncode == 0, result.stdout
    result = run("subwright lint --strict --extend-select ALL templates", project)
    assert result.returncode == 0, result.stdout


# --- collection -----------------------------------------------------------------------------------

EXCEPTIONS = [
    ("pyproject.toml", '"owner"', "", "unknown-key"),
    ("pyproject.toml", '"retired-tool", ', "", "retired-tool"),
    ("pyproject.toml", '"unknown-color", ', "", "unknown-color"),
    ("pyproject.toml", ', "odd-name"]\n\n', "]\n\n", "odd-name"),
    ("agents/flaky-test-hunter.md", "subwright: allow", "allowed:", "disabled-tool"),
    ("agents/incident-scribe.md", "subwright: allow", "allowed:", "broken-link"),
    ("agents/change-reviewer.md", "## Report", "## End", "broken-contract"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"), EXCEPTIONS, ids=[e[-1] for e in EXCEPTIONS]
)
def test_nothing_is_allowed_without_need(
    file: str, old: str, new: str, rule: str, copy: Copy
) -> None:
    """Without one of the exceptions lint finds what it allows, and nothing else."""
    project = copy(COLLECTION)
    replaced(project / file, old, new)
    result = run("subwright lint --quiet --output-format concise", project)
    found = set(re.findall(r"\[([a-z-]+)\]$", result.stdout, re.MULTILINE))
    assert found == {rule}


# --- all ------------------------------------------------------------------------------------------


def test_client_loads_the_agents_of_the_examples() -> None:
    files = [*(FASTAPI / INSTALLED).glob("*.md"), *(COLLECTION / "agents").rglob("*.md")]
    assert len(files) == 5
    for verdict in client.ask(claude(), files):
        assert verdict.loaded, verdict


def test_examples_do_not_stand_in_the_way_of_this_repository() -> None:
    for command in ("subwright lint --strict", "subwright lint --strict .", "subwright list"):
        result = run(command, ROOT)
        assert result.returncode == 0, result.stdout
