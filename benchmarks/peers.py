"""The linters that subwright is measured beside, each in a temporary environment of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import BenchmarkError, Command, printed

AGNIX = "0.59.3"
AGENTLINT = "0.1.1.dev4"
CCLINT = "0.2.10"
# these two read the folder again for every file
AGNIX_OFF = ("CC-AG-021", "CC-AG-023")


@dataclass(frozen=True)
class Peer:
    """A linter.

    Attributes:
        title: with its version.
        lint: the command that lints a folder, without the folder.
        report: what makes it print all findings with their files.
        missing: why it cannot be run here.
    """

    title: str
    lint: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    missing: str | None = None

    def command(self, folder: Path, *more: str) -> Command:
        """The command that lints all agents of a folder.

        Args:
            folder: that has `.claude/agents`.
            more: options.
        """
        args = tuple(part.replace("{folder}", str(folder)) for part in self.lint)
        return Command((*args, *more), folder, statuses=(0, 1))


def environment(folder: Path, *requirements: str) -> Path:
    """A new virtual environment with some packages; the folder of its programs.

    Raises:
        BenchmarkError: they cannot be installed.
    """
    venv.create(folder, with_pip=True, symlinks=sys.platform != "win32")
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    _install([programs / "python", "-m", "pip", "install", "--quiet", *requirements])
    return programs


def peers(folder: Path) -> dict[str, Peer]:
    """All of them, installed below a folder where that can be done."""
    off = folder / "agnix.toml"
    off.write_text(f"[rules]\ndisabled_rules = [{', '.join(map(repr, AGNIX_OFF))}]\n")
    title = f"agnix {AGNIX}"
    without = f"{title} without {' and '.join(AGNIX_OFF)}"
    found = {}
    try:
        agnix = str(environment(folder / "agnix", f"agnix=={AGNIX}") / "agnix")
        json = ("--format", "json")
        found["agnix"] = Peer(title, (agnix, "."), json)
        found["agnix-off"] = Peer(without, (agnix, "--config", str(off), "."), json)
    except BenchmarkError as error:
        found["agnix"] = Peer(title, missing=str(error))
        found["agnix-off"] = Peer(without, missing=str(error))
    title = f"maat16-agentlint {AGENTLINT}"
    try:
        programs = environment(folder / "agentlint", f"maat16-agentlint=={AGENTLINT}")
        found["agentlint"] = Peer(
            title, (str(programs / "agentlint"), "{folder}/../policy.toml"), ("--format", "json")
        )
    except BenchmarkError as error:
        found["agentlint"] = Peer(title, missing=str(error))
    title = f"@carlrannaberg/cclint {CCLINT}"
    try:
        prefix = str(folder / "cclint")
        package = f"@carlrannaberg/cclint@{CCLINT}"
        _install(["npm", "install", "--no-audit", "--no-fund", "--prefix", prefix, package])
        program = folder / "cclint" / "node_modules" / ".bin" / "cclint"
        found["cclint"] = Peer(title, (str(program), "agents"))
    except BenchmarkError as error:
        found["cclint"] = Peer(title, missing=str(error))
    return found


def policy(folder: Path) -> None:
    """Write what agentlint needs to lint a folder beside it: it takes no path."""
    text = f'[project]\nname = "corpus"\nroot = "{folder.as_posix()}"\n'
    (folder.parent / "policy.toml").write_text(text, encoding="utf-8")


def unseen(report: Command, folder: Path) -> set[str]:
    """The files of a witness corpus that a linter does not name when it prints all findings."""
    names = {path.name for path in (folder / ".claude/agents").iterdir()}
    return names - _named(printed(report))


def _named(report: str) -> set[str]:
    return set(re.findall(r"\.claude[/\\]+agents[/\\]+([\w-]+\.md)", report))


def _install(command: Iterable[str | Path]) -> None:
    try:
        done = subprocess.run([*command], capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        name = next(iter(command))
        raise BenchmarkError(f"`{Path(name).name}` does not work: {type(error).__name__}") from None
    if done.returncode:
        raise BenchmarkError("it cannot be installed here")
