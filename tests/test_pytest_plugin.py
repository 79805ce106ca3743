"""`pytest --subwright`, in runs of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import require

GOOD = "---\nname: good\ndescription: Reviews code\n---\nReview the diff.\n"
WRONG = "---\nname: wrong\ndescription: Reviews code\ntools: Raed, Bash\n---\nReview.\n"
WARNED = "---\nname: warned\ndescription: Reviews code\ncolor: Blue\n---\nReview.\n"
AGENTS = ".claude/agents"
PASSED = "tests/test_own.py::test_own"
STRICT_PYTEST = "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n"

Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a test and three agents, whose pytest forgives nothing."""
    folder = tmp_path / "project"
    write(folder / "pytest.ini", STRICT_PYTEST)
    write(folder / "tests/test_own.py", "def test_own():\n    pass\n")
    for name, text in (("good", GOOD), ("wrong", WRONG), ("warned", WARNED)):
        write(folder / AGENTS / f"{name}.md", text)
    (folder / ".git").mkdir()
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def run(project: Path) -> Run:
    """Run pytest in the project."""

    def run(*arguments: str, folder: str = ".") -> Result:
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_"))}
        environment["COLUMNS"] = "200"
        return subprocess.run(
            command, cwd=project / folder, env=environment, capture_output=True, text=True
        )

    return run


def outcomes(result: Result) -> dict[str, str]:
    """The outcome of each test."""
    found = re.findall(r"^(\S+::\S+) (PASSED|FAILED|ERROR)", result.stdout, re.M)
    assert found, result.stdout + result.stderr
    return dict(found)


def agent(name: str) -> str:
    return f"{AGENTS}/{name}.md::subwright"


EVERY = {PASSED: "PASSED", agent("good"): "PASSED", agent("wrong"): "FAILED"}
EVERY |= {agent("warned"): "PASSED"}


def test_pytest_knows_the_plugin() -> None:
    (found,) = entry_points(group="pytest11", name="subwright")
    assert found.value == "subwright.pytest_plugin"


def test_without_the_option_nothing_is_collected_and_nothing_imported(
    run: Run, project: Path
) -> None:
    script = "import sys\ndef test_own():\n    assert 'subwright.pytest_plugin' in sys.modules\n"
    script += "    assert 'subwright.api' not in sys.modules and 'yaml' not in sys.modules\n"
    write(project / "tests/test_own.py", script)
    assert outcomes(run()) == outcomes(run("tests", AGENTS)) == {PASSED: "PASSED"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--subwright"],
        ["--subwright", AGENTS],
        [".", "--subwright", f"{AGENTS}/good.md", f"{AGENTS}/wrong.md", f"{AGENTS}/warned.md"],
        ["tests", "--subwright=.claude"],
        [f"--subwright={AGENTS}/good.md", f"--subwright={AGENTS}", "tests"],
    ],
    ids=" ".join,
)
def test_every_agent_file_is_a_test(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert outcomes(result) == EVERY
    assert result.returncode == 1
    assert "subwright: 3 agent files\n" in result.stdout
    told = f"{AGENTS}/wrong.md:4:8: error: unknown tool `Raed` [unknown-tool]\n  help: did you mean"
    assert told in result.stdout
    assert "Traceback" not in result.stdout
    assert "unknown-color" not in result.stdout


def test_warnings_fail_where_they_are_meant_to(run: Run, project: Path) -> None:
    strict = EVERY | {agent("warned"): "FAILED"}
    result = run("--subwright", "--subwright-strict")
    assert outcomes(result) == strict
    assert f"{AGENTS}/warned.md:4:8: warning: " in result.stdout
    write(project / "subwright.toml", "[lint]\nstrict = true\nignore = ['unknown-tool']\n")
    assert outcomes(run("--subwright")) == strict | {agent("wrong"): "PASSED"}


def test_selection(run: Run) -> None:
    assert outcomes(run("--subwright", "-k", "wrong")) == {agent("wrong"): "FAILED"}
    assert outcomes(run("--subwright", "-m", "not subwright")) == {PASSED: "PASSED"}
    only = {name: found for name, found in EVERY.items() if name != PASSED}
    assert outcomes(run("--subwright", "-m", "subwright")) == only
    assert outcomes(run("--subwright", "--deselect", agent("wrong")))[PASSED] == "PASSED"
    # the name that a report gives
    assert outcomes(run(agent("good"), "--subwright")) == {agent("good"): "PASSED"}
    assert outcomes(run(agent("good"), PASSED, "--subwright"))[PASSED] == "PASSED"


def test_only_collecting(run: Run) -> None:
    result = run("--subwright", "--collect-only", "-qq")
    assert set(re.findall(r"^\S+::\S+$", result.stdout, re.M)) == set(EVERY)
    assert result.returncode == 0


def test_a_finding_across_files_belongs_to_the_file_that_it_is_about(
    run: Run, project: Path
) -> None:
    write(project / AGENTS / "zwin.md", GOOD)
    result = run("tests", "--subwright", AGENTS)
    assert outcomes(result) == EVERY | {agent("good"): "FAILED", agent("zwin"): "PASSED"}
    assert f"  note: {AGENTS}/zwin.md:2:7: this one is loaded\n" in result.stdout
    # the other file is not asked for, and this one is why it is not loaded
    result = run("tests", "--subwright", f"{AGENTS}/zwin.md")
    assert outcomes(result) == {PASSED: "PASSED", agent("zwin"): "FAILED"}
    result = run("tests", "--subwright", AGENTS, "-k", "zwin")
    assert outcomes(result) == {agent("zwin"): "PASSED"}


def test_a_template_and_its_partial(run: Run, project: Path) -> None:
    head = "---\nname: {0}\ndescription: Greets\ntemplate: {{summary: Greets}}\n---\n"
    for name in ("one", "two"):
        write(project / f"own/{name}.md", head.format(name) + '<% include "end.md" %>\n')
    write(project / "own/partials/end.md", "Good <<NIGHT>>.\n")
    result = run("--subwright", "own", "-m", "subwright")
    assert outcomes(result) == {
        "own/one.md::subwright": "FAILED",
        "own/two.md::subwright": "PASSED",
    }
    assert "own/partials/end.md:1:8: error: `NIGHT` is not defined" in result.stdout


def test_paths_of_the_configuration_are_meant_from_its_folder(run: Run, project: Path) -> None:
    text = STRICT_PYTEST.replace("config", "config --subwright")
    write(project / "pytest.ini", text + "subwright_paths = loose\n")
    write(project / "loose/one.md", GOOD)
    write(project / "loose/two.md", WRONG)
    found = {"loose/one.md::subwright": "PASSED", "loose/two.md::subwright": "FAILED"}
    assert outcomes(run()) == found | {PASSED: "PASSED"}
    below = {f"../{name}": outcome for name, outcome in found.items()}
    assert outcomes(run(folder="tests")) == below | {"test_own.py::test_own": "PASSED"}


def test_a_path_outside_of_the_root(run: Run, project: Path) -> None:
    write(project.parent / "other/agents/far.md", WRONG)
    result = run("--subwright=../other/agents")
    assert outcomes(result) == {
        PASSED: "PASSED",
        "../other/agents/far.md::subwright": "FAILED",
    }
    assert "configfile: pytest.ini" in result.stdout
    assert "../other/agents/far.md:4:8: error: " in result.stdout


def test_several_processes(run: Run) -> None:
    require(find_spec("xdist"), "pytest-xdist")
    result = run("--subwright", "-n", "2")
    found = re.findall(r"^\[gw\d\].* (PASSED|FAILED) (\S+)", result.stdout, re.M)
    assert {name: outcome for outcome, name in found} == EVERY
    assert len(found) == len(EVERY)
    assert "unknown tool `Raed`" in result.stdout


def test_it_can_be_turned_off(run: Run) -> None:
    assert outcomes(run("-p", "no:subwright")) == {PASSED: "PASSED"}
    result = run("-p", "no:subwright", "--subwright")
    assert (result.returncode, "unrecognized arguments: --subwright" in result.stderr) == (4, True)


def test_wrong_use_is_told(run: Run, project: Path) -> None:
    result = run("--subwright", "agentz")
    assert result.returncode == 4
    assert "ERROR: --subwright: there is no file or folder `agentz`" in result.stderr
    write(project / "subwright.toml", "[lint]\nstrikt = true\n")
    result = run("--subwright")
    assert result.returncode == 4
    assert "subwright.toml:2: unknown key `strikt` in `[lint]`\n" in result.stderr
    assert "help: did you mean `strict`?" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_nothing_to_lint(run: Run, project: Path) -> None:
    for path in (project / AGENTS).iterdir():
        path.unlink()
    result = run("--subwright")
    assert outcomes(result) == {PASSED: "PASSED"}
    assert "subwright: 0 agent files\n" in result.stdout


def test_a_file_that_is_gone_fails_by_itself(run: Run, project: Path) -> None:
    script = "from pathlib import Path\n\ndef pytest_collection_modifyitems():\n"
    write(project / "conftest.py", script + f"    Path('{AGENTS}/warned.md').unlink()\n")
    result = run("--subwright")
    assert outcomes(result) == EVERY | {agent("warned"): "FAILED"}
    assert f"\n`{AGENTS}/warned.md` is gone\n" in result.stdout
    assert "Traceback" not in result.stdout
