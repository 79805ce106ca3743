"""Comments that allow what a rule finds: `subwright: allow RULE -- reason`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from subwright.agent import Agent
from subwright.bun_yaml import Node, ScalarNode
from subwright.diagnostic import Diagnostic, Source, Span
from subwright.patterns import lazy

_MARK = "subwright:"
_YAML = lazy(r"(?:(?<=\s)|^)(?P<comment>#[ \t]*subwright:(?P<words>[^\r\n]*))", re.MULTILINE)
_HTML = lazy(r"(?P<comment><!--\s*subwright:(?P<words>.*?)-->)", re.DOTALL)
_TEMPLATE = lazy(r"(?P<comment><#\s*subwright:(?P<words>.*?)#>)", re.DOTALL)
_REASON = lazy(r"\s--(?:\s|$)")
_NAME = lazy(r"[^\s,]+")


class Ignore(NamedTuple):
    """One comment.

    Attributes:
        span: of the whole comment.
        verb: its first word, which should be `allow`.
        names: the rules that it names, each with its span.
        lines: the first and the last line that it speaks of.
        reason: what stands after `--`.
    """

    span: Span
    verb: str
    names: tuple[tuple[str, Span], ...]
    lines: tuple[int, int]
    reason: str


def parse(agent: Agent) -> tuple[Ignore, ...]:
    """The comments of an agent file or of a template's source, in the order of the text."""
    if _MARK not in agent.text:
        return ()
    found = sorted(_comments(agent), key=lambda match: match.start("comment"))
    reach = _Reach(agent, found)
    ignores = []
    for match in found:
        words, start = match["words"], match.start("words")
        reason = _REASON.search(words)
        names = [
            (name[0], Span(start + name.start(), start + name.end()))
            for name in _NAME.finditer(words, 0, reason.start() if reason else len(words))
        ]
        verb = names.pop(0)[0] if names else ""
        ignores.append(
            Ignore(
                Span(*match.span("comment")),
                verb,
                tuple(names),
                reach.lines(match),
                words[reason.end() :].strip() if reason else "",
            )
        )
    return tuple(ignores)


def _comments(agent: Agent) -> Iterator[re.Match[str]]:
    spec = agent.spec
    inside = sorted(span for field in spec.fields for span in _scalars(agent, field.node))
    starts = [span.start for span in inside]
    for match in _YAML.finditer(agent.text, *spec.frontmatter):
        # what looks like a comment may be the text of a value
        before = bisect_right(starts, match.start("comment")) - 1
        if before < 0 or inside[before].end <= match.start("comment"):
            yield match
    fences = [fence.content for fence in spec.fences]
    starts = [content.start for content in fences]
    for pattern in (_HTML, _TEMPLATE) if agent.place.template else (_HTML,):
        for match in pattern.finditer(agent.text, *spec.body):
            before = bisect_right(starts, match.start()) - 1
            if before < 0 or fences[before].end <= match.start():
                yield match


def _scalars(agent: Agent, node: Node) -> Iterator[Span]:
    nodes = [node]
    seen = set()
    while nodes:
        current = nodes.pop()
        if isinstance(current, ScalarNode):
            yield agent.reading.span(current)
        elif id(current) not in seen:
            seen.add(id(current))
            for item in current.value:
                nodes.extend(item if isinstance(item, tuple) else (item,))


def _stands_alone(source: Source, match: re.Match[str]) -> bool:
    start = source.line_at(match.start("comment")).start
    return not source.text[start : match.start("comment")].strip(" \t>")


class _Reach:
    """Which lines the comments of a text speak of."""

    def __init__(self, agent: Agent, found: Iterable[re.Match[str]]) -> None:
        source = self._source = agent.source
        self._last = source.position(len(source.text)).line
        self._own = {
            source.position(match.start("comment")).line
            for match in found
            if _stands_alone(source, match)
        }
        self._first = source.position(agent.spec.frontmatter.start).line if agent.spec.fields else 0
        self._following: dict[int, int] = {}
        # the last line of each field and fence by its first
        self._ends: dict[int, int] = {}
        for field in agent.spec.fields:
            line = source.position(field.key.start).line
            end = source.position(max(field.value.end - 1, field.key.end)).line
            self._ends[line] = max(end, self._ends.get(line, 0))
        for fence in agent.spec.fences:
            end = max(fence.content.end, fence.span.end)
            self._ends[fence.line - 1] = source.position(end).line

    def lines(self, match: re.Match[str]) -> tuple[int, int]:
        """The lines that a comment speaks of: its own; where it stands alone, what follows it.

        That is the next line with a text, with the whole field or fence that begins there. Nothing can stand before
        the first line, so the first line of the frontmatter speaks of it.
        """
        source = self._source
        first = source.position(match.start("comment")).line
        if not _stands_alone(source, match):
            return first, first
        line = self._text_from(source.position(match.end("comment")).line + 1)
        return (1 if first == self._first else line), max(line, self._ends.get(line, line))

    def _text_from(self, line: int) -> int:
        """The first line from one on with a text that is no such comment."""
        passed = []
        while line <= self._last and (line in self._own or not self._source.line(line).strip()):
            if line in self._following:
                line = self._following[line]
                break
            passed.append(line)
            line += 1
        self._following.update(dict.fromkeys(passed, line))
        return line


def added(agent: Agent, found: Iterable[Diagnostic]) -> str:
    """The text of an agent with comments that allow findings, as many as a comment can reach.

    Above a field or a fence it is a line of its own, at the end of a line of prose it follows the text. What stands
    before the frontmatter, or in frontmatter that cannot be read, no comment can reach. An empty file stays as it is,
    and so does one with bytes that are not UTF-8, which would be lost.

    Args:
        agent: a file, or the source of a template.
        found: in it.
    """
    if agent.invalid is not None or not agent.text.strip():
        return agent.text
    names: dict[tuple[int, bool], dict[str, None]] = {}
    for diagnostic in found:
        where = _where(agent, diagnostic)
        if diagnostic.rule and where is not None:
            names.setdefault(where, {})[diagnostic.rule] = None
    end = "\r\n" if "\r\n" in agent.text else "\n"
    text = agent.text
    body = agent.spec.body.start
    for (at, own_line), rules in sorted(names.items(), key=lambda item: item[0], reverse=True):
        words = f"subwright: allow {', '.join(rules)}"
        in_body = f"<# {words} #>" if agent.place.template else f"<!-- {words} -->"
        comment = in_body if at >= body else f"# {words}"
        # what stands in a list or a quote goes on standing there
        before = re.compile(r"[ \t>]*").match(text, at) if at >= body else None
        comment = f"{before[0] if before else ''}{comment}{end}" if own_line else f" {comment}"
        text = text[:at] + comment + text[at:]
    after = Agent(Source(agent.source.path, text), text.encode(), agent.place)
    # a comment that would change what the client reads is not worth it
    return text if after.data == agent.data else agent.text


def _where(agent: Agent, diagnostic: Diagnostic) -> tuple[int, bool] | None:
    """Where a comment goes that allows a finding, and whether as a line of its own."""
    source, spec = agent.source, agent.spec
    line = diagnostic.position.line
    if diagnostic.span.start < spec.body.start:
        if not spec.fields:
            return None
        lines = [source.position(field.key.start).line for field in spec.fields]
        index = bisect_right(lines, line) - 1
        # nothing can stand before the first line: the first in the frontmatter speaks of it
        return (
            source.line_span(lines[index]).start if index >= 0 else spec.frontmatter.start
        ), True
    for fence in spec.fences:
        if fence.span.start <= diagnostic.span.start < max(fence.content.end, fence.span.end + 1):
            return source.line_span(fence.line - 1).start, True
    start, end = source.line_span(line)
    if any(heading.span.start == start for heading in spec.headings):
        return start, True
    return end, False
