"""The Python API says what the commands say, and no more kinds of errors than one."""

from __future__ import annotations

import csv
import doctest
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import ROOT
from support import LOADER

import subwright
from subwright import claude_code
from subwright.cli import main
from subwright.cli.lint import LINT_KEYS, lint_command
from subwright.settings import KEYS

DOCUMENT = ROOT / "docs/api.md"
GOOD = "---\nname: good\ndescription: Reviews code\n---\nReview the diff.\n"
WRONG = "---\nname: wrong\ndescription: Reviews code\ntools: Raed, Bash\nallowed-tool: x\n---\nReview.\n"
WARNED = "---\nname: warned\ndescription: Reviews code\ncolor: Blue\n---\nReview.\n"
TWIN = WARNED.replace("Blue", "blue")
TEMPLATE = """---
name: <<NAME>>
description: Greets
tools: Raed
template:
  summary: Greets
  variables:
    NAME: {type: string, default: greeter, help: its name}
    LOUD: {type: bool, default: false, help: shout}
    TEMPLATES: {type: choice, choices: [a, b], default: a, help: a name that is taken}
---
Say hello<% if LOUD %>!<% endif %> <<TEMPLATES>>
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with agents of all kinds, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    texts = {"good": GOOD, "wrong": WRONG, "warned": WARNED, "zwin": TWIN}
    for name, text in texts.items():
        write(f".claude/agents/{name}.md", text)
    write("loose/one.md", GOOD)
    write("loose/two.md", GOOD)
    write("templates/greeter.md", TEMPLATE)
    (tmp_path / ".git").mkdir()
    return tmp_path


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def command(*arguments: str, stdin: str | None = None) -> tuple[int, Mapping[str, Any]]:
    """The exit status and the JSON output of `subwright lint`."""
    words = ["lint", "--output-format", "json", *arguments]
    result = CliRunner().invoke(main, words, input=stdin)
    return result.exit_code, json.loads(result.stdout)


def plain(result: subwright.Lint) -> list[dict[str, Any]]:
    """The findings in the form of the JSON output, without offsets."""

    def place(where: Any) -> dict[str, Any]:
        return {
            "start": {"line": where.line, "column": where.column},
            "end": {"line": where.end_line, "column": where.end_column},
        }

    return [
        {
            "rule": f.rule,
            "severity": f.severity,
            "message": f.message,
            "help": f.help,
            "path": f.path,
            **place(f),
            "fix": f.fix
            and {
                "title": f.fix.title,
                "edits": [{**place(edit), "text": edit.text} for edit in f.fix.edits],
            },
            "related": [(r.path, r.line, r.column, r.message) for r in f.related],
        }
        for f in result.findings
    ]


def without_offsets(output: Mapping[str, Any]) -> list[dict[str, Any]]:
    def place(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {
            side: {key: entry[side][key] for key in ("line", "column")} for side in ("start", "end")
        }

    return [
        {
            **found,
            **place(found),
            "fix": found["fix"]
            and {
                "title": found["fix"]["title"],
                "edits": [{**place(e), "text": e["text"]} for e in found["fix"]["edits"]],
            },
            "related": [
                (r["path"], r["start"]["line"], r["start"]["column"], r["message"])
                for r in found["related"]
            ],
        }
        for found in output["diagnostics"]
    ]


CONFIGURATIONS = {
    "none": "",
    "strict": "strict = true\nignore = ['unknown-tool', 'duplicate-name']",
    "paths": "paths = ['loose']",
    "roots": "roots = ['loose']",
    "select": "select = ['tools', 'tree']\nextend-select = ['unknown-key']",
    "all": "extend-select = ['ALL']\nignore = ['safety']",
    "per file": "per-file-ignores = {'wrong.md' = ['unknown-tool']}\nallowed-keys = ['allowed-tool']",
    "zero": "exit-zero = true",
}
ASKED: list[tuple[list[str], dict[str, Any]]] = [
    ([], {}),
    ([".claude"], {}),
    ([".claude/agents/warned.md", "loose"], {}),
    (["templates"], {}),
    (["templates/greeter.md", ".claude/agents/good.md"], {"strict": True}),
    ([], {"select": ["unknown-tool"]}),
    ([], {"extend_select": ["ALL"], "ignore": ["tools", "safety"]}),
]


@pytest.mark.parametrize(("paths", "options"), ASKED, ids=str)
@pytest.mark.parametrize("configured", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_lint_finds_what_the_command_finds(
    project: Path, configured: str, paths: list[str], options: dict[str, Any]
) -> None:
    write("pyproject.toml", f"[tool.subwright.lint]\n{configured}\n")
    words = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        words += [option] if value is True else [option, ",".join(value)]
    status, output = command(*words, *paths)
    result = subwright.lint(*paths, **options)
    assert plain(result) == without_offsets(output)
    assert result.exit_status == status
    assert len(result.files) == output["summary"]["files"]
    assert len(result.errors) == output["summary"]["errors"]
    assert len(result.warnings) == output["summary"]["warnings"]


def test_a_project_without_agents_has_nothing_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    assert subwright.lint() == subwright.Lint((), (), strict=False, exit_status=0)


def test_lint_text_finds_what_the_command_finds_in_stdin(project: Path) -> None:
    write("subwright.toml", "[lint.per-file-ignores]\n'wrong.md' = ['unknown-tool']\n")
    _, output = command("-", stdin=WRONG)
    assert plain(subwright.lint_text(WRONG)) == without_offsets(output)
    path = ".claude/agents/wrong.md"
    status, output = command("-", "--stdin-filename", path, stdin=WRONG)
    result = subwright.lint_text(WRONG.encode(), Path(path))
    assert plain(result) == without_offsets(output)
    assert (result.exit_status, result.files) == (status, (path,)) == (0, (path,))
    assert subwright.lint_text("---\nname: \udc80\n---\n").errors


def test_a_configuration_from_elsewhere(project: Path) -> None:
    write("pyproject.toml", "[tool.subwright.lint]\nselect = ['tree']\n")
    write("other/ci.toml", "[lint]\nselect = ['fields']\n")
    write("bare/pyproject.toml", "[tool.other]\n")

    def rules(**given: Any) -> set[str | None]:
        return {f.rule for f in subwright.lint(".claude", **given).findings}

    assert rules() == rules(config=project / ".claude") == {"duplicate-name"}
    assert "duplicate-name" not in rules(config="other/ci.toml") >= {"unknown-key", "odd-name"}
    usual = {"duplicate-name", "unknown-tool", "unknown-key", "unknown-color"}
    assert rules(config=False) == rules(config="bare/pyproject.toml") == usual
    assert rules(select=[]) == set()


def test_a_configuration_that_is_no_toml(project: Path) -> None:
    write("a.txt", "[")
    with pytest.raises(subwright.SubwrightError, match=r"a\.txt: not TOML: "):
        subwright.lint(config="a.txt")


def test_keys_are_those_of_the_command() -> None:
    options = {name[2:] for param in lint_command.params for name in param.opts if name[:2] == "--"}
    assert sorted(KEYS) == sorted({*options, *LINT_KEYS})
    assert len(set(KEYS)) == len(KEYS)


@pytest.mark.parametrize(
    "configured",
    [
        "strikt = true",
        "strict = 'yes'",
        "select = 'tools'",
        "ignore = [1]",
        "extend-select = ['tols']",
        "roots = ['..']",
        "per-file-ignores = {'a' = ['x']}",
        "templates = 3",
    ],
)
def test_a_wrong_configuration_is_told_as_by_the_command(project: Path, configured: str) -> None:
    write("pyproject.toml", f"[tool.subwright.lint]\n{configured}\n")
    said = CliRunner().invoke(main, ["lint"]).stderr
    with pytest.raises(subwright.SubwrightError) as caught:
        subwright.lint()
    assert f"error: {caught.value.message}\n" in said
    if caught.value.help:
        assert f"  help: {caught.value.help}\n" in said


# Rendering


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("--database postgresql --version 17", {"database": "postgresql", "version": "17"}),
        ("--database mariadb --version 11.8.2-MariaDB", {"DATABASE": "MariaDB", "version": "11.8"}),
        (
            "--database mysql --no-serena --detail core",
            {"database": "mysql", "serena": False, "detail": "core", "version": None},
        ),
        (
            "--database postgresql --version 18 --driver psycopg",
            {"database": "postgresql", "version": 18, "driver": "psycopg"},
        ),
    ],
)
def test_render_gives_what_the_command_gives(words: str, values: dict[str, Any]) -> None:
    result = CliRunner().invoke(main, ["render", "sqlalchemy-specialist", *words.split()])
    agent = subwright.render("sqlalchemy-specialist", **values)
    assert str(agent) == agent.text == result.stdout
    assert agent.version
    assert agent.version in agent.text
    assert agent.values["version"] == agent.version
    assert subwright.load(agent.text).name == agent.name == "sqlalchemy-specialist"


def test_render_of_an_own_template(project: Path) -> None:
    agent = subwright.render(
        "greeter.md", templates="templates", name="host", LOUD=True, TEMPLATES="B"
    )
    assert (agent.name, agent.file_name, agent.template) == ("host", "host.md", "greeter")
    assert agent.text.endswith("---\nSay hello! b\n")
    assert dict(agent.values) == {"name": "host", "loud": True, "templates": "b"}
    assert (agent.database, agent.version, agent.driver, agent.end_of_life) == (None,) * 4


BROKEN = TEMPLATE + "<<NAMES>>\n<<LOUDLY>>\n"
STACK = "sqlalchemy-specialist"
ERRORS: dict[str, tuple[Callable[[], object], str]] = {
    "no path": (lambda: subwright.lint("nope"), "there is no file or folder `nope`"),
    "no Markdown": (lambda: subwright.lint("a.txt"), "`a.txt` is no Markdown file"),
    "no agent": (lambda: subwright.lint("empty"), "no agent in `empty`"),
    "no rule": (lambda: subwright.lint(ignore=["nope"]), "there is no rule `nope`"),
    "a text": (lambda: subwright.lint(select="tools"), "`select` is a text"),
    "no configuration": (
        lambda: subwright.lint(config="nope"),
        "there is no file or folder `nope`",
    ),
    "no file": (lambda: subwright.load("nope.md"), "no such file or directory `nope.md`"),
    "a folder": (lambda: subwright.load(Path("empty")), "is a directory `empty`"),
    "no template": (lambda: subwright.render("sqlalchemy"), "there is no template `sqlalchemy`"),
    "no folder": (lambda: subwright.render("a", templates="nope"), "there is no folder `nope`"),
    "no templates": (lambda: subwright.render("a", templates="empty"), "no template in `empty`"),
    "a value is missing": (lambda: subwright.render(STACK), "`database` is missing"),
    "no choice": (
        lambda: subwright.render(STACK, database="oracel"),
        "database: `oracel` is no choice",
    ),
    "no variable": (
        lambda: subwright.render(STACK, databse="x"),
        "`sqlalchemy-specialist` has no variable `databse`",
    ),
    "a number": (
        lambda: subwright.render(STACK, database="sqlite", version=3.5),  # type: ignore[arg-type]
        "version: `3.5` is no string",
    ),
    "no version": (
        lambda: subwright.render(STACK, database="sqlite", version="9" * 5000),
        f"version: `{'9' * 60}…` is no version",
    ),
    "a misfit": (
        lambda: subwright.render(STACK, database="mysql", pooler="transaction"),
        '`pooler="transaction"` does not fit the other values',
    ),
    "a broken template": (
        lambda: subwright.render("broken", templates="broken"),
        "broken/broken.md:13:3: error: `NAMES` is not defined\n  help: did you mean `NAME`?\nbroken/broken.md:14:3: ",
    ),
}


@pytest.mark.parametrize(("call", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(project: Path, call: Callable[[], object], message: str) -> None:
    write("a.txt", "[")
    write("broken/broken.md", BROKEN)
    Path("empty").mkdir()
    with pytest.raises(subwright.SubwrightError) as caught:
        call()
    assert str(caught.value).startswith(message)
    told = getattr(caught.value, "__notes__", [])
    assert told == ([f"help: {caught.value.help}"] if caught.value.help else [])


def test_a_version_of_another_database_is_told_in_words_of_python() -> None:
    with pytest.raises(subwright.SubwrightError) as caught:
        subwright.render(STACK, database="mysql", version="10.11.6-MariaDB")
    assert caught.value.help == 'use `database="mariadb"`'


# Reading

with (LOADER / "VERDICTS.tsv").open(newline="", encoding="utf-8") as file:
    CASES = {
        row["case"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    }


@pytest.mark.parametrize("case", CASES)
def test_load_reads_what_the_client_reads(case: str) -> None:
    row = CASES[case]
    agent = subwright.load(LOADER / f"{case}.md")
    assert agent.loads is row["verdict"].startswith("ACCEPTED")
    assert agent.loads is not bool(agent.problems)
    if not agent.loads:
        return
    assert agent.name
    assert agent.description
    if row["model"]:
        assert (agent.model or "None") == row["model"]
    recorded = {claude_code.named_tool(tool) for tool in row["resolved_tools"].split()}
    if recorded == {"ALL"}:
        assert agent.inherits
    elif agent.inherits and recorded:  # what a session offers depends on it
        assert recorded & claude_code.SUBAGENT_TOOLS <= agent.tools
    elif recorded:  # and LSP on whether there is a server for the language
        known = claude_code.SUBAGENT_TOOLS - {"LSP"}
        assert agent.tools & known == recorded & known


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ("Read, mcp__github__get_issue", {"Read", "mcp__github__get_issue"}),
        ("mcp__github, mcp__git*, mcp__*", {"mcp__github"}),
        ("mcp__github__*\ndisallowedTools: mcp__github", set()),
        ("Read, Write, Task\ndisallowedTools: Write", {"Read", "Agent"}),
        ("Grep, Bash(git:*)", {"Bash"}),
    ],
)
def test_tools_of_a_text(tools: str, found: set[str]) -> None:
    agent = subwright.load(f"---\nname: a\ndescription: b\ntools: {tools}\n---\nDo it.\n")
    assert agent.tools == found
    assert not agent.inherits


def test_a_plugin_names_its_agents_after_their_files(tmp_path: Path) -> None:
    (tmp_path / ".claude-plugin").mkdir()
    (tmp_path / ".claude-plugin/plugin.json").write_text('{"name": "p"}')
    (tmp_path / "agents").mkdir()
    path = tmp_path / "agents/helper.md"
    path.write_text("---\ndescription: Helps\n---\nHelp.\n")
    assert (subwright.load(path).loads, subwright.load(path).name) == (True, "helper")
    assert not subwright.load(path.read_bytes()).loads


def test_results_are_frozen() -> None:
    finding = subwright.lint_text(WRONG, config=False).findings[0]
    with pytest.raises(FrozenInstanceError):
        finding.line = 3  # type: ignore[misc]
    assert len({finding, *subwright.lint_text(WRONG, config=False).findings}) == 2
    agent = subwright.load(GOOD)
    assert hash(agent) == hash(subwright.load(GOOD))
    with pytest.raises(TypeError):
        agent.fields["name"] = "other"  # type: ignore[index]


# The module


def test_names_are_there_when_they_are_asked_for() -> None:
    script = (
        "import sys, subwright\nassert 'subwright.api' not in sys.modules\n"
        "assert {*subwright.__all__} <= {*dir(subwright)}\n"
        "assert 'subwright.api' not in sys.modules\n"
        "from subwright import *\nassert lint is subwright.lint and 'click' not in sys.modules\n"
        "subwright.nonsense"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    last = result.stderr.strip().splitlines()[-1]
    assert last == "AttributeError: module 'subwright' has no attribute 'nonsense'"


def test_a_type_checker_sees_the_types(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import subwright\n"
        "status: int = subwright.lint('.claude', select=['tools'], strict=True).exit_status\n"
        "line: int = subwright.lint_text('x').findings[0].line\n"
        "text: str = subwright.render('a', database='sqlite', version=3, serena=False).text\n"
        "tools: frozenset[str] = subwright.load(b'x').tools\n"
        "error: Exception = subwright.SubwrightError('x', help='y')\n"
        "reveal_type(subwright.load('x').name)\n"
        "subwright.lint(select=3)\n"
        "subwright.lnit()\n"
        "subwright.load('x').nmae\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    environment = {**os.environ, "MYPYPATH": ""}
    result = subprocess.run(
        [*command, program.name], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    said = re.findall(r"^program\.py:(\d+): (\w+): .*?(?:\[([\w-]+)\])?$", result.stdout, re.M)
    assert said == [
        ("7", "note", ""),
        ("8", "error", "arg-type"),
        ("9", "error", "attr-defined"),
        ("10", "error", "attr-defined"),
    ], result.stdout
    assert '"str | None"' in result.stdout


def test_the_document_shows_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (agent,) = re.findall(r"```markdown\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    write(".claude/agents/reviewer.md", agent)
    session = "".join(re.findall(r"```pycon\n(.*?)```", text, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, "api.md", str(DOCUMENT), 0)
    assert len(test.examples) > 15
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_readme_shows_what_happens(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(import subwright.*?)```", text, re.DOTALL)
    exec(program, {})
    assert (
        ".claude/agents/wrong.md 4 unknown tool `Raed` did you mean `Read`?\n"
        in capsys.readouterr().out
    )


def test_the_document_names_everything() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in {*subwright.__all__} - {"__version__"}:
        assert re.search(rf"\b{name}\b", text), name
