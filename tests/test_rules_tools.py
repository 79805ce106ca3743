"""The rules about tools: on every way to write them, and held against the client that gives them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import stub_mcp
from support import SERENA, claude

from subwright import claude_code, client, linter
from subwright.agent import Agent
from subwright.rules import every
from subwright.rules.tools.entries import meaning

RULES = [rule for rule in every().values() if rule.family == "tools"]


def agent(*lines: str, body: str = "body") -> Agent:
    text = "\n".join(["---", "name: reviewer", "description: d", *lines, "---", body, ""])
    return Agent.of("agent.md", text.encode())


def found(tested: Agent) -> list[tuple[str | None, str]]:
    """The rules that find something, but for habits, and the text that they point at."""
    loud = [rule for rule in RULES if rule.default]
    return [(d.rule, tested.text[slice(*d.span)]) for d in linter.check(tested, loud)]


CLEAN = [
    "tools: Read, Grep, Glob, Bash",
    "tools: [Read, 'Edit', \"Write\"]",
    "tools:\n  - Read\n  - Bash(git add, git commit)",
    "tools: >\n  Read,\n  Bash Edit",
    "tools: '*'",
    "tools: *",
    'tools: Read, Bash(echo "a;b|c"), Agent(a, b)',
    "tools: mcp__a, mcp__a__*, mcp__a__b, mcp__my-server__get-x, mcp__plugin_a_b__c",
    "tools: []\nmemory: user",
    "tools: LS\nmemory: user",
    "disallowedTools: Write, mcp__*, mcp__a__b, MultiEdit, Bash(*)",
    "disallowedTools:",
    "model: haiku",
    "tools: ExitPlanMode\npermissionMode: plan",
]


@pytest.mark.parametrize("front", [front for front in CLEAN if "LS" not in front])
def test_nothing_to_find(front: str) -> None:
    assert found(agent(front)) == []


FINDINGS = {
    "tools: [read, 'run_in_terminal', \"codebase\"]": [
        ("unknown-tool", "read"),
        ("foreign-tool", "run_in_terminal"),
        ("foreign-tool", "codebase"),
    ],
    "tools: read/readFile, vscode/extensions": [
        ("foreign-tool", "read/readFile"),
        ("foreign-tool", "vscode/extensions"),
    ],
    "tools: Web Search, Read": [("unknown-tool", "Web Search")],
    "tools: All tools": [("unknown-tool", "All tools")],
    "tools: read bash": [("unknown-tool", "read"), ("unknown-tool", "bash")],
    "tools: web_search, todo-write": [
        ("unknown-tool", "web_search"),
        ("unknown-tool", "todo-write"),
    ],
    "tools: Read, docker(ps)": [("unknown-tool", "docker(ps)")],
    'tools: "Rea\\u0064, rea\\u0064"': [("unknown-tool", '"Rea\\u0064, rea\\u0064"')],
    "tools: >\n  Read,\n  read": [("unknown-tool", "read")],
    "tools: Read\nx: &t [bash]\ndisallowedTools: *t": [("useless-disallow", "bash")],
    "tools: Read|Bash": [("wrong-separator", "Read|Bash")],
    "tools: `Read`, `Bash`": [("wrong-separator", "`Read`")],
    "tools: [Read, Bash": [("wrong-separator", "[Read")],
    "tools: |\n  - Read\n  - Bash": [("wrong-separator", "Read\n  -")],
    "tools: 'Read\tBash'": [("wrong-separator", "Read\tBash")],
    "tools: Read, Bash(git *, Edit": [("wrong-separator", "(")],
    "disallowedTools: Read; Bash": [("wrong-separator", "Read;")],
    "tools: Read and Bash & Edit": [("stray-separator", "and"), ("stray-separator", "&")],
    "tools: CI/CD, Read/Write": [("unknown-tool", "CI/CD"), ("wrong-separator", "Read/Write")],
    "tools: MCP__a__b, mcp_a_b, mcp__a__x_*, mcp__*, a/b_c, mcp__a__": [
        ("mcp-pattern", "MCP__a__b"),
        ("mcp-pattern", "mcp_a_b"),
        ("mcp-pattern", "mcp__a__x_*"),
        ("mcp-pattern", "mcp__*"),
        ("mcp-pattern", "a/b_c"),
        ("mcp-pattern", "mcp__a__"),
    ],
    "tools: LS": [("no-tools", "LS"), ("retired-tool", "LS")],
    "tools: TodoWrite": [("disabled-tool", "TodoWrite"), ("no-tools", "TodoWrite")],
    "tools: mcp__a__b\ndisallowedTools: mcp__a": [("no-tools", "mcp__a__b")],
    "tools: {read: true}": [("no-tools", "{read: true}")],
    "tools: ~": [("no-tools", "~")],
    "tools:": [("no-tools", "tools")],
    "tools: [5]": [("no-tools", "[5]")],
    "tools: [Read, 5, ~]": [("ignored-item", "5"), ("ignored-item", "~")],
    "tools: Task, KillShell(x)\ndisallowedTools: Brief": [
        ("tool-alias", "Task"),
        ("tool-alias", "KillShell(x)"),
        ("tool-alias", "Brief"),
    ],
    "tools: Read, mcp__a__b\ndisallowedTools: mcp__a": [("granted-and-disallowed", "mcp__a__b")],
    "tools: Read, mcp__a\ndisallowedTools: mcp__*": [("granted-and-disallowed", "mcp__a")],
    "tools: Read, Agent\ndisallowedTools: Task": [
        ("granted-and-disallowed", "Agent"),
        ("tool-alias", "Task"),
    ],
    "disallowedTools: Bash(rm:*), Bash()": [("disallowed-specifier", "Bash(rm:*)")],
    "disallowedTools: ['*', Bash(rm)]": [("useless-disallow", "*")],
    "disallowedTools: {a: b}": [("useless-disallow", "{a: b}")],
    "disallowedTools: mcp__a__x_*, edit_file": [
        ("useless-disallow", "mcp__a__x_*"),
        ("useless-disallow", "edit_file"),
    ],
    "tools: mcp__serena__think_about_it, mcp__serena__find_symbl": [
        ("unserved-tool", "mcp__serena__think_about_it"),
        ("unserved-tool", "mcp__serena__find_symbl"),
    ],
    "tools: ExitPlanMode, Read": [("main-only-tool", "ExitPlanMode")],
}


@pytest.mark.parametrize("front", FINDINGS)
def test_findings(front: str) -> None:
    assert found(agent(front)) == FINDINGS[front]


FIXES = {
    "tools: read, Read": None,
    "tools: MultiEdit, Edit(x), Read": "tools: Edit(x), Read",
    "tools: Read, LS": None,
    'tools: [Read, "LS", Bash]': "tools: [Read, Bash]",
    "tools: [Bash, LS ]": "tools: [Bash ]",
    "tools:\r\n  - LS\r\n  - Bash\r\n": "tools:\r\n  - Bash\r\n",
    "tools:\n  - LS # old\n  - Bash": None,
    "tools:\n  - LS, Bash": "tools:\n  - Bash",
    "tools: LS": None,
    "tools: Web Search, Read": "tools: WebSearch, Read",
    "tools: Task(a), Agent(a)": "tools: Agent(a)",
    "tools: Task(a), Task(b)": "tools: Agent(a), Agent(b)",
    "tools: Read;Bash": "tools: Read, Bash",
    'tools: \'["Read", "Bash"]\'': "tools: 'Read, Bash'",
    "tools: `Read`, `bash`": "tools: Read, Bash",
    "tools: [Read, Bash": "tools: Read, Bash",
    "tools: |\n  - Read\n  - Bash(git:*)\n  - mcp__a": "tools: Read, Bash(git:*), mcp__a",
    "tools: Read;Frob": None,
    # only the second try reads this, and it makes `#1` a part of the description
    "tools: [Read, Bash\ndescription: x {y} #1": None,
    "x: &t Read, bash\ntools: *t": None,
    "tools: &t Read, bash\nx: *t": None,
    "tools: Read , and, Bash": "tools: Read, Bash",
    "tools: Read, Read, Bash": "tools: Read, Bash",
    "disallowedTools: bash, Write": "disallowedTools: Bash, Write",
    "disallowedTools: edit_file": None,
}


@pytest.mark.parametrize("front", FIXES)
def test_fixes(front: str) -> None:
    before = agent(front)
    text = linter.fixed(before.text, linter.check(before, RULES))
    assert text == (before.text if FIXES[front] is None else agent(str(FIXES[front])).text)
    again = Agent.of("agent.md", text.encode())
    assert linter.fixed(text, linter.check(again, RULES)) == text


@pytest.mark.parametrize("first", ["LS", "Task(x)"])
@pytest.mark.parametrize("second", ["- Read", '"Read"', "*", "[Read]", "@x", "| Read"])
def test_what_comes_first_stays_what_it_is(first: str, second: str) -> None:
    """To YAML the first character tells what a value is."""
    before = agent(f"tools: {first}, {second}, Agent(x), Glob")
    only = [rule for rule in RULES if rule.name in ("retired-tool", "tool-alias")]
    after = Agent.of("agent.md", linter.fixed(before.text, linter.check(before, only)).encode())
    assert after.reading.problem is None
    assert bool(after.reading.strict) <= bool(before.reading.strict)
    assert {entry.text for entry in after.tools or ()} >= {"Agent(x)", "Glob"}


def test_a_tool_that_is_named_twice_is_one() -> None:
    tested = agent("tools: Grep, Grep, Bash")
    messages = [d.message for d in linter.check(tested, RULES) if d.rule == "search-beside-bash"]
    assert messages == ["on Linux `Grep` is not given beside `Bash`"]


TOLD = {
    "Use the Write tool.": "Write",
    "Save it with the `Write` tool.": "Write",
    "Call mcp__a__b-c first.": "mcp__a__b-c",
    "Do not use the Write tool.": None,
    "If there is one, call mcp__a__b.": None,
    "Use the write tool.": None,
    "Use the Read tool and mcp__s__any.": None,
    "Every `mcp__a__*` is fine.": None,
}


@pytest.mark.parametrize("text", TOLD)
def test_told_but_not_given(text: str) -> None:
    expected = [("ungranted-tool", TOLD[text])] if TOLD[text] else []
    assert found(agent("tools: Read, mcp__s", body=text)) == expected
    assert found(agent("tools: Read, Write, mcp__a, mcp__s", body=text)) == []
    assert found(agent("model: haiku", body=text)) == []
    assert found(agent("disallowedTools: Write, mcp__a", body=text)) == expected


def test_every_name_is_one_thing() -> None:
    kinds = {name: meaning(name).kind for name in claude_code.FOREIGN_TOOLS}
    assert {name for name, kind in kinds.items() if kind != "foreign"} == set()
    known = claude_code.TOOLS | claude_code.ALIASES.keys()
    for tools in (*claude_code.FOREIGN_TOOLS.values(), *claude_code.SUCCESSORS.values()):
        assert {*tools} <= known
    assert claude_code.SUCCESSORS.keys() <= claude_code.RETIRED_TOOLS


# The tools that an agent ends with


RESOLVED = {
    "tools: Read, bash, Task(x), LS": {"Read", "Agent"},
    "tools: Bash(ls), Grep": {"Bash"},
    "tools: Grep, Glob": {"Grep", "Glob"},
    "tools: Grep, Bash\ndisallowedTools: Bash": {"Grep"},
    "tools: Monitor, Read\ndisallowedTools: Bash(rm)": {"Read"},
    "tools: []\nmemory: user": {"Read", "Write", "Edit"},
    "tools: Grep\nmemory: local\ndisallowedTools: Read": {"Grep", "Write", "Edit"},
    "tools: Read\ndisallowedTools: '*, Read'": {"Read"},
    "tools: AskUserQuestion, ExitPlanMode, TodoWrite": set(),
    "tools: ExitPlanMode\npermissionMode: plan": {"ExitPlanMode"},
    "tools: 5": set(),
}


@pytest.mark.parametrize("front", RESOLVED)
def test_resolve(front: str) -> None:
    assert claude_code.resolve(agent(front).data) == RESOLVED[front]


def test_resolve_all() -> None:
    everything = claude_code.resolve({})
    assert {"Agent", "Bash", "Read"} <= everything
    assert not everything & {"Grep", "Glob", "TodoWrite", "Workflow", "ExitPlanMode"}
    assert claude_code.resolve({"disallowedTools": "Bash"}) == everything - {"Bash", "Monitor"}


WORDS = r"""
Read Bash Edit Write Grep Glob Agent Monitor Skill WebFetch NotebookEdit SendMessage
Task KillShell LS MultiEdit TodoWrite LSP read bash Frob * ( Bash(git:* [Read Read;Bash
Read() Bash(a\) Edit(x)(y) Read(*)
mcp__serena mcp__serena__* mcp__serena__find_symbol mcp__serena__read_memory(x) mcp__other
mcp__* mcp__serena__find_* mcp__serena__ MCP__serena serena/find_symbol
"""
NAMES = (*WORDS.split(), "Bash(git add, git *)", "Agent(a b)")


def generated(count: int) -> list[str]:
    """Frontmatter with tools in all sorts of ways."""
    some = random.Random(0)

    def value() -> object:
        names = some.choices(NAMES, k=some.randint(1, 4))
        if some.random() < 0.4:
            return some.choice([", ", ",", " ", "; ", "\n", "\t", " ,  "]).join(names)
        if some.random() < 0.1:
            return some.choice([None, "", [], 5, True, {"Read": True}, [5, "Read"], [["Bash"]]])
        return [*names, " ".join(some.choices(NAMES, k=2))] if some.random() < 0.3 else names

    def front() -> str:
        fields = {
            "tools": (0.8, value),
            "disallowedTools": (0.4, value),
            "memory": (0.15, lambda: some.choice(["user", "local", "all"])),
            "permissionMode": (0.15, lambda: some.choice(["plan", "dontAsk"])),
        }
        lines = [
            f"{name}: {json.dumps(make())}"
            for name, (share, make) in fields.items()
            if some.random() < share
        ]
        return "\n".join(lines)

    return [front() for _ in range(count)]


def test_the_client_gives_the_same(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fronts = ["", "tools: Grep, Glob", *generated(request.config.getoption("--client-files") or 60)]
    files = []
    for index, front in enumerate(fronts):
        files.append(tmp_path / f"{index}.md")
        files[-1].write_text(
            f"---\nname: n{index}\ndescription: d\n{front}\n---\n", encoding="utf-8"
        )
    verdicts = client.ask(claude(), files, tools=True, mcp=SERENA)
    given = [
        {claude_code.ALIASES.get(tool, tool) for tool in verdict.tools or ()}
        for verdict in verdicts
    ]
    offered = given[0] | given[1]
    assert offered >= {f"mcp__serena__{tool}" for tool in stub_mcp.TOOLS}
    differ = {
        front: (tools, resolved)
        for front, file, tools in zip(fronts, files, given, strict=True)
        if tools
        != (resolved := claude_code.resolve(Agent.of("a", file.read_bytes()).data, offered))
    }
    assert differ == {}
