"""What the docstring of a rule says, in parts: a sentence, why it matters, examples."""

from __future__ import annotations

import re
from dataclasses import dataclass

from subwright.contract import Contract
from subwright.diagnostic import Severity
from subwright.rules import Rule

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<info>(?:fail|pass|fix)\b[^`\n]*)\n(?P<code>.*?)^(?P=fence)$\n?",
    re.M | re.S,
)

EFFECTS = {
    Severity.ERROR: "The agent is not what the file says: it loses its tools, or its description or prompt is "
    "another.",
    Severity.WARNING: "The agent works, but something in the file is ignored, will stop working, or costs without use.",
    Severity.INFO: "The agent works: this is a habit, and only looked for where it is selected.",
}
STOPS = "Claude Code does not load such a file."


@dataclass(frozen=True)
class File:
    """A file of an example: its text as the documentation shows it, and what is not plain about it.

    Attributes:
        code: the text.
        path: where it stands, if that matters.
        plugin: it is one of a plugin's agents.
        template: it is a template's source.
        servers: the MCP servers that the project configures, if that matters.
        keys: what the configuration allows in the frontmatter.
        contract: what the configuration asks of it, by key.
        escaped: the text has Python's escapes for bytes.
        times: how often its last line stands there, or the one that `line` names.
        line: counted from 1.
    """

    code: str
    path: str | None = None
    plugin: bool = False
    template: bool = False
    servers: frozenset[str] | None = None
    keys: frozenset[str] = frozenset()
    contract: tuple[tuple[str, tuple[str, ...]], ...] = ()
    escaped: bool = False
    times: int = 1
    line: int | None = None

    @property
    def raw(self) -> bytes:
        """The bytes of the file."""
        raw = self.code.encode()
        if self.escaped:
            raw = raw.decode("unicode_escape").encode("latin-1")
        lines = raw.splitlines(keepends=True)
        index = (self.line or len(lines)) - 1
        return b"".join(
            (*lines[:index], *lines[index : index + 1] * self.times, *lines[index + 1 :])
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of it beside its text."""
        notes = {
            f"`{self.path}`": self.path is not None,
            "in a plugin": self.plugin,
            "a template": self.template,
            f"with the MCP servers {_names(self.servers)}": self.servers,
            "without MCP servers": self.servers is not None and not self.servers,
            f"where the project allows {_names(self.keys)}": self.keys,
            f"where its contract has {_asked(self.contract)}": self.contract,
            "with escapes for bytes": self.escaped,
            f"its {f'line {self.line}' if self.line else 'last line'} {self.times:,} times": self.times
            > 1,
        }
        return tuple(note for note, holds in notes.items() if holds)


@dataclass(frozen=True)
class Example:
    """An example of a rule's documentation.

    Attributes:
        wrong: the rule finds something in it.
        line: of the documentation, at which it stands.
        files: of it; more than one form a load root.
        fixed: what `--fix` makes of the only one.
    """

    wrong: bool
    line: int
    files: tuple[File, ...]
    fixed: File | None = None


@dataclass(frozen=True)
class Documentation:
    """What is said of a rule: `summary` is a sentence, `why` Markdown."""

    summary: str
    why: str
    examples: tuple[Example, ...]


def documentation(rule: Rule) -> Documentation:
    """Read the docstring of a rule.

    Its examples are fenced blocks. The info string says `fail` or `pass`, or `fix` for what becomes of the one before
    it, then what is not plain: `path=a.md` (files with a path that follow each other form one load root), `plugin`,
    `template`, `servers=a,b`, `keys=a,b`, what a contract asks (`sections=A,B`), `escaped`, `times=N`,
    `line=N`.
    """
    summary, _, rest = rule.doc.partition("\n")
    return Documentation(summary, _BLOCK.sub("", rest).strip(), _examples(rule.doc))


def effect(rule: Rule) -> str:
    """What the findings of a rule mean for the agent."""
    return STOPS if rule.stops else EFFECTS[rule.severity]


def _examples(text: str) -> tuple[Example, ...]:
    found: list[Example] = []
    for block in _BLOCK.finditer(text):
        kind, *words = block["info"].split()
        file = _file(block["code"], words)
        last = found[-1] if found else None
        if kind == "fix":
            assert last is not None, "a fix follows what it mends"
            found[-1] = Example(last.wrong, last.line, last.files, file)
            continue
        wrong = kind == "fail"
        if last and last.wrong == wrong and file.path and last.files[-1].path and not last.fixed:
            found[-1] = Example(wrong, last.line, (*last.files, file))
        else:
            found.append(Example(wrong, text.count("\n", 0, block.start("code")) + 1, (file,)))
    return tuple(found)


def _file(code: str, words: list[str]) -> File:
    options = dict(word.partition("=")[::2] for word in words)
    return File(
        code,
        path=options.get("path"),
        plugin="plugin" in options,
        template="template" in options,
        servers=_set(options["servers"]) if "servers" in options else None,
        keys=_set(options.get("keys", "")),
        contract=tuple((k, tuple(options[k].split(","))) for k in Contract.KEYS if k in options),
        escaped="escaped" in options,
        times=int(options.get("times", 1)),
        line=int(options["line"]) if "line" in options else None,
    )


def _set(names: str) -> frozenset[str]:
    return frozenset(name for name in names.split(",") if name)


def _asked(contract: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    return " and ".join(f"`{key}` {', '.join(values)}" for key, values in contract)


def _names(names: frozenset[str] | None) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names or ()))
