"""Whether the rules say what the client does: of every recorded case, and of files made up on the spot."""

from __future__ import annotations

import csv
import random
import re
import tempfile
from pathlib import Path

import mutations
import pytest
from support import LOADER, claude

from subwright import claude_code, client, linter
from subwright.agent import Agent
from subwright.claude_code import NOT_BESIDE_BASH, asked_tools, description_read, named_tool
from subwright.diagnostic import Diagnostic, Severity
from subwright.rules import every

RULES = every()
DEFAULT = [rule for rule in RULES.values() if rule.default]
STOPS = [rule for rule in RULES.values() if rule.stops]

with (LOADER / "VERDICTS.tsv").open(newline="", encoding="utf-8") as file:
    CASES = {
        row["case"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    }

# What may be found in a file that the client loads without a message, and why. The client is silent about the first:
# it drops something all the same.
DROPPED = {
    "cut-value": "what follows ` #` is no part of the value",
    "disabled-tool": "TodoWrite is not given",
    "duplicate-key": "the first value is not used",
    "early-end": "the description ends at its `---`",
    "granted-and-disallowed": "the tool is asked for, and not given",
    "ignored-item": "an item of `tools` that is no text is not used",
    "ignored-value": "the value is not used",
    "mcp-pattern": "the pattern matches no tool",
    "stray-separator": "the separator is taken for a tool, and not given",
    "unknown-color": "the colour is not used",
    "unknown-tool": "the tool is asked for, and not given",
    "useless-disallow": "the value removes nothing",
}
ALLOWED = {
    "control-character": "a NUL in the body is passed on to the model, and no author means it",
    "empty-body": "the agent loads and has no prompt",
    "tool-alias": "the old name still works",
    "unknown-model": "the API does not know it, the client does not ask",
    "unquoted-value": "only the client's second try can read it, other hosts cannot",
}


def found_in(case: str) -> list[Diagnostic]:
    path = LOADER / f"{case}.md"
    return linter.check(Agent.of(path.name, path.read_bytes()), DEFAULT)


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_case(case: str) -> None:
    row, found = CASES[case], found_in(case)
    rules = {diagnostic.rule for diagnostic in found}
    errors = {diagnostic.rule for diagnostic in found if diagnostic.severity is Severity.ERROR}
    loads = row["verdict"].startswith("ACCEPTED")
    assert loads is not any(RULES[name].stops for name in errors if name)
    if not loads or row["resolved_tools"] == "(none)":
        assert errors
    elif row["client_messages"]:
        assert rules
    else:
        assert errors <= {"early-end", "mcp-pattern", "unknown-tool"}
        assert rules <= DROPPED.keys() | ALLOWED.keys()


@pytest.mark.parametrize("case", [case for case, row in CASES.items() if row["resolved_tools"]])
def test_a_tool_that_is_not_given_is_reported(case: str) -> None:
    """But for Grep and Glob beside Bash, and for LSP, which is there where a server for the language is.

    Bash does what the two do, and elsewhere than on Linux they are given: the rule about them is off by default. MCP
    tools depend on the project.
    """
    row = CASES[case]
    path = LOADER / f"{case}.md"
    asked = asked_tools(Agent.of(path.name, path.read_bytes()).data.get("tools", "*"))
    given = {named_tool(tool) for tool in row["resolved_tools"].split()}
    lost = {named_tool(tool) for tool in asked or ()} - given
    lost -= (NOT_BESIDE_BASH if "Bash" in given else frozenset()) | {"LSP"}
    lost = {tool for tool in lost if not re.fullmatch(r"mcp__\w+?__\w+", tool)}
    if lost and row["resolved_tools"] != "ALL":
        assert {diagnostic.rule for diagnostic in found_in(case)} - ALLOWED.keys()


def test_every_allowed_rule_is_needed() -> None:
    silent = [
        case
        for case, row in CASES.items()
        if row["verdict"] == "ACCEPTED" and row["resolved_tools"] != "(none)"
    ]
    found = {diagnostic.rule for case in silent for diagnostic in found_in(case)}
    assert found == DROPPED.keys() | ALLOWED.keys()


# Files made up on the spot


def ours(text: str) -> tuple[str, str] | None:
    """The name and the description of an agent as the rules see it; None where one says that it does not load."""
    agent = Agent.of("agent.md", text.encode())
    if linter.check(agent, STOPS):
        return None
    return agent.data["name"], description_read(agent.data["description"])


def theirs(texts: list[str]) -> list[tuple[str, str] | None]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{index}.md") for index in range(len(texts))]
        for path, text in zip(files, texts, strict=True):
            path.write_bytes(text.encode())
        verdicts = client.ask(claude(), files)
    return [
        (verdict.name or "", verdict.description or "") if verdict.loaded else None
        for verdict in verdicts
    ]


def test_files_made_up_on_the_spot(request: pytest.FixtureRequest) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    count = max(request.config.getoption("--client-files") or 0, 2000)
    texts = list(mutations.in_frontmatter(random.Random(seed), count))
    said = theirs(texts)
    doubtful = [i for i, text in enumerate(texts) if ours(text) != said[i]]
    # a batch is told apart by names and lines of a log: who differs is asked again, alone
    differ = {
        texts[i]: (ours(texts[i]), again)
        for i in doubtful
        if (again := theirs([texts[i]])[0]) != ours(texts[i])
    }
    assert differ == {}, f"seed {seed}"


def test_the_made_up_files_are_of_both_kinds() -> None:
    texts = list(mutations.in_frontmatter(random.Random(1), 400))
    loading = sum(ours(text) is not None for text in texts)
    assert 100 < loading < 300, claude_code.VERSION
