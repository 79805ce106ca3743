"""What several test files need of the programs that they ask."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from click.testing import CliRunner

from subwright import client
from subwright.cli import main

ROOT = Path(__file__).resolve().parents[1]
LOADER = ROOT / "tests/data/loader"
SERENA = {"serena": [sys.executable, str(ROOT / "tests/stub_mcp.py")]}

Found = TypeVar("Found")


class Loaded(NamedTuple):
    """What the client has of one agent text."""

    loaded: bool
    name: str | None
    description: str | None


def require(found: Found | None, what: str) -> Found:
    """What was found; otherwise skip the test, or fail it where SUBWRIGHT_REQUIRE_ALL is 1."""
    if found is None:
        if os.environ.get("SUBWRIGHT_REQUIRE_ALL") == "1":
            pytest.fail(f"{what} is missing, and SUBWRIGHT_REQUIRE_ALL is set")
        pytest.skip(f"{what} is missing")
    return found


def linted(*args: str) -> tuple[int, str, str]:
    """The exit status of `subwright lint`, and what it prints to stdout and to stderr."""
    result = CliRunner().invoke(main, ["lint", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout, result.stderr


@cache
def require_package_index() -> None:
    """Skip, or fail, a test that lets pip install this project where pip reaches no package."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "hatchling"]
        result = subprocess.run(command, cwd=folder, capture_output=True)
    require(True if result.returncode == 0 else None, "a package index")


@cache
def claude() -> Path:
    """The client of the `client` extra."""
    return require(client.find(), "the client (`pip install '.[client]'`)")


def load(texts: Iterable[str | bytes]) -> list[Loaded]:
    """Let the client load agent texts, all in one start; a name that occurs twice costs another each."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index, text in enumerate(texts):
            file = Path(folder, f"{index}.md")
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            files.append(file)
        verdicts = client.ask(claude(), files)
    return [Loaded(found.loaded, found.name, found.description) for found in verdicts]
