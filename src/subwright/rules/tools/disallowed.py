"""Rules about the tools that an agent gives up."""

from __future__ import annotations

from collections.abc import Iterator

from subwright.agent import Agent
from subwright.claude_code import mcp_server, named_tool
from subwright.diagnostic import Related, Severity
from subwright.hooks import kind_of
from subwright.rules import Finding, rule, shorten
from subwright.rules.tools.entries import advice_on, either, meaning, replaced
from subwright.rules.tools.given import gives


@rule(Severity.WARNING, needs=("disallowedTools",))
def disallowed_specifier(agent: Agent) -> Iterator[Finding]:
    """`disallowedTools` removes more than it says.

    What stands in parentheses does not count there: `Bash(rm:*)` removes all of `Bash`, and `Agent(Explore)` all of
    `Agent`. A single command is forbidden by a rule under `permissions.deny` in the settings, or by a hook.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: Bash(rm:*)
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: Bash
    ---
    ```
    """
    for entry in agent.disallowed:
        found = meaning(entry.text)
        specifier = entry.text[len(entry.bare) :].strip("()* ")
        if found.exists and specifier and not _is_void(agent):
            yield Finding(
                entry.span,
                f"`{shorten(entry.text)}` removes all of `{shorten(entry.bare)}`",
                "forbid it under `permissions.deny` in the settings",
            )


@rule(Severity.WARNING, fixable=True, needs=("disallowedTools",))
def useless_disallow(agent: Agent) -> Iterator[Finding]:
    """`disallowedTools` does not remove what it says.

    `*` removes nothing, and with it no other entry does. A number, `true` or a mapping removes nothing, nor does a
    tool that is spelt in another way, a name from another editor, or a part of a name with `*`. The agent has the tool
    all the same, and Claude Code says nothing.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: "*"
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: bash, Write
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: Bash, Write
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    disallowedTools: Bash, mcp__*
    ---
    ```
    """
    field = agent.field("disallowedTools")
    if field is None:
        return
    if not isinstance(field.data, str | list | None):
        message = f"`disallowedTools` is {kind_of(field.data)}, so it removes nothing"
        yield Finding(agent.span_at(field, ()), message, "write a list of tools")
        return
    stars = [entry for entry in agent.disallowed if entry.text == "*"]
    if stars:
        message = "`*` in `disallowedTools` removes nothing, and voids the other entries"
        yield Finding(stars[0].span, message, "`tools` says what an agent may use")
        return
    for entry in agent.disallowed:
        found = meaning(entry.text)
        if found.kind in ("unknown", "foreign", "misspelt") or (
            found.kind == "pattern" and entry.bare != "mcp__*"
        ):
            message = f"`{shorten(entry.text)}` is no tool, so nothing is removed"
            advice = f"write {either(found.tools)}" if found.tools else advice_on(agent, entry.bare)
            fix = replaced(agent, entry, found.tools[0]) if found.kind == "misspelt" else None
            yield Finding(entry.span, message, advice, fix)


@rule(Severity.WARNING, needs=("disallowedTools",))
def granted_and_disallowed(agent: Agent) -> Iterator[Finding]:
    """A tool is both granted and disallowed.

    `disallowedTools` is applied first, so the agent does not have it.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    disallowedTools: Bash
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    disallowedTools: Write
    ---
    ```
    """
    if not agent.disallowed or _is_void(agent) or not gives(agent):
        return
    removed = {}
    for entry in agent.disallowed:
        exists = meaning(entry.text).exists or entry.text == "mcp__*"
        if exists and entry.bare == entry.text:
            removed[named_tool(entry.text).removesuffix("__*")] = entry
    for entry in agent.tools or ():
        tool = named_tool(entry.text).removesuffix("__*")
        server = mcp_server(tool)
        names = (tool, f"mcp__{server}", "mcp") if server else (tool,)
        other = next((removed[name] for name in names if name in removed), None)
        if other:
            related = (Related(agent.source, other.span, "disallowed here"),)
            message = (
                f"`{shorten(entry.text)}` is disallowed as well, so the agent does not have it"
            )
            yield Finding(entry.span, message, "keep one of the two", related=related)


def _is_void(agent: Agent) -> bool:
    """Whether a `*` in `disallowedTools` keeps it from removing anything."""
    return any(entry.text == "*" for entry in agent.disallowed)
