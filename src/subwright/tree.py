"""A load root under the eyes of the rules across files: a small summary of each agent in it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from subwright.agent import Agent
from subwright.claude_code import description_read, name_problem, named_tool
from subwright.diagnostic import Source, Span
from subwright.hooks import hook_problems
from subwright.patterns import lazy

if TYPE_CHECKING:
    from subwright.spec import Field

MOST_MENTIONS = 100  # of a file
_NEAR = 200  # characters of a line that are looked at

_NAME = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+"  # of one word it might be any word
_TYPE = lazy(r"subagent_type[\"']?\s*[:=]\s*[\"'`](?P<name>[\w.-]+)[\"'`]")
_TYPE_MARKS = re.compile(rb"_[\"']?[^!-~]*[:=][^!-~]*[\"'`]")  # of that, as `Agent.marks` has them
_AT = lazy(r"@agent-(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)\b(?![:/])")
_USE = lazy(
    r"\b(?:use|invoke|call|launch|spawn|run|ask|consult|(?:delegate|hand off|defer|escalate) to)(?: the)?"
    rf" ([`*]{{0,3}})(?P<name>{_NAME})\1 (?:sub-?)?agent\Z",
    re.IGNORECASE,
)
# what is quickly found wherever that, or `_TO`, may be found
_NAMED_AGENT = re.compile(r"-(?=\w++[`*]{0,3} (?:\w{3}-?)?((?i:agent)))")
_TO_NAME = re.compile(r"`(?<=[tT][oO] `|[hH][eE] `)\w++-")
_GOES_ON = lazy(r"\w|[-_/:.]\w")
_REACH = 100  # characters that such words may take
_TO = lazy(
    r"\b(?:delegate|hand(?:ed|s)?[ -]?off|defer|escalate)[sd]?(?: [\w-]+){0,3} to(?: the)?"
    rf" `(?P<name>{_NAME})`(?! \w)",
    re.IGNORECASE,
)
_TO_WORDS = ("delegate", "hand", "defer", "escalate")  # of which that has one, in any case
_FENCE = lazy(r"\n```")
_SHOWN = lazy(
    r"<(?!!--\s*subwright:)|\b(?:user|assistant|context|commentary):|e\.g\.|for example",
    re.IGNORECASE,
)
_EXAMPLE = lazy(
    r"(?:^|-)(?:your|my|some|any|name|example|sample|custom|new|other|foo|bar|type|specific)(?:-|$)"
)


Range: TypeAlias = tuple[int, int]
# a place where an agent's file names another agent to hand work to
Mention: TypeAlias = tuple[str, Range]


class Summary(NamedTuple):
    """What the rules across files need of one agent that has a name.

    It is made of texts, numbers and tuples alone, so that it can be kept, and thousands are read in no time.

    Attributes:
        path: of its file, as messages give it.
        name: the name that it loads under, in a plugin without what stands before it.
        name_span: where that stands, as the two numbers of a span.
        loads: nothing in the file itself keeps the client from loading it.
        cost: the length of what is told the model of it in every session, in characters.
        cost_span: the first line of its description.
        mentions: the agents that it names, each with its place.
    """

    path: str
    name: str
    name_span: Range
    loads: bool
    cost: int
    cost_span: Range
    mentions: tuple[Mention, ...]


class Tree(NamedTuple):
    """The agents that one load root gives to a session, in the order in which the client reads their files.

    Attributes:
        path: of its folder, as messages give it.
        plugin: it is a plugin's.
        agents: those of its files that have a name.
        sources: the source of each, by path, for findings to name: its text may be left out.
    """

    path: str
    plugin: bool
    agents: tuple[Summary, ...]
    sources: Mapping[str, Source]


def summarise(agent: Agent) -> Summary | None:
    """What the rules across files need of an agent; None where it has no name to load under."""
    field = agent.field("name")
    plugin = agent.place.plugin
    named = field is not None and isinstance(field.data, str) and field.data != ""
    if not named and not plugin:
        return None
    name = field.data if field and named else PurePath(agent.source.path).stem
    described = agent.field("description")
    text = described.data if described and isinstance(described.data, str) else ""
    hooks = agent.data.get("hooks")
    loads = plugin or not (
        agent.reading.problem
        or name_problem(name)
        or not text
        or (hooks is not None and any(problem.stops for problem in hook_problems(hooks)))
    )
    return Summary(
        agent.source.path,
        name,
        _range(agent, field if named else None),
        bool(loads),
        len(name) + 2 + len(description_read(text)),
        _range(agent, described),
        tuple(islice(_mentions(agent), MOST_MENTIONS)),
    )


def _range(agent: Agent, field: Field | None) -> Range:
    start, end = agent.span_at(field, ()) if field else (0, 0)
    return start, end


def _mentions(agent: Agent) -> Iterator[Mention]:
    for entry in agent.tools or ():
        if entry.text != entry.bare and named_tool(entry.text) == "Agent":
            first = entry.span.start + len(entry.bare) if entry.exact else None
            for part in re.finditer(r"[^\s,()]+", entry.text[len(entry.bare) :]):
                start, end = part.span()
                where = entry.span if first is None else (first + start, first + end)
                yield part[0], (where[0], where[1])
    text, body = agent.text, agent.spec.body
    if _TYPE_MARKS.search(agent.marks) and "subagent_type" in text:
        yield from _named(_TYPE.finditer(text, *body))
    yield from _named(_said_to_it(text, _told(agent), body))


def _named(found: Iterable[re.Match[str]]) -> Iterator[Mention]:
    for match in found:
        if not _EXAMPLE.search(match["name"]):
            yield match["name"], match.span("name")


def _told(agent: Agent) -> Iterator[re.Match[str]]:
    """Where the text of an agent tells to hand work to another one."""
    text, marks, body = agent.text, agent.marks, agent.spec.body
    if b"@" in marks:
        for found in _AT.finditer(text, *body):
            if not text[found.start() - 1].isalnum():
                yield found
    for named in _NAMED_AGENT.finditer(text, *body):
        at, end = named.span(1)
        used = _USE.search(text, max(body.start, at - _REACH), end)
        if used and not _GOES_ON.match(text, end):
            yield used
    if b"`-" in marks and _TO_NAME.search(text, *body):
        lower = text.lower()
        if any(word in lower for word in _TO_WORDS):
            yield from _TO.finditer(text, *body)


def _said_to_it(text: str, told: Iterable[re.Match[str]], body: Span) -> Iterator[re.Match[str]]:
    """What is no part of an example: not in a code block, nor in a dialogue."""
    fences: list[int] | None = None
    for found in told:
        at = found.start()
        if fences is None:
            first = max(0, body.start - 1)
            fences = [fence.start() for fence in _FENCE.finditer(text, first)]
        start = text.rfind("\n", max(0, at - _NEAR), at) + 1 or max(0, at - _NEAR)
        line = text[start : at + _NEAR].partition("\n")[0]
        if bisect_left(fences, at) % 2 == 0 and not _SHOWN.search(line):
            yield found
