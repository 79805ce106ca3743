"""Rules about the Markdown of an agent's prompt: fences, tags, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from subwright import markdown
from subwright.agent import Agent
from subwright.diagnostic import Edit, Fix, Related, Severity, Source, Span
from subwright.errors import did_you_mean
from subwright.markdown import Fence, Heading
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten

_MARKDOWN = ("markdown", "md", "mdx")
_INK = re.compile(r"\S")


@rule(Severity.WARNING)
def empty_body(agent: Agent) -> Iterator[Finding]:
    """There is nothing below the frontmatter.

    The body is the agent's prompt. Without one the agent starts, with all of its tools, and knows of its task only what
    it is sent.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the diff that you are given. List what is wrong, with file and line.
    ```
    """
    if agent.reading.problem is None and not _INK.search(agent.text, *agent.spec.body):
        field = agent.field("name") or agent.field("description")
        yield Finding(field.key if field else Span(0, 0), "the agent has no prompt")


@rule(Severity.WARNING, fixable=True, source=True, needs=("fences",))
def nested_fence(agent: Agent) -> Iterator[Finding]:
    """A code block opens inside of another that is fenced with as few marks.

    Markdown does not nest them: the first line of bare marks closes the outer block, and what follows is read the
    other way round, code as text and text as code, often down to the end of the file. The fix fences the outer block
    with one mark more, where it is Markdown and it is certain where it ends. One finding is reported for a file, since
    it says nothing of what comes after it.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~markdown
    # Report

    ~~~python
    x = 1
    ~~~

    Lines that need work
    ~~~
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~~markdown
    # Report

    ~~~python
    x = 1
    ~~~

    Lines that need work
    ~~~~
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~~markdown
    ~~~python
    x = 1
    ~~~
    ~~~~
    ```
    """
    found = _first_nested(agent)
    if found is None:
        return
    fence, inner = found
    fix = _longer_fence(agent, fence)
    marks = fence.marker[0] * (len(fence.marker) + 1)
    advice = f"fence the outer block with `{marks}`, or close it before this line"
    related = (Related(agent.source, fence.span, "the outer block opens here"),)
    yield Finding(
        inner, "this fence opens no block: it stands inside of another", advice, fix, related
    )


@rule(Severity.WARNING, source=True, needs=("fences",))
def unclosed_fence(agent: Agent) -> Iterator[Finding]:
    """A code block is never closed.

    All that follows, to the end of the file or of the list item that the block stands in, is part of the code.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~sh
    git diff

    Then list what is wrong.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ~~~sh
    git diff
    ~~~

    Then list what is wrong.
    ```
    """
    unclosed = [fence for fence in agent.spec.fences if not fence.closed]
    nested = _first_nested(agent) if unclosed else None
    for fence in unclosed:
        if nested and fence.span.start >= nested[0].span.start:
            return  # a consequence of that
        advice = f"close it with a line `{fence.marker}`"
        where = agent.source.stripped(fence.span)
        yield Finding(where, "this code block is not closed", advice)


class _Line(NamedTuple):
    """A line that might open or close a code block: its marks, and whether words follow them."""

    marks: Span
    opens: bool


def _fence_lines(text: str, span: Span, marker: str, indent: int) -> Iterator[_Line]:
    """The lines that might close or open a block as one does that is fenced by `marker`."""
    mark = re.escape(marker[0])
    pattern = rf"^[ \t]{{0,{indent + 3}}}({mark}{{{len(marker)},}})[ \t]*([^\n`]*?)[ \t]*\r?$"
    for found in re.compile(pattern, re.M).finditer(text, *span):
        yield _Line(Span(*found.span(1)), bool(found[2]))


def _indent(agent: Agent, fence: Fence) -> int:
    line = agent.text[slice(*fence.span)]
    return len(line) - len(line.lstrip())


def _first_nested(agent: Agent) -> tuple[Fence, Span] | None:
    """The first block with a line inside that was meant to open another, and the marks of that."""
    for fence in agent.spec.fences:
        if agent.text.find(fence.marker, *fence.content) < 0:
            continue
        for line in _fence_lines(agent.text, fence.content, fence.marker, _indent(agent, fence)):
            if line.opens:
                return fence, line.marks
    return None


def _longer_fence(agent: Agent, fence: Fence) -> Fix | None:
    """A fix that fences a block of Markdown with more marks, where it is certain what belongs to it."""
    if fence.info.partition(" ")[0].lower() not in _MARKDOWN:
        return None
    rest = Span(fence.content.start, agent.spec.body.end)
    depth, longest = 1, len(fence.marker)
    for line in _fence_lines(agent.text, rest, fence.marker, _indent(agent, fence)):
        depth += 1 if line.opens else -1
        if depth == 0:
            break
        longest = max(longest, line.marks.end - line.marks.start)
    else:
        return None
    marker = fence.marker[0] * (longest + 1)
    start = agent.text.index(fence.marker, fence.span.start)
    opening = Span(start, start + len(fence.marker))
    edits = (Edit(opening, marker), Edit(line.marks, marker))
    # and what comes after it may not be the worse for it
    text = agent.text
    for edit in reversed(edits):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    body = Span(agent.spec.body.start, agent.spec.body.end + len(text) - len(agent.text))
    found = markdown.blocks(Source(agent.source.path, text), body)
    fences = [block for block in found if isinstance(block, Fence)]
    unclosed = sum(not f.closed for f in fences)
    whole = any(f.closed and f.marker == marker for f in fences if f.span.start == fence.span.start)
    if whole and unclosed <= sum(not f.closed for f in agent.spec.fences):
        return Fix(f"fence the outer block with `{marker}`", edits)
    return None


_TAG = lazy(r"<(/?)([A-Za-z][A-Za-z0-9_.-]{0,60})(?:\s[^<>\n]{0,200})?(/?)>")
# Without one of these no tag lacks its other half; the second, which is quicker told, is found wherever the first is.
_DETAILS = re.compile("<(?=(?i:details))")
_HALF = lazy(r"<[/dD]")
# Of HTML: never closed, not always closed, or closed in the middle of a line.
_UNPAIRED = lazy(
    r"area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr"
    r"|p|li|dt|dd|tr|td|th|thead|tbody|tfoot|option"
    r"|a|abbr|b|cite|code|del|em|i|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|u|var",
    re.IGNORECASE,
)


@rule(Severity.WARNING, source=True)
def unbalanced_tag(agent: Agent) -> Iterator[Finding]:
    """A tag is opened and not closed, or closed and not opened.

    Prompts mark their parts with tags such as `<example>`, and `<details>` hides what follows it: without its other
    half a tag encloses the rest of the text, or nothing. A name in angle brackets that is closed nowhere is a
    placeholder, and let be.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    <example>
    user: Look at this
    </example>
    <example>
    user: And at this
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    <example>
    user: Look at <file>
    </example>
    ```
    """
    text, spec = agent.text, agent.spec
    if not (b"</" in agent.marks or _DETAILS.search(text)) or not markdown.stands_in_text(
        _HALF, text, spec.body, spec.fences
    ):
        return
    tags = list(_lone_tags(spec.prose))
    closed = {tag.name for tag in tags if tag.closes} | {"details"}
    tags = [tag for tag in tags if tag.name in closed]
    stack: list[_Tag] = []
    for tag in tags:
        if not tag.closes:
            stack.append(tag)
        elif not any(other.name == tag.name for other in stack[-50:]):
            yield Finding(tag.span, f"`</{tag.name}>` closes nothing")
        else:
            while (other := stack.pop()).name != tag.name:
                yield Finding(other.span, f"`<{other.name}>` is not closed")
    for tag in stack:
        yield Finding(tag.span, f"`<{tag.name}>` is not closed")


class _Tag(NamedTuple):
    name: str
    closes: bool
    span: Span


def _lone_tags(prose: str) -> Iterator[_Tag]:
    """The tags that have no partner on their line and stand at one of its ends, as the marks of a part do."""
    line_end, line = -1, list[_Tag]()
    for found in _TAG.finditer(prose):
        name = found[2].lower() if found[2].lower() in ("details", "summary") else found[2]
        if found[3] or _UNPAIRED.fullmatch(name):
            continue
        if found.start() > line_end:
            yield from line
            line, line_end = [], prose.find("\n", found.start()) % (len(prose) + 1)
        tag = _Tag(name, bool(found[1]), Span(*found.span()))
        if tag.closes and any(not other.closes and other.name == name for other in line[-50:]):
            while line.pop().name != name:
                pass
        elif _at_line_start(prose, tag) or (
            tag.closes and not prose[tag.span.end : line_end].strip()
        ):
            line.append(tag)
        elif not tag.closes:
            line.append(tag._replace(name=f"{name} "))  # in a sentence: it can only be closed there
    yield from line


def _at_line_start(prose: str, tag: _Tag) -> bool:
    before = prose[max(tag.span.start - 40, 0) : tag.span.start].rpartition("\n")[2]
    return not before.strip(" \t>-*+0123456789.)")


_FILE = lazy(r"(?:\.{1,2}/)*[\w@%+.-]+(?:/[\w@%+.-]+)*\.\w{1,8}|(?:\.{1,2}/)*(?:[\w@%+.-]+/)+")
_STAND_IN = lazy(r"path/to|\.\.\.|example|your[-_]|placeholder|(?:^|/)x{2,}|^file\.", re.I)
_MOST_FOLDERS = 12


@rule(Severity.WARNING, needs=("links",))
def broken_link(agent: Agent) -> Iterator[Finding]:
    """A link leads to a file that is not there.

    An agent follows links with its `Read` tool. They are looked for beside the file and in every folder above it, up to
    that of the repository. Links with a scheme, absolute ones, and such that plainly stand for another are let be.

    ```fail path=reviewer.md
    ---
    name: reviewer
    description: Reviews code
    ---
    Follow the [style guide](nowhere/style.md).
    ```

    ```pass path=reviewer.md
    ---
    name: reviewer
    description: Reviews code
    ---
    Follow the [style guide](https://peps.python.org/pep-0008/).
    ```
    """
    if agent.place.path is None:
        return
    folders = None
    for target, span in agent.links:
        path = unquote(target.partition("#")[0].partition("?")[0])
        if not path or not _FILE.fullmatch(path) or _STAND_IN.search(path):
            continue
        folders = folders or list(_folders(agent, Path(agent.place.path)))
        if not any(agent.exists(folder / path) for folder in folders):
            yield Finding(span, f"there is no file `{shorten(path)}`")


@rule(Severity.WARNING, needs=("links",))
def broken_anchor(agent: Agent) -> Iterator[Finding]:
    """A link leads to a heading that is not there.

    Links within the file name a heading as GitHub does: in lower case, with hyphens for blanks, without punctuation.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    See [what to look for](#checklist).

    ## Check list
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    See [what to look for](#check-list).

    ## Check list
    ```
    """
    anchors = None
    for target, span in agent.links:
        if not target.startswith("#") or not re.fullmatch(r"#[\w.-]+", unquote(target)):
            continue
        anchors = anchors or _anchors(agent)
        name = unquote(target[1:]).lower()
        if name not in anchors:
            yield Finding(
                span, f"there is no heading `{shorten(target)}`", did_you_mean(name, anchors, 0.7)
            )


def _folders(agent: Agent, path: Path) -> Iterator[Path]:
    """The folder of a file and those above it, up to that of the repository."""
    for _, folder in zip(range(_MOST_FOLDERS), path.absolute().parents, strict=False):
        yield folder
        if agent.exists(folder / ".git"):
            return


def _anchors(agent: Agent) -> frozenset[str]:
    """What a link can name in the file, by GitHub's rule for headings."""
    anchors: set[str] = set()
    for heading in agent.spec.headings:
        words = re.sub(r"!?\[([^\]]{0,300})\]\([^)]{0,300}\)|<[^>]{0,100}>", r"\1", heading.text)
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in anchors:
            number += 1
        anchors.add(name)
    named = re.finditer(r"<a\s+(?:id|name)=[\"']([^\"'>\n]{1,100})", agent.text)
    return frozenset(anchors | {found[1].lower() for found in named})


@rule(Severity.INFO, source=True)
def skipped_level(agent: Agent) -> Iterator[Finding]:
    """A heading is more than one level below the one before it.

    The parts of a text are told by the levels of their headings; a level left out looks like a part left out.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    # Reviewer

    ### Style

    Names are short.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    # Reviewer

    ## Style

    Names are short.
    ```
    """
    headings = agent.spec.headings
    for before, heading in pairwise(headings):
        if heading.level > before.level + 1:
            message = f"a heading of level {heading.level} follows one of level {before.level}"
            yield Finding(agent.source.stripped(heading.span), message)


@rule(Severity.INFO)
def duplicate_section(agent: Agent) -> Iterator[Finding]:
    """Two sections beside each other have the same heading.

    One of them is often what a copy has left, and what refers to the section by its name may mean either.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ## Style

    Names are short.

    ## Style

    Lines are short.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ## Python

    ### Style

    Names are short.

    ## SQL

    ### Style

    Keywords are in capitals.
    ```
    """
    if len({heading.text.strip().lower() for heading in agent.spec.headings}) == len(
        agent.spec.headings
    ):
        return
    seen: dict[tuple[str, ...], Heading] = {}
    for heading, above in _outline(agent.spec.headings):
        path = (*above, heading.text.strip().lower())
        first = seen.setdefault(path, heading)
        if first is not heading and path[-1]:
            related = (Related(agent.source, first.span, "the first one"),)
            message = f"there is a section `{shorten(heading.text)}` already"
            yield Finding(agent.source.stripped(heading.span), message, related=related)


@rule(Severity.INFO, source=True)
def empty_section(agent: Agent) -> Iterator[Finding]:
    """A section has a heading and nothing else.

    What was to be said there is not said.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ## Style

    ## Tests

    Each branch has one.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    # Reviewer

    ## Tests

    Each branch has one.
    ```
    """
    headings = agent.spec.headings
    for heading, following in zip(headings, [*headings, None][1:], strict=True):
        if following and following.level > heading.level:
            continue
        end = following.span.start if following else agent.spec.body.end
        if not _WORDS.search(agent.text, heading.span.end, end):
            message = f"the section `{shorten(heading.text)}` is empty"
            yield Finding(agent.source.stripped(heading.span), message)


_WORDS = re.compile(r"[^ \t\r\n=-]")


def _outline(headings: Iterable[Heading]) -> Iterator[tuple[Heading, tuple[str, ...]]]:
    """Each heading with the texts of those that it stands under."""
    above: list[Heading] = []
    for heading in headings:
        while above and above[-1].level >= heading.level:
            above.pop()
        yield heading, tuple(h.text.strip().lower() for h in above)
        above.append(heading)
