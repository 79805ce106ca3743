"""Comments that allow what a rule finds: where they may stand, what they reach, how they are written and taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import linted

from subwright import ignores, lint, lint_text, linter
from subwright.agent import Agent, Place
from subwright.diagnostic import Severity, Span
from subwright.rules import Finding, Rule, every


def _bad(agent: Agent) -> Iterator[Finding]:
    for found in re.finditer(r"\bBAD\b", agent.text):
        yield Finding(Span(*found.span()), "a bad word")


def _worse(agent: Agent) -> Iterator[Finding]:
    for found in re.finditer(r"\bWORSE\b", agent.text):
        yield Finding(Span(*found.span()), "a worse word")


BAD = Rule("bad", Severity.WARNING, "text", _bad)
WORSE = Rule("worse", Severity.WARNING, "text", _worse)
UNUSED = every()["unused-ignore"]
MALFORMED = every()["malformed-ignore"]
RULES = [BAD, WORSE, UNUSED]

HEAD = "---\nname: x\ndescription: d\n---\n"


def run(text: str, *rules: Rule, template: bool = False) -> list[tuple[str | None, int]]:
    """The rule and the line of what remains."""
    agent = Agent.of("x.md", text.encode(), Place(template=template))
    chosen = rules or RULES
    found = linter.settle(linter.check_agent(agent, chosen), chosen)
    return [(diagnostic.rule, diagnostic.position.line) for diagnostic in found]


ALLOWED = {
    "the line before a field": "---\nname: x\n# subwright: allow bad\ndescription: BAD\n---\n",
    "the end of a field's line": "---\nname: x\ndescription: BAD # subwright: allow bad -- why\n---\n",
    "a field of several lines": (
        "---\nname: x\n# subwright: allow bad\ntools:\n  - Read\n  - BAD\ndescription: d\n---\n"
    ),
    "before an item": "---\nname: x\ntools:\n  - Read\n  # subwright: allow bad\n  - BAD\n---\n",
    "the first line": "---BAD\n".replace("BAD", "  ") + "# subwright: allow bad\nname: BAD\n---\n",
    "the line before": HEAD + "<!-- subwright: allow bad -->\nBAD\n",
    "a blank line between": HEAD + "<!-- subwright: allow bad -->\n\nBAD\n",
    "the end of the line": HEAD + "BAD <!-- subwright: allow bad -->\n",
    "one comment for two": HEAD + "BAD WORSE <!-- subwright: allow bad, worse -- why not -->\n",
    "two comments": (
        HEAD + "<!-- subwright: allow bad -->\n<!-- subwright: allow worse -->\nBAD WORSE\n"
    ),
    "a comment over lines": HEAD + "<!-- subwright: allow\n  bad\n-->\nBAD\n",
    "a fence": HEAD + "<!-- subwright: allow bad -->\n```text\na\nBAD\n```\n",
    "a fence in a list": HEAD + "- a\n\n  <!-- subwright: allow bad -->\n  ```text\n  BAD\n  ```\n",
    "a quote": HEAD + "> <!-- subwright: allow bad -->\n> BAD\n",
    "CRLF": (HEAD + "<!-- subwright: allow bad -->\nBAD\n").replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + HEAD + "<!-- subwright: allow bad -->\nBAD\n",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_allowed(text: str) -> None:
    assert "BAD" in text
    assert run(text) == []


NOT_ALLOWED = {
    "another rule": (HEAD + "<!-- subwright: allow worse -->\nBAD\n", 6),
    "the line after": (HEAD + "BAD\n<!-- subwright: allow bad -->\n", 5),
    "the second line after": (HEAD + "<!-- subwright: allow bad -->\nx\nBAD\n", 7),
    "a comment in a fence": (HEAD + "```text\n<!-- subwright: allow bad -->\nBAD\n```\n", 7),
    "a comment in a value": (
        '---\nname: x\ndescription: "\n  # subwright: allow bad\n  BAD"\n---\n',
        5,
    ),
    "after a fence": (HEAD + "<!-- subwright: allow bad -->\n```text\nx\n```\nBAD\n", 9),
    "after a field": (
        "---\n\nname: x\n# subwright: allow bad\ntools:\n  - x\ncolor: BAD\n---\n",
        7,
    ),
    "no comment": (HEAD + "subwright: allow bad\nBAD\n", 6),
    "another verb": (HEAD + "<!-- subwright: ignore bad -->\nBAD\n", 6),
    "no name": (HEAD + "<!-- subwright: allow -->\nBAD\n", 6),
    "everything": (HEAD + "<!-- subwright: allow ALL -->\nBAD\n", 6),
    "the template's comment": (HEAD + "<# subwright: allow bad #>\nBAD\n", 6),
}


@pytest.mark.parametrize(("text", "line"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_not_allowed(text: str, line: int) -> None:
    assert ("bad", line) in run(text, BAD)


def test_template_comments() -> None:
    agent = Agent.of(
        "x.md", f"{HEAD}<# subwright: allow bad #>\nBAD\n".encode(), Place(template=True)
    )
    (ignore,) = ignores.parse(agent)
    assert ignore.lines == (6, 6)
    assert [name for name, _ in ignore.names] == ["bad"]


def test_reason() -> None:
    text = HEAD + "x <!-- subwright: allow bad -- because -- of that -->\n"
    (ignore,) = ignores.parse(Agent.of("x.md", text.encode()))
    assert ignore.reason == "because -- of that"


UNUSED_ONES = {
    "all of it": (
        HEAD + "a\n<!-- subwright: allow bad -->\nb\n",
        HEAD + "a\nb\n",
    ),
    "at a line's end": (HEAD + "a <!-- subwright: allow bad -->\n", HEAD + "a\n"),
    "a part": (
        HEAD + "BAD <!-- subwright: allow worse, bad -- why -->\n",
        HEAD + "BAD <!-- subwright: allow bad -- why -->\n",
    ),
    "two parts": (
        HEAD + "BAD <!-- subwright: allow worse, bad, worse -->\n",
        HEAD + "BAD <!-- subwright: allow bad -->\n",
    ),
    "both": (HEAD + "a <!-- subwright: allow worse, bad -->\n", HEAD + "a\n"),
    "of a field": (
        "---\nname: x # subwright: allow bad\ndescription: d\n---\n",
        "---\nname: x\ndescription: d\n---\n",
    ),
    "the last line": (HEAD + "a\n<!-- subwright: allow bad -->", HEAD + "a\n"),
}


@pytest.mark.parametrize(("text", "without"), UNUSED_ONES.values(), ids=UNUSED_ONES)
def test_unused(text: str, without: str) -> None:
    agent = Agent.of("x.md", text.encode())
    found = linter.settle(linter.check_agent(agent, RULES), RULES)
    assert {diagnostic.rule for diagnostic in found} == {"unused-ignore"}
    assert linter.fixed(text, found) == without
    assert run(without) == []


def test_unused_only_of_rules_that_ran() -> None:
    text = HEAD + "<!-- subwright: allow worse -->\nx\n"
    assert run(text, WORSE, UNUSED) == [("unused-ignore", 5)]
    assert run(text, BAD, UNUSED) == []


def test_malformed() -> None:
    lines = [
        "allow",
        "disable bad",
        "",
        "allow ALL",
        "allow loading",
        "allow unused-ignor",
        "allow bad",
    ]
    text = HEAD + "".join(f"x <!-- subwright: {words} -->\n" for words in lines)
    agent = Agent.of("x.md", text.encode())
    found = linter.settle(linter.check_agent(agent, [MALFORMED]), [MALFORMED])
    assert [(d.position.line - 4, d.message) for d in found] == [
        (1, "the comment names no rule"),
        (2, "`disable` is no word that subwright knows"),
        (2, "there is no rule `bad`"),
        (3, "`` is no word that subwright knows"),
        (4, "there is no rule `ALL`"),
        (5, "there is no rule `loading`"),
        (6, "there is no rule `unused-ignor`"),
        (7, "there is no rule `bad`"),
    ]


ADDED = {
    "a field": "---\nname: x\ndescription: BAD\n---\n",
    "the first line of it": "---\n  BAD: x\n  name: x\n  description: d\n---\n",
    "an item": "---\nname: x\ntools:\n  - Read\n  - BAD\n---\n",
    "a block scalar": "---\nname: x\ndescription: |\n  a\n  BAD\n---\n",
    "a flow mapping": "---\n{name: x, description: BAD}\n---\n",
    "prose": HEAD + "a BAD b\n",
    "two in a line": HEAD + "BAD and WORSE\n",
    "a heading": HEAD + "## BAD\n\nx\n",
    "a setext heading": HEAD + "BAD\n===\n",
    "a table": HEAD + "| a | b |\n|---|---|\n| BAD | x |\n",
    "code": HEAD + "```text\na\nBAD\n```\n",
    "an info string": HEAD + "```BAD\na\n```\n",
    "code in a list": HEAD + "1. a\n\n   ```text\n   BAD\n   ```\n2. b\n",
    "code in a quote": HEAD + "> ```text\n> BAD\n> ```\n",
    "the last line": HEAD + "BAD",
    "CRLF": (HEAD + "```text\nBAD\n```\nBAD\n").replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", ADDED.values(), ids=ADDED)
def test_added(text: str) -> None:
    agent = Agent.of("x.md", text.encode())
    checked = linter.check_agent(agent, RULES)
    allowed = ignores.added(agent, linter.settle(checked, RULES))
    assert run(allowed) == []
    whole_line = r"(?m)^[ \t>]*(?:#|<!--) subwright: allow [^\r\n]*\r?\n"
    assert re.sub(r" <!-- subwright: allow .*? -->", "", re.sub(whole_line, "", allowed)) == text
    after = Agent.of("x.md", allowed.encode())
    assert after.data == agent.data
    assert len(after.spec.fences) == len(agent.spec.fences)
    assert len(after.spec.headings) == len(agent.spec.headings)
    assert ("\r\n" in text) == ("\r\n" in allowed)


def test_not_added_where_no_comment_reaches() -> None:
    for text in ("BAD\n", "---\nname: [\nBAD\n---\n"):
        agent = Agent.of("x.md", text.encode())
        found = linter.settle(linter.check_agent(agent, RULES), RULES)
        assert found
        assert ignores.added(agent, found).startswith(text.removesuffix("\n")[:3])


# What rules find that do not look at one text by itself

ALLOW_SAME = "# subwright: allow duplicate-name\n"


def test_mending_keeps_what_allows_a_rule_across_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = Path(".claude/agents/a.md"), Path(".claude/agents/b.md")
    first.parent.mkdir(parents=True)
    text = "---\nname: same\ndescription: d\n---\nx\n"
    first.write_text(allowed := text.replace("name", f"{ALLOW_SAME}name"))
    second.write_text(text)  # which is the one that is loaded
    assert linted()[:2] == (0, "")
    assert linted("--diff") == (0, "", "")
    assert linted("--fix")[:2] == (0, "")
    assert first.read_text() == allowed
    assert lint_text(allowed, first).findings == ()
    # where the second is gone it is unused, which only a run over all files can tell
    second.unlink()
    [found] = lint(first).findings
    assert (found.rule, found.fix) == ("unused-ignore", None)


def test_mending_keeps_what_a_template_allows_in_what_it_renders_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "---\ntemplate:\n  summary: s\nname: x\ndescription: d\n"
        "# subwright: allow disabled-tool\ntools: Read, TodoWrite\n---\nx\n"
    )
    Path("x.md").write_text(text)
    assert "disabled-tool" not in linted("x.md")[1]
    assert linted("x.md", "--diff") == (0, "", "")
