"""From tokens to nodes, as Bun sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from subwright.bun_yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode, UnreadableError
from subwright.bun_yaml.scanner import Context, Scanner, Token

MOST_ALIASED = 16 * 1024 * 1024  # nodes that aliases may stand for, all in all


class Properties:
    """The anchors and tags before a node, and those before the mapping that it is the first key of."""

    def __init__(self, *tokens: Token | None) -> None:
        self.own: dict[str, Token] = {}
        self.outer: dict[str, Token] = {}
        for token in tokens:
            if token:
                self.add(token)

    def add(self, token: Token) -> None:
        before = self.own.get(token.kind)
        if before:
            if before.line == token.line or (token.kind == "&" and "&" in self.outer):
                raise UnreadableError(
                    "two anchors" if token.kind == "&" else "two tags", token.start
                )
            self.outer[token.kind] = before
        self.own[token.kind] = token

    @property
    def tag(self) -> str:
        return self.own["!"].tag if "!" in self.own else ""

    def on_line(self, line: int) -> bool:
        return any(token.line == line for token in self.own.values())


class Parser(Scanner):
    """A scanner that makes nodes of its tokens; what fails ends the reading."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.anchors: dict[str, Node] = {}
        self.left = MOST_ALIASED
        self.sizes: dict[int, int] = {}

    def documents(self) -> Node:
        documents: list[Node] = []
        self.scan(first=True)
        while not documents or self.token.kind != "end":
            self.anchors.clear()
            documents.append(self.node())
            if self.token.kind not in ("end", "..."):
                raise self.unexpected()
            line = self.token.line
            while self.token.kind == "...":
                line = self.token.line
                self.scan()
            if self.token.kind != "end" and self.token.line == line:
                raise self.unexpected()
        if len(documents) == 1:
            return documents[0]
        return SequenceNode(documents, 0, self.size)

    def unexpected(self) -> UnreadableError:
        token = self.token
        if token.kind == "end":
            return UnreadableError("it ends too early", token.start)
        what = "text" if token.kind == "scalar" else f"`{token.kind}`"
        return UnreadableError(f"{what} where none is expected", token.start)

    def within(self, context: Context, parse: Callable[[], Any]) -> Any:
        """What is parsed in a context; what fails in one ends the reading."""
        before = self.enter(context)
        found = parse()
        self.enter(before)
        return found

    def enter(self, context: Context) -> Context:
        """Go into a context, and say which it was before."""
        before, self.context = self.context, context
        self.flow = context is Context.FLOW_IN or context is Context.FLOW_KEY
        return before

    def node(
        self,
        mapping: int | None = None,
        explicit: bool = False,
        pair: bool = False,
        before: Properties | None = None,
    ) -> Node:
        """Parse what begins at the token.

        Args:
            mapping: the indentation of the mapping that it is a key or a value of.
            explicit: it is a key after `?`.
            pair: it may be a pair inside of brackets.
            before: its anchor and tag, if they are read already.
        """
        properties = before or Properties()
        while self.token.kind in "&!":
            properties.add(self.token)
            self.scan(tag=properties.tag)
        first = self.token
        kind = first.kind
        if kind in ("end", "..."):
            found = self.empty(first.start)
        elif kind in (",", "]", "}"):
            if not properties.own:
                raise self.unexpected()
            found = self.empty(first.start)
        elif kind == "-":
            if properties.on_line(first.line):
                raise self.unexpected()
            found = self.block_sequence()
        elif kind == "?":
            if self.flow:
                raise self.unexpected()
            if self.tab:
                raise self.tabbed()
            name = self.explicit_key()
            if mapping == first.indent:
                return name
            found = self.block_mapping(name, first, pair)
        elif kind == ":":
            if self.context is Context.FLOW_KEY:
                found = self.empty(first.start)
            else:
                if self.tab and not self.flow:
                    raise self.tabbed()
                if mapping == first.indent:
                    found = self.empty(first.start)
                else:
                    own = properties.own.get("!")
                    tag = properties.own.pop("!").tag if own and own.line == first.line else ""
                    found = self.keyed(self.empty(first.start, tag), first, properties, pair)
                    properties.own.pop("&", None)
                    properties.outer.pop("&", None)
        else:
            tab = self.tab
            found = self.content(properties, pair)
            if self.token.kind == ":" and self.is_key(first, tab, mapping, explicit, pair):
                return self.keyed(found, first, properties, pair)
        if properties.outer:
            raise UnreadableError(
                "two anchors or tags", next(iter(properties.outer.values())).start
            )
        if isinstance(found, ScalarNode) and found.tag == "null" and properties.tag in ("!", "str"):
            found = self.empty(found.start, properties.tag)
        if "&" in properties.own:
            self.anchors[properties.own["&"].name] = found
        return found

    def content(self, properties: Properties, pair: bool) -> Node:
        """Parse a scalar, an alias or a collection in brackets, up to what follows it."""
        first = self.token
        if first.kind == "*":
            if properties.on_line(first.line):
                raise self.unexpected()
            found = self.anchors.get(first.name)
            if found is None:
                raise UnreadableError("an alias of an anchor that is not there", first.start)
            self.charge(found)
            self.scan()
            return found
        context = node_context = self.context
        scalar = first.scalar
        # a `:` without a blank may follow what looks like JSON
        if pair and context is Context.FLOW_IN and (scalar is None or scalar.style is not None):
            node_context = Context.FLOW_KEY
        self.enter(node_context)
        node: Node
        if first.kind == "[":
            node = self.flow_sequence()
        elif first.kind == "{":
            node = self.flow_mapping()
        else:
            assert scalar is not None
            node = scalar
            self._scan(None, properties.tag, first=False, outside=True)
        self.enter(context)
        return node

    def is_key(
        self, first: Token, tab: bool, mapping: int | None, explicit: bool, pair: bool
    ) -> bool:
        """Whether a node before `:` is the first key of a mapping of its own.

        Raises:
            UnreadableError: it can be none where it stands.
        """
        colon, context = self.token, self.context
        other_line = first.line != colon.line
        if colon.indent < first.indent:
            return False
        if explicit and other_line and colon.indent <= first.indent:
            return False
        if context is Context.FLOW_KEY:
            return False
        if tab and not self.flow:
            raise UnreadableError("a tab where only blanks indent", first.start)
        if mapping == first.indent:
            return False
        if other_line and not explicit:
            raise UnreadableError("a key must stand on one line with its `:`", first.start)
        return context is not Context.FLOW_IN or pair

    def keyed(self, name: Node, first: Token, properties: Properties, pair: bool) -> Node:
        """Parse a mapping whose first key is read already."""
        own, outer = properties.own.get("&"), properties.outer.get("&")
        if own and outer and own.line != first.line:
            raise UnreadableError("two anchors", own.start)
        if own and own.line == first.line:
            self.anchors[own.name] = name
        elif own and not outer:
            outer = own
        found = self.block_mapping(name, first, pair)
        if outer:
            self.anchors[outer.name] = found
        return found

    def charge(self, node: Node) -> None:
        """Count what an alias stands for."""
        self.left -= self.expanded(node)
        if self.left < 0:
            raise UnreadableError(
                "aliases of aliases that stand for millions of values", self.token.start
            )

    def expanded(self, node: Node) -> int:
        if isinstance(node, ScalarNode):
            return 1
        size = self.sizes.get(id(node))
        if size is None:
            parts = (
                node.value
                if isinstance(node, SequenceNode)
                else [part for pair in node.value for part in pair]
            )
            size = self.sizes[id(node)] = 1 + sum(map(self.expanded, parts))
        return size

    def block_sequence(self) -> Node:
        first = self.token
        self.blocks.append(first.indent)
        items: list[Node] = []
        line = 0
        while self.token.kind == "-" and self.token.indent == first.indent:
            if self.tab:
                raise self.tabbed()
            entry = self.token
            if entry.line == line:
                break
            line = entry.line
            self.scan(parent=first.indent + 1)
            items.append(self.indented(first.indent, entry, "-"))
        self.blocks.pop()
        return SequenceNode(items, first.start, items[-1].end)

    def explicit_key(self) -> Node:
        first = self.token
        self.blocks.append(first.indent)
        self.scan(parent=first.indent + 1)
        name = self.indented(first.indent, first, "?")
        self.blocks.pop()
        return name

    def indented(self, indent: int, mark: Token, kind: str, pair: bool = False) -> Node:
        """Parse what follows `-`, `?` or `:`, which may be nothing.

        Args:
            indent: of the collection that the mark belongs to.
            mark: the token.
            kind: what it is.
            pair: the mark is the `:` of a pair inside of brackets.
        """
        found: dict[str, Token] = {}
        tag = ""
        while True:
            token = self.token
            if not self.flow and token.line != mark.line:
                outside = (
                    token.indent < indent
                    if token.kind == "-" and kind != "-"
                    else token.indent <= indent
                )
                if outside:
                    scalar = token.scalar
                    if "!" in found and scalar is not None and scalar.style is None:
                        # the tag is not this one's
                        end = scalar.end
                        token = token._replace(
                            scalar=self.plain_node(scalar.value, token.start, end, "")
                        )
                        self.token = token
                    return self.nothing(found, mark)
            if token.kind in ("&", "!") and token.kind not in found:
                found[token.kind] = token
                tag = found["!"].tag if "!" in found else ""
                self.scan(tag=tag)
                continue
            if (
                token.kind in ("-", "?")
                and token.line == mark.line
                and (token.indent <= indent or self.tab)
            ):
                raise self.tabbed() if self.tab else self.unexpected()
            if pair and token.kind in (",", "]") and self.flow:
                return self.nothing(found, mark)
            properties = Properties(found.get("!"), found.get("&"))
            return self.node(indent, explicit=kind == "?", before=properties)

    def nothing(self, found: dict[str, Token], mark: Token) -> Node:
        """An empty value, with the anchor and tag that it has."""
        node = self.empty(mark.start + 1, found["!"].tag if "!" in found else "")
        if "&" in found:
            self.anchors[found["&"].name] = node
        return node

    def block_mapping(self, name: Node, first: Token, pair: bool) -> Node:
        """Parse a mapping whose first key is read already; inside of brackets, a single pair."""
        context, flow = self.context, self.flow
        pairs: list[tuple[Node, Node]] = []
        if not flow:
            self.blocks.append(first.indent)
        line = self.entry(pairs, name, first, first.indent, pair)
        if self.context is Context.FLOW_IN:
            return MappingNode(pairs, first.start, _end(pairs, name))
        self.enter(Context.BLOCK_IN)
        while (
            self.token.kind not in ("end", "...")
            and self.token.indent == first.indent
            and self.token.line != line
        ):
            if self.tab:
                raise self.tabbed()
            token = self.token
            name = self.node(first.indent)
            line = self.entry(pairs, name, token, first.indent, pair=False)
        self.enter(context)
        if not flow:
            self.blocks.pop()
        return MappingNode(pairs, first.start, _end(pairs, name))

    def entry(
        self, pairs: list[tuple[Node, Node]], name: Node, first: Token, indent: int, pair: bool
    ) -> int:
        """Parse the value of a key, and say on which line the entry ends as far as it must."""
        colon = self.token
        explicit = first.kind == "?"
        other_line = colon.line != first.line
        line = first.line
        if colon.kind != ":":
            if not (other_line if colon.kind == "?" else explicit):
                raise self.unexpected()
            value = self.empty(name.end)
        elif other_line and not explicit:
            raise UnreadableError("a key must stand on one line with its `:`", first.start)
        elif explicit and (other_line or pairs) and (colon.indent != indent or self.tab):
            if colon.indent >= indent:
                raise self.tabbed() if self.tab else self.unexpected()
            value = self.empty(name.end)  # the `:` is that of another mapping
        else:
            line = colon.line
            self.scan(parent=indent + 1 if other_line else None)
            value = self.indented(indent, colon, ":", pair)
        self.add(pairs, name, value)
        return line

    def add(self, pairs: list[tuple[Node, Node]], name: Node, value: Node) -> None:
        """Add an entry to a mapping; `<<` adds those of its value that are not there yet."""
        merges = isinstance(name, ScalarNode) and name.tag == "str" and name.value == "<<"
        if not merges or isinstance(value, ScalarNode):
            pairs.append((name, value))
            return
        sources = value.value if isinstance(value, SequenceNode) else [value]
        known = {_identity(other) for other, _ in pairs}
        for source in sources:
            if isinstance(source, MappingNode):
                for other, item in reversed(source.value):
                    if _identity(other) not in known:
                        known.add(_identity(other))
                        pairs.append((other, item))

    def flow_sequence(self) -> Node:
        start = self.token.start
        items: list[Node] = []
        before = self.enter(Context.FLOW_IN)
        self.scan()
        while self.token.kind != "]":
            items.append(self.flow_pair() if self.token.kind == "?" else self.node(pair=True))
            if self.token.kind == "]":
                break
            if self.token.kind != ",":
                raise self.unexpected()
            self.scan()
        self.enter(before)
        end = self.token.start + 1
        self.scan()
        return SequenceNode(items, start, end)

    def flow_pair(self) -> Node:
        """Parse a pair inside of brackets that begins with `?`."""
        start = self.token.start
        name = self.flow_explicit_key()
        value = self.empty(self.token.start)
        if self.token.kind == ":":
            self.scan()
            value = self.flow_value()
        pairs: list[tuple[Node, Node]] = []
        self.add(pairs, name, value)
        return MappingNode(pairs, start, _end(pairs, name))

    def flow_value(self) -> Node:
        """Parse a value inside of brackets, which may be nothing."""
        if self.token.kind in (",", "]", "}"):
            return self.empty(self.token.start)
        return self.node(mapping=self.token.indent)

    def flow_explicit_key(self) -> Node:
        mark = self.token
        found: dict[str, Token] = {}
        self.scan()
        while True:
            kind = self.token.kind
            if kind in (":", ",", "}", "]"):
                return self.nothing(found, mark)
            if kind == "?" and not found:
                raise self.unexpected()
            if kind not in ("&", "!") or kind in found:
                break
            found[kind] = self.token
            self.scan(tag=found["!"].tag if "!" in found else "")
        properties = Properties(found.get("!"), found.get("&"))
        name: Node = self.within(
            Context.FLOW_KEY, lambda: self.node(explicit=True, before=properties)
        )
        return name

    def flow_mapping(self) -> Node:
        start = self.token.start
        pairs: list[tuple[Node, Node]] = []
        before = self.enter(Context.FLOW_IN)
        self.within(Context.FLOW_KEY, self.scan)
        while self.token.kind != "}":
            if self.token.kind == "?":
                name = self.flow_explicit_key()
            elif self.token.kind == ":":
                name = self.empty(self.token.start)
            else:
                name = self.within(Context.FLOW_KEY, self.node)
            value = self.empty(self.token.start)
            if self.token.kind == ":":
                self.scan()
                value = self.flow_value()
            self.add(pairs, name, value)
            if self.token.kind == ",":
                self.within(Context.FLOW_KEY, self.scan)
            elif self.token.kind != "}":
                raise self.unexpected()
        self.enter(before)
        end = self.token.start + 1
        self.scan()
        return MappingNode(pairs, start, end)


def _end(pairs: list[tuple[Node, Node]], name: Node) -> int:
    last = pairs[-1] if pairs else (name, name)
    return max(last[0].end, last[1].end)


def _identity(node: Node) -> object:
    """What two keys must have in common for a merge to see one in the other."""
    return (node.tag, node.value) if isinstance(node, ScalarNode) else id(node)
