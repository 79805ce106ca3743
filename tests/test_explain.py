"""What is said of the rules: by the command, in docs/rules.md and in the README."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT
from markdown_it import MarkdownIt

from subwright import rules
from subwright.cli import main
from subwright.cli.explain import explain_command
from subwright.diagnostic import Severity
from subwright.output import explained
from subwright.rules import FAMILIES, Finding, Rule, every
from subwright.rules.documentation import STOPS, documentation

RULES = every()
DOCUMENT = ROOT / "docs/rules.md"
README = ROOT / "README.md"


def old_name(agent: object) -> Iterator[Finding]:
    """The name is an old one.

    Claude Code drops it.

    - a list that keeps
    - its lines

    ```fail path=a.md plugin servers=b,a
    name: `old`
    ```

    ```fail path=b.md keys=k
    name: old
    ```

    ````fail template
    ```
    name: old
    ```
    ````

    ```fix
    name: new
    ```

    ```pass servers= escaped times=3
    \\xff
    a

    ```
    """
    yield from ()


OLD_NAME = Rule("old-name", Severity.ERROR, "loading", old_name, True, True, aliases=("former",))


def explain(*args: str) -> Result:
    result = CliRunner().invoke(main, ["explain", *args], prog_name="subwright")
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def with_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules._RULES, OLD_NAME.name, OLD_NAME)


def test_docstring_is_read() -> None:
    said = documentation(OLD_NAME)
    assert said.summary == "The name is an old one."
    assert said.why == "Claude Code drops it.\n\n- a list that keeps\n- its lines"
    tree, template, right = said.examples
    assert [tree.wrong, template.wrong, right.wrong] == [True, True, False]
    assert [(file.path, file.code) for file in tree.files] == [
        ("a.md", "name: `old`\n"),
        ("b.md", "name: old\n"),
    ]
    assert tree.files[0].notes == ("`a.md`", "in a plugin", "with the MCP servers `a`, `b`")
    assert tree.files[1].notes == ("`b.md`", "where the project allows `k`")
    assert template.files[0].notes == ("a template",)
    assert template.files[0].code == "```\nname: old\n```\n"
    assert template.fixed is not None
    assert template.fixed.raw == b"name: new\n"
    assert right.files[0].raw == b"\xff\na\n\n\n\n"
    assert right.files[0].notes == (
        "without MCP servers",
        "with escapes for bytes",
        "its last line 3 times",
    )


def test_rule_is_explained_in_a_terminal(with_old_name: None) -> None:
    result = explain("old-name")
    assert result.exit_code == 0
    assert (
        result.stdout
        == """\
old-name: error, keeps the agent from loading, mended by `--fix`, once named `former`

The name is an old one.

Claude Code drops it.

- a list that keeps
- its lines

Claude Code does not load such a file.

Wrong, `a.md`, in a plugin, with the MCP servers `a`, `b`

    name: `old`

And, `b.md`, where the project allows `k`

    name: old

Wrong, a template

    ```
    name: old
    ```

After `--fix`

    name: new

Right, without MCP servers, with escapes for bytes, its last line 3 times

    \\xff
    a

To allow it, on its line or before it

    # subwright: allow old-name -- reason         in the frontmatter
    <!-- subwright: allow old-name -- reason -->  below it
"""
    )
    assert explain("former").stdout == result.stdout


@pytest.mark.parametrize("width", [40, 80])
def test_prose_fits_the_terminal(width: int) -> None:
    for rule in RULES.values():
        prose = explained.text(rule, width).split("\x1b[1mWrong")[0].split("\n\n")[1:]
        for line in "\n".join(prose).split("\n"):
            assert len(line) <= width or " " not in line or line.startswith(("-", "|")), line


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_explained(name: str) -> None:
    text = explain(name).stdout
    assert text.startswith(f"{name}: {RULES[name].severity.value}")
    assert RULES[name].summary in " ".join(text.split())
    assert (STOPS in text) == RULES[name].stops
    assert "\nWrong" in text
    assert "\nRight" in text
    assert f"# subwright: allow {name} -- reason\n" in re.sub(" {2,}in the", "\n", text)
    single = explain(name, "--output-format", "markdown").stdout
    assert single in explain("--output-format", "markdown").stdout


def test_rules_are_listed() -> None:
    head, *lines = explain().stdout.splitlines()
    assert head.split() == ["family", "rule", "severity", "fix", "finds"]
    assert [line.split()[:2] for line in lines] == [[r.family, r.name] for r in RULES.values()]
    for line, rule in zip(lines, RULES.values(), strict=True):
        assert line.endswith(rule.summary)
        assert ("--fix" in line.split()) == rule.fixable
        assert (", off " in line) == (rule.severity is Severity.INFO)
    assert explain("ALL").stdout == explain().stdout
    own = explain("loading").stdout.splitlines()[1:]
    assert {line.split()[0] for line in own} == {"loading"}


def test_rules_as_data() -> None:
    data = json.loads(explain("--output-format", "json").stdout)
    assert data["version"] == 1
    assert [rule["name"] for rule in data["rules"]] == list(RULES)
    (one,) = json.loads(explain("duplicate-key", "--output-format", "json").stdout)["rules"]
    assert one in data["rules"]
    assert one["severity"] == "warning"
    assert one["default"] is True
    assert [example["wrong"] for example in one["examples"]] == [True, False]


@pytest.mark.parametrize(
    ("name", "advice"),
    [("duplicate-keys", "did you mean `duplicate-key`?"), ("qqq", "`subwright explain` lists all")],
)
def test_unknown_rule(name: str, advice: str) -> None:
    result = explain(name)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"error: there is no rule `{name}`\n  help: {advice}" in result.stderr


def test_names_are_completed() -> None:
    (argument,) = [param for param in explain_command.params if param.name == "name"]
    ctx = explain_command.make_context("explain", [])
    found = {item.value: item.help for item in argument.shell_complete(ctx, "duplicate-k")}
    assert found == {"duplicate-key": RULES["duplicate-key"].summary}
    every_name = {item.value for item in argument.shell_complete(ctx, "")}
    assert every_name == {*RULES, *FAMILIES}


# Documents


def test_document(snapshot: Callable[[Path, str], None]) -> None:
    text = explained.markdown(RULES.values())
    snapshot(DOCUMENT, text)
    assert explain("--output-format", "markdown").stdout == text


def test_document_is_whole() -> None:
    tokens = MarkdownIt("commonmark").parse(explained.markdown([*RULES.values(), OLD_NAME]))
    headings = [tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open"]
    names = [name for name in headings if name in RULES]
    assert names == list(RULES)
    assert len(set(headings[:-2])) == len(headings[:-2]), "every anchor leads to one place"
    codes = [token.content for token in tokens if token.type == "fence"]
    shown = [
        file.code
        for rule in (*RULES.values(), OLD_NAME)
        for example in documentation(rule).examples
        for file in (*example.files, *([example.fixed] if example.fixed else ()))
    ]
    assert codes == shown


def rules_table() -> str:
    rows = ["| family | rules |", "|---|---|"]
    for family in FAMILIES:
        names = [
            f"[{rule.name}](docs/rules.md#{rule.name})"
            for rule in RULES.values()
            if rule.family == family
        ]
        rows.append(f"| [{family}](docs/rules.md#{family}) | {', '.join(names)} |")
    return "\n".join(rows)


def test_table_of_the_readme(snapshot: Callable[[Path, str], None]) -> None:
    text = README.read_text(encoding="utf-8")
    start = text.index("\n", text.index("<!-- rules:")) + 1
    end = text.index("<!-- end of rules -->")
    snapshot(README, text[:start] + "\n" + rules_table() + "\n" + text[end:])
