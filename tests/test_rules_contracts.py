"""Contracts: an agent that the configuration holds to something is told where it breaks it, and who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from subwright.agent import Agent, Place
from subwright.contract import Contract, Requirement
from subwright.diagnostic import Source, Span
from subwright.rules import every

CONFIG = Source("pyproject.toml", '[tool.subwright.contract."*"]\nsections = ["One", "Two"]\n')
ASKED = Span(30, 56)

AGENT = """\
---
name: a
description: It reviews
tools: Read, Bash
---
## Two

## One

## One
"""


def contract(entries: Mapping[str, Sequence[object]]) -> Contract:
    return Contract.of(
        {
            key: [Requirement(value, CONFIG, ASKED) for value in values]
            for key, values in entries.items()
        }
    )


CASES: list[tuple[dict[str, list[object]], list[tuple[str, str, bool]]]] = [
    ({"sections": ["Two", "Three"]}, [("the section `## Three` is missing", "", True)]),
    ({"sections": ["One", "Two"]}, [("the section `Two` stands before `One`", "## Two", False)]),
    ({"tools": ["Read", "Grep"]}, [
        ("the tool `Grep` is missing from `tools`", "tools", True),
        ("`tools` has `Bash`, which the contract does not list", "Read, Bash", False),
    ]),
    ({"tools": ["Read", "Bash"], "sections": []}, []),
    ({"max_characters": [60]}, [
        (f"the agent has {len(AGENT)} characters, {len(AGENT) - 60} more than its contract allows", "", True),
    ]),
    ({"max_description_characters": [4]}, [
        ("the description has 10 characters, 6 more than its contract allows", "description", True),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "expected"), CASES)
def test_broken_contract(
    entries: dict[str, list[object]], expected: list[tuple[str, str, bool]]
) -> None:
    agent = Agent.of("a.md", AGENT.encode(), Place(contract=contract(entries)))
    found = [
        finding
        for finding in every()["broken-contract"].check(agent)
        if "is there twice" not in finding.message
    ]
    assert [
        (finding.message, AGENT[slice(*finding.span)], bool(finding.related)) for finding in found
    ] == expected
    for finding in found:
        for related in finding.related:
            assert (related.source, related.span) == (CONFIG, ASKED)


def test_section_that_is_there_twice() -> None:
    agent = Agent.of("a.md", AGENT.encode(), Place(contract=contract({"sections": ["One"]})))
    (finding,) = every()["broken-contract"].check(agent)
    assert finding.message == "the section `One` is there twice"
    assert finding.span.start == AGENT.rindex("## One")


def test_agent_that_asks_for_all_tools() -> None:
    text = "---\nname: a\ndescription: b\n---\n"
    agent = Agent.of("a.md", text.encode(), Place(contract=contract({"tools": ["Read"]})))
    (finding,) = every()["broken-contract"].check(agent)
    assert finding.message == "the agent asks for all tools, its contract for some"


@pytest.mark.parametrize("text", ["", "no agent", '---\nname: "a\n---\n'])
def test_nothing_is_asked_of_a_file_that_cannot_be_read(text: str) -> None:
    held = Place(contract=contract({"tools": ["Read"], "sections": ["One"]}))
    assert not list(every()["broken-contract"].check(Agent.of("a.md", text.encode(), held)))
