"""The rules about fields, beyond their own examples and the recorded cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import claude

from subwright import claude_code, client, linter
from subwright.agent import Agent, Place
from subwright.diagnostic import Diagnostic
from subwright.rules import every

RULES = every()
FAMILY = [rule for rule in RULES.values() if rule.family == "fields" and rule.default]


def found(front: str, place: Place | None = None) -> list[Diagnostic]:
    text = f"---\nname: n\ndescription: d\n{front}\n---\nbody\n"
    return linter.check(Agent.of("n.md", text.encode(), place), FAMILY)


# What the client logs, and what it takes: each line is asked of the real one below.
LOGGED = (
    *("permissionMode: readOnly", "maxTurns: 0", "maxTurns: many", "maxTurns: 1.5", "effort: huge"),
    *("isolation: box", "memory: all", "background: yes", "background: 1", "autoCompactWindow: 5"),
    *(
        "mcpServers: [5]",
        "mcpServers: [null]",
        "mcpServers: [{a: 5}]",
        "mcpServers: [{a: {type: stdio}}]",
    ),
    *('mcpServers: [{a: {command: ""}}]', "mcpServers: [{a: {command: x, args: 5}}]"),
    *("mcpServers: [{a: {command: x, env: {B: 1}}}]", "mcpServers: [{a: {type: http}}]"),
    *(
        "mcpServers: [{a: {type: HTTP, url: u}}]",
        "mcpServers: [{a: {url: u}}]",
        "mcpServers: [[a]]",
    ),
    *(
        "mcpServers: [{a: {type: http, url: u, headers: {B: 1}}}]",
        "mcpServers: [{name: a, command: x}]",
    ),
    *("hooks: {Nothing: []}", "hooks: {PostToolUse: 5}", "hooks: {PostToolUse: [{matcher: 5}]}"),
    *("modle: sonnet", "Tools: Read", "max_turns: 3"),
)
TAKEN = (
    *(
        "permissionMode: plan",
        "permissionMode: manual",
        "maxTurns: 5",
        'maxTurns: "7"',
        "effort: HIGH",
    ),
    *("effort: 3", "effort: med", "isolation: worktree", "memory: local", 'background: "true"'),
    *(
        "autoCompactWindow: 100000",
        "omitClaudeMd: true",
        "color: cyan",
        "skills: a",
        "skills: [a, b]",
    ),
    *(
        "mcpServers: [a]",
        "mcpServers: [{a: {command: x, foo: 1}}]",
        "mcpServers: []",
        "mcpServers: [{}]",
    ),
    *(
        "mcpServers: [{a: {type: streamable-http, url: u}}]",
        "mcpServers: [{a: {type: sdk, name: x}}]",
    ),
    *(
        "mcpServers: [{a: {command: x}, b: {command: y}}]",
        "model: claude-opus-4-8",
        "model: Sonnet",
    ),
    *("model: sonnet[1m]", "permissionMode: null", "experimental: {cacheTtl: 5m}"),
)


@pytest.mark.parametrize("line", LOGGED)
def test_what_the_client_logs_is_found(line: str) -> None:
    assert len(found(line)) == 1


@pytest.mark.parametrize("line", TAKEN)
def test_what_the_client_takes_is_not(line: str) -> None:
    assert found(line) == []


def test_the_client_says_the_same(tmp_path: Path) -> None:
    files = []
    for index, line in enumerate((*LOGGED, *TAKEN)):
        files.append(tmp_path / f"{index}.md")
        files[-1].write_text(f"---\nname: n{index}\ndescription: d\n{line}\n---\nbody\n")
    statuses = [verdict.status for verdict in client.ask(claude(), files)]
    told = dict(zip((*LOGGED, *TAKEN), statuses, strict=True))
    assert {line for line in LOGGED if told[line] != "accepted-with-log"} == set()
    assert {line for line in TAKEN if told[line] != "accepted"} == set()


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        *(
            ("allowed-tools", "tools"),
            ("Name2", None),
            ("maxturns", "maxTurns"),
            ("max-turns", "maxTurns"),
        ),
        *(("mcp_servers", "mcpServers"), ("permission-mode", "permissionMode"), ("colour", None)),
        *(("version", None), ("globs", None)),
    ],
)
def test_a_key_that_means_another_is_renamed(key: str, meant: str | None) -> None:
    (diagnostic,) = found(f"{key}: x")
    assert (diagnostic.fix.edits[0].text if diagnostic.fix else None) == meant


def test_advice_for_keys() -> None:
    advice = {key: found(f"{key}: x")[0].help for key in ("modle", "colour", "globs", "version")}
    assert advice == {
        "modle": "did you mean `model`?",
        "colour": "did you mean `color`?",
        "globs": "it is a key of Cursor's rules",
        "version": "take it away, or name it in `allowed-keys`",
    }


def test_a_key_is_not_renamed_to_one_that_is_there() -> None:
    (diagnostic,) = found("tools: Read\nallowed-tools: x")
    assert diagnostic.fix is None


def test_allowed_keys() -> None:
    assert found("version: 1", Place(keys=frozenset({"version"}))) == []


@pytest.mark.parametrize(
    ("model", "rules"),
    [
        ("gpt-5", ["unknown-model"]),
        ("sonet", ["unknown-model"]),
        ("us.anthropic.claude-opus-4-8-v1:0", []),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/x", []),
        ("claude-3-5-sonnet-20241022", ["retired-model"]),
        ("claude-3-opus-20240229", ["retired-model"]),
        ("claude-3-haiku-20240307", ["retired-model"]),
        ("claude-2.1", ["retired-model"]),
        ("claude-opus-4-20250514", ["retired-model"]),
        ("claude-opus-4@20250514", ["retired-model"]),
        ("claude-opus-4-1-20250805", ["retired-model"]),
        ("claude-sonnet-4-0", ["retired-model"]),
        ("claude-opus-4-5", []),
        ("claude-opus-4-10", []),
        ("claude-sonnet-4-6", []),
        ("claude-haiku-4-5-20251001", []),
        ("opusplan", []),
        (" inherit ", []),
    ],
)
def test_models(model: str, rules: list[str]) -> None:
    assert [diagnostic.rule for diagnostic in found(f'model: "{model}"')] == rules


def test_fields_of_a_plugin() -> None:
    plugin = Place(plugin=True)
    lines = {
        "permissionMode: plan": ["plugin-field"],
        "hooks: {Nothing: []}": ["plugin-field"],
        "mcpServers: [5]": ["plugin-field"],
        "isolation: remote": ["plugin-field"],
        "isolation: worktree": [],
        "model: sonnet": [],
    }
    assert {line: [d.rule for d in found(line, plugin)] for line in lines} == lines


def test_values_that_are_surely_meant() -> None:
    for line, meant in {
        "background: yes": "true",
        "background: off": "false",
        "memory: Project": "project",
        "permissionMode: acceptedits": "acceptEdits",
        "color: BLUE": "blue",
    }.items():
        (diagnostic,) = found(line)
        assert diagnostic.fix is not None, line
        assert diagnostic.fix.edits[0].text == meant


def test_every_key_that_others_use_is_no_field() -> None:
    assert not claude_code.FIELDS.keys() & claude_code.KEYS_OF_OTHER_HOSTS.keys()
    assert set(claude_code.OTHER_KEYS.values()) <= claude_code.FIELDS.keys()
