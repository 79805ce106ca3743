"""Rules about the sections and tools that the configuration asks of an agent."""

from __future__ import annotations

from collections.abc import Iterator

from subwright.agent import Agent
from subwright.diagnostic import Related, Severity, Span
from subwright.rules import Finding, rule


@rule(Severity.ERROR, needs=("contract",))
def broken_contract(agent: Agent) -> Iterator[Finding]:
    """The agent is not what the configuration asks of it.

    A table such as `[tool.subwright.contract."agents/review/*"]` holds the agents whose paths fit to something:
    `sections`, which stand as `##` headings in that order and once each; `tools`, which the agent asks for, no more and
    no fewer; `max_characters` and `max_description_characters`. Claude Code knows nothing of it. It is your own promise
    to those who use the agents, so a broken one is an error. Templates are held to their own contract by the same
    check.

    ```fail sections=Scope,Output tools=Read,Grep
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Bash
    ---
    ## Scope
    ```

    ```fail max_characters=60
    ---
    name: reviewer
    description: Reviews code at great length
    ---
    ```

    ```pass sections=Scope,Output tools=Read,Grep max_characters=200
    ---
    name: reviewer
    description: Reviews code
    tools: Read, Grep
    ---
    ## Scope

    All of it.

    ## Output

    A list of findings.
    ```
    """
    contract = agent.place.contract
    # of fields that the client cannot read nothing is known
    if contract is None or agent.reading.problem:
        return
    for breach in contract.breaches(agent.spec):
        related: tuple[Related, ...] = ()
        if breach.unmet:
            related = (Related(breach.unmet.source, breach.unmet.span, "asked for here"),)
        start, end = breach.span
        line = agent.source.line_at(start)
        span = Span(start, min(end, max(line.end, start)))
        yield Finding(span, breach.message, breach.help, related=related)
