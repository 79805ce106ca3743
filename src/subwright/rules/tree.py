"""Rules about the agents of one load root together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePath

from subwright.claude_code import BUILT_IN_AGENTS, MORE_BUILT_IN_AGENTS, WARN_TOKENS
from subwright.diagnostic import Related, Severity, Source, Span
from subwright.errors import did_you_mean
from subwright.rules import Finding, rule, shorten
from subwright.tree import Summary, Tree

CHARACTERS = 4  # of a token, about


@rule(Severity.ERROR, stops=True)
def duplicate_name(tree: Tree) -> Iterator[tuple[Source, Finding]]:
    """Another agent of the same load root has the same name.

    Claude Code loads one of them, and only the debug log names the others. It is the last one in the order of
    their paths, which is nothing to rely on; in a plugin it may be any of them. There agents in different folders have
    different names. Upper and lower case count: `Rev` and `rev` are two agents.

    ```fail path=frontend/reviewer.md
    ---
    name: reviewer
    description: Reviews components
    ---
    ```

    ```fail path=reviewer.md
    ---
    name: reviewer
    description: Reviews code
    ---
    ```

    ```pass path=frontend/reviewer.md
    ---
    name: frontend-reviewer
    description: Reviews components
    ---
    ```

    ```pass path=reviewer.md
    ---
    name: reviewer
    description: Reviews code
    ---
    ```
    """
    same = defaultdict(list)
    for agent in tree.agents:
        if agent.loads:
            folder = PurePath(agent.path).parent if tree.plugin else None
            same[folder, agent.name].append(agent)
    for (_, name), agents in same.items():
        *lost, kept = agents
        what = "one of them is not loaded" if tree.plugin else "this one is not loaded"
        said = "named so too" if tree.plugin else "this one is loaded"
        for agent in lost:
            there = Related(tree.sources[kept.path], Span(*kept.name_span), said)
            yield (
                tree.sources[agent.path],
                Finding(
                    Span(*agent.name_span),
                    f"another agent is named `{shorten(name)}` too, and {what}",
                    "give one of them another name",
                    related=(there,),
                ),
            )


@rule(Severity.WARNING)
def built_in_name(tree: Tree) -> Iterator[tuple[Source, Finding]]:
    """The agent takes the place of one that is built into Claude Code.

    `Explore`, `Plan`, `general-purpose` and some more are used by Claude Code on its own account. An agent of that
    name, in a project or of a user, is used instead, with its own tools and prompt. Agents of plugins have the name of
    the plugin before their own and replace nothing.

    ```fail
    ---
    name: Explore
    description: Looks around
    ---
    ```

    ```pass
    ---
    name: explorer
    description: Looks around
    ---
    ```
    """
    for agent in tree.agents:
        if agent.name in BUILT_IN_AGENTS and agent.loads and not tree.plugin:
            message = f"this replaces the built-in agent `{agent.name}`"
            yield (
                tree.sources[agent.path],
                Finding(
                    Span(*agent.name_span), message, "choose another name, if that is not meant"
                ),
            )


@rule(Severity.WARNING)
def unknown_agent(tree: Tree) -> Iterator[tuple[Source, Finding]]:
    """An agent is named that does not exist.

    Work is handed over by an agent's name. Where neither the load root nor Claude Code has one of that name, it is not
    handed over, or to another agent. Looked at are `Agent(name)` in `tools`, `subagent_type: "name"`, `@agent-name`,
    and phrases such as "use the code-reviewer agent". Names with a colon belong to a plugin, which is not looked into.
    A file that stands alone, and the agents of a plugin, which others may stand beside, are let be.

    ```fail path=planner.md
    ---
    name: planner
    description: Plans work
    ---
    When the plan is done, use the code-reviewr agent.
    ```

    ```fail path=code-reviewer.md
    ---
    name: code-reviewer
    description: Reviews code
    ---
    ```

    ```pass path=planner.md
    ---
    name: planner
    description: Plans work
    ---
    When the plan is done, use the code-reviewer agent.
    ```

    ```pass path=code-reviewer.md
    ---
    name: code-reviewer
    description: Reviews code
    ---
    ```
    """
    if tree.plugin or len(tree.agents) < 2:
        return
    names = {agent.name for agent in tree.agents} | {*BUILT_IN_AGENTS, *MORE_BUILT_IN_AGENTS}
    plain = {_plain(name) for name in names}
    for agent in tree.agents:
        said: set[str] = set()
        for name, where in agent.mentions:
            if _plain(name) in plain or ":" in name or name in said:
                continue
            said.add(name)
            message = f"there is no agent `{shorten(name)}` in `{tree.path}`"
            advice = did_you_mean(name, names, 0.75)
            yield tree.sources[agent.path], Finding(Span(*where), message, advice)


@rule(Severity.WARNING)
def costly_descriptions(tree: Tree) -> Iterator[tuple[Source, Finding]]:
    """The descriptions of all agents together are longer than Claude Code wants them to be.

    Name and description of every agent go to the model in every session, whole. Claude Code warns where they are more
    than 15,000 tokens together. A token is taken for four characters here, so the number is an estimate; the finding is
    at the agent that costs most.

    ```fail line=4 times=700
    ---
    name: reviewer
    description: >-
      Reviews code. Use it after each change to a file, and before each commit, whatever the size of it may be.
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code. Use it after each change.
    ---
    ```
    """
    agents = [agent for agent in tree.agents if agent.loads]
    tokens = sum(agent.cost for agent in agents) // CHARACTERS
    if tokens > WARN_TOKENS:
        worst = max(agents, key=_cost)
        own = worst.cost // CHARACTERS
        message = (
            f"the descriptions in `{tree.path}` have about {tokens:,} tokens, this one {own:,}"
        )
        advice = f"keep all of them together under {WARN_TOKENS:,}: they go to the model in every session"
        yield tree.sources[worst.path], Finding(Span(*worst.cost_span), message, advice)


def _cost(agent: Summary) -> int:
    return agent.cost


def _plain(name: str) -> str:
    """A name as it may be written in prose."""
    return name.casefold().replace(" ", "-").replace("_", "-")
