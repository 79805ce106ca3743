"""Headings and fences are those of markdown-it-py, found without it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from subwright import markdown, scanner
from subwright.diagnostic import Source, Span
from subwright.markdown import Fence, Heading

MANY = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARSER = MarkdownIt("commonmark").disable("inline")

# what Markdown is made of, and what is nearly that
FRAGMENTS = (
    *("- ", "* ", "+ ", "-", "*", "1. ", "2) ", "10. ", "1.", "0", "123456789. ", "1234567890. "),
    *("> ", ">", ">\t", "-\t", "> > ", "- - ", "> - ", "1. > "),
    *(" ", "  ", "   ", "    ", "\t", " \t", "\f", "\v", "\xa0", "\u2028", "\0", "\\"),
    *("\n", "\n", "\n", "\n", "\n\n", "\n  \n", "\n\t\n", "\r\n", "\r\n\r\n"),
    *("```", "````", "~~~", "~~~~", "```py", "```a`b", "`", "  ```", "   ~~~"),
    *("# ", "## ", "#", "#\t", "###### ", "####### ", "# a #", "    # a", "##", " #"),
    *("===", "=", "---", "--", "***", "* * *", "- - -", "___", "_"),
    *("<div>", "</div>", "<p", "<x>", "</x>", "<br/>", "<a b='c'>", "<!--", "-->", "<pre", "<pre>"),
    *("</pre>", "<?", "?>", "<!A", ">", "<![CDATA[", "]]>", "<SCRIPT>", "</\u017fcript>"),
    *("[a]: b", "[a]: b 'c'", "[a]:", "[a", "]: b", "'c'", '"d', 'd"', "(x)", "[a](b)", "[ ] a"),
    *("a", "b c", "text", "&amp;", "|---|"),
)
PREFIXES = (
    *(
        "",
        "",
        "",
        " ",
        "  ",
        "   ",
        "    ",
        "     ",
        "\t",
        "- ",
        "* ",
        "1. ",
        "2. ",
        "10) ",
        "> ",
        ">",
    ),
    *(">\t", "-\t", "> > ", "- - ", "> - ", "- > ", "  - ", "   > "),
)
LEAVES = (
    *(
        "",
        "",
        "a",
        "a b",
        "# h",
        "## h ##",
        "#",
        "```",
        "```py",
        "~~~",
        "````",
        "  ```",
        "    code",
    ),
    *(
        "---",
        "===",
        "=",
        "--",
        "-",
        "***",
        "<!--",
        "-->",
        "<div>",
        "</div>",
        "<x>",
        "<pre>",
        "</pre>",
    ),
    *("[a]: b", "[a]: b 'c'", "[a]", "'t'", "[x", "]: y", "1. x", "2. z", "- y", "> q", "<?", "?>"),
)
# what a container hides from 20 levels on, it hides for the rest of the text
DEEP = ("- ", ">", "> ", "1. ", "  ", "   ", "-\t", "\t", ">\t", "* ")

own = st.sampled_from(
    [
        path.read_text(encoding="utf-8").split("\n")
        for folder in ("agents", "templates")
        for path in sorted((ROOT / folder).rglob("*.md"))
    ]
)


def joined(pieces: tuple[str, ...], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=most).map("".join)


# few different pieces at a time, so that they meet
texts = st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=12).flatmap(
    lambda pieces: st.lists(st.sampled_from((*pieces, "\n")), min_size=4, max_size=30).map("".join)
)
lines = st.tuples(
    st.lists(st.sampled_from(PREFIXES), min_size=2, max_size=6),
    st.lists(st.sampled_from(LEAVES), min_size=3, max_size=10),
    st.sampled_from(["\n", "\n", "\r\n"]),
).flatmap(
    lambda drawn: st.lists(
        st.tuples(joined(tuple(drawn[0]), 2), st.sampled_from(drawn[1])).map("".join),
        min_size=4,
        max_size=25,
    ).map(drawn[2].join)
)
deep = st.lists(
    st.tuples(joined(DEEP, 24), st.sampled_from(LEAVES)).map("".join), min_size=1, max_size=8
).map("\n".join)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A part of one of our own files with some pieces and marks put in, and some lines taken out."""
    source = draw(own)
    start = draw(st.integers(0, len(source) - 1))
    text = source[start : start + draw(st.integers(1, 40))]
    place = st.integers(0, len(text))
    for at, column, piece in draw(
        st.lists(st.tuples(place, st.integers(0, 60), st.sampled_from(FRAGMENTS)), max_size=6)
    ):
        line = text[at] if at < len(text) else ""
        text[at : at + 1] = [line[:column] + piece + line[column:]]
    for at, size, mark in draw(
        st.lists(st.tuples(place, st.integers(1, 9), st.sampled_from(PREFIXES)), max_size=3)
    ):
        text[at : at + size] = [mark + line for line in text[at : at + size]]
    for at in draw(st.lists(place, max_size=3)):
        del text[at : at + 1]
    return "\n".join(text)


def parsed(text: str) -> list[Heading | Fence]:
    """What markdown-it-py finds, by the lines that it names."""
    # a carriage return alone ends a line there
    ends = [found.span() for found in re.finditer("\r\n|\r|\n", text)]

    def line_span(line: int) -> Span:
        start = ends[min(line - 2, len(ends) - 1)][1] if line > 1 and ends else 0
        return Span(start, ends[line - 1][0] if line <= len(ends) else len(text))

    tokens = PARSER.parse(text)
    found: list[Heading | Fence] = []
    for index, token in enumerate(tokens):
        if token.map is None:
            continue
        first, after = token.map
        span = line_span(first + 1)
        if token.type == "heading_open":
            found.append(Heading(int(token.tag[1]), tokens[index + 1].content, span))
        elif token.type == "fence":
            code = len(token.content.split("\n")) - token.content.endswith("\n")
            closed = after - first - 1 > (code if token.content else 0)
            # the last line of a text has no line after it
            alone = len(ends) == first
            start = len(text) if alone else line_span(first + 2).start
            end = line_span(after).start if closed else line_span(after).end
            content = Span(start, max(start, end))
            found.append(
                Fence(
                    token.info.strip(),
                    token.content,
                    span,
                    # lines of a file end with a line feed alone
                    text.count("\n", 0, span.start) + 2,
                    content,
                    token.markup,
                    closed,
                )
            )
    return found


def scanned(text: str) -> list[Heading | Fence]:
    return list(markdown.blocks(Source("a.md", text), Span(0, len(text))))


def check(text: str) -> None:
    try:
        expected = parsed(text)
    except IndexError:
        # it reads on behind some texts
        assume(False)
    assert scanned(text) == expected


@given(texts)
@settings(MANY)
def test_fragments(text: str) -> None:
    check(text)


@given(lines)
@settings(MANY)
def test_lines_in_containers(text: str) -> None:
    check(text)


@given(deep)
@settings(MANY, max_examples=400)
def test_deep_containers(text: str) -> None:
    check(text)


@given(edited())
@example("---\n# rendered by \r- \nsubwright")
@example("---\r~~~\rx\r~~~\r- # a\r\n b\r```")
@settings(MANY, max_examples=400)
def test_own_files_edited(text: str) -> None:
    check(text)


@pytest.mark.parametrize("folder", ["agents", "templates", "docs"])
def test_own_files(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.md"))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        scanner.scan(text)
        for form in (text, text.replace("\n", "\r\n"), text.replace("\n", "\n> "), text + "\t"):
            assert scanned(form) == parsed(form), path


def short(block: Heading | Fence) -> str:
    if isinstance(block, Heading):
        return f"h{block.level} {block.text}"
    return f"{block.marker}{block.info}|{block.code}|" + ("" if block.closed else "open")


CASES = {
    "levels": ("# a\n###### b\n####### c\n#d", ["h1 a", "h6 b"]),
    "closing marks": ("# a #\n## b ## \n# c#\n# #\n#\n# \\#", ["h1 a", "h2 b", "h1 c#", "h1 ", "h1 ", "h1 \\#"]),
    "indent of a heading": ("   # a\n\n    # b", ["h1 a"]),
    "a heading ends a paragraph": ("a\n# b", ["h1 b"]),
    "no heading, deep below a paragraph": ("a\n    # b", []),
    "setext": ("a\n=\n\nb\n-", ["h1 a", "h2 b"]),
    "setext below lines": ("a\n  b\nc \n===", ["h1 a\n  b\nc"]),
    "setext below a blank line": ("a\n\n===\n\n---", []),
    "setext below a list": ("- a\n---\n- b\n===", []),
    "setext in a list": ("- a\n  ===\n- b\n  ---", ["h1 a", "h2 b"]),
    "setext in a quote": ("> a\n> ---\n\n> b\n> ===", ["h2 a", "h1 b"]),
    "setext with an indent": ("a\n  ---\n\nb\n   ===\n\nc\n    ---", ["h2 a", "h1 b"]),
    "setext below a lazy line": ("> a\nb\n===\n\n> c\nd\n---", []),
    "setext below a definition": ("[a]: b\n===\n\n[a]: b 'c'\nd\n===", ["h1 d"]),
    "setext below a hidden definition": ("[a\nb]: c\n===\n\n[a]:\nb\n'c\nd'\n===", []),
    "setext below brackets": ("[a](b)\n===\n\n[ ] c\n===\n\n[d\ne] f\n---", ["h1 [a](b)", "h1 [ ] c", "h2 [d\ne] f"]),
    "setext below a fence": ("```\n```\n---\n~~~\n~~~\n===", ["```||", "~~~||"]),
    "a mark alone below a paragraph": ("a\n-\n- b\n-", ["h2 a"]),
    "fences": ("```a  b \nc\n```\n~~~ d`\ne\n~~~~", ["```a  b|c\n|", "~~~d`|e\n|"]),
    "no fence": ("``\n```a`\n# b", ["h1 b"]),
    "a longer fence": ("````\n```\n~~~\n``` a\n`````\n# b", ["````|```\n~~~\n``` a\n|", "h1 b"]),
    "a closing line with an indent": ("```\n    ```\n   ```  ", ["```|    ```\n|"]),
    "an indented fence": ("  ```\n   a\n b\n\tc\n  ```", ["```| a\nb\n  c\n|"]),
    "open": ("```\na\n\n# b\n", ["```|a\n\n# b\n|open"]),
    "open, without a line end": ("```a", ["```a||open"]),
    "open, blanks behind it": ("~~~\na\n  ", ["~~~|a\n|open"]),
    "what looks closed": ("```\na\n    ```", ["```|a\n    ```|open"]),
    "what looks closed in a quote": ("> ```\n> a\n> > ```", ["```|a\n> ```|open"]),
    "a fence in a list": ("1. a\n   ```b\n   c\n     d\n   ```\n   # e", ["```b|c\n  d\n|", "h1 e"]),
    "a fence on a line with a mark": ("- ```\n  a\n  ```\n- # b", ["```|a\n|", "h1 b"]),
    "a list ends its fence": ("- ```\n  a\nb\n# c", ["```|a\n|open", "h1 c"]),
    "a fence after code": ("1.  a\n\n        # b\n\n    # c\n\n   # d", ["h1 c", "h1 d"]),
    "a quote ends its fence": ("> ```\n> a\nb\n---", ["```|a\n|open", "h2 b"]),
    "a quote in a list": ("- > # a\n  > ~~~\n  > b\n\n  # c", ["h1 a", "~~~|b\n|open", "h1 c"]),
    "lazy lines": ("> - a\nb\n  # c\n> # d", ["h1 c", "h1 d"]),
    "many lazy lines": ("> a\nb\n" * 40 + "> # c\nd\n===", ["h1 c", "h1 d"]),
    "lazy lines below lazy lines": ("> a\nb\n> c\nd\n===\n\n" + "> a\nb\n" * 20 + "===", []),
    "nested lists": ("- a\n  - b\n\n    # c\n\n   # d\n      # e", ["h1 c", "h1 d"]),
    "an item that opens no list": ("a\n2. # b\n1. # c\n2. # d", ["h1 c", "h1 d"]),
    "an item with zeros": ("a\n01. # b\n\nc\n11. # d", ["h1 b"]),
    "what is no item": ("- a\n - b\n  - c\n   - d\n    - e\n<x>\n# f", ["h1 f"]),
    "what is no heading": ("> a\n    # b\n<x>\n# c", ["h1 c"]),
    "an empty item": ("-\n  # a\n\n-\n\n  # b", ["h1 a", "h1 b"]),
    "an empty item above a blank line": ("-\n\n    # a\n\n1.\n\n     # b\n   # c", ["h1 c"]),
    "tabs": ("-\t# a\n\n\t# b\n\n>\t# c\n>\t\t# d\n\n\t# e", ["h1 a", "h1 b", "h1 c"]),
    "tabs in code": ("-\t```\n\t\ta\n\t b\n\t```", ["```|\ta\n b\n|"]),
    "code": ("    # a\n    ```\n\n    # b\n# c", ["h1 c"]),
    "a comment": ("<!-- a\n\n# b\n--> # c\n# d", ["h1 d"]),
    "a comment on a line": ("<!-- a -->\n# b\n<!-->\n# c", ["h1 b", "h1 c"]),
    "an open comment": ("<!-- a\n\n```\n", []),
    "a comment in a list": ("- <!--\n\n  # a\n\n# b", ["h1 b"]),
    "a comment with an indent": ("  <!--\n# a\n  -->\n# b", ["h1 b"]),
    "script": ("<script>\n\n# a\n</STYLE>\n# b", ["h1 b"]),
    "pre": ("<pre\n\n# a\n</pre>\n# b\n<prefix\n# c", ["h1 b", "h1 c"]),
    "other HTML": ("<?\n\n# a ?>\n<!D\n\n# b>\n<![CDATA[\n\n# c ]]>\n# d", ["h1 d"]),
    "a block of HTML": ("<div>\n# a\n\n# b\n</div>\n# c\n\n# d", ["h1 b", "h1 d"]),
    "a block of HTML ends a paragraph": ("a\n<div>\n# b\n\n# c", ["h1 c"]),
    "any tag": ("<x>\n# a\n\n# b", ["h1 b"]),
    "any tag ends no paragraph": ("a\n<x>\n# b\n> c\n<x>\n# d", ["h1 b", "h1 d"]),
    "any tag with text": ("<x> y\n# a\n\n<x y='z'\n# b", ["h1 a", "h1 b"]),
    "any tag below a definition": ("[a]: b\n<x>\n# c", []),
    "CRLF": ("a\r\nb\r\n===\r\n```c\r\nd\r\n```\r\n# e\r\n", ["h1 a\nb", "```c|d\n|", "h1 e"]),
    "NUL": ("# \0\n```\n\0\n```", ["h1 \ufffd", "```|\ufffd\n|"]),
    "form feed": ("\f# a\n# b\f\n```\f\n```\v\n```", ["h1 b", "```|```\v\n|"]),
    "blanks that are none of Markdown's": ("\xa0# a\n\u2028# b\n# c\xa0\n#\xa0d", ["h1 c"]),
    "deep": ("> " * 19 + "# a\n" + "# b", ["h1 a", "h1 b"]),
    "too deep": ("> " * 20 + "# a\n" + "# b", ["h1 b"]),
    "too deep a list": ("- " * 10 + "# a\n\n# b", []),
    "too deep a list of many lines": ("".join(f"{'  ' * n}- a\n" for n in range(10)) + "# b", []),
    "nothing": ("", []),
    "blanks": (" \n\t", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_cases(text: str, expected: list[str]) -> None:
    assert [short(block) for block in scanned(text)] == expected
    assert scanned(text) == parsed(text)


def test_places_in_a_part_with_all_line_ends() -> None:
    text = "# no\r\n---\r\n# a\r```b\r\nc\r\n```\r\n# d\rx"
    start = text.index("# a")
    found = list(markdown.blocks(Source("a.md", text), Span(start, len(text))))
    assert [text[slice(*block.span)] for block in found] == ["# a", "```b", "# d"]
    fence = found[1]
    assert isinstance(fence, Fence)
    assert text[slice(*fence.content)] == "c\r\n"
    assert fence.line == 4


@pytest.mark.parametrize(
    "text",
    ["[a\nb]: c\n===", "[a]: b\n'c\nd'\n===", "[a]: &amp;\n===", "[a\\]b]: c\n===", "[ ]: b\n==="],
)
def test_a_full_parser_reads_what_is_unsure(text: str) -> None:
    with pytest.raises(scanner.UnsureError):
        scanner.scan(text)
    assert scanned(text) == parsed(text)


@pytest.mark.parametrize("text", ["# a\n\n>- <!--\n>", "[a\nb]: c\n===\n\n# a\n\n>- <!--\n>"])
def test_what_markdown_it_does_not_read(text: str) -> None:
    with pytest.raises(IndexError):
        PARSER.parse(text)
    assert [short(block) for block in scanned(text)] == ["h1 a"]


def test_files_are_read_without_a_full_parser() -> None:
    script = (
        "import sys\nfrom subwright.markdown import blocks\n"
        "from subwright.diagnostic import Source, Span\n"
        "text = sys.stdin.read()\n"
        "print(len(list(blocks(Source('a.md', text), Span(0, len(text))))) > 5, 'markdown_it' in sys.modules)"
    )
    text = (ROOT / "agents/postgresql-17/sqlalchemy-specialist.md").read_text(encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", script],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert result.stdout.split() == ["True", "False"]


# what may make a scanner look at a text again and again
HOSTILE = (
    *(
        "> # a\n",
        "> # a\nb\n",
        "> ```\nb\n",
        "> a\nb\n",
        "> - a\nb\n",
        ">> a\nb\n\n",
        "> 2. # a\nb\n",
    ),
    *(">" * 30 + "\n", "> - > - > - # a\n", ">" * 18 + " a\nb\n", "- > a\nb\n", "- > # a\n  b\n"),
    *("- # a\n", "- ```\n", "-\n", "-\n\n", "-\n  # a\n", "- a\n\n  # b\n\n", "- " * 9 + "# a\n"),
    *("- <!--\n", "> <!--\n", "- [a\\\n", "- [a\n  ===\n", "1. a\n   <x>\n", "- <pre>\n  # a\n"),
    *(
        "```a`\n",
        "   ```\na\n   ```\n",
        " ~~~\n",
        "a\n---\n",
        "a\n===b\n ---x\n",
        "=\n",
        "a\n<x>\n",
    ),
    *(
        "a\n   # b\n",
        "    # a\n",
        "\n\n a\n\n  # b\n",
        "<x>\n",
        "  <x\n",
        "\t- a\n",
        " \n",
        "# a\r\n",
    ),
    *(
        "[a]: b\n",
        "- [a]: b\n  # a\n",
        "a\n- \n---\n",
        "---\n",
        "--\n",
        "* * * a\n",
        "- - -\n  # a\n",
    ),
)


def calls(text: str) -> int:
    """The calls of functions, Python's own among them, that a scan makes."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        scanner.scan(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", HOSTILE)
def test_work_grows_with_the_text(unit: str) -> None:
    # a section of its own, as large as the text
    for text in (unit, unit + "a\n  # b\n"):
        scanner.scan(text)  # what is compiled at its first use counts for none
        assert calls(text * 800) < 2.3 * calls(text * 400) + 100


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "markers": (">" * 100_000 + " # a", 0),
        "items": ("- # a\n" * 100_000, 100_000),
        "a line": ("a" * 2**20 + "\n# a", 1),
        "a line of marks": ("- " * 2**19 + "a\n\n# a", 0),
        "a line of one mark": ("#" * 2**20 + "\n# a", 1),
        "a line of fences": ("# a\n" + "`" * 2**20 + "a`", 1),
        "a tag": ("<a" + " a='" * 2**18 + "\n# a", 1),
        "blanks": (" " * 2**20 + "\n # a", 1),
        "blank lines": ("\n" * 2**20 + "  # a", 1),
        "fences": ("```\n" * 2**18, 2**17),
        "fences of all lengths": ("".join("`" * n + "\n" for n in range(1400, 3, -1)), 1),
        "fences in items": ("- ```\n" * 100_000, 100_000),
        "labels in items": ("- [a\n" * 100_000 + "  # a", 1),
    }.values(),
)
def test_large_texts(text: str, expected: int) -> None:
    # what takes the square of its length takes hours here
    assert len(scanner.scan(text)) == expected
