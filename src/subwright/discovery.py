"""Which files a run is about: load roots, found and walked as Claude Code does, and templates."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright.errors import SubwrightError, did_you_mean
from subwright.patterns import lazy

if TYPE_CHECKING:
    from subwright.config import Config

# a Markdown file of such a name is meant for people, unless it has frontmatter
_DOCUMENTATION = lazy(
    r"(?:README|CHANGELOG|LICENSE|CONTRIBUTING|CLAUDE|AGENTS|INDEX)(?:[._-][a-z]{2,3}){0,2}\.md",
    re.IGNORECASE,
)
_DOCUMENTATION_FOLDERS = frozenset({"docs", "references"})
_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mdx", ".mdc"})
# nobody keeps agents of their own there, and a search through them takes long; what Claude Code loads is walked whole
_PASSED_OVER = frozenset({".git", ".hg", ".venv", "node_modules", "venv", "__pycache__"})


class NoAgentsError(SubwrightError):
    """A path without any agent."""


class Root(NamedTuple):
    """A folder whose agents go into one session together.

    Attributes:
        folder: the folder.
        files: the paths of all Markdown files in it that may be agents, in the order in which the client reads them.
        plugin: it is a plugin's.
        servers: the MCP servers configured beside it; None where nothing is.
    """

    folder: Path
    files: tuple[str, ...]
    plugin: bool = False
    servers: frozenset[str] | None = None


class Targets:
    """What a run is about.

    Attributes:
        roots: the load roots, for the rules across files.
        files: the paths of the files to report on, each with its root.
        templates: the templates to report on.
    """

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self.files: dict[str, Root] = {}
        self.templates: list[Path] = []

    def __bool__(self) -> bool:
        return bool(self.files or self.templates)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all files and templates to report on, in order, folder by folder."""
        # thousands of texts, which are sorted as paths are
        paths = (*self.files, *map(str, self.templates))
        return tuple(sorted(paths, key=lambda path: path.split(os.sep)))  # noqa: PTH206

    def add(self, root: Root, files: Iterable[str]) -> None:
        """Report on files of a root; a file that several roots share is reported once."""
        known = next((other for other in self.roots if other == root), None)
        if known is None:
            self.roots.append(root)
        for file in files:
            self.files.setdefault(file, known or root)


def is_documentation(path: Path, folder: Path) -> bool:
    """Whether a file in a load root is plainly meant for people, by its name or folder, and opens no frontmatter."""
    inner = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else ()
    if not (_DOCUMENTATION.fullmatch(path.name) or _DOCUMENTATION_FOLDERS & {*inner}):
        return False
    return not _opens_frontmatter(path)


def _opens_frontmatter(path: Path | str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123  # a walk over thousands of files has texts
        return file.read(6).removeprefix(b"\xef\xbb\xbf").startswith(b"---")


def is_template(path: Path) -> bool:
    """Whether a Markdown file is a template: its frontmatter has the key `template`."""
    text = path.read_bytes()
    fields = text[: max(0, text.find(b"\n---", 3))]
    return (
        b"template" in fields
        and fields.removeprefix(b"\xef\xbb\xbf").startswith(b"---")
        and re.search(rb"""^["']?template["']?[ \t]*:""", fields, re.MULTILINE) is not None
    )


def find(paths: Sequence[Path], configured: Sequence[Path] = ()) -> Targets:
    """What paths on the command line mean.

    A file is itself, beside the others of its load root or of the folder `agents` that it is in; outside of a load root
    it may be a template. A folder is every load root at or below it; else, inside of a load root, that part of it; else
    the templates in it, where it has any; else a load root itself.

    Args:
        paths: files and folders; both may be symbolic links.
        configured: folders that the configuration names as load roots.

    Raises:
        SubwrightError: a path that is not there, or that Claude Code would not load.
        NoAgentsError: a path without any agent or template.
        OSError: a file that cannot be read.
    """
    targets, around = Targets(), _Around(configured)
    for path in map(_plain, paths):
        if path.is_dir():
            _folder(path, configured, around, targets)
        elif not path.is_file() or _suffix(path.name) not in _SUFFIXES:
            raise _no_agent(path)
        else:
            root = around.root(path.parent)
            if is_template(path) and not (root and str(path) in root.files):
                targets.templates.append(path)
                continue
            root = root or around.collection(path.parent) or Root(path.parent, (str(path),))
            targets.add(root, [] if is_documentation(path, root.folder) else [str(path)])
    targets.templates = list(dict.fromkeys(targets.templates))
    return targets


def _plain(path: Path) -> Path:
    """A path without `..` but at its start, where that names the same."""
    if ".." not in path.parts:
        return path
    plain = Path(os.path.normpath(path))
    try:
        return plain if plain.samefile(path) else path
    except OSError:
        return path


def defaults(here: Path) -> Targets:
    """What a run without paths is about: the agents of the project that a folder belongs to; nothing where it has none.

    From the folder upwards, as the client goes, to the first that has `.claude/agents` or is a plugin or a
    marketplace, at most to the root of its repository.
    """
    targets = Targets()
    for folder in (here, *here.parents):
        given = _as_given(Path(), folder)
        agents = given / ".claude" / "agents"
        roots = [_project(agents)] if agents.is_dir() else []
        if (folder / ".claude-plugin").is_dir():
            roots += _plugins(given)
        for root in roots:
            targets.add(root, root.files)
        if roots or (folder / ".git").exists():
            break
    return targets


class Configured(NamedTuple):
    """What a configuration says of the files to lint, in paths from the working directory.

    Attributes:
        roots: folders that are load roots.
        paths: what a run without paths is about.
    """

    roots: tuple[Path, ...] = ()
    paths: tuple[Path, ...] = ()


def configured(config: Config) -> Configured:
    """What a configuration says of the files to lint.

    Raises:
        ConfigError: paths that it cannot name.
    """
    base = config.path.parent
    patterns = config.strings("lint", "roots")
    roots = tuple(folder for pattern in patterns for folder in _folders(config, base, pattern))
    paths = config.strings("lint", "paths")
    return Configured(roots, tuple(Path(os.path.relpath(base / name)) for name in paths) or roots)


def _folders(config: Config, base: Path, pattern: str) -> list[Path]:
    """The folders that a pattern names, written from the working directory."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern.strip("/. "):
        advice = "name folders below the configuration's own, as in `agents/*`"
        raise config.error("lint", "roots", f"`{pattern}` in `roots` is no such pattern", advice)
    found = sorted(path for path in base.glob(pattern) if path.is_dir())
    return [Path(os.path.relpath(path)) for path in found]


def root_of(path: Path, configured: Sequence[Path] = ()) -> Root:
    """The load root that a file stands in, or would stand in; one of its own where it is in none."""
    return _Around(configured).root(path.parent) or Root(path.parent, ())


def _no_agent(path: Path) -> SubwrightError:
    """What is wrong with a path that is no folder and no Markdown file."""
    if path.is_file():
        from subwright import claude_code

        return SubwrightError(
            f"`{path}` is no Markdown file", help=f"an agent's file ends in `{claude_code.SUFFIX}`"
        )
    if path.exists():
        return SubwrightError(f"`{path}` is no file", help="an agent is a file or a link to one")
    if path.is_symlink():
        return SubwrightError(
            f"`{path}` is a link to what is not there", help="take it away, or mend it"
        )
    return SubwrightError(f"there is no file or folder `{path}`", help=_near(path))


def _near(path: Path) -> str | None:
    if path.parent.is_dir():
        return did_you_mean(path.name, [other.name for other in path.parent.iterdir()])
    return None


def _folder(folder: Path, configured: Sequence[Path], around: _Around, targets: Targets) -> None:
    roots = list(_roots(folder, configured))
    if roots:
        for root in roots:
            targets.add(root, root.files)
        if not any(root.files for root in roots):
            raise _nothing(folder)
        return
    whole = around.root(folder)
    if whole is not None:
        part = _absolute(folder)
        files = [file for file in whole.files if _absolute(Path(file)).is_relative_to(part)]
        if not files:
            raise _nothing(folder)
        targets.add(whole, files)
        return
    templates = [path for path in sorted(folder.glob("*.md")) if is_template(path)]
    if templates:
        targets.templates.extend(templates)
        return
    root = Root(folder, tuple(_walk(folder)), servers=_servers(folder / ".mcp.json"))
    if not root.files:
        raise _nothing(folder)
    targets.add(root, root.files)


def _nothing(folder: Path) -> NoAgentsError:
    return NoAgentsError(f"no agent in `{folder}`", help="an agent is a Markdown file: `*.md`")


def _roots(folder: Path, configured: Sequence[Path]) -> Iterator[Root]:
    """The load roots at or below a folder, each once."""
    seen = set()
    for found in _search(folder, configured):
        key = os.path.realpath(found.folder), found.files
        if key not in seen:
            seen.add(key)
            yield found


def _search(folder: Path, configured: Sequence[Path]) -> Iterator[Root]:
    whole = _absolute(folder)
    inside = {_absolute(root) for root in configured if _absolute(root).is_relative_to(whole)}
    for root in sorted(inside):
        yield _project(_as_given(folder, root))
    for path, folders, _ in os.walk(folder):
        here = Path(path)
        top = here == folder
        folders[:] = sorted(set(folders) - _PASSED_OVER)
        agents = [here / ".claude" / "agents"] if ".claude" in folders else []
        if (whole if top else here).name == ".claude" and "agents" in folders:
            folders.remove("agents")
            agents += [here / "agents"] if top else []
        if top and _is_agents(whole):
            folders.clear()
            agents.append(here)
        for each in agents:
            if each.is_dir() and _absolute(each) not in inside:
                yield _project(each)
        if ".claude-plugin" in folders:
            yield from _plugins(here)


def _project(folder: Path) -> Root:
    whole = _absolute(folder)
    project = whole.parent.parent if whole.parent.name == ".claude" else whole
    return Root(folder, tuple(_walk(folder)), servers=_servers(project / ".mcp.json"))


class _Around:
    """The load roots around folders, each of which is walked once, however many folders in it are asked for.

    Args:
        configured: folders that the configuration names as load roots.
    """

    def __init__(self, configured: Iterable[Path]) -> None:
        self._configured = frozenset(map(_absolute, configured))
        self._roots: dict[Path, tuple[Root, ...]] = {}
        self._collections: dict[Path, Root] = {}
        self._around: dict[Path, Root | None] = {}

    def root(self, folder: Path) -> Root | None:
        """The load root around a folder, the nearest, which may be itself."""
        if folder not in self._around:
            self._around[folder] = self._nearest(folder)
        return self._around[folder]

    def collection(self, folder: Path) -> Root | None:
        """The folder `agents` around a folder, the nearest below the working directory: agents that belong together."""
        whole, here = _absolute(folder), Path.cwd()
        for each in (whole, *whole.parents):
            if each.name == "agents" and (each == whole or each.is_relative_to(here)):
                given = _as_given(folder, each)
                if given not in self._collections:
                    self._collections[given] = _project(given)
                return self._collections[given]
        return None

    def _nearest(self, path: Path) -> Root | None:
        whole = _absolute(path)
        for folder in (whole, *whole.parents):
            is_root = folder in self._configured or _is_agents(folder)
            if not is_root and not (folder / ".claude-plugin").is_dir():
                continue
            given = _as_given(path, folder)
            if given not in self._roots:
                self._roots[given] = (_project(given),) if is_root else tuple(_plugins(given))
            for root in self._roots[given]:
                if whole.is_relative_to(_absolute(root.folder)):
                    return root
        return None


def _is_agents(folder: Path) -> bool:
    return folder.name == "agents" and folder.parent.name == ".claude"


def _absolute(path: Path) -> Path:
    """A path from the root of the file system; links in it stay."""
    return Path(os.path.normpath(path.absolute()))


def _as_given(path: Path, folder: Path) -> Path:
    """A folder around a path, written as the path is: relative where that is."""
    if path.is_absolute():
        return folder
    return Path(os.path.relpath(folder))


def _plugins(folder: Path) -> Iterator[Root]:
    """The load roots of a folder with `.claude-plugin`: the plugin's own, and those that its marketplace lists."""
    manifest = _json(folder / ".claude-plugin" / "plugin.json")
    if manifest is not None:
        yield from _plugin(folder, manifest)
    marketplace = _json(folder / ".claude-plugin" / "marketplace.json") or {}
    entries = marketplace.get("plugins")
    for entry in entries if isinstance(entries, list) else ():
        source = entry.get("source") if isinstance(entry, dict) else None
        if isinstance(source, str):  # others are fetched from elsewhere
            base = Path(os.path.normpath(folder / source))
            own = _json(base / ".claude-plugin" / "plugin.json") or {}
            if base.is_dir() and _absolute(base).is_relative_to(_absolute(folder)):
                yield from _plugin(base, {**own, **entry})


def _plugin(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Root]:
    listed = manifest.get("agents")
    names = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    files = [*_walk(folder / "agents")] if (folder / "agents").is_dir() else []
    for name in names:
        if isinstance(name, str):
            path = Path(os.path.normpath(folder / name))
            if _absolute(path).is_relative_to(_absolute(folder)):
                files += (
                    _walk(path) if path.is_dir() else _shortest([path] if path.is_file() else [])
                )
    if files:
        configured = manifest.get("mcpServers")
        own = frozenset(configured) if isinstance(configured, dict) else None
        servers = _servers(folder / ".mcp.json")
        known = (
            None if own is None and servers is None else (own or frozenset()) | (servers or set())
        )
        yield Root(folder, tuple(dict.fromkeys(files)), plugin=True, servers=known)


def _walk(folder: Path) -> Iterator[str]:
    """The Markdown files of a load root, in the order of their paths.

    Hidden files, `node_modules`, links to files and to folders count (observed on Claude Code 2.1.330). A folder that
    is reached twice is read once.
    """
    found: list[str] = []
    stack, seen = [("" if folder == Path() else str(folder), False)], set[str]()
    if not folder.exists():
        return  # of a file that an editor has not written yet
    while stack:
        current, for_people = stack.pop()
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        # thousands of texts are made in a fraction of the time that as many paths take
        prefix = os.path.join(current, "") if current else ""  # noqa: PTH118
        folders = []
        with os.scandir(current or ".") as entries:
            for entry in entries:
                name = entry.name
                path = prefix + name
                try:
                    if entry.is_dir():
                        folders.append((path, for_people or name in _DOCUMENTATION_FOLDERS))
                    is_agent = _suffix(name) in _SUFFIXES and entry.is_file()
                except OSError:  # links in a circle
                    continue
                if is_agent and not (
                    (for_people or _DOCUMENTATION.fullmatch(name)) and not _opens_frontmatter(path)
                ):
                    found.append(path)
        # of two ways to a folder the first counts
        stack += sorted(folders, reverse=True)
    yield from _shortest(sorted(found))


def _shortest(paths: Iterable[str | Path]) -> Iterator[str]:
    """Paths from the working directory, in which `..` leads to nothing below it: as they are on a command line."""
    for path in map(str, paths):
        yield os.path.relpath(path) if path.startswith(os.pardir) else path


def _suffix(name: str) -> str:
    """The suffix of a file name, in lower case."""
    at = name.rfind(".")
    return name[at:].lower() if at > 0 else ""


def _servers(path: Path) -> frozenset[str] | None:
    """The MCP servers that an `.mcp.json` configures; None where there is no such file that can be read."""
    data = _json(path)
    servers = data.get("mcpServers") if data is not None else None
    return frozenset(servers) if isinstance(servers, dict) else None


def _json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none. What is wrong with such a file is not for us to say."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError):  # a name of a manifest may be no name of a file
        return None
    import json

    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
