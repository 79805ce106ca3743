"""What was found in a file as plain data: small, and quick to send to another process and to save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from subwright.cache import Entry
from subwright.diagnostic import Diagnostic, Edit, Fix, Related, Severity, Source, Span
from subwright.ignores import Ignore
from subwright.linter import Checked


def pack(digest: bytes, facts: str, own: bool, checked: Checked) -> Entry:
    """The entry of a file."""
    return Entry(
        digest,
        facts,
        own,
        tuple(checked.looked.items()),
        tuple(checked.summary)[1:] if checked.summary else None,
        tuple([_pack_diagnostic(found) for found in checked.found]),
        tuple([_pack_ignore(ignore) for ignore in checked.ignores]),
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
    return Checked(
        source,
        [_diagnostic(packed, source) for packed in entry.found],
        tuple([_ignore(packed) for packed in entry.ignores]),
    )


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
