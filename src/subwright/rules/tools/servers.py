"""Rules about tools of MCP servers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from subwright import claude_code
from subwright.agent import Agent, Entry
from subwright.claude_code import SERENA_RETIRED, SERENA_TOOLS, SERENA_VERSION, TOOLS
from subwright.diagnostic import Severity
from subwright.errors import did_you_mean
from subwright.rules import Finding, rule, shorten
from subwright.rules.tools.entries import Meaning, meaning, own_servers, server_of


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
    only for those who have it in their own settings. For all others Claude Code drops them and says nothing. What the
    configuration names under `mcp-servers` is allowed too.

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
    known = agent.place.servers | own_servers(agent) if asked else frozenset()
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


def _pattern_advice(entry: Entry, found: Meaning) -> str:
    if found.tools:
        return f"write `{found.tools[0]}`"
    if entry.bare == "mcp__*":
        return "name each server: `mcp__server`"
    if "*" in entry.bare:
        return "list the tools, or write `mcp__server__*` for all of them"
    return "write `mcp__server__tool`, or `mcp__server` for all tools of a server"
