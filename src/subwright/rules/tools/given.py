"""Rules about the tools that an agent is given, and those that it is told to use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from subwright import claude_code
from subwright.agent import Agent
from subwright.claude_code import (
    NEVER_IN_SUBAGENTS,
    NOT_BESIDE_BASH,
    OFF_BY_DEFAULT,
    SUBAGENT_TOOLS,
    TOOLS,
    named_tool,
)
from subwright.diagnostic import Severity, Span
from subwright.hooks import kind_of
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten
from subwright.rules.tools.entries import meaning

# to an agent that asks for it and disallows nothing
_ALWAYS_GIVEN = SUBAGENT_TOOLS - NOT_BESIDE_BASH
_MCP_TOOL = lazy(r"(?<![\w/])mcp__([A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*)__(\w[\w-]*)(?![\w*])")
_TOOL = lazy(
    r"\b(?:use|using|call|invoke|run|with|via|through) (?:the |your )?[`*]*(\w+)[`*]*\Z",
    re.IGNORECASE,
)
_DENIED = lazy(
    r"\b(?:not|never|no|without|instead|avoid|cannot|if|when|unless|except|user|main|parent|caller"
    r"|orchestrator)\b|n't\b",
    re.IGNORECASE,
)


@rule(Severity.ERROR, needs=("tools",))
def no_tools(agent: Agent) -> Iterator[Finding]:
    """The agent ends without any tool.

    A field `tools` without an entry is no field left out: where it is empty, or a number, `true` or a mapping, Claude
    Code starts the agent with no tools at all and says nothing. Where it has entries and none of them resolves, the
    agent refuses to start. What `disallowedTools` removes counts too. Without the field an agent has all tools.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: []
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: LS, NotebookRead
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Bash
    disallowedTools: Bash(rm:*)
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ```
    """
    field = agent.field("tools")
    if field is None or _surely_gives(agent) or claude_code.asked_tools(field.data) is None:
        return
    entries = agent.tools or ()
    found = [meaning(entry.text) for entry in entries]
    # an entry that is wrong by itself is reported by itself
    wrong = ("unknown", "foreign", "misspelt", "joined", "unclosed", "pattern")
    if any(one.kind in wrong for one in found) or gives(agent):
        return
    advice = "leave `tools` out to give it all tools, or list those that it needs"
    if entries:
        message = "none of these tools is given to the agent, so it refuses to start"
        if any(one.exists for one in found) and agent.disallowed:
            message = "`disallowedTools` removes all of these tools, so the agent refuses to start"
        yield Finding(agent.span_at(field, ()), message, advice)
        return
    what = "is empty"
    if isinstance(field.data, list) and field.data:
        what = "has no text in it"
    elif field.data not in (None, "", []) and not isinstance(field.data, str):
        what = f"is {kind_of(field.data)}"
    where = field.key if field.value.start == field.value.end else agent.span_at(field, ())
    yield Finding(where, f"`tools` {what}, so the agent has no tools at all", advice)


@rule(Severity.WARNING, needs=("tools",))
def main_only_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for that a subagent is never given.

    Subagents cannot ask the user, change to plan mode, end the conversation or schedule themselves: Claude Code keeps
    `AskUserQuestion`, `EnterPlanMode`, `Workflow` and some more to the main session, and says nothing. `ExitPlanMode`
    is given where `permissionMode` is `plan`. An agent that is started with `claude --agent` is the main session.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, AskUserQuestion
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, ExitPlanMode
    permissionMode: plan
    ---
    ```
    """
    plan = agent.data.get("permissionMode") == "plan" and not agent.place.plugin
    for entry in agent.tools or ():
        if entry.bare in NEVER_IN_SUBAGENTS and not (plan and entry.bare == "ExitPlanMode"):
            advice = "leave it out, unless the agent is to be a main session (`claude --agent`)"
            yield Finding(entry.span, f"a subagent is never given `{entry.bare}`", advice)


@rule(Severity.WARNING, needs=("tools",))
def disabled_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for that is off by default.

    `TodoWrite` has given way to `TaskCreate`, `TaskUpdate` and their like. It is off unless the user's settings turn
    it on, and Claude Code drops it from `tools` and says nothing.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, TodoWrite
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, TaskCreate, TaskUpdate
    ---
    ```
    """
    for entry in agent.tools or ():
        if entry.bare in OFF_BY_DEFAULT:
            advice = "leave it out, or write `TaskCreate` and `TaskUpdate`"
            yield Finding(entry.span, f"`{entry.bare}` is off by default", advice)


@rule(Severity.INFO, needs=("tools",))
def search_beside_bash(agent: Agent) -> Iterator[Finding]:
    """`Grep` or `Glob` is asked for beside `Bash`.

    On Linux Claude Code gives them only to an agent that lists them and does not list `Bash`, with which it can search
    by itself. On other systems all are given, so such a list is common and does no harm.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep, Bash
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep
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
    entries = agent.tools or ()
    if not any(entry.bare == "Bash" for entry in entries):
        return
    found = [entry for entry in entries if entry.bare in NOT_BESIDE_BASH]
    removed = {named_tool(entry.text) for entry in agent.disallowed}
    if found and not removed & {"Bash", "*"}:
        names = dict.fromkeys(f"`{entry.bare}`" for entry in found)
        verb = "is" if len(names) == 1 else "are"
        yield Finding(
            found[0].span, f"on Linux {' and '.join(names)} {verb} not given beside `Bash`"
        )


@rule(Severity.WARNING, needs=("tools", "disallowedTools"))
def ungranted_tool(agent: Agent) -> Iterator[Finding]:
    """The prompt tells the agent to use a tool that it is not given.

    Where `tools` leaves the tool out, or `disallowedTools` removes it, the agent cannot do what it is told. What is
    looked for are names of MCP tools, and phrases such as "use the Write tool"; a sentence that says not to is let be.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep
    ---
    Use the Write tool to save the report.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep, Write
    ---
    Use the Write tool to save the report. Never use the Edit tool.
    ```
    """
    body = agent.spec.body
    text = agent.text
    if agent.reading.problem or not ("tools" in agent.data or agent.disallowed):
        return
    found = []
    if b"__" in agent.marks and text.find("mcp__", *body) >= 0:
        found += [(m.span(), m[0]) for m in _MCP_TOOL.finditer(text, *body)]
    at = text.find(" tool", *body)
    while at >= 0:
        start = max(body.start, at - 60)
        if text[start:at].rpartition(" ")[2].strip("`*") in TOOLS:
            named = _TOOL.search(text, start, at)
            if named and not text[at + 5 : at + 6].isalnum():
                found.append((named.span(1), named[1]))
        at = text.find(" tool", at + 1, body.end)
    if not found:
        return
    # without `tools` it depends on the system whether `Grep` and `Glob` are given
    unlisted = NOT_BESIDE_BASH if "tools" not in agent.data else frozenset()
    missing = {
        tool
        for tool in {tool for _, tool in found} - unlisted
        if not claude_code.resolve(agent.data, {tool})
    }
    for span, tool in sorted(found):
        if tool not in missing:
            continue
        line = agent.source.line_at(span[0])
        if not _DENIED.search(
            agent.text, max(line.start, span[0] - 200), min(line.end, span[1] + 200)
        ):
            missing.discard(tool)
            message = f"the agent is told to use `{shorten(tool)}`, which it is not given"
            advice = "add it to `tools`, or change the text"
            if tool in NEVER_IN_SUBAGENTS:
                advice = "change the text: no subagent is given it"
            yield Finding(Span(*span), message, advice)


def _surely_gives(agent: Agent) -> bool:
    """Whether a glance tells that the agent is given at least one tool."""
    return not agent.disallowed and any(entry.bare in _ALWAYS_GIVEN for entry in agent.tools or ())


def gives(agent: Agent) -> bool:
    """Whether the agent is given at least one tool, where all servers serve what they are asked for."""
    if _surely_gives(agent):
        return True
    served = set()
    for entry in agent.tools or ():
        if meaning(entry.text).kind == "server":
            name = entry.bare.removesuffix("__*")
            served.add(name if name.count("__") > 1 else f"{name}__x")
    return bool(claude_code.resolve(agent.data) or claude_code.resolve(agent.data, served))
