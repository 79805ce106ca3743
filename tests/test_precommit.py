"""The hooks, run by the real pre-commit in a repository that uses them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from support import require, require_package_index

from subwright import __version__

HOOKS = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_bytes())
}
GOOD = "---\nname: reviewer\ndescription: Reviews code\ntools: Read\n---\nYou review code.\n"
MISSPELT = GOOD.replace("Read\n", "Reed\n")
# an old name of a tool, which --fix brings up to date
OLD = GOOD.replace("Read\n", "Read, Task\n")


@dataclass(frozen=True)
class Repository:
    """A Git repository, and the environment in which its commands run."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    def do(self, *command: str) -> str:
        result = self.run(*command)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def commit(self) -> subprocess.CompletedProcess[str]:
        self.do("git", "add", "--all")
        return self.run("git", "commit", "--quiet", "--message", "change")


def pre_commit(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pre_commit", *arguments]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What keeps the user's own Git configuration, hooks and pre-commit's store out of it."""
    require(shutil.which("git"), "git")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = {"NAME": "A Person", "EMAIL": "person@example.org"}
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in person.items()},
        "NO_COLOR": "1",
        "PRE_COMMIT_COLOR": "never",
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit")),
    }


@pytest.fixture(scope="module")
def upstream(
    environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A repository with what the working tree has now, and its commit."""
    require_package_index()
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = require(listing.stdout.split("\0")[:-1] or None, "a Git checkout of subwright")
    repository = Repository(tmp_path_factory.mktemp("upstream"), environment)
    for name in names:
        if (ROOT / name).is_file():
            target = repository.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    repository.do("git", "init", "--quiet")
    assert repository.commit().returncode == 0
    return repository.folder, repository.do("git", "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(
    environment: Mapping[str, str], upstream: tuple[Path, str], tmp_path: Path
) -> Callable[..., Repository]:
    """Make a repository whose commits run hooks of ours."""
    url, revision = upstream

    def make(*hooks: str) -> Repository:
        made = Repository(tmp_path / "project", environment)
        entries = [{"repo": str(url), "rev": revision, "hooks": [{"id": hook} for hook in hooks]}]
        made.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": entries}))
        made.do("git", "init", "--quiet")
        made.do(*pre_commit("install", "--install-hooks"))
        return made

    return make


def test_manifest_is_one_that_pre_commit_takes(environment: Mapping[str, str]) -> None:
    validate = pre_commit("validate-manifest", ".pre-commit-hooks.yaml")
    assert Repository(ROOT, environment).do(*validate) == ""


AGENT_FILES = (
    ".claude/agents/a.md",
    "sub/.claude/agents/team/a b.md",
    "agents/a.md",
    "plugin/agents/a.md",
    # these are not loaded, and that is a finding
    ".claude/agents/a.markdown",
    ".claude/agents/a.mdc",
)
OTHER_FILES = (
    "README.md",
    ".claude/agents.md",
    ".claude/agents/a.txt",
    ".claude/agents/a.md.bak",
    ".claude/agents/subwright.lock",
    ".claude/commands/a.md",
    "docs/agents/a.md",
    "reagents/a.md",
)


@pytest.mark.parametrize("hook", ["subwright-lint", "subwright-fix"])
def test_files_that_a_hook_gets(hook: str) -> None:
    entry = HOOKS[hook]
    given = [
        name
        for name in (*AGENT_FILES, *OTHER_FILES)
        if re.search(entry["files"], name) and not re.search(entry["exclude"], name)
    ]
    assert given == list(AGENT_FILES)


def test_a_bad_agent_fails_the_commit(repository: Callable[..., Repository]) -> None:
    project = repository("subwright-lint")
    path = project.write(".claude/agents/reviewer.md", MISSPELT)
    project.write("README.md", "no agent\n")
    result = project.commit()
    assert result.returncode == 1
    assert ".claude/agents/reviewer.md:4:8: error: unknown tool `Reed`" in result.stdout
    path.write_text(GOOD, encoding="utf-8")
    result = project.commit()
    assert result.returncode == 0, result.stdout


def test_rules_across_files_hold_for_a_single_staged_file(
    repository: Callable[..., Repository],
) -> None:
    project = repository("subwright-lint")
    project.write(".claude/agents/one.md", GOOD)
    assert project.commit().returncode == 0
    project.write(".claude/agents/two.md", GOOD)
    result = project.commit()
    assert result.returncode == 1
    assert "[duplicate-name]" in result.stdout


def test_fix_mends_and_the_second_run_passes(repository: Callable[..., Repository]) -> None:
    project = repository("subwright-fix")
    path = project.write("plugin/agents/reviewer.md", OLD)
    result = project.commit()
    assert result.returncode == 1
    assert "files were modified by this hook" in result.stdout
    assert path.read_text(encoding="utf-8") == GOOD.replace("Read\n", "Read, Agent\n")
    result = project.commit()
    assert result.returncode == 0, result.stdout


def test_status_holds_the_installed_agents(repository: Callable[..., Repository]) -> None:
    project = repository("subwright-status")
    result = project.commit()
    assert result.returncode == 0, result.stdout
    install = [sys.executable, "-m", "subwright", "install", "--yes"]
    project.write("compose.yaml", "services:\n  db:\n    image: postgres:17\n")
    project.do(*install)
    result = project.commit()
    assert result.returncode == 0, result.stdout

    path = project.folder / ".claude/agents/sqlalchemy-specialist.md"
    rendered = path.read_bytes()
    path.write_bytes(rendered + b"Ask first.\n")
    result = project.commit()
    assert result.returncode == 1
    assert "edited" in result.stdout
    path.write_bytes(rendered)

    # no agent is touched: the database moves on
    project.write("compose.yaml", "services:\n  db:\n    image: postgres:18\n")
    result = project.commit()
    assert result.returncode == 1
    assert "outdated" in result.stdout
    project.do(*install)
    result = project.commit()
    assert result.returncode == 0, result.stdout


def test_the_configuration_of_the_readme(
    upstream: tuple[Path, str], repository: Callable[..., Repository]
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(repos:.*?)```", text, re.DOTALL)
    (entry,) = yaml.safe_load(shown)["repos"]
    assert entry["rev"] == f"v{__version__}"
    assert {hook["id"] for hook in entry["hooks"]} <= set(HOOKS)
    project = repository()
    url, revision = upstream
    placed = shown.replace(entry["repo"], str(url)).replace(entry["rev"], revision)
    project.write(".pre-commit-config.yaml", placed)
    project.write(".claude/agents/reviewer.md", MISSPELT)
    result = project.commit()
    assert result.returncode == 1
    assert re.findall(r"(?m)^(subwright [a-z]+)\.+(Passed|Failed)$", result.stdout) == [
        ("subwright lint", "Failed"),
        ("subwright status", "Passed"),
    ]
