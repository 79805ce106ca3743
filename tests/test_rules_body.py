"""The rules about the Markdown of a prompt, beyond their own examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from subwright import linter
from subwright.agent import Agent, Place
from subwright.diagnostic import Diagnostic, Span
from subwright.markdown import prose
from subwright.rules import every

RULES = every()
HEAD = "---\nname: n\ndescription: d\n---\n"


def found(rule: str, body: str, path: str | None = None) -> list[Diagnostic]:
    agent = Agent.of(path or "n.md", (HEAD + body).encode(), Place(path=path))
    return linter.check(agent, [RULES[rule]])


def lines(rule: str, body: str) -> list[int]:
    """The lines of the body, counted from 1, in which a rule finds something."""
    return [diagnostic.position.line - 4 for diagnostic in found(rule, body)]


# Prose


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a `b` c", "a     c"),
        ("a ``b ` c`` d", "a           d"),
        ("a ` b", "a ` b"),
        ("a \\` b ` c", "a \\` b ` c"),
        ("a ` b\n\nc ` d", "a ` b\n\nc ` d"),
        ("a ` b\nc ` d", "a    \n    d"),
        ("- a ` b\n- c ` d", "- a ` b\n- c ` d"),
        ("a <!-- b\n\n` --> c `d`", "a       \n\n      c    "),
        ("a <!-- b", "a <!-- b"),
        ("`<!--` a -->", "       a -->"),
        ("a\n```\nb `c\n```\nd` e", "a\n   \n    \n   \nd` e"),
        ("a\n```\nb", "a\n   \n "),
        ("> ~~~\n> b\n> ~~~\nc", "     \n   \n     \nc"),
    ],
)
def test_prose(body: str, left: str) -> None:
    agent = Agent.of("n.md", (HEAD + body).encode())
    assert agent.spec.prose[: len(HEAD)].split() == []
    assert agent.spec.prose[len(HEAD) :] == left


def test_prose_of_a_part() -> None:
    assert prose("a `b` c", Span(0, 4), ()) == "a `b   "


# Fences


def test_one_nested_fence_is_reported() -> None:
    body = "```md\n```py\nx\n```\n```\n\n```md\n```py\ny\n```\n```\n"
    assert lines("nested-fence", body) == [2]
    agent = Agent.of("n.md", (HEAD + body).encode())
    text = agent.text
    for _ in range(3):
        text = linter.fixed(
            text, linter.check(Agent.of("n.md", text.encode()), [RULES["nested-fence"]])
        )
    assert text == HEAD + "````md\n```py\nx\n```\n````\n\n````md\n```py\ny\n```\n````\n"


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        ("```markdown\n```py\nx\n```\n```\n", "````markdown\n```py\nx\n```\n````\n"),
        ("```md\n````py\nx\n````\n```\n", "`````md\n````py\nx\n````\n`````\n"),
        (
            "- a\n  ```md\n  ```py\n  x\n  ```\n  ```\n",
            "- a\n  ````md\n  ```py\n  x\n  ```\n  ````\n",
        ),
        # nobody knows where the outer one was to end
        ("```md\n```py\nx\n```\n", None),
        # the first of these may lack its end
        ("```\na\n```py\nx\n```\nb\n```\n", None),
        ("```js\na\n```py\nx\n```\n", None),
    ],
)
def test_longer_fence(body: str, fixed: str | None) -> None:
    diagnostics = found("nested-fence", body)
    assert len(diagnostics) == 1
    assert bool(diagnostics[0].fix) is (fixed is not None)
    if fixed is not None:
        assert linter.fixed(HEAD + body, diagnostics) == HEAD + fixed
        assert found("nested-fence", fixed) == []
        assert found("unclosed-fence", fixed) == []


@pytest.mark.parametrize(
    "body",
    [
        "````md\n```py\nx\n```\n````\n",
        "~~~md\n```py\nx\n```\n~~~\n",
        '```py\ndef f():\n    """\n    ```json\n    {}\n    ```\n    """\n```\n',
        "```sh\necho `date`\n```\n```sh\nls\n```\n",
    ],
)
def test_fences_that_nest(body: str) -> None:
    assert lines("nested-fence", body) == []
    assert lines("unclosed-fence", body) == []


def test_unclosed() -> None:
    assert lines("unclosed-fence", "a\n```py\nx\n") == [2]
    assert lines("unclosed-fence", "- a\n\n  ```py\n  x\n\nb\n") == [3]
    assert lines("unclosed-fence", "```md\n```py\nx\n```\n```\n") == [], "a consequence"
    assert lines("unclosed-fence", "```py\nx\n````\n") == []


# Tags


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("<example>\nx\n</example>\n", []),
        ("<example>x</example>\n", []),
        ("<example>\n<example>\nx\n</example>\n", [1]),
        ("x\n</example>\n", [2]),
        ("<details>\n<summary>x</summary>\n\ny\n", [1]),
        ("<Details>\n", [1]),
        ("<details>\n<summary>x</summary>\n\ny\n\n</details>\n", []),
        ("<a-b>\n<c>\nx\n</a-b>\n</c>\n", [2, 5]),
        ("Write <name> and <file>\n", []),
        ("Use the <example> tag.\n<example>\nx\n</example>\n", []),
        ("<br>\n<img src=x>\n<p>\n", []),
        ("`<example>` and\n```\n<example>\n```\n</b>\n", []),
        ('<agent kind="x">\nx\n</agent>\n', []),
        ("<empty/>\n", []),
        ("- <rule>\n  x\n  </rule>\n", []),
        ("text </example>\n", [1]),
        ("<Example>\nx\n</example>\n", [3]),
    ],
)
def test_tags(body: str, wrong: list[int]) -> None:
    assert lines("unbalanced-tag", body) == wrong


# Links


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ("[a](docs/a.md)", True),
        ("[a](docs/b.md)", False),
        ("[a](docs/a.md#part)", True),
        ('[a](docs/b.md "title")', False),
        ("[a](<docs/b.md>)", False),
        ("![a](b.png)", False),
        ("[a]: docs/b.md", False),
        ("[a](../docs/a.md)", True),
        ("[a](docs/)", True),
        ("[a](nothing/)", False),
        ("[a](a%20b.md)", True),
        ("[a](https://example.org/b.md)", True),
        ("[a](mailto:b@example.org)", True),
        ("[a](/b.md)", True),
        ("[a](url)", True),
        ("[a](path/to/file.md)", True),
        ("[a]({{ b }}.md)", True),
        ("`[a](docs/b.md)`", True),
        ("array[0](b.md)", False),
        ("    [a](b.md)", False),
    ],
)
def test_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, there: bool) -> None:
    monkeypatch.chdir(tmp_path)
    agents = Path(".claude/agents")
    agents.mkdir(parents=True)
    Path(".git").mkdir()
    Path("docs").mkdir()
    Path("docs/a.md").touch()
    (agents / "a b.md").touch()
    assert (not found("broken-link", f"{link}\n", str(agents / "n.md"))) is there


def test_links_of_a_text_from_nowhere() -> None:
    assert found("broken-link", "[a](docs/b.md)\n") == []


@pytest.mark.parametrize(
    ("anchor", "there"),
    [
        ("check-list", True),
        ("Check-List", True),
        ("checklist", False),
        ("whats-new-in-20", True),
        ("code-in-it", True),
        ("check-list-1", True),
        ("check-list-2", False),
        ("a-link", True),
        ("here", True),
        ("%C3%BCber", True),
    ],
)
def test_anchors(anchor: str, there: bool) -> None:
    body = (
        f"[x](#{anchor})\n\n## Check list\n\n## What's new in 2.0?\n\n## Code `in` it\n\n## Check list\n\n"
        '## A [link](https://example.org)\n\n<a id="here"></a>\n\n## Über\n'
    )
    assert (not found("broken-anchor", body)) is there


def test_a_near_anchor_is_offered() -> None:
    (diagnostic,) = found("broken-anchor", "[x](#check-lists)\n\n## Check list\n")
    assert diagnostic.help == "did you mean `check-list`?"


# Headings


def test_headings() -> None:
    assert lines("skipped-level", "## a\n\n#### b\n\n## c\n\n### d\n") == [3]
    assert lines("skipped-level", "### a\n\nx\n") == []
    assert lines("duplicate-section", "# a\n\n## b\n\n# c\n\n## b\n\n## B\n") == [9]
    assert lines("empty-section", "# a\n\n## b\n\n## c\n\nx\n\n# d\n") == [3, 9]
    assert lines("empty-section", "a\n===\n\nx\n\nb\n---\n") == [6]


def test_an_empty_body() -> None:
    assert len(found("empty-body", " \n\n")) == 1
    assert found("empty-body", "x") == []
    agent = Agent.of("n.md", b"no agent")
    assert linter.check(agent, [RULES["empty-body"]]) == []
