"""Which files a path on the command line stands for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from subwright import discovery
from subwright.discovery import NoAgentsError, Targets, defaults, find, root_of
from subwright.errors import SubwrightError

AGENT = "---\nname: x\ndescription: d\n---\n"
TEMPLATE = "---\nname: x\ndescription: d\ntemplate: {}\n---\n"
Make = Callable[[Mapping[str, str]], None]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write files below the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)

    return write


def shown(targets: Targets) -> dict[str, list[str]]:
    """The files to report on by the folder of their root."""
    found: dict[str, list[str]] = {root.folder.as_posix(): [] for root in targets.roots}
    for path, root in targets.files.items():
        found[root.folder.as_posix()].append(Path(path).as_posix())
    return found


def marketplace(*plugins: object) -> str:
    return json.dumps({"name": "m", "plugins": plugins})


def test_walk_is_the_clients(make: Make) -> None:
    root = ".claude/agents"
    make(
        {
            f"{root}/b.md": AGENT,
            f"{root}/a.md": "",
            f"{root}/.hidden/c.md": AGENT,
            f"{root}/node_modules/d.md": AGENT,
            f"{root}/e.MD": AGENT,
            f"{root}/f.markdown": AGENT,
            f"{root}/g.txt": AGENT,
            f"{root}/.git/h.md": AGENT,
            ".gitignore": "*.md\n",
            "elsewhere/i.md": AGENT,
            "README.md": "",
        }
    )
    Path(root, "linked").symlink_to(Path("elsewhere").absolute())
    Path(root, "j.md").symlink_to(Path("elsewhere/i.md").absolute())
    Path(root, "loop").symlink_to(Path(root).absolute())
    Path(root, "broken.md").symlink_to("nowhere.md")
    names = [".git/h", ".hidden/c", "a", "b", "e", "f", "j", "linked/i", "node_modules/d"]
    targets = find([Path()])
    assert [
        Path(path).relative_to(root).with_suffix("").as_posix() for path in targets.files
    ] == names
    assert shown(targets).keys() == {root}
    for same in (Path(".claude"), Path(root)):
        assert find([same]).files.keys() == targets.files.keys()
    assert find([Path(root, ".hidden")]).files.keys() == {str(Path(root, ".hidden/c.md"))}
    assert find([Path(root, ".hidden")]).roots == targets.roots


@pytest.mark.parametrize(
    ("name", "text", "there"),
    [
        ("README.md", "", False),
        ("readme.de.md", "# x", False),
        ("CHANGELOG.md", "", False),
        ("LICENSE.md", "", False),
        ("CONTRIBUTING.md", "", False),
        ("CLAUDE.md", "", False),
        ("AGENTS.md", "", False),
        ("INDEX.md", "", False),
        ("README.md", AGENT, True),
        ("README.md", "\ufeff" + AGENT, True),
        ("docs/x.md", "", False),
        ("references/deep/x.md", "", False),
        ("docs/x.md", AGENT, True),
        ("readme-writer.md", "", True),
        ("indexer.md", "", True),
        ("x.md", "", True),
    ],
)
def test_documentation(make: Make, name: str, text: str, there: bool) -> None:
    path = f".claude/agents/{name}"
    make({path: text, ".claude/agents/other.md": AGENT})
    assert (str(Path(path)) in find([Path()]).files) == there
    assert (str(Path(path)) in find([Path(path)]).files) == there


def test_roots(make: Make) -> None:
    make(
        {
            "one/.claude/agents/a.md": AGENT,
            "two/.claude/agents/b.md": AGENT,
            "two/.mcp.json": json.dumps({"mcpServers": {"serena": {}}}),
            "plugin/.claude-plugin/plugin.json": json.dumps({"name": "p", "mcpServers": {"x": {}}}),
            "plugin/agents/c.md": AGENT,
            "plugin/skills/d.md": AGENT,
            "node_modules/three/.claude/agents/e.md": AGENT,
            "configured/f.md": AGENT,
            "loose.md": AGENT,
        }
    )
    targets = find([Path()], [Path("configured")])
    assert shown(targets) == {
        "configured": ["configured/f.md"],
        "one/.claude/agents": ["one/.claude/agents/a.md"],
        "plugin": ["plugin/agents/c.md"],
        "two/.claude/agents": ["two/.claude/agents/b.md"],
    }
    by_folder = {root.folder.as_posix(): root for root in targets.roots}
    assert by_folder["plugin"].plugin
    assert by_folder["plugin"].servers == frozenset({"x"})
    assert by_folder["two/.claude/agents"].servers == frozenset({"serena"})
    assert by_folder["one/.claude/agents"].servers is None
    assert shown(find([Path("loose.md")])) == {".": ["loose.md"]}
    assert shown(find([Path("plugin/agents/c.md")])) == {"plugin": ["plugin/agents/c.md"]}
    assert root_of(Path("configured/new.md"), [Path("configured")]).folder == Path("configured")
    assert root_of(Path("new.md")).files == ()


def test_marketplace(make: Make) -> None:
    make(
        {
            ".claude-plugin/marketplace.json": marketplace(
                {"name": "a", "source": "./a", "agents": ["./x.md"]},
                {"name": "b", "source": "./b"},
                {"name": "c", "source": {"source": "github", "repo": "o/c"}},
                {"name": "d", "source": "../outside"},
                {"name": "e", "source": "./a", "agents": "./more"},
                "nonsense",
            ),
            "a/x.md": AGENT,
            "a/y.md": AGENT,
            "a/more/z.md": AGENT,
            "b/agents/x.md": AGENT,
            "b/agents/README.md": "",
        }
    )
    assert [[Path(p).as_posix() for p in root.files] for root in find([Path()]).roots] == [
        ["a/x.md"],
        ["b/agents/x.md"],
        ["a/more/z.md"],
    ]
    assert defaults(Path.cwd() / "b").roots == find([Path()]).roots


def test_folder_without_any_root_is_one(make: Make) -> None:
    make({"team/a.md": AGENT, "team/sub/b.md": AGENT, "team/README.md": "", "empty/x.txt": ""})
    assert shown(find([Path("team")])) == {"team": ["team/a.md", "team/sub/b.md"]}
    with pytest.raises(NoAgentsError, match="no agent in `empty`"):
        find([Path("empty")])


def test_templates(make: Make) -> None:
    make(
        {
            "templates/a.md": TEMPLATE,
            "templates/plain.md": AGENT,
            "templates/partials/b.md": "",
            "quoted.md": TEMPLATE.replace("template:", '"template":'),
            "none.md": AGENT + "template: {}\n---\n",
        }
    )
    assert find([Path("templates")]).templates == [Path("templates/a.md")]
    assert find([Path("quoted.md"), Path("quoted.md")]).templates == [Path("quoted.md")]
    assert find([Path("none.md")]).templates == []


def test_neighbours_are_known(make: Make) -> None:
    make({".claude/agents/a.md": AGENT, ".claude/agents/b.md": AGENT})
    targets = find([Path(".claude/agents/b.md")])
    assert list(targets.files) == [str(Path(".claude/agents/b.md"))]
    assert [len(root.files) for root in targets.roots] == [2]


def test_files_by_name(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f".claude/agents/{folder}a{n}.md" for folder in ("", "b/", "b/c/") for n in range(3)]
    names += [f"plugin/agents/{n}.md" for n in range(3)] + ["plugin/more/a.md", "elsewhere/a.md"]
    make(dict.fromkeys(names, AGENT))
    manifest = {"name": "p", "agents": ["./more/a.md"]}
    make({"plugin/.claude-plugin/plugin.json": json.dumps(manifest)})
    walked: list[Path] = []
    walk = discovery._walk

    def counted(folder: Path) -> Iterator[str]:
        walked.append(folder)
        return walk(folder)

    monkeypatch.setattr(discovery, "_walk", counted)
    here = Path.cwd()
    for paths in ([Path(name) for name in names], [here / name for name in names]):
        targets = find(paths)
        assert [len(files) for files in shown(targets).values()] == [9, 4, 1]
        assert [len(root.files) for root in targets.roots] == [9, 4, 1]
        # pre-commit names thousands of files
        assert len(walked) == 2
        walked.clear()


def test_agents_by_name_stand_beside_each_other(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(
        {
            "agents/a.md": AGENT,
            "agents/more/b.md": AGENT,
            "agents/t.md": TEMPLATE,
            "agents/.mcp.json": '{"mcpServers": {"s": {}}}',
            "team/agent.md": AGENT,
            "team/other.md": AGENT,
        }
    )
    [root] = find([Path("agents/a.md"), Path("agents/more/b.md")]).roots
    assert (root.folder, len(root.files), root.servers) == (Path("agents"), 3, frozenset({"s"}))
    assert find([Path("agents/t.md")]).templates == [Path("agents/t.md")]
    # of another folder nobody says that its agents belong together
    assert [len(r.files) for r in find([Path("team/agent.md"), Path("team/other.md")]).roots] == [
        1,
        1,
    ]
    # nor of what is above the working directory
    monkeypatch.chdir("agents/more")
    [root] = find([Path("b.md")]).roots
    assert (root.folder, root.files) == (Path(), ("b.md",))


@pytest.mark.parametrize("manifest", ['{"name": "p", "agents": "./in/a.md"}', "{}", "x"])
def test_agents_beside_a_plugin_in_their_folder(make: Make, manifest: str) -> None:
    names = ["agents/a.md", "agents/b.md", "agents/in/a.md"]
    make({**dict.fromkeys(names, AGENT), "agents/.claude-plugin/plugin.json": manifest})
    targets = find([Path(name) for name in names])
    assert sorted(targets.files) == [str(Path(name)) for name in names]


@pytest.mark.parametrize(
    "folder", ["plugins", ".", "../{here}", "{absolute}", "{absolute}/plugins"]
)
def test_configured_roots_are_found_by_every_name(make: Make, folder: str) -> None:
    names = [f"plugins/{plugin}/{agent}.md" for plugin in "pq" for agent in "ab"]
    make(dict.fromkeys(names, AGENT))
    here = Path.cwd()
    given = Path(folder.format(here=here.name, absolute=here))
    roots = find([given], [Path("plugins/p"), Path("plugins/q")]).roots
    assert [(here / root.folder).name for root in roots] == ["p", "q"]
    assert [len(root.files) for root in roots] == [2, 2]


def test_a_path_that_goes_back(make: Make) -> None:
    make({".claude/agents/a.md": AGENT, ".claude/agents/sub/b.md": AGENT})
    straight = find([Path(".claude/agents/a.md")])
    assert shown(find([Path(".claude/agents/sub/../a.md")])) == shown(straight)
    found = find([Path(".claude/agents/../agents/sub")])
    assert list(found.files) == [str(Path(".claude/agents/sub/b.md"))]
    # behind a link it may lead elsewhere
    make({"elsewhere/in/c.md": AGENT, "elsewhere/d.md": AGENT})
    Path("link").symlink_to("elsewhere/in")
    assert list(find([Path("link/../d.md")]).files) == ["link/../d.md"]


def test_a_part_of_a_load_root_from_within(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = {"name": "p", "agents": ["./in/c.md"]}
    make(
        {
            ".claude/agents/a.md": AGENT,
            ".claude/agents/team/b.md": AGENT,
            "plugin/.claude-plugin/plugin.json": json.dumps(manifest),
            "plugin/in/c.md": AGENT,
        }
    )
    here = Path.cwd()
    monkeypatch.chdir(".claude/agents/team")
    for path, names in (("b.md", ["b.md"]), (".", ["b.md"]), ("..", ["../a.md", "b.md"])):
        targets = find([Path(path)])
        assert sorted(targets.files) == [str(Path(name)) for name in names]
        # the file and what is known of its neighbours go by the same name
        [root] = targets.roots
        assert root.files == (str(Path("../a.md")), "b.md")
    assert list(defaults(Path.cwd()).files) == [str(Path("../a.md")), "b.md"]
    monkeypatch.chdir(here / "plugin/in")
    for path in ("c.md", "..", "."):
        assert list(find([Path(path)]).files) == ["c.md"]


def test_the_folder_of_settings(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(
        {
            ".claude/agents/a.md": AGENT,
            ".claude/commands/c.md": "",
            ".mcp.json": '{"mcpServers": {"s": {}}}',
        }
    )
    assert list(find([Path(".claude")]).files) == [str(Path(".claude/agents/a.md"))]
    monkeypatch.chdir(".claude")
    for path in (Path(), Path("agents")):
        [root] = find([path]).roots
        assert (root.files, root.servers) == ((str(Path("agents/a.md")),), frozenset({"s"}))
    monkeypatch.chdir("agents")
    assert list(find([Path()]).files) == ["a.md"]


def test_an_agent_of_a_project_and_a_plugin_is_the_projects(make: Make) -> None:
    manifest = {"name": "p", "agents": ["./.claude/agents/"]}
    make({".claude/agents/a.md": AGENT, ".claude-plugin/plugin.json": json.dumps(manifest)})
    for targets in (find([Path()]), defaults(Path.cwd()), find([Path(".claude/agents/a.md")])):
        [root] = targets.files.values()
        assert not root.plugin


def test_manifests_that_name_no_folder(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(
        {
            "repo/.claude-plugin/marketplace.json": marketplace(
                *({"name": "x", "source": source} for source in ("a\0b", "\ud800", "../out"))
            ),
            "repo/.claude-plugin/plugin.json": '{"name": "y", "agents": "../out/agents/a.md"}',
            "out/agents/a.md": AGENT,
        }
    )
    with pytest.raises(NoAgentsError):
        find([Path("repo")])
    monkeypatch.chdir("repo")
    assert not defaults(Path.cwd())


def test_an_agent_with_the_key_of_a_template_is_one(make: Make) -> None:
    make({".claude/agents/a.md": TEMPLATE, "b.md": TEMPLATE})
    targets = find([Path(".claude/agents/a.md"), Path("b.md")])
    assert (list(targets.files), targets.templates) == (
        [str(Path(".claude/agents/a.md"))],
        [Path("b.md")],
    )


def test_wrong_paths(make: Make) -> None:
    make({"agents/a.md": AGENT, "x.txt": "", ".claude/agents/empty/x.txt": ""})
    with pytest.raises(SubwrightError, match="there is no file or folder `agent`") as error:
        find([Path("agent")])
    assert error.value.help == "did you mean `agents`?"
    with pytest.raises(SubwrightError, match=r"`x\.txt` is no Markdown file"):
        find([Path("x.txt")])
    with pytest.raises(NoAgentsError):
        find([Path(".claude/agents/empty")])


def test_defaults(make: Make) -> None:
    make({"p/.claude/agents/a.md": AGENT, "p/deep/er/x": "", "q/.git/x": "", "q/sub/x": ""})
    make({".claude/agents/a.md": AGENT})
    here = Path.cwd()
    assert shown(defaults(here / "p/deep/er")) == {"p/.claude/agents": ["p/.claude/agents/a.md"]}
    assert defaults(here / "q/sub").roots == []
    assert shown(defaults(here)) == {".claude/agents": [".claude/agents/a.md"]}


@pytest.mark.skipif(os.name == "nt", reason="names of files are texts there")
def test_odd_names(make: Make) -> None:
    make({".claude/agents/a b\n.md": AGENT})
    Path(os.fsdecode(b".claude/agents/\xff.md")).write_text(AGENT)
    assert len(find([Path()]).files) == 2
