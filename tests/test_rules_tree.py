"""The rules across files: what is in a summary, and what a tree of them comes to."""

from __future__ import annotations

import marshal
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import claude

from subwright import linter, run
from subwright.agent import Agent, Place
from subwright.cli import main
from subwright.client.start import Talk, open_room
from subwright.discovery import Root, Targets
from subwright.rules import every
from subwright.settings import settings
from subwright.tree import Summary, Tree, summarise

RULES = [rule for rule in every().values() if rule.family == "tree"]


def agent(
    name: str | None, path: str = "a.md", *lines: str, body: str = "", plugin: bool = False
) -> Agent:
    front = [f"name: {name}"] * (name is not None) + [f"description: the agent at {path}", *lines]
    text = "\n".join(["---", *front, "---", body, ""])
    return Agent.of(path, text.encode(), Place(plugin=plugin, path=path))


def found(*agents: Agent) -> list[tuple[str | None, str, str]]:
    """The rules that find something, the file, and the text that they point at."""
    summaries = tuple(summary for a in agents if (summary := summarise(a)))
    sources = {a.source.path: a.source for a in agents}
    tree = Tree("agents", agents[0].place.plugin, summaries, sources)
    return [
        (d.rule, d.source.path, d.source.text[slice(*d.span)])
        for d in linter.check_tree(tree, RULES)
    ]


def named(*lines: str, body: str = "") -> list[str]:
    """The agents that a file names."""
    tested = agent("x", "a.md", *lines, body=body)
    summary = summarise(tested)
    assert summary is not None
    for name, where in summary.mentions:
        assert name in tested.text[slice(*where)]
    return [name for name, _ in summary.mentions]


MENTIONS = {
    "Then use the code-reviewer agent.": ["code-reviewer"],
    "Invoke the `code-reviewer` subagent, and ask the **test-writer** sub-agent": [
        "code-reviewer",
        "test-writer",
    ],
    "Use code-reviewer agent": ["code-reviewer"],
    "USE THE code-reviewer AGENT": ["code-reviewer"],
    "It is handed off to `code-reviewer`. DEFER TO `a-b`": ["code-reviewer", "a-b"],
    "use the code-reviewer agent <!-- subwright: allow unknown-agent -->": ["code-reviewer"],
    "ask @agent-reviewer to": ["reviewer"],
    "Delegate all of it to `code-reviewer`.": ["code-reviewer"],
    "Handoff to `a-b`, then escalate to the `c-d`": ["a-b", "c-d"],
    'Agent(subagent_type="reviewer")': ["reviewer"],
    '```json\n{"subagent_type": "reviewer"}\n```': ["reviewer"],
    "subagent_type\u00a0:\r\n\t`reviewer`, 'subagent_type' = 'a'": ["reviewer", "a"],
    # what is no name, or not said to the agent
    "Use the specialised agent.": [],
    "use a multi-step agent": [],
    "use the code-reviewer agents-file": [],
    "use the code-reviewer agent-based way": [],
    "use the my-custom agent": [],
    "@agent-team:reviewer, a@agent-b": [],
    "<example>use the code-reviewer agent</example>": [],
    'assistant: "I use the code-reviewer agent"': [],
    "```\nuse the code-reviewer agent\n```": [],
    "delegate to `code-reviewer` in time": [],
    "refer to `code-reviewer`.": [],
    'subagent_type="team:reviewer"': [],
}


@pytest.mark.parametrize("body", MENTIONS)
def test_mentions(body: str) -> None:
    assert named(body=body) == MENTIONS[body]


def test_mentions_in_tools() -> None:
    assert named("tools: Read, Agent(a, b), Task(c:d), Agent, Bash(e)") == ["a", "b", "c:d"]


def test_a_summary_is_small() -> None:
    tested = agent("x", body="Use the code-reviewer agent.\n" * 3 + "text " * 10_000)
    summary = summarise(tested)
    assert summary is not None
    assert len(marshal.dumps(tuple(summary))) < 1000
    assert Summary(*marshal.loads(marshal.dumps(tuple(summary)))) == summary


def test_an_agent_that_does_not_exist() -> None:
    other = agent("code-reviewer", "b.md")
    wrong = agent("x", "a.md", body="Use the code-revewer agent. Use the code-revewer agent.")
    assert found(wrong, other) == [("unknown-agent", "a.md", "code-revewer")]
    assert found(agent("x", "a.md", "tools: Agent(y, Explore)"), other) == [
        ("unknown-agent", "a.md", "y")
    ]
    # who else there is, a single file does not tell, nor does a plugin
    assert found(wrong) == []
    parts = agent("x", "a.md", body="Use the code-revewer agent.", plugin=True)
    assert found(parts, agent("y", "b.md", plugin=True)) == []
    # a name may be written as in prose
    spaced = agent("Code Reviewer", "b.md")
    assert found(agent("x", "a.md", body="Use the code-reviewer agent."), spaced) == []


def test_the_same_name_twice() -> None:
    first, second = agent("x", "a.md"), agent("x", "b/a.md")
    assert found(first, second) == [("duplicate-name", "a.md", "x")]
    assert found(first, agent("X", "b.md")) == []
    broken = [
        agent("x", "b.md", "hooks: 5"),
        Agent.of("c.md", b"---\nname: x\n---\n"),
        Agent.of("d.md", b"---\nname: [x]\ndescription: d\n---\n"),
        Agent.of("e.md", b"---\nname: 'x\n---\n"),
    ]
    assert found(first, *broken) == []


def test_the_same_name_twice_in_a_plugin() -> None:
    files = [agent("x", path, plugin=True) for path in ("a.md", "b.md", "c/a.md")]
    assert found(*files) == [("duplicate-name", "a.md", "x")]
    unnamed = [agent(None, path, plugin=True) for path in ("c/x.md", "d/x.md")]
    assert found(*unnamed) == []
    assert found(agent("x", "c/a.md", plugin=True), unnamed[0]) == [
        ("duplicate-name", "c/a.md", "x")
    ]


@pytest.mark.parametrize("given", [("a.md",), ("c.md",), ("a.md", "c.md")])
def test_a_duplicate_is_told_of_either_file(tmp_path: Path, given: tuple[str, ...]) -> None:
    """A file that takes the place of another is at fault, though the other is marked."""
    for path, name in (("a.md", "x"), ("b.md", "y"), ("c.md", "x")):
        (tmp_path / path).write_text(agent(name, path).text, encoding="utf-8")
    root = Root(tmp_path, tuple(str(tmp_path / path) for path in ("a.md", "b.md", "c.md")))

    def told(*paths: str) -> list[tuple[str | None, str]]:
        targets = Targets()
        targets.add(root, [str(tmp_path / path) for path in paths])
        chosen = settings(None, select=["tree", "empty-body", "ignores"])
        result = run.lint(targets, chosen)
        assert result.files == tuple(str(tmp_path / path) for path in paths)
        return [(d.rule, Path(d.source.path).name) for d in result.diagnostics]

    bodies = [("empty-body", path) for path in given]
    assert sorted(told(*given)) == [("duplicate-name", "a.md"), *bodies]
    assert told("b.md") == [("empty-body", "b.md")]
    # whatever else is wrong with the other
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    comment = "---\n# subwright: allow nothing\n"
    (tmp_path / "a.md").write_text(text.replace("---\n", comment, 1), encoding="utf-8")
    assert told("c.md") == [("duplicate-name", "a.md"), ("empty-body", "c.md")]
    assert len(told("a.md")) == 3


def test_ignores_are_added_to_no_file_but_the_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(".claude/agents")
    folder.mkdir(parents=True)
    texts = {folder / name: agent("x", name).text for name in ("a.md", "b.md")}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["lint", "--add-ignores", str(folder / "b.md")])
    assert "duplicate-name" in result.stdout
    assert result.exit_code == 1
    changed = [path.name for path, text in texts.items() if path.read_text() != text]
    assert changed == ["b.md"]  # whose body is empty


def test_built_in_names() -> None:
    assert found(agent("Explore")) == [("built-in-name", "a.md", "Explore")]
    assert found(agent("explore")) == []
    assert found(agent("Explore", plugin=True)) == []


def test_costly_descriptions() -> None:
    half = "hint: x\ndescription: " + "words " * 4_900
    assert found(agent("x", "a.md", half), agent("y", "b.md", half)) == []
    longer = agent("z", "c.md", f"description: {'words ' * 6_000}")
    assert found(agent("x", "a.md", half), longer) == [
        ("costly-descriptions", "c.md", ("words " * 6_000).strip())
    ]


def test_the_client_drops_the_same() -> None:
    paths = ["a/z.md", "a-b.md", "b.md", "Z.md", "s/c.md", "t/c.md", "_.md", ".h.md", "\u00e9.md"]
    agents = [agent(name, f"{name}/{path}") for name in ("x", "y") for path in paths]
    agents.sort(key=lambda a: a.source.path)
    lost = {path for rule, path, _ in found(*agents) if rule == "duplicate-name"}
    with open_room() as room:
        for tested in agents:
            file = room.agents / tested.source.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(tested.text, encoding="utf-8")
        with Talk(claude(), room, (), 60) as talk:
            listed = talk.request("initialize", "agents")
            talk.finish()
    loaded = {entry["description"].removeprefix("the agent at ") for entry in listed}
    assert {a.source.path for a in agents} - loaded == lost
