"""Imports run one way: a module knows only the rows above its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SOURCE = ROOT / "src" / "subwright"

# a module may import from any row above its own, and within its own folder
ORDER = (
    "__init__",
    "data",
    "files",
    "patterns",
    "errors",
    "config",
    "diagnostic",
    "mojibake",
    "scanner",
    "markdown",
    "claude_code",
    "bun_yaml",
    "hooks",
    "spec",
    "languages",
    "database",
    "contract",
    "reading",
    "agent",
    "tree",
    "ignores",
    "rules",
    "discovery",
    "cache",
    "settings",
    "detect",
    "template",
    "install",
    "linter",
    "run",
    "output",
    "api",
    "pytest_plugin",
    "client",
    "servers",
    "prove",
    "cli",
    "__main__",
)
# every command pays for these at its start, so they stand inside the functions that need them
HEAVY = ("yaml", "jinja2", "markdown_it", "sqlalchemy", "tomllib", "difflib")


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def row(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    own = row(path)
    if own == "__init__":
        return  # it hands out what `api` has, and imports it only then
    assert own in ORDER, "a new module has a row here and in CONTRIBUTING.md's order"
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        if name.startswith("subwright."):
            other = name.split(".")[1]
            other = other if other in ORDER else "__init__"
            assert ORDER.index(other) <= ORDER.index(own), f"{own} imports {other}"


def test_only_main_imports_the_command_line() -> None:
    for path in modules():
        if row(path) not in ("cli", "__main__"):
            assert not any(
                f"{name}.".startswith("subwright.cli.")
                for name in imported(ast.parse(path.read_text(encoding="utf-8")))
            )


def test_no_row_is_left_behind() -> None:
    assert {row(path) for path in modules()} == set(ORDER)


@pytest.mark.parametrize("module", ["subwright", "subwright.pytest_plugin"])
def test_package_and_plugin_import_nothing(module: str) -> None:
    """Every run of pytest imports the plugin where subwright is installed."""
    script = (
        f"import sys, pytest\nbefore = set(sys.modules)\nimport {module}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == {"subwright", module}


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["render", "--nonsense"]])
def test_start_imports_little(args: list[str]) -> None:
    script = (
        "import sys\nfrom subwright.cli import main\n"
        f"try:\n    main({args!r})\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = result.stderr.splitlines()[-1]
    if args[0] == "render":
        assert "markdown_it" not in loaded
        assert "sqlalchemy" not in loaded
    else:
        assert loaded == "[]"
