"""What an installed Claude Code makes of plugins and marketplaces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subwright.client.start import ClientError, Talk, open_room, run

SECONDS = 60.0  # that one start of the client may take


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `plugin validate` says of a folder: of its marketplace where it has one, else of its plugin."""

    kind: str
    passed: bool
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that the client has from an installed plugin."""

    name: str
    description: str
    file: Path


def validate(
    binary: Path, folder: Path, *, strict: bool = True, seconds: float = SECONDS
) -> Verdict:
    """What the client's own `plugin validate` says; with `strict` a warning fails. Raises ClientError."""
    arguments = ["plugin", "validate", "--json", *(["--strict"] if strict else [])]
    with open_room() as room:
        done = run(binary, room, [*arguments, str(folder.absolute())], room.root, seconds)
    try:
        said = json.loads(done.stdout)
        parts = [said["manifest"], *said["contents"]]
        return Verdict(
            str(said["manifest"]["type"]),
            bool(said["success"]) and done.returncode == 0,
            tuple(_messages(parts, "errors")),
            tuple(_messages(parts, "warnings")),
        )
    except (KeyError, TypeError, ValueError):
        words = f"{done.stdout} {done.stderr}".split()
        raise ClientError(f"`plugin validate` cannot be read: {' '.join(words)[-300:]}") from None


def _messages(parts: Iterable[Any], key: str) -> Iterable[str]:
    for part in parts:
        for entry in part[key]:
            yield f"{entry['path']}: {entry['message']}"


def agents_after(
    binary: Path, folder: Path, commands: Iterable[Sequence[str]], *, seconds: float = SECONDS
) -> list[Agent]:
    """The agents that the client has from plugins once it has done commands such as `plugin install NAME`.

    They are done in order, from a folder, by a client whose home and configuration are empty before.

    Raises:
        ClientError: a command that it refuses, in its words.
    """
    with open_room() as room:
        for command in commands:
            done = run(binary, room, command, folder, seconds)
            if done.returncode != 0:
                words = " ".join(f"{done.stdout} {done.stderr}".split())
                raise ClientError(f"`{' '.join(command)}`: {words[-300:]}")
        with Talk(binary, room, (), seconds) as talk:
            described = {
                entry["name"]: entry["description"]
                for entry in talk.request("initialize", "agents")
            }
            used = talk.request("get_context_usage", "agents")
            talk.finish()
    return [
        Agent(name, described[name], Path(entry["path"]))
        for entry in used
        if entry.get("source") == "plugin" and (name := entry["agentType"])
    ]
