"""The `lint` command, as it is used at a terminal, in an editor and in CI."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import click
import pytest
from click.testing import CliRunner, Result
from conftest import ROOT
from support import claude

from subwright import files, linter
from subwright.agent import Agent
from subwright.cli import main
from subwright.diagnostic import Diagnostic
from subwright.output import FORMATS
from subwright.rules import Rule

GOOD = "---\nname: good\ndescription: Reviews code\n---\nReview the diff.\n"
WRONG = "---\nname: wrong\ndescription: Reviews code\ntools: Raed, Bash\nallowed-tools: x\n---\nReview.\n"
WARNED = "---\nname: warned\ndescription: Reviews code\ncolor: Blue\n---\nReview.\n"
AGENTS = Path(".claude/agents")
CONCISE = re.compile(r"[^:]+:\d+:\d+: (?:error|warning|info): .+ \[[a-z0-9-]+\]")

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `subwright lint` in an empty project."""
    monkeypatch.chdir(tmp_path)
    Path(".git").mkdir()

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, ["lint", *arguments], input=stdin)

    return run


def write(**texts: str) -> None:
    AGENTS.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (AGENTS / f"{name}.md").write_text(text, encoding="utf-8")


def configure(text: str) -> None:
    Path("pyproject.toml").write_text(f"[tool.subwright.lint]\n{text}\n", encoding="utf-8")


def rules_of(result: Result) -> list[str]:
    return re.findall(r"\[([a-z0-9-]+)\]$", click.unstyle(result.stdout), re.MULTILINE)


def concise(run: Run, *arguments: str) -> list[str]:
    return rules_of(run("--output-format", "concise", *arguments))


# What is read


def test_a_project_without_agents(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    assert "no agents here" in result.stderr
    assert result.stdout == ""


def test_the_agents_of_a_project(run: Run) -> None:
    write(good=GOOD, wrong=WRONG)
    result = run("--output-format", "concise")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert all(CONCISE.fullmatch(line) for line in lines)
    assert rules_of(result) == ["unknown-tool", "unknown-key"]
    assert lines[0].startswith(".claude/agents/wrong.md:4:8: error: ")
    assert result.stderr == "found 1 error, 1 warning in 2 files\n"


def test_one_file_with_its_neighbours(run: Run) -> None:
    write(one=GOOD, two=GOOD)
    result = run(str(AGENTS / "one.md"), "--output-format", "concise")
    assert rules_of(result) == ["duplicate-name"]
    assert result.stderr == "found 1 error in 1 file\n"


def test_of_a_neighbour_only_what_is_across_files_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        one=GOOD,
        two=GOOD.replace(
            "---\nReview", "# subwright: allow odd-name -- x\n---\n```py\n(\n```\nReview"
        ),
    )
    looked: list[bool] = []
    check = linter.check

    def watched(agent: Agent, rules: Sequence[Rule]) -> list[Diagnostic]:
        looked.append(bool(rules))
        return check(agent, rules)

    monkeypatch.setattr(linter, "check", watched)
    result = run(str(AGENTS / "one.md"), "--output-format", "concise", "--jobs", "1")
    assert rules_of(result) == ["duplicate-name"]
    assert looked == [True, False]


@pytest.mark.parametrize("path", ["nowhere", "empty", "agents.txt"])
def test_a_path_without_agents_is_wrong_use(run: Run, path: str) -> None:
    Path("empty").mkdir()
    Path("agents.txt").write_text("x")
    result = run(path)
    assert result.exit_code == 2
    assert f"`{path}`" in result.stderr
    assert result.stdout == ""


def test_a_file_that_cannot_be_read(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    (AGENTS / "a.md").symlink_to("b.md")
    (AGENTS / "b.md").symlink_to("a.md")
    result = run(str(AGENTS / "a.md"))
    assert result.exit_code == 2
    assert "a.md" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_markdown_file_that_the_client_skips(run: Run) -> None:
    write(notes="Some notes\n", README="About these agents\n", good=GOOD)
    (AGENTS / "docs").mkdir()
    (AGENTS / "docs/style.md").write_text("Style\n")
    result = run("--output-format", "concise")
    assert result.exit_code == 1
    assert rules_of(result) == ["not-an-agent"]
    assert "notes.md" in result.stdout


# Which rules run


def test_selection(run: Run) -> None:
    write(wrong=WRONG, warned=WARNED)
    assert concise(run, "--select", "tools") == ["unknown-tool"]
    assert concise(run, "--ignore", "unknown-tool,fields") == []
    assert concise(run, "--select", "fields", "--ignore", "unknown-color") == ["unknown-key"]
    assert "odd-name" not in concise(run)
    write(odd="---\nname: Odd One\ndescription: d\n---\nx\n")
    assert "odd-name" in concise(run, "--extend-select", "odd-name")
    assert "odd-name" in concise(run, "--select", "ALL")


def test_a_rule_that_is_not_there(run: Run) -> None:
    write(good=GOOD)
    result = run("--select", "unknown-tol")
    assert result.exit_code == 2
    assert "there is no rule `unknown-tol`" in result.stderr
    assert "unknown-tool" in result.stderr


def test_configuration(run: Run) -> None:
    write(wrong=WRONG, warned=WARNED)
    configure('ignore = ["unknown-tool"]\nallowed-keys = ["allowed-tools"]')
    assert concise(run) == ["unknown-color"]
    configure(
        '[tool.subwright.lint.per-file-ignores]\n".claude/agents/w*.md" = ["fields", "tools"]'
    )
    assert concise(run) == []
    configure("strict = true\nselect = ['unknown-color']")
    assert run().exit_code == 1
    configure('ignore = ["nothing"]')
    result = run()
    assert result.exit_code == 2
    assert "pyproject.toml:2" in result.stderr


def test_configured_roots(run: Run) -> None:
    for name in ("one", "two"):
        folder = Path("sets", name)
        folder.mkdir(parents=True)
        (folder / "a.md").write_text(GOOD)
    configure('roots = ["sets/*"]')
    assert concise(run) == []
    configure('roots = ["sets"]')
    assert concise(run) == ["duplicate-name"]


def test_contract(run: Run) -> None:
    write(good=GOOD, warned=WARNED)
    Path("pyproject.toml").write_text(
        '[tool.subwright.contract]\n".claude/agents/g*.md" = {sections = ["Checks"], tools = ["Read"]}\n'
    )
    result = run("--output-format", "concise", "--ignore", "fields")
    assert result.exit_code == 1
    assert set(rules_of(result)) == {"broken-contract"}
    assert "Checks" in result.stdout
    assert "warned.md" not in result.stdout


def test_ignores(run: Run) -> None:
    line = "# subwright: allow unknown-tool, unknown-key -- ours\n"
    write(wrong=WRONG.replace("tools: Raed", f"{line}tools: Raed"))
    assert concise(run) == ["unused-ignore", "unknown-key"]


# Exit status


@pytest.mark.parametrize(
    ("text", "arguments", "status"),
    [
        (GOOD, (), 0),
        (WARNED, (), 0),
        (WARNED, ("--strict",), 1),
        (WRONG, (), 1),
        (WRONG, ("--exit-zero",), 0),
        (WARNED, ("--diff",), 1),
        (WARNED, ("--diff", "--exit-zero"), 0),
        (WRONG, ("--diff",), 0),
        (GOOD, ("--diff",), 0),
        (WARNED, ("--fix", "--strict"), 0),
        (GOOD, ("--fix", "--diff"), 2),
        (GOOD, ("--stdin-filename", "x.md"), 2),
        (GOOD, ("--output-format", "xml"), 2),
        (GOOD, ("--jobs", "0"), 2),
    ],
)
def test_exit_status(run: Run, text: str, arguments: tuple[str, ...], status: int) -> None:
    write(agent=text)
    assert run(*arguments).exit_code == status


# Mending


def test_fix(run: Run) -> None:
    write(warned=WARNED, wrong=WRONG)
    before = (AGENTS / "warned.md").read_text()
    shown = run("--diff")
    assert "-color: Blue" in click.unstyle(shown.stdout)
    assert (AGENTS / "warned.md").read_text() == before
    assert run().stderr == "found 1 error, 2 warnings in 2 files; `--fix` mends 1\n"
    result = run("--fix")
    assert (AGENTS / "warned.md").read_text() == before.replace("Blue", "blue")
    assert "mended" in result.stderr
    again = run("--fix")
    assert "mended" not in again.stderr
    assert "mends" not in again.stderr


def test_fix_keeps_every_other_byte(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    raw = b"\xef\xbb\xbf---\r\nname: 'n'  # a\r\ndescription: \"d\"\r\ncolor:   Blue # c\r\n---\r\nbody  x\r\n"
    (AGENTS / "n.md").write_bytes(raw)
    assert run("--fix").exit_code == 0
    assert (AGENTS / "n.md").read_bytes() == raw.replace(b"Blue", b"blue")


def test_add_ignores_makes_a_clean_start(run: Run) -> None:
    write(wrong=WRONG, warned=WARNED, broken="no frontmatter\n")
    assert run("--add-ignores", "--strict").exit_code == 0
    assert run("--strict").exit_code == 0
    assert "# subwright: allow unknown-tool" in (AGENTS / "wrong.md").read_text()
    (AGENTS / "wrong.md").write_text(
        (AGENTS / "wrong.md").read_text().replace("Raed", "Read"), encoding="utf-8"
    )
    assert "unused-ignore" in concise(run)


def test_add_ignores_leaves_what_it_cannot_help(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    raws = {
        "latin": b"---\nname: latin\ndescription: Does caf\xe9\nnope: 1\n---\nDo caf\xe9 \xff\n",
        "utf16": "---\nname: wide\n---\n".encode("utf-16"),
        "empty": b"",
    }
    for name, raw in raws.items():
        (AGENTS / f"{name}.md").write_bytes(raw)
    assert run("--add-ignores").exit_code == 1
    assert {name: (AGENTS / f"{name}.md").read_bytes() for name in raws} == raws


def test_add_ignores_allows_mojibake(run: Run) -> None:
    write(odd=GOOD + "It doesnâ€™t matter.\n")
    run("--add-ignores")
    assert run("--strict").exit_code == 0
    with (AGENTS / "odd.md").open("a", encoding="utf-8") as file:
        file.write("\nIt doesnâ€™t matter.\n")
    assert rules_of(run()) == ["mojibake"]  # the comment is not about the rest of the file


def test_a_file_of_two_names_is_changed_once(run: Run) -> None:
    write(wrong=WRONG)
    (AGENTS / "link.md").symlink_to("wrong.md")
    run("--add-ignores")
    once = (AGENTS / "wrong.md").read_text(encoding="utf-8")
    assert [once.count(f" {rule}") for rule in ("unknown-tool", "unknown-key")] == [1, 1]
    assert "unknown-tool" not in rules_of(run())


@pytest.mark.parametrize("option", ["--fix", "--add-ignores"])
def test_what_was_changed_before_a_failure_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    write(a=WARNED, b=WARNED, c=WARNED)
    replace = files._replace

    def fail(target: Path, content: bytes) -> None:
        if target.name == "b.md":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(target, content)

    monkeypatch.setattr(files, "_replace", fail)
    result = run(option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: cannot write `.claude/agents/b.md`: Permission denied\n"
        "  help: 1 of 3 files were changed before it; the rest is as it was\n"
    )
    changed = [(AGENTS / name).read_text() != WARNED for name in ("a.md", "b.md", "c.md")]
    assert changed == [True, False, False]


# Files that are none


@needs_pipes
def test_what_is_no_file(run: Run) -> None:
    write(good=GOOD)
    for name, target in (("loop.md", "loop.md"), ("gone.md", "nowhere.md")):
        (AGENTS / name).symlink_to(target)
    os.mkfifo(AGENTS / "pipe.md")
    assert run().stderr == "checked 1 file, found nothing\n"
    assert run(str(AGENTS / "good.md")).exit_code == 0
    for name in ("loop.md", "gone.md", "pipe.md"):
        result = run(str(AGENTS / name))
        assert result.exit_code == 2
        assert f"`{AGENTS / name}`" in result.stderr
        assert "help: " in result.stderr


@pytest.mark.parametrize("name", ["", "pipe", "/dev/stdout", "/dev/null"])
@needs_pipes
def test_a_report_goes_into_files_alone(run: Run, name: str) -> None:
    write(wrong=WRONG)
    os.mkfifo("pipe")
    result = run("-o", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: `{name}` is not a file\n  help: ")
    assert Path("pipe").is_fifo()


def test_a_report_to_stdout(run: Run) -> None:
    write(wrong=WRONG)
    assert run("-o", "-").stdout == run().stdout
    assert not Path("-").exists()


@needs_pipes
def test_a_pipe_in_place_of_a_cache_is_not_waited_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(cache))
    write(**{f"n{n}": WRONG for n in range(20)})
    before = run()
    saved = [path for path in cache.rglob("*") if path.suffix in (".files", ".report")]
    assert len(saved) == 2
    for path in saved:
        path.unlink()
        os.mkfifo(path)
    assert run().stdout == before.stdout


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[tool.subwright.lint.per-file-ignores]\n"a.md" = ["fields"]\n"b.md" = ["nonsense"]\n', 3),
        ('[tool.subwright.lint.per-file-ignores]\n"x/*.md" = 1\n', 2),
        ('[tool.subwright.lint]\nper-file-ignores."b.md" = ["nonsense"]\n', 2),
        ('[tool.subwright.contract."agents/*.md"]\nsections = ["a"]\nnonsense = 1\n', 3),
        ("[tool.subwright.contract]\n'a' = {max_words = 'x'}\n", 2),
    ],
)
def test_configured_entries_are_refused_at_their_line(run: Run, text: str, line: int) -> None:
    write(good=GOOD)
    Path("pyproject.toml").write_text(text, encoding="utf-8")
    result = run()
    assert result.exit_code == 2
    assert f"pyproject.toml:{line}: " in result.stderr


def test_configured_paths_are_refused_at_their_line(run: Run) -> None:
    configure('strict = true\npaths = ["nowhere"]')
    result = run()
    assert result.exit_code == 2
    assert "pyproject.toml:3: there is no file or folder `nowhere`" in result.stderr
    assert "pyproject.toml" not in run("elsewhere").stderr


@pytest.mark.parametrize("words", [("--select", ""), ("",), ("--templates", "nowhere")])
def test_what_names_nothing_is_refused(run: Run, words: tuple[str, ...]) -> None:
    write(wrong=WRONG)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")


# stdin


def test_stdin(run: Run) -> None:
    result = run("-", "--output-format", "concise", stdin=WRONG)
    assert result.exit_code == 1
    assert result.stdout.startswith("-:4:8: error: ")
    named = run(
        "-", "--stdin-filename", ".claude/agents/w.md", "--output-format", "concise", stdin=WRONG
    )
    assert named.stdout.startswith(".claude/agents/w.md:4:8: ")


def test_stdin_is_mended_to_stdout(run: Run) -> None:
    result = run("-", "--fix", stdin=WARNED)
    assert result.stdout == WARNED.replace("Blue", "blue")
    assert run("-", "--fix", stdin=GOOD).stdout == GOOD
    shown = run("-", "--diff", stdin=WARNED)
    assert shown.exit_code == 1
    assert "+color: blue" in click.unstyle(shown.stdout)


def test_stdin_that_cannot_be_mended_is_reported_on_as_it_came(run: Run) -> None:
    raw = b"---\nname: x\ndescription: caf\xe9\n---\nx\n"
    seen = run("-", stdin=raw)
    assert rules_of(seen) == ["not-utf8"]
    mended = run("-", "--fix", stdin=raw)
    assert mended.stdout_bytes == raw
    assert "[not-utf8]" in mended.stderr


@pytest.mark.parametrize("other", ["--add-ignores", "--client", "x.md"])
def test_what_does_not_go_with_stdin(run: Run, other: str) -> None:
    result = run("-", other, stdin=GOOD)
    assert result.exit_code == 2
    assert "`-`" in result.stderr


# Formats


@pytest.mark.parametrize("style", FORMATS)
def test_formats(run: Run, style: str) -> None:
    write(wrong=WRONG, warned=WARNED)
    result = run("--output-format", style)
    assert result.exit_code == 1
    assert "unknown-tool" in result.stdout
    written = run("--output-format", style, "-o", "report")
    assert written.stdout == ""
    assert Path("report").read_text(encoding="utf-8") == click.unstyle(result.stdout)
    if style == "json":
        data = json.loads(result.stdout)
        assert [d["rule"] for d in data["diagnostics"]] == [
            "unknown-color",
            "unknown-tool",
            "unknown-key",
        ]
    elif style == "sarif":
        assert json.loads(result.stdout)["version"] == "2.1.0"
    elif style == "junit":
        assert Xml.fromstring(result.stdout).tag == "testsuites"


def test_a_report_that_cannot_be_written(run: Run) -> None:
    write(good=GOOD)
    result = run("-o", str(AGENTS))
    assert result.exit_code == 2
    assert f"'{AGENTS}' is a directory" in result.stderr


def test_quiet(run: Run) -> None:
    write(good=GOOD)
    result = run("-q")
    assert (result.exit_code, result.output) == (0, "")


def test_statistics(run: Run) -> None:
    write(wrong=WRONG, warned=WARNED)
    lines = [line.split() for line in click.unstyle(run("--statistics").stdout).splitlines()]
    assert ["1", "1", "warning", "unknown-color"] in lines
    configure("statistics = true")
    assert run().stdout.startswith("found")
    assert json.loads(run("--output-format", "json").stdout)["diagnostics"]


def test_the_order_is_the_same_with_processes(run: Run) -> None:
    AGENTS.mkdir(parents=True)
    for index in range(120):
        (AGENTS / f"{index}.md").write_text(WRONG.replace("wrong", f"n{index}"))
    one, two = (run("--output-format", "json", "--jobs", jobs) for jobs in ("1", "2"))
    assert one.stdout == two.stdout
    assert len(json.loads(one.stdout)["diagnostics"]) == 240


# Templates

TEMPLATE = """---
name: notes
description: Writes the notes of <<PROJECT>>
tools: Read, Raed
template:
  summary: notes
  variables:
    PROJECT: {type: string, default: this project, help: the project}
---
# Notes

See [the rules](#rules).
<% if PROJECT == "x" %>
## Rules

Be short.
<% endif %>
"""


def test_a_template_is_linted_as_what_it_renders_to(run: Run) -> None:
    Path("templates").mkdir()
    Path("templates/notes.md").write_text(TEMPLATE)
    result = run("templates", "--output-format", "concise")
    assert result.exit_code == 1
    assert rules_of(result) == ["unknown-tool", "broken-anchor"]
    assert [line.split(":")[1] for line in result.stdout.splitlines()] == ["4", "12"]
    allowed = TEMPLATE.replace("See [", "<!-- subwright: allow broken-anchor -- later -->\nSee [")
    Path("templates/notes.md").write_text(allowed.replace("Raed", "Edit"))
    assert run("templates", "--strict").exit_code == 0


def test_a_template_that_cannot_be_rendered(run: Run) -> None:
    Path("templates").mkdir()
    Path("templates/notes.md").write_text(TEMPLATE.replace("<<PROJECT>>", "<<PROJEKT>>"))
    result = run("templates")
    assert result.exit_code == 1
    assert "PROJEKT" in result.stdout
    assert "templates/notes.md:3" in click.unstyle(result.stdout)


# The client


def test_no_client(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(good=GOOD)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "nothing"))
    result = run("--client")
    assert result.exit_code == 2
    assert "no program `claude` on PATH" in result.stderr
    result = run("--client", str(AGENTS))
    assert result.exit_code == 2
    assert "write the paths before `--client`" in result.stderr


def test_the_clients_own_word(run: Run) -> None:
    write(good=GOOD, broken="---\nname: b\ndescription: 5\n---\n")
    result = run("--output-format", "concise", "--client", str(claude()))
    assert result.exit_code == 1
    assert re.search(r"broken\.md:1:1: error: Claude Code [\d.]+ does not load it", result.stdout)
    assert re.search(
        r"good\.md:1:1: info: Claude Code [\d.]+ loads it as `good` with ", result.stdout
    )


# This repository


def test_the_repository_is_clean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = run("--strict")
    assert result.exit_code == 0, result.output
    assert "checked 18 files" in result.stderr


def test_the_repository_is_clean_without_its_configuration(run: Run) -> None:
    for name in ("agents/mysql-8.4", "templates"):
        shutil.copytree(ROOT / name, name)
    result = run("agents", "templates", "--strict", "--select", "ALL")
    assert result.exit_code == 0, result.output
