"""Rules about the names by which an agent asks for tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from subwright.agent import Agent, Entry
from subwright.claude_code import ALIASES, RETIRED_TOOLS, TOOLS, named_tool
from subwright.diagnostic import Edit, Fix, Severity, Span
from subwright.rules import Finding, rule, shorten
from subwright.rules.tools.entries import (
    Meaning,
    advice_on,
    dropped,
    either,
    meaning,
    replaced,
    safe,
)

_LOOSE = {"unknown", "foreign"}


@rule(Severity.ERROR, fixable=True, needs=("other-tools",))
def unknown_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for that Claude Code does not have.

    It drops an entry of `tools` that it does not know and says nothing, and the agent works without the tool. Upper
    and lower case count: `read` is none. A program such as `git` is run by `Bash`, and the tools of an MCP server are
    written `mcp__server__tool`.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: read, Bash
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
    tools: Read, docker
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash(docker:*), mcp__github__get_issue
    ---
    ```
    """
    entries = agent.tools or ()
    phrases = list(_phrases(entries))
    given = {named_tool(entry.text) for entry in entries} if phrases else set()
    for phrase, found in phrases:
        span = Span(phrase[0].span.start, phrase[-1].span.end)
        text = " ".join(entry.text for entry in phrase)
        if found.kind == "misspelt":
            (tool,) = found.tools
            fix = None
            if tool not in given:
                fix = _spelt(agent, phrase, tool)
                given.add(tool)
            yield Finding(span, f"unknown tool `{shorten(text)}`", f"write `{tool}`", fix)
        elif found.kind == "unknown":
            yield Finding(span, f"unknown tool `{shorten(text)}`", advice_on(agent, text))


@rule(Severity.ERROR, fixable=True, needs=("other-tools",))
def foreign_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for by the name that another editor gives it.

    Copilot, Cursor, Windsurf, Gemini and others have names of their own for what Claude Code calls `Read`, `Edit`,
    `Grep`, `Bash`. It drops them and says nothing, and the agent works without these tools.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: read_file, run_in_terminal
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
    tools: ["codebase", "Edit"]
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep, Glob
    ---
    ```
    """
    entries = agent.tools or ()
    phrases = list(_phrases(entries))
    given = {named_tool(entry.text) for entry in entries} if phrases else set()
    for (entry, *_), found in phrases:
        if found.kind == "foreign":
            message = f"`{shorten(entry.bare)}` is the name of a tool in another editor"
            advice = "Claude Code has none of this kind"
            if found.tools:
                advice = f"write {either(found.tools)}"
            yield Finding(entry.span, message, advice, _put(agent, entry, found.tools, given))


@rule(Severity.WARNING, fixable=True, needs=("other-tools",))
def retired_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for that Claude Code no longer has.

    It had these tools once. Now it drops their names and says nothing. `Edit` does what `MultiEdit` did, `Glob` or
    `ls` what `LS` did, and `Read` reads the output of a task in the background.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, MultiEdit
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Edit
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, TodoWrite, LS, Bash
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, TodoWrite, Bash
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Edit, Glob
    ---
    ```
    """
    entries = agent.tools or ()
    retired = [entry for entry in entries if entry.bare in RETIRED_TOOLS]
    given = {named_tool(entry.text) for entry in entries} if retired else set()
    for entry in retired:
        found = meaning(entry.text)
        if found.kind == "retired":
            advice = either(found.tools)
            yield Finding(
                entry.span,
                f"Claude Code no longer has the tool `{entry.bare}`",
                f"{advice} does that now" if advice else "leave it out",
                _put(agent, entry, found.tools, given),
            )


@rule(Severity.WARNING, fixable=True, needs=("other-tools",))
def tool_alias(agent: Agent) -> Iterator[Finding]:
    """A tool is named by an old name.

    The old name still works, for as long as Claude Code keeps it. Others did not last: `LS` and `MultiEdit` are
    dropped by now.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Task(explorer)
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Agent(explorer)
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Agent(explorer)
    ---
    ```
    """
    for entries in (agent.tools or (), agent.disallowed):
        named = [entry for entry in entries if entry.bare in ALIASES]
        given = {entry.text for entry in entries} if named else set()
        for entry in named:
            found = meaning(entry.text)
            if found.kind == "alias":
                (tool,) = found.tools
                new = tool + entry.text[len(entry.bare) :]
                fix = dropped(agent, entry, entries) if new in given else None
                given.add(new)
                yield Finding(
                    entry.span,
                    f"`{entry.bare}` is an old name of `{tool}`",
                    f"write `{tool}`",
                    fix or replaced(agent, entry, tool),
                )


def _phrases(entries: Sequence[Entry]) -> Iterator[tuple[list[Entry], Meaning]]:
    """The entries that are no tools of Claude Code; words in a row that may be one name or a sentence, as one."""
    rows: list[list[Entry]] = []
    for entry in entries:
        if entry.bare in TOOLS:
            continue
        if meaning(entry.text).kind not in ("unknown", "misspelt", "foreign"):
            continue
        last = rows[-1][-1] if rows else None
        if last and last.exact and entry.exact and last.span.end + 1 == entry.span.start:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    for row in rows:
        each = [meaning(entry.text) for entry in row]
        whole = meaning("_".join(entry.text for entry in row))
        words = all(entry.text.isalpha() for entry in row)
        if len(row) > 1 and words and whole.kind == "misspelt":
            yield row, whole
        elif len(row) > 1 and words and {one.kind for one in each} in ({"unknown"}, _LOOSE):
            yield row, Meaning("unknown")
        else:
            yield from (([entry], one) for entry, one in zip(row, each, strict=True))


def _spelt(agent: Agent, phrase: Sequence[Entry], tool: str) -> Fix | None:
    if len(phrase) == 1:
        return replaced(agent, phrase[0], tool)
    span = Span(phrase[0].span.start, phrase[-1].span.end)
    return safe(agent, f"write `{tool}`", (Edit(span, tool),))


def _put(agent: Agent, entry: Entry, tools: Sequence[str], given: set[str]) -> Fix | None:
    """Write the one tool that is meant by an entry, or leave the entry out where nothing is missed then."""
    if not tools or given & {*tools}:
        return dropped(agent, entry, agent.tools or ())
    if len(tools) > 1:
        return None
    given.add(tools[0])
    return replaced(agent, entry, tools[0])
