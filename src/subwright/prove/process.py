"""Processes that run an agent's code: with a clean environment and a time limit, and gone when it is over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from subwright.errors import SubwrightError

KEPT = 200_000  # bytes of output, the last ones: what went wrong stands at the end


_running: set[int] = set()
_stopping = threading.Event()


class StoppedError(SubwrightError):
    """Nothing more is started: the run is being ended."""


@dataclass(frozen=True)
class Done:
    """How a process ended; `status` is None where the time limit ended it."""

    status: int | None
    output: str


def clean_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """An environment with nothing of the user's own in it."""
    programs = str(Path(sys.executable).parent)
    path = [programs, "/usr/local/bin", "/usr/bin", "/bin"]
    if os.name == "nt":
        path = [programs, os.environ.get("SYSTEMROOT", r"C:\Windows") + r"\System32"]
    return {
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        **extra,
    }


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> Done:
    """Run a command to its end or its time limit, and end all that it started.

    Args:
        command: the program and its arguments.
        folder: its working directory.
        environment: its whole environment.
        seconds: how long it may take.
    """
    with tempfile.TemporaryFile() as out:
        with started(command, folder, environment, stdout=out, stderr=out) as process:
            try:
                status: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
        out.seek(max(0, out.seek(0, os.SEEK_END) - KEPT))
        text = out.read(KEPT).decode("utf-8", "replace")
    return Done(status, text)


@contextlib.contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    **streams: object,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; the whole group is ended with the block."""
    if _stopping.is_set():
        raise StoppedError("the run was ended")
    options: dict[str, object] = {"stdin": subprocess.DEVNULL, **streams}
    if os.name == "posix":
        options["start_new_session"] = True
    process: subprocess.Popen[bytes] = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        **options,  # type: ignore[call-overload]
    )
    _running.add(process.pid)
    try:
        yield process
    finally:
        _end(process)
        _running.discard(process.pid)


def end_all() -> None:
    """End every process of every thread, and let none be started any more."""
    _stopping.set()
    for pid in list(_running):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGTERM)


def is_stopping() -> bool:
    """Whether the run is being ended."""
    return _stopping.is_set()


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        # the group is the child's own, so this also reaches what it left in the background
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what it had not read is lost with it
                pipe.close()
