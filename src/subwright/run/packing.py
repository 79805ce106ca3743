"""What was found in a file as plain data: small, and quick to send to another process and to save."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any

from subwright.cache import Entry
from subwright.diagnostic import Diagnostic, Edit, Fix, Related, Severity, Source, Span
from subwright.ignores import Ignore
from subwright.linter import Checked
from subwright.tree import Summary


def pack(digest: bytes, facts: str, own: bool, checked: Checked) -> Entry:
    """The entry of a file."""
    found = [_pack_diagnostic(found) for found in checked.found]
    ignores = [_pack_ignore(ignore) for ignore in checked.ignores]
    return Entry(
        digest,
        facts,
        own,
        tuple(checked.looked.items()),
        # in this version the bytes do not hang on which objects are the same
        marshal.dumps(tuple(checked.summary)[1:], 2) if checked.summary else b"",
        marshal.dumps((found, ignores)) if found or ignores else b"",
    )


def pack_across(found: Diagnostic, digest: Callable[[str], bytes]) -> tuple[Any, ...]:
    """What was found across files, with digests of the files that it points into."""
    places = [(found.source, found.span, found.message), *found.related]
    return (
        _pack_diagnostic(found._replace(related=())),
        tuple([(s.path, digest(s.path), tuple(span), text) for s, span, text in places]),
    )


def unpack(entry: Entry, source: Source) -> Checked:
    """What was found in a file, of which a silent entry does not need the text."""
    found, ignores = marshal.loads(entry.found) if entry.found else ((), ())
    return Checked(
        source,
        # what is remembered of a neighbour may have been found when it was reported on
        [_diagnostic(packed, source) for packed in found] if entry.own else (),
        tuple([_ignore(packed) for packed in ignores]),
    )


def unpack_summary(path: str, entry: Entry) -> Summary:
    """What the rules across files need of a file."""
    return Summary(path, *marshal.loads(entry.summary))


def _pack_diagnostic(found: Diagnostic) -> tuple[Any, ...]:
    fix = found.fix
    return (
        tuple(found.span),
        found.message,
        found.help,
        found.severity.value,
        found.rule,
        (fix.title, tuple([(tuple(span), text) for span, text in fix.edits])) if fix else None,
        tuple([_pack_related(related, found.source) for related in found.related]),
    )


def _pack_related(related: Related, own: Source) -> tuple[Any, ...]:
    source = related.source
    other = None if source is own else (source.path, source.text)
    return (other, tuple(related.span), related.message)


def _diagnostic(packed: tuple[Any, ...], source: Source) -> Diagnostic:
    span, message, advice, severity, rule, fix, related = packed
    return Diagnostic(
        source,
        Span(*span),
        message,
        advice,
        Severity(severity),
        rule,
        Fix(fix[0], tuple([Edit(Span(*span), text) for span, text in fix[1]])) if fix else None,
        tuple(
            [
                Related(Source(*other) if other else source, Span(*span), message)
                for other, span, message in related
            ]
        ),
    )


def _pack_ignore(ignore: Ignore) -> tuple[Any, ...]:
    names = tuple([(name, tuple(span)) for name, span in ignore.names])
    return (tuple(ignore.span), ignore.verb, names, ignore.lines, ignore.reason)


def _ignore(packed: tuple[Any, ...]) -> Ignore:
    span, verb, names, lines, reason = packed
    return Ignore(
        Span(*span),
        verb,
        tuple([(name, Span(*span)) for name, span in names]),
        tuple(lines),
        reason,
    )
