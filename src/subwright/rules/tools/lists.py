"""Rules about how a list of tools is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from subwright import claude_code
from subwright.agent import Agent, Entry
from subwright.claude_code import TOOLS
from subwright.diagnostic import Edit, Fix, Severity, Span
from subwright.hooks import kind_of
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten
from subwright.rules.tools.entries import Meaning, dropped, meaning, safe

_SEPARATORS = ";|&+/"
_PLAIN = lazy(r"\w(?:[\w, *()-]|:(?=\S))*")


@rule(Severity.ERROR, fixable=True, needs=("other-tools",))
def wrong_separator(agent: Agent) -> Iterator[Finding]:
    """Tools are run together into one that does not exist.

    Commas and blanks separate the tools in a text, and nothing else: not `;`, `|`, `/`, a tab or the end of a line, so
    a `tools: |` block is one unknown tool. Quotes and brackets inside of a text become part of a name, and a
    parenthesis that is not closed swallows all that follows. What comes out is dropped, and Claude Code says nothing.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read; Bash
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: "[Read, Bash]"
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: "Read, Bash"
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: |
      Read
      Bash
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Bash(git:*, Read
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Bash(git:*), Read
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools:
      - Read
      - Bash
    ---
    ```
    """
    for name in ("tools", "disallowedTools"):
        entries = (agent.tools if name == "tools" else agent.disallowed) or ()
        if all(entry.bare in TOOLS for entry in entries):
            continue
        found = [(entry, meaning(entry.text)) for entry in entries]
        wrong = [entry for entry, one in found if one.kind == "joined"]
        if wrong:
            what = f"`{shorten(wrong[0].text)}` is one tool to Claude Code, which it does not have"
            fix = _separated(agent, name, found)
            yield Finding(wrong[0].span, what, "separate tools by `, ` and nothing else", fix)
        for entry, one in found:
            if one.kind == "unclosed":
                start = entry.span.start + max(entry.text.find("("), 0) if entry.exact else None
                where = Span(start, start + 1) if start is not None else entry.span
                message = "the parenthesis is not closed and swallows the rest"
                yield Finding(where, message, "add the `)`")


@rule(Severity.WARNING, fixable=True, needs=("other-tools",))
def stray_separator(agent: Agent) -> Iterator[Finding]:
    """A word or mark stands between tools that is no separator.

    Blanks separate tools, so in `Read | Bash` and `Read and Bash` the mark or word between them is a tool that does
    not exist. Claude Code drops it. The agent works, but what was meant to be a list is read by luck.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read | Bash
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ```
    """
    for entries in (agent.tools or (), agent.disallowed):
        if all(entry.bare in TOOLS for entry in entries):
            continue
        found = [meaning(entry.text).kind for entry in entries]
        if "joined" in found:
            continue
        for index, entry in enumerate(entries):
            if found[index] == "mark":
                fix = None
                if 0 < index < len(entries) - 1:
                    before, after = entries[index - 1], entries[index + 1]
                    if before.item == after.item and before.exact and after.exact:
                        gap = Span(before.span.end, after.span.start)
                        fix = safe(agent, "put a comma there", (Edit(gap, ", "),))
                what = shorten(entry.text)
                advice = "separate tools by `, ` and nothing else"
                yield Finding(
                    entry.span, f"`{what}` is no tool and does not separate any", advice, fix
                )


@rule(Severity.INFO, fixable=True, needs=("tools", "disallowedTools"))
def duplicate_tool(agent: Agent) -> Iterator[Finding]:
    """The same tool is listed twice.

    It is given once. With something in parentheses a tool may well be listed more than once.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash, Read
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash(git:*), Bash(npm:*)
    ---
    ```
    """
    for entries in (agent.tools or (), agent.disallowed):
        seen = set()
        for entry in entries:
            if entry.text in seen:
                message = f"`{shorten(entry.text)}` is listed already"
                yield Finding(entry.span, message, "leave it out", dropped(agent, entry, entries))
            seen.add(entry.text)


@rule(Severity.WARNING, needs=("tools", "disallowedTools"))
def ignored_item(agent: Agent) -> Iterator[Finding]:
    """An item of a list of tools is no text.

    Claude Code drops a number, a mapping or a list inside of the list, and says nothing. `- Bash: git` is a mapping;
    `- Bash(git:*)` is a tool.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools:
      - Read
      - Bash: git
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools:
      - Read
      - Bash(git:*)
    ---
    ```
    """
    for name in ("tools", "disallowedTools"):
        field = agent.field(name)
        if field is None or not isinstance(field.data, list):
            continue
        texts = all(isinstance(item, str) for item in field.data)
        if texts or claude_code.asked_tools(field.data) == []:
            continue
        for index, item in enumerate(field.data):
            if not isinstance(item, str):
                what = "empty" if item is None else f"{kind_of(item)}, not a text"
                message = f"this item of `{name}` is {what}"
                yield Finding(agent.span_at(field, (index,)), message, "write the name of a tool")


def _separated(agent: Agent, name: str, found: Sequence[tuple[Entry, Meaning]]) -> Fix | None:
    """Put commas between tools that are run together, where it is certain which they are."""
    joined = [(entry, one) for entry, one in found if one.kind == "joined"]
    if not all(one.tools for _, one in joined):
        return None
    title = "separate them by commas"
    if all(entry.exact for entry, _ in joined):
        edits = []
        for entry, one in joined:
            comma = "," if entry.text[-1] in _SEPARATORS and _goes_on(agent, entry) else ""
            edits.append(Edit(entry.span, ", ".join(one.tools) + comma))
        return safe(agent, title, tuple(edits))
    item = found[0][0].item
    written = agent.text[slice(*item)].rstrip()
    tools = [
        tool
        for entry, one in found
        if one.kind != "mark"
        for tool in (one.tools if one.kind == "joined" else (entry.text,))
    ]
    if written[:1] in ("|", ">") and _PLAIN.fullmatch(", ".join(tools)):
        return safe(
            agent, title, (Edit(Span(item.start, item.start + len(written)), ", ".join(tools)),)
        )
    return None


def _goes_on(agent: Agent, entry: Entry) -> bool:
    """Whether another entry follows on the line, in the same text."""
    rest = agent.text[entry.span.end : entry.item.end].partition("\n")[0]
    return bool(re.match(r" +\w", rest))
