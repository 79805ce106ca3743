"""What is remembered of earlier runs: a run with it says, byte for byte, what a run without it says."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from benchmarks import corpus
from support import linted

from subwright import cache, data, linter, run
from subwright.cache import Entry, FileCache, Store
from subwright.cli import linting
from subwright.diagnostic import Diagnostic, Source
from subwright.discovery import Root
from subwright.linter import Checked
from subwright.output import FORMATS, frames
from subwright.run.packing import pack, summed_up
from subwright.settings import Settings
from subwright.template import load
from subwright.tree import Summary, Tree

AGENTS = Path(".claude/agents")
FILES = 14


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of some agents, and an empty cache."""
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    corpus.write(folder, FILES)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[Path]]:
    """The files of the cache."""
    return lambda: sorted((tmp_path / "cache/lint").glob("[0-9a-f]*.*"))


def same(*args: str) -> tuple[int, str, str]:
    """What runs with the cache print, once it knows the files and once more, which is what one without it prints."""
    without = linted("--no-cache", *args)
    assert linted(*args) == without
    assert linted(*args) == without
    return without


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that the rules have been run over."""
    seen: list[str] = []
    check = run.workers._check

    def watched(work: run.workers.Work, settings: Settings) -> run.workers.Outcome:
        seen.append(Path(work.path).name)
        return check(work, settings)

    monkeypatch.setattr(run.workers, "_check", watched)
    return seen


# What changes


def test_nothing_changed(project: Path, looked_at: list[str]) -> None:
    first = linted()
    assert len(looked_at) == FILES
    looked_at.clear()
    assert linted() == first
    assert looked_at == []


def test_one_file_changed(project: Path, looked_at: list[str]) -> None:
    linted()
    first, second, *_ = sorted(AGENTS.iterdir())
    text = first.read_text(encoding="utf-8")
    looked_at.clear()
    first.write_text(text.replace(f"name: {first.stem}", f"name: {second.stem}"), encoding="utf-8")
    _, out, _ = linted("--output-format", "concise")
    assert looked_at == [first.name]
    # what is found across files is found in a file that did not change
    assert f"{first}:2:7: error: " in out or f"{second}:2:7: error: " in out
    assert "duplicate-name" in out
    first.write_text(text, encoding="utf-8")
    assert "duplicate-name" not in linted("--output-format", "concise")[1]
    same()


def test_what_was_printed_of_a_file_is_printed_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(AGENTS.iterdir())[:2]
    for path in AGENTS.iterdir():
        path.write_text(f"---\nname: {path.stem}\ndescription: b\ncolor: Blue\n---\nx\n")
    framed: list[str] = []
    frame = frames._frame

    def watched(diagnostic: Diagnostic) -> str:
        framed.append(Path(diagnostic.source.path).name)
        return frame(diagnostic)

    monkeypatch.setattr(frames, "_frame", watched)

    def framed_by(*args: str) -> list[str]:
        expected = linted("--no-cache", *args)
        framed.clear()
        assert linted(*args) == expected
        return framed.copy()

    assert len(framed_by()) == FILES
    assert framed_by() == []
    text = first.read_text(encoding="utf-8")
    first.write_text(text.replace("Blue", "Red"), encoding="utf-8")
    assert framed_by() == [first.name]
    # what is found across files is found in a file that did not change
    second.write_text(text, encoding="utf-8")
    assert framed_by() == [first.name, first.name, second.name]
    # it points into another file, where the lines of a place may change though the place does not
    for comment in ("# aa# bb", "# a\n# bb", "# aa# bb"):
        second.write_text(text.replace("name", f"{comment}\nname", 1), encoding="utf-8")
        assert framed_by() == [first.name, first.name, second.name]
    # a comment allows it
    first.write_text(text.replace("name", "# subwright: allow duplicate-name\nname", 1))
    assert framed_by() == [first.name]
    # what is said of a neighbour of the given files, where one of them is at fault
    assert framed_by(str(second)) == [second.name]
    first.write_text(text, encoding="utf-8")
    assert framed_by(str(second)) == [first.name]
    assert framed_by(str(second)) == []
    # the advice is about another file
    first.write_text(f"{text}Use the code-reviewr agent.\n", encoding="utf-8")
    for name, advice in (("code-reviewer", True), ("x", False)):
        second.write_text(text.replace(first.stem, name), encoding="utf-8")
        assert framed_by() == [first.name, first.name, second.name]
        assert ("did you mean `code-reviewer`" in linted()[1]) is advice
    first.unlink()
    assert framed_by() == []


def test_what_was_found_across_files_is_known_for_the_same_summaries(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(AGENTS.iterdir())[:2]
    compared: list[str] = []
    check_tree = linter.check_tree

    def watched(tree: Tree, *args: Any) -> list[Diagnostic]:
        compared.append(tree.path)
        return check_tree(tree, *args)

    monkeypatch.setattr("subwright.run.check_tree", watched)

    def compares(*args: str) -> bool:
        expected = linted("--no-cache", *args)
        compared.clear()
        assert linted(*args) == expected
        return compared != []

    assert compares()
    text = first.read_text(encoding="utf-8")
    first.write_text(f"{text}\nMore.\n", encoding="utf-8")
    assert not compares()
    # with other options, and for some files
    assert not compares("--output-format", "json")
    assert not compares(str(second))
    assert compares("--select", "tree")
    # what it hangs on: names, the order of the files, which are there, and whether the root is a plugin's
    second.write_text(text, encoding="utf-8")
    assert compares()
    assert "duplicate-name" in linted()[1]
    moved = first.rename(first.with_suffix(".mdown"))
    assert compares()
    moved.rename(AGENTS / "zz.md")
    assert compares()
    Path(".claude-plugin").mkdir()
    plugin = {"name": "x", "source": "./.claude/agents", "agents": "./"}
    Path(".claude-plugin/marketplace.json").write_text(json.dumps({"plugins": [plugin]}))
    assert compares()
    second.unlink()
    assert compares()


def test_what_is_the_same_is_packed_as_the_same(project: Path) -> None:
    """Whether two texts are one object or two."""

    def packed(path: str, name: str, said: str) -> tuple[Entry, bytes]:
        mentions = tuple((each, (3, 4)) for each in (said, "other-agent"))
        summary = Summary(path, name, (1, 2), True, 5, (1, 2), mentions)
        entry = pack(b"", "", True, Checked(Source(path, ""), summary=summary))
        return entry, summed_up(False, [(path, entry), (name, entry)])

    name = "some-agent"
    assert packed(name, name, name) == packed(*("-".join(["some", "agent"]) for _ in range(3)))


def test_a_file_that_changes_while_it_is_looked_at(
    project: Path, kept: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What points into it may be wrong, and is not remembered."""
    first, second = sorted(AGENTS.iterdir())[:2]
    text = "---\nname: x\ndescription: Reviews code\n---\nReview.\n"
    first.write_text(text, encoding="utf-8")
    second.write_text(text, encoding="utf-8")
    compare = run._Gathered.compare

    def changing(*args: Any) -> None:
        second.write_text(f"{text}More.\n", encoding="utf-8")
        compare(*args)

    with monkeypatch.context() as patch:
        patch.setattr(run._Gathered, "compare", changing)
        linted()
    assert {path.suffix for path in kept()} == {".files"}
    same()


def test_what_a_finding_hangs_on_beside_the_file(project: Path) -> None:
    first, second = sorted(AGENTS.iterdir())[:2]
    with first.open("a", encoding="utf-8") as file:
        file.write("\nSee the [style guide](notes/style.md).\n")
    text = "---\nname: served\ndescription: Reviews code\ntools: Read, mcp__github__get_issue\n---\nReview.\n"
    second.write_text(text, encoding="utf-8")
    concise = ("--select", "broken-link,unconfigured-server,odd-name", "--output-format", "concise")
    assert "broken-link" in same(*concise)[1]
    # a file that is linked
    (project / "notes").mkdir()
    (project / "notes/style.md").write_text("x", encoding="utf-8")
    assert "broken-link" not in same(*concise)[1]
    (project / "notes/style.md").unlink()
    assert "broken-link" in same(*concise)[1]
    # the servers of the project
    assert "unconfigured-server" not in same(*concise)[1]
    Path(".mcp.json").write_text('{"mcpServers": {"other": {}}}', encoding="utf-8")
    assert "unconfigured-server" in same(*concise)[1]
    Path(".mcp.json").write_text('{"mcpServers": {"github": {}}}', encoding="utf-8")
    assert "unconfigured-server" not in same(*concise)[1]
    # the name of a file
    second.rename(AGENTS / "served.md")
    assert "served.md" not in same(*concise)[1]
    # the configuration
    Path("subwright.toml").write_text('[lint]\nignore = ["broken-link"]\n', encoding="utf-8")
    assert "broken-link" not in same(*concise)[1]


def test_options_have_results_of_their_own(project: Path) -> None:
    for path in sorted(AGENTS.iterdir())[1:]:
        path.write_text(f"---\nname: {path.stem}\ndescription: b\n---\nx\n", encoding="utf-8")
    first = min(AGENTS.iterdir())
    first.write_text("---\nname: a\ndescription: b\ncolor: Blue\n---\n \n", encoding="utf-8")
    options = [(), ("--select", "ALL"), ("--strict",), ("--strict", "--exit-zero"), (str(first),)]
    options += [("--output-format", style) for style in FORMATS if style != "full"]
    options += [("--statistics",), ("--ignore", "unknown-color"), ("--select", "tree")]
    told = {args: same(*args) for args in options}
    # with nothing in common but what is right: without a warning both ignore and select find nothing, and
    # an exit status that is 0 anyway stays what it is
    assert len({*told.values()}) >= len(options) - 2
    assert told["--strict",][0] == 1
    assert told["--strict", "--exit-zero"][0] == 0
    assert told[str(first),][2] == "found 2 warnings in 1 file; `--fix` mends 1\n"


def test_several_paths_in_one_root(project: Path, looked_at: list[str]) -> None:
    first, second, third, *rest = sorted(AGENTS.iterdir())
    deeper = [AGENTS / "a", AGENTS / "b"]
    for folder, path in zip(deeper, rest, strict=False):
        folder.mkdir()
        path.rename(folder / path.name)
    for paths in ([first, second], [second, first], [third, *deeper], deeper, [AGENTS, first]):
        same("--output-format", "json", *map(str, paths))
    # what was found for some paths is known for others
    looked_at.clear()
    linted(str(third), str(second))
    assert looked_at == []


def test_a_neighbour_is_no_file_that_was_linted(project: Path) -> None:
    first, second = sorted(AGENTS.iterdir())[:2]
    first.write_text("---\nname: a\ndescription: b\ncolor: Blue\n---\nx\n", encoding="utf-8")
    assert "unknown-color" not in linted(str(second))[1]
    assert "unknown-color" in linted(str(first))[1]
    assert "unknown-color" not in linted(str(second))[1]
    same()


@pytest.mark.parametrize("seed", range(6))
def test_with_any_changes_a_run_says_what_it_says_without_the_cache(
    project: Path, kept: Callable[[], list[Path]], seed: int
) -> None:
    draw = random.Random(seed)
    texts = [f"---\n{head}---\n{body}" for _, head, body in corpus.texts(40)]
    options = [(), ("--select", "ALL"), ("--ignore", "tree"), ("--strict",), (str(AGENTS),)]
    options += [("--output-format", style) for style in ("concise", "github", "json")]
    if seed % 2:
        # several roots, of which two share a file
        shared = "./.claude/agents/new-1.md"
        plugins = [{"name": n, "source": f"./plugins/{n}", "agents": [shared]} for n in ("a", "b")]
        plugins += [{"name": n, "source": "./", "agents": [shared]} for n in ("c", "d")]
        Path(".claude-plugin").mkdir()
        Path(".claude-plugin/marketplace.json").write_text(json.dumps({"plugins": plugins}))
        for plugin in ("plugins/a/agents", "plugins/b/agents"):
            corpus.write(Path("written"), 3)
            Path(plugin).parent.mkdir(parents=True)
            Path("written/.claude/agents").rename(plugin)

    def some() -> Path:
        return draw.choice(sorted(Path().rglob("*.md")))

    def given() -> list[str]:
        """Options, and now and then paths of some files."""
        paths = [str(some()) for _ in range(draw.choice([0, 0, 1, 3]))]
        return [*draw.choice(options), *paths]

    def edit() -> None:
        path = some()
        raw = bytearray(path.read_bytes())
        at = draw.randrange(len(raw))
        raw[at : at + draw.randrange(4)] = draw.choice(
            [b"", b"\n", b"`", b"<", b"#", b"\xff", b": "]
        )
        path.write_bytes(bytes(raw))

    def replace() -> None:
        some().write_text(draw.choice(texts), encoding="utf-8")

    def add() -> None:
        folder = draw.choice([AGENTS, AGENTS / "deeper", AGENTS / "docs"])
        folder.mkdir(exist_ok=True)
        path = folder / f"new-{draw.randrange(100)}.md"
        path.write_text(draw.choice(texts), encoding="utf-8")

    def comment() -> None:
        path = some()
        text = path.read_text(encoding="utf-8", errors="replace")
        names = draw.choice(["duplicate-name", "long-description", "nothing", "broken-link"])
        path.write_text(text.replace("\n", f"\n# subwright: allow {names}\n", 1), encoding="utf-8")

    def name_alike() -> None:
        one, other = some(), some()
        name, known = (
            re.search(rb"^name: .*$", path.read_bytes(), re.MULTILINE) for path in (one, other)
        )
        if name and known:
            one.write_bytes(one.read_bytes().replace(name[0], known[0], 1))

    def part() -> None:
        # lines become more, and places stay
        path = some()
        raw = path.read_bytes()
        path.write_bytes(raw.replace(*draw.choice([(b" ", b"\n"), (b"\n# aa", b"\n#\n#a")])))

    def take_away() -> None:
        if len(list(AGENTS.rglob("*.md"))) > 11:
            some().unlink()

    def rename() -> None:
        some().rename(AGENTS / f"renamed-{draw.randrange(100)}.md")

    def touch() -> None:
        # neither a clock that goes back nor one that stands still hides a change
        path = some()
        edit()
        os.utime(path, (0, 0))

    def spoil() -> None:
        path = draw.choice(kept())
        raw = path.read_bytes()
        path.write_bytes(draw.choice([b"", raw[:-1], raw[: len(raw) // 2], raw[:-9] + b"x" * 9]))

    steps = [edit, edit, replace, replace, add, comment, take_away, rename, touch, spoil]
    steps += [name_alike, name_alike, part]
    same()
    for _ in range(15):
        draw.choice(steps)()
        same(*given())


# Templates

TEMPLATE = """---
name: <<NAME>>
description: Reviews code
template:
  summary: reviews
  variables:
    NAME: {type: string, default: reviewer, help: its name}
---
<% if NAME == "reviewer" %>
Review with <<NAME.upper()>>.
<% endif %>
"""


def test_what_a_template_compiles_to(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "template.md"
    path.write_text(TEMPLATE, encoding="utf-8")
    compiled: list[str] = []
    compile_ = jinja2.Environment.compile

    def watched(self: jinja2.Environment, source: str, *args: object, **more: object) -> object:
        compiled.append(source)
        return compile_(self, source, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(jinja2.Environment, "compile", watched)

    def render(*, checked: bool = False) -> str:
        compiled.clear()
        template = load(path, {}, checked=checked)
        return template.render(template.resolve({})).text

    text = render()
    assert len(compiled) == 2
    assert render() == text
    assert compiled == []
    # another variant of it needs nothing more
    template = load(path, {}, checked=False)
    assert "name: x" in template.render(template.resolve({"NAME": "x"})).text
    assert compiled == []
    # what is checked is compiled to be checked
    assert render(checked=True) == text
    assert len(compiled) >= 2
    path.write_text(TEMPLATE.replace("Review with", "Look at it with"), encoding="utf-8")
    assert render() == text.replace("Review with", "Look at it with")
    assert len(compiled) == 2


# What can go wrong


def test_no_cache(project: Path, tmp_path: Path) -> None:
    linted("--no-cache")
    Path("subwright.toml").write_text("[lint]\ncache = false\n", encoding="utf-8")
    linted()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "args", [("--fix",), ("--diff",), ("--add-ignores",), (str(AGENTS / "x.md"),), ("-",)]
)
def test_runs_that_are_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SUBWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    AGENTS.mkdir(parents=True)
    count = 1 if args[0].endswith(".md") else linting.REMEMBERED
    for number in range(count):
        name = "x" if count == 1 else f"x{number}"
        text = f"---\nname: {name}\ndescription: Reviews code\n---\nReview.\n"
        (AGENTS / f"{name}.md").write_text(text, encoding="utf-8")
    linted(*args)
    assert not (tmp_path / "cache").exists()


def test_git_ignores_the_folder(project: Path, tmp_path: Path) -> None:
    linted()
    assert (tmp_path / "cache/lint/.gitignore").read_text(encoding="utf-8") == "*\n"
    assert (tmp_path / "cache/lint/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d2")


def test_a_cache_that_cannot_be_written(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a file where the folder should be
    (tmp_path / "cache").write_text("x", encoding="utf-8")
    same()
    (tmp_path / "cache").unlink()

    # a disk that is full
    def full(path: Path, content: bytes) -> None:
        path.open("wb").close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "_write", full)
    same()
    assert {path.name for path in (tmp_path / "cache/lint").iterdir()} == {*cache._IGNORED}


def test_a_user_without_a_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "cache_folder", lambda name: None)
    same()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
@pytest.mark.parametrize("mode", [0o770, 0o777, 0o707])
def test_the_folder_is_for_its_owner(project: Path, tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "cache/lint"
    linted()
    assert folder.stat().st_mode & 0o777 == 0o700
    store = Store("files", "x")
    store.save(1)
    assert Store("files", "x").load() == 1
    # what others may have written is not believed
    folder.chmod(mode)
    assert Store("files", "x").load() is None
    before = {path: path.read_bytes() for path in folder.iterdir()}
    same()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
def test_files_are_for_their_owner_where_the_folder_is_not(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache/lint"
    folder.mkdir(parents=True, mode=0o755)
    linted()
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
def test_what_a_closed_umask_leaves_open(project: Path, tmp_path: Path) -> None:
    """Root's cache has servers beside, which another user runs."""
    before = os.umask(0o077)
    try:
        linted()
    finally:
        os.umask(before)
    assert (tmp_path / "cache/lint").stat().st_mode & 0o777 == 0o700
    open_to_all = 0o755 if os.geteuid() == 0 else 0o700
    assert (tmp_path / "cache").stat().st_mode & 0o777 == open_to_all


def test_a_package_that_is_no_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache._programs.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "__file__", str(project / "subwright.pyz/subwright/cache.py"))
        try:
            same()
        finally:
            cache._programs.cache_clear()


def test_old_files_are_taken_away(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache/lint"
    most = cache.MOST_FILES["files"]
    Store("report", "other kind").save(0)
    for number in range(most):
        Store("files", str(number)).save(number)
        path = Store("files", str(number))._path
        assert path is not None
        os.utime(path, ns=(number, number))
    # what is used stays
    assert Store("files", "0").load() == 0
    # and what is somebody else's
    others = [folder / f"mine-{number}.md" for number in range(100)]
    for other in others:
        other.write_text("x", encoding="utf-8")
    for number in range(most, most + 3):
        Store("files", str(number)).save(number)
    gone = [n for n in range(most + 3) if Store("files", str(n)).load() is None]
    assert gone == [1, 2, 3]
    assert Store("report", "other kind").load() == 0
    assert all(other.exists() for other in others)


def test_a_file_of_another_name_is_not_trusted(project: Path) -> None:
    one, other = Store("files", "one"), Store("files", "other")
    one.save({"a": (1, b"2")})
    assert one._path is not None
    assert other._path is not None
    one._path.rename(other._path)
    assert one.load() is None
    assert other.load() is None


def test_files_that_are_gone_are_forgotten(project: Path) -> None:
    first, second, third = sorted(map(str, AGENTS.iterdir()))[:3]
    entry = Entry(cache.digest(Path(first).read_bytes()), "", True, (), b"", b"")
    for paths in ((first, second), (third,)):
        memory = FileCache("test")
        known = memory.known({first: (Root(AGENTS, ()), "", True)})
        assert known == ({first: entry} if paths == (third,) else {})
        for path in paths:
            memory.put(path, entry)
        Path(second).unlink(missing_ok=True)
        memory.save()
    assert {*Store("files", "test").load()[0]} == {first, third}


def test_runs_at_the_same_time(project: Path) -> None:
    command = [sys.executable, "-m", "subwright", "lint", "--output-format", "json"]
    expected = linted("--output-format", "json", "--no-cache")[1].encode()
    for _ in range(3):
        runs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
        assert {each.communicate()[0] for each in runs} == {expected}
    same()
