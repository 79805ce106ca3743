"""The example project of an agent, written out as the agent gives it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from subwright.errors import SubwrightError
from subwright.prove.blocks import Block
from subwright.prove.static import whole_file

_PLACE = re.compile(r"(?<![\w./-])(?P<path>[\w./-]+\.\w+):(?P<line>\d+)(?::\d+)?")

_FRAME = re.compile(r'^ *File "(?P<path>[^"\n]+)", line (?P<line>\d+)', re.MULTILINE)


class ProjectError(SubwrightError):
    """A file that an agent would write outside of its project."""


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ProjectError(f"`{name}` leads out of the project")
    return path


@dataclass
class Project:
    """A folder with the files of an agent, and the way back from their lines to the agent's."""

    folder: Path
    parts: dict[str, list[Block]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Write a file block; a second block of the same path is put below the first.

        Raises:
            ProjectError: its path leads out of the project, or cannot be written.
        """
        assert block.path is not None
        path = _inside(block.path)
        blocks = self.parts.setdefault(str(path), [])
        blocks.append(block)
        text, self.lines[str(path)] = whole_file(blocks)
        try:
            self.write({str(path): text})
        except (OSError, UnicodeEncodeError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            why = getattr(error, "strerror", None) or "it is no Unicode text"
            raise ProjectError(f"`{block.path}` cannot be written: {why.lower()}") from None

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, such as the frame that a template declares.

        Raises:
            ProjectError: a path leads out of the project.
            OSError: a file cannot be written.
        """
        for name, text in files.items():
            target = self.folder / _inside(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def agent_line(self, file: str, line: int) -> int | None:
        """The agent's line that stands at a line of a file, or nothing for a file that is not the agent's."""
        path = Path(file)
        if path.is_absolute():
            try:
                path = path.resolve().relative_to(self.folder.resolve())
            except ValueError:
                return None
        lines = self.lines.get(path.as_posix().removeprefix("./"))
        return lines[line - 1] if lines and 0 < line <= len(lines) else None

    def innermost(self, frames: Iterable[tuple[str, int]]) -> int | None:
        """The agent's line of the innermost frame that is in its code."""
        found = None
        for file, line in frames:
            found = self.agent_line(file, line) or found
        return found

    def named(self, output: str) -> int | None:
        """The agent's line that an output is about: the innermost of a traceback, else the first that is named."""
        traced = [(match["path"], int(match["line"])) for match in _FRAME.finditer(output)]
        line = self.innermost(traced)
        if line is not None:
            return line
        for match in _PLACE.finditer(output):
            line = self.agent_line(match["path"], int(match["line"]))
            if line is not None:
                return line
        return None
