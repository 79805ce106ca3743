"""Where the package's own templates and agents are, and the user's cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def folder(name: str) -> Path:
    """A top-level data folder: inside the package when installed, beside `src` in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parents[1] / name


def make_cache_folder(path: Path) -> None:
    """Make a folder of the cache, with those around it.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([p for p in (path, *path.parents) if not p.exists()]):
        missing.mkdir(exist_ok=True)
        if sys.platform != "win32" and os.geteuid() == 0:
            # whatever the umask: another user than this one has to get through
            missing.chmod(0o755)


def cache_folder(name: str) -> Path | None:
    """A folder of the user's cache: in SUBWRIGHT_CACHE_DIR, or the platform's place for caches; None without a home.

    Root has none of its own: its home is closed to the unprivileged user that servers run as.
    """
    given = os.environ.get("SUBWRIGHT_CACHE_DIR")
    if given:
        return Path(given).absolute() / name
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    elif os.geteuid() == 0:
        base = "/var/cache"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(base).expanduser() / "subwright" / name
    except RuntimeError:  # a user without an entry in the system's list, as in some containers
        return None
