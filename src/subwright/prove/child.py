"""Runs statements of an agent in a process of its own, in the scratch project.

It is started with the project as its working directory and asked over stdin, a JSON line for each block; each answer is
a JSON line on the descriptor that the first argument names. What the code prints is not mixed up with the answers.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEPT = 1_000_000  # characters of what a block prints


class Printed(io.StringIO):
    """What a block prints; what comes after the first million characters is not kept."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, KEPT - self.tell())])
        return len(text)


class Counter:
    """Counts the SQL statements that reach the driver, of every engine."""

    def __init__(self) -> None:
        self.total = 0

    def listen(self) -> None:
        from sqlalchemy import Engine, event

        @event.listens_for(Engine, "before_cursor_execute")
        def count(*_: Any) -> None:
            self.total += 1


def frames(error: BaseException) -> list[tuple[str, int]]:
    """The files and lines that an error came through, the innermost last."""
    found = [(f.filename, f.lineno or 0) for f in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        found.append((error.filename, error.lineno or 0))
    return found


def names(error: BaseException) -> list[str]:
    """The class names by which an error counts as raised: its own, its bases', and those of what it wraps."""
    found = [cls.__name__ for cls in type(error).__mro__]
    wrapped = getattr(error, "orig", None)
    if isinstance(wrapped, BaseException):
        found += [cls.__name__ for cls in type(wrapped).__mro__]
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found += names(inner)
    return found


async def run(code: Any, scope: dict[str, Any]) -> None:
    """Run compiled code, awaiting it where it has an `await` outside of a function."""
    result = eval(code, scope)
    if asyncio.iscoroutine(result):
        await result


def compiled(source: str, name: str) -> Any:
    return compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


async def one(request: dict[str, Any], counter: Counter) -> dict[str, Any]:
    """Run one block: the frame's code first, then the block's, of which alone the statements are counted."""
    scope: dict[str, Any] = {"__name__": "__block__"}
    printed = Printed()
    before = counter.total
    error: BaseException | None = None
    stage = "preamble"
    try:
        with contextlib.redirect_stdout(printed):
            await run(compiled(request["preamble"], "<preamble>"), scope)
            printed.truncate(0)
            printed.seek(0)
            before = counter.total
            stage = "block"
            await run(compiled("\n" * (request["line"] - 1) + request["code"], "<block>"), scope)
    except (Exception, SystemExit, asyncio.CancelledError) as caught:
        error = caught
    statements = counter.total - before
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            await run(compiled(request["cleanup"], "<cleanup>"), scope)
    except Exception as caught:  # whatever the frame's own code raises is to be told
        if error is None:
            error, stage = caught, "cleanup"
    answer: dict[str, Any] = {
        "statements": statements,
        "printed": printed.getvalue(),
        "stage": stage,
    }
    if error is not None:
        answer["error"] = {
            "names": names(error),
            "message": f"{type(error).__name__}: {error}".split("\n")[0],
            "frames": frames(error),
        }
    return answer


async def main(answer: Callable[[dict[str, Any]], None]) -> None:
    counter = Counter()
    counter.listen()
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        answer(await one(json.loads(line), counter))


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    sys.path.insert(0, str(Path.cwd()))

    def write(result: dict[str, Any]) -> None:
        os.write(descriptor, json.dumps(result).encode() + b"\n")

    asyncio.run(main(write))
