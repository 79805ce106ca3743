"""What an entry of `tools` means to Claude Code, and the edits that mend one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from subwright import reading
from subwright.agent import Agent, Entry
from subwright.claude_code import (
    ALIASES,
    FOREIGN_GROUPS,
    FOREIGN_TOOLS,
    RETIRED_TOOLS,
    SUCCESSORS,
    TOOLS,
    bare_tool,
    mcp_server,
)
from subwright.diagnostic import Edit, Fix, Source, Span
from subwright.errors import did_you_mean
from subwright.patterns import lazy

Kind: TypeAlias = Literal[
    "tool",
    "alias",  # an old name that still resolves
    "retired",
    "server",  # one or all tools of an MCP server
    "pattern",  # looks like tools of an MCP server, but is no way to write them
    "misspelt",  # a tool but for its case, or for a hyphen or underscore
    "foreign",  # another editor's
    "joined",  # tools run together, or in quotes or brackets: one unknown name to the client
    "unclosed",  # a parenthesis swallows what follows
    "mark",  # punctuation, or an `and`
    "unknown",
]

LONGEST = 200  # characters of an entry that is looked into
MOST = 50_000  # characters of a frontmatter that is read once more for a fix

_SERVER = lazy(r"mcp__[^*]*[^*_](?:__\*)?")
_NEARLY_MCP = lazy(r"mcp(?:[:./-]|__?)\S", re.IGNORECASE)
_SLASH = lazy(r"([a-z][\w-]*)/(\*|[a-z]+(?:[_-][a-z0-9]+)+)")
_MARK = lazy(r"[^\w*(]+|and|or", re.IGNORECASE)
_WRAPPED = "[]{}\"'`\u201c\u201d\u2018\u2019.,:"
_JOINT = lazy(r"[\s;|&+/,\[\]{}\"'`]+")


class Meaning(NamedTuple):
    """What an entry is, and the tools that say what is meant by it, as far as that is known."""

    kind: Kind
    tools: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the client knows the tool, or may get it from a server."""
        return self.kind in ("tool", "alias", "server")


def _shape(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


_SHAPES = {_shape(name): ALIASES.get(name, name) for name in (*ALIASES, *TOOLS)}


def meaning(entry: str) -> Meaning:
    """What an entry of `tools` means to the client."""
    if len(entry) <= LONGEST:
        return _meaning(entry)
    bare = bare_tool(entry)
    if bare == entry:
        return Meaning("unclosed" if entry.find("(") > 0 else "unknown")
    return meaning(bare)


@lru_cache(maxsize=4096)
def _meaning(entry: str) -> Meaning:
    bare = bare_tool(entry)
    if bare in TOOLS or entry == "*":
        return Meaning("tool", (bare,))
    if bare in ALIASES:
        return Meaning("alias", (ALIASES[bare],))
    if bare in RETIRED_TOOLS:
        return Meaning("retired", SUCCESSORS.get(bare, ()))
    if _MARK.fullmatch(entry):
        return Meaning("mark")
    if entry.count("(") > entry.count(")") and not entry.startswith("("):
        return Meaning("unclosed")
    return (
        _joined(entry)
        or _of_server(bare)
        or _misspelt(bare)
        or _foreign(bare)
        or Meaning("unknown")
    )


def _joined(entry: str) -> Meaning | None:
    within = entry.strip(_WRAPPED)
    if within and within != entry and meaning(within).exists:
        return Meaning("joined", (within,))
    words = [word for word in entry.split() if word != "-"]
    if words != [entry] and all(meaning(word).exists for word in words):
        return Meaning("joined", tuple(words))
    parts = [part for part in _JOINT.split(re.sub(r"\([^)]*\)", "", entry)) if part.strip("-")]
    if not parts or parts == [entry]:
        return None
    found = [meaning(part) for part in parts]
    known = [one.exists or one.kind in ("misspelt", "retired") for one in found]
    if not any(known) or ("/" in entry and not all(known)):
        return None
    # what stands in parentheses may hold the marks too
    if not all(known) or "(" in entry:
        return Meaning("joined")
    written = zip(parts, found, strict=True)
    return Meaning(
        "joined", tuple(one.tools[0] if one.kind == "misspelt" else part for part, one in written)
    )


def _of_server(bare: str) -> Meaning | None:
    if _SERVER.fullmatch(bare):
        return Meaning("server", (bare,))
    if _NEARLY_MCP.match(bare):
        return Meaning("pattern")
    found = _SLASH.fullmatch(bare)
    if found and found[1] not in FOREIGN_GROUPS:
        return Meaning("pattern", (f"mcp__{found[1]}__{found[2]}",))
    return None


def _misspelt(bare: str) -> Meaning | None:
    tool = _SHAPES.get(_shape(bare))
    return Meaning("misspelt", (tool,)) if tool else None


def _foreign(bare: str) -> Meaning | None:
    names = bare.lower().replace("-", "_").split("/")
    for name in reversed(names):
        if name in FOREIGN_TOOLS:
            return Meaning("foreign", FOREIGN_TOOLS[name])
    if len(names) == 2 and names[0] in FOREIGN_GROUPS:
        tool = _SHAPES.get(names[0])
        return Meaning("foreign", (tool,) if tool else ())
    return None


@lru_cache(maxsize=4096)
def server_of(entry: str) -> str | None:
    """The MCP server of which an entry of `tools` asks for tools."""
    return mcp_server(bare_tool(entry)) if meaning(entry).kind == "server" else None


def own_servers(agent: Agent) -> set[str]:
    """The servers that the agent's `mcpServers` names."""
    servers = agent.data.get("mcpServers")
    names: set[str] = set()
    for item in servers if isinstance(servers, list) else [servers]:
        names |= {item} if isinstance(item, str) else {*item} if isinstance(item, dict) else set()
    return names


def advice_on(agent: Agent, text: str) -> str:
    """What to do about a name that is no tool."""
    if text.lower().split()[0] in ("all", "any", "everything", "full", "inherit"):
        return "leave `tools` out to give it all tools"
    if text in (agent.place.servers or frozenset()) | own_servers(agent):
        return f"write `mcp__{text}` for all tools of that server"
    return did_you_mean(text, TOOLS, 0.75) or (
        "`Bash` runs programs; a tool of an MCP server is `mcp__server__tool`"
    )


def either(tools: Iterable[str]) -> str:
    """Tools as words: "`Grep` or `Glob`"."""
    return " or ".join(f"`{tool}`" for tool in tools)


def replaced(agent: Agent, entry: Entry, tool: str) -> Fix | None:
    """Write another tool for an entry; what it has in parentheses stays."""
    start = entry.span.start
    edits = (Edit(Span(start, start + len(entry.bare)), tool),)
    return safe(agent, f"write `{tool}`", edits) if entry.exact else None


def dropped(agent: Agent, entry: Entry, entries: Sequence[Entry]) -> Fix | None:
    """Leave an entry out, where others stay and that takes no more than a part of a line."""
    span = _with_separator(agent, entry, entries) if entry.exact else None
    return safe(agent, "leave it out", (Edit(span, ""),)) if span else None


def safe(agent: Agent, title: str, edits: tuple[Edit, ...]) -> Fix | None:
    """A fix of `tools` or `disallowedTools`, if the client then reads these anew and all other fields as before."""
    start, end = agent.spec.frontmatter
    if end - start > MOST:
        return None
    text = agent.text
    for span, new in reversed(edits):
        text = text[: span.start] + new + text[span.end :]
    after = reading.read(Source(agent.source.path, text), len(text.encode()))
    # what comes first tells YAML what a value is: a `-`, `*` or quote may now stand there
    if after.problem or (after.strict and not agent.reading.strict):
        return None
    changed = {
        name
        for name in {*agent.data, *after.spec.data}
        if agent.data.get(name) != after.spec.data.get(name)
    }
    return Fix(title, edits) if len(changed) == 1 else None


def _with_separator(agent: Agent, entry: Entry, entries: Sequence[Entry]) -> Span | None:
    index = bisect_left(entries, entry.span.start, key=lambda other: other.span.start)
    if index == len(entries) or entries[index] is not entry:
        return None  # an alias stands where its text is
    before = entries[index - 1] if index else None
    after = entries[index + 1] if index + 1 < len(entries) else None
    alone = not any(other and other.item == entry.item for other in (before, after))
    own = entry.item if alone else entry.span
    line = agent.source.line_at(own.start)
    if (
        alone
        and len(entries) > 1
        and agent.text[line.start : own.start].strip() == "-"
        and not agent.text[own.end : line.end].strip()
    ):
        return Span(line.start, agent.text.index("\n", own.end) + 1)
    for other, backwards in ((after, False), (before, True)):
        if other is None or alone is (other.item == entry.item):
            continue
        place = other.item if alone else other.span
        gap = Span(place.end, own.start) if backwards else Span(own.end, place.start)
        if gap.start <= gap.end and not agent.text[slice(*gap)].strip(", "):
            return Span(gap.start, own.end) if backwards else Span(own.start, gap.end)
    return None
