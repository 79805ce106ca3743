"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from subwright.database import Database
from subwright.template import Template, load

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="write what the snapshot tests see"
    )
    parser.addoption(
        "--client-files",
        type=int,
        metavar="N",
        help="about how many generated files to ask the client (default: what a test can afford)",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        default=2000,
        metavar="N",
        help="how many inputs to make up (default: 2000)",
    )


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a committed file, or write it with --update-snapshots."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-snapshots"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def make_template(tmp_path: Path) -> Callable[..., Template]:
    """Write a template with the given variables and body, and load it."""

    def make(
        body: str,
        variables: str = "",
        *,
        head: str = "name: sample\ndescription: A sample\n",
        databases: Mapping[str, Database] | None = None,
        partials: Mapping[str, str] | None = None,
    ) -> Template:
        for name, text in (partials or {}).items():
            path = tmp_path / "partials" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        entry = "template:\n  summary: A sample\n"
        if variables:
            entry += "  variables:\n" + "".join(f"    {line}\n" for line in variables.splitlines())
        path = tmp_path / "sample.md"
        path.write_bytes(f"---\n{head}{entry}---\n{body}".encode())
        return load(path, databases or {})

    return make
