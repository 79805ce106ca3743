"""Every variant of every agent that comes with subwright, read apart from the code that rendered it."""

from __future__ import annotations

import ast
import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from markdown_it import MarkdownIt
from pyflakes.checker import Checker
from pyflakes.messages import UndefinedExport, UndefinedLocal, UndefinedName

from subwright import data
from subwright.cli import main
from subwright.database import load as load_databases
from subwright.template import Template, load

DATABASES = load_databases(data.folder("templates") / "databases")
NAME = "sqlalchemy-specialist"

SECTIONS = {
    "full": [
        "Your Role",
        "Quick Start",
        "Best Practices",
        "Technical Stack",
        "SQLAlchemy Model Patterns",
        "Async Database Operations",
        "Alembic Migrations",
        "Query Optimization",
        "Troubleshooting",
        "Anti-Patterns",
        "Complete Workflows",
        "Current Patterns",
        "Workflow",
        "Token Optimization Guidelines",
        "References",
    ],
    "core": [
        "Your Role",
        "Quick Start",
        "Best Practices",
        "Technical Stack",
        "Workflow",
        "Token Optimization Guidelines",
    ],
}
# full has more than 30,000: what its reader needs would not fit
MOST = {"full": 33_000, "core": 10_000}
SERENA = re.compile(r"mcp__serena__[a-z_]+")
# words of another database that a variant may use all the same
ALLOWED = {
    # MariaDB has no types and constructs of its own in SQLAlchemy
    "mariadb": {"sqlalchemy.dialects.mysql", "dialects/mysql.html"},
}


@dataclass(frozen=True)
class Block:
    info: str
    code: str
    line: int


@dataclass(frozen=True)
class Agent:
    """A rendered agent as PyYAML and markdown-it-py read it."""

    id: str
    values: dict[str, Any]
    text: str
    preamble: str

    @property
    def frontmatter(self) -> dict[str, Any]:
        found = yaml.safe_load(self.text.split("---\n", 2)[1])
        assert isinstance(found, dict)
        return found

    @property
    def body(self) -> str:
        return self.text.split("---\n", 2)[2]

    @property
    def headings(self) -> list[str]:
        tokens = MarkdownIt().parse(self.body)
        return [
            following.content
            for token, following in itertools.pairwise(tokens)
            if token.type == "heading_open" and token.tag == "h2"
        ]

    @property
    def blocks(self) -> list[Block]:
        return [
            Block(token.info.strip(), token.content, token.map[0] + 1)
            for token in MarkdownIt().parse(self.body)
            if token.type == "fence" and token.map
        ]


@cache
def template() -> Template:
    return load(data.folder("templates") / f"{NAME}.md", DATABASES)


def combinations() -> Iterator[dict[str, Any]]:
    for database in DATABASES.values():
        poolers = ["none", "transaction"] if database.name == "postgresql" else ["none"]
        for series, driver, detail, serena, pooler in itertools.product(
            database.series, database.drivers, ["full", "core"], [True, False], poolers
        ):
            yield {
                "DATABASE": database.name,
                "VERSION": series.version,
                "DRIVER": driver.name,
                "DETAIL": detail,
                "SERENA": serena,
                "POOLER": pooler,
            }


@cache
def agents() -> list[Agent]:
    found = []
    for values in combinations():
        rendered = template().render(template().resolve(values))
        name = "-".join(str(value).lower() for value in values.values())
        found.append(Agent(name, values, rendered.text, rendered.prove["preamble"]))
    return found


def each(check: Any) -> None:
    """Run a check that yields problems on every variant, and show them all."""
    problems = [f"{agent.id}: {problem}" for agent in agents() for problem in check(agent)]
    assert not problems, "\n" + "\n".join(problems[:40])


def test_all_combinations_are_rendered() -> None:
    assert len(agents()) == len(list(combinations())) > 100


def test_sections_stand_in_their_order() -> None:
    def check(agent: Agent) -> Iterator[str]:
        wanted = SECTIONS[agent.values["DETAIL"]]
        if agent.headings != wanted and [h for h in agent.headings if h in wanted] != wanted:
            yield f"sections are {agent.headings}"
        if len(set(agent.headings)) != len(agent.headings):
            yield "a section is there twice"

    each(check)


def test_tools() -> None:
    def check(agent: Agent) -> Iterator[str]:
        tools = agent.frontmatter["tools"].split(", ")
        if tools[:4] != ["Read", "Write", "Edit", "Bash"]:
            yield f"tools are {tools}"
        named = set(tools[4:])
        if agent.values["SERENA"]:
            if not named or not all(SERENA.fullmatch(tool) for tool in named):
                yield f"Serena's tools are {named}"
            if agent.values["DETAIL"] == "full" and not named <= set(SERENA.findall(agent.body)) | {
                f"mcp__serena__{word}" for word in re.findall(r"`(\w+)`", agent.body)
            }:
                yield "a Serena tool is granted but not spoken of"
        elif named or "serena" in agent.text.lower():
            yield "Serena is spoken of"

    each(check)


def test_description_is_short_and_names_the_database() -> None:
    def check(agent: Agent) -> Iterator[str]:
        fields = agent.frontmatter
        if fields["name"] != NAME:
            yield f"name is {fields['name']}"
        description = fields["description"]
        if len(description) > 300:
            yield f"description has {len(description)} characters"
        for word in ("model", "relationship", "quer", "migration", "MissingGreenlet", "N+1"):
            if word not in description:
                yield f"description lacks {word}"
        for word in (
            "slow",
            "pool",
            "deadlock",
            "upsert",
            DATABASES[agent.values["DATABASE"]].title,
        ):
            if word not in description:
                yield f"description lacks {word}"

    each(check)


def test_size_and_share_of_code() -> None:
    def check(agent: Agent) -> Iterator[str]:
        most = MOST[agent.values["DETAIL"]]
        if len(agent.text) > most:
            yield f"{len(agent.text)} characters, {len(agent.text) - most} too many"
        code = sum(len(block.code) for block in agent.blocks)
        if code > 0.6 * len(agent.text):
            yield f"{code / len(agent.text):.0%} is code"

    each(check)


def test_speaks_of_its_own_database_alone() -> None:
    words = {
        name: {word.lower() for word in (name, database.title, *database.words)}
        for name, database in DATABASES.items()
    }

    def check(agent: Agent) -> Iterator[str]:
        own = agent.values["DATABASE"]
        text = agent.text.lower()
        for allowed in ALLOWED.get(own, ()):
            text = text.replace(allowed, "")
        for name, others in words.items():
            if name != own:
                for word in sorted(others - words[own]):
                    if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
                        yield f"speaks of {word!r}, a word of {name}"

    each(check)


def test_other_driver_is_not_spoken_of_as_the_chosen_one() -> None:
    def check(agent: Agent) -> Iterator[str]:
        database = DATABASES[agent.values["DATABASE"]]
        for driver in database.drivers:
            if driver.name != agent.values["DRIVER"] and f"{driver.dialect}://" in agent.text:
                yield f"has a URL of {driver.name}"

    each(check)


def test_no_noise() -> None:
    emoji = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f]")

    def check(agent: Agent) -> Iterator[str]:
        for pattern in (
            r"<details",
            r"</details",
            r"(?i)\bclick\b",
            r"(?i)beginner",
            r"<<",
            r"<%",
            r"\{\{",
        ):
            if re.search(pattern, agent.text):
                yield f"matches {pattern}"
        left = set(emoji.findall(agent.text)) - {"✅", "❌"}
        if left:
            yield f"has {left}"
        if re.search(r"(?m)^#+ .*\b20\d\d\b", agent.text):
            yield "has a year in a heading"
        if re.search(r"(?m)[ \t]+$", agent.text):
            yield "has trailing blanks"
        prose = re.sub(r"(?ms)^```.*?^```$", "code", agent.text)
        if "\n\n\n" in prose:
            yield "has blank lines in a row"

    each(check)


def test_end_of_life_is_said() -> None:
    def check(agent: Agent) -> Iterator[str]:
        database = DATABASES[agent.values["DATABASE"]]
        series = next(s for s in database.series if s.version == agent.values["VERSION"])
        if series.eol and series.eol not in agent.text:
            yield f"does not give the end of life, {series.eol}"

    each(check)


class Synchronous(ast.NodeTransformer):
    """Takes `await` away outside of functions: pyflakes looks no further where it meets one."""

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        return node.value

    def keep(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = keep  # noqa: N815


def undefined(code: str, preamble: str = "") -> Iterator[str]:
    """Syntax errors and undefined names of Python code; `await` may stand outside of a function."""
    source = f"{preamble}\n{code}"
    offset = preamble.count("\n") + 1
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(source, "<block>", "exec", flags)
    except SyntaxError as error:
        yield f"{error.msg} at line {(error.lineno or 0) - offset}"
        return
    for message in Checker(Synchronous().visit(tree)).messages:
        if isinstance(message, UndefinedName | UndefinedLocal | UndefinedExport):
            yield f"{message.message % message.message_args} at line {message.lineno - offset}"


@pytest.mark.parametrize(
    "code", ["x", "await x()", "async with x(): pass", "f'{x}'", "def f(): return x"]
)
def test_undefined_names_are_found(code: str) -> None:
    assert list(undefined(code)) == ["undefined name 'x' at line 1"]
    assert list(undefined(code, "x = 1")) == []


def test_python_parses_and_has_no_undefined_names() -> None:
    def check(agent: Agent) -> Iterator[str]:
        files: dict[str, list[str]] = {}
        for block in agent.blocks:
            language, _, rest = block.info.partition(" ")
            if language != "python":
                continue
            path = next((word for word in rest.split() if word.endswith(".py")), None)
            if path:
                files.setdefault(path, []).append(block.code)
            else:
                for problem in undefined(block.code, agent.preamble):
                    yield f"line {block.line}: {problem}"
        for path, parts in files.items():
            for problem in undefined("\n".join(parts)):
                yield f"{path}: {problem}"

    each(check)


def test_other_code_parses() -> None:
    known = {"python", "bash", "json", "yaml", "toml", "text", "markdown", "ini", "sql"}

    def check(agent: Agent) -> Iterator[str]:
        for block in agent.blocks:
            language = block.info.partition(" ")[0]
            if language not in known:
                yield f"line {block.line}: unknown language {language!r}"
            try:
                if language == "json":
                    json.loads(block.code)
                elif language == "yaml":
                    yaml.safe_load(block.code)
                elif language == "toml":
                    tomllib.loads(block.code)
            except ValueError as error:
                yield f"line {block.line}: {error}"

    each(check)


def test_committed_agents_are_what_the_templates_render_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["render", "--all", "-o", "agents", "--check"])
    assert result.exit_code == 0, result.stderr


def test_a_changed_character_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(main, ["render", "--all", "-o", "agents"]).exit_code == 0
    path = tmp_path / "agents" / "postgresql-17" / f"{NAME}.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-2] + "X" + text[-1:], encoding="utf-8")
    result = runner.invoke(main, ["render", "--all", "-o", "agents", "--check"])
    assert result.exit_code == 1
    assert "postgresql-17" in result.stderr


def test_rendering_twice_gives_the_same_bytes() -> None:
    fresh = load(data.folder("templates") / f"{NAME}.md", DATABASES)
    for agent in agents()[::7]:
        assert fresh.render(fresh.resolve(agent.values)).text == agent.text
