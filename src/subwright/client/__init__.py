"""Ask an installed Claude Code what it loads: offline, without login, in an empty home."""

from __future__ import annotations

import os
import re
import shutil
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from subwright.client.start import ClientError, Room, Talk, open_room, reason

__all__ = ["ClientError", "Status", "Verdict", "ask", "find", "version"]

SECONDS = 60.0  # that one start of the client may take

Status: TypeAlias = Literal["accepted", "accepted-with-log", "rejected", "silently-skipped"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the client made of one file.

    `tools` are those that resolve, in the client's order and words (it says `Task` for `Agent`);
    None where nobody asked or nothing loaded. `messages` come from its debug log: a person at the
    keyboard sees none of them.
    """

    path: Path
    status: Status
    name: str | None = None
    description: str | None = None
    model: str | None = None
    tools: tuple[str, ...] | None = None
    messages: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        """Whether the client has an agent from this file."""
        return self.name is not None


def find(named: str | None = None) -> Path | None:
    """The client that an installed `claude_agent_sdk` carries, or the one that the caller names.

    `named` is a path, or a command to look for on PATH. Without it PATH is not read.
    """
    if named is not None:
        there = shutil.which(named)
        return Path(there).absolute() if there else None
    from importlib.util import find_spec

    package = find_spec("claude_agent_sdk")
    for folder in (package.submodule_search_locations or ()) if package else ():
        binary = Path(folder, "_bundled", "claude.exe" if os.name == "nt" else "claude")
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None


def version(binary: Path, *, seconds: float = SECONDS) -> str:
    """The client's version, such as `2.1.330`. Raises ClientError."""
    with open_room() as room, Talk(binary, room, (), seconds) as talk:
        return str(talk.request("initialize", "claude_code_version"))


def ask(
    binary: Path,
    files: Iterable[Path],
    *,
    plugin: bool = False,
    tools: bool = False,
    mcp: Mapping[str, Sequence[str]] | None = None,
    seconds: float = SECONDS,
    jobs: int = 2,
) -> list[Verdict]:
    """What the client makes of each of `files`, in their order. Raises ClientError.

    One start does for all files whose names differ; files that share a name take one more each.
    `plugin` loads them as a plugin's agents. `tools` starts the client once more for each agent,
    `jobs` at a time, to see which tools it gets; `mcp` gives stdio servers, a command and its
    arguments by name, that run meanwhile so that their tools resolve. The hooks and servers of the
    files themselves are not started.
    """
    asked = {index: (Path(path), _read(Path(path))) for index, path in enumerate(files)}
    listen = partial(_listen, binary, plugin=plugin, seconds=seconds)
    heard = _Heard()
    left = asked
    while left:
        more = listen(left)
        heard.verdicts |= more.verdicts
        heard.names |= more.names
        heard.doubtful |= more.doubtful
        # Whoever is passed over in silence may only stand behind another file of its name.
        left = {
            index: file
            for index, file in left.items()
            if more.names and index not in more.names and not more.verdicts[index].messages
        }
    if not plugin:
        held = Counter(heard.names.values())
        heard.doubtful |= {index for index, name in heard.names.items() if held[name] > 1}

    def alone(index: int) -> Verdict:
        agent = heard.names.get(index) if tools else None
        return listen({index: asked[index]}, agent=agent, mcp=mcp or {}).verdicts[index]

    again = sorted(heard.doubtful.union(heard.names if tools else ()))
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        heard.verdicts |= zip(again, pool.map(alone, again), strict=True)
    return [heard.verdicts[index] for index in asked]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(f"cannot read `{path}`: {reason(error)}") from error


# One start over numbered copies, and what its answers and its log say of each.

_SILENT: Status = "silently-skipped"
_NAME_HELD_TWICE = "[agents] Duplicate agent name '"


@dataclass(slots=True)
class _Heard:
    """What one start said.

    A verdict on each file; a name for each that loads, or would but for another file of that name;
    and the files to ask by themselves before their verdict is believed.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)


def _listen(
    binary: Path,
    asked: Mapping[int, tuple[Path, bytes]],
    *,
    plugin: bool,
    seconds: float,
    agent: str | None = None,
    mcp: Mapping[str, Sequence[str]] | None = None,
) -> _Heard:
    """Start the client once over copies of the files; as `agent`, it tells that one's tools too."""
    tools = None
    with open_room(plugin=plugin) as room:
        copies = {index: room.copy(index, path, text) for index, (path, text) in asked.items()}
        options: tuple[str, ...] = ()
        if agent is not None:
            agent = room.prefix(min(asked)) + agent
            options = _as_agent(room, agent, mcp or {})
        with Talk(binary, room, options, seconds) as talk:
            listed = {entry["name"]: entry for entry in talk.request("initialize", "agents")}
            usage = talk.request("get_context_usage", "agents")
            if agent is not None:
                tools = _tools(talk, agent, set(mcp or {}))
            talk.finish()
        log = list(room.log())
    loaded = {}
    for entry in usage:
        for index in room.indices(entry.get("path") or ""):
            loaded[index] = listed[entry["agentType"]]
    heard = _Heard()
    heard.names = {
        index: entry["name"].removeprefix(room.prefix(index)) for index, entry in loaded.items()
    }
    lines = _share_out(log, room, heard, {index: text for index, (_, text) in asked.items()})
    for index, (path, _) in asked.items():
        said = (line.replace(str(copies[index]), path.name) for line in lines[index])
        messages = tuple(dict.fromkeys(" ".join(line.split()) for line in said))
        if index not in loaded:
            status: Status = "rejected" if messages else _SILENT
            heard.verdicts[index] = Verdict(path, status, messages=messages)
            continue
        heard.verdicts[index] = Verdict(
            path,
            "accepted-with-log" if messages else "accepted",
            heard.names[index],
            loaded[index]["description"],
            loaded[index].get("model"),
            tools,
            messages,
        )
    return heard


def _share_out(
    log: Iterable[str], room: Room, heard: _Heard, texts: Mapping[int, bytes]
) -> dict[int, list[str]]:
    """The log lines of each file; what they leave open goes to `heard`."""
    lines: dict[int, list[str]] = {index: [] for index in texts}
    by_name: list[str] = []
    refused: list[tuple[int, str]] = []
    for line in log:
        indices = [index for index in room.indices(line) if index in texts]
        if line.startswith(_NAME_HELD_TWICE):
            for name in [heard.names[index] for index in indices if index in heard.names]:
                heard.names.update(dict.fromkeys(indices, name))
        elif indices:
            if "Unknown parsing error" in line and by_name:
                # The reason stands in the lines before, under a name that nothing else tells of.
                ours = [said for said in by_name if _quoted(said) == _quoted(by_name[-1])]
                by_name = [said for said in by_name if said not in ours]
                lines[indices[0]] += ours
                refused += [(indices[0], said) for said in ours]
            lines[indices[0]].append(line)
        elif _quoted(line):
            by_name.append(line)
    logged = {index: _as_logged(name) for index, name in heard.names.items()}
    for line in by_name:
        named = [index for index, name in logged.items() if f"'{name}'" in line]
        if len(texts) == 1:
            named = list(texts)
        if len(named) == 1:
            lines[named[0]].append(line)
        else:
            # The log shortens long names and blurs odd ones; such lines are about hooks alone.
            heard.doubtful.update(named or (i for i in logged if b"hooks" in texts[i]))
    for refused_index, line in refused:
        named = [index for index, name in logged.items() if f"'{name}'" in line]
        heard.doubtful.update([refused_index, *named] if named else [])
    return lines


def _quoted(line: str) -> str:
    """The name in a log line that names an agent and no file."""
    found = re.match(r"(?:Agent|Invalid hooks in agent) '(.*?)'(?: not loaded)?: ", line)
    return found[1] if found else ""


def _as_logged(name: str) -> str:
    """A name as the client's log writes it: one blank for blanks and invisible letters."""
    plain = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name)
    return " ".join("".join(plain).split())


def _as_agent(room: Room, agent: str, mcp: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    servers = {
        server: {"type": "stdio", "command": command[0], "args": list(command[1:])}
        for server, command in mcp.items()
    }
    settings = room.write("settings.json", {"agent": agent, "disableAllHooks": True})
    config = room.write("mcp.json", {"mcpServers": servers})
    return ("--settings", str(settings), "--mcp-config", str(config))


def _tools(talk: Talk, agent: str, servers: set[str]) -> tuple[str, ...]:
    """The tools that the client starts `agent` with, once all servers are there."""
    while servers:
        states = {
            entry["name"]: entry["status"] for entry in talk.request("mcp_status", "mcpServers")
        }
        for server in sorted(servers):
            state = states.get(server, "not started")
            if state not in ("pending", "connected"):
                raise ClientError(f"mcp server `{server}`: {state}")
            if state == "connected":
                servers.remove(server)
        time.sleep(0.02 if servers else 0)
    # It tells them before the first turn, which then ends for want of a login.
    talk.send({"type": "user", "message": {"role": "user", "content": "x"}})
    told = talk.wait(lambda said: said.get("subtype") == "init")
    if agent not in told["agents"]:
        raise ClientError(f"the client did not load the agent `{agent}` a second time")
    return tuple(told["tools"])
