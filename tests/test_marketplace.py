"""The marketplace of plugins at the repository's root: what the real client says of it and gets from it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from support import claude

from subwright import client, data
from subwright.cli import main
from subwright.client import ClientError, plugins
from subwright.database import load as load_databases
from subwright.template import load_all

FILE = ROOT / ".claude-plugin" / "marketplace.json"
LISTED: dict[str, Any] = json.loads(FILE.read_bytes())
NAME = "subwright"


def generated() -> dict[str, Any]:
    """One plugin for each agent and database, with the series that `render` takes where none is named."""
    templates = data.folder("templates")
    library = load_all(templates, load_databases(templates / "databases"))
    assert not library.broken
    return {
        "name": NAME,
        "owner": {"name": NAME},
        "metadata": {
            "description": "Subagents for one database at one version, whose code was run on it",
        },
        # without a `version`, each commit of the repository is a new one
        "plugins": [
            {
                "name": f"{template.name.removesuffix('-specialist')}-{database.name}",
                "description": _description(f"{database.name}-{series}", template.name),
                "source": f"./agents/{database.name}-{series}",
                "strict": False,
                "agents": [f"./{template.name}.md"],
            }
            for template in library.templates.values()
            for variable in template.variables.values()
            if variable.type == "database"
            for database in map(template.databases.__getitem__, variable.choices)
            for series in [database.default_series.version]
        ],
    }


def _description(variant: str, agent: str) -> str:
    """The first sentence of the agent's own."""
    _, front, _ = (ROOT / "agents" / variant / f"{agent}.md").read_text().split("---\n", 2)
    described: str = yaml.safe_load(front)["description"]
    return f"{described.partition('. ')[0]}; its code was run on that database"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a clone of the repository gives the client, below a folder that is a repository of its own."""
    (tmp_path / ".git").mkdir()
    for name in (".claude-plugin", "agents"):
        shutil.copytree(ROOT / name, tmp_path / "subwright" / name)
    return tmp_path / "subwright"


def change(checkout: Path, *path: str | int, to: Any) -> None:
    """Put another value into the marketplace file of a checkout."""
    file = checkout / ".claude-plugin" / "marketplace.json"
    whole = at = json.loads(file.read_bytes())
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    file.write_text(json.dumps(whole), encoding="utf-8")


def test_file_is_what_the_templates_give(snapshot: Callable[[Path, str], None]) -> None:
    snapshot(FILE, json.dumps(generated(), indent=2, ensure_ascii=False) + "\n")


def test_one_plugin_for_each_database() -> None:
    assert {entry["name"] for entry in LISTED["plugins"]} == {
        "sqlalchemy-postgresql",
        "sqlalchemy-mysql",
        "sqlalchemy-mariadb",
        "sqlalchemy-sqlite",
    }


@pytest.mark.parametrize("entry", LISTED["plugins"], ids=lambda entry: entry["name"])
def test_agent_was_proved_on_the_version_that_it_is_for(entry: dict[str, Any]) -> None:
    proved = json.loads((ROOT / "agents/PROVED.json").read_bytes())["agents"]
    variant = Path(entry["source"]).name
    database, _, series = variant.partition("-")
    for agent in entry["agents"]:
        title, _, ran_on = proved[f"{variant}/{Path(agent).name}"]["server"].partition(" ")
        assert title.lower() == database
        assert f"{ran_on}.".startswith(f"{series}.")


def test_client_finds_nothing_wrong(checkout: Path) -> None:
    assert plugins.validate(claude(), checkout) == plugins.Verdict("marketplace", passed=True)


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("plugins", 0, "source"), "../elsewhere", "source"),
        (("plugins", 1, "name"), "sqlalchemy-postgresql", "uplicate"),
        (("owner",), "subwright", "owner"),
        (("metadata",), {}, "description"),
    ],
)
def test_client_finds_what_is_wrong(
    checkout: Path, path: tuple[str | int, ...], value: object, word: str
) -> None:
    change(checkout, *path, to=value)
    verdict = plugins.validate(claude(), checkout)
    assert not verdict.passed
    assert any(word in message for message in (*verdict.errors, *verdict.warnings)), verdict


def test_client_loads_each_agent_as_a_plugins() -> None:
    files = [ROOT / p["source"] / agent for p in LISTED["plugins"] for agent in p["agents"]]
    for verdict in client.ask(claude(), files, plugin=True):
        assert (verdict.status, verdict.name) == ("accepted", "sqlalchemy-specialist"), verdict


def test_client_installs_each_plugin(checkout: Path) -> None:
    names = [entry["name"] for entry in LISTED["plugins"]]
    commands = [["plugin", "marketplace", "add", str(checkout)]]
    commands += [["plugin", "install", f"{name}@{NAME}"] for name in names]
    got = {agent.name: agent for agent in plugins.agents_after(claude(), checkout, commands)}
    assert sorted(got) == sorted(f"{name}:sqlalchemy-specialist" for name in names)
    for entry in LISTED["plugins"]:
        agent = got[f"{entry['name']}:sqlalchemy-specialist"]
        assert agent.file == (checkout / entry["source"] / "sqlalchemy-specialist.md").resolve()
        start, _, _ = entry["description"].partition(";")
        assert agent.description.startswith(start)


def test_what_the_readme_says_installs_an_agent(checkout: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^/(plugin .+)$", text, re.MULTILINE)
    commands = [shlex.split(line) for line in lines]
    (agent,) = plugins.agents_after(claude(), checkout.parent, commands)
    assert agent.name == f"{commands[-1][-1].partition('@')[0]}:sqlalchemy-specialist"


def test_refused_command_is_an_error(checkout: Path) -> None:
    commands = [
        ("plugin", "marketplace", "add", str(checkout)),
        ("plugin", "install", f"sqlalchemy-oracle@{NAME}"),
    ]
    with pytest.raises(ClientError, match='"sqlalchemy-oracle" not found'):
        plugins.agents_after(claude(), checkout, commands)


def test_answer_of_another_program_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\necho something else\n")
    program.chmod(0o755)
    with pytest.raises(ClientError, match="cannot be read: something else"):
        plugins.validate(program, tmp_path)
    with pytest.raises(ClientError, match="no such program"):
        plugins.validate(tmp_path / "none", tmp_path)


def test_lint_reads_the_marketplace(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    result = CliRunner().invoke(main, ["lint", "--strict"], prog_name="subwright")
    assert result.output == f"checked {len(LISTED['plugins'])} files, found nothing\n"
    assert result.exit_code == 0
