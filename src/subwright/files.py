"""Write files so that a kill at any moment leaves the old content or the new."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

_MOST = 1 << 16  # bytes that are read at once
# a pipe without a writer is empty, and not waited for
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def read(path: Path) -> bytes | None:
    """The content of a file, or nothing where there is none."""
    try:
        return content(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def content(path: str) -> bytes:
    """The content of a file, in less time than `open` takes, which tells where there are thousands.

    Raises:
        OSError: it cannot be read; the error names it.
    """
    try:
        file = os.open(path, _FLAGS)
        try:
            first = os.read(file, _MOST)
            # a short read need not be the last
            whole = len(first) < _MOST and not os.read(file, 1)
        finally:
            os.close(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    return first if whole else Path(path).read_bytes()


def write(path: Path, content: bytes) -> None:
    """Write a file in one step, making its folders; a link is followed, the mode of an old file is kept.

    The temporary file stands beside it under a name that Claude Code does not load.

    Raises:
        OSError: it cannot be written, and is as it was; the error names it.
    """
    try:
        _replace(path.resolve(), content)
    except OSError as error:
        # the temporary file's name would tell nobody anything
        raise OSError(error.errno, error.strerror, str(path)) from error
    except RuntimeError as error:  # what `resolve` says of links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error


def _replace(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".subwright-{os.urandom(8).hex()}.tmp")
    # unlike `tempfile`, this gives the file the mode that the user's umask says
    file = temporary.open("xb")
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            import shutil

            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
