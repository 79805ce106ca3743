"""An agent file under the eyes of the rules: what the client reads in it, and where it stands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright import claude_code, mojibake, reading
from subwright.bun_yaml import MappingNode, SequenceNode
from subwright.diagnostic import Source, Span
from subwright.mojibake import Run
from subwright.spec import Field

if TYPE_CHECKING:
    from subwright.contract import Contract

MOST_ENTRIES = 500  # what has more is no list of tools
_COMMON = bytes((0x0A, *range(0x20, 0x7F)))
_WORDS = bytes(byte for byte in _COMMON if chr(byte).isalnum() or byte in b" \n")


class Place(NamedTuple):
    """What is known of where an agent file stands, and what its project allows.

    Attributes:
        plugin: the file is one of a plugin's agents, which the client reads by other rules.
        path: where it stands, for links; None for a text from stdin without a name.
        servers: the MCP servers that the project or plugin configures; None where nothing is known of them.
        keys: keys of the frontmatter that the configuration allows beside the client's own.
        template: the text is a template's source, where placeholders are meant.
        contract: what the configuration holds it to.
    """

    plugin: bool = False
    path: str | None = None
    servers: frozenset[str] | None = None
    keys: frozenset[str] = frozenset()
    template: bool = False
    contract: Contract | None = None


class Entry(NamedTuple):
    """One entry of `tools` or `disallowedTools`.

    Attributes:
        text: what the client takes for one tool.
        span: where that stands.
        bare: without a specifier: `Bash` for `Bash(git:*)`.
        item: the YAML value that it is written in, of its own or with others.
        exact: the text stands at `span` as it is, so that an edit of it means what it says.
    """

    text: str
    span: Span
    bare: str
    item: Span
    exact: bool


class Agent:
    """A file that Claude Code may load as an agent.

    Args:
        raw: the bytes of the file.

    Attributes:
        source: the file.
        text: the whole of its text, as it stands there.
        size: of the file, in bytes.
        place: where it stands.
        invalid: the offset of the first byte that is not UTF-8.
        looked: the paths that `exists` was asked for, and whether they were there.
        marks: the text without ASCII letters, digits, blanks and line feeds, in UTF-8. Marks that stand side by side in
            the text do so here, among few bytes: what is not found here need not be looked for in the text. Others may
            come to stand side by side.
        characters: the characters of the text, each once, that are neither printable ASCII nor a line feed.
        reading: what the client makes of the file.
        spec: the fields and the body; no fields where the client reads none.
        tools: the first entries of `tools`; None where the field is missing.
        disallowed: the first entries of `disallowedTools`.
    """

    def __init__(
        self,
        source: Source,
        raw: bytes,
        place: Place | None = None,
        invalid: int | None = None,
    ) -> None:
        self.source = source
        self.text = source.text
        self.size = len(raw)
        self.place = place or Place()
        self.invalid = invalid
        self.looked: dict[str, bool] = {}
        self.marks = (raw if invalid is None else self.text.encode()).translate(None, _WORDS)
        odd = self.marks.translate(None, _COMMON)
        self.characters = "".join(sorted(set(odd.decode()))) if odd else ""
        self.reading = reading.read(source, self.size)
        self.spec = self.reading.spec
        self.tools = self._entries("tools")
        self.disallowed = self._entries("disallowedTools") or ()

    @classmethod
    def of(cls, path: str, raw: bytes, place: Place | None = None) -> Agent:
        """The agent of a file's bytes; `path` is the name that messages give it."""
        text, invalid = reading.decode(raw)
        return cls(Source(path, text), raw, place or Place(path=path), invalid)

    def exists(self, path: Path) -> bool:
        """Whether a path is there; what is found in the file hangs on it."""
        found = self.looked[str(path)] = os.path.exists(path)  # noqa: PTH110  # never raises
        return found

    @cached_property
    def mojibake(self) -> list[Run]:
        """The parts of the text that were UTF-8 and were read in another encoding."""
        return mojibake.runs(self.text, self.characters)

    @property
    def links(self) -> tuple[tuple[str, Span], ...]:
        """The targets of the body's links within the project, each with its place."""
        return self.spec.links if b"](" in self.marks or b"]:" in self.marks else ()

    @property
    def data(self) -> Mapping[str, Any]:
        """The fields by name; of a key given twice the last value counts, as in the client."""
        return self.spec.data

    def field(self, name: str) -> Field | None:
        """The field of that name that counts."""
        return self.spec.field(name)

    def span_at(self, field: Field, path: Iterable[str | int]) -> Span:
        """Where a part of a field's value stands.

        Args:
            field: the field.
            path: of keys and indices into the value, as far as they are there.
        """
        node, span = field.node, field.value if field.value.end > field.value.start else field.key
        for step in path:
            if isinstance(step, int) and isinstance(node, SequenceNode):
                node = node.value[step]
                span = self.reading.span(node)
            elif isinstance(node, MappingNode):
                found = [pair for pair in node.value if getattr(pair[0], "value", None) == step]
                if not found:
                    break
                key, node = found[-1]
                span = self.reading.span(key)
        first = self.source.line_at(span.start)
        return Span(span.start, max(min(span.end, first.end), span.start))

    @cached_property
    def traits(self) -> frozenset[str]:
        """What a rule may need in order to find anything: the names of the fields, and some of these words.

        - the reason of a problem that stops the client, as `reading.Reason` has it
        - `early-end`, `second-try`: of its reading, where that has an `early` or a `strict`
        - `not-utf8`: it has bytes that are not
        - `plugin`, `contract`: of its place
        - `characters`: it has any but printable ASCII and line feeds
        - `other-keys`, `repeated-keys`, `hash`: its frontmatter has keys that are no fields of the client, the same
          key twice, a `#` anywhere
        - `fences`, `links`: it has fenced code, links within the project
        - `other-tools`: it names some that the client does not have under that name
        """
        read, place, spec = self.reading, self.place, self.spec
        tools = [entry.bare for entry in (*(self.tools or ()), *self.disallowed)]
        traits = [
            ("early-end", read.early),
            ("second-try", read.strict),
            ("not-utf8", self.invalid is not None),
            ("plugin", place.plugin),
            ("contract", place.contract),
            ("characters", self.characters),
            ("other-keys", not claude_code.FIELDS.keys() >= spec.data.keys()),
            ("repeated-keys", len(spec.fields) > len(spec.data)),
            ("hash", self.text.find("#", *spec.frontmatter) >= 0),
            ("fences", spec.fences),
            ("links", self.links),
            ("other-tools", not claude_code.TOOLS.issuperset(tools)),
        ]
        found = {name for name, there in traits if there}
        if read.problem:
            found.add(read.problem.reason)
        return frozenset(found.union(spec.data))

    def _entries(self, name: str) -> tuple[Entry, ...] | None:
        found = self.field(name)
        if found is None:
            return None
        nodes = found.node.value if isinstance(found.node, SequenceNode) else [found.node]
        texts = found.data if isinstance(found.data, list) else [found.data]
        entries = (
            entry
            for node, text in zip(nodes, texts, strict=True)
            if isinstance(text, str)
            for entry in self._entries_of(self.reading.span(node), text, found.key.end)
        )
        return tuple(islice(entries, MOST_ENTRIES))

    def _entries_of(self, item: Span, text: str, first: int) -> Iterator[Entry]:
        """The entries in one text; what stands before `first` is another field's, of which the text is an alias."""
        at, quote = item.start, self.text[item.start : item.start + 1]
        # in a text with escapes a place cannot be told
        lost = {'"': "\\", "'": "''"}.get(quote, "\0") in self.text[item.start + 1 : item.end - 1]
        own, whole = item.start >= first, self.text
        for entry in claude_code.split_tools(text):
            start = -1 if lost else whole.find(entry, at, item.end)
            if start >= 0:
                at = start + len(entry)
                yield Entry(entry, Span(start, at), claude_code.bare_tool(entry), item, own)
                continue
            found = None if lost else self._find_words(entry, at, item.end)
            lost = found is None
            span = found or item
            at = span.end if found else at
            exact = own and whole[slice(*span)] == entry
            yield Entry(entry, span, claude_code.bare_tool(entry), item, exact)

    def _find_words(self, entry: str, start: int, end: int) -> Span | None:
        words = entry.split()
        if len(words) > 1:  # on several lines, which may be indented
            found = re.compile(r"\s+".join(map(re.escape, words))).search(self.text, start, end)
            return Span(*found.span()) if found else None
        return None
