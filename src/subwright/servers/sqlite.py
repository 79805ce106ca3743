"""SQLite: no server, but another `sqlite3` module for the processes that are to use it."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from subwright.servers.binary import Binary, Server, ServerError
from subwright.servers.sources import series_of

# found before the standard library's module when its folder stands in PYTHONPATH
_SHIM = Path(__file__).with_name("sqlite_shim.py")
_MODULES = ("pysqlite3", "sqlean")


def find() -> Iterator[Binary]:
    """The interpreter's own SQLite."""
    import sqlite3

    version = sqlite3.sqlite_version
    yield Binary("sqlite", version, series_of("sqlite", version), Path(sys.executable), "Python")


def shim_key() -> str:
    """What changes with the shim: a folder that was made with another one is made anew."""
    return f"{zlib.crc32(_SHIM.read_bytes()):08x}"


def lay_shim(folder: Path) -> str:
    """Make the DB-API module of a folder stand in for `sqlite3`, and say the version of it.

    Raises:
        ServerError: it holds no such module, or one that does not load.
    """
    names = [name for name in _MODULES if (folder / name).is_dir()]
    if not names:
        raise ServerError(f"the wheel holds none of the modules {', '.join(_MODULES)}")
    shim = folder / "sqlite3"
    shim.mkdir()
    text = _SHIM.read_text(encoding="utf-8").replace("pysqlite3", names[0])
    (shim / "__init__.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-B", "-c", "import sqlite3; print(sqlite3.sqlite_version)"],
        env={"PYTHONPATH": str(folder)},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"the module `{names[0]}` does not load", log=done.stderr)
    return done.stdout.strip()


@contextmanager
def start(binary: Binary, settings: Mapping[str, str]) -> Iterator[Server]:
    """What a process needs in its environment to use this SQLite."""
    if settings:
        raise ServerError("SQLite takes no settings: they are a matter of each connection")
    own = binary.path == Path(sys.executable)
    yield Server(binary, environment={} if own else {"PYTHONPATH": str(binary.path)})
