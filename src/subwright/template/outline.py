"""The names and variables of templates, which are all that help and completion need, without Jinja and PyYAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from subwright.errors import SubwrightError
from subwright.template.variables import Variable, declared

if TYPE_CHECKING:
    from subwright.database import Database
    from subwright.diagnostic import Span
    from subwright.template.source import Template

T = TypeVar("T")
_NOWHERE = cast("Span", (0, 0))  # nothing asks an outline for places, so their module is not loaded


class Outline(NamedTuple):
    """A template as far as it has been read."""

    name: str
    variables: Mapping[str, Variable]
    databases: Mapping[str, Database]


class Outlines(NamedTuple):
    """The outlines of a folder's templates by name, and the errors of those that are wrong."""

    templates: Mapping[str, Outline | Template]
    broken: Mapping[str, SubwrightError]


def outlines(folder: Path, databases: Mapping[str, Database]) -> Outlines:
    """The outlines of the templates of a folder.

    Args:
        folder: where they are.
        databases: the fact files by database name.

    Raises:
        SubwrightError: there is no template in it.
    """

    def read(path: Path) -> Outline | Template:
        found = _outline(path, databases)
        if found is None:
            # it says what is wrong
            from subwright.template.loading import load

            return load(path, databases, checked=False)
        return found

    return Outlines(*each_template(folder, read))


def each_template(
    folder: Path, read: Callable[[Path], T]
) -> tuple[dict[str, T], dict[str, SubwrightError]]:
    """What the files of a folder's templates are read as by their names, and the errors of those that are wrong.

    A Markdown file is a template when its frontmatter has the key `template`; others are left alone.

    Raises:
        SubwrightError: there is none.
    """
    found: dict[str, T] = {}
    broken: dict[str, SubwrightError] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            if path.is_file() and _has_template_key(path.read_bytes()):
                found[path.stem] = read(path)
        except SubwrightError as error:
            broken[path.stem] = error
        except OSError as error:
            problem = f"cannot read `{shown(path)}`: {error.strerror or error}"
            broken[path.stem] = SubwrightError(problem)
    if not found and not broken:
        raise SubwrightError(
            f"no template in `{folder}`",
            help="a template is a Markdown file whose frontmatter has the key `template`",
        )
    return found, broken


def shown(path: Path) -> str:
    """The path as messages give it: from the working directory where it is below it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def _has_template_key(raw: bytes) -> bool:
    return re.search(rb"""^["']?template["']?[ \t]*:""", raw, re.MULTILINE) is not None


def _outline(path: Path, databases: Mapping[str, Database]) -> Outline | None:
    """The outline of a template, where it has the form."""
    from subwright import bun_yaml

    text = path.read_text(encoding="utf-8", errors="replace")
    block = re.match(r"\ufeff?---[ \t]*\n(.*?)---", text, re.DOTALL)
    if block is None:
        return None
    try:
        variables = bun_yaml.value(bun_yaml.compose(block[1]))["template"].get("variables", {})
        found = {name: declared(name, entry, _NOWHERE) for name, entry in variables.items()}
    except (bun_yaml.UnreadableError, SubwrightError, LookupError, TypeError, AttributeError):
        return None
    return Outline(path.stem, found, databases)
