"""From characters to tokens, as Bun sees them."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from subwright.bun_yaml.nodes import Node, ScalarNode, UnreadableError, plain_tag
from subwright.patterns import lazy

MOST_TOKENS = 50_000  # not Bun's: no agent has as many, and hostile input must not take minutes

_SPACES = re.compile(" *")
_BLANKS = re.compile(r"[ \t]*")
_BREAKS = re.compile(r"\n+|\r\n?")
_LINE = re.compile(r"[^\r\n]*")
_WORDS = r"(?:[{0}]++(?: [{0}]++)*+|:(?![{1}]|\Z)|(?<![ \t\r\n])#|[ \t]++(?=[{0}]|:(?![{1}]|\Z)))*+"
_PLAIN = re.compile(_WORDS.format(r"^ \t\r\n:#", r" \t\r\n"))
_PLAIN_IN_FLOW = lazy(_WORDS.format(r"^ \t\r\n:#,\[\]{}", r" \t\r\n,\[\]{}"))
_SINGLE_QUOTED = lazy(r"((?:[^'\r\n \t]++|''|[ \t]++(?=[^ \t\r\n]))*+)[ \t]*")
_DOUBLE_QUOTED = lazy(r'((?:[^"\\\r\n \t]++|\\[^\r\n]|[ \t]++(?=[^ \t\r\n]))*+)[ \t]*')
_ESCAPE = lazy(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?:x(?=[0-9a-fA-F]{2})|u(?=[0-9a-fA-F]{4})|U(?=[0-9a-fA-F]{8}))"
    r"((?<=x)..|(?<=u)....|(?<=U)........)|(.))",
    re.DOTALL,
)
_ESCAPES = dict(
    zip('0abtnvfre \t"/\\N_LP', '\0\a\b\t\n\v\f\r\x1b \t"/\\\x85\xa0\u2028\u2029', strict=True)
)
_HEADER = lazy(r"(?:[1-9+-]|[ \t]+(?:#[^\r\n]*)?)*")
_NAME = lazy(r"[&*]([^\0- \x7f,\[\]{}]+)")
_TAG_LETTER = r"(?:[\w#;/?:@&=+$.~*'()-]|%[0-9a-fA-F]{2})"
_TAG = lazy(
    rf"!(?:<(?:!|{_TAG_LETTER})(?:{_TAG_LETTER}|[,!\[\]])*>|!({_TAG_LETTER}+)(?=[ \t\r\n,\[\]{{}}]|\Z)"
    rf"|([0-9A-Za-z-]{_TAG_LETTER}*+)(?!!)|(?=[ \t\r\n]|\Z))",
    re.ASCII,
)


class Context(IntEnum):
    BLOCK_OUT = 0
    BLOCK_IN = 1
    FLOW_IN = 2
    FLOW_KEY = 3


class Token(NamedTuple):
    """What stands at a place: a mark such as `-`, a name, or a scalar; `indent` is that of its line."""

    kind: str
    start: int
    indent: int
    line: int
    tag: str = ""
    name: str = ""
    scalar: ScalarNode | None = None


class Scanner:
    """A text and the place that is reached in it; `token` is the one that comes next."""

    def __init__(self, text: str) -> None:
        nul = text.find("\0")
        if nul >= 0:
            raise UnreadableError("the character U+0000 is not allowed", nul)
        self.text = text
        self.size = len(text)
        self.pos = self.line_start = int(text.startswith("\ufeff"))
        self.line = 1
        self.indent = 0
        self.tab = False  # a tab stands between the indentation and the next token
        self.context = Context.BLOCK_OUT
        self.flow = False  # inside of brackets
        self.blocks: list[int] = []
        self.tokens = 0
        self.token = Token("end", 0, 0, 1)

    # Nodes

    def plain_node(self, text: str, start: int, end: int, tag: str) -> ScalarNode:
        found = "str" if tag in ("!", "str", "other") else plain_tag(text)
        fits = tag in (("", "int", "float") if found == "float" else ("", found))
        return ScalarNode(found if fits else "str", text, start, end)

    def empty(self, at: int, tag: str = "") -> Node:
        return ScalarNode("str" if tag in ("!", "str") else "null", "", at, at)

    # Characters

    def newline(self) -> int:
        """Go over a line end, or as many line feeds as stand here, and say how many that were."""
        length = self.skip(_BREAKS)
        lines = length if self.text[self.pos - length] == "\n" else 1
        self.line_start = self.pos
        self.line += lines
        self.indent = 0
        self.tab = False
        return lines

    def skip(self, pattern: re.Pattern[str]) -> int:
        """Go over what matches, and say how much that was."""
        found = pattern.match(self.text, self.pos)
        assert found
        self.pos = found.end()
        return found.end() - found.start()

    @property
    def at_end(self) -> bool:
        return self.pos >= self.size

    @property
    def at_break(self) -> bool:
        return self.text[self.pos : self.pos + 1] in ("\n", "\r")

    def blank_at(self, offset: int) -> bool:
        """Whether a blank, a line end or the end stands some characters further on."""
        return self.text[self.pos + offset : self.pos + offset + 1] in ("", " ", "\t", "\n", "\r")

    def at_document_end(self) -> bool:
        at_start = self.pos == self.line_start
        return at_start and self.text.startswith("...", self.pos) and self.blank_at(3)

    # Tokens

    def scan(self, parent: int | None = None, tag: str = "", first: bool = False) -> None:
        """Read the next token.

        Args:
            parent: after a mark such as `-`, where the indentation of what follows it counts from.
            tag: of a scalar, if it is one.
            first: it is the first of the text.
        """
        self._scan(parent, tag, first, outside=False)

    def _scan(self, parent: int | None, tag: str, first: bool, outside: bool) -> None:
        self.tokens += 1
        if self.tokens > MOST_TOKENS:
            raise UnreadableError(f"it holds more than {MOST_TOKENS:,} words and marks", self.pos)
        text, before = self.text, self.token.line
        counting = leading = first or parent is not None
        if leading:
            self.tab = False
        while True:
            char = text[self.pos] if self.pos < self.size else ""
            if char == " ":
                spaces = self.skip(_SPACES)
                if counting:
                    self.indent = spaces + (parent or 0)
                counting = False
            elif char == "\t":
                if counting and parent is None and self.context is Context.BLOCK_IN:
                    raise self.tabbed()
                if leading:
                    self.tab = True
                    parent = None
                counting = False
                self.pos += 1
            elif char == "\n" or char == "\r":
                self.newline()
                counting = leading = True
                parent = None
            elif char == "#":
                if self.pos != self.line_start and text[self.pos - 1] not in " \t\n\r":
                    raise UnreadableError("a comment without a blank before it", self.pos)
                self.skip(_LINE)
            else:
                break
        self.token = self.read_token(char, tag)
        if (
            self.flow
            and self.blocks
            and not outside
            and self.token.line != before
            and self.token.indent <= self.blocks[-1]
            and self.token.kind not in ("]", "}")
        ):
            raise UnreadableError("the line must be indented deeper", self.token.start)

    def tabbed(self) -> UnreadableError:
        return UnreadableError("a tab where only blanks indent", self.pos)

    def mark(self, kind: str, length: int = 1) -> Token:
        token = Token(kind, self.pos, self.indent, self.line)
        self.pos += length
        return token

    def read_token(self, char: str, tag: str) -> Token:
        flow = self.flow
        following = self.text[self.pos + 1 : self.pos + 2]
        if char == "":
            return self.mark("end", 0)
        if char in "-?:":
            blank = following in ("", " ", "\t", "\n", "\r")
            if char == "-" and flow and (blank or following in ",[]{}"):
                raise UnreadableError("a `-` inside of brackets", self.pos)
            if blank or (flow and following in ",[]{}"):
                return self.mark(char)
            if char == ":" and self.context is Context.FLOW_KEY:
                return self.mark(char)
        elif char in "[]{}" or (char == "," and flow):
            return self.mark(char)
        elif char in "&*":
            return self.read_name(char)
        elif char == "!":
            return self.read_tag()
        elif char in "|>":
            if flow:
                raise UnreadableError(f"a `{char}` inside of brackets", self.pos)
            return self.read_block(char)
        elif char in "'\"":
            return self.read_quoted(char)
        elif char in "%@`":
            raise UnreadableError(f"a value that begins with `{char}`", self.pos)
        elif char == "." and self.at_document_end():
            return self.mark("...", 3)
        return self.read_plain(tag)

    def read_name(self, char: str) -> Token:
        found = _NAME.match(self.text, self.pos)
        what = "an anchor" if char == "&" else "an alias"
        if not found:
            raise UnreadableError(f"{what} without a name", self.pos)
        token = self.mark(char, len(found[0]))
        if not self.blank_at(0) and not (self.flow and self.text[self.pos] in ",[]{}"):
            raise UnreadableError(f"{what} with a character that no name has", self.pos)
        return token._replace(name=found[1])

    def read_tag(self) -> Token:
        found = _TAG.match(self.text, self.pos)
        if not found:
            raise UnreadableError("a tag that is none", self.pos)
        token = self.mark("!", len(found[0]))
        if found[1] and not self.flow and not self.blank_at(0):
            raise UnreadableError("a tag that is none", self.pos)
        name = found[1] or found[2]
        if found[0] == "!":
            return token._replace(tag="!")
        known = name in ("bool", "int", "float", "null", "str")
        return token._replace(tag=name if known else "other")

    def read_plain(self, tag: str) -> Token:
        text, pattern = self.text, _PLAIN_IN_FLOW if self.flow else _PLAIN
        start = end = self.pos
        indent, line = self.indent, self.line
        parts: list[str] = []
        while True:
            found = pattern.match(text, self.pos)
            assert found
            if not found[0]:
                break
            parts.append(found[0])
            self.pos = end = found.end()
            self.skip(_BLANKS)
            if not self.at_break:
                break
            breaks = self.fold()
            if (self.blocks and self.indent <= self.blocks[-1]) or self.at_document_end():
                break
            parts.append("\n" * breaks or " ")
        whole = "".join(parts[: (len(parts) - 1) | 1])
        return Token("scalar", start, indent, line, scalar=self.plain_node(whole, start, end, tag))

    def fold(self) -> int:
        """Go over a line end, the empty lines after it and the indentation, and say how many lines are empty."""
        empty = self.newline() - 1
        while True:
            spaces = self.skip(_SPACES)
            if spaces:
                self.indent = spaces
            if self.skip(_BLANKS):
                self.tab = True
            if not self.at_break:
                return empty
            empty += self.newline()

    def read_quoted(self, quote: str) -> Token:
        text, pattern = self.text, _SINGLE_QUOTED if quote == "'" else _DOUBLE_QUOTED
        start = self.pos
        token = Token("scalar", start, self.indent, self.line)
        parts: list[str] = []
        self.pos += 1
        while True:
            found = pattern.match(text, self.pos)
            assert found
            line = found[1]
            self.pos = found.end()
            if self.at_end:
                raise UnreadableError(f"a `{quote}` that is not closed", start)
            closed = text[self.pos] == quote
            if closed:
                line += text[found.end(1) : found.end()]
            parts.append(
                self.unescape(line, found.start()) if quote == '"' else line.replace("''", "'")
            )
            if closed:
                break
            escaped = text[self.pos] == "\\"
            if escaped:
                parts.append(text[found.end(1) : found.end()])
                self.pos += 1
                if self.at_end:
                    raise UnreadableError(f"a `{quote}` that is not closed", start)
            # a carriage return before the line feed counts as a line of its own
            breaks = int(text.startswith("\r\n", self.pos)) + self.fold()
            if self.blocks and self.indent <= self.blocks[-1]:
                raise UnreadableError("the line must be indented deeper", self.pos)
            if self.at_document_end():
                raise UnreadableError("`...` inside of quotes", self.pos)
            parts.append("\n" * breaks or ("" if escaped else " "))
        self.pos += 1
        node = ScalarNode("str", "".join(parts), start, self.pos, quote)
        return token._replace(scalar=node)

    def unescape(self, line: str, at: int) -> str:
        def letter(found: re.Match[str]) -> str:
            high, low, code, mark = found.groups()
            if high:
                return (
                    (chr(int(high, 16)) + chr(int(low, 16)))
                    .encode("utf-16", "surrogatepass")
                    .decode("utf-16")
                )
            if code:
                number = int(code, 16)
                if number < 0x110000 and not 0xD800 <= number < 0xE000:
                    return chr(number)
            elif mark in _ESCAPES:
                return _ESCAPES[mark]
            raise UnreadableError(f"`{found[0][:10]}` in double quotes", at + found.start())

        return _ESCAPE.sub(letter, line) if "\\" in line else line

    def read_block(self, mark: str) -> Token:
        token = self.mark("scalar")
        header_start = self.pos
        self.skip(_HEADER)
        header = self.text[header_start : self.pos].partition("#")[0]
        chomp = [char for char in header if char in "+-"]
        digits = [char for char in header if char.isdigit()]
        if len(chomp) > 1 or len(digits) > 1 or not (self.at_end or self.at_break):
            raise UnreadableError(f"text on the line of `{mark}`", self.pos)
        explicit = (self.blocks[-1] if self.blocks else 0) + int(digits[0]) if digits else None
        end = header_start + len(header.rstrip())
        lines = 0  # line ends that nothing was written for yet
        if not self.at_end:
            lines = self.newline() - 1
            self.no_tab()
        deepest = 0
        trailing = False
        while True:
            spaces = self.spaces(explicit)
            if spaces:
                self.indent = spaces
                trailing = explicit is None or spaces >= explicit
                deepest = max(deepest, spaces)
            if not self.at_break:
                break
            lines += self.newline()
            self.no_tab()
            trailing = False
        if self.at_end:
            lines += trailing
        content = self.indent if explicit is None else explicit
        least = max(content, self.blocks[-1] + 1) if self.blocks else content
        parts: list[str] = []
        deep_before = False
        deep = self.blank_now()
        while not self.at_end:
            if not self.at_break:
                if self.at_document_end() or self.indent < least:
                    break
                if not parts and explicit is None and content < deepest:
                    raise UnreadableError(
                        "an empty line that is indented deeper than the text", self.pos
                    )
                if mark == ">" and parts and not deep_before and not deep:
                    parts.append("\n" * (lines - 1) or " ")
                else:
                    parts.append("\n" * lines)
                deep_before = deep
                lines = 0
                begin = self.pos
                self.skip(_LINE)
                parts.append(self.text[begin : self.pos])
                end = self.pos
                if self.at_end:
                    break
            ends = self.newline()
            while self.at_break:
                ends += self.newline()
            if ends > 1:
                self.no_tab()
            lines += ends
            spaces = self.spaces(content)
            if spaces:
                self.indent = spaces
            deep = self.blank_now()
        lines = max(lines, int(bool(parts)))
        if chomp == ["+"]:
            parts.append("\n" * lines)
        elif not chomp and parts:
            parts.append("\n")
        node = ScalarNode("str", "".join(parts), token.start, end, mark)
        return token._replace(scalar=node)

    def spaces(self, most: int | None) -> int:
        """Go over the spaces here, as many as may be, and say how many."""
        found = _SPACES.match(self.text, self.pos, self.size if most is None else self.pos + most)
        assert found
        self.pos = found.end()
        return found.end() - found.start()

    def no_tab(self) -> None:
        if self.text.startswith("\t", self.pos):
            raise self.tabbed()

    def blank_now(self) -> bool:
        """Whether a blank stands here, beyond the indentation."""
        char = self.text[self.pos : self.pos + 1]
        if char == "\t":
            self.tab = True
        return char in (" ", "\t")
