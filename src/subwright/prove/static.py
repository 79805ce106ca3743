"""What can be said of a code block without running it: it parses, and its names are defined."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from subwright import languages
from subwright.languages import SHELL, Problem, parse_python
from subwright.prove.blocks import Block


def check(block: Block, preamble: str = "") -> Iterator[Problem]:
    """What is wrong with a block by itself; Python files are checked whole, by `check_python`."""
    if block.role == "output":
        return
    if block.python and block.role != "file":
        yield from check_python(block.code, preamble)
    elif not block.python:
        yield from _shallow(_by_language(block))


def _by_language(block: Block) -> Iterator[Problem]:
    found = _shell(block.code) if block.language in SHELL else None
    found = found or languages.problem(block.language, block.code)
    if found:
        yield found


def _shallow(problems: Iterator[Problem]) -> Iterator[Problem]:
    """The problems that a parser finds, or the one that it cannot go as deep as the code does."""
    try:
        yield from problems
    except (RecursionError, MemoryError):
        yield Problem(0, "nested too deeply to be read")


class _Synchronous(ast.NodeTransformer):
    """Takes `await` away outside of functions: pyflakes looks no further where it meets one."""

    def visit_Await(self, node: ast.Await) -> ast.AST:  # the name is ast's
        return self.generic_visit(node).value  # type: ignore[attr-defined,no-any-return]

    def _keep(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _keep  # noqa: N815


def check_python(code: str, preamble: str = "") -> Iterator[Problem]:
    """Syntax errors and undefined names, at lines of `code`."""
    yield from _shallow(_python(code, preamble))


def _python(code: str, preamble: str) -> Iterator[Problem]:
    from pyflakes import messages
    from pyflakes.checker import Checker

    before = preamble.count("\n") + 1 if preamble else 0
    source = f"{preamble}\n{code}" if preamble else code
    try:
        tree = _Synchronous().visit(parse_python(source))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        yield Problem(max(line - 1 - before, 0), f"not Python: {getattr(error, 'msg', error)}")
        return
    kinds = (messages.UndefinedName, messages.UndefinedLocal, messages.UndefinedExport)
    for found in sorted(Checker(tree).messages, key=lambda message: (message.lineno, message.col)):
        if isinstance(found, kinds) and found.lineno > before:
            message = str(found.message % found.message_args).replace("'", "`")
            yield Problem(found.lineno - 1 - before, message)


def _shell(code: str) -> Problem | None:
    bash = shutil.which("bash")
    if bash is None:
        return None
    # -n reads and runs nothing; prompts and placeholders are no part of the command
    text = re.sub(r"(?m)^\$ ", "", code)
    text = re.sub(r"<[A-Za-z][\w .-]*>", "placeholder", text)
    try:
        done = subprocess.run(
            [bash, "-n"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            env={"LC_ALL": "C"},
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        return Problem(0, "bash does not read it within 10 seconds")
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip()
    found = re.search(r"line (\d+): (.*)", said)
    last = max(code.count("\n") - 1, 0)
    line = min(int(found[1]) - 1, last) if found else 0
    return Problem(line, f"not shell: {found[2] if found else said}")


def whole_file(blocks: Sequence[Block]) -> tuple[str, list[int]]:
    """The blocks of one file put together, and for each line of it the line of the agent.

    `from __future__` imports of later blocks would be wrong there, so they are left out.
    """
    lines: list[str] = []
    origins: list[int] = []
    for index, block in enumerate(blocks):
        if index and lines and lines[-1].strip():
            lines.extend(("", ""))
            origins.extend((block.line, block.line))
        for offset, line in enumerate(block.code.splitlines()):
            if not (index and line.startswith("from __future__ import")):
                lines.append(line)
                origins.append(block.line + offset)
    return "\n".join(lines) + "\n", origins
