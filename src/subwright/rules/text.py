"""Rules about the characters of an agent."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator

from subwright.agent import Agent
from subwright.diagnostic import Edit, Fix, Severity, Span
from subwright.mojibake import ENCODINGS
from subwright.patterns import lazy
from subwright.rules import Finding, rule, shorten

_ALLOWED = lazy(r"subwright:\s*allow[^\n]*")


@rule(Severity.WARNING, fixable=True, source=True, needs=("characters",))
def mojibake(agent: Agent) -> Iterator[Finding]:
    """Characters are UTF-8 that was read in another encoding.

    An editor or a script took the file for Mac Roman, Windows-1252 or Latin-1 and saved what it saw. The model gets the
    wrong characters, several for each right one, and writes them into your files. The fix puts back what the bytes are
    in UTF-8. A text that speaks of mojibake by that name is let be.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    ‚úÖ Good: a na√Øve test ‚Äî and a caf√© to rest in.
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    ---
    ✅ Good: a naïve test — and a café to rest in.
    ```

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    It doesnâ€™t matter.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    ✅ Good: 2√π is about 3.54 — “très bien”, «voilà», „MÄ“.
    ```
    """
    # an agent that is about mojibake may show some; a comment that allows it is not about it
    if agent.mojibake and "mojibake" in _ALLOWED.sub("", agent.text).lower():
        return
    for run in agent.mojibake:
        what = _quoted(agent.text[slice(*run.span)], "this")
        message = f"{what} is UTF-8 that was read as {ENCODINGS[run.encoding]}"
        fix = Fix("put the right characters back", (Edit(run.span, run.text),))
        yield Finding(run.span, message, f"it was {_quoted(run.text, _named(run.text[0]))}", fix)


def _quoted(text: str, otherwise: str) -> str:
    """A text for a message, unless it has what cannot be seen."""
    return f"`{shorten(text)}`" if text.isprintable() and not text.isspace() else otherwise


@rule(Severity.WARNING, source=True, needs=("characters",))
def lost_character(agent: Agent) -> Iterator[Finding]:
    """A character was lost: U+FFFD stands in its place.

    That character is what a program writes for bytes that it cannot read. What stood there is gone, here and in what
    the model is told.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    ---
    Each test takes less than 10 \N{REPLACEMENT CHARACTER}s.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Each test takes less than 10 µs.
    ```
    """
    if agent.invalid is None and "\ufffd" in agent.characters:
        for found in re.finditer("\ufffd+", agent.text):
            yield Finding(
                Span(*found.span()),
                "a character was lost here",
                "write again what U+FFFD stands for",
            )


# None of these can be seen; some are needed in emoji and in scripts.
_INVISIBLE = lazy(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028\u2029\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a]+"
)
_MEANINGLESS = frozenset("\u200b\u2060\ufeff")
_JOINERS = frozenset("\u200c\u200d")
_MARKS = frozenset("\u200e\u200f")
_SELECTOR = lazy("[\ufe00-\ufe0f]")
_SELECTORS = lazy("[\ufe00-\ufe0f]{2}")
_SELECTS = lazy(r"[0-9#*]|[^\x00-\x7f\s]")


@rule(Severity.WARNING, fixable=True, source=True, needs=("characters",))
def invisible_character(agent: Agent) -> Iterator[Finding]:
    """A character cannot be seen.

    A zero width space or a soft hyphen comes along when text is copied from a web page or a chat. A name or a command
    with one in it is another name or command, which nobody sees: a tool is dropped, a path does not exist. What makes
    up an emoji, and the joiners of scripts that need them, are as they should be. The fix takes away those that mean
    nothing, where their neighbours would not become something else.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    Run the test\\xe2\\x80\\x8bs.
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    ---
    Run the tests.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Run the tests. ✔️ 👩‍💻 می‌خواهم
    ```
    """
    text = agent.text
    if not agent.characters or not _INVISIBLE.search(agent.characters):
        return
    for found in _INVISIBLE.finditer(text, 1 if text[0] == "\ufeff" else 0):
        span = Span(*found.span())
        if _belongs(agent, span) or _is_mojibake(agent, span):
            continue
        fix = None
        if set(found[0]) <= _MEANINGLESS and _is_safe_to_remove(agent, span):
            fix = Fix("take it away", (Edit(span, ""),))
        advice = None if fix else "take it away, or write it as an escape"
        yield Finding(span, f"{_named(found[0][0])} cannot be seen", advice, fix)


def _named(character: str) -> str:
    return f"the {unicodedata.name(character, 'character').lower()} U+{ord(character):04X}"


def _belongs(agent: Agent, span: Span) -> bool:
    """Whether invisible characters are part of an emoji, or of a script that needs them, or are hidden text."""
    text = agent.text
    start, end = span
    before = text[start - 1 : start]
    if _SELECTORS.search(text, start, end):
        return True  # a text that they hide is more than a character that cannot be seen
    selected = _SELECTOR.sub("", text[start:end])
    if len(selected) < end - start and not _SELECTS.match(before):
        return False
    if not selected:
        return True
    if selected in _JOINERS:
        return not before.isascii() and not text[end : end + 1].isascii()
    return selected in _MARKS and _RIGHT_TO_LEFT.search(agent.characters) is not None


_RIGHT_TO_LEFT = lazy("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_PLAIN = lazy(r"[^\W_]|[ \t\r\n.,;!?'\"“”’]")


def _is_safe_to_remove(agent: Agent, span: Span) -> bool:
    """Whether what stands on both sides stays what it is: no mark of Markdown or YAML comes to be."""
    text = agent.text
    start, end = span
    sides = (text[start - 1 : start], text[end : end + 1])
    if not all(_PLAIN.fullmatch(side) for side in sides if side):
        return False
    if start >= agent.spec.body.start:
        # at the start of a line a text could become a block of another kind
        return sides[0] not in ("", "\n") or sides[1].isalpha()
    values = (field.value for field in agent.spec.fields)
    return all(map(str.isalnum, sides)) and any(
        value.start < start and end < value.end for value in values
    )


_BIDIRECTIONAL = lazy("[\u202a-\u202e\u2066-\u2069]")


@rule(Severity.WARNING, source=True, needs=("characters",))
def bidirectional_control(agent: Agent) -> Iterator[Finding]:
    """A character changes the direction of the text after it.

    Such characters make a line look different from what it says, which is how a "Trojan source" hides a command from
    its reviewer. The model reads what it says. An agent needs none of them: text in a right-to-left script finds its
    direction without.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    Never run \\xe2\\x80\\xaerm -rf /\\xe2\\x80\\xac unless told to.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Never run rm -rf / unless told to. שלום
    ```
    """
    if agent.characters and _BIDIRECTIONAL.search(agent.characters):
        for found in _BIDIRECTIONAL.finditer(agent.text):
            message = f"{_named(found[0])} makes the text look different from what it says"
            yield Finding(Span(*found.span()), message, "take it away")


def _is_mojibake(agent: Agent, span: Span) -> bool:
    """Whether characters are a part of what is reported as mojibake."""
    runs = agent.mojibake
    at = bisect_right(runs, span.start, key=lambda run: run.span.start) - 1
    return at >= 0 and span.start < runs[at].span.end


_CONTROL = lazy("(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n))+")


@rule(Severity.WARNING, source=True, needs=("characters",))
def control_character(agent: Agent) -> Iterator[Finding]:
    """The text has a control character.

    It is what is left of a terminal's colours, of a key that was pressed in the wrong place, or of a program that lost
    a backslash. It cannot be seen, other readers of YAML refuse the file for it, and printed in a terminal it may do
    anything. A carriage return without a line feed is one too: Claude Code does not take it for the end of a line.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    A failing test is \\x1b[31mred\\x1b[0m.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    A failing test is red.
    ```
    """
    if not agent.characters or min(agent.characters) > "\x9f":
        return
    # a file of another encoding, or one whose lines end otherwise, is wrong as a whole
    whole = agent.invalid is not None or "\0" in agent.text[:4] or "\n" not in agent.text
    if whole or not _CONTROL.search(agent.characters):
        return
    for found in _CONTROL.finditer(agent.text):
        span = Span(*found.span())
        if _is_mojibake(agent, span):
            continue
        yield Finding(span, f"the control character U+{ord(found[0][0]):04X}", "take it away")


# Names in braces; in prose they are what a template has left, unless the agent is about such templates.
_BRACES = r"(?<![\\$\w{]){{ ?-? ?(?:cookiecutter\.)?[A-Za-z_]\w* ?-? ?}}(?!})"
_STATEMENT = r"-? (?:if|elif|else|endif|for|endfor|set|include|raw|endraw)\b[^\n]{0,80}?"
_PLACEHOLDER = lazy(
    rf"<<(?:[A-Z][A-Z0-9_]*|[a-z_]\w*(?:\.[a-z_]\w*)+)>>|{_BRACES}|<%{_STATEMENT}%>|{{%{_STATEMENT}%}}"
    r"|<%= ?\w[\w.]* ?%>|\[INSERT [A-Z][A-Z0-9 _'-]*\](?!\()"
)
_OPENINGS = (b"<<", b"<%", b"{{", b"{%")
_INSERT = re.compile(r"\[(?=INSERT )")
_ABOUT_TEMPLATES = lazy(
    r"jinja|handlebars|mustache|vue|angular|liquid|nunjucks|twig|helm|ansible|n8n|django|blade|svelte|hugo|\bejs\b|\berb\b"
    r"|\bdbt\b|rails|cookiecutter|placeholder|templat",
    re.IGNORECASE,
)
_FIELDS = ("name", "description", "tools", "model", "color")


@rule(Severity.WARNING)
def unrendered_placeholder(agent: Agent) -> Iterator[Finding]:
    """A placeholder of a template was not filled in.

    The file was made from a template, and a part of it was forgotten: the model reads `{{DATABASE}}` where it should
    read the name of one. Code, quotations and lines that are indented like code may show placeholders, and so may an
    agent that is about templates, unless the name is in upper case.

    ```fail
    ---
    name: reviewer
    description: Reviews {{LANGUAGE}} code
    ---
    You review <<LANGUAGE>> code.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews Python code
    ---
    You review Python code; `{{LANGUAGE}}` in it is for the template engine to fill in.
    ```
    """
    text = agent.text
    if not any(opening in agent.marks for opening in _OPENINGS) and not _INSERT.search(text):
        return
    values = [f.value for f in agent.spec.fields if f.name in _FIELDS]
    fences = [(f.span.start, max(f.span.end, f.content.end)) for f in agent.spec.fences]
    lines: dict[int, list[Span]] = {}
    for found in _PLACEHOLDER.finditer(text):
        start, end = span = Span(*found.span())
        if start < agent.spec.body.start:
            shown = not any(value.start <= start < value.end for value in values)
        else:
            at = bisect_right(fences, (start, len(text))) - 1
            line = agent.source.position(start).line
            if line not in lines:
                lines[line] = list(_code_and_quotations(agent, line))
            shown = (
                (at >= 0 and start < fences[at][1])
                or any(part.start < start and end <= part.end for part in lines[line])
                or _is_of_a_template_language(found[0], text)
            )
        if not shown:
            message = f"the placeholder `{shorten(found[0])}` was not filled in"
            yield Finding(span, message, "write what it stands for")


def _is_of_a_template_language(placeholder: str, text: str) -> bool:
    plain = placeholder.isupper() or placeholder.startswith("<<") or "cookiecutter." in placeholder
    return not plain and _ABOUT_TEMPLATES.search(text) is not None


_SHOWN = lazy(r"(?<!`)(`+)(?!`)[^\n]+?(?<!`)\1(?!`)|“[^”\n]*”|\"[^\"\n]*\"|<!--[^\n]*?-->")
_LONGEST_LINE = 5000


def _code_and_quotations(agent: Agent, line: int) -> Iterator[Span]:
    """The parts of a line of the body that are shown as code or in quotation marks."""
    start, end = agent.source.line_span(line)
    words = agent.text[start : min(end, start + _LONGEST_LINE)]
    if words.startswith(("    ", "\t")):
        yield Span(start - 1, end)
    else:
        for found in _SHOWN.finditer(words):
            yield Span(start + found.start(), start + found.end())


_BLANKS = (" ", "\t")
_LINE_END_AFTER = re.compile(r"\n(?<=[ \t\r]\n)")  # blanks, or what else may end a line


@rule(Severity.INFO, fixable=True, source=True)
def trailing_blank(agent: Agent) -> Iterator[Finding]:
    """A line ends with blanks.

    They are noise in a diff. Two at the end of a line of a paragraph are a line break in Markdown and stay; so do those
    in code, and in a block of the frontmatter that keeps its lines.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.\\x20
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    ```

    ```pass escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.\\x20\\x20
    Then the tests.
    ```
    """
    text, spec = agent.text, agent.spec
    found = list(_trailing(text))
    if not found:
        return
    kept = [Span(f.span.start, f.content.end) for f in spec.fences]
    kept = [f.value for f in spec.fields if "\n" in text[slice(*f.value)]] + kept
    starts = [span.start for span in kept]
    for start, end in found:
        around = bisect_right(starts, start) - 1
        if around >= 0 and start < kept[around].end:
            continue
        is_break = end - start > 1 and start and text[start - 1] != "\n" and _goes_on(text, end)
        if not is_break and text[start - 1 : start] != "\\":
            # what the client's second try reads may hang on a blank
            fragile = agent.reading.strict and start < spec.body.start
            edits = (Edit(Span(start, end), ""),)
            fix = None if fragile else Fix("take them away", edits)
            yield Finding(Span(start, end), "blanks at the end of the line", None, fix)


def _trailing(text: str) -> Iterator[Span]:
    """The blanks at the ends of lines."""
    for found in _LINE_END_AFTER.finditer(f"{text}\n" if text[-1:] in _BLANKS else text):
        end = found.start()
        if text[end - 1] == "\r":
            end -= 1
        start = text.rfind("\n", 0, end) + 1
        start += len(text[start:end].rstrip(" \t"))
        if start < end:
            yield Span(start, end)


def _goes_on(text: str, end: int) -> bool:
    """Whether a line with words follows the one that ends here."""
    newline = text.find("\n", end)
    return newline >= 0 and bool(_WORDS_FIRST.match(text, newline + 1))


_WORDS_FIRST = lazy(r"[ \t>]*[^\s>]")
_LINE_END = lazy(r"\r?\n")


@rule(Severity.INFO, fixable=True, source=True, needs=("characters",))
def mixed_line_ends(agent: Agent) -> Iterator[Finding]:
    """Some lines end with a carriage return and a line feed, others with a line feed alone.

    Claude Code reads both. Editors and `git diff` show such a file in surprising ways, and a patch may not apply. The
    fix gives all lines the end that most of them have.

    ```fail escaped
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.\\x0d
    Then the tests.
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    Then the tests.
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    ---
    Review the code.
    Then the tests.
    ```
    """
    text = agent.text
    both = text.count("\r\n") if "\r" in text else 0
    alone = text.count("\n") - both if both else 0
    if not both or not alone:
        return
    usual = "\r\n" if both > alone else "\n"
    others = [Span(*m.span()) for m in _LINE_END.finditer(text) if m[0] != usual]
    edits = tuple(Edit(span, usual) for span in others)
    # what the client's second try reads may hang on a line end
    fix = None if agent.reading.strict else Fix("end all lines alike", edits)
    words = ("LF", "CRLF") if usual == "\r\n" else ("CRLF", "LF")
    message = (
        f"{len(others):,} of {both + alone:,} lines end with {words[0]}, the others with {words[1]}"
    )
    yield Finding(Span(others[0].start, others[0].start), message, None, fix)
