"""The rules: each is one function whose docstring is its documentation, found by its decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from subwright.diagnostic import Fix, Related, Severity, Source, Span
from subwright.errors import SubwrightError, did_you_mean

if TYPE_CHECKING:
    from subwright.rules.ignores import Allowed
    from subwright.tree import Tree

# In the order in which documentation shows them; each is a module of this package, or a folder of modules.
FAMILIES = (
    "loading",
    "fields",
    "tools",
    "tree",
    "body",
    "text",
    "code",
    "safety",
    "contracts",
    "ignores",
)


class Finding(NamedTuple):
    """What a rule yields: where, what is wrong, and under `help` what to do about it.

    `span` is of the agent's text, the smallest that shows the problem. Messages are lowercase, without a full stop,
    names in backticks; advice stands only in `help`. `fix` is there only where it is safe to apply unseen.
    """

    span: Span
    message: str
    help: str | None = None
    fix: Fix | None = None
    related: tuple[Related, ...] = ()


# Families whose rules are about load roots and about comments; all others are about one agent.
APART = ("tree", "ignores")

C = TypeVar("C", bound=Callable[..., Iterator[Any]])


class Rule(NamedTuple):
    """One rule.

    Attributes:
        name: in kebab-case; it reads well after "allow".
        severity: of everything that it finds.
        family: the module or folder that it stands in.
        check: yields the findings in an agent; in the family `tree`, pairs of a source and a finding in a load root.
        stops: what it finds keeps Claude Code from loading the file.
        fixable: some of its findings have a fix.
        source: it runs on the source of a template too, not only on what that renders to.
        needs: traits of an agent (`Agent.traits`), of which one must be there for it to find anything; it looks at
            every agent where it names none.
        aliases: names that it had before.
    """

    name: str
    severity: Severity
    family: str
    check: Callable[..., Iterator[Any]]
    stops: bool = False
    fixable: bool = False
    source: bool = False
    needs: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()

    def looks_at(self, *, template: bool) -> bool:
        """Whether it is asked about the text of one file by itself, or about the source of a template."""
        return self.family not in APART and (self.source or not template)

    def in_tree(self, tree: Tree) -> Iterator[tuple[Source, Finding]]:
        """What it finds in a load root, each with its text; nothing where it is a rule for single files."""
        return self.check(tree) if self.family == "tree" else iter(())

    def in_comments(self, allowed: Allowed) -> Iterator[Finding]:
        """What it finds wrong with the comments of a text; nothing where it is not a rule about comments."""
        return self.check(allowed) if self.family == "ignores" else iter(())

    @property
    def default(self) -> bool:
        """Whether it runs unless it is left out; habits only run where they are selected."""
        return self.severity is not Severity.INFO

    @property
    def doc(self) -> str:
        """Its documentation, in Markdown: a sentence, why it matters, a failing and a passing example."""
        from inspect import cleandoc

        return cleandoc(self.check.__doc__ or "")

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return self.doc.partition("\n")[0]


_RULES: dict[str, Rule] = {}


def rule(
    severity: Severity,
    *,
    stops: bool = False,
    fixable: bool = False,
    source: bool = False,
    needs: Iterable[str] = (),
    aliases: Sequence[str] = (),
) -> Callable[[C], C]:
    """Make a function a rule, named after it with hyphens for underscores.

    Args:
        severity: of what it finds.
        stops: what it finds keeps Claude Code from loading the file.
        fixable: it offers fixes.
        source: it runs on the source of a template too.
        needs: traits of an agent, of which one must be there for it to find anything.
        aliases: names that it had before.
    """

    def register(check: C) -> C:
        name = check.__name__.strip("_").replace("_", "-")
        assert name not in _RULES, f"two rules are named {name}"
        family = check.__module__.split(".")[2]
        _RULES[name] = Rule(
            name,
            severity,
            family,
            check,
            stops,
            fixable,
            source,
            frozenset(needs),
            tuple(aliases),
        )
        return check

    return register


def every() -> dict[str, Rule]:
    """All rules by name, family by family."""
    from importlib import import_module

    for family in FAMILIES:
        import_module(f"subwright.rules.{family}")
    return {r.name: r for family in FAMILIES for r in _RULES.values() if r.family == family}


def resolve(name: str, rules: Mapping[str, Rule]) -> Rule | None:
    """The rule of a name, which may be one that it had before."""
    found = rules.get(name)
    return found or next((r for r in rules.values() if name in r.aliases), None)


def select(names: Iterable[str], rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules that names stand for: a rule, a family, or `ALL`.

    Raises:
        SubwrightError: a name that stands for none.
    """
    chosen: dict[str, Rule] = {}
    for name in names:
        found = resolve(name, rules)
        if name == "ALL":
            chosen |= rules
        elif name in FAMILIES:
            chosen |= {r.name: r for r in rules.values() if r.family == name}
        elif found:
            chosen[found.name] = found
        else:
            raise SubwrightError(
                f"there is no rule `{name}`",
                help=did_you_mean(name, [*rules, *FAMILIES, "ALL"])
                or "`subwright explain` lists all rules",
            )
    return chosen


def shorten(text: str, most: int = 60) -> str:
    """A text of the user's for a message: on one line, and not longer than a message can bear."""
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def quoted(text: str) -> str:
    """A text on one line as YAML in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
