"""Read what a project's files say of its database; nothing secret leaves them."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from subwright.detect import known

if TYPE_CHECKING:
    import yaml

# what a hint is: the image of a service, a URL, the URL of a tool beside the application, a service of the CI,
# a package that the project needs, one that only its developers need
Kind = Literal["image", "url", "tool", "ci", "package", "dev"]

_LARGEST = 16 * 1024 * 1024
_MOST_FOLDERS = 200
_DEEPEST = 30
# code that is not the project's, or shows another one
_PASSED_OVER = frozenset(
    {
        *(
            "__pycache__",
            "build",
            "dist",
            "doc",
            "docs",
            "env",
            "example",
            "examples",
            "node_modules",
        ),
        *("test", "tests", "vendor", "venv"),
    }
)
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_FOR_TESTS = re.compile(r"(?<![a-z])(?:test|lint|develop|(?:dev|docs?)(?![a-z]))", re.IGNORECASE)
_FOR_TOOLS = re.compile(r"(?<!A)SYNC|ALEMBIC|MIGRAT")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:]\s*(.*)", re.ASCII)
_TYPE = re.compile(r"(?:\w+_)?(?:DATABASE|DB)_(?:BACKEND|CONNECTION|DIALECT|ENGINE|TYPE)", re.ASCII)
_INI_URL = re.compile(r"\s*(\w*sqlalchemy\.url)\s*[=:]\s*(.*)")
_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([\w\s.,-]*)\])?\s*\(?\s*"
    r"((?:(?:[<>=!~^]=?=?)\s*[\w.*+!-]+\s*(?:,|\|\|)?\s*)*)",
    re.ASCII,
)
_LOCKED = re.compile(
    rf'^name = "((?i:{"|".join(known.NAMES)}))"\nversion = "([\w.+!-]+)"', re.MULTILINE
)
_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)"
    r"(?:(?P<operator>:?[-+?])(?P<word>(?:[^{}]|\{[^{}]*\})*))?\})"
)
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


@dataclass(frozen=True)
class Hint:
    """One thing that a file says.

    Attributes:
        path: the file, from the project's folder, with `/`.
        line: where it stands there.
        says: what stands there, without anything secret.
        databases: the databases that it may stand for, the likeliest first.
        version: of the database, empty where it says none.
        driver: the name of a driver, empty where it says none.
        kind: what it is, which says how much it counts.
    """

    path: str
    line: int
    says: str
    databases: tuple[str, ...]
    version: str = ""
    driver: str = ""
    kind: Kind = "package"

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.line}"


@dataclass
class Gathered:
    """What the files of a project say.

    Attributes:
        hints: about its database.
        sqlalchemy: requirements of SQLAlchemy, each with its place; what a lock file resolved it to comes last.
        problems: files that could not be read, each with the reason.
    """

    root: Path
    hints: list[Hint] = field(default_factory=list)
    sqlalchemy: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(
        self, path: str, line: int, kind: Kind, says: str, meaning: known.Meaning | None
    ) -> None:
        """Keep what was found."""
        if meaning is not None:
            self.hints.append(Hint(path, line, says, *meaning, kind))


class UnreadableError(Exception):
    """A file that is not what its name says; the message holds nothing of its content."""


def gather(root: Path) -> Gathered:
    """Read the files of a project's folder and of the folders in it.

    A file that cannot be read is passed over and said.
    """
    found = Gathered(root)
    for folder in (root, *_folders(root)):
        names = _names(folder)
        for name in names:
            for pattern, reader in _READERS:
                if fnmatchcase(name, pattern) or fnmatchcase(f"{folder.name}/{name}", pattern):
                    _read(found, folder / name, reader)
                    break
        if compose := next((name for name in _COMPOSE if name in names), None):
            stem, _, suffix = compose.rpartition(".")
            over = [f"{stem}.override.{end}" for end in dict.fromkeys((suffix, "yaml", "yml"))]
            files = [compose, *[name for name in over if name in names][:1]]
            _read_compose(found, folder, files, names)
    workflows = root / ".github" / "workflows"
    for name in _names(workflows):
        if name.endswith((".yml", ".yaml")):
            _read(found, workflows / name, _workflow)
    return found


def _folders(root: Path) -> list[Path]:
    names = [
        entry.name
        for entry in _entries(root)
        if not entry.name.startswith(".")
        and entry.name.lower() not in _PASSED_OVER
        and entry.is_dir(follow_symlinks=False)
    ]
    return [root / name for name in sorted(names)[:_MOST_FOLDERS]]


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in _entries(folder) if _is_file(entry))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False


Reader = Callable[[Gathered, str, str], None]


def _text(found: Gathered, path: Path) -> tuple[str, str]:
    """The name of a file from the project's folder, and its text."""
    name = path.relative_to(found.root).as_posix()
    if path.stat().st_size > _LARGEST:
        raise UnreadableError("too large")
    return name, _decoded(path.read_bytes()).replace("\r\n", "\n")


def _decoded(raw: bytes) -> str:
    # what PowerShell writes with `>` is UTF-16
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in raw
    return raw.decode("utf-16" if wide else "utf-8-sig", "replace")


def _read(found: Gathered, path: Path, reader: Reader) -> None:
    try:
        name, text = _text(found, path)
        reader(found, name, text)
    except (OSError, UnreadableError) as error:
        found.problems.append(_problem(found, path, error))


def _problem(found: Gathered, path: Path, error: Exception) -> str:
    name = path.relative_to(found.root).as_posix()
    reason = (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)
    return f"{name}: passed over: {reason}"


# --- settings -------------------------------------------------------------------------------------


def _environment(found: Gathered, name: str, text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if assigned := _ASSIGNMENT.match(line):
            _url(found, name, number, *assigned.groups())


def _url(found: Gathered, path: str, line: int, key: str, value: str) -> None:
    read = known.url(value)
    if read is None and _TYPE.fullmatch(key) and (read := known.url(f"{_unquoted(value)}:/")):
        found.add(path, line, "url", f"`{key}` is `{read[0]}`", read[1])
    elif read is not None:
        dialect, meaning = read
        kind: Kind = "dev" if "TEST" in key.upper() else "url"
        if kind == "url" and _FOR_TOOLS.search(key.upper()):
            kind = "tool"
        found.add(path, line, kind, f"`{key[:60]}` is a `{dialect}` URL", meaning)


def _unquoted(value: str) -> str:
    """A value of an `.env` file without its quotes, and without a comment after it."""
    value = value.strip()
    if value.startswith(('"', "'")) and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return re.split(r"\s#", value, maxsplit=1)[0].strip().strip("\"'")


def _alembic(found: Gathered, name: str, text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        assigned = _INI_URL.match(line)
        if assigned and (read := known.url(assigned[2])):
            found.add(name, number, "tool", f"`{assigned[1]}` is a `{read[0]}` URL", read[1])


# --- requirements ---------------------------------------------------------------------------------


def _requirements(found: Gathered, name: str, text: str) -> None:
    kind: Kind = "dev" if _FOR_TESTS.search(name.rpartition("/")[2]) else "package"
    for number, line in enumerate(text.split("\n"), 1):
        if not line.lstrip().startswith(("#", "-")):
            _require(found, name, number, kind, line)


def _require(found: Gathered, path: str, line: int, kind: Kind, requirement: str) -> None:
    read = _REQUIREMENT.match(requirement)
    if read is None:
        return
    package, extras, version = read[1], (read[2] or "").strip(), re.sub(r"\s+|,\s*$", "", read[3])
    shown = package + (f"[{extras}]" if extras else "") + version
    if package.lower() == "sqlalchemy" and kind == "package":
        found.sqlalchemy.append((f"{path}:{line}", version))
    for meaning in known.package(package, extras):
        found.add(path, line, kind, f"`{shown[:80]}`", meaning)


def _pyproject(found: Gathered, name: str, text: str) -> None:
    import tomllib

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("not TOML") from None
    lines = text.split("\n")
    for kind, requirement in _declared(data):
        read = _REQUIREMENT.match(requirement)
        if read is not None and known.is_of_interest(read[1], read[2] or ""):
            _require(found, name, _line(requirement, read[1], lines), kind, requirement)


def _line(requirement: str, package: str, lines: list[str]) -> int:
    """The line of a requirement, which TOML's reader does not keep; in poetry's tables the package is a key."""
    key = re.compile(rf"\s*[\"']?{re.escape(package)}[\"']?\s*=")
    quoted = f'"{requirement}"', f"'{requirement}'"
    for number, line in enumerate(lines, 1):
        if any(text in line for text in quoted) or key.match(line):
            return number
    return 1


def _declared(data: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    """The requirements of a pyproject.toml in all its forms."""
    project, tool = _table(data, "project"), _table(data, "tool")
    yield from (("package", text) for text in _strings(project.get("dependencies")))
    groups: list[Any] = [
        *_table(project, "optional-dependencies").values(),
        *_table(data, "dependency-groups").values(),
        *_table(_table(tool, "pdm"), "dev-dependencies").values(),
        _table(tool, "uv").get("dev-dependencies"),
    ]
    yield from (("dev", text) for group in groups for text in _strings(group))
    poetry = _table(tool, "poetry")
    yield from (("package", text) for text in _poetry(_table(poetry, "dependencies")))
    yield from (("dev", text) for text in _poetry(_table(poetry, "dev-dependencies")))
    for group in _table(poetry, "group").values():
        if isinstance(group, dict):
            yield from (("dev", text) for text in _poetry(_table(group, "dependencies")))


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _poetry(table: Mapping[str, Any]) -> Iterator[str]:
    """Poetry's table of requirements, as pip would write them."""
    for name, value in table.items():
        entry = value[0] if isinstance(value, list) and value else value
        version, extras = entry, []
        if isinstance(entry, dict):
            version, extras = entry.get("version", ""), _strings(entry.get("extras"))
        version = version if isinstance(version, str) and version != "*" else ""
        if version[:1].isdigit():
            version = f"=={version}"
        yield name + (f"[{','.join(extras)}]" if extras else "") + version


def _lock(found: Gathered, name: str, text: str) -> None:
    for package in _LOCKED.finditer(text):
        line = text.count("\n", 0, package.start()) + 1
        if package[1].lower() == "sqlalchemy":
            found.sqlalchemy.append((f"{name}:{line}", f"=={package[2]}"))
        for meaning in known.package(package[1]):
            found.add(name, line, "dev", f"`{package[1]}` {package[2]}", meaning)


# --- services -------------------------------------------------------------------------------------


def _workflow(found: Gathered, name: str, text: str) -> None:
    if "services" not in text:
        return
    for _, job in _items(_get(_yaml(text), "jobs")):
        for _, service in _items(_get(job, "services")):
            node = _get(service, "image") or service
            _image(found, name, node, _EXPRESSION.sub("", _scalar(node)), "ci")


def _read_compose(found: Gathered, folder: Path, files: Iterable[str], names: list[str]) -> None:
    """A compose file and what overrides it, where the image of a service is the last one given."""
    variables: dict[str, str] = {}
    if ".env" in names:
        try:
            text = _decoded((folder / ".env").read_bytes()[:_LARGEST])
        except OSError:
            text = ""
        for line in text.splitlines():
            if assigned := _ASSIGNMENT.match(line):
                variables[assigned[1]] = _unquoted(assigned[2])
    images: dict[str, tuple[str, yaml.Node]] = {}
    for file in files:
        try:
            name, text = _text(found, folder / file)
            for service, node in _items(_get(_yaml(text), "services")):
                if (image := _get(node, "image")) is not None:
                    images[service] = name, image
                for number, key, value in _settings(_get(node, "environment")):
                    _url(found, name, number, key, _interpolate(value, variables))
        except (OSError, UnreadableError) as error:
            found.problems.append(_problem(found, folder / file, error))
    for name, image in images.values():
        _image(found, name, image, _interpolate(_scalar(image), variables), "image")


def _image(found: Gathered, path: str, node: yaml.Node, text: str, kind: Kind) -> None:
    if read := known.image(text):
        name, tag, meaning = read
        if text == _scalar(node):
            says = f"image `{name}{f':{tag}' if tag else ''}`"
        else:
            # a variable may hold what nobody is to see
            says = f"image `{known.without_owner(name)}` {meaning.version}".rstrip()
        found.add(path, node.start_mark.line + 1, kind, says, meaning)


def _settings(node: yaml.Node | None) -> Iterator[tuple[int, str, str]]:
    """The environment of a service, a mapping or a list."""
    import yaml

    for key, value in _items(node):
        yield value.start_mark.line + 1, key, _scalar(value)
    for item in node.value if isinstance(node, yaml.SequenceNode) else []:
        if assigned := _ASSIGNMENT.fullmatch(_scalar(item)):
            yield item.start_mark.line + 1, assigned[1], assigned[2]


def _interpolate(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """A text of a compose file with its variables replaced, as Compose does it."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        given = variables.get(found["plain"] or found["name"])
        operator, word = found["operator"] or "", found["word"] or ""
        is_set = bool(given) if operator.startswith(":") else given is not None
        if operator.endswith("+"):
            replaced = word if is_set else ""
        elif operator.endswith("-") and not is_set:
            replaced = word
        else:
            return given or ""
        return _interpolate(replaced, variables, depth + 1) if depth < _DEEPEST else ""

    return _VARIABLE.sub(value, text)


def _yaml(text: str) -> yaml.Node | None:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return next(iter(yaml.compose_all(text, Loader=loader)), None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(f"not YAML at line {mark.line + 1}" if mark else "not YAML") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise UnreadableError("not YAML") from None


def _items(node: yaml.Node | None, seen: set[int] | None = None) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping, those of merged ones last and once; nothing of other nodes.

    Args:
        node: the mapping.
        seen: mappings whose entries were given.
    """
    import yaml

    seen = set() if seen is None else seen
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    # aliases of aliases would be walked without end
    seen.add(id(node))
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value != "<<":
            yield key.value, value
        elif isinstance(value, yaml.SequenceNode):
            merged += value.value
        else:
            merged.append(value)
    for other in merged:
        yield from _items(other, seen)


def _get(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in _items(node) if key == name), None)


def _scalar(node: yaml.Node | None) -> str:
    import yaml

    return node.value if isinstance(node, yaml.ScalarNode) else ""


# the first pattern that a name fits counts
_READERS: tuple[tuple[str, Reader], ...] = (
    (".env", _environment),
    (".env.local", _environment),
    (".env.dist", _environment),
    (".env.example", _environment),
    (".env.sample", _environment),
    (".env.template", _environment),
    ("alembic.ini", _alembic),
    ("pyproject.toml", _pyproject),
    ("requirements*.txt", _requirements),
    ("requirements*.in", _requirements),
    ("requirements/*.txt", _requirements),
    ("uv.lock", _lock),
    ("poetry.lock", _lock),
)
