"""Rules about the code blocks of an agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from subwright.agent import Agent
from subwright.diagnostic import Severity, Span
from subwright.languages import READERS, SHELL, balance, example
from subwright.markdown import Fence
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten

_FENCE = lazy(r"^(?:```|~~~)", re.MULTILINE)
MOST = 20_000  # characters of a block that is looked into: what is longer is data

_BALANCES: Mapping[str, Callable[[str], balance.Unclosed | None]] = {
    **dict.fromkeys((*SHELL, "zsh"), balance.shell),
    **dict.fromkeys(("sql", "postgresql", "postgres", "mysql", "sqlite", "plpgsql"), balance.sql),
}


@rule(Severity.WARNING, needs=("fences",))
def unparsable_code(agent: Agent) -> Iterator[Finding]:
    """A code block cannot be read in the language that it is tagged with.

    An agent writes what it has been shown: an example with a syntax error is copied with the error in it. Python, JSON,
    YAML and TOML are read here, up to the line at which no parser gets any further. What an author leaves out on
    purpose is no error: `...`, `<placeholders>`, comments and trailing commas in JSON, `await` outside of a function, a
    part of a class, transcripts of a Python session, templates. Python is read by the version that runs subwright:
    what looks like syntax of a later one is let be. A block that is meant to be read by people alone needs the tag
    `text`, or none.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~python
    for item in items
        print(item)
    ~~~
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~json
    {"severity": "high" "line": 3}
    ~~~
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~python
    async with session() as found:
        for item in await found.items(limit=10, ...):
            # look at it
    ~~~

    ~~~json
    {
      "severity": "high",  // or "low"
      "lines": [1, 2, ...],
    }
    ~~~

    ~~~text
    for each item: look at it
    ~~~
    ```
    """
    for fence, language in _fences(agent, READERS):
        try:
            found = example.problem(language, fence.code)
        except (RecursionError, MemoryError):
            continue
        if found:
            advice = "mend it, or tag the block `text` where it is meant for people alone"
            yield Finding(_line(agent, fence, found.line), shorten(found.message, 120), advice)


@rule(Severity.WARNING, needs=("fences",))
def unbalanced_code(agent: Agent) -> Iterator[Finding]:
    """A shell or SQL block opens a quote, a bracket or a heredoc and does not close it.

    An agent that copies such a command leaves the shell waiting for the rest of it. Nothing else of shell and SQL is
    looked at: their dialects differ too much for a verdict that holds in all of them.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~bash
    git log --grep "fix: --oneline
    ~~~
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~bash
    git log --grep "fix:" --oneline  # don't page
    case "$1" in
      -h) usage ;;
    esac
    ~~~
    ```
    """
    for fence, language in _fences(agent, _BALANCES):
        found = _BALANCES[language](fence.code)
        if found:
            words = "a backtick" if found.mark == "`" else f"`{shorten(found.mark)}`"
            where = _line(agent, fence, fence.code.count("\n", 0, found.at))
            yield Finding(where, f"{words} is not closed in this block")


def _fences(agent: Agent, languages: Mapping[str, object]) -> Iterator[tuple[Fence, str]]:
    """The code blocks in some languages, but for those that are cut: their fences are what is wrong."""
    for fence in agent.spec.fences:
        language = _language(fence.info)
        if language in languages and fence.closed and len(fence.code) <= MOST:
            code = fence.code
            if not ("```" in code or "~~~" in code) or not _FENCE.search(code):
                yield fence, language


@lru_cache(maxsize=256)
def _language(info: str) -> str:
    """The language that an info string names."""
    return info.partition(" ")[0].partition(",")[0].strip("{}.").lower()


def _line(agent: Agent, fence: Fence, line: int) -> Span:
    """The words on a line of a code block, counted from 0."""
    return agent.source.stripped(agent.source.line_span(fence.line + line))
