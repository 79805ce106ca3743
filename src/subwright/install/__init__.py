"""Install agents into a project, keep them current, and take them away; what was written by hand is never lost."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from subwright import __version__, files
from subwright.errors import SubwrightError
from subwright.install import lockfile, transaction
from subwright.install.lockfile import Entry, Lock, digest
from subwright.install.transaction import Change
from subwright.template import ORIGIN, Rendered, Template

AGENTS = Path(".claude", "agents")

# what is done with a file, and whether it counts as a change
WRITING = ("write", "update", "replace", "remove", "record", "forget")


@dataclass(frozen=True)
class Agent:
    """An agent that a run is to install: the text, and what the lock file is to say of it."""

    content: bytes
    entry: Entry


@dataclass(frozen=True)
class Step:
    """What is done with one file.

    Attributes:
        file: its name.
        action: `write` a new file, `update` one that is as it was written, `replace` one that is not, with a backup,
            `remove` it, `record` or `forget` it in the lock file alone, `keep` it though it differs, `refuse` it, or
            nothing: `current`.
        why: the reason, for people.
        before: what the file holds.
        after: what it will hold.
        backup: where what it holds is kept.
    """

    file: str
    action: str
    why: str
    before: bytes | None = None
    after: bytes | None = None
    backup: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a run is to do."""

    folder: Path
    steps: Sequence[Step]
    before: bytes | None
    lock: Lock

    @property
    def refused(self) -> list[Step]:
        """What stands against the plan."""
        return [step for step in self.steps if step.action == "refuse"]

    @property
    def changing(self) -> list[Step]:
        """What changes a file or the lock."""
        return [step for step in self.steps if step.action in WRITING]

    @property
    def changes(self) -> list[Change]:
        """The change of the folder; the lock file's comes last."""
        changes = []
        for step in self.steps:
            if step.action in ("write", "update", "replace", "remove"):
                if step.backup and files.read(self.folder / step.backup) != step.before:
                    changes.append(Change(step.backup, None, step.before, like=step.file))
                changes.append(Change(step.file, step.before, step.after))
        text = self.lock.text().encode() if self.lock.entries else None
        if self.changing and text != self.before:
            changes.append(Change(lockfile.NAME, self.before, text))
        return changes

    def carry_out(self) -> list[str]:
        """Make the change.

        Returns:
            The files that were changed meanwhile, and are left as they are.

        Raises:
            SubwrightError: it cannot be made; nothing of it is.
        """
        assert not self.refused
        changes = self.changes
        return transaction.carry_out(self.folder, changes) if changes else []


def project(start: Path) -> Path:
    """The folder of the project around a folder: the nearest with `.git` or `.claude`, else the folder itself.

    The `.claude` of the user's home is not a project's.
    """
    try:
        home: Path | None = Path.home().resolve()
    except RuntimeError:
        home = None
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
        if (folder / ".claude").is_dir() and folder.resolve() != home:
            return folder
    return start


def template_digest(template: Template) -> str:
    """What a template's text, with all that it includes, is known by."""
    found = hashlib.sha256()
    for name, source in sorted(template.sources.items()):
        # a template's own path says where it lies, not what it is
        title = "" if source is template.source else name
        found.update(f"{title}\0{source.text}\0".encode())
    return found.hexdigest()


def agent(rendered: Rendered, given: Iterable[str], templates: str) -> Agent:
    """A rendered agent with its entry.

    Args:
        rendered: the agent.
        given: the names of the values that were chosen by hand.
        templates: the folder of its template, from the agents folder; empty for subwright's own.

    Raises:
        SubwrightError: its file name is none that can be installed.
    """
    content = rendered.text.encode()
    if not lockfile.is_name(rendered.file_name):
        raise SubwrightError(f"`{rendered.file_name}` is no name for an agent's file")
    entry = Entry(
        file=rendered.file_name,
        template=rendered.template.name,
        template_sha256=template_digest(rendered.template),
        sha256=digest(content),
        subwright=__version__,
        values=dict(rendered.variant.values),
        given=tuple(given),
        templates=templates,
    )
    return Agent(content, entry)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[list[str]]:
    """A folder to write in, kept from other runs, with what a killed run left finished.

    It is made when it is not there, and taken away again when nothing is written.

    Yields:
        The files that were changed by hand since a run was killed, which are left as they are.

    Raises:
        SubwrightError: it cannot be made, or another run keeps it.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubwrightError(
            f"cannot make `{folder}`: {error.strerror}", help="`--dir` names another place"
        ) from error
    try:
        with transaction.locked(folder):
            yield transaction.recover(folder)
    finally:
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()


def plan(
    folder: Path,
    lock: Lock,
    before: bytes | None,
    agents: Sequence[tuple[Agent, Entry | None]],
    *,
    force: bool = False,
) -> Plan:
    """What installing agents would do.

    Args:
        folder: the agents folder.
        lock: its lock file.
        before: the content of its lock file.
        agents: each with the entry of the installed agent that it takes the place of.
        force: overwrite what is not as it was written; what it held is kept beside it.

    Raises:
        SubwrightError: two of them would be one file.
    """
    steps: list[Step] = []
    kept: list[Entry] = []
    gone: list[str] = []
    names: set[str] = set()
    for new, old in agents:
        if new.entry.file in names:
            raise SubwrightError(
                f"two agents would be written to `{folder / new.entry.file}`",
                help="install the templates one by one, or with other values",
            )
        names.add(new.entry.file)
        step = _step(folder, lock.entries.get(new.entry.file), new, force)
        steps.append(step)
        if step.action in WRITING:
            kept.append(new.entry)
        if old is not None and old.file != new.entry.file:
            steps.append(_removal(folder, old, f"`{new.entry.file}` takes its place", force))
            gone.append(old.file)
    gone = [file for file in gone if file not in names]
    steps = [step for step in steps if step.action not in ("remove", "forget") or step.file in gone]
    return Plan(folder, steps, before, lock.with_entries(kept, gone))


def plan_removal(folder: Path, lock: Lock, before: bytes | None, entries: Sequence[Entry]) -> Plan:
    """What uninstalling agents would do: files that were edited stay, and are the user's own from then on."""
    steps = [_removal(folder, entry, "it is installed", force=False) for entry in entries]
    steps = [
        Step(step.file, "forget", f"{step.why}, so it stays and is yours", step.before)
        if step.action == "refuse"
        else step
        for step in steps
    ]
    return Plan(folder, steps, before, lock.with_entries([], [entry.file for entry in entries]))


def _step(folder: Path, old: Entry | None, new: Agent, force: bool) -> Step:
    file = new.entry.file
    problem, now = _content(folder / file)
    if problem:
        return Step(file, "refuse", problem)
    if now is None:
        return Step(file, "write", "it is missing" if old else "it is new", None, new.content)
    if digest(now) == new.entry.sha256:
        if old is None:
            return Step(file, "record", "it is as it would be written", now)
        same = (old.values, old.given, old.templates, old.sha256) == (
            new.entry.values,
            new.entry.given,
            new.entry.templates,
            new.entry.sha256,
        )
        return Step(file, "current" if same else "record", "it is as it would be written", now)
    if old is not None and digest(now) == old.sha256:
        return Step(file, "update", reasons(old, new.entry), now, new.content)
    if old is None:
        why = (
            "it is not recorded as installed"
            if ORIGIN.match(_start(now))
            else "subwright did not write it"
        )
    elif old.sha256 == new.entry.sha256:
        why = "it was edited by hand"
    else:
        why = f"it was edited by hand, and {reasons(old, new.entry)}"
    if force:
        return Step(file, "replace", why, now, new.content, _backup(folder, file, now))
    if old is not None and old.sha256 == new.entry.sha256 and old.values == new.entry.values:
        return Step(file, "keep", why, now, new.content)
    return Step(file, "refuse", why, now, new.content)


def _removal(folder: Path, entry: Entry, why: str, force: bool) -> Step:
    problem, now = _content(folder / entry.file)
    if problem:
        return Step(entry.file, "refuse", problem)
    if now is None:
        return Step(entry.file, "forget", "it is missing")
    if digest(now) == entry.sha256:
        return Step(entry.file, "remove", why, now)
    if force:
        backup = _backup(folder, entry.file, now)
        return Step(entry.file, "remove", why, now, None, backup)
    return Step(entry.file, "refuse", "it was edited by hand", now)


def _content(path: Path) -> tuple[str, bytes | None]:
    """Why a file cannot be written, or else its content."""
    if path.is_symlink():
        return "it is a link, and what it leads to may be another's", None
    if path.exists() and not path.is_file():
        return "it is not a file", None
    return "", files.read(path)


def _backup(folder: Path, file: str, content: bytes) -> str:
    """The name of a backup that no file has, or one with the same content; Claude Code loads none of them."""
    number = 1
    while True:
        name = f"{file}.bak" if number == 1 else f"{file}.bak{number}"
        if not os.path.lexists(folder / name) or (
            not (folder / name).is_symlink() and files.read(folder / name) == content
        ):
            return name
        number += 1


def _start(content: bytes) -> str:
    return content[:200].decode("utf-8", "replace")


def reasons(old: Entry, new: Entry) -> str:
    """Why an agent is not what it would be rendered to today."""
    changed = [
        f"{name} {shown(old.values[name])} → {shown(value)}"
        for name, value in new.values.items()
        if name in old.values and old.values[name] != value
    ]
    if changed:
        return ", ".join(changed)
    if old.template_sha256 != new.template_sha256:
        return "its template has changed"
    if old.subwright != new.subwright:
        return f"subwright {new.subwright} renders it anew"
    return "what it is rendered from has changed"


def shown(value: str | bool) -> str:
    """A value as it is written on the command line."""
    return str(value).lower() if isinstance(value, bool) else value


@dataclass(frozen=True)
class Status:
    """How an agent stands.

    Attributes:
        file: its name, with `/` where it stands in a folder below.
        state: `current`, `outdated`, `edited`, `missing`, `foreign` or `broken`: its template cannot be rendered.
        why: what is to be said of it.
        entry: what is recorded of it.
        before: what it holds.
        after: what it would be rendered to.
        outdated: whether it would be rendered to something else than was written.
    """

    file: str
    state: str
    why: str
    entry: Entry | None = None
    before: bytes | None = None
    after: bytes | None = None
    outdated: bool = False


def status(folder: Path, entry: Entry, new: Agent) -> Status:
    """How an installed agent stands to what it would be rendered to today."""
    moved = new.entry.sha256 != entry.sha256 or new.entry.values != entry.values
    why = reasons(entry, new.entry) if moved else ""
    after = new.content if moved else None
    problem, now = _content(folder / entry.file)
    if problem:
        return Status(entry.file, "edited", problem, entry, None, after, moved)
    if now is None:
        return Status(entry.file, "missing", "", entry, None, new.content, moved)
    if digest(now) == new.entry.sha256 and moved:
        return Status(
            entry.file, "outdated", "the lock file does not say so yet", entry, now, after, True
        )
    if digest(now) != entry.sha256:
        return Status(entry.file, "edited", why, entry, now, new.content, moved)
    return Status(entry.file, "outdated" if moved else "current", why, entry, now, after, moved)


def foreign(folder: Path, lock: Lock) -> list[Status]:
    """Files below the folder that say that subwright wrote them, and that the lock file does not name."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        if name in lock.entries or not path.is_file():
            continue
        with contextlib.suppress(OSError):
            with path.open("rb") as file:
                start = file.read(200)
            if ORIGIN.match(_start(start)):
                found.append(Status(name, "foreign", ""))
    return found


__all__ = [
    "AGENTS",
    "Agent",
    "Entry",
    "Lock",
    "Plan",
    "Status",
    "Step",
    "agent",
    "foreign",
    "opened",
    "plan",
    "plan_removal",
    "project",
    "status",
]
