"""Where the package's own templates and agents are."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """A top-level data folder: inside the package when installed, beside `src` in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parents[1] / name
