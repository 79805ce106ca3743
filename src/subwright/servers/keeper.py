"""Run one server for another process, and take it and its folder away when that one is gone.

It is run as a program, apart from the package and with the standard library alone. It reads commands
from standard input, one JSON object a line, and answers on standard output in the same way; the end
of standard input is the order to stop.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# how long a server may take to stop by itself, in seconds
_PATIENCE = 5.0


class _Keeper:
    def __init__(self, parent: int, prefix: str, user: int, stop_signal: int) -> None:
        self.parent = parent
        self.user = user
        self.stop_signal = stop_signal
        # looked up here, not between fork and exec
        self.prctl = ctypes.CDLL(None).prctl
        self.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self.child: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        if user >= 0:
            os.chown(self.folder, user, user)

    def keep(self) -> None:
        """Answer commands until the other side has gone."""
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        _say(folder=str(self.folder))
        pending = b""
        # the end of input may not come while a child of the parent holds the pipe open
        while os.getppid() == self.parent:
            ready, _, _ = select.select([0, wake], [], [], 1.0)
            if wake in ready:
                os.read(wake, 512)
            if self.child is not None and self.child.poll() is not None:
                _say(exited=self.child.returncode)
                self.child = None
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self.obey(**json.loads(line))

    def obey(self, command: list[str] | None = None, feed: str | None = None) -> None:
        if command is None:
            # an end that had not been told was told just before
            _say(heard=True)
        else:
            self.start(command, feed)

    def start(self, command: list[str], feed: str | None) -> None:
        """Start a program with an empty environment; what it prints goes to the log."""
        user = {"user": self.user, "group": self.user, "extra_groups": []} if self.user >= 0 else {}
        try:
            with (
                Path(feed or os.devnull).open("rb") as stdin,
                (self.folder / "log").open("ab") as log,
            ):
                self.child = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env={},
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    umask=0o077,
                    start_new_session=True,
                    # safe here: this process has one thread
                    preexec_fn=self._tie,
                    **user,  # type: ignore[call-overload]
                )
        except (OSError, subprocess.SubprocessError) as error:
            _say(failed=f"{command[0]}: {error}")
        else:
            _say(pid=self.child.pid)

    def _tie(self) -> None:
        # also when this process is killed, the server stops
        self.prctl(_PR_SET_PDEATHSIG, self.stop_signal)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def stop(self) -> None:
        """Stop what runs, and what that has left behind, and remove the folder."""
        if self.child is not None:
            self.child.send_signal(self.stop_signal)
            try:
                self.child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        # children of a server that died have become children of this process
        deadline = time.monotonic() + _PATIENCE / 5
        with contextlib.suppress(ChildProcessError):
            while True:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    if time.monotonic() > deadline:
                        _kill_children()
                    time.sleep(0.01)
        for _ in range(10):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.1)


def _say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _kill_children() -> None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            # the name before it, in brackets, may hold anything
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                os.kill(int(stat.parent.name), signal.SIGKILL)


def main() -> None:
    """Keep a server; the arguments are the parent's number, a prefix, a user or -1, a signal."""
    parent, prefix, user, stop_signal = sys.argv[1:]
    for name in (signal.SIGINT, signal.SIGHUP):
        # not ignored: the server would inherit that
        signal.signal(name, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        keeper = _Keeper(int(parent), prefix, int(user), int(stop_signal))
    except OSError as error:
        _say(failed=f"no temporary folder: {error}")
        return
    try:
        keeper.keep()
    except BrokenPipeError:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.stop()


if __name__ == "__main__":
    main()
