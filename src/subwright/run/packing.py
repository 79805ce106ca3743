"""What was found in a file as plain data: small, and quick to send to another process and to save."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from typing import Any

from subwright.cache import Entry, digest
from subwright.diagnostic import Diagnostic, Edit, Fix, Related, Severity, Source, Span
from subwright.ignores import Ignore
from subwright.linter import Checked
from subwright.tree import Summary


def pack(hashed: bytes, facts: str, own: bool, checked: Checked) -> Entry:
    """The entry of a file.

    Args:
        hashed: the digest of the file; nothing where the entry will not be remembered.
        facts: what is known of its load root, as the cache has it.
        own: the rules for single files ran.
        checked: what was found.
    """
    found = [_pack_diagnostic(found) for found in checked.found]
    ignores = [_pack_ignore(ignore) for ignore in checked.ignores]
    return Entry(
        hashed,
        facts,
        own,
        tuple(checked.looked.items()),
        # in this version the bytes do not hang on which objects are the same
        marshal.dumps(tuple(checked.summary)[1:], 2) if checked.summary else b"",
        marshal.dumps((found, ignores)) if found or ignores else b"",
    )


def pack_across(found: Diagnostic) -> tuple[Any, ...]:
    """A finding across files, of whose texts nothing is needed."""
    return (
        found.source.path,
        _pack_diagnostic(found._replace(related=())),
        tuple([(r.source.path, tuple(r.span), r.message) for r in found.related]),
    )


def unpack_across(packed: tuple[Any, ...], sources: Mapping[str, Source]) -> Diagnostic:
    """A finding across files.

    Args:
        packed: what `pack_across` made of it.
        sources: the text of each file by its path.
    """
    path, found, related = packed
    return _diagnostic(found, sources[path])._replace(
        related=tuple([Related(sources[path], Span(*span), said) for path, span, said in related])
    )


def unpack(entry: Entry, source: Source) -> Checked:
    """What was found in a file, of which a silent entry does not need the text."""
    found, ignores = marshal.loads(entry.found) if entry.found else ((), ())
    return Checked(
        source,
        [_diagnostic(packed, source) for packed in found],
        tuple([_ignore(packed) for packed in ignores]),
    )


def summed_up(plugin: bool, files: Iterable[tuple[str, Entry]]) -> bytes:
    """A digest of all that the rules across files see of some files in a load root, which may be a plugin's."""
    return digest(marshal.dumps((plugin, [(path, entry.summary) for path, entry in files]), 2))


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
