"""What a run costs, counted and not timed: the modules it imports, the files it reads, the texts it parses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import corpus
from support import ROOT

IMPORTS = ROOT / "tests/data/cost"
# modules of Python that take a millisecond or more: which others are loaded differs between its versions
SLOW = frozenset(
    """asyncio concurrent ctypes difflib email hashlib http json logging multiprocessing pickle socket sqlite3 ssl
    subprocess tempfile tomllib unittest urllib xml""".split()  # noqa: SIM905  # read as a list of words
)
AGENT = "agents/sqlite-3.53/sqlalchemy-specialist.md"
COMPLETE = {"_SUBWRIGHT_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "help": (["--help"], {}),
    "lint-help": (["lint", "--help"], {}),
    "lint": (["lint", AGENT], {}),
    # a second run over the same agents
    "lint-again": (["lint", "agents"], {}),
    # a template is read by its own and for its version, and each file that is written is looked at before
    "render": (["render", "--database", "sqlite"], {}),
    "complete-lint": ([], COMPLETE | {"COMP_WORDS": "subwright lint --output-format "}),
    "complete-render": ([], COMPLETE | {"COMP_WORDS": "subwright render --database "}),
}


# `-X importtime` would leave out what `importlib.import_module` loads, and list what a library tries in vain
SHOW = """
import atexit, sys
def show():
    # what has no spec is made by another module, not imported
    names = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
    print(*names, file=sys.stderr)
atexit.register(show)
"""
MAIN = "from subwright.cli import main; main(sys.argv[1:], prog_name='subwright')"


def loaded(script: str, args: list[str], environment: dict[str, str]) -> set[str]:
    """The modules that an interpreter has at its end."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", SHOW + script, *args],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return set(done.stderr.splitlines()[-1].split())


def counted(modules: set[str]) -> set[str]:
    """Our modules, the top names of other packages, and the slow ones of Python."""
    ours = {name for name in modules if name.partition(".")[0] == "subwright"}
    tops = {name.partition(".")[0] for name in modules - ours}
    return ours | (tops - sys.stdlib_module_names) | (tops & SLOW)


@pytest.mark.parametrize("start", STARTS)
def test_imports_are_those_that_are_listed(
    start: str, snapshot: Callable[[Path, str], None], tmp_path: Path
) -> None:
    args, environment = STARTS[start]
    for _ in range(2 if start.endswith("again") else 1):
        found = loaded(MAIN, args, environment | {"SUBWRIGHT_CACHE_DIR": str(tmp_path)})
    # what the environment itself loads, before any program, is not ours
    names = counted(found) - counted(loaded("", [], {}))
    assert "subwright.cli" in names
    snapshot(IMPORTS / f"{start}.txt", "".join(f"{name}\n" for name in sorted(names)))


# Counted work

FILES = 24
# for a command, how often: agents and templates are opened, YAML is composed, Markdown is parsed
COUNTS: dict[str, tuple[list[str], tuple[int, int, int]]] = {
    "lint": (["lint", "--jobs", "1", "--select", "ALL"], (FILES, FILES, 0)),
    # beside the first look, which tells a template from an agent
    "lint of one": (["lint", "--jobs", "1", "{first}"], (FILES + 1, FILES, 0)),
    # with what the run before has found
    "lint again": (["lint", "--select", "ALL"], (FILES, 0, 0)),
    # a template is read by its own and for its version, and each file that is written is looked at before
    # of a fact file its head is composed, which is short, and each feature that is asked for
    "render": (["render", "--database", "postgresql"], (2, 2 + 13, 0)),
    "render --all": (["render", "--all", "-o", "rendered"], (2 + 17, 1 + 17 + 48, 0)),
}
COUNT = """
import json, os, sys
import markdown_it, yaml
from subwright import bun_yaml, cli

writing = os.O_WRONLY | os.O_RDWR
counts = {"opened": [], "composed": 0, "parsed": 0}

def counting(module, name, key):
    wrapped = getattr(module, name)
    def call(*args, **kwargs):
        counts[key] += 1
        return wrapped(*args, **kwargs)
    setattr(module, name, call)

counting(bun_yaml, "compose", "composed")
counting(yaml, "compose", "composed")
counting(markdown_it.MarkdownIt, "parse", "parsed")

def watch(event, args):
    # opened for reading, by whichever function
    if event == "open" and str(args[0]).endswith(".md") and not args[2] & writing:
        counts["opened"].append(str(args[0]))

sys.addaudithook(watch)
try:
    cli.main(sys.argv[1:])
finally:
    print(json.dumps(counts), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cost") / "project"
    corpus.write(folder, FILES)
    return folder


@pytest.mark.parametrize("name", COUNTS)
def test_work_does_not_grow(name: str, project: Path, tmp_path: Path) -> None:
    args, expected = COUNTS[name]
    first = min((project / ".claude/agents").iterdir())
    command = [arg.replace("{first}", str(first)) for arg in args]
    for _ in range(2 if name.endswith("again") else 1):
        done = subprocess.run(
            [sys.executable, "-c", COUNT, *command],
            cwd=project,
            env={**os.environ, "SUBWRIGHT_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    counts = json.loads(done.stderr.splitlines()[-1])
    found = (len(counts["opened"]), counts["composed"], counts["parsed"])
    assert found == expected, f"less is better: write it into COUNTS; opened {counts['opened']}"
