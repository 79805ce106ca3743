"""Rules about the tools that an agent asks for, and those that it gives up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from subwright import claude_code
from subwright.agent import Agent, Entry
from subwright.claude_code import (
    ALIASES,
    NEVER_IN_SUBAGENTS,
    NOT_BESIDE_BASH,
    OFF_BY_DEFAULT,
    RETIRED_TOOLS,
    SERENA_RETIRED,
    SERENA_TOOLS,
    SERENA_VERSION,
    SUBAGENT_TOOLS,
    TOOLS,
    mcp_server,
    named_tool,
)
from subwright.diagnostic import Edit, Fix, Related, Severity, Span
from subwright.errors import did_you_mean
from subwright.hooks import kind_of
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten
from subwright.rules.entries import (
    Meaning,
    dropped,
    either,
    meaning,
    replaced,
    safe,
    server_of,
)

_MCP_TOOL = lazy(r"(?<![\w/])mcp__([A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*)__(\w[\w-]*)(?![\w*])")
_TOOL = lazy(
    r"\b(?:use|using|call|invoke|run|with|via|through) (?:the |your )?[`*]*(\w+)[`*]*\Z",
    re.IGNORECASE,
)
_LOOSE = {"unknown", "foreign"}
_ALWAYS_GIVEN = (
    SUBAGENT_TOOLS - NOT_BESIDE_BASH
)  # to an agent that asks for it and disallows nothing
_SEPARATORS = ";|&+/"
_PLAIN = lazy(r"\w(?:[\w, *()-]|:(?=\S))*")
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
    if any(one.kind in wrong for one in found) or _gives(agent):
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
            yield Finding(span, f"unknown tool `{shorten(text)}`", _advice(agent, text))


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
        names = " and ".join(dict.fromkeys(f"`{entry.bare}`" for entry in found))
        verb = "is" if len(found) == 1 else "are"
        yield Finding(found[0].span, f"on Linux {names} {verb} not given beside `Bash`")


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


@rule(Severity.ERROR, needs=("other-tools",))
def mcp_pattern(agent: Agent) -> Iterator[Finding]:
    """An entry matches no tool of any MCP server.

    `mcp__server__tool` stands for one tool, `mcp__server` and `mcp__server__*` for all tools of a server. A `*` for a
    part of a name matches nothing, and so do `mcp__*` in `tools`, other cases of `mcp__`, and `server/tool`, which is
    how Copilot writes it. Claude Code drops such an entry and says nothing.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__serena__find_*
    ---
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, playwright/*
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__serena__find_symbol, mcp__playwright
    ---
    ```
    """
    for entry in agent.tools or ():
        if entry.bare in TOOLS:
            continue
        found = meaning(entry.text)
        if found.kind == "pattern":
            yield Finding(
                entry.span,
                f"`{shorten(entry.bare)}` matches no tool of an MCP server",
                _pattern_advice(entry, found),
            )


@rule(Severity.WARNING, needs=("other-tools",))
def unconfigured_server(agent: Agent) -> Iterator[Finding]:
    """Tools of an MCP server are asked for that the project does not configure.

    Where neither the `.mcp.json` beside the agents nor the agent's `mcpServers` names the server, its tools are there
    only for those who have it in their own settings. For all others Claude Code drops them and says nothing. `servers`
    in the configuration allows more.

    ```fail servers=context7
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__github__get_issue
    ---
    ```

    ```pass servers=github
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__github__get_issue
    ---
    ```

    ```pass servers=context7
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__github__get_issue
    mcpServers:
      - github:
          type: http
          url: https://mcp.example.com
    ---
    ```
    """
    if agent.place.servers is None:
        return
    asked = [entry for entry in agent.tools or () if entry.bare.startswith("mcp__")]
    known = agent.place.servers | _own_servers(agent) if asked else frozenset()
    said: set[str] = set()
    for entry in asked:
        server = server_of(entry.text)
        if server is None or server in known or server in said:
            continue
        if not claude_code.MCP_SERVERS_FROM_ELSEWHERE.fullmatch(server):
            said.add(server)
            advice = did_you_mean(server, known) or "name it in `.mcp.json` or in `mcpServers`"
            yield Finding(entry.span, f"no MCP server `{shorten(server)}` is configured", advice)


@rule(Severity.WARNING, needs=("other-tools",))
def unserved_tool(agent: Agent) -> Iterator[Finding]:
    """A tool is asked for that Serena does not serve.

    Serena 2 serves other tools to Claude Code than the versions before it: `replace_regex`, `think_about_*`,
    `switch_modes` and others are gone, and what Claude Code can do itself is left out. Claude Code drops the names
    that are not served and says nothing. The others are served by `serena start-mcp-server` only with
    `--agent-interface tools`.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__serena__replace_regex
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    tools: Read, mcp__serena__replace_content
    ---
    ```
    """
    for entry in agent.tools or ():
        if "serena" not in entry.bare:
            continue
        server, _, tool = entry.bare.removeprefix("mcp__").rpartition("__")
        if server.removeprefix("plugin_serena_") != "serena" or tool in ("*", *SERENA_TOOLS):
            continue
        if meaning(entry.text).kind == "server":
            gone = any(re.fullmatch(name.replace("*", ".*"), tool) for name in SERENA_RETIRED)
            said = f"`{shorten(tool)}` is not served by Serena {SERENA_VERSION}"
            advice = did_you_mean(tool, SERENA_TOOLS, 0.75)
            yield Finding(entry.span, said, advice or ("leave it out" if gone else None))


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
            advice = f"write {either(found.tools)}" if found.tools else _advice(agent, entry.bare)
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
    if not agent.disallowed or _is_void(agent) or not _gives(agent):
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


def _gives(agent: Agent) -> bool:
    """Whether the agent is given at least one tool, where all servers serve what they are asked for."""
    if _surely_gives(agent):
        return True
    served = set()
    for entry in agent.tools or ():
        if meaning(entry.text).kind == "server":
            name = entry.bare.removesuffix("__*")
            served.add(name if name.count("__") > 1 else f"{name}__x")
    return bool(claude_code.resolve(agent.data) or claude_code.resolve(agent.data, served))


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


def _own_servers(agent: Agent) -> set[str]:
    """The servers that the agent's `mcpServers` names."""
    servers = agent.data.get("mcpServers")
    names: set[str] = set()
    for item in servers if isinstance(servers, list) else [servers]:
        names |= {item} if isinstance(item, str) else {*item} if isinstance(item, dict) else set()
    return names


def _is_void(agent: Agent) -> bool:
    """Whether a `*` in `disallowedTools` keeps it from removing anything."""
    return any(entry.text == "*" for entry in agent.disallowed)


def _advice(agent: Agent, text: str) -> str:
    if text.lower().split()[0] in ("all", "any", "everything", "full", "inherit"):
        return "leave `tools` out to give it all tools"
    if text in (agent.place.servers or frozenset()) | _own_servers(agent):
        return f"write `mcp__{text}` for all tools of that server"
    return did_you_mean(text, TOOLS, 0.75) or (
        "`Bash` runs programs; a tool of an MCP server is `mcp__server__tool`"
    )


def _pattern_advice(entry: Entry, found: Meaning) -> str:
    if found.tools:
        return f"write `{found.tools[0]}`"
    if entry.bare == "mcp__*":
        return "name each server: `mcp__server`"
    if "*" in entry.bare:
        return "list the tools, or write `mcp__server__*` for all of them"
    return "write `mcp__server__tool`, or `mcp__server` for all tools of a server"
