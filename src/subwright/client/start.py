"""One start of the client: the temporary place that it happens in, and the conversation with it."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


class ClientError(Exception):
    """The client could not be asked; this says nothing about the files."""


def reason(error: OSError) -> str:
    """What the system says of an error, in our manner."""
    return (error.strerror or str(error)).lower()


@dataclass(frozen=True, slots=True)
class Room:
    """A temporary folder with an own project, plugin, home and configuration."""

    root: Path
    plugin: bool

    @property
    def agents(self) -> Path:
        return self.root / ("plugin/agents" if self.plugin else "project/.claude/agents")

    def write(self, name: str, data: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return path

    def copy(self, index: int, path: Path, text: bytes) -> Path:
        """Place a file under its number: a folder's in a plugin, where the file's own name counts."""
        name = f"{index:06d}/{path.stem}.md" if self.plugin else f"{index:06d}.md"
        copy = self.agents / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)
        return copy

    def prefix(self, index: int) -> str:
        """What the client puts before an agent's name: the plugin's and the folder's."""
        return f"p:{index:06d}:" if self.plugin else ""

    def indices(self, said: str) -> list[int]:
        """The numbers of the copies that a path or a log line names."""
        found = re.findall(re.escape(str(self.agents)) + r"[/\\](\d{6})(?!\d)", said)
        return list(dict.fromkeys(map(int, found)))

    def log(self) -> Iterator[str]:
        """The messages of the debug log, without their times and levels."""
        text = (self.root / "log").read_text(encoding="utf-8", errors="replace")
        for line in text.split("\n"):
            _, _, said = line.partition("] ")
            if said.startswith('"'):
                with suppress(ValueError):
                    said = str(json.loads(said))
            yield said


@contextmanager
def open_room(*, plugin: bool = False) -> Iterator[Room]:
    """A room that goes away with all that is in it. Raises ClientError."""
    try:
        root = Path(tempfile.mkdtemp(prefix="subwright-client-")).resolve()
        try:
            room = Room(root, plugin)
            for folder in ("home", "configuration", "tmp", "project/.git/refs"):
                (root / folder).mkdir(parents=True)
            (root / "project/.git/objects").mkdir()
            # A repository of its own: from a plain folder the client goes up and reads what is there.
            room.write("project/.git/HEAD", "ref: refs/heads/main\n")
            room.write("plugin/.claude-plugin/plugin.json", {"name": "p", "version": "0.0.0"})
            yield room
        finally:
            shutil.rmtree(root, ignore_errors=True)
    except OSError as error:
        raise ClientError(f"cannot use a temporary folder: {reason(error)}") from error


class Talk:
    """One start of the client, from its first word to the end of all its processes."""

    def __init__(self, binary: Path, room: Room, options: Sequence[str], seconds: float) -> None:
        _is_there(binary)
        self._room, self._seconds = room, seconds
        self._deadline = time.monotonic() + seconds
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._sent = 0
        plugin = ("--plugin-dir", str(room.root / "plugin")) if room.plugin else ()
        self._command = [
            *(
                *_offline(),
                str(binary.absolute()),
                "-p",
                "--verbose",
                "--debug-file",
                str(room.root / "log"),
            ),
            *("--input-format", "stream-json", "--output-format", "stream-json"),
            *("--strict-mcp-config", *plugin, *options),
        ]

    def __enter__(self) -> Talk:
        with (self._room.root / "stderr").open("wb") as stderr:
            try:
                self._client = subprocess.Popen(
                    self._command,
                    cwd=self._room.root / "project",
                    env=_environment(self._room.root),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise ClientError(f"cannot start the client: {reason(error)}") from error
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The client and whatever it started: they are one process group.
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._client.pid, signal.SIGKILL)
            else:
                self._client.kill()
        self._client.wait()
        self._listener.join(1)
        assert self._client.stdin is not None
        with suppress(OSError):
            self._client.stdin.close()

    def _listen(self) -> None:
        assert self._client.stdout is not None
        with self._client.stdout as stdout:
            for line in stdout:
                with suppress(ValueError):
                    said = json.loads(line.decode("utf-8", errors="replace"))
                    if isinstance(said, dict):
                        self._said.put(said)
        self._said.put(None)

    def send(self, message: Mapping[str, object]) -> None:
        assert self._client.stdin is not None
        try:
            self._client.stdin.write(json.dumps(message).encode() + b"\n")
            self._client.stdin.flush()
        except OSError as error:
            raise self._stopped() from error

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that is wanted."""
        while True:
            try:
                said = self._said.get(timeout=max(0.0, self._deadline - time.monotonic()))
            except queue.Empty:
                raise self._late() from None
            if said is None:
                raise self._stopped()
            if wanted(said):
                return said

    def request(self, subtype: str, key: str) -> Any:
        """Ask with a control request and return one key of the answer."""
        self._sent += 1
        number = f"subwright-{self._sent}"
        self.send(
            {"type": "control_request", "request_id": number, "request": {"subtype": subtype}}
        )
        answer = self.wait(lambda said: (said.get("response") or {}).get("request_id") == number)
        response = answer["response"]
        if response.get("subtype") != "success":
            raise ClientError(f"the client refused `{subtype}`: {response.get('error')}")
        if key not in (response.get("response") or {}):
            raise ClientError(f"the client answered `{subtype}` without `{key}`")
        return response["response"][key]

    def finish(self) -> None:
        """Let the client end by itself, so that its log is whole."""
        assert self._client.stdin is not None
        with suppress(OSError):
            self._client.stdin.close()
        try:
            self._client.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise self._late() from None

    def _late(self) -> ClientError:
        return ClientError(f"the client was not done within {self._seconds:g} seconds")

    def _stopped(self) -> ClientError:
        with suppress(subprocess.TimeoutExpired):
            self._client.wait(1)
        said = (self._room.root / "stderr").read_text(encoding="utf-8", errors="replace").split()
        status = self._client.poll()
        words = f"the client stopped without an answer (exit status {status})"
        return ClientError(f"{words}: {' '.join(said)[-300:]}" if said else words)


def run(
    binary: Path, room: Room, arguments: Sequence[str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """One command of the client, such as `plugin list`, in a folder. Raises ClientError."""
    _is_there(binary)
    try:
        return subprocess.run(
            [*_offline(), str(binary.absolute()), *arguments],
            cwd=folder,
            env=_environment(room.root),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise ClientError(f"cannot start the client: {reason(error)}") from error
    except subprocess.TimeoutExpired:
        raise ClientError(f"the client was not done within {seconds:g} seconds") from None


def _is_there(binary: Path) -> None:
    if shutil.which(binary) is None:
        raise ClientError(f"cannot start `{binary}`: no such program")


def _environment(root: Path) -> dict[str, str]:
    """All that the client gets to see of an environment."""
    home = str(root / "home")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CLAUDE_CONFIG_DIR": str(root / "configuration"),
        "TMPDIR": str(root / "tmp"),
        "CLAUDE_TMPDIR": str(root / "tmp"),
        "CLAUDE_AGENT_SDK_DISABLE_BUILTIN_AGENTS": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    if os.name == "nt":
        environment.update(USERPROFILE=home, APPDATA=home, LOCALAPPDATA=home)
        environment.update(TEMP=environment["TMPDIR"], TMP=environment["TMPDIR"])
        # What a Windows process cannot start without, and where the client finds its shell.
        for name in ("SYSTEMROOT", "COMSPEC", "PATHEXT", "PATH", "CLAUDE_CODE_GIT_BASH_PATH"):
            environment.update({name: os.environ[name]} if name in os.environ else {})
    if not _offline():
        # Without a network of its own, a proxy that nobody listens on.
        environment.update(HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
    return environment


@cache
def _offline() -> tuple[str, ...]:
    """The command that takes the network from what follows it, where the system allows that."""
    if sys.platform == "linux" and (unshare := shutil.which("unshare", path="/usr/bin:/bin")):
        for options in (("-n",), ("-r", "-n")):
            tried = subprocess.run([unshare, *options, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return (unshare, *options, "--")
    return ()
