"""What `render` does with the agents: compare them with what is on disk, show it, write it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import diff_bytes, unified_diff
from pathlib import Path

import click

from subwright import files
from subwright.cli.common import warn
from subwright.errors import SubwrightError
from subwright.patterns import lazy
from subwright.template import ORIGIN, Rendered, Template

# how the folder of a variant is named
_VARIANT = lazy(r"[a-z0-9_]+-\d+(?:\.\d+)*")


class ChangedError(SubwrightError):
    """What is on disk differs from what is rendered."""

    exit_status = 1


def plan(rendered: Sequence[Rendered], output: str, everything: bool) -> dict[Path, bytes]:
    """The files of a run and their content.

    Raises:
        SubwrightError: the agents do not fit into the place.
    """
    place = Path(output)
    as_file = output.endswith(".md") and not place.is_dir()
    if as_file and len(rendered) > 1:
        raise SubwrightError(
            f"{len(rendered)} agents do not fit into one file", help="give a folder: `-o DIR`"
        )
    if place.exists() and not as_file and not place.is_dir():
        raise SubwrightError(f"`{output}` is not a folder", help="a file to write ends in `.md`")
    wanted: dict[Path, bytes] = {}
    for agent in rendered:
        folder = place / agent.variant.name if everything else place
        path = place if as_file else folder / agent.file_name
        if path in wanted:
            raise SubwrightError(
                f"two agents would be written to `{path}`", help="render the templates one by one"
            )
        # a pipe would be waited for without end
        if path.exists() and not path.is_file():
            raise SubwrightError(f"`{path}` is not a file", help="take it away, or write elsewhere")
        wanted[path] = agent.text.encode()
    return wanted


def left_over(
    output: str, wanted: Mapping[Path, bytes], templates: Sequence[Template]
) -> list[Path]:
    """Files below a folder that these templates once rendered to, as their first lines say, and now do not.

    Only the places that `--all` writes to are looked at, so that a variant chosen by hand beside them stays.
    """
    folder = Path(output)
    found = [
        path
        for with_database, pattern in ((False, "*.md"), (True, "*/*.md"))
        for path in folder.glob(pattern)
        if path not in wanted
        and (not with_database or _VARIANT.fullmatch(path.parent.name))
        and _is_of(path, [t.name for t in templates if bool(t.database) is with_database])
    ]
    return sorted(found)


def _is_of(path: Path, names: Sequence[str]) -> bool:
    if not names or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            head = file.read(300)
    except OSError:
        return False
    match = ORIGIN.match(head)
    about = head[match.end() :] if match else ""
    return any(about.startswith((f"{name} for ", f"{name}: ")) for name in names)


def carry_out(
    wanted: Mapping[Path, bytes],
    superfluous: Sequence[Path],
    *,
    check: bool,
    diff: bool,
    force: bool,
) -> None:
    """Write the files, or with `check` or `diff` only say what would change.

    Raises:
        ChangedError: files differ with `check` or `diff`, or one would be overwritten without `force`.
    """
    old = {path: files.read(path) for path in wanted}
    changed = [path for path, text in wanted.items() if old[path] != text]
    differing = [path for path in changed if old[path] is not None]
    if diff:
        for path in changed:
            show_difference(path, old[path], wanted[path])
        for path in superfluous:
            show_difference(path, path.read_bytes(), None)
    if check or diff:
        problems = [
            *(
                f"{path}: {'differs' if old[path] is not None else 'is missing'}"
                for path in changed
            ),
            *(f"{path}: left over, no variant renders to it" for path in superfluous),
        ]
        if problems:
            raise ChangedError("\n       ".join(problems), help="render again with `--force`")
        return
    if differing and not force:
        listing = "\n       ".join(f"{path}: has other content" for path in differing)
        raise ChangedError(
            f"{listing}\nnothing is written", help="`--diff` shows how, `--force` overwrites"
        )
    for path in changed:
        try:
            files.write(path, wanted[path])
        except OSError as error:
            raise SubwrightError(
                f"cannot write `{path}`: {error.strerror}", help="`-o` names another place"
            ) from error
    for path in superfluous:
        if force:
            path.unlink()
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()
        else:
            warn(f"{path}: left over, no variant renders to it; `--force` takes it away")
    taken = len(superfluous) if force else 0
    if len(wanted) == 1:
        (path,) = wanted
        said = [f"wrote {path}" if changed else f"{path} is as it was"]
    else:
        said = [f"{len(changed)} written", f"{len(wanted) - len(changed)} as before"]
    if taken:
        said.append(f"{taken} taken away: {', '.join(map(str, superfluous))}")
    click.echo(", ".join(said), err=True)


def show_difference(path: Path, old: bytes | None, new: bytes | None) -> None:
    """Print a patch: to a pipe byte by byte, at a terminal in colours and with all characters visible."""
    before, after = _lines(old or b""), _lines(new or b"")
    lines = diff_bytes(
        unified_diff,
        before,
        after,
        os.fsencode(path) if old is not None else b"/dev/null",
        os.fsencode(path) if new is not None else b"/dev/null",
    )
    color = click.get_current_context().color
    if color is not True and not sys.stdout.isatty():
        patch = b"".join(
            line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
            for line in lines
        )
        click.echo(patch, nl=False)
        return
    # in a file that has CRLF throughout, only a line whose end changes shows it
    ends = old is not None and new is not None and _ends(before) != _ends(after)
    for line in lines:
        color_of_line = {b"+": "green", b"-": "red", b"@": "cyan"}.get(line[:1])
        text = line.removesuffix(b"\n").decode("utf-8", "replace")
        if not ends:
            text = text.removesuffix("\r")
        text = "".join(_visible(c) for c in text)
        click.echo(click.style(text, fg=color_of_line) if color_of_line else text)
        if not line.endswith(b"\n"):
            click.echo("\\ No newline at end of file")


def _lines(content: bytes) -> list[bytes]:
    return re.findall(rb"[^\n]*\n|[^\n]+", content)


def _ends(lines: Sequence[bytes]) -> set[bool]:
    return {line.endswith(b"\r\n") for line in lines}


def _visible(character: str) -> str:
    if character == "\t" or character.isprintable():
        return character
    code = ord(character)
    return f"^{chr(code ^ 64)}" if code < 128 else f"\\u{code:04x}"
