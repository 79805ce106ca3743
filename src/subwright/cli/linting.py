"""What `subwright lint` does first: choose the files, and say at once what an earlier run has found in the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from subwright import discovery
from subwright.cache import FileCache, Printed, ReportCache
from subwright.cli.common import template_folder
from subwright.discovery import Targets
from subwright.errors import SubwrightError

if TYPE_CHECKING:
    from subwright.config import Config

STREAM = "-"  # as a path stdin, as a file to write stdout
REMEMBERED = 10  # files from which on a run is worth remembering


class Request(NamedTuple):
    """The options of one run, as the command line and the configuration give them."""

    paths: tuple[str, ...]
    fix: bool
    diff: bool
    select: tuple[str, ...] | None
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    strict: bool
    add_ignores: bool
    quiet: bool
    style: str
    output_file: str | None
    stdin_filename: str | None
    exit_zero: bool
    statistics: bool
    jobs: int | None
    client: str | None
    templates: Path | None
    cache: bool


def run(request: Request, configuration: Config | None) -> NoReturn:
    """Lint, print what was found, and leave with the exit status that it asks for.

    Args:
        request: the options.
        configuration: of the project.

    Raises:
        SubwrightError: wrong use, or what is wrong with the configuration.
        OSError: a file that cannot be read or written.
    """
    _refuse_what_does_not_fit(request)
    here = Path.cwd()
    if request.paths == (STREAM,):
        from subwright.cli import checking

        checking.run_on_stdin(request, configuration)
    about = discovery.configured(configuration) if configuration else discovery.Configured()
    paths = [Path(path) for path in request.paths] or about.paths
    try:
        targets = discovery.find(paths, about.roots) if paths else discovery.defaults(here)
    except SubwrightError as error:
        if configuration is None or request.paths:
            raise
        raise configuration.error("lint", "paths", error.message, error.help) from None
    memory = reports = None
    if _is_remembered(request, targets):
        memory, reports = _remembered(request, configuration, here)
        told = reports.get(targets)
        if told is not None:
            tell(request, told)
    from subwright.cli import checking

    checking.run(request, configuration, targets, memory, reports)


def _refuse_what_does_not_fit(request: Request) -> None:
    if "" in request.paths:
        raise SubwrightError("a path is empty", help="without a path the project is linted")
    if request.templates is not None:
        template_folder(request.templates)
    if (name := _file(request)) is not None:
        _refuse_no_file(name)
    if request.fix + request.diff + request.add_ignores > 1:
        raise SubwrightError("`--fix`, `--diff` and `--add-ignores` do not go together")
    if STREAM in request.paths and len(request.paths) > 1:
        raise SubwrightError("`-` stands for stdin, and does not go with other paths")
    if request.paths == (STREAM,) and request.add_ignores:
        raise SubwrightError("`--add-ignores` writes into files, and does not go with `-`")
    if request.paths == (STREAM,) and request.client is not None:
        raise SubwrightError("`--client` reads files, and does not go with `-`")
    if request.stdin_filename is not None and request.paths != (STREAM,):
        raise SubwrightError("`--stdin-filename` goes with the path `-` alone")


def _file(request: Request) -> str | None:
    """The file that findings are written to; None where they go to stdout."""
    return None if request.output_file == STREAM else request.output_file


def _refuse_no_file(name: str) -> None:
    # a file is replaced as a whole, and a pipe, a device or an open file is not
    is_open = name.startswith(("/dev/std", "/dev/fd/", "/proc/"))
    path = Path(name)
    if not name or is_open or (path.exists() and not path.is_file()):
        advice = "name a file; without `--output-file`, or with `-`, findings go to stdout"
        raise SubwrightError(f"`{name}` is not a file", help=advice)


# Earlier runs


def _is_remembered(request: Request, targets: Targets) -> bool:
    """Whether a run only looks, at files that other runs may have looked at."""
    changes = request.fix or request.diff or request.add_ignores
    if not request.cache or changes or request.client is not None or targets.templates:
        return False
    return sum(len(root.files) for root in targets.roots) >= REMEMBERED


def _remembered(
    request: Request, configuration: Config | None, here: Path
) -> tuple[FileCache, ReportCache]:
    """What earlier runs found with the same rules, and printed with the same options."""
    configured = (str(configuration.path), configuration.text) if configuration else ()
    chosen = (request.select, request.extend_select, request.ignore)
    rules = (str(here), *map(repr, (configured, chosen)))
    output = (request.style, request.statistics, request.strict, request.exit_zero, is_coloured())
    memory = FileCache(*rules)
    return memory, ReportCache(memory, *rules, repr((output, request.paths)))


# Telling


def is_coloured() -> bool:
    """Whether what goes to stdout may have colours."""
    color = click.get_current_context().color
    return sys.stdout.isatty() if color is None else color


def tell(request: Request, told: Printed) -> NoReturn:
    """Print what a run found, to stdout or where the options say, and leave.

    Raises:
        OSError: a file that cannot be written.
    """
    print_told(request, told)
    sys.exit(told.status)


def print_told(request: Request, told: Printed, *, err: bool = False) -> None:
    """Print what a run found; with `err` on stderr."""
    if (name := _file(request)) is not None:
        from subwright import files

        plain = click.unstyle(told.text)
        files.write(Path(name), (plain + "\n" if plain else "").encode())
    elif told.text:
        click.echo(told.text, err=err)
    if told.summary:
        say(request, told.summary)


def say(request: Request, text: str) -> None:
    """Print a sentence to stderr, unless findings alone are wanted."""
    if not request.quiet:
        click.echo(text, err=True)
