"""Every rule: its documentation is whole, and the examples in it do what it says."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from subwright import linter
from subwright.agent import Agent, Place
from subwright.claude_code import FIELDS
from subwright.contract import Contract, Requirement
from subwright.diagnostic import Diagnostic, Severity, Source, Span
from subwright.reading import Reason
from subwright.rules import FAMILIES, Rule, every
from subwright.rules.documentation import Example, File, documentation
from subwright.tree import Tree, summarise

RULES = every()


def agents(example: Example) -> list[Agent]:
    """The files of an example as agents."""
    return [agent(file) for file in example.files]


def agent(file: File) -> Agent:
    place = Place(
        plugin=file.plugin,
        path=file.path,
        servers=file.servers,
        keys=file.keys,
        template=file.template,
        contract=contract(file) if file.contract else None,
    )
    return Agent.of(file.path or "agent.md", file.raw, place)


def contract(file: File) -> Contract:
    config = Source("pyproject.toml", "")
    return Contract.of(
        {
            key: [Requirement(value, config, Span(0, 0)) for value in values]
            for key, values in file.contract
        }
    )


def run(rule: Rule, files: list[Agent]) -> list[Diagnostic]:
    # what a comment allows shows only where the rules that it names run
    rules = list(RULES.values()) if rule.family == "ignores" else [rule]
    found = [d for file in files for d in linter.settle(linter.check_agent(file, rules), rules)]
    found = [d for d in found if d.rule == rule.name]
    summaries = tuple(s for file in files if (s := summarise(file)))
    sources = {file.source.path: file.source for file in files}
    tree = Tree("agents", files[0].place.plugin, summaries, sources)
    return found + linter.check_tree(tree, [rule])


CASES = [
    pytest.param(rule, example, id=f"{rule.name}:{example.line}")
    for rule in RULES.values()
    for example in documentation(rule).examples
]


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_examples(rule: Rule, example: Example) -> None:
    files = agents(example)
    found = run(rule, files)
    assert bool(found) == example.wrong, found
    for diagnostic in found:
        assert diagnostic.rule == rule.name
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(diagnostic.source.text)
        assert not diagnostic.message.endswith(".")
        assert not diagnostic.message[0].isupper() or diagnostic.message.startswith("Claude Code")
        if diagnostic.fix:
            assert rule.fixable
    if example.fixed is not None:
        (file,) = files
        fixed = example.fixed.raw
        assert linter.fixed(file.text, found) == fixed.decode()
        again = Agent.of(file.source.path, fixed, file.place)
        assert linter.check(again, [rule]) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_documentation(rule: Rule) -> None:
    said = documentation(rule)
    assert {example.wrong for example in said.examples} == {True, False}
    assert said.summary.endswith(".")
    assert said.why, "why it matters"
    assert "```" not in said.why, "an example says whether it is wrong"
    assert rule.fixable == any(example.fixed for example in said.examples)
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.name)


def test_needs() -> None:
    """What a rule needs is a field, or one of the other traits."""
    others = set(re.findall("`([a-z0-9-]+)`", Agent.traits.__doc__ or "")) - {"early", "strict"}
    needed = {need for rule in RULES.values() for need in rule.needs}
    assert needed - {*FIELDS} == others | {*get_args(Reason)}


def test_names() -> None:
    names = [name for rule in RULES.values() for name in (rule.name, *rule.aliases)]
    assert len(set(names)) == len(names)
    assert {rule.family for rule in RULES.values()} == set(FAMILIES)
    assert not any(rule.stops and rule.severity is not Severity.ERROR for rule in RULES.values())
