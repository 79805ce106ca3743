"""Headings and fenced code of Markdown, found by regular expressions in one pass.

It answers as markdown-it-py's CommonMark preset does, quirks included: `tests/test_markdown.py` holds it to that.
Only few lines can begin a heading, a fence or a block of HTML, and one search finds them. A line that does so without
an indent is decided at once, since nothing but a fence or HTML can be open across it. All else that may be one stands
in a container or below a paragraph: there a section of the text is read block by block, as markdown-it-py reads it.
"""

from __future__ import annotations

import re

from subwright.patterns import lazy
from subwright.scanner import syntax
from subwright.scanner.section import Section, UnsureError
from subwright.scanner.syntax import FenceAt, HeadingAt

__all__ = ["FenceAt", "HeadingAt", "UnsureError", "scan"]

# Lines that may matter. A look at the first character drops most. Markers of containers are made of few characters:
# what stands behind a run of these may be in a container. Possessive, so that no line is read twice.
_CANDIDATE = re.compile(
    rf"""\n(?=[\#`~<=\- \t>*+0-9])(?:
          \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | <[A-Za-z/!?] | (?:-++|=++)[ \t]*+{syntax.END}
        | [ \t]++ (?: \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | =++[ \t]*+{syntax.END} | <[A-Za-z/!?] )
        | [ \t]*+ [>*+\-0-9] [ \t>*+\-0-9.)]*+
          (?: \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | =++[ \t]*+{syntax.END} | {syntax.END} )
        # may be too deep, which hides all that comes after it
        | [ >*+\-0-9.)]{{17}}
        | (?=[ >*+\-0-9.)]*+\t) [ \t>*+\-0-9.)]{{5}}
    )""",
    re.VERBOSE,
)
_MARKERS = lazy(r"[ \t>*+\-0-9.)]*+")


def scan(text: str) -> list[HeadingAt | FenceAt]:
    """The headings and fenced code blocks of a text, in order.

    Line ends are `\\n`.

    Raises:
        UnsureError: the answer hangs on a link reference definition that is not of the plain kind.
    """
    last = text.rfind("\n") + 1
    # every line has a line end before it; a last line of blanks is none
    text = "\n" + (text if text[last:].strip(" \t") else text[:last])
    size = len(text)
    blocks: list[HeadingAt | FenceAt] = []
    # The line after `fresh` is in no block that began before it. Between `fresh` and `at` are no headings and fences,
    # and no HTML at the top level.
    fresh = at = 0
    search = _CANDIDATE.search
    while found := search(text, at):
        before = found.start()
        start = before + 1
        end = syntax.line_end(text, start, size)
        mark = text[start]
        if mark == "#":
            blocks.append(syntax.heading(text, start, start, end))
            fresh = at = end
            continue
        if mark in "`~":
            opened = syntax.FENCE.match(text, start)
            if opened is None:
                at = end
            else:
                fence, fresh = syntax.fence(text, start, opened, end, size)
                blocks.append(fence)
                at = fresh
            continue
        below = before > fresh and text[before - 1] != "\n"
        if mark == "<":
            kind = syntax.html_kind(text, start, end)
            if kind is None:
                at = end
                continue
            if kind != syntax.ANY_TAG or not below:
                fresh = at = syntax.html_end(text, start, kind, size)
                continue
        elif syntax.UNDERLINE.match(text, start):
            if not below:
                at = end
                if syntax.RULE.match(text, start):
                    fresh = end
                continue
        elif not _matters(text, start, found.end(), end):
            at = end
            continue
        section = Section(text, _section_start(text, fresh, before), end, size, blocks)
        section.read()
        fresh = at = section.end
    return blocks


def _matters(text: str, start: int, stop: int, end: int) -> bool:
    """Whether a line with an indent or markers, which a search read up to `stop`, has more than these in common."""
    found = _MARKERS.match(text, start)
    assert found is not None
    prefix, at = found[0], found.end()
    if len(prefix) + 3 * prefix.count("\t") >= 17:
        return True
    if at == end:
        return prefix.rstrip(" \t").endswith("-")
    if text[at] == "<":
        # in a container it hides nothing beyond the container
        return len(prefix.expandtabs(4)) < 4 and syntax.html_kind(text, at, end) is not None
    return stop > at


def _section_start(text: str, fresh: int, before: int) -> int:
    """The last line end up to `before` that no block is open across, as far as can be told at a glance."""
    found = text.rfind("\n\n", fresh, before + 1)
    while found >= 0 and text[found + 2] in " \t\n":
        found = text.rfind("\n\n", fresh, found + 1)
    return fresh if found < 0 else found + 1
