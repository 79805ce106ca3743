"""Whatever a value holds, it is refused with a message or the agent has exactly that value."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support import load

from subwright.template import Template, TemplateError, VariableError
from subwright.template import load as load_template

TEMPLATE = """\
---
name: <<NAME>>
description: <<TEXT>>
tools: Read, Bash
skills: ["<<TEXT>>", plain]
template:
  summary: A template that puts its variables everywhere
  variables:
    NAME: {type: string, default: sample, help: a name}
    TEXT: {type: string, default: text, help: a text}
  contract:
    tools: [Read, Bash]
    sections: [One, Two]
---

## One

<<TEXT>>

    <<TEXT>>

## Two

Name: `<<NAME>>`
"""

NASTY = [
    '"',
    "'",
    ": ",
    " #",
    "---",
    "\n---\n",
    "----",
    "a --- b",
    "\n",
    "\r",
    "\t",
    "<<",
    ">>",
    "<<NAME>>",
    "<% if x %>",
    "<# x #>",
    "{{ x }}",
    "{% x %}",
    "\\n",
    "\\",
    "|",
    ">",
    "- ",
    "? ",
    "&a",
    "*a",
    "!tag",
    "%",
    "@",
    "`",
    "[",
    "}",
    "yes",
    "null",
    "1e3",
    "0x1f",
    "2026-11-25",
    "~",
    "\x00",
    "\x01",
    "\x021:1\x03",
    "\x04",
    "\x1b[31m",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u200b",
    "\u202e",
    "\ud800",
    "\U000e0041",
    "🦉",
    "é",
    "：",
    " ",
    "",
]
values = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)), max_size=6).map("".join)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    path = tmp_path_factory.mktemp("hostile") / "sample.md"
    Path(path).write_text(TEMPLATE, encoding="utf-8")
    return load_template(path, {})


def rendered(template: Template, name: str, text: str) -> str | None:
    """The agent, or nothing when it was refused with a message."""
    refusal = ""
    try:
        return template.render(template.resolve({"NAME": name, "TEXT": text})).text
    except (VariableError, TemplateError) as error:
        refusal = error.message
    assert refusal
    assert refusal.isprintable()
    return None


@settings(max_examples=500, deadline=None)
@given(name=values, text=values)
@example(name="sample", text="x" * 100_000)
@example(name="sample", text="---" * 1000)
@example(name="sample", text="a: b # c")
@example(name="a" * 257, text="x")
@example(name="-a", text="x")
@example(name="a:b", text="x")
def test_value_is_refused_or_exact(template: Template, name: str, text: str) -> None:
    agent = rendered(template, name, text)
    if agent is None:
        return
    opening, closing = 0, agent.index("---", 3)
    assert agent[opening : opening + 4] == "---\n"
    # the client ends the block at the first `---` anywhere: it is the one on a line of its own
    assert agent[closing - 1 : closing + 4] == "\n---\n"
    data = yaml.safe_load(agent[4:closing])
    assert data["name"] == name
    assert data["description"] == text
    assert data["skills"] == ([text, "plain"] if text else ["plain"])
    assert data["tools"] == "Read, Bash"
    assert list(data) == ["name", "description", "tools", "skills"]
    assert agent[closing + 4 :] == (
        f"\n## One\n\n{text}\n\n    {text}\n\n## Two\n\nName: `{name}`\n"
    )


@pytest.mark.parametrize("value", ["\n", "a\nb", "\x00", "\x01", "\x1b", "\r", "\u2028", "\ud800"])
def test_lines_and_control_characters_are_refused(template: Template, value: str) -> None:
    with pytest.raises(VariableError, match=r"the character U\+[0-9A-F]{4,6} at position"):
        template.resolve({"TEXT": value})


@pytest.mark.parametrize("name", ["", "-a", "a:b", "：", "a" * 257])
def test_names_that_do_not_load_are_refused(template: Template, name: str) -> None:
    with pytest.raises(TemplateError):
        template.render(template.resolve({"NAME": name}))


def test_a_heading_in_a_value_breaks_the_contract_or_is_text(template: Template) -> None:
    agent = rendered(template, "sample", "## Three")
    assert agent is not None
    headings = [
        token.map
        for token in MarkdownIt().parse(agent.split("---\n", 2)[2])
        if token.type == "heading_open"
    ]
    assert len(headings) == 3


def test_the_client_reads_the_exact_values(template: Template) -> None:
    """The real client loads each agent that is rendered, with exactly its name and description."""
    rng = random.Random(20261125)
    agents: list[tuple[str, str, str]] = []
    while len(agents) < 300:
        name = f"{len(agents)} " + "".join(rng.choices(NASTY, k=rng.randint(0, 3)))
        text = "".join(rng.choices([*NASTY, "word", "a b"], k=rng.randint(1, 6)))
        agent = rendered(template, name, text)
        if agent is not None:
            agents.append((name, text, agent))
    loaded = load([agent for _, _, agent in agents])
    wrong = [
        (expected, found)
        for (*expected, _), found in zip(agents, loaded, strict=True)
        if list(found) != [True, *expected]
    ]
    assert wrong == []
