"""Rules about comments that allow what a rule finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from subwright.diagnostic import Edit, Fix, Severity, Source, Span
from subwright.errors import did_you_mean
from subwright.ignores import Ignore
from subwright.rules import FAMILIES, Finding, Rule, every, resolve, rule


class Allowed(NamedTuple):
    """The comments of one text after all rules have run.

    Attributes:
        source: the text.
        ignores: all of them.
        unused: the names in them that allowed nothing, of rules that have run, and these rules.
        template: the text is a template's source.
    """

    source: Source
    ignores: tuple[Ignore, ...]
    unused: tuple[tuple[Ignore, str, Rule], ...]
    template: bool = False


@rule(Severity.WARNING)
def malformed_ignore(allowed: Allowed) -> Iterator[Finding]:
    """A comment addressed to subwright says nothing that it understands.

    Such a comment allows nothing. It names the rules that it allows, one by one: there is no comment that allows
    everything, because it would hide what is wrong tomorrow.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    # subwright: allow
    tools: Read, TodoWrite
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    # subwright: allow disabled-tool -- our settings turn it on
    tools: Read, TodoWrite
    ---
    ```
    """
    rules = every()
    for ignore in allowed.ignores:
        usage = "write `subwright: allow RULE -- reason`"
        if ignore.verb != "allow":
            verb = ignore.verb[:20]
            yield Finding(ignore.span, f"`{verb}` is no word that subwright knows", usage)
        elif not ignore.names:
            yield Finding(ignore.span, "the comment names no rule", usage)
        for name, span in ignore.names:
            if resolve(name, rules) is None:
                advice = did_you_mean(name, rules)
                if name in FAMILIES or name == "ALL":
                    advice = "name each rule by itself"
                yield Finding(span, f"there is no rule `{name[:60]}`", advice)


@rule(Severity.WARNING, fixable=True)
def unused_ignore(allowed: Allowed) -> Iterator[Finding]:
    """A comment allows what no rule finds there.

    What it once allowed is mended or has moved, and it would hide the next one of its kind. Only rules that run are
    asked: what `--ignore` leaves out is not called unused.

    ```fail
    ---
    name: reviewer
    description: Reviews code
    # subwright: allow disabled-tool -- our settings turn it on
    color: blue
    ---
    ```

    ```fix
    ---
    name: reviewer
    description: Reviews code
    color: blue
    ---
    ```

    ```pass
    ---
    name: reviewer
    description: Reviews code
    # subwright: allow disabled-tool -- our settings turn it on
    tools: Read, TodoWrite
    ---
    ```
    """
    unused: dict[Ignore, dict[str, Rule]] = {}
    for ignore, name, one in allowed.unused:
        unused.setdefault(ignore, {})[name] = one
    for ignore, name, _ in allowed.unused:
        span, gone = next(s for known, s in ignore.names if known == name), unused[ignore]
        without = [known for known, _ in ignore.names if known not in gone]
        # `--fix` has one file before it, and may not see what a rule finds in several, or in what a template renders to
        seen = all(one.looks_at(template=allowed.template) for one in gone.values())
        fix = None
        # several unused names of one comment go in one edit, which the first of them carries
        if seen and name == next(iter(gone)):
            fix = _rename(ignore, without) if without else _remove(allowed.source, ignore)
        yield Finding(span, f"nothing here needs `{name}` to be allowed", None, fix)


def _rename(ignore: Ignore, names: list[str]) -> Fix:
    span = Span(ignore.names[0][1].start, ignore.names[-1][1].end)
    return Fix("leave out what is unused", (Edit(span, ", ".join(names)),))


def _remove(source: Source, ignore: Ignore) -> Fix:
    """Take a comment away, with its line where nothing else stands on it."""
    text = source.text
    start, end = ignore.span
    line = source.line_at(start)
    while start > line.start and text[start - 1] in " \t":
        start -= 1
    after = source.line_at(end).end
    if start == line.start and not text[end:after].strip():
        end = text.find("\n", after) + 1 or len(text)
    return Fix("take the comment away", (Edit(Span(start, end), ""),))
