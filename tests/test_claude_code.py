"""The host's rules: held against each other, and against the client that they are of."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import stub_mcp
from support import claude, load

from subwright import claude_code, client
from subwright.claude_code import (
    ALIASES,
    FIELDS,
    GUARDING_EVENTS,
    HOOK_EVENTS,
    HOOK_TYPES,
    RETIRED_TOOLS,
    SERENA_TOOLS,
    TOOLS,
    Field,
    asked_tools,
    bare_tool,
    description_read,
    mcp_server,
    model_read,
    name_problem,
    split_tools,
)


def agent(name: str, *lines: str) -> str:
    return "\n".join(["---", f"name: {name}", "description: d", *lines, "---", "body", ""])


def verdicts(
    folder: Path, *fronts: str, plugin: bool = False, tools: bool = False
) -> list[client.Verdict]:
    """What the client says of agents that have some more lines of frontmatter."""
    files = []
    for index, front in enumerate(fronts):
        files.append(folder / f"{index}.md")
        files[-1].write_text(agent(f"n{index}", front), encoding="utf-8")
    return client.ask(claude(), files, plugin=plugin, tools=tools)


# Without the client

SPLIT = {
    "": [],
    "Read": ["Read"],
    "Read, Bash": ["Read", "Bash"],
    "Read Bash": ["Read", "Bash"],
    " Read , ,, Bash,": ["Read", "Bash"],
    "Bash(git add, git commit), Read": ["Bash(git add, git commit)", "Read"],
    "Bash(a (b) Edit, c), Read": ["Bash(a (b)", "Edit", "c)", "Read"],
    "Bash(a) b), Read": ["Bash(a)", "b)", "Read"],
    "Bash(a, Read": ["Bash(a, Read"],
    "Bash(a\n, Read": ["Bash(a\n, Read"],
    "Read\tBash": ["Read\tBash"],
    "Read\nBash\n": ["Read\nBash"],
    "Read,\nBash": ["Read", "Bash"],
    "Read\u00a0Bash\ufeff": ["Read\u00a0Bash"],
    "Read;Bash": ["Read;Bash"],
    "(": ["("],
}


@pytest.mark.parametrize("value", SPLIT)
def test_split_tools(value: str) -> None:
    assert split_tools(value) == SPLIT[value]


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        ("Read, Bash", ["Read", "Bash"]),
        (["Read, Bash", "Edit", 5, None, ["Write"]], ["Read", "Bash", "Edit"]),
        ("Read, *", None),
        (["*"], None),
        ("Read(*)", ["Read(*)"]),
        (None, []),
        ("", []),
        (5, []),
        ({"Read": True}, []),
    ],
)
def test_asked_tools(value: object, entries: list[str] | None) -> None:
    assert asked_tools(value) == entries


@pytest.mark.parametrize(
    ("entry", "bare"),
    [
        ("Bash", "Bash"),
        ("Bash(git:*)", "Bash"),
        ("Bash()", "Bash"),
        ("Bash(a)(b)", "Bash"),
        ("Bash(\n)", "Bash"),
        ("mcp__serena__find_symbol(x)", "mcp__serena__find_symbol"),
        ("Bash(a", "Bash(a"),
        ("Read(x)Bash", "Read(x)Bash"),
        (r"Bash(a\)", r"Bash(a\)"),
        (r"Bash\(a)", r"Bash\(a)"),
        ("(Read)", "(Read)"),
    ],
)
def test_bare_tool(entry: str, bare: str) -> None:
    assert bare_tool(entry) == bare


@pytest.mark.parametrize(
    ("entry", "server"),
    [
        ("mcp__serena__find_symbol", "serena"),
        ("mcp__serena__*", "serena"),
        ("mcp__serena", "serena"),
        ("mcp__my_server__a__b", "my_server"),
        ("mcp__serena__find_symbol(x)", "serena"),
        ("MCP__serena__find_symbol", None),
        ("Read", None),
        ("mcp__", None),
    ],
)
def test_mcp_server(entry: str, server: str | None) -> None:
    assert mcp_server(entry) == server


def test_the_tables_agree() -> None:
    assert set(ALIASES.values()) <= TOOLS
    assert not TOOLS & (RETIRED_TOOLS | ALIASES.keys())
    assert not RETIRED_TOOLS & ALIASES.keys()
    assert claude_code.NEVER_IN_SUBAGENTS <= TOOLS
    assert claude_code.OFF_BY_DEFAULT | claude_code.NOT_BESIDE_BASH <= TOOLS
    assert GUARDING_EVENTS <= HOOK_EVENTS
    assert set(stub_mcp.TOOLS) == SERENA_TOOLS
    assert not any(tool in SERENA_TOOLS for tool in claude_code.SERENA_RETIRED)


# With it


def test_the_version() -> None:
    assert client.version(claude()) == claude_code.VERSION


NAMES = [
    *(
        "",
        "a",
        " ",
        " a ",
        "A b",
        "a:b",
        ":",
        "a\uff1ab",
        "a\ufe55b",
        "a\ufe13b",
        "a\u2a74b",
        "a\u2236b",
    ),
    *("-", "-a", " -a", "\uff0da", "\u2212a", "a-", "~", "null", "it's", "\U0001f916", "\ufeff-a"),
    *(
        "x" * 256,
        "x" * 257,
        "\u00e9" * 256,
        "\U0001f916" * 128,
        "\U0001f916" * 129,
        "a\u0301" * 129,
    ),
    *("a\nb", "a\tb", "a\0b", "\\", '"', "\u2028", "a/b", "..", "<<x>>", "{{ x }}"),
]


def random_names(count: int) -> list[str]:
    some = random.Random(0)
    letters = "ab-:\uff1a \t\n\0\\\"'#{}<>\u00a0\ufeff\u2028\ufe55\U0001f916\u0301\u202e"
    names = ("".join(some.choices(letters, k=some.randint(1, 5))) for _ in range(count))
    return [name for name in dict.fromkeys(names) if "---" not in name and name not in NAMES]


def test_names() -> None:
    names = NAMES + random_names(300)
    loaded = load(agent(json.dumps(name)) for name in names)
    seen = {name: (found.loaded, found.name) for name, found in zip(names, loaded, strict=True)}
    assert seen == {name: (False, None) if name_problem(name) else (True, name) for name in names}


def test_descriptions() -> None:
    texts = [
        r"a\nb",
        r"a\\nb",
        r"\n",
        r"a\tb",
        r"a\r\nb",
        " a ",
        "a\nb",
        "\0",
        "\u2028\ufeff",
        "'\"",
    ]
    loaded = load(
        f"---\nname: n{index}\ndescription: {json.dumps(text)}\n---\n"
        for index, text in enumerate(texts)
    )
    assert [found.description for found in loaded] == [description_read(text) for text in texts]


def test_models(tmp_path: Path) -> None:
    models = [
        "sonnet",
        " sonnet\t",
        "SONNET",
        "Inherit",
        "sonnet[1m]",
        "",
        " \u3000",
        "gpt-5",
        *claude_code.MODEL_ALIASES,
    ]
    found = verdicts(tmp_path, *(f"model: {json.dumps(model)}" for model in models))
    assert [verdict.model for verdict in found] == [model_read(model) for model in models]


GOOD = {"text": "x", "integer": 150_000, "boolean": True, "list": ["x"], "map": {}}


def good(field: Field) -> list[object]:
    """Values that a field takes."""
    values: list[object] = [
        GOOD[kind] for kind in field.kinds if kind != "text" or not field.values
    ]
    values += field.values
    values += [value.upper() for value in field.values if field.any_case]
    return values if field.minimum is None else [*values, field.minimum]


def bad(field: Field) -> list[object]:
    """Values that a field does not take, of which the client tells."""
    values: list[object] = [{"x": 1}]
    values += ["x"] * ("text" not in field.kinds or bool(field.values))
    values += [value.upper() for value in field.values if not field.any_case]
    return values if field.minimum is None else [*values, field.minimum - 1]


OTHERS = {name: field for name, field in FIELDS.items() if name not in ("name", "description")}


def test_what_fields_take(tmp_path: Path) -> None:
    fronts = [f"{name}: {json.dumps(value)}" for name in OTHERS for value in good(OTHERS[name])]
    found = verdicts(tmp_path, *fronts)
    assert [f for f, v in zip(fronts, found, strict=True) if v.status != "accepted"] == []


def test_what_fields_do_not_take(tmp_path: Path) -> None:
    logged = [field for field in OTHERS.values() if field.bad == "logged"]
    fronts = [f"{field.name}: {json.dumps(value)}" for field in logged for value in bad(field)]
    found = verdicts(tmp_path, *fronts, "hooks: x", "hooks: [x]")
    assert [v.status for v in found[-2:]] == ["rejected"] * 2
    assert {v.status for v in found[:-2]} == {"accepted-with-log"}


@pytest.mark.parametrize("name", ["name", "description"])
def test_required_fields(name: str) -> None:
    texts = [agent("x"), agent("x").replace(f"{name}:", "color:")]
    texts += [
        agent("y").replace(f"{name}: {'y' if name == 'name' else 'd'}", f"{name}: {value}")
        for value in ("5", "true", "[x]", "null", '""')
    ]
    assert FIELDS[name].required
    assert [found.loaded for found in load(texts)] == [True, *[False] * 6]


def test_fields_of_a_plugin(tmp_path: Path) -> None:
    silent = "observeToolResults"
    fields = [field for field in OTHERS.values() if field.name != silent]
    fronts = [f"{field.name}: {json.dumps(good(field)[0])}" for field in fields]
    found = verdicts(tmp_path, *fronts, plugin=True)
    assert [v.messages == () for v in found] == [field.in_plugin for field in fields]


def test_hooks(tmp_path: Path) -> None:
    events = sorted(HOOK_EVENTS)
    entries = {kind: dict.fromkeys(keys, "http://x") for kind, keys in HOOK_TYPES.items()}
    hooks: list[object] = [{event: []} for event in events]
    hooks += [{event: 5} for event in events]
    hooks += [{"Stop": [{"hooks": [{"type": k, **entry}]}]} for k, entry in entries.items()]
    hooks += [{"Stop": [{"hooks": [{"type": kind}]}]} for kind in entries]
    found = [
        v.status for v in verdicts(tmp_path, *(f"hooks: {json.dumps(hook)}" for hook in hooks))
    ]
    bad = ["rejected" if event in GUARDING_EVENTS else "accepted-with-log" for event in events]
    assert found[: len(events)] == ["accepted"] * len(events)
    assert found[len(events) : 2 * len(events)] == bad
    assert found[2 * len(events) :] == ["accepted"] * 5 + ["accepted-with-log"] * 5


def test_tools(tmp_path: Path) -> None:
    values = [
        "Bash(a (b) Edit, c), Read",
        "Bash(a) b), Read",
        r"Read, Bash(a\), Edit",
        "\tRead, Edit\ufeff,Bash",
        "Task(x), KillShell, LS",
        "Read, Bash(Edit",
    ]
    found = verdicts(
        tmp_path, *(f"tools: {json.dumps(value)}" for value in values), "model: haiku", tools=True
    )
    for value, verdict in zip(values, found, strict=False):
        bare = [bare_tool(entry) for entry in split_tools(value)]
        expected = [ALIASES.get(tool, tool) for tool in bare if tool in TOOLS | ALIASES.keys()]
        assert [ALIASES.get(tool, tool) for tool in verdict.tools or ()] == expected, value
    everything = {ALIASES.get(tool, tool) for tool in found[-1].tools or ()}
    assert {"Agent", "Bash", "Read"} <= everything <= TOOLS
