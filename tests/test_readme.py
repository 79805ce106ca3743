"""What the documents show is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from markdown_it import MarkdownIt

README = ROOT / "README.md"
# what a test cannot run: it would install into the environment that the tests run in, or run them again
SET_UP = re.compile(r"^(pip install|python -m venv|pytest$)")


@dataclass(frozen=True)
class Command:
    """A command of a console block and the output that is shown under it."""

    line: int
    text: str
    output: str


def sessions(path: Path) -> Iterator[list[Command]]:
    """The commands of each console block."""
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info.strip() == "console" and token.map:
            line = token.map[0] + 2
            found = []
            for part in re.split(r"(?m)^\$ ", token.content)[1:]:
                text, _, output = part.partition("\n")
                found.append(Command(line, text, output))
                line += 1 + output.count("\n")
            yield found


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command with the `subwright` of this environment in front."""
    environment = {
        **os.environ,
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def test_commands_do_what_is_shown(tmp_path: Path) -> None:
    """Each console block runs in a project of its own that has the README's folder around it."""
    ran = 0
    for number, session in enumerate(sessions(README)):
        project = tmp_path / str(number)
        project.mkdir()
        for name in ("agents", "examples", "templates"):
            shutil.copytree(ROOT / name, project / name)
        for command in session:
            if SET_UP.match(command.text):
                continue
            ran += 1
            result = run(command.text, project)
            where = f"{README.name}:{command.line}: {command.text}"
            assert "Traceback" not in result.stdout, where
            if command.output:
                assert result.stdout == command.output, where
            else:
                assert result.returncode == 0, f"{where}\n{result.stdout}"
    assert ran > 2


def test_set_up_is_two_commands_that_pip_and_pytest_understand() -> None:
    lines = [c.text for session in sessions(README) for c in session if SET_UP.match(c.text)]
    assert lines == ["pip install .", "pip install '.[test]' && pytest", "pip install '.[prove]'"]
    assert shlex.split(lines[0])[:2] == ["pip", "install"]


def variants_table() -> str:
    variants = json.loads(run("subwright list variants --format json", ROOT).stdout)["variants"]
    rows = [
        "| variant | end of life | description | body |",
        "|---|---|---|---|",
    ]
    for variant in variants:
        name = f"[{variant['variant']}](agents/{variant['variant']}/{variant['template']}.md)"
        eol = variant["eol"] or "none announced"
        if not variant["supported"]:
            eol += ", over"
        cost = [f"~{variant[part]['tokens']:,} tokens" for part in ("description", "body")]
        rows.append(f"| {name} | {eol} | {cost[0]} | {cost[1]} |")
    return "\n".join(rows)


def test_table_of_variants(snapshot: Callable[[Path, str], None]) -> None:
    text = README.read_text(encoding="utf-8")
    start = text.index("\n", text.index("<!-- variants:")) + 1
    end = text.index("<!-- end of variants -->")
    snapshot(README, text[:start] + "\n" + variants_table() + "\n" + text[end:])


def test_links_lead_somewhere() -> None:
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_documents_name_only_options_that_there_are(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    commands = ("", "render", "lint", "explain", "list", "prove", "servers")
    own = "render --templates examples/own-template/templates"
    help_text = "".join(run(f"subwright {name} --help", ROOT).stdout for name in (*commands, own))
    help_text += run("python -m benchmarks --help", ROOT).stdout
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
        if option not in ("--check", "--update-snapshots", "--subwright"):
            assert option in help_text, option


def test_template_of_the_guide_is_a_good_one(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(---\n.*?---\n)```", text, re.DOTALL)
    body = "## Your Role\n\n<<AUDIENCE>>\n\n## Steps\n"
    (tmp_path / "release-notes.md").write_text(shown + body, encoding="utf-8")
    result = run(f"subwright render --templates {tmp_path} --no-shell", tmp_path)
    assert result.returncode == 0, result.stdout
    assert "tools: Read, Edit\n" in result.stdout
