"""What a block prints, held against what its agent says that it prints."""

from __future__ import annotations

from typing import NamedTuple

REST = "..."  # on a line of its own: any lines, or none
SHOWN = 100  # characters of a printed line in a message


class Difference(NamedTuple):
    """The line of the expected text, counted from 0, that was not printed so, and what was."""

    line: int
    message: str


def compare(expected: str, printed: str) -> Difference | None:
    """The first difference; blanks at the ends of lines and empty lines at the end count for nothing."""
    wanted, got = _lines(expected), _lines(printed)
    parts: list[tuple[int, list[str]]] = [(0, [])]
    for number, line in enumerate(wanted):
        if line.strip() == REST:
            parts.append((number + 1, []))
        else:
            parts[-1][1].append(line)
    (_, head), *middle = parts
    for index, line in enumerate(head):
        if index >= len(got):
            return Difference(index, "the block before it prints no more than the lines above")
        if line != got[index]:
            return _other(index, got[index])
    if not middle:
        if len(got) > len(head):
            last = max(len(head) - 1, 0)
            return Difference(last, f"the block before it prints more: {_quoted(got[len(head)])}")
        return None
    *middle, (start, tail) = middle
    at = len(head)
    for first, part in middle:
        found = _find(part, got, at)
        if found is None:
            return Difference(first, "the block before it does not print this and what follows")
        at = found + len(part)
    end = got[at:][-len(tail) :] if tail else []
    if len(end) < len(tail):
        return Difference(start, "the block before it does not print this and what follows")
    for index, (line, other) in enumerate(zip(tail, end, strict=True)):
        if line != other:
            return _other(start + index, other)
    return None


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _find(part: list[str], lines: list[str], start: int) -> int | None:
    """Where the lines of a part stand one after the other."""
    last = len(lines) - len(part)
    return next((at for at in range(start, last + 1) if lines[at : at + len(part)] == part), None)


def _other(line: int, printed: str) -> Difference:
    return Difference(line, f"the block before it prints {_quoted(printed)} here")


def _quoted(line: str) -> str:
    if not line:
        return "an empty line"
    return f"`{line if len(line) <= SHOWN else line[:SHOWN] + '…'}`"
