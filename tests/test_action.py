"""The GitHub Action: its scripts run as a runner runs them, and linters of actions read it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from support import require, require_package_index

from subwright import __version__

README = ROOT / "README.md"
TEXT = (ROOT / "action.yml").read_text(encoding="utf-8")
ACTION: dict[str, Any] = yaml.safe_load(TEXT)
STEPS: dict[str, dict[str, Any]] = {
    step.get("id", step["name"]): step for step in ACTION["runs"]["steps"]
}
# how a runner starts `shell: bash`
BASH = ("--noprofile", "--norc", "-e", "-o", "pipefail")
EXPRESSION = re.compile(r"\$\{\{ *([a-z.-]+) *\}\}")

GOOD = "---\nname: good\ndescription: Reviews code\n---\nReview the diff.\n"
WRONG = "---\nname: wrong\ndescription: Reviews code\ntools: Raed, Bash\n---\nReview the diff.\n"
WARNED = "---\nname: warned\ndescription: Reviews code\ncolor: Blue\n---\nReview the diff.\n"
# as values of inputs: a shell that takes one for code leaves a file `owned`
HOSTILE = (
    "$(touch owned)",
    "`touch owned`",
    "; touch owned",
    "&& touch owned",
    "| touch owned",
    "' ; touch owned ; '",
    '" ; touch owned ; "',
    "x\ntouch owned",
    "a[$(touch owned)]",
    "\n::set-env name=OWNED::1",
    "*",
)


@dataclass(frozen=True)
class Ran:
    """What a step came to."""

    status: int
    log: str
    outputs: Mapping[str, str]

    @property
    def annotations(self) -> list[str]:
        """The workflow commands that the runner obeys."""
        found, token = [], None
        for line in map(str.strip, self.log.splitlines()):
            if token is not None:
                token = None if line == f"::{token}::" else token
            elif line.startswith("::stop-commands::"):
                token = line.removeprefix("::stop-commands::")
            elif line.startswith("::") or "##[" in line:
                found.append(line)
        assert token is None, "commands are obeyed again at the end"
        return found


@pytest.fixture(scope="module")
def bash() -> str:
    return require(shutil.which("bash"), "bash")


def outputs(text: str) -> dict[str, str]:
    """What a step wrote to GITHUB_OUTPUT, one `name=value` a line."""
    return dict(line.split("=", 1) for line in text.splitlines())


def run_step(
    bash: str, step: str, here: Path, contexts: Mapping[str, str], temporary: Path, **more: str
) -> Ran:
    """Run the script of a step.

    Args:
        bash: the program.
        step: the id of the step.
        here: the checked-out project.
        contexts: values of expressions, as `inputs.paths`; inputs that are not given have their defaults.
        temporary: the runner's folder for temporary files.
        more: other variables that the runner sets.
    """
    temporary.mkdir(exist_ok=True)
    script, output = temporary / "script.sh", temporary / "output"
    script.write_text(STEPS[step]["run"], encoding="utf-8")
    output.write_text("", encoding="utf-8")
    values = {f"inputs.{name}": item["default"] for name, item in ACTION["inputs"].items()}
    values |= contexts
    environment = {
        name: EXPRESSION.sub(lambda match: values[match[1]], value)
        for name, value in STEPS[step]["env"].items()
    }
    result = subprocess.run(
        [bash, *BASH, str(script)],
        cwd=here,
        env={
            **os.environ,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_WORKSPACE": str(here),
            "RUNNER_TEMP": str(temporary),
            **more,
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return Ran(result.returncode, result.stdout, outputs(output.read_text(encoding="utf-8")))


# The form


def test_values_reach_scripts_through_the_environment_alone() -> None:
    assert set(STEPS) == {"python", "install", "lint", "Upload to code scanning"}
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
        for value in step.get("env", {}).values():
            assert EXPRESSION.fullmatch(value), value


def test_inputs_are_documented_used_and_none_else() -> None:
    for item in ACTION["inputs"].values():
        assert item["description"].endswith(".")
        assert isinstance(item["default"], str)
    assert set(re.findall(r"\binputs\.([a-z-]+)", TEXT)) == set(ACTION["inputs"])


def test_actions_are_pinned_by_commit_and_say_the_version() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert len(used) == 2
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("upload", ["true", "false", "$(touch owned)"])
@pytest.mark.parametrize("written", ["", "subwright.sarif"])
def test_sarif_is_uploaded_where_there_is_one_whatever_was_found(upload: str, written: str) -> None:
    terms = STEPS["Upload to code scanning"]["if"].split(" && ")
    values = {"inputs.upload-sarif": upload, "steps.lint.outputs.sarif-file": written}
    # without it, the step is left out when the one before it has failed
    assert terms.pop(0) == "always()"
    holds = []
    for term in terms:
        name, operator, value = term.split(" ")
        assert operator in ("==", "!=")
        holds.append((values[name] == value.strip("'")) is (operator == "=="))
    assert all(holds) is (upload == "true" and written != "")


# Installing


@pytest.fixture(scope="module")
def installed(bash: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program that the second step installs, from a copy of this repository in a folder with a blank."""
    require_package_index()
    folder = tmp_path_factory.mktemp("runner")
    action = folder / "an action"
    action.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, action)
    for name in ("agents", "src", "templates"):
        shutil.copytree(ROOT / name, action / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = folder / "project"
    project.mkdir()
    # a pull request may bring such files: none of them is run
    for name in ("pip", "venv", "subprocess", "click", "subwright"):
        (project / f"{name}.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    ran = run_step(
        bash,
        "install",
        project,
        {"steps.python.outputs.python-path": sys.executable},
        folder / "temporary files",
        GITHUB_ACTION_PATH=str(action),
    )
    assert ran.status == 0, ran.log
    program = ran.outputs["program"]
    version = subprocess.run([program, "--version"], cwd=project, capture_output=True, text=True)
    assert version.stdout.startswith("subwright "), version.stderr
    return program


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """A Python that makes an environment of itself, and writes down what it is called with."""
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable} -I\n"
        "import json, pathlib, shutil, sys\n"
        f"with open({str(tmp_path / 'calls')!r}, 'a') as file:\n"
        "    print(json.dumps(sys.argv[1:]), file=file)\n"
        "if 'venv' in sys.argv:\n"
        "    programs = pathlib.Path(sys.argv[-1], 'bin')\n"
        "    programs.mkdir(parents=True)\n"
        "    shutil.copy(sys.argv[0], programs / 'python')\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def calls(recorder: Path) -> list[list[str]]:
    path = recorder.parent / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_is_installed_is_the_action_itself(bash: str, recorder: Path, tmp_path: Path) -> None:
    given = {"steps.python.outputs.python-path": str(recorder)}
    ran = run_step(
        bash, "install", tmp_path, given, tmp_path / "t", GITHUB_ACTION_PATH="/the action"
    )
    assert ran.status == 0, ran.log
    assert [call[-1] for call in calls(recorder)] == [str(tmp_path / "t/subwright"), "/the action"]


# Linting


@pytest.fixture
def lint(bash: str, installed: str, tmp_path: Path) -> Callable[..., Ran]:
    """Run the third step in a project, with inputs (`_` for `-` in their names)."""
    project = tmp_path / "project"
    project.mkdir()
    (project / ".git").mkdir()

    def run(**inputs: str) -> Ran:
        contexts = {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        contexts["steps.install.outputs.program"] = installed
        return run_step(bash, "lint", project, contexts, tmp_path / "runner temp")

    return run


def write(project: Path, **texts: str) -> None:
    agents = project / ".claude/agents"
    agents.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (agents / f"{name}.md").write_text(text, encoding="utf-8")


@pytest.fixture
def project(lint: Callable[..., Ran], tmp_path: Path) -> Path:
    return tmp_path / "project"


def test_annotations(lint: Callable[..., Ran], project: Path) -> None:
    write(project, good=GOOD, wrong=WRONG, warned=WARNED)
    ran = lint()
    assert ran.status == 1
    assert ran.outputs == {"exit-status": "1"}
    warning, error = ran.annotations
    assert warning.startswith("::warning file=.claude/agents/warned.md,line=4,")
    assert error.startswith("::error file=.claude/agents/wrong.md,line=4,")
    assert "title=subwright%3A unknown-tool" in error
    # people who read the log see where
    assert ".claude/agents/wrong.md:4:8: error: unknown tool `Raed` [unknown-tool]" in ran.log
    assert "found 1 error, 1 warning in 3 files" in ran.log, ran.log


@pytest.mark.parametrize(
    ("texts", "inputs", "status"),
    [
        ({"a": GOOD}, {}, 0),
        ({"a": GOOD}, {"strict": "true"}, 0),
        ({"a": WARNED}, {}, 0),
        ({"a": WARNED}, {"strict": "true"}, 1),
        ({"a": WARNED}, {"args": "--strict"}, 1),
        ({"a": WARNED}, {"strict": "true", "args": "--ignore unknown-color"}, 0),
        ({"a": WRONG}, {}, 1),
        ({"a": WRONG}, {"args": "--select text \n --quiet"}, 0),
        ({"a": WRONG}, {"args": "--exit-zero"}, 0),
        ({}, {}, 0),
    ],
)
def test_exit_status(
    lint: Callable[..., Ran],
    project: Path,
    texts: dict[str, str],
    inputs: dict[str, str],
    status: int,
) -> None:
    write(project, **texts)
    ran = lint(**inputs)
    assert (ran.status, ran.outputs["exit-status"]) == (status, str(status)), ran.log


@pytest.mark.parametrize("name", ["", "of mine.sarif"])
def test_sarif_is_written_when_findings_fail_the_job(
    lint: Callable[..., Ran], project: Path, tmp_path: Path, name: str
) -> None:
    write(project, wrong=WRONG)
    ran = lint(format="sarif", sarif_file=name)
    assert ran.status == 1
    assert ran.annotations == []
    assert "error: unknown tool `Raed`" in ran.log
    wanted = name or str(tmp_path / "runner temp/subwright.sarif")
    assert ran.outputs == {"exit-status": "1", "sarif-file": wanted}
    (run,) = json.loads((project / wanted).read_bytes())["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == "unknown-tool"
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": ".claude/agents/wrong.md", "uriBaseId": "%SRCROOT%"}


def test_sarif_without_findings_closes_the_alerts_of_before(
    lint: Callable[..., Ran], project: Path
) -> None:
    write(project, good=GOOD)
    ran = lint(format="sarif")
    assert ran.status == 0
    (run,) = json.loads(Path(ran.outputs["sarif-file"]).read_bytes())["runs"]
    assert run["results"] == []


def test_paths_stand_on_lines_and_may_have_blanks(lint: Callable[..., Ran], project: Path) -> None:
    for folder in ("my agents", "others"):
        (project / folder).mkdir()
        (project / folder / "wrong.md").write_text(WRONG, encoding="utf-8")
    ran = lint(paths="my agents")
    assert ran.status == 1
    (annotation,) = ran.annotations
    assert annotation.startswith("::error file=my agents/wrong.md,line=4,")
    assert len(lint(paths="\n  my agents/wrong.md  \r\n\nothers\r\n").annotations) == 2


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"strict": "yes"}, "the input strict is neither true nor false"),
        ({"format": "json"}, "the input format is neither github nor sarif"),
        ({"sarif_file": "a\nb"}, "the input sarif-file has more than one line"),
        ({"paths": "nowhere"}, "the files could not be linted, the log says why"),
        ({"paths": "--fix"}, "the files could not be linted, the log says why"),
        ({"args": "--nonsense"}, "the files could not be linted, the log says why"),
    ],
)
def test_wrong_use(
    lint: Callable[..., Ran], project: Path, inputs: dict[str, str], message: str
) -> None:
    write(project, wrong=WRONG)
    ran = lint(**{"format": "sarif", **inputs})
    assert ran.status == 2
    assert ran.outputs == {"exit-status": "2"}
    assert ran.annotations == [f"::error title=subwright::{message}"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["paths", "args", "strict", "format", "sarif-file"])
def test_no_input_is_run(lint: Callable[..., Ran], project: Path, name: str, value: str) -> None:
    write(project, good=GOOD)
    ran = lint(**{"format": "sarif", name.replace("-", "_"): value})
    assert not list(project.rglob("owned"))
    assert all(line.startswith("::error title=subwright::the ") for line in ran.annotations)
    if ran.status == 0:
        assert name == "sarif-file"


def test_what_a_file_holds_is_no_command(lint: Callable[..., Ran], project: Path) -> None:
    commands = "::add-mask::x ##[add-matcher]x"
    write(project, a=f"---\nname: a\ndescription: b\ntools: '{commands}'\n---\n::error::x\n")
    path = project / "::warning::.md"
    path.write_text(WRONG, encoding="utf-8")
    for annotation in lint(paths=f".claude/agents\n{path.name}").annotations:
        assert re.match(r"::(error|warning) file=[^:]+,line=\d+", annotation)


# The linters


WORKFLOW = """\
on: push
permissions: {}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: ./
        with: {paths: agents}
"""


def as_workflow(action: Mapping[str, Any]) -> str:
    """A workflow with the steps of the action: what actionlint does not look into in an action it does there."""
    inputs = {
        name: {"type": "string", "description": item["description"], "default": item["default"]}
        for name, item in action["inputs"].items()
    }
    job = {"runs-on": "ubuntu-latest", "steps": action["runs"]["steps"]}
    workflow = {"on": {"workflow_call": {"inputs": inputs}}, "permissions": {}, "jobs": {"a": job}}
    return yaml.safe_dump(workflow, sort_keys=False)


@pytest.fixture
def make_checkout(tmp_path: Path) -> Callable[[str], Path]:
    """Make a repository with an action, a workflow that uses it and one that is made of it."""

    def make(text: str) -> Path:
        (tmp_path / ".git").mkdir()
        workflows = tmp_path / ".github/workflows"
        workflows.mkdir(parents=True)
        (tmp_path / "action.yml").write_text(text, encoding="utf-8")
        (workflows / "uses.yml").write_text(WORKFLOW, encoding="utf-8")
        (workflows / "steps.yml").write_text(as_workflow(yaml.safe_load(text)), encoding="utf-8")
        return tmp_path

    return make


def tool(name: str) -> str:
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    return require(beside or shutil.which(name), name)


def actionlint(folder: Path) -> str:
    shellcheck = tool("shellcheck")
    command = [tool("actionlint"), "-no-color", "-oneline", "-shellcheck", shellcheck]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stderr
    return result.stdout


def zizmor(folder: Path, name: str = "action.yml", *options: str) -> str:
    command = [tool("zizmor"), "--offline", "--no-config", "--format", "plain", *options, name]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "completed" in result.stderr, result.stderr
    return result.stdout if result.returncode else ""


def test_linters_find_nothing(make_checkout: Callable[[str], Path]) -> None:
    folder = make_checkout(TEXT)
    assert actionlint(folder) == ""
    assert zizmor(folder, "action.yml", "--pedantic") == ""


# what the linters are there for: a change of the text, and what is said of it
MISTAKES = {
    "no shell": (actionlint, "      shell: bash\n", "", 'requires "shell" key'),
    "unknown input": (actionlint, "inputs.strict ", "inputs.strikt ", 'property "strikt"'),
    "unknown output": (actionlint, "install.outputs", "instal.outputs", 'property "instal"'),
    "unknown key": (
        actionlint,
        "      shell:",
        "      timeout-minutes: 1\n      shell:",
        "unexpected",
    ),
    "unquoted": (actionlint, '"${paths[@]}"', "${paths[@]}", "SC2068"),
    "input in a script": (zizmor, '"$sarif"', '"${{ inputs.paths }}"', "template-injection"),
    "not pinned": (zizmor, "5fda3b95a4ea91299a34e894583c3862153e4b97", "v7", "unpinned-uses"),
}


@pytest.mark.parametrize(("lint", "old", "new", "told"), MISTAKES.values(), ids=MISTAKES)
def test_linters_find_mistakes(
    make_checkout: Callable[[str], Path],
    lint: Callable[[Path], str],
    old: str,
    new: str,
    told: str,
) -> None:
    assert old in TEXT
    assert told in lint(make_checkout(TEXT.replace(old, new)))


# What the README shows


def shown_steps() -> list[dict[str, Any]]:
    fences = re.findall(r"```yaml\n(- uses:.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (text,) = fences
    steps: list[dict[str, Any]] = yaml.safe_load(text)
    return steps


def test_shown_steps_use_this_version_with_inputs_that_there_are(
    make_checkout: Callable[[str], Path],
) -> None:
    *before, step = shown_steps()
    assert step["uses"] == f"OWNER/subwright@v{__version__}"
    assert set(step["with"]) <= set(ACTION["inputs"])
    folder = make_checkout(TEXT)
    name = ".github/workflows/shown.yml"

    def place(uses: str) -> None:
        job = {"runs-on": "ubuntu-latest", "steps": [*before, {**step, "uses": uses}]}
        workflow = {"on": "push", "permissions": {}, "jobs": {"lint": job}}
        (folder / name).write_text(yaml.safe_dump(workflow, sort_keys=False), encoding="utf-8")

    place("./")  # which actionlint reads
    assert actionlint(folder) == ""
    place(f"OWNER/subwright@{'0' * 40}")
    assert zizmor(folder, name) == ""


def test_shown_inputs_do_what_is_said(lint: Callable[..., Ran], project: Path) -> None:
    write(project, warned=WARNED)
    # a runner makes texts of all values, as JSON writes them
    shown = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in shown_steps()[-1]["with"].items()
    }
    ran = lint(**shown)
    assert ran.status == 1
    assert Path(ran.outputs["sarif-file"]).is_file()
