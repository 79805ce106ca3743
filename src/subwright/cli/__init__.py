"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, TextIO

import click

from subwright import __version__
from subwright.cli.common import CONFIGURATION, color_option, peek, report
from subwright.errors import SubwrightError

# the module of each command
MODULES = {
    "render": "render",
    "install": "install",
    "status": "install",
    "uninstall": "install",
    "lint": "lint",
    "explain": "explain",
    "list": "listing",
    "prove": "prove",
    "servers": "servers",
}


class Commands(MutableMapping[str, click.Command]):
    """The commands by their names, each imported when it is asked for: a run is of one."""

    def __init__(self) -> None:
        self._imported: dict[str, click.Command] = {}
        self._names = dict.fromkeys(MODULES)

    def __getitem__(self, name: str) -> click.Command:
        if name in MODULES and name not in self._imported:
            module = import_module(f"{__name__}.{MODULES[name]}")
            self._imported[name] = getattr(module, f"{name}_command")
        return self._imported[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._names[name] = None
        self._imported[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("no command is taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Main(click.Group):
    """The group of all commands; errors that a user can cause become messages here, in one place."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if sys.stdout is None:
            # Python has none where the descriptor is closed, and click then prints to nowhere
            sys.stdout = _closed()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # of help and completion, which are printed before a command runs
            _report_system_error(error)
            sys.exit(2)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except KeyboardInterrupt:  # of which click says that it is an error
            sys.exit(130)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SubwrightError as error:
            report(error)
            ctx.exit(error.exit_status)
        except BrokenPipeError:
            raise
        except OSError as error:
            _report_system_error(error)
            ctx.exit(2)
        except KeyboardInterrupt:
            ctx.exit(130)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            try:
                self._configure(ctx, command, rest)
            except (SubwrightError, OSError):
                # help and completion are not held up by what is wrong with the project
                if not ctx.resilient_parsing and not peek(command, ctx, rest).get("help"):
                    raise
        return name, command, rest

    def _configure(self, ctx: click.Context, command: click.Command, args: list[str]) -> None:
        from subwright.config import nearest

        config = ctx.meta[CONFIGURATION] = nearest()
        if config is not None:
            # it checks the tables of all commands, so it imports them
            from subwright.cli.configuring import configure

            configure(config, ctx, self.commands, command, args)


@click.group(
    cls=Main,
    commands=Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@color_option
def main() -> None:
    """Claude Code subagents that are right for one stack.

    Defaults of all options can stand in `[tool.subwright]` of pyproject.toml.
    """


def _closed() -> TextIO:
    """A stream in place of the one that the caller closed: nothing can be written to it."""
    import errno
    import io
    import os

    class Closed(io.TextIOBase):
        def write(self, text: str) -> int:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    return Closed()  # type: ignore[return-value]


def _report_system_error(error: OSError) -> None:
    """Print what the system says, with the name of what it says it of."""
    import contextlib
    import errno
    import os
    import traceback

    message = error.strerror or str(error)
    if error.filename:
        remedies = {
            errno.EACCES: "look at its owner and mode, and at those of its folder",
            errno.EISDIR: "a file is needed there: take the folder away, or name another place",
            errno.ENAMETOOLONG: "name a shorter path",
            errno.ENOENT: "it was there a moment ago, or its folder is not: run it again",
            errno.ENOSPC: "make room on that disk",
            errno.EROFS: "write to another place: nothing can be changed there",
        }
        advice = remedies.get(error.errno or 0)
        report(SubwrightError(f"{message} `{error.filename}`", help=advice))
        return
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_code is click.echo.__code__ for frame, _ in frames):
        message = f"cannot write to stdout: {message}"
        # else Python tries again at its end, and says so
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    report(SubwrightError(message))
